//! `date` and `currentdate` (RFC 5260 §4 and §5).

use parser::message::DateTime;
use parser::sieve::tree::{Compare, DatePart, Index, Text, Word, Zone};

use super::{Trial, settle};
use crate::model::Timestamp;
use crate::sieve::facts::Facts;
use crate::sieve::run::{Halt, World};

/// A moment, seen in a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sieve) struct Moment {
    /// Since 1970 in UTC; of a leap second that before it.
    pub(in crate::sieve) seconds: i64,
    /// East of UTC.
    pub(in crate::sieve) zone_minutes: i16,
    pub(in crate::sieve) leap: bool,
}

/// The moment of the run, in the server's time zone.
pub(in crate::sieve) fn now(facts: &Facts<'_>) -> Moment {
    let seconds = facts.now.seconds();
    Moment { seconds, zone_minutes: facts.zone.minutes_at(seconds), leap: false }
}

impl World<'_> {
    pub(super) fn date(
        &self,
        zone: &Zone,
        index: Option<Index>,
        header: &Text,
        part: &Word<DatePart>,
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let part = self.word(part)?;
        let name = self.names().text(header);
        let Index { number, last } = index.unwrap_or(Index { number: 1, last: false });
        let before = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        let budget = &mut trial.work.budget;
        budget.steps(self.message.look_up_steps(self.root()))?;
        let mut values = self.message.values(self.root(), &name);
        let value = if last {
            let nth = values.count().checked_sub(before.saturating_add(1));
            nth.and_then(|nth| self.message.values(self.root(), &name).nth(nth))
        } else {
            values.nth(before)
        };
        budget.steps(value.map_or(0, |value| value.len()))?;
        let found = value.and_then(|value| date_in(&value.line()));
        let Some(mut moment) = found else {
            // §4: what is no date matches nothing, and counts as none.
            return self.one(compare, None, trial);
        };
        match zone {
            Zone::Original => {}
            // Of the date that is tested: it may be from the other half of the year.
            Zone::Local => moment.zone_minutes = self.facts.zone.minutes_at(moment.seconds),
            Zone::Offset(offset) => moment.zone_minutes = self.word(offset)?.0,
        }
        self.one(compare, Some(moment.part(part).as_bytes()), trial)
    }

    pub(super) fn current_date(
        &self,
        zone: &Zone,
        part: &Word<DatePart>,
        compare: &Compare,
        trial: &mut Trial<'_>,
    ) -> Result<bool, Halt> {
        let mut moment = now(self.facts);
        if let Zone::Offset(offset) = zone {
            moment.zone_minutes = self.word(offset)?.0;
        }
        let part = self.word(part)?;
        let mut matcher = self.matcher(compare, trial)?;
        let matched = matcher.value(moment.part(part).as_bytes(), &mut trial.work.budget)?;
        settle(matcher, matched, trial)
    }
}

/// §4: the whole field, or what stands behind its last semicolon.
fn date_in(value: &[u8]) -> Option<Moment> {
    let behind = memchr::memrchr(b';', value).and_then(|at| value.get(at + 1..));
    let text = behind.unwrap_or(value);
    let date = DateTime::parse(text).filter(|_| has_time(text))?;
    let leap = date.second == 60;
    let seconds = date.unix_seconds().saturating_sub(i64::from(leap));
    Some(Moment { seconds, zone_minutes: date.zone_minutes, leap })
}

/// A date is nothing here without a time that there is; for others it may begin at midnight (RFC 5256
/// §2.2).
fn has_time(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', text) else { return false };
    let (before, behind) = text.split_at(colon);
    let number = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok()?;
        digits.parse::<u8>().ok()
    };
    let begin = before.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    let hour = before.get(begin..).and_then(number);
    let mut clock = behind.get(1..).unwrap_or_default().split(|byte| !byte.is_ascii_digit());
    let minute = clock.next().and_then(number);
    let has_second = behind.get(1..).is_some_and(|rest| rest.get(2) == Some(&b':'));
    let second = if has_second { clock.next().and_then(number) } else { Some(0) };
    hour.is_some_and(|hour| hour < 24)
        && minute.is_some_and(|minute| minute < 60)
        && second.is_some_and(|second| second <= 60)
}

/// From 1858-11-17, the first Modified Julian Day, to 1970-01-01.
const JULIAN_DAYS_BEFORE: i64 = 40_587;

impl Moment {
    /// Its calendar as seen in its zone: seconds as if that were UTC.
    fn local(self) -> i64 {
        self.seconds.saturating_add(i64::from(self.zone_minutes) * 60)
    }

    fn days(self) -> i64 {
        self.local().div_euclid(86_400)
    }

    fn clock(self) -> (i64, i64, i64) {
        let seconds = self.local().rem_euclid(86_400);
        (seconds / 3_600, seconds / 60 % 60, seconds % 60 + i64::from(self.leap))
    }

    /// `date-part` — §4.2.
    pub(in crate::sieve) fn part(self, part: DatePart) -> String {
        let (year, month, day) = Timestamp::from_seconds(self.local()).civil();
        let (hour, minute, second) = self.clock();
        match part {
            DatePart::Year => format!("{year:04}"),
            DatePart::Month => format!("{month:02}"),
            DatePart::Day => format!("{day:02}"),
            DatePart::Date => format!("{year:04}-{month:02}-{day:02}"),
            DatePart::Julian => (self.days() + JULIAN_DAYS_BEFORE).to_string(),
            DatePart::Hour => format!("{hour:02}"),
            DatePart::Minute => format!("{minute:02}"),
            DatePart::Second => format!("{second:02}"),
            DatePart::Time => format!("{hour:02}:{minute:02}:{second:02}"),
            DatePart::Iso8601 => self.iso8601(),
            DatePart::Std11 => self.std11(),
            DatePart::Zone => self.zone(""),
            DatePart::Weekday => self.weekday().to_string(),
        }
    }

    /// `date-time` — RFC 3339 §5.6, with `Z` for no offset.
    pub(in crate::sieve) fn iso8601(self) -> String {
        let (date, time) = (self.part(DatePart::Date), self.part(DatePart::Time));
        let zone = if self.zone_minutes == 0 { "Z".to_owned() } else { self.zone(":") };
        format!("{date}T{time}{zone}")
    }

    /// `date-time` — RFC 5322 §3.3.
    pub(in crate::sieve) fn std11(self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (year, month, day) = Timestamp::from_seconds(self.local()).civil();
        let name = |names: &[&'static str], nth: i64| {
            usize::try_from(nth).ok().and_then(|nth| names.get(nth)).copied().unwrap_or("")
        };
        let (weekday, month) = (name(&DAYS, self.weekday()), name(&MONTHS, month - 1));
        let (time, zone) = (self.part(DatePart::Time), self.zone(""));
        format!("{weekday}, {day:02} {month} {year:04} {time} {zone}")
    }

    /// Sunday is 0, as 1970-01-04 was.
    fn weekday(self) -> i64 {
        (self.days() + 4).rem_euclid(7)
    }

    fn zone(self, between: &str) -> String {
        let sign = if self.zone_minutes < 0 { '-' } else { '+' };
        let minutes = self.zone_minutes.unsigned_abs();
        format!("{sign}{:02}{between}{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // RFC 5260 §4.2
    fn parts() {
        let moment = date_in(b"from a by b; Mon, 26 Feb 2007 09:03:07 -0530").unwrap();
        let check = |part, want: &str| assert_eq!(moment.part(part), want, "{part:?}");
        check(DatePart::Year, "2007");
        check(DatePart::Month, "02");
        check(DatePart::Day, "26");
        check(DatePart::Date, "2007-02-26");
        check(DatePart::Julian, "54157");
        check(DatePart::Hour, "09");
        check(DatePart::Minute, "03");
        check(DatePart::Second, "07");
        check(DatePart::Time, "09:03:07");
        check(DatePart::Iso8601, "2007-02-26T09:03:07-05:30");
        check(DatePart::Std11, "Mon, 26 Feb 2007 09:03:07 -0530");
        check(DatePart::Zone, "-0530");
        check(DatePart::Weekday, "1");
        let utc = Moment { zone_minutes: 0, ..moment };
        assert_eq!(utc.part(DatePart::Iso8601), "2007-02-26T14:33:07Z");
        assert_eq!(utc.part(DatePart::Zone), "+0000");
        let leap = date_in(b"31 Dec 1998 23:59:60 +0000").unwrap();
        assert_eq!(leap.part(DatePart::Time), "23:59:60");
        assert_eq!(leap.part(DatePart::Date), "1998-12-31");
        assert_eq!(date_in(b"Fri, 32 Jan 2007 09:00:00 +0000"), None);
        assert_eq!(date_in(b"29 Feb 2007 09:00:00 +0000"), None);
        assert_eq!(date_in(b"nothing"), None);
        assert_eq!(date_in(b"26 Feb 2007 24:00:00 +0000"), None);
        assert_eq!(date_in(b"26 Feb 2007 09:60 +0000"), None);
        assert_eq!(date_in(b"26 Feb 2007 09:00:61 +0000"), None);
        assert_eq!(date_in(b"26 Feb 2007"), None);
        assert!(date_in(b"26 Feb 2007 9:05 GMT").is_some());
    }
}
