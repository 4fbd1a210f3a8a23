//! Dialogues with a scripted store: what a model store cannot do, such as failing in the middle
//! of a body. All else is in tests/transcripts/imap.

use std::sync::Arc;

use super::Imap;
use crate::error::{Fault, Refusal};
use crate::job::{Change, Fetched, Job, Reply, Ticket};
use crate::limits::{BODY_SLICE_BYTES_MAX, OUTPUT_BYTES_MAX, SPOOL_CHUNK_BYTES};
use crate::mail::{Message, Snapshot, UidRuns};
use crate::model::{ModSeq, Uid};
use crate::session::testing::{
    Dialogue, KEY, batch, info, logged_in, message, opened, peer, snapshot,
};
use crate::session::{Event, Service, Settings, testing};

fn started(remote: bool, changes_come_late: bool) -> Dialogue {
    let settings = Settings { changes_come_late, ..Settings::default() };
    Dialogue::new(Service::Imap, peer(remote), settings)
}

/// Logged in, with `snapshot` selected, and what was said until then forgotten.
fn selected(snapshot: &Arc<Snapshot>) -> Dialogue {
    select(started(false, false), snapshot)
}

fn select(mut dialogue: Dialogue, snapshot: &Arc<Snapshot>) -> Dialogue {
    dialogue.say("a LOGIN me secret\r\n");
    dialogue.reply(logged_in());
    dialogue.say("a SELECT INBOX\r\n");
    dialogue.reply(opened(snapshot));
    dialogue.said.clear();
    dialogue
}

/// Of a message whose body is too large to come with it.
fn fetched(uid: u32, size: u32) -> Fetched {
    testing::fetched(message(uid, size), None)
}

/// pitfalls 58, 59
#[test]
fn capabilities_tell_whether_a_password_is_welcome() {
    let mut remote = started(true, false);
    remote.step(Event::Opened);
    assert!(remote.said.starts_with("* OK [CAPABILITY IMAP4rev1"), "{}", remote.said);
    assert!(remote.said.contains("STARTTLS LOGINDISABLED]"), "{}", remote.said);
    remote.said.clear();
    remote.say("a LOGIN me secret\r\n");
    remote.check("a NO [PRIVACYREQUIRED] Use TLS first\r\n");
    let mut local = started(false, false);
    local.say("a LOGIN me secret\r\n");
    assert!(matches!(local.job, Some(Job::Login { .. })));
}

/// A client may have heard elsewhere of what another node did, before we have.
#[test]
fn what_other_nodes_did_is_read_before_it_is_named() {
    let (before, after) = (snapshot([message(4, 9)]), snapshot([message(4, 9), message(6, 9)]));
    let check = |late: bool, command: &str, reads_first: bool| {
        let mut dialogue = select(started(false, late), &before);
        dialogue.say(&format!("a {command}\r\n"));
        let is_refresh = matches!(dialogue.job, Some(Job::Refresh { .. }));
        assert_eq!(is_refresh, reads_first, "{late} {command}");
        if reads_first {
            dialogue.reply(Reply::Current { snapshot: Arc::clone(&after) });
            assert!(dialogue.said.contains("* 2 EXISTS\r\n") || command.contains("SILENT"));
            dialogue.say(&format!("a {command}\r\n"));
            assert!(!matches!(dialogue.job, Some(Job::Refresh { .. }) | None), "{command}");
        }
    };
    for command in ["UID FETCH 6 BODY.PEEK[]", "UID COPY 1:6 x", "UID MOVE 5:* x", "UID SEARCH ALL"]
    {
        check(true, command, true);
        check(false, command, false);
    }
    check(true, "STORE 1 +FLAGS.SILENT (\\Seen)", true);
    for command in [
        "UID FETCH 4 BODY.PEEK[]",
        "UID FETCH 1:* BODY.PEEK[]",
        "FETCH 1 BODY.PEEK[]",
        "SEARCH ALL",
    ] {
        check(true, command, false);
    }
    check(true, "UID STORE 4 +FLAGS (\\Seen)", false);
}

/// An idle session costs next to nothing.
#[test]
fn a_session_is_small() {
    let size = size_of::<Imap>();
    assert!(size < 320, "{size} bytes");
}

/// pitfall 99: a large body goes out in slices, and its literal has the length it announced.
#[test]
fn a_large_body_goes_out_in_slices() {
    let size = 600_000;
    let mut dialogue = selected(&snapshot([message(1, size)]));
    dialogue.say("a FETCH 1 (UID BODY.PEEK[])\r\n");
    dialogue.reply(batch(vec![fetched(1, size)]));
    dialogue.check("");
    let mut sent = 0_u64;
    while let Some(Job::ReadBody { offset, count, .. }) = &dialogue.job {
        assert_eq!(*offset, sent, "in order");
        let slice = (*count).min(200_000); // the store may give fewer than asked
        assert!(*count <= BODY_SLICE_BYTES_MAX as u64);
        sent += slice;
        dialogue.reply(Reply::Bytes(vec![b'x'; slice as usize].into()));
    }
    assert_eq!(sent, u64::from(size));
    assert!(dialogue.most <= OUTPUT_BYTES_MAX + 1_000, "{}", dialogue.most);
    let body = "x".repeat(size as usize);
    dialogue.check(&format!(
        "* 1 FETCH (UID 1 BODY[] {{{size}}}\r\n{body})\r\na OK FETCH completed\r\n"
    ));
}

/// Pitfalls 48, 49: a body that cannot be had is no empty one; the others still come.
#[test]
fn a_body_that_cannot_be_had_is_left_out() {
    let mut dialogue = selected(&snapshot([message(1, 300_000), message(2, 2)]));
    dialogue.say("a FETCH 1:2 BODY.PEEK[]\r\n");
    let small = Fetched { body: Some((*b"hi").into()), ..fetched(2, 2) };
    dialogue.reply(batch(vec![fetched(1, 300_000), small]));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.check(
        "* 2 FETCH (BODY[] {2}\r\nhi)\r\na NO [UNAVAILABLE] Not available now, try again later\r\n",
    );
}

/// The second item fails: the first was told, and the response ends rightly.
#[test]
fn an_item_that_cannot_be_had_is_left_out() {
    let mut dialogue = selected(&snapshot([message(1, 300_000)]));
    dialogue.say("a FETCH 1 (ENVELOPE BODY.PEEK[])\r\n");
    let envelope = Some((*b"(NIL)").into());
    dialogue.reply(batch(vec![Fetched { envelope, ..fetched(1, 300_000) }]));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.check(
        "* 1 FETCH (ENVELOPE (NIL))\r\na NO [UNAVAILABLE] Not available now, try again later\r\n",
    );
}

/// In the middle of a literal there is no honest way on.
#[test]
fn a_body_that_breaks_off_closes_the_connection() {
    let mut dialogue = selected(&snapshot([message(1, 300_000)]));
    dialogue.say("a FETCH 1 BODY.PEEK[]\r\n");
    dialogue.reply(batch(vec![fetched(1, 300_000)]));
    dialogue.reply(Reply::Bytes(b"begun".as_slice().into()));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    assert!(dialogue.closed);
    dialogue.check("* 1 FETCH (BODY[] {300000}\r\nbegun");
}

/// Pitfall 62: BYE in any phase but inside a response.
#[test]
fn shutdown_says_bye_where_it_can() {
    let mut dialogue = selected(&snapshot([message(1, 300_000)]));
    dialogue.say("a FETCH 1 BODY.PEEK[]\r\n");
    dialogue.reply(batch(vec![fetched(1, 300_000)]));
    dialogue.reply(Reply::Bytes(b"begun".as_slice().into()));
    dialogue.said.clear();
    dialogue.step(Event::Shutdown);
    assert!(dialogue.closed);
    dialogue.check("");
    let mut dialogue = selected(&snapshot([]));
    dialogue.say("a IDLE\r\n");
    dialogue.reply(Reply::Current { snapshot: snapshot([]) });
    dialogue.step(Event::Shutdown);
    dialogue.check("+ idling\r\n* BYE The server is stopping\r\n");
}

/// pitfall 142
#[test]
fn a_nul_makes_a_literal8_of_binary_only() {
    let mut dialogue = selected(&snapshot([message(1, 3)]));
    dialogue.say("a FETCH 1 BODY.PEEK[]\r\n");
    dialogue.reply(batch(vec![Fetched { body: Some((*b"a\0b").into()), ..fetched(1, 3) }]));
    dialogue.check("* 1 FETCH (BODY[] {3}\r\na\0b)\r\na OK FETCH completed\r\n");
}

/// pitfall 107: however many messages, one batch of output is in memory.
#[test]
fn many_messages_go_out_in_batches() {
    let all = snapshot((1..=50_000).map(|uid| message(uid, 1)));
    let mut dialogue = selected(&all);
    dialogue.say("a FETCH 1:* (UID FLAGS)\r\n");
    dialogue.reply(Reply::Current { snapshot: Arc::clone(&all) });
    assert!(dialogue.most <= OUTPUT_BYTES_MAX + 1_000, "{}", dialogue.most);
    assert_eq!(dialogue.said.lines().count(), 50_001);
    assert!(dialogue.said.contains("* 50000 FETCH (UID 50000 FLAGS (\\Seen))\r\na OK"));
}

/// The same for `* SEARCH`, for EXPUNGE, and for the answer to STORE.
#[test]
fn long_answers_go_out_in_batches() {
    let all = snapshot((1..=50_000).map(|uid| message(uid, 1)));
    let mut dialogue = selected(&all);
    dialogue.say("a SEARCH ALL\r\n");
    let uids = UidRuns::range(Uid(1), Uid(50_000));
    let found = Reply::Found {
        uids: uids.clone(),
        mod_seq: ModSeq(1),
        next: None,
        snapshot: Arc::clone(&all),
    };
    dialogue.reply(found);
    assert!(dialogue.said.ends_with(" 49999 50000\r\na OK SEARCH completed\r\n"));
    dialogue.said.clear();
    let mut head = all.head.clone();
    head.highest_mod_seq = ModSeq(60_000);
    let changed: Vec<Message> =
        all.iter().map(|message| Message { mod_seq: head.highest_mod_seq, ..message }).collect();
    let stored = Arc::new(Snapshot::load(head.clone(), changed));
    dialogue.say("b STORE 1:* +FLAGS (\\Seen)\r\n");
    let (modified, mod_seq) = (UidRuns::new(), head.highest_mod_seq);
    dialogue.reply(Reply::Stored { modified, changed: uids, mod_seq, snapshot: stored });
    assert_eq!(dialogue.said.lines().count(), 50_001);
    dialogue.said.clear();
    head.highest_mod_seq = ModSeq(60_001);
    dialogue.say("c NOOP\r\n");
    dialogue.reply(Reply::Current { snapshot: Arc::new(Snapshot::load(head, [])) });
    assert_eq!(dialogue.said.matches("* 1 EXPUNGE\r\n").count(), 50_000);
    assert!(dialogue.most <= OUTPUT_BYTES_MAX + 1_000, "{}", dialogue.most);
}

/// A large message is spooled in chunks; a failing spool costs the message, not the connection.
#[test]
fn a_large_message_is_spooled() {
    let empty = snapshot([]);
    let text = "x".repeat(700_000);
    let feed = |dialogue: &mut Dialogue, fails: bool| {
        let mut chunks = Vec::new();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(100_000)];
            let consumed = dialogue.step(Event::Input(piece));
            rest = &rest[consumed..];
            if let Some(Job::Spool { chunk, .. }) = dialogue.job.take() {
                chunks.push(chunk.len());
                dialogue.job = Some(Job::Addresses { account: KEY.account });
                let bytes = chunks.iter().sum::<usize>() as u64;
                dialogue.reply(match fails {
                    true => Reply::Failed(Fault::NoSpace),
                    false => Reply::Spooled(Ticket { bytes, file: Box::new(()) }),
                });
            }
        }
        chunks
    };
    let mut dialogue = selected(&empty);
    dialogue.say("a APPEND Box {700000}\r\n");
    dialogue.check(""); // not before the mailbox is known to be there
    dialogue.reply(Reply::MailboxStatus(info(&empty)));
    dialogue.check("+ OK\r\n");
    let chunks = feed(&mut dialogue, false);
    assert_eq!(chunks, [SPOOL_CHUNK_BYTES, SPOOL_CHUNK_BYTES, 700_000 - 2 * SPOOL_CHUNK_BYTES]);
    dialogue.say("\r\n");
    assert!(matches!(&dialogue.job, Some(Job::Append { body, .. }) if body.len() == 700_000));
    let mut dialogue = selected(&empty);
    dialogue.say("a APPEND Box {700000+}\r\n");
    assert_eq!(feed(&mut dialogue, true).len(), 1);
    dialogue.say("\r\nb CAPABILITY\r\n");
    assert!(dialogue.said.starts_with("a NO [UNAVAILABLE] No space"), "{}", dialogue.said);
    assert!(dialogue.said.ends_with("b OK CAPABILITY completed\r\n"), "{}", dialogue.said);
}

/// pitfall 73
#[test]
fn a_mailbox_deleted_elsewhere_ends_the_session() {
    let mut dialogue = selected(&snapshot([]));
    dialogue.say("a IDLE\r\n");
    dialogue.reply(Reply::Current { snapshot: snapshot([]) });
    dialogue.said.clear();
    dialogue.step(Event::Changed(Change { mailbox: KEY, mod_seq: ModSeq(99) }));
    dialogue.reply(Reply::Refused(Refusal::NoSuchMailbox));
    assert!(dialogue.closed);
    dialogue.check("* BYE The selected mailbox was deleted\r\n");
}

/// A `Change` that the view already covers costs no job (an idle mailbox costs no query).
#[test]
fn an_old_change_is_no_news() {
    let mut dialogue = selected(&snapshot([message(1, 1)]));
    dialogue.say("a IDLE\r\n");
    dialogue.reply(Reply::Current { snapshot: snapshot([message(1, 1)]) });
    dialogue.step(Event::Changed(Change { mailbox: KEY, mod_seq: ModSeq(2) }));
    assert!(dialogue.job.is_none());
    dialogue.step(Event::Changed(Change { mailbox: KEY, mod_seq: ModSeq(3) }));
    assert!(matches!(dialogue.job, Some(Job::Refresh { .. })));
}

/// A command that waits in the input while news are read is not asked for its literal twice.
#[test]
fn news_before_a_command_ask_for_nothing_twice() {
    let mut dialogue = selected(&snapshot([message(1, 1)]));
    dialogue.step(Event::Changed(Change { mailbox: KEY, mod_seq: ModSeq(4) }));
    dialogue.say("a UID SEARCH SUBJECT {1}\r\n");
    dialogue.check("+ OK\r\n");
    let whole = "a UID SEARCH SUBJECT {1}\r\nx\r\n";
    dialogue.say(whole);
    assert!(matches!(dialogue.job, Some(Job::Refresh { .. })));
    dialogue.reply(Reply::Current { snapshot: snapshot([message(1, 1), message(3, 1)]) });
    dialogue.check("* 2 EXISTS\r\n");
    dialogue.say(whole);
    dialogue.check("");
    assert!(matches!(&dialogue.job, Some(Job::Search { among, .. }) if among.len() == 2));
}

/// pitfall 104: of an attached message too, when its body did not come along.
#[test]
fn fields_of_an_attached_message_are_read_and_picked() {
    let inner = "From: a\r\nSubject: inner\r\n\r\ntext";
    let text = format!(
        "Content-Type: multipart/mixed; boundary=x\r\n\r\n\
         --x\r\n\r\none\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--x--\r\n"
    );
    let map = parser::message::MessageMap::parse(text.as_bytes()).encode();
    let size = u32::try_from(text.len()).expect("small");
    let mut dialogue = selected(&snapshot([message(1, size)]));
    dialogue.say("a FETCH 1 BODY.PEEK[2.HEADER.FIELDS (Subject)]\r\n");
    dialogue.reply(batch(vec![Fetched { map: Some(map.into()), ..fetched(1, size) }]));
    while let Some(Job::ReadBody { offset, count, .. }) = &dialogue.job {
        let at = usize::try_from(*offset).expect("small");
        let end = at + usize::try_from(*count).expect("small").min(10);
        dialogue.reply(Reply::Bytes(text.as_bytes()[at..end].into()));
    }
    dialogue.check(
        "* 1 FETCH (BODY[2.HEADER.FIELDS (Subject)] {18}\r\nSubject: inner\r\n\r\n)\r\n\
         a OK FETCH completed\r\n",
    );
}

/// pitfall 102
#[test]
fn a_part_in_an_unknown_encoding_is_left_out() {
    let text = "Content-Transfer-Encoding: x-odd\r\n\r\ntext";
    let map = parser::message::MessageMap::parse(text.as_bytes()).encode();
    let mut dialogue = selected(&snapshot([message(1, 9)]));
    dialogue.say("a FETCH 1 (FLAGS BINARY.PEEK[1])\r\n");
    dialogue.reply(batch(vec![Fetched { map: Some(map.into()), ..fetched(1, 9) }]));
    let asked =
        matches!(&dialogue.job, Some(Job::DecodePart { encoding, .. }) if encoding == "x-odd");
    assert!(asked, "{:?}", dialogue.job);
    dialogue.reply(Reply::Refused(Refusal::UnknownEncoding));
    dialogue.check("a NO [UNKNOWN-CTE] A part has an encoding unknown here\r\n");
}

/// Whatever comes home, a command ends with its tagged line or with BYE, and nothing panics: a
/// store that answers nonsense costs the command, not the session.
#[test]
fn every_command_survives_every_reply() {
    let commands = [
        "NOOP",
        "CHECK",
        "LIST \"\" *",
        "LSUB \"\" *",
        "STATUS a (MESSAGES)",
        "SELECT a",
        "EXAMINE a",
        "CREATE a",
        "DELETE a",
        "RENAME a b",
        "SUBSCRIBE a",
        "UNSUBSCRIBE a",
        "APPEND a {1+}\r\nx",
        "CLOSE",
        "UNSELECT",
        "EXPUNGE",
        "UID EXPUNGE 1",
        "SEARCH ALL",
        "UID SEARCH RETURN (SAVE) ALL",
        "FETCH 1 FLAGS",
        "UID FETCH 1 (ENVELOPE BODY[])",
        "FETCH 1 BODY (CHANGEDSINCE 1)",
        "STORE 1 +FLAGS (\\Seen)",
        "UID STORE 1 -FLAGS.SILENT (x)",
        "COPY 1 a",
        "UID MOVE 1 a",
    ];
    let replies: [fn() -> Reply; 8] = [
        || Reply::Done,
        || Reply::Refused(Refusal::NoSuchMailbox),
        || Reply::Refused(Refusal::Limit("too many")),
        || Reply::Failed(Fault::Unavailable),
        || Reply::Failed(Fault::ServerBug),
        || Reply::Bytes(b"x".as_slice().into()),
        || Reply::Current { snapshot: snapshot([message(2, 1)]) },
        || batch(vec![fetched(1, 1), fetched(2, 400_000)]),
    ];
    for command in commands {
        for reply in replies {
            let mut dialogue = selected(&snapshot([message(1, 1)]));
            dialogue.step(Event::Changed(Change { mailbox: KEY, mod_seq: ModSeq(9) }));
            let line = format!("x {command}\r\n");
            for _ in 0..20 {
                if dialogue.job.is_some() {
                    dialogue.reply(reply());
                } else if !dialogue.said.contains("x ") && !dialogue.closed {
                    dialogue.say(&line);
                }
            }
            let answered = ["x OK", "x NO", "x BAD"].iter().any(|end| dialogue.said.contains(end));
            assert!(answered || dialogue.closed, "{command}: {:?}: {}", reply(), dialogue.said);
            assert!(dialogue.job.is_none(), "{command}: {:?}: asks for ever", reply());
        }
    }
}
