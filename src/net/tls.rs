//! TLS over buffers that are lent: rustls' unbuffered API, so that an idle connection keeps its keys
//! and nothing else (3.4 KB against 7.6 KB).
//!
//! Nothing here touches a socket. [`Tls::advance`] turns what came into plaintext and handshake
//! answers; [`Tls::encrypt`] turns plaintext into what goes out.

use std::fmt;
use std::sync::Arc;

use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{Error, ServerConfig};

use super::buffers::Input;
use crate::limits::INPUT_BYTES_MAX;

/// Plaintext of one record (RFC 8446 §5.1).
const RECORD_BYTES_MAX: usize = 16 * 1024;
/// What a record adds to its plaintext at most (RFC 5246 §6.2.3 allows no more than 2048; ours is
/// a header, an explicit nonce and a tag).
const RECORD_OVERHEAD_BYTES: usize = 64;

/// One TLS connection.
pub(super) struct Tls {
    connection: UnbufferedServerConnection,
    /// What came and is not decrypted yet: at most a part of a record while we wait.
    pub(super) incoming: Input,
    /// What is ready to go out.
    pub(super) outgoing: Vec<u8>,
    /// Bytes of `outgoing` that are gone.
    pub(super) sent: usize,
    standing: Standing,
    /// Records wait in `incoming` that found no room for their plaintext.
    pub(super) is_full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Handshaking,
    Open,
    /// The peer said that nothing more comes.
    PeerClosed,
}

impl Tls {
    pub(super) fn new(config: &Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            connection: UnbufferedServerConnection::new(Arc::clone(config))?,
            incoming: Input::default(),
            outgoing: Vec::new(),
            sent: 0,
            standing: Standing::Handshaking,
            is_full: false,
        })
    }

    /// The handshake is over.
    pub(super) fn is_open(&self) -> bool {
        self.standing != Standing::Handshaking
    }

    /// The peer's close_notify came: nothing more will.
    pub(super) fn is_peer_closed(&self) -> bool {
        self.standing == Standing::PeerClosed
    }

    /// Works on what came: plaintext goes to `plain`, answers to `outgoing`. After an error
    /// `outgoing` holds the alert, and nothing more can be done.
    pub(super) fn advance(&mut self, plain: &mut Input) -> Result<(), Error> {
        self.is_full = false;
        loop {
            if plain.len() + RECORD_BYTES_MAX > INPUT_BYTES_MAX {
                self.is_full = true;
                return Ok(());
            }
            let UnbufferedStatus { mut discard, state, .. } =
                self.connection.process_tls_records(self.incoming.waiting_mut());
            let mut goes_on = true;
            let failed = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    let mut failed = None;
                    while let Some(record) = traffic.next_record() {
                        match record {
                            Ok(record) => {
                                discard += record.discard;
                                plain.put(record.payload);
                            }
                            Err(error) => failed = Some(error),
                        }
                    }
                    failed
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut self.outgoing, |space| data.encode(space)).err()
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.standing = Standing::PeerClosed;
                    None
                }
                Ok(ConnectionState::WriteTraffic(_)) => {
                    if self.standing == Standing::Handshaking {
                        self.standing = Standing::Open;
                    }
                    goes_on = false;
                    None
                }
                Ok(_) => {
                    goes_on = false; // BlockedHandshake: more must come; Closed: nothing will
                    None
                }
                Err(error) => Some(error),
            };
            self.incoming.take(discard);
            if let Some(error) = failed {
                self.encode_alert();
                return Err(error);
            }
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Adds `plain` to `outgoing`, encrypted. Call it only when open.
    pub(super) fn encrypt(&mut self, plain: &[u8]) -> Result<(), Error> {
        for record in plain.chunks(RECORD_BYTES_MAX) {
            self.when_writable(record.len(), |traffic, space| traffic.encrypt(record, space))?;
        }
        Ok(())
    }

    /// Adds the close_notify alert to `outgoing` (RFC 8446 §6.1).
    pub(super) fn say_goodbye(&mut self) -> Result<(), Error> {
        self.when_writable(0, |traffic, space| traffic.queue_close_notify(space))
    }

    fn when_writable(
        &mut self,
        bytes: usize,
        write: impl Fn(
            &mut rustls::unbuffered::WriteTraffic<'_, rustls::server::ServerConnectionData>,
            &mut [u8],
        ) -> Result<usize, EncryptError>,
    ) -> Result<(), Error> {
        // A key update or tickets may have to go first: a bounded number of states.
        for _ in 0..16 {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut []);
            match state? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    let start = self.outgoing.len();
                    self.outgoing.resize(start + bytes + RECORD_OVERHEAD_BYTES, 0);
                    let written = write(&mut traffic, &mut self.outgoing[start..]);
                    let count = *written.as_ref().unwrap_or(&0);
                    self.outgoing.truncate(start + count);
                    return written.map(drop).map_err(|error| Error::General(error.to_string()));
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    encode(&mut self.outgoing, |space| data.encode(space))?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => self.standing = Standing::PeerClosed,
                _ => break,
            }
        }
        Err(Error::HandshakeNotComplete)
    }

    /// After an error, what rustls has to say about it.
    fn encode_alert(&mut self) {
        for _ in 0..4 {
            let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut []);
            match state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    if encode(&mut self.outgoing, |space| data.encode(space)).is_err() {
                        return;
                    }
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => return,
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?}, {:?}, {} to go)", self.standing, self.incoming, self.outgoing.len())
    }
}

/// Lets `write` add to `outgoing`, with as much space as it asks for.
fn encode(
    outgoing: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), Error> {
    let start = outgoing.len();
    let required = match write(&mut []) {
        Ok(_) => return Ok(()),
        Err(EncodeError::InsufficientSize(error)) => error.required_size,
        Err(error) => return Err(Error::General(error.to_string())),
    };
    outgoing.resize(start + required, 0);
    let written = write(&mut outgoing[start..]);
    outgoing.truncate(start + *written.as_ref().unwrap_or(&0));
    written.map(drop).map_err(|error| Error::General(error.to_string()))
}
