//! Dialogues with a scripted store: what a model store cannot do, such as failing in the middle of a
//! message. All else is in tests/transcripts/pop3.

use std::sync::Arc;

use crate::error::{Fault, Refusal};
use crate::job::{Fetched, Job, Reply, Seat};
use crate::limits::{BODY_SLICE_BYTES_MAX, OUTPUT_BYTES_MAX};
use crate::mail::{Snapshot, UidRuns};
use crate::model::{AccountId, UidValidity};
use crate::session::testing::{Dialogue, KEY, batch, logged_in, message, opened, peer, snapshot};
use crate::session::{Event, Service, Settings, testing};

/// Logged in, and the maildrop asked for.
fn asking(exclusive: bool) -> Dialogue {
    let settings = Settings {
        pop3_exclusive: exclusive,
        expire_days: Some(30),
        idle_seconds_max: 600,
        ..Settings::default()
    };
    let mut new = Dialogue::new(Service::Pop3, peer(false), settings);
    assert_eq!(new.session.standing().patience_seconds, 60);
    new.say("USER me\r\nPASS secret\r\n");
    new.reply(logged_in());
    new.said.clear();
    new
}

/// Messages of these sizes, UIDs 10, 20, 30 and so on.
fn maildrop(sizes: &[u32]) -> Arc<Snapshot> {
    snapshot((1..).zip(sizes).map(|(number, size)| message(number * 10, *size)))
}

/// Logged in to that maildrop.
fn with(sizes: &[u32]) -> Dialogue {
    let mut dialogue = asking(false);
    assert!(matches!(&dialogue.job, Some(Job::OpenMailbox { name, .. }) if name.is_inbox()));
    dialogue.reply(opened(&maildrop(sizes)));
    dialogue.said.clear();
    dialogue
}

/// The UIDs that the job at hand fetches.
#[track_caller]
fn fetches(dialogue: &Dialogue) -> Vec<u32> {
    match &dialogue.job {
        Some(Job::Fetch { uids, mark_seen: false, .. }) => uids.iter().map(|uid| uid.0).collect(),
        other => panic!("not a fetch: {other:?}"),
    }
}

fn narrow(count: usize) -> u32 {
    count.try_into().expect("a small count")
}

fn fetched(uid: u32, body: Option<&[u8]>) -> Fetched {
    testing::fetched(message(uid, body.map_or(1, |body| narrow(body.len()))), body)
}

#[test]
fn who_takes_one_after_the_other_finds_them_read_already() {
    let mut dialogue = with(&[4; 40]);
    let mut asked = Vec::new();
    for number in 1..=40 {
        dialogue.say(&format!("RETR {number}\r\n"));
        if dialogue.job.is_some() {
            let uids = fetches(&dialogue);
            asked.push(uids.len());
            let read = uids.into_iter().map(|uid| fetched(uid, Some(b"a\r\n."))).collect();
            dialogue.reply(batch(read));
        }
        dialogue.check("+OK 4 octets\r\na\r\n..\r\n.\r\n");
    }
    assert_eq!(asked, [1, 4, 16, 19]);
    dialogue.say("RETR 7\r\n");
    assert_eq!(fetches(&dialogue), [70], "nobody knows what comes next");
}

#[test]
fn what_is_read_ahead_is_neither_marked_nor_more_than_a_batch() {
    let half = narrow(OUTPUT_BYTES_MAX) / 2 - 10;
    let mut dialogue = with(&[4, half, 5, half, half, half]);
    dialogue.say("DELE 3\r\nRETR 1\r\n");
    dialogue.reply(batch(vec![fetched(10, Some(b"1\r\n"))]));
    dialogue.say("RETR 2\r\n");
    assert_eq!(fetches(&dialogue), [20, 40]);
}

#[test]
fn one_that_cannot_be_read_takes_no_other_with_it() {
    let mut dialogue = with(&[3; 9]);
    dialogue.say("RETR 1\r\n");
    dialogue.reply(batch(vec![fetched(10, Some(b"1\r\n"))]));
    dialogue.say("RETR 2\r\n");
    assert_eq!(fetches(&dialogue), [20, 30, 40, 50]);
    dialogue.said.clear();
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    assert_eq!(fetches(&dialogue), [20], "it may be the fault of another");
    dialogue.reply(batch(vec![fetched(20, Some(b"2\r\n"))]));
    dialogue.check("+OK 3 octets\r\n2\r\n.\r\n");
    dialogue.say("RETR 3\r\n");
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.check("-ERR [SYS/TEMP] Not available now, try again later\r\n"); // pitfall 124
    dialogue.say("RETR 4\r\n");
    dialogue.reply(batch(vec![]));
    dialogue.check("-ERR The message is gone\r\n"); // pitfall 119
}

#[test]
fn a_large_message_comes_in_slices() {
    let size = narrow(BODY_SLICE_BYTES_MAX) + 5;
    let mut dialogue = with(&[size]);
    dialogue.say("RETR 1\r\n");
    dialogue.reply(batch(vec![fetched(10, None)]));
    dialogue.check("");
    let line = format!("{}\r\n", "x".repeat(BODY_SLICE_BYTES_MAX - 2));
    dialogue.reply(Reply::Bytes(line.as_bytes().into()));
    dialogue.check(&format!("+OK {size} octets\r\n{line}"));
    assert!(matches!(&dialogue.job, Some(Job::ReadBody { offset, count: 5, .. })
        if *offset == BODY_SLICE_BYTES_MAX as u64));
    dialogue.reply(Reply::Bytes(b".\r\n.\n".as_slice().into()));
    dialogue.check("..\r\n..\n\r\n.\r\n"); // pitfall 120
    dialogue.say("TOP 1 1\r\n");
    dialogue.reply(batch(vec![fetched(10, None)]));
    dialogue.reply(Reply::Bytes(b"S: x\r\n\r\none\r\ntwo\r\n".as_slice().into()));
    dialogue.check("+OK The top of it\r\nS: x\r\n\r\none\r\n.\r\n");
    assert!(dialogue.job.is_none(), "the rest is not read");
}

#[test]
fn a_message_that_stops_in_the_middle_ends_the_connection() {
    let mut dialogue = with(&[narrow(BODY_SLICE_BYTES_MAX) * 2]);
    dialogue.say("RETR 1\r\n");
    dialogue.reply(batch(vec![fetched(10, None)]));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.check("-ERR [SYS/TEMP] Not available now, try again later\r\n");
    dialogue.say("RETR 1\r\n");
    dialogue.reply(batch(vec![fetched(10, None)]));
    dialogue.reply(Reply::Bytes(b"begun".as_slice().into()));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    assert!(dialogue.closed && !dialogue.said.ends_with(".\r\n"));
}

#[test]
fn a_listing_of_many_waits_for_its_reader() {
    let count = 100_000;
    let mut dialogue = with(&vec![1_000; count]);
    for command in ["LIST\r\n", "UIDL\r\n"] {
        dialogue.say(command);
        assert_eq!(dialogue.said.lines().count(), count + 2);
        assert!(dialogue.said.ends_with("\r\n.\r\n"));
        dialogue.said.clear();
    }
    assert!(dialogue.most <= OUTPUT_BYTES_MAX + 100, "{}", dialogue.most);
}

#[test] // pitfall 122
fn unique_ids_hold_for_ever() {
    let mut dialogue = with(&[1, 1]);
    dialogue.say("UIDL 2\r\n");
    dialogue.check("+OK 2 1.20\r\n");
    // In a mailbox made again, and above 2^31.
    for (validity, uid) in [(2, 20), (u32::MAX, u32::MAX - 1)] {
        let mut again = Arc::unwrap_or_clone(snapshot([message(uid, 1)]));
        again.head.uid_validity = UidValidity(validity);
        let mut dialogue = asking(false);
        dialogue.reply(opened(&Arc::new(again)));
        dialogue.said.clear();
        dialogue.say("UIDL 1\r\n");
        dialogue.check(&format!("+OK 1 {validity}.{uid}\r\n"));
    }
}

#[test]
fn a_lock_comes_before_the_maildrop() {
    let mut dialogue = asking(true);
    assert!(matches!(dialogue.job, Some(Job::LockMaildrop { account: AccountId(1) })));
    dialogue.reply(Reply::Refused(Refusal::InUse));
    dialogue.check("-ERR [IN-USE] Another session has the maildrop\r\n");
    let mut dialogue = asking(true);
    dialogue.reply(Reply::MaildropLocked(Seat(Box::new(()))));
    dialogue.reply(opened(&maildrop(&[7])));
    dialogue.check("+OK 1 messages (7 octets)\r\n");
    assert_eq!(dialogue.session.standing().patience_seconds, 600); // RFC 1939 §3
}

#[test] // RFC 1939 §6
fn the_lock_is_given_back_before_the_answer_to_quit() {
    for removed in [true, false] {
        let lock = Arc::new(());
        let mut dialogue = asking(true);
        dialogue.reply(Reply::MaildropLocked(Seat(Box::new(Arc::clone(&lock)))));
        dialogue.reply(opened(&maildrop(&[7])));
        dialogue.say("DELE 1\r\nQUIT\r\n");
        assert_eq!(Arc::strong_count(&lock), 2, "it is held while messages go");
        let uids = UidRuns::new();
        dialogue.reply(match removed {
            true => Reply::Expunged { uids, snapshot: maildrop(&[]) },
            false => Reply::Failed(Fault::Unavailable),
        });
        assert!(dialogue.closed);
        assert_eq!(Arc::strong_count(&lock), 1);
    }
}

#[test]
fn all_that_was_marked_goes_at_quit_and_nothing_else() {
    let mut dialogue = with(&[1; 200]);
    dialogue.say("DELE 1\r\nDELE 64\r\nDELE 65\r\nDELE 200\r\n");
    dialogue.said.clear();
    dialogue.say("QUIT\r\n");
    let Some(Job::Remove { mailbox: KEY, uids }) = &dialogue.job else {
        panic!("{:?}", dialogue.job)
    };
    assert_eq!(uids.iter().map(|uid| uid.0).collect::<Vec<_>>(), [10, 640, 650, 2000]);
    dialogue.step(Event::Shutdown); // the answer is still owed
    dialogue.check("");
    let uids = UidRuns::new();
    dialogue.reply(Reply::Expunged { uids, snapshot: maildrop(&[]) });
    dialogue.check("+OK Bye\r\n");
    assert!(dialogue.closed);
}

#[test]
fn the_days_that_mail_is_kept_are_told() {
    let mut dialogue = with(&[]);
    dialogue.say("CAPA\r\n");
    assert!(dialogue.said.contains("\r\nEXPIRE 30\r\n"), "{}", dialogue.said); // RFC 2449 §6.7
}
