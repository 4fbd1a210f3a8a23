//! Paths: whom a message is from and for.

use alloc::borrow::Cow;

use super::CommandError;
use crate::cursor::Cursor;

/// Bytes of a local part. RFC 5321 §4.5.3.1.1 asks for 64; SRS and BATV need more (pitfall 18).
pub const LOCAL_PART_BYTES_MAX: usize = 256;
/// Bytes of a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_BYTES_MAX: usize = 255;

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

/// `"<" [ A-d-l ":" ] Mailbox ">"` — RFC 5321 §4.1.2; brackets may be missing.
pub(super) fn path<'a>(cursor: &mut Cursor<'a>) -> Result<Path<'a>, CommandError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lmtp::{Command, command};
    use alloc::format;
    use alloc::string::ToString;

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
}
