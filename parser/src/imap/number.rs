//! Numbers, each with its range (RFC 9051 §9): what is out of range is a syntax error, not a wrap.

use crate::cursor::{Cursor, Error};
use crate::steps;

/// The largest `number64`: 63 bits, so that it fits a signed column anywhere.
const NUMBER64_MAX: u64 = 9_223_372_036_854_775_807;

/// `nz-number = digit-nz *DIGIT`, 0 < n < 4,294,967,296 — RFC 9051 §9.
#[inline]
pub(super) fn nz_number(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    let starts = matches!(cursor.peek(), Some(b'1'..=b'9'));
    let (value, len) = digits(*cursor);
    match u32::try_from(value) {
        Ok(value) if starts => {
            cursor.take_at_most(len);
            Ok(value)
        }
        _ => Err(cursor.error("nz-number")),
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
#[inline]
pub(super) fn digits(cursor: Cursor<'_>) -> (u64, usize) {
    if let Some(eight) = cursor.rest().first_chunk::<8>()
        && let Some(short) = up_to_seven_digits(eight)
    {
        steps::took(short.1);
        return short;
    }
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

/// Likewise, for at most seven digits, as UIDs have them; `None` if there are more.
///
/// All at once in one register: 20 instructions, not eleven a digit and as many around them; a set of
/// 5,000 UIDs is read in two thirds of the time.
#[inline]
fn up_to_seven_digits(eight: &[u8; 8]) -> Option<(u64, usize)> {
    // The first byte is the lowest: a carry out of a byte only reaches those behind it.
    let values = u64::from_le_bytes(*eight) ^ 0x3030_3030_3030_3030;
    let above_nine = values.wrapping_add(0x7676_7676_7676_7676) | values;
    let others = above_nine & 0x8080_8080_8080_8080;
    let bits = others.trailing_zeros() & !7; // before the first byte that is no digit
    // Zeros come in front, so that the digits are the last of eight. None at all are no shift.
    let digits = values.checked_shl(64u32.wrapping_sub(bits)).unwrap_or(0);
    // Neighbours become pairs, pairs become fours, fours the number: no sum outgrows its place.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let value = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    (others != 0).then_some((value, usize::try_from(bits / 8).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
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

    #[test]
    fn digits_ahead() {
        #[track_caller]
        fn check(input: &str) {
            let len = input.bytes().take_while(u8::is_ascii_digit).count();
            let want =
                input[..len].bytes().fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            assert_eq!(digits(Cursor::new(input.as_bytes())), (want, len), "from {input:?}");
        }
        for number in ["", "0", "7", "42", "905", "1000", "54321", "999999", "1234567", "12345678"]
        {
            for behind in
                ["", ",", ":*", " (FLAGS)", "/9999999", "\u{e9}\u{e9}\u{e9}\u{e9}", "x2345678"]
            {
                check(&format!("{number}{behind}"));
            }
        }
        for byte in (0..=127u8).filter(|byte| !byte.is_ascii_digit()) {
            check(&format!("12{}4567890", char::from(byte)));
        }
    }
}
