//! Lines of POP3 and LMTP, found in a stream and bounded before they are kept.

use crate::steps;

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a line that is not acted upon stalls the connection"]
pub enum Line {
    /// Neither a whole line nor too much: wait for more input.
    Incomplete,
    /// A whole line, its end (CRLF or a bare LF) included: parse and consume it.
    Complete {
        /// Bytes from the start of the input.
        bytes: usize,
    },
    /// The line is over its limit. Told once; the rest of it comes as [`Line::Skip`].
    TooLong,
    /// Bytes of a line that was too long, never 0: consume them unread, and call again.
    Skip {
        /// Bytes from the start of the input.
        bytes: usize,
    },
}

/// Finds lines in a stream that grows at its end and is consumed at its front.
///
/// Where the network cut the stream never changes what is found, and no byte is scanned twice.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Bytes, from the start of the input, known to hold no end of line.
    scanned: usize,
    skipping: bool,
}

impl Lines {
    /// One that stands at the start of a line.
    pub const fn new() -> Self {
        Self { scanned: 0, skipping: false }
    }

    /// Looks at `input`: all bytes not yet consumed, so at least what was there at the last call.
    /// `line_bytes_max` counts the end of the line; before login it may be small.
    pub fn next(&mut self, input: &[u8], line_bytes_max: usize) -> Line {
        let room = if self.skipping { input.len() } else { input.len().min(line_bytes_max) };
        let new = input.get(self.scanned..room).unwrap_or_default();
        if let Some(found) = steps::find(b'\n', new) {
            let bytes = self.scanned.saturating_add(found).saturating_add(1);
            let line = if self.skipping { Line::Skip { bytes } } else { Line::Complete { bytes } };
            *self = Self::new();
            return line;
        }
        if self.skipping {
            self.scanned = 0;
            return if room == 0 { Line::Incomplete } else { Line::Skip { bytes: room } };
        }
        self.scanned = self.scanned.max(room);
        if input.len() < line_bytes_max {
            return Line::Incomplete;
        }
        *self = Self { scanned: 0, skipping: true };
        Line::TooLong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::{at_every_split, feed};
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use alloc::{format, vec};

    /// What a session sees of `input`, cut at `cuts`; skipped bytes are summed.
    fn lines(input: &[u8], cuts: &[usize]) -> Vec<String> {
        let (mut told, mut skipped, mut finder) = (vec![], 0, Lines::new());
        feed(input, cuts, |rest| match finder.next(rest, 8) {
            Line::Incomplete => None,
            Line::TooLong => {
                told.push("too long".to_string());
                Some(0)
            }
            Line::Skip { bytes } => {
                assert!(bytes > 0);
                skipped += bytes;
                Some(bytes)
            }
            Line::Complete { bytes } => {
                told.push(rest[..bytes].escape_ascii().to_string());
                Some(bytes)
            }
        });
        told.push(format!("{skipped} skipped"));
        told
    }

    #[test]
    fn lines_at_every_split() {
        #[track_caller]
        fn check(input: &str, want: &[&str]) {
            let input = input.as_bytes();
            at_every_split(input, want, |cuts| lines(input, cuts));
        }
        check("NOOP\r\nQUIT\nR", &["NOOP\\r\\n", "QUIT\\n", "0 skipped"]);
        check("123456\r\n", &["123456\\r\\n", "0 skipped"]);
        check("1234567\r\nQUIT\r\n", &["too long", "QUIT\\r\\n", "9 skipped"]);
        check("12345678901234567890\nA\n", &["too long", "A\\n", "21 skipped"]);
        check("\n\r\n", &["\\n", "\\r\\n", "0 skipped"]);
        check("12345678", &["too long", "8 skipped"]);
    }
}
