//! `date-time` (RFC 5322 §3.3, §4.3), read as it is really written.
//!
//! An absurd date is no date (pitfall 140): every [`DateTime`] is in range and nothing overflows.

/// The Date field, in its own zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// 1900 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to the month's last.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// Minutes east of UTC, at most a day; 0 for what has no name (RFC 5322 §4.3).
    pub zone_minutes: i16,
}

impl DateTime {
    /// The first date in `text`; `None` for what is no date.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut words = Words { rest: text };
        let mut word = words.next()?;
        if word.first().is_some_and(u8::is_ascii_alphabetic) && month(word).is_none() {
            word = words.next()?; // the day of the week says nothing new
        }
        let (day, month, year, (hour, minute, second)) = match month(word) {
            // Tue Mar  1 10:20:30 2005: C's asctime.
            Some(month) => {
                let day = words.next()?;
                let time = words.time()?;
                (number(day)?, month, words.next()?, time)
            }
            None => {
                let month = month(words.next()?)?;
                let year = words.next()?;
                words.blanks();
                let time = if words.rest.is_empty() { (0, 0, 0) } else { words.time()? };
                (number(word)?, month, year, time)
            }
        };
        let year = full_year(year)?;
        let zone_minutes = words.next().and_then(zone).unwrap_or(0);
        let narrow = |value: u32, max: u8| u8::try_from(value).ok().filter(|value| *value <= max);
        let date = Self {
            year,
            month,
            day: narrow(day, days_in(year, month))?,
            hour: narrow(hour, 23)?,
            minute: narrow(minute, 59)?,
            second: narrow(second, 60)?,
            zone_minutes,
        };
        (date.day > 0).then_some(date)
    }

    /// Days from 1970-01-01 to the calendar day as written, the zone disregarded (RFC 9051 §6.4.4
    /// SENTON; pitfall 111).
    pub fn unix_days(&self) -> i32 {
        days_from_civil(i32::from(self.year), i32::from(self.month), i32::from(self.day))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(&self) -> i64 {
        let minutes = i64::from(self.unix_days())
            .saturating_mul(24)
            .saturating_add(i64::from(self.hour))
            .saturating_mul(60)
            .saturating_add(i64::from(self.minute))
            .saturating_sub(i64::from(self.zone_minutes));
        minutes.saturating_mul(60).saturating_add(i64::from(self.second))
    }
}

/// Days from 1970-01-01 to a day of the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is a year's last.
pub fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let month = month.saturating_add(9).rem_euclid(12);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = month.saturating_mul(153).saturating_add(2).div_euclid(5).saturating_add(day);
    let leaps = of_era.div_euclid(4).saturating_sub(of_era.div_euclid(100));
    let days = of_era.saturating_mul(365).saturating_add(leaps).saturating_add(of_year);
    era.saturating_mul(146_097).saturating_add(days).saturating_sub(719_469)
}

fn days_in(year: u16, month: u8) -> u8 {
    let year = i32::from(year);
    let month = i32::from(month);
    let (next_year, next) =
        if month == 12 { (year.saturating_add(1), 1) } else { (year, month.saturating_add(1)) };
    let days = days_from_civil(next_year, next, 1).saturating_sub(days_from_civil(year, month, 1));
    u8::try_from(days).unwrap_or(0)
}

/// Words between spaces, commas and comments; `21-Nov-97` is three, `10:20:30+0100` two.
struct Words<'a> {
    rest: &'a [u8],
}

impl Words<'_> {
    /// Comments and spaces; commas too, which mean nothing here.
    fn blanks(&mut self) {
        let mut depth = 0_u32;
        while let Some((&byte, rest)) = self.rest.split_first() {
            match byte {
                b'(' => depth = depth.saturating_add(1),
                b')' => depth = depth.saturating_sub(1),
                _ if depth > 0 || byte.is_ascii_whitespace() || matches!(byte, b',' | 0) => {}
                _ => return,
            }
            self.rest = rest;
        }
    }

    /// `hour ":" minute [ ":" second ]` — RFC 5322 §4.3: comments may stand anywhere. Fractions of
    /// a second are dropped.
    fn time(&mut self) -> Option<(u32, u32, u32)> {
        let hour = number(self.next()?)?;
        let minute = self.after_colon()??;
        let second = self.after_colon().unwrap_or(Some(0))?;
        Some((hour, minute, second))
    }

    /// The number behind a colon; outer `None` if there is no colon.
    fn after_colon(&mut self) -> Option<Option<u32>> {
        self.blanks();
        self.rest = self.rest.strip_prefix(b":")?;
        let digits = self.next().and_then(|word| word.split(|byte| *byte == b'.').next());
        Some(digits.and_then(number))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.blanks();
        let (&first, more) = self.rest.split_first()?;
        let kind: fn(u8) -> bool = match first {
            b'0'..=b'9' => |byte| byte.is_ascii_digit() || byte == b'.',
            b'+' | b'-' => |byte| byte.is_ascii_digit(),
            _ => |byte| byte.is_ascii_alphabetic() || byte == b'.',
        };
        let len = more.iter().position(|byte| !kind(*byte)).unwrap_or(more.len());
        let (word, rest) = self.rest.split_at_checked(len.saturating_add(1))?;
        // A hyphen joins the parts of a date; before digits behind a time it begins the zone.
        let joins = rest.get(1).is_some_and(u8::is_ascii_alphabetic)
            || (first.is_ascii_alphabetic() && rest.get(1).is_some_and(u8::is_ascii_digit));
        self.rest = rest.strip_prefix(b"-").filter(|_| joins).unwrap_or(rest);
        Some(word)
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0_u32, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| digit.wrapping_sub(b'0'))?;
        Some(value.saturating_mul(10).saturating_add(u32::from(digit)))
    })
}

fn month(word: &[u8]) -> Option<u8> {
    const NAMES: [&[u8]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let word = word.get(..3)?;
    let found = NAMES.iter().position(|name| name.eq_ignore_ascii_case(word))?;
    u8::try_from(found.saturating_add(1)).ok()
}

/// RFC 5322 §4.3: two digits are 1950 to 2049, three count from 1900.
fn full_year(word: &[u8]) -> Option<u16> {
    let year = number(word)?;
    let year = match (word.len(), year) {
        (1 | 2, ..=49) => year.saturating_add(2000),
        (1..=3, _) => year.saturating_add(1900),
        _ => year,
    };
    u16::try_from(year).ok().filter(|year| (1900..=9999).contains(year))
}

/// `zone` — RFC 5322 §3.3 and §4.3.
fn zone(word: &[u8]) -> Option<i16> {
    let (&sign, digits) = word.split_first()?;
    if matches!(sign, b'+' | b'-') {
        let value = i16::try_from(number(digits).filter(|_| digits.len() == 4)?).ok()?;
        let (hours, minutes) = (value.div_euclid(100), value.rem_euclid(100));
        let east = hours.saturating_mul(60).saturating_add(minutes);
        let east = if sign == b'-' { east.saturating_neg() } else { east };
        return (hours < 24 && minutes < 60).then_some(east);
    }
    let names: [(&[u8], i16); 8] = [
        (b"EST", -5),
        (b"EDT", -4),
        (b"CST", -6),
        (b"CDT", -5),
        (b"MST", -7),
        (b"MDT", -6),
        (b"PST", -8),
        (b"PDT", -7),
    ];
    let named = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    Some(named.map_or(0, |(_, hours)| hours.saturating_mul(60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: i64, days: i32) {
        let found = DateTime::parse(text.as_bytes());
        let found = found.map(|date| (date.unix_seconds(), date.unix_days()));
        assert_eq!(found, Some((seconds, days)), "{text}");
    }

    #[track_caller]
    fn none(text: &str) {
        assert_eq!(DateTime::parse(text.as_bytes()), None, "{text}");
    }

    #[test]
    fn dates() {
        check("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706, 10_186);
        check("21 Nov 97 15:55:06 GMT", 880_127_706, 10_186);
        check("Fri, 21-Nov-97 15:55:06 Z", 880_127_706, 10_186);
        check("Fri Nov 21 15:55:06 1997", 880_127_706, 10_186);
        check("fri,21 nov 1997 10:55 EST", 880_127_700, 10_186);
        check(" (c (n)) Fri, 21 Nov 1997 (x) 09:55:06 -0600 (CST)", 880_127_706, 10_186);
        check("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880_127_706, 10_186);
        check("Fri, 21 Nov 1997 15:55:06", 880_127_706, 10_186);
        check("21 Nov 1997", 880_070_400, 10_186);
        check("Thu, 1 Jan 1970 00:00:00 +0000", 0, 0);
        check("Wed, 31 Dec 1969 23:59:60 +0000", 0, -1);
        check("29 Feb 2000 00:00:00 +0000", 951_782_400, 11_016);
        check("31 Dec 9999 23:59:59 -2359", 253_402_387_139, 2_932_896);
        check("1 Jan 49 00:00:00 +0000", 2_493_072_000, 28_855);
        check("1 Jan 101 00:00:00 A", 978_307_200, 11_323); // RFC 5322 §4.3
        check("1 Jan 2001 00:00:00.25 +9999", 978_307_200, 11_323);
        check("Sat, 1 Jan 2001 1:2:3+0130", 978_305_523, 11_323);
    }

    #[test] // pitfall 140
    fn absurd_dates() {
        none("");
        none("4459332-10-09");
        none("1 Jan 4459332 00:00:00 +0000");
        none("30 Feb 2001 00:00:00 +0000");
        none("0 Jan 2001 00:00:00 +0000");
        none("1 Jan 0000 00:00:00 +0000");
        none("1 Jan 2001 24:00:00 +0000");
        none("1 Foo 2001 00:00:00 +0000");
        none("99999999999999999999 Jan 2001");
        none("Wed, 15 Dec 2010    59:10 -0500");
        none("Wed, 15 Dec 2010 10: -0500");
        none("Mon");
        none("((((");
        none("\0");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut days = days_from_civil(1900, 1, 1);
        for year in 1900..=2400_u16 {
            for month in 1..=12 {
                for day in 1..=days_in(year, month) {
                    let found = days_from_civil(year.into(), month.into(), day.into());
                    assert_eq!(found, days, "{year}-{month}-{day}");
                    days += 1;
                }
            }
        }
        assert_eq!((days_in(1900, 2), days_in(2000, 2), days_in(2004, 2)), (28, 29, 29));
    }
}
