//! Lists: walked once to prove every item right, kept as bytes to be walked again.

use super::classes::{FLAT, take};
use super::strings::{literal_octets, quoted, sp};
use crate::cursor::{Cursor, Error};
use core::fmt;
use core::marker::PhantomData;

/// What a list is made of, read again: the list was walked once to prove every item right.
pub trait Item<'a>: Sized {
    /// Reads an item that has been proved right, so that less has to be looked at than at first.
    ///
    /// # Errors
    /// It is no such item: never so in a list that the parser made.
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error>;
}

/// A list whose every item has been parsed once and found right, items separated by one space.
pub struct List<'a, T> {
    raw: &'a [u8],
    items: PhantomData<fn() -> T>,
}

// By hand: derived ones would want `T: Clone`, and a list holds no `T`.
impl<T> Copy for List<'_, T> {}
impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T> List<'a, T> {
    /// One without items.
    pub(super) const EMPTY: Self = Self::proved(b"");

    /// Items that have been found right one by one.
    pub(super) const fn proved(raw: &'a [u8]) -> Self {
        Self { raw, items: PhantomData }
    }

    /// The items, in the client's order.
    pub const fn iter(&self) -> Items<'a, T> {
        Items { cursor: Cursor::new(self.raw), items: PhantomData }
    }

    /// True if there is no item.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The bytes between the parentheses.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

impl<T> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.raw.escape_ascii())
    }
}

/// Compared by the bytes it was written in.
impl<T> PartialEq for List<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl<'a, T: Item<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Items<'a, T>;
    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

/// Iterator over a [`List`].
pub struct Items<'a, T> {
    cursor: Cursor<'a>,
    items: PhantomData<fn() -> T>,
}

impl<T> Clone for Items<'_, T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> Items<'_, T> {
    /// True behind the last item: the end that a right list is walked to.
    pub(crate) fn is_done(&self) -> bool {
        self.cursor.is_empty()
    }
}

impl<T> fmt::Debug for Items<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cursor.rest().escape_ascii())
    }
}

impl<'a, T: Item<'a>> Iterator for Items<'a, T> {
    type Item = T;
    #[inline]
    fn next(&mut self) -> Option<T> {
        // The space behind the item before: eaten now, because an item that had to be kept
        // meanwhile would be moved twice, and some are large.
        self.cursor.eat(b' ');
        if self.cursor.is_empty() {
            return None;
        }
        T::again(&mut self.cursor).ok()
    }
}

/// Whether a pair of parentheses may be empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Least {
    /// `[item *(SP item)]`
    None,
    /// `item *(SP item)`
    One,
}

/// `"(" item *(SP item) ")"`, or `"()"` where that is allowed. A space before `)` is forgiven.
#[inline]
pub(super) fn parenthesized<'a, T, P>(
    cursor: &mut Cursor<'a>,
    least: Least,
    item: impl Fn(&mut Cursor<'a>) -> Result<P, Error>,
) -> Result<List<'a, T>, Error> {
    cursor.expect(b'(', "\"(\"")?;
    let inside = *cursor;
    if least == Least::None && cursor.eat(b')') {
        return Ok(List::EMPTY);
    }
    loop {
        item(cursor)?;
        let raw = cursor.since(inside);
        let spaced = cursor.eat(b' ');
        if cursor.eat(b')') {
            return Ok(List::proved(raw));
        }
        if !spaced {
            return Err(cursor.error("SP or \")\""));
        }
    }
}

/// `item *(SP item)` without parentheses, up to where no further item can start: a line end.
pub(super) fn spaced<'a, T, P>(
    cursor: &mut Cursor<'a>,
    item: impl Fn(&mut Cursor<'a>) -> Result<P, Error>,
) -> Result<List<'a, T>, Error> {
    let before = *cursor;
    loop {
        item(cursor)?;
        let raw = cursor.since(before);
        let mut ahead = *cursor;
        ahead.take_while(|byte| byte == b' ');
        if matches!(ahead.peek(), None | Some(b'\r' | b'\n')) {
            return Ok(List::proved(raw));
        }
        sp(cursor)?;
    }
}

/// One item that stands for a list of one.
pub(super) fn lone<'a, T, P>(
    cursor: &mut Cursor<'a>,
    item: impl Fn(&mut Cursor<'a>) -> Result<P, Error>,
) -> Result<List<'a, T>, Error> {
    let before = *cursor;
    item(cursor)?;
    Ok(List::proved(cursor.since(before)))
}

/// Steps over a pair of parentheses that has been proved right; gives what is inside.
pub(super) fn step_over<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    cursor.expect(b'(', "\"(\"")?;
    let inside = *cursor;
    let mut open = 1usize;
    loop {
        take::<FLAT>(cursor);
        let raw = cursor.since(inside);
        match cursor.peek() {
            Some(b'(') => open = open.saturating_add(1),
            Some(b')') => open = open.saturating_sub(1),
            Some(b'"') => {
                quoted(cursor)?;
                continue;
            }
            _ => {
                literal_octets(cursor)?;
                continue;
            }
        }
        cursor.take(1, "\")\"")?;
        if open == 0 {
            return Ok(raw);
        }
    }
}

/// Likewise, for a list that has no lists in it: what is found with three bytes, not four, is found
/// at once (names of 180 bytes: 40 instructions instead of 1,300).
pub(super) fn step_over_flat<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    cursor.expect(b'(', "\"(\"")?;
    let inside = *cursor;
    loop {
        let Some(found) = memchr::memchr3(b')', b'"', b'{', cursor.rest()) else {
            return Err(cursor.error("\")\""));
        };
        cursor.take_at_most(found);
        let raw = cursor.since(inside);
        match cursor.peek() {
            Some(b'"') => quoted(cursor).map(|_| ())?,
            Some(b'{') => literal_octets(cursor).map(|_| ())?,
            _ => {
                cursor.eat(b')');
                return Ok(raw);
            }
        }
    }
}
