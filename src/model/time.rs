//! Moments, as the store keeps them.

/// Microseconds since 1970-01-01T00:00:00Z; negative before. Handed in, never read from a clock here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole seconds; saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Year, month and day in UTC, of the Gregorian calendar.
    pub const fn civil(self) -> (i64, i64, i64) {
        // Years begin in March here, so that the leap day is the last.
        let days = self.seconds().div_euclid(86_400) + 719_468; // since 0000-03-01
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (day, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
        (era * 400 + year + (month <= 2) as i64, month, day)
    }

    /// Whole seconds, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// `2026-11-22 14:01`, in UTC: for people.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.civil();
        let minute = self.seconds().rem_euclid(86_400) / 60;
        write!(f, "{year:04}-{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_dates() {
        let check = |seconds, want: &str| {
            assert_eq!(Timestamp::from_seconds(seconds).to_string(), want);
        };
        check(0, "1970-01-01 00:00");
        check(-1, "1969-12-31 23:59");
        check(951_827_696, "2000-02-29 12:34");
        check(1_795_356_060, "2026-11-22 14:01");
        check(4_102_444_799, "2099-12-31 23:59");
    }
}
