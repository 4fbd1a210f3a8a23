//! What SEARCH looks for and tells (RFC 9051 §6.4.4).

use super::{Date, FetchItem, Flag, MailboxFilter, Set, Str};
use crate::imap::lists::{Items, List};
use core::fmt;

/// What of a result is told (RFC 9051 §6.4.4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SearchReturn<'a> {
    /// MIN
    Min,
    /// MAX
    Max,
    /// ALL
    All,
    /// COUNT
    Count,
    /// SAVE (RFC 5182)
    Save,
    /// PARTIAL (RFC 9394 §3.1, RFC 5267 §4.4)
    Partial(PartialRange),
    /// CONTEXT: a hint that more will be asked (RFC 5267 §4.2)
    Context,
    /// UPDATE: changes of the result are told (RFC 5267 §4.3), with what of new messages
    /// (RFC 5465 §7).
    Update(Option<List<'a, FetchItem<'a>>>),
    /// RELEVANCY (RFC 6203 §4)
    Relevancy,
}

/// `partial-range` (RFC 9394 §4): places in a result, counted from 1, in the client's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialRange {
    /// As written first, without its sign.
    pub first: u32,
    /// As written last, without its sign.
    pub last: u32,
    /// Written with `-`: counted from the newest message.
    pub from_end: bool,
}

impl fmt::Display for PartialRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.from_end { "-" } else { "" };
        write!(f, "{sign}{}:{sign}{}", self.first, self.last)
    }
}

/// `sort-criterion` (RFC 5256 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortCriterion {
    /// REVERSE
    pub reverse: bool,
    /// By what.
    pub key: SortKey,
}

/// `sort-key` (RFC 5256 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// ARRIVAL: internal date and time
    Arrival,
    /// CC: mailbox of the first address
    Cc,
    /// DATE: sent date and time
    Date,
    /// FROM: mailbox of the first address
    From,
    /// SIZE
    Size,
    /// SUBJECT: base subject
    Subject,
    /// TO: mailbox of the first address
    To,
    /// DISPLAYFROM (RFC 5957)
    DisplayFrom,
    /// DISPLAYTO (RFC 5957)
    DisplayTo,
    /// RELEVANCY (RFC 6203 §5)
    Relevancy,
}

/// `esearch-source-opts` (RFC 7377 §4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchSource<'a> {
    /// Where to look.
    pub mailboxes: List<'a, MailboxFilter<'a>>,
    /// None is defined so far: whoever gets one answers BAD (§2.2).
    pub scope: List<'a, ScopeOption<'a>>,
}

/// `scope-option` (RFC 7377 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeOption<'a> {
    /// Its label.
    pub name: &'a str,
    /// As written, parentheses included.
    pub value: Option<&'a [u8]>,
}

/// `search-key` (RFC 9051 §9, RFC 3501 §9, RFC 7162 §3.1.5), or the beginning of one that has others
/// inside: those follow it, in the client's order.
///
/// Kept flat, keys are walked once however deep they nest, by a function that calls itself for those
/// inside (at most [`SEARCH_DEPTH_MAX`](crate::imap::SEARCH_DEPTH_MAX) deep):
///
/// ```
/// use parser::imap::{self, Command, SearchKey, SearchKeys};
///
/// /// The next key with all that is inside; `None` at the end of a list.
/// fn tree(keys: &mut SearchKeys<'_>) -> Option<String> {
///     Some(match keys.next()? {
///         SearchKey::Close => return None,
///         SearchKey::Open => {
///             let all: Vec<String> = std::iter::from_fn(|| tree(keys)).collect();
///             format!("({})", all.join(" & "))
///         }
///         SearchKey::Not => format!("!{}", tree(keys)?),
///         SearchKey::Or => format!("[{} | {}]", tree(keys)?, tree(keys)?),
///         key => format!("{key:?}"),
///     })
/// }
///
/// let Command::Search { keys, .. } = imap::command(b"a SEARCH OR (OLD ALL) NOT NEW\r\n")?.command
/// else {
///     panic!();
/// };
/// assert_eq!(tree(&mut keys.iter()).as_deref(), Some("[(Old & All) | !New]"));
/// # Ok::<(), imap::CommandError<'_>>(())
/// ```
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
    /// OLDER: that many seconds or more in the mailbox (RFC 5032)
    Older(u32),
    /// YOUNGER: at most that many seconds (RFC 5032)
    Younger(u32),
    /// SAVEDBEFORE (RFC 8514)
    SavedBefore(Date),
    /// SAVEDON (RFC 8514)
    SavedOn(Date),
    /// SAVEDSINCE (RFC 8514)
    SavedSince(Date),
    /// SAVEDATESUPPORTED (RFC 8514)
    SaveDateSupported,
    /// EMAILID (RFC 8474)
    EmailId(&'a str),
    /// THREADID (RFC 8474)
    ThreadId(&'a str),
    /// FILTER: a search that is stored under this name (RFC 5466)
    Filter(&'a str),
    /// FUZZY: the key that follows, as the server thinks best (RFC 6203)
    Fuzzy,
    /// NOT: the key that follows must not hold
    Not,
    /// OR: one of the two keys that follow must hold
    Or,
    /// `(`: a key that is a list begins, and all keys up to its [`Close`](Self::Close) must hold
    Open,
    /// `)`: the list ends, and is no key
    Close,
}

/// Keys, walked with those inside them.
pub type SearchKeys<'a> = Items<'a, SearchKey<'a>>;
