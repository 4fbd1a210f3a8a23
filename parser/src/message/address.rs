//! Address lists (RFC 5322 §3.4, §4.4): mailboxes and groups, in one linear walk.
//!
//! What people really write is taken: names without quotes, comments for names, addresses without
//! brackets, without `@`, or without an end. Nothing nests, so nothing recurses.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::encoded_word::word_len;

/// One item of an address list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// `name:` — a group begins.
    Group(Cow<'a, [u8]>),
    /// A mailbox, in or out of a group.
    Mailbox(Mailbox<'a>),
    /// `;` — the group ends; said at the end of the list, too.
    GroupEnd,
}

/// `name <@route:local@domain>`, quoting undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// Display name, or a comment where there is none; encoded words as they are.
    pub name: Option<Cow<'a, [u8]>>,
    /// Source route (RFC 5322 §4.4 obs-route), without its colon.
    pub route: Option<&'a [u8]>,
    /// Local part; may be empty.
    pub local: Cow<'a, [u8]>,
    /// `None` for an address without `@`.
    pub domain: Option<Cow<'a, [u8]>>,
}

/// Iterator over the addresses of an unfolded value.
#[derive(Clone, Debug)]
pub struct Addresses<'a> {
    rest: &'a [u8],
    in_group: bool,
}

impl<'a> Addresses<'a> {
    /// Over `value`, which [`super::header::unfold`] has put on one line.
    pub const fn new(value: &'a [u8]) -> Self {
        Self { rest: value, in_group: false }
    }
}

impl<'a> Iterator for Addresses<'a> {
    type Item = Address<'a>;

    fn next(&mut self) -> Option<Address<'a>> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            let Some((&first, tail)) = self.rest.split_first() else {
                return core::mem::take(&mut self.in_group).then_some(Address::GroupEnd);
            };
            match first {
                b',' | b'>' => self.rest = tail,
                b';' => {
                    self.rest = tail;
                    if core::mem::take(&mut self.in_group) {
                        return Some(Address::GroupEnd);
                    }
                }
                _ => {
                    if let Some(address) = self.one() {
                        return Some(address);
                    }
                }
            }
        }
    }
}

impl<'a> Addresses<'a> {
    /// One address or the head of a group; `None` for a stray separator.
    fn one(&mut self) -> Option<Address<'a>> {
        let scan = Scan::of(self.rest, |byte, seen_at| match byte {
            b',' | b';' | b'<' => true,
            b':' => !seen_at,
            _ => false,
        });
        let (raw, rest) = self.rest.split_at_checked(scan.len)?;
        let stop = rest.first().copied();
        self.rest = rest.get(1..).unwrap_or_default();
        match stop {
            Some(b'<') => Some(Address::Mailbox(self.angle(raw))),
            Some(b':') if !self.in_group => {
                self.in_group = true;
                Some(Address::Group(unquoted(raw, Spaces::Kept)))
            }
            Some(b':') => None,
            _ => {
                self.rest = rest; // `;` may end a group
                let mailbox = addr_spec(raw);
                let name = comment(raw);
                let empty = mailbox.local.is_empty() && mailbox.domain.is_none();
                (!empty).then_some(Address::Mailbox(Mailbox { name, ..mailbox }))
            }
        }
    }

    /// `[display-name] angle-addr`, behind its `<`. What follows `>` up to the next separator goes.
    fn angle(&mut self, phrase: &'a [u8]) -> Mailbox<'a> {
        let inside = Scan::of(self.rest, |byte, _| byte == b'>');
        let closed = inside.len < self.rest.len();
        let len = if closed {
            inside.len
        } else {
            Scan::of(self.rest, |byte, _| matches!(byte, b',' | b';')).len
        };
        let (inside, rest) = self.rest.split_at_checked(len).unwrap_or_default();
        self.rest = if closed { rest.get(1..).unwrap_or_default() } else { rest };
        let junk = Scan::of(self.rest, |byte, _| matches!(byte, b',' | b';'));
        let (behind, rest) = self.rest.split_at_checked(junk.len).unwrap_or_default();
        self.rest = rest;
        let (route, spec) = route(inside.trim_ascii());
        let name = unquoted(phrase, Spaces::Kept);
        let name = if name.is_empty() { comment(phrase) } else { Some(name) };
        Mailbox { name: name.or_else(|| comment(behind)), route, ..addr_spec(spec) }
    }
}

/// `obs-route` — RFC 5322 §4.4.
fn route(inside: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if inside.first() != Some(&b'@') {
        return (None, inside);
    }
    match inside.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let (route, spec) = inside.split_at_checked(colon).unwrap_or_default();
            (Some(route), spec.get(1..).unwrap_or_default())
        }
        None => (None, inside),
    }
}

/// `addr-spec` — RFC 5322 §3.4.1, comments and spaces around its atoms dropped.
fn addr_spec(raw: &[u8]) -> Mailbox<'_> {
    let at = Scan::of(raw, |_, _| false).last_at;
    let (local, domain) = match at {
        Some(at) => {
            let (local, domain) = raw.split_at_checked(at).unwrap_or_default();
            (local, Some(unquoted(domain.get(1..).unwrap_or_default(), Spaces::Dropped)))
        }
        // Without an @ it may be several words: a name that lost its address.
        None => return Mailbox { local: unquoted(raw, Spaces::Kept), ..Mailbox::default() },
    };
    Mailbox { local: unquoted(local, Spaces::Dropped), domain, ..Mailbox::default() }
}

/// How far a walk over quoted strings, comments and domain literals came.
struct Scan {
    len: usize,
    /// The last `@` outside of all of them.
    last_at: Option<usize>,
}

impl Scan {
    /// Walks until `stop`, which hears of bytes outside of quotes and whether an `@` was seen.
    fn of(input: &[u8], stop: impl Fn(u8, bool) -> bool) -> Self {
        let (mut quoted, mut depth, mut literal) = (false, 0_u32, false);
        let mut last_at = None;
        let mut bytes = input.iter().enumerate();
        while let Some((index, &byte)) = bytes.next() {
            match byte {
                b'\\' if quoted || depth > 0 => {
                    bytes.next();
                }
                b'"' if depth == 0 => quoted = !quoted,
                _ if quoted => {}
                b'(' => depth = depth.saturating_add(1),
                b')' => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                b'[' => literal = last_at.is_some(),
                b']' => literal = false,
                _ if literal => {}
                // An encoded word is one piece, a bare comma in it notwithstanding (RFC 2047 §5
                // forbids those, and mailers write them).
                b'=' => {
                    let word = word_len(input.get(index..).unwrap_or_default());
                    if let Some(rest) = word.checked_sub(2) {
                        bytes.nth(rest);
                    }
                }
                _ if stop(byte, last_at.is_some()) => return Self { len: index, last_at },
                b'@' => last_at = Some(index),
                _ => {}
            }
        }
        Self { len: input.len(), last_at }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// Runs become one space.
    Kept,
    Dropped,
}

/// `raw` with quotes and backslashes undone and comments dropped; borrowed if nothing was to do.
fn unquoted(raw: &[u8], spaces: Spaces) -> Cow<'_, [u8]> {
    let raw = raw.trim_ascii();
    let special = |byte: &u8| {
        matches!(byte, b'"' | b'(' | b'\\' | b'\t')
            || (spaces == Spaces::Dropped && byte.is_ascii_whitespace())
    };
    if !raw.iter().any(special) {
        return Cow::Borrowed(raw);
    }
    if let Some(inside) = raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""))
        && !inside.iter().any(|byte| matches!(byte, b'"' | b'\\'))
    {
        return Cow::Borrowed(inside);
    }
    let (mut quoted, mut depth) = (false, 0_u32);
    let mut clean: Vec<u8> = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if depth > 0 => {
                bytes.next();
            }
            b'\\' => clean.extend(bytes.next()),
            b'"' if depth == 0 => quoted = !quoted,
            _ if quoted => clean.push(byte),
            b'(' => depth = depth.saturating_add(1),
            b')' if depth > 0 => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if !byte.is_ascii_whitespace() => clean.push(byte),
            _ if spaces == Spaces::Kept && !matches!(clean.last(), None | Some(b' ')) => {
                clean.push(b' ');
            }
            _ => {}
        }
    }
    if !quoted {
        clean.truncate(clean.trim_ascii_end().len());
    }
    Cow::Owned(clean)
}

/// The inside of the first comment, for `joe@example.org (Joe)`; `None` if there is no text in it.
fn comment(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    let before = Scan::of(raw, |_, _| false);
    let start = raw.iter().position(|byte| *byte == b'(').filter(|at| *at < before.len)?;
    let quotes = raw.get(..start)?.iter().filter(|byte| **byte == b'"').count();
    if quotes.rem_euclid(2) == 1 {
        return None;
    }
    let mut depth = 0_u32;
    let mut text = Vec::new();
    let mut bytes = raw.get(start..)?.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => text.extend(bytes.next()),
            b'(' => {
                if depth > 0 {
                    text.push(byte);
                }
                depth = depth.saturating_add(1);
            }
            b')' if depth == 1 => break,
            b')' => {
                depth = depth.saturating_sub(1);
                text.push(byte);
            }
            _ => text.push(byte),
        }
    }
    let text = text.trim_ascii().to_vec();
    (!text.is_empty()).then_some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    /// Items joined by ` | `: `name <route:local@domain>`, `-` for what is absent.
    #[track_caller]
    fn check(value: &str, want: &str) {
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found: Vec<_> = Addresses::new(value.as_bytes())
            .map(|address| match address {
                Address::Group(name) => format!("{}:", show(&name)),
                Address::GroupEnd => String::from(";"),
                Address::Mailbox(mailbox) => {
                    let name = mailbox.name.map_or("-".into(), |name| show(&name));
                    let route = mailbox.route.map_or(String::new(), |route| show(route) + ":");
                    let domain = mailbox.domain.map_or("-".into(), |domain| show(&domain));
                    format!("{name} <{route}{}@{domain}>", show(&mailbox.local))
                }
            })
            .collect();
        assert_eq!(found.join(" | "), want, "{value}");
    }

    #[test]
    fn mailboxes() {
        check("a@b", "- <a@b>");
        check("<a@b>", "- <a@b>");
        check("Joe <a@b>, c@d", "Joe <a@b> | - <c@d>");
        check("\"Joe, \\\"Q\\\"\" <a@b>", "Joe, \"Q\" <a@b>");
        check("\"Joe\" Q. \"Public\" <a@b>", "Joe Q. Public <a@b>");
        check("Joe   Q <a @ b . org>", "Joe   Q <a@b.org>");
        check("a@b (Joe (the \\) man))", "Joe (the ) man) <a@b>");
        check("<a@b> (Joe)", "Joe <a@b>");
        check("\"a b\"@c", "- <a b@c>");
        check("\"a@b\"@c", "- <a@b@c>");
        check("a(x)@(y)b", "x <a@b>");
        check("a@[IPv6:::1]", "- <a@[IPv6:::1]>");
        check("Joe <@x,@y:a@b>", "Joe <@x,@y:a@b>");
        check("=?utf-8?q?J=C3=B6?= <a@b>", "=?utf-8?q?J=C3=B6?= <a@b>");
        check("Jö <a@b>", "Jö <a@b>");
        check("=?x?q?J,_<@:?=, <a@b>", "- <=?x?q?J,_<@:?=@-> | - <a@b>");
        check("=?x?q?J,?= K <a@b>, c@d", "=?x?q?J,?= K <a@b> | - <c@d>");
        check("=?x?q?J, K?= <a@b>", "- <=?x?q?J@-> | K?= <a@b>");
        check("a@b <c@d>", "a@b <c@d>");
    }

    #[test] // pitfall 105
    fn groups_and_fragments() {
        check("undisclosed-recipients:;", "undisclosed-recipients: | ;");
        check("A Group:Ed <joe@x>,b@y;, c@z", "A Group: | Ed <joe@x> | - <b@y> | ; | - <c@z>");
        check("g: a@b", "g: | - <a@b> | ;");
        check("root", "- <root@->");
        check("MAILER-DAEMON <>", "MAILER-DAEMON <@->");
        check("Joe Public", "- <Joe Public@->");
        check("@b", "- <@b>");
        check("a@", "- <a@>");
        check(",, ,a@b,;", "- <a@b>");
        check("", "");
        check("(only a comment)", "");
        check("Joe <a@b", "Joe <a@b>");
        check("Joe <a@b, c@d", "Joe <a@b> | - <c@d>");
        check("\"unclosed <a@b>", "- <unclosed <a@b>@->");
        check("((((", "");
    }

    #[test]
    fn hostile_input_is_linear() {
        for piece in ["(", "\"", "<", "a:", "\\", "@", ",", "<(", "a@b (", "["] {
            let long = piece.repeat(200_000);
            assert!(Addresses::new(long.as_bytes()).count() <= 200_001, "{piece}");
        }
    }
}
