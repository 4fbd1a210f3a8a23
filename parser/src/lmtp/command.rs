//! Command lines: a verb, and what follows it.

use core::fmt;

use crate::steps;

use super::parameters::{Mail, Rcpt, mail, number, rcpt};
use super::xclient::Attributes;
use crate::cursor::Cursor;

/// One command line of a client. As [`Display`](fmt::Display) writes it, it reads the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// RFC 2033 §4.1, with the client's name or [`address_literal`](super::address_literal).
    Lhlo(&'a str),
    /// HELO, which an LMTP server must refuse (RFC 2033 §4.1); the name may be missing.
    Helo(&'a str),
    /// EHLO, likewise.
    Ehlo(&'a str),
    /// RFC 5321 §4.1.1.2
    Mail(Mail<'a>),
    /// RFC 5321 §4.1.1.3
    Rcpt(Rcpt<'a>),
    /// RFC 5321 §4.1.1.4
    Data,
    /// RFC 3030 §2; the chunk follows the line at once, for a [`ChunkStream`](super::ChunkStream).
    Bdat {
        /// Bytes of the chunk.
        size: u64,
        /// No chunk comes after it.
        last: bool,
    },
    /// RFC 5321 §4.1.1.5
    Rset,
    /// RFC 5321 §4.1.1.6: whom; never empty.
    Vrfy(&'a str),
    /// RFC 5321 §4.1.1.7: which list; never empty.
    Expn(&'a str),
    /// RFC 5321 §4.1.1.8: with what; it may be empty.
    Help(&'a str),
    /// RFC 5321 §4.1.1.9; an argument is ignored.
    Noop,
    /// RFC 5321 §4.1.1.10
    Quit,
    /// RFC 3207 §4
    StartTls,
    /// Postfix's XCLIENT.
    Xclient(Attributes<'a>),
    /// Postfix's XFORWARD.
    Xforward(Attributes<'a>),
}

/// What is wrong with a command line, by the reply it deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// No such command: 500 5.5.1.
    Unknown,
    /// Arguments are wrong: 501 5.5.4; says what was expected.
    Syntax(&'static str),
    /// The sender's or recipient's address is wrong: 501 5.1.7 or 5.1.3; says why.
    Address(&'static str),
    /// A parameter that was never offered: 555 5.5.4.
    Parameter,
    /// BDAT without a size that can be believed: 501 5.5.4, and the connection must be closed, for
    /// nobody can say where the chunk ends and commands go on. Says what was expected.
    Chunk(&'static str),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown command"),
            Self::Syntax(expected) | Self::Chunk(expected) => write!(f, "expected {expected}"),
            Self::Address(why) => write!(f, "bad address: {why}"),
            Self::Parameter => f.write_str("unknown parameter"),
        }
    }
}

impl core::error::Error for CommandError {}

/// The first line of `input` without its ending, and the bytes it takes with it.
///
/// A command may end in a bare LF; the text of DATA may not. It looks at all of `input` each time:
/// where input comes in small pieces, or without end, [`Lines`](crate::Lines) is what to use.
pub fn line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = steps::find(b'\n', input)?;
    let line = input.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end.saturating_add(1)))
}

/// One command; its end may be there or not. Verbs in any case (RFC 5321 §2.4).
pub fn command(line: &[u8]) -> Result<Command<'_>, CommandError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end).unwrap_or_default();
    if !matches!(rest, [] | [b' ' | b'\t' | b'\r', ..]) {
        return Err(CommandError::Unknown);
    }
    let rest = rest.trim_ascii();
    let is = |word: &str| verb.eq_ignore_ascii_case(word.as_bytes());
    if is("RCPT") {
        rcpt(rest).map(Command::Rcpt)
    } else if is("MAIL") {
        mail(rest).map(Command::Mail)
    } else if is("BDAT") {
        bdat(rest)
    } else if is("LHLO") {
        some(host(rest)?, "a host name").map(Command::Lhlo)
    } else if is("EHLO") {
        host(rest).map(Command::Ehlo)
    } else if is("HELO") {
        host(rest).map(Command::Helo)
    } else if is("VRFY") {
        some(text(rest)?, "whom to verify").map(Command::Vrfy)
    } else if is("EXPN") {
        some(text(rest)?, "a list").map(Command::Expn)
    } else if is("HELP") {
        text(rest).map(Command::Help)
    } else if is("XCLIENT") {
        Attributes::new(rest).map(Command::Xclient)
    } else if is("XFORWARD") {
        Attributes::new(rest).map(Command::Xforward)
    } else if is("NOOP") {
        Ok(Command::Noop)
    } else {
        bare(is, rest)
    }
}

/// The commands without arguments.
fn bare(is: impl Fn(&str) -> bool, rest: &[u8]) -> Result<Command<'static>, CommandError> {
    let bare = [
        ("DATA", Command::Data),
        ("RSET", Command::Rset),
        ("QUIT", Command::Quit),
        ("STARTTLS", Command::StartTls),
    ];
    let found = bare.into_iter().find(|(word, _)| is(word));
    let (_, command) = found.ok_or(CommandError::Unknown)?;
    rest.is_empty().then_some(command).ok_or(CommandError::Syntax("no argument"))
}

/// `bdat-cmd = "BDAT" SP chunk-size [SP "LAST"]` — RFC 3030 §2.
///
/// A size beyond 64 bits is an error: the chunk could never be counted to its end.
fn bdat(rest: &[u8]) -> Result<Command<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    let size = number(cursor.take_while(|byte| byte.is_ascii_digit()));
    let size = size.filter(|size| *size < u64::MAX).ok_or(CommandError::Chunk("a chunk size"))?;
    let last = match cursor.rest().trim_ascii() {
        b"" => false,
        word if word.eq_ignore_ascii_case(b"LAST") && cursor.peek() == Some(b' ') => true,
        _ => return Err(CommandError::Chunk("LAST or nothing")),
    };
    Ok(Command::Bdat { size, last })
}

/// `( Domain / address-literal )` — RFC 5321 §4.1.1.1, up to the first space.
///
/// Deviation: any text without control characters, for it is only ever shown (§4.1.4: what it says
/// is no reason to refuse mail).
fn host(rest: &[u8]) -> Result<&str, CommandError> {
    let name = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    clean(name).ok_or(CommandError::Syntax("a host name"))
}

/// `String` — RFC 5321 §4.1.2; or more of them, quotes and all.
fn text(rest: &[u8]) -> Result<&str, CommandError> {
    clean(rest).ok_or(CommandError::Syntax("text"))
}

/// UTF-8 (RFC 6531 §3.7.4) without control characters.
fn clean(text: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(text).ok()?;
    (!text.bytes().any(|byte| byte.is_ascii_control())).then_some(text)
}

fn some<'a>(text: &'a str, expected: &'static str) -> Result<&'a str, CommandError> {
    if text.is_empty() { Err(CommandError::Syntax(expected)) } else { Ok(text) }
}

impl fmt::Display for Command<'_> {
    /// As a client sends it, without CRLF.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |f: &mut fmt::Formatter<'_>, verb: &str, text: &str| match text {
            "" => f.write_str(verb),
            text => write!(f, "{verb} {text}"),
        };
        match self {
            Self::Lhlo(name) => with(f, "LHLO", name),
            Self::Helo(name) => with(f, "HELO", name),
            Self::Ehlo(name) => with(f, "EHLO", name),
            Self::Mail(mail) => write!(f, "MAIL {mail}"),
            Self::Rcpt(rcpt) => write!(f, "RCPT {rcpt}"),
            Self::Data => f.write_str("DATA"),
            Self::Bdat { size, last: false } => write!(f, "BDAT {size}"),
            Self::Bdat { size, last: true } => write!(f, "BDAT {size} LAST"),
            Self::Rset => f.write_str("RSET"),
            Self::Vrfy(whom) => with(f, "VRFY", whom),
            Self::Expn(list) => with(f, "EXPN", list),
            Self::Help(with_what) => with(f, "HELP", with_what),
            Self::Noop => f.write_str("NOOP"),
            Self::Quit => f.write_str("QUIT"),
            Self::StartTls => f.write_str("STARTTLS"),
            Self::Xclient(attributes) => write!(f, "XCLIENT {attributes}"),
            Self::Xforward(attributes) => write!(f, "XFORWARD {attributes}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[track_caller]
    fn check(line: &str, want: Result<Command<'_>, CommandError>) {
        for end in ["", "\n", "\r\n"] {
            let line = [line, end].concat();
            assert_eq!(command(line.as_bytes()), want, "{line:?}");
        }
        let Ok(want) = want else { return };
        assert_eq!(command(want.to_string().as_bytes()), Ok(want), "printed as {want}");
    }

    #[test]
    fn verbs() {
        check("LHLO mx.example.org", Ok(Command::Lhlo("mx.example.org")));
        check("lhlo [127.0.0.1] and more", Ok(Command::Lhlo("[127.0.0.1]")));
        check("LHLO", Err(CommandError::Syntax("a host name")));
        check("LHLO a\u{1}", Err(CommandError::Syntax("a host name")));
        check("EHLO x", Ok(Command::Ehlo("x")));
        check("HELO", Ok(Command::Helo("")));
        check("DATA", Ok(Command::Data));
        check("data ", Ok(Command::Data));
        check("DATA now", Err(CommandError::Syntax("no argument")));
        check("RSET", Ok(Command::Rset));
        check("NOOP anything \0\u{fc}", Ok(Command::Noop));
        check("HELP", Ok(Command::Help("")));
        check("HELP \"a b\"", Ok(Command::Help("\"a b\"")));
        check("VRFY me", Ok(Command::Vrfy("me")));
        check("VRFY gr\u{fc}n SMTPUTF8", Ok(Command::Vrfy("gr\u{fc}n SMTPUTF8")));
        check("VRFY", Err(CommandError::Syntax("whom to verify")));
        check("EXPN list", Ok(Command::Expn("list")));
        check("EXPN ", Err(CommandError::Syntax("a list")));
        check("STARTTLS", Ok(Command::StartTls));
        check("QUIT", Ok(Command::Quit));
        let attributes = |words: &'static str| Attributes::new(words.as_bytes()).unwrap();
        check("XCLIENT ADDR=1.2.3.4", Ok(Command::Xclient(attributes("ADDR=1.2.3.4"))));
        check("XFORWARD NAME=x", Ok(Command::Xforward(attributes("NAME=x"))));
    }

    #[test] // NUL and 8-bit bytes make no verb
    fn what_is_no_verb() {
        let lines = [
            "",
            " ",
            " NOOP",
            "DATAX",
            "NOOP\0",
            "NOOP\u{e9}",
            "QUIT.",
            "MAIL:<a@b>",
            "\u{1}",
            "\u{feff}QUIT",
        ];
        for line in lines {
            check(line, Err(CommandError::Unknown));
        }
        assert_eq!(command(b"\xff\xfe"), Err(CommandError::Unknown));
        assert_eq!(command(b"VRFY \xff"), Err(CommandError::Syntax("text")));
        assert_eq!(command(b"HELP a\0"), Err(CommandError::Syntax("text")));
        assert_eq!(command(b"RSET\r\r\n"), Ok(Command::Rset));
    }

    #[test] // RFC 3030 §2: a chunk that cannot be counted ends the connection
    fn chunk_sizes() {
        let bdat = |size, last| Ok(Command::Bdat { size, last });
        check("BDAT 0 LAST", bdat(0, true));
        check("BDAT 0", bdat(0, false));
        check("BDAT 86 last", bdat(86, true));
        check("BDAT 00123", bdat(123, false));
        check("BDAT 18446744073709551614", bdat(u64::MAX - 1, false));
        let size = Err(CommandError::Chunk("a chunk size"));
        for line in [
            "BDAT",
            "BDAT LAST",
            "BDAT -1",
            "BDAT +1",
            "BDAT x",
            "BDAT 18446744073709551616",
            "BDAT 99999999999999999999999999999999 LAST",
        ] {
            check(line, size);
        }
        for line in ["BDAT 12LAST", "BDAT 1 2", "BDAT 1 LAST LAST", "BDAT 0x10", "BDAT 1\0"] {
            check(line, Err(CommandError::Chunk("LAST or nothing")));
        }
    }

    #[test]
    fn lines() {
        assert_eq!(line(b"NOOP\r\nQUIT"), Some((&b"NOOP"[..], 6)));
        assert_eq!(line(b"NOOP\n"), Some((&b"NOOP"[..], 5)));
        assert_eq!(line(b"\n"), Some((&b""[..], 1)));
        assert_eq!(line(b"NOOP\r"), None);
    }
}
