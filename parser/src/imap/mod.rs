//! IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051): frames, commands, and the writer of responses.
//!
//! Bytes go through a [`Framer`] first, which finds whole commands and keeps the limits;
//! [`command()`] then reads one, borrowing from it. Work is linear in the input, and nothing is
//! allocated.
//!
//! ```
//! use parser::imap::{self, Command, Flag, Frame, Framer, Limits};
//!
//! let input = b"a1 STORE 2:4 +FLAGS (\\Seen $Junk)\r\na2 NO"; // the second is still on its way
//! let limits = Limits { line_bytes_max: 8_192, frame_bytes_max: 65_536 };
//! let Frame::Complete { bytes } = Framer::new().next(input, &limits) else { panic!() };
//! let tagged = imap::command(&input[..bytes])?;
//! assert_eq!(tagged.tag, "a1");
//! let Command::Store { flags, .. } = tagged.command else { panic!() };
//! assert!(flags.iter().eq([Flag::Seen, Flag::Keyword("$Junk")]));
//! # Ok::<(), imap::CommandError<'_>>(())
//! ```

mod acl;
mod append;
mod base64;
mod charset;
mod classes;
pub mod command;
mod date;
mod fetch;
mod filter;
mod flag;
pub mod frame;
mod lists;
mod mailbox;
mod metadata;
mod names;
mod notify;
mod number;
mod other;
mod parse;
mod quota;
mod search;
mod sequence;
mod store;
pub(crate) mod strings;
#[cfg(test)]
mod testing;
pub mod url;
pub mod utf7;
#[cfg(test)]
mod wounds;
pub mod write;

pub use append::{AppendItems, AppendPieces, is_append};
pub use base64::{SaslLine, decode_base64, initial_response, sasl_line};
pub use charset::outside_charset;
pub use command::*;
pub use fetch::section_spec;
pub use frame::{Frame, Framer, Limits};
pub use lists::{Item, Items, List};
pub use parse::{CommandError, Fault, command, idle_done};
pub use search::SEARCH_DEPTH_MAX;
pub use sequence::Ranges;
pub use strings::TAG_BYTES_MAX;
pub use write::{Charset, mailbox_name};

/// The tag at the start of a command, if one is there: `tag = 1*<any ASTRING-CHAR except "+">`
/// (RFC 9051 §9). What a session answers a frame with that it could not read.
pub fn tag_of(input: &[u8]) -> Option<&str> {
    let mut cursor = crate::Cursor::new(input);
    let tag = strings::tag(&mut cursor).ok()?;
    matches!(cursor.peek(), Some(b' ' | b'\r' | b'\n')).then_some(tag)
}
