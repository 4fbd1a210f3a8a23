//! What operations cost on PostgreSQL, counted in statements and round trips.

use super::*;
use crate::job::{Annotated, StoreMode, Transfer};
use crate::model::{Depth, EntryName};

/// Runs it twice, since the first prepares its statements, and counts the second: statements, and
/// round trips with BEGIN and COMMIT.
#[track_caller]
fn check(store: &Fixture, mut run: impl FnMut(&Fixture), want: (u64, u64)) {
    if !postgres::is_wanted() || postgres::is_pooled() {
        return;
    }
    run(store);
    let before = store.0.engine.counts();
    run(store);
    let after = store.0.engine.counts();
    assert_eq!((after.0 - before.0, after.1 - before.1), want);
}

fn delivery(store: &Fixture, digest: &[u8]) -> Delivery {
    let digest = Some(DeliveryDigest::new("you@example.net", "me@example.org", digest));
    let mut message = store.message("INBOX", b"A: b\r\n\r\nc\r\n");
    message.facts.message_ids = vec![1, 2, 3];
    Delivery { message, if_missing: IfMissing::Inbox, digest }
}

#[test]
fn a_delivery_is_one_statement() {
    let store = fixture();
    let mut count = 0;
    let deliver = |store: &Fixture| {
        count += 1;
        let stored = store.deliver(vec![delivery(store, &[count])]).remove(0).unwrap();
        assert!(matches!(stored, Delivered::Stored(_)));
    };
    check(&store, deliver, (1, 1));
    check(&store, |store| assert!(store.append("INBOX").uid.0 > 0), (1, 1));
}

#[test]
fn a_look_at_a_mailbox_is_one_indexed_row() {
    let store = fixture();
    store.append_many("INBOX", 10);
    let mailbox = store.key("INBOX");
    let snapshot = store.load_snapshot(mailbox).unwrap();
    let look = |store: &Fixture| {
        let same = store.refresh_snapshot(mailbox, &snapshot).unwrap();
        assert!(matches!(same, Refreshed::Same));
    };
    check(&store, look, (1, 1));
    check(&store, |store| drop(store.info("INBOX")), (1, 1));
    let address = Address::new("me@example.org").unwrap();
    check(&store, |store| assert!(store.account_by_address(&address).unwrap().is_some()), (1, 1));
}

#[test]
fn select_is_two_statements_at_most() {
    let store = fixture();
    store.append_many("INBOX", 10);
    let inbox = MailboxName::inbox();
    let fresh = |store: &Fixture| {
        let opened = store.open_mailbox(store.account, &inbox, &|_| Have::Nothing).unwrap();
        assert_eq!(opened.snapshot.unwrap().iter().count(), 10);
    };
    check(&store, fresh, (2, 2));
    let snapshot = Arc::new(store.load_snapshot(store.key("INBOX")).unwrap());
    let again = |store: &Fixture| {
        let have = |_| Have::This(Arc::clone(&snapshot));
        let opened = store.open_mailbox(store.account, &inbox, &have).unwrap();
        assert!(opened.snapshot.is_none());
    };
    check(&store, again, (1, 1));
}

#[test]
fn annotations_are_read_by_one_statement() {
    let store = fixture();
    let names = [EntryName::new("/shared/comment").unwrap()];
    let read = |of: Annotated| {
        move |store: &Fixture| {
            let found = store.annotations(store.account, &of, &names.clone(), Depth::Itself);
            assert!(!found.unwrap().is_empty());
        }
    };
    for of in [Annotated::Server, Annotated::Mailbox(MailboxName::inbox()), Annotated::Mailboxes] {
        check(&store, read.clone()(of), (1, 1));
    }
    check(&store, |store| assert!(store.event_scripts(store.account).unwrap().is_empty()), (1, 1));
    let set = |store: &Fixture| {
        assert!(store.annotate("INBOX", &[("/shared/comment", Some("x"))]).unwrap().mod_seq.0 > 0);
    };
    check(&store, set, (5, 7)); // account, mailbox, count of changes, row, limits
}

/// The same for 10 messages as for 1,000, with gaps or without.
#[test]
fn changes_are_as_many_statements_for_any_number_of_messages() {
    let every_other = |count: u32| (1..=count).map(|n| Uid(n * 2)).collect::<UidRuns>();
    for count in [10_u32, 1_000] {
        let store = fixture();
        store.append_many("INBOX", count * 2 + 1);
        let inbox = store.key("INBOX");
        let mut which = false;
        let flag = |store: &Fixture| {
            which = !which;
            let flags = FlagSet {
                flags: if which { Flags::SEEN } else { Flags::FLAGGED },
                ..FlagSet::default()
            };
            let (uids, mode) = (every_other(count), StoreMode::Replace);
            let change = FlagChange { uids, mode, flags, unchanged_since: None };
            assert_eq!(store.store_flags(inbox, change).unwrap().changed.len(), count);
        };
        check(&store, flag, (4, 6)); // lock, read, write, mailbox
        let copy = |store: &Fixture| {
            let transfer = Transfer { from: inbox, uids: every_other(count), to: name("Archive") };
            assert_eq!(store.copy(transfer).unwrap().to.len(), count);
        };
        check(&store, copy, (7, 9)); // find, two locks, read, mailbox, rows, references
        let archive = store.key("Archive");
        let there = |uids: std::ops::RangeInclusive<u32>| uids.map(Uid).collect::<UidRuns>();
        let mut first = 1;
        let moved = |store: &Fixture| {
            let uids = there(first..=first + count - 1);
            first += count;
            let transfer = Transfer { from: archive, uids, to: name("Trash") };
            assert_eq!(store.move_messages(transfer).unwrap().to.len(), count);
        };
        check(&store, moved, (9, 11));
        let trash = store.key("Trash");
        let mut first = 1;
        let expunge = |store: &Fixture| {
            let uids = there(first..=first + count - 1);
            first += count;
            let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
            let (mode, all) = (StoreMode::Add, uids.clone());
            let change = FlagChange { uids: all, mode, flags, unchanged_since: None };
            store.store_flags(trash, change).unwrap();
            assert_eq!(store.expunge(trash, Some(uids)).unwrap().uids.len(), count);
        };
        check(&store, expunge, (4 + 5, 6 + 7)); // and: lock, read, two for the rows, mailbox
    }
}

#[test]
fn bodies_are_removed_by_two_statements() {
    for count in [10_u32, 100] {
        let store = fixture();
        let inbox = store.key("INBOX");
        let mut ready = [false, true].into_iter().cycle();
        let remove = |store: &Fixture| {
            if !ready.next().unwrap() {
                // Not counted: what is removed first, and what is there to be removed next.
                expunge_for_good(store, inbox, count);
                assert_eq!(store.remove_all_bodies().unwrap(), u64::from(count));
                expunge_for_good(store, inbox, count);
                return;
            }
            assert_eq!(store.remove_all_bodies().unwrap(), u64::from(count));
        };
        check(&store, remove, (2, 4));
    }
}

fn expunge_for_good(store: &Fixture, mailbox: MailboxKey, count: u32) {
    for _ in 0..count {
        store.append_with("INBOX", Flags::DELETED, &[]);
    }
    store.expunge(mailbox, None).unwrap();
    let at_once = Retention { grace: Duration::ZERO, max_age: None };
    store.clean_mailbox(mailbox, &at_once, &mut Sweep::default()).unwrap();
}

#[test] // pitfall 98
fn deliveries_that_wait_together_share_statements() {
    if !postgres::is_wanted() {
        return;
    }
    let store = fixture();
    let boxes = ["INBOX", "Archive", "Sent", "Nowhere"];
    let many = |from: u32, boxes: &[&str]| {
        let one = |n: u32| {
            let mut delivery = delivery(&store, &n.to_be_bytes());
            delivery.message.mailbox = name(boxes[n as usize % boxes.len()]);
            delivery.message.facts.message_ids = vec![i64::from(n % 50), i64::from(n)];
            delivery
        };
        (from..from + 200).map(one).collect::<Vec<_>>()
    };
    // A quarter has no such mailbox: each of it is delivered to INBOX alone, among the others.
    let answers = store.deliver(many(0, &boxes));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Delivered::Stored(_)))));
    let before = store.0.engine.counts();
    let answers = store.deliver(many(1_000, &boxes[..3]));
    let (statements, _) = store.0.engine.counts();
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Delivered::Stored(_)))));
    // One each at most, and less the more of them wait.
    assert!(statements - before.0 <= 200, "{} statements", statements - before.0);
    let again = store.deliver(many(1_000, &boxes[..3]));
    assert!(again.iter().all(|answer| matches!(answer, Ok(Delivered::Repeated { .. }))));
    for mailbox in ["INBOX", "Archive", "Sent"] {
        let snapshot = store.load_snapshot(store.key(mailbox)).unwrap();
        let mod_seqs: Vec<_> = snapshot.iter().map(|message| message.mod_seq).collect();
        assert!(mod_seqs.is_sorted_by(|a, b| a < b));
        assert_eq!(mod_seqs.last(), Some(&snapshot.head.highest_mod_seq));
    }
}
