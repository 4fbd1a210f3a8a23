//! IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051): frames, commands, and the writer of responses.

pub mod command;

pub use command::*;
