//! XCLIENT and XFORWARD: what a proxy tells of its client (Postfix's `XCLIENT_README`,
//! `XFORWARD_README`).
//!
//! Whoever may send them can claim any address: whether to believe them is for the caller to know
//! (pitfall 22).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::parameters::parameter;
use super::path::prefixed;
use super::{CommandError, Xtext};
use crate::cursor::Cursor;

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// NAME: what the client's address is called.
    Name(Known<Xtext<'a>>),
    /// ADDR: the client's address.
    Addr(Known<IpAddr>),
    /// PORT: the client's port.
    Port(Known<u16>),
    /// PROTO: what it spoke: `SMTP`, `ESMTP`, `LMTP`.
    Proto(Known<Xtext<'a>>),
    /// HELO: what it called itself.
    Helo(Known<Xtext<'a>>),
    /// LOGIN: as whom it logged in.
    Login(Known<Xtext<'a>>),
    /// DESTADDR: what it connected to.
    DestAddr(Known<IpAddr>),
    /// DESTPORT: likewise.
    DestPort(Known<u16>),
    /// IDENT of XFORWARD: what the message is called in the proxy's queue.
    Ident(Known<Xtext<'a>>),
    /// SOURCE of XFORWARD: `LOCAL` or `REMOTE`.
    Source(Known<Xtext<'a>>),
    /// Another one.
    Other(&'a str, Known<Xtext<'a>>),
}

/// A value, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Known<T> {
    /// It is this.
    Is(T),
    /// `[UNAVAILABLE]`: there is none.
    Not,
    /// `[TEMPUNAVAIL]`: it could not be found out for now.
    NotNow,
}

impl<T> Known<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Not | Self::NotNow => None,
        }
    }

    fn try_map<U>(self, map: impl FnOnce(T) -> Option<U>) -> Option<Known<U>> {
        Some(match self {
            Self::Is(value) => Known::Is(map(value)?),
            Self::Not => Known::Not,
            Self::NotNow => Known::NotNow,
        })
    }
}

/// `1*( SP attribute-name "=" attribute-value )`, each of them right.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    words: &'a [u8],
}

impl PartialEq for Attributes<'_> {
    /// The same in the same order, however they were written.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Attributes<'_> {}

impl<'a> Attributes<'a> {
    /// Reads the rest of a command line.
    pub(super) fn new(words: &'a [u8]) -> Result<Self, CommandError> {
        let mut cursor = Cursor::new(words);
        if cursor.rest().trim_ascii().is_empty() {
            return Err(CommandError::Syntax("an attribute"));
        }
        while let Some(attribute) = next(&mut cursor) {
            attribute?;
        }
        Ok(Self { words })
    }

    /// One after the other, as often as they stand there.
    pub fn iter(&self) -> impl Iterator<Item = Attribute<'a>> + Clone + 'a {
        let mut cursor = Cursor::new(self.words);
        core::iter::from_fn(move || next(&mut cursor)?.ok())
    }
}

/// `attribute-name "=" attribute-value` — XCLIENT_README; `None` at the end of the line.
fn next<'a>(cursor: &mut Cursor<'a>) -> Option<Result<Attribute<'a>, CommandError>> {
    let (name, value) = match parameter(cursor) {
        Ok(word) => word?,
        Err(error) => return Some(Err(error)),
    };
    let attribute = value.and_then(|value| attribute(name, value));
    Some(attribute.ok_or(CommandError::Syntax("ATTRIBUTE=value")))
}

fn attribute<'a>(name: &'a str, value: &'a str) -> Option<Attribute<'a>> {
    let is = |word: &str| name.eq_ignore_ascii_case(word);
    let known = if value.eq_ignore_ascii_case("[UNAVAILABLE]") {
        Known::Not
    } else if value.eq_ignore_ascii_case("[TEMPUNAVAIL]") {
        Known::NotNow
    } else {
        Known::Is(Xtext::new(value)?)
    };
    Some(if is("NAME") {
        Attribute::Name(known)
    } else if is("ADDR") {
        Attribute::Addr(known.try_map(ip)?)
    } else if is("PORT") {
        Attribute::Port(known.try_map(port)?)
    } else if is("PROTO") {
        Attribute::Proto(known)
    } else if is("HELO") {
        Attribute::Helo(known)
    } else if is("LOGIN") {
        Attribute::Login(known)
    } else if is("DESTADDR") {
        Attribute::DestAddr(known.try_map(ip)?)
    } else if is("DESTPORT") {
        Attribute::DestPort(known.try_map(port)?)
    } else if is("IDENT") {
        Attribute::Ident(known)
    } else if is("SOURCE") {
        Attribute::Source(known)
    } else {
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = !name.is_empty() && name.bytes().all(in_name);
        return is_name.then_some(Attribute::Other(name, known));
    })
}

/// An IPv4 address, or `IPV6:` and an IPv6 one.
fn ip(text: Xtext<'_>) -> Option<IpAddr> {
    text.parse::<64, _>(|text| match prefixed(text, "IPV6:") {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    })
}

/// A decimal number up to 65535.
fn port(text: Xtext<'_>) -> Option<u16> {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<8, _>(|text| text.parse().ok().filter(|_| is_number(text)))
}

impl fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, attribute) in self.iter().enumerate() {
            f.write_str(if place > 0 { " " } else { "" })?;
            attribute.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = |f: &mut fmt::Formatter<'_>, name, known: Known<IpAddr>| match known {
            Known::Is(IpAddr::V6(address)) => write!(f, "{name}=IPV6:{address}"),
            known => write!(f, "{name}={known}"),
        };
        match self {
            Self::Name(name) => write!(f, "NAME={name}"),
            Self::Addr(addr) => address(f, "ADDR", *addr),
            Self::Port(port) => write!(f, "PORT={port}"),
            Self::Proto(proto) => write!(f, "PROTO={proto}"),
            Self::Helo(helo) => write!(f, "HELO={helo}"),
            Self::Login(login) => write!(f, "LOGIN={login}"),
            Self::DestAddr(addr) => address(f, "DESTADDR", *addr),
            Self::DestPort(port) => write!(f, "DESTPORT={port}"),
            Self::Ident(ident) => write!(f, "IDENT={ident}"),
            Self::Source(source) => write!(f, "SOURCE={source}"),
            Self::Other(name, value) => write!(f, "{name}={value}"),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => value.fmt(f),
            Self::Not => f.write_str("[UNAVAILABLE]"),
            Self::NotNow => f.write_str("[TEMPUNAVAIL]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[track_caller]
    fn check(words: &str, want: &str) {
        let told = match Attributes::new(words.as_bytes()) {
            Ok(attributes) => attributes.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "{words:?}");
    }

    #[test] // pitfall 22: what is wrong is refused, whoever says it
    fn attributes() {
        check("NAME=spike.example ADDR=192.0.2.1", "NAME=spike.example ADDR=192.0.2.1");
        check("addr=ipv6:2001:DB8::1 port=025", "ADDR=IPV6:2001:db8::1 PORT=25");
        check("ADDR=IPV6+3A+3A+3a1", "ADDR=IPV6:::1");
        check("NAME=[TEMPUNAVAIL] HELO=[unavailable]", "NAME=[TEMPUNAVAIL] HELO=[UNAVAILABLE]");
        check("ADDR=[UNAVAILABLE]  PORT=[TEMPUNAVAIL]", "ADDR=[UNAVAILABLE] PORT=[TEMPUNAVAIL]");
        check("PROTO=ESMTP LOGIN=a+2Bb@c HELO=", "PROTO=ESMTP LOGIN=a+2Bb@c HELO=");
        check("DESTADDR=192.0.2.1 DESTPORT=24", "DESTADDR=192.0.2.1 DESTPORT=24");
        check("IDENT=x SOURCE=REMOTE TTL=5", "IDENT=x SOURCE=REMOTE TTL=5");
        check("", "expected an attribute");
        check(" ", "expected an attribute");
        check("NAME=a\0", "expected a parameter");
        let wrong = [
            "NAME",
            "ADDR=",
            "ADDR=::1",
            "ADDR=192.0.2.256",
            "ADDR=IPV6:192.0.2.1",
            "ADDR=x",
            "PORT=",
            "PORT=65536",
            "PORT=+1",
            "PORT=-1",
            "HELO=+",
            "=x",
            "\u{fc}=x",
            "NAME=a ADDR=x",
            "PORT=000000000001",
        ];
        for words in wrong {
            check(words, "expected ATTRIBUTE=value");
        }
        let long = alloc::format!("ADDR={}", "1".repeat(65));
        check(&long, "expected ATTRIBUTE=value");
    }

    #[test]
    fn values() {
        let attributes = Attributes::new(b"ADDR=192.0.2.1 NAME=[UNAVAILABLE]").unwrap();
        let mut each = attributes.iter();
        let address = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(each.next(), Some(Attribute::Addr(Known::Is(address))));
        let Some(Attribute::Name(name)) = each.next() else { panic!() };
        assert_eq!((name.value(), each.next()), (None, None));
    }
}
