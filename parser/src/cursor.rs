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
///
/// It holds what is left, not a place in the whole: so a look at the next byte needs no other check
/// than whether there is one.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    /// Bytes of the whole input.
    whole: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first byte.
    #[inline]
    pub const fn new(whole: &'a [u8]) -> Self {
        Self { rest: whole, whole: whole.len() }
    }

    /// Bytes consumed so far.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.whole.saturating_sub(self.rest.len())
    }

    /// What is left.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True at the end of input.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, without consuming it.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        steps::took(1);
        self.rest.first().copied()
    }

    /// Consumes `byte` if it is next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        steps::took(1);
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Consumes `word` if it is next, in any ASCII case (RFC 5234 §2.3).
    #[inline]
    pub fn eat_word(&mut self, word: &str) -> bool {
        steps::took(word.len());
        match self.rest.split_at_checked(word.len()) {
            Some((next, rest)) if next.eq_ignore_ascii_case(word.as_bytes()) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Consumes `byte`, or says that `expected` was not there.
    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Error> {
        if self.eat(byte) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// Takes exactly `count` bytes, or says that `expected` was cut short.
    #[inline]
    pub fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Error> {
        steps::took(1);
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.error(expected))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes `count` bytes, or all that is left if it is less.
    #[inline]
    pub fn take_at_most(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        steps::took(taken.len().saturating_add(1));
        self.rest = rest;
        taken
    }

    /// Takes bytes for as long as `wanted` holds; may take none.
    #[inline]
    pub fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let count = self.rest.iter().position(|&byte| !wanted(byte)).unwrap_or(self.rest.len());
        self.take_at_most(count)
    }

    /// The bytes between an earlier position of this cursor and now.
    #[inline]
    pub fn since(&self, earlier: Cursor<'a>) -> &'a [u8] {
        let count = earlier.rest.len().saturating_sub(self.rest.len());
        earlier.rest.get(..count).unwrap_or_default()
    }

    /// An error at this position.
    pub const fn error(&self, expected: &'static str) -> Error {
        Error { expected, offset: self.offset() }
    }
}
