//! IMAP: frames, commands, and the words of responses.

use super::imap_print::print;
use super::{cuts, linear};
use crate::imap::write::{self, Charset};
use crate::imap::{
    self, AppendItem, AppendOctets, AppendPieces, AppendRead, Command, Frame, Framer, Limits,
    SequenceSet, utf7,
};
use crate::{Cursor, Error, steps};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// No input panics; errors point into the input; a command that was read can be printed, and what
/// is printed reads and prints the same. Reading and walking it is linear work.
pub fn imap_command(input: &[u8]) {
    match linear(input.len(), 8, || imap::command(input)) {
        Ok(tagged) => {
            let printed = linear(input.len(), 16, || print(&tagged));
            let again = imap::command(&printed)
                .unwrap_or_else(|error| panic!("{error}: {}", printed.escape_ascii()));
            assert_eq!(print(&again), printed, "printed as {}", printed.escape_ascii());
            if let Command::Append { items, .. } | Command::Replace { items, .. } = tagged.command {
                let want: Vec<_> = items.map(told).collect();
                assert_eq!(in_pieces(input), want, "whole, and in pieces");
            }
            assert_eq!(
                imap::tag_of(input).is_some(),
                input.contains(&b'\n') || input.contains(&b' ')
            );
        }
        Err(error) => check_error(error.error, input),
    }
    match linear(input.len(), 8, || AppendPieces::new().read(input)) {
        Ok(AppendRead::Piece(piece)) => {
            assert!(imap::is_append(input));
            assert_eq!(piece.head.map(|head| head.tag), imap::tag_of(input));
            let mut items = piece.items;
            let last = linear(input.len(), 8, || items.by_ref().last());
            assert!(items.is_done(), "stops at {items:?}");
            if let Some(literal) = piece.literal {
                assert_eq!(imap::frame::literal_head(last_line(input)), Some(literal));
                assert!(
                    matches!(last, Some(AppendItem::Octets(octets)) if octets.literal == literal)
                );
            }
        }
        Ok(AppendRead::Name | AppendRead::Url) => {
            assert!(imap::is_append(input));
            assert!(imap::frame::literal_head(last_line(input)).is_some());
        }
        Err(error) => check_error(error.error, input),
    }
    let _ = imap::idle_done(input);
    let not_ascii = linear(input.len(), 8, || imap::outside_charset(input, Charset::Ascii));
    let not_utf8 = imap::outside_charset(input, Charset::Utf8);
    assert!(not_utf8.is_none_or(|at| not_ascii.is_some_and(|before| before <= at)));
}

/// The items of an APPEND that is right, taken as a stream as far as that goes.
fn in_pieces(mut input: &[u8]) -> Vec<String> {
    let limits = Limits { line_bytes_max: usize::MAX, frame_bytes_max: usize::MAX };
    let (mut framer, mut pieces, mut items) = (Framer::new(), AppendPieces::new(), Vec::new());
    loop {
        let bytes = match framer.next(input, &limits) {
            Frame::Literal { head_bytes, .. } => head_bytes,
            Frame::Complete { bytes } => bytes,
            // A command may do without the end of its line, a frame may not.
            _ => input.len(),
        };
        match pieces.read(&input[..bytes]).expect("a command that was read") {
            AppendRead::Piece(piece) => {
                framer.reset();
                items.extend(piece.items.map(told));
                let Some(literal) = piece.literal else { return items };
                let (octets, rest) = input[bytes..].split_at(literal.size as usize);
                if let Some(last) = items.last_mut() {
                    last.push_str(&octets.escape_ascii().to_string());
                }
                input = rest;
            }
            AppendRead::Name | AppendRead::Url => assert!(framer.accept_literal()),
        }
    }
}

fn told(item: AppendItem<'_>) -> String {
    match item {
        AppendItem::Octets(octets) => {
            let AppendOctets { literal, octets, part, utf8 } = octets;
            format!("{literal:?} part {part} utf8 {utf8}: {}", octets.escape_ascii())
        }
        other => format!("{other:?}"),
    }
}

/// The stream cut anywhere gives the same frames as the stream in one piece, by linear work.
///
/// The first bytes choose limits and cuts.
pub fn imap_stream(input: &[u8]) {
    let Some((&[line, frame, seed, density], stream)) = input.split_first_chunk::<4>() else {
        return;
    };
    let limits = Limits { line_bytes_max: line.into(), frame_bytes_max: usize::from(frame) * 2 };
    let whole = events(stream, &[], limits);
    assert_eq!(events(stream, &cuts(stream.len(), seed, density), limits), whole);
}

/// What a session would do with the stream; skipped bytes are summed, for only their sum is promised.
#[derive(Debug, PartialEq)]
enum Event<'a> {
    Frame(&'a [u8]),
    Accepted(&'a [u8]),
    Streamed(&'a [u8]),
    Refused(&'a [u8]),
    TooLong,
    Skipped(usize),
}

fn events<'a>(stream: &'a [u8], cuts: &[usize], limits: Limits) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    let (mut framer, mut consumed, mut to_stream) = (Framer::new(), 0usize, 0usize);
    // The reader of an APPEND, once a message of it was taken as a stream.
    let mut appending: Option<AppendPieces> = None;
    let (mut calls, mut looked) = (0usize, 0usize);
    for &end in cuts.iter().chain([&stream.len()]) {
        let streamed = to_stream.min(end - consumed);
        (consumed, to_stream) = (consumed + streamed, to_stream - streamed);
        loop {
            calls += 1;
            assert!(
                calls <= 4 * (stream.len() + cuts.len() + 1),
                "more calls than the input pays for"
            );
            if to_stream > 0 {
                break;
            }
            let rest = &stream[consumed..end];
            let (frame, took) = steps::count(|| framer.next(rest, &limits));
            looked += took;
            match frame {
                Frame::Incomplete => break,
                Frame::Complete { bytes } => {
                    let frame = &rest[..bytes];
                    assert!(frame.ends_with(b"\n") && bytes <= limits.frame_bytes_max);
                    assert!(framer.is_fresh());
                    match appending.take().map(|mut pieces| pieces.read(frame)) {
                        None => _ = imap::command(frame),
                        Some(Ok(AppendRead::Piece(piece))) => assert_eq!(piece.literal, None),
                        Some(Ok(other)) => panic!("{other:?} at the end of a command"),
                        Some(Err(error)) => check_error(error.error, frame),
                    }
                    events.push(Event::Frame(frame));
                    consumed += bytes;
                }
                Frame::Literal { head_bytes, literal } => {
                    let head = &rest[..head_bytes];
                    let mut pieces = appending.unwrap_or_default();
                    let appends = appending.is_some() || imap::is_append(head);
                    match appends.then(|| pieces.read(head)) {
                        Some(Ok(AppendRead::Piece(piece))) => {
                            assert_eq!(piece.literal, Some(literal));
                            appending = Some(pieces);
                            events.push(Event::Streamed(head));
                            framer.reset();
                            consumed += head_bytes;
                            to_stream = usize::try_from(literal.size).unwrap_or(usize::MAX);
                            let streamed = to_stream.min(end - consumed);
                            (consumed, to_stream) = (consumed + streamed, to_stream - streamed);
                        }
                        None | Some(Ok(_)) if framer.accept_literal() => {
                            events.push(Event::Accepted(head));
                        }
                        _ => {
                            appending = None;
                            framer.refuse_literal();
                            events.push(Event::Refused(head));
                        }
                    }
                }
                Frame::TooLong => {
                    appending = None;
                    events.push(Event::TooLong);
                }
                Frame::Skip { bytes } => {
                    assert!(bytes > 0 && bytes <= rest.len());
                    consumed += bytes;
                    match events.last_mut() {
                        Some(Event::Skipped(sum)) => *sum += bytes,
                        _ => events.push(Event::Skipped(bytes)),
                    }
                }
            }
        }
    }
    // Each byte once, and twice more at the end of its line, where a literal may be announced: its
    // brace is looked for, and its number read.
    assert!(looked <= 3 * stream.len() + 2 * calls, "{looked} steps");
    // How much of an unfinished line is skipped already depends on the cuts.
    if !framer.is_fresh() && matches!(events.last(), Some(Event::Skipped(_))) {
        events.pop();
    }
    events
}

/// What parses survives being printed and parsed again, and its ranges are as many as its commas.
pub fn imap_sequence(input: &[u8]) {
    match linear(input.len(), 8, || SequenceSet::parse(input)) {
        Ok(set) => {
            let printed = set.to_string();
            let again = SequenceSet::parse(printed.as_bytes()).expect("what was printed");
            assert!(set.ranges().eq(again.ranges()), "printed as {printed}");
            let commas = input.iter().filter(|&&byte| byte == b',').count();
            let ranges = linear(input.len(), 8, || set.ranges().count());
            assert_eq!(ranges, commas + 1);
            assert_eq!(set.has_largest(), input.contains(&b'*'));
        }
        Err(error) => check_error(error, input),
    }
}

/// A name has one spelling: what decodes encodes to the same bytes, and any text comes back.
pub fn imap_utf7(input: &[u8]) {
    let mut wire = Vec::new();
    match linear(input.len(), 8, || utf7::decode(input)) {
        Ok(name) => {
            utf7::encode(&mut wire, &name);
            assert_eq!(wire, input, "{name:?}");
        }
        Err(error) => check_error(error, input),
    }
    if let Ok(name) = core::str::from_utf8(input) {
        wire.clear();
        utf7::encode(&mut wire, name);
        assert!(wire.is_ascii());
        assert_eq!(utf7::decode(&wire).as_deref(), Ok(name));
    }
}

/// Whatever is written as a string, value, astring, atom, flag or mailbox reads back as one argument
/// with that value.
pub fn imap_write(input: &[u8]) {
    for charset in [Charset::Ascii, Charset::Utf8] {
        read_back(input, |out| write::string(out, input, charset));
        read_back(input, |out| write::astring(out, input, charset));
        value_reads_back(input, charset);
        if let Ok(name) = core::str::from_utf8(input) {
            flags_read_back(name);
            let mut wire = Vec::new();
            write::mailbox(&mut wire, name, charset);
            if let Some(value) = read(&wire) {
                assert_eq!(write::mailbox_name(&value, charset).as_deref(), Ok(name));
            }
            let mut text = Vec::new();
            write::text(&mut text, name, charset);
            assert!(!text.iter().any(|byte| b"\r\n\0".contains(byte)));
        }
    }
    if let Some((number, _)) = input.split_first_chunk() {
        let number = u64::from_be_bytes(*number);
        let mut out = Vec::new();
        write::number(&mut out, number);
        assert_eq!(out, number.to_string().as_bytes());
        out.clear();
        write::date_time(&mut out, number as i64, (number >> 7) as i16);
        assert_eq!(out.len(), 28, "{}", out.escape_ascii());
    }
}

/// A METADATA value, which may hold anything.
fn value_reads_back(value: &[u8], charset: Charset) {
    let mut frame = b"a SETMETADATA x (/y ".to_vec();
    write::nstring8(&mut frame, Some(value), charset);
    frame.extend_from_slice(b" /z ");
    write::nstring8(&mut frame, None, charset);
    frame.extend_from_slice(b")\r\n");
    let in_charset = imap::outside_charset(&frame, charset);
    assert_eq!(in_charset, None, "{charset:?}: {}", frame.escape_ascii());
    match imap::command(&frame) {
        Ok(imap::Tagged { command: Command::SetMetadata { entries, .. }, .. }) => {
            let values: Vec<_> =
                entries.iter().map(|entry| entry.value.map(|value| value.bytes())).collect();
            assert_eq!(values, [Some(value.into()), None], "{}", frame.escape_ascii());
        }
        other => panic!("{other:?} from {}", frame.escape_ascii()),
    }
}

/// Words are flags or left out; nothing else gets into the list. The same for an atom and a URL.
fn flags_read_back(text: &str) {
    let mut frame = b"a STORE 1 FLAGS ".to_vec();
    write::flag_list(&mut frame, text.split(' ').filter(|word| *word != "\\*"));
    frame.extend_from_slice(b"\r\n");
    match imap::command(&frame) {
        Ok(imap::Tagged { command: Command::Store { flags, .. }, .. }) => {
            assert!(flags.iter().count() <= text.split(' ').count());
        }
        other => panic!("{other:?} from {}", frame.escape_ascii()),
    }
    let mut frame = b"a ENABLE ".to_vec();
    if write::atom(&mut frame, text) {
        match imap::command(&frame) {
            Ok(imap::Tagged { command: Command::Enable(words), .. }) => {
                assert!(words.iter().eq([text]));
            }
            other => panic!("{other:?} from {}", frame.escape_ascii()),
        }
    }
    let mut url = Vec::new();
    write::url_resp_text(&mut url, text.as_bytes());
    assert!(!url.is_empty() && url.iter().all(|byte| byte.is_ascii_graphic() && *byte != b']'));
}

/// What decodes encodes to the same text; nothing is written beyond the buffer.
pub fn imap_base64(input: &[u8]) {
    let mut out = [0; 64];
    match linear(input.len(), 1, || imap::decode_base64(input, &mut out)) {
        Ok(bytes) => {
            const ALPHABET: &[u8] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let mut again = Vec::new();
            for group in bytes.chunks(3) {
                let byte = |at: usize| usize::from(group.get(at).copied().unwrap_or(0));
                let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
                for place in 0..4 {
                    let digit = ALPHABET[bits >> (18 - 6 * place) & 63];
                    again.push(if place > group.len() { b'=' } else { digit });
                }
            }
            assert_eq!(again, input);
        }
        Err(error) => check_error(error, input),
    }
    let _ = imap::sasl_line(input, &mut out);
}

fn read_back(value: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    let mut wire = Vec::new();
    write(&mut wire);
    if let Some(read) = read(&wire) {
        assert_eq!(read, value, "written as {}", wire.escape_ascii());
    }
}

/// The one argument that was written; `None` if it has a NUL, which no command may hold.
fn read(wire: &[u8]) -> Option<Vec<u8>> {
    if wire.contains(&0) {
        return None;
    }
    let mut frame = b"a DELETE ".to_vec();
    frame.extend_from_slice(wire);
    frame.extend_from_slice(b"\r\n");
    match imap::command(&frame) {
        Ok(imap::Tagged { command: imap::Command::Delete(name), .. }) => {
            Some(name.bytes().into_owned())
        }
        other => panic!("{other:?} from {}", frame.escape_ascii()),
    }
}

fn last_line(input: &[u8]) -> &[u8] {
    let start = input.iter().rev().skip(1).position(|&byte| byte == b'\n');
    start.map_or(input, |bytes| &input[input.len() - 1 - bytes..])
}

fn check_error(error: Error, input: &[u8]) {
    assert!(error.offset <= input.len(), "{error} in {} bytes", input.len());
    assert!(!error.expected.is_empty());
    let _ = Cursor::new(input);
}

#[cfg(test)]
mod tests {
    use alloc::format;

    /// `imap_command` holds each of them to linear work.
    #[test]
    fn floods() {
        // pitfall 116
        let n = 5_000;
        for (head, flood, tail) in [
            ("a ", "(", ""),
            ("a SEARCH ", "(", ""),
            ("a SEARCH ", "NOT ", "ALL"),
            ("a SEARCH ", "OR ", "ALL"),
            ("a SEARCH ", "OR ALL ", "ALL"),
            ("a SEARCH ", "(ALL) ", "ALL"),
            ("a SEARCH ", "NOT (NOT (OR 1 (2))) ", "ALL"),
            ("a SEARCH SUBJECT ", "\"\" TO ", "\"\""),
            ("a SEARCH RETURN (", "ALL ", "ALL) 1"),
            ("a FETCH 1", ",1", " UID"),
            ("a FETCH 1 BODY[1", ".1", "]"),
            ("a FETCH 1 (", "BODY[HEADER.FIELDS (A \"b\" {1}\r\nc)]<0.1> ", "UID)"),
            ("a FETCH 1 BODY[HEADER.FIELDS (a", " \"\\\"\"", ")]"),
            ("a STORE 1 FLAGS (\\Seen", " a", ")"),
            ("a LOGIN \"", "\\\\", "\" x"),
            ("a ID (", "{0}\r\n NIL ", "a b)"),
            ("a LIST (", "SUBSCRIBED ", "REMOTE) \"\" *"),
            ("a APPEND x", " {1}\r\na", ""),
            ("a APPEND x", " (\\Seen) \" 1-Feb-2020 00:00:00 +0000\" UTF8 (~{1+}\r\na)", ""),
            ("a APPEND x CATENATE (URL /a", " TEXT {1}\r\na URL {2}\r\n/b", ")"),
            ("a NOTIFY SET (personal (X", " X", "))"),
            ("a NOTIFY SET", " (subtree (a \"b\") (MailboxName))", ""),
            (
                "a NOTIFY SET (selected (MessageExpunge",
                " MessageNew (BODY[HEADER.FIELDS (a)])",
                "))",
            ),
            (
                "a NOTIFY SET (selected (MessageExpunge MessageNew (UID",
                " BODY[HEADER.FIELDS (a b)]",
                ")))",
            ),
            ("a NOTIFY SET (mailboxes (x", " {1}\r\na", ") NONE)"),
            ("a SETMETADATA x (/a", " ~{1}\r\n\0 /b/c", " NIL)"),
            ("a GETMETADATA x /a", "/a", ""),
            ("a GETMETADATA (DEPTH 1", " DEPTH 0", ") x /a"),
            ("a SETQUOTA x (A 0", " A 0", ")"),
            ("a SETACL x y ", "l", ""),
            ("a LANGUAGE", " \"a\\\"\"", ""),
            ("a NOOP", " ", ""),
        ] {
            for n in [n, 80] {
                let line = format!("{head}{}{tail}\r\n", flood.repeat(n));
                super::imap_command(line.as_bytes());
            }
        }
    }
}
