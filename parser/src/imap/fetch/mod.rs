//! FETCH: what of a message is wanted (RFC 9051 §6.4.5, RFC 3501 §6.4.5, RFC 3516, RFC 7162).

mod item;
mod section;
#[cfg(test)]
mod tests;

use super::command::{Command, FetchItem, FetchModifier, Numbers};
use super::lists::{Item, Least, List, lone, parenthesized, step_over};
use super::names::Seen;
use super::number::mod_sequence_valzer;
use super::search::partial_range;
use super::sequence::set;
use super::strings::{sp, word};
use crate::cursor::{Cursor, Error};
use item::fetch_att;

pub use section::section_spec;

/// RFC 9051 §6.4.5
const ALL: &[u8] = b"FLAGS INTERNALDATE RFC822.SIZE ENVELOPE";
/// RFC 9051 §6.4.5
const FAST: &[u8] = b"FLAGS INTERNALDATE RFC822.SIZE";
/// RFC 9051 §6.4.5
const FULL: &[u8] = b"FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY";

/// `fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att
/// *(SP fetch-att) ")") [fetch-modifiers]` — RFC 9051 §9, RFC 4466 §6.
pub(super) fn fetch<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let set = set(cursor)?;
    sp(cursor)?;
    let items = match cursor.peek() {
        Some(b'(') => fetch_atts(cursor)?,
        _ => match macro_items(cursor) {
            Some(raw) => List::proved(raw),
            None => lone(cursor, |cursor| fetch_att(cursor, Seen::First))?,
        },
    };
    let modifiers = fetch_modifiers(cursor, numbers)?;
    Ok(Command::Fetch { numbers, set, items, modifiers })
}

/// The items that a macro stands for. A macro is no item of a list (RFC 9051 §6.4.5).
fn macro_items(cursor: &mut Cursor<'_>) -> Option<&'static [u8]> {
    let mut ahead = *cursor;
    let items = match word(&mut ahead).as_bytes() {
        b"ALL" => ALL,
        b"FAST" => FAST,
        b"FULL" => FULL,
        _ => return None,
    };
    *cursor = ahead;
    Some(items)
}

/// `"(" fetch-att *(SP fetch-att) ")"` — RFC 5465 §8, RFC 9051 §9.
pub(super) fn fetch_atts<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, FetchItem<'a>>, Error> {
    parenthesized(cursor, Least::One, |cursor| fetch_att(cursor, Seen::First))
}

/// The same, seen again.
pub(super) fn fetch_atts_again<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<List<'a, FetchItem<'a>>, Error> {
    step_over(cursor).map(List::proved)
}

/// `"PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]`, `preview-mod = "LAZY"` — RFC 8970 §6.
///
/// Behind a lone `PREVIEW` the parentheses may be those of fetch modifiers: no modifier is LAZY.
fn preview<'a>(cursor: &mut Cursor<'a>) -> Result<FetchItem<'a>, Error> {
    let mut ahead = *cursor;
    let lazy = ahead.eat_word(" (LAZY") && matches!(ahead.peek(), Some(b' ' | b')'));
    if lazy {
        while ahead.eat_word(" LAZY") {}
        ahead.eat(b' '); // forgiven, as in every list
        ahead.expect(b')', "\")\"")?;
        *cursor = ahead;
    }
    Ok(FetchItem::Preview { lazy })
}

/// `fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"` — RFC 4466 §6.
///
/// VANISHED needs UID FETCH and CHANGEDSINCE beside it (RFC 7162 §3.2.6), PARTIAL is one for
/// UID FETCH (RFC 9394 §3.3).
fn fetch_modifiers<'a>(
    cursor: &mut Cursor<'a>,
    numbers: Numbers,
) -> Result<List<'a, FetchModifier>, Error> {
    let mut ahead = *cursor;
    if !ahead.eat(b' ') || ahead.peek() != Some(b'(') {
        return Ok(List::EMPTY);
    }
    *cursor = ahead;
    let list = parenthesized(cursor, Least::One, fetch_modifier)?;
    let vanished = list.iter().any(|modifier| modifier == FetchModifier::Vanished);
    let since = list.iter().any(|modifier| matches!(modifier, FetchModifier::ChangedSince(_)));
    if vanished && !(since && numbers == Numbers::Uid) {
        return Err(ahead.error("UID FETCH with CHANGEDSINCE for VANISHED"));
    }
    let partial = list.iter().any(|modifier| matches!(modifier, FetchModifier::Partial(_)));
    if partial && numbers != Numbers::Uid {
        return Err(ahead.error("UID FETCH for PARTIAL"));
    }
    Ok(list)
}

impl Item<'_> for FetchModifier {
    fn again(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        fetch_modifier(cursor)
    }
}

/// `chgsince-fetch-mod / rexpunges-fetch-mod` — RFC 7162 §7, with
/// `"PARTIAL" SP partial-range` — RFC 9394 §4.
///
/// Deviation: `CHANGEDSINCE 0` is taken, as the 0 of UNCHANGEDSINCE is: it asks for everything.
fn fetch_modifier(cursor: &mut Cursor<'_>) -> Result<FetchModifier, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"CHANGEDSINCE" => {
            sp(cursor)?;
            mod_sequence_valzer(cursor).map(FetchModifier::ChangedSince)
        }
        b"VANISHED" => Ok(FetchModifier::Vanished),
        b"PARTIAL" => {
            sp(cursor)?;
            partial_range(cursor).map(FetchModifier::Partial)
        }
        _ => Err(before.error("fetch-modifier")),
    }
}
