//! Reading a mailbox whole, and bringing an earlier reading up to date (design: "Views and changes").

use super::{Error, Failure, Store};
use crate::job::{MailboxInfo, MailboxKey};
use crate::mail::Snapshot;
use crate::model::{AccountId, MailboxName};

/// What SELECT needs, read at one moment.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The row.
    pub info: MailboxInfo,
    /// The messages, unless `have` was still right.
    pub snapshot: Option<Snapshot>,
}

/// An earlier snapshot against what the mailbox is now.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// Nothing changed.
    Same,
    /// What it is now; chunks that did not change are shared with the earlier one.
    New(Snapshot),
    /// The mailbox was deleted.
    Gone,
}

impl Store {
    /// The mailbox row and the messages at the same moment. `have` may give a snapshot that the
    /// caller keeps for the mailbox id (asked for once the id is known): it is refreshed rather than
    /// loaded anew, and `Opened::snapshot` is `None` if it is still right.
    pub fn open_mailbox(
        &self,
        _account: AccountId,
        _name: &MailboxName,
        _have: &dyn Fn(MailboxKey) -> Option<std::sync::Arc<Snapshot>>,
    ) -> Result<Opened, Error> {
        Err(Failure::Closed.into())
    }

    /// The mailbox as it is; refused as missing once deleted.
    pub fn load_snapshot(&self, _mailbox: MailboxKey) -> Result<Snapshot, Error> {
        Err(Failure::Closed.into())
    }

    /// What became of `earlier` since; one indexed query if nothing did.
    pub fn refresh_snapshot(
        &self,
        _mailbox: MailboxKey,
        _earlier: &Snapshot,
    ) -> Result<Refreshed, Failure> {
        Err(Failure::Closed)
    }
}
