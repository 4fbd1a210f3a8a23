//! Names that are told from each other by a letter or two, and then compared at once.
//!
//! The rule: whoever reads a name looks at as few letters as tell it from the others it might be, and
//! has [`Name::take`] compare the whole of it, or step over it if it was proved before. A keyword read
//! letter by letter and looked up among all others takes three times the instructions; so for items that
//! stand in lists, which are walked twice.

use super::classes::{WORD, is};
use crate::cursor::Cursor;
use crate::steps;

/// Whether what stands ahead was proved right before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It was not: every byte is looked at.
    First,
    /// It was: some are stepped over.
    Again,
}

/// A name of at most 16 letters, digits, dots and hyphens.
pub(super) struct Name {
    /// In upper case, with zeros behind.
    upper: [u64; 2],
    /// The bits in which a byte ahead must be the same: for a letter all but that of its case.
    kept: [u64; 2],
    text: &'static str,
}

impl Name {
    /// `text` in upper case.
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "run by the compiler"
    )]
    pub(super) const fn new(text: &'static str) -> Self {
        let (mut upper, mut kept) = ([[0; 8]; 2], [[0; 8]; 2]);
        let mut at = 0;
        while at < text.len() {
            let byte = text.as_bytes()[at];
            upper[at / 8][at % 8] = byte;
            kept[at / 8][at % 8] = if byte.is_ascii_uppercase() { 0xdf } else { 0xff };
            at += 1;
        }
        Self {
            upper: [u64::from_le_bytes(upper[0]), u64::from_le_bytes(upper[1])],
            kept: [u64::from_le_bytes(kept[0]), u64::from_le_bytes(kept[1])],
            text,
        }
    }

    /// Takes it in any case (RFC 5234 §2.3), with more of a keyword behind it or not; false if it is not
    /// there. One seen again is there.
    #[inline]
    pub(super) fn take(&self, cursor: &mut Cursor<'_>, seen: Seen) -> bool {
        if seen == Seen::First {
            let (low, high) = match cursor.rest().as_chunks::<8>().0 {
                [low, high, ..] => (low, *high),
                [low] if self.text.len() <= 8 => (low, [0; 8]),
                _ => return cursor.eat_word(self.text),
            };
            steps::took(self.text.len());
            let [kept_low, kept_high] = self.kept;
            let low = u64::from_le_bytes(*low) & kept_low;
            if [low, u64::from_le_bytes(high) & kept_high] != self.upper {
                return false;
            }
        }
        cursor.take_at_most(self.text.len());
        true
    }

    /// The same for a whole keyword: no more of one comes behind it.
    #[inline]
    pub(super) fn take_whole(&self, cursor: &mut Cursor<'_>, seen: Seen) -> bool {
        self.take(cursor, seen) && (seen == Seen::Again || ends(cursor))
    }
}

/// A [`Name`], made by the compiler.
macro_rules! name {
    ($text:literal) => {
        const { &$crate::imap::names::Name::new($text) }
    };
}
pub(super) use name;

/// True behind a keyword.
#[inline]
pub(super) fn ends(cursor: &Cursor<'_>) -> bool {
    !cursor.peek().is_some_and(is::<WORD>)
}

/// The byte at a place ahead, letters small; 0 at the end.
#[inline]
pub(super) fn letter(cursor: &Cursor<'_>, place: usize) -> u8 {
    steps::took(1);
    cursor.rest().get(place).map_or(0, u8::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn names() {
        #[track_caller]
        fn check(name: &'static str, input: &str, want: (bool, bool)) {
            // At the end, and with more behind than any name has.
            for behind in ["", " and more than there is of any name"] {
                let input = format!("{input}{behind}");
                let told = |take: fn(&Name, &mut Cursor<'_>, Seen) -> bool| {
                    let mut cursor = Cursor::new(input.as_bytes());
                    let taken = take(&Name::new(name), &mut cursor, Seen::First);
                    assert!(!taken || cursor.offset() == name.len(), "{name} from {input:?}");
                    taken
                };
                assert_eq!(
                    (told(Name::take), told(Name::take_whole)),
                    want,
                    "{name} from {input:?}"
                );
            }
        }
        check("UID", "UID", (true, true));
        check("UID", "uId)", (true, true));
        check("UID", "UIDS", (true, false));
        check("UID", "UID.X", (true, false));
        check("UID", "UI", (false, false));
        check("UID", "XID", (false, false));
        check("BODY.PEEK", "body.peek[", (true, true));
        check("BODY.PEEK", "body.pee", (false, false));
        check("BODY.PEEK", "body\u{e}peek[", (false, false)); // `.` without a bit
        check("RFC822.SIZE", "RFC822.SIZE", (true, true));
        check("RFC822.SIZE", "rfc\u{18}22.size", (false, false));
        check("SIXTEEN-BYTES-ON", "Sixteen-Bytes-On", (true, true));
        check("SIXTEEN-BYTES-ON", "Sixteen-Bytes-Onx", (true, false));
        check("[", "{", (false, false)); // only letters have a case
    }

    #[test]
    fn names_seen_again() {
        let mut cursor = Cursor::new(b"whatever");
        assert!(Name::new("FLAGS").take_whole(&mut cursor, Seen::Again));
        assert_eq!(cursor.offset(), 5);
    }
}
