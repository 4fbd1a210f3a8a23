//! Charsets as mail names them, turned into Unicode. Never fails: what cannot be decoded is
//! replaced, as a reader would see it.
//!
//! The tables are those of `encoding_rs`. Added are the names that mailers use and browsers do not,
//! and the charsets of seven bits that browsers have given up.

use std::borrow::Cow;

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_8, UTF_16BE,
    UTF_16LE, WINDOWS_1252, X_USER_DEFINED,
};
use memchr::{memchr, memmem};

/// `bytes` in a charset as text. Where none is named, or us-ascii, or one we do not know: UTF-8 if
/// it is that, ISO-2022-JP if it switches to that, else windows-1252.
pub fn decode<'a>(charset: &[u8], bytes: &'a [u8]) -> Cow<'a, str> {
    match Charset::named(charset) {
        Charset::Unknown => guess(bytes),
        Charset::Table(encoding) if [UTF_16BE, UTF_16LE].contains(&encoding) => {
            encoding.decode(bytes).0 // a byte order mark knows better
        }
        Charset::Table(encoding) => encoding.decode_with_bom_removal(bytes).0,
        Charset::Utf7 => Cow::Owned(utf7(bytes)),
        Charset::Hz => Cow::Owned(owned(GBK, &unshifted(bytes, Shifts::Tilde))),
        Charset::Shifted(encoding) => {
            Cow::Owned(owned(encoding, &unshifted(bytes, Shifts::Controls)))
        }
    }
}

/// True if two texts in a charset make one when they are put together: not where each begins and
/// ends for itself.
pub fn joins(charset: &[u8]) -> bool {
    !matches!(Charset::named(charset), Charset::Utf7 | Charset::Hz | Charset::Shifted(_))
}

fn guess(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if memmem::find(bytes, b"\x1b$").is_none() => Cow::Borrowed(text),
        Ok(_) => ISO_2022_JP.decode_without_bom_handling(bytes).0,
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

fn owned(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    Unknown,
    Table(&'static Encoding),
    /// RFC 2152
    Utf7,
    /// HZ-GB-2312: `~{` and `~}` shift.
    Hz,
    /// ISO-2022-KR and -CN: SO and SI shift to this.
    Shifted(&'static Encoding),
}

impl Charset {
    /// By its name, in any case, perhaps in quotes.
    fn named(name: &[u8]) -> Self {
        let name = name.trim_ascii();
        let name =
            name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name);
        let lower = String::from_utf8_lossy(name.get(..NAME_BYTES_MAX).unwrap_or(name));
        let lower = lower.to_ascii_lowercase();
        match &*lower {
            "" | "us-ascii" | "ascii" | "ansi_x3.4-1968" | "iso646-us" => return Self::Unknown,
            "utf-7" | "utf7" | "unicode-1-1-utf-7" | "x-unicode-2-0-utf-7" => return Self::Utf7,
            "hz-gb-2312" | "hz" => return Self::Hz,
            "iso-2022-kr" | "csiso2022kr" => return Self::Shifted(EUC_KR),
            "iso-2022-cn" | "iso-2022-cn-ext" => return Self::Shifted(GBK),
            _ => {}
        }
        match Encoding::for_label(lower.as_bytes()).or_else(|| by_alias(&lower)) {
            Some(encoding) if [REPLACEMENT, X_USER_DEFINED].contains(&encoding) => Self::Unknown,
            Some(encoding) => Self::Table(encoding),
            None => Self::Unknown,
        }
    }
}

/// Bytes of a name that are looked at.
const NAME_BYTES_MAX: usize = 64;

/// Names of old Windows, Java and DOS.
fn by_alias(name: &str) -> Option<&'static Encoding> {
    if name.starts_with("iso-2022-jp-") || name.starts_with("cp5022") {
        return Some(ISO_2022_JP);
    }
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let before = name.strip_suffix(digits).unwrap_or_default();
    match before.trim_matches(['-', '_']) {
        "cp" | "ms" | "x-cp" | "x-ms-cp" | "win" | "windows" | "x-windows" | "ibm" => {
            match digits {
                "932" => Some(SHIFT_JIS),
                "936" => Some(GBK),
                "949" => Some(EUC_KR),
                "950" => Some(BIG5),
                "65001" => Some(UTF_8),
                _ => Encoding::for_label(format!("windows-{digits}").as_bytes()),
            }
        }
        "latin" | "iso-latin" => Encoding::for_label(format!("l{digits}").as_bytes()),
        "" | "iso" if digits.starts_with("8859") => {
            Encoding::for_label(format!("iso-{}", digits.replace('_', "-")).as_bytes())
        }
        "utf" if digits.starts_with('8') => Some(UTF_8), // utf_8, utf-8mb4
        _ => match name {
            "uhc" | "ks_c_5601" | "ksc5601" => Some(EUC_KR),
            "euc-cn" | "gb2312-80" | "x-gb2312" => Some(GBK),
            "eucjp" | "ujis" => Some(EUC_JP),
            "macroman" | "x-macroman" => Encoding::for_label(b"macintosh"),
            _ => None,
        },
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shifts {
    /// `~{`, `~}`, `~~`, and `~` at the end of a line (RFC 1843).
    Tilde,
    /// SO and SI, behind `ESC $ ) x` (RFC 1557, RFC 1922).
    Controls,
}

/// Text in two charsets of seven bits as one of eight: what is shifted gets its eighth bit.
fn unshifted(bytes: &[u8], shifts: Shifts) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut shifted = false;
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (shifts, byte, tail) {
            (Shifts::Tilde, b'~', [next @ (b'{' | b'}' | b'~' | b'\n'), tail @ ..]) => {
                match next {
                    b'~' => plain.push(b'~'),
                    b'\n' => {}
                    _ => shifted = *next == b'{',
                }
                rest = tail;
            }
            (Shifts::Controls, 0x1b, [b'$', b')' | b'*' | b'+', _, tail @ ..]) => rest = tail,
            (Shifts::Controls, 0x0e | 0x0f, _) => shifted = byte == 0x0e,
            (_, b'\n', _) => {
                shifted = false; // both begin each line anew
                plain.push(byte);
            }
            (_, 0x21..=0x7e, _) if shifted => plain.push(byte | 0x80),
            _ => plain.push(byte),
        }
    }
    plain
}

/// UTF-7 (RFC 2152): between `+` and `-` UTF-16 in base64; `+-` is `+`.
fn utf7(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr(b'+', rest) {
        let (direct, behind) = rest.split_at(at);
        text.push_str(&String::from_utf8_lossy(direct));
        let behind = behind.get(1..).unwrap_or_default();
        let end = behind.iter().position(|byte| !is_base64(*byte)).unwrap_or(behind.len());
        let (encoded, behind) = behind.split_at(end);
        rest = behind.strip_prefix(b"-").unwrap_or(behind);
        if encoded.is_empty() {
            text.push('+');
        } else {
            let mut units = Vec::with_capacity(encoded.len());
            let mut decoder = parser::message::transfer::Base64::new();
            decoder.feed(encoded, &mut units);
            decoder.finish(&mut units);
            let whole = units.len() - units.len() % 2; // the last bits are padding
            let units = units.get(..whole).unwrap_or_default();
            text.push_str(&UTF_16BE.decode_without_bom_handling(units).0);
        }
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(charset: &str, bytes: &[u8], want: &str) {
        assert_eq!(decode(charset.as_bytes(), bytes), want, "{charset}");
    }

    #[test]
    fn charsets() {
        check("ISO-8859-15", b"\xa4", "€");
        check("us-ascii", "ö".as_bytes(), "ö");
        check("utf-8", b"\xef\xbb\xbfa\xff", "a\u{fffd}");
        check("utf-8", b"\xe2\x82", "\u{fffd}"); // cut short
        check("", b"\xe4", "ä");
        check("unknown-8bit", b"\xe4", "ä");
        check("unknown-8bit", "ä".as_bytes(), "ä");
        check("x-user-defined", b"\xe4", "ä");
        check("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет");
        check("gb18030", b"\xc4\xe3\xba\xc3", "你好");
        check("big5", b"\xa7\x41\xa6\x6e", "你好");
        check("windows-1251", b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет");
        check("iso-2022-jp", b"\x1b$BF|K\\\x1b(B!", "日本!");
        check("", b"\x1b$BF|K\\\x1b(B!", "日本!");
        check("Shift_JIS", b"\x93\xfa\x96\x7b", "日本");
        check("euc-kr", b"\xc7\xd1", "한");
        check("utf-16", b"\xfe\xff\x00a", "a");
        check("utf-16le", b"a\0", "a");
    }

    #[test]
    fn names() {
        for (name, bytes, want) in [
            ("\"UTF-8\"", &b"\xc3\xb6"[..], "ö"),
            (" utf8 ", b"\xc3\xb6", "ö"),
            ("utf-8mb4", b"\xc3\xb6", "ö"),
            ("UTF_8", b"\xc3\xb6", "ö"),
            ("cp65001", b"\xc3\xb6", "ö"),
            ("cp932", b"\x93\xfa", "日"),
            ("MS936", b"\xc4\xe3", "你"),
            ("cp949", b"\xc7\xd1", "한"),
            ("ks_c_5601-1987", b"\xc7\xd1", "한"),
            ("cp950", b"\xa7\x41", "你"),
            ("win-1251", b"\xcf", "П"),
            ("windows1252", b"\x80", "€"),
            ("8859_15", b"\xa4", "€"),
            ("ISO8859_15", b"\xa4", "€"),
            ("latin-9", b"\xa4", "€"),
            ("iso-latin-1", b"\xe4", "ä"),
            ("iso-2022-jp-ms", b"\x1b$BF|\x1b(B", "日"),
            ("macroman", b"\x8a", "ä"),
            ("", b"a", "a"),
        ] {
            check(name, bytes, want);
        }
        check(&"x".repeat(100_000), b"\xe4", "ä");
    }

    #[test] // RFC 2152
    fn utf_7() {
        check("utf-7", b"A+ImIDkQ.", "A≢Α.");
        check("utf-7", b"Hi Mom -+Jjo--!", "Hi Mom -☺-!");
        check("utf-7", b"+ZeVnLIqe-", "日本語");
        check("UTF-7", b"1 +- 1 = 2+", "1 + 1 = 2+");
        check("utf-7", b"+2D3cqQ- +2D0- +A", "💩 \u{fffd} ");
        check("utf-7", "ö +AOQ-".as_bytes(), "ö ä");
    }

    #[test]
    fn seven_bits_shifted() {
        check("hz-gb-2312", b"a ~{<:Ky2;~}~~ b~\nc", "a 己所不~ bc");
        check("iso-2022-kr", b"\x1b$)C\x0eGQ\x0f ok", "한 ok");
        check("iso-2022-cn", b"\x1b$)A\x0eDc:C\x0f!", "你好!");
        check("hz-gb-2312", b"~{<:\nplain ~", "己\nplain ~");
    }
}
