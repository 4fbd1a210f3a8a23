//! POP3 (RFC 1939): command lines, responses, and the dots of what RETR and TOP answer.
//!
//! The rule: a line is bounded before it is kept, a missing or wrong
//! argument is an error with a name (pitfall 118), and whatever a message holds, its reader sees
//! one end, where the message ends.
//!
//! [`Lines`](crate::Lines) finds the lines that [`command()`] reads. The exchange after AUTH (RFC
//! 5034 §4) is that of IMAP: [`initial_response`] and [`sasl_line`].
//!
//! ```
//! use parser::pop3::{self, Command, DotWriter};
//! use parser::{Line, Lines};
//!
//! let input = b"TOP 1 0\r\nQUI";
//! let Line::Complete { bytes } = Lines::new().next(input, pop3::COMMAND_BYTES_MAX) else { panic!() };
//! let Command::Top { message, lines } = pop3::command(&input[..bytes])? else { panic!() };
//! assert_eq!(message.get(), 1);
//!
//! let (mut writer, mut out) = (DotWriter::top(lines), b"+OK\r\n".to_vec());
//! writer.feed(b"Subject: x\r\n.y\r\n", &mut out); // a header goes on while lines do
//! writer.feed(b"\r\nNot this\r\n", &mut out);
//! assert!(!writer.wants_more());
//! writer.finish(&mut out);
//! assert_eq!(out, b"+OK\r\nSubject: x\r\n..y\r\n\r\n.\r\n");
//! # Ok::<(), pop3::CommandError>(())
//! ```

mod command;
mod dots;
pub mod write;

pub use crate::imap::{Hidden, SaslLine, initial_response, sasl_line};
pub use command::{Command, CommandError, command};
pub use dots::DotWriter;

/// Bytes of a command line, its end included (RFC 2449 §4).
pub const COMMAND_BYTES_MAX: usize = 255;
/// Bytes of a line of a SASL exchange, its end included. POP3 does not say how long it may be: this
/// is what RFC 4954 §4 names.
pub const SASL_LINE_BYTES_MAX: usize = 12_288;
