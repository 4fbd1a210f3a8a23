//! The chunks of BDAT: bytes that are counted, not read (RFC 3030 §2).

use alloc::vec::Vec;

use super::Fed;

/// Takes exactly as many bytes as `BDAT` announced, as they come, at whatever splits.
///
/// Nothing in them has a meaning: not CRLF, not a dot at the start of a line.
///
/// ```
/// use parser::lmtp::{self, ChunkStream, Command};
///
/// let input = b"BDAT 5 LAST\r\n.\r\n\0\xffQUIT\r\n"; // the next command is here already
/// let (line, taken) = lmtp::line(input).unwrap();
/// let Command::Bdat { size, last: true } = lmtp::command(line)? else { panic!() };
/// let (mut chunk, mut message) = (ChunkStream::new(size), Vec::new());
/// let fed = chunk.feed(&input[taken..], &mut message);
/// assert_eq!((fed.consumed, fed.ended), (5, true));
/// assert_eq!(message, b".\r\n\0\xff");
/// # Ok::<(), lmtp::CommandError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChunkStream {
    left: u64,
}

impl ChunkStream {
    /// Before the first of `size` bytes.
    pub const fn new(size: u64) -> Self {
        Self { left: size }
    }

    /// Bytes that are still to come.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Appends the bytes of `input` that belong to the chunk to `out`. Behind the end it consumes
    /// nothing; a chunk of 0 bytes has ended before the first call.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Fed {
        // What is left may be more than an address space holds; then it is more than the input.
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let taken = input.get(..room).unwrap_or(input);
        out.extend_from_slice(taken);
        self.left = self.left.saturating_sub(u64::try_from(taken.len()).unwrap_or(u64::MAX));
        Fed { consumed: taken.len(), ended: self.left == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 3030 §2
    fn chunks_at_every_split() {
        let input = b"\r\n.\r\n\0\xff.\r\nQUIT\r\n";
        for size in 0..=input.len() {
            for split in 0..=input.len() {
                let (mut stream, mut out) = (ChunkStream::new(size as u64), Vec::new());
                let first = stream.feed(&input[..split], &mut out);
                assert_eq!(first.ended, split >= size);
                let second = stream.feed(&input[split..], &mut out);
                assert_eq!((first.consumed + second.consumed, second.ended), (size, true));
                assert_eq!(out, input[..size], "{size} {split}");
                assert_eq!(stream.left(), 0);
            }
        }
    }

    #[test]
    fn nothing_is_kept_for_what_is_announced() {
        let (mut stream, mut out) = (ChunkStream::new(u64::MAX), Vec::new());
        let fed = stream.feed(b"abc", &mut out);
        assert_eq!((fed.consumed, fed.ended), (3, false));
        assert_eq!(stream.left(), u64::MAX - 3);
        assert!(out.capacity() < 64);
    }
}
