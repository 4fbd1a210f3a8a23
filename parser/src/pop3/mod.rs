//! POP3 (RFC 1939): command lines, and the dots of what RETR and TOP answer.
//!
//! No session speaks it yet. The rule: a line is bounded before it is kept, a missing or wrong
//! argument is an error with a name (pitfall 118), and whatever a message holds, its reader sees
//! one end, where the message ends.
//!
//! The exchange after AUTH (RFC 5034 §4) is that of IMAP: [`initial_response`] and [`sasl_line`].

mod command;
mod dots;

pub use crate::imap::{Hidden, SaslLine, initial_response, sasl_line};
pub use command::{Command, CommandError, command};
pub use dots::DotWriter;

/// Bytes of a command line, its end included (RFC 2449 §4).
pub const COMMAND_BYTES_MAX: usize = 255;
/// Bytes of a line of a SASL exchange, its end included. POP3 does not say how long it may be: this
/// is what RFC 4954 §4 names.
pub const SASL_LINE_BYTES_MAX: usize = 12_288;
