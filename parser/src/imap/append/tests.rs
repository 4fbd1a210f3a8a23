//! Messages of APPEND and REPLACE, whole and in pieces.

use super::*;
use crate::imap::testing::check;
use crate::imap::{AppendPiece, AppendRead, Frame, Framer, Limits};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The first piece of an APPEND.
#[track_caller]
fn head(piece: &str, want: &str) {
    let told = match AppendPieces::new().read(piece.as_bytes()) {
        Ok(AppendRead::Piece(AppendPiece { head: Some(head), items, literal })) => {
            let replaces = head.replaces.map(|replaces| format!(" for {replaces:?}"));
            let literal = literal.map(|literal| (literal.size, literal.synchronizing));
            let items: Vec<_> = items.map(told).collect();
            format!(
                "{}{} {:?}: {} {literal:?}",
                head.tag,
                replaces.unwrap_or_default(),
                head.mailbox,
                items.join(", ")
            )
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{:?} {:?} {}", error.tag, error.fault, error.error),
    };
    assert_eq!(told, want, "from {piece:?}");
}

fn told(item: AppendItem<'_>) -> String {
    match item {
        AppendItem::Message { flags, date_time } => {
            let seconds = date_time.map(|at| format!(" at {}", at.unix_seconds));
            format!("{flags:?}{}", seconds.unwrap_or_default())
        }
        AppendItem::Octets(AppendOctets { literal, octets, part, utf8 }) => {
            let sign = if literal.binary { "~" } else { "" };
            let kind = if part { "part" } else { "message" };
            let utf8 = if utf8 { " in UTF-8" } else { "" };
            format!("{kind}{utf8} {sign}{} {}", literal.size, octets.escape_ascii())
        }
        AppendItem::Url(url) => format!("url {url:?}"),
    }
}

#[test]
fn first_pieces() {
    head("a APPEND INBOX {310}\r\n", "a \"INBOX\": (), message 310  Some((310, true))");
    head(
        "a append \"b c\" (\\Seen $X) {9+}\n",
        "a \"b c\": (\\\\Seen $X), message 9  Some((9, false))",
    );
    head(
        "a APPEND x (\\Seen) \" 1-Feb-2020 00:00:00 +0000\" ~{7}\r\n",
        "a \"x\": (\\\\Seen) at 1580515200, message ~7  Some((7, true))",
    );
    head("a APPEND x () {0}\r\n", "a \"x\": (), message 0  Some((0, true))"); // pitfall 13 is the session's
    head(
        "a APPEND x {18446744073709551616}\r\n",
        "a \"x\": (), message 18446744073709551615  Some((18446744073709551615, true))",
    );
    head("a APPEND x UTF8 (~{7+}\r\n", "a \"x\": (), message in UTF-8 ~7  Some((7, false))");
    head(
        "a APPEND x CATENATE (TEXT {1}\r\n",
        "a \"x\": (), part 1  Some((1, true))", //
    );
    head(
        "a APPEND x CATENATE (URL \"/b\" UTF8 (~{1}\r\n",
        "a \"x\": (), url \"/b\", part in UTF-8 ~1  Some((1, true))",
    );
    head("a APPEND x CATENATE (URL /b)\r\n", "a \"x\": (), url \"/b\" None");
    head("a REPLACE 4 x {3}\r\n", "a for (Seq, Number(4)) \"x\": (), message 3  Some((3, true))");
    head(
        "a UID REPLACE * \"x\" (\\Draft) {3+}\r\n",
        "a for (Uid, Largest) \"x\": (\\\\Draft), message 3  Some((3, false))",
    );
}

#[test]
fn literals_that_are_no_message() {
    head("a APPEND {5}\r\n", "Name");
    head("a APPEND {5+}\r\n", "Name");
    head("a APPEND {0}\r\n", "Name");
    head("a REPLACE 1 {5}\r\n", "Name");
    head("a APPEND {1}\r\nx {5}\r\n", "a \"x\": (), message 5  Some((5, true))");
    head("a APPEND {0}\r\n {5}\r\n", "a \"\": (), message 5  Some((5, true))");
    // A mailbox whose name looks like the head of a literal.
    head("a APPEND {6}\r\n {1}\r\n {5}\r\n", "a \" {1}\\r\\n\": (), message 5  Some((5, true))");
    head("a APPEND x CATENATE (URL {5}\r\n", "Url");
    head("a APPEND x CATENATE (URL /a URL {0+}\r\n", "Url");
    head("a APPEND x CATENATE (URL {2}\r\n/a URL {2+}\r\n", "Url");
}

#[test]
fn what_is_no_piece() {
    head("a APPEND x{5}\r\n", "Some(\"a\") Syntax expected SP at byte 10");
    head("a APPEND x y {5}\r\n", "Some(\"a\") Syntax expected literal at byte 11");
    head("a APPEND x (\\Seen {5}\r\n", "Some(\"a\") Syntax expected flag at byte 18");
    head("a APPEND x {5} {6}\r\n", "Some(\"a\") Syntax expected CRLF at byte 14");
    head("a APPEND {5} {6}\r\n", "Some(\"a\") Syntax expected CRLF at byte 12");
    head("a APPEND ~{5}\r\n", "Some(\"a\") Syntax expected SP at byte 10");
    head("a APPEND x\r\n", "Some(\"a\") Syntax expected SP at byte 10");
    head("a APPEND x UTF8 ({5}\r\n", "Some(\"a\") Syntax expected literal8 at byte 17");
    head("a APPEND x UTF8 ~{5}\r\n", "Some(\"a\") Syntax expected literal at byte 11");
    head("a APPEND x CATENATE ({5}\r\n", "Some(\"a\") Syntax expected cat-part at byte 21");
    head("a APPEND x CATENATE ()\r\n", "Some(\"a\") Syntax expected cat-part at byte 21");
    head("a APPEND x CATENATE (TEXT x)\r\n", "Some(\"a\") Syntax expected literal at byte 26");
    head("a APPEND x CATENATE (TEXT ~{1}\r\n", "Some(\"a\") Syntax expected literal at byte 26");
    head("a APPEND x CATENATE (URL /a\r\n", "Some(\"a\") Syntax expected SP at byte 27");
    head("a REPLACE 0 x {5}\r\n", "Some(\"a\") Syntax expected nz-number at byte 10");
    head("a REPLACE 1:2 x {5}\r\n", "Some(\"a\") Syntax expected SP at byte 11");
    head("a UID APPEND x {5}\r\n", "Some(\"a\") Unknown expected APPEND at byte 1");
    head("a LOGIN {5}\r\n", "Some(\"a\") Unknown expected APPEND at byte 1");
    head("(APPEND {5}\r\n", "None Syntax expected tag at byte 0");
    head("", "None Syntax expected tag at byte 0");
}

#[test]
fn told_from_other_commands() {
    assert!(is_append(b"a append x {5}\r\n"));
    assert!(is_append(b"a APPEND "));
    assert!(is_append(b"a replace 1 x {5}\r\n"));
    assert!(is_append(b"a UID REPLACE 1 x {5}\r\n"));
    assert!(!is_append(b"a UID APPEND x"));
    assert!(!is_append(b"a APPENDX x"));
    assert!(!is_append(b"APPEND x"));
    assert!(!is_append(b""));
}

/// What a session sees of a command whose literals it takes as streams, names and URLs apart.
fn streamed(command: &str) -> Vec<String> {
    let limits = Limits { line_bytes_max: 1_000, frame_bytes_max: 1_000 };
    let (mut framer, mut pieces, mut told) = (Framer::new(), AppendPieces::new(), Vec::new());
    let mut rest = command.as_bytes();
    loop {
        let (bytes, done) = match framer.next(rest, &limits) {
            Frame::Literal { head_bytes, .. } => (head_bytes, false),
            Frame::Complete { bytes } => (bytes, true),
            other => panic!("{other:?}"),
        };
        match pieces.read(&rest[..bytes]) {
            Ok(AppendRead::Piece(piece)) => {
                told.extend(piece.items.clone().map(super::tests::told));
                assert_eq!(piece.literal.is_none(), done);
                let Some(literal) = piece.literal else { return told };
                framer.reset();
                rest = &rest[bytes..];
                let octets;
                (octets, rest) = rest.split_at(usize::try_from(literal.size).unwrap());
                told.last_mut().unwrap().push_str(&octets.escape_ascii().to_string());
            }
            Ok(_) => assert!(framer.accept_literal()),
            Err(error) => return [error.to_string()].into(),
        }
    }
}

/// The items of a command, which are the same from the whole frame and in pieces.
#[track_caller]
fn items(command: &str, want: &[&str]) {
    let command = format!("a {command}\r\n");
    let whole: Vec<String> = match crate::imap::command(command.as_bytes()) {
        Ok(tagged) => match tagged.command {
            Command::Append { items, .. } | Command::Replace { items, .. } => {
                items.map(told).collect()
            }
            other => panic!("{other:?}"),
        },
        Err(error) => [error.to_string()].into(),
    };
    assert_eq!(whole, want, "from {command:?}");
    if !whole[0].starts_with("expected") {
        assert_eq!(streamed(&command), want, "in pieces");
    }
}

#[test]
fn many_messages() {
    items("APPEND x {3}\r\nabc", &["()", "message 3 abc"]);
    items("APPEND {1+}\r\nx {3}\r\nabc ", &["()", "message 3 abc"]); // a trailing space
    items(
        "APPEND x (\\Seen) {3}\r\nabc \" 1-Feb-2020 00:00:00 +0000\" {2+}\r\n\r\n ~{1}\r\nz",
        &[
            "(\\\\Seen)",
            "message 3 abc",
            "() at 1580515200",
            "message 2 \\r\\n",
            "()",
            "message ~1 z",
        ],
    );
    items("APPEND x {0}\r\n {0}\r\n", &["()", "message 0 ", "()", "message 0 "]);
    items("APPEND x {3}\r\nabcd", &["expected SP at byte 19"]);
    items("APPEND x {3}\r\nabc x", &["expected literal at byte 20"]);
    items("APPEND x {3}\r\nabc (\\Seen)", &["expected SP at byte 27"]);
    items("APPEND x", &["expected SP at byte 10"]);
    items("APPEND x abc", &["expected literal at byte 11"]);
    items("APPEND x \"abc\"", &["expected date-day at byte 12"]);
}

#[test]
fn catenations() {
    items(
        "APPEND x (\\Seen) CATENATE (URL \"/D;UID=20\" TEXT {2+}\r\n\r\n URL {2}\r\n/E \
         text {1}\r\ny UTF8 (~{3}\r\n\u{e9}!)) UTF8 (~{2}\r\n\u{e9}) {1}\r\nz",
        &[
            "(\\\\Seen)",
            "url \"/D;UID=20\"",
            "part 2 \\r\\n",
            "url \"/E\"",
            "part 1 y",
            "part in UTF-8 ~3 \\xc3\\xa9!",
            "()",
            "message in UTF-8 ~2 \\xc3\\xa9",
            "()",
            "message 1 z",
        ],
    );
    items("APPEND x CATENATE (URL /a URL \"/\\\\b\")", &["()", "url \"/a\"", "url \"/\\\\\\\\b\""]);
    items(
        "APPEND x CATENATE (TEXT {1}\r\na) CATENATE (TEXT {1}\r\nb)",
        &["()", "part 1 a", "()", "part 1 b"],
    );
    items("APPEND x CATENATE (TEXT {1}\r\na TEXT)", &["expected cat-part at byte 33"]);
    items("APPEND x CATENATE (TEXT {1}\r\na", &["expected SP at byte 32"]);
    items("APPEND x CATENATE (URL /a )", &["expected cat-part at byte 28"]);
    items("APPEND x UTF8 (~{1}\r\na", &["expected \")\" at byte 24"]);
    items("APPEND x CATENATE(TEXT {1}\r\na)", &["expected literal at byte 11"]);
}

#[test]
fn replacements() {
    check(
        "REPLACE 4 Drafts {3+}\r\nabc",
        "Replace { numbers: Seq, message: Number(4), mailbox: \"Drafts\", items: [Message { \
         flags: (), date_time: None }, Octets(AppendOctets { literal: Literal { size: 3, \
         synchronizing: false, binary: false }, octets: [97, 98, 99], part: false, \
         utf8: false })] }",
    );
    items("UID REPLACE * x (\\Seen) {1}\r\na", &["(\\\\Seen)", "message 1 a"]);
    items("REPLACE 1 x CATENATE (URL /a)", &["()", "url \"/a\""]);
    items("REPLACE 1 x {1}\r\na {1}\r\nb", &["expected CRLF at byte 21"]); // one only
    items("REPLACE x {1}\r\na", &["expected nz-number at byte 10"]);
}

/// What was proved is not read again, however many literals come into one piece.
#[test]
fn urls_in_literals_are_linear_work() {
    let mut piece = String::from("a APPEND x CATENATE (URL /x");
    let (mut pieces, mut steps) = (AppendPieces::new(), 0);
    for _ in 0..1_000 {
        piece.push_str(" URL {2}\r\n");
        let (read, took) = crate::steps::count(|| pieces.read(piece.as_bytes()));
        assert!(matches!(read, Ok(AppendRead::Url)), "{read:?}");
        steps += took;
        piece.push_str("/a");
    }
    piece.push_str(" TEXT {1}\r\n");
    let Ok(AppendRead::Piece(last)) = pieces.read(piece.as_bytes()) else { panic!("a piece") };
    assert_eq!(last.items.count(), 1_003);
    assert!(steps < 8 * piece.len(), "{steps} steps for {} bytes", piece.len());
}

#[test]
fn literal_minus() {
    // RFC 7888 §5
    let literal = |head: &str| literal_head(head.as_bytes()).unwrap();
    assert!(literal("{4096+}\r\n").is_within_literal_minus());
    assert!(!literal("{4097+}\r\n").is_within_literal_minus());
    assert!(!literal("~{4097+}\r\n").is_within_literal_minus());
    assert!(literal("{4097}\r\n").is_within_literal_minus());
}
