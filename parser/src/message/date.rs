//! `date-time` (RFC 5322 §3.3, §4.3), read as it is really written.
//!
//! An absurd date is no date (pitfall 140): every [`DateTime`] is in range and nothing overflows.

use crate::steps::took;

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
    ///
    /// A day with an absurd time is that day at midnight, and an absurd zone is UTC (RFC 5256
    /// §2.2).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
        took(text.len());
        if let Some(date) = Self::usual(text) {
            return Some(date);
        }
        let mut words = Words { rest: text };
        let mut word = words.next()?;
        if word.first().is_some_and(u8::is_ascii_alphabetic) && month(word).is_none() {
            word = words.next()?; // the day of the week says nothing new
        }
        let (month, Rest { day, year, time, zone_minutes }) = match month(word) {
            Some(month) => (month, words.behind_month()?),
            None => {
                let month = month(words.next()?)?;
                let (day, year) = (number(word)?, words.next()?);
                let (time, zone_minutes) = (words.time(), words.zone());
                (month, Rest { day, year, time, zone_minutes })
            }
        };
        let year = full_year(year)?;
        let day = u8::try_from(day).ok().filter(|day| (1..=days_in(year, month)).contains(day))?;
        let (hour, minute, second) = time.unwrap_or_default();
        Some(Self { year, month, day, hour, minute, second, zone_minutes })
    }

    /// `[day-name "," SP] 1*2DIGIT SP month SP 4DIGIT SP time-of-day SP zone` — RFC 5322 §3.3 — as
    /// nearly all mail has it; `None` for every other form.
    fn usual(text: &[u8]) -> Option<Self> {
        let text = match text.trim_ascii_start() {
            [a, b, c, b',', b' ', rest @ ..]
                if [a, b, c].iter().all(|byte| byte.is_ascii_alphabetic()) =>
            {
                rest.strip_prefix(b" ").unwrap_or(rest)
            }
            rest => rest,
        };
        let (day, rest) = match text {
            [ones, b' ', rest @ ..] => (digits([b'0', *ones])?, rest),
            [tens, ones, b' ', rest @ ..] => (digits([*tens, *ones])?, rest),
            _ => return None,
        };
        #[rustfmt::skip]
        let [a, b, c, b' ', y1, y2, y3, y4, b' ', h1, h2, b':', m1, m2, b':', s1, s2, b' ',
            sign @ (b'+' | b'-'), z1, z2, z3, z4, behind @ ..] = rest
        else {
            return None;
        };
        let month = month(&[*a, *b, *c])?;
        let (century, year) = (digits([*y1, *y2])?, digits([*y3, *y4])?);
        let year = u16::from(century).saturating_mul(100).saturating_add(u16::from(year));
        let (hour, minute) = (digits([*h1, *h2])?, digits([*m1, *m2])?);
        let second = digits([*s1, *s2])?;
        let (zone_hours, zone_minutes) = (digits([*z1, *z2])?, digits([*z3, *z4])?);
        let right = (1900..=9999).contains(&year)
            && (1..=days_in(year, month)).contains(&day)
            && hour <= 23
            && minute <= 59
            && second <= 60
            && zone_hours <= 23
            && zone_minutes <= 59
            && !behind.first().is_some_and(u8::is_ascii_digit);
        let east = i16::from(zone_hours).saturating_mul(60).saturating_add(zone_minutes.into());
        let zone_minutes = if *sign == b'-' { east.saturating_neg() } else { east };
        right.then_some(Self { year, month, day, hour, minute, second, zone_minutes })
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
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28_u8.saturating_add(leap.into()),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Two digits.
fn digits([tens, ones]: [u8; 2]) -> Option<u8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| tens.saturating_mul(10).saturating_add(ones))
}

/// Bytes that are looked at.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Words between spaces, commas and comments; `21-Nov-97` is three, `10:20:30+0100` two.
struct Words<'a> {
    rest: &'a [u8],
}

/// Hour, minute and second, each within its bounds.
type Time = (u8, u8, u8);

/// All but the month; not checked yet, except for the time.
struct Rest<'a> {
    day: u32,
    year: &'a [u8],
    time: Option<Time>,
    zone_minutes: i16,
}

impl<'a> Words<'a> {
    /// Comments and spaces; commas too, which mean nothing here.
    fn blanks(&mut self) {
        let mut depth = 0_u32;
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = match byte {
                b'(' => {
                    depth = depth.saturating_add(1);
                    rest
                }
                b')' => {
                    depth = depth.saturating_sub(1);
                    rest
                }
                b'\\' if depth > 0 => rest.get(1..).unwrap_or_default(),
                _ if depth > 0 || byte.is_ascii_whitespace() || matches!(byte, b',' | 0) => rest,
                _ => return,
            };
        }
    }

    /// What C's asctime, `date` and JavaScript write behind the month: `1 10:20:30 2005`,
    /// `1 10:20:30 CET 2005`, `1 2005 10:20:30 GMT+0100`.
    fn behind_month(&mut self) -> Option<Rest<'a>> {
        let day = number(self.next()?)?;
        let mut ahead = Words { rest: self.rest };
        let year = ahead.next()?;
        ahead.blanks();
        if ahead.rest.first() != Some(&b':') {
            *self = ahead;
            let (time, zone_minutes) = (self.time(), self.zone());
            return Some(Rest { day, year, time, zone_minutes });
        }
        let time = self.time();
        let before = Words { rest: self.rest };
        let year = self.next()?;
        if year.len() == 4 && number(year).is_some() {
            return Some(Rest { day, year, time, zone_minutes: self.zone() });
        }
        *self = before;
        let zone_minutes = self.zone();
        Some(Rest { day, year: self.next()?, time, zone_minutes })
    }

    /// `hour ":" minute [ ":" second ]` — RFC 5322 §4.3: comments may stand anywhere. Fractions of
    /// a second are dropped. `None` if there is no such time, or none that a clock shows.
    fn time(&mut self) -> Option<Time> {
        let hour = number(self.next()?);
        let minute = self.after_colon()?;
        let second = self.after_colon().unwrap_or(Some(0));
        let narrow =
            |value: Option<u32>, max: u8| u8::try_from(value?).ok().filter(|value| *value <= max);
        Some((narrow(hour, 23)?, narrow(minute, 59)?, narrow(second, 60)?))
    }

    /// The number behind a colon; outer `None` if there is no colon.
    fn after_colon(&mut self) -> Option<Option<u32>> {
        self.blanks();
        self.rest = self.rest.strip_prefix(b":")?;
        let digits = self.next().and_then(|word| word.split(|byte| *byte == b'.').next());
        Some(digits.and_then(number))
    }

    /// `zone` — RFC 5322 §3.3 and §4.3 — in minutes; 0 for none and for one that is not known.
    /// `GMT+0100` and `+01:00` are taken too.
    fn zone(&mut self) -> i16 {
        let Some(word) = self.next() else { return 0 };
        let Some((sign @ (b'+' | b'-'), digits)) = word.split_first() else {
            return match self.rest.first() {
                Some(b'+' | b'-') if is_utc(word) => self.zone(),
                _ => named_zone(word),
            };
        };
        let east = match (digits.len(), self.rest) {
            (1 | 2, [b':', ..]) => {
                let minutes = self.after_colon().flatten();
                number(digits).zip(minutes)
            }
            (1 | 2, _) => number(digits).map(|hours| (hours, 0)),
            (3 | 4, _) => number(digits).map(|both| (both.div_euclid(100), both.rem_euclid(100))),
            _ => None,
        };
        let east = east.filter(|(hours, minutes)| *hours < 24 && *minutes < 60);
        let east = east.map(|(hours, minutes)| hours.saturating_mul(60).saturating_add(minutes));
        let east = east.and_then(|east| i16::try_from(east).ok()).unwrap_or(0);
        if *sign == b'-' { east.saturating_neg() } else { east }
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
        self.rest = match rest {
            [b'-', next, ..] => {
                let joins = next.is_ascii_alphabetic()
                    || (first.is_ascii_alphabetic() && next.is_ascii_digit() && !is_utc(word));
                if joins { rest.get(1..).unwrap_or_default() } else { rest }
            }
            _ => rest,
        };
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

/// By the first three letters of its name.
fn month(word: &[u8]) -> Option<u8> {
    let [a, b, c, ..] = word else { return None };
    Some(match &[a | 0x20, b | 0x20, c | 0x20] {
        b"jan" => 1,
        b"feb" => 2,
        b"mar" => 3,
        b"apr" => 4,
        b"may" => 5,
        b"jun" => 6,
        b"jul" => 7,
        b"aug" => 8,
        b"sep" => 9,
        b"oct" => 10,
        b"nov" => 11,
        b"dec" => 12,
        _ => return None,
    })
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

fn is_utc(word: &[u8]) -> bool {
    [&b"GMT"[..], b"UTC", b"UT", b"Z"].iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// `obs-zone` — RFC 5322 §4.3. The letters of the military count as 0, for their first standard had them wrong;
/// so does every other name.
fn named_zone(word: &[u8]) -> i16 {
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
    named.map_or(0, |(_, hours)| hours.saturating_mul(60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use alloc::format;

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

    #[test] // RFC 5322 §4.3
    fn zones() {
        let zones: [(&str, i64); 24] = [
            ("GMT", 0),
            ("UT", 0),
            ("UTC", 0),
            ("Z", 0),
            ("a", 0),
            ("J", 0),
            ("EST", -300),
            ("edt", -240),
            ("CST", -360),
            ("CDT", -300),
            ("MST", -420),
            ("MDT", -360),
            ("PST", -480),
            ("PDT", -420),
            ("CEST", 0),
            ("-0000", 0),
            ("+1400", 840),
            ("-0130", -90),
            ("+01:30", 90),
            ("+1", 60),
            ("GMT+0100", 60),
            ("UTC-2", -120),
            ("+130", 90),
            ("(CET) +0100", 60),
        ];
        for (zone, minutes) in zones {
            check(&format!("1 Jan 2001 12:00 {zone}"), 978_350_400 - minutes * 60, 11_323);
        }
        for zone in
            ["+2400", "+0060", "-99999", "+", "+0a", "+01:", "+01:99", "+:", "\u{fc}", "+ 0100"]
        {
            check(&format!("1 Jan 2001 12:00 {zone}"), 978_350_400, 11_323);
        }
    }

    #[test]
    fn other_programs() {
        check("Fri Nov 21 15:55:06 UTC 1997", 880_127_706, 10_186);
        check("Fri Nov 21 15:55:06 +0000 1997", 880_127_706, 10_186);
        check("Fri Nov 21 1997 09:55:06 GMT-0600 (CST)", 880_127_706, 10_186);
        check("November 21, 1997 15:55:06", 880_127_706, 10_186);
        check("Friday, 21-Nov-97 15:55:06 GMT", 880_127_706, 10_186); // as in old news
        check("21 November 1997 15:55:06 (a (b\\) c) d)", 880_127_706, 10_186);
    }

    #[test] // RFC 5256 §2.2
    fn absurd_times_are_midnight() {
        for time in [
            "24:00:00", "   59:10", "10:", "10:60", "1:2:61", "::", "99999:0", "noon", "-1:0",
            ":1", "10", "10.20.30",
        ] {
            let text = format!("Wed, 15 Dec 2010 {time}");
            check(&text, 1_292_371_200, 14_958);
        }
        // What stands where the zone does still counts.
        check("Wed, 15 Dec 2010 59:10:00 -0500", 1_292_389_200, 14_958);
    }

    #[test] // pitfall 140
    fn absurd_dates() {
        none("");
        none("4459332-10-09");
        none("1 Jan 4459332 00:00:00 +0000");
        none("30 Feb 2001 00:00:00 +0000");
        none("0 Jan 2001 00:00:00 +0000");
        none("1 Jan 0000 00:00:00 +0000");
        none("1 Foo 2001 00:00:00 +0000");
        none("99999999999999999999 Jan 2001");
        none("Mon");
        none("((((");
        none("(x\\");
        none("1 Jan");
        none("Jan 1");
        none("Jan 1 10:20");
        none("Jan 1 10:20 CET");
        none("1 Jan 1899 00:00:00 +0000");
        none("32 Jan 2001");
        none("-1 Jan 2001");
        none("1 \u{fc}an 2001");
        none(&"(".repeat(1_000_000));
        none(&("1 Jan ".to_owned() + &" ".repeat(TEXT_BYTES_MAX) + "2001"));
        none("\0");
    }

    #[test]
    fn the_usual_form_is_only_faster() {
        let texts = [
            "Fri, 21 Nov 1997 09:55:06 -0600",
            "21 Nov 1997 09:55:06 -0600",
            "Fri,  1 Nov 1997 09:55:06 +0100 (CET)",
            "fri, 21 Nov 1997 23:59:60 +2359",
            "Fri, 21 Nov 1997 24:00:00 -0600",
            "Fri, 21 Nov 1997 09:55:06 -06000",
            "Fri, 21 Nov 1997 09:55:06 +2400",
            "Fri, 31 Nov 1997 09:55:06 -0600",
            "Fri, 21 Nov 1899 09:55:06 -0600",
            "Fri, 0 Nov 1997 09:55:06 -0600",
            "29 Feb 1900 00:00:00 +0000",
        ];
        for text in texts {
            // A comma means nothing, and makes it unusual.
            let other = text.replace(" Nov ", ", Nov ").replace(" Feb ", ", Feb ");
            assert_eq!(DateTime::usual(other.as_bytes()), None);
            let (found, want) =
                (DateTime::parse(text.as_bytes()), DateTime::parse(other.as_bytes()));
            assert_eq!(found, want, "{text}");
        }
        assert!(texts[..4].iter().all(|text| DateTime::usual(text.as_bytes()).is_some()));
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
