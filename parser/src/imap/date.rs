//! Dates (RFC 9051 §9): the proleptic Gregorian calendar, years 0000 to 9999, nothing else.

use super::command::{Date, DateTime};
use super::number::{digits, fixed_digits};
use crate::cursor::{Cursor, Error};

/// `date-month`, in order — RFC 9051 §9.
pub(super) const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// `date = date-text / DQUOTE date-text DQUOTE` — RFC 9051 §9.
pub(super) fn date(cursor: &mut Cursor<'_>) -> Result<Date, Error> {
    let quoted = cursor.eat(b'"');
    let date = date_text(cursor)?;
    if quoted {
        cursor.expect(b'"', "DQUOTE")?;
    }
    Ok(date)
}

/// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE` —
/// RFC 9051 §9. A day of one digit without its space is forgiven.
pub(super) fn date_time(cursor: &mut Cursor<'_>) -> Result<DateTime, Error> {
    cursor.expect(b'"', "DQUOTE")?;
    cursor.eat(b' ');
    let day = date_text(cursor)?;
    cursor.expect(b' ', "SP")?;
    let seconds = time(cursor)?;
    cursor.expect(b' ', "SP")?;
    let zone_minutes = zone(cursor)?;
    cursor.expect(b'"', "DQUOTE")?;
    let local = i64::from(day.unix_days).saturating_mul(86_400).saturating_add(seconds);
    let unix_seconds = local.saturating_sub(i64::from(zone_minutes).saturating_mul(60));
    Ok(DateTime { unix_seconds, zone_minutes })
}

/// `date-text = date-day "-" date-month "-" date-year` — RFC 9051 §9.
fn date_text(cursor: &mut Cursor<'_>) -> Result<Date, Error> {
    let before = *cursor;
    let day = match digits(*cursor) {
        (_, len @ 1..=2) => fixed_digits(cursor, len, "date-day")?,
        _ => return Err(before.error("date-day")),
    };
    cursor.expect(b'-', "\"-\"")?;
    let month = date_month(cursor)?;
    cursor.expect(b'-', "\"-\"")?;
    let year = fixed_digits(cursor, 4, "date-year")?;
    let last = days_in_month(year, month);
    if day == 0 || day > last {
        return Err(before.error("day of that month"));
    }
    Ok(Date { unix_days: days_from_civil(year, month, day) })
}

/// `date-month = "Jan" / "Feb" / …` — RFC 9051 §9, counted from 1.
fn date_month(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    let before = *cursor;
    let name = cursor.take(3, "date-month")?.first_chunk::<3>();
    // Only a letter becomes a small letter by that bit: a November is found with half the
    // instructions that `eq_ignore_ascii_case` needs.
    let small = |name: &[u8; 3]| name.map(|byte| byte | 0x20);
    let wanted = name.map(small);
    (1..)
        .zip(MONTHS)
        .find(|(_, month)| wanted == Some(small(month)))
        .map_or_else(|| Err(before.error("date-month")), |(number, _)| Ok(number))
}

/// `time = 2DIGIT ":" 2DIGIT ":" 2DIGIT` — RFC 9051 §9, as seconds of the day.
///
/// A leap second is the second before it.
fn time(cursor: &mut Cursor<'_>) -> Result<i64, Error> {
    let before = *cursor;
    let hours = fixed_digits(cursor, 2, "time")?;
    cursor.expect(b':', "\":\"")?;
    let minutes = fixed_digits(cursor, 2, "time")?;
    cursor.expect(b':', "\":\"")?;
    let seconds = fixed_digits(cursor, 2, "time")?;
    if hours > 23 || minutes > 59 || seconds > 60 {
        return Err(before.error("time of day"));
    }
    let minutes = hours.saturating_mul(60).saturating_add(minutes);
    Ok(i64::from(minutes.saturating_mul(60).saturating_add(seconds.min(59))))
}

/// `zone = ("+" / "-") 4DIGIT` — RFC 9051 §9, as minutes east of UTC.
fn zone(cursor: &mut Cursor<'_>) -> Result<i16, Error> {
    let before = *cursor;
    let west = cursor.eat(b'-');
    if !west {
        cursor.expect(b'+', "zone")?;
    }
    let hours = fixed_digits(cursor, 2, "zone")?;
    let minutes = fixed_digits(cursor, 2, "zone")?;
    if hours > 23 || minutes > 59 {
        return Err(before.error("zone"));
    }
    let minutes = i16::try_from(hours.saturating_mul(60).saturating_add(minutes)).unwrap_or(0);
    Ok(if west { minutes.saturating_neg() } else { minutes })
}

const fn days_in_month(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the years 0 to 9999.
///
/// Years are counted from March, so that the leap day is the last of its year, and in eras of 400
/// years, which all have 146,097 days.
#[expect(clippy::arithmetic_side_effects, reason = "four-digit years, months and days")]
fn days_from_civil(year: u32, month: u32, day: u32) -> i32 {
    // Year 0 has a January before its March: one era is added to stay above zero.
    let year = year + 400 - u32::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    i32::try_from(days).unwrap_or(i32::MAX) - 719_468 - 146_097
}

/// The day as (year, month, day), clamped to the years 0 to 9999 that four digits can say.
#[expect(clippy::arithmetic_side_effects, reason = "the day is clamped to four-digit years")]
pub(super) fn civil_from_days(unix_days: i64) -> (u32, u32, u32) {
    const FIRST: i64 = -719_528; // 0000-01-01
    const LAST: i64 = 2_932_896; // 9999-12-31
    let days = unix_days.clamp(FIRST, LAST) + 719_468 + 146_097;
    let days = u32::try_from(days).unwrap_or(0);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (year.saturating_sub(400), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[track_caller]
    fn check_date(input: &str, want: &str) {
        let mut cursor = Cursor::new(input.as_bytes());
        let told = date(&mut cursor).map(|date| {
            let (year, month, day) = civil_from_days(date.unix_days.into());
            format!("{year:04}-{month:02}-{day:02}")
        });
        assert_eq!(told.unwrap_or_else(|error| error.to_string()), want, "from {input:?}");
    }

    #[test]
    fn dates() {
        check_date("1-Feb-2020", "2020-02-01");
        check_date("01-feb-2020", "2020-02-01");
        check_date("\"29-FEB-2020\"", "2020-02-29");
        check_date("29-Feb-2000", "2000-02-29");
        check_date("1-Jan-0000", "0000-01-01");
        check_date("29-Feb-0000", "0000-02-29");
        check_date("31-Dec-9999", "9999-12-31");
        check_date("29-Feb-2021", "expected day of that month at byte 0");
        check_date("29-Feb-1900", "expected day of that month at byte 0");
        check_date("31-Apr-2020", "expected day of that month at byte 0");
        check_date("0-Jan-2020", "expected day of that month at byte 0");
        check_date("32-Jan-2020", "expected day of that month at byte 0");
        check_date("001-Jan-2020", "expected date-day at byte 0");
        check_date(" 1-Jan-2020", "expected date-day at byte 0");
        check_date("1-Foo-2020", "expected date-month at byte 2");
        check_date("1-Jan-20", "expected date-year at byte 6");
        check_date("1-Jan-20x0", "expected date-year at byte 6");
        check_date("\"1-Jan-2020", "expected DQUOTE at byte 11");
        check_date("1-", "expected date-month at byte 2");
        // pitfall 140: the fifth digit is left over, and no command goes on with it.
        check_date("10-Sep-44593", "4459-09-10");
    }

    #[track_caller]
    fn check_time(input: &str, want: Result<(i64, i16), &str>) {
        let told = date_time(&mut Cursor::new(input.as_bytes()));
        let told = told.map(|told| (told.unix_seconds, told.zone_minutes));
        assert_eq!(told.map_err(|error| error.to_string()), want.map_err(|e| e.to_string()));
    }

    #[test]
    fn date_times() {
        check_time("\" 1-Feb-2020 00:00:00 +0000\"", Ok((1_580_515_200, 0)));
        check_time("\"01-Feb-2020 00:00:00 -0000\"", Ok((1_580_515_200, 0)));
        check_time("\"1-Feb-2020 01:00:00 +0100\"", Ok((1_580_515_200, 60)));
        check_time("\"31-Jan-2020 12:30:00 -1130\"", Ok((1_580_515_200, -690)));
        check_time("\" 1-Jan-1970 00:00:00 +0001\"", Ok((-60, 1)));
        check_time("\"30-Jun-2015 23:59:60 +0000\"", Ok((1_435_708_799, 0)));
        check_time("\" 1-Jan-0000 00:00:00 +0000\"", Ok((-62_167_219_200, 0)));
        check_time("\" 1-Feb-2020 24:00:00 +0000\"", Err("expected time of day at byte 13"));
        check_time("\" 1-Feb-2020 00:60:00 +0000\"", Err("expected time of day at byte 13"));
        check_time("\" 1-Feb-2020 00:00:61 +0000\"", Err("expected time of day at byte 13"));
        check_time("\" 1-Feb-2020 0:00:00 +0000\"", Err("expected time at byte 13"));
        check_time("\" 1-Feb-2020 00:00:00 +2400\"", Err("expected zone at byte 22"));
        check_time("\" 1-Feb-2020 00:00:00 0000\"", Err("expected zone at byte 22"));
        check_time("\" 1-Feb-2020 00:00:00\"", Err("expected SP at byte 21"));
        check_time("\" 1-Feb-2020 00:00:00 +0000", Err("expected DQUOTE at byte 27"));
        check_time(" 1-Feb-2020 00:00:00 +0000", Err("expected DQUOTE at byte 0"));
    }

    /// Every day of the calendar there and back.
    #[test]
    fn days_there_and_back() {
        let mut want = -719_528;
        for year in 0..10_000 {
            for month in 1..=12 {
                for day in [1, days_in_month(year, month)] {
                    let days = days_from_civil(year, month, day);
                    assert_eq!(civil_from_days(days.into()), (year, month, day));
                    assert_eq!(days, want + i32::try_from(day).unwrap() - 1);
                }
                want += i32::try_from(days_in_month(year, month)).unwrap();
            }
        }
        assert_eq!(civil_from_days(i64::MAX), (9999, 12, 31));
        assert_eq!(civil_from_days(i64::MIN), (0, 1, 1));
    }
}
