//! Sequence sets (RFC 9051 §9) and their parts.

use core::fmt;

/// `sequence-set` (RFC 9051 §9), proved right; `$` is [`Set::Saved`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SequenceSet<'a> {
    pub(in crate::imap) raw: &'a [u8],
}

impl fmt::Debug for SequenceSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.raw.escape_ascii())
    }
}

/// A sequence set or the saved search result (RFC 5182).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set<'a> {
    /// Ranges in the client's order.
    Ranges(SequenceSet<'a>),
    /// `$`
    Saved,
}

/// One end of a range: a number or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqNumber {
    /// 1 to 4294967295.
    Number(u32),
    /// `*`: the largest in use.
    Largest,
}

/// `seq-range`: both ends in the client's order, which may be descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqRange {
    /// As written first.
    pub first: SeqNumber,
    /// As written last; equal to `first` for a lone number.
    pub last: SeqNumber,
}
