//! ManageSieve: frames, commands, and the words of responses.

use super::{cuts, feed, linear};
use crate::imap::strings::string;
use crate::managesieve::write::{self, Code, Status};
use crate::managesieve::{self, Command, CommandError, Frame, Framer, Limits, ScriptName, Str};
use crate::{Cursor, steps};
use alloc::string::String;
use alloc::vec::Vec;

/// A stream cut anywhere gives the same frames as in one piece, by linear work; each is a command
/// that prints as it reads; and the same bytes, as a text, are written so that a client reads them.
///
/// The first bytes choose limits and cuts.
pub fn managesieve(input: &[u8]) {
    let Some((&[line, frame, seed, density], stream)) = input.split_first_chunk::<4>() else {
        return;
    };
    let limits = Limits { line_bytes_max: line.into(), frame_bytes_max: usize::from(frame) * 2 };
    let whole = events(stream, &[], limits);
    assert_eq!(events(stream, &cuts(stream.len(), seed, density), limits), whole);
    command(stream);
    written(stream);
}

/// Errors point into the input; what parses prints as one frame, and that parses to the same.
fn command(input: &[u8]) {
    match linear(input.len(), 16, || managesieve::command(input)) {
        Ok(command) => {
            let printed = print(&command);
            let again = managesieve::command(&printed)
                .unwrap_or_else(|error| panic!("{error}: {}", printed.escape_ascii()));
            assert_eq!(print(&again), printed, "printed as {}", printed.escape_ascii());
            let roomy = printed.len() + 1;
            let limits = Limits { line_bytes_max: roomy, frame_bytes_max: roomy };
            let frame = Framer::new().next(&printed, &limits);
            assert_eq!(frame, Frame::Complete { bytes: printed.len() });
        }
        Err(CommandError::Syntax(error)) => assert!(error.offset <= input.len()),
        Err(CommandError::Unknown | CommandError::Name(_)) => {}
    }
    let _ = managesieve::sasl_response(input);
}

fn print(command: &Command<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    let keyword = |line: &mut Vec<u8>, keyword: &str| line.extend_from_slice(keyword.as_bytes());
    let word = |line: &mut Vec<u8>, value: &[u8]| {
        line.push(b' ');
        write::string(line, value);
    };
    let named = |line: &mut Vec<u8>, verb: &str, name: &ScriptName<'_>| {
        keyword(line, verb);
        word(line, name.as_str().as_bytes());
        assert!(!name.as_str().is_empty() && !name.as_str().contains(char::is_control));
    };
    match command {
        Command::Authenticate { mechanism, initial } => {
            keyword(&mut line, "Authenticate");
            word(&mut line, mechanism.as_bytes());
            if let Some(initial) = initial {
                word(&mut line, &initial.0.bytes());
            }
        }
        Command::StartTls => keyword(&mut line, "StartTLS"),
        Command::Logout => keyword(&mut line, "LOGOUT"),
        Command::Capability => keyword(&mut line, "CAPABILITY"),
        Command::HaveSpace { name, size } => {
            named(&mut line, "HAVESPACE", name);
            line.extend_from_slice(alloc::format!(" {size}").as_bytes());
        }
        Command::PutScript { name, script } => {
            named(&mut line, "PUTSCRIPT", name);
            word(&mut line, &script.bytes());
        }
        Command::ListScripts => keyword(&mut line, "LISTSCRIPTS"),
        Command::SetActive(None) => keyword(&mut line, "SETACTIVE \"\""),
        Command::SetActive(Some(name)) => named(&mut line, "SETACTIVE", name),
        Command::GetScript(name) => named(&mut line, "GETSCRIPT", name),
        Command::DeleteScript(name) => named(&mut line, "DELETESCRIPT", name),
        Command::RenameScript { from, to } => {
            named(&mut line, "RENAMESCRIPT", from);
            word(&mut line, to.as_str().as_bytes());
        }
        Command::CheckScript(script) => {
            keyword(&mut line, "CHECKSCRIPT");
            word(&mut line, &script.bytes());
        }
        Command::Noop(tag) => {
            keyword(&mut line, "NOOP");
            if let Some(tag) = tag {
                word(&mut line, &tag.bytes());
            }
        }
        Command::Unauthenticate => keyword(&mut line, "UNAUTHENTICATE"),
    }
    keyword(&mut line, "\r\n");
    line
}

/// What a session would see; skipped bytes are summed, for only their sum is promised.
#[derive(Debug, PartialEq)]
enum Event<'a> {
    Frame(&'a [u8]),
    TooLong,
    LiteralTooLong(u64),
    Skipped(usize),
}

fn events<'a>(stream: &'a [u8], cuts: &[usize], limits: Limits) -> Vec<Event<'a>> {
    let (mut events, mut framer) = (Vec::new(), Framer::new());
    let (mut looked, mut calls) = (0, 0);
    feed(stream, cuts, |rest| {
        let (frame, took) = steps::count(|| framer.next(rest, &limits));
        (looked, calls) = (looked + took, calls + 1);
        match frame {
            Frame::Incomplete => return None,
            Frame::Complete { bytes } => {
                let frame = &rest[..bytes];
                assert!(frame.ends_with(b"\n") && bytes <= limits.frame_bytes_max);
                assert!(framer.is_fresh());
                command(frame);
                events.push(Event::Frame(frame));
                return Some(bytes);
            }
            Frame::TooLong => events.push(Event::TooLong),
            Frame::LiteralTooLong { size } => {
                // With the command before it and the line end behind it, it is too much.
                let least = size.saturating_add(rest.len() as u64);
                assert!(least >= limits.frame_bytes_max as u64, "{size} would have fitted");
                events.push(Event::LiteralTooLong(size));
            }
            Frame::Skip { bytes } => {
                assert!(bytes > 0 && bytes <= rest.len());
                match events.last_mut() {
                    Some(Event::Skipped(sum)) => *sum += bytes,
                    _ => events.push(Event::Skipped(bytes)),
                }
                return Some(bytes);
            }
        }
        Some(0)
    });
    // How much of an unfinished line is skipped already depends on the cuts.
    if !framer.is_fresh() && matches!(events.last(), Some(Event::Skipped(_))) {
        events.pop();
    }
    assert!(looked <= 3 * stream.len() + 2 * calls, "{looked} steps");
    events
}

/// Whatever a string holds, a client reads it back, and what follows it is where it should be.
fn written(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let text = text.replace('\0', "");
    let tag: Vec<u8> = input.iter().copied().filter(|byte| *byte != 0).collect();
    let mut out = Vec::new();
    write::response(&mut out, Status::Ok, Some(Code::Tag(&tag)), &text);
    let mut cursor = Cursor::new(&out);
    assert!(cursor.eat_word("OK (TAG "));
    assert_eq!(string(&mut cursor).as_ref().map(Str::bytes), Ok(tag.as_slice().into()));
    assert!(cursor.eat(b')'));
    if !text.is_empty() {
        assert!(cursor.eat(b' '));
        assert_eq!(string(&mut cursor).as_ref().map(Str::bytes), Ok(text.as_bytes().into()));
    }
    assert_eq!(cursor.rest(), b"\r\n");
    if let Ok(name) = ScriptName::new(input.into()) {
        assert_eq!(name.as_str().as_bytes(), input);
        let mut out = Vec::new();
        write::listed_active(&mut out, &name);
        let mut cursor = Cursor::new(&out);
        assert_eq!(string(&mut cursor).as_ref().map(Str::bytes), Ok(input.into()));
        assert_eq!(cursor.rest(), b" ACTIVE\r\n");
    }
}
