//! Work: runs the jobs of sessions against the store, on threads that may wait.
//!
//! The only place that knows both [`Job`] and the store. A loop hands a job to [`Work::submit`],
//! which never waits; the reply comes home through the loop's [`Mailbag`]. A change goes to the loops
//! that watch its mailbox, and to no other.

mod changes;
mod clock;
mod login;
mod lru;
mod mailbag;
pub mod notify;
pub mod password;
mod pool;
mod spool;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use crate::job::{Job, MailboxKey};

pub use changes::Changes;
pub use mailbag::{Letters, Mailbag, ReplyTo};
pub use pool::{Done, Lane, Pool, Run};

/// All that `net` needs of work: a pool, and word of changes.
#[derive(Debug)]
pub struct Work {
    pool: Pool,
    changes: Arc<Changes>,
}

impl Work {
    /// Work done by `run`, which publishes what it changed to `changes`.
    pub fn new(run: Box<dyn Run>, changes: Arc<Changes>) -> Self {
        Self { pool: Pool::new(run), changes }
    }

    /// Queues a job whose reply goes to `to`; gives it back if there are too many. Never waits.
    pub fn submit(&self, job: Box<Job>, to: ReplyTo) -> Result<(), Box<Job>> {
        self.pool.submit(job, to)
    }

    /// One more connection of the loop behind `bag` wants to hear of changes in `mailbox`.
    pub fn watch(&self, mailbox: MailboxKey, bag: &Arc<Mailbag>) {
        self.changes.watch(mailbox, bag);
    }

    /// One fewer.
    pub fn unwatch(&self, mailbox: MailboxKey, bag: &Arc<Mailbag>) {
        self.changes.unwatch(mailbox, bag);
    }

    /// Takes no more jobs and finishes those it has, within `grace`. True if all are done.
    pub fn shutdown(&self, grace: Duration) -> bool {
        self.pool.shutdown(grace)
    }
}
