//! Everything durable: accounts, mailboxes, messages and bodies, and the operations on them.
//!
//! The rules this module keeps (docs/storage.md has the reasons):
//! - an operation returns after its commit; what it returned is on the disk (invariant 5);
//! - UIDs and mod-sequences are given out under the mailbox row's lock, in the transaction that uses
//!   them, so their order is the commit order (invariant 6);
//! - counters change in the function that changes the rows; [`Store::check`] proves it (invariant 10).
//!
//! Every call blocks its thread: call it on a pool thread, never on a loop. Write calls of many
//! threads are committed together, so it pays to have as many threads as writes that may wait.
//!
//! | operation | call |
//! |---|---|
//! | open, close | [`Store::open`], dropping the last clone |
//! | accounts | [`Store::create_account`], [`Store::add_address`], [`Store::update_password`], [`Store::account_by_address`], [`Store::list_accounts`], [`Store::addresses`] |
//! | mailboxes | [`Store::list_mailboxes`], [`Store::mailbox`], [`Store::mailbox_by_key`], [`Store::create_mailbox`], [`Store::delete_mailbox`], [`Store::rename_mailbox`] |
//! | subscriptions | [`Store::subscribe`], [`Store::unsubscribe`], [`Store::subscriptions`] |
//! | snapshots | [`Store::open_mailbox`], [`Store::load_snapshot`], [`Store::refresh_snapshot`] |
//! | messages in | [`Store::place_body`], [`Store::deliver`], [`Store::append`] |
//! | messages out | [`Store::fetch`], [`Store::read_body`] |
//! | changes | [`Store::store_flags`], [`Store::expunge`], [`Store::copy`], [`Store::move_messages`] |
//! | upkeep | [`Store::check`], [`Store::forget_deliveries`] |

mod accounts;
mod bodies;
mod check;
mod copy;
mod deliver;
mod expunge;
mod failure;
mod fetch;
mod flags;
mod mailboxes;
mod snapshot;
mod subscriptions;

pub use accounts::{AccountFound, AccountSummary, NewAccount, Rank};
pub use bodies::PlacedBody;
pub use copy::Copied;
pub use deliver::{
    Appended, Delivered, Delivery, DeliveryDigest, Facts, IfMissing, NewBody, NewMessage,
    message_id_hash,
};
pub use expunge::Expunged;
pub use failure::{Error, Failure};
pub use fetch::Batch;
pub use flags::{FlagChange, FlagsStored};
pub use snapshot::{Opened, Refreshed};

use std::path::Path;
use std::sync::Arc;

/// Who opens the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The daemon: alone, and sweeps what a crash left.
    Daemon,
    /// `sora-admin`, beside a daemon or not.
    Beside,
}

/// The store. Clones share it; it closes when the last one goes.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {}

impl Store {
    /// Opens the embedded store in `data_dir`, making it and bringing its schema up to date.
    pub fn open(_data_dir: &Path, _opening: Opening) -> Result<Self, Failure> {
        Err(Failure::Closed)
    }
}
