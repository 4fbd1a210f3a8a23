//! Sessions: the protocols as pure state machines (invariant 1).
//!
//! A session hears an [`Event`], writes to an [`Output`] and says what must happen [`Next`]. It has
//! no socket, clock, randomness or thread; the same events always give the same bytes. At most one
//! job of a session is out at any time (invariant 3), and while it is, the session gets no input.

#[cfg(test)]
mod echo;
pub mod imap;
pub mod lmtp;
pub mod managesieve;
mod output;
pub mod pop3;
mod sasl;
#[cfg(test)]
mod testing;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::job::{Change, Job, MailboxKey, Reply};
use crate::model::Networks;

pub use managesieve::SieveSettings;
pub use output::Output;

/// What happens to a session.
#[derive(Debug)]
pub enum Event<'a> {
    /// The connection is up (after the handshake, on a TLS port): greet.
    Opened,
    /// In place of `Opened`: there are too many connections. Say so and close.
    Refused,
    /// All bytes that wait, from the first not yet consumed; never empty.
    Input(&'a [u8]),
    /// The job is home.
    Reply(Reply),
    /// The watched mailbox changed. Sent in any state but while a job is out; then one mark is kept
    /// and the event follows the reply.
    Changed(Change),
    /// All output has been taken by the peer, after [`Next::Drain`].
    Drained,
    /// STARTTLS is complete.
    TlsStarted,
    /// Nothing came for [`Standing::patience_seconds`].
    Timeout,
    /// The server is stopping: say goodbye.
    Shutdown,
}

/// What a session did with an event.
#[must_use = "a step that is not carried out leaves the peer waiting for ever"]
#[derive(Debug)]
pub struct Step {
    /// Bytes of [`Event::Input`] that are done with; 0 for other events.
    pub consumed: usize,
    /// What must happen now.
    pub next: Next,
}

/// What must happen now. Output written so far is sent in any case.
#[must_use = "a step that is not carried out leaves the peer waiting for ever"]
#[derive(Debug)]
pub enum Next {
    /// More input: at once if some is left and `consumed` was not 0, otherwise when it comes.
    Read,
    /// Tell me when the peer has taken what I wrote ([`Event::Drained`]); no input until then.
    Drain,
    /// Run this and bring me the reply; no input until then.
    Run(Box<Job>),
    /// Send what I wrote, discard unread input (pitfall 60), and start TLS.
    StartTls,
    /// Send what I wrote and close.
    Close,
}

/// The protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// RFC 9051 and RFC 3501.
    Imap,
    /// RFC 2033.
    Lmtp,
    /// RFC 1939.
    Pop3,
    /// RFC 5804.
    ManageSieve,
    /// For the tests of `net`.
    #[cfg(test)]
    Echo,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imap => "imap",
            Self::Lmtp => "lmtp",
            Self::Pop3 => "pop3",
            Self::ManageSieve => "managesieve",
            #[cfg(test)]
            Self::Echo => "echo",
        })
    }
}

/// A session of any protocol, closed: whoever drives one knows them all. Boxed inside, so that a
/// connection is small whatever it speaks.
#[derive(Debug)]
pub enum Session {
    /// RFC 9051 and RFC 3501.
    Imap(Box<imap::Imap>),
    /// RFC 2033.
    Lmtp(Box<lmtp::Lmtp>),
    /// RFC 1939.
    Pop3(Box<pop3::Pop3>),
    /// RFC 5804.
    ManageSieve(Box<managesieve::ManageSieve>),
    /// For the tests of `net`.
    #[cfg(test)]
    Echo(Box<echo::Echo>),
}

impl Session {
    /// A fresh session; the first event is [`Event::Opened`] or [`Event::Refused`].
    pub fn new(service: Service, peer: Peer, settings: &SharedSettings) -> Self {
        match service {
            Service::Imap => Self::Imap(Box::new(imap::Imap::new(Arc::clone(settings), peer))),
            Service::Lmtp => Self::Lmtp(Box::new(lmtp::Lmtp::new(Arc::clone(settings), peer))),
            Service::Pop3 => Self::Pop3(Box::new(pop3::Pop3::new(Arc::clone(settings), peer))),
            Service::ManageSieve => {
                let settings = Arc::clone(settings);
                Self::ManageSieve(Box::new(managesieve::ManageSieve::new(settings, peer)))
            }
            #[cfg(test)]
            Service::Echo => Self::Echo(Box::new(echo::Echo::new(peer))),
        }
    }

    /// Hears what happened and says what must happen.
    pub fn step(&mut self, event: Event<'_>, out: &mut Output) -> Step {
        match self {
            Self::Imap(session) => session.step(event, out),
            Self::Lmtp(session) => session.step(event, out),
            Self::Pop3(session) => session.step(event, out),
            Self::ManageSieve(session) => session.step(event, out),
            #[cfg(test)]
            Self::Echo(session) => session.step(event, out),
        }
    }

    /// What the loop must know between steps.
    pub fn standing(&self) -> Standing {
        match self {
            Self::Imap(session) => session.standing(),
            Self::Lmtp(session) => session.standing(),
            Self::Pop3(session) => session.standing(),
            Self::ManageSieve(session) => session.standing(),
            #[cfg(test)]
            Self::Echo(session) => session.standing(),
        }
    }
}

/// What a session must know of its connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// `None` on a Unix socket.
    pub address: Option<IpAddr>,
    /// TLS is on.
    pub tls: bool,
    /// STARTTLS can be offered: there is a certificate and TLS is off.
    pub can_start_tls: bool,
}

impl Peer {
    /// True if nobody can listen in between: loopback, a Unix socket, or TLS.
    pub fn is_private(&self) -> bool {
        self.tls || self.address.is_none_or(|address| address.to_canonical().is_loopback())
    }
}

/// What sessions read of the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name we greet with.
    pub hostname: String,
    /// Largest message by APPEND, bytes (RFC 7889).
    pub append_bytes_max: u64,
    /// Largest message by LMTP, bytes (RFC 1870).
    pub lmtp_bytes_max: u64,
    /// Proxies that say by XCLIENT for whom they speak LMTP, and are believed.
    pub xclient_from: Networks,
    /// One session a maildrop (RFC 1939 §4).
    pub pop3_exclusive: bool,
    /// Days for which mail stays at least; `None` for ever (RFC 2449 §6.7).
    pub expire_days: Option<u32>,
    /// Where ManageSieve is spoken, as a URL (RFC 5804 §3); `None` if nowhere.
    pub sieve_url: Option<String>,
    /// Sieve scripts, by ManageSieve.
    pub sieve: SieveSettings,
    /// Passwords are taken in the clear from anywhere.
    pub insecure_auth: bool,
    /// Seconds a logged-in client may stay silent (RFC 9051 §5.4: at least 1800; RFC 1939 §3: at
    /// least 600).
    pub idle_seconds_max: u32,
    /// Seconds for a client that has not logged in, and for LMTP.
    pub login_seconds_max: u32,
    /// Other nodes change mailboxes, too, and word of it comes a moment after their commits.
    pub changes_come_late: bool,
}

impl Settings {
    /// Of a session that has logged in, or has not, and waits for nothing else.
    fn standing(&self, trusted: bool) -> Standing {
        let patience_seconds = if trusted { self.idle_seconds_max } else { self.login_seconds_max };
        Standing { watches: [None; 2], patience_seconds, trusted, expects_input: false }
    }
}

impl Default for Settings {
    /// What the RFCs want at least, on a host that has no name.
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            append_bytes_max: 25 << 20,
            lmtp_bytes_max: 50 << 20,
            xclient_from: Networks::default(),
            pop3_exclusive: false,
            expire_days: None,
            sieve_url: None,
            sieve: SieveSettings::default(),
            insecure_auth: false,
            idle_seconds_max: 1_800,
            login_seconds_max: 60,
            changes_come_late: false,
        }
    }
}

/// The settings as sessions share them.
pub type SharedSettings = Arc<Settings>;

/// What `net` reads off a session between steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The mailbox whose changes it wants to hear of, and the account whose annotations, by
    /// [`MailboxId::SERVER`](crate::model::MailboxId::SERVER).
    pub watches: [Option<MailboxKey>; 2],
    /// Seconds of silence after which it gets [`Event::Timeout`].
    pub patience_seconds: u32,
    /// Logged in (LMTP: always): for limits on strangers, and the slow-peer rule.
    pub trusted: bool,
    /// Bytes of the current command that have to come at a fair pace: not while idling.
    pub expects_input: bool,
}
