//! Lists: walked once to prove every item right, kept as bytes to be walked again.

use super::classes::{FLAT, take};
use super::strings::{literal_octets, quoted, sp};
use crate::cursor::{Cursor, Error};
use core::fmt;

/// A grammar function that reads one item of a list.
pub type Item<'a, T> = fn(&mut Cursor<'a>) -> Result<T, Error>;

/// A list whose every item has been parsed once and found right, items separated by one space.
pub struct List<'a, T> {
    pub(crate) raw: &'a [u8],
    pub(crate) item: Item<'a, T>,
}

// By hand: derived ones would want `T: Clone`, and a list holds no `T`.
impl<T> Copy for List<'_, T> {}
impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T> List<'a, T> {
    /// The items, in the client's order.
    pub const fn iter(&self) -> Items<'a, T> {
        Items { cursor: Cursor::new(self.raw), item: self.item }
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

impl<'a, T> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Items<'a, T>;
    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

/// Iterator over a [`List`].
#[derive(Clone)]
pub struct Items<'a, T> {
    cursor: Cursor<'a>,
    item: Item<'a, T>,
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

impl<T> Iterator for Items<'_, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        // The space behind the item before: eaten now, because an item that had to be kept
        // meanwhile would be moved twice, and some are large.
        self.cursor.eat(b' ');
        if self.cursor.is_empty() {
            return None;
        }
        (self.item)(&mut self.cursor).ok()
    }
}

/// One item kept as its bytes, parsed when asked for: how a search key holds another.
pub struct Sub<'a, T> {
    pub(crate) raw: &'a [u8],
    pub(crate) item: Item<'a, T>,
}

impl<T> Copy for Sub<'_, T> {}
impl<T> Clone for Sub<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Sub<'_, T> {
    /// The item. `None` cannot happen for a `Sub` that the parser made.
    pub fn parse(&self) -> Option<T> {
        (self.item)(&mut Cursor::new(self.raw)).ok()
    }
}

impl<T> fmt::Debug for Sub<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.raw.escape_ascii())
    }
}

impl<T> PartialEq for Sub<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
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

impl<'a, T> List<'a, T> {
    /// One without items.
    pub(super) const fn empty(item: Item<'a, T>) -> Self {
        Self { raw: b"", item }
    }
}

/// `"(" item *(SP item) ")"`, or `"()"` where that is allowed. A space before `)` is forgiven.
#[inline]
pub(super) fn parenthesized<'a, T>(
    cursor: &mut Cursor<'a>,
    least: Least,
    item: Item<'a, T>,
) -> Result<List<'a, T>, Error> {
    cursor.expect(b'(', "\"(\"")?;
    let inside = *cursor;
    if least == Least::None && cursor.eat(b')') {
        return Ok(List::empty(item));
    }
    loop {
        item(cursor)?;
        let raw = cursor.since(inside);
        let spaced = cursor.eat(b' ');
        if cursor.eat(b')') {
            return Ok(List { raw, item });
        }
        if !spaced {
            return Err(cursor.error("SP or \")\""));
        }
    }
}

/// `item *(SP item)` without parentheses, up to where no further item can start: a line end.
pub(super) fn spaced<'a, T>(
    cursor: &mut Cursor<'a>,
    item: Item<'a, T>,
) -> Result<List<'a, T>, Error> {
    let before = *cursor;
    loop {
        item(cursor)?;
        let raw = cursor.since(before);
        let mut ahead = *cursor;
        ahead.take_while(|byte| byte == b' ');
        if matches!(ahead.peek(), None | Some(b'\r' | b'\n')) {
            return Ok(List { raw, item });
        }
        sp(cursor)?;
    }
}

/// One item that stands for a list of one.
pub(super) fn lone<'a, T>(
    cursor: &mut Cursor<'a>,
    item: Item<'a, T>,
) -> Result<List<'a, T>, Error> {
    let before = *cursor;
    item(cursor)?;
    Ok(List { raw: cursor.since(before), item })
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
