//! The clock, read in one place.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// For measuring how long.
#[expect(clippy::disallowed_methods, reason = "work may read the clock, and does so here only")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// For telling when.
#[expect(clippy::disallowed_methods, reason = "work may read the clock, and does so here only")]
pub(super) fn today() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
