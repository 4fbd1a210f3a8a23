//! Sieve scripts: RFC 5228 with its extensions, from text to a typed tree, or to all mistakes.
//!
//! The rule here: one pass, linear and bounded, reports every mistake with its line, its column
//! and what was expected there. Nothing runs scripts yet: the tree is what an interpreter will
//! need, and no message is looked at here.

use alloc::borrow::Cow;
use core::fmt;

pub mod grammar;
mod lexer;

/// Bytes of a script at most.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;
/// Levels of blocks and tests inside each other at most.
pub const DEPTH_MAX: usize = 32;
/// Commands and tests of a script at most.
pub const NODES_MAX: usize = 8192;
/// Strings of a script at most.
pub const STRINGS_MAX: usize = 32_768;
/// Strings in one list at most.
pub const LIST_ITEMS_MAX: usize = 4096;
/// Mistakes reported at most; a script with more has bigger troubles.
pub const ERRORS_MAX: usize = 100;

/// A place in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl Position {
    /// The first byte of a script.
    pub const START: Self = Self { offset: 0, line: 1, column: 1 };

    /// The place behind `passed`, which begins here.
    fn after(mut self, passed: &[u8]) -> Self {
        self.offset = self.offset.saturating_add(passed.len());
        for &byte in passed {
            match byte {
                b'\n' => {
                    self.line = self.line.saturating_add(1);
                    self.column = 1;
                }
                // The later bytes of a UTF-8 character are no columns of their own.
                0x80..=0xbf => {}
                _ => self.column = self.column.saturating_add(1),
            }
        }
        self
    }
}

/// A mistake: where, and what would have been right there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where it was expected.
    pub at: Position,
    /// What was expected, in the words of the RFCs.
    pub expected: Cow<'static, str>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: expected {}", self.at.line, self.at.column, self.expected)
    }
}

impl core::error::Error for Error {}
