//! COPY and MOVE: set-based, all or nothing.

use super::{Error, Failure, Store};
use crate::job::{MailboxKey, Transfer};
use crate::mail::UidRuns;
use crate::model::{ModSeq, UidValidity};

/// What COPY or MOVE did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Source UIDs that were there, ascending; may be none.
    pub from: UidRuns,
    /// As many target UIDs, in the same order.
    pub to: UidRuns,
    /// The target.
    pub target: MailboxKey,
    /// The target's UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The target's mod-sequence after it.
    pub target_mod_seq: ModSeq,
    /// The source's mod-sequence after it (unchanged by COPY to elsewhere).
    pub source_mod_seq: ModSeq,
}

impl Store {
    /// Copies messages (RFC 9051 §6.4.7); into their own mailbox too.
    pub fn copy(&self, _transfer: Transfer) -> Result<Copied, Error> {
        Err(Failure::Closed.into())
    }

    /// Moves messages (RFC 9051 §6.4.8); within their own mailbox they get new UIDs (pitfall 88).
    pub fn move_messages(&self, _transfer: Transfer) -> Result<Copied, Error> {
        Err(Failure::Closed.into())
    }
}
