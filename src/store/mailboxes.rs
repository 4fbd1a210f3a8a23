//! The tree of mailboxes.

use super::{Error, Failure, Store};
use crate::job::{MailboxInfo, MailboxKey};
use crate::model::{AccountId, MailboxName, SpecialUse};

impl Store {
    /// Every mailbox of an account, ascending by name.
    pub fn list_mailboxes(&self, _account: AccountId) -> Result<Vec<MailboxInfo>, Failure> {
        Err(Failure::Closed)
    }

    /// One mailbox by name, in any case.
    pub fn mailbox(&self, _account: AccountId, _name: &MailboxName) -> Result<MailboxInfo, Error> {
        Err(Failure::Closed.into())
    }

    /// One mailbox by key; refused as missing once deleted.
    pub fn mailbox_by_key(&self, _mailbox: MailboxKey) -> Result<MailboxInfo, Error> {
        Err(Failure::Closed.into())
    }

    /// Makes a mailbox and its missing parents (RFC 9051 §6.3.4, RFC 6154 §3).
    pub fn create_mailbox(
        &self,
        _account: AccountId,
        _name: &MailboxName,
        _special_use: Option<SpecialUse>,
    ) -> Result<MailboxKey, Error> {
        Err(Failure::Closed.into())
    }

    /// Deletes a mailbox without children (RFC 9051 §6.3.5); a tombstone, so its size costs nothing
    /// (pitfall 72). Returns the key of what is gone, for its `Change`.
    pub fn delete_mailbox(
        &self,
        _account: AccountId,
        _name: &MailboxName,
    ) -> Result<MailboxKey, Error> {
        Err(Failure::Closed.into())
    }

    /// Renames a mailbox and all below it (RFC 9051 §6.3.6). From INBOX it moves the messages to a
    /// new mailbox; `Some` then has the INBOX's `Change`.
    pub fn rename_mailbox(
        &self,
        _account: AccountId,
        _from: &MailboxName,
        _to: &MailboxName,
    ) -> Result<Option<crate::job::Change>, Error> {
        Err(Failure::Closed.into())
    }
}
