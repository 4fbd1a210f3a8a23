//! ManageSieve (RFC 5804): framing, commands, script names, and the words of responses.
//!
//! The rule: a literal is measured against its limit before a byte of it
//! is waited for (pitfall 126), a name that is not one is refused before anything looks it up
//! (pitfall 127), and whatever a text holds, it is written so that a client reads it back as it
//! was (pitfall 125).
//!
//! Strings are those of IMAP, and so is the code that reads and writes them. Two things differ: no
//! `+` is ever sent for a literal, and a number has 32 bits.
//!
//! ```
//! use parser::managesieve::{self, Command, Frame, Framer, Limits};
//!
//! let stranger = Limits { line_bytes_max: 1_024, frame_bytes_max: 4_096 };
//! let user = Limits { frame_bytes_max: 1 << 20, ..stranger };
//! let input = b"PUTSCRIPT \"mine\" {7+}\r\nkeep;\r\n\r\n";
//! let Frame::Complete { bytes } = Framer::new().next(input, &user) else { panic!() };
//! let Command::PutScript { name, script } = managesieve::command(&input[..bytes])? else { panic!() };
//! assert_eq!((name.as_str(), &*script.bytes()), ("mine", &b"keep;\r\n"[..]));
//!
//! let input = b"PUTSCRIPT \"mine\" {1073741824+}\r\n"; // said, and not a byte of it waited for
//! assert_eq!(Framer::new().next(input, &stranger), Frame::LiteralTooLong { size: 1 << 30 });
//! # Ok::<(), managesieve::CommandError>(())
//! ```

mod command;
mod frame;
mod name;
pub mod write;

pub use crate::imap::{Hidden, Limits, SaslLine, Str, initial_response, sasl_line};
pub use command::{Command, CommandError, command, sasl_response};
pub use frame::{Frame, Framer};
pub use name::{NAME_CHARS_MAX, NameError, ScriptName};
