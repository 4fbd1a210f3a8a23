//! Address lists (RFC 5322 §3.4, §4.4): mailboxes and groups, in one linear walk.
//!
//! What people really write is taken: names without quotes, comments for names, addresses without
//! brackets, without `@`, or without an end. Nothing nests, so nothing recurses; what is looked at
//! is left behind, so nothing is looked at again and again.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use memchr::{memchr, memchr2, memchr3};

use super::encoded_word::word_len;
use crate::steps::took;

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
    pub route: Option<Cow<'a, [u8]>>,
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
        let piece = self.take(class::COMMA | class::SEMICOLON | class::LESS | class::COLON);
        match self.rest.first().copied() {
            Some(b'<') => {
                self.skip_one();
                Some(Address::Mailbox(self.angle(&piece)))
            }
            Some(b':') => {
                self.skip_one();
                let begins = !core::mem::replace(&mut self.in_group, true);
                begins.then(|| Address::Group(piece.text(Spaces::Kept)))
            }
            // A `;` may end a group: it stays.
            _ => piece.mailbox().map(Address::Mailbox),
        }
    }

    /// `[display-name] angle-addr`, behind its `<`. What follows `>` up to the next separator goes.
    ///
    /// A `<` that nothing closes ends where the next address begins.
    fn angle(&mut self, phrase: &Piece<'a>) -> Mailbox<'a> {
        let route = self.route();
        let spec = self.take(class::GREATER | class::COMMA | class::SEMICOLON | class::LESS);
        if self.rest.first() == Some(&b'>') {
            self.skip_one();
        }
        let behind = self.take(class::COMMA | class::SEMICOLON);
        let name = Some(phrase.text(Spaces::Kept)).filter(|name| !name.is_empty());
        let name = name.or_else(|| phrase.comment()).or_else(|| behind.comment());
        Mailbox { name, route, ..spec.addr_spec() }
    }

    /// `obs-route = *(CFWS / ",") "@" domain *("," [CFWS] ["@" domain]) ":"` — RFC 5322 §4.4.
    ///
    /// Without its colon it is none: the last of its domains is the address.
    fn route(&mut self) -> Option<Cow<'a, [u8]>> {
        let mut rest = self.rest.trim_ascii_start();
        while let Some(tail) = rest.strip_prefix(b",") {
            rest = tail.trim_ascii_start();
        }
        if rest.first() != Some(&b'@') {
            return None;
        }
        let scan = Scan::of(rest, class::GREATER | class::SEMICOLON | class::LESS | class::ROUTE);
        let (raw, behind) = rest.split_at_checked(scan.len)?;
        if behind.first() == Some(&b':') {
            self.rest = behind.get(1..).unwrap_or_default();
            return Some(unquoted(raw, Spaces::Dropped));
        }
        let last = memchr::memrchr(b',', raw).map_or(0, |comma| comma.saturating_add(1));
        self.rest = rest.get(last..).unwrap_or_default();
        None
    }

    fn take(&mut self, stops: u16) -> Piece<'a> {
        let scan = Scan::of(self.rest, stops);
        let (raw, rest) = self.rest.split_at_checked(scan.len).unwrap_or_default();
        self.rest = rest;
        Piece { raw, scan }
    }

    fn skip_one(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

/// What stands before a separator.
struct Piece<'a> {
    raw: &'a [u8],
    scan: Scan,
}

impl<'a> Piece<'a> {
    fn text(&self, spaces: Spaces) -> Cow<'a, [u8]> {
        if self.scan.special { unquoted(self.raw, spaces) } else { clean(self.raw, spaces) }
    }

    /// `addr-spec`, perhaps with a comment, or a name in front that lacks its brackets. `None` if
    /// there is only a comment.
    fn mailbox(&self) -> Option<Mailbox<'a>> {
        let mailbox = self.addr_spec();
        let empty = mailbox.local.is_empty() && mailbox.domain.is_none();
        let name = mailbox.name.clone().or_else(|| self.comment());
        (!empty).then_some(Mailbox { name, ..mailbox })
    }

    /// `addr-spec` — RFC 5322 §3.4.1, comments and spaces around its atoms dropped.
    fn addr_spec(&self) -> Mailbox<'a> {
        let Some(at) = self.scan.last_at else {
            // Without an @ it may be several words: a name that lost its address.
            return Mailbox { local: self.text(Spaces::Kept), ..Mailbox::default() };
        };
        let (mut local, domain) = self.raw.split_at_checked(at).unwrap_or_default();
        let mut name = None;
        if let Some(space) = self.scan.last_space {
            let (before, word) = local.split_at_checked(space).unwrap_or_default();
            let (before, word) = (before.trim_ascii_end(), word.trim_ascii());
            let apart = !before.ends_with(b".") && !word.starts_with(b".") && !word.is_empty();
            if apart {
                let words = unquoted(before, Spaces::Kept);
                if !words.is_empty() {
                    (local, name) = (word, Some(words));
                }
            }
        }
        let plain = |raw| match self.scan.special {
            true => unquoted(raw, Spaces::Dropped),
            false => clean(raw, Spaces::Dropped),
        };
        let domain = plain(first_word(domain.get(1..).unwrap_or_default()));
        Mailbox { name, local: plain(local), domain: Some(domain), route: None }
    }

    /// The inside of the first comment, for `joe@example.org (Joe)`; `None` if it has no text.
    fn comment(&self) -> Option<Cow<'a, [u8]>> {
        let inside = self.raw.get(self.scan.comment?.saturating_add(1)..)?;
        took(inside.len());
        let end = memchr3(b'(', b')', b'\\', inside);
        if let Some(end) = end.filter(|end| inside.get(*end) == Some(&b')')) {
            let text = inside.get(..end)?.trim_ascii();
            return (!text.is_empty()).then_some(Cow::Borrowed(text));
        }
        let mut depth = 1_u32;
        let mut text = Vec::new();
        let mut bytes = inside.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => {
                    text.extend(bytes.next());
                    continue;
                }
                b'(' => depth = depth.saturating_add(1),
                b')' if depth == 1 => break,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            text.push(byte);
        }
        let text = text.trim_ascii().to_vec();
        (!text.is_empty()).then_some(Cow::Owned(text))
    }
}

/// A domain without what stands behind it in vain: `a@b Joe`. Spaces around dots, in a literal or
/// beside a comment belong to it (RFC 5322 §4.4 obs-domain).
fn first_word(domain: &[u8]) -> &[u8] {
    let domain = domain.trim_ascii();
    let stops = |byte: &u8| matches!(byte, b' ' | b'\t' | b'(' | b'[' | b'"' | b'\\');
    let Some(end) = domain.iter().position(stops) else { return domain };
    let (word, behind) = domain.split_at_checked(end).unwrap_or_default();
    let behind = behind.trim_ascii_start();
    let apart = behind.first().is_some_and(|byte| !stops(byte) && *byte != b'.');
    if apart && !word.is_empty() && !word.ends_with(b".") { word } else { domain }
}

/// What a byte may be in an address list.
mod class {
    pub(super) const QUOTE: u16 = 1;
    pub(super) const OPEN: u16 = 2;
    pub(super) const BACKSLASH: u16 = 4;
    pub(super) const SPACE: u16 = 8;
    pub(super) const AT: u16 = 16;
    pub(super) const BRACKET: u16 = 32;
    pub(super) const WORD: u16 = 64;
    /// These stop a walk that asks for them.
    pub(super) const COMMA: u16 = 128;
    pub(super) const SEMICOLON: u16 = 256;
    pub(super) const LESS: u16 = 512;
    pub(super) const GREATER: u16 = 1024;
    /// Only before an `@`: it does not stand in an address.
    pub(super) const COLON: u16 = 2048;
    /// A colon behind an `@`.
    pub(super) const ROUTE: u16 = 4096;

    pub(super) const fn of(byte: u8) -> u16 {
        match byte {
            b'"' => QUOTE,
            b'(' => OPEN,
            b'\\' => BACKSLASH,
            b' ' | b'\t' | b'\r' | b'\n' | 0x0c => SPACE,
            b'@' => AT,
            b'[' => BRACKET,
            b'=' => WORD,
            b',' => COMMA,
            b';' => SEMICOLON,
            b'<' => LESS,
            b'>' => GREATER,
            b':' => COLON | ROUTE,
            _ => 0,
        }
    }
}

/// How far a walk over quoted strings, comments and domain literals came, and what it met.
#[derive(Default)]
struct Scan {
    len: usize,
    /// The last `@` outside of all of them.
    last_at: Option<usize>,
    /// The last space outside of them with text behind it, before that `@`.
    last_space: Option<usize>,
    /// The first comment.
    comment: Option<usize>,
    /// There are quotes, comments or backslashes to undo.
    special: bool,
}

impl Scan {
    /// Walks to the first byte of the classes `stops`.
    fn of(input: &[u8], stops: u16) -> Self {
        let mut scan = Self::default();
        let mut stops = stops;
        let mut at = 0;
        let mut space = None;
        while let Some(&byte) = input.get(at) {
            let class = class::of(byte);
            let mut next = at.saturating_add(1);
            if class & stops != 0 {
                break;
            }
            match class {
                0 => {}
                class::SPACE => space = Some(at),
                class::QUOTE => {
                    scan.special = true;
                    next = behind_quotes(input, next);
                }
                class::OPEN => {
                    scan.special = true;
                    scan.comment = scan.comment.or(Some(at));
                    next = behind_comment(input, next);
                }
                class::BACKSLASH => scan.special = true,
                class::AT => {
                    scan.last_space = space.or(scan.last_space);
                    scan.last_at = Some(at);
                    stops &= !class::COLON;
                }
                class::BRACKET if scan.last_at.is_some() => {
                    let rest = input.get(next..).unwrap_or_default();
                    next = memchr(b']', rest).map_or(input.len(), |end| next.saturating_add(end));
                }
                // An encoded word is one piece, a bare comma in it notwithstanding (RFC 2047 §5
                // forbids those, and mailers write them).
                class::WORD => {
                    let word = word_len(input.get(at..).unwrap_or_default());
                    next = next.max(at.saturating_add(word));
                }
                _ => {}
            }
            at = next;
        }
        scan.len = at.min(input.len());
        took(scan.len.saturating_add(1));
        scan
    }
}

/// Where the quoted string ends whose inside begins at `at`: behind its quote, or at the end.
fn behind_quotes(input: &[u8], at: usize) -> usize {
    let mut at = at;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        let Some(found) = memchr2(b'"', b'\\', rest) else { return input.len() };
        at = at.saturating_add(found).saturating_add(1);
        if rest.get(found) == Some(&b'"') {
            return at;
        }
        at = at.saturating_add(1);
    }
}

/// As [`behind_quotes`], of a comment; comments nest (RFC 5322 §3.2.2).
fn behind_comment(input: &[u8], at: usize) -> usize {
    let (mut at, mut depth) = (at, 1_usize);
    loop {
        let rest = input.get(at..).unwrap_or_default();
        let Some(found) = memchr3(b'(', b')', b'\\', rest) else { return input.len() };
        at = at.saturating_add(found).saturating_add(1);
        match rest.get(found) {
            Some(b'(') => depth = depth.saturating_add(1),
            Some(b')') => depth = depth.saturating_sub(1),
            _ => at = at.saturating_add(1),
        }
        if depth == 0 {
            return at;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// Runs become one space.
    Kept,
    Dropped,
}

/// `raw` where there are no quotes, comments or backslashes; spaces are all that may be to undo.
fn clean(raw: &[u8], spaces: Spaces) -> Cow<'_, [u8]> {
    took(raw.len());
    let raw = raw.trim_ascii();
    let mut last = 0;
    let odd = raw.iter().any(|&byte| {
        let space = matches!(class::of(byte), class::SPACE);
        let odd = space && (spaces == Spaces::Dropped || byte != b' ' || last == b' ');
        last = byte;
        odd
    });
    if odd { unquoted(raw, spaces) } else { Cow::Borrowed(raw) }
}

/// `raw` with quotes and backslashes undone and comments dropped; borrowed if nothing was to do.
fn unquoted(raw: &[u8], spaces: Spaces) -> Cow<'_, [u8]> {
    took(raw.len());
    let raw = raw.trim_ascii();
    if let Some(inside) = raw.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""))
        && memchr2(b'"', b'\\', inside).is_none()
    {
        return Cow::Borrowed(inside);
    }
    let mut text: Vec<u8> = Vec::with_capacity(raw.len());
    let mut quoted = false;
    let mut at = 0;
    // What was quoted keeps its spaces at the end too.
    let mut kept = 0;
    while let Some(&byte) = raw.get(at) {
        at = at.saturating_add(1);
        match byte {
            b'\\' => {
                text.extend(raw.get(at));
                at = at.saturating_add(1);
                kept = text.len();
            }
            b'"' => {
                quoted = !quoted;
                kept = text.len();
            }
            _ if quoted => text.push(byte),
            b'(' => at = behind_comment(raw, at),
            _ if !byte.is_ascii_whitespace() => text.push(byte),
            _ if spaces == Spaces::Kept && !matches!(text.last(), None | Some(b' ')) => {
                text.push(b' ');
            }
            _ => {}
        }
    }
    if !quoted {
        text.truncate(text.trim_ascii_end().len().max(kept));
    }
    Cow::Owned(text)
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
                    let route = mailbox.route.map_or(String::new(), |route| show(&route) + ":");
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
        check("Joe   Q <a @ b . org>", "Joe Q <a@b.org>");
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
        check("a@b (c) (d)", "c <a@b>");
        check("\"(x\" <a@b> (y)", "(x <a@b>");
        check("<a@b> \"(x\" (y)", "y <a@b>");
        check("Jö <ö@ü.de>", "Jö <ö@ü.de>"); // RFC 6532 §3.2
    }

    #[test] // RFC 5322 §4.4
    fn obsolete_forms() {
        check("Joe . Q <a . b @ c (x) . d>", "Joe . Q <a.b@c.d>");
        check("\"a\".b.\"c d\"@e", "- <a.b.c d@e>");
        check("< @x , @y : a@b >", "- <@x,@y:a@b>");
        check("<,,@x,,@y:a@b>", "- <@x,,@y:a@b>");
        check("<@[IPv6:::1]:a@b>", "- <@[IPv6:::1]:a@b>");
        check("<@x:>, a@b", "- <@x:@-> | - <a@b>");
        check("<@x,@y>, a@b", "- <@y> | - <a@b>");
        check("g:,,(x),;,a@b", "g: | ; | - <a@b>");
        check(",(x), a@b (y),,", "y <a@b>");
    }

    #[test]
    fn what_lacks_its_brackets() {
        check("Joe Public joe@x.org", "Joe Public <joe@x.org>");
        check("\"Public, Joe\" joe@x.org", "Public, Joe <joe@x.org>");
        check("joe@x.org Joe", "- <joe@x.org>");
        check("a@b c@d", "a@b <c@d>");
        check("Joe <a@b, Jim <c@d>", "Joe <a@b> | Jim <c@d>");
        check("Joe <a@b <c@d>, e@f", "Joe <a@b> | - <e@f>");
        check("Joe <a@b; c@d", "Joe <a@b> | - <c@d>");
        check("<<a@b>>", "- <@->");
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
        check("a@b (x\\", "x <a@b>"); // a comment that ends in a backslash
        check("\"x\\", "- <x@->");
        check("a@[b, c@d", "- <a@[b,c@d>");
        check("g: h: a@b; c@d", "g: | - <a@b> | ; | - <c@d>");
        check(":;", ": | ;");
        check("a@b\0, c@d", "- <a@b\0> | - <c@d>");
    }

    #[test]
    fn hostile_input_is_linear() {
        for piece in [
            "(",
            "\"",
            "<",
            "a:",
            "\\",
            "@",
            ",",
            "<(",
            "a@b (",
            "[",
            "<,",
            "<@,",
            "<@a:",
            "<a,",
            "=?",
            "=?x?q?",
            "=?x?q?a?=",
            "a@[",
            "()",
            "\"\"",
            "a b",
            "a@b ",
            "(\\",
            "<@",
            ";",
            "a:;",
        ] {
            let long = piece.repeat(200_000);
            assert!(Addresses::new(long.as_bytes()).count() <= 400_001, "{piece}");
        }
    }
}
