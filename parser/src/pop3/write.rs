//! Responses, straight into an output buffer (RFC 1939 §3, RFC 2449 §3).
//!
//! Whatever a text holds, it stays the one line it is, within its 512 octets, and is neither taken
//! for a response code nor for the end of a listing.

use alloc::vec::Vec;
use core::num::NonZeroU32;

pub use crate::imap::Charset;
use crate::imap::write::{number, text as clean};

/// Bytes of the first line of a response, its end included (RFC 2449 §4).
pub const RESPONSE_LINE_BYTES_MAX: usize = 512;
/// What goes before the line of one message, where it was asked for alone.
pub const OK: &[u8] = b"+OK ";
/// Behind the last line of a listing (RFC 1939 §3).
pub const END: &[u8] = b".\r\n";

/// A response code, for `-ERR` (RFC 2449 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The maildrop is locked by another session (RFC 2449 §8.1.2).
    InUse,
    /// It is too soon for another login (RFC 2449 §8.1.1).
    LoginDelay,
    /// It may work later (RFC 3206 §4).
    SysTemp,
    /// It will not work until somebody does something (RFC 3206 §4).
    SysPerm,
    /// The credentials are wrong (RFC 3206 §5).
    Auth,
    /// The message cannot be sent without UTF8 (RFC 6856 §5).
    Utf8,
}

impl Code {
    const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::InUse => b"[IN-USE] ",
            Self::LoginDelay => b"[LOGIN-DELAY] ",
            Self::SysTemp => b"[SYS/TEMP] ",
            Self::SysPerm => b"[SYS/PERM] ",
            Self::Auth => b"[AUTH] ",
            Self::Utf8 => b"[UTF8] ",
        }
    }
}

/// `"+OK" SP text CRLF` — RFC 2449 §3. `charset`: UTF-8 once UTF8 or LANG was said (RFC 6856 §2.1,
/// §3.2).
pub fn ok(out: &mut Vec<u8>, text: &str, charset: Charset) {
    first_line(out, OK, text, charset);
}

/// `"-ERR" SP [resp-code] text CRLF` — RFC 2449 §3.
pub fn err(out: &mut Vec<u8>, code: Option<Code>, text: &str, charset: Charset) {
    let start = out.len();
    out.extend_from_slice(b"-ERR ");
    match code {
        Some(code) => {
            out.extend_from_slice(code.as_bytes());
            line(out, start, text, charset);
        }
        None => unmarked(out, start, text, charset),
    }
}

/// `drop-listing` of STAT — RFC 1939 §5: messages and octets that are not marked as deleted.
pub fn stat(out: &mut Vec<u8>, messages: u32, octets: u64) {
    out.extend_from_slice(OK);
    numbers(out, messages, octets);
}

/// `scan-listing` of LIST — RFC 1939 §5: the octets that RETR will send, before dots are doubled
/// (pitfall 120).
pub fn scan_listing(out: &mut Vec<u8>, message: NonZeroU32, octets: u64) {
    numbers(out, message.get(), octets);
}

/// `unique-id-listing` of UIDL — RFC 1939 §7.
pub fn unique_id_listing(out: &mut Vec<u8>, message: NonZeroU32, id: UniqueId<'_>) {
    number(out, message.get());
    out.push(b' ');
    out.extend_from_slice(id.0.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `capability-line` of CAPA — RFC 2449 §3: a tag, and what belongs to it.
pub fn capability(out: &mut Vec<u8>, tag: &str, parameters: &[&str]) {
    stuffed(out, tag);
    clean(out, tag, Charset::Ascii);
    for parameter in parameters {
        out.push(b' ');
        clean(out, parameter, Charset::Ascii);
    }
    out.extend_from_slice(b"\r\n");
}

/// A line of the language listing of LANG — RFC 6856 §3.2, in UTF-8 always.
pub fn language(out: &mut Vec<u8>, tag: &str, description: &str) {
    stuffed(out, tag);
    clean(out, tag, Charset::Ascii);
    out.push(b' ');
    clean(out, description, Charset::Utf8);
    out.extend_from_slice(b"\r\n");
}

/// `"+" SP base64 CRLF` — RFC 5034 §4: what the client is to answer. A space follows the plus even
/// where nothing follows the space.
pub fn challenge(out: &mut Vec<u8>, base64: &[u8]) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(base64);
    out.extend_from_slice(b"\r\n");
}

/// What a message is called for ever: "one to 70 characters in the range 0x21 to 0x7E" (RFC 1939
/// §7, pitfall 122).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UniqueId<'a>(&'a str);

impl<'a> UniqueId<'a> {
    /// `None` if it is not such a one.
    pub fn new(id: &'a str) -> Option<Self> {
        let graphic = id.bytes().all(|byte| byte.is_ascii_graphic());
        (graphic && (1..=70).contains(&id.len())).then_some(Self(id))
    }
}

fn first_line(out: &mut Vec<u8>, indicator: &[u8], text: &str, charset: Charset) {
    let start = out.len();
    out.extend_from_slice(indicator);
    unmarked(out, start, text, charset);
}

/// A text without a code must not look as if it had one (RFC 2449 §3 `schar`).
fn unmarked(out: &mut Vec<u8>, start: usize, text: &str, charset: Charset) {
    match text.strip_prefix('[') {
        Some(rest) => {
            out.push(b'(');
            line(out, start, rest, charset);
        }
        None => line(out, start, text, charset),
    }
}

/// The rest of a line that began at `start`, as much of it as there is room for.
fn line(out: &mut Vec<u8>, start: usize, text: &str, charset: Charset) {
    let begun = out.len().saturating_sub(start);
    let room = RESPONSE_LINE_BYTES_MAX.saturating_sub(begun).saturating_sub("\r\n".len());
    // No character is written with more bytes than it has, and none is cut in two.
    let end = text.floor_char_boundary(room);
    clean(out, text.get(..end).unwrap_or_default(), charset);
    out.extend_from_slice(b"\r\n");
}

/// A dot at the start of a line is doubled (RFC 1939 §3).
fn stuffed(out: &mut Vec<u8>, text: &str) {
    if text.starts_with('.') {
        out.push(b'.');
    }
}

fn numbers(out: &mut Vec<u8>, first: u32, second: u64) {
    number(out, first);
    out.push(b' ');
    number(out, second);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[track_caller]
    fn check(write: impl FnOnce(&mut Vec<u8>), want: &str) {
        let mut out = b"before\r\n".to_vec();
        write(&mut out);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, format!("before\r\n{want}"));
    }

    #[test]
    fn one_line() {
        check(|out| ok(out, "Sora ready", Charset::Ascii), "+OK Sora ready\r\n");
        check(|out| ok(out, "", Charset::Ascii), "+OK \r\n");
        check(|out| ok(out, "gr\u{fc}n", Charset::Ascii), "+OK gr?n\r\n");
        check(|out| ok(out, "gr\u{fc}n", Charset::Utf8), "+OK gr\u{fc}n\r\n");
        check(|out| ok(out, "a\r\n.\r\n+OK b\0", Charset::Utf8), "+OK a  .  +OK b \r\n");
        check(|out| ok(out, "[AUTH] no", Charset::Ascii), "+OK (AUTH] no\r\n");
        check(|out| err(out, None, "[no", Charset::Ascii), "-ERR (no\r\n");
        check(|out| err(out, None, "no", Charset::Ascii), "-ERR no\r\n");
        let text = "\u{fc}".repeat(400);
        let mut out = Vec::new();
        err(&mut out, Some(Code::SysTemp), &text, Charset::Utf8);
        assert_eq!(out.len(), RESPONSE_LINE_BYTES_MAX);
        assert!(core::str::from_utf8(&out).unwrap().ends_with("\u{fc}\r\n"));
    }

    #[test] // RFC 2449 §8, RFC 3206, RFC 6856 §5; pitfall 124
    fn codes() {
        let no = |code| move |out: &mut Vec<u8>| err(out, Some(code), "[x", Charset::Ascii);
        check(no(Code::InUse), "-ERR [IN-USE] [x\r\n");
        check(no(Code::LoginDelay), "-ERR [LOGIN-DELAY] [x\r\n");
        check(no(Code::SysTemp), "-ERR [SYS/TEMP] [x\r\n");
        check(no(Code::SysPerm), "-ERR [SYS/PERM] [x\r\n");
        check(no(Code::Auth), "-ERR [AUTH] [x\r\n");
        check(no(Code::Utf8), "-ERR [UTF8] [x\r\n");
    }

    #[test]
    fn listings() {
        let seven = NonZeroU32::new(7).unwrap();
        check(|out| stat(out, 2, 320), "+OK 2 320\r\n");
        check(|out| scan_listing(out, seven, u64::MAX), "7 18446744073709551615\r\n");
        let id = UniqueId::new("1700000000.42").unwrap();
        check(|out| unique_id_listing(out, seven, id), "7 1700000000.42\r\n");
        check(|out| capability(out, "SASL", &["PLAIN", "EXTERNAL"]), "SASL PLAIN EXTERNAL\r\n");
        check(|out| capability(out, ".", &[]), "..\r\n"); // not the end of the list
        check(|out| capability(out, "A\r\n.", &["\n"]), "A  .  \r\n");
        check(|out| language(out, "sv", "Svenska \u{e5}"), "sv Svenska \u{e5}\r\n");
        check(|out| challenge(out, b""), "+ \r\n");
        check(|out| challenge(out, b"AHQ="), "+ AHQ=\r\n");
    }

    #[test] // pitfall 122
    fn unique_ids() {
        let long = "x".repeat(70);
        for right in ["1", ".", "!~", &long] {
            assert!(UniqueId::new(right).is_some(), "{right}");
        }
        for wrong in ["", " ", "a b", "a\n", "\u{fc}", "\u{7f}", &format!("{long}x")] {
            assert!(UniqueId::new(wrong).is_none(), "{wrong}");
        }
    }
}
