//! Which bytes beyond ASCII a client may send outside literals, by what it has enabled.
//!
//! The rule: the grammar takes any byte beyond ASCII in a quoted string and none elsewhere, whatever
//! was enabled: old clients send passwords in charsets of their own. What was enabled is looked at
//! here, over the whole frame, by a session that wants to hold its client to it; a name is held to
//! it by [`mailbox_name`](super::mailbox_name) in any case.

use super::frame::literal_head;
use super::write::Charset;
use crate::steps;

/// Where `frame` first leaves `charset` outside its literals; `None` if it does not.
///
/// - [`Charset::Ascii`]: the first byte beyond ASCII: RFC 3501 §9 has none in a `QUOTED-CHAR`.
/// - [`Charset::Utf8`]: the first byte that is not UTF-8, which a server answers with BAD once the
///   client has enabled UTF8=ACCEPT (RFC 6855 §3) or IMAP4rev2 (RFC 9051 §4.3).
pub fn outside_charset(frame: &[u8], charset: Charset) -> Option<usize> {
    let mut start = 0usize;
    loop {
        let rest = frame.get(start..)?;
        let end = steps::find(b'\n', rest).map_or(rest.len(), |at| at.saturating_add(1));
        let line = rest.get(..end)?;
        steps::took(line.len());
        let wrong = match charset {
            Charset::Ascii => line.iter().position(|byte| !byte.is_ascii()),
            Charset::Utf8 => core::str::from_utf8(line).err().map(|error| error.valid_up_to()),
        };
        if let Some(at) = wrong {
            return Some(start.saturating_add(at));
        }
        let literal = literal_head(line)?;
        let size = usize::try_from(literal.size).unwrap_or(usize::MAX);
        start = start.saturating_add(end).saturating_add(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(frame: &[u8], ascii: Option<usize>, utf8: Option<usize>) {
        let told = [Charset::Ascii, Charset::Utf8].map(|charset| outside_charset(frame, charset));
        assert_eq!(told, [ascii, utf8], "from {}", frame.escape_ascii());
    }

    #[test]
    fn bytes_outside_literals() {
        check(b"a NOOP\r\n", None, None);
        check("a SELECT \"\u{e4}\"\r\n".as_bytes(), Some(10), None);
        check(b"a SELECT \"\xe4\"\r\n", Some(10), Some(10));
        check(b"a LOGIN \"\xc3\xa4\" \"\xa4\"\r\n", Some(9), Some(14));
        // In literals, anything.
        check(b"a LOGIN {2}\r\n\xff\n {1+}\r\n\xfe\r\n", None, None);
        check(b"a LOGIN {2}\r\n\xff\n \"\xe4\"\r\n", Some(17), Some(17));
        check(b"a X ~{1}\n\xff\xff\n", Some(10), Some(10));
        // Truncated UTF-8: at the end of a line, of the frame, before a literal.
        check(b"a X \"\xc3\r\n", Some(5), Some(5));
        check(b"\xe2\x82", Some(0), Some(0));
        check(b"\xf0\x9f\x98{1}\r\n\x80\r\n", Some(0), Some(0));
        // UTF-8 that is none: overlong, a surrogate, beyond the last character.
        check(b"\"\xc0\xaf\"", Some(1), Some(1));
        check(b"\"\xed\xa0\x80\"", Some(1), Some(1));
        check(b"\"\xf4\x90\x80\x80\"", Some(1), Some(1));
        // A literal that is cut off hides nothing.
        check(b"a {9}\r\nabc", None, None);
        check(b"a {18446744073709551615}\r\n\xff", None, None);
        check(b"", None, None);
    }
}
