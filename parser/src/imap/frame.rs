//! Framing: where a command ends, told before any of its grammar is read.
//!
//! The rule: a limit is checked before bytes are waited for, so nothing a peer announces is ever
//! kept or allocated; and where the network cut the stream never changes what is framed.
//!
//! A session hands all unconsumed input to [`Framer::next`] and does what the [`Frame`] says:
//!
//! - `Complete`: parse `input[..bytes]`, consume it. The framer is ready for the next command.
//! - `Literal`: the command so far is `input[..head_bytes]`. Do one of
//!   [`accept_literal`](Framer::accept_literal) (it becomes part of the frame; answer `+` first if
//!   it is synchronizing), [`refuse_literal`](Framer::refuse_literal) (answer the tag; what the
//!   client sends anyway is skipped), or consume `head_bytes`, [`reset`](Framer::reset), and take
//!   `size` bytes of the stream yourself, after which the rest of the command comes as a frame of
//!   its own. It may end with a literal again, and so on: that is how APPEND takes any number of
//!   messages and parts ([`AppendPieces`](super::AppendPieces)). The limits then hold for each piece.
//! - `TooLong`: answer `BAD` with [`tag_of`](super::tag_of) the input, and call `next` again.
//! - `Skip`: consume these bytes of a refused command and call `next` again. Normal frames follow
//!   by themselves.

use super::command::Literal;
use super::number::digits;
use crate::cursor::Cursor;
use crate::steps;

/// Bytes of the longest literal head that is looked for, line end included. Leading zeros are
/// legal (RFC 9051 §9 `number64`), but not without end.
const LITERAL_HEAD_BYTES_MAX: usize = 64;

/// What a peer may send at this time. A session may pass other limits with each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line, its end included.
    pub line_bytes_max: usize,
    /// Bytes of one command: its lines and the literals that were accepted into it.
    pub frame_bytes_max: usize,
}

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a frame that is not acted upon stalls the connection"]
pub enum Frame {
    /// Neither a whole line nor too much: wait for more input.
    Incomplete,
    /// A whole command, contiguous, its line end included.
    Complete {
        /// Bytes from the start of the input.
        bytes: usize,
    },
    /// A line ended with a literal head. Told again at each call until it is acted upon.
    Literal {
        /// Bytes from the start of the input up to the literal's first byte.
        head_bytes: usize,
        /// What was announced.
        literal: Literal,
    },
    /// The line, or the command, is over its limit. Told once; the rest of the command is skipped.
    TooLong,
    /// Bytes of a refused command, never 0: consume them unread.
    Skip {
        /// Bytes from the start of the input.
        bytes: usize,
    },
}

/// Finds frames in a stream that grows at its end and is consumed at its front.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    /// Where the line at hand starts; what is before it has been framed or is a literal.
    line_start: usize,
    /// Bytes, from the start of the input, known to hold no end of the line at hand.
    scanned: usize,
    state: State,
    literals: Literals,
}

/// Whether a client sends a literal that was refused.
#[derive(Clone, Copy, Debug, Default)]
enum Literals {
    /// Not if it is synchronizing: then it waits for `+` (RFC 9051 §4.3).
    #[default]
    Awaited,
    /// Always: there is nothing to wait for.
    Unasked,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// In a line of a command.
    #[default]
    Line,
    /// A literal was announced and nothing decided yet.
    Announced { head_bytes: usize, literal: Literal, fits: bool },
    /// A literal was refused; its head is still in the input.
    Refused { head_bytes: usize, literal: Literal },
    /// In a line that nobody wants.
    SkipLine,
    /// In a literal that nobody wants; its line goes on after it.
    SkipLiteral { bytes_left: u64 },
}

impl Framer {
    /// One that stands at the start of a command.
    pub const fn new() -> Self {
        Self { line_start: 0, scanned: 0, state: State::Line, literals: Literals::Awaited }
    }

    /// Likewise, for a protocol whose literals all come unasked (RFC 5804 §4).
    pub(crate) const fn unasked() -> Self {
        Self { literals: Literals::Unasked, ..Self::new() }
    }

    /// Forgets the command at hand: the next input starts a new line.
    pub const fn reset(&mut self) {
        *self = Self { literals: self.literals, ..Self::new() };
    }

    /// True at the start of a command, with nothing left to skip.
    pub const fn is_fresh(&self) -> bool {
        self.scanned == 0 && matches!(self.state, State::Line)
    }

    /// Looks at `input`: all bytes not yet consumed, so at least what was there at the last call.
    ///
    /// Work is linear in the stream: no byte is scanned twice, however it was cut.
    pub fn next(&mut self, input: &[u8], limits: &Limits) -> Frame {
        match self.state {
            State::Line => self.line(input, limits),
            State::Announced { head_bytes, literal, .. } => Frame::Literal { head_bytes, literal },
            State::Refused { head_bytes, literal } => {
                self.skip_literal(literal);
                Frame::Skip { bytes: head_bytes }
            }
            State::SkipLine => self.skip_line(input),
            State::SkipLiteral { bytes_left } => self.skip_literal_bytes(input, bytes_left),
        }
    }

    /// Makes the announced literal part of the frame. False, and nothing happens, if there is none
    /// or if it would not fit: then refuse it or take it as a stream.
    #[must_use = "a literal that does not fit must be refused"]
    pub const fn accept_literal(&mut self) -> bool {
        let State::Announced { head_bytes, literal, fits: true } = self.state else {
            return false;
        };
        let Some(end) = literal_end(head_bytes, literal) else { return false };
        *self = Self { line_start: end, scanned: end, state: State::Line, ..*self };
        true
    }

    /// Drops the command: its head and, if the client does not wait for us, its literals and the
    /// lines after them come as [`Frame::Skip`] (RFC 7888 §4, choice 1).
    pub const fn refuse_literal(&mut self) {
        if let State::Announced { head_bytes, literal, .. } = self.state {
            self.state = State::Refused { head_bytes, literal };
        }
    }

    fn line(&mut self, input: &[u8], limits: &Limits) -> Frame {
        let room = self.line_start.saturating_add(limits.line_bytes_max);
        let room = room.min(limits.frame_bytes_max);
        let seen = input.len().min(room);
        let new = input.get(self.scanned..seen).unwrap_or_default();
        let Some(found) = steps::find_near(b'\n', new) else {
            self.scanned = self.scanned.max(seen);
            if input.len() < room {
                return Frame::Incomplete;
            }
            self.state = State::SkipLine;
            return Frame::TooLong;
        };
        // A place in the input: it cannot wrap.
        let end = self.scanned.wrapping_add(found).wrapping_add(1);
        // Most lines are ruled out by one byte, for a third of what looking closer costs.
        if may_end_in_literal_head(input.get(..end).unwrap_or_default())
            && let Some(literal) = literal_head(input.get(self.line_start..end).unwrap_or_default())
        {
            // After the literal at least the end of the line must come.
            let fits =
                matches!(literal_end(end, literal), Some(end) if end < limits.frame_bytes_max);
            self.state = State::Announced { head_bytes: end, literal, fits };
            return Frame::Literal { head_bytes: end, literal };
        }
        (self.line_start, self.scanned) = (0, 0);
        Frame::Complete { bytes: end }
    }

    /// Skips to the end of the line, keeping back what may turn out to be a literal head: a client
    /// that does not wait sends the literal too, and it must not be taken for commands.
    fn skip_line(&mut self, input: &[u8]) -> Frame {
        let new = input.get(self.scanned..).unwrap_or_default();
        if let Some(found) = steps::find(b'\n', new) {
            let end = self.scanned.saturating_add(found).saturating_add(1);
            match literal_head(input.get(self.line_start..end).unwrap_or_default()) {
                Some(literal) => self.skip_literal(literal),
                None => self.reset(),
            }
            return Frame::Skip { bytes: end };
        }
        let bytes = input.len().saturating_sub(LITERAL_HEAD_BYTES_MAX);
        self.scanned = input.len().max(self.scanned).saturating_sub(bytes);
        self.line_start = self.line_start.saturating_sub(bytes);
        if bytes == 0 { Frame::Incomplete } else { Frame::Skip { bytes } }
    }

    /// A client that waits for `+` will not send the literal after our refusal; others will.
    const fn skip_literal(&mut self, literal: Literal) {
        self.reset();
        if !literal.synchronizing || matches!(self.literals, Literals::Unasked) {
            self.state = State::SkipLiteral { bytes_left: literal.size };
        }
    }

    fn skip_literal_bytes(&mut self, input: &[u8], bytes_left: u64) -> Frame {
        // A literal larger than the address space is larger than the input.
        let bytes = usize::try_from(bytes_left).unwrap_or(usize::MAX).min(input.len());
        let taken = u64::try_from(bytes).unwrap_or(bytes_left);
        let bytes_left = bytes_left.saturating_sub(taken);
        self.state =
            if bytes_left == 0 { State::SkipLine } else { State::SkipLiteral { bytes_left } };
        match (bytes, bytes_left) {
            (0, 0) => self.skip_line(input),
            (0, _) => Frame::Incomplete,
            _ => Frame::Skip { bytes },
        }
    }
}

/// Where a literal that starts at `head_bytes` ends; `None` beyond the address space.
const fn literal_end(head_bytes: usize, literal: Literal) -> Option<usize> {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "checked against usize::MAX; try_from is not const"
    )]
    let size = if literal.size <= usize::MAX as u64 { literal.size as usize } else { return None };
    head_bytes.checked_add(size)
}

/// Never so if the last line does not end in `}`.
#[inline]
const fn may_end_in_literal_head(line: &[u8]) -> bool {
    matches!(line, [.., b'}', b'\n'] | [.., b'}', b'\r', b'\n'])
}

/// The literal head at the very end of a line: `"{" number64 ["+"] "}"` (RFC 9051 §9, RFC 7888 §8)
/// or `"~{" number64 ["+"] "}"` (RFC 3516 §6, RFC 4466 §6), then CRLF or a bare LF.
///
/// A number beyond 64 bits is reported as the largest one, which no limit admits.
pub fn literal_head(line: &[u8]) -> Option<Literal> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let open = line.strip_suffix(b"}")?;
    let (open, synchronizing) = match open.strip_suffix(b"+") {
        Some(open) => (open, false),
        None => (open, true),
    };
    let tail = open.get(open.len().saturating_sub(LITERAL_HEAD_BYTES_MAX - 8)..)?;
    steps::took(tail.len());
    let brace = tail.iter().rposition(|&byte| byte == b'{')?;
    let (before, number) = tail.split_at_checked(brace)?;
    let number = number.strip_prefix(b"{")?;
    let (size, len) = digits(Cursor::new(number));
    if len == 0 || len < number.len() {
        return None;
    }
    Some(Literal { size, synchronizing, binary: before.last() == Some(&b'~') })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::at_every_split;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    const LIMITS: Limits = Limits { line_bytes_max: 100, frame_bytes_max: 200 };

    /// Feeds `input`, cut at `cuts`, as a session would, accepting what fits and refusing the rest.
    /// One text per event; skipped bytes are summed, since only their sum is promised.
    fn frames(input: &[u8], cuts: &[usize], limits: Limits) -> Vec<String> {
        let mut told = Vec::new();
        let (mut framer, mut consumed, mut skipped) = (Framer::new(), 0, 0);
        for &end in cuts.iter().chain([&input.len()]) {
            loop {
                let rest = &input[consumed..end];
                let frame = framer.next(rest, &limits);
                if skipped > 0 && !matches!(frame, Frame::Skip { .. } | Frame::Incomplete) {
                    told.push(format!("skip {skipped}"));
                    skipped = 0;
                }
                match frame {
                    Frame::Incomplete => break,
                    Frame::Complete { bytes } => {
                        told.push(format!("\"{}\"", rest[..bytes].escape_ascii()));
                        consumed += bytes;
                    }
                    Frame::Literal { head_bytes, literal } => {
                        assert_eq!(frame, framer.next(rest, &limits), "told again");
                        let sign = if literal.synchronizing { "" } else { "+" };
                        let tilde = if literal.binary { "~" } else { "" };
                        let accepted = framer.accept_literal();
                        if !accepted {
                            framer.refuse_literal();
                        }
                        let verb = if accepted { "accept" } else { "refuse" };
                        told.push(format!(
                            "{verb} {tilde}{{{}{sign}}} at {head_bytes}",
                            literal.size
                        ));
                    }
                    Frame::TooLong => told.push("too long".to_string()),
                    Frame::Skip { bytes } => {
                        assert!(bytes > 0);
                        skipped += bytes;
                        consumed += bytes;
                    }
                }
            }
        }
        if skipped > 0 {
            told.push(format!("skip {skipped}"));
        }
        told
    }

    /// The same at every split in two, and byte by byte.
    #[track_caller]
    fn check(input: &str, want: &[&str]) {
        let input = input.as_bytes();
        at_every_split(input, want, |cuts| frames(input, cuts, LIMITS));
    }

    #[test]
    fn lines() {
        check("a NOOP\r\nb NOOP\r\nc NO", &["\"a NOOP\\r\\n\"", "\"b NOOP\\r\\n\""]);
        check("a NOOP\nb\r\n", &["\"a NOOP\\n\"", "\"b\\r\\n\""]); // a bare LF ends a line too
        check("\r\n\n", &["\"\\r\\n\"", "\"\\n\""]);
        check("a\rb\r\n", &["\"a\\rb\\r\\n\""]); // a bare CR does not
    }

    #[test]
    fn literals() {
        // pitfall 53
        check(
            "a LOGIN {2}\r\nme {3+}\r\nsec\r\nb NOOP\r\n",
            &[
                "accept {2} at 13",
                "accept {3+} at 22",
                "\"a LOGIN {2}\\r\\nme {3+}\\r\\nsec\\r\\n\"",
                "\"b NOOP\\r\\n\"",
            ],
        );
        // A literal may hold what looks like the end of a line, or like a literal.
        check("a {6}\r\nx{9}\r\n\r\n", &["accept {6} at 7", "\"a {6}\\r\\nx{9}\\r\\n\\r\\n\""]);
        check("a ~{1}\n\0\n", &["accept ~{1} at 7", "\"a ~{1}\\n\\x00\\n\""]);
        check("a ~{1+}\r\nx\r\n", &["accept ~{1+} at 9", "\"a ~{1+}\\r\\nx\\r\\n\""]);
        check("a {0}\r\n\r\n", &["accept {0} at 7", "\"a {0}\\r\\n\\r\\n\""]);
        check("a {007}\r\n1234567\r\n", &["accept {7} at 9", "\"a {007}\\r\\n1234567\\r\\n\""]);
        // Not literals: RFC 7888 §5 keeps `+` as the only mark.
        for line in ["{}", "{+}", "{1} ", "{1", "1}", "{1++}", "{1-}", "{-1}", "{ 1}", "{a}", "}"] {
            check(&format!("{line}\r\n"), &[&format!("\"{line}\\r\\n\"")]);
        }
    }

    /// pitfall 61: an announced size is refused before a byte of it is kept.
    #[test]
    fn literals_over_the_limit() {
        // The client that waits never sends it.
        check("a {200}\r\nb NOOP\r\n", &["refuse {200} at 9", "skip 9", "\"b NOOP\\r\\n\""]);
        // The one that does not wait does, with the rest of its line and further literals.
        check("a {192+}\r\n", &["refuse {192+} at 10", "skip 10"]);
        let literal = "x\r\n".repeat(67);
        check(
            &format!("a {{201+}}\r\n{literal} {{2+}}\r\nxx {{4}}\r\nb NOOP\r\n"),
            &["refuse {201+} at 10", "skip 226", "\"b NOOP\\r\\n\""],
        );
        check(
            "a {18446744073709551616}\r\nb\r\n",
            &["refuse {18446744073709551615} at 26", "skip 26", "\"b\\r\\n\""],
        );
        check(
            "a {99999999999999999999+}\r\nb\r\n",
            &["refuse {18446744073709551615+} at 27", "skip 30"],
        );
        // 189 bytes end at 199 of 200: the one byte left is the bare LF.
        let exactly = format!("a {{189}}\r\n{}\n", "x".repeat(189));
        let exact = exactly.replace("\r\n", "\\r\\n").replace("x\n", "x\\n");
        check(&exactly, &["accept {189} at 9", &format!("\"{exact}\"")]);
    }

    #[test]
    fn lines_over_the_limit() {
        let long = "x".repeat(98);
        check(&format!("{long}\r\nb\r\n"), &[&format!("\"{long}\\r\\n\""), "\"b\\r\\n\""]);
        check(&format!("{long}x\r\nb\r\n"), &["too long", "skip 101", "\"b\\r\\n\""]);
        check(&format!("{long}{long}{long}\nb\r\n"), &["too long", "skip 295", "\"b\\r\\n\""]);
        // A literal at the end of a long line is skipped if it comes unasked.
        check(
            &format!("{long}{long} {{3+}}\r\nb\r\n\r\nc\r\n"),
            &["too long", "skip 208", "\"c\\r\\n\""],
        );
        check(&format!("{long}{long} {{3}}\r\nb\r\n"), &["too long", "skip 202", "\"b\\r\\n\""]);
        check(
            &format!("{long}{long} {{0+}}\r\nb\r\nc\r\n"),
            &["too long", "skip 206", "\"c\\r\\n\""],
        );
        // Short lines, but a long command.
        let command = "a {50}\r\n".to_string() + &"y".repeat(50);
        let command = format!("{}{}{}{}", command, &command[1..], &command[1..], &command[1..]);
        check(
            &format!("{command}\r\nb\r\n"),
            &[
                "accept {50} at 8",
                "accept {50} at 65",
                "accept {50} at 122",
                "refuse {50} at 179",
                "skip 179",
                // The fourth literal had to be waited for; this client did not wait.
                &format!("\"{}\\r\\n\"", "y".repeat(50)),
                "\"b\\r\\n\"",
            ],
        );
    }

    #[test]
    fn a_literal_taken_as_a_stream() {
        let mut framer = Framer::new();
        let input = b"a APPEND x {5}\r\nhello\r\nb NOOP\r\n";
        let Frame::Literal { head_bytes, literal } = framer.next(&input[..], &LIMITS) else {
            panic!("a literal stands there");
        };
        assert_eq!((head_bytes, literal.size), (16, 5));
        framer.reset();
        assert!(framer.is_fresh());
        let rest = &input[21..];
        assert_eq!(framer.next(rest, &LIMITS), Frame::Complete { bytes: 2 });
        assert_eq!(framer.next(&rest[2..], &LIMITS), Frame::Complete { bytes: 8 });
        assert_eq!(framer.next(b"", &LIMITS), Frame::Incomplete);
        assert!(!framer.accept_literal(), "none is announced");
    }

    /// No byte is scanned twice: a line fed byte by byte costs what it costs in one piece.
    #[test]
    fn scanning_is_incremental() {
        let mut framer = Framer::new();
        let line = [b'x'; 90];
        for end in 1..line.len() {
            assert_eq!(framer.next(&line[..end], &LIMITS), Frame::Incomplete);
            assert_eq!(framer.scanned, end);
        }
    }
}
