//! Replies: written by a server, framed and read by a client (RFC 5321 §4.2).
//!
//! What is written is right whatever the text holds: it cannot end early, carry a second reply, or
//! say another status than its code. What is read is bounded before it is kept.

use alloc::vec::Vec;
use core::fmt;

use crate::cursor::Cursor;
use crate::steps;

/// Bytes of one line of a reply, its end included (RFC 5321 §4.5.3.1.5).
pub const REPLY_LINE_BYTES_MAX: usize = 512;

/// `Reply-code = %x32-35 %x30-35 %x30-39` — RFC 5321 §4.2.
///
/// Deviation: any second digit is taken, for a client goes by the first (§4.2), and there are servers
/// that say 571.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    /// Three digits that are a code.
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 200 && code < 600 { Some(Self(code)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What became of the command, which is all that a client is to go by (RFC 5321 §4.2.1).
    pub const fn outcome(self) -> Outcome {
        match self.0 / 100 {
            2 => Outcome::Done,
            3 => Outcome::GoOn,
            4 => Outcome::NotNow,
            _ => Outcome::Never,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first digit of a code (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 2yz
    Done,
    /// 3yz: send the rest.
    GoOn,
    /// 4yz: the same again may succeed later.
    NotNow,
    /// 5yz: the same again will not succeed.
    Never,
}

/// `subject "." detail` of an enhanced status code (RFC 3463 §2). Its class is the code's first
/// digit, for they "must agree" (RFC 2034 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    subject: u16,
    detail: u16,
}

impl Status {
    /// Numbers of at most three digits.
    pub const fn new(subject: u16, detail: u16) -> Option<Self> {
        if subject < 1_000 && detail < 1_000 { Some(Self { subject, detail }) } else { None }
    }

    /// What it is about (RFC 3463 §2).
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// What of it (RFC 3463 §3).
    pub const fn detail(self) -> u16 {
        self.detail
    }
}

/// Appends a reply: a line for each line of `text`, or more where one is longer than
/// [`REPLY_LINE_BYTES_MAX`] lets it be.
///
/// The status is on each line (RFC 2034 §4); codes of 3yz have none. What `textstring` (RFC 5321
/// §4.2) does not allow, control characters and all that is not ASCII, becomes `?`.
pub fn write_reply(out: &mut Vec<u8>, code: Code, status: Option<Status>, text: &str) {
    let status = status.filter(|_| code.outcome() != Outcome::GoOn);
    let mut lines = text.lines().flat_map(pieces).peekable();
    if lines.peek().is_none() {
        line(out, code, b' ', status, "");
    }
    while let Some(text) = lines.next() {
        let between = if lines.peek().is_some() { b'-' } else { b' ' };
        line(out, code, between, status, text);
    }
}

/// A line in pieces that fit, cut at spaces where there are some.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    /// Without code, status and CRLF; a character counts as one byte, for it becomes one.
    const ROOM: usize = REPLY_LINE_BYTES_MAX - "250-2.999.999 ".len() - "\r\n".len();
    let mut rest = Some(line);
    core::iter::from_fn(move || {
        let line = rest?;
        let Some((end, _)) = line.char_indices().nth(ROOM) else {
            rest = None;
            return Some(line);
        };
        let (head, _) = line.split_at_checked(end)?;
        let end = head.rfind(' ').filter(|at| *at > 0).unwrap_or(end);
        let (piece, tail) = line.split_at_checked(end)?;
        rest = Some(tail.strip_prefix(' ').unwrap_or(tail));
        Some(piece)
    })
}

fn line(out: &mut Vec<u8>, code: Code, between: u8, status: Option<Status>, text: &str) {
    number(out, code.0);
    out.push(between);
    if let Some(Status { subject, detail }) = status {
        number(out, code.0 / 100);
        out.push(b'.');
        number(out, subject);
        out.push(b'.');
        number(out, detail);
        out.push(b' ');
    }
    let is_textstring = |c: char| c == '\t' || c == ' ' || c.is_ascii_graphic();
    let bytes = text.chars().map(|c| u8::try_from(c).ok().filter(|_| is_textstring(c)));
    out.extend(bytes.map(|byte| byte.unwrap_or(b'?')));
    out.extend_from_slice(b"\r\n");
}

fn number(out: &mut Vec<u8>, number: u16) {
    crate::imap::write::number(out, u64::from(number));
}

/// What stands at the front of what a server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a reply that is not acted upon stalls the connection"]
pub enum ReplyFrame {
    /// Not a whole reply: wait for more.
    Incomplete,
    /// A whole reply, for [`Reply::parse`].
    Complete {
        /// Bytes from the start of the input.
        bytes: usize,
    },
    /// There are as many bytes as allowed, and no end. Nothing sensible can follow.
    TooLong,
}

/// Finds replies in a stream that grows at its end and is consumed at its front.
#[derive(Clone, Debug, Default)]
pub struct ReplyFramer {
    /// Where the line at hand starts.
    line_start: usize,
    /// Bytes known to hold no end of that line.
    scanned: usize,
}

impl ReplyFramer {
    /// One that stands at the start of a reply.
    pub const fn new() -> Self {
        Self { line_start: 0, scanned: 0 }
    }

    /// Looks at `input`: all bytes not yet consumed, so at least what was there at the last call.
    /// No byte is scanned twice. A reply of `bytes_max` bytes, all its lines together, is allowed.
    pub fn next(&mut self, input: &[u8], bytes_max: usize) -> ReplyFrame {
        let room = input.len().min(bytes_max);
        while let Some(found) =
            input.get(self.scanned..room).and_then(|new| steps::find(b'\n', new))
        {
            let end = self.scanned.saturating_add(found).saturating_add(1);
            let line = input.get(self.line_start..end).unwrap_or_default();
            if line.get(3) != Some(&b'-') {
                *self = Self::new();
                return ReplyFrame::Complete { bytes: end };
            }
            *self = Self { line_start: end, scanned: end };
        }
        self.scanned = self.scanned.max(room);
        if input.len() < bytes_max { ReplyFrame::Incomplete } else { ReplyFrame::TooLong }
    }
}

/// One reply of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The code that is on all of its lines.
    pub code: Code,
    /// The status that is on all of its lines.
    pub status: Option<Status>,
    lines: &'a [u8],
}

impl<'a> Reply<'a> {
    /// `Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF` —
    /// RFC 5321 §4.2; a whole frame. `None` if it is not that: then the server speaks something
    /// else.
    ///
    /// A line may end in a bare LF, and its text may be any bytes.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let mut rest = frame.strip_suffix(b"\n")?.split(|byte| *byte == b'\n').peekable();
        let (code, status) = head(rest.peek()?)?;
        let mut reply = Self { code, status, lines: frame };
        while let Some(line) = rest.next() {
            let (other, status) = head(line)?;
            let goes_on = line.get(3) == Some(&b'-');
            if other != code || goes_on != rest.peek().is_some() {
                return None;
            }
            if reply.status != status {
                reply.status = None; // what looks like one on some lines is text
            }
        }
        Some(reply)
    }

    /// The text of each line, without code and status.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let has_status = self.status.is_some();
        let lines = self.lines.strip_suffix(b"\n").unwrap_or(self.lines);
        lines.split(|byte| *byte == b'\n').map(move |line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let text = line.get(4..).unwrap_or_default();
            let mut cursor = Cursor::new(text);
            if has_status && status(&mut cursor).is_some() { cursor.rest() } else { text }
        })
    }
}

/// Code and status of a line without its LF.
fn head(line: &[u8]) -> Option<(Code, Option<Status>)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(rest, [] | [b' ' | b'-', ..]) {
        return None;
    }
    let code = core::str::from_utf8(digits).ok()?.parse().ok().and_then(Code::new)?;
    let mut cursor = Cursor::new(rest.get(1..).unwrap_or_default());
    let found = status(&mut cursor).filter(|(class, _)| *class == code.0 / 100);
    Some((code, found.map(|(_, status)| status).filter(|_| code.outcome() != Outcome::GoOn)))
}

/// `status-code = class "." subject "." detail` — RFC 3463 §2, and the space behind it, if there is
/// text.
fn status(cursor: &mut Cursor<'_>) -> Option<(u16, Status)> {
    let mut part = || {
        let digits = cursor.take_while(|byte| byte.is_ascii_digit());
        let plain = digits == b"0" || !digits.starts_with(b"0"); // "without leading zero digits"
        let number: u16 = core::str::from_utf8(digits).ok()?.parse().ok()?;
        (plain && number < 1_000).then_some((number, cursor.eat(b'.')))
    };
    let ((class, true), (subject, true), (detail, false)) = (part()?, part()?, part()?) else {
        return None;
    };
    let ends = cursor.eat(b' ') || cursor.is_empty();
    Some((class, Status::new(subject, detail).filter(|_| ends)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};

    #[track_caller]
    fn write(code: u16, status: Option<(u16, u16)>, text: &str, want: &str) {
        let mut out = Vec::new();
        let status = status.map(|(subject, detail)| Status::new(subject, detail).unwrap());
        write_reply(&mut out, Code::new(code).unwrap(), status, text);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, want);
        assert!(out.lines().all(|line| line.len() + 2 <= REPLY_LINE_BYTES_MAX));
        let reply = Reply::parse(out.as_bytes()).unwrap();
        assert_eq!((reply.code.get(), reply.status), (code, status.filter(|_| code / 100 != 3)));
    }

    #[test] // RFC 5321 §4.2, RFC 2034 §4
    fn written() {
        write(250, Some((1, 5)), "Recipient taken", "250 2.1.5 Recipient taken\r\n");
        write(551, Some((7, 1)), "a\nb", "551-5.7.1 a\r\n551 5.7.1 b\r\n");
        write(
            250,
            None,
            "mx\r\nPIPELINING\r\nSIZE 1\r\n",
            "250-mx\r\n250-PIPELINING\r\n250 SIZE 1\r\n",
        );
        write(354, Some((0, 0)), "Go on", "354 Go on\r\n");
        write(220, None, "", "220 \r\n");
        write(421, Some((3, 2)), "", "421 4.3.2 \r\n");
        write(250, None, "a\n\nb", "250-a\r\n250-\r\n250 b\r\n");
        // No reply within a reply.
        write(550, Some((1, 1)), "no\r250 OK\0\u{fc}", "550 5.1.1 no?250 OK??\r\n");
        write(550, None, "no\n250 yes", "550-no\r\n550 250 yes\r\n");
        let long = "x".repeat(600);
        let (head, tail) = long.split_at(496);
        write(250, None, &long, &format!("250-{head}\r\n250 {tail}\r\n"));
        let words = "word ".repeat(120);
        let mut out = Vec::new();
        write_reply(&mut out, Code::new(250).unwrap(), Status::new(999, 999), &words);
        let reply = Reply::parse(&out).unwrap();
        let again: Vec<&[u8]> = reply.lines().collect();
        assert_eq!(again.join(&b' '), words.as_bytes());
    }

    #[test]
    fn numbers() {
        for code in [199, 600, 0, 999] {
            assert_eq!(Code::new(code), None, "{code}");
        }
        assert_eq!(Status::new(1_000, 0), None);
        let outcome = |code| Code::new(code).unwrap().outcome();
        assert_eq!(outcome(259), Outcome::Done);
        assert_eq!(outcome(354), Outcome::GoOn);
        assert_eq!(outcome(452), Outcome::NotNow);
        assert_eq!(outcome(550), Outcome::Never);
        assert_eq!(outcome(571), Outcome::Never);
    }

    /// Code, status and lines of a reply.
    #[track_caller]
    fn read(frame: &str, want: &str) {
        let told = match Reply::parse(frame.as_bytes()) {
            Some(reply) => {
                let status = reply.status.map(|s| format!("{}.{}", s.subject(), s.detail()));
                let lines: Vec<_> = reply.lines().map(|l| l.escape_ascii().to_string()).collect();
                format!("{} {} {lines:?}", reply.code, status.unwrap_or_default())
            }
            None => "none".to_string(),
        };
        assert_eq!(told, want, "{frame:?}");
    }

    #[test]
    fn read_back() {
        read("250 OK\r\n", "250  [\"OK\"]");
        read("250\r\n", "250  [\"\"]"); // "clients MUST be prepared for it to be omitted"
        read("250 \n", "250  [\"\"]");
        read("250-a\r\n250-\r\n250\r\n", "250  [\"a\", \"\", \"\"]");
        read("250-234 x\r\n250 y\r\n", "250  [\"234 x\", \"y\"]");
        read("550 5.1.1 No\r\n", "550 1.1 [\"No\"]");
        read("550 5.1.1\r\n", "550 1.1 [\"\"]");
        read("551-5.7.1 a\r\n551 5.7.1 b\r\n", "551 7.1 [\"a\", \"b\"]");
        read("551-5.7.1 a\r\n551 5.7.2 b\r\n", "551  [\"5.7.1 a\", \"5.7.2 b\"]");
        read("551-5.7.1 a\r\n551 b\r\n", "551  [\"5.7.1 a\", \"b\"]");
        read("354 3.0.0 go\r\n", "354  [\"3.0.0 go\"]"); // RFC 2034 §4: none in 3yz
        for text in ["2.1.5 x", "5.01.1 x", "5.1.1000 x", "5.1 x", "5.1.1x", "5.1.1.1", "5..1 x"] {
            read(&format!("550 {text}\r\n"), &format!("550  [{text:?}]"));
        }
        for wrong in [
            "",
            "\r\n",
            "250 OK",
            "25 OK\r\n",
            "2500\r\n",
            "250_OK\r\n",
            "150 OK\r\n",
            "600 x\r\n",
            "250-a\r\n",
            "250-a\r\n251 b\r\n",
            "250 a\r\n250 b\r\n",
            "250-a\r\n\r\n",
            " 250 a\r\n",
            "HTTP/1.1 400\r\n",
            "\u{fc}\u{fc} x\r\n",
        ] {
            read(wrong, "none");
        }
    }

    #[test]
    fn frames_at_every_split() {
        let input = b"250-a\r\n250-b\n250 c\r\n354 go\r\n421-x\r\n";
        for cut in 0..=input.len() {
            let (mut framer, mut at, mut ends) = (ReplyFramer::new(), 0, Vec::new());
            for end in [cut, input.len()] {
                while let ReplyFrame::Complete { bytes } = framer.next(&input[at..end], 64) {
                    at += bytes;
                    ends.push(at);
                }
            }
            assert_eq!(ends, [20, 28], "cut at {cut}");
        }
        // A server that never ends costs what it is given.
        assert_eq!(ReplyFramer::new().next(b"250-a\r\n250-b\r\n", 14), ReplyFrame::TooLong);
        assert_eq!(ReplyFramer::new().next(b"250-a\r\n250-b\r\n", 15), ReplyFrame::Incomplete);
        assert_eq!(ReplyFramer::new().next(b"250 a\r\n", 7), ReplyFrame::Complete { bytes: 7 });
        assert_eq!(ReplyFramer::new().next(b"250 a\r\n", 6), ReplyFrame::TooLong);
    }
}
