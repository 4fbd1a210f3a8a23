//! FETCH: what of a message is wanted (RFC 9051 §6.4.5, RFC 3501 §6.4.5, RFC 3516, RFC 7162).

use super::command::{
    Command, FetchItem, FetchModifier, Numbers, PartNumbers, Partial, Section, SectionText, Str,
};
use super::lists::{Least, List, lone, parenthesized, step_over, step_over_flat};
use super::number::{mod_sequence_valzer, number64, nz_number, nz_number64};
use super::search::partial_range;
use super::sequence::set;
use super::strings::{astring, sp, word};
use crate::cursor::{Cursor, Error};

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
        _ => {
            let raw = match macro_items(cursor) {
                Some(raw) => raw,
                None => lone(cursor, fetch_att)?.raw,
            };
            List { raw, item: fetch_att_again }
        }
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

/// How the names of a `header-list` are read: they are long, and every walk would read them anew.
type HeaderList = for<'a> fn(&mut Cursor<'a>) -> Result<List<'a, Str<'a>>, Error>;

/// `"(" fetch-att *(SP fetch-att) ")"` — RFC 5465 §8, RFC 9051 §9.
pub(super) fn fetch_atts<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, FetchItem<'a>>, Error> {
    let raw = parenthesized(cursor, Least::One, fetch_att)?.raw;
    Ok(List { raw, item: fetch_att_again })
}

/// The same, seen again.
pub(super) fn fetch_atts_again<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<List<'a, FetchItem<'a>>, Error> {
    Ok(List { raw: step_over(cursor)?, item: fetch_att_again })
}

/// A `fetch-att` seen for the first time.
fn fetch_att<'a>(cursor: &mut Cursor<'a>) -> Result<FetchItem<'a>, Error> {
    attribute(cursor, |cursor| parenthesized(cursor, Least::One, astring))
}

/// A `fetch-att` seen again.
fn fetch_att_again<'a>(cursor: &mut Cursor<'a>) -> Result<FetchItem<'a>, Error> {
    attribute(cursor, |cursor| Ok(List { raw: step_over_flat(cursor)?, item: astring }))
}

/// `fetch-att` — RFC 9051 §9, with the obsolete ones of RFC 3501 §9, `MODSEQ` of RFC 7162 §7,
/// `"EMAILID" / "THREADID"` of RFC 8474 §7 and `"SAVEDATE"` of RFC 8514 §5.
fn attribute<'a>(cursor: &mut Cursor<'a>, header_list: HeaderList) -> Result<FetchItem<'a>, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"UID" => Ok(FetchItem::Uid),
        b"FLAGS" => Ok(FetchItem::Flags),
        b"INTERNALDATE" => Ok(FetchItem::InternalDate),
        b"RFC822.SIZE" => Ok(FetchItem::Rfc822Size),
        b"MODSEQ" => Ok(FetchItem::ModSeq),
        b"ENVELOPE" => Ok(FetchItem::Envelope),
        b"BODYSTRUCTURE" => Ok(FetchItem::BodyStructure),
        b"BODY" if cursor.peek() != Some(b'[') => Ok(FetchItem::Body),
        b"BODY" => body_section(cursor, false, header_list),
        b"BODY.PEEK" => body_section(cursor, true, header_list),
        b"BINARY" => binary(cursor, false),
        b"BINARY.PEEK" => binary(cursor, true),
        b"BINARY.SIZE" => section_binary(cursor).map(FetchItem::BinarySize),
        b"RFC822" => Ok(FetchItem::Rfc822),
        b"RFC822.HEADER" => Ok(FetchItem::Rfc822Header),
        b"RFC822.TEXT" => Ok(FetchItem::Rfc822Text),
        b"PREVIEW" => preview(cursor),
        b"EMAILID" => Ok(FetchItem::EmailId),
        b"THREADID" => Ok(FetchItem::ThreadId),
        b"SAVEDATE" => Ok(FetchItem::SaveDate),
        _ => Err(before.error("fetch-att")),
    }
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

/// `section [partial]` — RFC 9051 §9 `fetch-att`.
fn body_section<'a>(
    cursor: &mut Cursor<'a>,
    peek: bool,
    header_list: HeaderList,
) -> Result<FetchItem<'a>, Error> {
    let section = section(cursor, header_list)?;
    Ok(FetchItem::BodySection { peek, section, partial: partial(cursor)? })
}

/// `section-binary [partial]` — RFC 3516 §6.
fn binary<'a>(cursor: &mut Cursor<'a>, peek: bool) -> Result<FetchItem<'a>, Error> {
    let part = section_binary(cursor)?;
    Ok(FetchItem::Binary { peek, part, partial: partial(cursor)? })
}

/// `section-binary = "[" [section-part] "]"` — RFC 9051 §9.
fn section_binary<'a>(cursor: &mut Cursor<'a>) -> Result<PartNumbers<'a>, Error> {
    cursor.expect(b'[', "\"[\"")?;
    let part = match cursor.peek() {
        Some(b']') => PartNumbers { raw: b"" },
        _ => section_part(cursor)?,
    };
    cursor.expect(b']', "\"]\"")?;
    Ok(part)
}

/// `section = "[" [section-spec] "]"` — RFC 9051 §9.
fn section<'a>(cursor: &mut Cursor<'a>, header_list: HeaderList) -> Result<Section<'a>, Error> {
    cursor.expect(b'[', "\"[\"")?;
    let section = match cursor.peek() {
        Some(b']') => Section { part: PartNumbers { raw: b"" }, text: SectionText::Whole },
        _ => inside(cursor, header_list)?,
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
    let section = inside(&mut cursor, |cursor| parenthesized(cursor, Least::One, astring))?;
    if cursor.is_empty() { Ok(section) } else { Err(cursor.error("end of the section")) }
}

/// `section-spec = section-msgtext / (section-part ["." section-text])` — RFC 9051 §9.
fn inside<'a>(cursor: &mut Cursor<'a>, header_list: HeaderList) -> Result<Section<'a>, Error> {
    let mut part = PartNumbers { raw: b"" };
    let text = match cursor.peek() {
        Some(b'0'..=b'9') => {
            part = section_part(cursor)?;
            if cursor.eat(b'.') {
                section_text(cursor, true, header_list)?
            } else {
                SectionText::Whole
            }
        }
        _ => section_text(cursor, false, header_list)?,
    };
    Ok(Section { part, text })
}

/// `section-part = nz-number *("." nz-number)` — RFC 9051 §9. A dot before text is not its.
fn section_part<'a>(cursor: &mut Cursor<'a>) -> Result<PartNumbers<'a>, Error> {
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

/// `section-text = section-msgtext / "MIME"`,
/// `header-list = "(" header-fld-name *(SP header-fld-name) ")"` — RFC 9051 §9; `MIME` only with a
/// part before it.
fn section_text<'a>(
    cursor: &mut Cursor<'a>,
    of_part: bool,
    header_list: HeaderList,
) -> Result<SectionText<'a>, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"HEADER" => Ok(SectionText::Header),
        b"TEXT" => Ok(SectionText::Text),
        b"MIME" if of_part => Ok(SectionText::Mime),
        b"HEADER.FIELDS" => {
            sp(cursor)?;
            header_list(cursor).map(SectionText::HeaderFields)
        }
        b"HEADER.FIELDS.NOT" => {
            sp(cursor)?;
            header_list(cursor).map(SectionText::HeaderFieldsNot)
        }
        _ => Err(before.error("section-text")),
    }
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
        return Ok(List::empty(fetch_modifier));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::{Tagged, command};
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    fn told(line: &str) -> String {
        match command(format!("a {line}\r\n").as_bytes()) {
            Ok(Tagged { command: Command::Fetch { numbers, set, items, modifiers }, .. }) => {
                let items: Vec<String> = items.iter().map(|item| format!("{item:?}")).collect();
                let modifiers: Vec<_> = modifiers.iter().collect();
                format!("{numbers:?} {set:?} {} {modifiers:?}", items.join(" "))
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    /// The items of `FETCH 1 items`.
    #[track_caller]
    fn check(items: &str, want: &str) {
        let told = told(&format!("FETCH 1 {items}"));
        let told = told.strip_prefix("Seq Ranges(1) ").unwrap_or(&told);
        assert_eq!(told.strip_suffix(" []").unwrap_or(told), want, "from {items:?}");
    }

    #[test]
    fn simple_items() {
        check("FLAGS", "Flags");
        check("(UID)", "Uid");
        check("(uid flags internaldate)", "Uid Flags InternalDate");
        check(
            "(RFC822.SIZE MODSEQ ENVELOPE BODY BODYSTRUCTURE RFC822 RFC822.HEADER RFC822.TEXT)",
            "Rfc822Size ModSeq Envelope Body BodyStructure Rfc822 Rfc822Header Rfc822Text",
        );
        check("ALL", "Flags InternalDate Rfc822Size Envelope");
        check("fast", "Flags InternalDate Rfc822Size");
        check("Full ", "Flags InternalDate Rfc822Size Envelope Body");
        check("(FLAGS UID )", "Flags Uid");
        check("()", "expected fetch-att at byte 11");
        check("(FLAGS", "expected SP or \")\" at byte 16");
        check("(FLAGS  UID)", "expected fetch-att at byte 17");
        check("(ALL)", "expected fetch-att at byte 11");
        check("FLAGS UID", "expected CRLF at byte 16");
        check("FLAGSX", "expected fetch-att at byte 10");
        check("", "expected fetch-att at byte 10");
        check("(FLAGS)(UID)", "expected CRLF at byte 17");
    }

    #[test]
    fn sections() {
        #[track_caller]
        fn check(section: &str, want: &str) {
            let want = match want.strip_prefix('!') {
                Some(error) => error.to_string(),
                None => format!(
                    "BodySection {{ peek: false, section: Section {{ {want} }}, partial: None }}"
                ),
            };
            super::tests::check(&format!("BODY[{section}]"), &want);
        }
        check("", "part: [], text: Whole");
        check("1", "part: [1], text: Whole");
        check("1.2.30", "part: [1.2.30], text: Whole");
        check("HEADER", "part: [], text: Header");
        check("text", "part: [], text: Text");
        check("2.1.HEADER", "part: [2.1], text: Header");
        check("1.MIME", "part: [1], text: Mime");
        check("4294967295", "part: [4294967295], text: Whole");
        check(
            "Header.Fields (Date \"X A\" {2}\r\nTo)",
            "part: [], text: HeaderFields((Date \\\"X A\\\" {2}\\r\\nTo))",
        );
        check("1.HEADER.FIELDS.NOT (DATE)", "part: [1], text: HeaderFieldsNot((DATE))");
        check("MIME", "!expected section-text at byte 15");
        check("0", "!expected nz-number at byte 15");
        check("1.0", "!expected nz-number at byte 17");
        check("4294967296", "!expected nz-number at byte 15");
        check("1.", "!expected section-text at byte 17");
        check(".1", "!expected section-text at byte 15");
        check("1..2", "!expected section-text at byte 17");
        check("1.TEXT.2", "!expected section-text at byte 17");
        check("HEADER.FIELDS", "!expected SP at byte 28");
        check("HEADER.FIELDS ()", "!expected astring at byte 30");
        check(" HEADER", "!expected section-text at byte 15");
    }

    #[test]
    fn sections_alone() {
        #[track_caller]
        fn check(section: &str, want: &str) {
            let told = match section_spec(section.as_bytes()) {
                Ok(Section { part, text }) => format!("{part:?} {text:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(told, want, "from {section:?}");
        }
        check("1.2.MIME", "[1.2] Mime");
        check("header.fields (a \"b\")", "[] HeaderFields((a \\\"b\\\"))");
        check("", "expected section-text at byte 0");
        check("1]", "expected end of the section at byte 1");
        check("TEXT ", "expected end of the section at byte 4");
    }

    #[test]
    fn partials() {
        // pitfall 103
        check(
            "BODY.PEEK[]<5.10>",
            "BodySection { peek: true, section: Section { part: [], text: \
             Whole }, partial: Some(Partial { offset: 5, count: 10 }) }",
        );
        check(
            "BODY[]<0.9223372036854775807>",
            "BodySection { peek: false, section: Section { \
             part: [], text: Whole }, partial: Some(Partial { offset: 0, count: 9223372036854775807 }) }",
        );
        check("BODY[]<0.0>", "expected nz-number64 at byte 19");
        check("BODY[]<5>", "expected \".\" at byte 18");
        check("BODY[]<.5>", "expected number64 at byte 17");
        check("BODY[]<5.10", "expected \">\" at byte 21");
        check("BODY[]<9223372036854775808.1>", "expected number64 at byte 17");
        check("BODY.PEEK", "expected \"[\" at byte 19");
        check("BODY.PEEK<0.1>", "expected \"[\" at byte 19");
        check("RFC822<0.1>", "expected CRLF at byte 16");
    }

    #[test]
    fn binaries() {
        check("BINARY[1.2]", "Binary { peek: false, part: [1.2], partial: None }");
        check(
            "BINARY.PEEK[]<1.2>",
            "Binary { peek: true, part: [], partial: Some(Partial { offset: 1, count: 2 }) }",
        );
        check("BINARY.SIZE[3]", "BinarySize([3])");
        check("BINARY[TEXT]", "expected nz-number at byte 17");
        check("BINARY[1.TEXT]", "expected \"]\" at byte 18");
        check("BINARY.SIZE[3]<0.1>", "expected CRLF at byte 24");
        check("BINARY", "expected \"[\" at byte 16");
    }

    #[test]
    fn extended_items() {
        check("(EMAILID threadid SAVEDATE)", "EmailId ThreadId SaveDate");
        check("PREVIEW", "Preview { lazy: false }");
        check("PREVIEW (lazy)", "Preview { lazy: true }");
        check("(PREVIEW (LAZY LAZY ) UID)", "Preview { lazy: true } Uid");
        check("(UID PREVIEW)", "Uid Preview { lazy: false }");
        check("(PREVIEW UID)", "Preview { lazy: false } Uid");
        check("PREVIEW (LAZ)", "expected fetch-modifier at byte 19");
        check("(PREVIEW (LAZ))", "expected fetch-att at byte 19");
        check("(PREVIEW (LAZY UID))", "expected \")\" at byte 25");
        check("PREVIEW (LAZYX)", "expected fetch-modifier at byte 19");
        check("PREVIEW ()", "expected fetch-modifier at byte 19");
    }

    #[test]
    fn parts_are_numbers() {
        let part = section_part(&mut Cursor::new(b"1.22.333]")).unwrap();
        assert_eq!(part.iter().collect::<Vec<_>>(), [1, 22, 333]);
        assert_eq!(part.as_bytes(), b"1.22.333");
        assert_eq!(PartNumbers { raw: b"" }.iter().count(), 0);
    }

    #[test]
    fn modifiers_and_numbers() {
        #[track_caller]
        fn check(line: &str, want: &str) {
            assert_eq!(told(line), want, "from {line:?}");
        }
        check("UID FETCH 1:* (FLAGS)", "Uid Ranges(1:*) Flags []");
        check("FETCH $ FLAGS", "Seq Saved Flags []");
        check(
            "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)",
            "Uid Ranges(1:*) Flags [ChangedSince(12345), Vanished]",
        );
        check(
            "FETCH 1 ALL (changedsince 0)",
            "Seq Ranges(1) Flags InternalDate Rfc822Size Envelope [ChangedSince(0)]",
        );
        check(
            "UID FETCH 1:* (FLAGS) (PARTIAL -1:-30 CHANGEDSINCE 9)",
            "Uid Ranges(1:*) Flags [Partial(PartialRange { first: 1, last: 30, from_end: true }), \
             ChangedSince(9)]",
        );
        check(
            "UID FETCH 1 PREVIEW (CHANGEDSINCE 9)",
            "Uid Ranges(1) Preview { lazy: false } [ChangedSince(9)]",
        );
        check(
            "UID FETCH 1 PREVIEW (LAZY) (PARTIAL 2:1)",
            "Uid Ranges(1) Preview { lazy: true } \
             [Partial(PartialRange { first: 2, last: 1, from_end: false })]",
        );
        check("FETCH 1 FLAGS (PARTIAL 1:2)", "expected UID FETCH for PARTIAL at byte 16");
        check("FETCH 1 FLAGS ()", "expected fetch-modifier at byte 17");
        check("FETCH 1 FLAGS (CHANGEDSINCE)", "expected SP at byte 29");
        check(
            "FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
            "expected mod-sequence-valzer at byte 30",
        );
        check(
            "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
            "expected UID FETCH with CHANGEDSINCE for VANISHED at byte 16",
        );
        check(
            "UID FETCH 1 FLAGS (VANISHED)",
            "expected UID FETCH with CHANGEDSINCE for VANISHED at byte 20",
        );
        check("FETCH", "expected SP at byte 7");
        check("FETCH 1", "expected SP at byte 9");
        check("FETCH 0 FLAGS", "expected nz-number at byte 8");
        check("FETCH 1,$ FLAGS", "expected nz-number at byte 10");
    }
}
