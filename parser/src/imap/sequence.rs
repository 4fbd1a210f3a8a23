//! Sequence sets (RFC 9051 §9): proved right once, then walked as the bytes they came in.
//!
//! The ends keep the client's order: `4:*` may mean `2:4`, and only a mailbox knows its `*`.

use super::command::{SeqNumber, SeqRange, SequenceSet, Set};
use super::number::nz_number;
use crate::cursor::{Cursor, Error};
use crate::steps;
use core::fmt;

impl<'a> SequenceSet<'a> {
    /// A set on its own: all of `input` must be one.
    pub fn parse(input: &'a [u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(input);
        let set = sequence_set(&mut cursor)?;
        if cursor.is_empty() { Ok(set) } else { Err(cursor.error("\",\"")) }
    }

    /// The ranges in the client's order: neither sorted nor merged.
    pub const fn ranges(&self) -> Ranges<'a> {
        Ranges { cursor: Cursor::new(self.raw) }
    }

    /// True if `*` occurs: then the set depends on the mailbox.
    pub fn has_largest(&self) -> bool {
        steps::find(b'*', self.raw).is_some()
    }
}

impl fmt::Display for SequenceSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.ranges().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{range}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SeqRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(f, "{}", self.first);
        }
        write!(f, "{}:{}", self.first, self.last)
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Largest => f.write_str("*"),
        }
    }
}

impl SeqRange {
    /// First and last number in ascending order, `*` being `largest`.
    pub const fn ordered(&self, largest: u32) -> (u32, u32) {
        let (first, last) = (self.first.or(largest), self.last.or(largest));
        if first <= last { (first, last) } else { (last, first) }
    }
}

impl SeqNumber {
    /// The number, `*` being `largest`.
    pub const fn or(self, largest: u32) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Largest => largest,
        }
    }
}

/// Iterator over the ranges of a [`SequenceSet`].
#[derive(Clone, Debug)]
pub struct Ranges<'a> {
    cursor: Cursor<'a>,
}

impl Iterator for Ranges<'_> {
    type Item = SeqRange;
    fn next(&mut self) -> Option<SeqRange> {
        if self.cursor.is_empty() {
            return None;
        }
        let range = seq_range(&mut self.cursor).ok()?;
        self.cursor.eat(b',');
        Some(range)
    }
}

/// `sequence-set =/ seq-last-command`, which is `"$"` — RFC 9051 §9, RFC 5182 §3.
pub(super) fn set<'a>(cursor: &mut Cursor<'a>) -> Result<Set<'a>, Error> {
    if cursor.eat(b'$') { Ok(Set::Saved) } else { sequence_set(cursor).map(Set::Ranges) }
}

/// `sequence-set = (seq-number / seq-range) ["," sequence-set]` — RFC 9051 §9.
pub(super) fn sequence_set<'a>(cursor: &mut Cursor<'a>) -> Result<SequenceSet<'a>, Error> {
    let before = *cursor;
    seq_range(cursor)?;
    while cursor.eat(b',') {
        seq_range(cursor)?;
    }
    Ok(SequenceSet { raw: cursor.since(before) })
}

/// `known-uids`: a set of numbers in which `*` is not allowed — RFC 7162 §7.
pub(super) fn known_set<'a>(cursor: &mut Cursor<'a>) -> Result<SequenceSet<'a>, Error> {
    let before = *cursor;
    let set = sequence_set(cursor)?;
    if set.has_largest() { Err(before.error("set without \"*\"")) } else { Ok(set) }
}

/// `seq-range = seq-number ":" seq-number` — RFC 9051 §9. A lone number is a range of one.
#[inline]
fn seq_range(cursor: &mut Cursor<'_>) -> Result<SeqRange, Error> {
    let first = seq_number(cursor)?;
    let last = if cursor.eat(b':') { seq_number(cursor)? } else { first };
    Ok(SeqRange { first, last })
}

/// `seq-number = nz-number / "*"` — RFC 9051 §9.
#[inline]
pub(super) fn seq_number(cursor: &mut Cursor<'_>) -> Result<SeqNumber, Error> {
    if cursor.eat(b'*') {
        return Ok(SeqNumber::Largest);
    }
    nz_number(cursor).map(SeqNumber::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    #[track_caller]
    fn check(input: &str, want: &str) {
        let told = match SequenceSet::parse(input.as_bytes()) {
            Ok(set) => set.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "from {input:?}");
    }

    #[test]
    fn sets() {
        // pitfall 109
        check("1", "1");
        check("*", "*");
        check("4294967295:*", "4294967295:*");
        check("5:1", "5:1"); // not sorted here
        check("*:4,5:7,5", "*:4,5:7,5");
        check("3:3", "3");
        check("*:*", "*");
        check("", "expected nz-number at byte 0");
        check("0", "expected nz-number at byte 0");
        check("1:4294967296", "expected nz-number at byte 2");
        check("1,", "expected nz-number at byte 2");
        check(",1", "expected nz-number at byte 0");
        check("1:2:3", "expected \",\" at byte 3");
        check("1, 2", "expected nz-number at byte 2");
        check("$", "expected nz-number at byte 0");
        check("1-2", "expected \",\" at byte 1");
    }

    #[test]
    fn long_sets() {
        // pitfall 109: 20 KB and more
        let numbers: Vec<String> =
            (1..5000).map(|n| (n * 80_001 % 4_000_000).to_string()).collect();
        let long = numbers.join(",");
        check(&long, &long);
        let set = SequenceSet::parse(long.as_bytes()).unwrap();
        assert_eq!(set.ranges().count(), 4999);
        assert!(!set.has_largest());
        assert_eq!(format!("{set}"), long);
    }

    #[test]
    fn ends_in_order() {
        #[track_caller]
        fn check(input: &str, largest: u32, want: (u32, u32)) {
            let set = SequenceSet::parse(input.as_bytes()).unwrap();
            assert_eq!(set.ranges().next().unwrap().ordered(largest), want);
        }
        check("5:1", 9, (1, 5));
        check("4:*", 2, (2, 4));
        check("*", 0, (0, 0));
        check("4294967295:*", 0, (0, u32::MAX));
    }

    #[test]
    fn known_uids_have_no_star() {
        assert!(known_set(&mut Cursor::new(b"1:5,7")).is_ok());
        assert!(known_set(&mut Cursor::new(b"1:*")).is_err());
    }
}
