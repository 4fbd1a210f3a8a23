//! Internet messages (RFC 5322) and MIME (RFC 2045): where things lie, and what the header says.
//!
//! The rule of this module: a message is never refused. What is malformed is skipped or read as
//! text/plain (pitfalls 19, 106), every count has a bound, and work is linear in the input. Lines
//! end in CRLF or in a bare LF. Nothing here decodes a body to find its way.

pub mod address;
pub mod content;
pub mod date;
pub mod encoded_word;
pub mod envelope;
pub mod header;
pub mod map;
pub mod transfer;

mod boundaries;
mod build;
mod codec;

pub use address::{Address, Addresses, Mailbox};
pub use date::DateTime;
pub use header::{Field, Fields, Header};
pub use map::{Kind, MessageMap, PartRef};
