//! Jobs against a real store of their own: embedded, or on PostgreSQL with `SORA_TEST_DATABASE=postgres`.

mod delivering;
mod events;
mod people;
mod plans;
mod searching;
mod sorting;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::deliver::{Arrival, Courier, DeliveryHook};
use super::login::{Keeper, Logins, StoredPasswords};
use super::recipients::{Recipients, StoredAccounts};
use super::run::Runner;
use super::snapshots::Snapshots;
use super::spool::Spool;
use super::upkeep::{self, Chores};
use super::{Changes, Done, Lane, Letters, Mailbag, Run, Settings, password};
use crate::error::{Fault, Refusal};
use crate::job::{
    Body, DeliveryProblem, Envelope, FlagSet, Job, MailboxKey, Recipient, Reply, StoreMode,
    Transfer, Wants,
};
use crate::mail::search::Query;
use crate::mail::{Snapshot, UidRuns};
use crate::model::{AccountId, Address, Flags, MailboxName, ModSeq, Secret, Uid};
use crate::store::tests::{TemporaryDir, postgres};
use crate::store::{NewAccount, Opening, Store};

/// A store with the account `bob@example.org` (password `secret`), and whoever runs jobs on it.
pub(super) struct Room {
    pub(super) runner: Runner,
    pub(super) account: AccountId,
    settings: Settings,
    arrivals: Arc<Arrivals>,
    chores: Arc<Chores>,
    bag: Arc<Mailbag>,
    _poll: mio::Poll,
    _dir: TemporaryDir,
}

#[derive(Default)]
struct Arrivals(Mutex<Vec<Arrival>>);

impl DeliveryHook for Arrivals {
    fn delivered(&self, arrival: &Arrival) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(arrival.clone());
        assert!(arrival.recipient != "bob+panic@example.org", "as the test wants");
    }
}

impl Drop for Room {
    /// Every test that touched the store ends with a recount (invariant 10).
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.runner.store.check().unwrap(), Vec::<String>::new());
        }
    }
}

const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

/// A directory of its own, which goes with the room.
fn scratch() -> PathBuf {
    static NTH: AtomicUsize = AtomicUsize::new(0);
    let nth = NTH.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("sora-work-{}-{nth}", std::process::id()));
    let _old = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

impl Room {
    pub(super) fn new() -> Self {
        Self::with(super::SieveSettings::default())
    }

    fn with(sieve: super::SieveSettings) -> Self {
        Self::sorting(sieve, true)
    }

    fn sorting(sieve: super::SieveSettings, has_relay: bool) -> Self {
        let dir = TemporaryDir::new();
        let settings = Settings {
            data_dir: dir.path().to_owned(),
            hostname: "mail.example.org".into(),
            spool_bytes_max: 10 << 20,
            connections_per_account_max: 3,
            retention: super::Retention { grace: HOUR, max_age: None },
            cleaned_every: HOUR,
            sieve,
            uploads: Settings::of(&crate::config::Config::default()).uploads,
            nodes: Settings::of(&crate::config::Config::default()).nodes,
            relay: None,
            failed_mail_kept: HOUR,
        };
        let store = Store::open_at(&dir.place(), Opening::Daemon).unwrap();
        let password_hash =
            password::hash(password::Scheme::Sha512, &Secret::new("secret")).unwrap();
        let address = Address::new("bob@example.org").unwrap();
        let account = store.create_account(NewAccount { address, password_hash }).unwrap().unwrap();
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (changes, arrivals) = (Arc::new(Changes::default()), Arc::new(Arrivals::default()));
        let (directory, chores) = (Arc::new(StoredAccounts(store.clone())), Arc::default());
        let stored = StoredPasswords::new(directory.clone(), Arc::clone(&chores)).unwrap();
        let keeper = Keeper::Stored(Box::new(stored));
        let sorter = super::sorting::Sorter::new(
            store.clone(),
            settings.sieve.clone(),
            settings.hostname.clone(),
            super::outbox::Relay::new(has_relay).0,
        );
        let runner = Runner {
            store: store.clone(),
            snapshots: Snapshots::new(store.clone()),
            changes: Arc::clone(&changes),
            logins: Logins::new(keeper, directory, settings.connections_per_account_max),
            spool: Spool::new(&settings.data_dir.join("spool"), settings.spool_bytes_max),
            maildrops: super::maildrops::Maildrops::new(store.clone()),
            notes: settings.sieve.notes.clone(),
            recipients: Recipients { store: store.clone(), srs: None },
            courier: Courier {
                store,
                changes,
                hostname: settings.hostname.clone(),
                hook: Some(arrivals.clone()),
                sorter: Arc::new(sorter),
            },
        };
        let bag = Mailbag::new(waker);
        Self { runner, account, settings, arrivals, chores, bag, _poll: poll, _dir: dir }
    }

    /// The embedded database, to make it fail.
    fn disk(&self) -> Option<rusqlite::Connection> {
        let open = || rusqlite::Connection::open(self.settings.data_dir.join("sora.db")).unwrap();
        (!postgres::is_wanted()).then(open)
    }

    fn run(&self, job: Job) -> Reply {
        let lane = Lane::of(&job);
        match self.runner.run(lane, Box::new(job)) {
            Done::Reply(reply) => reply,
            Done::Elsewhere(lane, job) => match self.runner.run(lane, job) {
                Done::Reply(reply) => reply,
                Done::Elsewhere(lane, job) => panic!("{lane:?} {job:?}"),
            },
        }
    }

    #[track_caller]
    pub(super) fn open(&self, name: &str) -> (MailboxKey, Arc<Snapshot>) {
        let name = MailboxName::new(name).unwrap();
        match self.run(Job::OpenMailbox { account: self.account, name }) {
            Reply::MailboxOpened { info, snapshot } => {
                assert_eq!(info.highest_mod_seq, snapshot.head.highest_mod_seq);
                assert_eq!(info.messages, snapshot.len());
                (info.key, snapshot)
            }
            other => panic!("{other:?}"),
        }
    }

    fn recipient(&self, given: &str) -> Recipient {
        match self.run(Job::FindRecipient { given: given.into() }) {
            Reply::RecipientFound(recipient) => recipient,
            other => panic!("{other:?}"),
        }
    }

    fn deliver(&self, to: &[&str], message: &[u8]) -> Vec<Result<(), DeliveryProblem>> {
        let envelope = Envelope {
            sender: "ann@example.com".into(),
            helo: "mx.example.com".into(),
            ..Envelope::default()
        };
        let recipients = to.iter().map(|given| self.recipient(given)).collect();
        match self.run(Job::Deliver { envelope, recipients, body: Body::Memory(message.into()) }) {
            Reply::Delivered(answers) => answers,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn append(&self, to: &str, message: &[u8]) -> Uid {
        let name = MailboxName::new(to).unwrap();
        let reply = self.run(Job::Append {
            account: self.account,
            name,
            flags: FlagSet::default(),
            internal_date: None,
            body: Body::Memory(message.into()),
        });
        match reply {
            Reply::Appended { uid, .. } => uid,
            other => panic!("{other:?}"),
        }
    }

    /// Every message of a mailbox, whole.
    fn bodies(&self, name: &str) -> Vec<Vec<u8>> {
        let (mailbox, snapshot) = self.open(name);
        let mut bodies = Vec::new();
        for uid in snapshot.uids().iter() {
            let uids = UidRuns::range(uid, uid);
            let wants = Wants::default();
            let fetch = Job::Fetch { mailbox, uids, wants, mark_seen: false };
            let Reply::Messages { messages, .. } = self.run(fetch) else { panic!() };
            let blob = messages[0].blob;
            let (mut body, size) = (Vec::new(), u64::from(messages[0].message.size));
            while (body.len() as u64) < size {
                let (account, offset) = (self.account, body.len() as u64);
                let read = Job::ReadBody { account, blob, offset, count: size - offset };
                let Reply::Bytes(bytes) = self.run(read) else { panic!() };
                body.extend_from_slice(&bytes);
            }
            bodies.push(body);
        }
        bodies
    }

    fn changes(&self) -> Vec<MailboxKey> {
        let mut letters = Letters::default();
        self.bag.empty_into(&mut letters);
        letters.changes.into_keys().collect()
    }
}

fn runs(uids: &[u32]) -> UidRuns {
    uids.iter().map(|uid| Uid(*uid)).collect()
}

#[test] // pitfalls 79, 90, 108
fn fetching_marks_what_was_read_and_marks_it_once() {
    let room = Room::new();
    for _ in 0..3 {
        room.append("INBOX", b"Subject: x\r\n\r\n");
    }
    let (mailbox, _) = room.open("INBOX");
    let fetch = |uids: &[u32], mark_seen| {
        let wants = Wants { body: true, ..Wants::default() };
        match room.run(Job::Fetch { mailbox, uids: runs(uids), wants, mark_seen }) {
            Reply::Messages { messages, snapshot, .. } => {
                let seen =
                    messages.iter().map(|fetched| fetched.message.flags.contains(Flags::SEEN));
                (seen.collect::<Vec<bool>>(), snapshot.is_some())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fetch(&[1, 2], false), (vec![false, false], false));
    assert_eq!(fetch(&[2, 9], true), (vec![true], true));
    assert_eq!(fetch(&[1, 2], true), (vec![true, true], true));
    assert_eq!(fetch(&[1, 2], true), (vec![true, true], false));
    assert_eq!(fetch(&[1, 2, 3], false), (vec![true, true, false], false));
}

#[test]
fn mail_can_be_read_where_nothing_can_be_written() {
    let room = Room::new();
    room.append("INBOX", b"Subject: x\r\n\r\n");
    let (mailbox, _) = room.open("INBOX");
    let Some(disk) = room.disk() else { return };
    let full = "CREATE TRIGGER full BEFORE UPDATE ON messages BEGIN SELECT RAISE(FAIL, ''); END";
    disk.execute_batch(full).unwrap();
    let wants = Wants { body: true, ..Wants::default() };
    match room.run(Job::Fetch { mailbox, uids: runs(&[1]), wants, mark_seen: true }) {
        Reply::Messages { messages, snapshot: None, .. } => {
            assert_eq!(messages.len(), 1);
            assert!(!messages[0].message.flags.contains(Flags::SEEN)); // nor is it said to be
        }
        other => panic!("{other:?}"),
    }
    disk.execute_batch("DROP TRIGGER full").unwrap();
}

#[test] // pitfall 121
fn what_was_committed_is_not_told_as_a_failure() {
    let room = Room::new();
    room.append("INBOX", b"Subject: x\r\n\r\n");
    let (mailbox, _) = room.open("INBOX");
    let Some(disk) = room.disk() else { return };
    disk.execute_batch("ALTER TABLE mailboxes RENAME TO gone").unwrap();
    assert!(room.runner.snapshots.current(mailbox).is_err());
    assert_eq!(room.runner.snapshots.after_commit(mailbox).unwrap().len(), 1);
    disk.execute_batch("ALTER TABLE gone RENAME TO mailboxes").unwrap();
}

#[test] // pitfall 39
fn a_mailbox_that_cannot_be_cleaned_keeps_no_other_from_it() {
    let room = Room::new();
    room.run(Job::CreateMailbox {
        account: room.account,
        name: MailboxName::new("Other").unwrap(),
        special_use: None,
    });
    for name in ["INBOX", "Other"] {
        let uid = room.append(name, b"Subject: x\r\n\r\n");
        let (mailbox, _) = room.open(name);
        room.run(Job::Remove { mailbox, uids: runs(&[uid.0]) });
    }
    let Some(disk) = room.disk() else { return };
    let stuck = "CREATE TRIGGER stuck BEFORE DELETE ON expunged WHEN old.mailbox_id = 1
                 BEGIN SELECT RAISE(ABORT, ''); END";
    disk.execute_batch(stuck).unwrap();
    let retention = crate::store::Retention { grace: std::time::Duration::ZERO, max_age: None };
    let clean = || {
        let mut go_on = |_: &super::cleaner::Totals| std::ops::ControlFlow::Continue(());
        let mut nobody = |_: &[crate::job::Change]| {};
        let tell = super::cleaner::Tell::Elsewhere(&mut nobody);
        super::cleaner::clean(&room.runner.store, &retention, tell, &mut go_on)
    };
    let left = || -> Vec<i64> {
        let mut rows = disk.prepare("SELECT mailbox_id FROM expunged").unwrap();
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert!(clean().is_err(), "it is told");
    assert_eq!(left(), [1]);
    disk.execute_batch("DROP TRIGGER stuck").unwrap();
    clean().unwrap();
    assert_eq!(left(), [0_i64; 0]);
}

#[test] // pitfall 46
fn only_accounts_that_are_gone_are_counted() {
    let room = Room::new();
    room.append("INBOX", b"Subject: x\r\n\r\n");
    let Some(disk) = room.disk() else { return };
    room.runner.store.delete_account(room.account).unwrap();
    let retention = crate::store::Retention { grace: std::time::Duration::ZERO, max_age: None };
    let clean = || {
        let mut removed = 0;
        let mut count = |so_far: &super::cleaner::Totals| {
            removed = so_far.accounts;
            std::ops::ControlFlow::Continue(())
        };
        let mut nobody = |_: &[crate::job::Change]| {};
        let tell = super::cleaner::Tell::Elsewhere(&mut nobody);
        let ran = super::cleaner::clean(&room.runner.store, &retention, tell, &mut count);
        (ran.is_ok(), removed)
    };
    let stuck = "CREATE TRIGGER stuck BEFORE DELETE ON blobs BEGIN SELECT RAISE(ABORT, ''); END";
    disk.execute_batch(stuck).unwrap();
    assert_eq!(clean(), (false, 0), "its body is there");
    disk.execute_batch("DROP TRIGGER stuck").unwrap();
    assert_eq!(clean(), (true, 1));
    assert_eq!(clean(), (true, 0));
}

#[test]
fn other_programs_hear_of_aged_mail_while_the_cleaner_runs() {
    let room = Room::new();
    room.append("INBOX", b"Subject: x\r\n\r\n");
    room.append("Archive", b"Subject: x\r\n\r\n");
    let retention = crate::store::Retention {
        grace: std::time::Duration::from_secs(60),
        max_age: Some(std::time::Duration::ZERO),
    };
    let told = std::cell::RefCell::new(Vec::new());
    let mut seen = Vec::new();
    let mut watch = |_: &super::cleaner::Totals| {
        seen.push(told.borrow().clone());
        std::ops::ControlFlow::Continue(())
    };
    let mut tell = |changes: &[crate::job::Change]| {
        told.borrow_mut().extend(changes.iter().map(|change| change.mailbox.mailbox));
    };
    let tell = super::cleaner::Tell::Elsewhere(&mut tell);
    super::cleaner::clean(&room.runner.store, &retention, tell, &mut watch).unwrap();
    assert_eq!(told.borrow().len(), 2, "each once");
    assert_eq!(seen[0], told.borrow()[..1], "the first one while the second was still to be done");
}

#[test]
fn changes_are_told_to_watchers_and_are_in_the_snapshot_of_the_reply() {
    let room = Room::new();
    for _ in 0..4 {
        room.append("INBOX", b"Subject: x\r\n\r\n");
    }
    let ((mailbox, _), (archive, _)) = (room.open("INBOX"), room.open("Archive"));
    room.runner.changes.watch(mailbox, &room.bag);
    room.runner.changes.watch(archive, &room.bag);
    let store = |uids: &[u32]| {
        room.run(Job::Store {
            mailbox,
            uids: runs(uids),
            mode: StoreMode::Add,
            flags: FlagSet { flags: Flags::DELETED, keywords: Vec::new() },
            unchanged_since: None,
        })
    };
    let Reply::Stored { changed, snapshot, mod_seq, .. } = store(&[1, 2, 9]) else { panic!() };
    assert_eq!((changed, snapshot.head.highest_mod_seq), (runs(&[1, 2]), mod_seq));
    assert!(snapshot.get(Uid(2)).unwrap().flags.contains(Flags::DELETED));
    assert_eq!(room.changes(), [mailbox]);
    let Reply::Stored { changed, .. } = store(&[1]) else { panic!() };
    assert!(changed.is_empty() && room.changes().is_empty()); // pitfall 93

    let Reply::Expunged { uids, snapshot } = room.run(Job::Expunge { mailbox, uids: None }) else {
        panic!()
    };
    assert_eq!((uids, &**snapshot.uids()), (runs(&[1, 2]), &runs(&[3, 4])));
    assert_eq!(room.changes(), [mailbox]);

    let to = MailboxName::new("Archive").unwrap();
    let transfer = |uids: &[u32]| Transfer { from: mailbox, uids: runs(uids), to: to.clone() };
    let Reply::Copied { from, to, snapshot, .. } = room.run(Job::Copy(transfer(&[3, 4]))) else {
        panic!()
    };
    assert_eq!((from, to, snapshot.len()), (runs(&[3, 4]), runs(&[1, 2]), 2));
    assert!(room.changes().contains(&archive));
    let Reply::Copied { from, to, snapshot, .. } = room.run(Job::Move(transfer(&[4]))) else {
        panic!()
    };
    assert_eq!((from, to, snapshot.len()), (runs(&[4]), runs(&[3]), 1));
    assert_eq!(room.changes().len(), 2);
    assert_eq!(room.open("Archive").1.len(), 3);
}

#[test]
fn an_unchanged_mailbox_is_the_same_snapshot_and_a_deleted_one_is_gone() {
    let room = Room::new();
    let (mailbox, opened) = room.open("Archive");
    room.runner.changes.watch(mailbox, &room.bag);
    let refresh = || match room.run(Job::Refresh { mailbox }) {
        Reply::Current { snapshot } => Ok(snapshot),
        Reply::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&refresh().unwrap(), &opened));
    assert!(Arc::ptr_eq(&room.open("Archive").1, &opened));
    room.append("Archive", b"x");
    let after = refresh().unwrap();
    assert_eq!((opened.len(), after.len()), (0, 1)); // the old one is untouched
    assert!(Arc::ptr_eq(&refresh().unwrap(), &after));
    room.changes();
    let name = MailboxName::new("Archive").unwrap();
    let reply = room.run(Job::DeleteMailbox { account: room.account, name });
    assert!(matches!(reply, Reply::Done), "{reply:?}");
    assert_eq!(room.changes(), [mailbox]); // pitfall 73
    assert_eq!(refresh().unwrap_err(), Refusal::NoSuchMailbox);
}

#[test]
fn a_forgotten_snapshot_is_read_again() {
    let room = Room::new();
    room.append("INBOX", b"x");
    let (mailbox, opened) = room.open("INBOX");
    room.runner.snapshots.forget(mailbox);
    let Reply::Current { snapshot } = room.run(Job::Refresh { mailbox }) else { panic!() };
    assert!(!Arc::ptr_eq(&snapshot, &opened));
    assert_eq!(snapshot.uids(), opened.uids());
}

#[test] // pitfalls 83, 98
fn many_at_once_see_their_own_changes_and_never_go_back() {
    let room = Room::new();
    let (mailbox, _) = room.open("INBOX");
    let one_client = |client: u32| {
        let (mut last, mut highest) = (Uid(0), ModSeq(0));
        for round in 0..25 {
            let uid = room.append("INBOX", format!("Subject: {client} {round}\r\n\r\n").as_bytes());
            assert!(uid > last, "UIDs only grow");
            last = uid;
            let Reply::Current { snapshot } = room.run(Job::Refresh { mailbox }) else { panic!() };
            assert!(snapshot.get(uid).is_some(), "a client sees what it was told is there");
            let flags = FlagSet { flags: Flags::DELETED, keywords: Vec::new() };
            let (uids, mode) = (runs(&[uid.0]), StoreMode::Add);
            let store = Job::Store { mailbox, uids, mode, flags, unchanged_since: None };
            let Reply::Stored { snapshot, mod_seq, .. } = room.run(store) else { panic!() };
            assert!(snapshot.get(uid).unwrap().flags.contains(Flags::DELETED));
            assert!(snapshot.head.highest_mod_seq >= mod_seq && mod_seq > highest);
            highest = snapshot.head.highest_mod_seq;
            if round % 2 == 0 {
                let uids = Some(runs(&[uid.0]));
                let expunge = Job::Expunge { mailbox, uids };
                let Reply::Expunged { uids, snapshot } = room.run(expunge) else { panic!() };
                assert_eq!(uids, runs(&[uid.0]));
                assert!(snapshot.get(uid).is_none());
                assert!(snapshot.head.highest_mod_seq > highest);
            }
        }
    };
    std::thread::scope(|scope| {
        for client in 0..6 {
            let one_client = &one_client;
            scope.spawn(move || one_client(client));
        }
    });
    let (_, snapshot) = room.open("INBOX");
    let fresh = room.runner.store.load_snapshot(mailbox).unwrap();
    assert_eq!(snapshot.iter().collect::<Vec<_>>(), fresh.iter().collect::<Vec<_>>());
    assert_eq!((snapshot.len(), &snapshot.head), (6 * 12, &fresh.head));
}
