//! Sections: which part of a message, and what of it (RFC 9051 §6.4.5, RFC 3516).

use crate::cursor::{Cursor, Error};
use crate::imap::classes::is_plain_list;
use crate::imap::command::{FetchItem, PartNumbers, Partial, Section, SectionText, Str};
use crate::imap::lists::{Least, List, parenthesized, step_over_flat};
use crate::imap::names::{Seen, ends, letter, name};
use crate::imap::number::{number64, nz_number, nz_number64};
use crate::imap::strings::{astring, sp};
use crate::steps;

/// `header-list = "(" header-fld-name *(SP header-fld-name) ")"`, `header-fld-name = astring` —
/// RFC 9051 §9.
///
/// Names that all are plain words are proved at once. Up to `)` that is never more than what is
/// taken then, so no input is looked at thrice.
fn header_list<'a>(cursor: &mut Cursor<'a>, seen: Seen) -> Result<List<'a, Str<'a>>, Error> {
    if seen == Seen::Again {
        return step_over_flat(cursor).map(List::proved);
    }
    let mut ahead = *cursor;
    if ahead.eat(b'(') {
        let inside = ahead.take_at_most(steps::find(b')', ahead.rest()).unwrap_or(0));
        let raw = inside.strip_suffix(b" ").unwrap_or(inside); // forgiven, as in every list
        if is_plain_list(raw) && ahead.eat(b')') {
            *cursor = ahead;
            return Ok(List::proved(raw));
        }
    }
    parenthesized(cursor, Least::One, astring)
}

/// `section [partial]` — RFC 9051 §9 `fetch-att`.
#[inline]
pub(super) fn body_section<'a>(
    cursor: &mut Cursor<'a>,
    peek: bool,
    seen: Seen,
) -> Result<FetchItem<'a>, Error> {
    let section = section(cursor, seen)?;
    Ok(FetchItem::BodySection { peek, section, partial: partial(cursor)? })
}

/// `section-binary [partial]` — RFC 3516 §6.
pub(super) fn binary<'a>(cursor: &mut Cursor<'a>, peek: bool) -> Result<FetchItem<'a>, Error> {
    let part = section_binary(cursor)?;
    Ok(FetchItem::Binary { peek, part, partial: partial(cursor)? })
}

/// `section-binary = "[" [section-part] "]"` — RFC 9051 §9.
pub(super) fn section_binary<'a>(cursor: &mut Cursor<'a>) -> Result<PartNumbers<'a>, Error> {
    cursor.expect(b'[', "\"[\"")?;
    let part = match cursor.peek() {
        Some(b']') => PartNumbers { raw: b"" },
        _ => section_part(cursor)?,
    };
    cursor.expect(b']', "\"]\"")?;
    Ok(part)
}

/// `section = "[" [section-spec] "]"` — RFC 9051 §9.
#[inline]
fn section<'a>(cursor: &mut Cursor<'a>, seen: Seen) -> Result<Section<'a>, Error> {
    cursor.expect(b'[', "\"[\"")?;
    let section = match cursor.peek() {
        Some(b']') => Section { part: PartNumbers { raw: b"" }, text: SectionText::Whole },
        _ => inside(cursor, seen)?,
    };
    cursor.expect(b']', "\"]\"")?;
    Ok(section)
}

/// `section-spec` on its own, as the decoded `;SECTION=` of a URL has it (RFC 5092 §11): all of
/// `input`.
///
/// # Errors
/// It is not that.
pub fn section_spec(input: &[u8]) -> Result<Section<'_>, Error> {
    let mut cursor = Cursor::new(input);
    let section = inside(&mut cursor, Seen::First)?;
    if cursor.is_empty() { Ok(section) } else { Err(cursor.error("end of the section")) }
}

/// `section-spec = section-msgtext / (section-part ["." section-text])` — RFC 9051 §9.
#[inline]
fn inside<'a>(cursor: &mut Cursor<'a>, seen: Seen) -> Result<Section<'a>, Error> {
    let mut part = PartNumbers { raw: b"" };
    let text = match cursor.peek() {
        Some(b'0'..=b'9') => {
            part = section_part(cursor)?;
            if cursor.eat(b'.') {
                section_text(cursor, Of::Part, seen)?
            } else {
                SectionText::Whole
            }
        }
        _ => section_text(cursor, Of::Message, seen)?,
    };
    Ok(Section { part, text })
}

/// `section-part = nz-number *("." nz-number)` — RFC 9051 §9. A dot before text is not its.
pub(super) fn section_part<'a>(cursor: &mut Cursor<'a>) -> Result<PartNumbers<'a>, Error> {
    let before = *cursor;
    nz_number(cursor)?;
    loop {
        let raw = cursor.since(before);
        let mut ahead = *cursor;
        if !ahead.eat(b'.') || !matches!(ahead.peek(), Some(b'0'..=b'9')) {
            return Ok(PartNumbers { raw });
        }
        nz_number(&mut ahead)?;
        *cursor = ahead;
    }
}

/// What a `section-text` is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Message,
    Part,
}

/// `section-text = section-msgtext / "MIME"`,
/// `section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"` — RFC 9051 §9; `MIME`
/// only with a part before it.
fn section_text<'a>(cursor: &mut Cursor<'a>, of: Of, seen: Seen) -> Result<SectionText<'a>, Error> {
    let before = *cursor;
    let (name, text) = match (letter(cursor, 0), letter(cursor, 6)) {
        (b'h', b'.') => return header_fields(cursor, seen),
        (b'h', _) => (name!("HEADER"), SectionText::Header),
        (b'm', _) if of == Of::Part => (name!("MIME"), SectionText::Mime),
        _ => (name!("TEXT"), SectionText::Text),
    };
    if name.take_whole(cursor, seen) { Ok(text) } else { Err(before.error("section-text")) }
}

/// `"HEADER.FIELDS" [".NOT"] SP header-list` — RFC 9051 §9.
fn header_fields<'a>(cursor: &mut Cursor<'a>, seen: Seen) -> Result<SectionText<'a>, Error> {
    let before = *cursor;
    let name = name!("HEADER.FIELDS").take(cursor, seen);
    let not = name && name!(".NOT").take(cursor, Seen::First);
    if !name || !ends(cursor) {
        return Err(before.error("section-text"));
    }
    sp(cursor)?;
    let names = header_list(cursor, seen)?;
    Ok(if not { SectionText::HeaderFieldsNot(names) } else { SectionText::HeaderFields(names) })
}

/// `partial = "<" number64 "." nz-number64 ">"` — RFC 9051 §9.
fn partial(cursor: &mut Cursor<'_>) -> Result<Option<Partial>, Error> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    let offset = number64(cursor)?;
    cursor.expect(b'.', "\".\"")?;
    let count = nz_number64(cursor)?; // pitfall 103: `<0.0>` is BAD
    cursor.expect(b'>', "\">\"")?;
    Ok(Some(Partial { offset, count }))
}

impl<'a> PartNumbers<'a> {
    /// The numbers, from 1, outermost first.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        let mut cursor = Cursor::new(self.raw);
        core::iter::from_fn(move || {
            let number = nz_number(&mut cursor).ok()?;
            cursor.eat(b'.');
            Some(number)
        })
    }

    /// True for the message itself.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// As the client wrote them, for the answer.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }
}
