//! Numbers, each with its range (RFC 9051 §9): what is out of range is a syntax error, not a wrap.

use crate::cursor::{Cursor, Error};
use crate::steps;

/// The largest `number64`: 63 bits, so that it fits a signed column anywhere.
const NUMBER64_MAX: u64 = 9_223_372_036_854_775_807;

/// `nz-number = digit-nz *DIGIT`, 0 < n < 4,294,967,296 — RFC 9051 §9.
pub(super) fn nz_number(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    if !matches!(cursor.peek(), Some(b'1'..=b'9')) {
        return Err(cursor.error("nz-number"));
    }
    let (value, len) = digits(*cursor);
    match u32::try_from(value) {
        Ok(value) => cursor.take(len, "nz-number").map(|_| value),
        Err(_) => Err(cursor.error("nz-number")),
    }
}

/// `number64 = 1*DIGIT`, 0 <= n <= 9,223,372,036,854,775,807 — RFC 9051 §9.
pub(super) fn number64(cursor: &mut Cursor<'_>) -> Result<u64, Error> {
    match digits(*cursor) {
        (value, len) if len > 0 && value <= NUMBER64_MAX => {
            cursor.take(len, "number64").map(|_| value)
        }
        _ => Err(cursor.error("number64")),
    }
}

/// `nz-number64 = digit-nz *DIGIT`, 0 < n — RFC 9051 §9.
pub(super) fn nz_number64(cursor: &mut Cursor<'_>) -> Result<u64, Error> {
    match cursor.peek() {
        Some(b'1'..=b'9') => number64(cursor),
        _ => Err(cursor.error("nz-number64")),
    }
}

/// `mod-sequence-valzer = "0" / mod-sequence-value` — RFC 7162 §7.
pub(super) fn mod_sequence_valzer(cursor: &mut Cursor<'_>) -> Result<u64, Error> {
    let before = *cursor;
    number64(cursor).map_err(|_| before.error("mod-sequence-valzer"))
}

/// Exactly `count` digits, at most 9 of them.
pub(super) fn fixed_digits(
    cursor: &mut Cursor<'_>,
    count: usize,
    expected: &'static str,
) -> Result<u32, Error> {
    let before = *cursor;
    let bytes = cursor.take(count, expected)?;
    let (value, len) = digits(Cursor::new(bytes));
    match u32::try_from(value) {
        Ok(value) if len == count => Ok(value),
        _ => Err(before.error(expected)),
    }
}

/// The value of the digits ahead, the largest `u64` if it is larger, and how many they are.
pub(super) fn digits(cursor: Cursor<'_>) -> (u64, usize) {
    let (mut value, mut len) = (0u64, 0usize);
    for byte in cursor.rest() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        // 19 digits cannot overflow; further ones are rare, and their value hardly matters.
        value = if len < 19 {
            value.wrapping_mul(10).wrapping_add(u64::from(digit))
        } else {
            value.saturating_mul(10).saturating_add(u64::from(digit))
        };
        len = len.wrapping_add(1);
    }
    steps::took(len);
    (value, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Debug;

    #[track_caller]
    fn check<T: Debug + PartialEq>(
        parser: fn(&mut Cursor<'_>) -> Result<T, Error>,
        input: &str,
        want: Option<T>,
    ) {
        assert_eq!(parser(&mut Cursor::new(input.as_bytes())).ok(), want, "from {input:?}");
    }

    #[test]
    fn ranges() {
        check(nz_number, "1", Some(1));
        check(nz_number, "4294967295", Some(u32::MAX));
        check(nz_number, "4294967296", None);
        check(nz_number, "18446744073709551617", None); // wraps to 1 in 64 bits
        check(nz_number, "0", None);
        check(nz_number, "01", None);
        check(nz_number, "", None);
        check(nz_number, "-1", None);
        check(number64, "0", Some(0));
        check(number64, "007", Some(7));
        check(number64, "9223372036854775807", Some(NUMBER64_MAX));
        check(number64, "9223372036854775808", None);
        check(number64, "99999999999999999999999999999999999999999", None);
        check(number64, "x", None);
        check(nz_number64, "0", None);
        check(nz_number64, "9223372036854775807", Some(NUMBER64_MAX));
        check(mod_sequence_valzer, "0", Some(0));
        check(mod_sequence_valzer, "x", None);
    }
}
