//! The commands of RFC 9051 §6 and RFC 3501 §6 as types that borrow from the input buffer.
//!
//! Lists are kept as the bytes they were written in: the parser walks each once to prove it
//! right, and [`List::iter`] walks it again to hand out items. So no command needs an allocation.

mod acl;
mod append;
mod fetch;
mod filter;
mod mailbox;
mod metadata;
mod notify;
mod quota;
mod search;
mod sets;

pub use acl::*;
pub use append::*;
pub use fetch::*;
pub use filter::*;
pub use mailbox::*;
pub use metadata::*;
pub use notify::*;
pub use quota::*;
pub use search::*;
pub use sets::*;

use super::append::AppendItems;
use super::lists::List;
use alloc::borrow::Cow;
use core::fmt;

/// An `astring`, `string` or `nstring` (RFC 9051 §9): an atom, a quoted string or a literal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Str<'a> {
    /// Its bytes stand in the input as they are.
    Plain(&'a [u8]),
    /// The inside of a quoted string that has at least one backslash escape.
    Escaped(&'a [u8]),
}

impl<'a> Str<'a> {
    /// The value, unescaped; borrowed unless it had an escape.
    #[inline]
    pub fn bytes(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Plain(bytes) => Cow::Borrowed(bytes),
            Self::Escaped(bytes) => Cow::Owned(unescaped(bytes)),
        }
    }
}

/// The inside of a quoted string without the backslashes that stand before another character.
fn unescaped(bytes: &[u8]) -> alloc::vec::Vec<u8> {
    let mut value = alloc::vec::Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        value.extend(if byte == b'\\' { rest.next().copied() } else { Some(byte) });
    }
    value
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(bytes) | Self::Escaped(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
        }
    }
}

/// What proves who somebody is: read like any other value, and never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `tag SP command` — RFC 9051 §9 `command`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagged<'a> {
    /// The client's tag: 1*<any ASTRING-CHAR except "+">.
    pub tag: &'a str,
    /// What it asks.
    pub command: Command<'a>,
}

/// Whether a command was given with the UID prefix (RFC 9051 §6.4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Message sequence numbers.
    Seq,
    /// Unique identifiers.
    Uid,
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<'a> {
    /// RFC 9051 §6.1.1
    Capability,
    /// RFC 9051 §6.1.2
    Noop,
    /// RFC 9051 §6.1.3
    Logout,
    /// RFC 2971; `None` for `NIL` or nothing (pitfall 52).
    Id(Option<List<'a, (Str<'a>, Option<Str<'a>>)>>),
    /// RFC 9051 §6.2.1
    StartTls,
    /// RFC 9051 §6.2.2; the initial response is still base64, `=` meaning empty (RFC 4959 §3).
    Authenticate {
        /// Mechanism name in the client's case.
        mechanism: &'a str,
        /// Base64 text, not yet decoded.
        initial_response: Option<Hidden<&'a [u8]>>,
    },
    /// RFC 9051 §6.2.3
    Login {
        /// User name.
        user: Str<'a>,
        /// Password.
        password: Hidden<Str<'a>>,
    },
    /// RFC 9051 §6.3.1
    Enable(List<'a, &'a str>),
    /// RFC 9051 §6.3.2
    Select {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// RFC 4466 parameters.
        params: List<'a, SelectParam<'a>>,
    },
    /// RFC 9051 §6.3.3
    Examine {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// RFC 4466 parameters.
        params: List<'a, SelectParam<'a>>,
    },
    /// RFC 9051 §6.3.4, RFC 6154 §3
    Create {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// `USE (\Trash …)`, each with its backslash.
        special_use: List<'a, &'a str>,
    },
    /// RFC 9051 §6.3.5
    Delete(Str<'a>),
    /// RFC 9051 §6.3.6
    Rename {
        /// Present name.
        from: Str<'a>,
        /// Wanted name.
        to: Str<'a>,
    },
    /// RFC 9051 §6.3.7
    Subscribe(Str<'a>),
    /// RFC 9051 §6.3.8
    Unsubscribe(Str<'a>),
    /// RFC 9051 §6.3.9, RFC 5258
    List(ListCommand<'a>),
    /// RFC 3501 §6.3.9
    Lsub {
        /// Reference name.
        reference: Str<'a>,
        /// Pattern with wildcards.
        pattern: Str<'a>,
    },
    /// RFC 9051 §6.3.10
    Namespace,
    /// RFC 9051 §6.3.11
    Status {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// What to tell.
        items: List<'a, StatusItem>,
    },
    /// RFC 9051 §6.3.12, RFC 3502, with its literals in the frame. See
    /// [`AppendPieces`](super::AppendPieces) for those that are too large for it.
    Append {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// One message at least, and its parts.
        items: AppendItems<'a>,
    },
    /// RFC 8508 §3
    Replace {
        /// REPLACE or UID REPLACE.
        numbers: Numbers,
        /// Which message goes.
        message: SeqNumber,
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// The one message that comes, and its parts.
        items: AppendItems<'a>,
    },
    /// RFC 9051 §6.3.13
    Idle,
    /// RFC 3501 §6.4.1
    Check,
    /// RFC 9051 §6.4.1
    Close,
    /// RFC 9051 §6.4.2
    Unselect,
    /// RFC 9051 §6.4.3; the set is there for UID EXPUNGE (RFC 4315 §2.1).
    Expunge(Option<Set<'a>>),
    /// RFC 9051 §6.4.4
    Search {
        /// SEARCH or UID SEARCH.
        numbers: Numbers,
        /// `RETURN (…)`; `None` if absent, which asks for a SEARCH response in rev1.
        returns: Option<List<'a, SearchReturn<'a>>>,
        /// `CHARSET x`.
        charset: Option<Str<'a>>,
        /// All must hold.
        keys: List<'a, SearchKey<'a>>,
    },
    /// RFC 7377 §2.1; the answer has UIDs.
    ESearch {
        /// `IN (…)`; `None` is the selected mailbox.
        source: Option<SearchSource<'a>>,
        /// `RETURN (…)`
        returns: Option<List<'a, SearchReturn<'a>>>,
        /// `CHARSET x`.
        charset: Option<Str<'a>>,
        /// All must hold.
        keys: List<'a, SearchKey<'a>>,
    },
    /// RFC 5256 §3, RFC 5267 §3
    Sort {
        /// SORT or UID SORT.
        numbers: Numbers,
        /// `RETURN (…)`; `None` if absent, which asks for a SORT response.
        returns: Option<List<'a, SearchReturn<'a>>>,
        /// By what, the most important first.
        criteria: List<'a, SortCriterion>,
        /// Of the keys' strings.
        charset: Str<'a>,
        /// All must hold.
        keys: List<'a, SearchKey<'a>>,
    },
    /// RFC 5256 §3
    Thread {
        /// THREAD or UID THREAD.
        numbers: Numbers,
        /// ORDEREDSUBJECT, REFERENCES or another, in the client's case.
        algorithm: &'a str,
        /// Of the keys' strings.
        charset: Str<'a>,
        /// All must hold.
        keys: List<'a, SearchKey<'a>>,
    },
    /// RFC 5267 §4.3.5: the tags of searches whose changes are to be told no more.
    CancelUpdate(List<'a, Str<'a>>),
    /// RFC 9051 §6.4.5
    Fetch {
        /// FETCH or UID FETCH.
        numbers: Numbers,
        /// Which messages.
        set: Set<'a>,
        /// What of them; the macros ALL FAST FULL are already their items.
        items: List<'a, FetchItem<'a>>,
        /// RFC 4466 modifiers.
        modifiers: List<'a, FetchModifier>,
    },
    /// RFC 9051 §6.4.6
    Store {
        /// STORE or UID STORE.
        numbers: Numbers,
        /// Which messages.
        set: Set<'a>,
        /// RFC 7162 §3.1.3
        unchanged_since: Option<u64>,
        /// `FLAGS`, `+FLAGS` or `-FLAGS`.
        operation: StoreOperation,
        /// `.SILENT`
        silent: bool,
        /// The flags, with or without parentheses around them.
        flags: List<'a, Flag<'a>>,
    },
    /// RFC 9051 §6.4.7
    Copy {
        /// COPY or UID COPY.
        numbers: Numbers,
        /// Which messages.
        set: Set<'a>,
        /// To where.
        mailbox: Str<'a>,
    },
    /// RFC 9051 §6.4.8
    Move {
        /// MOVE or UID MOVE.
        numbers: Numbers,
        /// Which messages.
        set: Set<'a>,
        /// To where.
        mailbox: Str<'a>,
    },
    /// draft-bosch-imap-filter-sieve-00 §3.2
    Filter {
        /// FILTER or UID FILTER: how the answers name messages.
        numbers: Numbers,
        /// What is done to them.
        filter: SieveFilter<'a>,
        /// `CHARSET x`.
        charset: Option<Str<'a>>,
        /// All must hold.
        keys: List<'a, SearchKey<'a>>,
    },
    /// RFC 4314 §3.1
    SetAcl {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// Whose rights.
        identifier: Str<'a>,
        /// What is done with them.
        change: RightsChange,
        /// Which; may be none.
        rights: Rights<'a>,
    },
    /// RFC 4314 §3.2
    DeleteAcl {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// Whose rights.
        identifier: Str<'a>,
    },
    /// RFC 4314 §3.3
    GetAcl(Str<'a>),
    /// RFC 4314 §3.4
    ListRights {
        /// Mailbox name as sent.
        mailbox: Str<'a>,
        /// Whose rights.
        identifier: Str<'a>,
    },
    /// RFC 4314 §3.5
    MyRights(Str<'a>),
    /// RFC 9208 §4.1.1: of a quota root.
    GetQuota(Str<'a>),
    /// RFC 9208 §4.1.2: of a mailbox.
    GetQuotaRoot(Str<'a>),
    /// RFC 9208 §4.1.3
    SetQuota {
        /// Quota root.
        root: Str<'a>,
        /// Resources not named have no limit.
        limits: List<'a, QuotaLimit<'a>>,
    },
    /// RFC 5464 §4.2
    GetMetadata {
        /// Mailbox name as sent; `""` is the server.
        mailbox: Str<'a>,
        /// In parentheses.
        options: MetadataOptions,
        /// Names of entries, each one a name by §3.2.
        entries: List<'a, Str<'a>>,
    },
    /// RFC 5464 §4.3
    SetMetadata {
        /// Mailbox name as sent; `""` is the server.
        mailbox: Str<'a>,
        /// What is set, and what removed: all or nothing.
        entries: List<'a, MetadataEntry<'a>>,
    },
    /// RFC 5465 §3
    Notify(Notify<'a>),
    /// RFC 4978 §3: the algorithm's name in the client's case.
    Compress(&'a str),
    /// RFC 8437 §3
    Unauthenticate,
    /// RFC 5255 §3.2: language ranges; none asks which languages there are.
    Language(List<'a, Str<'a>>),
    /// RFC 5255 §4.7: collations in the order of preference; none asks for the active one.
    Comparator(List<'a, Str<'a>>),
    /// RFC 10022 §3.1
    UidBatches {
        /// Messages in a batch.
        size: u32,
        /// Which batches, counted from 1 at the highest UID; `None` for all. In the client's order.
        batches: Option<(u32, u32)>,
    },
}

/// `date-time` (RFC 9051 §9), as seconds since 1970 in UTC, the zone folded in.
///
/// Absurd dates (day 31 of a short month, hour 24) are refused by the parser; every value is in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix_seconds: i64,
    /// Minutes east of UTC, as the client wrote it.
    pub zone_minutes: i16,
}

/// `date` (RFC 9051 §9), a calendar day without a zone: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Days since 1970-01-01, negative before.
    pub unix_days: i32,
}

/// A flag as a client writes it (RFC 9051 §2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag<'a> {
    /// `\Seen`
    Seen,
    /// `\Answered`
    Answered,
    /// `\Flagged`
    Flagged,
    /// `\Deleted`
    Deleted,
    /// `\Draft`
    Draft,
    /// `\Recent` or another `\Word`: understood, never stored. Without the backslash.
    System(&'a str),
    /// A keyword, in the client's case.
    Keyword(&'a str),
}

/// What STORE does with its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOperation {
    /// FLAGS
    Replace,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}
