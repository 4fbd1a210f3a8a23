//! What a balancer says first: the PROXY header, read to its last byte and no further, so that what
//! follows it, a TLS handshake as a rule, is found in the socket (pitfall 134).
//!
//! Until then there is no session to speak of: who the peer is decides what it may do.

use std::io;
use std::net::IpAddr;

use parser::proxy::{self, Peer};

use super::{Connection, Progress, State, Turn};

/// The header so far.
#[derive(Debug)]
pub(super) struct Introduction {
    bytes: Vec<u8>,
    /// The balancer itself.
    own: Option<IpAddr>,
}

impl Connection {
    /// The peer, at `own`, is a balancer.
    pub(in crate::net) fn await_introduction(&mut self, own: Option<IpAddr>) {
        self.introduction = Some(Box::new(Introduction { bytes: Vec::new(), own }));
        self.state = State::Introducing;
    }

    pub(super) fn read_introduction(&mut self, turn: &mut Turn<'_>) -> io::Result<Progress> {
        if self.shutdown {
            return Ok(Progress::Over);
        }
        let Some(mut introduction) = self.introduction.take() else { return Ok(Progress::Over) };
        let (address, is_tls) = match proxy::header(&introduction.bytes) {
            Ok(proxy::Progress::Needs { bytes }) => {
                let progress = self.read_up_to(bytes, &mut introduction.bytes);
                self.introduction = Some(introduction);
                return progress;
            }
            Ok(proxy::Progress::Complete { peer, tlvs, .. }) => {
                // TLS that ends at the balancer: as private as the operator made the way from there.
                let is_tls = tlvs.ssl().is_some_and(|ssl| ssl.is_tls());
                match peer {
                    Peer::Own => (introduction.own, is_tls),
                    Peer::Tcp { source, .. } => (Some(source.ip().to_canonical()), is_tls),
                    Peer::Unix { .. } => (None, is_tls),
                }
            }
            Err(error) => {
                let own = introduction.own.map_or("unix".to_owned(), |own| own.to_string());
                log::warn!(
                    "net: a connection from {own}, which is in proxy_protocol_from: {error}"
                );
                return Ok(Progress::Over);
            }
        };
        self.session = self.door.session(address, is_tls);
        self.standing = self.session.standing();
        let Some(place) = self.place.take().and_then(|place| place.readmit(address)) else {
            return Ok(Progress::Over);
        };
        self.place = Some(place);
        self.active_at = turn.now;
        self.state = if self.tls.is_some() { State::Handshaking } else { State::Fresh };
        Ok(Progress::Made)
    }

    /// Reads what is missing to `whole` bytes, or less.
    fn read_up_to(&mut self, whole: usize, bytes: &mut Vec<u8>) -> io::Result<Progress> {
        if !self.is_readable {
            return Ok(Progress::None);
        }
        let had = bytes.len();
        bytes.resize(whole.max(had), 0);
        let read = self.stream.read(bytes.get_mut(had..).unwrap_or_default());
        bytes.truncate(had + read.as_ref().map_or(0, |count| count.unwrap_or(0)));
        match read? {
            Some(0) => Ok(Progress::Over),
            Some(_) => Ok(Progress::Made),
            None => {
                self.is_readable = false;
                Ok(Progress::None)
            }
        }
    }
}
