//! The byte classes of the grammar, and how a run of one class is taken.
//!
//! The rule: a class is written down once, in [`holds`], and looked up in a table that the compiler
//! makes of it: a load and a test for a byte, whatever the class.

use crate::cursor::Cursor;
use crate::steps;

/// `ATOM-CHAR = <any CHAR except atom-specials>` — RFC 9051 §9.
pub(super) const ATOM: u8 = 1;
/// `ASTRING-CHAR = ATOM-CHAR / resp-specials` — RFC 9051 §9.
pub(super) const ASTRING: u8 = 2;
/// `list-char = ATOM-CHAR / list-wildcards / resp-specials` — RFC 9051 §9.
pub(super) const LIST: u8 = 4;
/// Letters, digits, dots and hyphens: what the keywords of all IMAP grammars are made of.
pub(super) const WORD: u8 = 8;
/// What stands for itself in a quoted string: bytes beyond ASCII, too.
pub(super) const QUOTED: u8 = 16;
/// What a pair of parentheses can be skipped by: neither a parenthesis nor the start of a string.
pub(super) const FLAT: u8 = 32;
/// `<any ASTRING-CHAR except "+">` — RFC 9051 §9 `tag`.
pub(super) const TAG: u8 = 64;

#[inline]
const fn holds(class: u8, byte: u8) -> bool {
    match class {
        ATOM => list_char(byte) & (byte != b'%') & (byte != b'*') & (byte != b']'),
        ASTRING => list_char(byte) & (byte != b'%') & (byte != b'*'),
        LIST => list_char(byte),
        TAG => holds(ASTRING, byte) & (byte != b'+'),
        WORD => {
            let letter = byte | 0x20;
            ((letter >= b'a') & (letter <= b'z'))
                | ((byte >= b'0') & (byte <= b'9'))
                | (byte == b'.')
                | (byte == b'-')
        }
        QUOTED => {
            (byte != b'"') & (byte != b'\\') & (byte != b'\r') & (byte != b'\n') & (byte != 0)
        }
        _ => (byte != b'(') & (byte != b')') & (byte != b'"') & (byte != b'{'),
    }
}

#[inline]
const fn list_char(byte: u8) -> bool {
    (byte > b' ')
        & (byte < 0x7f)
        & (byte != b'(')
        & (byte != b')')
        & (byte != b'{')
        & (byte != b'"')
        & (byte != b'\\')
}

static CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "run by the compiler"
)]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut class = TAG;
        while class > 0 {
            if holds(class, at as u8) {
                classes[at] |= class;
            }
            class >>= 1;
        }
        at += 1;
    }
    classes
}

/// Whether a byte is of a class.
#[inline]
pub(super) fn is<const CLASS: u8>(byte: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & CLASS != 0)
}

/// How many bytes at the front are of a class.
///
/// Four at a time: for names of a dozen bytes it is 3.8 instructions a byte instead of six.
#[inline]
fn run<const CLASS: u8>(bytes: &[u8]) -> usize {
    let mut count = 0usize; // of bytes that are there, so it cannot wrap
    let (fours, rest) = bytes.as_chunks::<4>();
    for [a, b, c, d] in fours {
        if !is::<CLASS>(*a) {
            return count;
        }
        if !is::<CLASS>(*b) {
            return count.wrapping_add(1);
        }
        if !is::<CLASS>(*c) {
            return count.wrapping_add(2);
        }
        if !is::<CLASS>(*d) {
            return count.wrapping_add(3);
        }
        count = count.wrapping_add(4);
    }
    count.wrapping_add(rest.iter().position(|&byte| !is::<CLASS>(byte)).unwrap_or(rest.len()))
}

/// Takes the bytes of a class that are next; may take none.
#[inline]
pub(super) fn take<'a, const CLASS: u8>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    cursor.take_at_most(run::<CLASS>(cursor.rest()))
}

/// Whether `bytes` are `1*ASTRING-CHAR *(SP 1*ASTRING-CHAR)`: a list of nothing but plain words.
///
/// It looks at every byte whatever it finds, so that it is made of steps of sixteen: three
/// instructions for each byte of the header fields that a client wants, not twelve.
pub(super) fn is_plain_list(bytes: &[u8]) -> bool {
    let seconds = bytes.get(1..).unwrap_or_default();
    let wrong = bytes.iter().zip(seconds).fold(false, |found, (&first, &second)| {
        let doubled = (first == b' ') & (second == b' ');
        found | doubled | ((first != b' ') & !holds(ASTRING, first))
    });
    steps::took(bytes.len());
    let ends = [bytes.first(), bytes.last()];
    !wrong && ends.iter().all(|end| end.is_some_and(|&end| is::<ASTRING>(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn plain_lists() {
        #[track_caller]
        fn check(bytes: &[u8], want: bool) {
            assert_eq!(is_plain_list(bytes), want, "{:?}", bytes.escape_ascii());
        }
        check(b"a", true);
        check(b"date subject x-priority list-id from a]b in-reply-to", true);
        for wrong in [&b""[..], b" ", b" a", b"a ", b"a  b"] {
            check(wrong, false);
        }
        // Wherever it stands, and whatever it is.
        for at in 0..40 {
            for byte in 0..=255 {
                let mut names = [b'a'; 40];
                names[at] = byte;
                check(&names, is::<ASTRING>(byte) || (byte == b' ' && at > 0 && at < 39));
            }
        }
    }

    #[track_caller]
    fn check<const CLASS: u8>(first: u8, last: u8, without: &[u8]) {
        for byte in 0..=255 {
            let want = (first..=last).contains(&byte) && !without.contains(&byte);
            assert_eq!(is::<CLASS>(byte), want, "{byte:#x}");
            let input = [byte, b'(', byte];
            let taken = take::<CLASS>(&mut Cursor::new(&input)).len();
            assert_eq!(taken, usize::from(want) * if CLASS == QUOTED { input.len() } else { 1 });
        }
    }

    #[test]
    fn members() {
        check::<ATOM>(0x21, 0x7e, b"(){%*\"\\]");
        check::<ASTRING>(0x21, 0x7e, b"(){%*\"\\");
        check::<LIST>(0x21, 0x7e, b"(){\"\\");
        check::<TAG>(0x21, 0x7e, b"(){%*\"\\+");
        check::<QUOTED>(1, 0xff, b"\r\n\"\\");
        check::<FLAT>(0, 0xff, b"(){\"");
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
        let others: Vec<u8> = (0..=255).filter(|byte| !word(byte)).collect();
        check::<WORD>(0, 0xff, &others);
    }
}
