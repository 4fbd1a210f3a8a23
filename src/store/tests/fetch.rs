use super::*;
use crate::job::{Fetched, Wants};
use crate::model::BlobId;
use crate::store::engine::Value;
use crate::store::fetch::MESSAGES_WITH_BODIES;

const ALL: Wants = Wants { envelope: true, map: true, header: true, body: true };

#[test]
fn reads_what_is_wanted() {
    let store = fixture();
    store.append_with("INBOX", Flags::SEEN, &["k"]);
    let inbox = store.key("INBOX");
    let read = |wants| store.fetch(inbox, &uids(&[1, 2]), wants).unwrap().messages.remove(0);
    let nothing = read(Wants::default());
    assert_eq!((nothing.message.flags, nothing.message.size), (Flags::SEEN, 11));
    assert_eq!(nothing.keywords.names_in(nothing.message.keywords).count(), 1);
    assert!(nothing.envelope.is_none() && nothing.map.is_none());
    assert!(nothing.header.is_none() && nothing.body.is_none());
    let envelope = read(Wants { envelope: true, ..Wants::default() });
    assert_eq!(envelope.envelope.as_deref(), Some(&b"(envelope)"[..]));
    assert!(envelope.map.is_none());
    let header = read(Wants { header: true, ..Wants::default() });
    assert_eq!(header.header.as_deref(), Some(&b"A: b\r\n\r\n"[..]));
    assert!(header.body.is_none() && header.envelope.is_none());
    let all = read(ALL);
    assert_eq!(all.map.as_deref(), Some(&b"map"[..]));
    assert_eq!(all.body.as_deref(), Some(&b"A: b\r\n\r\nc\r\n"[..]));
}

#[test] // pitfall 80
fn what_was_expunged_meanwhile_is_still_read() {
    let store = fixture();
    store.append("INBOX");
    store.append_with("INBOX", Flags::DELETED, &["k"]);
    store.append("INBOX");
    let inbox = store.key("INBOX");
    store.expunge(inbox, None).unwrap();
    let batch = store.fetch(inbox, &uids(&[1, 2, 3, 4]), ALL).unwrap();
    let read: Vec<u32> = batch.messages.iter().map(|fetched| fetched.message.uid.0).collect();
    assert_eq!((read, batch.next), (vec![1, 2, 3], None));
    assert_eq!(batch.messages[1].body.as_deref(), Some(&b"A: b\r\n\r\nc\r\n"[..]));
    assert_eq!(batch.messages[1].message.flags, Flags::DELETED);
}

#[test]
fn a_deleted_mailbox_can_still_be_read() {
    let store = fixture();
    store.append("Trash");
    let trash = store.key("Trash");
    store.delete_mailbox(store.account, &name("Trash")).unwrap();
    assert_eq!(store.fetch(trash, &uids(&[1]), ALL).unwrap().messages.len(), 1);
}

/// Reads on from each batch's end.
fn read_on(store: &Fixture, wanted: UidRuns, wants: Wants) -> (Vec<u32>, usize) {
    let inbox = store.key("INBOX");
    let (mut read, mut batches, mut left) = (Vec::new(), 0, wanted);
    loop {
        let batch = store.fetch(inbox, &left, wants).unwrap();
        batches += 1;
        read.extend(batch.messages.iter().map(|fetched| fetched.message.uid.0));
        let Some(next) = batch.next else { return (read, batches) };
        left = left.intersection(&UidRuns::range(next, Uid(u32::MAX)));
    }
}

#[test]
fn batches_are_bounded_by_count() {
    let store = fixture();
    store.append_many("INBOX", 600);
    let everything = UidRuns::range(Uid(1), Uid(u32::MAX));
    let all: Vec<u32> = (1..=600).collect();
    assert_eq!(read_on(&store, everything, Wants::default()), (all.clone(), 3));
    let odd: UidRuns = (1..=600).filter(|uid| uid % 2 == 1).map(Uid).collect();
    let (read, batches) = read_on(&store, odd, Wants::default());
    assert_eq!((read.len(), batches), (300, 2));
    // Those that are gone in the middle of a batch come from what is retained.
    let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
    let mode = crate::job::StoreMode::Add;
    let gone = UidRuns::range(Uid(200), Uid(400));
    let change = FlagChange { uids: gone, mode, flags, unchanged_since: None };
    store.store_flags(store.key("INBOX"), change).unwrap();
    store.expunge(store.key("INBOX"), None).unwrap();
    assert_eq!(read_on(&store, UidRuns::range(Uid(1), Uid(600)), ALL).0, all);
}

#[test]
fn batches_are_bounded_by_bytes() {
    let store = fixture();
    for _ in 0..20 {
        store.store.append(store.message("INBOX", &[b'x'; 100_000])).unwrap();
    }
    let (read, batches) = read_on(&store, UidRuns::range(Uid(1), Uid(20)), ALL);
    assert_eq!((read.len(), batches), (20, 7));
    assert_eq!(read_on(&store, UidRuns::range(Uid(1), Uid(20)), Wants::default()).1, 1);
}

#[test]
fn no_more_bodies_are_sent_than_are_read() {
    let store = fixture();
    for _ in 0..20 {
        store.store.append(store.message("INBOX", &[b'x'; 100_000])).unwrap();
    }
    let key = store.key("INBOX");
    let values = [key.account.0, key.mailbox.0, 1, 20, 256, 1, 1, 1, 1, 250_000];
    let sent = |values: [i64; 10]| {
        let mut rows = 0;
        let read = store.store.0.engine.read("counting", |tx| {
            tx.query(MESSAGES_WITH_BODIES, &values.map(Value::Int), |_| {
                rows += 1;
                Ok(())
            })
        });
        read.unwrap();
        rows
    };
    if store.store.0.engine.is_shared() {
        assert_eq!(sent(values), 3);
    }
    let mut headers = values;
    headers[8] = 0;
    assert_eq!(sent(headers), 20);
}

#[test]
fn bodies_in_files_are_read_like_others() {
    let store = fixture();
    for bytes in [100, 200_000, 300_000] {
        let mut body = b"A: b\r\n\r\n".to_vec();
        body.resize(bytes, b'x');
        store.store.append(store.message("INBOX", &body)).unwrap();
    }
    let batch = store.fetch(store.key("INBOX"), &uids(&[1, 2, 3]), ALL).unwrap();
    let read: Vec<_> = batch
        .messages
        .iter()
        .map(|fetched| (fetched.header.as_deref().unwrap(), fetched.body.as_ref().map(|b| b.len())))
        .collect();
    let header = &b"A: b\r\n\r\n"[..];
    // The third is larger than a slice: it is read by slices.
    assert_eq!(read, [(header, Some(100)), (header, Some(200_000)), (header, None)]);
}

#[test] // pitfall 49
fn a_lost_body_keeps_back_no_other() {
    let store = fixture();
    let append = |_| {
        let mut body = b"A: b\r\n\r\n".to_vec();
        body.resize(200_000, b'x');
        store.store.append(store.message("INBOX", &body)).unwrap().email_id
    };
    let ids: Vec<_> = (1..=4).map(append).collect();
    let away = store.dir.path().join("away");
    std::fs::create_dir(&away).unwrap();
    let file = |at: usize| store.0.bodies.path(BlobId(ids[at].0));
    let elsewhere = |at: usize| away.join(at.to_string());
    [1, 2].into_iter().for_each(|at| std::fs::rename(file(at), elsewhere(at)).unwrap());
    let read = |from| {
        let wanted = UidRuns::range(Uid(from), Uid(4));
        let batch = store.fetch(store.key("INBOX"), &wanted, ALL).unwrap();
        let one = |fetched: &Fetched| (fetched.message.uid.0, fetched.body.is_some());
        let messages: Vec<_> = batch.messages.iter().map(one).collect();
        (messages, batch.lost.is_some(), batch.next.map(|next| next.0))
    };
    assert_eq!(read(1), (vec![(1, true)], false, Some(2)));
    assert_eq!(read(2), (vec![(2, false)], true, Some(3)));
    assert_eq!(read(3), (vec![(3, false)], true, Some(4)));
    assert_eq!(read(4), (vec![(4, true)], false, None));
    [1, 2].into_iter().for_each(|at| std::fs::rename(elsewhere(at), file(at)).unwrap());
}

#[test]
fn a_header_too_large_to_keep_is_read_from_its_file() {
    let store = fixture();
    let mut body = b"A: ".to_vec();
    body.resize(150_000, b'x');
    body.extend_from_slice(b"\r\n\r\n");
    store.store.append(store.message("INBOX", &body)).unwrap();
    let wants = Wants { header: true, ..Wants::default() };
    let batch = store.fetch(store.key("INBOX"), &uids(&[1]), wants).unwrap();
    assert_eq!(batch.messages[0].header.as_deref(), Some(&body[..]));
}

#[test] // pitfall 107
fn a_long_set_of_holes_comes_to_an_end() {
    let store = fixture();
    store.append("INBOX");
    let holes: UidRuns = (1..=3_000).map(|n| Uid(n * 2)).collect();
    assert_eq!(read_on(&store, holes, ALL).0, Vec::<u32>::new());
}
