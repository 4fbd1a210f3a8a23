//! Flags as clients write them (RFC 9051 §2.3.2, §9).

use super::command::Flag;
use super::lists::{Item, Least, List, parenthesized, spaced};
use super::strings::atom;
use crate::cursor::{Cursor, Error};

/// `flag = "\Answered" / … / flag-keyword / flag-extension` — RFC 9051 §9.
pub(super) fn flag<'a>(cursor: &mut Cursor<'a>) -> Result<Flag<'a>, Error> {
    if !cursor.eat(b'\\') {
        return flag_keyword(cursor).map(Flag::Keyword);
    }
    let name = atom(cursor)?;
    Ok(match name.len() {
        4 if name.eq_ignore_ascii_case("Seen") => Flag::Seen,
        5 if name.eq_ignore_ascii_case("Draft") => Flag::Draft,
        7 if name.eq_ignore_ascii_case("Deleted") => Flag::Deleted,
        7 if name.eq_ignore_ascii_case("Flagged") => Flag::Flagged,
        8 if name.eq_ignore_ascii_case("Answered") => Flag::Answered,
        _ => Flag::System(name),
    })
}

impl<'a> Item<'a> for Flag<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        flag(cursor)
    }
}

/// `flag-keyword = "$MDNSent" / … / atom` — RFC 9051 §9.
///
/// Deviation: `NIL` is no keyword, because clients read it back as no flag at all (pitfall 95).
pub(super) fn flag_keyword<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    let name = atom(cursor).map_err(|_| before.error("flag"))?;
    if name.eq_ignore_ascii_case("NIL") { Err(before.error("flag")) } else { Ok(name) }
}

/// `flag-list = "(" [flag *(SP flag)] ")"` — RFC 9051 §9.
pub(super) fn flag_list<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, Flag<'a>>, Error> {
    parenthesized(cursor, Least::None, flag)
}

/// `flag-list / (flag *(SP flag))` — RFC 9051 §9 `store-att-flags`.
pub(super) fn flags<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, Flag<'a>>, Error> {
    if cursor.peek() == Some(b'(') { flag_list(cursor) } else { spaced(cursor, flag) }
}

/// `"\" atom`: a special use (RFC 6154 §6 `use-attr`), with its backslash.
pub(super) fn use_attr<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    cursor.expect(b'\\', "use-attr")?;
    atom(cursor)?;
    core::str::from_utf8(cursor.since(before)).map_err(|_| before.error("use-attr"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, want: Result<Flag<'_>, &'static str>) {
        let told = flag(&mut Cursor::new(input.as_bytes()));
        assert_eq!(told.map_err(|error| error.expected), want, "from {input:?}");
    }

    #[test]
    fn flags() {
        check("\\Seen", Ok(Flag::Seen));
        check("\\ANSWERED)", Ok(Flag::Answered));
        check("\\flagged", Ok(Flag::Flagged));
        check("\\Deleted", Ok(Flag::Deleted));
        check("\\Draft", Ok(Flag::Draft));
        check("\\Recent", Ok(Flag::System("Recent"))); // pitfall 95: never stored
        check("\\Seenish", Ok(Flag::System("Seenish")));
        check("$Forwarded", Ok(Flag::Keyword("$Forwarded")));
        check("Nile", Ok(Flag::Keyword("Nile"))); // pitfall 95
        check("NIL", Err("flag"));
        check("\\", Err("atom"));
        check("\\*", Err("atom"));
        check("\"x\"", Err("flag"));
        check("{1}\r\nx", Err("flag"));
        check("", Err("flag"));
    }
}
