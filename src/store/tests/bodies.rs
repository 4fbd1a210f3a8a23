use super::*;
use crate::model::BlobId;
use crate::store::engine::{Tx, Value, Weight};

fn files(store: &Fixture) -> usize {
    let dirs = std::fs::read_dir(store.dir.path().join("bodies")).unwrap();
    dirs.map(|dir| std::fs::read_dir(dir.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn slices_of_small_and_large_bodies() {
    let store = fixture();
    for bytes in [1_000, 128 * 1024, 128 * 1024 + 1, 1_000_000] {
        let body: Vec<u8> = (0..bytes).map(|at: u32| at.to_le_bytes()[at as usize % 4]).collect();
        let appended = store.store.append(store.message("INBOX", &body)).unwrap();
        let blob = BlobId(appended.email_id.0);
        let mut read = Vec::new();
        while read.len() < body.len() {
            let slice = store.read_body(store.account, blob, read.len() as u64, u64::MAX).unwrap();
            assert!(slice.len() <= crate::limits::BODY_SLICE_BYTES_MAX);
            read.extend_from_slice(&slice);
        }
        assert!(read == body, "{bytes} bytes");
        assert_eq!(store.read_body(store.account, blob, 500, 3).unwrap(), body[500..503]);
        assert!(store.read_body(store.account, blob, bytes.into(), 1).is_err());
    }
    assert_eq!(files(&store), 2);
}

#[test] // pitfall 49
fn a_missing_body_is_a_failure() {
    let store = fixture();
    let appended = store.append("INBOX");
    let blob = BlobId(appended.email_id.0);
    let failure = store.read_body(AccountId(99), blob, 0, 1).unwrap_err(); // another's body
    assert_eq!(failure.fault(), crate::error::Fault::ServerBug);
    assert!(store.read_body(store.account, BlobId(99_999), 0, 1).is_err());
}

#[test] // pitfall 49
fn check_finds_a_lost_file() {
    let store = fixture();
    let appended = store.store.append(store.message("INBOX", &[b'x'; 200_000])).unwrap();
    let blob = BlobId(appended.email_id.0);
    let file = store.0.bodies.path(blob);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    assert!(store.read_body(store.account, blob, 0, 1).is_err());
    let wants = crate::job::Wants { body: true, ..Default::default() };
    assert!(store.fetch(store.key("INBOX"), &uids(&[1]), wants).unwrap().lost.is_some());
    assert_eq!(store.check().unwrap(), [format!("body {blob} says 200000 bytes and is missing")]);
    std::fs::rename(&away, &file).unwrap();
}

#[test]
fn check_finds_changed_bytes() {
    let store = fixture();
    let small = BlobId(store.append("INBOX").email_id.0);
    let large = store.store.append(store.message("INBOX", &[b'x'; 1_200_000])).unwrap();
    let large = BlobId(large.email_id.0);
    assert_eq!(store.check_bodies().unwrap(), Vec::<String>::new());
    let file = store.0.bodies.path(large);
    let whole = std::fs::read(&file).unwrap();
    let mut other = whole.clone();
    other[1_199_999] = b'y';
    std::fs::write(&file, &other).unwrap();
    let spoil = "UPDATE blobs SET hash = $2 WHERE blob_id = $1";
    let spoilt = move |tx: &mut Tx<'_>| {
        tx.execute(spoil, &[Value::Int(small.0), Value::Bytes(&[0; 32])]).map(drop)
    };
    store.0.engine.write("spoiling", Weight::Bytes(64), spoilt).unwrap();
    assert_eq!(store.check().unwrap(), Vec::<String>::new()); // counts alone are right
    let wrong = |blob| format!("body {blob} has other bytes than were stored");
    assert_eq!(store.check_bodies().unwrap(), [wrong(small), wrong(large)]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(store.check_bodies().unwrap(), [wrong(small)]); // for `check` to say
    std::fs::write(&file, whole).unwrap();
}

#[test]
fn a_placed_body_becomes_a_message() {
    let store = fixture();
    let body = vec![b'y'; 500_000];
    let placed = store.place_body(store.account, &mut body.as_slice()).unwrap();
    assert_eq!(placed.bytes, 500_000);
    let mut message = store.message("INBOX", b"A: b\r\n\r\n");
    message.body = NewBody::Placed(placed.clone());
    store.store.append(message.clone()).unwrap();
    assert_eq!(store.info("INBOX").bytes, 500_000);
    // Twice is a bug, and leaves the first alone.
    assert!(store.store.append(message).is_err());
    assert_eq!(store.read_body(store.account, placed.blob, 499_999, 9).unwrap(), b"y");
}

#[test]
fn a_body_whose_message_is_refused_goes() {
    let store = fixture();
    let message = store.message("Nowhere", &[b'x'; 200_000]);
    assert_eq!(refused(store.store.append(message)), Refusal::NoSuchMailbox);
    assert_eq!(files(&store), 0);
    let placed = store.place_body(store.account, &mut &b"z"[..]).unwrap();
    assert_eq!(files(&store), 1);
    store.discard_body(store.account, &placed).unwrap();
    assert_eq!(files(&store), 0);
}

#[test]
fn a_body_that_cannot_be_read_leaves_nothing() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("broken"))
        }
    }
    let store = fixture();
    assert!(store.place_body(store.account, &mut Broken).is_err());
    assert_eq!(files(&store), 0);
}

#[test] // pitfall 40
fn orphans_are_swept_at_the_daemons_start() {
    let mut store = embedded_fixture();
    let kept = store.store.append(store.message("INBOX", &[b'k'; 200_000])).unwrap();
    store.place_body(store.account, &mut &b"orphan"[..]).unwrap();
    let half = store.place_body(store.account, &mut &b"half written"[..]).unwrap();
    let path = store.0.bodies.path(half.blob);
    std::fs::rename(&path, path.with_extension("new")).unwrap();
    assert_eq!(files(&store), 3);

    let dir = store.dir.path().to_owned();
    let elsewhere = TemporaryDir::embedded();
    store.store = elsewhere.open(Opening::Daemon).unwrap(); // closes the first
    let beside = Store::open(&dir, Opening::Beside).unwrap();
    store.store = Store::open(&dir, Opening::Daemon).unwrap();
    assert_eq!(files(&store), 3); // someone else may be delivering
    drop(beside);
    store.store = elsewhere.open(Opening::Daemon).unwrap();
    store.store = Store::open(&dir, Opening::Daemon).unwrap();
    assert_eq!(files(&store), 1);
    let blob = BlobId(kept.email_id.0);
    assert_eq!(store.read_body(store.account, blob, 0, 1).unwrap(), b"k");
}

#[test] // pitfall 40
fn where_others_may_be_delivering_orphans_have_their_time() {
    if !postgres::is_wanted() {
        return;
    }
    let store = fixture();
    store.store.append(store.message("INBOX", &[b'k'; 200_000])).unwrap();
    store.place_body(store.account, &mut &b"orphan"[..]).unwrap();
    assert_eq!(files(&store), 2);
    assert_eq!(store.give_up_reservations().unwrap(), 0, "it may be on its way");
    let mut database = store.dir.1.as_ref().unwrap().connect();
    assert_eq!(database.execute("UPDATE uploads SET due_at = 0", &[]).unwrap(), 1);
    assert_eq!(store.give_up_reservations().unwrap(), 1);
    assert_eq!(store.remove_all_bodies().unwrap(), 1);
    assert_eq!(files(&store), 1);
}
