//! Subscriptions: names, whether or not a mailbox is there (RFC 9051 §6.3.7, pitfall 75).

use super::{Failure, Store};
use crate::model::{AccountId, MailboxName};

impl Store {
    /// Subscribes to a name.
    pub fn subscribe(&self, _account: AccountId, _name: &MailboxName) -> Result<(), Failure> {
        Err(Failure::Closed)
    }

    /// Unsubscribes from a name; not an error if it was not subscribed.
    pub fn unsubscribe(&self, _account: AccountId, _name: &MailboxName) -> Result<(), Failure> {
        Err(Failure::Closed)
    }

    /// Every name subscribed, ascending.
    pub fn subscriptions(&self, _account: AccountId) -> Result<Vec<MailboxName>, Failure> {
        Err(Failure::Closed)
    }
}
