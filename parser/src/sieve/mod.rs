//! Sieve scripts: RFC 5228 with its extensions, from text to a typed tree, or to all mistakes.
//!
//! The rule here: one pass, linear and bounded, reports every mistake with its line, its column,
//! what was expected there and what stands there. Nothing runs scripts yet: the tree is what an
//! interpreter will need, and no message is looked at here.
//!
//! ```
//! use parser::sieve::{Capabilities, Capability, compile};
//!
//! let script = compile(b"require \"fileinto\"; fileinto \"Lists\";", Capabilities::ALL).unwrap();
//! assert!(script.required.has(Capability::FileInto));
//!
//! let mistakes = compile(b"keep;\nfileinto ;", Capabilities::ALL).unwrap_err();
//! assert_eq!(
//!     mistakes[0].to_string(),
//!     "line 2, column 1: \"fileinto\" needs the extension \"fileinto\"; \
//!      write require \"fileinto\"; at the top of the script",
//! );
//! assert_eq!(
//!     mistakes[1].to_string(),
//!     "line 2, column 9: expected a string with a mailbox name, found \";\"",
//! );
//! ```
//!
//! From the bottom: [`grammar`] reads tokens as RFC 5228 §8 has them; `spec` is the table of what
//! there is, `check` holds nodes against it, `build` makes the [`tree`] and knows the rules that no
//! table can say; `flow` puts commands in their order.

use alloc::format;
use alloc::vec::Vec;

mod address;
mod build;
mod capability;
mod check;
mod error;
mod flow;
mod form;
pub mod grammar;
mod lexer;
pub mod regex;
mod spec;
mod strings;
#[cfg(test)]
mod tests;
mod text;
pub mod tree;
mod variables;

pub use address::{mailbox_list, sieve_address};
pub use capability::{Capabilities, Capability};
pub use error::{Error, Position};
pub use form::holds_addresses;
pub use tree::Script;
use variables::VARIABLES_MAX;

/// Bytes of a script at most.
pub const SCRIPT_BYTES_MAX: usize = 1 << 20;
/// Levels of blocks and tests inside each other at most; RFC 5228 §2.10.7 asks for 15 of each.
pub const DEPTH_MAX: usize = 64;
/// Commands and tests of a script at most.
pub const NODES_MAX: usize = 32_768;
/// Strings, numbers and tags of a script at most.
pub const ARGUMENTS_MAX: usize = 65_536;
/// Strings in one list at most.
pub const LIST_ITEMS_MAX: usize = 16_384;
/// Mistakes reported at most; a script with more has bigger troubles.
pub const ERRORS_MAX: usize = 100;

/// Reads and checks a script that may require what is `offered`.
///
/// # Errors
/// Every mistake, up to [`ERRORS_MAX`], in the order of their places, one a place; never none.
pub fn compile(script: &[u8], offered: Capabilities) -> Result<Script, Vec<Error>> {
    let script = readable(script).map_err(|error| alloc::vec![error])?;
    let (nodes, errors) = grammar::read(script);
    let mut checker = check::Checker::new(offered, errors);
    let commands = checker.block(&nodes, flow::Whole::Script).commands;
    if checker.errors.list.is_empty() {
        return Ok(Script {
            commands,
            variables: checker.variables.into_list(),
            required: checker.required,
            used: checker.used,
            warnings: in_order(checker.warnings.list),
        });
    }
    Err(in_order(checker.errors.list))
}

fn in_order(mut errors: Vec<Error>) -> Vec<Error> {
    errors.sort_by_key(|error| error.at);
    errors.dedup_by_key(|error| error.at);
    errors
}

/// RFC 5228 §8.1: a script is UTF-8, and no NUL is in it (§2.1).
fn readable(script: &[u8]) -> Result<&str, Error> {
    let error = |at, message| Error { at, message, hint: None };
    if script.len() > SCRIPT_BYTES_MAX {
        let message = format!("expected a script of at most {SCRIPT_BYTES_MAX} bytes");
        return Err(error(Position::START, message.into()));
    }
    let place = |end: usize| Position::behind(script.get(..end).unwrap_or_default());
    if let Some(nul) = memchr::memchr(0, script) {
        return Err(error(place(nul), "expected no NUL".into()));
    }
    core::str::from_utf8(script)
        .map_err(|wrong| error(place(wrong.valid_up_to()), "expected UTF-8".into()))
}
