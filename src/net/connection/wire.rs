//! What goes over a connection's socket, in the clear or under TLS.

use std::io;

use super::{Connection, Turn};
use crate::net::buffers::Input;
use crate::net::tls::Tls;

/// Plaintext that is encrypted before the socket is asked to take some.
const ENCRYPT_BYTES: usize = 64 * 1024;

impl Connection {
    /// There may be more input to be had without waiting.
    pub(super) fn has_more(&self) -> bool {
        self.is_readable || self.tls.as_ref().is_some_and(|tls| tls.is_full)
    }

    /// Reads once. False if there is no room for more.
    pub(super) fn read(&mut self, turn: &mut Turn<'_>) -> io::Result<bool> {
        let mut input = std::mem::take(&mut self.input);
        turn.buffers.lend_input(&mut input);
        let had = input.len();
        let read = match self.tls.take() {
            None => self.read_socket(&mut input),
            Some(mut tls) => {
                let read = self.read_tls(&mut tls, &mut input, turn);
                self.tls = Some(tls);
                read
            }
        };
        let came = input.len().saturating_sub(had);
        self.is_starved &= came == 0;
        self.paced_bytes = self.paced_bytes.saturating_add(u32::try_from(came).unwrap_or(u32::MAX));
        self.input = input;
        if read.is_err() && self.tls.is_some() {
            let _alert = self.flush(turn); // the peer may be gone
        }
        read
    }

    fn read_tls(
        &mut self,
        tls: &mut Tls,
        plain: &mut Input,
        turn: &mut Turn<'_>,
    ) -> io::Result<bool> {
        if !tls.is_full {
            turn.buffers.lend_input(&mut tls.incoming);
            if !self.read_socket(&mut tls.incoming)? {
                return Ok(false);
            }
        }
        let had = plain.len();
        turn.buffers.lend_output(&mut tls.outgoing); // for what the handshake answers
        tls.advance(plain).map_err(io::Error::other)?;
        self.is_ended |= tls.is_peer_closed();
        Ok(!tls.is_full || plain.len() > had)
    }

    pub(super) fn read_socket(&mut self, input: &mut Input) -> io::Result<bool> {
        let space = input.space();
        let room = space.len();
        if room == 0 {
            return Ok(false);
        }
        match self.stream.read(space)? {
            Some(0) => {
                self.is_readable = false;
                self.is_ended = true;
            }
            Some(count) => {
                input.filled(count);
                self.turn_bytes += count;
                // A short read has emptied the socket: whatever comes later is a new edge.
                self.is_readable = count == room || self.is_ending;
            }
            None => self.is_readable = false,
        }
        Ok(true)
    }

    /// Bytes that the peer has not taken.
    pub(super) fn unsent(&self) -> usize {
        let encrypted = self.tls.as_ref().map_or(0, |tls| tls.outgoing.len() - tls.sent);
        self.output.len() - self.sent + encrypted
    }

    /// Sends what the socket takes. True if nothing is left.
    pub(super) fn flush(&mut self, turn: &mut Turn<'_>) -> io::Result<bool> {
        while !self.is_blocked {
            let rest = self.output.get(self.sent..).unwrap_or_default();
            let written = match &mut self.tls {
                None if rest.is_empty() => break,
                None => self.stream.write(rest)?,
                Some(tls) => {
                    if tls.sent == tls.outgoing.len() {
                        tls.outgoing.clear();
                        tls.sent = 0;
                        if rest.is_empty() || !tls.is_open() {
                            break;
                        }
                        let rest = rest.get(..ENCRYPT_BYTES).unwrap_or(rest);
                        turn.buffers.lend_output(&mut tls.outgoing);
                        tls.encrypt(rest).map_err(io::Error::other)?;
                        self.sent += rest.len();
                    }
                    self.stream.write(&tls.outgoing[tls.sent..])?
                }
            };
            match (written, &mut self.tls) {
                (None, _) => self.is_blocked = true,
                (Some(count), None) => self.sent += count,
                (Some(count), Some(tls)) => tls.sent += count,
            }
            if let Some(count) = written {
                self.taken_at = turn.now;
                self.turn_bytes += count;
            }
        }
        let is_empty = self.unsent() == 0;
        if is_empty {
            self.output.clear();
            self.sent = 0;
        }
        Ok(is_empty)
    }

    /// Sends close_notify, once, if there is anybody to take it. True if nothing is left.
    pub(super) fn say_goodbye(&mut self, turn: &mut Turn<'_>) -> io::Result<bool> {
        if let Some(tls) = self.tls.as_mut().filter(|tls| tls.is_open() && !self.said_goodbye) {
            self.said_goodbye = true;
            tls.say_goodbye().map_err(io::Error::other)?;
        }
        self.flush(turn)
    }
}
