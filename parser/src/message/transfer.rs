//! Transfer encodings (RFC 2045 §6) undone as the bytes come: base64 and quoted-printable.
//!
//! Tolerant: what is no base64 is skipped (§6.8), what is no `=XX` stays as it is (§6.7). Output is
//! never longer than input.

use alloc::vec::Vec;

use memchr::memchr2;

use crate::steps::took;

/// Values of base64 characters; 64 for padding, 255 for what is skipped.
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    let mut values = [255; 256];
    let mut index = 0_u8;
    let mut rest: &[u8] = alphabet;
    while let [byte, more @ ..] = rest {
        #[expect(
            clippy::indexing_slicing,
            clippy::as_conversions,
            reason = "evaluated by the compiler; a byte is always an index of 256"
        )]
        {
            values[*byte as usize] = index;
        }
        index = index.saturating_add(1);
        rest = more;
    }
    values
}

fn value(byte: u8) -> u8 {
    VALUES.get(usize::from(byte)).copied().unwrap_or(255)
}

/// Base64, at whatever splits.
#[derive(Clone, Debug, Default)]
pub struct Base64 {
    bits: u32,
    count: u8,
}

impl Base64 {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self { bits: 0, count: 0 }
    }

    /// Appends what `input` stands for.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        took(input.len());
        out.reserve(input.len().div_euclid(4).saturating_mul(3).saturating_add(3));
        let mut rest = input;
        while !rest.is_empty() {
            if self.count == 0 {
                rest = fours(rest, out);
            }
            let Some((&byte, tail)) = rest.split_first() else { break };
            rest = tail;
            match value(byte) {
                255 => {}
                64 => self.finish(out), // what follows padding is another text, glued on
                value => self.push(value, out),
            }
        }
    }

    fn push(&mut self, value: u8, out: &mut Vec<u8>) {
        self.bits = (self.bits << 6) | u32::from(value);
        self.count = self.count.saturating_add(1);
        if self.count == 4 {
            let [_, bytes @ ..] = self.bits.to_be_bytes();
            out.extend_from_slice(&bytes);
            *self = Self::new();
        }
    }

    /// Appends what is left when the text ends, or is padded.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let [first, second, ..] = match self.count {
            2 => (self.bits << 20).to_be_bytes(),
            3 => (self.bits << 14).to_be_bytes(),
            _ => [0; 4],
        };
        match self.count {
            2 => out.push(first),
            3 => out.extend_from_slice(&[first, second]),
            _ => {}
        }
        *self = Self::new();
    }
}

/// Decodes whole groups of four for as long as they have neither line endings nor padding.
fn fours<'a>(input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut groups = input.chunks_exact(4);
    let mut rest = input;
    for group in groups.by_ref() {
        let [a, b, c, d] = group else { break };
        let (a, b, c, d) = (value(*a), value(*b), value(*c), value(*d));
        if (a | b | c | d) & 0xC0 != 0 {
            break;
        }
        let bits = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(&bytes);
        rest = rest.get(4..).unwrap_or_default();
    }
    rest
}

/// Quoted-printable, at whatever splits.
#[derive(Clone, Debug, Default)]
pub struct QuotedPrintable {
    /// A `=` and what follows it, as far as it has come: at most 2 bytes behind the `=`.
    held: Vec<u8>,
    /// Spaces, perhaps with a CR, that count only if something follows them on their line (RFC 2045
    /// §6.7 rule 3).
    spaces: Vec<u8>,
}

impl QuotedPrintable {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self { held: Vec::new(), spaces: Vec::new() }
    }

    /// Appends what `input` stands for.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        took(input.len());
        // Behind `floor` all is written as it came: spaces there go if their line ends.
        let mut floor = out.len();
        out.append(&mut self.spaces);
        let mut rest = input;
        loop {
            while !self.held.is_empty() {
                let Some((&byte, tail)) = rest.split_first() else { return };
                rest = tail;
                self.escape(byte, out);
                floor = out.len();
            }
            let Some(at) = memchr2(b'=', b'\n', rest) else { break };
            let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            out.extend_from_slice(plain);
            rest = match tail {
                [b'\n', tail @ ..] => {
                    let (text, carriage_return) = ending(out, floor);
                    out.truncate(text);
                    out.extend_from_slice(if carriage_return { b"\r\n" } else { b"\n" });
                    tail
                }
                [b'=', high, low, tail @ ..]
                    if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                {
                    out.push(hex(*high) << 4 | hex(*low));
                    tail
                }
                [b'=', b'\r', b'\n', tail @ ..] | [b'=', b'\n', tail @ ..] => tail,
                [_, tail @ ..] => {
                    self.held.push(b'='); // cut short by the end of the slice, or no escape
                    tail
                }
                [] => &[],
            };
            floor = out.len();
        }
        out.extend_from_slice(rest);
        let (text, _) = ending(out, floor);
        self.spaces.extend_from_slice(out.get(text..).unwrap_or_default());
        out.truncate(text);
    }

    /// One byte behind a `=`.
    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.held.push(byte);
        match self.held.as_slice() {
            // A soft line break, perhaps with spaces before its ending.
            [b'=', .., b'\n'] if self.held.iter().skip(1).all(u8::is_ascii_whitespace) => {
                self.held.clear();
            }
            [b'=', b' ' | b'\t' | b'\r'] => {}
            [b'=', b' ' | b'\t' | b'\r', .., b' ' | b'\t' | b'\r'] => {
                let held = self.held.len();
                if held > 100 {
                    out.append(&mut self.held);
                }
            }
            [b'=', high] if high.is_ascii_hexdigit() => {}
            [b'=', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                self.held.clear();
            }
            [held @ .., b'='] => {
                out.extend_from_slice(held);
                self.held.clear();
                self.held.push(b'=');
            }
            _ => out.append(&mut self.held),
        }
    }

    /// Appends what is left when the text ends.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.spaces.ends_with(b"\r") {
            out.push(b'\r');
        }
        self.spaces.clear();
        if self.held.iter().skip(1).any(|byte| !byte.is_ascii_whitespace()) {
            out.append(&mut self.held);
        }
        self.held.clear();
    }
}

/// Where the spaces and the CR begin that end `out`, at `floor` or behind it, and whether there is
/// a CR.
fn ending(out: &[u8], floor: usize) -> (usize, bool) {
    let line = out.get(floor..).unwrap_or_default();
    let (mut text, carriage_return) = match line {
        [text @ .., b'\r'] => (text, true),
        text => (text, false),
    };
    while let [before @ .., b' ' | b'\t'] = text {
        text = before;
    }
    (floor.saturating_add(text.len()), carriage_return)
}

/// The Q encoding of RFC 2047 §4.2: `_` is a space.
pub fn decode_q(input: &[u8], out: &mut Vec<u8>) {
    took(input.len());
    let mut rest = input;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail) {
            (b'_', _) => out.push(b' '),
            (b'=', [high, low, tail @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(hex(*high) << 4 | hex(*low));
                rest = tail;
            }
            _ => out.push(byte),
        }
    }
}

/// The value of a hexadecimal digit; 0 for anything else.
pub(crate) fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit.wrapping_sub(b'0'),
        b'a'..=b'f' => digit.wrapping_sub(b'a').saturating_add(10),
        b'A'..=b'F' => digit.wrapping_sub(b'A').saturating_add(10),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn base64(input: &[u8], want: &[u8]) {
        for split in 0..=input.len() {
            let mut out = Vec::new();
            let mut decoder = Base64::new();
            decoder.feed(&input[..split], &mut out);
            decoder.feed(&input[split..], &mut out);
            decoder.finish(&mut out);
            assert_eq!(out, want, "{} at {split}", input.escape_ascii());
        }
    }

    #[track_caller]
    fn quoted_printable(input: &[u8], want: &[u8]) {
        for split in 0..=input.len() {
            let mut out = Vec::new();
            let mut decoder = QuotedPrintable::new();
            decoder.feed(&input[..split], &mut out);
            decoder.feed(&input[split..], &mut out);
            decoder.finish(&mut out);
            let shown = |bytes: &[u8]| alloc::format!("{}", bytes.escape_ascii());
            assert_eq!(shown(&out), shown(want), "{} at {split}", shown(input));
        }
    }

    #[test]
    fn base64_at_every_split() {
        base64(b"", b"");
        base64(b"YQ==", b"a");
        base64(b"YWI=", b"ab");
        base64(b"YWJj", b"abc");
        base64(b"YWJj\r\nZGVm\r\n", b"abcdef");
        base64(b"YW Jj\nZ!GVm", b"abcdef");
        base64(b"YQ", b"a");
        base64(b"YWI", b"ab");
        base64(b"Y", b"");
        base64(b"YQ==YWI=", b"aab");
        base64(b"/+8=", b"\xff\xef");
        base64(b"====", b"");
    }

    #[test]
    fn quoted_printable_at_every_split() {
        quoted_printable(b"a=3Db", b"a=b");
        quoted_printable(b"a=\r\nb=\nc= \r\nd", b"abcd");
        quoted_printable(b"a \t\r\nb  \nc ", b"a\r\nb\nc");
        quoted_printable(b"a b", b"a b");
        quoted_printable(b"=c3=A4", "ä".as_bytes());
        quoted_printable(b"a=XY=4", b"a=XY=4");
        quoted_printable(b"a==41", b"a=A");
        quoted_printable(b"end=", b"end");
        quoted_printable(b"a =20\r\n", b"a  \r\n");
        quoted_printable(b"a \rb\r\r\n \r", b"a \rb\r\r\n\r");
        quoted_printable(b"\r\n\r\n", b"\r\n\r\n");
    }
}
