//! IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051): frames, commands, and the writer of responses.

pub mod command;
pub mod frame;

pub use command::*;
pub use frame::{Frame, Framer, Limits};

/// The tag at the start of a command, if one is there: `tag = 1*<any ASTRING-CHAR except "+">`
/// (RFC 9051 §9). What a session answers a frame with that it could not read.
pub fn tag_of(input: &[u8]) -> Option<&str> {
    let is_tag = |byte: &u8| byte.is_ascii_graphic() && !b"(){%*\"\\+".contains(byte);
    let len = input.iter().position(|byte| !is_tag(byte))?;
    let ended = len > 0 && matches!(input.get(len), Some(b' ' | b'\r' | b'\n'));
    if ended { core::str::from_utf8(input.get(..len)?).ok() } else { None }
}
