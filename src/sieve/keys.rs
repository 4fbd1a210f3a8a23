//! Keys, and values held against them: match types and comparators (RFC 5228 §2.7, RFC 5231,
//! RFC 5051, RFC 6134 §2.2).
//!
//! What can be known of a key before a message comes is known when the script is compiled: folded
//! texts, patterns taken apart, regular expressions built.

use std::borrow::Cow;
use std::cmp::Ordering;

use parser::sieve::tree::{Comparator, Match, MatchType, Relation, Text};
use regex::bytes::Regex;

use super::glob::{self, Glob, Letters, Wild};
use super::limits::Budget;
use super::run::Halt;
use super::{ere, lists};
use crate::mail::fold::{self, fold, fold_into};

/// A key, ready to be compared with.
#[derive(Debug)]
pub(super) enum Key {
    /// `:is` and `:contains`: folded as the comparator does. Relations: as it is.
    Text(Box<[u8]>),
    Glob(Glob),
    /// With its weight: the states that a byte may be looked at in.
    Regex(Box<Regex>, usize),
    /// The name of an external list.
    List(Box<str>),
}

impl Key {
    pub(super) fn new(matching: Match, text: &[u8]) -> Result<Self, String> {
        let letters = letters(matching.comparator);
        Ok(match matching.kind {
            MatchType::Is | MatchType::Contains => Self::Text(folded(matching.comparator, text)),
            MatchType::Count(_) | MatchType::Value(_) => Self::Text(text.into()),
            MatchType::Matches => Self::Glob(Glob::new(text, letters)),
            MatchType::Regex => {
                let text =
                    std::str::from_utf8(text).map_err(|_| "a regular expression must be UTF-8")?;
                Self::Regex(Box::new(ere::compile(text, letters)?), ere::weight(text))
            }
            MatchType::List => Self::List(lists::name(text)?.into()),
        })
    }

    /// What it says, for a trace.
    fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => String::from_utf8_lossy(text),
            Self::Glob(_) => Cow::Borrowed("the pattern"),
            Self::Regex(..) => Cow::Borrowed("the regular expression"),
            Self::List(name) => Cow::Borrowed(name),
        }
    }
}

const fn letters(comparator: Comparator) -> Letters {
    match comparator {
        Comparator::Octet | Comparator::AsciiNumeric => Letters::Octets,
        Comparator::AsciiCasemap => Letters::AsciiCase,
        Comparator::UnicodeCasemap => Letters::Unicode,
    }
}

fn folded(comparator: Comparator, text: &[u8]) -> Box<[u8]> {
    match comparator {
        Comparator::AsciiCasemap => text.to_ascii_lowercase().into(),
        Comparator::UnicodeCasemap => fold(&String::from_utf8_lossy(text)).into_bytes().into(),
        Comparator::Octet | Comparator::AsciiNumeric => text.into(),
    }
}

/// The keys of a test, as far as they were known when the script was compiled; `None` is one in
/// which a variable takes part.
pub(super) type Prepared = Box<[Option<Key>]>;

/// Prepares what is constant; the parser has found it right.
pub(super) fn prepare(matching: Match, keys: &[Text]) -> Result<Prepared, (usize, String)> {
    let prepare = |(nth, text): (usize, &Text)| match super::scope::constant(text) {
        Some(octets) => Key::new(matching, octets).map(Some).map_err(|why| (nth, why)),
        None => Ok(None),
    };
    keys.iter().enumerate().map(prepare).collect()
}

/// The keys of a test at the moment it runs.
pub(super) struct Keys<'s> {
    prepared: &'s [Option<Key>],
    /// In the places of those that are not prepared; none at all if all are.
    computed: Vec<Vec<Key>>,
}

impl<'s> Keys<'s> {
    /// `texts` gives those of each key that has to be computed, by its place.
    pub(super) fn new(
        matching: Match,
        prepared: &'s [Option<Key>],
        texts: impl Fn(usize) -> Vec<Vec<u8>>,
        budget: &mut Budget,
    ) -> Result<Self, Halt> {
        let mut computed = Vec::new();
        for (nth, _) in prepared.iter().enumerate().filter(|(_, known)| known.is_none()) {
            let mut keys = Vec::new();
            for text in texts(nth) {
                budget.steps(text.len())?;
                if matching.kind == MatchType::Regex {
                    budget.steps(REGEX_STEPS)?;
                }
                keys.push(Key::new(matching, &text).map_err(Halt::Error)?);
            }
            computed.resize_with(nth, Vec::new);
            computed.push(keys);
        }
        Ok(Self { prepared, computed })
    }

    /// From left to right, as they are tried (RFC 5229 §3.2).
    fn iter(&self) -> impl Iterator<Item = &Key> {
        let computed = |nth| self.computed.get(nth).into_iter().flatten();
        let keys = self.prepared.iter().enumerate();
        keys.flat_map(move |(nth, known)| known.iter().chain(computed(nth)))
    }

    /// The names of the lists that `:list` asks.
    fn lists(&self) -> Vec<String> {
        self.iter()
            .filter_map(|key| match key {
                Key::List(name) => Some(name.to_string()),
                _ => None,
            })
            .collect()
    }
}

/// What building a regular expression costs, in steps.
const REGEX_STEPS: usize = 20_000;

/// Values of the message, one after the other, held against keys.
pub(super) struct Matcher<'k> {
    matching: Match,
    keys: Keys<'k>,
    /// Match variables are wanted (RFC 5229 §3.2).
    pub(super) captures: bool,
    traced: bool,
    count: u64,
    /// What `:list` has to ask for.
    values: Vec<String>,
    /// Of the match: `${0}` and what follows.
    pub(super) captured: Option<Vec<Vec<u8>>>,
    /// What matched, for the trace.
    pub(super) why: Option<String>,
}

impl<'k> Matcher<'k> {
    pub(super) fn new(matching: Match, keys: Keys<'k>, captures: bool, traced: bool) -> Self {
        Self {
            matching,
            keys,
            captures,
            traced,
            count: 0,
            values: Vec::new(),
            captured: None,
            why: None,
        }
    }

    /// How many values there are is all that matters: they need not be made.
    pub(super) const fn only_counts(&self) -> bool {
        matches!(self.matching.kind, MatchType::Count(_))
    }

    /// So many more of what `:count` counts.
    pub(super) const fn add(&mut self, count: u64) {
        self.count = self.count.saturating_add(count);
    }

    /// Holds a value against each key; true if no other has to be looked at.
    pub(super) fn value(&mut self, value: &[u8], budget: &mut Budget) -> Result<bool, Halt> {
        match self.matching.kind {
            MatchType::Count(_) => {
                self.add(1);
                return Ok(false);
            }
            MatchType::List => {
                budget.steps(value.len())?;
                self.values.push(String::from_utf8_lossy(value).into_owned());
                return Ok(false);
            }
            _ => {}
        }
        let Some(subject) = subject(self.matching, value, budget)? else { return Ok(false) };
        let (matching, wants) = (self.matching, self.captures);
        for key in self.keys.iter() {
            let Some(captured) = compare(matching, key, &subject, wants, budget)? else { continue };
            if self.traced {
                let value = super::trace::shown(value);
                self.why = Some(format!(
                    "{value} matches {}",
                    super::trace::shown(key.shown().as_bytes())
                ));
            }
            self.captured = captured;
            return Ok(true);
        }
        Ok(false)
    }

    /// What is to be asked of lists, if anything is.
    pub(super) fn question(&mut self) -> Option<(Vec<String>, Vec<String>)> {
        let asks = self.matching.kind == MatchType::List && !self.values.is_empty();
        asks.then(|| (self.keys.lists(), std::mem::take(&mut self.values)))
    }

    /// The end of the values: whether their number satisfies `:count` (RFC 5231 §4.2).
    pub(super) fn counted(&mut self) -> bool {
        let MatchType::Count(relation) = self.matching.kind else { return false };
        let count = self.count.to_string();
        let holds = self.keys.iter().any(|key| match key {
            Key::Text(key) => related(self.matching.comparator, relation, count.as_bytes(), key),
            _ => false,
        });
        if holds && self.traced {
            self.why = Some(format!("the count is {count}"));
        }
        holds
    }
}

/// A value as keys are compared with it.
enum Subject<'v> {
    /// Folded, if the comparator folds.
    Whole(Cow<'v, [u8]>),
    /// Not folded yet.
    Long(&'v str),
}

/// `None`: no key is compared with it.
fn subject<'v>(
    matching: Match,
    value: &'v [u8],
    budget: &mut Budget,
) -> Result<Option<Subject<'v>>, Halt> {
    let folds = !matches!(matching.kind, MatchType::Matches | MatchType::Regex);
    if matching.comparator != Comparator::UnicodeCasemap || !folds {
        return Ok(Some(Subject::Whole(Cow::Borrowed(value))));
    }
    // RFC 5051 §2: what is no UTF-8 is not compared at all.
    let Ok(text) = std::str::from_utf8(value) else { return Ok(None) };
    if text.len() > FOLDED_WHOLE_MAX {
        return Ok(Some(Subject::Long(text)));
    }
    let mut folded = String::with_capacity(text.len());
    fold_more(text, &mut folded, budget)?;
    Ok(Some(Subject::Whole(Cow::Owned(folded.into_bytes()))))
}

/// Bytes of a value that is folded once for all keys; a longer one for each key, a piece at a time.
/// Folded it may be 11 times as long (U+FDFA).
const FOLDED_WHOLE_MAX: usize = 64 * 1024;

/// Folds. What is not ASCII costs most, and what becomes longer.
fn fold_more(text: &str, folded: &mut String, budget: &mut Budget) -> Result<(), Halt> {
    let other = text.bytes().filter(|byte| !byte.is_ascii()).count();
    budget.steps(text.len().saturating_mul(4).saturating_add(other.saturating_mul(20)))?;
    let before = folded.len();
    fold_into(text, folded);
    let longer = (folded.len() - before).saturating_sub(text.len());
    budget.steps(longer.saturating_mul(10))
}

/// A long text against a folded key by i;unicode-casemap, of which no more is in memory than a piece
/// and the key are long.
fn compare_long(matching: Match, key: &Key, text: &str, budget: &mut Budget) -> Result<bool, Halt> {
    let kind = matching.kind;
    let key = match (key, kind) {
        (Key::Text(key), MatchType::Value(_)) => &folded(matching.comparator, key),
        (Key::Text(key), _) => key,
        _ => return Ok(false),
    };
    let (mut folded, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        let (piece, tail) = fold::split(rest, FOLDED_WHOLE_MAX);
        rest = tail;
        fold_more(piece, &mut folded, budget)?;
        if kind != MatchType::Contains {
            // What is longer than the key is decided.
            if folded.len() > key.len() {
                break;
            }
            continue;
        }
        if glob::find(folded.as_bytes(), key, false, budget)?.is_some() {
            return Ok(true);
        }
        // The key may begin in what was looked at.
        let looked_at = folded.len().saturating_sub(key.len());
        folded.drain(..folded.floor_char_boundary(looked_at));
    }
    Ok(match kind {
        MatchType::Is => *folded.as_bytes() == **key,
        MatchType::Value(relation) => relation.holds(folded.as_bytes().cmp(key)),
        _ => false,
    })
}

/// `None`: no match. Otherwise the match variables, where they are set and wanted.
fn compare(
    matching: Match,
    key: &Key,
    subject: &Subject<'_>,
    captures: bool,
    budget: &mut Budget,
) -> Result<Option<Option<Vec<Vec<u8>>>>, Halt> {
    let Match { kind, comparator } = matching;
    let casemap = comparator == Comparator::AsciiCasemap;
    let value = match subject {
        Subject::Whole(value) => &**value,
        Subject::Long(text) => {
            return Ok(compare_long(matching, key, text, budget)?.then_some(None));
        }
    };
    Ok(match (key, kind) {
        (Key::Text(key), MatchType::Is) if comparator == Comparator::AsciiNumeric => {
            numeric(value, key).is_eq().then_some(None)
        }
        (Key::Text(key), MatchType::Is) => {
            budget.steps(key.len().min(value.len()))?;
            glob::same(value, key, casemap).then_some(None)
        }
        (Key::Text(key), MatchType::Contains) => {
            glob::find(value, key, casemap, budget)?.map(|_| None)
        }
        (Key::Text(key), MatchType::Value(relation)) => {
            budget.steps(key.len().min(value.len()))?;
            let holds = match comparator {
                Comparator::UnicodeCasemap => {
                    relation.holds(value.cmp(fold(&String::from_utf8_lossy(key)).as_bytes()))
                }
                _ => related(comparator, relation, value, key),
            };
            holds.then_some(None)
        }
        (Key::Glob(glob), _) => {
            let mut wild = Wild::new();
            let matched = glob.matches(value, captures.then_some(&mut wild), budget)?;
            matched.then(|| captures.then(|| wildcards(value, &wild)))
        }
        (Key::Regex(regex, weight), _) => {
            // Most often a byte is looked at once, but never more often than this.
            budget.steps(value.len().saturating_add(1).saturating_mul(*weight))?;
            match captures {
                false => regex.is_match(value).then_some(None),
                true => regex.captures(value).map(|found| {
                    let group = |group: Option<regex::bytes::Match<'_>>| {
                        group.map_or(Vec::new(), |group| group.as_bytes().to_vec())
                    };
                    Some(found.iter().take(GROUPS_MAX).map(group).collect())
                }),
            }
        }
        _ => None,
    })
}

/// The highest match variable and `${0}`.
const GROUPS_MAX: usize = 33;

/// RFC 5229 §3.2: `${0}` is what was matched, and each wildcard has its own.
fn wildcards(value: &[u8], wild: &Wild) -> Vec<Vec<u8>> {
    let texts = wild.iter().take(GROUPS_MAX - 1);
    let texts = texts.map(|range| value.get(range.clone()).unwrap_or_default().to_vec());
    std::iter::once(value.to_vec()).chain(texts).collect()
}

fn related(comparator: Comparator, relation: Relation, value: &[u8], key: &[u8]) -> bool {
    let order = match comparator {
        Comparator::Octet => value.cmp(key),
        Comparator::AsciiNumeric => numeric(value, key),
        // RFC 4790 §9.2.1: as i;octet, of letters in upper case.
        Comparator::AsciiCasemap => {
            let upper = |text: &[u8]| text.to_ascii_uppercase();
            upper(value).cmp(&upper(key))
        }
        Comparator::UnicodeCasemap => {
            let fold = |text: &[u8]| fold(&String::from_utf8_lossy(text));
            fold(value).cmp(&fold(key))
        }
    };
    relation.holds(order)
}

/// RFC 4790 §9.1: the digits that a text begins with, however many; a text without any is infinite.
fn numeric(left: &[u8], right: &[u8]) -> Ordering {
    fn digits(text: &[u8]) -> Option<&[u8]> {
        let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        let digits = text.get(..end).filter(|digits| !digits.is_empty())?;
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.get(zeros..)
    }
    match (digits(left), digits(right)) {
        (Some(left), Some(right)) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 5051
    fn long_texts_are_compared_as_short_ones() {
        let check = |kind: MatchType, key: &str, text: &str, want: bool| {
            let matching = Match { kind, comparator: Comparator::UnicodeCasemap };
            let key = Key::new(matching, key.as_bytes()).unwrap();
            let mut budget = Budget::new(&crate::sieve::Limits::default());
            let got = compare_long(matching, &key, text, &mut budget).unwrap();
            assert_eq!(got, want, "{kind:?}");
            let whole = Subject::Whole(Cow::Owned(fold(text).into_bytes()));
            let got = compare(matching, &key, &whole, false, &mut budget).unwrap();
            assert_eq!(got.is_some(), want, "{kind:?}");
        };
        let piece = FOLDED_WHOLE_MAX;
        for before in [0, 1, piece - 3, piece - 2, piece - 1, piece, 2 * piece - 1] {
            let text = format!("{}f\u{fc}r{}", "x".repeat(before), "y".repeat(piece));
            check(MatchType::Contains, "F\u{dc}R", &text, true);
            check(MatchType::Contains, "F\u{dc}RX", &text, false);
        }
        let long = "\u{e4}x".repeat(piece);
        check(MatchType::Is, &long.to_uppercase(), &long, true);
        check(MatchType::Is, &format!("{long}x"), &long, false);
        check(MatchType::Is, "\u{e4}x", &long, false);
        check(MatchType::Value(Relation::Greater), "\u{e4}x", &long, true);
        check(MatchType::Value(Relation::Less), "b", &long, true);
        check(MatchType::Value(Relation::Equal), &long, &long, true);
    }

    #[test] // RFC 4790 §9.1.1
    fn numbers() {
        let check = |left: &str, right: &str, want: Ordering| {
            assert_eq!(numeric(left.as_bytes(), right.as_bytes()), want, "{left} {right}");
            assert_eq!(numeric(right.as_bytes(), left.as_bytes()), want.reverse());
        };
        check("0", "00", Ordering::Equal);
        check("12", "9", Ordering::Greater);
        check("012x", "12", Ordering::Equal);
        check("99999999999999999999999", "100000000000000000000000", Ordering::Less);
        check("x", "99999", Ordering::Greater);
        check("-1", "", Ordering::Equal);
        check(" 1", "1", Ordering::Greater);
    }
}
