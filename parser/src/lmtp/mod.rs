//! LMTP (RFC 2033) and the SMTP it is made of: commands, replies, and the bytes of messages.
//!
//! Lenient where real senders need it (a missing `<>`, a space after `FROM:`), exact where laxness
//! is a hole: only `CRLF.CRLF` ends DATA (RFC 5321 §4.1.1.4, pitfall 141), a chunk of BDAT has
//! exactly the bytes it said, and an address has one reading. Nothing is allocated for a command.
//!
//! [`command()`] reads one line, which [`Lines`](crate::Lines) finds and bounds. What comes behind
//! DATA goes through a [`DotStream`], what comes behind BDAT through a [`ChunkStream`]; both say
//! where commands go on. [`write_reply`] is for servers, [`ReplyFramer`] and [`Reply`] for clients.
//!
//! ```
//! use parser::lmtp::{self, Command, DotStream};
//!
//! let Command::Rcpt(rcpt) = lmtp::command(b"RCPT TO:<\"a b\"@example.org> NOTIFY=NEVER\r\n")? else {
//!     panic!()
//! };
//! assert_eq!(rcpt.to.local_unquoted(), "a b");
//! assert_eq!(rcpt.to.domain(), Some("example.org"));
//!
//! let (mut dots, mut message) = (DotStream::new(), Vec::new());
//! let fed = dots.feed(b"..\r\n\n.\n\r\n.\r\nQUIT\r\n", &mut message);
//! assert!(fed.ended);
//! assert_eq!(message, b".\r\n\n.\n\r\n"); // a dot between bare LFs is data
//! # Ok::<(), lmtp::CommandError>(())
//! ```

mod chunks;
mod command;
mod dots;
mod parameters;
mod path;
mod reply;
mod xclient;
mod xtext;

pub use chunks::ChunkStream;
pub use command::{Command, CommandError, command, line};
pub use dots::{DotStream, Fed};
pub use parameters::{BodyType, DeliverBy, Late, Mail, Notify, OriginalRecipient, Rcpt, Ret};
pub use path::{DOMAIN_BYTES_MAX, LOCAL_PART_BYTES_MAX, Path, address_literal};
pub use reply::{
    Code, Outcome, REPLY_LINE_BYTES_MAX, Reply, ReplyFrame, ReplyFramer, Status, write_reply,
};
pub use xclient::{Attribute, Attributes, Known};
pub use xtext::{Xtext, write_xtext};
