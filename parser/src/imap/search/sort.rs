//! SORT and THREAD (RFC 5256 §3, RFC 5267 §3, RFC 5957).

use super::{search_keys, search_return_opts};
use crate::cursor::{Cursor, Error};
use crate::imap::command::{Command, Numbers, SearchKey, SortCriterion, SortKey, Str};
use crate::imap::lists::{Item, Least, List, parenthesized};
use crate::imap::strings::{astring, atom, sp, word};

/// `sort = ["UID" SP] "SORT" SP sort-criteria SP search-criteria`,
/// `sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"` — RFC 5256 §5,
/// `extended-sort = ["UID" SP] "SORT" search-return-opts SP sort-criteria SP search-criteria` —
/// RFC 5267 §5.
pub(in crate::imap) fn sort<'a>(
    cursor: &mut Cursor<'a>,
    numbers: Numbers,
) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let returns = search_return_opts(cursor)?;
    let criteria = parenthesized(cursor, Least::One, sort_criterion)?;
    sp(cursor)?;
    let (charset, keys) = search_criteria(cursor)?;
    Ok(Command::Sort { numbers, returns, criteria, charset, keys })
}

/// `thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria`,
/// `thread-alg = "ORDEREDSUBJECT" / "REFERENCES" / atom` — RFC 5256 §5.
pub(in crate::imap) fn thread<'a>(
    cursor: &mut Cursor<'a>,
    numbers: Numbers,
) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let algorithm = atom(cursor)?;
    sp(cursor)?;
    let (charset, keys) = search_criteria(cursor)?;
    Ok(Command::Thread { numbers, algorithm, charset, keys })
}

/// `search-criteria = charset 1*(SP search-key)`, `charset = atom / quoted` — RFC 5256 §5.
fn search_criteria<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<(Str<'a>, List<'a, SearchKey<'a>>), Error> {
    let charset = astring(cursor)?;
    sp(cursor)?;
    Ok((charset, search_keys(cursor)?))
}

impl Item<'_> for SortCriterion {
    fn again(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        sort_criterion(cursor)
    }
}

/// `sort-criterion = ["REVERSE" SP] sort-key` — RFC 5256 §5.
fn sort_criterion(cursor: &mut Cursor<'_>) -> Result<SortCriterion, Error> {
    let reverse = cursor.eat_word("REVERSE ");
    Ok(SortCriterion { reverse, key: sort_key(cursor)? })
}

/// `sort-key = "ARRIVAL" / "CC" / "DATE" / "FROM" / "SIZE" / "SUBJECT" / "TO"` — RFC 5256 §5,
/// with `"DISPLAYFROM" / "DISPLAYTO"` — RFC 5957 §5 and `"RELEVANCY"` — RFC 6203 §7.
fn sort_key(cursor: &mut Cursor<'_>) -> Result<SortKey, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"ARRIVAL" => Ok(SortKey::Arrival),
        b"CC" => Ok(SortKey::Cc),
        b"DATE" => Ok(SortKey::Date),
        b"FROM" => Ok(SortKey::From),
        b"SIZE" => Ok(SortKey::Size),
        b"SUBJECT" => Ok(SortKey::Subject),
        b"TO" => Ok(SortKey::To),
        b"DISPLAYFROM" => Ok(SortKey::DisplayFrom),
        b"DISPLAYTO" => Ok(SortKey::DisplayTo),
        b"RELEVANCY" => Ok(SortKey::Relevancy),
        _ => Err(before.error("sort-key")),
    }
}
