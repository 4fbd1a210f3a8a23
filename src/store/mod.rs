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
//! | accounts | [`Store::create_account`], [`Store::add_address`], [`Store::update_password`], [`Store::replace_password`], [`Store::account_by_address`], [`Store::list_accounts`], [`Store::addresses`] |
//! | mailboxes | [`Store::list_mailboxes`], [`Store::mailbox`], [`Store::mailbox_by_key`], [`Store::create_mailbox`], [`Store::delete_mailbox`], [`Store::rename_mailbox`] |
//! | subscriptions | [`Store::subscribe`], [`Store::unsubscribe`], [`Store::subscriptions`] |
//! | annotations | [`Store::annotations`], [`Store::set_annotations`], [`Store::changed_annotations`], [`Store::event_scripts`] |
//! | scripts | [`Store::scripts`], [`Store::script`], [`Store::active_script`], [`Store::put_script`], [`Store::has_space`], [`Store::activate_script`], [`Store::delete_script`], [`Store::rename_script`] |
//! | snapshots | [`Store::open_mailbox`], [`Store::load_snapshot`], [`Store::refresh_snapshot`] |
//! | messages in | [`Store::place_body`], [`Store::deliver`], [`Store::append`] |
//! | from another server | [`Store::begin_import`], [`Store::imported`], [`Store::import`], [`Store::end_import`] |
//! | sorted by a script | [`Store::deliver_sorted`], [`Store::remembers`], [`Store::forget_memories`], [`Store::script_runs`] |
//! | seen by a script in IMAP | [`Store::take_events`], [`Store::next_event`], [`Store::settle_event`], [`Store::postpone_event`], [`Store::drop_event`], [`Store::reclaim_events`], [`Store::event_bell`] |
//! | mail that leaves | [`Store::due_outgoing`], [`Store::next_outgoing`], [`Store::list_outgoing`], [`Store::outgoing_message`], [`Store::remove_outgoing`], [`Store::postpone_outgoing`], [`Store::retry_outgoing`] |
//! | messages out | [`Store::fetch`], [`Store::fetch_near`], [`Store::read_body`] |
//! | changes | [`Store::store_flags`], [`Store::expunge`], [`Store::copy`], [`Store::move_messages`] |
//! | what was deleted | [`Store::deleted_from`], [`Store::deleted_messages`], [`Store::restore`], [`Store::purge`], [`Store::delete_account`], [`Store::deleted_accounts`], [`Store::restore_account`] |
//! | retention | [`Store::due_mailboxes`], [`Store::clean_mailbox`], [`Store::count_due`], [`Store::remove_bodies`], [`Store::bodies_left`], [`Store::due_accounts`], [`Store::remove_account`], [`Store::take_lease`], [`Store::give_lease_back`] |
//! | uploads | [`Store::take_uploads`], [`Store::read_staged`], [`Store::upload`], [`Store::finish_uploads`], [`Store::postpone_uploads`], [`Store::backlog`] |
//! | other nodes | [`Store::is_shared`], [`Store::notify`], [`Store::listen`], [`Store::mod_seqs`] |
//! | upkeep | [`Store::status`], [`Store::check`], [`Store::forget_deliveries`] |

mod accounts;
mod batches;
mod blobs;
mod bodies;
mod check;
mod copy;
mod deliver;
mod effects;
mod engine;
mod events;
mod expunge;
mod failure;
mod fetch;
mod finder;
mod flags;
mod ids;
mod import;
mod keywords;
mod locks;
mod mailboxes;
mod metadata;
mod migrations;
mod notices;
mod outbox;
mod parcels;
mod patient;
mod place;
mod ready;
mod rename;
mod repeats;
mod restore;
mod retention;
mod row;
mod scan;
mod scripts;
mod selection;
mod snapshot;
mod sorted;
mod status;
mod subscriptions;
mod threads;
mod whole;

#[cfg(test)]
pub(crate) mod tests;

pub use accounts::{AccountFound, AccountSummary, NewAccount, Rank};
pub use blobs::{Backlog, CacheSettings, ObjectSettings, Staged, Taken, Uploaded, try_objects};
pub use bodies::PlacedBody;
pub use copy::Copied;
pub use deliver::{Appended, Delivered, Delivery, Facts, IfMissing, NewBody, NewMessage};
pub use effects::{Effect, NextMessage, Placed, Settled, Settlement};
pub use events::{Cause, Event, EventKey, Trigger};
pub use expunge::Expunged;
pub use failure::{DatabaseError, Error, Failure};
pub use fetch::Batch;
pub use flags::{FlagChange, FlagsStored};
pub use import::{ImportSource, Imported, Numbered, Plan, Unfit};
pub use metadata::EventScripts;
pub use notices::Line;
pub use outbox::{NewOutgoing, Outgoing, OutgoingId, OutgoingKind, OutgoingOptions};
pub use place::{Database, Place, PostgresSettings, PostgresTls};
pub use repeats::DeliveryDigest;
pub use restore::{DeletedFrom, DeletedMessage, Purged, Restored};
pub use retention::{
    AccountRestored, AccountStep, Cleaned, DeletedAccount, Due, DuePage, RemovedBodies, Retention,
    Sweep,
};
pub use scan::Scan;
pub use scripts::ActiveScript;
pub use snapshot::{Have, Opened, Refreshed};
pub use sorted::{
    KeptRun, MemoryDigest, Remembered, RunReport, Sorted, SortedCopy, SortedDelivery,
    SortedOutgoing,
};
pub use status::{Counted, Status, Taker};
pub use threads::message_id_hash;

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use batches::Couriers;
use blobs::Objects;
use bodies::Bodies;
use crossbeam_channel::{Receiver, Sender};
use engine::Engine;
use ids::Ids;

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
struct Inner {
    /// Where other nodes may be writing, too: committed together by one statement.
    couriers: Option<Couriers>,
    /// Where many ask at once, and an answer takes a round trip.
    finds_together: bool,
    engine: Arc<Engine>,
    bodies: Bodies,
    /// The bucket, if bodies go to one.
    objects: Option<Objects>,
    ids: Ids,
    swept: repeats::SweptUpTo,
    /// Rung when scripts are to see something.
    events: (Sender<()>, Receiver<()>),
    /// Given back when the store closes; last, since fields are dropped in order.
    _locks: Vec<File>,
}

#[cfg(test)]
impl Store {
    /// Statements sent to PostgreSQL so far.
    pub(crate) fn statements(&self) -> u64 {
        self.0.engine.counts().0
    }
}

impl Store {
    /// Opens the embedded store in `data_dir`: see [`Store::open_at`].
    pub fn open(data_dir: &Path, opening: Opening) -> Result<Self, Failure> {
        Self::open_at(&Place::embedded(data_dir), opening)
    }

    /// Opens the store at `place`, making it and bringing its schema up to date. A second daemon on
    /// the same data directory is refused (pitfall 147).
    pub fn open_at(place: &Place, opening: Opening) -> Result<Self, Failure> {
        let with_cache = opening == Opening::Daemon;
        let data_dir = &place.data_dir;
        let objects = place.objects.as_ref();
        let objects =
            objects.map(|objects| Objects::new(objects, data_dir.join("spool"), with_cache));
        let objects = objects.transpose()?;
        // Mail and password hashes: nobody else's business.
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
        made.map_err(|source| Failure::file("making the data directory", source))?;
        let locks = locks::take(data_dir, opening)?;
        let engine = match &place.database {
            Database::Embedded => Engine::sqlite(&data_dir.join("sora.db"))?,
            Database::Postgres(settings) => Engine::postgres(settings)?,
        };
        let engine = Arc::new(engine);
        let couriers = match &place.database {
            Database::Embedded => None,
            Database::Postgres(settings) => Some(Couriers::start(&engine, settings.sharing())?),
        };
        let finds_together = match &place.database {
            Database::Postgres(settings) => !settings.one_account_statements,
            Database::Embedded => false,
        };
        let bodies = Bodies::open(&data_dir.join("bodies"))?;
        let store = Self(Arc::new(Inner {
            couriers,
            finds_together,
            engine,
            bodies,
            objects,
            ids: Ids::default(),
            swept: repeats::SweptUpTo::default(),
            events: crossbeam_channel::bounded(1),
            _locks: locks,
        }));
        // Elsewhere other nodes may be delivering: what looks left behind may be theirs.
        if opening == Opening::Daemon && matches!(place.database, Database::Embedded) {
            locks::while_alone(data_dir, || store.sweep_bodies())?;
        }
        Ok(store)
    }
}
