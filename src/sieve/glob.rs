//! `:matches`: patterns of `*` and `?` (RFC 5228 §2.7.1), with what each of them stands for.
//!
//! A pattern is parted at its `*`s into pieces of a fixed length. Each piece is looked for from the
//! left, so every wildcard takes as little as possible (RFC 5229 §3.2), and no choice is ever taken
//! back: what was found first leaves the most for the rest. Only the last piece is tied to the end.

use std::ops::Range;

use memchr::{memchr2, memmem};

use super::limits::Budget;
use super::run::Halt;
use crate::mail::fold::{fold, fold_into};

/// What a character is, and when two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Letters {
    /// Octets, as they are: `i;octet`.
    Octets,
    /// Octets, letters of ASCII in any case: `i;ascii-casemap`.
    AsciiCase,
    /// Characters of Unicode in any case: `i;unicode-casemap`.
    Unicode,
}

/// A pattern, taken apart.
#[derive(Debug)]
pub(super) struct Glob {
    letters: Letters,
    /// One more than there are `*`.
    pieces: Box<[Piece]>,
}

/// What stands between two `*`.
#[derive(Debug, Default)]
struct Piece {
    /// `None` is `?`.
    units: Box<[Option<Unit>]>,
    /// All of it, if it has no `?` and its units are octets.
    plain: Option<Box<[u8]>>,
}

/// An octet, or a folded character.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unit {
    Octet(u8),
    Folded(Box<str>),
}

/// Where each wildcard's text lies in the value, in the order of the pattern.
pub(super) type Wild = Vec<Range<usize>>;

impl Glob {
    pub(super) fn new(pattern: &[u8], letters: Letters) -> Self {
        let mut pieces = Vec::new();
        let mut units = Vec::new();
        let text = String::from_utf8_lossy(pattern);
        let mut rest: Vec<Token> = Vec::new();
        match letters {
            Letters::Unicode => tokens(text.chars().map(Char::from), &mut rest),
            _ => tokens(pattern.iter().copied().map(Char::from), &mut rest),
        }
        for token in rest {
            match token {
                Token::Many => pieces.push(Piece::of(std::mem::take(&mut units))),
                Token::One => units.push(None),
                Token::Is(c) => units.push(Some(unit(c, letters))),
            }
        }
        pieces.push(Piece::of(units));
        Self { letters, pieces: pieces.into() }
    }

    /// Does all of `value` match? If so, and if asked for, `wild` is where the wildcards' texts lie.
    pub(super) fn matches(
        &self,
        value: &[u8],
        wild: Option<&mut Wild>,
        budget: &mut Budget,
    ) -> Result<bool, Halt> {
        let value = match self.letters {
            Letters::Unicode => match std::str::from_utf8(value) {
                Ok(text) => Value::Text(text),
                Err(_) => return Ok(false),
            },
            letters => Value::Octets(value, letters),
        };
        if let Value::Octets(octets, _) = value
            && self.pieces.iter().all(|piece| piece.plain.is_some() || piece.units.is_empty())
        {
            return self.plainly(octets, wild, budget);
        }
        let Some(places) = self.places(value, budget)? else { return Ok(false) };
        if let Some(wild) = wild {
            self.wild(&places, value, wild);
        }
        Ok(true)
    }

    /// Without `?`: pieces are found as strings are.
    fn plainly(
        &self,
        value: &[u8],
        wild: Option<&mut Wild>,
        budget: &mut Budget,
    ) -> Result<bool, Halt> {
        let fold = self.letters == Letters::AsciiCase;
        let (mut at, last) = (0, self.pieces.len() - 1);
        let mut places = Vec::new();
        for (nth, piece) in self.pieces.iter().enumerate() {
            let plain = piece.plain.as_deref().unwrap_or_default();
            let rest = value.get(at..).unwrap_or_default();
            let found = match (nth, nth == last) {
                (0, true) => (same(rest, plain, fold)).then_some(0),
                (0, false) => begins(rest, plain, fold).then_some(0),
                (_, false) => find(rest, plain, fold, budget)?,
                (_, true) => rest
                    .len()
                    .checked_sub(plain.len())
                    .filter(|from| same(rest.get(*from..).unwrap_or_default(), plain, fold)),
            };
            budget.steps(plain.len())?;
            let Some(found) = found else { return Ok(false) };
            if wild.is_some() {
                places.push(at + found);
            }
            at += found + plain.len();
        }
        if let Some(wild) = wild {
            self.wild(&places, Value::Octets(value, self.letters), wild);
        }
        Ok(true)
    }

    /// Where each piece begins in `value`; `None`: there is no match. Nothing of the value is stored: one
    /// message has more characters than there is memory for.
    fn places(&self, value: Value<'_>, budget: &mut Budget) -> Result<Option<Vec<usize>>, Halt> {
        let mut places = Vec::with_capacity(self.pieces.len());
        let (mut at, last) = (0, self.pieces.len() - 1);
        let mut folded = String::new();
        for (nth, piece) in self.pieces.iter().enumerate() {
            let size = piece.units.len();
            let mut start = match nth == last {
                false => at,
                true => match value.back(size).filter(|start| *start >= at) {
                    Some(start) if nth > 0 || start == 0 => start,
                    _ => return Ok(None),
                },
            };
            let end = loop {
                let (end, cost) = piece.end(value, start, &mut folded);
                budget.steps(size.saturating_add(cost))?;
                if let Some(end) = end {
                    break end;
                }
                match value.next(start) {
                    Some(next) if nth > 0 && nth < last => start = next,
                    _ => return Ok(None),
                }
            };
            places.push(start);
            at = end;
        }
        Ok(Some(places))
    }

    fn wild(&self, places: &[usize], value: Value<'_>, wild: &mut Wild) {
        wild.clear();
        for (nth, (piece, start)) in self.pieces.iter().zip(places).enumerate() {
            let mut at = *start;
            for unit in &piece.units {
                let next = value.next(at).unwrap_or(at);
                wild.extend(unit.is_none().then_some(at..next));
                at = next;
            }
            if nth + 1 < self.pieces.len() {
                wild.push(at..places.get(nth + 1).copied().unwrap_or(at));
            }
        }
    }
}

/// What a pattern is held against.
#[derive(Clone, Copy)]
enum Value<'v> {
    Octets(&'v [u8], Letters),
    Text(&'v str),
}

/// What a place costs at which characters are looked at, and what each that has to be folded does.
const PLACE_STEPS: usize = 8;
const FOLD_STEPS: usize = 64;

impl Value<'_> {
    /// Where the octet, or the character, at `at` ends.
    fn next(self, at: usize) -> Option<usize> {
        match self {
            Self::Octets(octets, _) => octets.get(at).map(|_| at + 1),
            Self::Text(text) => Some(at + text.get(at..)?.chars().next()?.len_utf8()),
        }
    }

    /// Where the last `units` of them begin.
    fn back(self, units: usize) -> Option<usize> {
        match (self, units.checked_sub(1)) {
            (Self::Octets(octets, _), _) => octets.len().checked_sub(units),
            (Self::Text(text), None) => Some(text.len()),
            (Self::Text(text), Some(before)) => {
                text.char_indices().rev().nth(before).map(|(at, _)| at)
            }
        }
    }
}

impl Piece {
    fn of(units: Vec<Option<Unit>>) -> Self {
        let plain = units.iter().map(|unit| match unit {
            Some(Unit::Octet(octet)) => Some(*octet),
            _ => None,
        });
        Self { plain: plain.collect(), units: units.into() }
    }

    /// Where it ends if it lies at `start`, and what looking costs beyond the number of its units.
    /// `folded` is room to work in.
    fn end(&self, value: Value<'_>, start: usize, folded: &mut String) -> (Option<usize>, usize) {
        let text = match value {
            Value::Octets(octets, letters) => {
                let is = |(unit, octet): (&Option<Unit>, &u8)| match unit {
                    Some(Unit::Octet(want)) => *want == fold_octet(*octet, letters),
                    Some(Unit::Folded(_)) => false,
                    None => true,
                };
                let end = start + self.units.len();
                let part = octets.get(start..end);
                return (part.filter(|part| self.units.iter().zip(*part).all(is)).map(|_| end), 0);
            }
            Value::Text(text) => text.get(start..).unwrap_or_default(),
        };
        let (mut chars, mut cost) = (text.chars(), PLACE_STEPS);
        for unit in &self.units {
            let Some(c) = chars.next() else { return (None, cost) };
            let is = match unit {
                None => true,
                Some(Unit::Octet(_)) => false,
                // Of ASCII the folded form is the upper case.
                Some(Unit::Folded(want)) if c.is_ascii() => {
                    want.len() == 1 && want.starts_with(c.to_ascii_uppercase())
                }
                Some(Unit::Folded(want)) => {
                    folded.clear();
                    fold_into(c.encode_utf8(&mut [0; 4]), folded);
                    cost += FOLD_STEPS + 8 * folded.len();
                    **want == **folded
                }
            };
            if !is {
                return (None, cost);
            }
        }
        (Some(start + text.len() - chars.as_str().len()), cost)
    }
}

#[derive(Clone, Copy)]
enum Char {
    Octet(u8),
    Unicode(char),
}

impl From<u8> for Char {
    fn from(octet: u8) -> Self {
        Self::Octet(octet)
    }
}

impl From<char> for Char {
    fn from(c: char) -> Self {
        Self::Unicode(c)
    }
}

enum Token {
    Many,
    One,
    Is(Char),
}

/// RFC 5228 §2.7.1: a backslash makes `*` and `?` themselves.
fn tokens(pattern: impl Iterator<Item = Char>, out: &mut Vec<Token>) {
    let ascii = |c: Char| match c {
        Char::Octet(octet) => octet,
        Char::Unicode(c) => u8::try_from(c).unwrap_or(0),
    };
    let mut quoted = false;
    for c in pattern {
        match ascii(c) {
            _ if quoted => out.push(Token::Is(c)),
            b'\\' => {
                quoted = true;
                continue;
            }
            b'*' => out.push(Token::Many),
            b'?' => out.push(Token::One),
            _ => out.push(Token::Is(c)),
        }
        quoted = false;
    }
    if quoted {
        out.push(Token::Is(Char::Octet(b'\\')));
    }
}

fn unit(c: Char, letters: Letters) -> Unit {
    match (c, letters) {
        (Char::Octet(octet), Letters::Unicode) => {
            Unit::Folded(fold(char::from(octet).encode_utf8(&mut [0; 4])).into())
        }
        (Char::Unicode(c), _) => Unit::Folded(fold(c.encode_utf8(&mut [0; 4])).into()),
        (Char::Octet(octet), _) => Unit::Octet(fold_octet(octet, letters)),
    }
}

const fn fold_octet(octet: u8, letters: Letters) -> u8 {
    match letters {
        Letters::AsciiCase => octet.to_ascii_lowercase(),
        _ => octet,
    }
}

/// Is `value` the text `key`, which is in lower case if case does not count?
pub(super) fn same(value: &[u8], key: &[u8], fold: bool) -> bool {
    if fold { value.eq_ignore_ascii_case(key) } else { value == key }
}

fn begins(value: &[u8], key: &[u8], fold: bool) -> bool {
    value.get(..key.len()).is_some_and(|begin| same(begin, key, fold))
}

/// Bytes of a value, and of a key, up to which looking at every place costs less than folding.
const SHORT_VALUE: usize = 1_024;
const SHORT_KEY: usize = 64;

/// Where `key` begins first in `value`. Linear: what is long is folded and searched as it is.
pub(super) fn find(
    value: &[u8],
    key: &[u8],
    fold: bool,
    budget: &mut Budget,
) -> Result<Option<usize>, Halt> {
    budget.steps(value.len())?;
    let Some(&first) = key.first() else { return Ok(Some(0)) };
    if !fold {
        return Ok(memmem::find(value, key));
    }
    if value.len() > SHORT_VALUE || key.len() > SHORT_KEY {
        return Ok(memmem::find(&value.to_ascii_lowercase(), key));
    }
    let Some(last) = value.len().checked_sub(key.len()) else { return Ok(None) };
    let (places, mut at) = (value.get(..=last).unwrap_or_default(), 0);
    while let Some(found) =
        memchr2(first, first.to_ascii_uppercase(), places.get(at..).unwrap_or_default())
    {
        at += found;
        if begins(value.get(at..).unwrap_or_default(), key, true) {
            return Ok(Some(at));
        }
        at += 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sieve::Limits;

    #[track_caller]
    fn check(letters: Letters, pattern: &str, value: &str, want: Option<&[&str]>) {
        let mut wild = Wild::new();
        let mut budget = Budget::new(&Limits::default());
        let glob = Glob::new(pattern.as_bytes(), letters);
        let matched = glob.matches(value.as_bytes(), Some(&mut wild), &mut budget).unwrap();
        let texts: Vec<&str> = wild.iter().map(|range| &value[range.clone()]).collect();
        assert_eq!(matched.then_some(texts.as_slice()), want, "{pattern:?} {value:?}");
        assert_eq!(glob.matches(value.as_bytes(), None, &mut budget).unwrap(), want.is_some());
    }

    #[test]
    fn octets() {
        let check = |pattern, value, want| check(Letters::Octets, pattern, value, want);
        check("", "", Some(&[]));
        check("", "a", None);
        check("a", "a", Some(&[]));
        check("a", "A", None);
        check("*", "", Some(&[""]));
        check("*", "abc", Some(&["abc"]));
        check("?", "", None);
        check("?", "a", Some(&["a"]));
        check("?*", "", None);
        check("?*", "ab", Some(&["a", "b"]));
        check("*a*", "banana", Some(&["b", "nana"]));
        check("*a", "banana", Some(&["banan"]));
        check("*na*na", "banana", Some(&["ba", ""]));
        check("*na*na*", "bananana", Some(&["ba", "", "na"]));
        check("a*b*c", "abbbc", Some(&["", "bb"]));
        check("a*b*c", "abbb", None);
        check("a?c", "abc", Some(&["b"]));
        check("a?c", "ac", None);
        check("*?c", "abc", Some(&["a", "b"]));
        check("*?b*", "abab", Some(&["", "a", "ab"]));
        check("ab*ab", "ab", None);
        check("ab*ab", "abab", Some(&[""]));
        check("*ab*", "aab", Some(&["a", ""]));
        check("\\*\\?\\\\", "*?\\", Some(&[]));
        check("\\a", "a", Some(&[]));
        check("a\\", "a\\", Some(&[]));
        check("**x", "yx", Some(&["", "y"]));
        // RFC 5229 §3.2
        let acme = "[acme-users] [fwd] version 1.0 is out";
        check("[*] *", acme, Some(&["acme-users", "[fwd] version 1.0 is out"]));
        check("coyote@**.com", "coyote@ACME.Example.com", Some(&["", "ACME.Example"]));
    }

    #[test]
    fn letters_in_any_case() {
        check(Letters::AsciiCase, "SuB*?", "subject", Some(&["jec", "t"]));
        check(Letters::AsciiCase, "*FOO*", "a fOo b", Some(&["a ", " b"]));
        check(Letters::AsciiCase, "\u{e4}", "\u{c4}", None);
        check(Letters::Unicode, "\u{e4}?*", "\u{c4}\u{f6}x", Some(&["\u{f6}", "x"]));
        check(Letters::Unicode, "*stra*", "DIE STRA\u{df}E", Some(&["DIE ", "\u{df}E"]));
        check(Letters::Unicode, "", "", Some(&[]));
        check(Letters::Unicode, "", "\u{e4}", None);
        check(Letters::Unicode, "?", "\u{e4}\u{f6}", None);
        check(Letters::Unicode, "\u{e4}*\u{e4}", "\u{e4}", None);
        check(Letters::Unicode, "\u{e4}*\u{e4}", "\u{c4}\u{c4}", Some(&[""]));
        check(Letters::Unicode, "*?\u{e4}", "x\u{f6}\u{c4}", Some(&["x", "\u{f6}"]));
        check(Letters::Unicode, "*\u{f6}?*s", "a\u{d6}\u{df}b\u{17f}", Some(&["a", "\u{df}", "b"]));
        check(Letters::Unicode, "*ab*ab*", "aab", None);
    }

    /// Against the plain definition, on all short words of two letters.
    #[test]
    fn as_defined() {
        fn slow(pattern: &[u8], value: &[u8]) -> bool {
            match (pattern.split_first(), value.split_first()) {
                (None, None) => true,
                (Some((b'*', rest)), None) => slow(rest, value),
                (Some((b'*', rest)), Some((_, tail))) => slow(rest, value) || slow(pattern, tail),
                (Some((b'?', rest)), Some((_, tail))) => slow(rest, tail),
                (Some((p, rest)), Some((v, tail))) => p == v && slow(rest, tail),
                _ => false,
            }
        }
        let words = |letters: &[u8], most: u32| {
            let mut words = vec![Vec::new()];
            for len in 1..=most {
                for number in 0..letters.len().pow(len) {
                    let letter = |place| letters[number / letters.len().pow(place) % letters.len()];
                    words.push((0..len).map(letter).collect());
                }
            }
            words
        };
        let mut budget = Budget::new(&Limits { match_steps_max: u64::MAX, ..Limits::default() });
        for pattern in words(b"ab*?", 5) {
            for letters in [Letters::Octets, Letters::Unicode] {
                let glob = Glob::new(&pattern, letters);
                for value in words(b"ab", 5) {
                    let got = glob.matches(&value, Some(&mut Wild::new()), &mut budget).unwrap();
                    assert_eq!(got, slow(&pattern, &value), "{pattern:?} {value:?}");
                }
            }
        }
    }

    #[test]
    fn a_budget_ends_it() {
        let limits = Limits { match_steps_max: 10_000, ..Limits::default() };
        let value = "a".repeat(5_000);
        let glob = Glob::new(format!("*{}?b*", "a".repeat(500)).as_bytes(), Letters::Octets);
        assert!(glob.matches(value.as_bytes(), None, &mut Budget::new(&limits)).is_err());
    }

    #[test]
    fn finding() {
        let mut budget = Budget::new(&Limits::default());
        let mut find = |value: &str, key: &str| {
            find(value.as_bytes(), key.as_bytes(), true, &mut budget).unwrap()
        };
        assert_eq!(find("Frobnitzm", "nit"), Some(4));
        assert_eq!(find("NNIT", "nit"), Some(1));
        assert_eq!(find("fbm", "fbmx"), None);
        assert_eq!(find("", ""), Some(0));
        assert_eq!(find("", "a"), None);
        assert_eq!(find(&format!("{}X", "y".repeat(3_000)), "x"), Some(3_000));
    }
}
