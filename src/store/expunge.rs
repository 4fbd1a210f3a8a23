//! EXPUNGE: moves messages to the expunged.

use super::{Error, Failure, Store};
use crate::job::MailboxKey;
use crate::mail::UidRuns;
use crate::model::ModSeq;

/// What EXPUNGE took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expunged {
    /// Which.
    pub uids: UidRuns,
    /// The mod-sequence of it; the mailbox's if it took nothing.
    pub mod_seq: ModSeq,
}

impl Store {
    /// Takes the messages with `\Deleted`, of `uids` only if given, under one new mod-sequence
    /// (RFC 7162 §3.2.7, pitfall 89).
    pub fn expunge(&self, _mailbox: MailboxKey, _uids: Option<UidRuns>) -> Result<Expunged, Error> {
        Err(Failure::Closed.into())
    }
}
