//! Command lines: a keyword and its arguments.

use core::fmt;
use core::num::NonZeroU32;

use memchr::memchr2;

use super::Hidden;
use crate::steps;

/// One command line of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// RFC 1939 §7: a name, spaces within it included.
    User(&'a str),
    /// RFC 1939 §7: a password, as sent: it may hold spaces, and need not be UTF-8.
    Pass(Hidden<&'a [u8]>),
    /// RFC 1939 §7. Recognised so that it can be refused: it wants passwords in clear text.
    Apop {
        /// Whose maildrop.
        name: &'a str,
        /// 32 hexadecimal digits.
        digest: &'a str,
    },
    /// RFC 5034 §4
    Auth {
        /// A SASL mechanism, in the client's case.
        mechanism: &'a str,
        /// For [`initial_response`](super::initial_response); `=` is the empty one.
        initial: Option<Hidden<&'a [u8]>>,
    },
    /// `AUTH` alone: in no RFC, but old clients ask so which mechanisms there are.
    AuthList,
    /// RFC 2449 §5
    Capa,
    /// RFC 2595 §4
    Stls,
    /// RFC 6856 §2.1
    Utf8,
    /// RFC 6856 §3.2: a language range, `*`, or nothing to be told what there is.
    Lang(Option<&'a str>),
    /// RFC 1939 §5
    Stat,
    /// RFC 1939 §5
    List(Option<NonZeroU32>),
    /// RFC 1939 §5
    Retr(NonZeroU32),
    /// RFC 1939 §5
    Dele(NonZeroU32),
    /// RFC 1939 §5
    Noop,
    /// RFC 1939 §5
    Rset,
    /// RFC 1939 §7
    Top {
        /// Which message.
        message: NonZeroU32,
        /// Lines of the body. More than a `u64` counts is all of them.
        lines: u64,
    },
    /// RFC 1939 §7
    Uidl(Option<NonZeroU32>),
    /// RFC 1939 §4, §6
    Quit,
}

/// What is wrong with a command line; each is a `-ERR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// No such command.
    Unknown,
    /// An argument is missing; says which.
    Missing(&'static str),
    /// An argument is not what it should be; says what it should be.
    Syntax(&'static str),
    /// More arguments than the command has.
    TooMany,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown command"),
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Syntax(what) => write!(f, "expected {what}"),
            Self::TooMany => f.write_str("too many arguments"),
        }
    }
}

impl core::error::Error for CommandError {}

/// `command = keyword *(SP param) CRLF` — RFC 2449 §4, in any case; its end may be there or not.
pub fn command(line: &[u8]) -> Result<Command<'_>, CommandError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let end = steps::find(b' ', line).unwrap_or(line.len());
    let (keyword, rest) = line.split_at_checked(end).unwrap_or_default();
    let is = |word: &str| keyword.eq_ignore_ascii_case(word.as_bytes());
    let mut params = Params { rest };
    let command = if is("PASS") {
        return pass(rest);
    } else if is("USER") {
        return user(rest);
    } else if is("RETR") {
        Command::Retr(params.message()?)
    } else if is("DELE") {
        Command::Dele(params.message()?)
    } else if is("LIST") {
        Command::List(params.optional_message()?)
    } else if is("UIDL") {
        Command::Uidl(params.optional_message()?)
    } else if is("TOP") {
        Command::Top { message: params.message()?, lines: params.lines()? }
    } else if is("AUTH") {
        params.auth()?
    } else if is("APOP") {
        params.apop()?
    } else if is("LANG") {
        Command::Lang(params.optional_text("a language range")?)
    } else {
        bare(is)?
    };
    params.end()?;
    Ok(command)
}

/// The commands without arguments.
fn bare(is: impl Fn(&str) -> bool) -> Result<Command<'static>, CommandError> {
    let bare = [
        ("STAT", Command::Stat),
        ("NOOP", Command::Noop),
        ("QUIT", Command::Quit),
        ("CAPA", Command::Capa),
        ("RSET", Command::Rset),
        ("STLS", Command::Stls),
        ("UTF8", Command::Utf8),
    ];
    let found = bare.into_iter().find(|(word, _)| is(word));
    found.map(|(_, command)| command).ok_or(CommandError::Unknown)
}

/// `USER name` — RFC 1939 §7: the rest of the line is the name, for names with spaces exist.
fn user(rest: &[u8]) -> Result<Command<'_>, CommandError> {
    let name = rest.trim_ascii();
    if name.is_empty() {
        return Err(CommandError::Missing("a name"));
    }
    clean_text(name, "a name").map(Command::User)
}

/// `PASS string` — RFC 1939 §7: "a server should treat spaces in the argument as part of the
/// password", so all of them are, but for the one behind the keyword.
fn pass(rest: &[u8]) -> Result<Command<'_>, CommandError> {
    match rest.strip_prefix(b" ") {
        None | Some([]) => Err(CommandError::Missing("a password")),
        Some(password) if memchr2(0, b'\r', password).is_some() => {
            Err(CommandError::Syntax("a password"))
        }
        Some(password) => Ok(Command::Pass(Hidden(password))),
    }
}

/// UTF-8 (RFC 6856 §2.2) without control characters.
fn clean_text<'a>(text: &'a [u8], expected: &'static str) -> Result<&'a str, CommandError> {
    let text = core::str::from_utf8(text).map_err(|_| CommandError::Syntax(expected))?;
    let clean = !text.bytes().any(|byte| byte.is_ascii_control());
    clean.then_some(text).ok_or(CommandError::Syntax(expected))
}

/// `*(SP param)` — RFC 2449 §4. More than one space is forgiven.
struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    /// `param = 1*VCHAR` — RFC 2449 §4; `None` at the end of the line.
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.trim_ascii_start();
        let end = steps::find(b' ', rest).unwrap_or(rest.len());
        let (param, rest) = rest.split_at_checked(end)?;
        self.rest = rest;
        (!param.is_empty()).then_some(param)
    }

    fn end(&mut self) -> Result<(), CommandError> {
        if self.next().is_none() { Ok(()) } else { Err(CommandError::TooMany) }
    }

    fn optional_text(&mut self, expected: &'static str) -> Result<Option<&'a str>, CommandError> {
        self.next().map(|param| clean_text(param, expected)).transpose()
    }

    fn text(&mut self, expected: &'static str) -> Result<&'a str, CommandError> {
        self.optional_text(expected)?.ok_or(CommandError::Missing(expected))
    }

    /// A message number: from 1, in decimal (RFC 1939 §4).
    fn optional_message(&mut self) -> Result<Option<NonZeroU32>, CommandError> {
        const EXPECTED: &str = "a message number";
        let Some(param) = self.next() else { return Ok(None) };
        let message = digits(param).and_then(|number| u32::try_from(number).ok());
        let message = message.and_then(NonZeroU32::new).ok_or(CommandError::Syntax(EXPECTED))?;
        Ok(Some(message))
    }

    fn message(&mut self) -> Result<NonZeroU32, CommandError> {
        self.optional_message()?.ok_or(CommandError::Missing("a message number"))
    }

    /// The second argument of TOP: "a non-negative number of lines" (RFC 1939 §7).
    fn lines(&mut self) -> Result<u64, CommandError> {
        let param = self.next().ok_or(CommandError::Missing("a number of lines"))?;
        digits(param).ok_or(CommandError::Syntax("a number of lines"))
    }

    /// `AUTH mechanism [initial-response]` — RFC 5034 §4.
    fn auth(&mut self) -> Result<Command<'a>, CommandError> {
        let mechanism = self.optional_text("a mechanism")?;
        let Some(mechanism) = mechanism else { return Ok(Command::AuthList) };
        let initial = self.next();
        if initial.is_some_and(|text| !text.iter().all(u8::is_ascii_graphic)) {
            return Err(CommandError::Syntax("base64"));
        }
        Ok(Command::Auth { mechanism, initial: initial.map(Hidden) })
    }

    /// `APOP name digest` — RFC 1939 §7: the digest has 16 octets, "in hexadecimal format".
    fn apop(&mut self) -> Result<Command<'a>, CommandError> {
        const EXPECTED: &str = "a digest";
        let name = self.text("a name")?;
        let digest = self.text(EXPECTED)?;
        let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then_some(Command::Apop { name, digest }).ok_or(CommandError::Syntax(EXPECTED))
    }
}

/// `1*DIGIT`; what is beyond 64 bits counts as the largest number.
fn digits(param: &[u8]) -> Option<u64> {
    if param.is_empty() || !param.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(param.iter().fold(0u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{SaslLine, initial_response, sasl_line};
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[track_caller]
    fn check(line: &str, want: Result<Command<'_>, CommandError>) {
        assert_eq!(command(line.as_bytes()), want, "{line:?}");
        assert_eq!(command(format!("{line}\r\n").as_bytes()), want, "{line:?}");
    }

    #[track_caller]
    fn wrong(line: &str, want: &str) {
        let told = command(line.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(told, Err(want.to_string()), "{line:?}");
    }

    fn message(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn keywords() {
        check("STAT", Ok(Command::Stat));
        check("stat", Ok(Command::Stat));
        check("Quit ", Ok(Command::Quit));
        check("NOOP", Ok(Command::Noop));
        check("RSET", Ok(Command::Rset));
        check("CAPA", Ok(Command::Capa));
        check("STLS", Ok(Command::Stls));
        check("UTF8", Ok(Command::Utf8));
        wrong("STAT 1", "too many arguments");
        wrong("UTF8 x", "too many arguments"); // RFC 6856 §2.1
        for line in ["", " ", " STAT", "STATX", "STA", "STAT\t", "\0", "\u{e9}", "\r\n"] {
            wrong(line, "unknown command");
        }
    }

    #[test] // pitfall 118
    fn message_numbers() {
        check("RETR 1", Ok(Command::Retr(message(1))));
        check("dele 4294967295", Ok(Command::Dele(message(u32::MAX))));
        check("RETR  7 ", Ok(Command::Retr(message(7))));
        check("RETR 007", Ok(Command::Retr(message(7))));
        check("LIST", Ok(Command::List(None)));
        check("LIST 2", Ok(Command::List(Some(message(2)))));
        check("UIDL", Ok(Command::Uidl(None)));
        check("UIDL 2", Ok(Command::Uidl(Some(message(2)))));
        for keyword in ["RETR", "DELE", "LIST", "UIDL"] {
            for number in ["0", "-1", "+1", "4294967296", "99999999999999999999", "x", "1x", "1.0"]
            {
                wrong(&format!("{keyword} {number}"), "expected a message number");
            }
            wrong(&format!("{keyword} 1 2"), "too many arguments");
        }
        for line in ["RETR", "RETR ", "DELE", "TOP"] {
            wrong(line, "a message number is missing");
        }
    }

    #[test]
    fn top() {
        check("TOP 1 0", Ok(Command::Top { message: message(1), lines: 0 }));
        check(
            "TOP 1 99999999999999999999",
            Ok(Command::Top { message: message(1), lines: u64::MAX }),
        );
        wrong("TOP 1", "a number of lines is missing");
        wrong("TOP 1 -1", "expected a number of lines");
        wrong("TOP 0 1", "expected a message number");
        wrong("TOP 1 1 1", "too many arguments");
    }

    #[test]
    fn names_and_passwords() {
        check("USER me@example.org", Ok(Command::User("me@example.org")));
        check("USER two words ", Ok(Command::User("two words")));
        check("USER grün", Ok(Command::User("grün")));
        wrong("USER", "a name is missing");
        wrong("USER ", "a name is missing");
        wrong("USER a\tb", "expected a name");
        check("PASS secret", Ok(Command::Pass(Hidden(b"secret"))));
        check("PASS  two words ", Ok(Command::Pass(Hidden(b" two words "))));
        check("PASS {5}", Ok(Command::Pass(Hidden(b"{5}"))));
        wrong("PASS", "a password is missing");
        wrong("PASS ", "a password is missing");
        wrong("PASS a\0b", "expected a password");
        wrong("PASS a\r\r\n", "expected a password");
        assert_eq!(command(b"PASS \xe9"), Ok(Command::Pass(Hidden(b"\xe9"))));
        assert_eq!(command(b"USER \xe9"), Err(CommandError::Syntax("a name")));
        let digest = "c4c9334bac560ecc979e58001b3e22fb";
        check(&format!("APOP mrose {digest}"), Ok(Command::Apop { name: "mrose", digest }));
        wrong("APOP", "a name is missing");
        wrong("APOP mrose", "a digest is missing");
        wrong("APOP mrose c4c9", "expected a digest");
        wrong(&format!("APOP mrose {digest} x"), "too many arguments");
    }

    #[test] // pitfall 123
    fn authentication() {
        let auth = |mechanism, initial| Ok(Command::Auth { mechanism, initial });
        check("AUTH PLAIN", auth("PLAIN", None));
        check("AUTH plain AHQAdA==", auth("plain", Some(Hidden(b"AHQAdA=="))));
        check("AUTH EXTERNAL =", auth("EXTERNAL", Some(Hidden(b"="))));
        check("AUTH", Ok(Command::AuthList));
        check("AUTH ", Ok(Command::AuthList));
        wrong("AUTH PLAIN a b", "too many arguments");
        wrong("AUTH PLAIN =\r x", "expected base64");
        wrong("AUTH \u{1}", "expected a mechanism");
        let mut room = [0; 16];
        assert_eq!(initial_response(b"=", &mut room), Ok(&b""[..]));
        assert_eq!(sasl_line(b"*\r\n", &mut room), Ok(SaslLine::Cancelled));
        for bad in
            ["A", "AHQ", "AH Q", "AHQ=\n", "====", "AHR=", "AHQ=AHQ=", "A\0==", "\u{fc}\u{fc}"]
        {
            assert!(initial_response(bad.as_bytes(), &mut room).is_err(), "{bad:?}");
        }
        let long = "AAAA".repeat(6); // 18 bytes, and there is room for 16
        assert!(sasl_line(long.as_bytes(), &mut room).is_err());
    }

    #[test]
    fn languages() {
        check("LANG", Ok(Command::Lang(None)));
        check("LANG *", Ok(Command::Lang(Some("*"))));
        check("LANG es", Ok(Command::Lang(Some("es"))));
        wrong("LANG es sv", "too many arguments");
    }
}
