//! `%` and `*` in mailbox names (RFC 9051 §6.3.9).

use crate::limits::MAILBOX_NAME_BYTES_MAX;

/// A pattern, ready to be matched.
#[derive(Debug)]
pub(super) struct Pattern {
    parts: Box<[Part]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// This character.
    Is(char),
    /// `%`: anything within one level.
    Level,
    /// `*`: anything.
    Any,
}

impl Pattern {
    /// `None` for one that matches no name: it is longer than names are.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut parts: Vec<Part> = Vec::with_capacity(text.len().min(64));
        for character in text.chars() {
            let part = match character {
                '*' => Part::Any,
                '%' => Part::Level,
                character => Part::Is(character),
            };
            match (parts.last_mut(), part) {
                // A run of wildcards matches what the widest of them does.
                (Some(last @ (Part::Any | Part::Level)), Part::Any) => *last = Part::Any,
                (Some(Part::Any | Part::Level), Part::Level) => {}
                _ => parts.push(part),
            }
        }
        let characters = parts.iter().filter(|part| matches!(part, Part::Is(_))).count();
        let parts = parts.into();
        (characters <= MAILBOX_NAME_BYTES_MAX).then_some(Self { parts })
    }

    /// Matches the whole of `name`. INBOX is matched in any case (RFC 9051 §5.1; pitfall 65).
    pub(super) fn matches(&self, name: &str) -> bool {
        if matches!(*self.parts, [Part::Any]) {
            return true;
        }
        let folded = if name == "INBOX" || name.starts_with("INBOX/") { 5 } else { 0 };
        // The places in the pattern where a reader may stand, moved on by each character: no
        // pattern takes longer than its length times the name's.
        let mut places = vec![false; self.parts.len() + 1];
        let mut next = places.clone();
        self.enter(&mut places, 0);
        for (at, character) in name.char_indices() {
            next.fill(false);
            for (place, part) in self.parts.iter().enumerate() {
                if !places.get(place).copied().unwrap_or_default() {
                    continue;
                }
                match part {
                    Part::Any => self.enter(&mut next, place),
                    Part::Level if character != '/' => self.enter(&mut next, place),
                    Part::Is(wanted) if same(*wanted, character, at < folded) => {
                        self.enter(&mut next, place + 1);
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut places, &mut next);
        }
        places.last().copied().unwrap_or_default()
    }

    /// A wildcard may stand for nothing: being before it is being behind it.
    fn enter(&self, places: &mut [bool], mut place: usize) {
        loop {
            if let Some(here) = places.get_mut(place) {
                *here = true;
            }
            match self.parts.get(place) {
                Some(Part::Any | Part::Level) => place += 1,
                _ => return,
            }
        }
    }
}

fn same(wanted: char, is: char, folded: bool) -> bool {
    wanted == is || (folded && wanted.eq_ignore_ascii_case(&is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        #[track_caller]
        fn check(pattern: &str, yes: &[&str], no: &[&str]) {
            let pattern = Pattern::new(pattern).expect("short enough");
            for name in yes {
                assert!(pattern.matches(name), "{name}");
            }
            for name in no {
                assert!(!pattern.matches(name), "{name}");
            }
        }
        check("*", &["INBOX", "a", "a/b/c"], &[]);
        check("%", &["INBOX", "a"], &["a/b"]);
        check("a/%", &["a/b", "a/bc"], &["a", "a/b/c", "b/a"]);
        check("%/%", &["a/b"], &["a", "a/b/c"]);
        check("a*c", &["ac", "abc", "a/b/c"], &["a", "acd"]);
        check("a%c", &["ac", "abc"], &["a/c"]);
        check("*%b", &["b", "a/b", "a/bb"], &["a/c"]);
        check("inbox", &["INBOX"], &["inbox2"]); // pitfall 65
        check("InBoX/x", &["INBOX/x"], &["INBOX/X"]);
        check("work", &["work"], &["Work"]);
        check("Entw%", &["Entwürfe"], &[]);
        check("", &[], &["a"]);
    }

    /// No pattern is slow: `*a*a*a…` against many an `a`.
    #[test]
    fn no_pattern_explodes() {
        let pattern = Pattern::new(&"*a".repeat(400)).expect("short enough");
        assert!(!pattern.matches(&format!("{}b", "a".repeat(900))));
        assert!(Pattern::new(&"a".repeat(2_000)).is_none());
    }
}
