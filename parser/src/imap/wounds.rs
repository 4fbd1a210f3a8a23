//! Tests: what has hurt other servers, and what their clients send all the same.

use super::testing::check;
use super::*;
use crate::steps;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// What a stranger may send: what the session grants before login.
const STRANGER: Limits = Limits { line_bytes_max: 8_192, frame_bytes_max: 8_192 };

/// Feeds `pieces` as they come from the network, refusing every literal that does not fit; the most
/// bytes that had to be kept at once, and how often something was too much.
#[track_caller]
fn kept<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (usize, usize) {
    let (mut framer, mut buffer) = (Framer::new(), Vec::new());
    let (mut most, mut refused) = (0, 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match framer.next(&buffer, &STRANGER) {
                Frame::Incomplete => break,
                Frame::Complete { bytes } | Frame::Skip { bytes } => drop(buffer.drain(..bytes)),
                Frame::TooLong => refused += 1,
                Frame::Literal { .. } => {
                    if !framer.accept_literal() {
                        framer.refuse_literal();
                        refused += 1;
                    }
                }
            }
        }
        most = most.max(buffer.len());
    }
    (most, refused)
}

/// pitfall 61
#[test]
fn a_stranger_keeps_nothing_of_ours() {
    let endless = |piece: &'static [u8]| core::iter::repeat_n(piece, 100_000);
    // Parentheses, and any other line without an end: told once, then skipped.
    let (most, refused) = kept(core::iter::once(&b"a "[..]).chain(endless(b"((((((((")));
    assert!(most <= STRANGER.line_bytes_max && refused == 1, "{most} bytes, {refused} times");
    let (most, refused) = kept(endless(b"aaaaaaaa"));
    assert!(most <= STRANGER.line_bytes_max && refused == 1, "{most} bytes, {refused} times");
    // Many literals in one command, each of them small.
    let (most, refused) = kept(core::iter::once(&b"a ID ("[..]).chain(endless(b"{1+}\r\nx ")));
    assert!(most <= STRANGER.frame_bytes_max && refused == 1, "{most} bytes, {refused} times");
    // Literals that are only announced, or sent unasked whatever we say.
    let (most, refused) =
        kept(core::iter::repeat_n(&b"a LOGIN {9223372036854775807}\r\n"[..], 1_000));
    assert!(most <= 64 && refused == 1_000, "{most} bytes, {refused} times");
    let (most, refused) =
        kept(core::iter::once(&b"a LOGIN {800000+}\r\n"[..]).chain(endless(b"xxxxxxxx")));
    assert!(most <= 64 && refused == 1, "{most} bytes, {refused} times");
    // Short commands cost nothing, however many.
    let (most, refused) = kept(endless(b"a NOOP\r\n"));
    assert_eq!((most, refused), (0, 0));
}

/// The error of `input`, and that it took few steps a byte to find.
#[track_caller]
fn wrong(input: &str) -> alloc::string::String {
    let (read, took) = steps::count(|| command(input.as_bytes()));
    assert!(took <= 8 * (input.len() + 64), "{took} steps for {} bytes", input.len());
    read.expect_err("no command").error.to_string()
}

#[test]
fn floods_of_parentheses() {
    // pitfall 116
    for n in [200, 60_000] {
        let open = "(".repeat(n);
        assert_eq!(wrong(&format!("a {open}")), "expected command at byte 2");
        assert_eq!(wrong(&open), "expected tag at byte 0");
        assert_eq!(wrong(&format!("a LOGIN {open}")), "expected astring at byte 8");
        assert_eq!(wrong(&format!("a FETCH 1 {open}")), "expected fetch-att at byte 11");
        assert_eq!(wrong(&format!("a LIST {open}")), "expected list-select-opt at byte 8");
        assert_eq!(wrong(&format!("a NOTIFY SET {open}")), "expected filter-mailboxes at byte 14");
        assert_eq!(wrong(&format!("a SETMETADATA x {open}")), "expected astring at byte 17");
        assert_eq!(wrong(&format!("a APPEND x {open}")), "expected flag at byte 12");
    }
}

/// No nesting overflows half the stack of a thread, and none costs more than its length.
#[test]
fn deep_searches() {
    // pitfall 116
    std::thread::Builder::new()
        .stack_size(1024 * 1024)
        .spawn(|| {
            for inner in ["(", "NOT ", "OR ALL ", "OR ", "NOT (", "FUZZY "] {
                let deep = inner.repeat(5_000);
                for line in [format!("a SEARCH {deep}ALL"), format!("a SORT (DATE) UTF-8 {deep}")] {
                    let (read, took) = steps::count(|| command(line.as_bytes()).is_err());
                    assert!(read, "{inner}");
                    assert!(took <= 8 * line.len(), "{took} steps for {inner}");
                }
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

/// Keys that are many levels down are walked as quickly as others.
#[test]
fn searches_that_stay_deep() {
    // pitfall 116
    for inner in ["(ALL ", "NOT (", "OR ALL (", "FUZZY ("] {
        let levels = if inner.starts_with('(') { SEARCH_DEPTH_MAX } else { SEARCH_DEPTH_MAX / 2 };
        let (open, close) = (inner.repeat(levels), ")".repeat(levels));
        let line = format!("a SEARCH {open}{}ALL{close}\r\n", "SEEN ".repeat(10_000));
        let (read, took) = steps::count(|| command(line.as_bytes()));
        assert!(took <= 8 * line.len(), "{took} steps for {inner}");
        let Ok(Tagged { command: Command::Search { keys, .. }, .. }) = read else {
            panic!("{read:?}");
        };
        let (count, took) = steps::count(|| keys.iter().count());
        assert!(count > 10_000 && took <= 8 * line.len(), "{took} steps for {inner}");
    }
}

#[test]
fn floods_of_sets() {
    // pitfall 109
    for flood in ["1", "4294967295:*", "*", "1:4294967295"] {
        let set = [flood; 9_000].join(",");
        for line in [format!("a FETCH {set} UID\r\n"), format!("a UID SEARCH UID {set}\r\n")] {
            let (read, took) = steps::count(|| command(line.as_bytes()).is_ok());
            assert!(read);
            assert!(took <= 8 * line.len(), "{took} steps for {} bytes", line.len());
        }
        assert!(wrong(&format!("a FETCH {set},")).starts_with("expected nz-number"));
    }
}

#[test]
fn floods_of_tags() {
    let tag = "x".repeat(TAG_BYTES_MAX);
    assert_eq!(tag_of(format!("{tag} NOOP\r\n").as_bytes()), Some(&*tag));
    assert!(command(format!("{tag} NOOP\r\n").as_bytes()).is_ok());
    // Longer ones are told to nobody.
    for more in ["x", &"x".repeat(60_000)] {
        let line = format!("{tag}{more} NOOP\r\n");
        assert_eq!(tag_of(line.as_bytes()), None);
        assert_eq!(command(line.as_bytes()).unwrap_err().tag, None);
        assert!(!is_append(format!("{tag}{more} APPEND x {{1}}\r\n").as_bytes()));
    }
}

#[test]
fn bad_base64() {
    let mut out = [0; 32];
    let long = "AAAA".repeat(20_000);
    for bad in [
        "A",
        "AA",
        "AAA",
        "A===",
        "=AAA",
        "AA=A",
        "!!!!",
        "AAAA\0",
        "AAA\u{e9}",
        "AAAAA===",
        " ",
        &long,
    ] {
        assert!(initial_response(bad.as_bytes(), &mut out).is_err(), "{bad:.20}");
        let line = format!("{bad}\r\n");
        let (read, took) = steps::count(|| sasl_line(line.as_bytes(), &mut out).is_err());
        assert!(read && took <= 2 * (line.len() + 64), "{bad:.20}");
    }
    check("AUTHENTICATE PLAIN !!!!", "expected initial-resp at byte 21");
    check("AUTHENTICATE PLAIN {4}\r\nAAAA", "expected initial-resp at byte 21");
}

#[test]
fn truncated_utf8() {
    // pitfall 68
    for cut in [&b"\xc3"[..], b"\xe2\x82", b"a\xf0\x9f\x98", b"\x80", b"\xff\xfe"] {
        let frame = [b"a SELECT \"", cut, b"\"\r\n"].concat();
        let Ok(Tagged { command: Command::Select { mailbox, .. }, .. }) = command(&frame) else {
            panic!("a SELECT");
        };
        assert!(mailbox_name(&mailbox.bytes(), Charset::Utf8).is_err());
        assert!(mailbox_name(&mailbox.bytes(), Charset::Ascii).is_err());
        assert!(outside_charset(&frame, Charset::Utf8).is_some());
        assert!(command(&[b"a SELECT ", cut, b"\r\n"].concat()).is_err()); // no byte of an atom
    }
}

#[test]
fn numbers_too_large_for_anything() {
    for line in [
        "a LOGIN {18446744073709551616}\r\nx",
        "a LOGIN {9223372036854775807}\r\nx",
        "a APPEND x {18446744073709551615}\r\nx",
        "a APPEND x CATENATE (TEXT {9223372036854775807}\r\nx",
        "a SETMETADATA x (/y ~{99999999999999999999999999}\r\nx",
    ] {
        let error = wrong(line);
        assert!(
            error.starts_with("expected literal") || error.starts_with("expected number64"),
            "{error}"
        );
    }
}

/// What is forgiven, because clients do it.
mod forgiven {
    use super::*;

    #[test]
    fn any_case() {
        check("noop", "Noop");
        check("Select inbox (CondStore)", "Select { mailbox: \"inbox\", params: (CondStore) }");
        check("uid eXpunge 1", "Expunge(Some(Ranges(1)))");
        check("unauthenticate", "Unauthenticate");
    }

    #[test]
    fn spaces_at_the_end() {
        check("NOOP   ", "Noop");
        check("LOGIN me secret ", "Login { user: \"me\", password: *** }");
        check("LOGIN me {2}\r\nxx  ", "Login { user: \"me\", password: *** }");
        check(
            "STORE 1 FLAGS (\\Seen ) ",
            "Store { numbers: Seq, set: Ranges(1), unchanged_since: None, \
             operation: Replace, silent: false, flags: (\\\\Seen) }",
        );
        check("GETACL x  ", "GetAcl(\"x\")");
        check("COMPRESS DEFLATE ", "Compress(\"DEFLATE\")");
        check(
            "NOTIFY SET (inboxes NONE) ",
            "Notify(Set { status: false, groups: ((inboxes NONE)) })",
        );
    }

    #[test]
    fn literals_after_quoted_strings() {
        // pitfall 53
        check("LOGIN \"a {3}\" {2}\r\nxx", "Login { user: \"a {3}\", password: *** }");
        check(
            "LOGIN \"a\\\"\\\\\" {2+}\r\nxx",
            "Login { user: \"a\\\\\\\"\\\\\\\\\", password: *** }",
        );
        check("RENAME \"a\" {1}\r\nb", "Rename { from: \"a\", to: \"b\" }");
        // A line that ends like a literal, in quotes, is none.
        let input = b"a SELECT \"x{3}\"\r\nb NOOP\r\n";
        assert_eq!(Framer::new().next(input, &STRANGER), Frame::Complete { bytes: 17 });
    }

    #[test]
    fn id_alone() {
        // pitfall 52
        check("ID", "Id(None)");
        check("id  ", "Id(None)");
        check("ID nil", "Id(None)");
    }

    #[test]
    fn empty_lines() {
        for line in ["\r\n", "\n", "  \r\n", ""] {
            assert_eq!(command(line.as_bytes()).unwrap_err().fault, Fault::Empty, "{line:?}");
        }
        // One too many after a literal is a frame of its own, and the next command is whole.
        let mut framer = Framer::new();
        let mut rest = &b"a LOGIN x {1+}\r\ny\r\n\r\nb NOOP\r\n"[..];
        assert!(matches!(framer.next(rest, &STRANGER), Frame::Literal { .. }));
        assert!(framer.accept_literal());
        for bytes in [19, 2, 8] {
            assert_eq!(framer.next(rest, &STRANGER), Frame::Complete { bytes });
            rest = &rest[bytes..];
        }
    }

    /// `DONE` in any case ends IDLE, and what was sent behind it is the next command.
    #[test]
    fn done_and_more() {
        for done in ["DONE\r\n", "done\n", "Done \r\n", "dOnE\r\n"] {
            let input = format!("{done}b NOOP\r\n");
            let mut framer = Framer::new();
            let Frame::Complete { bytes } = framer.next(input.as_bytes(), &STRANGER) else {
                panic!("a line");
            };
            assert!(idle_done(&input.as_bytes()[..bytes]), "{done:?}");
            let rest = &input.as_bytes()[bytes..];
            assert_eq!(framer.next(rest, &STRANGER), Frame::Complete { bytes: rest.len() });
            assert_eq!(command(rest).map(|tagged| tagged.command), Ok(Command::Noop));
        }
        assert!(!idle_done(b"b DONE\r\n"));
    }
}
