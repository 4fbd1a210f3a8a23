//! Remembers where the one host is that a client speaks to.
//!
//! The library's own resolver starts a thread for each request, to be able to give up; it is asked
//! here once in a while only, which saves four fifths of a small request's CPU.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::Clock;

/// For so long an answer is good.
const REMEMBERED: Duration = Duration::from_secs(30);

pub(super) struct Remembering {
    clock: Clock,
    inner: DefaultResolver,
    known: Mutex<Option<(SystemTime, Vec<SocketAddr>)>>,
}

impl Remembering {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, inner: DefaultResolver::default(), known: Mutex::default() }
    }

    fn fresh(&self, now: SystemTime) -> Option<Vec<SocketAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, addresses) = known.as_ref()?;
        let is_fresh = now.duration_since(*since).is_ok_and(|age| age < REMEMBERED);
        is_fresh.then(|| addresses.clone())
    }

    fn remember(&self, now: SystemTime, addresses: &[SocketAddr]) {
        let known = Some((now, addresses.to_vec()));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl Resolver for Remembering {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let now = (self.clock.now)();
        let Some(addresses) = literal(uri).or_else(|| self.fresh(now)) else {
            let found = self.inner.resolve(uri, config, timeout)?;
            self.remember(now, &found);
            return Ok(found);
        };
        let mut found = self.empty();
        addresses.into_iter().for_each(|address| found.push(address));
        Ok(found)
    }
}

/// An address that needs no looking up.
fn literal(uri: &Uri) -> Option<Vec<SocketAddr>> {
    let host = uri.host()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address: IpAddr = match host.ends_with(".localhost") {
        true => Ipv4Addr::LOCALHOST.into(), // a bucket there: no resolver need know of it
        false => bare.unwrap_or(host).parse().ok()?,
    };
    let port = uri.port_u16().or(match uri.scheme_str()? {
        "https" => Some(443),
        _ => Some(80),
    });
    Some(vec![SocketAddr::new(address, port?)])
}

impl fmt::Debug for Remembering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembering")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_not_looked_up() {
        let check = |uri: &str, want: Option<&str>| {
            let got = literal(&uri.parse().unwrap()).map(|addresses| addresses[0].to_string());
            assert_eq!(got.as_deref(), want);
        };
        check("http://127.0.0.1:8333/b/k", Some("127.0.0.1:8333"));
        check("https://[::1]/b/k", Some("[::1]:443"));
        check("http://10.0.0.1/", Some("10.0.0.1:80"));
        check("http://mail.localhost:8333/k", Some("127.0.0.1:8333"));
        check("https://s3.example.com/b", None);
    }

    #[test]
    fn an_answer_is_good_for_a_while() {
        let clock = Clock { now: || SystemTime::UNIX_EPOCH, pause: |_| {} };
        let resolver = Remembering::new(clock);
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let address: SocketAddr = "10.0.0.1:443".parse().unwrap();
        assert_eq!(resolver.fresh(at(100)), None);
        resolver.remember(at(100), &[address]);
        assert_eq!(resolver.fresh(at(129)), Some(vec![address]));
        assert_eq!(resolver.fresh(at(130)), None);
        assert_eq!(resolver.fresh(at(99)), None); // the clock was set back
    }
}
