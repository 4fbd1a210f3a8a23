//! xtext: any bytes in a parameter, written with graphic ASCII (RFC 3461 §4).

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

/// `xtext = *( xchar / hexchar )` — RFC 3461 §4; as it was sent.
///
/// Deviation: `=` stands for itself and a `hexchar` may have small letters, because senders write
/// both; and where SMTPUTF8 is spoken there may be UTF-8 (RFC 6533 §3 `utf-8-addr-unitext`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Xtext<'a>(&'a str);

impl<'a> Xtext<'a> {
    /// What `text` encodes; `None` if it is not xtext.
    pub fn new(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let graphic = bytes.iter().all(|byte| byte.is_ascii_graphic() || !byte.is_ascii());
        let mut escapes = memchr::memchr_iter(b'+', bytes);
        let whole = escapes.all(|at| {
            let digits = bytes.get(at.saturating_add(1)..at.saturating_add(3));
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        });
        (graphic && whole).then_some(Self(text))
    }

    /// As it was sent.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// What it encodes: any bytes, control characters among them.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + Clone + 'a {
        let mut rest = self.0.as_bytes();
        core::iter::from_fn(move || {
            let (&byte, tail) = rest.split_first()?;
            let decoded = match (byte, tail) {
                (b'+', [high, low, tail @ ..]) => {
                    rest = tail;
                    digit(*high) << 4 | digit(*low)
                }
                _ => {
                    rest = tail;
                    byte
                }
            };
            Some(decoded)
        })
    }

    /// What it encodes, borrowed if nothing is escaped.
    pub fn decoded(&self) -> Cow<'a, [u8]> {
        if self.0.contains('+') {
            Cow::Owned(self.bytes().collect())
        } else {
            Cow::Borrowed(self.0.as_bytes())
        }
    }

    /// Writes it into `room` and gives what `parse` makes of it; `None` if it does not fit or is
    /// not text.
    pub(super) fn parse<const N: usize, T>(
        &self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let mut room = [0; N];
        let mut len = 0usize;
        for byte in self.bytes() {
            *room.get_mut(len)? = byte;
            len = len.saturating_add(1);
        }
        core::str::from_utf8(room.get(..len)?).ok().and_then(parse)
    }
}

impl fmt::Display for Xtext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Appends `value` as xtext; of what an [`Xtext`] may hold, only what RFC 3461 §4 has.
pub fn write_xtext(out: &mut Vec<u8>, value: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value {
        if byte.is_ascii_graphic() && !matches!(byte, b'+' | b'=') {
            out.push(byte);
        } else {
            let hex = |four: u8| HEX.get(usize::from(four)).copied().unwrap_or_default();
            out.extend_from_slice(&[b'+', hex(byte >> 4), hex(byte & 15)]);
        }
    }
}

/// The value of one hexadecimal digit.
fn digit(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&[u8]>) {
        let read = Xtext::new(text).map(|text| text.decoded());
        assert_eq!(read.as_deref(), want, "{text:?}");
        let Some(value) = want else { return };
        let mut out = Vec::new();
        write_xtext(&mut out, value);
        let written = core::str::from_utf8(&out).unwrap();
        assert_eq!(Xtext::new(written).unwrap().decoded(), value, "written as {written}");
    }

    #[test] // RFC 3461 §4
    fn values() {
        check("", Some(b""));
        check("me@example.org", Some(b"me@example.org"));
        check("a+2Bb+3D+20", Some(b"a+b= "));
        check("+00+0a+ff", Some(b"\0\n\xff"));
        check("+2b2B", Some(b"+2B"));
        check("a=b", Some(b"a=b"));
        check("<>", Some(b"<>"));
        check("gr\u{fc}n", Some("gr\u{fc}n".as_bytes()));
        for wrong in ["+", "a+2", "+2G", "++2B2B", "+\u{fc}", "a b", "a\0", "\u{7f}"] {
            check(wrong, None);
        }
    }
}
