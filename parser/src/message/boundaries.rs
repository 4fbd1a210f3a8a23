//! The boundaries of the multiparts that are open, and which of them a line begins with.
//!
//! They are kept in order, so that a line costs its own length and not their number: a message may
//! have a hundred of them open and go on with lines of `--`.

use alloc::vec::Vec;

use crate::steps::took;

/// In the order of their bytes, and of their places where two are equal.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    sorted: Vec<Boundary>,
}

#[derive(Debug)]
struct Boundary {
    text: Vec<u8>,
    /// Of its part among the open ones.
    place: usize,
    /// The index of the longest other that this one begins with.
    shorter: Option<usize>,
}

impl Boundaries {
    pub(super) const fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Adds that of the part at `place`, which lies deeper than all others.
    pub(super) fn open(&mut self, text: Vec<u8>, place: usize) {
        let at = self.sorted.partition_point(|other| other.text <= text);
        self.sorted.insert(at, Boundary { text, place, shorter: None });
        self.link();
    }

    /// Forgets that of the part at `place`, if it is there.
    pub(super) fn close(&mut self, place: usize) {
        if let Some(at) = self.sorted.iter().position(|boundary| boundary.place == place) {
            self.sorted.remove(at);
            self.link();
        }
    }

    /// Finds what each begins with: in this order that stands before it, and all between begins
    /// with it too.
    fn link(&mut self) {
        took(self.sorted.len());
        for at in 0..self.sorted.len() {
            let (before, rest) = self.sorted.split_at_mut_checked(at).unwrap_or_default();
            let Some(boundary) = rest.first_mut() else { break };
            let mut shorter = at.checked_sub(1);
            while let Some(other) = shorter.and_then(|at| before.get(at)) {
                if boundary.text.starts_with(&other.text) {
                    break;
                }
                took(1);
                shorter = other.shorter;
            }
            boundary.shorter = shorter;
        }
    }

    /// The longest that `line` begins with, of equals the deepest: its place and its length.
    pub(super) fn longest(&self, line: &[u8]) -> Option<(usize, usize)> {
        let mut line = line;
        loop {
            // What the line begins with stands before it in the order, and so does all that begins
            // with the same: the last of them knows the others.
            let end = self.sorted.partition_point(|boundary| boundary.text.as_slice() <= line);
            let mut boundary = self.sorted.get(end.checked_sub(1)?)?;
            let alike = boundary.text.iter().zip(line).take_while(|(one, other)| one == other);
            line = line.get(..alike.count())?;
            took(line.len().saturating_add(8));
            if line.is_empty() {
                return None;
            }
            for _ in 0..SHORTER_TRIED_MAX {
                if boundary.text.len() <= line.len() {
                    return Some((boundary.place, boundary.text.len()));
                }
                boundary = self.sorted.get(boundary.shorter?)?;
            }
        }
    }
}

/// Shorter ones tried before what the line is known to begin with is looked up in their stead: it
/// may be short, and they many.
const SHORTER_TRIED_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;
    use alloc::format;

    #[track_caller]
    fn check(open: &[&str], line: &str, want: Option<(usize, usize)>) {
        let mut boundaries = Boundaries::default();
        for (place, boundary) in open.iter().enumerate() {
            boundaries.open(boundary.as_bytes().to_vec(), place);
        }
        assert_eq!(boundaries.longest(line.as_bytes()), want, "{open:?} {line}");
    }

    #[test] // RFC 2046 §5.1.1
    fn the_longest_and_deepest() {
        check(&["b"], "b", Some((0, 1)));
        check(&["b"], "b--", Some((0, 1)));
        check(&["b"], "a", None);
        check(&["b"], "c", None);
        check(&["b"], "", None);
        check(&[], "b", None);
        check(&["b", "bb", "bbb"], "bbc", Some((1, 2)));
        check(&["b", "bc", "bd"], "bcd", Some((1, 2)));
        check(&["b", "bb!", "bba", "bb"], "bb~", Some((3, 2)));
        check(&["b", "b!1", "b!2"], "b!3", Some((0, 1)));
        check(&["a", "aa", "aaa", "aaaa", "aaaaa", "aaaaaa", "ab!"], "abz", Some((0, 1)));
        check(&["aa", "aaa", "aaaa", "aaaaa", "aaaaaa", "aaaaaaa"], "ab", None);
        check(&["b", "b", "a", "b"], "b", Some((3, 1)));
    }

    #[test]
    fn as_if_each_was_tried() {
        // All strings of up to three of two letters, some of them closed again.
        let all: Vec<Vec<u8>> = (1..=3_u32)
            .flat_map(|len| (0..1 << len).map(move |bits| (len, bits)))
            .map(|(len, bits)| (0..len).map(|at| b'a' + ((bits >> at) & 1) as u8).collect())
            .collect();
        for mask in (0..1_u32 << all.len()).step_by(7) {
            let mut boundaries = Boundaries::default();
            for (place, boundary) in all.iter().enumerate() {
                boundaries.open(boundary.clone(), place);
            }
            (0..all.len()).filter(|at| mask >> at & 1 == 0).for_each(|at| boundaries.close(at));
            for line in &all {
                let fits = |at: &usize| mask >> at & 1 == 1 && line.starts_with(&all[*at]);
                let want = (0..all.len()).filter(fits).max_by_key(|at| all[*at].len());
                assert_eq!(boundaries.longest(line).map(|(place, _)| place), want);
            }
        }
    }

    #[test]
    fn a_line_costs_its_length() {
        let mut boundaries = Boundaries::default();
        for place in 0..100 {
            boundaries.open(format!("{}!", "a".repeat(place)).into_bytes(), place);
        }
        for line in ["b", "a", "aaaa", &"a".repeat(90)] {
            let (found, steps) = steps::count(|| boundaries.longest(line.as_bytes()));
            assert_eq!(found, None);
            assert!(steps <= line.len() + 10, "{steps} steps for {line}");
        }
        let mut boundaries = Boundaries::default();
        for place in 0..100 {
            boundaries.open("a".repeat(place + 1).into_bytes(), place);
        }
        for (line, want) in [("b", None), ("ab", Some((0, 1))), ("aab", Some((1, 2)))] {
            let (found, steps) = steps::count(|| boundaries.longest(line.as_bytes()));
            assert_eq!(found, want);
            assert!(steps <= 2 * (line.len() + 10), "{steps} steps for {line}");
        }
    }
}
