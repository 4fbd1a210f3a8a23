//! Reading a command allocates nothing, and neither does walking it; a message map and a script cost
//! what their parts cost: counted, not promised.

use parser::imap::{self, AppendPieces, AppendRead, Command, Frame, Framer, Limits, Notify};
use parser::message::{Addresses, DateTime, MessageMap, header};
use parser::{Line, Lines, lmtp, managesieve, pop3, proxy, sieve};

/// Frames, reads and walks one command; how many allocations that took.
fn allocations(frame: &[u8]) -> u64 {
    counted(|| walk(frame)).1
}

fn walk(frame: &[u8]) {
    let limits = Limits { line_bytes_max: 65_536, frame_bytes_max: 65_536 };
    let mut framer = Framer::new();
    let framed = loop {
        match framer.next(frame, &limits) {
            Frame::Literal { .. } => assert!(framer.accept_literal()),
            other => break other,
        }
    };
    assert_eq!(framed, Frame::Complete { bytes: frame.len() });
    match imap::command(frame).expect("a command").command {
        Command::Fetch { set: imap::Set::Ranges(set), items, .. } => {
            assert!(set.ranges().count() > 0 && items.iter().count() > 0);
        }
        Command::Search { keys, .. }
        | Command::ESearch { keys, .. }
        | Command::Sort { keys, .. }
        | Command::Thread { keys, .. } => assert!(keys.iter().count() > 0),
        Command::Store { flags, .. } => assert!(flags.iter().count() > 0),
        Command::Append { items, .. } | Command::Replace { items, .. } => {
            assert!(items.count() > 0);
        }
        Command::SetMetadata { entries, .. } => assert!(entries.iter().count() > 0),
        Command::Notify(Notify::Set { groups, .. }) => {
            for events in groups.iter().filter_map(|group| group.events) {
                assert!(events.iter().count() > 0);
            }
        }
        Command::Login { user, password } => {
            assert!(user.bytes().len() + password.0.bytes().len() > 0)
        }
        _ => {}
    }
}

#[test]
fn commands_are_read_without_allocating() {
    let set: Vec<String> = (1..4_000).map(|uid| (uid * 3).to_string()).collect();
    let long = format!("a UID FETCH {} (FLAGS)\r\n", set.join(","));
    let commands: [&[u8]; 26] = [
        b"a NOOP\r\n",
        b"a LOGIN \"me\" {6+}\r\nsecret\r\n",
        b"a SELECT INBOX (CONDSTORE)\r\n",
        b"a LIST (SUBSCRIBED) \"\" (\"*\" %) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))\r\n",
        b"a UID FETCH 1:* (UID FLAGS)\r\n",
        b"a FETCH 1:5,7 (BODY.PEEK[HEADER.FIELDS (Date From)] BODYSTRUCTURE BODY[1.2]<0.5>)\r\n",
        b"a UID SEARCH RETURN (ALL) OR (FROM a SINCE 1-Feb-2020) NOT (SEEN NOT DRAFT) 1:*\r\n",
        b"a UID STORE 1:5 +FLAGS.SILENT (\\Seen $Junk)\r\n",
        b"a APPEND x (\\Seen) \" 1-Feb-2020 00:00:00 +0000\" {5}\r\nhello\r\n",
        b"a APPEND x {2}\r\nhi () CATENATE (URL /a TEXT {1}\r\na UTF8 (~{1}\r\nb)) UTF8 (~{1}\r\nc)\r\n",
        b"a UID REPLACE 7 x (\\Seen) {5+}\r\nhello\r\n",
        b"a SETACL INBOX fred +lrs\r\n",
        b"a SETQUOTA \"\" (STORAGE 512 MESSAGE 1000)\r\n",
        b"a GETMETADATA (DEPTH 1) INBOX (/shared/comment \"/private/comment\")\r\n",
        b"a SETMETADATA INBOX (/private/comment ~{3}\r\n\0\r\n /shared/comment NIL)\r\n",
        b"a NOTIFY SET STATUS (selected (MessageNew (UID BODY[HEADER.FIELDS (To)]) \
          MessageExpunge)) (subtree (a \"b c\") NONE)\r\n",
        b"a LANGUAGE de i-default\r\n",
        b"a UIDBATCHES 2000 1:5\r\n",
        long.as_bytes(),
        b"a UID SORT RETURN (PARTIAL -1:-50 UPDATE (UID FLAGS)) (REVERSE DATE TO) UTF-8 OLDER 5\r\n",
        b"a THREAD REFS UTF-8 FUZZY (TEXT x) SAVEDON 1-Feb-2020 EMAILID M1 FILTER x\r\n",
        b"a ESEARCH IN (inboxes subtree (a \"b c\") (x 1:5)) RETURN (COUNT) CHARSET UTF-8 ALL\r\n",
        b"a CANCELUPDATE \"b1\" \"b2\"\r\n",
        b"a UID FETCH 1 (PREVIEW (LAZY) EMAILID THREADID SAVEDATE) (PARTIAL 1:9 CHANGEDSINCE 1)\r\n",
        b"a LIST \"\" % RETURN (MYRIGHTS METADATA (\"/shared/x\") STATUS (MAILBOXID DELETED-STORAGE))\r\n",
        b"a SELECT x (QRESYNC (1 2 1:5 (1,3 4,9)))\r\n",
    ];
    for command in commands {
        assert_eq!(allocations(command), 0, "for {}", command.escape_ascii());
    }
    // An escape has to be taken out somewhere: once a string.
    assert_eq!(allocations(b"a LOGIN \"a\\\"b\" \"c\"\r\n"), 1);
}

#[test]
fn pieces_of_an_append_are_read_without_allocating() {
    let ((), count) = counted(|| {
        let mut pieces = AppendPieces::new();
        let command: [&[u8]; 4] = [
            b"a APPEND x (\\Seen) {310+}\r\n",
            b" \" 1-Feb-2020 00:00:00 +0000\" CATENATE (URL {2}\r\n/a TEXT {7}\r\n",
            b" UTF8 (~{1}\r\n",
            b"))\r\n",
        ];
        for piece in command {
            let Ok(AppendRead::Piece(piece)) = pieces.read(piece) else { panic!("a piece") };
            piece.items.for_each(drop);
        }
    });
    assert_eq!(count, 0);
}

/// pitfall 61: what is announced is neither kept nor waited for before it was found to fit.
#[test]
fn a_literal_beyond_the_limit_costs_nothing() {
    let limits = Limits { line_bytes_max: 8_192, frame_bytes_max: 8_192 };
    let ((), count) = counted(|| {
        for input in [&b"a LOGIN {99999999999}\r\n"[..], b"a LOGIN {9223372036854775807+}\r\nxxxx"]
        {
            let mut framer = Framer::new();
            assert!(matches!(framer.next(input, &limits), Frame::Literal { .. }));
            assert!(!framer.accept_literal());
            framer.refuse_literal();
            assert!(matches!(framer.next(input, &limits), Frame::Skip { .. }));
            assert!(imap::command(input).is_err());
        }
    });
    assert_eq!(count, 0);
}

/// What `work` gives, and how many allocations it took.
fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let mut given = None;
    let cost = allocation_counter::measure(|| given = Some(work()));
    (given.expect("it ran"), cost.count_total)
}

#[test]
fn lines_of_other_protocols_are_read_without_allocating() {
    #[track_caller]
    fn check(line: &[u8], reads: fn(&[u8]) -> bool) {
        assert_eq!(counted(|| reads(line)), (true, 0), "for {}", line.escape_ascii());
    }
    for line in
        ["USER me\r\n", "PASS two words\r\n", "RETR 1\r\n", "TOP 1 10\r\n", "AUTH PLAIN\r\n"]
    {
        check(line.as_bytes(), |line| {
            let framed = Lines::new().next(line, pop3::COMMAND_BYTES_MAX);
            framed == Line::Complete { bytes: line.len() } && pop3::command(line).is_ok()
        });
    }
    for line in [
        "LHLO client.example.org\r\n",
        "MAIL FROM:<a@b.example> BODY=8BITMIME SIZE=100 SMTPUTF8\r\n",
        "RCPT TO:<\"a b\"@c.example> NOTIFY=NEVER\r\n",
        "BDAT 100 LAST\r\n",
    ] {
        check(line.as_bytes(), |line| {
            lmtp::line(line).is_some_and(|(line, _)| lmtp::command(line).is_ok())
        });
    }
    for line in ["LISTSCRIPTS\r\n", "PUTSCRIPT \"a\" {5+}\r\nkeep;\r\n", "HAVESPACE \"a\" 99\r\n"] {
        check(line.as_bytes(), |line| {
            let limits = Limits { line_bytes_max: 1_024, frame_bytes_max: 65_536 };
            let framed = managesieve::Framer::new().next(line, &limits);
            framed == managesieve::Frame::Complete { bytes: line.len() }
                && managesieve::command(line).is_ok()
        });
    }
    check(b"PROXY TCP4 192.0.2.1 198.51.100.7 51432 993\r\n", |line| proxy::header(line).is_ok());
}

/// A message with so many attachments of so many lines each.
fn message(attachments: usize, lines: usize) -> Vec<u8> {
    let mut mail =
        "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n".to_owned();
    for _ in 0..attachments {
        mail += "--x\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n\r\n";
        mail += &"JVBERi0xLjcKJeLjz9MKMSAwIG9iago8PC9UeXBlL0NhdGFsb2cvUGFnZXMgMiAwIFI\r\n"
            .repeat(lines);
    }
    (mail + "--x--\r\n").into_bytes()
}

#[test]
fn a_message_map_costs_what_its_parts_cost() {
    let allocations = |attachments, lines| {
        let mail = message(attachments, lines);
        let (map, allocations) = counted(|| MessageMap::parse(&mail));
        assert_eq!(map.parts().len(), attachments + 1);
        allocations
    };
    for attachments in [1, 10, 100] {
        let few = allocations(attachments, 1);
        assert_eq!(allocations(attachments, 10_000 / attachments), few, "however long bodies are");
        assert!(few <= 16 + attachments as u64, "{few} for {attachments} parts");
    }
}

#[test]
fn a_field_is_found_without_allocating() {
    let mail = message(1, 1_000);
    let (found, allocations) = counted(|| header::find(&mail, b"content-type").is_some());
    assert_eq!((found, allocations), (true, 0));
    let (count, allocations) =
        counted(|| Addresses::new(b"\"A, B\" <a@b.example>, c@d.example").count());
    assert_eq!((count, allocations), (2, 0));
    let (date, allocations) = counted(|| DateTime::parse(b"Fri, 21 Nov 1997 09:55:06 -0600"));
    assert_eq!((date.is_some(), allocations), (true, 0));
}

#[test]
fn a_script_costs_what_its_commands_cost() {
    let rule =
        "if header :contains [\"List-Id\", \"X-List\"] \"a.example\" { fileinto \"a\"; stop; }\n";
    let allocations = |rules: usize| {
        let script = format!("require \"fileinto\";\n{}", rule.repeat(rules));
        let (compiled, allocations) =
            counted(|| sieve::compile(script.as_bytes(), sieve::Capabilities::ALL));
        assert!(compiled.is_ok());
        allocations
    };
    let (few, many) = (allocations(10), allocations(1_000));
    // Fifty for a rule of three commands, a test and five strings, and some for what grows.
    assert!(few <= 50 * 10 + 50, "{few} for ten rules");
    assert!(many <= 50 * 1_000 + 100, "{many} for a thousand rules");
}
