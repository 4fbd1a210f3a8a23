use super::*;

#[test] // pitfall 147
fn a_second_daemon_is_refused() {
    let store = fixture();
    let second = store.dir.open(Opening::Daemon).unwrap_err();
    let Failure::InUse { lock } = &second else { panic!("{second}") };
    assert_eq!(*lock, store.dir.path().join("lock"));
    assert!(second.to_string().contains("another sora daemon uses this data directory"));
}

#[test] // pitfall 147
fn admin_beside_the_daemon_sees_and_is_seen() {
    let store = fixture();
    store.append("INBOX");
    let beside = store.dir.open(Opening::Beside).unwrap();
    let made = beside.create_account(new_account("you@example.org")).unwrap().unwrap();
    assert_eq!(store.addresses(made).unwrap().len(), 1);
    let mut message = store.message("INBOX", b"from beside");
    let by_admin = beside.append(message.clone()).unwrap();
    message.mailbox = name("Sent");
    let by_daemon = store.store.append(message).unwrap();
    assert_ne!(by_admin.email_id, by_daemon.email_id);
    assert_eq!(store.info("INBOX").messages, 2);
    assert_eq!(beside.check().unwrap(), Vec::<String>::new());
}

#[test] // pitfall 147
fn two_programs_that_write_wait_their_turn() {
    let store = fixture();
    let beside = store.dir.open(Opening::Beside).unwrap();
    let appends = |to: &Store| {
        for _ in 0..20 {
            to.append(store.message("INBOX", b"x")).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| appends(&beside));
        scope.spawn(|| appends(&store.store));
    });
    assert_eq!(store.info("INBOX").uid_next, 41);
}

#[test]
fn all_is_there_after_closing() {
    let mut store = fixture();
    store.append_with("INBOX", Flags::SEEN, &["k"]);
    let before = store.info("INBOX");
    let elsewhere = TemporaryDir::new();
    store.store = elsewhere.open(Opening::Daemon).unwrap();
    store.store = store.dir.open(Opening::Daemon).unwrap();
    assert_eq!(store.info("INBOX"), before);
    assert_eq!(store.shown("INBOX"), ["1 {\"\\\\Seen\"} k"]);
    assert!(store.append("INBOX").email_id.0 > 1_000); // a block that was not used up is lost
}

#[test]
fn a_migration_that_fails_leaves_the_schema_as_it_was() {
    let dir = TemporaryDir::embedded();
    let mut db = engine::Db::open(&dir.path().join("sora.db")).unwrap();
    let first = "CREATE TABLE a (b BIGINT); INSERT INTO a VALUES (1);";
    let steps = [first, "ALTER TABLE a ADD COLUMN c TEXT; INSERT INTO nowhere VALUES (1)"];
    migrations::run_steps(&mut engine::Schema::Sqlite(&mut db), &steps).unwrap_err();
    assert!(db.tx("test").query("SELECT b FROM a", &[], |_| Ok(())).is_err());
    migrations::run_steps(&mut engine::Schema::Sqlite(&mut db), &[first]).unwrap();
    migrations::run_steps(&mut engine::Schema::Sqlite(&mut db), &[first]).unwrap();
    migrations::run_steps(&mut engine::Schema::Sqlite(&mut db), &[first, "UPDATE a SET b = b + 1"])
        .unwrap();
    migrations::run_steps(&mut engine::Schema::Sqlite(&mut db), &[first, "UPDATE a SET b = b + 1"])
        .unwrap();
    let count = db.tx("test").query_one("SELECT b FROM a", &[], |row| row.int(0));
    assert_eq!(count.unwrap(), Some(2));
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = TemporaryDir::embedded();
    drop(dir.open(Opening::Daemon).unwrap());
    let file = rusqlite::Connection::open(dir.path().join("sora.db")).unwrap();
    file.execute("UPDATE schema_version SET version = 1000", []).unwrap();
    drop(file);
    let failure = dir.open(Opening::Daemon).unwrap_err();
    assert!(matches!(failure, Failure::SchemaTooNew { found: 1000, .. }));
    assert!(failure.to_string().contains("written by a newer Sora"));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = TemporaryDir::embedded();
    std::fs::write(dir.path().join("sora.db"), [b'x'; 10_000]).unwrap();
    let failure = dir.open(Opening::Daemon).unwrap_err();
    assert!(matches!(failure, Failure::Corrupt { .. }), "{failure}");
}
