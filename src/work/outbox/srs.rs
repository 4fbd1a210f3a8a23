//! The Sender Rewriting Scheme: what is sent on for somebody else has a sender of ours, so that SPF
//! (RFC 7208) lets it pass, and reports of it come back through us.
//!
//! No RFC has it. The form is that of Mail::SRS, libsrs2 and pysrs, with which a secret may be shared:
//!
//! ```text
//! SRS0=hash=day=domain=local@ours        for local@domain
//! SRS1=hash=first==hash=day=domain=local@ours   for what `first` has rewritten already
//! ```

use std::borrow::Cow;
use std::fmt;

use ring::hmac;

use crate::config;
use crate::model::Timestamp;

/// Days after which an address is no longer good: reports come sooner.
const DAYS_MAX: i64 = 21;
/// Days until they are counted from the start again: two characters of 32.
const DAYS: i64 = 1_024;
/// RFC 4648 §6, without case.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters of a hash.
const HASH: usize = 4;
const DAY_MICROS: i64 = 86_400_000_000;

/// Whoever rewrites senders.
pub(in crate::work) struct Srs {
    domain: String,
    key: hmac::Key,
}

impl fmt::Debug for Srs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srs").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// It has our domain, and no hash of ours that is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::work) struct NotOurs;

impl Srs {
    /// As `[relay] srs_domain` and `srs_secret` say; `None` if they say nothing.
    pub(in crate::work) fn of(relay: &config::Relay) -> Option<Self> {
        let domain = &relay.srs_domain.0;
        (!domain.is_empty()).then(|| Self::new(domain, relay.srs_secret.0.expose()))
    }

    fn new(domain: &str, secret: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
        Self { domain: domain.to_owned(), key }
    }

    /// The sender of what is sent on now. The null sender stays, and so do our own addresses.
    pub(in crate::work) fn forward<'s>(&self, sender: &'s str, now: Timestamp) -> Cow<'s, str> {
        let Some((local, domain)) = sender.rsplit_once('@') else { return sender.into() };
        if domain.eq_ignore_ascii_case(&self.domain) {
            return sender.into();
        }
        let ours = &self.domain;
        // What others have rewritten stays theirs: a report goes to the first of them, over us.
        let (first, rest) = match (rewritten(local, "SRS1"), rewritten(local, "SRS0")) {
            (Some(parts), _) => match parts.get(1..).map(|parts| parts.splitn(3, '=')) {
                Some(mut parts) => match (parts.next(), parts.next(), parts.next()) {
                    (Some(_), Some(first), Some(rest)) => (first, rest),
                    _ => return sender.into(), // of no form that could be undone
                },
                None => return sender.into(),
            },
            (None, Some(rest)) => (domain, rest),
            (None, None) => {
                let day = day(now);
                let hash = self.hash(&[&day, domain, local]);
                return format!("SRS0={hash}={day}={domain}={local}@{ours}").into();
            }
        };
        let hash = self.hash(&[first, rest]);
        format!("SRS1={hash}={first}={rest}@{ours}").into()
    }

    /// Where mail to a rewritten address of ours goes; `None` if `address` is none of our domain.
    pub(in crate::work) fn back(
        &self,
        address: &str,
        now: Timestamp,
    ) -> Option<Result<String, NotOurs>> {
        let (local, domain) = address.rsplit_once('@')?;
        if !domain.eq_ignore_ascii_case(&self.domain) {
            return None;
        }
        if let Some(parts) = rewritten(local, "SRS0") {
            return Some(self.first(parts, now).ok_or(NotOurs));
        }
        let parts = rewritten(local, "SRS1")?;
        Some(self.second(parts).ok_or(NotOurs))
    }

    fn first(&self, parts: &str, now: Timestamp) -> Option<String> {
        let mut parts = parts.get(1..)?.splitn(4, '=');
        let [hash, day, domain, local] = std::array::from_fn(|_| parts.next());
        let (hash, day, domain, local) = (hash?, day?, domain?, local?);
        let good = hash.eq_ignore_ascii_case(&self.hash(&[day, domain, local]));
        (good && age(day, now)? <= DAYS_MAX).then(|| format!("{local}@{domain}"))
    }

    fn second(&self, parts: &str) -> Option<String> {
        let mut parts = parts.get(1..)?.splitn(3, '=');
        let [hash, first, rest] = std::array::from_fn(|_| parts.next());
        let (hash, first, rest) = (hash?, first?, rest?);
        let good = hash.eq_ignore_ascii_case(&self.hash(&[first, rest]));
        good.then(|| format!("SRS0{rest}@{first}"))
    }

    /// Case may be lost on the way.
    fn hash(&self, of: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        of.iter().for_each(|part| context.update(part.to_ascii_lowercase().as_bytes()));
        let mut text = base64_simd::STANDARD.encode_to_string(context.sign());
        text.truncate(HASH);
        text
    }
}

/// What stands behind the tag, with the separator in front, of which there are three.
fn rewritten<'l>(local: &'l str, tag: &str) -> Option<&'l str> {
    let (start, rest) = local.split_at_checked(tag.len())?;
    (start.eq_ignore_ascii_case(tag) && rest.starts_with(['=', '+', '-'])).then_some(rest)
}

fn day(now: Timestamp) -> String {
    let days = now.0.div_euclid(DAY_MICROS);
    let digit = |value: i64| {
        let at = usize::try_from(value.rem_euclid(32)).unwrap_or(0);
        char::from(BASE32.get(at).copied().unwrap_or(b'A'))
    };
    [digit(days.div_euclid(32)), digit(days)].into_iter().collect()
}

/// Days since then, of which nobody knows whether they were a thousand more.
fn age(day: &str, now: Timestamp) -> Option<i64> {
    let digit = |byte: u8| {
        let at = BASE32.iter().position(|digit| *digit == byte.to_ascii_uppercase())?;
        i64::try_from(at).ok()
    };
    let [high, low] = day.as_bytes() else { return None };
    let then = digit(*high)? * 32 + digit(*low)?;
    Some((now.0.div_euclid(DAY_MICROS) - then).rem_euclid(DAYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn srs(domain: &str) -> Srs {
        Srs::new(domain, b"a secret of sixteen")
    }

    fn days_later(days: i64) -> Timestamp {
        Timestamp(NOW.0 + days * DAY_MICROS)
    }

    #[test]
    fn addresses_are_those_of_pysrs() {
        let check = |domain: &str, sender: &str, want: &str| {
            assert_eq!(srs(domain).forward(sender, NOW), want);
        };
        let first = "SRS0=NpDe=G3=Example.COM=Alice@fwd.example.org";
        let second = "SRS1=WqkZ=fwd.example.org==NpDe=G3=Example.COM=Alice@second.example.net";
        let third = "SRS1=WqkZ=fwd.example.org==NpDe=G3=Example.COM=Alice@third.example.net";
        check("fwd.example.org", "Alice@Example.COM", first);
        check("second.example.net", first, second);
        check("third.example.net", second, third);
        let plus = "SRS1=VcYF=other.org=+abcd=ef=x.org=bob@fwd.example.org";
        check("fwd.example.org", "SRS0+abcd=ef=x.org=bob@other.org", plus);
        let equals = "SRS0=pQWc=G3=example.com=o=hara@fwd.example.org";
        check("fwd.example.org", "o=hara@example.com", equals);
        for stays in ["", "us@FWD.example.org", "SRS1=x@else.org", "nobody"] {
            check("fwd.example.org", stays, stays);
        }
    }

    #[test]
    fn what_was_rewritten_comes_back_for_three_weeks() {
        let ours = srs("fwd.example.org");
        let back = |address: &str, now| ours.back(address, now);
        for sender in ["Alice@Example.COM", "o=hara@example.com", "a b@c", "ä@ö.example", "a@b@c"]
        {
            let address = ours.forward(sender, NOW);
            assert_eq!(back(&address, NOW), Some(Ok(sender.to_owned())));
            let shouted = back(&address.to_ascii_uppercase(), days_later(21)).unwrap().unwrap();
            assert!(shouted.eq_ignore_ascii_case(sender), "{shouted}");
            assert_eq!(back(&address, days_later(22)), Some(Err(NotOurs)));
            assert_eq!(back(&address, days_later(-1)), Some(Err(NotOurs)));
            assert_eq!(back(&address.replacen("SRS0=", "SRS0=x", 1), NOW), Some(Err(NotOurs)));
            assert_eq!(srs("else.example").back(&address, NOW), None);
        }
        let of_another = "SRS0+abcd=ef=x.org=bob@other.org";
        let address = ours.forward(of_another, NOW);
        assert_eq!(back(&address, days_later(900)), Some(Ok(of_another.to_owned())));
        assert_eq!(back(&address.replacen("other", "0ther", 1), NOW), Some(Err(NotOurs)));
        for odd in ["SRS0=@fwd.example.org", "SRS0=a=b@fwd.example.org", "SRS1=a=b@fwd.example.org"]
        {
            assert_eq!(back(odd, NOW), Some(Err(NotOurs)));
        }
        for other in
            ["bob@fwd.example.org", "SRS0x@fwd.example.org", "SRS0", "sr\u{fc}s@fwd.example.org"]
        {
            assert_eq!(back(other, NOW), None);
        }
    }
}
