//! `kill -9` at every named point, and at random: what was answered 250 or OK is there, once; what
//! was not is absent or whole; and `sora-admin check` finds nothing (invariant 5, pitfall 9, pitfall 10).
//!
//! The points are found in the source, so none is forgotten. A point that the load below does not
//! reach fails the test: then the load lacks something.

mod cleaning;
mod importing;
mod ledger;
mod load;
mod parts;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::home::Home;
use crate::support::postgres;
use crate::support::random::Random;
use crate::support::weed::{bucket, weed};
use ledger::Ledger;

/// A load that runs so long has missed the point.
const LOAD_SECONDS_MAX: u64 = 30;
/// Kills at random of one store; and stores in `make soak`.
const KILLS: usize = 4;
const STORES_SOAKING: usize = 25;

#[test]
#[cfg_attr(not(feature = "crash_points"), ignore = "the points are not compiled in")]
fn every_named_point() {
    let points = points();
    assert!(points.len() >= 5, "crash points found: {points:?}");
    let wanted = std::env::var("SORA_CRASH_AT").ok();
    let mut failures = Vec::new();
    for point in points.iter().filter(|point| wanted.as_ref().is_none_or(|only| only == *point)) {
        println!("{point}");
        let is_of_admin = cleaning::POINTS.iter().any(|start| point.starts_with(start));
        if point.starts_with("outbox:") {
            failures
                .extend(crate::outbox::die_at(point).err().map(|why| format!("{point}: {why}")));
            continue;
        }
        let Some(home) = home_for(point) else { continue };
        let died = if is_of_admin {
            cleaning::die_at(home, point)
        } else if point.starts_with(importing::POINT) {
            importing::die_at(&home, point)
        } else if point.starts_with(parts::POINT) {
            parts::die_at(&home, point)
        } else {
            die_at(&home, point)
        };
        if let Err(why) = died {
            failures.push(format!("{point}: {why}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn at_random() {
    let soaking = std::env::var_os("SORA_SOAK").is_some();
    let mut random = Random::new(std::process::id().into());
    for _ in 0..if soaking { STORES_SOAKING } else { 1 } {
        kill_at_random(&mut random);
    }
}

/// Bodies go to a bucket there, all that are not small at once.
fn home_with_objects() -> Option<Home> {
    let weed = weed()?;
    let more = "[uploader]\nmax_body = '128kb'\n[cleanup]\ngrace_period = '0s'\n";
    Some(Home::with_objects(weed.address, &bucket(), "", more))
}

/// Where `point` is reached; `None` if that is not to be had here.
fn home_for(point: &str) -> Option<Home> {
    if point.starts_with("outbox:") {
        let home = Home::new("", "");
        load::let_mail_leave(&home);
        Some(home)
    } else if point.starts_with("object:") {
        home_with_objects()
    } else if point.starts_with("body:") || point.starts_with("cleaner: bytes") {
        Some(Home::without_bucket("", "")) // of files
    } else {
        Some(Home::new("", ""))
    }
}

/// All is well, in the bucket too if there is one.
fn check(home: &Home) -> Result<(), String> {
    home.admin(&["check", "--deep"]).map(drop)
}

#[test]
fn at_random_with_a_bucket() {
    if let Some(home) = home_with_objects() {
        let daemon = kill_at_random_in(&home, &mut Random::new(std::process::id().into()));
        home.wait_until_moved();
        daemon.stop();
        assert_eq!(check(&home), Ok(()));
    }
}

fn kill_at_random(random: &mut Random) {
    let home = Home::new("", "");
    kill_at_random_in(&home, random).stop();
    home.check();
}

/// A daemon that runs after all of it.
fn kill_at_random_in(home: &Home, random: &mut Random) -> Daemon {
    let mut ledger = Ledger::new();
    let daemon = Daemon::start(home);
    load::prepare(home, &daemon, true);
    drop(daemon); // killed, too
    for kill in 0..KILLS {
        let mut daemon = Daemon::start(home);
        let running = load::start(&daemon, &ledger, Duration::from_secs(LOAD_SECONDS_MAX));
        let patience = Duration::from_millis(20 + random.below(400) as u64);
        let died = daemon.wait_for_death(patience);
        assert!(died.is_none(), "kill {kill}: it died by itself: {died:?}");
        daemon.kill();
        running.finish(&mut ledger);
        let daemon = Daemon::start(home);
        let verified = ledger.verify(&daemon).and_then(|()| load::retry(&daemon, &mut ledger));
        daemon.stop();
        assert_eq!(verified, Ok(()), "kill {kill}");
        home.check();
    }
    let daemon = Daemon::start(home);
    assert_eq!(Ledger::settle(&daemon), Ok(()));
    daemon
}

/// Loads a daemon until it dies at `point`, and looks at what is left.
fn die_at(home: &Home, point: &str) -> Result<(), String> {
    match Daemon::start_to_crash(home, Some(point)) {
        Ok(daemon) => drop(daemon.end()), // which may be where it dies
        Err(log) if log.contains("unix_wait_status(9)") => {} // a point of the start; what follows must work
        Err(log) => return Err(format!("it does not start: {log}")),
    }
    let daemon = Daemon::start(home);
    load::prepare(home, &daemon, is_of_scripts(point));
    daemon.stop();
    let mut ledger = Ledger::new();
    if let Ok(mut daemon) = Daemon::start_to_crash(home, Some(point)) {
        let seconds = if is_of_the_start(point) { 0 } else { LOAD_SECONDS_MAX };
        let running = load::start(&daemon, &ledger, Duration::from_secs(seconds));
        running.finish(&mut ledger);
        match daemon.wait_for_death(Duration::from_secs(5)) {
            Some(status) if status.signal() == Some(9) => {}
            Some(status) => return Err(format!("it died otherwise: {status}")),
            None if is_of_the_start(point) => daemon.kill(),
            None => return Err("the load does not reach it".to_owned()),
        }
    }
    let daemon = Daemon::start(home);
    ledger.verify(&daemon)?;
    load::retry(&daemon, &mut ledger)?;
    // Life goes on.
    let running = load::start(&daemon, &ledger, Duration::from_millis(200));
    running.finish(&mut ledger);
    ledger.verify(&daemon)?;
    Ledger::settle(&daemon)?;
    if point.starts_with("object:") {
        home.wait_until_moved();
    }
    daemon.stop();
    check(home)
}

/// Only mail that a script sorts comes there.
fn is_of_scripts(point: &str) -> bool {
    ["deliver: sorted", "outbox:"].iter().any(|start| point.starts_with(start))
}

fn is_of_the_start(point: &str) -> bool {
    point.starts_with("migration:")
}

/// Every `crash_point!("…")` below `src`.
fn points() -> Vec<String> {
    let mut points = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the source") {
            let path = entry.expect("an entry of the source").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let named = code.filter_map(|line| line.split_once("crash_point!(\""));
            points.extend(named.filter_map(|(_, rest)| rest.split('"').next()).map(str::to_owned));
        }
    }
    // What only the other engine passes.
    let others: &[&str] =
        if postgres::is_wanted() { &["writer:"] } else { &["postgres:", "batch:"] };
    points.retain(|point| !others.iter().any(|start| point.starts_with(start)));
    points.sort();
    points.dedup();
    points
}
