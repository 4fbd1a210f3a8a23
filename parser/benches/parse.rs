//! What reading a command costs: `cargo bench -p sora-parser`.

use std::hint::black_box;
use std::time::Instant;

use parser::imap::{self, Command, Frame, Framer, Limits, write};

const ROUNDS: u32 = 200_000;

fn main() {
    let limits = Limits { line_bytes_max: 65_536, frame_bytes_max: 65_536 };
    let command = |name: &str, frame: &[u8]| {
        bench(name, frame, |frame| {
            let framed = Framer::new().next(frame, &limits);
            framed == Frame::Complete { bytes: frame.len() } && walked(frame)
        });
    };
    command("NOOP", b"a123 NOOP\r\n");
    command("SELECT", b"a123 SELECT \"INBOX\" (CONDSTORE)\r\n");
    command("LOGIN", b"a123 LOGIN \"me@example.com\" \"secret\"\r\n");
    command("UID FETCH 1:* (FLAGS UID)", b"a123 UID FETCH 1:* (FLAGS UID)\r\n");
    command("FETCH of a phone", b"a123 UID FETCH 1:100 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (date subject from to cc message-id in-reply-to references content-type x-priority x-uniform-type-identifier x-universally-unique-identifier list-id list-unsubscribe)])\r\n");
    command("UID STORE", b"a123 UID STORE 1:5,9 +FLAGS.SILENT (\\Seen $Forwarded)\r\n");
    command("SEARCH", b"a123 UID SEARCH UNSEEN SINCE 1-Feb-2020 OR FROM \"alice\" SUBJECT \"hello\" NOT DELETED\r\n");
    let uids: Vec<String> = (1..5_001).map(|uid| (uid * 7 + 10_000).to_string()).collect();
    let long = format!("a123 UID FETCH {} (FLAGS)\r\n", uids.join(","));
    bench("5,000 UIDs", long.as_bytes(), walked);
    let deep = format!(
        "a SEARCH {}{}\r\n",
        "(ALL ".repeat(100),
        "SEEN ".repeat(10_000) + &")".repeat(100)
    );
    let deep = deep.replace("SEEN )", "SEEN)");
    bench("64 KB, 100 levels", deep.as_bytes(), walked);
    let mut out = Vec::with_capacity(64);
    bench("* n FETCH (UID n FLAGS)", b"", |_| {
        out.clear();
        out.extend_from_slice(b"* ");
        write::number(&mut out, black_box(54_321u32));
        out.extend_from_slice(b" FETCH (UID ");
        write::number(&mut out, black_box(1_054_321u32));
        out.extend_from_slice(b" FLAGS (\\Seen))\r\n");
        !out.is_empty()
    });
    bench("string of 40 bytes", &[b'x'; 40], |value| {
        out.clear();
        write::string(&mut out, value, write::Charset::Ascii);
        !out.is_empty()
    });
}

/// Reads the command and looks at every item, inner search keys included.
fn walked(frame: &[u8]) -> bool {
    fn keys(list: imap::List<'_, imap::SearchKey<'_>>) -> usize {
        list.iter()
            .map(|key| match key {
                imap::SearchKey::And(inner) => keys(inner),
                _ => 1,
            })
            .sum()
    }
    match imap::command(frame).map(|tagged| tagged.command) {
        Ok(Command::Fetch { set: imap::Set::Ranges(set), items, .. }) => {
            black_box(set.ranges().count() + items.iter().count()) > 0
        }
        Ok(Command::Search { keys: list, .. }) => black_box(keys(list)) > 0,
        Ok(command) => {
            black_box(&command);
            true
        }
        Err(_) => false,
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn bench(name: &str, input: &[u8], mut run: impl FnMut(&[u8]) -> bool) {
    assert!(run(input), "{name}: the input must parse, or we time the error path");
    let rounds = if input.len() > 4_096 { ROUNDS / 500 } else { ROUNDS };
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(run(black_box(input)));
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
    }
    println!("{name:28} {best:12.1} ns {:8} bytes", input.len());
}
