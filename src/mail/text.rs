//! Bytes as text: transfer encodings and charsets undone, header values decoded, the text parts of
//! a message found. Never fails: what cannot be decoded is replaced, as a reader would see it.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use parser::message::content;
use parser::message::encoded_word::{Piece, pieces};
use parser::message::header::{Fields, unfold};
use parser::message::transfer::{Base64, QuotedPrintable};
use parser::message::{Kind, MessageMap, PartRef};

use super::charset;
use super::html;

/// `bytes` with a Content-Transfer-Encoding undone (RFC 2045 §6); `None` if it is none we know.
pub fn undo_encoding<'a>(encoding: &str, bytes: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let is = |name: &str| encoding.eq_ignore_ascii_case(name);
    if encoding.is_empty() || is("7bit") || is("8bit") || is("binary") {
        return Some(Cow::Borrowed(bytes));
    }
    if is("base64") {
        return Some(Cow::Owned(base64(bytes)));
    }
    if is("quoted-printable") {
        let mut plain = Vec::with_capacity(bytes.len());
        let mut decoder = QuotedPrintable::new();
        decoder.feed(bytes, &mut plain);
        decoder.finish(&mut plain);
        return Some(Cow::Owned(plain));
    }
    None
}

/// Well-formed base64 at full speed; the tolerant decoder for the rest.
fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr(b'\n', rest) {
        let (line, tail) = rest.split_at(at);
        text.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        rest = tail.get(1..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    if let Ok(plain) = base64_simd::STANDARD.decode_inplace(&mut text) {
        let len = plain.len();
        text.truncate(len);
        return text;
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut decoder = Base64::new();
    decoder.feed(bytes, &mut plain);
    decoder.finish(&mut plain);
    plain
}

/// A header value, still folded, as its reader sees it: encoded words decoded (RFC 2047).
pub fn decode_header(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    decode_header_into(value, &mut text);
    text
}

fn decode_header_into(value: &[u8], text: &mut String) {
    let value = unfold(value);
    if memchr2(b'=', b'?', &value).is_none() {
        text.push_str(&charset::decode(b"", &value));
        return;
    }
    // Words of one charset that follow each other are one: some mailers cut characters in two.
    let mut charset: &[u8] = b"";
    let mut bytes = Vec::new();
    for piece in pieces(&value) {
        let same = matches!(&piece, Piece::Word(word)
            if word.charset.eq_ignore_ascii_case(charset) && charset::joins(charset));
        if !same && !bytes.is_empty() {
            text.push_str(&charset::decode(charset, &bytes));
            bytes.clear();
        }
        match piece {
            Piece::Text(plain) => text.push_str(&charset::decode(b"", plain)),
            Piece::Word(word) => {
                charset = word.charset;
                word.decode(&mut bytes);
            }
        }
    }
    text.push_str(&charset::decode(charset, &bytes));
}

/// A parameter's value by its plain name, in whichever form of RFC 2231 it was sent.
pub fn decode_param<'a>(
    params: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    name: &str,
) -> Option<String> {
    let joined = content::joined(params, name)?;
    // RFC 2047 §5 forbids encoded words here, and mailers write them.
    Some(match joined.charset.as_slice() {
        b"" => decode_header(&joined.value),
        charset => charset::decode(charset, &joined.value).into_owned(),
    })
}

/// A part's own text, for search; `None` for what is no text. HTML gives the words it shows.
pub fn part_text<'m>(part: PartRef<'_>, message: &'m [u8]) -> Option<Cow<'m, str>> {
    part_text_near(part, message, u32::MAX)
}

/// As [`part_text`], of no more than the first `bytes_max` bytes of the part.
pub fn part_text_near<'m>(
    part: PartRef<'_>,
    message: &'m [u8],
    bytes_max: u32,
) -> Option<Cow<'m, str>> {
    let (media, subtype) = part.media_type();
    if part.kind() != Kind::Leaf || media != b"text" {
        return None;
    }
    let (at, len) = part.body();
    let encoded = slice(message, (at, len.min(bytes_max)));
    let encoding = String::from_utf8_lossy(part.encoding());
    let plain = undo_encoding(&encoding, encoded).unwrap_or(Cow::Borrowed(encoded));
    let named = match part.param("charset") {
        Some(charset) => Cow::Borrowed(charset),
        None => Cow::Owned(part.param_joined("charset").map_or(Vec::new(), |named| named.value)),
    };
    let text = match plain {
        Cow::Borrowed(plain) => charset::decode(&named, plain),
        Cow::Owned(plain) => Cow::Owned(charset::decode(&named, &plain).into_owned()),
    };
    if subtype != b"html" {
        return Some(text);
    }
    let mut words = String::with_capacity(text.len() / 2);
    html::text_of(&text, &mut words);
    Some(Cow::Owned(words))
}

/// Messages in base64 within each other that are opened (RFC 2045 §6.4 forbids the first).
const ENCODED_DEPTH_MAX: u32 = 3;

/// What a leaf has to say: its text, or all texts of the encoded message that it stands for.
fn leaf_texts<'m>(part: PartRef<'_>, message: &'m [u8], depth: u32) -> Vec<Cow<'m, str>> {
    let encoded = depth > 0 && part.parent().is_some_and(|parent| parent.is_encoded_message());
    if !encoded {
        return part_text(part, message).into_iter().collect();
    }
    let inner = base64(slice(message, part.body()));
    let map = MessageMap::parse(&inner);
    let header = header_text(slice(&inner, map.root().header()));
    let texts = texts_below(&map, &inner, depth - 1).map(|text| Cow::Owned(text.into_owned()));
    texts.chain([Cow::Owned(header)]).collect()
}

/// What a search in BODY looks at: every text part, and the headers of messages in the message.
pub fn body_texts<'a>(
    map: &'a MessageMap,
    message: &'a [u8],
) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
    texts_below(map, message, ENCODED_DEPTH_MAX)
}

fn texts_below<'a>(
    map: &'a MessageMap,
    message: &'a [u8],
    depth: u32,
) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
    map.parts().flat_map(move |part| leaf_texts(part, message, depth)).chain(
        map.parts()
            .filter(|part| part.parent().is_some_and(|parent| parent.kind() == Kind::Message))
            .map(move |part| Cow::Owned(header_text(slice(message, part.header())))),
    )
}

/// What a search in TEXT looks at besides: the MIME headers of the parts (RFC 9051 §6.4.4).
pub fn mime_texts<'a>(
    map: &'a MessageMap,
    message: &'a [u8],
) -> impl Iterator<Item = String> + use<'a> {
    map.parts()
        .filter(|part| part.parent().is_some_and(|parent| parent.kind() == Kind::Multipart))
        .map(move |part| header_text(slice(message, part.header())))
}

/// Bytes of an ordinary header.
const HEADER_BYTES: usize = 4 * 1024;

/// A whole header as text: one decoded field a line. The walk stops at the blank line.
pub fn header_text(header: &[u8]) -> String {
    let mut text = String::with_capacity(header.len().min(HEADER_BYTES));
    for field in Fields::new(header) {
        text.push_str(&charset::decode(b"", field.name));
        text.push_str(": ");
        decode_header_into(field.value, &mut text);
        text.push('\n');
    }
    text
}

fn slice(message: &[u8], (at, len): (u32, u32)) -> &[u8] {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let end = at.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
    message.get(at..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn header(value: &str, want: &str) {
        assert_eq!(decode_header(value.as_bytes()), want, "{value}");
    }

    #[test]
    fn headers() {
        header(" plain\r\n text", "plain text");
        header("=?utf-8?q?J=C3=B6rg?= <a@b>", "Jörg <a@b>");
        header("=?iso-8859-1?q?J=F6rg?=", "Jörg");
        header("=?utf-8?b?w7Y=?=\r\n =?UTF-8?b?w6Q=?=", "öä");
        header("=?utf-8?q?=C3?= =?utf-8?q?=B6?=", "ö"); // one character in two words
        header("=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", "日本");
        header("=?utf-7?q?+AOQ?= =?utf-7?q?+APY?=", "äö");
        header("=?nonsense?q?=C3=B6?=", "ö");
        header("roh: ö", "roh: ö");
        header("a=b?c", "a=b?c");
        assert_eq!(decode_header(b"J\xf6rg"), "Jörg");
    }

    #[test] // pitfall 102
    fn encodings() {
        let undo = |encoding: &str, bytes: &'static [u8]| {
            undo_encoding(encoding, bytes).map(Cow::into_owned)
        };
        assert_eq!(undo("BASE64", b"YWJj\r\nZGU=\r\n").as_deref(), Some(&b"abcde"[..]));
        assert_eq!(undo("base64", b"YW Jj!").as_deref(), Some(&b"abc"[..]));
        assert_eq!(undo("quoted-printable", b"a=3D=\r\nb").as_deref(), Some(&b"a=b"[..]));
        assert_eq!(undo("8bit", b"\xff=3D").as_deref(), Some(&b"\xff=3D"[..]));
        assert_eq!(undo("", b"x").as_deref(), Some(&b"x"[..]));
        assert_eq!(undo("x-uuencode", b"x"), None);
    }

    #[test] // RFC 2231 §3, §4
    fn parameters() {
        let param = |pairs: &[(&'static str, &'static str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
            decode_param(pairs.iter().copied(), "name")
        };
        assert_eq!(param(&[("name", "a.txt")]).as_deref(), Some("a.txt"));
        assert_eq!(param(&[("name*", "utf-8''%C3%B6%2")]).as_deref(), Some("ö%2"));
        assert_eq!(
            param(&[("name*1", " b"), ("x", "y"), ("name*0*", "iso-8859-1'de'%F6")]).as_deref(),
            Some("ö b")
        );
        assert_eq!(param(&[("name", "=?utf-8?q?=C3=B6?=")]).as_deref(), Some("ö"));
        assert_eq!(param(&[("names", "x")]), None);
    }

    #[test]
    fn texts_of_a_message() {
        let message = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nplain\n--b\n\
            Content-Type: text/html; charset=iso-8859-1\n\
            Content-Transfer-Encoding: quoted-printable\n\n<b>gr=FCn</b>\n--b\n\
            Content-Type: image/gif\n\nnot text\n--b\nContent-Type: message/rfc822\n\n\
            Subject: =?utf-8?q?inn=C3=A9r?=\n\ndeep\n--b--\n";
        let map = MessageMap::parse(message);
        let texts: Vec<_> = body_texts(&map, message).collect();
        assert_eq!(texts, ["plain", "grün", "deep", "Subject: innér\n"]);
        assert_eq!(mime_texts(&map, message).count(), 4);
    }

    #[test] // RFC 2045 §6.4 forbids it
    fn texts_of_an_encoded_message() {
        let inner =
            b"Subject: =?utf-8?q?inn=C3=A9r?=\r\nContent-Type: text/plain; charset=koi8-r\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n=F0=D2=C9=D7=C5=D4";
        let mut wrapped = base64_simd::STANDARD.encode_to_string(inner);
        for depth in 1..5 {
            let message = format!(
                "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{wrapped}"
            );
            let map = MessageMap::parse(message.as_bytes());
            let texts: Vec<_> = body_texts(&map, message.as_bytes()).collect();
            let found = texts.iter().any(|text| text == "Привет");
            assert_eq!(found, depth <= ENCODED_DEPTH_MAX, "{texts:?}");
            wrapped = base64_simd::STANDARD.encode_to_string(&message);
        }
    }
}
