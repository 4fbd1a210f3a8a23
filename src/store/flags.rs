//! STORE.

use super::{Error, Failure, Store};
use crate::job::{FlagSet, MailboxKey, StoreMode};
use crate::mail::UidRuns;
use crate::model::ModSeq;

/// What STORE asks.
#[derive(Clone, Debug)]
pub struct FlagChange {
    /// Which messages; those that are gone are skipped.
    pub uids: UidRuns,
    /// How.
    pub mode: StoreMode,
    /// What.
    pub flags: FlagSet,
    /// Skip messages changed after this (RFC 7162 §3.1.3).
    pub unchanged_since: Option<ModSeq>,
}

/// What STORE did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagsStored {
    /// Held back by `unchanged_since`.
    pub modified: UidRuns,
    /// Different now.
    pub changed: UidRuns,
    /// The mod-sequence of the change; the mailbox's if nothing changed (pitfall 93).
    pub mod_seq: ModSeq,
}

impl Store {
    /// Changes flags under one new mod-sequence; what would not change is not touched.
    pub fn store_flags(
        &self,
        _mailbox: MailboxKey,
        _change: FlagChange,
    ) -> Result<FlagsStored, Error> {
        Err(Failure::Closed.into())
    }
}
