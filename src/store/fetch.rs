//! Reading messages.

use super::{Failure, Store};
use crate::job::{Fetched, MailboxKey, Wants};
use crate::mail::UidRuns;
use crate::model::Uid;

/// Some of the messages asked for.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Ascending by UID. Those of which nothing is kept are left out.
    pub messages: Vec<Fetched>,
    /// Where to go on; `None` when all were read.
    pub next: Option<Uid>,
}

impl Store {
    /// Reads as many of `uids` as fit one batch (`FETCH_BATCH_MESSAGES_MAX`, and bytes), ascending,
    /// those expunged meanwhile from what is retained of them (pitfall 80). The mailbox may be
    /// deleted: what a client still sees can still be read.
    pub fn fetch(
        &self,
        _mailbox: MailboxKey,
        _uids: &UidRuns,
        _wants: Wants,
    ) -> Result<Batch, Failure> {
        Err(Failure::Closed)
    }
}
