//! What SEARCH looks for and tells (RFC 9051 §6.4.4).

use super::{Date, Flag, Set, Str};
use crate::imap::lists::{List, Sub};

/// RFC 9051 §6.4.4, RFC 5182
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchReturn {
    /// MIN
    Min,
    /// MAX
    Max,
    /// ALL
    All,
    /// COUNT
    Count,
    /// SAVE
    Save,
}

/// `search-key` (RFC 9051 §9, RFC 3501 §9, RFC 7162 §3.1.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SearchKey<'a> {
    /// ALL
    All,
    /// ANSWERED DELETED DRAFT FLAGGED SEEN
    Has(Flag<'a>),
    /// UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN
    Lacks(Flag<'a>),
    /// KEYWORD
    Keyword(&'a str),
    /// UNKEYWORD
    Unkeyword(&'a str),
    /// RECENT (RFC 3501)
    Recent,
    /// NEW (RFC 3501): RECENT UNSEEN
    New,
    /// OLD (RFC 3501): NOT RECENT
    Old,
    /// BCC CC FROM SUBJECT TO, or HEADER with its field name
    Header {
        /// Field name.
        field: Str<'a>,
        /// Substring; empty means that the field is there.
        value: Str<'a>,
    },
    /// BODY
    Body(Str<'a>),
    /// TEXT
    Text(Str<'a>),
    /// BEFORE, by internal date, exclusive
    Before(Date),
    /// ON
    On(Date),
    /// SINCE, inclusive
    Since(Date),
    /// SENTBEFORE, by the Date header
    SentBefore(Date),
    /// SENTON
    SentOn(Date),
    /// SENTSINCE
    SentSince(Date),
    /// LARGER n
    Larger(u64),
    /// SMALLER n
    Smaller(u64),
    /// A sequence set of message numbers, or `$`
    Seq(Set<'a>),
    /// UID
    Uid(Set<'a>),
    /// MODSEQ; the entry name and type are accepted and ignored as RFC 7162 §3.1.5 allows
    ModSeq(u64),
    /// NOT
    Not(Sub<'a, SearchKey<'a>>),
    /// OR
    Or(Sub<'a, SearchKey<'a>>, Sub<'a, SearchKey<'a>>),
    /// A list in parentheses: all must hold
    And(List<'a, SearchKey<'a>>),
}
