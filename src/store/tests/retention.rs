use super::*;
use crate::job::{Change, StoreMode, Transfer};
use crate::limits;
use crate::mail::Message;
use crate::model::{BlobId, ModSeq, Timestamp};
use crate::store::engine::{Tx, Value, Weight};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const KEEP: Retention = Retention { grace: DAY, max_age: None };
const AT_ONCE: Retention = Retention { grace: Duration::ZERO, max_age: None };

impl Fixture {
    /// A whole run of the cleaner: aged, removed, bodies.
    fn clean(&self, retention: &Retention) -> (u64, u64, u64) {
        let (aged, removed) = self.clean_mailboxes(retention);
        (aged, removed, self.store.remove_all_bodies().unwrap())
    }

    /// What it does first: aged, removed.
    fn clean_mailboxes(&self, retention: &Retention) -> (u64, u64) {
        let (mut aged, mut removed) = (0, 0);
        let mut after = None;
        loop {
            let page = self.store.due_mailboxes(after, retention).unwrap();
            for mailbox in page.mailboxes {
                let mut sweep = Sweep::default();
                loop {
                    let cleaned = self.store.clean_mailbox(mailbox, retention, &mut sweep).unwrap();
                    (aged, removed) = (aged + cleaned.aged, removed + cleaned.removed);
                    if !cleaned.more {
                        break;
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        (aged, removed)
    }

    fn expunge_all(&self, mailbox: &str) -> UidRuns {
        let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
        let all = UidRuns::range(Uid(1), Uid(u32::MAX));
        let change = FlagChange { uids: all, mode: StoreMode::Add, flags, unchanged_since: None };
        self.store.store_flags(self.key(mailbox), change).unwrap();
        self.store.expunge(self.key(mailbox), None).unwrap().uids
    }

    pub(super) fn copy_all(&self, from: &str, to: &str) {
        let transfer = Transfer {
            from: self.key(from),
            uids: UidRuns::range(Uid(1), Uid(u32::MAX)),
            to: name(to),
        };
        self.store.copy(transfer).unwrap();
    }

    fn move_all(&self, from: &str, to: &str) {
        let transfer = Transfer {
            from: self.key(from),
            uids: UidRuns::range(Uid(1), Uid(u32::MAX)),
            to: name(to),
        };
        self.store.move_messages(transfer).unwrap();
    }

    /// `mailbox/uid` of everything that could be restored, by name.
    fn restorable(&self) -> Vec<String> {
        let mut found = Vec::new();
        for from in self.store.deleted_from(self.account).unwrap() {
            let key = MailboxKey { account: self.account, mailbox: from.mailbox };
            let messages = self.store.deleted_messages(key, Uid(0), Timestamp(0)).unwrap();
            found.extend(messages.iter().map(|message| format!("{}/{}", from.name, message.uid)));
        }
        found
    }

    fn restore_all(&self, mailbox: MailboxKey) -> Restored {
        let found = self.store.deleted_messages(mailbox, Uid(0), Timestamp(0)).unwrap();
        let uids: UidRuns = found.iter().map(|message| message.uid).collect();
        self.store.restore(mailbox, &uids).unwrap()
    }

    fn count(&self, sql: &'static str) -> i64 {
        let count =
            self.store.0.engine.read("counting", |tx| tx.query_one(sql, &[], |row| row.int(0)));
        let count: Result<Option<i64>, Failure> = count;
        count.unwrap().unwrap()
    }

    fn bodies(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM blobs")
    }

    /// Lets everything have happened a while ago.
    fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap();
        let done = self.store.0.engine.write("passing time", Weight::Bytes(0), move |tx| {
            for sql in [
                "UPDATE expunged SET expunged_at = expunged_at - $1, arrived_at = arrived_at - $1",
                "UPDATE messages SET arrived_at = arrived_at - $1",
                "UPDATE mailboxes SET deleted_at = deleted_at - $1,
                                      oldest_arrived = oldest_arrived - $1",
                "UPDATE accounts SET deleted_at = deleted_at - $1",
            ] {
                tx.execute(sql, &[Value::Int(micros)])?;
            }
            Ok::<_, Failure>(())
        });
        done.unwrap();
    }
}

#[test] // pitfall 44
fn the_expunged_stay_until_their_grace_is_over() {
    let store = fixture();
    store.append_many("INBOX", 3);
    store.append("Archive");
    store.expunge_all("INBOX");
    assert_eq!(store.clean(&KEEP), (0, 0, 0));
    assert_eq!(store.restorable(), ["INBOX/1", "INBOX/2", "INBOX/3"]);
    store.pass(DAY);
    assert_eq!(store.clean(&KEEP), (0, 3, 3));
    assert_eq!(store.restorable(), [""; 0]);
    assert_eq!((store.bodies(), store.count("SELECT COUNT(*) FROM bodies")), (1, 1));
    assert_eq!(store.count("SELECT COUNT(*) FROM blob_map"), 1);
    assert_eq!(store.clean(&KEEP), (0, 0, 0));
}

#[test]
fn large_bodies_leave_the_disk() {
    let store = fixture();
    let large =
        [&b"A: b\r\n\r\n"[..], &vec![b'x'; limits::BODY_IN_DATABASE_BYTES_MAX + 1]].concat();
    let placed = store.store.place_body(store.account, &mut &large[..]).unwrap();
    let mut message = store.message("INBOX", b"A: b\r\n\r\n");
    message.body = NewBody::Placed(placed.clone());
    store.store.append(message).unwrap();
    let path = store.store.0.bodies.path(placed.blob);
    assert!(path.is_file());
    store.expunge_all("INBOX");
    assert_eq!(store.clean(&AT_ONCE), (0, 1, 1));
    assert!(!path.exists());
    assert_eq!(store.bodies(), 0);
}

#[test] // pitfall 39
fn a_body_that_cannot_be_removed_holds_up_no_other() {
    let store = fixture();
    let place = |byte: u8| {
        let body = [&b"A: b\r\n\r\n"[..], &[byte; limits::BODY_IN_DATABASE_BYTES_MAX + 1]].concat();
        let placed = store.store.place_body(store.account, &mut &body[..]).unwrap();
        let mut message = store.message("INBOX", b"A: b\r\n\r\n");
        message.body = NewBody::Placed(placed.clone());
        store.store.append(message).unwrap();
        store.store.0.bodies.path(placed.blob)
    };
    let (stays, goes) = (place(b'x'), place(b'y'));
    // A folder in its place: what is no file is not removed as one.
    std::fs::remove_file(&stays).unwrap();
    std::fs::create_dir(&stays).unwrap();
    store.expunge_all("INBOX");
    store.store.clean_mailbox(store.key("INBOX"), &AT_ONCE, &mut Sweep::default()).unwrap();
    assert_eq!(store.store.remove_all_bodies().unwrap(), 1);
    assert!(!goes.exists());
    assert_eq!(store.store.remove_all_bodies().unwrap(), 0);
    std::fs::remove_dir(&stays).unwrap();
    assert_eq!(store.store.remove_all_bodies().unwrap(), 1);
    assert_eq!(store.bodies(), 0);
}

#[test] // pitfall 39
fn many_that_cannot_be_removed_hold_up_no_other() {
    let store = fixture();
    let path = |blob: i64| store.store.0.bodies.path(BlobId(blob));
    let stay = 1..=limits::CLEANED_BODIES_MAX;
    stay.clone().for_each(|blob| std::fs::create_dir_all(path(blob)).unwrap());
    let account = store.account.0;
    let unneeded = move |tx: &mut Tx<'_>| {
        for blob in 1..=limits::CLEANED_BODIES_MAX + 1 {
            let sql = "INSERT INTO blobs (account_id, blob_id, size, state, refs, hash)
                       VALUES ($1, $2, 0, 4, 0, $3)";
            tx.execute(sql, &[Value::Int(account), Value::Int(blob), Value::Bytes(&[])])?;
        }
        Ok(())
    };
    store.0.engine.write::<_, Failure>("test", Weight::Bytes(0), unneeded).unwrap();
    assert_eq!(store.remove_all_bodies().unwrap(), 1);
    stay.for_each(|blob| std::fs::remove_dir(path(blob)).unwrap());
    assert_eq!(store.remove_all_bodies().unwrap(), 200);
    assert_eq!(store.bodies(), 0);
}

#[test] // pitfall 45
fn a_body_stays_until_its_last_copy_goes() {
    let store = fixture();
    store.append("INBOX");
    store.copy_all("INBOX", "Archive");
    store.expunge_all("INBOX");
    assert_eq!(store.clean(&AT_ONCE), (0, 1, 0));
    assert_eq!(store.bodies(), 1);
    store.expunge_all("Archive");
    assert_eq!(store.clean(&AT_ONCE), (0, 1, 1));
    assert_eq!(store.bodies(), 0);
}

#[test] // pitfall 43
fn age_counts_from_the_arrival_in_the_store_and_grace_follows() {
    let both = Retention { grace: 7 * DAY, max_age: Some(90 * DAY) };
    let store = fixture();
    let mut old = store.message("INBOX", b"A: b\r\n\r\nc\r\n");
    old.internal_date = Some(Timestamp::from_seconds(1_262_304_000)); // 2010, imported today
    store.store.append(old).unwrap();
    assert_eq!(store.clean(&both), (0, 0, 0));
    store.pass(60 * DAY);
    store.copy_all("INBOX", "Archive"); // moving mail about does not keep it
    store.append("INBOX");
    store.pass(30 * DAY);
    assert_eq!(store.clean(&both), (2, 0, 0));
    assert_eq!(store.shown("INBOX"), ["2 {}"]);
    assert_eq!(store.restorable(), ["Archive/1", "INBOX/1"]);
    store.pass(7 * DAY);
    assert_eq!(store.clean(&both), (0, 2, 1));
    assert_eq!(store.clean(&both), (0, 0, 0));
}

#[test] // pitfall 42
fn a_first_run_goes_in_small_steps() {
    let many = u32::try_from(limits::CLEANED_ROWS_MAX).unwrap() + 5;
    let store = fixture();
    store.append_many("INBOX", many);
    store.pass(2 * DAY);
    let aging = Retention { grace: DAY, max_age: Some(DAY) };
    let inbox = store.key("INBOX");
    let mut sweep = Sweep::default();
    let first = store.store.clean_mailbox(inbox, &aging, &mut sweep).unwrap();
    assert_eq!((first.aged, first.more), (limits::CLEANED_ROWS_MAX.unsigned_abs(), true));
    let head = store.info("INBOX");
    assert_eq!(first.changed, Some(head.highest_mod_seq));
    let second = store.store.clean_mailbox(inbox, &aging, &mut sweep).unwrap();
    assert_eq!((second.aged, second.more), (5, false));
    store.pass(DAY);
    let removed = store.store.clean_mailbox(inbox, &aging, &mut Sweep::default()).unwrap();
    assert_eq!((removed.removed, removed.more), (first.aged, true));
    assert_eq!(store.clean(&aging), (0, 5, many.into()));
}

#[test] // pitfall 42, pitfall 43
fn the_old_are_found_wherever_they_are() {
    let store = fixture();
    store.append_many("INBOX", 11);
    for _ in 0..10 {
        store.copy_all("INBOX", "INBOX");
    }
    let inbox = store.key("INBOX");
    let last = store.info("INBOX").uid_next - 1;
    assert!(i64::from(last) > limits::CLEANED_ROWS_READ_MAX);
    let older = move |tx: &mut Tx<'_>| {
        let by = Value::Int(i64::try_from((2 * DAY).as_micros()).unwrap());
        let of = Value::Int(last.into());
        tx.execute("UPDATE messages SET arrived_at = arrived_at - $1 WHERE uid = $2", &[by, of])?;
        let by = Value::Int(i64::try_from((2 * DAY).as_micros()).unwrap());
        tx.execute("UPDATE mailboxes SET oldest_arrived = oldest_arrived - $1", &[by])
    };
    store.0.engine.write::<_, Failure>("test", Weight::Bytes(0), older).unwrap();
    let aging = Retention { grace: DAY, max_age: Some(DAY) };
    let mut sweep = Sweep::default();
    let first = store.store.clean_mailbox(inbox, &aging, &mut sweep).unwrap();
    assert_eq!((first.aged, first.more), (0, true)); // none in the first ten thousand
    let second = store.store.clean_mailbox(inbox, &aging, &mut sweep).unwrap();
    assert_eq!((second.aged, second.more), (1, false));
    assert_eq!(store.clean(&aging), (0, 0, 0), "the row says that the rest is young");
    store.pass(2 * DAY);
    assert_eq!(store.clean(&aging).0, u64::from(last) - 1);
}

#[test] // pitfall 43
fn what_comes_older_meanwhile_is_found_by_the_next_run() {
    let store = fixture();
    store.append_many("Archive", 2);
    let young = limits::CLEANED_ROWS_MAX.unsigned_abs();
    store.append_many("INBOX", u32::try_from(young).unwrap());
    store.pass(2 * DAY);
    let aging = Retention { grace: DAY, max_age: Some(DAY) };
    let (inbox, mut sweep) = (store.key("INBOX"), Sweep::default());
    let first = store.store.clean_mailbox(inbox, &aging, &mut sweep).unwrap();
    assert_eq!((first.aged, first.more), (young, true));
    store.copy_all("Archive", "INBOX");
    let last = store.store.clean_mailbox(inbox, &aging, &mut sweep).unwrap();
    assert_eq!((last.aged, last.more), (2, false));
    assert_eq!(store.clean(&aging).0, 2, "those in Archive");
}

#[test] // pitfall 96
fn below_the_horizon_a_snapshot_is_read_anew() {
    let store = fixture();
    store.append_many("INBOX", 4);
    let inbox = store.key("INBOX");
    let early = store.store.load_snapshot(inbox).unwrap();
    let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
    let change =
        FlagChange { uids: uids(&[2]), mode: StoreMode::Add, flags, unchanged_since: None };
    store.store.store_flags(inbox, change).unwrap();
    store.store.expunge(inbox, None).unwrap();
    store.clean(&AT_ONCE);
    assert_eq!(store.count("SELECT COUNT(*) FROM expunged"), 0);
    let Refreshed::New(now) = store.store.refresh_snapshot(inbox, &early).unwrap() else {
        panic!("it has changed");
    };
    let there: Vec<u32> = now.iter().map(|message: Message| message.uid.0).collect();
    assert_eq!(there, [1, 3, 4]);
}

#[test] // pitfall 47
fn a_deleted_mailbox_leaves_with_all_it_held() {
    let store = fixture();
    let account = store.account;
    store.store.create_mailbox(account, &name("Old"), None).unwrap();
    store.append_with("Old", Flags::DELETED, &["$Junk"]);
    store.store.expunge(store.key("Old"), None).unwrap();
    store.append_with("Old", Flags::SEEN, &["$Junk"]);
    store.copy_all("Old", "Archive");
    store.store.delete_mailbox(account, &name("Old")).unwrap();
    assert_eq!(store.clean(&KEEP), (0, 0, 0));
    assert_eq!(store.restorable(), ["Old/1", "Old/2"]);
    store.pass(DAY);
    assert_eq!(store.clean(&KEEP), (0, 2, 1));
    assert_eq!(store.count("SELECT COUNT(*) FROM mailboxes WHERE name_key IS NULL"), 0);
    assert_eq!(store.count("SELECT COUNT(*) FROM keywords WHERE mailbox_id > 6"), 0);
    assert_eq!(store.bodies(), 1, "Archive has its copy");
}

#[test] // pitfall 47
fn a_mailbox_deleted_while_it_ages_leaves_no_message_behind() {
    let many = u32::try_from(limits::CLEANED_ROWS_MAX).unwrap() + 5;
    let store = fixture();
    store.create_mailbox(store.account, &name("Old"), None).unwrap();
    store.append_many("Archive", 1);
    store.copy_all("Archive", "Old"); // the youngest in front
    let young = move |tx: &mut Tx<'_>| {
        let by = Value::Int(i64::try_from((2 * DAY).as_micros()).unwrap());
        tx.execute("UPDATE messages SET arrived_at = arrived_at + $1 WHERE mailbox_id > 6", &[by])
    };
    store.0.engine.write::<_, Failure>("test", Weight::Bytes(0), young).unwrap();
    store.append_many("Old", many);
    store.pass(2 * DAY);
    let aging = Retention { grace: Duration::ZERO, max_age: Some(DAY) };
    let (old, mut sweep) = (store.key("Old"), Sweep::default());
    let first = store.store.clean_mailbox(old, &aging, &mut sweep).unwrap();
    assert_eq!((first.aged, first.more), (limits::CLEANED_ROWS_MAX.unsigned_abs(), true));
    store.delete_mailbox(store.account, &name("Old")).unwrap();
    while store.store.clean_mailbox(old, &aging, &mut sweep).unwrap().more {}
    let tombstones = "SELECT COUNT(*) FROM mailboxes WHERE name_key IS NULL";
    let left = "SELECT COUNT(*) FROM messages WHERE mailbox_id > 6";
    assert_eq!((store.count(tombstones), store.count(left)), (0, 0));
}

#[test] // RFC 6154 §5.3
fn a_mailbox_made_again_has_its_special_use_unless_another_took_it() {
    let store = fixture();
    let use_of = |mailbox: &str| store.info(mailbox).special_use;
    let archive = use_of("Archive");
    assert!(archive.is_some());
    store.append("Archive");
    let first = store.key("Archive");
    store.delete_mailbox(store.account, &name("Archive")).unwrap();
    store.restore_all(first);
    assert_eq!(use_of("Archive"), archive);
    let second = store.key("Archive");
    store.delete_mailbox(store.account, &name("Archive")).unwrap();
    store.create_mailbox(store.account, &name("Other"), archive).unwrap();
    store.restore_all(second);
    assert_eq!((use_of("Archive"), use_of("Other")), (None, archive));
}

#[test] // pitfalls 139, 144
fn restored_messages_have_new_uids_and_the_old_ones_stay_gone() {
    let store = fixture();
    store.append_with("INBOX", Flags::SEEN, &["$Work"]);
    store.append_many("INBOX", 2);
    let inbox = store.key("INBOX");
    let early = store.store.load_snapshot(inbox).unwrap();
    store.expunge_all("INBOX");
    let restored = store.store.restore(inbox, &uids(&[1, 3])).unwrap();
    assert_eq!(restored.uids, uids(&[4, 5]));
    assert_eq!(restored.mod_seq, Some(store.info("INBOX").highest_mod_seq));
    assert_eq!(store.shown("INBOX"), ["4 {\"\\\\Seen\"} $Work", "5 {}"]);
    assert_eq!(store.restorable(), ["INBOX/2"]);
    // Who was away learns that 1 to 3 have gone.
    let Refreshed::New(now) = store.store.refresh_snapshot(inbox, &early).unwrap() else {
        panic!("it has changed");
    };
    let there: Vec<u32> = now.iter().map(|message: Message| message.uid.0).collect();
    assert_eq!(there, [4, 5]);
    // Once more brings nothing.
    let again = store.store.restore(inbox, &uids(&[1, 3])).unwrap();
    assert_eq!((again.uids, again.mod_seq), (uids(&[]), None));
    assert_eq!(store.clean(&AT_ONCE), (0, 1, 1));
    assert_eq!(store.info("INBOX").messages, 2);
}

#[test] // pitfall 139
fn what_is_there_already_is_not_doubled() {
    let store = fixture();
    store.append("INBOX");
    store.copy_all("INBOX", "INBOX");
    store.expunge_all("INBOX");
    let inbox = store.key("INBOX");
    let one = store.store.restore(inbox, &uids(&[2])).unwrap();
    assert_eq!((one.uids, one.there_already), (uids(&[3]), 0));
    let other = store.store.restore(inbox, &uids(&[1])).unwrap();
    assert_eq!((other.uids, other.there_already), (uids(&[]), 1));
}

#[test] // pitfall 145
fn a_moved_message_is_not_restorable_where_it_was() {
    let store = fixture();
    store.append("INBOX");
    store.move_all("INBOX", "Archive");
    assert_eq!(store.restorable(), [""; 0]);
    assert_eq!(store.store.restore(store.key("INBOX"), &uids(&[1])).unwrap().uids, uids(&[]));
}

#[test] // pitfall 139
fn a_deleted_mailbox_is_made_again() {
    let store = fixture();
    let account = store.account;
    let old = store.store.create_mailbox(account, &name("Work/Old"), None).unwrap();
    store.append_with("Work/Old", Flags::FLAGGED, &["$One"]);
    store.append_with("Work/Old", Flags::DELETED, &["$Two"]);
    store.store.expunge(store.key("Work/Old"), None).unwrap();
    store.store.delete_mailbox(account, &name("Work/Old")).unwrap();
    let restored = store.restore_all(old);
    assert_ne!(restored.mailbox, old);
    assert_eq!(store.key("Work/Old"), restored.mailbox);
    assert_eq!(store.shown("Work/Old"), ["1 {\"\\\\Flagged\"} $One", "2 {} $Two"]);
    assert_eq!(store.restorable(), [""; 0]);
    // And into one that has taken its name, with keywords of its own.
    store.append_with("Work/Old", Flags::NONE, &["$Three"]);
    let first = restored.mailbox;
    store.store.delete_mailbox(account, &name("Work/Old")).unwrap();
    store.store.create_mailbox(account, &name("work/OLD"), None).unwrap();
    store.append_with("Work/Old", Flags::NONE, &["$Four", "$One"]);
    store.restore_all(first);
    assert_eq!(
        store.shown("Work/Old"),
        ["1 {} $Four $One", "2 {\"\\\\Flagged\"} $One", "3 {} $Two", "4 {} $Three"]
    );
}

#[test]
fn purged_messages_are_gone_at_once() {
    let store = fixture();
    store.append_many("INBOX", 2);
    store.copy_all("INBOX", "Archive");
    store.expunge_all("INBOX");
    store.expunge_all("Archive");
    let inbox = store.key("INBOX");
    assert_eq!(store.store.purge(inbox, &uids(&[1, 2])).unwrap().messages, 2);
    assert_eq!(store.store.purge(inbox, &uids(&[1, 2])).unwrap().messages, 0);
    assert_eq!(store.store.remove_all_bodies().unwrap(), 0, "Archive could be restored");
    let purged = store.store.purge(store.key("Archive"), &uids(&[1])).unwrap();
    assert_eq!((purged.messages, purged.bodies.len()), (1, 1));
    assert_eq!(store.store.bodies_left(store.account, &purged.bodies).unwrap(), 1);
    assert_eq!(store.store.remove_all_bodies().unwrap(), 1);
    assert_eq!(store.store.bodies_left(store.account, &purged.bodies).unwrap(), 0);
    assert_eq!(store.restorable(), ["Archive/2"]);
    assert_eq!(store.restore_all(inbox).uids, uids(&[]));
}

#[test] // pitfall 144
fn what_was_purged_or_restored_is_told_as_gone_to_who_was_away() {
    let store = fixture();
    store.append_many("INBOX", 12); // of which so few change that only what did is read
    let inbox = store.key("INBOX");
    let early = store.store.load_snapshot(inbox).unwrap();
    store.store.remove(inbox, uids(&[1, 2, 3])).unwrap();
    assert_eq!(store.store.purge(inbox, &uids(&[1, 2])).unwrap().messages, 2);
    assert_eq!(store.store.remove_all_bodies().unwrap(), 2);
    assert_eq!(store.store.restore(inbox, &uids(&[3])).unwrap().uids, uids(&[13]));
    let Refreshed::New(now) = store.store.refresh_snapshot(inbox, &early).unwrap() else {
        panic!("it has changed");
    };
    let there: Vec<u32> = now.iter().map(|message: Message| message.uid.0).collect();
    assert_eq!(there, Vec::from_iter(4..=13));
}

#[test]
fn a_deleted_account_comes_back_whole() {
    let store = fixture();
    store.append_with("INBOX", Flags::SEEN, &["$Work"]);
    store.store.create_mailbox(store.account, &name("Lists/One"), None).unwrap();
    store.append("Lists/One");
    store.store.create_mailbox(store.account, &name("Gone"), None).unwrap();
    store.store.delete_mailbox(store.account, &name("Gone")).unwrap();
    store.pass(Duration::from_secs(1));
    let more = new_account("also@example.org");
    assert!(store.store.add_address(store.account, more, Rank::Further).unwrap());
    let inbox = store.key("INBOX");
    let changes = store.store.delete_account(store.account).unwrap();
    assert_eq!(changes.len(), 8);
    assert!(changes.contains(&Change { mailbox: inbox, mod_seq: ModSeq(3) }), "{changes:?}");
    let me = Address::new("me@example.org").unwrap();
    assert_eq!(store.store.account_by_address(&me).unwrap(), None);
    assert_eq!(
        refused(store.store.append(store.message("INBOX", b"\r\n"))),
        Refusal::NoSuchMailbox
    );
    assert_eq!(store.store.list_accounts().unwrap(), []);
    let deleted = store.store.deleted_accounts().unwrap();
    assert_eq!((deleted[0].messages, deleted[0].addresses.len()), (2, 2));
    assert_eq!(store.clean(&KEEP), (0, 0, 0));
    // Somebody else took the primary address.
    let other = store.store.create_account(new_account("me@example.org")).unwrap().unwrap();
    let back = store.store.restore_account(store.account).unwrap();
    assert_eq!((back.taken, back.mailboxes), (vec![me.clone()], 8));
    assert_eq!(store.shown("INBOX"), ["1 {\"\\\\Seen\"} $Work"]);
    assert_eq!(store.info("Lists/One").messages, 1);
    assert_eq!(refused(store.store.mailbox(store.account, &name("Gone"))), Refusal::NoSuchMailbox);
    let also = Address::new("also@example.org").unwrap();
    assert_eq!(store.store.account_by_address(&also).unwrap().unwrap().primary, also);
    // All of them taken: it cannot come back.
    store.store.delete_account(other).unwrap();
    store.store.create_account(new_account("me@example.org")).unwrap().unwrap();
    assert!(matches!(refused(store.store.restore_account(other)), Refusal::Cannot(_)));
    assert!(matches!(refused(store.store.restore_account(store.account)), Refusal::Cannot(_)));
}

#[test] // without an INBOX, all mail to it would bounce
fn an_account_without_its_inbox_does_not_come_back() {
    let store = fixture();
    store.append("INBOX");
    store.store.delete_account(store.account).unwrap();
    store.pass(DAY);
    store.clean_mailboxes(&KEEP);
    assert_eq!(store.bodies(), 1, "the account is still on its way");
    let late = Refusal::Cannot("its grace is over, and its mail is gone");
    assert_eq!(refused(store.store.restore_account(store.account)), late);
    let me = Address::new("me@example.org").unwrap();
    assert_eq!(store.store.account_by_address(&me).unwrap(), None);
    assert_eq!(store.store.deleted_accounts().unwrap(), []);
}

#[test]
fn an_account_that_was_restored_meanwhile_loses_nothing() {
    let store = fixture();
    store.store.delete_account(store.account).unwrap();
    store.pass(DAY);
    assert_eq!(store.store.due_accounts(AccountId(0), &KEEP).unwrap(), [store.account]);
    store.store.restore_account(store.account).unwrap();
    let subscriptions = || store.count("SELECT COUNT(*) FROM subscriptions");
    let before = subscriptions();
    let step = store.store.remove_account(store.account, &KEEP).unwrap();
    assert_eq!(step, AccountStep::Left);
    assert!(before > 0 && subscriptions() == before);
}

#[test] // pitfall 46
fn an_account_goes_bodies_first() {
    let store = fixture();
    let other = store.store.create_account(new_account("you@example.org")).unwrap().unwrap();
    store.append_many("INBOX", 3);
    store.expunge_all("INBOX");
    store.append_many("INBOX", 2);
    store.store.delete_account(store.account).unwrap();
    store.pass(DAY);
    assert_eq!(store.store.due_accounts(AccountId(0), &KEEP).unwrap(), [store.account]);
    let step = || store.store.remove_account(store.account, &KEEP).unwrap();
    assert_eq!(step(), AccountStep::More, "its subscriptions");
    assert_eq!(step(), AccountStep::Left, "not with mailboxes there");
    assert_eq!(store.clean_mailboxes(&KEEP), (0, 5));
    assert_eq!(store.count("SELECT COUNT(*) FROM mailboxes WHERE name_key IS NULL"), 0);
    assert_eq!(step(), AccountStep::Left, "not with bodies there");
    assert_eq!(store.count("SELECT COUNT(*) FROM accounts"), 2);
    assert_eq!(store.store.remove_all_bodies().unwrap(), 5);
    assert_eq!(step(), AccountStep::Removed);
    assert_eq!(step(), AccountStep::Left, "gone already");
    assert_eq!(store.store.due_accounts(AccountId(0), &KEEP).unwrap(), []);
    assert_eq!(store.store.deleted_accounts().unwrap(), []);
    assert_eq!(store.count("SELECT COUNT(*) FROM accounts"), 1);
    assert_eq!(store.store.list_accounts().unwrap()[0].account, other);
}

#[test]
fn what_is_due_is_counted_beforehand() {
    let store = fixture();
    store.append_many("INBOX", 3);
    store.expunge_all("INBOX");
    store.append_many("INBOX", 2);
    store.pass(DAY);
    let both = Retention { grace: DAY, max_age: Some(DAY) };
    let due = store.store.count_due(store.key("INBOX"), &both).unwrap();
    let bytes = 3 * b"A: b\r\n\r\nc\r\n".len() as u64;
    assert_eq!(due, Due { aged: 2, removed: 3, bytes, ..Due::default() });
    assert_eq!(store.clean(&both), (2, 3, 3));
}

#[test]
fn a_lease_has_one_holder_until_it_ends() {
    let store = fixture();
    let take = |holder: &str, length| store.store.take_lease("cleaner", holder, length).unwrap();
    assert!(take("one", DAY));
    assert!(!take("two", DAY));
    assert!(take("one", Duration::ZERO), "renewed, and over at once");
    assert!(take("two", DAY));
    store.store.give_lease_back("cleaner", "one").unwrap();
    assert!(!take("one", DAY), "not its own to give back");
    store.store.give_lease_back("cleaner", "two").unwrap();
    assert!(take("one", DAY));
}

#[test] // RFC 5464 §4.1
fn annotations_go_with_their_mailbox_and_come_back_with_its_mail() {
    let store = fixture();
    let annotations = || store.count("SELECT COUNT(*) FROM metadata");
    for mailbox in ["back", "gone", "new"] {
        store.create_mailbox(store.account, &name(mailbox), None).unwrap();
        store.append(mailbox);
        store.annotate(mailbox, &[("/shared/comment", Some(mailbox))]).unwrap();
    }
    let (back, gone, new) = (store.key("back"), store.key("gone"), store.key("new"));
    for mailbox in ["back", "gone", "new"] {
        store.delete_mailbox(store.account, &name(mailbox)).unwrap();
    }
    store.create_mailbox(store.account, &name("new"), None).unwrap();
    store.restore_all(back);
    store.restore_all(new);
    assert_eq!(store.annotated("back"), ["/shared/comment=back"]);
    assert_eq!(store.annotated("new"), [""; 0], "made by somebody else");
    assert_eq!(annotations(), 3);
    let cleaned = store.clean(&AT_ONCE);
    assert_eq!((cleaned.1, annotations()), (1, 1), "{gone:?}");
    // A deleted account has them again when it is restored, or they go with it.
    store.annotate("", &[("/private/x", Some("1"))]).unwrap();
    store.delete_account(store.account).unwrap();
    store.restore_account(store.account).unwrap();
    assert_eq!((store.annotated("back").len(), store.annotated("").len()), (1, 1));
    store.delete_account(store.account).unwrap();
    store.clean(&AT_ONCE);
    while store.remove_account(store.account, &AT_ONCE).unwrap() == AccountStep::More {}
    assert_eq!((annotations(), store.count("SELECT COUNT(*) FROM accounts")), (0, 0));
}
