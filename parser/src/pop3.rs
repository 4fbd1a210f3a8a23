//! POP3 (RFC 1939): command lines, and the dots of what RETR and TOP answer.
//!
//! No session speaks it yet. The rule: a line is bounded before it is kept, a missing or wrong
//! argument is an error with a name (pitfall 118), and whatever a message holds, its reader sees
//! one end, where the message ends.
//!
//! The exchange after AUTH (RFC 5034 §4) is that of IMAP: [`initial_response`] and [`sasl_line`].

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use memchr::{memchr, memchr2, memmem};

pub use crate::imap::{Hidden, SaslLine, initial_response, sasl_line};

/// Bytes of a line, its end included. RFC 2449 §4 asks for 255; a SASL response may be much longer,
/// and POP3 does not say how long: this is what RFC 4954 §4 names.
pub const LINE_BYTES_MAX: usize = 12_288;

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
        /// For [`initial_response`]; `=` is the empty one.
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
    let end = memchr(b' ', line).unwrap_or(line.len());
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
        let end = memchr(b' ', rest).unwrap_or(rest.len());
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

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a line that is not acted upon stalls the connection"]
pub enum Line {
    /// Neither a whole line nor too much: wait for more input.
    Incomplete,
    /// A whole line, its end (CRLF or a bare LF) included: parse and consume it.
    Complete {
        /// Bytes from the start of the input.
        bytes: usize,
    },
    /// The line is over its limit. Told once; the rest of it comes as [`Line::Skip`].
    TooLong,
    /// Bytes of a line that was too long, never 0: consume them unread, and call again.
    Skip {
        /// Bytes from the start of the input.
        bytes: usize,
    },
}

/// Finds lines in a stream that grows at its end and is consumed at its front.
///
/// Where the network cut the stream never changes what is found, and no byte is scanned twice.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Bytes, from the start of the input, known to hold no end of line.
    scanned: usize,
    skipping: bool,
}

impl Lines {
    /// One that stands at the start of a line.
    pub const fn new() -> Self {
        Self { scanned: 0, skipping: false }
    }

    /// Looks at `input`: all bytes not yet consumed, so at least what was there at the last call.
    /// `line_bytes_max` counts the end of the line; before login it may be small.
    pub fn next(&mut self, input: &[u8], line_bytes_max: usize) -> Line {
        let room = if self.skipping { input.len() } else { input.len().min(line_bytes_max) };
        let new = input.get(self.scanned..room).unwrap_or_default();
        if let Some(found) = memchr(b'\n', new) {
            let bytes = self.scanned.saturating_add(found).saturating_add(1);
            let line = if self.skipping { Line::Skip { bytes } } else { Line::Complete { bytes } };
            *self = Self::new();
            return line;
        }
        if self.skipping {
            self.scanned = 0;
            return if room == 0 { Line::Incomplete } else { Line::Skip { bytes: room } };
        }
        self.scanned = self.scanned.max(room);
        if input.len() < line_bytes_max {
            return Line::Incomplete;
        }
        *self = Self { scanned: 0, skipping: true };
        Line::TooLong
    }
}

/// How the bytes written so far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tail {
    /// With CRLF, or there are none.
    #[default]
    Crlf,
    /// With a bare LF.
    Lf,
    /// With a CR.
    Cr,
    /// Inside a line.
    Line,
}

/// What of the message is still to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Want {
    /// All: RETR.
    #[default]
    All,
    /// The header and then so many lines: TOP. `blank` while the line at hand has only CRs.
    Header { blank: bool, lines: u64 },
    /// So many lines more, at least one.
    Body { lines: u64 },
    /// Nothing.
    Enough,
}

/// Writes a message as the answer to RETR or TOP, as its bytes come, at whatever splits.
///
/// Every byte passes as it is, so that the size of LIST is what RETR sends (RFC 1939 §11, pitfall
/// 120); only dots at the start of a line are doubled, and [`finish`](Self::finish) ends the last
/// line if the message does not.
#[derive(Clone, Debug, Default)]
pub struct DotWriter {
    tail: Tail,
    want: Want,
}

impl DotWriter {
    /// For RETR (RFC 1939 §5).
    pub const fn retr() -> Self {
        Self { tail: Tail::Crlf, want: Want::All }
    }

    /// For TOP (RFC 1939 §7): the header, the blank line, and this many lines of the body.
    pub const fn top(lines: u64) -> Self {
        Self { tail: Tail::Crlf, want: Want::Header { blank: true, lines } }
    }

    /// False once TOP has all its lines: the rest of the message need not be read.
    pub fn wants_more(&self) -> bool {
        self.want != Want::Enough
    }

    /// Appends the next bytes of the message to `out`.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let wanted = self.wanted(input);
        self.stuff(input.get(..wanted).unwrap_or_default(), out);
    }

    /// Ends the answer: `"." CRLF` (RFC 1939 §3) on a line of its own.
    ///
    /// What ends in a bare LF gets a CRLF too: a client that reads by the letter sees no end else.
    pub fn finish(self, out: &mut Vec<u8>) {
        let end: &[u8] = if self.tail == Tail::Crlf { b".\r\n" } else { b"\r\n.\r\n" };
        out.extend_from_slice(end);
    }

    /// How many bytes of `input` the answer still takes. A bare LF ends a line, too.
    fn wanted(&mut self, input: &[u8]) -> usize {
        let mut taken = 0usize;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let found = match self.want {
                Want::All => None,
                Want::Enough => return taken,
                Want::Header { .. } | Want::Body { .. } => memchr(b'\n', rest),
            };
            let line = found.and_then(|at| rest.get(..at)).unwrap_or(rest);
            if let Want::Header { blank, .. } = &mut self.want {
                *blank = *blank && line.iter().all(|byte| *byte == b'\r');
            }
            let Some(found) = found else { return input.len() };
            taken = taken.saturating_add(found).saturating_add(1);
            self.want = match self.want {
                Want::Header { blank: true, lines: 0 } | Want::Body { lines: 0 | 1 } => {
                    Want::Enough
                }
                Want::Header { blank: true, lines } => Want::Body { lines },
                Want::Header { blank: false, lines } => Want::Header { blank: true, lines },
                Want::Body { lines } => Want::Body { lines: lines.saturating_sub(1) },
                want => want,
            };
        }
    }

    /// Copies, with a second dot before each that starts a line (RFC 1939 §3).
    ///
    /// Deviation: a line starts behind a bare LF as well, because many clients end a line there,
    /// and would take what follows a lone dot for our next answer.
    fn stuff(&mut self, data: &[u8], out: &mut Vec<u8>) {
        if matches!(self.tail, Tail::Crlf | Tail::Lf) && data.first() == Some(&b'.') {
            out.push(b'.');
        }
        let mut rest = data;
        while let Some(found) = memmem::find(rest, b"\n.") {
            let (line, next) = rest.split_at_checked(found.saturating_add(1)).unwrap_or_default();
            out.extend_from_slice(line);
            out.push(b'.');
            rest = next;
        }
        out.extend_from_slice(rest);
        self.tail = match (self.tail, data) {
            (tail, []) => tail,
            (Tail::Cr, [b'\n']) | (_, [.., b'\r', b'\n']) => Tail::Crlf,
            (_, [.., b'\n']) => Tail::Lf,
            (_, [.., b'\r']) => Tail::Cr,
            _ => Tail::Line,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::{format, vec};

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
    }

    #[test]
    fn languages() {
        check("LANG", Ok(Command::Lang(None)));
        check("LANG *", Ok(Command::Lang(Some("*"))));
        check("LANG es", Ok(Command::Lang(Some("es"))));
        wrong("LANG es sv", "too many arguments");
    }

    /// What a session sees of `input`, cut at `cuts`; skipped bytes are summed.
    fn lines(input: &[u8], cuts: &[usize]) -> Vec<String> {
        let (mut told, mut consumed, mut skipped) = (vec![], 0, 0);
        let mut finder = Lines::new();
        for &end in cuts.iter().chain([&input.len()]) {
            loop {
                let rest = &input[consumed..end];
                match finder.next(rest, 8) {
                    Line::Incomplete => break,
                    Line::TooLong => told.push("too long".to_string()),
                    Line::Skip { bytes } => {
                        assert!(bytes > 0);
                        (consumed, skipped) = (consumed + bytes, skipped + bytes);
                    }
                    Line::Complete { bytes } => {
                        told.push(rest[..bytes].escape_ascii().to_string());
                        consumed += bytes;
                    }
                }
            }
        }
        told.push(format!("{skipped} skipped"));
        told
    }

    #[test]
    fn lines_at_every_split() {
        #[track_caller]
        fn check(input: &str, want: &[&str]) {
            let input = input.as_bytes();
            assert_eq!(lines(input, &[]), want);
            for cut in 0..=input.len() {
                assert_eq!(lines(input, &[cut]), want, "cut at {cut}");
            }
            let every: Vec<usize> = (0..input.len()).collect();
            assert_eq!(lines(input, &every), want, "byte by byte");
        }
        check("NOOP\r\nQUIT\nR", &["NOOP\\r\\n", "QUIT\\n", "0 skipped"]);
        check("123456\r\n", &["123456\\r\\n", "0 skipped"]);
        check("1234567\r\nQUIT\r\n", &["too long", "QUIT\\r\\n", "9 skipped"]);
        check("12345678901234567890\nA\n", &["too long", "A\\n", "21 skipped"]);
        check("\n\r\n", &["\\n", "\\r\\n", "0 skipped"]);
        check("12345678", &["too long", "8 skipped"]);
    }

    /// The answer to RETR (`None`) or TOP, the message fed at every pair of splits.
    #[track_caller]
    fn dots(message: &str, top: Option<u64>, want: &str) {
        let input = message.as_bytes();
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let mut writer = top.map_or(DotWriter::retr(), DotWriter::top);
                let mut out = vec![];
                for slice in [&input[..first], &input[first..second], &input[second..]] {
                    writer.feed(slice, &mut out);
                }
                writer.finish(&mut out);
                let out = String::from_utf8(out).unwrap();
                assert_eq!(out, want, "{message:?} {top:?} {first} {second}");
            }
        }
    }

    #[test] // pitfall 120
    fn dots_at_every_split() {
        dots("", None, ".\r\n");
        dots("a\r\n", None, "a\r\n.\r\n");
        dots("a", None, "a\r\n.\r\n"); // no final CRLF
        dots("a\r", None, "a\r\r\n.\r\n");
        dots("a\n", None, "a\n\r\n.\r\n");
        dots(".", None, "..\r\n.\r\n");
        dots(".\r\n..\r\n.x\r\n", None, "..\r\n...\r\n..x\r\n.\r\n");
        dots("a.b.\r\n .\r\n", None, "a.b.\r\n .\r\n.\r\n");
        dots("a\n.\nb\n.c", None, "a\n..\nb\n..c\r\n.\r\n"); // bare LFs
        dots("a\r.\rb\r\n", None, "a\r.\rb\r\n.\r\n"); // a bare CR ends no line
        dots("\r\n", None, "\r\n.\r\n");
    }

    #[test] // pitfall 120
    fn top_counts_lines_of_the_body() {
        let message = "A: b\r\nC: d\r\n\r\n1\r\n.2\r\n3";
        dots(message, Some(0), "A: b\r\nC: d\r\n\r\n.\r\n");
        dots(message, Some(1), "A: b\r\nC: d\r\n\r\n1\r\n.\r\n");
        dots(message, Some(2), "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n.\r\n");
        let all = "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n3\r\n.\r\n";
        dots(message, Some(3), all);
        dots(message, Some(u64::MAX), all);
        dots("A: b\n\n1\n\n2\n", Some(2), "A: b\n\n1\n\n\r\n.\r\n");
        dots("A: b\n\n1\n\n2\n", Some(0), "A: b\n\n\r\n.\r\n");
        dots("\r\n1\r\n2\r\n", Some(1), "\r\n1\r\n.\r\n"); // no header
        dots("A: b\r\nC", Some(5), "A: b\r\nC\r\n.\r\n"); // no body
        dots("", Some(5), ".\r\n");
    }

    #[test]
    fn top_says_when_it_has_enough() {
        let mut writer = DotWriter::top(1);
        let mut out = vec![];
        writer.feed(b"A: b\r\n\r\n1\r", &mut out);
        assert!(writer.wants_more());
        writer.feed(b"\n2\r\n", &mut out);
        assert!(!writer.wants_more());
        assert_eq!(out, b"A: b\r\n\r\n1\r\n");
    }
}
