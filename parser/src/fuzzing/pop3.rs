//! POP3: lines, commands, responses, and the dots of RETR and TOP.

use super::{cuts, feed, linear};
use crate::lmtp::DotStream;
use crate::pop3::write::{self, Charset, Code, RESPONSE_LINE_BYTES_MAX};
use crate::pop3::{self, Command, DotWriter};
use crate::{Line, Lines, steps};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A stream cut anywhere gives the same lines as in one piece, by linear work; each is a command
/// that prints as it reads; and the same bytes, as a message or a text, are answered so that they
/// stay what they are.
///
/// The first bytes choose the limit, the cuts, and RETR or the lines of TOP.
pub fn pop3(input: &[u8]) {
    let Some((&[limit, seed, density, mode], stream)) = input.split_first_chunk::<4>() else {
        return;
    };
    let cuts = cuts(stream.len(), seed, density);
    assert_eq!(lines(stream, &cuts, limit.into()), lines(stream, &[], limit.into()));
    dots(stream, &cuts, mode);
    responses(&String::from_utf8_lossy(stream));
}

/// What parses prints and parses to the same; its line's end means nothing.
fn command(input: &[u8]) {
    let line = input.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let end = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |last| last + 1);
    let line = &line[..end];
    let parsed = linear(line.len(), 16, || pop3::command(line));
    assert_eq!(pop3::command(&[line, b"\r\n"].concat()), parsed);
    let Ok(command) = parsed else { return };
    let printed = print(&command);
    assert_eq!(pop3::command(&printed), parsed, "printed as {}", printed.escape_ascii());
}

fn print(command: &Command<'_>) -> Vec<u8> {
    let words = |keyword: &str, words: &[&[u8]]| {
        let mut line = keyword.as_bytes().to_vec();
        for word in words {
            line.push(b' ');
            line.extend_from_slice(word);
        }
        line
    };
    let numbers = |keyword: &str, number: Option<_>| match number {
        Some(number) => format!("{keyword} {number}").into_bytes(),
        None => keyword.as_bytes().to_vec(),
    };
    match *command {
        Command::User(name) => words("user", &[name.as_bytes()]),
        Command::Pass(password) => words("Pass", &[password.0]),
        Command::Apop { name, digest } => words("APOP", &[name.as_bytes(), digest.as_bytes()]),
        Command::Auth { mechanism, initial: None } => words("AUTH", &[mechanism.as_bytes()]),
        Command::Auth { mechanism, initial: Some(initial) } => {
            words("AUTH", &[mechanism.as_bytes(), initial.0])
        }
        Command::AuthList => words("AUTH", &[]),
        Command::Capa => words("CAPA", &[]),
        Command::Stls => words("STLS", &[]),
        Command::Utf8 => words("UTF8", &[]),
        Command::Lang(None) => words("LANG", &[]),
        Command::Lang(Some(language)) => words("LANG", &[language.as_bytes()]),
        Command::Stat => words("STAT", &[]),
        Command::List(message) => numbers("LIST", message),
        Command::Retr(message) => numbers("RETR", Some(message)),
        Command::Dele(message) => numbers("DELE", Some(message)),
        Command::Noop => words("NOOP", &[]),
        Command::Rset => words("RSET", &[]),
        Command::Top { message, lines } => format!("TOP {message} {lines}").into_bytes(),
        Command::Uidl(message) => numbers("UIDL", message),
        Command::Quit => words("QUIT", &[]),
    }
}

/// The lines, an empty one for each that was too long, and how many bytes were skipped.
fn lines<'a>(stream: &'a [u8], cuts: &[usize], line_bytes_max: usize) -> (Vec<&'a [u8]>, usize) {
    let (mut found, mut skipped, mut finder) = (Vec::new(), 0, Lines::new());
    let (mut looked, mut calls) = (0, 0);
    feed(stream, cuts, |rest| {
        let (line, took) = steps::count(|| finder.next(rest, line_bytes_max));
        (looked, calls) = (looked + took, calls + 1);
        match line {
            Line::Incomplete => return None,
            Line::TooLong => found.push(&stream[..0]),
            Line::Skip { bytes } => {
                assert!(bytes > 0 && bytes <= rest.len());
                skipped += bytes;
                return Some(bytes);
            }
            Line::Complete { bytes } => {
                let line = &rest[..bytes];
                assert!(line.ends_with(b"\n") && bytes <= line_bytes_max);
                command(line);
                found.push(line);
                return Some(bytes);
            }
        }
        Some(0)
    });
    // Each byte once, and again what was too long and is skipped.
    assert!(looked <= 2 * stream.len() + calls, "{looked} steps");
    (found, skipped)
}

/// Whatever a text holds, it is one line, and has the code it was given or none.
fn responses(text: &str) {
    for charset in [Charset::Ascii, Charset::Utf8] {
        for code in [None, Some(Code::SysTemp)] {
            let mut out = Vec::new();
            write::err(&mut out, code, text, charset);
            write::ok(&mut out, text, charset);
            let lines: Vec<&[u8]> = out.split_inclusive(|byte| *byte == b'\n').collect();
            let [err, ok] = lines[..] else { panic!("{} lines", lines.len()) };
            for line in [err, ok] {
                assert!(line.ends_with(b"\r\n") && line.len() <= RESPONSE_LINE_BYTES_MAX);
                assert_eq!(line.iter().filter(|byte| **byte == b'\r').count(), 1);
            }
            assert_eq!(err.starts_with(b"-ERR ["), code.is_some());
            assert!(ok.starts_with(b"+OK ") && !ok.starts_with(b"+OK ["));
        }
    }
}

/// Splits change nothing; a reader by the letter and one that takes a bare LF for the end of a line
/// both see the answer end where it does; and TOP is a beginning of RETR.
fn dots(message: &[u8], cuts: &[usize], mode: u8) {
    let new =
        || mode.checked_sub(1).map_or(DotWriter::retr(), |lines| DotWriter::top(lines.into()));
    let (mut writer, mut whole) = (new(), Vec::new());
    writer.feed(message, &mut whole);
    let wants_more = writer.wants_more();
    writer.finish(&mut whole);

    let (mut writer, mut parts) = (new(), Vec::new());
    feed(message, cuts, |rest| {
        writer.feed(rest, &mut parts);
        (!rest.is_empty()).then_some(rest.len())
    });
    assert_eq!(writer.wants_more(), wants_more);
    writer.finish(&mut parts);
    assert_eq!(parts, whole);

    let mut exact = Vec::new();
    let fed = DotStream::new().feed(&whole, &mut exact);
    assert_eq!((fed.consumed, fed.ended), (whole.len(), true));

    let mut lenient = Vec::new();
    let mut lines = whole.split_inclusive(|byte| *byte == b'\n');
    let ended = lines.find(|line| {
        let is_end = matches!(*line, b".\r\n" | b".\n");
        if !is_end {
            lenient.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        is_end
    });
    assert!(ended.is_some() && lines.next().is_none());

    // What was sent is the message's beginning, all of it for RETR; then a CRLF if one was missing.
    let same = lenient.iter().zip(message).take_while(|(sent, had)| sent == had).count();
    assert!(!wants_more || same == message.len());
    let added = &lenient[same..];
    assert!(matches!(added, b"" | b"\n" | b"\r\n"), "{}", added.escape_ascii());
    assert_eq!(added.is_empty(), same == 0 || lenient[..same].ends_with(b"\r\n"));
}
