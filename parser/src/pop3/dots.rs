//! The dots of what RETR and TOP answer.

use alloc::vec::Vec;

use memchr::memmem;

use crate::steps;

/// How the bytes written so far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tail {
    /// With CRLF, or there are none.
    #[default]
    Crlf,
    /// With a bare LF.
    Lf,
    /// With a CR.
    Cr,
    /// Inside a line.
    Line,
}

/// What of the message is still to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Want {
    /// All: RETR.
    #[default]
    All,
    /// The header and then so many lines: TOP. `blank` while the line at hand has only CRs.
    Header { blank: bool, lines: u64 },
    /// So many lines more, at least one.
    Body { lines: u64 },
    /// Nothing.
    Enough,
}

/// Writes a message as the answer to RETR or TOP, as its bytes come, at whatever splits.
///
/// Every byte passes as it is, so that the size of LIST is what RETR sends (RFC 1939 §11, pitfall
/// 120); only dots at the start of a line are doubled, and [`finish`](Self::finish) ends the last
/// line if the message does not.
#[derive(Clone, Debug, Default)]
pub struct DotWriter {
    tail: Tail,
    want: Want,
}

impl DotWriter {
    /// For RETR (RFC 1939 §5).
    pub const fn retr() -> Self {
        Self { tail: Tail::Crlf, want: Want::All }
    }

    /// For TOP (RFC 1939 §7): the header, the blank line, and this many lines of the body.
    pub const fn top(lines: u64) -> Self {
        Self { tail: Tail::Crlf, want: Want::Header { blank: true, lines } }
    }

    /// False once TOP has all its lines: the rest of the message need not be read.
    pub fn wants_more(&self) -> bool {
        self.want != Want::Enough
    }

    /// Appends the next bytes of the message to `out`.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let wanted = self.wanted(input);
        self.stuff(input.get(..wanted).unwrap_or_default(), out);
    }

    /// Ends the answer: `"." CRLF` (RFC 1939 §3) on a line of its own.
    ///
    /// What ends in a bare LF gets a CRLF too: a client that reads by the letter sees no end else.
    pub fn finish(self, out: &mut Vec<u8>) {
        let end: &[u8] = if self.tail == Tail::Crlf { b".\r\n" } else { b"\r\n.\r\n" };
        out.extend_from_slice(end);
    }

    /// How many bytes of `input` the answer still takes. A bare LF ends a line, too.
    fn wanted(&mut self, input: &[u8]) -> usize {
        let mut taken = 0usize;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let found = match self.want {
                Want::All => None,
                Want::Enough => return taken,
                Want::Header { .. } | Want::Body { .. } => steps::find(b'\n', rest),
            };
            let line = found.and_then(|at| rest.get(..at)).unwrap_or(rest);
            if let Want::Header { blank, .. } = &mut self.want {
                *blank = *blank && line.iter().all(|byte| *byte == b'\r');
            }
            let Some(found) = found else { return input.len() };
            taken = taken.saturating_add(found).saturating_add(1);
            self.want = match self.want {
                Want::Header { blank: true, lines: 0 } | Want::Body { lines: 0 | 1 } => {
                    Want::Enough
                }
                Want::Header { blank: true, lines } => Want::Body { lines },
                Want::Header { blank: false, lines } => Want::Header { blank: true, lines },
                Want::Body { lines } => Want::Body { lines: lines.saturating_sub(1) },
                want => want,
            };
        }
    }

    /// Copies, with a second dot before each that starts a line (RFC 1939 §3).
    ///
    /// Deviation: a line starts behind a bare LF as well, because many clients end a line there,
    /// and would take what follows a lone dot for our next answer.
    fn stuff(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if matches!(self.tail, Tail::Crlf | Tail::Lf) && data.first() == Some(&b'.') {
            out.push(b'.');
        }
        let mut rest = data;
        while let Some(found) = memmem::find(rest, b"\n.") {
            let (line, next) = rest.split_at_checked(found.saturating_add(1)).unwrap_or_default();
            out.extend_from_slice(line);
            out.push(b'.');
            rest = next;
        }
        out.extend_from_slice(rest);
        self.tail = match (self.tail, data) {
            (tail, []) => tail,
            (Tail::Cr, [b'\n']) | (_, [.., b'\r', b'\n']) => Tail::Crlf,
            (_, [.., b'\n']) => Tail::Lf,
            (_, [.., b'\r']) => Tail::Cr,
            _ => Tail::Line,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    #[track_caller]
    fn dots(message: &str, top: Option<u64>, want: &str) {
        let input = message.as_bytes();
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let mut writer = top.map_or(DotWriter::retr(), DotWriter::top);
                let mut out = vec![];
                for slice in [&input[..first], &input[first..second], &input[second..]] {
                    writer.feed(slice, &mut out);
                }
                writer.finish(&mut out);
                let out = String::from_utf8(out).unwrap();
                assert_eq!(out, want, "{message:?} {top:?} {first} {second}");
            }
        }
    }

    #[test] // pitfall 120
    fn dots_at_every_split() {
        dots("", None, ".\r\n");
        dots("a\r\n", None, "a\r\n.\r\n");
        dots("a", None, "a\r\n.\r\n"); // no final CRLF
        dots("a\r", None, "a\r\r\n.\r\n");
        dots("a\n", None, "a\n\r\n.\r\n");
        dots(".", None, "..\r\n.\r\n");
        dots(".\r\n..\r\n.x\r\n", None, "..\r\n...\r\n..x\r\n.\r\n");
        dots("a.b.\r\n .\r\n", None, "a.b.\r\n .\r\n.\r\n");
        dots("a\n.\nb\n.c", None, "a\n..\nb\n..c\r\n.\r\n"); // bare LFs
        dots("a\r.\rb\r\n", None, "a\r.\rb\r\n.\r\n"); // a bare CR ends no line
        dots("\r\n", None, "\r\n.\r\n");
    }

    #[test] // pitfall 120
    fn top_counts_lines_of_the_body() {
        let message = "A: b\r\nC: d\r\n\r\n1\r\n.2\r\n3";
        dots(message, Some(0), "A: b\r\nC: d\r\n\r\n.\r\n");
        dots(message, Some(1), "A: b\r\nC: d\r\n\r\n1\r\n.\r\n");
        dots(message, Some(2), "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n.\r\n");
        let all = "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n3\r\n.\r\n";
        dots(message, Some(3), all);
        dots(message, Some(u64::MAX), all);
        dots("A: b\n\n1\n\n2\n", Some(2), "A: b\n\n1\n\n\r\n.\r\n");
        dots("A: b\n\n1\n\n2\n", Some(0), "A: b\n\n\r\n.\r\n");
        dots("\r\n1\r\n2\r\n", Some(1), "\r\n1\r\n.\r\n"); // no header
        dots("A: b\r\nC", Some(5), "A: b\r\nC\r\n.\r\n"); // no body
        dots("", Some(5), ".\r\n");
    }

    #[test]
    fn top_says_when_it_has_enough() {
        let mut writer = DotWriter::top(1);
        let mut out = vec![];
        writer.feed(b"A: b\r\n\r\n1\r", &mut out);
        assert!(writer.wants_more());
        writer.feed(b"\n2\r\n", &mut out);
        assert!(!writer.wants_more());
        assert_eq!(out, b"A: b\r\n\r\n1\r\n");
    }
}
