//! Lists: walked once to prove every item right, kept as bytes to be walked again.

use super::command::{Item, List};
use super::strings::{literal_octets, quoted, sp};
use crate::cursor::{Cursor, Error};

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
        cursor.take_while(|byte| !matches!(byte, b'(' | b')' | b'"' | b'{'));
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
