//! A search as a session asks for it: owned, with every sequence set already turned into UIDs.

use super::UidRuns;
use crate::model::{Flags, Keyword};

/// One condition (RFC 9051 §6.4.4). Text is UTF-8; the matcher folds case (i;unicode-casemap).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Every message.
    All,
    /// No message (RECENT and NEW: nothing is ever recent here).
    Nothing,
    /// All of these system flags.
    Flags(Flags),
    /// This keyword.
    Keyword(Keyword),
    /// One of these UIDs.
    Uids(UidRuns),
    /// A header field whose decoded value contains `value`; "" if the field is there at all.
    Header {
        /// Field name, any case.
        field: String,
        /// Substring.
        value: String,
    },
    /// In any text part, decoded.
    Body(String),
    /// In the header or any text part.
    Text(String),
    /// Internal date before this day (days since 1970; exclusive).
    InternalBefore(i32),
    /// Internal date on or after this day.
    InternalSince(i32),
    /// Date field before this day, its own zone disregarded.
    SentBefore(i32),
    /// Date field on or after this day.
    SentSince(i32),
    /// More than so many bytes.
    Larger(u64),
    /// Fewer.
    Smaller(u64),
    /// Mod-sequence at least this (RFC 7162 §3.1.5).
    ModSeq(i64),
    /// The opposite.
    Not(Box<Self>),
    /// All of these.
    And(Vec<Self>),
    /// Any of these.
    Or(Vec<Self>),
}
