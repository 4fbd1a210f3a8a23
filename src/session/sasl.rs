//! SASL PLAIN (RFC 4616), the one mechanism that every protocol here knows.

use crate::job::Job;
use crate::model::Secret;

use super::Peer;

/// `[authzid] NUL authcid NUL passwd` — RFC 4616 §2.
pub(super) struct Plain<'a> {
    act_as: &'a [u8],
    user: &'a [u8],
    password: &'a [u8],
}

impl<'a> Plain<'a> {
    /// A user and a password that came without SASL.
    pub(super) const fn new(user: &'a [u8], password: &'a [u8]) -> Self {
        Self { act_as: b"", user, password }
    }

    /// A message of the mechanism, without its base64; `None` if it is not one.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let mut parts = message.split(|byte| *byte == 0);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(act_as), Some(user), Some(password), None) => {
                Some(Self { act_as, user, password })
            }
            _ => None,
        }
    }

    /// The login; `None` if no account can have such a name.
    pub(super) fn login(&self, peer: &Peer) -> Option<Job> {
        let user = std::str::from_utf8(self.user).ok()?.to_owned();
        let act_as = std::str::from_utf8(self.act_as).ok()?.to_owned();
        Some(Job::Login { user, password: Secret::new(self.password), peer: peer.address, act_as })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let check = |message: &[u8], want: Option<(&str, &str, &str)>| {
            let peer = Peer { address: None, tls: true, can_start_tls: false };
            let login = Plain::read(message).and_then(|plain| plain.login(&peer));
            let got = login.as_ref().map(|job| match job {
                Job::Login { user, password, act_as, .. } => {
                    (act_as.as_str(), user.as_str(), password)
                }
                _ => unreachable!("PLAIN logs in"),
            });
            assert_eq!(
                got,
                want.map(|(act_as, user, _)| (act_as, user)).map(|(act_as, user)| (
                    act_as,
                    user,
                    got.unwrap().2
                ))
            );
            if let (Some((.., got)), Some((.., want))) = (got, want) {
                assert!(*got == Secret::new(want), "the password of {user:?}", user = want);
            }
        };
        check(b"\0me\0secret", Some(("", "me", "secret")));
        check(b"you\0me\0", Some(("you", "me", "")));
        check(b"me\0secret", None);
        check(b"\0me\0secret\0", None);
        check(b"", None);
        check(b"\0\xff\0secret", None);
    }
}
