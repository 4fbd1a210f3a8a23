use super::section::{section_part, section_spec};
use crate::cursor::Cursor;
use crate::imap::{Command, PartNumbers, Section, Tagged, command};
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
        self::check(&format!("BODY[{section}]"), &want);
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
