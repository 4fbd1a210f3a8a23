//! A rendered ENVELOPE read again: what sorting and threading will ask of it, without the message.
//!
//! `parser::message::envelope` writes it, [`super::Digest`] has it stored; this reads what those
//! wrote (RFC 9051 §7.5.2) and refuses anything else.

use std::borrow::Cow;

use parser::message::envelope::FIELD_BYTES_MAX;

/// The ten fields; `None` and empty lists where the ENVELOPE says NIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Date, unfolded, otherwise as sent.
    pub date: Option<Cow<'a, [u8]>>,
    /// Subject; encoded words as they are.
    pub subject: Option<Cow<'a, [u8]>>,
    /// From
    pub from: Vec<Address<'a>>,
    /// Sender, or From.
    pub sender: Vec<Address<'a>>,
    /// Reply-To, or From.
    pub reply_to: Vec<Address<'a>>,
    /// To
    pub to: Vec<Address<'a>>,
    /// Cc
    pub cc: Vec<Address<'a>>,
    /// Bcc
    pub bcc: Vec<Address<'a>>,
    /// In-Reply-To
    pub in_reply_to: Option<Cow<'a, [u8]>>,
    /// Message-ID
    pub message_id: Option<Cow<'a, [u8]>>,
}

/// `address` (RFC 9051 §9). A host of `None` begins a group that `mailbox` names, or ends one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address<'a> {
    /// Display name.
    pub name: Option<Cow<'a, [u8]>>,
    /// Source route.
    pub route: Option<Cow<'a, [u8]>>,
    /// Local part.
    pub mailbox: Option<Cow<'a, [u8]>>,
    /// Domain; "" for an address without `@`.
    pub host: Option<Cow<'a, [u8]>>,
}

impl<'a> Envelope<'a> {
    /// Reads a rendered ENVELOPE, from its first parenthesis to its last.
    pub fn parse(rendered: &'a [u8]) -> Option<Self> {
        let mut reader = Reader { rest: rendered };
        reader.eat(b"(")?;
        let envelope = Self {
            date: reader.nstring()?,
            subject: reader.next_nstring()?,
            from: reader.next_addresses()?,
            sender: reader.next_addresses()?,
            reply_to: reader.next_addresses()?,
            to: reader.next_addresses()?,
            cc: reader.next_addresses()?,
            bcc: reader.next_addresses()?,
            in_reply_to: reader.next_nstring()?,
            message_id: reader.next_nstring()?,
        };
        reader.eat(b")")?;
        reader.rest.is_empty().then_some(envelope)
    }
}

/// A field that an ENVELOPE has as it stood, if it stood once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// Subject
    Subject,
    /// In-Reply-To
    InReplyTo,
    /// Message-ID
    MessageId,
}

/// What an ENVELOPE tells of the fields of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// There is none.
    Absent,
    /// There is one, and this is its unfolded value.
    Once(Cow<'a, [u8]>),
    /// Only the header knows.
    Unclear,
}

impl Plain {
    /// By the name of the field, in any case.
    pub fn named(field: &[u8]) -> Option<Self> {
        let all = [Self::Subject, Self::InReplyTo, Self::MessageId];
        let names: [&[u8]; 3] = [b"subject", b"in-reply-to", b"message-id"];
        let mut named = all.into_iter().zip(names);
        named.find(|(_, name)| field.eq_ignore_ascii_case(name)).map(|(plain, _)| plain)
    }

    /// What a rendered ENVELOPE tells of it: see `parser::message::envelope`.
    pub fn told_by(self, rendered: &[u8]) -> Told<'_> {
        self.find(rendered).unwrap_or(Told::Unclear)
    }

    fn find(self, rendered: &[u8]) -> Option<Told<'_>> {
        let mut reader = Reader { rest: rendered };
        reader.eat(b"(")?;
        reader.nstring()?;
        reader.eat(b" ")?;
        if self != Self::Subject {
            reader.nstring()?;
            for _ in 0..6 {
                reader.skip_addresses()?;
            }
            reader.eat(b" ")?;
        }
        if self == Self::MessageId {
            reader.nstring()?;
            reader.eat(b" ")?;
        }
        let is_quoted = reader.rest.first() == Some(&b'"');
        Some(match reader.nstring()? {
            None => Told::Absent,
            Some(value) if is_quoted && value.len() < FIELD_BYTES_MAX => Told::Once(value),
            Some(_) => Told::Unclear,
        })
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn eat(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn next_nstring(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        self.eat(b" ")?;
        self.nstring()
    }

    /// `nstring` — RFC 9051 §9.
    fn nstring(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        if self.eat(b"NIL").is_some() {
            return Some(None);
        }
        if self.eat(b"{").is_some() {
            let digits = self.rest.iter().position(|byte| *byte == b'}')?;
            let len = std::str::from_utf8(self.take(digits)?).ok()?.parse().ok()?;
            self.eat(b"}\r\n")?;
            return self.take(len).map(|text| Some(Cow::Borrowed(text)));
        }
        self.eat(b"\"")?;
        let end = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let plain = self.take(end)?;
        if self.eat(b"\"").is_some() {
            return Some(Some(Cow::Borrowed(plain)));
        }
        let mut text = plain.to_vec();
        loop {
            match *self.take(1)?.first()? {
                b'"' => return Some(Some(Cow::Owned(text))),
                b'\\' => text.push(*self.take(1)?.first()?),
                byte => text.push(byte),
            }
        }
    }

    fn skip_addresses(&mut self) -> Option<()> {
        self.eat(b" ")?;
        if self.eat(b"NIL").is_some() {
            return Some(());
        }
        self.eat(b"(")?;
        while self.eat(b"(").is_some() {
            self.nstring()?;
            for _ in 0..3 {
                self.next_nstring()?;
            }
            self.eat(b")")?;
        }
        self.eat(b")")
    }

    fn next_addresses(&mut self) -> Option<Vec<Address<'a>>> {
        self.eat(b" ")?;
        if self.eat(b"NIL").is_some() {
            return Some(Vec::new());
        }
        self.eat(b"(")?;
        let mut addresses = Vec::new();
        while self.eat(b"(").is_some() {
            addresses.push(Address {
                name: self.nstring()?,
                route: self.next_nstring()?,
                mailbox: self.next_nstring()?,
                host: self.next_nstring()?,
            });
            self.eat(b")")?;
        }
        self.eat(b")")?;
        Some(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Digest;

    fn text(value: Option<&Cow<'_, [u8]>>) -> Option<String> {
        value.map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test] // pitfall 105
    fn what_was_written_is_read() {
        let message = "Date: d\r\nSubject: a \"b\\ gr\u{fc}n\r\nFrom: \"J \\\"Q\\\"\" <a@b>\r\n\
            To: g: x, y@z;\r\nCc: <@r:s@t>\r\nMessage-ID: <1@2>\r\n\r\n";
        let rendered = Digest::of(message.as_bytes()).envelope;
        let envelope = Envelope::parse(&rendered).unwrap();
        assert_eq!(text(envelope.date.as_ref()).as_deref(), Some("d"));
        assert_eq!(text(envelope.subject.as_ref()).as_deref(), Some("a \"b\\ gr\u{fc}n"));
        let from = envelope.from.first().unwrap();
        assert_eq!(text(from.name.as_ref()).as_deref(), Some("J \"Q\""));
        assert_eq!((&envelope.sender, &envelope.reply_to), (&envelope.from, &envelope.from));
        let hosts: Vec<_> = envelope
            .to
            .iter()
            .map(|to| (text(to.mailbox.as_ref()), text(to.host.as_ref())))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            hosts,
            [(some("g"), None), (some("x"), some("")), (some("y"), some("z")), (None, None)]
        );
        assert_eq!(text(envelope.cc[0].route.as_ref()).as_deref(), Some("@r"));
        assert_eq!((envelope.bcc.len(), envelope.in_reply_to.is_none()), (0, true));
        assert_eq!(text(envelope.message_id.as_ref()).as_deref(), Some("<1@2>"));
        for cut in 0..rendered.len() {
            assert_eq!(Envelope::parse(&rendered[..cut]), None);
        }
        assert_eq!(Envelope::parse(&Digest::of(b"").envelope), Some(Envelope::default()));
    }

    #[test]
    fn what_it_tells_of_a_field() {
        let message =
            b"Date: (\"{9}\r\n x\r\nSubject: a\r\n \"b\"\r\nFrom: \"(\" <a@b>, \xfc <c@d>\r\n\
            To: g: x;\r\nIn-Reply-To: <1>\r\nIn-Reply-To: <2>\r\n\r\nMessage-ID: <3>\r\n";
        let rendered = Digest::of(message).envelope;
        let told = |field: &[u8]| Plain::named(field).unwrap().told_by(&rendered);
        assert_eq!(told(b"SUBJECT"), Told::Once(b"a \"b\"".into()));
        assert_eq!(told(b"In-Reply-To"), Told::Unclear);
        assert_eq!(told(b"message-id"), Told::Absent);
        assert_eq!(Plain::named(b"from"), None);
        for cut in 0..rendered.len() - 1 {
            assert_eq!(Plain::MessageId.told_by(&rendered[..cut]), Told::Unclear, "{cut}");
        }
        let long = format!("Subject: {}\r\n", "x".repeat(FIELD_BYTES_MAX));
        let rendered = Digest::of(long.as_bytes()).envelope;
        assert_eq!(Plain::Subject.told_by(&rendered), Told::Unclear);
    }

    #[test]
    fn what_was_not_written_is_refused() {
        for bad in ["", "()", "(NIL)", "({9}\r\nx", "({99999999999999999999}\r\n)", "(\"a\\"] {
            assert_eq!(Envelope::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
