//! `[relay]`: who takes the mail that leaves.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::values::{Choice, Given, Value, quoted};
use super::{Config, Hidden, Listen, Text};

/// Of a secret that cannot be guessed.
const SRS_SECRET_BYTES_MIN: usize = 16;

/// `[relay]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Where it is.
    pub host: Option<Remote>,
    /// How it is spoken with.
    pub protocol: RelayProtocol,
    /// How it is spoken with in secret.
    pub tls: RelayTls,
    /// PEM certificates that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Who we are there; "" for nobody.
    pub user: Text,
    /// And the password.
    pub password: Hidden,
    /// The command of `protocol = "sendmail"`.
    pub sendmail: PathBuf,
    /// The domain of senders that are rewritten; "" for none.
    pub srs_domain: Text,
    /// The secret that makes them ours.
    pub srs_secret: Hidden,
    /// Tries after which a message is left alone.
    pub max_attempts: u32,
    /// How long those are kept.
    pub keep_failed: Duration,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            host: None,
            protocol: RelayProtocol::Smtp,
            tls: RelayTls::Auto,
            ca_file: None,
            user: Text::default(),
            password: Hidden::default(),
            sendmail: PathBuf::from("/usr/sbin/sendmail"),
            srs_domain: Text::default(),
            srs_secret: Hidden::default(),
            max_attempts: 10,
            keep_failed: Duration::from_secs(30 * 86_400),
        }
    }
}

/// Another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// By TCP.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// And the port.
        port: u16,
    },
    /// By a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let as_listened = match self.clone() {
            Self::Tcp { host, port } => Listen::Tcp { host: Some(host), port },
            Self::Unix(path) => Listen::Unix(path),
        };
        as_listened.fmt(f)
    }
}

impl Value for Option<Remote> {
    fn expected(&self) -> &'static str {
        "a host and its port such as \"smtp.example.com:587\" or \"[::1]:25\", \
         \"unix:/run/relay\", or \"\" for none"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = match given.text()?.trim() {
            "" => None,
            text => Some(match Listen::parse(text)? {
                Listen::Tcp { host: Some(host), port } if port > 0 => Remote::Tcp { host, port },
                Listen::Tcp { .. } => return None,
                Listen::Unix(path) => Remote::Unix(path),
            }),
        };
        Some(())
    }

    fn show(&self) -> String {
        quoted(&self.as_ref().map(Remote::to_string).unwrap_or_default())
    }
}

/// How the relay takes mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayProtocol {
    /// RFC 5321
    Smtp,
    /// RFC 2033
    Lmtp,
    /// A command of this machine.
    Sendmail,
}

impl Choice for RelayProtocol {
    const EXPECTED: &str = "\"smtp\", \"lmtp\" or \"sendmail\"";
    const ALL: &[(&str, Self)] =
        &[("smtp", Self::Smtp), ("lmtp", Self::Lmtp), ("sendmail", Self::Sendmail)];
}

/// TLS with the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayTls {
    /// STARTTLS if it is offered.
    Auto,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// From the first byte.
    Implicit,
    /// Never.
    Never,
}

impl Choice for RelayTls {
    const EXPECTED: &str = "\"auto\", \"starttls\", \"implicit\" or \"none\"";
    const ALL: &[(&str, Self)] = &[
        ("auto", Self::Auto),
        ("starttls", Self::StartTls),
        ("implicit", Self::Implicit),
        ("none", Self::Never),
    ];
}

impl Config {
    /// The relay's address: `[relay] host`, or what the original called `external_relay`.
    pub fn relay_host(&self) -> Option<&Remote> {
        self.relay.host.as_ref().or(self.servers.lmtp.external_relay.as_ref())
    }

    /// True if mail can leave.
    pub fn has_relay(&self) -> bool {
        self.relay.protocol == RelayProtocol::Sendmail || self.relay_host().is_some()
    }

    /// What is wrong with the relay's settings: whether it is, the key, and what to do.
    pub(super) fn relay_rules(&self) -> [(bool, &'static str, &'static str); 9] {
        let Relay { user, password, protocol, tls, ca_file, max_attempts, .. } = &self.relay;
        let Relay { srs_domain, srs_secret, .. } = &self.relay;
        let rewrites = !srs_domain.0.is_empty();
        let (user, password) = (!user.0.is_empty(), !password.is_empty());
        let sendmail = *protocol == RelayProtocol::Sendmail;
        let nobody = !self.has_relay();
        let named = matches!(self.relay_host(), Some(Remote::Unix(_)));
        let secret = matches!(tls, RelayTls::StartTls | RelayTls::Implicit);
        let set = user || password || ca_file.is_some() || secret;
        [
            (user && !password, "user", "goes with password; set both or none"),
            (password && !user, "password", "goes with user; set both or none"),
            (
                nobody && (set || rewrites || *protocol == RelayProtocol::Lmtp),
                "host",
                "is missing; the rest of [relay] needs it",
            ),
            (
                sendmail && set,
                "protocol",
                "\"sendmail\" knows no TLS and no password; leave them out",
            ),
            (
                sendmail && self.relay.host.is_some(),
                "host",
                "has no meaning with protocol = \"sendmail\"; leave out one of them",
            ),
            (
                named && (secret || ca_file.is_some()),
                "host",
                "is a Unix socket, which has no name for TLS to check; use a host and port",
            ),
            (
                rewrites && srs_secret.0.expose().len() < SRS_SECRET_BYTES_MIN,
                "srs_secret",
                "at least 16 characters; `openssl rand -hex 16` makes some",
            ),
            (
                !rewrites && !srs_secret.is_empty(),
                "srs_secret",
                "goes with srs_domain; set both or none",
            ),
            (*max_attempts > 1_000, "max_attempts", "at most 1000"),
        ]
    }
}
