//! Spans of time, as Go writes them.

use std::time::Duration;

use super::{Given, Value, quoted, whole};

/// Go's units, longest name first where one begins another.
const TIMES: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A Go duration (`1h30m`, `1.5h`, `500ms`), or whole days as `14d`. Never negative.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(days) = text.strip_suffix('d') {
        return whole(days)?.checked_mul(86_400).map(Duration::from_secs);
    }
    if text == "0" {
        return Some(Duration::ZERO);
    }
    if text.is_empty() {
        return None;
    }
    let (mut rest, mut nanos) = (text, 0_u64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let (name, unit) = TIMES.iter().find(|(name, _)| {
            tail.strip_prefix(name).is_some_and(|after| !after.starts_with(char::is_alphabetic))
        })?;
        nanos = nanos.checked_add(scaled(number, *unit)?)?;
        rest = tail.strip_prefix(name)?;
    }
    Some(Duration::from_nanos(nanos))
}

/// `1.5` of a unit, in nanoseconds; digits below a nanosecond are dropped.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    if integer.is_empty() && fraction.is_empty() {
        return None;
    }
    let integer = if integer.is_empty() { 0 } else { whole(integer)? };
    let mut nanos = integer.checked_mul(unit)?;
    let mut unit = unit;
    for digit in fraction.chars() {
        unit /= 10;
        nanos = nanos.checked_add(u64::from(digit.to_digit(10)?) * unit)?;
    }
    Some(nanos)
}

/// As [`duration`] reads it.
pub fn shown_duration(length: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let nanos = length.as_nanos();
    let whole = UNITS.iter().find(|(_, unit)| nanos > 0 && nanos.is_multiple_of(*unit));
    whole.map_or("0s".to_owned(), |(name, unit)| format!("{}{name}", nanos / unit))
}

impl Value for Duration {
    fn expected(&self) -> &'static str {
        "a duration such as \"30s\", \"1h30m\" or \"14d\""
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = duration(given.text()?)?;
        Some(())
    }

    fn show(&self) -> String {
        quoted(&shown_duration(*self))
    }
}

impl Value for Option<Duration> {
    fn expected(&self) -> &'static str {
        "a duration above zero such as \"90d\" or \"12h\", or \"\" for none"
    }

    fn set(&mut self, given: Given<'_>) -> Option<()> {
        *self = match given.text()? {
            text if text.trim().is_empty() => None,
            text => Some(duration(text).filter(|length| !length.is_zero())?),
        };
        Some(())
    }

    fn show(&self) -> String {
        self.map_or_else(|| quoted(""), |length| length.show())
    }
}
