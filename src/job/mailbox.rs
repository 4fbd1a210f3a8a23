//! What is said of a mailbox and its messages, either way.

use std::sync::Arc;

use crate::mail::{Message, UidRuns};
use crate::model::{
    AccountId, BlobId, Flags, Keyword, Keywords, MailboxId, MailboxName, ModSeq, SpecialUse,
    UidValidity,
};

/// A mailbox of an account: what most jobs are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MailboxKey {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
}

/// Something in a mailbox changed; whoever watches it reads what (invariant 8). A lost or repeated
/// one is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub mailbox: MailboxKey,
    /// The mailbox's mod-sequence after the change.
    pub mod_seq: ModSeq,
}

/// SELECT or EXAMINE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// EXAMINE: nothing may change.
    ReadOnly,
    /// SELECT.
    ReadWrite,
}

/// What STORE does, or APPEND sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagSet {
    /// System flags.
    pub flags: Flags,
    /// Keywords by name; new ones are given a bit by the store.
    pub keywords: Vec<Keyword>,
}

/// How a STORE combines (RFC 9051 §6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// FLAGS
    Replace,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// What a FETCH needs of each message beyond the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The rendered ENVELOPE.
    pub envelope: bool,
    /// The encoded message map: BODY, BODYSTRUCTURE, and where the sections lie.
    pub map: bool,
    /// The top header block, its blank line included.
    pub header: bool,
    /// The whole message, if it is at most `BODY_SLICE_BYTES_MAX`; a larger one is read by
    /// [`Job::ReadBody`](super::Job::ReadBody).
    pub body: bool,
}

/// What was read of one message.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// As the store has it now; from the retained row if it was expunged meanwhile (pitfall 80).
    pub message: Message,
    /// The keywords behind `message.keywords`.
    pub keywords: Keywords,
    /// Where its bytes are.
    pub blob: BlobId,
    /// If wanted: ready to be written after `ENVELOPE `.
    pub envelope: Option<Arc<[u8]>>,
    /// If wanted: see `parser::message::MessageMap`.
    pub map: Option<Arc<[u8]>>,
    /// If wanted.
    pub header: Option<Arc<[u8]>>,
    /// If wanted and small enough.
    pub body: Option<Arc<[u8]>>,
}

/// The mailbox row: all that SELECT and STATUS tell, and LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxInfo {
    /// Its key.
    pub key: MailboxKey,
    /// Its name.
    pub name: MailboxName,
    /// RFC 6154.
    pub special_use: Option<SpecialUse>,
    /// RFC 9051 §6.3.7.
    pub subscribed: bool,
    /// UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// UIDNEXT.
    pub uid_next: u32,
    /// HIGHESTMODSEQ, at least 1.
    pub highest_mod_seq: ModSeq,
    /// MESSAGES.
    pub messages: u32,
    /// UNSEEN.
    pub unseen: u32,
    /// DELETED.
    pub deleted: u32,
    /// SIZE.
    pub bytes: u64,
}

/// A name that is subscribed, whether or not a mailbox is there (pitfall 75).
pub type Subscription = MailboxName;

/// Where COPY and MOVE take their messages from and to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// From.
    pub from: MailboxKey,
    /// Which.
    pub uids: UidRuns,
    /// To, by name: in the same account.
    pub to: MailboxName,
}
