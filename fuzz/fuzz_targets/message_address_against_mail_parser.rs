//! Address lists against mail-parser, and both against a reader of RFC 5322 §3.4 that forgives
//! nothing: on a list that it reads, all three must agree.
//!
//! What it refuses each may read as it will; docs/testing.md has what is left out, and why.
#![no_main]

use mail_parser::{Addr, HeaderName, MessageParser};
use parser::message::{Address, Addresses};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut strict = Strict { rest: text, read: Vec::new(), quotes_among_words: false, wide: false };
    if strict.list(true).is_none() {
        return;
    }
    assert_eq!(ours(input), strict.read, "{text:?}");
    if !understood(&strict) {
        assert_eq!(theirs(input), strict.read, "{text:?}");
    }
});

/// Where mail-parser reads something else, with the reason in docs/testing.md.
fn understood(strict: &Strict<'_>) -> bool {
    strict.quotes_among_words || strict.wide
}

/// `name:` for a group that begins, `;` where it ends, else `name <address>`.
fn ours(value: &[u8]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let item = |address: Address<'_>| match address {
        Address::Group(name) => text(&name) + ":",
        Address::GroupEnd => ";".into(),
        Address::Mailbox(mailbox) => {
            let domain = text(mailbox.domain.as_deref().unwrap_or_default());
            let name = text(mailbox.name.as_deref().unwrap_or_default());
            format!("{name} <{}@{domain}>", text(&mailbox.local))
        }
    };
    Addresses::new(value).map(item).collect()
}

fn theirs(value: &[u8]) -> Vec<String> {
    let message = [b"To: ", value, b"\r\n\r\n"].concat();
    let parser = MessageParser::new().header_address(HeaderName::To);
    let Some(message) = parser.parse(&message) else { return Vec::new() };
    let mut items = Vec::new();
    let one = |address: &Addr<'_>| {
        let name = address.name.as_deref().unwrap_or_default();
        format!("{name} <{}>", address.address.as_deref().unwrap_or_default())
    };
    match message.to() {
        Some(mail_parser::Address::List(list)) => items.extend(list.iter().map(one)),
        Some(mail_parser::Address::Group(groups)) => {
            for group in groups {
                items.extend(group.name.as_deref().map(|name| format!("{name}:")));
                items.extend(group.addresses.iter().map(one));
                items.extend(group.name.as_deref().map(|_| ";".into()));
            }
        }
        None => {}
    }
    items
}

/// `address-list` without comments, backslashes, literals, quoted local parts and encoded words.
struct Strict<'a> {
    rest: &'a str,
    read: Vec<String>,
    /// A name of several words, some of them quoted.
    quotes_among_words: bool,
    /// Several spaces between two words.
    wide: bool,
}

impl<'a> Strict<'a> {
    fn list(&mut self, groups: bool) -> Option<()> {
        loop {
            self.spaces();
            self.one(groups)?;
            self.spaces();
            if !self.eat(",") {
                let done = if groups { self.rest.is_empty() } else { self.rest.starts_with(';') };
                return done.then_some(());
            }
        }
    }

    /// `mailbox`, or `group = phrase ":" [mailbox-list] ";"`.
    fn one(&mut self, groups: bool) -> Option<()> {
        let before = self.rest;
        if let Some(local) = self.dot_atom()
            && self.eat("@")
        {
            let address = format!(" <{local}@{}>", self.dot_atom()?);
            self.read.push(address);
            return Some(());
        }
        self.rest = before;
        let name = if self.rest.starts_with('<') { String::new() } else { self.phrase()? };
        if groups && !name.is_empty() && self.eat(":") {
            self.read.push(name + ":");
            self.spaces();
            if !self.rest.starts_with(';') {
                self.list(false)?;
            }
            self.read.push(";".into());
            return self.eat(";").then_some(());
        }
        let left = self.eat("<").then_some(())?;
        let local = self.dot_atom()?;
        self.eat("@").then_some(left)?;
        let address = format!("{name} <{local}@{}>", self.dot_atom()?);
        self.read.push(address);
        self.eat(">").then_some(())
    }

    /// `1*word`, single spaces between them.
    fn phrase(&mut self) -> Option<String> {
        let mut phrase = String::new();
        let (mut words, mut quoted) = (0, false);
        loop {
            words += 1;
            let word = match self.rest.strip_prefix('"') {
                Some(inside) => {
                    quoted = true;
                    let (word, rest) = inside.split_once('"')?;
                    self.rest = rest;
                    let plain = |c: char| c == ' ' || (!c.is_control() && c != '\\');
                    let kept = word.trim() == word && !word.contains("=?");
                    (kept && !word.is_empty() && word.chars().all(plain)).then_some(word)?
                }
                None => self.run(is_atext)?,
            };
            phrase.push_str(word);
            let spaced = self.eat(" ");
            let wide = self.rest.starts_with(' ');
            self.spaces();
            if self.rest.starts_with(['<', ':']) {
                self.quotes_among_words |= words > 1 && quoted;
                return Some(phrase);
            }
            self.wide |= wide;
            spaced.then(|| phrase.push(' '))?;
        }
    }

    fn dot_atom(&mut self) -> Option<String> {
        let text = self.run(|c| is_atext(c) || c == '.')?;
        let right = text.split('.').all(|atom| !atom.is_empty());
        right.then(|| text.to_owned())
    }

    fn run(&mut self, belongs: impl Fn(char) -> bool) -> Option<&'a str> {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!run.is_empty()).then_some(run)
    }

    fn spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn eat(&mut self, what: &str) -> bool {
        let rest = self.rest.strip_prefix(what);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// RFC 5322 §3.2.3 and RFC 6532 §3.2, but for `=` and `?`, which may be those of encoded words.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_whitespace() && !c.is_control())
}
