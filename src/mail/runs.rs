//! A set of UIDs as ascending runs: what a mailbox holds, what a client was told, what a job names.

use crate::model::Uid;

/// `first..=last`, with how many UIDs stand in the runs before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u32,
    last: u32,
    before: u32,
}

/// UIDs in ascending order, each once. Memory goes with the number of gaps, not of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UidRuns {
    runs: Vec<Run>,
}

impl UidRuns {
    /// No UIDs.
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// Every UID from `first` to `last`; none if `first > last`.
    pub fn range(first: Uid, last: Uid) -> Self {
        let mut runs = Self::new();
        runs.push_range(first, last);
        runs
    }

    /// From ranges in any order, overlapping or not.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (Uid, Uid)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(first, last)| first <= last).collect();
        ranges.sort_unstable();
        let mut runs = Self::new();
        for (first, last) in ranges {
            let next = runs.last().map_or(1, |uid| uid.0.saturating_add(1));
            runs.push_range(Uid(first.0.max(next)), last);
        }
        runs
    }

    /// Adds a UID above all others; one that is not above them is ignored.
    pub fn push(&mut self, uid: Uid) {
        self.push_range(uid, uid);
    }

    /// Adds a range above all others; what is not above them is ignored.
    pub fn push_range(&mut self, first: Uid, last: Uid) {
        let first = first.0.max(1);
        if first > last.0 {
            return;
        }
        let len = self.len();
        match self.runs.last_mut() {
            Some(run) if first <= run.last => {}
            Some(run) if first - 1 == run.last => run.last = last.0,
            _ => self.runs.push(Run { first, last: last.0, before: len }),
        }
    }

    /// How many UIDs.
    pub fn len(&self) -> u32 {
        self.runs.last().map_or(0, |run| run.before + (run.last - run.first) + 1)
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The smallest.
    pub fn first(&self) -> Option<Uid> {
        self.runs.first().map(|run| Uid(run.first))
    }

    /// The largest.
    pub fn last(&self) -> Option<Uid> {
        self.runs.last().map(|run| Uid(run.last))
    }

    /// How many UIDs are below `uid`.
    pub fn count_below(&self, uid: Uid) -> u32 {
        let after = self.runs.partition_point(|run| run.first < uid.0);
        let Some(run) = after.checked_sub(1).and_then(|at| self.runs.get(at)) else { return 0 };
        run.before + (uid.0 - run.first).min(run.last - run.first + 1)
    }

    /// The position of `uid`, from 0.
    pub fn position(&self, uid: Uid) -> Option<u32> {
        self.contains(uid).then(|| self.count_below(uid))
    }

    /// True if `uid` is in the set.
    pub fn contains(&self, uid: Uid) -> bool {
        let after = self.runs.partition_point(|run| run.first <= uid.0);
        let run = after.checked_sub(1).and_then(|at| self.runs.get(at));
        run.is_some_and(|run| uid.0 <= run.last)
    }

    /// The UID at `position`, from 0.
    pub fn nth(&self, position: u32) -> Option<Uid> {
        let after = self.runs.partition_point(|run| run.before <= position);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let uid = run.first.checked_add(position - run.before)?;
        (uid <= run.last).then_some(Uid(uid))
    }

    /// The runs, as inclusive ranges.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = (Uid, Uid)> + ExactSizeIterator + '_ {
        self.runs.iter().map(|run| (Uid(run.first), Uid(run.last)))
    }

    /// Every UID, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Uid> + '_ {
        self.runs.iter().flat_map(|run| (run.first..=run.last).map(Uid))
    }

    /// The UIDs that both have.
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.ranges().peekable(), other.ranges().peekable());
        let mut both = Self::new();
        while let (Some(&(a, b)), Some(&(c, d))) = (ours.peek(), theirs.peek()) {
            both.push_range(a.max(c), b.min(d));
            if b <= d {
                ours.next()
            } else {
                theirs.next()
            };
        }
        both
    }

    /// The UIDs of `self` that `other` lacks.
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Self::new();
        let mut theirs = other.ranges().peekable();
        for (first, last) in self.ranges() {
            let mut from = u64::from(first.0);
            while let Some(&(c, d)) = theirs.peek() {
                if u64::from(d.0) < from {
                    theirs.next();
                    continue;
                }
                if c > last {
                    break;
                }
                if u64::from(c.0) > from {
                    left.push_range(uid(from), Uid(c.0 - 1));
                }
                from = u64::from(d.0) + 1;
                if from > u64::from(last.0) {
                    break;
                }
            }
            if from <= u64::from(last.0) {
                left.push_range(uid(from), last);
            }
        }
        left
    }

    /// The UIDs that either has.
    pub fn union(&self, other: &Self) -> Self {
        Self::from_ranges(self.ranges().chain(other.ranges()))
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }
}

fn uid(value: u64) -> Uid {
    Uid(u32::try_from(value).unwrap_or(u32::MAX))
}

impl FromIterator<Uid> for UidRuns {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut uids: Vec<Uid> = uids.into_iter().collect();
        uids.sort_unstable();
        let mut runs = Self::new();
        uids.into_iter().for_each(|uid| runs.push(uid));
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn runs(ranges: &[(u32, u32)]) -> UidRuns {
        UidRuns::from_ranges(ranges.iter().map(|(first, last)| (Uid(*first), Uid(*last))))
    }

    #[track_caller]
    fn check(runs: &UidRuns, want: &[(u32, u32)]) {
        let found: Vec<_> = runs.ranges().map(|(first, last)| (first.0, last.0)).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn ranges_in_any_order() {
        check(&runs(&[]), &[]);
        check(&runs(&[(5, 7), (1, 2), (3, 3), (6, 9)]), &[(1, 3), (5, 9)]);
        check(&runs(&[(9, 2)]), &[]);
        check(&runs(&[(0, 0)]), &[]);
        check(&runs(&[(0, 3)]), &[(1, 3)]);
        check(&runs(&[(4, u32::MAX), (u32::MAX, u32::MAX)]), &[(4, u32::MAX)]);
        check(&[7, 3, 4, 3].into_iter().map(Uid).collect(), &[(3, 4), (7, 7)]);
    }

    #[test]
    fn pushing() {
        let mut set = runs(&[(1, 5)]);
        set.push(Uid(6));
        set.push(Uid(3)); // not above the others: ignored
        set.push_range(Uid(8), Uid(9));
        set.push_range(Uid(20), Uid(10));
        check(&set, &[(1, 6), (8, 9)]);
        assert_eq!((set.len(), set.first(), set.last()), (8, Some(Uid(1)), Some(Uid(9))));
    }

    #[test] // pitfall 109
    fn the_whole_range() {
        let all = UidRuns::range(Uid(1), Uid(u32::MAX));
        assert_eq!(all.len(), u32::MAX);
        assert_eq!(all.nth(u32::MAX - 1), Some(Uid(u32::MAX)));
        assert_eq!(all.nth(u32::MAX), None);
        assert_eq!(all.position(Uid(u32::MAX)), Some(u32::MAX - 1));
        check(&all.difference(&runs(&[(1, 5), (u32::MAX, u32::MAX)])), &[(6, u32::MAX - 1)]);
        check(&runs(&[(5, 9)]).difference(&all), &[]);
        assert_eq!(all.ranges().len(), 1);
    }

    /// Every question against a plain set, on many small random sets.
    #[test]
    fn against_a_plain_set() {
        let mut seed = 7_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        let of = |set: &BTreeSet<u32>| set.iter().map(|uid| Uid(*uid)).collect::<UidRuns>();
        let list = |runs: &UidRuns| runs.iter().map(|uid| uid.0).collect::<BTreeSet<_>>();
        for _ in 0..500 {
            let mut set = || {
                let picked = random();
                (1..=24_u32).filter(|uid| picked >> uid & 1 == 1).collect::<BTreeSet<u32>>()
            };
            let (a, b) = (set(), set());
            let (x, y) = (of(&a), of(&b));
            assert_eq!(list(&x), a);
            // The same set is always the same runs.
            assert_eq!(x.union(&y), of(&(&a | &b)));
            assert_eq!(x.intersection(&y), of(&(&a & &b)));
            assert_eq!(x.difference(&y), of(&(&a - &b)));
            assert_eq!(x.len() as usize, a.len());
            for uid in 0..=25 {
                assert_eq!(x.contains(Uid(uid)), a.contains(&uid));
                assert_eq!(x.count_below(Uid(uid)) as usize, a.range(..uid).count());
                let position = a.iter().position(|is| *is == uid);
                assert_eq!(x.position(Uid(uid)).map(|at| at as usize), position);
                assert_eq!(x.nth(uid), a.iter().nth(uid as usize).map(|uid| Uid(*uid)));
            }
        }
    }
}
