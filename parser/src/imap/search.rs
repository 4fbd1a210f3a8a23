//! SEARCH keys (RFC 9051 §6.4.4, §9; RFC 3501 §6.4.4; RFC 7162 §3.1.5).
//!
//! Keys nest. They are proved right in one pass that goes at most [`SEARCH_DEPTH_MAX`] deep; walked
//! again, a key steps over its inner ones by counting parentheses. So no input costs more than its
//! length times that depth, and nothing overflows the stack (pitfall 116).

use super::command::{Command, Flag, Numbers, SearchKey, SearchReturn, Str};
use super::date::date;
use super::flag::flag_keyword;
use super::lists::{Item, Least, List, Sub, parenthesized, spaced, step_over};
use super::number::{mod_sequence_valzer, number64};
use super::sequence::set;
use super::strings::{astring, quoted, sp, word};
use crate::cursor::{Cursor, Error};

/// Levels of parentheses, NOT and OR in one search program.
pub const SEARCH_DEPTH_MAX: usize = 100;

/// `search = "SEARCH" [search-return-opts] SP search-program`,
/// `search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)` — RFC 9051 §9.
pub(super) fn search<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let mut returns = None;
    if cursor.eat_word("RETURN ") {
        returns = Some(parenthesized(cursor, Least::None, search_return_opt)?);
        sp(cursor)?;
    }
    let mut charset = None;
    if cursor.eat_word("CHARSET ") {
        charset = Some(astring(cursor)?);
        sp(cursor)?;
    }
    let keys = spaced(cursor, search_key)?;
    Ok(Command::Search { numbers, returns, charset, keys: again(keys.raw) })
}

/// `search-return-opt = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE"` — RFC 9051 §9.
fn search_return_opt(cursor: &mut Cursor<'_>) -> Result<SearchReturn, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"MIN" => Ok(SearchReturn::Min),
        b"MAX" => Ok(SearchReturn::Max),
        b"ALL" => Ok(SearchReturn::All),
        b"COUNT" => Ok(SearchReturn::Count),
        b"SAVE" => Ok(SearchReturn::Save),
        _ => Err(before.error("search-return-opt")),
    }
}

/// What is done with the keys inside a key.
#[derive(Clone, Copy)]
enum Inner {
    /// They are proved right, this many levels at most.
    Proved { levels: usize },
    /// They have been proved right: they are stepped over.
    Trusted,
}

/// A `search-key` seen for the first time.
fn search_key<'a>(cursor: &mut Cursor<'a>) -> Result<SearchKey<'a>, Error> {
    key(cursor, Inner::Proved { levels: SEARCH_DEPTH_MAX })
}

/// A `search-key` seen again.
fn search_key_again<'a>(cursor: &mut Cursor<'a>) -> Result<SearchKey<'a>, Error> {
    key(cursor, Inner::Trusted)
}

fn again<'a>(raw: &'a [u8]) -> List<'a, SearchKey<'a>> {
    let item: Item<'a, SearchKey<'a>> = search_key_again;
    List { raw, item }
}

/// `search-key` — RFC 9051 §9, RFC 3501 §9, RFC 7162 §7.
fn key<'a>(cursor: &mut Cursor<'a>, inner: Inner) -> Result<SearchKey<'a>, Error> {
    match cursor.peek() {
        Some(b'(') => return group(cursor, inner),
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
        b"NOT" => SearchKey::Not(sub(cursor, inner)?),
        b"OR" => {
            let one = sub(cursor, inner)?;
            SearchKey::Or(one, sub(cursor, inner)?)
        }
        _ => return Err(before.error("search-key")),
    })
}

/// `SP` and what follows it.
fn argument<'a, T>(cursor: &mut Cursor<'a>, item: Item<'a, T>) -> Result<T, Error> {
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

/// `SP search-key`, kept as its bytes.
fn sub<'a>(cursor: &mut Cursor<'a>, inner: Inner) -> Result<Sub<'a, SearchKey<'a>>, Error> {
    sp(cursor)?;
    let before = *cursor;
    key(cursor, deeper(cursor, inner)?)?;
    Ok(Sub { raw: cursor.since(before), item: search_key_again })
}

/// `"(" search-key *(SP search-key) ")"`, kept as its bytes.
fn group<'a>(cursor: &mut Cursor<'a>, inner: Inner) -> Result<SearchKey<'a>, Error> {
    let inner = deeper(cursor, inner)?;
    if matches!(inner, Inner::Trusted) {
        return step_over(cursor).map(|raw| SearchKey::And(again(raw)));
    }
    cursor.expect(b'(', "\"(\"")?;
    let inside = *cursor;
    loop {
        key(cursor, inner)?;
        let raw = cursor.since(inside);
        if cursor.eat(b')') {
            return Ok(SearchKey::And(again(raw)));
        }
        cursor.expect(b' ', "SP or \")\"")?;
    }
}

/// One level down, if there is one.
fn deeper(cursor: &Cursor<'_>, inner: Inner) -> Result<Inner, Error> {
    match inner {
        Inner::Trusted => Ok(inner),
        Inner::Proved { levels } => match levels.checked_sub(1) {
            Some(levels) => Ok(Inner::Proved { levels }),
            None => Err(cursor.error("fewer levels of search-key")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::command;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    /// A key and all keys inside it.
    fn tree(key: SearchKey<'_>) -> String {
        let inner = |sub: Sub<'_, _>| tree(sub.parse().unwrap());
        match key {
            SearchKey::Not(sub) => format!("!{}", inner(sub)),
            SearchKey::Or(one, two) => format!("[{} | {}]", inner(one), inner(two)),
            SearchKey::And(keys) => format!("({})", trees(keys)),
            SearchKey::Header { field, value } => format!("{field:?}~{value:?}"),
            SearchKey::Before(day) | SearchKey::On(day) | SearchKey::SentSince(day) => {
                format!("day {}", day.unix_days)
            }
            key => format!("{key:?}"),
        }
    }

    fn trees(keys: List<'_, SearchKey<'_>>) -> String {
        let keys: Vec<String> = keys.iter().map(tree).collect();
        keys.join(" ")
    }

    #[track_caller]
    fn check(program: &str, want: &str) {
        let frame = format!("a SEARCH {program}\r\n");
        let told = match command(frame.as_bytes()).map(|tagged| tagged.command) {
            Ok(Command::Search { keys, returns, charset, .. }) => {
                let returns = returns.map(|returns| format!("return {returns:?} "));
                let charset = charset.map(|charset| format!("charset {charset:?} "));
                returns.unwrap_or_default() + &charset.unwrap_or_default() + &trees(keys)
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "from {program:?}");
    }

    #[test]
    fn simple_keys() {
        check("ALL", "All");
        check("unseen FLAGGED ", "Lacks(Seen) Has(Flagged)");
        check("ANSWERED DELETED DRAFT SEEN", "Has(Answered) Has(Deleted) Has(Draft) Has(Seen)");
        check(
            "UNANSWERED UNDELETED UNDRAFT UNFLAGGED",
            "Lacks(Answered) Lacks(Deleted) Lacks(Draft) Lacks(Flagged)",
        );
        check("RECENT NEW OLD", "Recent New Old");
        check("1:3,* $ UID 5:*", "Seq(Ranges(1:3,*)) Seq(Saved) Uid(Ranges(5:*))");
        check("KEYWORD $x UNKEYWORD y", "Keyword(\"$x\") Unkeyword(\"y\")");
        check("FROM a TO \"b c\" CC {1}\r\nd", "\"From\"~\"a\" \"To\"~\"b c\" \"Cc\"~\"d\"");
        check("BCC a SUBJECT \"100%_\"", "\"Bcc\"~\"a\" \"Subject\"~\"100%_\"");
        check("HEADER X-Foo \"\"", "\"X-Foo\"~\"\"");
        check("BODY a TEXT b", "Body(\"a\") Text(\"b\")");
        check("LARGER 4294967296 SMALLER 0", "Larger(4294967296) Smaller(0)");
        check("BEFORE 1-Jan-1970 ON \"2-Jan-1970\" SENTSINCE 31-dec-1969", "day 0 day 1 day -1");
        check("SINCE 1-Jan-1970", "Since(Date { unix_days: 0 })");
        check("SENTBEFORE 1-Jan-1970", "SentBefore(Date { unix_days: 0 })");
        check("SENTON 1-Jan-1970", "SentOn(Date { unix_days: 0 })");
        // pitfall 116
        check("MODSEQ 5", "ModSeq(5)");
        check("MODSEQ \"/flags/\\\\seen\" all 5", "ModSeq(5)");
        check("MODSEQ \"/flags/x\" 5", "expected entry-type-req at byte 27");
    }

    #[test]
    fn nested_keys() {
        check("NOT SEEN", "!Has(Seen)");
        check("NOT NOT ALL ALL", "!!All All");
        check("OR SEEN NOT DRAFT ALL", "[Has(Seen) | !Has(Draft)] All");
        check(
            "OR OR 1 2 (3 4)",
            "[[Seq(Ranges(1)) | Seq(Ranges(2))] | (Seq(Ranges(3)) Seq(Ranges(4)))]",
        );
        check(
            "(ALL (NOT (SEEN)) FROM \")(\" BODY {2}\r\n)\")",
            "(All (!(Has(Seen))) \"From\"~\")(\" Body(\")\\\"\"))",
        );
        check("()", "expected search-key at byte 10");
        check("(ALL", "expected SP or \")\" at byte 13");
        check("(ALL ALL", "expected SP or \")\" at byte 17");
        check("ALL)", "expected SP at byte 12");
        check("NOT", "expected SP at byte 12");
        check("OR ALL", "expected SP at byte 15");
        check("NOT ", "expected search-key at byte 13");
    }

    #[test]
    fn options() {
        check("RETURN () ALL", "return () All");
        check(
            "return (MIN Max ALL COUNT SAVE) 1",
            "return (MIN Max ALL COUNT SAVE) Seq(Ranges(1))",
        );
        check("CHARSET utf-8 ALL", "charset \"utf-8\" All"); // pitfall 113
        check("RETURN (COUNT) CHARSET \"X-y\" ALL", "return (COUNT) charset \"X-y\" All");
        check("RETURN (FOO) ALL", "expected search-return-opt at byte 17");
        check("RETURN () ", "expected search-key at byte 19");
        check("CHARSET utf-8", "expected SP at byte 22");
        check("", "expected search-key at byte 9");
        check("FOO", "expected search-key at byte 9");
        check("ALL SEENISH", "expected search-key at byte 13");
        check("KEYWORD \\Seen", "expected flag at byte 17");
        check("LARGER x", "expected number64 at byte 16");
        check("LARGER 9223372036854775808", "expected number64 at byte 16");
        check("ON 30-Feb-2020", "expected day of that month at byte 12");
        check("ON 1-Feb-20200", "expected SP at byte 22");
        check("UID", "expected SP at byte 12");
    }

    /// pitfall 116: depth is bounded, so neither the stack nor the work grows without end.
    #[test]
    fn depth() {
        let nest = |levels: usize| format!("{}ALL{}", "(".repeat(levels), ")".repeat(levels));
        check(&nest(100), &nest(100).replace("ALL", "All"));
        check(&nest(101), "expected fewer levels of search-key at byte 109");
        check(&nest(100_000), "expected fewer levels of search-key at byte 109");
        check(&format!("{}ALL", "NOT ".repeat(100)), &format!("{}All", "!".repeat(100)));
        check(
            &format!("{}ALL", "NOT ".repeat(101)),
            "expected fewer levels of search-key at byte 413",
        );
        check(&"OR ".repeat(100_000), "expected fewer levels of search-key at byte 312");
    }
}
