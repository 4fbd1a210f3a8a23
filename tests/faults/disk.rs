//! No room: on the disk of the database, whichever it is, and on that of the cache.

use super::mail::{Mail, PASSWORD, Plan, USERS};
use super::site::{LARGE, Site};
use crate::support::daemon::Daemon;
use crate::support::disk::SmallDisk;
use crate::support::home::Home;
use crate::support::postgres::{self, Disk};
use crate::support::program::skipped;

const PLAN: Plan = Plan { senders: 4, readers: 3, large: LARGE };

#[test] // pitfall 11
fn of_postgresql() {
    if !postgres::is_there() {
        return skipped("postgres");
    }
    let Some(disk) = SmallDisk::new(90) else { return };
    let cluster = postgres::own_cluster(Disk::Tables(disk.folder()));
    let Some(site) = Site::new(cluster.database(), 2, "", "") else { return };
    let mail = site.mail(PLAN);
    for _ in 0..2 {
        mail.flows(40);
        disk.fill();
        no_room(&mail);
        let before = mail.counts();
        mail.until("readers", |now| now.read > before.read + 20);
        disk.free();
    }
    mail.flows(40);
    mail.end();
    site.end();
    cluster.kill();
}

/// Without room for its log the server stops. Whatever was answered is in it.
#[test] // pitfall 9, pitfall 11
fn of_the_log_of_postgresql() {
    if !postgres::is_there() {
        return skipped("postgres");
    }
    let Some(disk) = SmallDisk::new(40) else { return };
    let cluster = postgres::own_cluster(Disk::Log(disk.folder()));
    let mut database = cluster.database();
    database.more = "connect_timeout = '1s'\n";
    let Some(mut site) = Site::new(database, 2, "", "") else { return };
    let mail = site.mail(PLAN);
    for _ in 0..2 {
        mail.flows(40);
        disk.fill();
        assert!(site.daemon(0).says("the database cannot be reached: "));
        mail.is_put_off(PLAN.senders);
        disk.free();
        cluster.kill(); // if it tries by itself again and again
        cluster.revive();
    }
    mail.flows(40);
    mail.end();
    site.end();
    cluster.kill();
}

#[test] // pitfall 11
fn of_sqlite() {
    let Some(disk) = SmallDisk::new(40) else { return };
    let home = home_on(&disk);
    let daemon = Daemon::start(&home);
    USERS.iter().for_each(|user| home.create_account(user, PASSWORD));
    let mail = Mail::start(vec![daemon.addresses()], Plan { large: 2 * LARGE, ..PLAN });
    for _ in 0..2 {
        mail.flows(20);
        disk.fill();
        no_room(&mail);
        let before = mail.counts();
        mail.until("readers", |now| now.read > before.read + 20);
        disk.free();
    }
    mail.flows(20);
    mail.end();
    daemon.stop();
    home.check();
    disk.fill();
    let why = Daemon::start_to_crash(&home, None).map(drop).expect_err("it has no room");
    assert!(why.contains("the disk is full"), "{why}");
    disk.free();
    Daemon::start(&home).stop();
    home.check();
}

/// An embedded home whose data is there.
fn home_on(disk: &SmallDisk) -> Home {
    let home = Home::on(None, "", "");
    let text = std::fs::read_to_string(home.config_file()).expect("a configuration file");
    let data = home.folder().join("data").display().to_string();
    let text = text.replace(&data, &disk.folder().join("data").display().to_string());
    std::fs::write(home.config_file(), text).expect("a configuration file");
    home
}

/// Senders hear that there is no room (RFC 5321 §4.2.3: 452).
#[track_caller]
fn no_room(mail: &Mail) {
    let before = mail.counts();
    mail.until("no room", |now| now.no_room >= before.no_room + 4);
}

#[test]
fn of_the_cache() {
    let Some(database) = super::site::database(false) else { return };
    let Some(disk) = SmallDisk::new(2) else { return };
    let cache = format!("[local_cache]\npath = '{}'\n", disk.folder().join("cache").display());
    let Some(mut site) = Site::new(database, 1, "", &cache) else { return };
    let mail = site.mail(PLAN);
    mail.flows(100);
    disk.fill();
    assert!(site.daemon(0).says("cannot be written"));
    mail.flows(100);
    disk.free();
    mail.flows(20);
    mail.end();
    site.end();
}
