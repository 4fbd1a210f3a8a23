//! The structure of messages against mail-parser: the same parts in the same places, of the same
//! types with the same parameters.
//!
//! Of what no standard describes each makes what it can. Disagreements that are understood are
//! listed in docs/testing.md, and `understood` knows them by what is odd about the message.
#![no_main]

use std::cell::Cell;

use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use parser::message::header::{Fields, unfold};
use parser::message::{Kind, MessageMap, PartRef, content};

/// Type, where the header begins, where the body begins and ends, parameters.
type Part = (String, u32, u32, u32, Vec<(String, String)>);

libfuzzer_sys::fuzz_target!(init: spare_their_panics(), |input: &[u8]| {
    let map = MessageMap::parse(input);
    let ours: Vec<Part> = map.parts().map(our_part).collect();
    let Some(message) = theirs(input) else { return };
    let mut theirs = Vec::new();
    let gave_up = their_parts(&message, &mut theirs);
    if ours != theirs && !gave_up && understood(input, &map).is_none() {
        panic!("ours   {ours:?}\ntheirs {theirs:?}\n{}", input.escape_ascii());
    }
});

thread_local! {
    static THEIR_TURN: Cell<bool> = const { Cell::new(false) };
}

/// mail-parser asserts, in debug builds, that it never gives up: that is not what is asked here.
fn spare_their_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !THEIR_TURN.get() {
            hook(info);
        }
    }));
}

fn theirs(input: &[u8]) -> Option<Message<'_>> {
    THEIR_TURN.set(true);
    let message = std::panic::catch_unwind(|| {
        MessageParser::new().with_mime_headers().default_header_ignore().parse(input)
    });
    THEIR_TURN.set(false);
    message.ok().flatten()
}

fn our_part(part: PartRef<'_>) -> Part {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (media, subtype) = part.media_type();
    let (body, len) = part.body();
    let mut params: Vec<_> = part.params().map(|(name, value)| (text(name), text(value))).collect();
    if (media, subtype) == (b"text", b"plain") && params == [("charset".into(), "us-ascii".into())]
    {
        params.clear(); // what we say where nothing is said
    }
    (format!("{}/{}", text(media), text(subtype)), part.header().0, body, body + len, params)
}

/// All parts of a message and of the messages in it; true if mail-parser says that it gave up.
fn their_parts(message: &Message<'_>, parts: &mut Vec<Part>) -> bool {
    let mut gave_up = false;
    for part in &message.parts {
        let kind = part.content_type();
        let name = kind.map_or("text/plain".into(), |kind| {
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())
        });
        let name = match &part.body {
            PartType::Message(_) if kind.is_none() => "message/rfc822".into(), // in a digest
            _ => name,
        };
        let mut params: Vec<(String, String)> = kind
            .and_then(|kind| kind.attributes())
            .unwrap_or_default()
            .iter()
            .map(|param| (param.name.to_string(), param.value.to_string()))
            .collect();
        if name == "text/plain" && params == [("charset".into(), "us-ascii".into())] {
            params.clear();
        }
        parts.push((name, part.offset_header, part.offset_body, part.offset_end, params));
        gave_up |= part.is_encoding_problem;
        if let PartType::Message(message) = &part.body {
            gave_up |= their_parts(message, parts);
        }
    }
    gave_up
}

/// What is odd about a message on which the two need not agree; docs/testing.md has the reasons.
fn understood(input: &[u8], map: &MessageMap) -> Option<&'static str> {
    let mut boundaries: Vec<Vec<u8>> = Vec::new();
    for part in map.parts() {
        let header = slice(input, part.header());
        if let Some(odd) = odd_header(header) {
            return Some(odd);
        }
        if part.kind() == Kind::Message && !matches!(part.encoding(), b"7bit" | b"8bit" | b"binary")
        {
            return Some("a message that is itself encoded");
        }
        let at = part.body().0 as usize;
        if part.body().1 == 0 && input.get(at..).is_some_and(|rest| rest.starts_with(b"--")) {
            return Some("a header that ends with the line break of a boundary");
        }
        let named = Fields::new(header).find(|field| field.is(b"content-type"));
        let named = named.map(|field| unfold(field.value).into_owned()).unwrap_or_default();
        let multipart = content::media_type(&named)
            .is_some_and(|(media, ..)| media.eq_ignore_ascii_case(b"multipart"));
        if multipart && part.kind() != Kind::Multipart {
            return Some("a multipart without parts, or too deep");
        }
        if part.kind() != Kind::Multipart {
            continue;
        }
        let boundary = part.param("boundary")?;
        let last = part.children().last()?;
        let at = last.body().0 + last.body().1;
        let rest = slice(input, (at, part.body().0 + part.body().1 - at));
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let closing = [b"\n--", boundary, b"--"].concat();
        let inner = part.parent().is_some_and(|parent| parent.kind() == Kind::Message);
        let behind = rest.strip_prefix(&closing[..]).unwrap_or_default();
        if inner && rest_of(input, part) && !behind.is_empty() {
            return Some("an epilogue at the end of an inner message");
        }
        match rest.strip_prefix(&closing[..]) {
            Some(rest) if matches!(rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]) => {}
            _ => return Some("a multipart that nothing closes"),
        }
        boundaries.push(boundary.to_vec());
    }
    for (nth, boundary) in boundaries.iter().enumerate() {
        let alike = |other: &Vec<u8>| other.starts_with(boundary) || boundary.starts_with(other);
        if boundaries.iter().skip(nth + 1).any(alike) {
            return Some("boundaries that begin alike");
        }
        let delimiter = [b"--", &boundary[..]].concat();
        let mut at = 0;
        while let Some(found) = find(&input[at..], &delimiter) {
            let starts = at + found;
            at = starts + 1;
            let ends = &input[starts + delimiter.len()..];
            let ends = ends.strip_prefix(b"--").unwrap_or(ends);
            let line = starts == 0 || input[starts - 1] == b'\n';
            if !line || !matches!(ends, [] | [b'\n', ..] | [b'\r', b'\n', ..]) {
                return Some("a boundary that is not a line");
            }
        }
        // Behind the last one, or between those of another.
        let closing = [&delimiter[..], b"--"].concat();
        let first = find(input, &closing)? + closing.len();
        if find(&input[first..], &delimiter).is_some() {
            return Some("a boundary behind the last one");
        }
    }
    None
}

fn rest_of(input: &[u8], part: PartRef<'_>) -> bool {
    (part.body().0 + part.body().1) as usize == input.len()
}

fn slice(input: &[u8], (at, len): (u32, u32)) -> &[u8] {
    &input[at as usize..][..len as usize]
}

fn find(input: &[u8], what: &[u8]) -> Option<usize> {
    input.windows(what.len()).position(|window| window == what)
}

fn odd_header(header: &[u8]) -> Option<&'static str> {
    let mut fields = Fields::new(header);
    let all: Vec<_> = fields.by_ref().collect();
    let raw: usize = all.iter().map(|field| field.raw.len()).sum();
    if raw == header.len() {
        return Some("a header that no blank line ends");
    }
    let mut types = 0;
    for field in &all {
        let value = String::from_utf8_lossy(field.value);
        let lines = value.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        if field.name.is_empty()
            || !field.raw.starts_with(&[field.name, b":"].concat())
            || !field.name.iter().all(u8::is_ascii_graphic)
            || lines.clone().any(|line| line.contains('\r'))
            || lines.skip(1).any(|line| line.trim().is_empty())
            || field.value.iter().any(|byte| byte.is_ascii_control() && !b"\t\r\n".contains(byte))
        {
            return Some("a field that RFC 5322 §2.2 does not know");
        }
        if field.is(b"content-type") {
            types += 1;
            if find(field.value, b"=?").is_some() {
                return Some("an encoded word in a parameter");
            }
            if !plain_type(&unfold(field.value)) {
                return Some("a Content-Type that RFC 2045 §5.1 does not know");
            }
        }
        if field.is(b"content-transfer-encoding") {
            types += 100;
            if content::first_token(field.value) != unfold(field.value).as_ref() {
                return Some("a Content-Transfer-Encoding that RFC 2045 §6.1 does not know");
            }
        }
    }
    (types % 100 > 1 || types > 200).then_some("a field that stands twice")
}

/// `content` without comments, spaces in odd places, RFC 2231, 8-bit bytes and empty values.
fn plain_type(value: &[u8]) -> bool {
    let token = |bytes: &[u8]| !bytes.is_empty() && content::first_token(bytes) == bytes;
    let ascii = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let mut pieces = value.split(|byte| *byte == b';');
    let media = pieces.next().unwrap_or_default();
    let named = media.contains(&b'/') && media.splitn(2, |byte| *byte == b'/').all(token);
    let mut names: Vec<Vec<u8>> = Vec::new();
    named
        && ascii
        && pieces.all(|piece| {
            let mut sides = piece.trim_ascii_start().splitn(2, |byte| *byte == b'=');
            let (Some(name), Some(value)) = (sides.next(), sides.next()) else { return false };
            let name = name.to_ascii_lowercase();
            let again = names.contains(&name);
            names.push(name.clone());
            let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
            let right = match quoted {
                Some(text) => {
                    !text.is_empty()
                        && text.trim_ascii() == text
                        && !text.iter().any(|byte| matches!(byte, b'"' | b'\\'))
                }
                None => token(value),
            };
            right && token(&name) && !name.contains(&b'*') && !again
        })
}
