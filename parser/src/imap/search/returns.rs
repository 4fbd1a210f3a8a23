//! What of a result is told: return options (RFC 9051 §6.4.4, RFC 5267, RFC 9394, RFC 6203).

use crate::cursor::{Cursor, Error};
use crate::imap::command::{FetchItem, PartialRange, SearchReturn};
use crate::imap::fetch::{fetch_atts, fetch_atts_again};
use crate::imap::lists::{Item, Least, List, parenthesized};
use crate::imap::number::nz_number;
use crate::imap::strings::{sp, word};

/// `search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"` —
/// RFC 9051 §9; its first `SP` is read before, the one behind it here.
///
/// PARTIAL goes with no ALL and no other PARTIAL (RFC 5267 §4.4, RFC 9394 §3.1).
pub(super) fn search_return_opts<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<Option<List<'a, SearchReturn<'a>>>, Error> {
    if !cursor.eat_word("RETURN ") {
        return Ok(None);
    }
    let before = *cursor;
    let returns = parenthesized(cursor, Least::None, |cursor| option(cursor, fetch_atts))?;
    sp(cursor)?;
    let (mut partials, mut alls) = (0usize, 0usize);
    for option in returns {
        match option {
            SearchReturn::Partial(_) => partials = partials.saturating_add(1),
            SearchReturn::All => alls = alls.saturating_add(1),
            _ => {}
        }
    }
    if partials > 1 || (partials == 1 && alls > 0) {
        return Err(before.error("one PARTIAL or ALL"));
    }
    Ok(Some(returns))
}

impl<'a> Item<'a> for SearchReturn<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        option(cursor, fetch_atts_again)
    }
}

/// How the items behind UPDATE are read: at first each is proved right, later they are stepped over.
type FetchAtts = for<'a> fn(&mut Cursor<'a>) -> Result<List<'a, FetchItem<'a>>, Error>;

/// `search-return-opt = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE"` — RFC 9051 §9, with
/// `"CONTEXT" / "UPDATE" / "PARTIAL" SP partial-range` — RFC 5267 §5 and
/// `"RELEVANCY"` — RFC 6203 §7.
fn option<'a>(cursor: &mut Cursor<'a>, list: FetchAtts) -> Result<SearchReturn<'a>, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"MIN" => Ok(SearchReturn::Min),
        b"MAX" => Ok(SearchReturn::Max),
        b"ALL" => Ok(SearchReturn::All),
        b"COUNT" => Ok(SearchReturn::Count),
        b"SAVE" => Ok(SearchReturn::Save),
        b"PARTIAL" => {
            sp(cursor)?;
            partial_range(cursor).map(SearchReturn::Partial)
        }
        b"CONTEXT" => Ok(SearchReturn::Context),
        b"UPDATE" => update(cursor, list),
        b"RELEVANCY" => Ok(SearchReturn::Relevancy),
        _ => Err(before.error("search-return-opt")),
    }
}

/// `modifier-update = "UPDATE" ["(" fetch-att *(SP fetch-att) ")"]` — RFC 5465 §8; its examples
/// (§7) have a space before the parenthesis.
fn update<'a>(cursor: &mut Cursor<'a>, list: FetchAtts) -> Result<SearchReturn<'a>, Error> {
    let mut ahead = *cursor;
    ahead.eat(b' ');
    if ahead.peek() != Some(b'(') {
        return Ok(SearchReturn::Update(None));
    }
    *cursor = ahead;
    list(cursor).map(Some).map(SearchReturn::Update)
}

/// `partial-range = nz-number ":" nz-number / MINUS nz-number ":" MINUS nz-number` —
/// RFC 9394 §4, RFC 5267 §5.
pub(in crate::imap) fn partial_range(cursor: &mut Cursor<'_>) -> Result<PartialRange, Error> {
    let from_end = cursor.eat(b'-');
    let first = nz_number(cursor)?;
    cursor.expect(b':', "\":\"")?;
    if from_end {
        cursor.expect(b'-', "\"-\"")?;
    }
    Ok(PartialRange { first, last: nz_number(cursor)?, from_end })
}
