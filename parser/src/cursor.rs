//! The one reader every grammar function stands on: a slice and a position that never leaves it.

use crate::steps;
use core::fmt;

/// What a grammar function wanted and did not find: the peer's syntax is wrong.
///
/// `offset` counts bytes from the start of the input the cursor was made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What would have been right here, in the words of the grammar.
    pub expected: &'static str,
    /// Bytes before the place where it was expected.
    pub offset: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.offset)
    }
}

impl core::error::Error for Error {}

/// A position in borrowed bytes. Copying it is how a parser looks ahead.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first byte.
    pub const fn new(whole: &'a [u8]) -> Self {
        Self { whole, at: 0 }
    }

    /// Bytes consumed so far.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.whole.get(self.at..).unwrap_or_default()
    }

    /// True at the end of input.
    pub fn is_empty(&self) -> bool {
        self.at >= self.whole.len()
    }

    /// The next byte, without consuming it.
    pub fn peek(&self) -> Option<u8> {
        steps::took(1);
        self.whole.get(self.at).copied()
    }

    /// Consumes `byte` if it is next.
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at = self.at.saturating_add(1);
        }
        found
    }

    /// Consumes `word` if it is next, in any ASCII case (RFC 5234 §2.3).
    pub fn eat_word(&mut self, word: &str) -> bool {
        steps::took(word.len());
        let found = self
            .rest()
            .get(..word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.at = self.at.saturating_add(word.len());
        }
        found
    }

    /// Consumes `byte`, or says that `expected` was not there.
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Error> {
        if self.eat(byte) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Takes exactly `count` bytes, or says that `expected` was cut short.
    pub fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Error> {
        steps::took(1);
        let taken = self.rest().get(..count).ok_or_else(|| self.error(expected))?;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    /// Takes bytes for as long as `wanted` holds; may take none.
    pub fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let count = rest.iter().position(|&byte| !wanted(byte)).unwrap_or(rest.len());
        steps::took(count.saturating_add(1));
        self.at = self.at.saturating_add(count);
        rest.get(..count).unwrap_or_default()
    }

    /// The bytes between an earlier position of this cursor and now.
    pub fn since(&self, earlier: Cursor<'a>) -> &'a [u8] {
        self.whole.get(earlier.at..self.at).unwrap_or_default()
    }

    /// An error at this position.
    pub const fn error(&self, expected: &'static str) -> Error {
        Error { expected, offset: self.at }
    }
}
