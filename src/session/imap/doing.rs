//! What a session is in the middle of, and how a command ends.

use std::borrow::Cow;

use parser::imap::StatusItem;

use super::super::Output;
use super::append::Append;
use super::copy::Originals;
use super::fetch::Fetch;
use super::list::{self, Listing};
use super::metadata::{self, Annotating};
use super::search::Search;
use super::store;
use super::table::Rule;
use super::tell::Telling;
use crate::job::Access;
use crate::model::Uid;

/// What a session is in the middle of: between commands, nothing.
#[derive(Debug)]
pub(super) enum Doing {
    /// The next command may come.
    Nothing,
    /// IDLE: `DONE` may come (RFC 9051 §6.3.13).
    Idle { tag: Box<str> },
    /// AUTHENTICATE: the response line may come (RFC 9051 §6.2.2).
    Sasl { tag: Box<str> },
    /// A message is on its way in.
    Append(Box<Append>),
    /// A job is out.
    Waiting(Box<Waiting>),
    /// FETCH: a job is out, or its output is on its way.
    Fetch(Box<Fetch>),
    /// SEARCH: the same.
    Search(Box<Search>),
    /// LIST: its output is on its way.
    Listing(Box<Listing>),
    /// GETMETADATA: the same.
    Annotating(Box<Annotating>),
    /// News on their way out, and a tagged line behind them.
    Telling(Box<Telling>),
    /// BYE was said.
    Over,
}

/// A job is out: how its command will end, and what to do with the reply.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ending: Ending,
    pub(super) what: What,
}

/// What to do with a reply.
#[derive(Debug)]
pub(super) enum What {
    Login,
    /// SELECT, EXAMINE
    Open {
        access: Access,
    },
    /// CREATE, RENAME, SUBSCRIBE, UNSUBSCRIBE
    Done,
    Deleted,
    /// DELETE, while a mailbox is selected.
    StillThere,
    Status {
        items: Box<[StatusItem]>,
    },
    List(Box<list::Wanted>),
    /// LIST, while annotations are read.
    ListMetadata(Box<Listing>),
    /// GETMETADATA
    Metadata(Box<metadata::Asked>),
    /// SETMETADATA
    MetadataSet,
    /// ENABLE METADATA: where what is new begins.
    MetadataEnabled,
    /// Annotations that changed, then the command, which is still in the input.
    MetadataFirst,
    /// Annotations that changed, while the client idles.
    IdleMetadata,
    Stored(store::Asked),
    Expunged,
    /// CLOSE
    Closed,
    Copied {
        originals: Originals,
    },
    Appended,
    /// What is new, then the end.
    Refresh,
    /// What is new, then the command, which is still in the input.
    NewsFirst {
        flags: Flags,
    },
    /// What is new, while the client idles.
    IdleRefresh,
}

/// How a command will end.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) tag: Box<str>,
    pub(super) rule: &'static Rule,
    /// What stands behind the tag, if not `OK NAME completed`.
    text: Cow<'static, str>,
}

impl Ending {
    /// `OK NAME completed`.
    pub(super) fn ok(tag: &str, rule: &'static Rule) -> Self {
        Self { tag: tag.into(), rule, text: Cow::Borrowed("") }
    }

    /// Another text.
    pub(super) fn saying(self, text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// True if it is `OK NAME completed`, still.
    pub(super) fn is_plain(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes the tagged line.
    pub(super) fn write(&self, out: &mut Output) {
        if self.text.is_empty() {
            out.line(format_args!("{} OK {} completed", self.tag, self.rule.name));
        } else {
            out.line(format_args!("{} {}", self.tag, self.text));
        }
    }
}

/// Whether changed flags are told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flags {
    Now,
    /// With the answer to the command that comes: what a client hears while its silent STORE runs
    /// it takes for what came of it.
    WithTheAnswer,
}

/// What comes after news were told.
#[derive(Debug)]
pub(super) enum End {
    /// The tagged line.
    Tagged(Ending),
    /// Nothing: the client idles on.
    Idle { tag: Box<str> },
    /// A command that is still in the input.
    Again { rule: &'static Rule, flags: Flags },
    /// The next messages of a FETCH.
    Batch { fetch: Box<Fetch>, next: Option<Uid> },
}
