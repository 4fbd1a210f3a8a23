//! Where to listen.

use std::fmt;
use std::path::PathBuf;

use super::{Given, Value, quoted, whole};

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP.
    Tcp {
        /// An address or a name, without brackets; `None` for every address, IPv6 and IPv4.
        host: Option<String>,
        /// 0 lets the system choose.
        port: u16,
    },
    /// A Unix socket at this path.
    Unix(PathBuf),
}

impl Listen {
    /// Every address of the machine.
    pub fn any(port: u16) -> Self {
        Self::Tcp { host: None, port }
    }

    /// 127.0.0.1
    pub fn loopback(port: u16) -> Self {
        Self::Tcp { host: Some("127.0.0.1".to_owned()), port }
    }

    /// `host:port`, `[v6]:port`, `:port` or `unix:PATH`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return (!path.is_empty()).then(|| Self::Unix(path.into()));
        }
        let (host, port) = text.rsplit_once(':')?;
        let port = whole(port).and_then(|port| u16::try_from(port).ok())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match (host, bare) {
            ("", _) => None,
            (_, Some(v6)) => Some(v6.parse::<std::net::Ipv6Addr>().ok()?.to_string()),
            (host, None) if host.contains([':', '[', ']', '/', ' ']) => return None,
            (host, None) => Some(host.to_owned()),
        };
        Some(Self::Tcp { host, port })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host: None, port } => write!(f, ":{port}"),
            Self::Tcp { host: Some(host), port } if host.contains(':') => {
                write!(f, "[{host}]:{port}")
            }
            Self::Tcp { host: Some(host), port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Value for Option<Listen> {
    fn expected(&self) -> &'static str {
        "an address such as \":143\", \"127.0.0.1:1143\", \"[::1]:143\" or \"unix:/run/sora/imap\", or \"\" for none"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = match given {
            Given::Integer(port) => Some(Listen::any(u16::try_from(port).ok()?)),
            given => match given.text()?.trim() {
                "" => None,
                text => Some(Listen::parse(text)?),
            },
        };
        Some(())
    }

    fn show(&self) -> String {
        quoted(&self.as_ref().map(Listen::to_string).unwrap_or_default())
    }
}
