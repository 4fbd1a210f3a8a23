//! LMTP: commands, the bytes of messages behind them, and replies.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{cuts, feed, linear};
use crate::lmtp::{
    self, ChunkStream, Code, Command, CommandError, DotStream, REPLY_LINE_BYTES_MAX, Reply,
    ReplyFrame, ReplyFramer, Status, write_reply, write_xtext,
};
use crate::{Line, Lines};

/// What parses prints, and that parses to the same, by linear work; its line's end means nothing.
/// Addresses are clean and within their bounds.
pub fn lmtp_command(input: &[u8]) {
    let line = input.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let parsed = linear(line.len(), 8, || lmtp::command(line));
    assert_eq!(lmtp::command(&[line, b"\r\n"].concat()), parsed);
    let Ok(command) = parsed else { return };
    let printed = command.to_string();
    assert!(!printed.bytes().any(|byte| byte.is_ascii_control()), "{printed:?}");
    assert_eq!(lmtp::command(printed.as_bytes()), parsed, "printed as {printed}");
    let path = match command {
        Command::Mail(mail) => {
            for text in mail.envid.iter().chain(&mail.auth) {
                xtext(text);
            }
            mail.from
        }
        Command::Rcpt(rcpt) => {
            assert!(!rcpt.to.is_null());
            rcpt.orcpt.iter().for_each(|orcpt| xtext(&orcpt.address));
            rcpt.to
        }
        _ => return,
    };
    assert!(path.local().len() <= lmtp::LOCAL_PART_BYTES_MAX);
    assert!(path.domain().is_none_or(|domain| domain.len() <= lmtp::DOMAIN_BYTES_MAX));
    assert!(path.local_unquoted().len() <= path.local().len());
    let halves = path.domain().map_or(path.local().into(), |at| format!("{}@{at}", path.local()));
    assert_eq!(halves, path.as_str());
    assert!(path.domain().is_none_or(|domain| !domain.contains('@')));
}

fn xtext(text: &lmtp::Xtext<'_>) {
    let mut written = Vec::new();
    write_xtext(&mut written, &text.decoded());
    let again = core::str::from_utf8(&written).expect("xtext is ASCII");
    let again = lmtp::Xtext::new(again).expect("what was written");
    assert!(again.bytes().eq(text.bytes()) && again.decoded() == text.decoded());
}

/// Commands, messages and chunks behind each other come out the same however the stream is cut; so
/// do replies; and what is written as a message or a reply is read as that and nothing more.
///
/// The first bytes choose the cuts, the limit of lines and the code of the reply.
pub fn lmtp_stream(input: &[u8]) {
    let Some((&[seed, density, limit, code], stream)) = input.split_first_chunk::<4>() else {
        return;
    };
    let cuts = cuts(stream.len(), seed, density);
    assert_eq!(session(stream, &cuts, limit.into()), session(stream, &[], limit.into()));
    assert_eq!(replies(stream, &cuts), replies(stream, &[]));
    message(stream, &cuts);
    reply(code, seed, &String::from_utf8_lossy(stream));
}

/// What a session would see.
#[derive(Debug, PartialEq)]
enum Event {
    Command(String),
    Wrong(CommandError),
    TooLong,
    Skipped(usize),
    Message { bytes: Vec<u8>, ended: bool },
    Chunk { bytes: Vec<u8>, left: u64 },
}

/// What the bytes at hand are.
enum At {
    Command,
    Data(DotStream),
    Chunk(ChunkStream),
    /// A chunk nobody can count was announced: a server hears no more.
    Closed,
}

fn session(stream: &[u8], cuts: &[usize], line_bytes_max: usize) -> Vec<Event> {
    let (mut events, mut lines, mut at) = (Vec::new(), Lines::new(), At::Command);
    feed(stream, cuts, |rest| {
        let fed = match (&mut at, events.last_mut()) {
            (At::Data(dots), Some(Event::Message { bytes, ended })) => {
                let fed = dots.feed(rest, bytes);
                *ended = fed.ended;
                fed
            }
            (At::Chunk(chunk), Some(Event::Chunk { bytes, left })) => {
                let fed = chunk.feed(rest, bytes);
                *left = chunk.left();
                fed
            }
            (At::Closed, _) => return None,
            (_, last) => match lines.next(rest, line_bytes_max) {
                Line::Incomplete => return None,
                Line::TooLong => {
                    events.push(Event::TooLong);
                    return Some(0);
                }
                Line::Skip { bytes } => {
                    match last {
                        Some(Event::Skipped(sum)) => *sum += bytes,
                        _ => events.push(Event::Skipped(bytes)),
                    }
                    return Some(bytes);
                }
                Line::Complete { bytes } => {
                    assert!(bytes <= line_bytes_max && rest[..bytes].ends_with(b"\n"));
                    at = on_line(&rest[..bytes], &mut events);
                    return Some(bytes);
                }
            },
        };
        if fed.ended {
            at = At::Command;
        }
        // A chunk of nothing has ended, and still asks to be looked at once.
        (fed.ended || fed.consumed > 0).then_some(fed.consumed)
    });
    events
}

fn on_line(line: &[u8], events: &mut Vec<Event>) -> At {
    let (event, at) = match lmtp::command(line) {
        Ok(command) => (
            Event::Command(command.to_string()),
            match command {
                Command::Data => At::Data(DotStream::new()),
                Command::Bdat { size, .. } => At::Chunk(ChunkStream::new(size)),
                _ => At::Command,
            },
        ),
        Err(error @ CommandError::Chunk(_)) => (Event::Wrong(error), At::Closed),
        Err(error) => (Event::Wrong(error), At::Command),
    };
    events.push(event);
    match &at {
        At::Data(_) => events.push(Event::Message { bytes: Vec::new(), ended: false }),
        At::Chunk(chunk) => events.push(Event::Chunk { bytes: Vec::new(), left: chunk.left() }),
        At::Command | At::Closed => {}
    }
    at
}

/// A message stuffed as RFC 5321 §4.5.2 says comes back whole, and ends where it should.
fn message(input: &[u8], cuts: &[usize]) {
    let mut stuffed = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let starts_line = stuffed.is_empty() || stuffed.ends_with(b"\r\n");
        if starts_line && line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.is_empty() && !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    let len = stuffed.len() + 3;
    stuffed.extend_from_slice(b".\r\nQUIT\r\n");
    let (mut dots, mut message, mut consumed) = (DotStream::new(), Vec::new(), 0);
    feed(&stuffed, cuts, |rest| {
        let fed = dots.feed(rest, &mut message);
        consumed += fed.consumed;
        assert_eq!(fed.ended, consumed == len);
        (fed.consumed > 0).then_some(fed.consumed)
    });
    assert_eq!(consumed, len);
    assert!(message.starts_with(input) && message.len() <= input.len() + 2);
}

/// Where replies end, and whether they are some.
fn replies(stream: &[u8], cuts: &[usize]) -> Vec<(usize, bool)> {
    const BYTES_MAX: usize = 200;
    let (mut found, mut framer) = (Vec::new(), ReplyFramer::new());
    feed(stream, cuts, |rest| match framer.next(rest, BYTES_MAX) {
        ReplyFrame::Incomplete => {
            assert!(rest.len() < BYTES_MAX);
            None
        }
        ReplyFrame::TooLong => {
            assert!(rest.len() >= BYTES_MAX);
            None
        }
        ReplyFrame::Complete { bytes } => {
            let reply = Reply::parse(&rest[..bytes]);
            let lines = rest[..bytes].iter().filter(|byte| **byte == b'\n').count();
            assert!(reply.is_none_or(|reply| reply.lines().count() == lines));
            found.push((bytes, reply.is_some()));
            Some(bytes)
        }
    });
    found
}

/// Whatever a text holds, one reply is written, with lines of a length that a client takes.
fn reply(code: u8, detail: u8, text: &str) {
    let Some(code) = Code::new(200 + u16::from(code)) else { return };
    let status = Status::new(7, detail.into()).filter(|_| detail > 0);
    let mut out = Vec::new();
    write_reply(&mut out, code, status, text);
    let frame = ReplyFramer::new().next(&out, out.len());
    assert_eq!(frame, ReplyFrame::Complete { bytes: out.len() });
    let lines = out.split_inclusive(|byte| *byte == b'\n');
    assert!(
        lines.clone().all(|line| line.len() <= REPLY_LINE_BYTES_MAX && line.ends_with(b"\r\n"))
    );
    let reply = Reply::parse(&out).expect("what was written");
    assert_eq!((reply.code, reply.lines().count()), (code, lines.count()));
    if status.is_some() {
        assert_eq!(reply.status, status.filter(|_| code.outcome() != lmtp::Outcome::GoOn));
        let kept = |c: char| c.is_ascii_graphic() && !c.is_ascii_digit();
        let read = reply.lines().flatten().filter(|byte| kept(char::from(**byte))).count();
        assert!(read >= text.chars().filter(|c| kept(*c)).count());
    }
}
