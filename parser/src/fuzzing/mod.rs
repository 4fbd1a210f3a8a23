//! The bodies of the fuzz targets: what must hold for any input at all.
//!
//! They live here so that a unit test replays the committed corpora without a fuzzer, and so that
//! they change with the code they hold to account. Each panics when its property fails.
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::panic,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "to panic is how a property fails; nothing here runs in a server"
)]

mod imap;
mod imap_print;
mod imap_url;
mod lmtp;
mod managesieve;
mod message;
mod pop3;
mod proxy;
mod sieve;
mod sieve_print;

use crate::steps;

pub use imap::{imap_base64, imap_command, imap_sequence, imap_stream, imap_utf7, imap_write};
pub use imap_url::imap_url;
pub use lmtp::{lmtp_command, lmtp_dots};
pub use managesieve::{managesieve_command, managesieve_stream, managesieve_write};
pub use message::{
    message_address, message_date, message_header, message_map, message_params, message_transfer,
    message_words,
};
pub use pop3::{pop3_command, pop3_dots, pop3_stream};
pub use proxy::proxy_header;
pub use sieve::sieve_script;
#[cfg(test)]
pub(crate) use sieve_print::print;

/// What `work` gives; panics if it took more than `each` steps for a byte of an input of `bytes`.
///
/// The 64 bytes beside are for what costs the same however short the input is.
#[track_caller]
fn linear<T>(bytes: usize, each: usize, work: impl FnOnce() -> T) -> T {
    let (given, steps) = steps::count(work);
    let most = (bytes + 64) * each;
    assert!(steps <= most, "{steps} steps for {bytes} bytes, and at most {most}");
    given
}

/// Places to cut a stream of `len` bytes: none to all of them, by `density`.
fn cuts(len: usize, seed: u8, density: u8) -> alloc::vec::Vec<usize> {
    let mut random = u32::from(seed) << 8 | 1;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    };
    (0..len).filter(|_| next() <= density).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::vec::Vec;
    use std::{fs, println};

    /// Runs a target over its committed corpus, which holds every crash ever found.
    #[track_caller]
    fn replay(target: &str, run: fn(&[u8])) {
        let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let mut inputs: Vec<PathBuf> = fs::read_dir(&corpus)
            .unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{}: no inputs", corpus.display());
        for input in inputs {
            println!("{}", input.display());
            let bytes = fs::read(&input).unwrap();
            run(&bytes);
            // Cut and changed a little, they are new inputs.
            run(&bytes[..bytes.len() / 2]);
            run(&bytes[bytes.len() / 3..]);
        }
    }

    #[test]
    fn corpora() {
        replay("imap_command", super::imap_command);
        replay("imap_stream", super::imap_stream);
        replay("imap_sequence", super::imap_sequence);
        replay("imap_url", super::imap_url);
        replay("imap_utf7", super::imap_utf7);
        replay("imap_write", super::imap_write);
        replay("imap_base64", super::imap_base64);
        replay("message_map", super::message_map);
        replay("message_header", super::message_header);
        replay("message_address", super::message_address);
        replay("message_date", super::message_date);
        replay("message_params", super::message_params);
        replay("message_words", super::message_words);
        replay("message_transfer", super::message_transfer);
        replay("lmtp_command", super::lmtp_command);
        replay("lmtp_dots", super::lmtp_dots);
        replay("pop3_command", super::pop3_command);
        replay("pop3_stream", super::pop3_stream);
        replay("pop3_dots", super::pop3_dots);
        replay("managesieve_command", super::managesieve_command);
        replay("managesieve_stream", super::managesieve_stream);
        replay("managesieve_write", super::managesieve_write);
        replay("proxy_header", super::proxy_header);
        replay("sieve_script", super::sieve_script);
    }
}
