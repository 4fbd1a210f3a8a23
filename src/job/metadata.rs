//! Annotations (RFC 5464), as jobs and replies have them.

use crate::model::{EntryName, MailboxName, ModSeq};

/// Whose annotations are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Annotated {
    /// The server's, as the account sees it.
    Server,
    /// Those of one mailbox.
    Mailbox(MailboxName),
    /// Those of each mailbox of the account.
    Mailboxes,
}

/// An entry with its value, which is any bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Annotation {
    /// What it is called.
    pub name: EntryName,
    /// What it says.
    pub value: Vec<u8>,
}

/// What was found of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxAnnotations {
    /// Which; `None` for the server.
    pub mailbox: Option<MailboxName>,
    /// Those that have a value, ascending by name.
    pub entries: Vec<Annotation>,
}

/// An entry that was set or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationChange {
    /// By which change of the account's annotations.
    pub mod_seq: ModSeq,
    /// Of which mailbox; `None` for the server.
    pub mailbox: Option<MailboxName>,
    /// Which.
    pub name: EntryName,
}
