//! SEARCH keys (RFC 9051 §6.4.4, §9; RFC 3501 §6.4.4; RFC 7162 §3.1.5).
//!
//! Keys nest. They are proved right in one pass that goes at most [`SEARCH_DEPTH_MAX`] deep, so that
//! nothing overflows the stack (pitfall 116), and are walked again as they stand, one after the other:
//! an inner key is an item of the list like any other.

use crate::cursor::{Cursor, Error};
use crate::imap::command::{Flag, SearchKey, Str};
use crate::imap::date::date;
use crate::imap::flag::flag_keyword;
use crate::imap::lists::{Item, List, spaced};
use crate::imap::number::{mod_sequence_valzer, number64, nz_number};
use crate::imap::sequence::set;
use crate::imap::strings::{astring, is_atom_char, quoted, some_text, sp, word};

/// Levels of parentheses, NOT and OR in one search program.
pub const SEARCH_DEPTH_MAX: usize = 100;

/// `search-key *(SP search-key)` — RFC 9051 §9, up to the end of the command.
pub(super) fn search_keys<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, SearchKey<'a>>, Error> {
    spaced(cursor, |cursor| search_key(cursor, SEARCH_DEPTH_MAX))
}

/// `search-key` with all that are inside, these at most so many `levels` deep — RFC 9051 §9.
fn search_key(cursor: &mut Cursor<'_>, levels: usize) -> Result<(), Error> {
    let before = *cursor;
    match key(cursor)? {
        SearchKey::Not | SearchKey::Fuzzy => inner(cursor, levels),
        SearchKey::Or => {
            inner(cursor, levels)?;
            inner(cursor, levels)
        }
        SearchKey::Open => {
            let levels = deeper(before, levels)?;
            search_key(cursor, levels)?;
            while !cursor.eat(b')') {
                cursor.expect(b' ', "SP or \")\"")?;
                search_key(cursor, levels)?;
            }
            Ok(())
        }
        SearchKey::Close => Err(before.error("search-key")),
        _ => Ok(()),
    }
}

/// `SP search-key`, inside another.
fn inner(cursor: &mut Cursor<'_>, levels: usize) -> Result<(), Error> {
    sp(cursor)?;
    let levels = deeper(*cursor, levels)?;
    search_key(cursor, levels)
}

/// One level down, if there is one.
fn deeper(cursor: Cursor<'_>, levels: usize) -> Result<usize, Error> {
    levels.checked_sub(1).ok_or_else(|| cursor.error("fewer levels of search-key"))
}

impl<'a> Item<'a> for SearchKey<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        key(cursor)
    }
}

/// `search-key` — RFC 9051 §9, RFC 3501 §9, RFC 7162 §7, and of later ones what [`extended`] reads;
/// up to the first key inside.
fn key<'a>(cursor: &mut Cursor<'a>) -> Result<SearchKey<'a>, Error> {
    match cursor.peek() {
        Some(b'(') => return bracket(cursor, SearchKey::Open),
        Some(b')') => return bracket(cursor, SearchKey::Close),
        Some(b'0'..=b'9' | b'*' | b'$') => return set(cursor).map(SearchKey::Seq),
        _ => {}
    }
    let before = *cursor;
    Ok(match word(cursor).as_bytes() {
        b"ALL" => SearchKey::All,
        b"ANSWERED" => SearchKey::Has(Flag::Answered),
        b"DELETED" => SearchKey::Has(Flag::Deleted),
        b"DRAFT" => SearchKey::Has(Flag::Draft),
        b"FLAGGED" => SearchKey::Has(Flag::Flagged),
        b"SEEN" => SearchKey::Has(Flag::Seen),
        b"UNANSWERED" => SearchKey::Lacks(Flag::Answered),
        b"UNDELETED" => SearchKey::Lacks(Flag::Deleted),
        b"UNDRAFT" => SearchKey::Lacks(Flag::Draft),
        b"UNFLAGGED" => SearchKey::Lacks(Flag::Flagged),
        b"UNSEEN" => SearchKey::Lacks(Flag::Seen),
        b"KEYWORD" => SearchKey::Keyword(argument(cursor, flag_keyword)?),
        b"UNKEYWORD" => SearchKey::Unkeyword(argument(cursor, flag_keyword)?),
        b"RECENT" => SearchKey::Recent,
        b"NEW" => SearchKey::New,
        b"OLD" => SearchKey::Old,
        b"BCC" => header(cursor, b"Bcc")?,
        b"CC" => header(cursor, b"Cc")?,
        b"FROM" => header(cursor, b"From")?,
        b"SUBJECT" => header(cursor, b"Subject")?,
        b"TO" => header(cursor, b"To")?,
        b"HEADER" => {
            let field = argument(cursor, astring)?;
            SearchKey::Header { field, value: argument(cursor, astring)? }
        }
        b"BODY" => SearchKey::Body(argument(cursor, astring)?),
        b"TEXT" => SearchKey::Text(argument(cursor, astring)?),
        b"BEFORE" => SearchKey::Before(argument(cursor, date)?),
        b"ON" => SearchKey::On(argument(cursor, date)?),
        b"SINCE" => SearchKey::Since(argument(cursor, date)?),
        b"SENTBEFORE" => SearchKey::SentBefore(argument(cursor, date)?),
        b"SENTON" => SearchKey::SentOn(argument(cursor, date)?),
        b"SENTSINCE" => SearchKey::SentSince(argument(cursor, date)?),
        b"LARGER" => SearchKey::Larger(argument(cursor, number64)?),
        b"SMALLER" => SearchKey::Smaller(argument(cursor, number64)?),
        b"UID" => SearchKey::Uid(argument(cursor, set)?),
        b"MODSEQ" => SearchKey::ModSeq(argument(cursor, mod_seq)?),
        b"NOT" => SearchKey::Not,
        b"OR" => SearchKey::Or,
        b"FUZZY" => SearchKey::Fuzzy, // RFC 6203 §7
        name => return extended(cursor, name, before),
    })
}

/// `search-key =/ ("OLDER" / "YOUNGER") SP nz-number` — RFC 5032 §3,
/// `search-key =/ ("SAVEDBEFORE" / "SAVEDON" / "SAVEDSINCE") SP date / "SAVEDATESUPPORTED"` —
/// RFC 8514 §5,
/// `search-key =/ ("EMAILID" / "THREADID") SP objectid` — RFC 8474 §7,
/// `search-key =/ "FILTER" SP filter-name` — RFC 5466 §4.
fn extended<'a>(
    cursor: &mut Cursor<'a>,
    name: &[u8],
    before: Cursor<'a>,
) -> Result<SearchKey<'a>, Error> {
    Ok(match name {
        b"OLDER" => SearchKey::Older(argument(cursor, nz_number)?),
        b"YOUNGER" => SearchKey::Younger(argument(cursor, nz_number)?),
        b"SAVEDBEFORE" => SearchKey::SavedBefore(argument(cursor, date)?),
        b"SAVEDON" => SearchKey::SavedOn(argument(cursor, date)?),
        b"SAVEDSINCE" => SearchKey::SavedSince(argument(cursor, date)?),
        b"SAVEDATESUPPORTED" => SearchKey::SaveDateSupported,
        b"EMAILID" => SearchKey::EmailId(argument(cursor, object_id)?),
        b"THREADID" => SearchKey::ThreadId(argument(cursor, object_id)?),
        b"FILTER" => SearchKey::Filter(argument(cursor, filter_name)?),
        _ => return Err(before.error("search-key")),
    })
}

/// `objectid = 1*255(ALPHA / DIGIT / "_" / "-")` — RFC 8474 §7.
fn object_id<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let id = some_text(cursor, is_id, "objectid")?;
    if id.len() <= 255 { Ok(id) } else { Err(before.error("objectid")) }
}

/// `filter-name = 1*<any ATOM-CHAR except "/">` — RFC 5466 §4.
fn filter_name<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    some_text(cursor, |byte| is_atom_char(byte) && byte != b'/', "filter-name")
}

/// `"("` or `")"` around keys.
fn bracket<'a>(cursor: &mut Cursor<'a>, key: SearchKey<'a>) -> Result<SearchKey<'a>, Error> {
    cursor.take(1, "search-key").map(|_| key)
}

/// `SP` and what follows it.
fn argument<'a, T>(
    cursor: &mut Cursor<'a>,
    item: impl Fn(&mut Cursor<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    sp(cursor)?;
    item(cursor)
}

/// `"BCC" SP astring` and its like: a search of the field of that name — RFC 9051 §6.4.4.
fn header<'a>(cursor: &mut Cursor<'a>, field: &'static [u8]) -> Result<SearchKey<'a>, Error> {
    let value = argument(cursor, astring)?;
    Ok(SearchKey::Header { field: Str::Plain(field), value })
}

/// `[search-modseq-ext] SP mod-sequence-valzer`,
/// `search-modseq-ext = SP entry-name SP entry-type-req` — RFC 7162 §7.
///
/// The entry is read and dropped: we keep one mod-sequence a message (§3.1.5 allows it).
fn mod_seq(cursor: &mut Cursor<'_>) -> Result<u64, Error> {
    if cursor.peek() == Some(b'"') {
        quoted(cursor)?;
        sp(cursor)?;
        let before = *cursor;
        match word(cursor).as_bytes() {
            b"PRIV" | b"SHARED" | b"ALL" => sp(cursor)?,
            _ => return Err(before.error("entry-type-req")),
        }
    }
    mod_sequence_valzer(cursor)
}
