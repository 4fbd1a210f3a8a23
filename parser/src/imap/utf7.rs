//! Modified UTF-7, the mailbox names of IMAP4rev1 (RFC 3501 §5.1.3).
//!
//! Every name has one spelling: what is spelt otherwise is refused, never repaired, because a
//! mailbox with two names is two mailboxes to a client. So `encode(decode(x)) == x` (pitfall 68).

use crate::cursor::{Cursor, Error};
use crate::steps;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// Characters that stand for themselves: printable ASCII but `&`.
const fn is_direct(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'&'
}

/// The name that `input` spells; borrowed if it has no `&`.
///
/// # Errors
/// Bytes that are not printable ASCII, base64 that is cut short, holds no UTF-16 or has bits left
/// over, printable ASCII in base64, a shift right after a shift.
pub fn decode(input: &[u8]) -> Result<Cow<'_, str>, Error> {
    let mut cursor = Cursor::new(input);
    let direct = direct(&mut cursor)?;
    if cursor.is_empty() {
        return Ok(Cow::Borrowed(direct));
    }
    let mut name = String::with_capacity(input.len());
    name.push_str(direct);
    while !cursor.is_empty() {
        cursor.expect(b'&', "printable ASCII")?;
        if cursor.eat(b'-') {
            name.push('&');
        } else {
            shifted(&mut cursor, &mut name)?;
        }
        name.push_str(self::direct(&mut cursor)?);
    }
    Ok(Cow::Owned(name))
}

fn direct<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    core::str::from_utf8(cursor.take_while(is_direct)).map_err(|_| before.error("printable ASCII"))
}

/// Base64 behind its `&`, to its `-`.
fn shifted(cursor: &mut Cursor<'_>, name: &mut String) -> Result<(), Error> {
    let before = *cursor;
    let base64 = cursor.take_while(|byte| byte.is_ascii_alphanumeric() || b"+,".contains(&byte));
    cursor.expect(b'-', "\"-\" at the end of base64")?;
    if cursor.rest().starts_with(b"&") && !cursor.rest().starts_with(b"&-") {
        return Err(cursor.error("no shift right after a shift"));
    }
    steps::took(base64.len());
    let mut units = Units { base64: base64.iter(), bits: 0, held: 0 };
    for character in char::decode_utf16(&mut units) {
        match character {
            Ok(' '..='~') => return Err(before.error("printable ASCII as itself")),
            Ok(character) => name.push(character),
            Err(_) => return Err(before.error("UTF-16 in base64")),
        }
    }
    // What is left is padding: less than one digit, and zero.
    if units.held >= 6 || units.bits != 0 {
        return Err(before.error("whole UTF-16 units in base64"));
    }
    Ok(())
}

/// UTF-16 units out of base64 digits.
struct Units<'a> {
    base64: core::slice::Iter<'a, u8>,
    /// The lowest `held` bits wait to become part of a unit.
    bits: u32,
    held: u32,
}

impl Iterator for Units<'_> {
    type Item = u16;
    fn next(&mut self) -> Option<u16> {
        while self.held < 16 {
            let digit = six_bits(*self.base64.next()?);
            self.bits = self.bits << 6 | digit;
            self.held = self.held.saturating_add(6);
        }
        self.held = self.held.saturating_sub(16);
        let unit = self.bits.checked_shr(self.held).unwrap_or(0);
        self.bits &= !u32::MAX.checked_shl(self.held).unwrap_or(0);
        u16::try_from(unit).ok()
    }
}

/// The value of a digit of modified base64; the caller has proved that it is one.
const fn six_bits(digit: u8) -> u32 {
    let value = match digit {
        b'A'..=b'Z' => digit.wrapping_sub(b'A'),
        b'a'..=b'z' => digit.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => digit.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        _ => 63,
    };
    u32::from_be_bytes([0, 0, 0, value])
}

/// Writes the one spelling of `name`.
pub fn encode(out: &mut Vec<u8>, name: &str) {
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_shifted = |character: char| !matches!(character, ' '..='~');
        let end = rest.find(|c: char| is_shifted(c) != is_shifted(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = after;
        if is_shifted(first) {
            encode_shifted(out, run);
            continue;
        }
        for &byte in run.as_bytes() {
            out.push(byte);
            if byte == b'&' {
                out.push(b'-');
            }
        }
    }
}

fn encode_shifted(out: &mut Vec<u8>, run: &str) {
    out.push(b'&');
    let (mut bits, mut held) = (0u32, 0u32);
    for unit in run.encode_utf16() {
        bits = bits << 16 | u32::from(unit);
        held = held.saturating_add(16);
        while held >= 6 {
            held = held.saturating_sub(6);
            out.push(digit(bits.checked_shr(held).unwrap_or(0)));
        }
    }
    if held > 0 {
        let padding = 6u32.saturating_sub(held);
        out.push(digit(bits.checked_shl(padding).unwrap_or(0)));
    }
    out.push(b'-');
}

/// The digit for the lowest six bits.
fn digit(bits: u32) -> u8 {
    let [.., low] = bits.to_be_bytes();
    ALPHABET.get(usize::from(low & 0x3f)).copied().unwrap_or(b'A')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Both ways.
    #[track_caller]
    fn check(wire: &str, name: &str) {
        assert_eq!(decode(wire.as_bytes()).as_deref(), Ok(name), "from {wire:?}");
        let mut out = Vec::new();
        encode(&mut out, name);
        assert_eq!(out.escape_ascii().to_string(), wire.replace('\'', "\\'"));
    }

    #[track_caller]
    fn refused(wire: &str, want: &str) {
        assert_eq!(decode(wire.as_bytes()).unwrap_err().to_string(), want, "from {wire:?}");
    }

    /// pitfall 68
    #[test]
    fn names() {
        check("", "");
        check("INBOX", "INBOX");
        check("a b~!", "a b~!");
        check("&-", "&");
        check("a&-b&-&-", "a&b&&");
        check(
            "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
            "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}",
        );
        check("&Jjo-!", "\u{263a}!");
        check("&U,BTF2XlZyyKng-", "\u{53f0}\u{5317}\u{65e5}\u{672c}\u{8a9e}");
        check("Entw&APw-rfe", "Entw\u{fc}rfe");
        check("&AOQA9gD8-", "\u{e4}\u{f6}\u{fc}");
        check("&2D3eAA-", "\u{1f600}");
        check("&ZYc-&-", "\u{6587}&");
        check("&AAAAfw-", "\0\u{7f}"); // for the name's own rules to refuse
        assert!(matches!(decode(b"plain"), Ok(Cow::Borrowed("plain"))));
    }

    #[test]
    fn bad_sequences() {
        refused("&", "expected \"-\" at the end of base64 at byte 1");
        refused("a&b", "expected \"-\" at the end of base64 at byte 3");
        refused("&Jjo!", "expected \"-\" at the end of base64 at byte 4");
        refused("&U,BTFw-&ZeVnLIqe-", "expected no shift right after a shift at byte 8");
        refused("&U,BTFw-&", "expected no shift right after a shift at byte 8");
        refused("&AGE-", "expected printable ASCII as itself at byte 1"); // "a"
        refused("&ACY-", "expected printable ASCII as itself at byte 1"); // "&"
        refused("&AOQAYQ-", "expected printable ASCII as itself at byte 1");
        refused("&2D0-", "expected UTF-16 in base64 at byte 1"); // half a pair
        refused("&3gDYPQ-", "expected UTF-16 in base64 at byte 1"); // a pair the wrong way round
        refused("&A-", "expected whole UTF-16 units in base64 at byte 1");
        refused("&AO-", "expected whole UTF-16 units in base64 at byte 1");
        refused("&AOR-", "expected whole UTF-16 units in base64 at byte 1"); // bits left over
        refused("&AOQA-", "expected whole UTF-16 units in base64 at byte 1");
        refused("&AOQ=-", "expected \"-\" at the end of base64 at byte 4");
        refused("&AO/-", "expected \"-\" at the end of base64 at byte 3"); // `,` not `/`
        refused("\u{e4}", "expected printable ASCII at byte 0");
        refused("a\0", "expected printable ASCII at byte 1");
        refused("a\t&-", "expected printable ASCII at byte 1");
        refused("&-\u{7f}", "expected printable ASCII at byte 2");
    }

    /// Characters of every block there and back, alone and beside others.
    #[test]
    fn all_characters() {
        let mut out = Vec::new();
        for character in ('\0'..=char::MAX).step_by(13) {
            let name: String = ['a', character, '\u{e4}', character, '&'].iter().collect();
            out.clear();
            encode(&mut out, &name);
            assert_eq!(decode(&out).as_deref(), Ok(&*name));
        }
    }
}
