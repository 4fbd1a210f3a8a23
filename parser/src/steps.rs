//! Work counted in steps, so that "linear" is a number a test can hold and not a matter of clocks.
//!
//! The rule: who looks at bytes says how many with `took`. [`Cursor`](crate::Cursor) does so for
//! all it is asked, a step a call and one a byte; code that walks a slice by itself (`memchr`, a
//! table, a `for`) says so there. Unit tests and the feature `steps` count, by thread; everywhere
//! else `took` is nothing, and so is its cost.

/// Says that `bytes` were looked at, or as many other things done.
#[cfg(not(any(test, feature = "steps")))]
#[inline(always)]
pub(crate) const fn took(bytes: usize) {
    let _ = bytes;
}

/// Says that `bytes` were looked at, or as many other things done.
#[cfg(any(test, feature = "steps"))]
pub(crate) fn took(bytes: usize) {
    counter::STEPS.set(counter::STEPS.get().saturating_add(bytes));
}

/// Where `byte` is first in `bytes`, counted up to there.
pub(crate) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    let found = memchr::memchr(byte, bytes);
    took(found.unwrap_or(bytes.len()).saturating_add(1));
    found
}

/// Likewise, for a byte that is most often near: in a name, or at the end of a short line.
///
/// Eight bytes at a time in one register: for the names of header fields half the instructions of
/// `memchr`, which gets ready for many; it is asked behind the first 32 bytes.
#[inline]
pub(crate) fn find_near(byte: u8, bytes: &[u8]) -> Option<usize> {
    const EIGHTS: usize = 4;
    let each = u64::from_le_bytes([byte; 8]);
    let (eights, tail) = bytes.as_chunks::<8>();
    let mut before = 0usize; // of bytes that are there, so it cannot wrap
    for eight in eights.iter().take(EIGHTS) {
        // The byte becomes a zero; the lowest zero is the lowest to borrow into its top bit.
        let zeros = u64::from_le_bytes(*eight) ^ each;
        let found = zeros.wrapping_sub(0x0101_0101_0101_0101) & !zeros & 0x8080_8080_8080_8080;
        if found != 0 {
            let at = usize::try_from(found.trailing_zeros() / 8).unwrap_or(0);
            took(before.wrapping_add(at).wrapping_add(1));
            return Some(before.wrapping_add(at));
        }
        before = before.wrapping_add(8);
    }
    took(before);
    let found = if eights.len() > EIGHTS {
        find(byte, bytes.get(before..).unwrap_or_default())
    } else {
        let found = tail.iter().position(|&other| other == byte);
        took(found.unwrap_or(tail.len()).saturating_add(1));
        found
    };
    found.map(|at| before.wrapping_add(at))
}

/// What `work` gives, and the steps it took: 0 where they are not counted.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = counter::so_far();
    let given = work();
    (given, counter::so_far().saturating_sub(before))
}

#[cfg(any(test, feature = "steps"))]
mod counter {
    extern crate std;
    use core::cell::Cell;

    std::thread_local! {
        /// Steps of this thread: tests run beside each other.
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn so_far() -> usize {
        STEPS.get()
    }
}

#[cfg(not(any(test, feature = "steps")))]
mod counter {
    pub(super) const fn so_far() -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cursor;

    #[test]
    fn what_is_near_is_found() {
        for len in 0..80 {
            for around in [b'!', 0x1f, 0xa0, 0, 0xff] {
                let mut bytes = [around; 80];
                assert_eq!(find_near(b' ', &bytes[..len]), None);
                bytes[len] = b' ';
                assert_eq!(find_near(b' ', &bytes), Some(len));
                bytes[79] = b' ';
                assert_eq!(find_near(b' ', &bytes), Some(len));
                assert_eq!(find_near(b' ', &bytes[..len]), None);
                let (_, took) = count(|| find_near(b' ', &bytes));
                assert!((len..=len + 8).contains(&took), "{took} steps for {len}");
            }
        }
    }
    use alloc::vec;

    #[test]
    fn a_cursor_counts_what_it_looks_at() {
        let input = vec![b'x'; 1_000];
        let mut cursor = Cursor::new(&input);
        let (taken, steps) = count(|| cursor.take_while(|byte| byte == b'x').len());
        assert_eq!(taken, 1_000);
        assert!((1_000..1_010).contains(&steps), "{steps} steps");
        // Looking again costs again: what is quadratic shows.
        let (_, steps) = count(|| {
            for at in 0..input.len() {
                Cursor::new(&input[at..]).take_while(|byte| byte == b'x');
            }
        });
        assert!(steps > 500_000, "{steps} steps");
    }

    #[test]
    fn a_count_inside_a_count_is_part_of_it() {
        let ((_, inner), outer) = count(|| {
            took(5);
            count(|| took(7))
        });
        assert_eq!((inner, outer), (7, 12));
    }
}
