use super::*;
use crate::model::ModSeq;

fn delivery(store: &Fixture, body: &[u8]) -> Delivery {
    Delivery {
        message: store.message("INBOX", body),
        if_missing: IfMissing::Inbox,
        digest: Some(DeliveryDigest::new("you@example.net", "me@example.org", body)),
    }
}

#[track_caller]
fn stored(delivered: Result<Delivered, Error>) -> Appended {
    match delivered {
        Ok(Delivered::Stored(appended)) => appended,
        other => panic!("not stored: {other:?}"),
    }
}

#[test]
fn what_is_appended_is_there() {
    let store = fixture();
    let first = store.append("INBOX");
    let second = store.append_with("INBOX", Flags::SEEN, &["Later"]);
    assert_eq!((first.uid, second.uid), (Uid(1), Uid(2)));
    assert!(first.mod_seq < second.mod_seq);
    assert_ne!(first.email_id, second.email_id);
    let info = store.info("INBOX");
    assert_eq!((info.messages, info.unseen, info.deleted, info.bytes), (2, 1, 0, 22));
    assert_eq!((info.uid_next, info.highest_mod_seq), (3, second.mod_seq));
    assert_eq!(store.shown("INBOX"), ["1 {}", "2 {\"\\\\Seen\"} Later"]);
}

#[test]
fn append_to_no_mailbox_is_refused() {
    let store = fixture();
    let message = store.message("Nowhere", b"x");
    assert_eq!(refused(store.store.append(message)), Refusal::NoSuchMailbox);
}

#[test] // pitfalls 6, 8, 10
fn a_recognisable_retry_makes_no_second_copy() {
    let store = fixture();
    let first = delivery(&store, b"Received: a\r\n\r\nx");
    let again = first.clone();
    let other = delivery(&store, b"Received: b\r\n\r\nx"); // pitfall 7
    let mut answers = store.deliver(vec![first, again, other]).into_iter();
    stored(answers.next().unwrap());
    assert!(matches!(answers.next().unwrap(), Ok(Delivered::Repeated { .. })));
    stored(answers.next().unwrap());
    assert_eq!(store.info("INBOX").messages, 2);
}

#[test] // pitfall 8
fn a_retry_of_a_large_message_leaves_the_first_ones_body() {
    let store = fixture();
    let large = vec![b'x'; 300_000];
    let first = stored(store.deliver(vec![delivery(&store, &large)]).remove(0));
    let again = store.deliver(vec![delivery(&store, &large)]).remove(0);
    assert!(matches!(again, Ok(Delivered::Repeated { .. })));
    let blob = crate::model::BlobId(first.email_id.0);
    assert_eq!(store.read_body(store.account, blob, 299_999, 10).unwrap(), b"x");
}

#[test] // pitfall 146
fn mail_without_a_digest_is_never_suppressed() {
    let store = fixture();
    let plain = Delivery { digest: None, ..delivery(&store, b"same") };
    store.deliver(vec![plain.clone(), plain]).into_iter().for_each(|answer| {
        stored(answer);
    });
    assert_eq!(store.info("INBOX").messages, 2);
}

#[test]
fn a_delivery_is_forgotten_after_a_day() {
    let store = fixture();
    stored(store.deliver(vec![delivery(&store, b"x")]).remove(0));
    let make_old = |tx: &mut engine::Tx<'_>| {
        tx.execute("UPDATE deliveries SET delivered_at = delivered_at - 86400000001", &[])
    };
    store.0.engine.write::<_, Failure>("test", engine::Weight::Bytes(0), make_old).unwrap();
    stored(store.deliver(vec![delivery(&store, b"x")]).remove(0));
    store.0.engine.write::<_, Failure>("test", engine::Weight::Bytes(0), make_old).unwrap();
    assert!(!store.forget_deliveries().unwrap());
    let left = store
        .0
        .engine
        .read("test", |tx| tx.query_one("SELECT COUNT(*) FROM deliveries", &[], |row| row.int(0)));
    assert_eq!(left.unwrap(), Some(0));
}

#[test] // pitfall 25
fn a_missing_mailbox_is_made_or_inbox_is_used() {
    let store = fixture();
    let account = store.account;
    store.create_mailbox(account, &name("Lists"), None).unwrap();
    let old = store.delete_mailbox(account, &name("Lists")).unwrap();
    let into =
        |if_missing| Delivery { message: store.message("Lists", b"x"), if_missing, digest: None };
    let to_inbox = stored(store.deliver(vec![into(IfMissing::Inbox)]).remove(0));
    assert_eq!(to_inbox.mailbox, store.key("INBOX"));
    for kept in [false, true] {
        let told = into(IfMissing::InboxAndTell { kept });
        let to_inbox = stored(store.deliver(vec![told]).remove(0));
        assert_eq!(to_inbox.mailbox, store.key("INBOX"));
        assert_eq!(store.script_runs(account).unwrap().len(), usize::from(kept));
    }
    let run = store.script_runs(account).unwrap().remove(0).report;
    assert!(run.failed && run.text.contains("no mailbox Lists"), "{run:?}");
    let made = stored(store.deliver(vec![into(IfMissing::Create(None))]).remove(0));
    assert_eq!(made.mailbox, store.key("Lists"));
    assert_ne!(made.mailbox, old); // not the tombstone
}

#[test]
fn an_account_that_went_is_no_recipient() {
    let store = fixture();
    let mut gone = delivery(&store, b"x");
    gone.message.account = AccountId(77);
    assert_eq!(refused(store.deliver(vec![gone]).remove(0)), Refusal::NoSuchRecipient);
}

#[test] // pitfall 3
fn each_of_many_deliveries_has_its_own_answer() {
    let store = fixture();
    let mut unknown = delivery(&store, b"2");
    unknown.message.account = AccountId(77);
    let good = |body: &[u8]| Delivery { digest: None, ..delivery(&store, body) };
    let answers = store.deliver(vec![good(b"1"), unknown, good(b"3")]);
    let went: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(went, [true, false, true]);
    assert_eq!(store.info("INBOX").messages, 2);
}

#[test]
fn a_thread_is_where_the_first_known_message_id_is() {
    let store = fixture();
    let with_ids = |ids: &[&[u8]]| {
        let mut message = store.message("INBOX", b"x");
        message.facts.message_ids = ids.iter().map(|id| message_id_hash(id)).collect();
        store.store.append(message).unwrap().thread_id
    };
    let first = with_ids(&[b"<a@x>"]);
    let second = with_ids(&[b"<b@x>", b" <a@x> "]);
    let third = with_ids(&[b"<c@x>", b"<b@x>"]);
    let other = with_ids(&[b"<d@x>"]);
    assert_eq!((first, second), (second, third));
    assert_ne!(first, other);
    // Too late to join them: what was told stays told.
    assert_eq!(with_ids(&[b"<e@x>", b"<d@x>", b"<a@x>"]), other);
    assert_eq!(with_ids(&[b"<a@x>"]), first);
}

#[test] // pitfall 98
fn uids_are_given_out_in_commit_order() {
    let store = fixture();
    let inbox = store.key("INBOX");
    std::thread::scope(|scope| {
        let deliver = || {
            for _ in 0..25 {
                let plain = Delivery { digest: None, ..delivery(&store, b"x") };
                stored(store.store.deliver(vec![plain]).remove(0));
            }
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(deliver)).collect();
        let mut seen = (0, ModSeq(0));
        while threads.iter().any(|thread| !thread.is_finished()) {
            let snapshot = store.load_snapshot(inbox).unwrap();
            let now = (snapshot.len(), snapshot.head.highest_mod_seq);
            // No gaps: a reader that sees n + 1 sees n.
            assert_eq!(snapshot.uids().last().map_or(0, |uid| uid.0), now.0);
            assert_eq!(snapshot.head.uid_next, now.0 + 1);
            assert!(now >= seen);
            seen = now;
        }
    });
    let snapshot = store.load_snapshot(inbox).unwrap();
    assert_eq!(snapshot.len(), 100);
    let mod_seqs: Vec<_> = snapshot.iter().map(|message| message.mod_seq).collect();
    assert!(mod_seqs.is_sorted());
}

#[test] // pitfalls 15, 140, 142
fn odd_bytes_and_dates_are_kept_as_they_are() {
    let store = fixture();
    let body = b"Subject: \0\xff\xfe\\u0000\r\n\r\n\0\\";
    let mut message = store.message("INBOX", body);
    message.internal_date = Some(crate::model::Timestamp::from_seconds(i64::MAX));
    message.facts.envelope = vec![0, 255];
    let appended = store.store.append(message).unwrap();
    let blob = crate::model::BlobId(appended.email_id.0);
    assert_eq!(store.read_body(store.account, blob, 0, 1_000).unwrap(), body);
}

#[test] // RFC 8579 §4.1
fn a_mailbox_is_made_for_its_use_unless_another_has_that() {
    let store = fixture();
    let junk = store.info("Junk").special_use;
    assert!(junk.is_some());
    let into = |mailbox, special_use| {
        let if_missing = IfMissing::Create(special_use);
        let message = store.message(mailbox, b"x");
        stored(store.deliver(vec![Delivery { message, if_missing, digest: None }]).remove(0))
    };
    into("Spam", junk);
    assert_eq!(store.info("Spam").special_use, None);
    store.delete_mailbox(store.account, &name("Junk")).unwrap();
    into("More", junk);
    assert_eq!(store.info("More").special_use, junk);
}
