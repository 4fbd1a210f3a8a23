//! Addresses that mail is sent to, strictly: what a stranger's header may hold is for
//! [`crate::message`] to read, but what a script sends must be right (RFC 5228 §2.4.2.3).

/// `sieve-address = addr-spec / phrase "<" addr-spec ">"` — RFC 5228 §2.4.2.3. No routes, no
/// groups, no comments.
pub fn sieve_address(text: &str) -> bool {
    let mut rest = Rest(text.trim_matches(WSP));
    rest.mailbox() && rest.0.is_empty()
}

/// `mailbox-list = mailbox *("," mailbox)` — RFC 5322 §3.4.
pub fn mailbox_list(text: &str) -> bool {
    let mut rest = Rest(text.trim_matches(WSP));
    while rest.mailbox() {
        if rest.0.is_empty() {
            return true;
        }
        if !rest.eat(',') {
            return false;
        }
        rest.blank();
    }
    false
}

const WSP: [char; 4] = [' ', '\t', '\r', '\n'];
/// Bytes of an address at most: 64 of local part, "@" and 255 of domain (RFC 5321 §4.5.3.1).
const ADDRESS_BYTES_MAX: usize = 320;

/// What is left of the text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn eat(&mut self, c: char) -> bool {
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn blank(&mut self) {
        self.0 = self.0.trim_start_matches(WSP);
    }

    /// `mailbox = addr-spec / phrase "<" addr-spec ">"`.
    fn mailbox(&mut self) -> bool {
        let whole = self.0;
        if self.addr_spec() && (self.0.is_empty() || self.0.starts_with([',', ' ', '\t'])) {
            self.blank();
            if self.0.is_empty() || self.0.starts_with(',') {
                return true;
            }
        }
        self.0 = whole;
        self.phrase();
        let right = self.eat('<') && self.addr_spec() && self.eat('>');
        self.blank();
        right
    }

    /// `phrase = 1*word`, and none at all; with the dots of `obs-phrase`, as people write them.
    fn phrase(&mut self) {
        loop {
            self.blank();
            let before = self.0.len();
            let _ = self.quoted_string() || self.eat('.') || self.atom();
            if self.0.len() == before {
                return;
            }
        }
    }

    /// `addr-spec = local-part "@" domain` — RFC 5322 §3.4.1, with the UTF-8 of RFC 6532 §3.2.
    fn addr_spec(&mut self) -> bool {
        let before = self.0.len();
        let local = if self.0.starts_with('"') { self.quoted_string() } else { self.dot_atom() };
        let right = local && self.eat('@') && (self.domain_literal() || self.dot_atom());
        right && before.saturating_sub(self.0.len()) <= ADDRESS_BYTES_MAX
    }

    /// `dot-atom-text = 1*atext *("." 1*atext)` — RFC 5322 §3.2.3.
    fn dot_atom(&mut self) -> bool {
        loop {
            if !self.atom() {
                return false;
            }
            if !self.eat('.') {
                return true;
            }
        }
    }

    fn atom(&mut self) -> bool {
        self.run(|c| {
            !c.is_ascii() && !c.is_control() || c.is_ascii_alphanumeric() || ATEXT.contains(c)
        })
    }

    /// `domain-literal = "[" *dtext "]"` — RFC 5322 §3.4.1.
    fn domain_literal(&mut self) -> bool {
        self.eat('[') && self.run(|c| c.is_ascii_graphic() && !"[]\\".contains(c)) && self.eat(']')
    }

    /// `quoted-string = DQUOTE *qcontent DQUOTE` — RFC 5322 §3.2.4.
    fn quoted_string(&mut self) -> bool {
        let whole = self.0;
        if !self.eat('"') {
            return false;
        }
        loop {
            self.run(|c| !c.is_control() && !"\"\\".contains(c));
            if self.eat('"') {
                return true;
            }
            if !(self.eat('\\') && self.one()) {
                self.0 = whole;
                return false;
            }
        }
    }

    fn one(&mut self) -> bool {
        let mut chars = self.0.chars();
        let there = chars.next().is_some_and(|c| !c.is_control());
        self.0 = chars.as_str();
        there
    }

    /// One character of a kind, or more.
    fn run(&mut self, of: impl Fn(char) -> bool) -> bool {
        let rest = self.0.trim_start_matches(of);
        let some = rest.len() < self.0.len();
        self.0 = rest;
        some
    }
}

/// `atext` beside letters and digits — RFC 5322 §3.2.3.
const ATEXT: &str = "!#$%&'*+-/=?^_`{|}~";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, one: bool, list: bool) {
        assert_eq!((sieve_address(text), mailbox_list(text)), (one, list), "{text:?}");
    }

    #[test]
    fn right_ones() {
        check("tim@example.com", true, true);
        check("Tim <tim@example.com>", true, true);
        check("<tim@example.com>", true, true);
        check("\"Tim, Jr.\" <tim+a.b@[127.0.0.1]>", true, true);
        check("\"a b\"@example.com", true, true);
        check(" Tim J. O'Hara <t@example.com> ", true, true);
        check("j\u{fc}rgen@b\u{fc}cher.example", true, true);
        check("a@b.example, C <d@e.example>", false, true);
    }

    #[test]
    fn wrong_ones() {
        for text in [
            "",
            "tim",
            "@example.com",
            "tim@",
            "a@b@c",
            "a b@c",
            "tim@example..com",
            ".a@b",
            "a@b.",
            "Tim tim@example.com",
            "<tim@example.com",
            "tim@example.com>",
            "a:b@c.example;",
            "<@relay:tim@example.com>",
            "tim (work) <a@b>",
            "\"a@b",
            "a@b\r\nRCPT TO:<c@d>",
            "a@b,",
            "\"\\",
        ] {
            check(text, false, false);
        }
        check(&std::format!("{}@b", "a".repeat(400)), false, false);
    }
}
