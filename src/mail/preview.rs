//! The first words of a message, for PREVIEW (RFC 8970 §3.3): plain text on one line.

use parser::message::{Kind, MessageMap, PartRef};

use super::text;

/// Characters of a preview (RFC 8970 §3.3 allows 256, and would have 200).
pub const PREVIEW_CHARS_MAX: usize = 200;
/// Bytes of a part that are looked at: the head of an HTML part may be long.
const PART_BYTES_MAX: u32 = 64 * 1024;
/// Parts that are looked at.
const PARTS_LOOKED_AT_MAX: usize = 8;

/// What a reader would see first; "" if the message has no text to show, as an encrypted one.
///
/// White space is folded, what others wrote (`> `) is left out if anything remains.
pub fn preview(map: &MessageMap, message: &[u8]) -> String {
    let parts = map.parts().filter(|part| shown(*part)).take(PARTS_LOOKED_AT_MAX);
    let mut texts = parts.filter_map(|part| {
        let text = text::part_text_near(part, message, PART_BYTES_MAX)?;
        let own = text.lines().filter(|line| !line.starts_with('>')).flat_map(|line| [line, " "]);
        let own = folded(own.flat_map(str::chars));
        Some(if own.is_empty() { folded(text.chars()) } else { own })
    });
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

/// True for text that is shown when the message is opened: no attachment, and none of its own.
fn shown(part: PartRef<'_>) -> bool {
    let (media, _) = part.media_type();
    let mut within = core::iter::successors(Some(part), PartRef::parent);
    media == b"text"
        && within.all(|part| {
            part.kind() != Kind::Message && part.disposition() != Some(&b"attachment"[..])
        })
}

fn folded(chars: impl Iterator<Item = char>) -> String {
    let mut text = String::with_capacity(PREVIEW_CHARS_MAX);
    let mut count = 0;
    let mut gap = false;
    for c in chars {
        if c.is_whitespace() || c.is_control() {
            gap = count > 0;
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        let needed = if gap { 2 } else { 1 };
        if count + needed > PREVIEW_CHARS_MAX {
            break;
        }
        if gap {
            text.push(' ');
        }
        text.push(c);
        count += needed;
        gap = false;
    }
    text
}

/// What newsletters pad their first line with, and what turns the direction of what follows.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, want: &str) {
        let map = MessageMap::parse(message.as_bytes());
        assert_eq!(preview(&map, message.as_bytes()), want, "{message}");
    }

    #[test] // RFC 8970 §3.3
    fn previews() {
        check("Subject: s\n\n Hello,\r\n\r\n  \tworld!\u{a0}\n", "Hello, world!");
        check("\n> quoted\n>> more\nOwn\n", "Own");
        check("\n> only quoted", "> only quoted");
        check("\n\u{34f}\u{200c} \u{ad}a\u{202e}b\0c", "ab c");
        check("Content-Type: image/png\n\nx", "");
        check("\n", "");
        check("", "");
    }

    #[test]
    fn of_parts() {
        let parts = |kind: &str, parts: &[&str]| {
            let mut message = format!("Content-Type: multipart/{kind}; boundary=b\n\npreamble\n");
            for part in parts {
                message += &format!("--b\nContent-Type: {part}\n");
            }
            message + "--b--\n"
        };
        let html = "text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n\
             <style>p {}</style><p>gr=FCn</p>";
        check(&parts("alternative", &["text/plain\n\nplain", html]), "plain");
        check(&parts("alternative", &["text/plain\n\n \n", html]), "grün");
        let attached = "text/plain\nContent-Disposition: Attachment\n\nno";
        let message = "message/rfc822\n\nSubject: x\n\nnor this";
        check(&parts("mixed", &[attached, message, html]), "grün");
        let sealed = "application/octet-stream\n\nsecret";
        check(&parts("encrypted", &["application/pgp-encrypted\n\nVersion: 1", sealed]), "");
    }

    #[test]
    fn bounds() {
        check(&format!("\n{}", "ö".repeat(300)), &"ö".repeat(PREVIEW_CHARS_MAX));
        check(&format!("\n{} b", "a".repeat(199)), &"a".repeat(199));
        check(&format!("\n{} b", "a".repeat(198)), &format!("{} b", "a".repeat(198)));
        // Cut in the middle of an encoded character: nothing of it is seen.
        let long = "=C3=B6=\n".repeat(50_000);
        let message = format!("Content-Transfer-Encoding: quoted-printable\n\n{long}");
        check(&message, &"ö".repeat(PREVIEW_CHARS_MAX));
        let many = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned()
            + &"--b\n\n \n".repeat(5_000)
            + "--b\n\nlate";
        check(&many, "");
    }
}
