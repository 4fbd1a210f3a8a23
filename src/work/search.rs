//! SEARCH, a slice at a time.

use super::run::{Answer, Runner};
use crate::error::Fault;
use crate::job::MailboxKey;
use crate::mail::UidRuns;
use crate::mail::search::Query;
use crate::model::Uid;

pub(super) fn run(
    _runner: &Runner,
    _mailbox: MailboxKey,
    _query: &Query,
    _among: &UidRuns,
    _from: Uid,
) -> Answer {
    Err(Fault::ServerBug.into())
}
