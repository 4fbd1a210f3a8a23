//! Background work that one node began and another ends: by row leases, which a dead node's run out.
//!
//! On the test's one machine a dead process is known by its number, so its leases are taken at once. As
//! if it had died on another machine, the rows are given another holder, and their time is ended by
//! hand.

#![cfg(feature = "crash_points")]

use crate::support::connection::{Connection, PATIENCE};
use crate::support::daemon::Daemon;
use crate::support::home::Home;
use crate::support::postgres;
use crate::support::weed::{bucket, weed};

const USER: &str = "me@example.org";

/// A home on PostgreSQL and a bucket with one account, if there is one to be had.
fn home() -> Option<Home> {
    if !postgres::is_wanted() {
        return None;
    }
    let home = Home::with_objects(weed()?.address, &bucket(), "", "");
    home.create_account(USER, "secret");
    Some(home)
}

fn deliver(daemon: &Daemon, token: &str) -> std::io::Result<()> {
    let mut sender = Connection::lmtp(daemon.lmtp)?;
    let message = format!("Subject: {token}\r\n\r\n{token}\r\n");
    let replies = sender.deliver(&[USER], message.as_bytes())?;
    assert!(replies[0].starts_with("250"), "{replies:?}");
    Ok(())
}

/// A node that dies in the middle of moving what it took.
fn die_uploading(home: &Home) {
    let point = Some("object: put, its row not updated");
    let mut daemon = Daemon::start_to_crash(home, point).expect("it starts");
    deliver(&daemon, "first").expect("taken");
    daemon.wait_for_death(PATIENCE).expect("it dies");
    assert_eq!(staged(home), 1);
}

fn staged(home: &Home) -> i64 {
    home.count("SELECT COUNT(*) FROM blobs WHERE state = 2")
}

#[test] // pitfall 41
fn what_a_dead_node_had_taken_is_moved_by_another() {
    let Some(home) = home() else { return };
    let other = Daemon::start(&home.beside());
    die_uploading(&home);
    home.wait_until_moved(); // by the other, which sees that it is dead
    deliver(&other, "second").expect("taken");
    home.wait_until_moved();
    other.stop();
    home.check();
}

#[test] // pitfall 41
fn what_a_node_elsewhere_had_taken_is_moved_when_its_time_is_over() {
    let Some(home) = home() else { return };
    die_uploading(&home);
    home.execute("UPDATE uploads SET holder = 'x:1:elsewhere'");
    let other = Daemon::start(&home.beside());
    deliver(&other, "second").expect("taken");
    let first = "SELECT COUNT(*) FROM blobs NATURAL JOIN uploads WHERE state = 2";
    while staged(&home) > home.count(first) {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    assert_eq!(staged(&home), 1, "it may be moving still");
    home.execute("UPDATE uploads SET due_at = 0");
    deliver(&other, "third").expect("taken");
    home.wait_until_moved();
    let mut reader = Connection::imap(other.imap, USER, "secret").expect("a login");
    reader.must("SELECT INBOX").expect("an inbox");
    for (uid, token) in [(1, "first"), (2, "second"), (3, "third")] {
        let (body, _) = reader.fetch_body(uid).expect("a body");
        assert!(body.ends_with(format!("\r\n\r\n{token}\r\n").as_bytes()), "{token}");
    }
    other.stop();
    home.check();
}

/// One that was killed in the middle of it on this machine, and one elsewhere.
#[test]
fn a_dead_cleaner_is_followed_by_another() {
    let Some(home) = home() else { return };
    home.configure("[cleanup]\ngrace_period = '0s'\n");
    let beside = home.beside();
    let daemon = Daemon::start(&home);
    let mut client = Connection::imap(daemon.imap, USER, "secret").expect("a login");
    client.must("SELECT INBOX").expect("an inbox");
    let expunge = |client: &mut Connection| {
        client.append("INBOX", b"Subject: x\r\n\r\nx\r\n").expect("appended");
        home.wait_until_moved(); // SeaweedFS has no bucket before something is put there
        client.must("NOOP").expect("news");
        client.must("STORE 1:* +FLAGS.SILENT (\\Deleted)").expect("stored");
        client.must("EXPUNGE").expect("expunged");
    };
    let left = || home.count("SELECT COUNT(*) FROM expunged");
    let die = || home.admin_to_crash(&["cleanup", "--now"], "cleaner: rows removed, not committed");
    expunge(&mut client);
    die();
    assert_eq!(home.count("SELECT COUNT(*) FROM leases"), 1);
    beside.admin(&["cleanup", "--now"]).expect("it sees that the other is dead");
    assert_eq!((left(), home.count("SELECT COUNT(*) FROM leases")), (0, 0));
    expunge(&mut client);
    die();
    home.execute("UPDATE leases SET holder = 'x:1:elsewhere'");
    let refused = beside.admin(&["cleanup", "--now"]).expect_err("the other may be at work");
    assert!(refused.contains("another"), "{refused}");
    assert_eq!(left(), 1);
    home.execute("UPDATE leases SET expires_at = 0");
    beside.admin(&["cleanup", "--now"]).expect("its time is over");
    assert_eq!(left(), 0);
    daemon.stop();
    home.check();
}

/// Of many at once one cleans; the others say so.
#[test]
fn one_cleans_at_a_time() {
    let Some(home) = home() else { return };
    home.configure("[cleanup]\ngrace_period = '0s'\n");
    let daemon = Daemon::start(&home);
    let mut client = Connection::imap(daemon.imap, USER, "secret").expect("a login");
    client.must("SELECT INBOX").expect("an inbox");
    for _ in 0..20 {
        client.append("INBOX", b"Subject: x\r\n\r\nx\r\n").expect("appended");
    }
    client.must("NOOP").expect("news");
    client.must("STORE 1:* +FLAGS.SILENT (\\Deleted)").expect("stored");
    client.must("EXPUNGE").expect("expunged");
    home.wait_until_moved();
    let nodes = [home.beside(), home.beside(), home.beside()];
    let cleaned = std::thread::scope(|scope| {
        let clean = |node: &Home| match node.admin(&["cleanup", "--now"]) {
            Ok(said) => said.contains("20 messages"),
            Err(why) if why.contains("another") => false,
            Err(why) => panic!("{why}"),
        };
        let all = nodes.each_ref().map(|node| scope.spawn(move || clean(node)));
        all.map(|one| one.join().expect("it does not panic"))
    });
    assert_eq!(cleaned.iter().filter(|cleaned| **cleaned).count(), 1, "{cleaned:?}");
    daemon.stop();
    home.check();
}
