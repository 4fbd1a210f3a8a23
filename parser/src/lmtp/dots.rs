//! The dots of DATA, undone as the bytes come.

use alloc::vec::Vec;

use memchr::memmem;

/// Where the unstuffer stands between two slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Behind CRLF, or before the first byte.
    #[default]
    LineStart,
    /// Behind a dot that stood at a line's start; it has not been written.
    Dot,
    /// Behind such a dot and a CR; neither has been written.
    DotCr,
    /// Inside a line.
    Line,
    /// Inside a line, behind a CR (written).
    Cr,
    /// Behind the end.
    Ended,
}

/// Undoes the dots of DATA (RFC 5321 §4.5.2) as the bytes come, at whatever splits.
///
/// A line is what CRLF ends: a dot behind a bare LF or CR is data, and only `CRLF.CRLF` (or
/// `.CRLF` as the very first bytes) is the end (pitfall 141). All other bytes pass as they are.
#[derive(Clone, Debug, Default)]
pub struct DotStream {
    at: At,
}

/// What [`DotStream::feed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "bytes that are not consumed are commands, not mail"]
pub struct Fed {
    /// Bytes of the input that belong to the message; less than all only at the end.
    pub consumed: usize,
    /// The end was seen: what follows is the next command.
    pub ended: bool,
}

impl DotStream {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self { at: At::LineStart }
    }

    /// Appends the message bytes of `input` to `out`. Behind the end it consumes nothing.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Fed {
        let mut rest = input;
        while let Some((&byte, tail)) = rest.split_first() {
            let (at, taken) = match (self.at, byte) {
                (At::Line, _) => {
                    rest = self.run(rest, out);
                    continue;
                }
                (At::Ended, _) => break,
                (At::LineStart, b'.') => (At::Dot, true),
                (At::Dot, b'\r') => (At::DotCr, true),
                (At::DotCr, b'\n') => (At::Ended, true),
                (At::DotCr, _) => {
                    // More than a dot on the line: the dot goes (RFC 5321 §4.5.2), the CR is data.
                    out.push(b'\r');
                    (At::Cr, false)
                }
                (At::LineStart | At::Cr, b'\r') => {
                    out.push(b'\r');
                    (At::Cr, true)
                }
                (At::Cr, b'\n') => {
                    out.push(b'\n');
                    (At::LineStart, true)
                }
                (At::LineStart | At::Dot | At::Cr, _) => (At::Line, false),
            };
            self.at = at;
            if taken {
                rest = tail;
            }
        }
        Fed { consumed: input.len().saturating_sub(rest.len()), ended: self.at == At::Ended }
    }

    /// Copies from inside a line up to the next `CRLF` that a dot follows, or all.
    fn run<'a>(&mut self, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let end = memmem::find(rest, b"\r\n.").map_or(rest.len(), |at| at.saturating_add(2));
        let (data, rest) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        out.extend_from_slice(data);
        self.at = match data {
            [.., b'\r', b'\n'] => At::LineStart,
            [.., b'\r'] => At::Cr,
            _ => At::Line,
        };
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec;

    /// `input` is fed at every pair of splits; `want` is the message, `left` what follows its end.
    #[track_caller]
    fn dots(input: &[u8], want: &[u8], left: Option<&[u8]>) {
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let mut stream = DotStream::new();
                let mut out = vec![];
                let (mut consumed, mut ended) = (0, false);
                for slice in [&input[..first], &input[first..second], &input[second..]] {
                    let fed = stream.feed(slice, &mut out);
                    assert!(fed.ended || fed.consumed == slice.len());
                    consumed += fed.consumed;
                    ended = fed.ended;
                }
                let shown = String::from_utf8_lossy(input);
                assert_eq!(out.escape_ascii().to_string(), want.escape_ascii().to_string());
                assert_eq!(ended.then(|| &input[consumed..]), left, "{shown:?} {first} {second}");
            }
        }
    }

    #[test] // RFC 5321 §4.5.2
    fn dots_at_every_split() {
        dots(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", Some(b"QUIT\r\n"));
        dots(b".\r\n", b"", Some(b""));
        dots(b"..\r\n...x\r\n.y\r\n.\r\n", b".\r\n..x\r\ny\r\n", Some(b""));
        dots(b"a.b\r\n\r\n.\r\n.", b"a.b\r\n\r\n", Some(b"."));
        dots(b"a\r\n.\r", b"a\r\n", None);
        dots(b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", Some(b""));
        dots(b"a\r\r\n.\r\n", b"a\r\r\n", Some(b""));
        dots(b"\r\n.\r\n.\r\n", b"\r\n", Some(b".\r\n"));
        dots(b"\0\xff\r\n.\r\n", b"\0\xff\r\n", Some(b""));
    }

    #[test] // pitfall 141
    fn only_crlf_dot_crlf_ends() {
        for inside in ["a\n.\n", "a\n.\r\n", "a\r.\r", "a\r.\r\n", "a\n\r.\n\r", ".\na"] {
            let input = [inside.as_bytes(), b"\r\n.\r\n"].concat();
            let data = inside.strip_prefix('.').unwrap_or(inside);
            dots(&input, &[data.as_bytes(), b"\r\n"].concat(), Some(b""));
        }
        dots(b"a\r\n.\nb\r\n.\rc\r\n.\r\n", b"a\r\n\nb\r\n\rc\r\n", Some(b""));
    }
}
