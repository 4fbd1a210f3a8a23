//! Mailbox names between the wire and the store (RFC 9051 §5.1, RFC 3501 §5.1.3).

use std::borrow::Cow;

use parser::imap::Str;

use super::super::Output;
use super::{Imap, codes};
use crate::model::MailboxName;

const NOT_A_NAME: &str = "NO [CANNOT] Not a mailbox name";

impl Imap {
    /// The mailbox that a client names: modified UTF-7 from a rev1 client, UTF-8 once it has
    /// enabled IMAP4rev2. What cannot be decoded is refused, never guessed at (pitfall 68).
    pub(super) fn name_of(&self, name: Str<'_>) -> Result<MailboxName, &'static str> {
        let text = self.decode(&name.bytes()).ok_or(NOT_A_NAME)?;
        MailboxName::new(&text).map_err(codes::bad_name)
    }

    /// A name or pattern as UTF-8.
    pub(super) fn decode(&self, name: &[u8]) -> Option<String> {
        if self.enabled.rev2 {
            return std::str::from_utf8(name).ok().map(str::to_owned);
        }
        from_utf7(name)
    }

    /// The name as this client reads it, quoted.
    pub(super) fn put_name(&self, name: &str, out: &mut Output) {
        let name = if self.enabled.rev2 { Cow::Borrowed(name) } else { to_utf7(name) };
        out.put(b"\"");
        for piece in name.as_bytes().chunk_by(|_, next| !matches!(next, b'"' | b'\\')) {
            if matches!(piece.first(), Some(b'"' | b'\\')) {
                out.put(b"\\");
            }
            out.put(piece);
        }
        out.put(b"\"");
    }
}

/// RFC 3501 §5.1.3: printable ASCII stands for itself, `&-` for `&`, `&…-` for base64 of UTF-16.
fn from_utf7(name: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'&' => {
                let end = rest.iter().position(|byte| *byte == b'-')?;
                let (code, after) = rest.split_at(end);
                rest = after.get(1..)?;
                if code.is_empty() {
                    text.push('&');
                } else {
                    from_code(code, &mut text)?;
                }
            }
            0x20..=0x7e => text.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(text)
}

/// What stands between `&` and `-`: base64 with `,` for `/`, no padding, of UTF-16 in big endian.
/// ASCII that needed no encoding, half a character and bits left over are refused: a name has one
/// form only.
fn from_code(code: &[u8], text: &mut String) -> Option<()> {
    let mut units = Vec::with_capacity(code.len() * 3 / 8);
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in code {
        bits = bits << 6 | sextet(*byte)?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count & 0xffff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    if bits != 0 || count >= 6 {
        return None;
    }
    for unit in char::decode_utf16(units) {
        let unit = unit.ok()?;
        if matches!(unit, ' '..='~') {
            return None;
        }
        text.push(unit);
    }
    Some(())
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b',' => 63,
        _ => return None,
    };
    Some(value.into())
}

const SEXTETS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

fn to_utf7(name: &str) -> Cow<'_, str> {
    let plain = |c: char| matches!(c, ' '..='~') && c != '&';
    if name.chars().all(plain) {
        return Cow::Borrowed(name);
    }
    let mut wire = String::with_capacity(name.len() * 2);
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if first == '&' {
            wire.push_str("&-");
            rest = &rest[1..];
        } else if plain(first) {
            wire.push(first);
            rest = &rest[1..];
        } else {
            let end = rest.find(|c| matches!(c, ' '..='~')).unwrap_or(rest.len());
            let (code, after) = rest.split_at(end);
            to_code(code, &mut wire);
            rest = after;
        }
    }
    Cow::Owned(wire)
}

fn to_code(code: &str, wire: &mut String) {
    wire.push('&');
    let (mut bits, mut count) = (0u32, 0u32);
    let mut put = |value: u32, wire: &mut String| {
        wire.extend(SEXTETS.get((value & 63) as usize).map(|byte| char::from(*byte)));
    };
    for unit in code.encode_utf16() {
        bits = bits << 16 | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            put(bits >> count, wire);
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        put(bits << (6 - count), wire);
    }
    wire.push('-');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// pitfall 68
    #[test]
    fn modified_utf7() {
        #[track_caller]
        fn check(wire: &str, name: &str) {
            assert_eq!(from_utf7(wire.as_bytes()).as_deref(), Some(name));
            assert_eq!(to_utf7(name), wire);
        }
        check("INBOX", "INBOX");
        check("a & b".replace('&', "&-").as_str(), "a & b");
        check("&ZeVnLIqe-", "日本語");
        check("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"); // RFC 3501 §5.1.3
        check("Entw&APw-rfe", "Entwürfe");
        check("&2D3eAA-", "😀");
        check("&AOQ-&-&APY-", "ä&ö");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wire in
            ["&", "&a", "&ZeV-", "&AGE-", "&2D0-", "caf\u{e9}", "&Jjo!", "&U/BTFw-", "&AOQA-"]
        {
            assert_eq!(from_utf7(wire.as_bytes()), None, "{wire}");
        }
    }
}
