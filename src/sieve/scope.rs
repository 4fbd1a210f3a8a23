//! Variables (RFC 5229): a script's own, the global ones (RFC 6609 §3.4), what matched, and the
//! environment's (vnd.dovecot.environment §4); strings with all of them put in.

use std::borrow::Cow;

use parser::sieve::tree::{
    Content, EnvironmentItem, Modifier, Piece, Scope as Seen, Text, Variable, VariableId,
};

use super::facts::Facts;
use super::uri;

/// The variables that one script of the stack sees.
#[derive(Debug, Default)]
pub(super) struct Scope {
    slots: Vec<Slot>,
    /// `${0}` and on (RFC 5229 §3.2): of this script alone, as its variables are (RFC 6609 §3.4).
    pub(super) matches: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum Slot {
    Own(Vec<u8>),
    /// By its place among [`Globals`].
    Global(usize),
}

/// What all scripts of a run share.
#[derive(Debug, Default)]
pub(super) struct Globals {
    list: Vec<(Box<str>, Vec<u8>)>,
    /// Bytes of all variables, own ones too.
    bytes: usize,
}

impl Scope {
    /// Of no script.
    pub(super) const NONE: Self = Self { slots: Vec::new(), matches: Vec::new() };

    /// For a script that begins; `None`: too many global variables.
    pub(super) fn new(variables: &[Variable], globals: &mut Globals, most: usize) -> Option<Self> {
        let mut slots = Vec::with_capacity(variables.len());
        for variable in variables {
            slots.push(match variable.scope {
                Seen::Local => Slot::Own(Vec::new()),
                Seen::Global => Slot::Global(globals.place(&variable.name, most)?),
            });
        }
        Some(Self { slots, matches: Vec::new() })
    }

    pub(super) fn value<'a>(&'a self, globals: &'a Globals, id: VariableId) -> &'a [u8] {
        match usize::try_from(id.0).ok().and_then(|id| self.slots.get(id)) {
            Some(Slot::Own(value)) => value,
            Some(Slot::Global(place)) => globals.list.get(*place).map_or(&[], |(_, value)| value),
            None => &[],
        }
    }

    /// Sets a variable; what is too long is cut (RFC 5229 §6). False: all together would be too long.
    pub(super) fn set(
        &mut self,
        globals: &mut Globals,
        id: VariableId,
        value: Vec<u8>,
        bytes_max: usize,
    ) -> bool {
        let old = self.value(globals, id).len();
        let bytes = globals.bytes.saturating_sub(old).saturating_add(value.len());
        if bytes > bytes_max {
            return false;
        }
        globals.bytes = bytes;
        match usize::try_from(id.0).ok().and_then(|id| self.slots.get_mut(id)) {
            Some(Slot::Own(slot)) => *slot = value,
            Some(Slot::Global(place)) => {
                if let Some((_, slot)) = globals.list.get_mut(*place) {
                    *slot = value;
                }
            }
            None => {}
        }
        true
    }
}

impl Globals {
    fn place(&mut self, name: &str, most: usize) -> Option<usize> {
        if let Some(place) = self.list.iter().position(|(known, _)| **known == *name) {
            return Some(place);
        }
        (self.list.len() < most).then(|| self.list.push((name.into(), Vec::new())))?;
        Some(self.list.len() - 1)
    }

    /// A script has ended, and its own variables are gone.
    pub(super) fn forget(&mut self, scope: &Scope) {
        let own = scope.slots.iter().map(|slot| match slot {
            Slot::Own(value) => value.len(),
            Slot::Global(_) => 0,
        });
        self.bytes = self.bytes.saturating_sub(own.sum());
    }
}

/// All that a name in a string can stand for at this moment.
#[derive(Clone, Copy)]
pub(super) struct Names<'r> {
    pub(super) scope: &'r Scope,
    pub(super) globals: &'r Globals,
    pub(super) facts: &'r Facts<'r>,
}

impl Names<'_> {
    /// A string with its variables put in (RFC 5229 §3), cut if it grows too long.
    pub(super) fn text<'t>(&self, text: &'t Text) -> Cow<'t, [u8]> {
        let pieces = match &text.content {
            Content::Constant(text) => return Cow::Borrowed(text.as_bytes()),
            Content::Octets(octets) => return Cow::Borrowed(octets),
            Content::Pieces(pieces) => pieces,
        };
        let mut whole = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => whole.extend_from_slice(text.as_bytes()),
                Piece::Octets(octets) => whole.extend_from_slice(octets),
                Piece::Variable(id) => {
                    whole.extend_from_slice(self.scope.value(self.globals, *id));
                }
                Piece::Match(number) => {
                    let text = self.scope.matches.get(usize::from(*number));
                    whole.extend_from_slice(text.map_or(&[], Vec::as_slice));
                }
                Piece::Environment(item) => {
                    whole.extend_from_slice(self.environment(item).unwrap_or_default().as_bytes());
                }
            }
            if whole.len() > self.facts.limits.string_bytes_max {
                cut(&mut whole, self.facts.limits.string_bytes_max);
                break;
            }
        }
        Cow::Owned(whole)
    }

    /// A string that goes where text must stand: what is no UTF-8 is replaced.
    pub(super) fn string(&self, text: &Text) -> String {
        match self.text(text) {
            Cow::Borrowed(octets) => String::from_utf8_lossy(octets).into_owned(),
            Cow::Owned(octets) => match String::from_utf8(octets) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            },
        }
    }

    pub(super) fn environment(&self, item: &EnvironmentItem) -> Option<Cow<'_, str>> {
        self.facts.environment.item(item, self.facts)
    }
}

/// A string that is the same for every message.
pub(super) fn constant(text: &Text) -> Option<&[u8]> {
    match &text.content {
        Content::Constant(text) => Some(text.as_bytes()),
        Content::Octets(octets) => Some(octets),
        Content::Pieces(_) => None,
    }
}

/// Cuts at a character's end, if there are characters.
pub(super) fn cut(octets: &mut Vec<u8>, most: usize) {
    if octets.len() <= most {
        return;
    }
    let mut end = most;
    while end > most.saturating_sub(3) && octets.get(end).is_some_and(|octet| octet & 0xc0 == 0x80)
    {
        end -= 1;
    }
    octets.truncate(end);
}

/// `MODIFIER` (RFC 5229 §4.1, RFC 5435 §6), in the order they are applied.
pub(super) fn modify(mut value: Vec<u8>, modifiers: &[Modifier]) -> Vec<u8> {
    for modifier in modifiers {
        match modifier {
            Modifier::Lower => value.make_ascii_lowercase(),
            Modifier::Upper => value.make_ascii_uppercase(),
            Modifier::LowerFirst => {
                value.first_mut().into_iter().for_each(|first| first.make_ascii_lowercase());
            }
            Modifier::UpperFirst => {
                value.first_mut().into_iter().for_each(|first| first.make_ascii_uppercase());
            }
            Modifier::QuoteWildcard => value = quoted(&value, b"*?\\"),
            Modifier::QuoteRegex => value = quoted(&value, b".*+?()[]{}|^$\\"),
            Modifier::EncodeUrl => value = uri::encode(&value).into_bytes(),
            Modifier::Length => {
                // Characters, where there are any: the later bytes of one are not counted.
                let count = value.iter().filter(|&&octet| octet & 0xc0 != 0x80).count();
                value = count.to_string().into_bytes();
            }
        }
    }
    value
}

fn quoted(value: &[u8], special: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for &octet in value {
        if special.contains(&octet) {
            out.push(b'\\');
        }
        out.push(octet);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 5229 §4.1
    fn modifiers() {
        let check = |value: &str, modifiers: &[Modifier], want: &str| {
            let got = modify(value.into(), modifiers);
            assert_eq!(String::from_utf8(got).unwrap(), want, "{modifiers:?}");
        };
        let mixed = "juMBlEd lETteRS";
        check(mixed, &[], mixed);
        check(mixed, &[Modifier::Length], "15");
        check(mixed, &[Modifier::Lower], "jumbled letters");
        check(mixed, &[Modifier::UpperFirst], "JuMBlEd lETteRS");
        check(mixed, &[Modifier::Lower, Modifier::UpperFirst], "Jumbled letters");
        check("Rock*", &[Modifier::QuoteWildcard], "Rock\\*");
        check("a?\\", &[Modifier::QuoteWildcard, Modifier::Length], "5");
        check("a.b[c]", &[Modifier::QuoteRegex], "a\\.b\\[c\\]");
        check("\u{c4}b", &[Modifier::Lower], "\u{c4}b"); // §4.1.3
        check("\u{c4}b", &[Modifier::Length], "2");
        check("a b", &[Modifier::EncodeUrl, Modifier::Length], "5");
    }

    #[test]
    fn cuts() {
        let check = |text: &str, most, want: &str| {
            let mut octets = text.into();
            cut(&mut octets, most);
            assert_eq!(octets, want.as_bytes());
        };
        check("abc", 3, "abc");
        check("abcd", 3, "abc");
        check("ab\u{e4}", 3, "ab");
        check("\u{10ffff}", 3, "");
    }
}
