//! Sieve scripts: RFC 5228 with its extensions, from text to a typed tree, or to all mistakes.
//!
//! The rule here: one pass, linear and bounded, reports every mistake with its line, its column
//! and what was expected there. Nothing runs scripts yet: the tree is what an interpreter will
//! need, and no message is looked at here.
//!
//! ```
//! use parser::sieve::{CAPABILITIES, compile};
//!
//! let script = compile(b"require \"fileinto\"; fileinto \"Lists\";", CAPABILITIES).unwrap();
//! assert_eq!(script.used, ["fileinto"]);
//!
//! let mistakes = compile(b"keep;\nfileinto;", CAPABILITIES).unwrap_err();
//! assert_eq!(mistakes[1].to_string(), "line 2, column 9: expected a string with a mailbox name");
//! ```

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

mod build;
mod check;
pub mod grammar;
mod lexer;
mod spec;
#[cfg(test)]
mod tests;
mod text;
pub mod tree;

pub use spec::CAPABILITIES;
pub use tree::Script;

/// Bytes of a script at most.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;
/// Levels of blocks and tests inside each other at most.
pub const DEPTH_MAX: usize = 32;
/// Commands and tests of a script at most.
pub const NODES_MAX: usize = 8192;
/// Strings, numbers and tags of a script at most.
pub const ARGUMENTS_MAX: usize = 32_768;
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

/// Reads and checks a script that may require what is `offered`, of [`CAPABILITIES`].
///
/// # Errors
/// Every mistake, up to [`ERRORS_MAX`], in the order of their places; never an empty list.
pub fn compile(script: &[u8], offered: &[&str]) -> Result<Script, Vec<Error>> {
    let script = readable(script).map_err(|error| alloc::vec![error])?;
    let (nodes, mut errors) = grammar::parse(script);
    let mut checker = check::Checker::new(offered);
    let commands = checker.commands(&nodes, check::Whole::Script);
    errors.append(&mut checker.errors);
    if errors.is_empty() {
        return Ok(Script { commands, required: checker.required, used: checker.used });
    }
    errors.sort_by_key(|error| error.at);
    errors.dedup_by_key(|error| error.at);
    errors.truncate(ERRORS_MAX);
    Err(errors)
}

/// RFC 5228 §2.1: a script is UTF-8, and no NUL is in it (§8.1).
fn readable(script: &[u8]) -> Result<&str, Error> {
    if script.len() > SCRIPT_BYTES_MAX {
        return Err(Error { at: Position::START, expected: "a script of at most 1 MB".into() });
    }
    let place = |end| Position::START.after(script.get(..end).unwrap_or_default());
    if let Some(nul) = memchr::memchr(0, script) {
        return Err(Error { at: place(nul), expected: "no NUL".into() });
    }
    core::str::from_utf8(script)
        .map_err(|error| Error { at: place(error.valid_up_to()), expected: "UTF-8".into() })
}
