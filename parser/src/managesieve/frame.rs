//! Framing: where a command ends. Literals that fit become part of it; others never do.
//!
//! RFC 5804 §4 has `{n+}` for clients and `{n}` for servers, but old clients send `{n}` too. Neither
//! waits for anything, for there is no `+` to wait for: so both are taken alike, and the octets of
//! one that is refused are skipped, lest the lines of a script be taken for commands.

use crate::imap::{self, Limits};

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a frame that is not acted upon stalls the connection"]
pub enum Frame {
    /// Neither a whole command nor too much: wait for more input.
    Incomplete,
    /// A whole command with its literals, contiguous, its line end included: parse and consume it.
    Complete {
        /// Bytes from the start of the input.
        bytes: usize,
    },
    /// A line, or all lines of a command, are over the limit. Told once; answer NO or BYE.
    TooLong,
    /// A literal would not fit. Told once, before a byte of it was kept; answer NO, or BYE if what
    /// was announced is more than is worth skipping (pitfall 126).
    LiteralTooLong {
        /// Bytes announced; the largest number there is if it was larger than that.
        size: u64,
    },
    /// Bytes of a refused command, never 0: consume them unread.
    Skip {
        /// Bytes from the start of the input.
        bytes: usize,
    },
}

/// Finds commands in a stream that grows at its end and is consumed at its front.
///
/// The limits may differ from call to call: little before login, room for a script after it.
#[derive(Clone, Debug)]
pub struct Framer {
    inner: imap::Framer,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// One that stands at the start of a command.
    pub const fn new() -> Self {
        Self { inner: imap::Framer::unasked() }
    }

    /// True at the start of a command, with nothing left to skip.
    pub const fn is_fresh(&self) -> bool {
        self.inner.is_fresh()
    }

    /// Looks at `input`: all bytes not yet consumed, so at least what was there at the last call.
    ///
    /// Work is linear in the stream: no byte is scanned twice, however it was cut.
    pub fn next(&mut self, input: &[u8], limits: &Limits) -> Frame {
        loop {
            return match self.inner.next(input, limits) {
                imap::Frame::Incomplete => Frame::Incomplete,
                imap::Frame::Complete { bytes } => Frame::Complete { bytes },
                imap::Frame::TooLong => Frame::TooLong,
                imap::Frame::Skip { bytes } => Frame::Skip { bytes },
                imap::Frame::Literal { literal, .. } => {
                    if self.inner.accept_literal() {
                        continue;
                    }
                    self.inner.refuse_literal();
                    Frame::LiteralTooLong { size: literal.size }
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::{at_every_split, feed};
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    const LIMITS: Limits = Limits { line_bytes_max: 40, frame_bytes_max: 100 };

    /// What a session sees of `input`, cut at `cuts`; skipped bytes are summed.
    fn frames(input: &[u8], cuts: &[usize]) -> Vec<String> {
        let (mut told, mut framer, mut skipped) = (Vec::new(), Framer::new(), 0);
        feed(input, cuts, |rest| {
            let frame = framer.next(rest, &LIMITS);
            if skipped > 0 && !matches!(frame, Frame::Skip { .. } | Frame::Incomplete) {
                told.push(format!("skip {skipped}"));
                skipped = 0;
            }
            match frame {
                Frame::Incomplete => return None,
                Frame::Complete { bytes } => {
                    told.push(rest[..bytes].escape_ascii().to_string());
                    return Some(bytes);
                }
                Frame::TooLong => told.push("too long".to_string()),
                Frame::LiteralTooLong { size } => told.push(format!("literal {size}")),
                Frame::Skip { bytes } => {
                    assert!(bytes > 0);
                    skipped += bytes;
                    return Some(bytes);
                }
            }
            Some(0)
        });
        if skipped > 0 {
            told.push(format!("skip {skipped}"));
        }
        told
    }

    /// The same at every split in two, and byte by byte.
    #[track_caller]
    fn check(input: &str, want: &[&str]) {
        let input = input.as_bytes();
        at_every_split(input, want, |cuts| frames(input, cuts));
    }

    #[test]
    fn lines() {
        check("NOOP\r\nLOGOUT\nCAP", &["NOOP\\r\\n", "LOGOUT\\n"]);
        check("\r\n\n", &["\\r\\n", "\\n"]);
    }

    #[test]
    fn literals() {
        check("P \"a\" {5+}\r\nkeep;\r\nN\r\n", &["P \\\"a\\\" {5+}\\r\\nkeep;\\r\\n", "N\\r\\n"]);
        check("P {1}\r\na {3}\r\n\r\nb\r\n", &["P {1}\\r\\na {3}\\r\\n\\r\\nb\\r\\n"]);
        check("P {0+}\r\n\r\n", &["P {0+}\\r\\n\\r\\n"]);
    }

    /// pitfall 126: the limit comes before the bytes.
    #[test]
    fn literals_over_the_limit() {
        check("P {999999999+}\r\nkeep;\r\n", &["literal 999999999", "skip 23"]);
        check("P {99999999999999999999}\r\n", &["literal 18446744073709551615", "skip 26"]);
        // What is skipped is not read as commands, whichever literal it was.
        let script = "LOGOUT\r\n".repeat(12);
        for plus in ["", "+"] {
            check(
                &format!("P {{96{plus}}}\r\n{script}\r\nNOOP\r\n"),
                &["literal 96", &format!("skip {}", 106 + plus.len()), "NOOP\\r\\n"],
            );
        }
    }

    /// What a stranger may not send, whoever has logged in may; the framer is the same.
    #[test]
    fn limits_may_grow() {
        let stranger = Limits { line_bytes_max: 20, frame_bytes_max: 30 };
        let mut framer = Framer::new();
        let sasl = b"AUTHENTICATE {64}\r\n";
        assert_eq!(framer.next(sasl, &stranger), Frame::LiteralTooLong { size: 64 });
        assert_eq!(framer.next(sasl, &stranger), Frame::Skip { bytes: sasl.len() });
        let rest = [&[b'x'; 64][..], b"\r\n"].concat();
        assert_eq!(framer.next(&rest, &stranger), Frame::Skip { bytes: 64 });
        assert_eq!(framer.next(&rest[64..], &stranger), Frame::Skip { bytes: 2 });
        assert!(framer.is_fresh());
        let put = [b"P {64+}\r\n", &rest[..]].concat();
        assert_eq!(framer.next(&put, &LIMITS), Frame::Complete { bytes: put.len() });
        // Not one of these is kept, whatever they announce.
        for size in ["1073741824", "4294967296", "18446744073709551615", "99999999999999999999"] {
            let head = format!("P {{{size}+}}\r\n");
            let told = Framer::new().next(head.as_bytes(), &LIMITS);
            assert!(matches!(told, Frame::LiteralTooLong { size } if size >= 1 << 30), "{told:?}");
        }
    }

    #[test]
    fn lines_over_the_limit() {
        let long = "x".repeat(40);
        check(&format!("{long}\r\nN\r\n"), &["too long", "skip 42", "N\\r\\n"]);
        for head in ["{8+}", "{8}"] {
            check(
                &format!("{long} {head}\r\nLOGOUT\r\n\r\nN\r\n"),
                &["too long", &format!("skip {}", 53 + head.len()), "N\\r\\n"],
            );
        }
    }
}
