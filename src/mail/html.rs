//! The words of an HTML part, for search: no browser, only what a reader would see.
//!
//! Decided: a stripper of our own in place of a crate. Search needs words, not layout, and the
//! crates that render HTML build a tree first, at many times the cost and memory. One walk, linear,
//! nothing nests.

use encoding_rs::WINDOWS_1252;
use memchr::{memchr, memchr2, memmem};

use super::entities;

/// What a tag does to the text around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    /// Its content is not shown.
    Hidden,
    /// Inside a line: it does not part words.
    Inline,
    /// It parts words.
    Block,
}

impl Element {
    fn named(name: &[u8]) -> Self {
        let mut lower = [0; 8];
        let Some(lower) = lower.get_mut(..name.len()) else { return Self::Block };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        match &*lower {
            b"script" | b"style" | b"head" | b"template" => Self::Hidden,
            b"a" | b"abbr" | b"b" | b"big" | b"cite" | b"code" | b"em" | b"font" | b"i"
            | b"ins" | b"kbd" | b"mark" | b"s" | b"small" | b"span" | b"strong" | b"sub"
            | b"sup" | b"u" | b"wbr" => Self::Inline,
            _ => Self::Block,
        }
    }
}

/// Appends the text of `html`; runs of white space are one space.
pub fn text_of(html: &str, out: &mut String) {
    let mut rest = html;
    while !rest.is_empty() {
        let at = memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(at);
        words(plain, out);
        rest = match tail.as_bytes() {
            [b'<', ..] => tag(tail, out),
            [b'&', ..] => entity(tail, out),
            _ => "",
        };
    }
}

fn words(plain: &str, out: &mut String) {
    let space = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    if space(plain.as_bytes().first()) {
        gap(out);
    }
    for (nth, word) in plain.split_ascii_whitespace().enumerate() {
        if nth > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
    if space(plain.as_bytes().last()) {
        gap(out);
    }
}

fn gap(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Skips a tag or a comment, and with a hidden element what is in it; gives what follows.
fn tag<'a>(text: &'a str, out: &mut String) -> &'a str {
    if let Some(comment) = text.strip_prefix("<!--") {
        let end = memmem::find(comment.as_bytes(), b"-->");
        return end.and_then(|end| comment.get(end + 3..)).unwrap_or("");
    }
    let inside = text.get(1..).unwrap_or("");
    let (closing, named) = match inside.strip_prefix('/') {
        Some(named) => (true, named),
        None => (false, inside),
    };
    if !named.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')) {
        out.push('<'); // a sign, not a tag
        return inside;
    }
    let name_len = named.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(named.len());
    let name = named.get(..name_len).unwrap_or("");
    let element = Element::named(name.as_bytes());
    if element != Element::Inline {
        gap(out);
    }
    let behind = tag_end(named).and_then(|end| named.get(end..)).unwrap_or("");
    if element == Element::Hidden && !closing { behind_element(behind, name) } else { behind }
}

/// Where the tag's `>` ends, quoted attributes respected.
fn tag_end(tag: &str) -> Option<usize> {
    let bytes = tag.as_bytes();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let next = rest.iter().position(|byte| matches!(byte, b'>' | b'"' | b'\''))?;
        let byte = *rest.get(next)?;
        at += next + 1;
        if byte == b'>' {
            return Some(at);
        }
        // An open quote that never closes is no quote.
        let close = bytes.get(at..).and_then(|rest| memchr(byte, rest));
        match close {
            Some(close) => at += close + 1,
            None => return memchr(b'>', bytes).map(|end| end + 1),
        }
    }
}

/// What follows `</name`; nothing if the element never ends.
fn behind_element<'a>(text: &'a str, name: &str) -> &'a str {
    let ends = memmem::find_iter(text.as_bytes(), b"</");
    let mut named = ends.filter(|at| {
        let found = text.as_bytes().get(at + 2..at + 2 + name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    });
    named.next().and_then(|at| text.get(at..)).unwrap_or("")
}

/// A character reference; a lone `&` stands for itself.
fn entity<'a>(text: &'a str, out: &mut String) -> &'a str {
    let near = text.as_bytes().iter().take(12).position(|byte| *byte == b';');
    let found = near.and_then(|end| Some((text.get(1..end)?, text.get(end + 1..)?)));
    let Some((name, rest)) = found else {
        out.push('&');
        return text.get(1..).unwrap_or("");
    };
    let stands_for = match name.strip_prefix('#') {
        Some(number) => numbered(number),
        None => entities::named(name),
    };
    match stands_for {
        Some('\u{a0}') => gap(out),
        Some(c) if INVISIBLE.contains(&c) => {}
        Some(c) => out.push(c),
        None => {
            out.push('&');
            return text.get(1..).unwrap_or("");
        }
    }
    rest
}

/// Soft hyphen, zero-width space and joiners, byte order mark: they are in words that are searched
/// for without them.
const INVISIBLE: [char; 5] = ['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{feff}'];

/// Decimal, or hexadecimal behind an `x`. Numbers 128 to 159 mean windows-1252 to every browser.
fn numbered(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    match u8::try_from(code) {
        Ok(byte @ 0x80..=0x9f) => {
            WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next()
        }
        _ => char::from_u32(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, want: &str) {
        let mut found = String::new();
        text_of(html, &mut found);
        assert_eq!(found.trim_end(), want, "{html}");
    }

    #[test]
    fn what_a_reader_sees() {
        check("<p>Hello <b>wor</b>ld</p><p>again</p>", "Hello world again");
        check("a\r\n  b", "a b");
        check("<html><head><title>t</title></head><body>x</body>", "x");
        check("<style>p > a {}</style>x<SCRIPT>if (a < b)</Script >y", "x y");
        check("<!-- <b> -->x<!-- open", "x");
        check("<a title=\"1 > 2\" href='x'>link</a>", "link");
        check("a &lt; b &amp;&amp; c&nbsp;d &#228;&#xE4; &auml;", "a < b && c d ää ä");
        check("&#150; &#x93;&hellip;&Auml;&#0173;&shy;&zwnj;b", "– “…Äb");
        check("R&D; & &#xFFFFFFFF; 1 < 2", "R&D; & &#xFFFFFFFF; 1 < 2");
        check("<div", "");
        check("<a title=\"open>x", "x");
        check("x<br/>y", "x y");
        check("&", "&");
    }

    #[test]
    fn hostile_input_is_linear() {
        for piece in ["<", "<a ", "&", "</script", "<!--", "&#", "<a \"'"] {
            let mut out = String::new();
            text_of(&piece.repeat(20_000), &mut out);
            assert!(out.len() <= 200_000);
        }
    }
}
