//! Dialogues with a scripted store: what a model store cannot do, such as failing in the middle of a
//! message. All else is in tests/transcripts/pop3.

use std::sync::Arc;

use super::Pop3;
use crate::error::{Fault, Refusal};
use crate::job::{Fetched, Job, MailboxInfo, MailboxKey, Reply, Seat};
use crate::limits::{BODY_SLICE_BYTES_MAX, OUTPUT_BYTES_MAX};
use crate::mail::{Message, Snapshot, SnapshotHead, UidRuns};
use crate::model::{
    AccountId, Address, BlobId, Flags, KeywordMask, Keywords, MailboxId, MailboxName, ModSeq, Uid,
    UidValidity,
};
use crate::session::{Event, Next, Output, Peer, Settings};

const KEY: MailboxKey = MailboxKey { account: AccountId(1), mailbox: MailboxId(7) };

/// A session, and all that it said.
struct Dialogue {
    session: Pop3,
    said: String,
    job: Option<Job>,
    closed: bool,
    /// Most bytes that one step left waiting.
    most: usize,
}

impl Dialogue {
    fn new(exclusive: bool) -> Self {
        let settings = Settings {
            hostname: "mail.example.com".to_owned(),
            append_bytes_max: 0,
            lmtp_bytes_max: 0,
            xclient_from: Default::default(),
            pop3_exclusive: exclusive,
            expire_days: Some(30),
            sieve: Default::default(),
            insecure_auth: false,
            idle_seconds_max: 600,
            login_seconds_max: 60,
            changes_come_late: false,
        };
        let peer = Peer { address: None, tls: false, can_start_tls: false };
        let session = Pop3::new(Arc::new(settings), peer);
        let mut new = Self { session, said: String::new(), job: None, closed: false, most: 0 };
        assert_eq!(new.session.standing().patience_seconds, 60);
        new.say("USER me\r\nPASS secret\r\n");
        let address = Address::new("me@example.com").expect("an address");
        let (account, seat) = (KEY.account, Seat(Box::new(())));
        new.reply(Reply::LoggedIn { account, address, seat });
        new.said.clear();
        new
    }

    /// Logged in to a maildrop with messages of these sizes, UIDs 10, 20, 30 and so on.
    fn with(sizes: &[u32]) -> Self {
        let mut dialogue = Self::new(false);
        assert!(matches!(&dialogue.job, Some(Job::OpenMailbox { name, .. }) if name.is_inbox()));
        dialogue.reply(opened(sizes));
        dialogue.said.clear();
        dialogue
    }

    fn say(&mut self, input: &str) {
        let mut rest = input.as_bytes();
        while !rest.is_empty() && self.job.is_none() && !self.closed {
            let consumed = self.step(Event::Input(rest));
            rest = &rest[consumed..];
        }
        assert!(rest.is_empty() || self.job.is_some(), "left unread: {rest:?}");
    }

    fn reply(&mut self, reply: Reply) {
        assert!(self.job.take().is_some(), "no job was out");
        self.step(Event::Reply(reply));
    }

    fn step(&mut self, event: Event<'_>) -> usize {
        let mut event = Some(event);
        let mut consumed = 0;
        while let Some(now) = event.take() {
            let mut out = Output::new();
            let step = self.session.step(now, &mut out);
            consumed += step.consumed;
            self.most = self.most.max(out.len());
            self.said.push_str(&String::from_utf8_lossy(&out.into_bytes()));
            match step.next {
                Next::Read | Next::StartTls => {}
                Next::Drain => event = Some(Event::Drained),
                Next::Run(job) => self.job = Some(*job),
                Next::Close => self.closed = true,
            }
        }
        consumed
    }

    #[track_caller]
    fn check(&mut self, want: &str) {
        assert_eq!(std::mem::take(&mut self.said), want);
    }

    /// The UIDs that the job at hand fetches.
    #[track_caller]
    fn fetches(&self) -> Vec<u32> {
        match &self.job {
            Some(Job::Fetch { uids, mark_seen: false, .. }) => {
                uids.iter().map(|uid| uid.0).collect()
            }
            other => panic!("not a fetch: {other:?}"),
        }
    }
}

fn narrow(count: usize) -> u32 {
    count.try_into().expect("a small count")
}

fn message(uid: u32, size: u32) -> Message {
    Message {
        uid: Uid(uid),
        mod_seq: ModSeq(1),
        flags: Flags::default(),
        keywords: KeywordMask(0),
        internal_seconds: 0,
        size,
    }
}

fn opened(sizes: &[u32]) -> Reply {
    let messages: Vec<Message> =
        (1..).zip(sizes).map(|(number, size)| message(number * 10, *size)).collect();
    let head = SnapshotHead {
        mailbox: KEY.mailbox,
        uid_validity: UidValidity(1_700_000_000),
        uid_next: 4_000_000_000,
        highest_mod_seq: ModSeq(1),
        keywords: Keywords::default(),
    };
    let info = MailboxInfo {
        key: KEY,
        name: MailboxName::inbox(),
        special_use: None,
        subscribed: true,
        uid_validity: head.uid_validity,
        uid_next: head.uid_next,
        highest_mod_seq: head.highest_mod_seq,
        messages: narrow(sizes.len()),
        unseen: 0,
        deleted: 0,
        bytes: 0,
    };
    Reply::MailboxOpened { info, snapshot: Arc::new(Snapshot::load(head, messages)) }
}

fn fetched(uid: u32, body: Option<&[u8]>) -> Fetched {
    Fetched {
        message: message(uid, body.map_or(1, |body| narrow(body.len()))),
        keywords: Keywords::default(),
        blob: BlobId(i64::from(uid)),
        envelope: None,
        map: None,
        header: None,
        body: body.map(Arc::from),
    }
}

fn messages(messages: Vec<Fetched>) -> Reply {
    Reply::Messages { messages, next: None, snapshot: None }
}

#[test]
fn who_takes_one_after_the_other_finds_them_read_already() {
    let mut dialogue = Dialogue::with(&[4; 40]);
    let mut asked = Vec::new();
    for number in 1..=40 {
        dialogue.say(&format!("RETR {number}\r\n"));
        if dialogue.job.is_some() {
            let uids = dialogue.fetches();
            asked.push(uids.len());
            let batch = uids.into_iter().map(|uid| fetched(uid, Some(b"a\r\n."))).collect();
            dialogue.reply(messages(batch));
        }
        dialogue.check("+OK 4 octets\r\na\r\n..\r\n.\r\n");
    }
    assert_eq!(asked, [1, 4, 16, 19]);
    dialogue.say("RETR 7\r\n");
    assert_eq!(dialogue.fetches(), [70], "nobody knows what comes next");
}

#[test]
fn what_is_read_ahead_is_neither_marked_nor_more_than_a_batch() {
    let half = narrow(OUTPUT_BYTES_MAX) / 2 - 10;
    let mut dialogue = Dialogue::with(&[4, half, 5, half, half, half]);
    dialogue.say("DELE 3\r\nRETR 1\r\n");
    dialogue.reply(messages(vec![fetched(10, Some(b"1\r\n"))]));
    dialogue.say("RETR 2\r\n");
    assert_eq!(dialogue.fetches(), [20, 40]);
}

#[test]
fn one_that_cannot_be_read_takes_no_other_with_it() {
    let mut dialogue = Dialogue::with(&[3; 9]);
    dialogue.say("RETR 1\r\n");
    dialogue.reply(messages(vec![fetched(10, Some(b"1\r\n"))]));
    dialogue.say("RETR 2\r\n");
    assert_eq!(dialogue.fetches(), [20, 30, 40, 50]);
    dialogue.said.clear();
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    assert_eq!(dialogue.fetches(), [20], "it may be the fault of another");
    dialogue.reply(messages(vec![fetched(20, Some(b"2\r\n"))]));
    dialogue.check("+OK 3 octets\r\n2\r\n.\r\n");
    dialogue.say("RETR 3\r\n");
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.check("-ERR [SYS/TEMP] Not available now, try again later\r\n"); // pitfall 124
    dialogue.say("RETR 4\r\n");
    dialogue.reply(messages(vec![]));
    dialogue.check("-ERR The message is gone\r\n"); // pitfall 119
}

#[test]
fn a_large_message_comes_in_slices() {
    let size = narrow(BODY_SLICE_BYTES_MAX) + 5;
    let mut dialogue = Dialogue::with(&[size]);
    dialogue.say("RETR 1\r\n");
    dialogue.reply(messages(vec![fetched(10, None)]));
    dialogue.check("");
    let line = format!("{}\r\n", "x".repeat(BODY_SLICE_BYTES_MAX - 2));
    dialogue.reply(Reply::Bytes(line.as_bytes().into()));
    dialogue.check(&format!("+OK {size} octets\r\n{line}"));
    assert!(matches!(&dialogue.job, Some(Job::ReadBody { offset, count: 5, .. })
        if *offset == BODY_SLICE_BYTES_MAX as u64));
    dialogue.reply(Reply::Bytes(b".\r\n.\n".as_slice().into()));
    dialogue.check("..\r\n..\n\r\n.\r\n"); // pitfall 120
    dialogue.say("TOP 1 1\r\n");
    dialogue.reply(messages(vec![fetched(10, None)]));
    dialogue.reply(Reply::Bytes(b"S: x\r\n\r\none\r\ntwo\r\n".as_slice().into()));
    dialogue.check("+OK The top of it\r\nS: x\r\n\r\none\r\n.\r\n");
    assert!(dialogue.job.is_none(), "the rest is not read");
}

#[test]
fn a_message_that_stops_in_the_middle_ends_the_connection() {
    let mut dialogue = Dialogue::with(&[narrow(BODY_SLICE_BYTES_MAX) * 2]);
    dialogue.say("RETR 1\r\n");
    dialogue.reply(messages(vec![fetched(10, None)]));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    dialogue.check("-ERR [SYS/TEMP] Not available now, try again later\r\n");
    dialogue.say("RETR 1\r\n");
    dialogue.reply(messages(vec![fetched(10, None)]));
    dialogue.reply(Reply::Bytes(b"begun".as_slice().into()));
    dialogue.reply(Reply::Failed(Fault::Unavailable));
    assert!(dialogue.closed && !dialogue.said.ends_with(".\r\n"));
}

#[test]
fn a_listing_of_many_waits_for_its_reader() {
    let count = 50_000;
    let mut dialogue = Dialogue::with(&vec![1_000; count]);
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
    let mut dialogue = Dialogue::with(&[1, 1]);
    dialogue.say("UIDL 2\r\n");
    dialogue.check("+OK 2 1700000000.20\r\n");
}

#[test]
fn a_lock_comes_before_the_maildrop() {
    let mut dialogue = Dialogue::new(true);
    assert!(matches!(dialogue.job, Some(Job::LockMaildrop { account: AccountId(1) })));
    dialogue.reply(Reply::Refused(Refusal::InUse));
    dialogue.check("-ERR [IN-USE] Another session has the maildrop\r\n");
    let mut dialogue = Dialogue::new(true);
    dialogue.reply(Reply::MaildropLocked(Seat(Box::new(()))));
    dialogue.reply(opened(&[7]));
    dialogue.check("+OK 1 messages (7 octets)\r\n");
    assert_eq!(dialogue.session.standing().patience_seconds, 600); // RFC 1939 §3
}

#[test]
fn all_that_was_marked_goes_at_quit_and_nothing_else() {
    let mut dialogue = Dialogue::with(&[1; 200]);
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
    let Reply::MailboxOpened { snapshot, .. } = opened(&[]) else { unreachable!("it is one") };
    dialogue.reply(Reply::Expunged { uids, snapshot });
    dialogue.check("+OK Bye\r\n");
    assert!(dialogue.closed);
}

#[test]
fn the_days_that_mail_is_kept_are_told() {
    let mut dialogue = Dialogue::with(&[]);
    dialogue.say("CAPA\r\n");
    assert!(dialogue.said.contains("\r\nEXPIRE 30\r\n"), "{}", dialogue.said); // RFC 2449 §6.7
}
