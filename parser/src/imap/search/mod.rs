//! SEARCH and its kin: SORT and THREAD (RFC 5256), ESEARCH (RFC 7377), CANCELUPDATE (RFC 5267).

mod key;
mod returns;
mod sort;
mod source;
#[cfg(test)]
mod tests;

use super::command::{Command, Numbers, SearchKey, Str};
use super::lists::{List, spaced};
use super::strings::{astring, quoted, sp};
use crate::cursor::{Cursor, Error};
use key::search_keys;
use returns::search_return_opts;

pub use key::SEARCH_DEPTH_MAX;
pub(super) use returns::partial_range;
pub(super) use sort::{sort, thread};

/// `search = "SEARCH" [search-return-opts] SP search-program` — RFC 9051 §9.
pub(super) fn search<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let returns = search_return_opts(cursor)?;
    let (charset, keys) = search_program(cursor)?;
    Ok(Command::Search { numbers, returns, charset, keys })
}

/// `esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program` —
/// RFC 7377 §4.
pub(super) fn esearch<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let source = source::source_opts(cursor)?;
    let returns = search_return_opts(cursor)?;
    let (charset, keys) = search_program(cursor)?;
    Ok(Command::ESearch { source, returns, charset, keys })
}

/// `"CANCELUPDATE" 1*(SP quoted)` — RFC 5267 §5.
pub(super) fn cancel_update<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    spaced(cursor, quoted).map(Command::CancelUpdate)
}

type Program<'a> = (Option<Str<'a>>, List<'a, SearchKey<'a>>);

/// `search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)` — RFC 9051 §9.
pub(super) fn search_program<'a>(cursor: &mut Cursor<'a>) -> Result<Program<'a>, Error> {
    let mut charset = None;
    if cursor.eat_word("CHARSET ") {
        charset = Some(astring(cursor)?);
        sp(cursor)?;
    }
    Ok((charset, search_keys(cursor)?))
}
