//! What a run is told: the message, its envelope, whose script it is, and where and when it runs.

use std::borrow::Cow;
use std::net::IpAddr;

use parser::message::MessageMap;
use parser::sieve::tree::{DsnNotify, DsnReturn, EnvironmentItem};

use super::action::Done;
use super::limits::Limits;
use crate::model::Timestamp;

/// A message as it came, its map, and its envelope.
#[derive(Clone, Copy, Debug)]
pub struct Mail<'m> {
    /// Every byte of it.
    pub bytes: &'m [u8],
    /// [`MessageMap::parse`] of the bytes.
    pub map: &'m MessageMap,
    /// How it came.
    pub envelope: &'m Envelope<'m>,
}

/// `MAIL` and the `RCPT` that the script runs for (RFC 5228 §5.4).
#[derive(Clone, Debug, Default)]
pub struct Envelope<'m> {
    /// The reverse path, without brackets and source route; empty for the null one.
    pub from: Cow<'m, str>,
    /// The forward path, without brackets and source route.
    pub to: Cow<'m, str>,
    /// `NOTIFY` (RFC 3461 §4.1).
    pub notify: Option<DsnNotify>,
    /// `ORCPT`, its xtext undone: `rfc822;tim@example.com` (RFC 3461 §4.2).
    pub original_recipient: Option<Cow<'m, str>>,
    /// `RET` (RFC 3461 §4.3).
    pub ret: Option<DsnReturn>,
    /// `ENVID`, its xtext undone (RFC 3461 §4.4).
    pub id: Option<Cow<'m, str>>,
    /// `BY` (RFC 2852 §4).
    pub deliver_by: Option<By>,
}

/// `BY=<seconds>;<mode>[T]` (RFC 2852 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// That were left when the message came; may be below 0.
    pub seconds: i64,
    /// `N`: say that it is late; `R`: send it back.
    pub mode: parser::sieve::tree::ByMode,
    /// `T`: its way is reported.
    pub trace: bool,
}

/// Everything else that a script may ask about without stopping.
///
/// ```
/// use sora::sieve::Facts;
/// let facts = Facts { addresses: &["tim@example.com"], ..Facts::default() };
/// assert_eq!(facts.default_mailbox, "INBOX");
/// ```
#[derive(Clone, Debug)]
pub struct Facts<'m> {
    /// This moment, for the whole run (RFC 5260 §5).
    pub now: Timestamp,
    /// The server's time zone (RFC 5260 §4.1).
    pub zone: LocalZone,
    /// The user's addresses, the one replies come from first.
    pub addresses: &'m [&'m str],
    /// What `include :personal` would call the script, so that it cannot include itself.
    pub script_name: Option<&'m str>,
    /// What the internal variable of RFC 5232 §2 begins with: what a script before this one has left in
    /// it.
    pub flags: &'m [String],
    /// What scripts before this one want done: it counts as if this one did.
    pub done: &'m [Done],
    /// Where `keep` puts mail.
    pub default_mailbox: &'m str,
    /// Where the script runs.
    pub environment: Environment<'m>,
    /// What a check for spam found (RFC 5235 §3.2); `None`: not checked.
    pub spam: Option<Verdict<'m>>,
    /// What a check for viruses found (RFC 5235 §3.3), as a number from 1 to 5; `None`: not checked.
    pub virus: Option<Verdict<'m>>,
    /// How much the run may do.
    pub limits: Limits,
    /// Whether it is written down what matched, and what was done.
    pub traced: bool,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            now: Timestamp(0),
            zone: LocalZone::default(),
            addresses: &[],
            script_name: None,
            flags: &[],
            done: &[],
            default_mailbox: "INBOX",
            environment: Environment::default(),
            spam: None,
            virus: None,
            limits: Limits::default(),
            traced: false,
        }
    }
}

/// How far a time zone is ahead of UTC, in minutes: 60 in Berlin, in winter.
#[derive(Clone, Copy, Debug)]
pub enum LocalZone {
    /// The same at all times.
    Fixed(i16),
    /// What it is at a moment, where the clocks are changed in spring.
    At(fn(Timestamp) -> i16),
}

impl Default for LocalZone {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

impl LocalZone {
    /// At a moment, in seconds since 1970 in UTC.
    pub(super) fn minutes_at(self, seconds: i64) -> i16 {
        match self {
            Self::Fixed(minutes) => minutes,
            Self::At(minutes) => minutes(Timestamp::from_seconds(seconds)),
        }
    }
}

/// What a check of the message found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'m> {
    /// Of spam in percent: 0 is clear. Of viruses from 1, clear, to 5, certain.
    pub score: u8,
    /// What the one who checked has to say of it; may be empty.
    pub text: &'m str,
}

/// What `environment` tells (RFC 5183 §4.1, RFC 6785 §4, vnd.dovecot.environment §3). What is
/// `None` is not known here, and every test of it fails.
#[derive(Clone, Debug)]
pub struct Environment<'m> {
    /// `domain`.
    pub domain: Option<&'m str>,
    /// `host`.
    pub host: Option<&'m str>,
    /// `location`: `MDA` where mail is delivered, `MS` in the message store.
    pub location: Option<&'m str>,
    /// `phase`: `during` where mail is delivered, `post` in the message store.
    pub phase: Option<&'m str>,
    /// `remote-host`.
    pub remote_host: Option<&'m str>,
    /// `remote-ip`.
    pub remote_ip: Option<IpAddr>,
    /// `vnd.dovecot.username`, and `imap.user`.
    pub user: Option<&'m str>,
    /// `vnd.dovecot.config.*`.
    pub settings: &'m [(&'m str, &'m str)],
    /// What happened in IMAP, if that is why the script runs (RFC 6785).
    pub imap: Option<ImapEvent<'m>>,
}

impl Default for Environment<'_> {
    fn default() -> Self {
        Self {
            domain: None,
            host: None,
            location: Some("MDA"),
            phase: Some("during"),
            remote_host: None,
            remote_ip: None,
            user: None,
            settings: &[],
            imap: None,
        }
    }
}

/// RFC 6785 §4. Where there is one, [`Facts::default_mailbox`] is the mailbox it happened in; messages
/// there never change, so what is kept is the message as it was (§3.1), and there is nobody to
/// answer or to refuse (§3.11).
#[derive(Clone, Copy, Debug)]
pub struct ImapEvent<'m> {
    /// `imap.cause`: `APPEND`, `COPY` or `FLAG`.
    pub cause: &'m str,
    /// `imap.mailbox`.
    pub mailbox: &'m str,
    /// `vnd.sora.imap.source`: where the message was copied or moved from.
    pub source: Option<&'m str>,
    /// `imap.changedflags`, in the order of the command.
    pub changed_flags: &'m [&'m str],
    /// All flags that the message has now: where the internal variable of RFC 5232 begins.
    pub flags: &'m [&'m str],
}

impl Environment<'_> {
    pub(super) fn item(&self, item: &EnvironmentItem, facts: &Facts<'_>) -> Option<Cow<'_, str>> {
        let known = |text: Option<&'static str>| text.map(Cow::Borrowed);
        Some(match item {
            EnvironmentItem::Domain => Cow::Borrowed(self.domain?),
            EnvironmentItem::Host => Cow::Borrowed(self.host?),
            EnvironmentItem::Location => Cow::Borrowed(self.location?),
            EnvironmentItem::Name => known(Some("Sora"))?,
            EnvironmentItem::Version => known(Some(env!("CARGO_PKG_VERSION")))?,
            EnvironmentItem::Phase => Cow::Borrowed(self.phase?),
            // §4.1: the empty string if it cannot be had.
            EnvironmentItem::RemoteHost => Cow::Borrowed(self.remote_host.unwrap_or("")),
            EnvironmentItem::RemoteIp => Cow::Owned(match self.remote_ip?.to_canonical() {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("IPv6:{address}"), // RFC 5321 §4.1.3
            }),
            EnvironmentItem::Username => Cow::Borrowed(self.user?),
            EnvironmentItem::DefaultMailbox => Cow::Owned(facts.default_mailbox.to_owned()),
            EnvironmentItem::Config(name) => {
                let found = self.settings.iter().find(|(known, _)| **known == **name);
                Cow::Borrowed(found?.1)
            }
            // RFC 6785 §4.2, §4.5: the empty string in a delivery.
            EnvironmentItem::ImapUser => {
                Cow::Borrowed(self.imap.as_ref().map_or(Some(""), |_| self.user)?)
            }
            EnvironmentItem::ImapEmail => {
                let email = self.imap.as_ref().map_or(Some(&""), |_| facts.addresses.first());
                Cow::Owned((*email?).to_owned())
            }
            EnvironmentItem::ImapCause => Cow::Borrowed(self.imap?.cause),
            EnvironmentItem::ImapMailbox => Cow::Borrowed(self.imap?.mailbox),
            EnvironmentItem::ImapChangedFlags => {
                Cow::Owned(self.imap.map_or(String::new(), |event| event.changed_flags.join(" ")))
            }
            EnvironmentItem::Other(name) if name.eq_ignore_ascii_case("vnd.sora.imap.source") => {
                Cow::Borrowed(self.imap?.source?)
            }
            EnvironmentItem::Other(_) => return None,
        })
    }
}
