//! Flags as clients write them (RFC 9051 §2.3.2, §9).

use super::command::Flag;
use super::lists::{Item, Least, List, parenthesized, spaced};
use super::strings::{atom_bytes, text, to_space};
use crate::cursor::{Cursor, Error};

/// `flag = "\Answered" / … / flag-keyword / flag-extension` — RFC 9051 §9.
///
/// Only proved: its text is made when it is walked.
fn flag(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    if cursor.eat(b'\\') { atom_bytes(cursor).map(|_| ()) } else { keyword(cursor).map(|_| ()) }
}

impl<'a> Item<'a> for Flag<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let before = *cursor;
        let system = cursor.eat(b'\\');
        let name = to_space(cursor);
        Ok(match name.len() {
            4 if system && name.eq_ignore_ascii_case(b"Seen") => Self::Seen,
            5 if system && name.eq_ignore_ascii_case(b"Draft") => Self::Draft,
            7 if system && name.eq_ignore_ascii_case(b"Deleted") => Self::Deleted,
            7 if system && name.eq_ignore_ascii_case(b"Flagged") => Self::Flagged,
            8 if system && name.eq_ignore_ascii_case(b"Answered") => Self::Answered,
            _ => {
                let name = text(name).ok_or_else(|| before.error("flag"))?;
                if system { Self::System(name) } else { Self::Keyword(name) }
            }
        })
    }
}

/// `flag-keyword = "$MDNSent" / … / atom` — RFC 9051 §9.
pub(super) fn flag_keyword<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    text(keyword(cursor)?).ok_or_else(|| before.error("flag"))
}

/// The same as bytes.
///
/// Deviation: `NIL` is no keyword, because clients read it back as no flag at all (pitfall 95).
fn keyword<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Error> {
    let before = *cursor;
    match atom_bytes(cursor) {
        Ok(name) if !name.eq_ignore_ascii_case(b"NIL") => Ok(name),
        _ => Err(before.error("flag")),
    }
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
    atom_bytes(cursor)?;
    core::str::from_utf8(cursor.since(before)).map_err(|_| before.error("use-attr"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, want: Result<Flag<'_>, &'static str>) {
        let mut cursor = Cursor::new(input.as_bytes());
        let before = cursor;
        let told =
            flag(&mut cursor).and_then(|()| Flag::again(&mut Cursor::new(cursor.since(before))));
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
