//! System flags as bits, and a mailbox's keywords as up to 63 more (RFC 9051 §2.3.2).

use std::fmt;
use std::sync::Arc;

/// The five system flags a message can keep. `\Recent` is never stored (pitfall 95).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// `\Seen`
    pub const SEEN: Self = Self(1);
    /// `\Answered`
    pub const ANSWERED: Self = Self(2);
    /// `\Flagged`
    pub const FLAGGED: Self = Self(4);
    /// `\Deleted`
    pub const DELETED: Self = Self(8);
    /// `\Draft`
    pub const DRAFT: Self = Self(16);
    /// All five.
    pub const ALL: Self = Self(31);

    /// Each flag with its name, in the order they are told.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
    ];

    /// True if every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without those of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(flag, _)| self.contains(*flag));
        f.debug_set().entries(names.map(|(_, name)| name)).finish()
    }
}

/// A keyword as its first writer spelt it; equal to every other case of itself (pitfall 95).
#[derive(Clone, Debug)]
pub struct Keyword(String);

impl Keyword {
    /// A keyword, if `text` is a `flag-keyword` atom of at most [`crate::limits::KEYWORD_BYTES_MAX`] bytes.
    pub fn new(text: &str) -> Option<Self> {
        let atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
        let fits = !text.is_empty() && text.len() <= crate::limits::KEYWORD_BYTES_MAX;
        (fits && text.bytes().all(atom)).then(|| Self(text.to_owned()))
    }

    /// As spelt.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

/// Which of its mailbox's keywords a message has: bit `n` is `Keywords::name(n)`; bit 63 is never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeywordMask(pub u64);

/// The keywords of one mailbox, by bit. Cheap to clone: sessions and snapshots share it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords {
    /// `None` where a bit is free.
    names: Arc<Vec<Option<Keyword>>>,
}

impl Keywords {
    /// From names by bit; at most 63.
    pub fn new(names: Vec<Option<Keyword>>) -> Self {
        Self { names: Arc::new(names) }
    }

    /// The name behind a bit.
    pub fn name(&self, bit: usize) -> Option<&Keyword> {
        self.names.get(bit)?.as_ref()
    }

    /// The mask of one keyword, if the mailbox knows it.
    pub fn mask_of(&self, keyword: &Keyword) -> Option<KeywordMask> {
        let bit = self.names.iter().position(|name| name.as_ref() == Some(keyword))?;
        Some(KeywordMask(1 << bit))
    }

    /// The names of the bits in `mask`, lowest first.
    pub fn names_in(&self, mask: KeywordMask) -> impl Iterator<Item = &Keyword> {
        let named = self.names.iter().enumerate();
        named.filter(move |(bit, _)| mask.0 >> bit & 1 == 1).filter_map(|(_, name)| name.as_ref())
    }

    /// Every known keyword, lowest bit first.
    pub fn iter(&self) -> impl Iterator<Item = &Keyword> {
        self.names.iter().filter_map(Option::as_ref)
    }
}
