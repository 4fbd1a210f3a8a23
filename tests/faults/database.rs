//! PostgreSQL goes away and comes back; its connections are cut.

use super::mail::{PASSWORD, Plan, USERS};
use super::site::{LARGE, Site, database};
use crate::support::connection::Connection;
use crate::support::cutter::Cutter;

/// What a lost connection leaves taken must not wait until its lease is over, which is hours here.
const PATIENT: &str = "timeout = '10m'";
const PLAN: Plan = Plan { senders: 4, readers: 3, large: LARGE };

#[test] // pitfall 9, pitfall 10
fn killed_and_restarted() {
    let Some(database) = database(true) else { return };
    let cluster = database.cluster();
    let Some(mut site) = Site::new(database, 2, PATIENT, "") else { return };
    let mail = site.mail(PLAN);
    for _ in 0..3 {
        mail.flows(60);
        cluster.kill();
        mail.is_put_off(PLAN.senders);
        assert!(
            site.daemon(0).says("the database cannot be reached: error connecting to server: ")
        );
        cluster.revive();
    }
    mail.flows(60);
    mail.end();
    site.end();
}

/// The nodes know both servers, the standby first: they pass it over until it is the primary.
#[test] // pitfall 10
fn a_standby_takes_over() {
    let Some(mut database) = database(true) else { return };
    let primary = database.cluster();
    let standby = primary.standby();
    database.standby = Some(standby);
    let Some(site) = Site::new(database, 2, PATIENT, "") else { return };
    let mail = site.mail(PLAN);
    mail.flows(60);
    primary.refuse_writes(); // 25006
    mail.is_put_off(PLAN.senders);
    primary.kill();
    mail.is_put_off(PLAN.senders);
    standby.promote();
    mail.flows(100);
    mail.end();
    site.end();
}

/// Its connections stay open, and nothing comes on them: neither a reset nor an end tells it.
#[test] // pitfall 10
fn frozen_and_thawed() {
    let Some(mut database) = database(true) else { return };
    let cluster = database.cluster();
    database.more = "connect_timeout = '1s'\nstatement_timeout = '3s'\nlock_timeout = '2s'\n";
    let Some(mut site) = Site::new(database, 2, PATIENT, "") else { return };
    let mail = site.mail(PLAN);
    for _ in 0..2 {
        mail.flows(40);
        let before = mail.counts();
        let thaw = cluster.freeze();
        mail.is_put_off(PLAN.senders);
        mail.until("readers who are put off", |now| now.not_read > before.not_read + PLAN.readers);
        assert!(site.daemon(0).says("the server does not answer; the connection is given up"));
        // Nobody who comes now waits for those who wait.
        let mut lmtp = Connection::lmtp(site.addresses()[1].lmtp).expect("it listens");
        lmtp.ask("MAIL FROM:<sender@example.org>").expect("a reply");
        let reply = lmtp.ask(&format!("RCPT TO:<{}>", USERS[0])).expect("a reply");
        assert!(reply.starts_with("451"), "{reply}");
        thaw();
    }
    mail.flows(60);
    mail.end();
    site.end();
}

#[test] // pitfall 10
fn connections_are_cut_in_the_middle() {
    let Some(mut database) = database(false) else { return };
    let cutter = Cutter::start(&database.cluster().socket(), 7);
    database.through = Some(cutter.port);
    let Some(site) = Site::new(database, 2, PATIENT, "") else { return };
    let mail = site.mail(PLAN);
    mail.flows(40);
    for within in [100_000, 20_000, 300_000] {
        cutter.cut_within(within);
        let before = cutter.cuts();
        mail.until("cuts", |_| cutter.cuts() >= before + 25);
    }
    cutter.cut_within(0);
    mail.flows(40);
    mail.end();
    site.end();
}

#[test]
fn connections_are_ended_by_the_server() {
    let Some(database) = database(false) else { return };
    let (mut superuser, name) = (database.connect(), database.name.clone());
    let Some(site) = Site::new(database, 2, PATIENT, "") else { return };
    let mail = site.mail(PLAN);
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = $1 AND pid <> pg_backend_pid()";
    for _ in 0..40 {
        mail.flows(8);
        superuser.execute(sql, &[&name]).expect("a superuser may");
    }
    mail.flows(40);
    mail.end();
    drop(superuser);
    site.end();
}

/// A server that was away for a moment, while nobody asked it for anything, is not noticed.
#[test]
fn restarted_between_two_letters() {
    let Some(database) = database(true) else { return };
    let cluster = database.cluster();
    let Some(site) = Site::new(database, 1, PATIENT, "") else { return };
    let addresses = site.addresses()[0];
    let mut senders: Vec<_> =
        (0..4).map(|_| Connection::lmtp(addresses.lmtp).expect("it listens")).collect();
    let mut imap = Connection::imap(addresses.imap, USERS[0], PASSWORD).expect("a login");
    imap.must("SELECT INBOX").expect("an INBOX");
    for round in 0..4 {
        for sender in &mut senders {
            sender.ask("MAIL FROM:<sender@example.org>").expect("a reply");
            sender.ask(&format!("RCPT TO:<{}>", USERS[0])).expect("a reply");
            assert!(sender.ask("DATA").expect("a reply").starts_with("354"));
        }
        // The first that is asked of the connections after it are the deliveries.
        cluster.kill();
        cluster.revive();
        for (n, sender) in senders.iter_mut().enumerate() {
            let received = "Received: by mx.example.org; Mon, 1 Jan 2024 10:00:00 +0000";
            let message = format!("{received}\r\nSubject: {round} {n}\r\n\r\nhello\r\n.\r\n");
            sender.send(message.as_bytes()).expect("it is there");
        }
        for sender in &mut senders {
            let reply = sender.reply().expect("a reply");
            assert!(reply.starts_with("250"), "{round}: {reply}");
        }
        imap.must("NOOP").expect("an answer");
        let answer = imap.must("FETCH 1:* (FLAGS BODY.PEEK[])").expect("an answer");
        assert_eq!(answer.untagged.len(), 4 * (round + 1));
    }
    drop((senders, imap));
    site.end();
}
