//! Command lines: a verb, and what follows it.

use core::fmt;

use crate::steps;

use super::parameters::{Mail, Rcpt, mail, number, rcpt};
use crate::cursor::Cursor;

/// One command line of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// RFC 2033 §4.1, with the client's name.
    Lhlo(&'a str),
    /// HELO, which an LMTP server must refuse (RFC 2033 §4.1).
    Helo,
    /// EHLO, likewise.
    Ehlo,
    /// RFC 5321 §4.1.1.2
    Mail(Mail<'a>),
    /// RFC 5321 §4.1.1.3
    Rcpt(Rcpt<'a>),
    /// RFC 5321 §4.1.1.4
    Data,
    /// RFC 3030 §2; the chunk follows the line at once.
    Bdat {
        /// Bytes of the chunk.
        size: u64,
        /// No chunk comes after it.
        last: bool,
    },
    /// RFC 5321 §4.1.1.5
    Rset,
    /// RFC 5321 §4.1.1.9; an argument is ignored.
    Noop,
    /// RFC 5321 §4.1.1.6
    Vrfy(&'a [u8]),
    /// RFC 5321 §4.1.1.8
    Help,
    /// RFC 3207 §4
    StartTls,
    /// RFC 5321 §4.1.1.10
    Quit,
    /// Postfix's XCLIENT: attributes as sent.
    Xclient(&'a [u8]),
    /// Postfix's XFORWARD: attributes as sent.
    Xforward(&'a [u8]),
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
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown command"),
            Self::Syntax(expected) => write!(f, "expected {expected}"),
            Self::Address(why) => write!(f, "bad address: {why}"),
            Self::Parameter => f.write_str("unknown parameter"),
        }
    }
}

impl core::error::Error for CommandError {}

/// The first line of `input` without its ending, and the bytes it takes with it.
///
/// A command may end in a bare LF; the text of DATA may not.
pub fn line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = steps::find(b'\n', input)?;
    let line = input.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end.saturating_add(1)))
}

/// One command, its line ending already removed. Verbs in any case (RFC 5321 §2.4).
pub fn command(line: &[u8]) -> Result<Command<'_>, CommandError> {
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end).unwrap_or_default();
    let rest = rest.trim_ascii();
    let is = |word: &str| verb.eq_ignore_ascii_case(word.as_bytes());
    if is("MAIL") {
        return mail(rest).map(Command::Mail);
    }
    if is("RCPT") {
        return rcpt(rest).map(Command::Rcpt);
    }
    if is("LHLO") {
        let name = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
        let name = core::str::from_utf8(name).unwrap_or_default();
        let clean = !name.is_empty() && name.bytes().all(|byte| !byte.is_ascii_control());
        let name = clean.then_some(name).ok_or(CommandError::Syntax("a host name"))?;
        return Ok(Command::Lhlo(name));
    }
    if is("BDAT") {
        return bdat(rest);
    }
    let bare = [
        ("DATA", Command::Data),
        ("RSET", Command::Rset),
        ("QUIT", Command::Quit),
        ("STARTTLS", Command::StartTls),
    ];
    if let Some((_, command)) = bare.into_iter().find(|(word, _)| is(word)) {
        let alone = rest.is_empty();
        return alone.then_some(command).ok_or(CommandError::Syntax("no argument"));
    }
    let open = [
        ("NOOP", Command::Noop),
        ("HELO", Command::Helo),
        ("EHLO", Command::Ehlo),
        ("HELP", Command::Help),
        ("VRFY", Command::Vrfy(rest)),
        ("XCLIENT", Command::Xclient(rest)),
        ("XFORWARD", Command::Xforward(rest)),
    ];
    let found = open.into_iter().find(|(word, _)| is(word));
    found.map(|(_, command)| command).ok_or(CommandError::Unknown)
}

/// `BDAT SP chunk-size [SP "LAST"]` — RFC 3030 §2.
fn bdat(rest: &[u8]) -> Result<Command<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    let size = number(cursor.take_while(|byte| byte.is_ascii_digit()));
    let size = size.ok_or(CommandError::Syntax("a chunk size"))?;
    let last = match cursor.rest().trim_ascii() {
        b"" => false,
        word if word.eq_ignore_ascii_case(b"LAST") && cursor.peek() == Some(b' ') => true,
        _ => return Err(CommandError::Syntax("LAST or nothing")),
    };
    Ok(Command::Bdat { size, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: Result<Command<'_>, CommandError>) {
        assert_eq!(command(line.as_bytes()), want, "{line}");
    }

    #[test]
    fn verbs() {
        check("LHLO mx.example.org", Ok(Command::Lhlo("mx.example.org")));
        check("lhlo [127.0.0.1]", Ok(Command::Lhlo("[127.0.0.1]")));
        check("LHLO", Err(CommandError::Syntax("a host name")));
        check("EHLO x", Ok(Command::Ehlo));
        check("DATA", Ok(Command::Data));
        check("data ", Ok(Command::Data));
        check("DATA now", Err(CommandError::Syntax("no argument")));
        check("RSET", Ok(Command::Rset));
        check("NOOP anything", Ok(Command::Noop));
        check("VRFY me", Ok(Command::Vrfy(b"me")));
        check("STARTTLS", Ok(Command::StartTls));
        check("QUIT", Ok(Command::Quit));
        check("XCLIENT ADDR=1.2.3.4", Ok(Command::Xclient(b"ADDR=1.2.3.4")));
        check("XFORWARD NAME=x", Ok(Command::Xforward(b"NAME=x")));
        check("DATAX", Err(CommandError::Unknown));
        check("", Err(CommandError::Unknown));
        check("\u{1}", Err(CommandError::Unknown));
    }

    #[test]
    fn bdat_sizes() {
        check("BDAT 0 LAST", Ok(Command::Bdat { size: 0, last: true }));
        check("BDAT 86 last", Ok(Command::Bdat { size: 86, last: true }));
        check("BDAT 123", Ok(Command::Bdat { size: 123, last: false }));
        check("BDAT", Err(CommandError::Syntax("a chunk size")));
        check("BDAT 12LAST", Err(CommandError::Syntax("LAST or nothing")));
        check("BDAT 18446744073709551616", Err(CommandError::Syntax("a chunk size")));
    }

    #[test]
    fn lines() {
        assert_eq!(line(b"NOOP\r\nQUIT"), Some((&b"NOOP"[..], 6)));
        assert_eq!(line(b"NOOP\n"), Some((&b"NOOP"[..], 5)));
        assert_eq!(line(b"\n"), Some((&b""[..], 1)));
        assert_eq!(line(b"NOOP\r"), None);
    }
}
