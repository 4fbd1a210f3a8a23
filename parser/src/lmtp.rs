//! LMTP (RFC 2033): command lines, and the dots of DATA.
//!
//! Lenient where real senders need it (a missing `<>`, a space after `FROM:`), exact where laxness
//! is a hole: only `CRLF.CRLF` ends DATA (RFC 5321 §4.1.1.4, pitfall 141).

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use memchr::{memchr, memmem};

use crate::cursor::Cursor;

/// Bytes of a local part. RFC 5321 §4.5.3.1.1 asks for 64; SRS and BATV need more (pitfall 18).
pub const LOCAL_PART_BYTES_MAX: usize = 256;
/// Bytes of a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_BYTES_MAX: usize = 255;

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

/// `MAIL FROM:` and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail<'a> {
    /// Who; empty for `<>` (pitfall 1).
    pub from: Path<'a>,
    /// SIZE: bytes the client means to send (RFC 1870 §6).
    pub size: Option<u64>,
    /// BODY (RFC 6152 §2, RFC 3030 §3).
    pub body: BodyType,
    /// SMTPUTF8 (RFC 6531 §3.4).
    pub utf8: bool,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<&'a str>,
    /// ENVID in xtext (RFC 3461 §4.4).
    pub envid: Option<&'a str>,
}

/// `RCPT TO:` and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rcpt<'a> {
    /// To whom; never empty.
    pub to: Path<'a>,
    /// NOTIFY (RFC 3461 §4.1).
    pub notify: Option<&'a str>,
    /// ORCPT in xtext (RFC 3461 §4.2).
    pub orcpt: Option<&'a str>,
}

/// What BODY= announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    /// 7BIT
    #[default]
    SevenBit,
    /// 8BITMIME
    EightBitMime,
    /// BINARYMIME, possible with BDAT only
    BinaryMime,
}

/// A mailbox without its brackets and its source route; "" is the null sender.
///
/// UTF-8, without control characters; the local part at most [`LOCAL_PART_BYTES_MAX`], the domain
/// at most [`DOMAIN_BYTES_MAX`] bytes. There may be no domain (`<Postmaster>`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path<'a> {
    address: &'a str,
}

impl<'a> Path<'a> {
    /// As written, quotes included.
    pub const fn as_str(&self) -> &'a str {
        self.address
    }

    /// True for `<>`.
    pub const fn is_null(&self) -> bool {
        self.address.is_empty()
    }

    /// The part before the last `@`, as written.
    pub fn local(&self) -> &'a str {
        self.address.rsplit_once('@').map_or(self.address, |(local, _)| local)
    }

    /// The part behind the last `@`.
    pub fn domain(&self) -> Option<&'a str> {
        self.address.rsplit_once('@').map(|(_, domain)| domain)
    }

    /// The local part with quotes and backslashes undone (RFC 5321 §4.1.2: they mean nothing).
    pub fn local_unquoted(&self) -> Cow<'a, str> {
        let local = self.local();
        let inside = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let Some(inside) = inside else { return Cow::Borrowed(local) };
        let mut escaped = false;
        let kept = inside.chars().filter(|&c| {
            escaped = c == '\\' && !escaped;
            !escaped
        });
        Cow::Owned(kept.collect())
    }
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
    let end = memchr(b'\n', input)?;
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

/// `FROM:` Reverse-path [SP Mail-parameters] — RFC 5321 §4.1.1.2.
fn mail(rest: &[u8]) -> Result<Mail<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    if !cursor.eat_word("FROM:") {
        return Err(CommandError::Syntax("FROM:<address>"));
    }
    let mut mail = Mail { from: path(&mut cursor)?, ..Mail::default() };
    while let Some((name, value)) = parameter(&mut cursor)? {
        match value {
            Some(value) if name.eq_ignore_ascii_case("SIZE") => {
                let size = number(value.as_bytes()).ok_or(CommandError::Syntax("SIZE=bytes"))?;
                mail.size = Some(size);
            }
            Some(value) if name.eq_ignore_ascii_case("BODY") => {
                mail.body = body_type(value).ok_or(CommandError::Syntax("a BODY type"))?;
            }
            None if name.eq_ignore_ascii_case("SMTPUTF8") => mail.utf8 = true,
            Some(value) if name.eq_ignore_ascii_case("RET") => mail.ret = Some(value),
            Some(value) if name.eq_ignore_ascii_case("ENVID") => mail.envid = Some(value),
            // A trusted relay may name whom it authenticated (RFC 4954 §5).
            Some(_) if name.eq_ignore_ascii_case("AUTH") => {}
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(mail)
}

/// `TO:` Forward-path [SP Rcpt-parameters] — RFC 5321 §4.1.1.3.
fn rcpt(rest: &[u8]) -> Result<Rcpt<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    if !cursor.eat_word("TO:") {
        return Err(CommandError::Syntax("TO:<address>"));
    }
    let mut rcpt = Rcpt { to: path(&mut cursor)?, ..Rcpt::default() };
    if rcpt.to.is_null() {
        return Err(CommandError::Address("empty"));
    }
    while let Some((name, value)) = parameter(&mut cursor)? {
        match value {
            Some(value) if name.eq_ignore_ascii_case("NOTIFY") => rcpt.notify = Some(value),
            Some(value) if name.eq_ignore_ascii_case("ORCPT") => rcpt.orcpt = Some(value),
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(rcpt)
}

/// `esmtp-keyword ["=" esmtp-value]` — RFC 5321 §4.1.2; `None` at the end of the line.
fn parameter<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<Option<(&'a str, Option<&'a str>)>, CommandError> {
    cursor.take_while(|byte| byte == b' ');
    if cursor.is_empty() {
        return Ok(None);
    }
    let word = cursor.take_while(|byte| byte != b' ');
    let clean = word.iter().all(|byte| !byte.is_ascii_control());
    let word = core::str::from_utf8(word).ok().filter(|_| clean);
    let word = word.ok_or(CommandError::Syntax("a parameter"))?;
    Ok(Some(word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)))))
}

fn body_type(value: &str) -> Option<BodyType> {
    let types = [
        ("7BIT", BodyType::SevenBit),
        ("8BITMIME", BodyType::EightBitMime),
        ("BINARYMIME", BodyType::BinaryMime),
    ];
    types.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(value)).map(|(_, is)| is)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// `"<" [ A-d-l ":" ] Mailbox ">"` — RFC 5321 §4.1.2; brackets may be missing.
fn path<'a>(cursor: &mut Cursor<'a>) -> Result<Path<'a>, CommandError> {
    cursor.take_while(|byte| byte == b' ');
    let bracketed = cursor.eat(b'<');
    cursor.take_while(|byte| byte == b' ');
    if bracketed && cursor.peek() == Some(b'@') {
        // A source route is to be ignored (RFC 5321 §4.1.1.3).
        cursor.take_while(|byte| !matches!(byte, b':' | b'>' | b' '));
        if !cursor.eat(b':') {
            return Err(CommandError::Address("a source route without a mailbox"));
        }
    }
    let start = *cursor;
    let mut quoted = false;
    while let Some(byte) = cursor.peek() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => {
                cursor.eat(b'\\');
            }
            b'>' | b' ' if !quoted => break,
            _ => {}
        }
        if let Some(byte) = cursor.peek() {
            cursor.eat(byte);
        }
    }
    if quoted {
        return Err(CommandError::Address("a quote that does not end"));
    }
    let address = cursor.since(start);
    cursor.take_while(|byte| byte == b' ');
    if bracketed && !cursor.eat(b'>') {
        return Err(CommandError::Address("no closing >"));
    }
    if !bracketed && address.is_empty() {
        return Err(CommandError::Address("nothing there"));
    }
    mailbox(address)
}

/// Bounds and characters of an address; what it names is for others to know.
fn mailbox(address: &[u8]) -> Result<Path<'_>, CommandError> {
    let address = core::str::from_utf8(address).map_err(|_| CommandError::Address("not UTF-8"))?;
    if address.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(CommandError::Address("a control character"));
    }
    let path = Path { address };
    if path.local().len() > LOCAL_PART_BYTES_MAX {
        return Err(CommandError::Address("the local part is too long"));
    }
    let domain = path.domain();
    if domain.is_some_and(|domain| domain.len() > DOMAIN_BYTES_MAX) {
        return Err(CommandError::Address("the domain is too long"));
    }
    if domain == Some("") || (domain.is_some() && path.local().is_empty()) {
        return Err(CommandError::Address("an @ with nothing beside it"));
    }
    Ok(path)
}

/// Where the unstuffer stands between two slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Behind CRLF, or before the first byte.
    #[default]
    LineStart,
    /// Behind a dot that stood at a line's start; it has not been written.
    Dot,
    /// Behind such a dot and a CR; neither has been written.
    DotCr,
    /// Inside a line.
    Line,
    /// Inside a line, behind a CR (written).
    Cr,
    /// Behind the end.
    Ended,
}

/// Undoes the dots of DATA (RFC 5321 §4.5.2) as the bytes come, at whatever splits.
///
/// A line is what CRLF ends: a dot behind a bare LF or CR is data, and only `CRLF.CRLF` (or
/// `.CRLF` as the very first bytes) is the end (pitfall 141). All other bytes pass as they are.
#[derive(Clone, Debug, Default)]
pub struct DotStream {
    at: At,
}

/// What [`DotStream::feed`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "bytes that are not consumed are commands, not mail"]
pub struct Fed {
    /// Bytes of the input that belong to the message; less than all only at the end.
    pub consumed: usize,
    /// The end was seen: what follows is the next command.
    pub ended: bool,
}

impl DotStream {
    /// Before the first byte.
    pub const fn new() -> Self {
        Self { at: At::LineStart }
    }

    /// Appends the message bytes of `input` to `out`. Behind the end it consumes nothing.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> Fed {
        let mut rest = input;
        while let Some((&byte, tail)) = rest.split_first() {
            let (at, taken) = match (self.at, byte) {
                (At::Line, _) => {
                    rest = self.run(rest, out);
                    continue;
                }
                (At::Ended, _) => break,
                (At::LineStart, b'.') => (At::Dot, true),
                (At::Dot, b'\r') => (At::DotCr, true),
                (At::DotCr, b'\n') => (At::Ended, true),
                (At::DotCr, _) => {
                    // More than a dot on the line: the dot goes (RFC 5321 §4.5.2), the CR is data.
                    out.push(b'\r');
                    (At::Cr, false)
                }
                (At::LineStart | At::Cr, b'\r') => {
                    out.push(b'\r');
                    (At::Cr, true)
                }
                (At::Cr, b'\n') => {
                    out.push(b'\n');
                    (At::LineStart, true)
                }
                (At::LineStart | At::Dot | At::Cr, _) => (At::Line, false),
            };
            self.at = at;
            if taken {
                rest = tail;
            }
        }
        Fed { consumed: input.len().saturating_sub(rest.len()), ended: self.at == At::Ended }
    }

    /// Copies from inside a line up to the next `CRLF` that a dot follows, or all.
    fn run<'a>(&mut self, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let end = memmem::find(rest, b"\r\n.").map_or(rest.len(), |at| at.saturating_add(2));
        let (data, rest) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        out.extend_from_slice(data);
        self.at = match data {
            [.., b'\r', b'\n'] => At::LineStart,
            [.., b'\r'] => At::Cr,
            _ => At::Line,
        };
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::{format, vec};

    #[track_caller]
    fn check(line: &str, want: Result<Command<'_>, CommandError>) {
        assert_eq!(command(line.as_bytes()), want, "{line}");
    }

    #[track_caller]
    fn address(line: &str, want: &str) {
        let found = match command(line.as_bytes()) {
            Ok(Command::Mail(mail)) => mail.from.as_str().to_string(),
            Ok(Command::Rcpt(rcpt)) => rcpt.to.as_str().to_string(),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, want, "{line}");
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
    fn paths() {
        address("MAIL FROM:<>", ""); // pitfall 1
        address("MAIL FROM: <a@b>", "a@b");
        address("mail from:a@b SIZE=3", "a@b");
        address("MAIL FROM:< a@b >", "a@b");
        address("RCPT TO:<@one,@two:joe@three>", "joe@three");
        address("RCPT TO:<Postmaster>", "Postmaster");
        address("RCPT TO:<\"a b@c>\\\"\"@d>", "\"a b@c>\\\"\"@d");
        address("RCPT TO:<grün@bücher.example>", "grün@bücher.example");
        address("RCPT TO:<>", "bad address: empty");
        address("RCPT TO:", "bad address: nothing there");
        address("RCPT TO:<a@b", "bad address: no closing >");
        address("RCPT TO:<\"a@b>", "bad address: a quote that does not end");
        address("RCPT TO:<a\u{7}@b>", "bad address: a control character");
        address("RCPT TO:<a@>", "bad address: an @ with nothing beside it");
        address("RCPT <a@b>", "expected TO:<address>");
        address("MAIL", "expected FROM:<address>");
        assert_eq!(command(b"RCPT TO:<\xff@b>"), Err(CommandError::Address("not UTF-8")));
    }

    #[test] // pitfall 18
    fn long_local_parts() {
        let local = "x".repeat(LOCAL_PART_BYTES_MAX);
        address(&format!("MAIL FROM:<{local}@b>"), &format!("{local}@b"));
        let why = "bad address: the local part is too long";
        address(&format!("MAIL FROM:<{local}x@b>"), why);
        let domain = "d".repeat(DOMAIN_BYTES_MAX + 1);
        address(&format!("MAIL FROM:<a@{domain}>"), "bad address: the domain is too long");
    }

    #[test]
    fn halves_of_a_path() {
        let path = mailbox(b"\"a \\\"b@\"@example.org").unwrap();
        assert_eq!(path.local(), "\"a \\\"b@\"");
        assert_eq!(path.local_unquoted(), "a \"b@");
        assert_eq!(path.domain(), Some("example.org"));
        assert_eq!(mailbox(b"postmaster").unwrap().domain(), None);
    }

    #[test]
    fn parameters() {
        let line = b"MAIL FROM:<a@b> SIZE=1000 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ314";
        let Ok(Command::Mail(mail)) = command(line) else { panic!() };
        assert_eq!((mail.size, mail.body, mail.utf8), (Some(1000), BodyType::EightBitMime, true));
        assert_eq!((mail.ret, mail.envid), (Some("HDRS"), Some("QQ314")));
        let line = b"RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b";
        let Ok(Command::Rcpt(rcpt)) = command(line) else { panic!() };
        assert_eq!((rcpt.notify, rcpt.orcpt), (Some("SUCCESS,DELAY"), Some("rfc822;a@b")));
        check("MAIL FROM:<> FOO=1", Err(CommandError::Parameter));
        check("MAIL FROM:<> SIZE", Err(CommandError::Parameter));
        check("MAIL FROM:<> SIZE=x", Err(CommandError::Syntax("SIZE=bytes")));
        check("MAIL FROM:<> BODY=9BIT", Err(CommandError::Syntax("a BODY type")));
        check("RCPT TO:<a@b> SIZE=1", Err(CommandError::Parameter));
    }

    #[test]
    fn lines() {
        assert_eq!(line(b"NOOP\r\nQUIT"), Some((&b"NOOP"[..], 6)));
        assert_eq!(line(b"NOOP\n"), Some((&b"NOOP"[..], 5)));
        assert_eq!(line(b"\n"), Some((&b""[..], 1)));
        assert_eq!(line(b"NOOP\r"), None);
    }

    /// `input` is fed at every pair of splits; `want` is the message, `left` what follows its end.
    #[track_caller]
    fn dots(input: &[u8], want: &[u8], left: Option<&[u8]>) {
        for first in 0..=input.len() {
            for second in first..=input.len() {
                let mut stream = DotStream::new();
                let mut out = vec![];
                let (mut consumed, mut ended) = (0, false);
                for slice in [&input[..first], &input[first..second], &input[second..]] {
                    let fed = stream.feed(slice, &mut out);
                    assert!(fed.ended || fed.consumed == slice.len());
                    consumed += fed.consumed;
                    ended = fed.ended;
                }
                let shown = String::from_utf8_lossy(input);
                assert_eq!(out.escape_ascii().to_string(), want.escape_ascii().to_string());
                assert_eq!(ended.then(|| &input[consumed..]), left, "{shown:?} {first} {second}");
            }
        }
    }

    #[test] // RFC 5321 §4.5.2
    fn dots_at_every_split() {
        dots(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", Some(b"QUIT\r\n"));
        dots(b".\r\n", b"", Some(b""));
        dots(b"..\r\n...x\r\n.y\r\n.\r\n", b".\r\n..x\r\ny\r\n", Some(b""));
        dots(b"a.b\r\n\r\n.\r\n.", b"a.b\r\n\r\n", Some(b"."));
        dots(b"a\r\n.\r", b"a\r\n", None);
        dots(b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", Some(b""));
        dots(b"a\r\r\n.\r\n", b"a\r\r\n", Some(b""));
        dots(b"\r\n.\r\n.\r\n", b"\r\n", Some(b".\r\n"));
        dots(b"\0\xff\r\n.\r\n", b"\0\xff\r\n", Some(b""));
    }

    #[test] // pitfall 141
    fn only_crlf_dot_crlf_ends() {
        for inside in ["a\n.\n", "a\n.\r\n", "a\r.\r", "a\r.\r\n", "a\n\r.\n\r", ".\na"] {
            let input = [inside.as_bytes(), b"\r\n.\r\n"].concat();
            let data = inside.strip_prefix('.').unwrap_or(inside);
            dots(&input, &[data.as_bytes(), b"\r\n"].concat(), Some(b""));
        }
        dots(b"a\r\n.\nb\r\n.\rc\r\n.\r\n", b"a\r\n\nb\r\n\rc\r\n", Some(b""));
    }
}
