use super::*;
use crate::job::{Transfer, Wants};

impl Fixture {
    fn transfer(&self, from: &str, which: &[u32], to: &str) -> Transfer {
        Transfer { from: self.key(from), uids: uids(which), to: name(to) }
    }
}

#[test] // pitfall 87
fn copies_keep_their_order() {
    let store = fixture();
    store.append_many("INBOX", 4);
    store.append("Archive");
    let copied = store.copy(store.transfer("INBOX", &[1, 3, 4, 9], "Archive")).unwrap();
    assert_eq!((copied.from, copied.to), (uids(&[1, 3, 4]), uids(&[2, 3, 4])));
    let archive = store.info("Archive");
    assert_eq!((copied.target, copied.uid_validity), (archive.key, archive.uid_validity));
    assert_eq!((archive.messages, archive.uid_next), (4, 5));
    assert_eq!(archive.highest_mod_seq, copied.target_mod_seq);
    assert_eq!(store.info("INBOX").messages, 4);
    assert_eq!(store.info("INBOX").highest_mod_seq, copied.source_mod_seq);
}

#[test] // pitfall 87
fn copying_nothing_or_to_nowhere() {
    let store = fixture();
    let before = store.info("Archive");
    let nothing = store.copy(store.transfer("INBOX", &[1], "Archive")).unwrap();
    assert!(nothing.from.is_empty() && nothing.to.is_empty());
    assert_eq!(store.info("Archive"), before);
    let nowhere = store.transfer("INBOX", &[1], "Nowhere");
    assert_eq!(refused(store.copy(nowhere.clone())), Refusal::NoSuchMailbox);
    assert_eq!(refused(store.move_messages(nowhere)), Refusal::NoSuchMailbox);
}

#[test]
fn a_copy_has_all_the_original_has() {
    let store = fixture();
    let mut message = store.message("INBOX", b"A: b\r\n\r\nc\r\n");
    message.internal_date = Some(crate::model::Timestamp::from_seconds(1_000_000_000));
    message.flags.flags = Flags::ANSWERED;
    let original = store.store.append(message).unwrap();
    store.copy(store.transfer("INBOX", &[1], "Archive")).unwrap();
    let wants = Wants { body: true, envelope: true, map: true, header: true };
    let copy = store.fetch(store.key("Archive"), &uids(&[1]), wants).unwrap().messages.remove(0);
    assert_eq!(copy.blob.0, original.email_id.0); // EMAILID is the blob's (RFC 8474 §4)
    assert_eq!(copy.message.internal_seconds, 1_000_000_000);
    assert_eq!(copy.message.flags, Flags::ANSWERED);
    assert_eq!(copy.body.as_deref(), Some(&b"A: b\r\n\r\nc\r\n"[..]));
}

#[test]
fn keywords_mean_the_same_in_another_mailbox() {
    let store = fixture();
    store.append_with("Archive", Flags::NONE, &["z", "b", "a"]);
    store.append_with("INBOX", Flags::NONE, &["a"]);
    store.append_with("INBOX", Flags::NONE, &["b"]);
    store.append_with("INBOX", Flags::NONE, &["a", "b", "new"]);
    store.append_with("INBOX", Flags::NONE, &[]);
    store.copy(store.transfer("INBOX", &[1, 2, 3, 4], "Archive")).unwrap();
    assert_eq!(store.shown("Archive"), ["1 {} z b a", "2 {} a", "3 {} b", "4 {} b a new", "5 {}"]);
}

#[test]
fn copies_into_their_own_mailbox() {
    let store = fixture();
    store.append_with("INBOX", Flags::SEEN, &["a"]);
    store.append("INBOX");
    let copied = store.copy(store.transfer("INBOX", &[1, 2], "inbox")).unwrap();
    assert_eq!((copied.from, copied.to), (uids(&[1, 2]), uids(&[3, 4])));
    assert_eq!(copied.source_mod_seq, copied.target_mod_seq);
    assert_eq!(store.shown("INBOX")[2], "3 {\"\\\\Seen\"} a");
    let twice = store.copy(store.transfer("INBOX", &[1, 3], "Archive")).unwrap();
    assert_eq!(twice.to.len(), 2); // one body, two references: check counts them
}

#[test] // pitfall 88
fn a_move_within_a_mailbox_gives_new_uids() {
    let store = fixture();
    store.append_many("INBOX", 3);
    let moved = store.move_messages(store.transfer("INBOX", &[1, 2], "INBOX")).unwrap();
    assert_eq!((moved.from, moved.to), (uids(&[1, 2]), uids(&[4, 5])));
    assert_eq!(moved.source_mod_seq, moved.target_mod_seq);
    let info = store.info("INBOX");
    assert_eq!((info.messages, info.highest_mod_seq), (3, moved.source_mod_seq));
    assert_eq!(store.shown("INBOX"), ["3 {}", "4 {}", "5 {}"]);
}

#[test] // pitfall 145
fn a_moved_message_leaves_nothing_to_restore() {
    let store = fixture();
    store.append_many("INBOX", 2);
    let inbox = store.key("INBOX");
    let moved = store.move_messages(store.transfer("INBOX", &[1, 2], "Trash")).unwrap();
    assert_eq!((moved.from, moved.to), (uids(&[1, 2]), uids(&[1, 2])));
    assert_eq!(store.info("INBOX").messages, 0);
    assert_eq!(store.info("INBOX").highest_mod_seq, moved.source_mod_seq);
    let retained = store.fetch(inbox, &uids(&[1, 2]), Wants::default()).unwrap();
    assert!(retained.messages.is_empty());
}

#[test] // pitfall 45
fn a_body_stays_for_its_other_copies() {
    let store = fixture();
    store.append_with("INBOX", Flags::DELETED, &[]);
    let inbox = store.key("INBOX");
    store.copy(store.transfer("INBOX", &[1], "Archive")).unwrap();
    store.expunge(inbox, None).unwrap();
    let wants = Wants { body: true, ..Wants::default() };
    let copy = store.fetch(store.key("Archive"), &uids(&[1]), wants).unwrap().messages.remove(0);
    assert!(copy.body.is_some());
    let refs = store.0.engine.read::<_, Failure>("test", |tx| {
        tx.query_one("SELECT refs FROM blobs", &[], |row| row.int(0))
    });
    assert_eq!(refs.unwrap(), Some(2)); // one of them restorable
}

#[test] // pitfall 43
fn age_counts_from_the_first_arrival() {
    let store = fixture();
    store.append_many("INBOX", 3);
    let age = |tx: &mut engine::Tx<'_>| {
        tx.execute("UPDATE messages SET arrived_at = uid * 1000", &[])?;
        tx.execute("UPDATE mailboxes SET oldest_arrived = 1000 WHERE mailbox_id = 1", &[])
    };
    store.0.engine.write::<_, Failure>("test", engine::Weight::Bytes(0), age).unwrap();
    store.append("Archive");
    store.copy(store.transfer("INBOX", &[2], "Archive")).unwrap();
    store.move_messages(store.transfer("INBOX", &[3], "Trash")).unwrap();
    let oldest = |mailbox: &str| {
        let key = store.key(mailbox);
        let oldest = store.0.engine.read::<_, Failure>("test", |tx| {
            tx.query_one(
                "SELECT m.oldest_arrived, MIN(x.arrived_at) FROM mailboxes m
                 JOIN messages x ON x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id
                 WHERE m.mailbox_id = $1 GROUP BY m.oldest_arrived",
                &[engine::Value::Int(key.mailbox.0)],
                |row| Ok((row.int(0)?, row.int(1)?)),
            )
        });
        oldest.unwrap().unwrap()
    };
    assert_eq!(oldest("Archive"), (2_000, 2_000));
    assert_eq!(oldest("Trash"), (3_000, 3_000));
}

#[test] // pitfall 88
fn moves_to_and_fro_at_once_come_to_an_end() {
    let store = fixture();
    store.append_many("INBOX", 20);
    store.append_many("Archive", 20);
    let (inbox, archive) = (store.key("INBOX"), store.key("Archive"));
    let all = UidRuns::range(Uid(1), Uid(u32::MAX));
    let all = &all;
    std::thread::scope(|scope| {
        for (from, to) in [(inbox, "Archive"), (archive, "INBOX")].repeat(2) {
            let shared = &store.store;
            scope.spawn(move || {
                for _ in 0..10 {
                    let transfer = Transfer { from, uids: all.clone(), to: name(to) };
                    shared.move_messages(transfer).unwrap();
                }
            });
        }
    });
    assert_eq!(store.info("INBOX").messages + store.info("Archive").messages, 40);
}

#[test]
fn many_gaps_and_many_rows() {
    let store = fixture();
    store.append_many("INBOX", 80);
    let odd: Vec<u32> = (1..=80).filter(|uid| uid % 2 == 1).collect();
    let copied = store.copy(store.transfer("INBOX", &odd, "Archive")).unwrap();
    assert_eq!((copied.from, copied.to), (uids(&odd), UidRuns::range(Uid(1), Uid(40))));
    let moved = store.move_messages(store.transfer("INBOX", &odd, "Trash")).unwrap();
    assert_eq!(moved.from.len(), 40);
    assert_eq!(store.info("INBOX").messages, 40);
}
