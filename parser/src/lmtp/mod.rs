//! LMTP (RFC 2033): command lines, and the dots of DATA.
//!
//! Lenient where real senders need it (a missing `<>`, a space after `FROM:`), exact where laxness
//! is a hole: only `CRLF.CRLF` ends DATA (RFC 5321 §4.1.1.4, pitfall 141).

mod command;
mod dots;
mod parameters;
mod path;

pub use command::{Command, CommandError, command, line};
pub use dots::{DotStream, Fed};
pub use parameters::{BodyType, Mail, Rcpt};
pub use path::{DOMAIN_BYTES_MAX, LOCAL_PART_BYTES_MAX, Path};
