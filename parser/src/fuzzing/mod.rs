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
pub use imap_print::print as imap_printed;
pub use imap_url::imap_url;
pub use lmtp::{lmtp_command, lmtp_stream};
pub use managesieve::managesieve;
pub use message::{
    message_address, message_date, message_header, message_map, message_params, message_transfer,
    message_words,
};
pub use pop3::pop3;
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

/// Lets a stream come in pieces that end at `cuts`, and at last to its end. `step` sees all that has
/// come and was not consumed, and says how much it consumes, or that it waits for more.
#[track_caller]
pub(crate) fn feed<'a>(
    stream: &'a [u8],
    cuts: &[usize],
    mut step: impl FnMut(&'a [u8]) -> Option<usize>,
) {
    let (mut consumed, mut calls) = (0, 0);
    for &end in cuts.iter().chain([&stream.len()]) {
        while let Some(bytes) = step(&stream[consumed..end]) {
            consumed += bytes;
            calls += 1;
            assert!(calls <= 4 * (stream.len() + cuts.len() + 1), "more calls than bytes");
        }
    }
}

/// What `run` makes of `input` is `want`, in one piece, cut in two anywhere, and byte by byte. It is
/// told where to cut.
#[cfg(test)]
#[track_caller]
pub(crate) fn at_every_split<T, W>(input: &[u8], want: &W, run: impl Fn(&[usize]) -> T)
where
    T: PartialEq<W> + core::fmt::Debug,
    W: core::fmt::Debug + ?Sized,
{
    let check = |cuts: &[usize]| {
        let told = run(cuts);
        assert!(told == *want, "{told:?}, not {want:?}: {} cut at {cuts:?}", input.escape_ascii());
    };
    check(&[]);
    for cut in 0..=input.len() {
        check(&[cut]);
    }
    check(&(0..input.len()).collect::<alloc::vec::Vec<usize>>());
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
        replay("lmtp_stream", super::lmtp_stream);
        replay("pop3", super::pop3);
        replay("managesieve", super::managesieve);
        replay("proxy_header", super::proxy_header);
        replay("sieve_script", super::sieve_script);
    }
}
