//! What reading a command and writing a response cost: `make bench-parts`.

use std::hint::black_box;

use imap_codec::decode::Decoder;
use imap_codec::encode::Encoder;
use imap_codec::{CommandCodec, ResponseCodec};
use parser::imap::{self, Command, Frame, Framer, Limits, List, SearchKey, SectionText, Set};
use parser::imap::{AppendPieces, AppendRead, FetchItem, ListReturn, Str, write};
use table::{Asked, Table, Task};

const LIMITS: Limits = Limits { line_bytes_max: 65_536, frame_bytes_max: 65_536 };

const FLAGS: &str = "a123 UID FETCH 1:* (FLAGS UID)\r\n";
const PHONE: &str = "a123 UID FETCH 1:100 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK\
    [HEADER.FIELDS (date subject from to cc message-id in-reply-to references content-type \
    x-priority x-uniform-type-identifier x-universally-unique-identifier list-id \
    list-unsubscribe)])\r\n";
const SEARCH: &str =
    "a123 UID SEARCH UNSEEN SINCE 1-Feb-2020 OR FROM \"alice\" SUBJECT \"hello\" NOT DELETED\r\n";
const LOGIN: &str = "a123 LOGIN \"me@example.com\" \"secret\"\r\n";
const STORE: &str = "a123 UID STORE 1:5,9 +FLAGS.SILENT (\\Seen $Forwarded)\r\n";

/// What a client says in a day, each once: the commands of a login, a look around, some reading.
const MIX: [&str; 12] = [
    "a1 CAPABILITY\r\n",
    LOGIN,
    "a3 LIST \"\" \"*\"\r\n",
    "a4 SELECT INBOX\r\n",
    FLAGS,
    "a6 UID FETCH 4827 (BODY.PEEK[HEADER.FIELDS (DATE FROM SUBJECT)] RFC822.SIZE)\r\n",
    "a7 UID FETCH 4827 BODY.PEEK[1.2]<0.65536>\r\n",
    STORE,
    "a9 UID SEARCH UNSEEN SINCE 1-Feb-2020\r\n",
    "a10 UID COPY 4827 \"Archive/2025\"\r\n",
    "a11 STATUS \"Sent Messages\" (MESSAGES UIDNEXT UNSEEN)\r\n",
    "a12 NOOP\r\n",
];

fn main() {
    let asked = Asked::from_args();
    commands(&asked);
    responses(&asked);
}

fn commands(asked: &Asked) {
    let mut table = Table::new(
        asked,
        "IMAP commands, from bytes in a buffer. sora: framed within limits, read, and every item of every list\n\
         looked at. imap-codec: decoded, without framing or limits.",
        &["imap-codec"],
    );
    let uids: Vec<String> = (1..5_001).map(|uid| (uid * 7 + 10_000).to_string()).collect();
    let long = format!("a123 UID FETCH {} (FLAGS)\r\n", uids.join(","));
    for (name, line) in [
        ("NOOP", "a123 NOOP\r\n"),
        ("UID FETCH 1:* (FLAGS UID)", FLAGS),
        ("UID FETCH of a phone", PHONE),
        ("SELECT", "a123 SELECT \"INBOX\"\r\n"),
        ("LOGIN", LOGIN),
        ("UID STORE", STORE),
        ("UID SEARCH", SEARCH),
        ("UID FETCH of 5,000 UIDs", &long),
        ("LIST", "a123 LIST \"\" \"*\"\r\n"),
        ("STATUS", MIX[10]),
    ] {
        let line = line.as_bytes();
        table.line(name, line.len(), Task::new(line, ours), vec![Some(Task::new(line, codec))]);
    }
    let bytes = MIX.iter().map(|line| line.len()).sum();
    let theirs = vec![Some(Task::on_all(&MIX, codec))];
    table.mean("mix of 12, a command", bytes, MIX.len(), Task::on_all(&MIX, ours), theirs);
    for (name, line) in [
        ("SELECT (CONDSTORE)", "a123 SELECT \"INBOX\" (CONDSTORE)\r\n"),
        (
            "LIST of everything",
            "a123 LIST (SUBSCRIBED) \"\" (\"*\" %) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))\r\n",
        ),
        ("LOGIN with a backslash", "a123 LOGIN \"me@example.com\" \"sec\\\\ret\"\r\n"),
    ] {
        let line = line.as_bytes();
        table.line(name, line.len(), Task::new(line, ours), vec![None]);
    }
    let head = b"a123 APPEND \"Sent Messages\" (\\Seen) \"21-Nov-2025 09:55:06 +0100\" {48213}\r\n";
    table.line("APPEND, up to its literal", head.len(), Task::new(head, append_head), vec![None]);
    let deep = format!(
        "a SEARCH {}{}SEEN{}\r\n",
        "(ALL ".repeat(100),
        "SEEN ".repeat(10_000),
        ")".repeat(100)
    );
    let deep = deep.as_bytes();
    table.line("SEARCH 100 levels deep", deep.len(), Task::new(deep, ours), vec![None]);
}

/// Frames, reads and walks.
fn ours(line: &[u8]) -> bool {
    let framed = Framer::new().next(line, &LIMITS);
    matches!(framed, Frame::Complete { bytes } if bytes == line.len())
        && match &imap::command(line) {
            Ok(tagged) => black_box(walked(&tagged.command)) < usize::MAX,
            Err(_) => false,
        }
}

fn codec(line: &[u8]) -> bool {
    match &CommandCodec::default().decode(line) {
        Ok((rest, command)) => {
            black_box(command);
            rest.is_empty()
        }
        Err(_) => false,
    }
}

fn append_head(line: &[u8]) -> bool {
    let framed = Framer::new().next(line, &LIMITS);
    matches!(framed, Frame::Literal { head_bytes, .. } if head_bytes == line.len())
        && match AppendPieces::new().read(line) {
            Ok(AppendRead::Piece(piece)) => black_box(piece.items.count()) > 0,
            _ => false,
        }
}

/// Looks at every item there is; the sum keeps the compiler from looking away.
fn walked(command: &Command<'_>) -> usize {
    match command {
        Command::Fetch { set, items, modifiers, .. } => {
            let items: usize = items.iter().map(|item| fetch_item(&item)).sum();
            set_of(set) + items + modifiers.iter().count()
        }
        Command::Search { keys, returns, .. } => {
            search_keys(*keys) + returns.map_or(0, |returns| returns.iter().count())
        }
        Command::Store { set, flags, .. } => set_of(set) + flags.iter().count(),
        Command::Copy { set, mailbox, .. } | Command::Move { set, mailbox, .. } => {
            set_of(set) + mailbox.bytes().len()
        }
        Command::Login { user, password } => user.bytes().len() + password.0.bytes().len(),
        Command::Select { mailbox, params } | Command::Examine { mailbox, params } => {
            mailbox.bytes().len() + params.iter().count()
        }
        Command::Status { mailbox, items } => mailbox.bytes().len() + items.iter().count(),
        Command::List(list) => {
            let returns = list.returns.map_or(0, |returns| {
                let each = returns.iter().map(|item| match item {
                    ListReturn::Status(items) => items.iter().count(),
                    _ => 1,
                });
                each.sum()
            });
            list.select.iter().count() + strings(list.patterns) + returns
        }
        command => {
            black_box(command);
            1
        }
    }
}

fn set_of(set: &Set<'_>) -> usize {
    match set {
        Set::Ranges(set) => set.ranges().map(|range| range.ordered(9).1 as usize).sum(),
        Set::Saved => 1,
    }
}

fn strings(list: List<'_, Str<'_>>) -> usize {
    list.iter().map(|value| value.bytes().len()).sum()
}

fn fetch_item(item: &FetchItem<'_>) -> usize {
    match item {
        FetchItem::BodySection { section, .. } => {
            let names = match section.text {
                SectionText::HeaderFields(names) | SectionText::HeaderFieldsNot(names) => {
                    strings(names)
                }
                _ => 1,
            };
            section.part.iter().count() + names
        }
        item => {
            black_box(item);
            1
        }
    }
}

fn search_keys(keys: List<'_, SearchKey<'_>>) -> usize {
    let each = keys.iter().map(|key| {
        black_box(&key);
        1
    });
    each.sum()
}

fn responses(asked: &Asked) {
    let mut table = Table::new(
        asked,
        "IMAP responses. sora: written into a buffer that is kept. imap-codec: a value made before, encoded and dumped.\n\
         imap-proto, which is for clients, reads what was written.",
        &["imap-codec", "imap-proto reads"],
    );
    let mut out = Vec::with_capacity(256);
    for (name, line, run) in [
        (
            "* n FETCH (UID n FLAGS (f))",
            "* 54321 FETCH (UID 1054321 FLAGS (\\Seen))\r\n",
            fetch_response as fn(&mut Vec<u8>),
        ),
        (
            "* LIST (f) \"/\" name",
            "* LIST (\\HasNoChildren) \"/\" \"Sent Messages\"\r\n",
            list_response,
        ),
        ("* STATUS name (...)", "* STATUS INBOX (MESSAGES 231 UIDNEXT 44292)\r\n", status_response),
        ("a123 OK text", "a123 OK Done\r\n", tagged_response),
    ] {
        let line = line.as_bytes();
        out.clear();
        run(&mut out);
        assert_eq!(out, line, "{}", out.escape_ascii());
        let (rest, value) = ResponseCodec::default().decode(line).expect("a response");
        assert!(rest.is_empty());
        let ours = Task::new(line, |line| {
            out.clear();
            run(&mut out);
            out.len() == line.len()
        });
        let theirs = Task::new(line, |line| {
            let dumped = ResponseCodec::default().encode(black_box(&value)).dump();
            // A name that may stand as an atom has no quotes there.
            black_box(&dumped).len() + 2 >= line.len()
        });
        let read = Task::new(line, |line| {
            imap_proto::Response::parse(line).is_ok_and(|(rest, response)| {
                black_box(&response);
                rest.is_empty()
            })
        });
        table.line(name, line.len(), ours, vec![Some(theirs), Some(read)]);
    }
    let value = [b'x'; 40];
    let ours = Task::new(&value, |value| {
        out.clear();
        write::string(&mut out, value, write::Charset::Ascii);
        out.len() == 42
    });
    table.line("string of 40 bytes", 40, ours, vec![None, None]);
}

fn fetch_response(out: &mut Vec<u8>) {
    out.extend_from_slice(b"* ");
    write::number(out, black_box(54_321u32));
    out.extend_from_slice(b" FETCH (UID ");
    write::number(out, black_box(1_054_321u32));
    out.extend_from_slice(b" FLAGS ");
    write::flag_list(out, black_box(["\\Seen"]));
    out.extend_from_slice(b")\r\n");
}

fn list_response(out: &mut Vec<u8>) {
    out.extend_from_slice(b"* LIST ");
    write::flag_list(out, black_box(["\\HasNoChildren"]));
    out.extend_from_slice(b" \"/\" ");
    write::mailbox(out, black_box("Sent Messages"), write::Charset::Ascii);
    out.extend_from_slice(b"\r\n");
}

fn status_response(out: &mut Vec<u8>) {
    out.extend_from_slice(b"* STATUS ");
    write::mailbox(out, black_box("INBOX"), write::Charset::Ascii);
    out.extend_from_slice(b" (MESSAGES ");
    write::number(out, black_box(231u32));
    out.extend_from_slice(b" UIDNEXT ");
    write::number(out, black_box(44_292u32));
    out.extend_from_slice(b")\r\n");
}

fn tagged_response(out: &mut Vec<u8>) {
    out.extend_from_slice(black_box("a123").as_bytes());
    out.extend_from_slice(b" OK ");
    write::text(out, black_box("Done"), write::Charset::Ascii);
    out.extend_from_slice(b"\r\n");
}
