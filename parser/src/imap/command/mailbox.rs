//! What commands about mailboxes ask: SELECT, LIST, STATUS and their kin (RFC 9051 §6.3).

use super::{SequenceSet, Str};
use crate::imap::lists::List;

/// A parameter of SELECT or EXAMINE (RFC 4466 §2.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SelectParam<'a> {
    /// RFC 7162 §3.1.8
    CondStore,
    /// RFC 7162 §3.2.5; grammar only: QRESYNC is not offered yet.
    QResync {
        /// Last known UIDVALIDITY.
        uid_validity: u32,
        /// Last known mod-sequence.
        mod_seq: u64,
        /// Known UIDs.
        known_uids: Option<SequenceSet<'a>>,
        /// Known sequence numbers and their UIDs.
        seq_match: Option<(SequenceSet<'a>, SequenceSet<'a>)>,
    },
}

/// LIST, plain or extended (RFC 5258 §3).
#[derive(Clone, Debug, PartialEq)]
pub struct ListCommand<'a> {
    /// Selection options.
    pub select: List<'a, ListSelect>,
    /// Reference name.
    pub reference: Str<'a>,
    /// One pattern, or several in parentheses.
    pub patterns: List<'a, Str<'a>>,
    /// Return options; `None` if the command had no RETURN.
    pub returns: Option<List<'a, ListReturn<'a>>>,
    /// True if any extended syntax was used, an empty `()` included.
    pub extended: bool,
}

/// RFC 5258 §3.1, RFC 6154 §5.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListSelect {
    /// SUBSCRIBED
    Subscribed,
    /// REMOTE
    Remote,
    /// RECURSIVEMATCH
    RecursiveMatch,
    /// SPECIAL-USE
    SpecialUse,
}

/// RFC 5258 §3.2, RFC 5819, RFC 6154
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ListReturn<'a> {
    /// SUBSCRIBED
    Subscribed,
    /// CHILDREN
    Children,
    /// SPECIAL-USE
    SpecialUse,
    /// STATUS (…)
    Status(List<'a, StatusItem>),
    /// MYRIGHTS (RFC 8440)
    MyRights,
    /// METADATA (…): the names of entries (RFC 9590)
    Metadata(List<'a, Str<'a>>),
}

/// RFC 9051 §6.3.11, RFC 8438, RFC 7162, RFC 7889 §4
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES
    Messages,
    /// UIDNEXT
    UidNext,
    /// UIDVALIDITY
    UidValidity,
    /// UNSEEN
    Unseen,
    /// DELETED
    Deleted,
    /// SIZE
    Size,
    /// RECENT (RFC 3501)
    Recent,
    /// HIGHESTMODSEQ
    HighestModSeq,
    /// APPENDLIMIT
    AppendLimit,
    /// MAILBOXID (RFC 8474)
    MailboxId,
    /// DELETED-STORAGE (RFC 9208 §4.1.4)
    DeletedStorage,
}
