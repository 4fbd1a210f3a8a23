//! `envelope` (RFC 5228 §5.4, RFC 6009 §4 and §5).

use std::borrow::Cow;

use parser::sieve::tree::{AddressPart, ByMode, Compare, DsnNotify, EnvelopePart, Word, Zone};

use super::header::split_detail;
use super::{Moment, Trial, settle};
use crate::sieve::run::{Halt, World};

impl World<'_> {
    pub(super) fn envelope(
        &self,
        of: AddressPart,
        zone: &Zone,
        parts: &[Word<EnvelopePart>],
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        if self.facts.environment.imap.is_some() {
            // RFC 6785 §4.6.
            return Err(Halt::error("\"envelope\" is for mail that is delivered"));
        }
        let mut matcher = self.matcher(compare, trial)?;
        for part in parts {
            let part = self.word(part)?;
            for value in self.envelope_values(part, of, zone)? {
                // RFC 5231 §4.2: a null sender is no address.
                let counts = !(matcher.only_counts()
                    && value.is_empty()
                    && matches!(part, EnvelopePart::From | EnvelopePart::To));
                if counts && matcher.value(&value, &mut trial.work.budget)? {
                    return settle(matcher, true, trial);
                }
            }
        }
        settle(matcher, false, trial)
    }

    fn envelope_values(
        &self,
        part: EnvelopePart,
        of: AddressPart,
        zone: &Zone,
    ) -> Result<Vec<Cow<'_, [u8]>>, Halt> {
        let envelope = self.envelope;
        let text = |text: &'static str| Cow::Borrowed(text.as_bytes());
        let one = |value: Option<Cow<'_, [u8]>>| {
            value.into_iter().map(Cow::into_owned).map(Cow::Owned).collect()
        };
        Ok(match part {
            EnvelopePart::From => one(address(&envelope.from, of)),
            EnvelopePart::To => one(address(&envelope.to, of)),
            EnvelopePart::Notify => envelope.notify.map_or(Vec::new(), conditions),
            EnvelopePart::Orcpt => {
                one(envelope.original_recipient.as_deref().map(|text| text.as_bytes().into()))
            }
            EnvelopePart::Ret => one(envelope.ret.map(|ret| text(ret.name()))),
            EnvelopePart::Envid => one(envelope.id.as_deref().map(|text| text.as_bytes().into())),
            EnvelopePart::ByMode => one(envelope
                .deliver_by
                .map(|by| text(if by.mode == ByMode::Notify { "notify" } else { "return" }))),
            EnvelopePart::ByTrace => {
                one(envelope.deliver_by.map(|by| text(if by.trace { "trace" } else { "" })))
            }
            EnvelopePart::ByTimeRelative => {
                one(envelope.deliver_by.map(|by| by.seconds.to_string().into_bytes().into()))
            }
            EnvelopePart::ByTimeAbsolute => {
                let Some(by) = envelope.deliver_by else { return Ok(Vec::new()) };
                let seconds = self.facts.now.seconds().saturating_add(by.seconds);
                let zone_minutes = match zone {
                    Zone::Offset(offset) => self.word(offset)?.0,
                    Zone::Local | Zone::Original => self.facts.zone.minutes_at(seconds),
                };
                vec![Moment { seconds, zone_minutes, leap: false }.iso8601().into_bytes().into()]
            }
        })
    }
}

/// §5.4: source routes are dropped, and the null path is the empty string whatever the part.
fn address(path: &str, of: AddressPart) -> Option<Cow<'_, [u8]>> {
    let path = match path.strip_prefix('@').and_then(|route| route.split_once(':')) {
        Some((_, address)) => address,
        None => path,
    };
    if path.is_empty() {
        return Some(Cow::Borrowed(b""));
    }
    let (local, domain) = match path.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (path, None),
    };
    let local = unquoted(local);
    Some(match of {
        AddressPart::All => match domain {
            Some(domain) => Cow::Owned([&local, &b"@"[..], domain.as_bytes()].concat()),
            None => local,
        },
        AddressPart::LocalPart => local,
        AddressPart::Domain => Cow::Borrowed(domain?.as_bytes()),
        AddressPart::User => Cow::Owned(split_detail(&local).0.to_vec()),
        AddressPart::Detail => Cow::Owned(split_detail(&local).1?.to_vec()),
    })
}

/// `Quoted-string` (RFC 5321 §4.1.2) undone.
fn unquoted(local: &str) -> Cow<'_, [u8]> {
    let inside = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(inside) = inside else { return Cow::Borrowed(local.as_bytes()) };
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.bytes();
    while let Some(byte) = bytes.next() {
        text.push(if byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte });
    }
    Cow::Owned(text)
}

fn conditions(notify: DsnNotify) -> Vec<Cow<'static, [u8]>> {
    let all = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    if notify == DsnNotify::default() {
        return vec![Cow::Borrowed(b"NEVER")];
    }
    all.into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| Cow::Borrowed(name.as_bytes()))
        .collect()
}
