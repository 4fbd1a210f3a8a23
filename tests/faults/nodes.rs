//! A node dies in the middle of something; another one on the same database and bucket goes on.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::mail::{Mail, PASSWORD, Plan, USERS};
use super::site::{LARGE, Site, database};
use crate::support::connection::Connection;
use crate::support::daemon::Daemon;

/// While it delivers, and while it moves what was staged.
const POINTS: [&str; 10] = [
    "batch: committed, not answered",
    "postgres: written, not committed",
    "postgres: committed, not answered",
    "deliver: committed, reply not sent",
    "object: reserved, not put",
    "object: put, no message yet",
    "object: staged and taken, not put",
    "object: put, its row not updated",
    "object: marked as stored, not committed",
    "object: marked as stored",
];
/// Letters of each sender that are alike.
const ALIKE: u32 = 50;
/// Within which it has come to its point.
const DEATH: Duration = Duration::from_secs(60);

#[test] // pitfall 9, pitfall 10, pitfall 41
#[cfg_attr(not(feature = "crash_points"), ignore = "the points are not compiled in")]
fn one_is_killed_wherever_it_is() {
    let Some(database) = database(false) else { return };
    let Some(mut site) = Site::new(database, 2, "", "") else { return };
    let mail = site.mail(Plan { senders: 4, readers: 3, large: LARGE });
    for point in POINTS {
        mail.flows(10);
        site.daemon(1).kill();
        // One that dies before it listens is as good.
        if let Ok(mut dying) = Daemon::start_to_crash(&site.nodes[1].home, Some(point)) {
            mail.set_nodes(vec![site.addresses()[0], dying.addresses()]);
            let died = dying.wait_for_death(DEATH).and_then(|status| status.signal());
            assert_eq!(died, Some(9), "{point}");
        }
        mail.set_nodes(vec![site.addresses()[0]]);
        mail.flows(10);
        site.start(1, &mail);
    }
    mail.flows(40);
    mail.end();
    site.end();
}

/// The cleaner of a daemon, in the middle of mail: another one goes on where it died.
#[test] // pitfall 37, pitfall 41, pitfall 46
#[cfg_attr(not(feature = "crash_points"), ignore = "the points are not compiled in")]
fn a_daemon_dies_cleaning() {
    const OTHER: &str = "three@example.com";
    let Some(database) = database(false) else { return };
    let Some(mut site) = Site::new(database, 2, "", "") else { return };
    site.nodes[0].home.create_account(OTHER, PASSWORD);
    // Only the second node cleans: soon, since it is to die.
    site.nodes[1].home.configure("[cleanup]\ngrace_period = '0s'\nwake_interval = '1m'\n");
    site.nodes[1].daemon = None; // killed
    let first = site.addresses()[0];
    let mail = Mail::start(vec![first], Plan { senders: 4, readers: 3, large: LARGE });
    let mut imap = Connection::imap(first.imap, OTHER, PASSWORD).expect("a login");
    imap.must("SELECT INBOX").expect("an INBOX");
    let large = format!("Subject: large\r\n\r\n{}", "and more\r\n".repeat(LARGE / 10));
    for point in ["cleaner: rows removed, not committed", "object: deleted, not its rows"] {
        for letter in ["Subject: small\r\n\r\nx\r\n", &large] {
            imap.append("INBOX", letter.as_bytes()).expect("stored");
        }
        imap.must("STORE 1:* +FLAGS.SILENT (\\Deleted)").expect("done");
        imap.must("EXPUNGE").expect("done");
        if let Ok(mut dying) = Daemon::start_to_crash(&site.nodes[1].home, Some(point)) {
            mail.set_nodes(vec![first, dying.addresses()]);
            let died = dying.wait_for_death(DEATH).and_then(|status| status.signal());
            assert_eq!(died, Some(9), "{point}");
        }
        mail.set_nodes(vec![first]);
        mail.flows(10);
    }
    let home = &site.nodes[1].home;
    home.admin(&["cleanup", "--now"]).expect("it takes over from the dead");
    let left = "SELECT COUNT(*) FROM blobs b JOIN credentials c ON c.account_id = b.account_id
                WHERE c.address = 'three@example.com'";
    assert_eq!(home.count(left), 0);
    mail.end();
    drop(imap);
    site.end();
}

/// Letters that are alike to the byte and come again and again, while others like them are removed for
/// good, by cleaners that die.
#[test] // pitfall 37, pitfall 38, pitfall 46
#[cfg_attr(not(feature = "crash_points"), ignore = "the points are not compiled in")]
fn cleaners_die_while_the_same_letter_comes_again() {
    let Some(database) = database(false) else { return };
    let grace = "[cleanup]\ngrace_period = '0s'\n";
    let Some(site) = Site::new(database, 2, "", grace) else { return };
    let (home, addresses) = (&site.nodes[0].home, site.addresses());
    let (over, taken) = (AtomicBool::new(false), AtomicU32::new(0));
    let small = "Subject: again\r\n\r\nthe same\r\n".to_owned();
    let large = format!("{small}{}", "and more\r\n".repeat(LARGE / 10));
    let gone = std::thread::scope(|scope| {
        for (at, letter) in [(0, &small), (1, &small), (0, &large), (1, &large)] {
            let (taken, lmtp) = (&taken, addresses[at].lmtp);
            scope.spawn(move || {
                let mut lmtp = Connection::lmtp(lmtp).expect("it listens");
                for _ in 0..ALIKE {
                    let replies = lmtp.deliver(&[USERS[0]], letter.as_bytes()).expect("replies");
                    assert!(replies[0].starts_with("250"), "{replies:?}");
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let expunging = scope.spawn(|| {
            let mut imap = Connection::imap(addresses[1].imap, USERS[0], PASSWORD).expect("in");
            imap.must("SELECT INBOX").expect("an INBOX");
            let mut gone = 0;
            while !over.load(Ordering::Relaxed) {
                imap.must("NOOP").expect("news");
                // The older half.
                let there = imap.must("SEARCH RETURN (COUNT) ALL").expect("a count").untagged;
                let there = String::from_utf8_lossy(&there[0]).into_owned();
                let there = there.rsplit(' ').next().and_then(|n| n.parse::<u32>().ok());
                let half = there.expect("a number") / 2;
                if half > 0 {
                    imap.must(&format!("STORE 1:{half} +FLAGS.SILENT (\\Deleted)")).expect("done");
                    let answer = imap.must("EXPUNGE").expect("done");
                    let lines = answer.untagged.iter();
                    gone += lines.filter(|line| line.ends_with(b" EXPUNGE")).count() as u32;
                }
            }
            gone
        });
        let points = ["cleaner: rows removed, not committed", "object: deleted, not its rows"];
        for point in points.iter().cycle() {
            let died = home.admin_to_crash(&["cleanup", "--now"], point);
            assert!(died.signal() == Some(9) || died.success(), "{point}: {died}");
            home.admin(&["cleanup", "--now"]).expect("another one cleans");
            if taken.load(Ordering::Relaxed) == 4 * ALIKE {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        expunging.join().expect("no panic")
    });
    let taken = taken.load(Ordering::Relaxed);
    assert!(gone > ALIKE, "{taken} came, {gone} went");
    let mut imap = Connection::imap(addresses[0].imap, USERS[0], PASSWORD).expect("a login");
    imap.must("SELECT INBOX").expect("an INBOX");
    let left = imap.must("FETCH 1:* BODY.PEEK[]").expect("all bodies").untagged;
    assert_eq!(left.len() as u32, taken - gone);
    let whole = |line: &Vec<u8>| {
        let body = &line[..line.len() - 1];
        body.ends_with(small.as_bytes()) || body.ends_with(large.as_bytes())
    };
    assert!(left.iter().all(whole));
    drop(imap);
    home.wait_until_moved();
    home.admin(&["cleanup", "--now"]).expect("it cleans");
    assert_eq!(home.count("SELECT COUNT(*) FROM blobs"), i64::from(taken - gone));
    site.end();
}
