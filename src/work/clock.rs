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

/// How far the machine's time zone is ahead of UTC at that moment, in minutes: `TZ`, or `/etc/localtime`.
pub(crate) fn zone_minutes(at: Timestamp) -> i16 {
    let zone = jiff::tz::TimeZone::system(); // which it remembers
    minutes(&zone, at)
}

fn minutes(zone: &jiff::tz::TimeZone, at: Timestamp) -> i16 {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or_default();
    i16::try_from(zone.to_offset(at).seconds() / 60).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_is_ahead_of_winter() {
        let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |seconds| minutes(&zone, Timestamp::from_seconds(seconds));
        assert_eq!(at(1_768_500_000), 60); // in January 2026
        assert_eq!(at(1_784_100_000), 120); // in July 2026
        let west = jiff::tz::TimeZone::posix("NST3:30").unwrap();
        assert_eq!(minutes(&west, Timestamp::from_seconds(0)), -210);
    }
}
