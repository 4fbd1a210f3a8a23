//! Zero-copy parsers for what a mail store hears: IMAP, POP3, LMTP, ManageSieve, Sieve, messages.
//!
//! The rule of this crate: framing finds where a command ends and keeps the limits; grammar sees
//! whole input, borrows from it and allocates nothing on the hot paths. There is no I/O, no clock
//! and no `unsafe`, and the lints below make the compiler refuse what could panic.
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    missing_docs,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "a test may panic: that is how it fails"
    )
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod cursor;
pub mod fuzzing;
pub mod imap;
mod lines;
pub mod lmtp;
pub mod managesieve;
pub mod message;
pub mod pop3;
pub mod proxy;
pub mod sieve;
pub mod steps;

pub use cursor::{Cursor, Error};
pub use lines::{Line, Lines};
