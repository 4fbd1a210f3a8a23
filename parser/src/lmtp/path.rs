//! Paths: whom a message is from and for.

use alloc::borrow::Cow;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::CommandError;
use crate::cursor::Cursor;

/// Bytes of a local part. RFC 5321 §4.5.3.1.1 asks for 64; SRS and BATV need more (pitfall 18).
pub const LOCAL_PART_BYTES_MAX: usize = 256;
/// Bytes of a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_BYTES_MAX: usize = 255;

/// A mailbox without its brackets and its source route; "" is the null sender.
///
/// UTF-8 (RFC 6531 §3.3), without control characters; the local part at most
/// [`LOCAL_PART_BYTES_MAX`], the domain at most [`DOMAIN_BYTES_MAX`] bytes. There may be no domain
/// (`<Postmaster>`). In `<` and `>`, as [`Display`](fmt::Display) writes it, it is a path again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path<'a> {
    address: &'a str,
    /// Bytes before the `@` between local part and domain; all if there is none.
    local_bytes: usize,
}

impl<'a> Path<'a> {
    /// `<>` (pitfall 1).
    pub const NULL: Self = Self { address: "", local_bytes: 0 };

    /// An address without brackets; "" is no address.
    pub fn new(address: &'a str) -> Result<Self, CommandError> {
        mailbox(address.as_bytes())
    }

    /// As written, quotes included.
    pub const fn as_str(&self) -> &'a str {
        self.address
    }

    /// True for `<>`.
    pub const fn is_null(&self) -> bool {
        self.address.is_empty()
    }

    /// The part before the `@`, as written.
    pub fn local(&self) -> &'a str {
        self.address.get(..self.local_bytes).unwrap_or_default()
    }

    /// The part behind the `@`.
    pub fn domain(&self) -> Option<&'a str> {
        self.address.get(self.local_bytes..)?.strip_prefix('@')
    }

    /// The host that is named by its address instead of a domain (RFC 5321 §4.1.3).
    pub fn domain_address(&self) -> Option<IpAddr> {
        address_literal(self.domain()?)
    }

    /// The local part with quotes and backslashes undone (RFC 5321 §4.1.2: they mean nothing).
    pub fn local_unquoted(&self) -> Cow<'a, str> {
        let local = self.local();
        let inside = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let Some(inside) = inside else { return Cow::Borrowed(local) };
        if !inside.contains('\\') {
            return Cow::Borrowed(inside);
        }
        let mut escaped = false;
        let kept = inside.chars().filter(|&c| {
            escaped = c == '\\' && !escaped;
            !escaped
        });
        Cow::Owned(kept.collect())
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.address)
    }
}

/// `Reverse-path = Path / "<>"` — RFC 5321 §4.1.2.
pub(super) fn reverse_path<'a>(cursor: &mut Cursor<'a>) -> Result<Path<'a>, CommandError> {
    let before = *cursor;
    cursor.take_while(|byte| byte == b' ');
    if cursor.eat(b'<') {
        cursor.take_while(|byte| byte == b' ');
        if cursor.eat(b'>') {
            return Ok(Path::NULL);
        }
    }
    *cursor = before;
    path(cursor)
}

/// `Path = "<" [ A-d-l ":" ] Mailbox ">"` — RFC 5321 §4.1.2.
///
/// Deviation: spaces around it are forgiven and the brackets may be missing, for some senders have
/// never read the line above.
pub(super) fn path<'a>(cursor: &mut Cursor<'a>) -> Result<Path<'a>, CommandError> {
    cursor.take_while(|byte| byte == b' ');
    let bracketed = cursor.eat(b'<');
    cursor.take_while(|byte| byte == b' ');
    if bracketed && cursor.peek() == Some(b'@') {
        a_d_l(cursor)?;
    }
    let start = *cursor;
    if cursor.eat(b'"') {
        quoted_string(cursor)?;
    }
    cursor.take_while(|byte| !matches!(byte, b'>' | b' '));
    let address = cursor.since(start);
    cursor.take_while(|byte| byte == b' ');
    if bracketed && !cursor.eat(b'>') {
        return Err(CommandError::Address("no closing >"));
    }
    mailbox(address)
}

/// `A-d-l ":"` — RFC 5321 §4.1.2: a source route, which is to be ignored (§4.1.1.3).
fn a_d_l(cursor: &mut Cursor<'_>) -> Result<(), CommandError> {
    let in_route = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b':' | b'>');
    cursor.take_while(in_route);
    let ends = cursor.eat(b':');
    ends.then_some(()).ok_or(CommandError::Address("a source route without a mailbox"))
}

/// `*QcontentSMTP DQUOTE` — RFC 5321 §4.1.2, UTF-8 with it (RFC 6531 §3.3): a space and a `>` are
/// part of it.
fn quoted_string(cursor: &mut Cursor<'_>) -> Result<(), CommandError> {
    loop {
        cursor.take_while(|byte| !matches!(byte, b'"' | b'\\'));
        if cursor.eat(b'"') {
            return Ok(());
        }
        if !cursor.eat(b'\\') || cursor.take(1, "a quoted character").is_err() {
            return Err(CommandError::Address("a quote that does not end"));
        }
    }
}

/// `Mailbox = Local-part "@" ( Domain / address-literal )` — RFC 5321 §4.1.2, or a local part alone
/// (§4.1.1.3, `Postmaster`).
fn mailbox(address: &[u8]) -> Result<Path<'_>, CommandError> {
    let wrong = |why| Err(CommandError::Address(why));
    let Ok(address) = core::str::from_utf8(address) else { return wrong("not UTF-8") };
    if address.bytes().any(|byte| byte.is_ascii_control()) {
        return wrong("a control character");
    }
    if address.is_empty() {
        return wrong("nothing there");
    }
    let local_bytes = local_part(address)?;
    let path = Path { address, local_bytes };
    if local_bytes > LOCAL_PART_BYTES_MAX {
        return wrong("the local part is too long");
    }
    let Some(domain) = path.domain() else {
        // Nothing but an `@` may follow.
        let alone = local_bytes == address.len();
        return if alone { Ok(path) } else { wrong("no @ behind the local part") };
    };
    if domain.is_empty() || path.local().is_empty() {
        return wrong("an @ with nothing beside it");
    }
    if domain.len() > DOMAIN_BYTES_MAX {
        return wrong("the domain is too long");
    }
    is_domain(domain).then_some(path).ok_or(CommandError::Address("not a domain"))
}

/// Bytes of `Local-part = Dot-string / Quoted-string` — RFC 5321 §4.1.2.
///
/// Deviation: a `Dot-string` may have any character that ends neither it nor the path, and dots
/// anywhere, because there are mailboxes with such names, and mail from them.
fn local_part(address: &str) -> Result<usize, CommandError> {
    let mut cursor = Cursor::new(address.as_bytes());
    if cursor.eat(b'"') {
        quoted_string(&mut cursor)?;
        return Ok(cursor.offset());
    }
    let in_dot_string = |byte: u8| !matches!(byte, b'@' | b'<' | b'>' | b'"' | b'\\' | b' ');
    cursor.take_while(in_dot_string);
    Ok(cursor.offset())
}

/// `Domain / address-literal` — RFC 5321 §4.1.2.
///
/// Deviation: labels may have any character that is not special, such as `_`, and what they are is
/// for the DNS to know; UTF-8 by RFC 6531 §3.3.
fn is_domain(domain: &str) -> bool {
    if domain.starts_with('[') {
        return is_literal(domain);
    }
    !domain.bytes().any(|byte| b"@<>()[]\\\",;: ".contains(&byte))
}

/// `address-literal` — RFC 5321 §4.1.3, with tags that nobody has defined yet.
///
/// Deviation: no `@` in them, so that an address has one at most outside its quotes.
fn is_literal(literal: &str) -> bool {
    let inside = literal.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let general = inside.and_then(|inside| inside.split_once(':')).is_some_and(|(tag, rest)| {
        let ldh = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let dcontent = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'['..=b']' | b'@');
        let is_tag = !tag.is_empty() && !tag.ends_with('-') && tag.bytes().all(ldh);
        is_tag && !rest.is_empty() && rest.bytes().all(dcontent)
    });
    let is_v6 = inside.is_some_and(|inside| prefixed(inside, "IPv6:").is_some());
    if general && !is_v6 { true } else { address_literal(literal).is_some() }
}

/// `"[" ( IPv4-address-literal / IPv6-address-literal ) "]"` — RFC 5321 §4.1.3: the address of a
/// host, as LHLO and the domain of a path may have it.
pub fn address_literal(literal: &str) -> Option<IpAddr> {
    let inside = literal.strip_prefix('[')?.strip_suffix(']')?;
    match prefixed(inside, "IPv6:") {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => inside.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// What follows `prefix`, which has no case (RFC 5234 §2.3).
pub(super) fn prefixed<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lmtp::{Command, command};
    use alloc::format;
    use alloc::string::ToString;

    #[track_caller]
    fn check(line: &str, want: &str) {
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
        check("MAIL FROM:<>", ""); // pitfall 1
        check("MAIL FROM: < > SIZE=1", "");
        check("MAIL FROM: <a@b>", "a@b");
        check("mail from:a@b SIZE=3", "a@b");
        check("MAIL FROM:< a@b >", "a@b");
        check("RCPT TO:<Postmaster>", "Postmaster");
        check("RCPT TO:<grün@bücher.example>", "grün@bücher.example");
        check("RCPT TO:<>", "bad address: nothing there");
        check("RCPT TO:", "bad address: nothing there");
        check("MAIL FROM:", "bad address: nothing there");
        check("RCPT TO:<a@b", "bad address: no closing >");
        check("RCPT TO:<a b@c>", "bad address: no closing >");
        check("RCPT TO:<a\u{7}@b>", "bad address: a control character");
        check("RCPT TO:<a\0@b>", "bad address: a control character");
        check("RCPT TO:<a@>", "bad address: an @ with nothing beside it");
        check("RCPT TO:<\"a\"@>", "bad address: an @ with nothing beside it");
        check("RCPT <a@b>", "expected TO:<address>");
        check("MAIL", "expected FROM:<address>");
        assert_eq!(command(b"RCPT TO:<\xff@b>"), Err(CommandError::Address("not UTF-8")));
    }

    #[test] // RFC 5321 §4.1.1.3
    fn source_routes() {
        check("RCPT TO:<@one,@two:joe@three>", "joe@three");
        check("RCPT TO:<@one:\"a:b\"@three>", "\"a:b\"@three");
        let why = "bad address: a source route without a mailbox";
        check("RCPT TO:<@one>", why);
        check("RCPT TO:<@one,\u{1}:a@b>", why);
        check("MAIL FROM:<@one:>", "bad address: nothing there"); // not the null sender
    }

    #[test]
    fn local_parts() {
        check("RCPT TO:<\"a b@c>\\\"\"@d>", "\"a b@c>\\\"\"@d");
        check("RCPT TO:<\"\"@d>", "\"\"@d");
        check("RCPT TO:<\"a\\\\\"@d>", "\"a\\\\\"@d");
        check("RCPT TO:<.a..b.@d>", ".a..b.@d"); // there are mailboxes of that kind
        check("MAIL FROM:<prvs=1,a:b/c'd!e%f@d>", "prvs=1,a:b/c'd!e%f@d");
        check("RCPT TO:<\"a@b>", "bad address: a quote that does not end");
        check("RCPT TO:<\"a\\\"@b>", "bad address: a quote that does not end");
        check("RCPT TO:<\"a\\", "bad address: a quote that does not end");
        check("RCPT TO:<\"a\\\u{1}\"@b>", "bad address: a control character");
        check("RCPT TO:<\"a\"b@c>", "bad address: no @ behind the local part");
        check("RCPT TO:<a\"b\"@c>", "bad address: no @ behind the local part");
        check("RCPT TO:<a\\b@c>", "bad address: no @ behind the local part");
        check("RCPT TO:<a@b@c>", "bad address: not a domain"); // two readings are one too many
    }

    #[test] // RFC 5321 §4.1.3
    fn domains() {
        check("RCPT TO:<a@b_c.d->", "a@b_c.d-");
        check("RCPT TO:<a@[192.0.2.1]>", "a@[192.0.2.1]");
        check("RCPT TO:<a@[ipv6:::1]>", "a@[ipv6:::1]");
        check("RCPT TO:<a@[X-1:z!]>", "a@[X-1:z!]");
        let wrong = [
            "[",
            "[]",
            "[192.0.2.256]",
            "[192.0.2.1",
            "[192.0.2.1]x",
            "[::1]",
            "[IPv6:]",
            "[IPv6:1]",
            "[X-:z]",
            "[X:]",
            "[X:\\]",
            "[X:[]",
            "[X:@y]",
            "b(c)",
            "b,c",
            "b\"c\"",
            "[1.2.3.4]]",
        ];
        for domain in wrong {
            check(&format!("RCPT TO:<a@{domain}>"), "bad address: not a domain");
        }
        let host = |address: &'static str| Path::new(address).unwrap().domain_address();
        assert_eq!(host("a@[192.0.2.1]"), Some(IpAddr::from([192, 0, 2, 1])));
        assert_eq!(host("a@[IPv6:2001:db8::1]"), "2001:db8::1".parse().ok());
        assert_eq!(host("a@[X:y]"), None);
        assert_eq!(host("a@b"), None);
        assert_eq!(address_literal("[127.0.0.1]"), "127.0.0.1".parse().ok());
        assert_eq!(address_literal("127.0.0.1"), None);
    }

    #[test] // pitfall 18
    fn long_parts() {
        let local = "x".repeat(LOCAL_PART_BYTES_MAX);
        check(&format!("MAIL FROM:<{local}@b>"), &format!("{local}@b"));
        let why = "bad address: the local part is too long";
        check(&format!("MAIL FROM:<{local}x@b>"), why);
        check(&format!("MAIL FROM:<{local}x>"), why);
        let domain = "d".repeat(DOMAIN_BYTES_MAX + 1);
        check(&format!("MAIL FROM:<a@{domain}>"), "bad address: the domain is too long");
    }

    #[test]
    fn halves_of_a_path() {
        let path = Path::new("\"a \\\"b@\"@example.org").unwrap();
        assert_eq!(path.local(), "\"a \\\"b@\"");
        assert_eq!(path.local_unquoted(), "a \"b@");
        assert_eq!(path.domain(), Some("example.org"));
        assert_eq!(path.to_string(), "<\"a \\\"b@\"@example.org>");
        assert_eq!(Path::new("\"a b\"@c").unwrap().local_unquoted(), "a b");
        assert_eq!(Path::new("postmaster").unwrap().domain(), None);
        assert_eq!(Path::NULL.to_string(), "<>");
        assert_eq!((Path::NULL.local(), Path::NULL.domain()), ("", None));
        assert!(Path::new("").is_err());
    }
}
