//! Where a session writes: a plain buffer, lent by the loop and taken back when it is empty.

use std::fmt;

/// Bytes on their way to the peer.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
}

impl Output {
    /// An empty one.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Around a buffer whose bytes are still to be sent.
    pub const fn over(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The buffer back.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was written and not yet taken.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The buffer itself, for the parser crate's writers.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds text and CRLF.
    pub fn line(&mut self, text: fmt::Arguments<'_>) {
        self.text(text);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds text.
    pub fn text(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ignored = std::io::Write::write_fmt(&mut self.bytes, text);
    }
}
