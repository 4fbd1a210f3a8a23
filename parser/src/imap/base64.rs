//! Base64 of SASL exchanges (RFC 4648 §4, RFC 9051 §9 `base64`), decoded into the caller's buffer.
//!
//! It tolerates nothing: no line breaks, no missing padding, no bits beyond the last byte.

use crate::cursor::Error;
use crate::steps;

const BAD: u8 = 0xff;

/// The six bits of each `base64-char`, [`BAD`] for any other byte.
static SIX_BITS: [u8; 256] = six_bits();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "run by the compiler"
)]
const fn six_bits() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [BAD; 256];
    let mut at = 0;
    while at < alphabet.len() {
        table[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    table
}

/// What a client sent after `+` in AUTHENTICATE (RFC 9051 §6.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslLine<'b> {
    /// `*`: it gives up. The command ends with BAD.
    Cancelled,
    /// The decoded response, which may be empty.
    Response(&'b [u8]),
}

/// A whole line of an AUTHENTICATE exchange, its end included.
pub fn sasl_line<'b>(line: &[u8], out: &'b mut [u8]) -> Result<SaslLine<'b>, Error> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line == b"*" {
        return Ok(SaslLine::Cancelled);
    }
    decode_base64(line, out).map(SaslLine::Response)
}

/// The initial response of AUTHENTICATE: `=` is the empty one (RFC 4959 §3).
pub fn initial_response<'b>(text: &[u8], out: &'b mut [u8]) -> Result<&'b [u8], Error> {
    decode_base64(if text == b"=" { b"" } else { text }, out)
}

/// `base64 = *(4base64-char) [base64-terminal]` — RFC 9051 §9, decoded into `out`.
///
/// Fails where the input is not that, or where `out` is full.
pub fn decode_base64<'b>(input: &[u8], out: &'b mut [u8]) -> Result<&'b [u8], Error> {
    let (groups, rest) = input.as_chunks::<4>();
    let error = |offset| Error { expected: "base64", offset };
    if !rest.is_empty() {
        return Err(error(input.len()));
    }
    let (mut written, mut offset) = (0usize, 0usize);
    for (place, group) in groups.iter().enumerate() {
        steps::took(4);
        let last = place == groups.len().saturating_sub(1);
        let (bytes, count) = decode_group(group, last).ok_or_else(|| error(offset))?;
        let end = written.saturating_add(count);
        let room = out.get_mut(written..end).ok_or_else(|| error(offset))?;
        room.copy_from_slice(bytes.get(..count).unwrap_or_default());
        written = end;
        offset = offset.saturating_add(4);
    }
    Ok(out.get(..written).unwrap_or_default())
}

/// The bytes of one group and how many they are; only the last one may be padded.
fn decode_group(group: &[u8; 4], last: bool) -> Option<([u8; 3], usize)> {
    let (group, count) = match *group {
        [a, b, b'=', b'='] if last => ([a, b, b'A', b'A'], 1),
        [a, b, c, b'='] if last => ([a, b, c, b'A'], 2),
        group => (group, 3),
    };
    let mut bits = 0u32;
    for byte in group {
        let six = SIX_BITS.get(usize::from(byte)).copied().filter(|&six| six != BAD)?;
        bits = bits << 6 | u32::from(six);
    }
    let [_, a, b, c] = bits.to_be_bytes();
    let beyond = match count {
        1 => b | c,
        2 => c,
        _ => 0,
    };
    (beyond == 0).then_some(([a, b, c], count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[track_caller]
    fn check(input: &str, want: Result<&[u8], &str>) {
        let mut out = [0; 16];
        let told = decode_base64(input.as_bytes(), &mut out).map_err(|error| error.to_string());
        assert_eq!(told, want.map_err(ToString::to_string), "from {input:?}");
    }

    #[test]
    fn values() {
        check("", Ok(b""));
        check("Zg==", Ok(b"f"));
        check("Zm8=", Ok(b"fo"));
        check("Zm9v", Ok(b"foo"));
        check("Zm9vYg==", Ok(b"foob"));
        check("AG1lAHB3", Ok(b"\0me\0pw"));
        check("////", Ok(b"\xff\xff\xff"));
        check("++++", Ok(b"\xfb\xef\xbe"));
        check("AAAAAAAAAAAAAAAAAAAAAA==", Ok(&[0; 16]));
    }

    #[test]
    fn nothing_is_tolerated() {
        check("Zg", Err("expected base64 at byte 2"));
        check("Zg=", Err("expected base64 at byte 3"));
        check("Zh==", Err("expected base64 at byte 0")); // bits beyond the byte
        check("Zm9=", Err("expected base64 at byte 0"));
        check("Zg==Zg==", Err("expected base64 at byte 0"));
        check("Zm9v====", Err("expected base64 at byte 4"));
        check("Zm 9v===", Err("expected base64 at byte 0"));
        check("Zm9-", Err("expected base64 at byte 0"));
        check("=", Err("expected base64 at byte 1"));
        check("====", Err("expected base64 at byte 0"));
        check("Zm9\u{e9}", Err("expected base64 at byte 5"));
        check("AAAAAAAAAAAAAAAAAAAAAAA=", Err("expected base64 at byte 20")); // no room
    }

    #[test]
    fn lines() {
        let mut out = [0; 8];
        assert_eq!(sasl_line(b"*\r\n", &mut out), Ok(SaslLine::Cancelled));
        assert_eq!(sasl_line(b"Zm9v\n", &mut out), Ok(SaslLine::Response(b"foo")));
        assert_eq!(sasl_line(b"\r\n", &mut out), Ok(SaslLine::Response(b"")));
        assert!(sasl_line(b"=\r\n", &mut out).is_err());
        assert_eq!(initial_response(b"=", &mut out), Ok(&b""[..]));
        assert_eq!(initial_response(b"Zm9v", &mut out), Ok(&b"foo"[..]));
    }
}
