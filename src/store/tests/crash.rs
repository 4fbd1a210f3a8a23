//! Dies at every named point of the store, as by `kill -9`, and looks at what is left: each step that
//! was answered is there, the next one is there wholly or not at all, and the recount is clean.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::job::{StoreMode, Transfer};
use crate::store::mailboxes as store_mailboxes;

/// Set for the process that is to die: the data directory.
const DIR: &str = "SORA_TEST_CRASH_DIR";
/// And the database, if it has one: host and name.
const DATABASE: &str = "SORA_TEST_CRASH_DATABASE";

const STEPS: &[fn(&Store)] = &[
    |store| {
        store.create_account(new_account("me@example.org")).unwrap();
    },
    |store| {
        store.append(message(b"small")).unwrap();
    },
    |store| {
        store.append(message(&[b'x'; 200_000])).unwrap();
    },
    |store| {
        let digest = Some(DeliveryDigest::new("you@example.net", "me@example.org", b"d"));
        let delivery = Delivery { message: message(b"d"), if_missing: IfMissing::Inbox, digest };
        store.deliver(vec![delivery]).remove(0).unwrap();
    },
    |store| {
        let NewMessage { body, facts, .. } = message(&[b's'; 200_000]);
        let copy = |mailbox: &str| SortedCopy {
            body: 0,
            mailbox: name(mailbox),
            if_missing: IfMissing::Create(None),
            flags: FlagSet::default(),
            with: None,
        };
        let sorted = SortedDelivery {
            account: ACCOUNT,
            bodies: vec![(body, facts)],
            copies: vec![copy("made"), copy("made/below")],
            outgoing: Vec::new(),
            remembered: Vec::new(),
            digest: None,
            report: None,
        };
        assert!(matches!(store.deliver_sorted(sorted).unwrap(), Sorted::Done { .. }));
    },
    |store| {
        store.copy(transfer(&[1, 2, 3], "Archive")).unwrap();
    },
    |store| {
        let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
        let (uids, mode) = (uids(&[1]), StoreMode::Add);
        let change = FlagChange { uids, mode, flags, unchanged_since: None };
        store.store_flags(INBOX, change).unwrap();
    },
    |store| {
        store.expunge(INBOX, None).unwrap();
    },
    |store| {
        store.move_messages(transfer(&[2, 3], "Trash")).unwrap();
    },
    |store| {
        store.begin_import(ACCOUNT, &name("Old"), Plan::New).unwrap();
    },
    |store| {
        let mailbox = store.mailbox(ACCOUNT, &name("Old")).unwrap().key;
        let old = |n: u8| {
            let (message, source) = (message(&[b'o', n]), ImportSource([n; 16]));
            Imported { message, uid: Some(Uid(n.into())), source }
        };
        store.import(mailbox, None, 1, vec![old(3), old(7)]).unwrap();
    },
];

const ACCOUNT: AccountId = AccountId(1);
const INBOX: MailboxKey = MailboxKey { account: ACCOUNT, mailbox: store_mailboxes::INBOX };

fn message(body: &[u8]) -> NewMessage {
    NewMessage {
        account: ACCOUNT,
        mailbox: MailboxName::inbox(),
        flags: FlagSet::default(),
        internal_date: None,
        body: NewBody::Bytes(body.to_vec()),
        facts: Facts::default(),
    }
}

fn transfer(which: &[u32], to: &str) -> Transfer {
    Transfer { from: INBOX, uids: uids(which), to: name(to) }
}

/// All that the steps change.
fn told(store: &Store, dir: &Path) -> String {
    let mut told = String::new();
    for info in store.list_mailboxes(ACCOUNT).unwrap() {
        let MailboxInfo { name, messages, deleted, bytes, uid_next, highest_mod_seq, .. } = info;
        writeln!(told, "{name} {messages} {deleted} {bytes} {uid_next} {highest_mod_seq}").unwrap();
    }
    if !postgres::is_wanted() {
        // Where there are other nodes no start sweeps what a crash left.
        let dirs = std::fs::read_dir(dir.join("bodies")).unwrap();
        let files: usize =
            dirs.map(|dir| std::fs::read_dir(dir.unwrap().path()).unwrap().count()).sum();
        writeln!(told, "{files} files").unwrap();
    }
    told
}

#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    let mut place = Place::embedded(dir);
    if let Ok(database) = std::env::var(DATABASE) {
        let (host, name) = database.split_once(' ').unwrap();
        place.database = Database::Postgres(settings(host, name));
    }
    let store = Store::open_at(&place, Opening::Daemon).unwrap();
    for (done, step) in (1..).zip(STEPS) {
        step(&store);
        std::fs::write(dir.join("answered"), format!("{done}")).unwrap();
    }
}

/// Every `crash_point!("…")` below src/store.
fn points(dir: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            points(&path, found);
        } else if path.file_name().is_some_and(|name| name != "crash.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let after = text.split("crash_point!(\"").skip(1);
            found.extend(after.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
}

#[test]
fn every_point_leaves_a_whole_store() {
    let states: Vec<String> = (0..=STEPS.len())
        .map(|count| {
            let dir = TemporaryDir::new();
            let store = dir.open(Opening::Daemon).unwrap();
            STEPS[..count].iter().for_each(|step| step(&store));
            told(&store, dir.path())
        })
        .collect();
    let mut all = Vec::new();
    points(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut all);
    assert!(all.len() >= 9, "{all:?}");
    // The other engine's own, and what tests/crash runs into by the programs that do it.
    let others: &[&str] =
        if postgres::is_wanted() { &["writer:"] } else { &["postgres:", "batch:"] };
    let elsewhere =
        [others, &["cleaner:", "restore:", "object:", "deliver: sorted", "event:"]].concat();
    all.retain(|point| !elsewhere.iter().any(|start| point.starts_with(start)));
    for point in all {
        let dir = TemporaryDir::new();
        let mut command = Command::new(std::env::current_exe().unwrap());
        if let Some(database) = &dir.1 {
            command.env(DATABASE, format!("{} {}", database.host(), database.name));
        }
        let child = command
            .args(["--exact", "store::tests::crash::child"])
            .env(DIR, dir.path())
            .env("SORA_CRASH_AT", &point)
            .output()
            .unwrap();
        assert_eq!(child.status.signal(), Some(9), "{point}: {child:?}");
        let answered = std::fs::read_to_string(dir.path().join("answered")).unwrap_or_default();
        let answered: usize = answered.parse().unwrap_or(0);
        let store = dir.open(Opening::Daemon).unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new(), "{point}");
        let left = told(&store, dir.path());
        let next = states.get(answered + 1);
        assert!(left == states[answered] || Some(&left) == next, "{point}: {answered}\n{left}");
    }
}
