//! The bucket refuses, errs, hangs, cuts, and is away for long.

use super::mail::{PASSWORD, Plan, USERS};
use super::site::{LARGE, Site, database};
use crate::support::connection::Connection;
use crate::support::fault_proxy::Fault;

/// Nothing is near but what is staged.
const NO_CACHE: &str = "[local_cache]\ncapacity = 0\n";
/// What the memory of a node may grow by while a thousand letters wait: the letters are not in it.
const GROWTH_BYTES_MAX: u64 = 48 << 20;

#[test] // pitfall 34, pitfall 35, pitfall 36, pitfall 49
fn it_does_all_that_networks_do() {
    let Some(database) = database(false) else { return };
    let Some(site) = Site::new(database, 2, "timeout = '1s'", NO_CACHE) else { return };
    let mail = site.mail(Plan { senders: 4, readers: 3, large: LARGE });
    mail.flows(20);
    for fault in Fault::NETWORK {
        let before = site.objects.requests();
        site.objects.set_every(3, fault);
        mail.until("trouble", |_| site.objects.requests() >= before + 30);
        mail.flows(10);
        site.objects.set(Fault::None);
        mail.flows(10);
    }
    mail.end();
    site.end();
}

#[test] // pitfall 11, pitfall 48
fn it_is_away_for_a_thousand_letters() {
    let Some(database) = database(false) else { return };
    let Some(mut site) = Site::new(database, 2, "", "") else { return };
    let mail = site.mail(Plan { senders: 6, readers: 2, large: 0 });
    mail.flows(100);
    site.objects.set(Fault::Refuse);
    assert!(site.daemon(0).says("mail is kept here until then"));
    mail.flows(100);
    let (before, then) = (site.memory(), mail.counts());
    mail.until("a thousand letters", |now| now.taken >= then.taken + 1_000);
    mail.until("readers of them", |now| now.read >= then.read + 200);
    let grown = site.memory().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "grown by {grown} bytes");
    // What is too large to be kept in the database is not taken, and not lost.
    let large = format!("Subject: large\r\n\r\n{}", "x\r\n".repeat(LARGE / 3));
    let mut lmtp = Connection::lmtp(site.addresses()[1].lmtp).expect("it listens");
    let replies = lmtp.deliver(&[USERS[0]], large.as_bytes()).expect("replies");
    assert!(replies[0].starts_with("451"), "{replies:?}");
    let waiting = site.nodes[0].home.staged();
    assert!(waiting > 1_000, "{waiting} bodies are staged");
    site.objects.set(Fault::None);
    mail.flows(20);
    mail.end();
    site.nodes[0].home.wait_until_moved();
    let replies = lmtp.deliver(&[USERS[0]], large.as_bytes()).expect("replies");
    assert!(replies[0].starts_with("250"), "{replies:?}");
    let mut imap = Connection::imap(site.addresses()[0].imap, USERS[0], PASSWORD).expect("a login");
    imap.must("SELECT INBOX").expect("an INBOX");
    let last = imap.must("FETCH * BODY.PEEK[]").expect("a body");
    assert!(last.untagged[0].len() > LARGE);
    drop((lmtp, imap));
    site.end();
}
