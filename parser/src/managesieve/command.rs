//! Commands: one atom, then strings and numbers (RFC 5804 §1.2, §4).

use alloc::borrow::Cow;
use core::fmt;

use super::name::{NameError, ScriptName};
use crate::cursor::{Cursor, Error};
use crate::imap::strings::{end, sp, string};
use crate::imap::{Hidden, Str};

/// One command of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// RFC 5804 §2.1
    Authenticate {
        /// A SASL mechanism, in the client's case.
        mechanism: Cow<'a, str>,
        /// Base64, for [`decode_base64`](crate::imap::decode_base64); empty is the empty response.
        initial: Option<Hidden<Str<'a>>>,
    },
    /// RFC 5804 §2.2
    StartTls,
    /// RFC 5804 §2.3
    Logout,
    /// RFC 5804 §2.4
    Capability,
    /// RFC 5804 §2.5
    HaveSpace {
        /// What the script would be called.
        name: ScriptName<'a>,
        /// Bytes it would have.
        size: u32,
    },
    /// RFC 5804 §2.6
    PutScript {
        /// What it is to be called.
        name: ScriptName<'a>,
        /// The script; what it means is for others to know.
        script: Str<'a>,
    },
    /// RFC 5804 §2.7
    ListScripts,
    /// RFC 5804 §2.8; `None` for the empty name: no script is to be active.
    SetActive(Option<ScriptName<'a>>),
    /// RFC 5804 §2.9
    GetScript(ScriptName<'a>),
    /// RFC 5804 §2.10
    DeleteScript(ScriptName<'a>),
    /// RFC 5804 §2.11
    RenameScript {
        /// What it is called.
        from: ScriptName<'a>,
        /// What it is to be called.
        to: ScriptName<'a>,
    },
    /// RFC 5804 §2.12
    CheckScript(Str<'a>),
    /// RFC 5804 §2.13, with what TAG is to repeat.
    Noop(Option<Str<'a>>),
    /// RFC 5804 §2.14.1
    Unauthenticate,
}

/// What is wrong with a command; each is a NO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// No such command.
    Unknown,
    /// Its arguments are not what they should be.
    Syntax(Error),
    /// A script cannot be called so.
    Name(NameError),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown command"),
            Self::Syntax(error) => error.fmt(f),
            Self::Name(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for CommandError {}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::Syntax(error)
    }
}

/// `command = (command-any / command-auth / command-nonauth) CRLF` — RFC 5804 §4; a whole frame.
pub fn command(frame: &[u8]) -> Result<Command<'_>, CommandError> {
    let mut cursor = Cursor::new(frame);
    let keyword = cursor.take_while(|byte| byte.is_ascii_alphabetic());
    let is = |word: &str| keyword.eq_ignore_ascii_case(word.as_bytes());
    let at = &mut cursor;
    let command = if is("PUTSCRIPT") {
        Command::PutScript { name: sieve_name(at)?, script: argument(at)? }
    } else if is("GETSCRIPT") {
        Command::GetScript(sieve_name(at)?)
    } else if is("CHECKSCRIPT") {
        Command::CheckScript(argument(at)?)
    } else if is("SETACTIVE") {
        Command::SetActive(active_sieve_name(at)?)
    } else if is("DELETESCRIPT") {
        Command::DeleteScript(sieve_name(at)?)
    } else if is("RENAMESCRIPT") {
        Command::RenameScript { from: sieve_name(at)?, to: sieve_name(at)? }
    } else if is("HAVESPACE") {
        Command::HaveSpace { name: sieve_name(at)?, size: number(at)? }
    } else if is("AUTHENTICATE") {
        authenticate(at)?
    } else if is("NOOP") {
        Command::Noop(optional(at)?)
    } else {
        bare(is)?
    };
    end(&mut cursor)?;
    Ok(command)
}

/// The commands without arguments.
fn bare(is: impl Fn(&str) -> bool) -> Result<Command<'static>, CommandError> {
    let bare = [
        ("LISTSCRIPTS", Command::ListScripts),
        ("CAPABILITY", Command::Capability),
        ("LOGOUT", Command::Logout),
        ("STARTTLS", Command::StartTls),
        ("UNAUTHENTICATE", Command::Unauthenticate),
    ];
    let found = bare.into_iter().find(|(word, _)| is(word));
    found.map(|(_, command)| command).ok_or(CommandError::Unknown)
}

/// `"AUTHENTICATE" SP auth-type [SP string]` — RFC 5804 §4.
fn authenticate<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, CommandError> {
    let before = *cursor;
    let mechanism = argument(cursor)?;
    // SASL gives a mechanism's name 20 bytes at most; 64 are enough for what is not one.
    let mechanism = match mechanism.bytes() {
        Cow::Borrowed(bytes) if bytes.len() <= 64 => {
            core::str::from_utf8(bytes).map(Cow::Borrowed).ok()
        }
        _ => None, // an escape has no place in it
    };
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_name = |name: &Cow<'_, str>| name.bytes().all(is_char);
    let mechanism = mechanism.filter(|name| !name.is_empty() && is_name(name));
    let mechanism = mechanism.ok_or(before.error("auth-type"))?;
    Ok(Command::Authenticate { mechanism, initial: optional(cursor)?.map(Hidden) })
}

/// `SP string` — RFC 5804 §4.
///
/// Deviation: a quoted string may have more than 1024 octets, because the line's limit bounds it.
fn argument<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    sp(cursor)?;
    string(cursor)
}

/// `[SP string]` — RFC 5804 §4. Spaces at the end of the line are forgiven.
fn optional<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Str<'a>>, Error> {
    if end(&mut cursor.clone()).is_ok() {
        return Ok(None);
    }
    argument(cursor).map(Some)
}

/// `SP sieve-name` — RFC 5804 §4.
fn sieve_name<'a>(cursor: &mut Cursor<'a>) -> Result<ScriptName<'a>, CommandError> {
    ScriptName::new(argument(cursor)?.bytes()).map_err(CommandError::Name)
}

/// `SP active-sieve-name` — RFC 5804 §4: the empty one is no script's.
fn active_sieve_name<'a>(cursor: &mut Cursor<'a>) -> Result<Option<ScriptName<'a>>, CommandError> {
    match sieve_name(cursor) {
        Err(CommandError::Name(NameError::Empty)) => Ok(None),
        name => name.map(Some),
    }
}

/// `SP number`, a number of 32 bits — RFC 5804 §4. Leading zeros are forgiven.
fn number(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    sp(cursor)?;
    let before = *cursor;
    let digits = cursor.take_while(|byte| byte.is_ascii_digit());
    let number = core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.ok_or(before.error("number"))
}

/// `string CRLF` — RFC 5804 §4 `command-authenticate`: what a client answers a challenge with; a
/// whole frame. Its value is base64 or `*`, for [`sasl_line`](super::sasl_line).
pub fn sasl_response(frame: &[u8]) -> Result<Hidden<Str<'_>>, Error> {
    let mut cursor = Cursor::new(frame);
    let response = string(&mut cursor)?;
    end(&mut cursor)?;
    Ok(Hidden(response))
}

#[cfg(test)]
mod tests {
    use super::super::{SaslLine, sasl_line};
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[track_caller]
    fn check(line: &str, want: Command<'_>) {
        assert_eq!(command(line.as_bytes()), Ok(want.clone()), "{line:?}");
        for end in ["\n", "\r\n", " \r\n"] {
            assert_eq!(command(format!("{line}{end}").as_bytes()), Ok(want.clone()), "{line:?}");
        }
    }

    #[track_caller]
    fn wrong(line: &str, want: &str) {
        let told = command(line.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(told, Err(want.to_string()), "{line:?}");
    }

    fn name(name: &str) -> ScriptName<'_> {
        ScriptName::new(Cow::Borrowed(name.as_bytes())).unwrap()
    }

    #[test]
    fn without_arguments() {
        check("LISTSCRIPTS", Command::ListScripts);
        check("Capability", Command::Capability);
        check("logout", Command::Logout);
        check("STARTTLS", Command::StartTls);
        check("UNAUTHENTICATE", Command::Unauthenticate);
        check("NOOP", Command::Noop(None));
        check("NOOP \"a b\"", Command::Noop(Some(Str::Plain(b"a b"))));
        wrong("NOOP a\r\n", "expected string at byte 5");
        wrong("LOGOUT now\r\n", "expected CRLF at byte 7");
        for line in ["", "\r\n", " NOOP", "NO", "NOOPS", "\0", "\u{e9}", "a NOOP"] {
            wrong(line, "unknown command");
        }
    }

    #[test]
    fn scripts() {
        let keep = Str::Plain(b"keep;\r\n");
        let put = Command::PutScript { name: name("a"), script: keep };
        check("PUTSCRIPT \"a\" {7+}\r\nkeep;\r\n", put.clone());
        check("putscript {1+}\r\na {7}\r\nkeep;\r\n", put);
        let quoted = Command::PutScript { name: name("a\"b"), script: Str::Escaped(b"\\\"") };
        check("PUTSCRIPT \"a\\\"b\" \"\\\"\"", quoted);
        check("CHECKSCRIPT {7+}\r\nkeep;\r\n", Command::CheckScript(keep));
        check("CHECKSCRIPT \"\"", Command::CheckScript(Str::Plain(b"")));
        check("GETSCRIPT \"a\"", Command::GetScript(name("a")));
        check("DELETESCRIPT \"gr\u{fc}n\"", Command::DeleteScript(name("gr\u{fc}n")));
        let rename = Command::RenameScript { from: name("a"), to: name("b") };
        check("RENAMESCRIPT \"a\" \"b\"", rename);
        wrong("PUTSCRIPT", "expected SP at byte 9");
        wrong("PUTSCRIPT ", "expected string at byte 10");
        wrong("PUTSCRIPT a \"b\"", "expected string at byte 10");
        wrong("PUTSCRIPT \"a\"\r\n", "expected SP at byte 13");
        wrong("PUTSCRIPT \"a\" {5+}\r\nkeep", "expected literal at byte 20");
        wrong("PUTSCRIPT \"a\" \"b", "expected DQUOTE at byte 16");
        wrong("PUTSCRIPT \"a\" \"b\" \"c\"", "expected CRLF at byte 18");
        wrong("GETSCRIPT \"a\\n\"", "expected quoted-specials at byte 13");
    }

    #[test] // pitfall 127
    fn names() {
        check("SETACTIVE \"a\"", Command::SetActive(Some(name("a"))));
        check("SETACTIVE \"\"", Command::SetActive(None)); // pitfall 126
        check("SETACTIVE {0+}\r\n", Command::SetActive(None));
        let keywords = ["GETSCRIPT", "DELETESCRIPT", "SETACTIVE", "PUTSCRIPT", "HAVESPACE"];
        for keyword in keywords {
            wrong(&format!("{keyword} \"a\tb\" 1"), "a script name has no control characters");
            let long = "x".repeat(129);
            wrong(&format!("{keyword} \"{long}\" 1"), "a script name has at most 128 characters");
        }
        wrong("GETSCRIPT {3+}\r\na\r\n\r\n", "a script name has no control characters");
        wrong("GETSCRIPT \"\"", "a script name is not empty");
        wrong("RENAMESCRIPT \"a\" \"\"", "a script name is not empty");
        assert_eq!(command(b"GETSCRIPT \"\xff\""), Err(CommandError::Name(NameError::NotUtf8)));
    }

    #[test] // pitfall 129
    fn space() {
        let have = |size| Command::HaveSpace { name: name("a"), size };
        check("HAVESPACE \"a\" 0", have(0));
        check("HAVESPACE \"a\" 4294967295", have(u32::MAX));
        wrong("HAVESPACE \"a\" 4294967296", "expected number at byte 14");
        wrong("HAVESPACE \"a\" -1", "expected number at byte 14");
        wrong("HAVESPACE \"a\" +1", "expected number at byte 14");
        wrong("HAVESPACE \"a\"", "expected SP at byte 13");
        wrong("HAVESPACE \"a\" 1x", "expected CRLF at byte 15");
    }

    #[test]
    fn authentication() {
        let auth = |initial: Option<&'static [u8]>| Command::Authenticate {
            mechanism: Cow::Borrowed("PLAIN"),
            initial: initial.map(|initial| Hidden(Str::Plain(initial))),
        };
        check("AUTHENTICATE \"PLAIN\"", auth(None));
        check("Authenticate \"PLAIN\" \"AHQAdA==\"", auth(Some(b"AHQAdA==")));
        check("AUTHENTICATE \"PLAIN\" {8+}\r\nAHQAdA==", auth(Some(b"AHQAdA==")));
        check("AUTHENTICATE \"PLAIN\" \"\"", auth(Some(b"")));
        wrong("AUTHENTICATE", "expected SP at byte 12");
        wrong("AUTHENTICATE PLAIN", "expected string at byte 13");
        wrong("AUTHENTICATE \"\"", "expected auth-type at byte 12");
        wrong("AUTHENTICATE \"A B\"", "expected auth-type at byte 12");
        wrong("AUTHENTICATE {3+}\r\n\"AB", "expected auth-type at byte 12");
        wrong(&format!("AUTHENTICATE \"{}\"", "A".repeat(65)), "expected auth-type at byte 12");
        assert_eq!(sasl_response(b"\"AHQ=\"\r\n"), Ok(Hidden(Str::Plain(b"AHQ="))));
        assert_eq!(sasl_response(b"{1+}\r\n*\r\n"), Ok(Hidden(Str::Plain(b"*"))));
        assert_eq!(sasl_response(b"*\r\n").map_err(|error| error.offset), Err(0));
        assert_eq!(sasl_response(b"\"a\" \"b\"\r\n").map_err(|error| error.offset), Err(4));
        assert_eq!(sasl_line(b"*", &mut []), Ok(SaslLine::Cancelled));
    }
}
