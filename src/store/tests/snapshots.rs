use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::job::StoreMode;
use crate::mail::Snapshot;

fn refreshed(store: &Fixture, mailbox: MailboxKey, earlier: &Snapshot) -> Option<Snapshot> {
    match store.refresh_snapshot(mailbox, earlier).unwrap() {
        Refreshed::Same => None,
        Refreshed::New(snapshot) => Some(snapshot),
        Refreshed::Gone => panic!("gone"),
    }
}

/// A refreshed snapshot equals one loaded anew.
#[track_caller]
fn check_refresh(store: &Fixture, earlier: &Snapshot) -> Snapshot {
    let inbox = store.key("INBOX");
    let anew = store.load_snapshot(inbox).unwrap();
    let refreshed = refreshed(store, inbox, earlier).expect("something changed");
    assert_eq!(refreshed.head, anew.head);
    assert_eq!(refreshed.uids(), anew.uids());
    assert!(refreshed.iter().eq(anew.iter()));
    assert!(self::refreshed(store, inbox, &refreshed).is_none());
    refreshed
}

#[test]
fn refreshing_follows_every_change() {
    let store = fixture();
    let inbox = store.key("INBOX");
    let empty = store.load_snapshot(inbox).unwrap();
    assert!(refreshed(&store, inbox, &empty).is_none());
    store.append_many("INBOX", 10);
    let ten = check_refresh(&store, &empty);
    let set = |which: &[u32], flags, names: &[&str]| {
        let flags = FlagSet { flags, keywords: keywords(names) };
        let uids = uids(which);
        let change = FlagChange { uids, mode: StoreMode::Add, flags, unchanged_since: None };
        store.store_flags(inbox, change).unwrap()
    };
    set(&[3], Flags::SEEN, &["k"]);
    let marked = check_refresh(&store, &ten);
    assert_eq!(marked.changed_since(ten.head.highest_mod_seq).count(), 1);
    set(&[5, 6], Flags::DELETED, &[]);
    store.expunge(inbox, None).unwrap();
    let gone = check_refresh(&store, &marked);
    assert_eq!(gone.len(), 8);
    check_refresh(&store, &empty); // from far behind
    set(&[1, 2, 3, 4, 7, 8, 9, 10], Flags::FLAGGED, &[]);
    check_refresh(&store, &gone); // most of it: read anew
}

#[test] // pitfall 82
fn what_came_and_went_was_never_there() {
    let store = fixture();
    let inbox = store.key("INBOX");
    store.append_many("INBOX", 4);
    let before = store.load_snapshot(inbox).unwrap();
    store.append_with("INBOX", Flags::DELETED, &[]);
    store.expunge(inbox, None).unwrap();
    let after = check_refresh(&store, &before);
    assert_eq!(after.uids(), before.uids());
    assert_eq!(after.head.uid_next, 6);
}

#[test]
fn opening_reads_or_refreshes() {
    let store = fixture();
    store.append("INBOX");
    let (account, inbox) = (store.account, name("INBOX"));
    let anew = store.open_mailbox(account, &inbox, &|_| Have::Nothing).unwrap();
    let snapshot = Arc::new(anew.snapshot.unwrap());
    assert_eq!((anew.info.messages, snapshot.len()), (1, 1));
    let have = |key: MailboxKey| {
        assert_eq!(key, anew.info.key);
        Have::This(Arc::clone(&snapshot))
    };
    assert!(store.open_mailbox(account, &inbox, &have).unwrap().snapshot.is_none());
    store.append("INBOX");
    let again = store.open_mailbox(account, &inbox, &have).unwrap();
    assert_eq!(again.snapshot.unwrap().len(), 2);
    let nowhere = store.open_mailbox(account, &name("Nowhere"), &|_| Have::Nothing);
    assert_eq!(refused(nowhere), Refusal::NoSuchMailbox);
}

#[test] // pitfall 73
fn a_deleted_mailbox_is_gone() {
    let store = fixture();
    let trash = store.key("Trash");
    let earlier = store.load_snapshot(trash).unwrap();
    store.delete_mailbox(store.account, &name("Trash")).unwrap();
    store.create_mailbox(store.account, &name("Trash"), None).unwrap();
    assert!(matches!(store.refresh_snapshot(trash, &earlier).unwrap(), Refreshed::Gone));
    assert_eq!(refused(store.load_snapshot(trash)), Refusal::NoSuchMailbox);
}

#[test]
fn below_the_horizon_all_is_read() {
    let store = fixture();
    let inbox = store.key("INBOX");
    store.append_many("INBOX", 9);
    let before = store.load_snapshot(inbox).unwrap();
    store.append_with("INBOX", Flags::DELETED, &[]);
    let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
    let uids = uids(&[2]);
    let change = FlagChange { uids, mode: StoreMode::Add, flags, unchanged_since: None };
    store.store_flags(inbox, change).unwrap();
    store.expunge(inbox, None).unwrap();
    let at_once = Retention { grace: Duration::ZERO, max_age: None };
    assert_eq!(store.clean_mailbox(inbox, &at_once, &mut Sweep::default()).unwrap().removed, 2);
    assert_eq!(check_refresh(&store, &before).len(), 8);
}

#[test]
fn the_greatest_numbers_are_loaded() {
    let store = fixture();
    let inbox = store.key("INBOX");
    store.append_with("INBOX", Flags::ALL, &["one"]);
    let grow = |tx: &mut engine::Tx<'_>| {
        tx.execute("UPDATE messages SET uid = 4294967294, mod_seq = 36028797018963967", &[])?;
        tx.execute("UPDATE keywords SET bit = 62", &[])?;
        tx.execute("UPDATE messages SET keywords = 4611686018427387904", &[])?;
        tx.execute(
            "UPDATE mailboxes SET uid_next = 4294967295, highest_mod_seq = 36028797018963967
             WHERE mailbox_id = 1",
            &[],
        )
    };
    store.0.engine.write::<_, Failure>("test", engine::Weight::Bytes(0), grow).unwrap();
    let snapshot = store.load_snapshot(inbox).unwrap();
    let message = snapshot.iter().next().unwrap();
    assert_eq!((message.uid.0, message.mod_seq.0), (u32::MAX - 1, (1 << 55) - 1));
    assert_eq!((message.flags, message.keywords.0, message.size), (Flags::ALL, 1 << 62, 11));
}
