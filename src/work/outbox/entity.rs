//! What mail that leaves is made of: bodies that any server takes, for not each offers 8BITMIME, and
//! reports (RFC 6522).

/// Characters of a line that is not encoded (RFC 5322 §2.1.1).
const LINE_BYTES_MAX: usize = 998;
/// Characters of an encoded line, with the `=` of a soft break (RFC 2045 §6.7).
const ENCODED_LINE_BYTES: usize = 76;

/// A text/plain entity: header, blank line, and the text in lines that end in CRLF.
pub(super) fn text(text: &str) -> Vec<u8> {
    entity("text/plain; charset=utf-8", text.as_bytes())
}

/// An entity of type `media`, encoded only if it has to be.
pub(super) fn entity(media: &str, body: &[u8]) -> Vec<u8> {
    let plain = is_plain(body);
    let encoding = if plain { "7bit" } else { "quoted-printable" };
    let mut out = format!("Content-Type: {media}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n")
        .into_bytes();
    let start = out.len();
    for line in lines(body) {
        if plain {
            out.extend_from_slice(line);
        } else {
            quoted_printable(line, &mut out);
        }
        out.extend_from_slice(b"\r\n");
    }
    if out.len() == start {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// True if it need not be encoded.
pub(super) fn is_plain(body: &[u8]) -> bool {
    lines(body).all(|line| {
        let text = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        line.len() <= LINE_BYTES_MAX && line.iter().all(text)
    })
}

/// Lines without their ends: CRLF, or the LF that stands for it.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

/// One line (RFC 2045 §6.7).
fn quoted_printable(line: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    for (at, &byte) in line.iter().enumerate() {
        let is_last = at + 1 == line.len();
        let literal = match byte {
            b' ' | b'\t' => !is_last, // rule 3: none at the end of a line
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        };
        let width = if literal { 1 } else { 3 };
        if column + width >= ENCODED_LINE_BYTES {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if literal {
            out.push(byte);
        } else {
            let digit = |nibble: u8| b"0123456789ABCDEF".get(usize::from(nibble)).copied();
            out.push(b'=');
            out.extend([byte >> 4, byte & 15].into_iter().filter_map(digit));
        }
        column += width;
    }
}

/// A multipart/report of `kind` (RFC 6522 §3): its header fields, blank line and parts.
pub(super) fn report(kind: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    let boundary = crate::sieve::compose::boundary(&parts.concat());
    let mut out = format!(
        "Content-Type: multipart/report; report-type={kind};\r\n\tboundary=\"{boundary}\"\r\n\r\n"
    )
    .into_bytes();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, want: &str) {
        let made = String::from_utf8(text(body)).unwrap();
        let made = made.strip_prefix("Content-Type: text/plain; charset=utf-8\r\n").unwrap();
        assert_eq!(made, format!("Content-Transfer-Encoding: {want}"));
        assert!(made.lines().all(|line| line.len() <= LINE_BYTES_MAX));
    }

    #[test] // RFC 2045 §6.7
    fn texts() {
        check("a\r\nb", "7bit\r\n\r\na\r\nb\r\n");
        check("a\nb\n", "7bit\r\n\r\na\r\nb\r\n");
        check("", "7bit\r\n\r\n\r\n");
        check("\u{e4}=b \n.", "quoted-printable\r\n\r\n=C3=A4=3Db=20\r\n.\r\n");
        let long = "x".repeat(1_000);
        let lines = "x".repeat(75);
        let folded = format!("{lines}=\r\n").repeat(13) + &"x".repeat(25);
        check(&long, &format!("quoted-printable\r\n\r\n{folded}\r\n"));
        let umlauts = "\u{e4}".repeat(40);
        let made = text(&umlauts);
        let at = memchr::memmem::find(&made, b"\r\n\r\n").unwrap() + 4;
        assert!(made[at..].split(|b| *b == b'\n').all(|line| line.len() <= 77));
        let back = crate::mail::text::undo_encoding("quoted-printable", &made[at..]).unwrap();
        assert_eq!(std::str::from_utf8(&back).unwrap().trim_end(), umlauts);
    }
}
