//! What `sora-admin` does beside a daemon, killed: cleaning, restoring, purging. What was to stay stays,
//! and the same command then brings to an end what the dead one began (pitfalls 37, 46).

use std::os::unix::process::ExitStatusExt;

use crate::support::connection::Connection;
use crate::support::daemon::Daemon;
use crate::support::home::Home;

/// What its points begin with.
pub(super) const POINTS: [&str; 3] = ["cleaner:", "restore:", "object: deleted"];

const USER: &str = "one@example.com";
const KEPT: usize = 3;
const EXPUNGED: usize = 4;
/// Over `inline_max`, so that it has a file of its own.
const LARGE_BYTES: usize = 300_000;

/// Kills `sora-admin` at `point`, while a daemon runs.
pub(super) fn die_at(home: Home, point: &str) -> Result<(), String> {
    let in_bucket = home.has_bucket();
    if !point.starts_with("object:") {
        home.configure("[cleanup]\ngrace_period = '0s'\n");
    }
    let daemon = Daemon::start(&home);
    home.create_account(USER, "pw");
    let mut imap = Connection::imap(daemon.imap, USER, "pw").map_err(|error| error.to_string())?;
    fill(&mut imap).map_err(|error| error.to_string())?;
    if in_bucket {
        home.wait_until_moved();
    }
    let command: &[&str] = if point.starts_with("restore:") {
        &["restore-messages", "--email", USER, "--all"]
    } else {
        &["cleanup", "--now"]
    };
    let died = home.admin_to_crash(command, point);
    if died.signal() != Some(9) {
        return Err(format!("the command does not reach it: {died}"));
    }
    home.check();
    home.admin(command)?;
    home.check();
    let there = if point.starts_with("restore:") { KEPT + EXPUNGED } else { KEPT };
    let answer = imap.command("STATUS INBOX (MESSAGES)").map_err(|error| error.to_string())?;
    let want = format!("* STATUS INBOX (MESSAGES {there})");
    if !answer.untagged.iter().any(|line| line == want.as_bytes()) {
        return Err(format!("there is not {want}"));
    }
    // Every body that is named can be read, and nothing is left of the others.
    imap.must("SELECT INBOX").map_err(|error| error.to_string())?;
    imap.must("FETCH 1:* BODY.PEEK[]").map_err(|error| error.to_string())?;
    if in_bucket {
        daemon.stop();
        return super::check(&home);
    }
    let files = files_below(&home.folder().join("data/bodies"));
    let large = if there == KEPT { 1 } else { 2 };
    if files != large {
        return Err(format!("{files} files of bodies, not {large}"));
    }
    daemon.stop();
    Ok(())
}

/// Messages that stay and messages that are expunged, small and large.
fn fill(imap: &mut Connection) -> std::io::Result<()> {
    imap.must("SELECT INBOX")?;
    for n in 0..KEPT + EXPUNGED {
        let body = "x".repeat(if n % 3 == 1 { LARGE_BYTES } else { 40 });
        imap.append("INBOX", format!("Subject: {n}\r\n\r\n{body}\r\n").as_bytes())?;
    }
    imap.must(&format!("UID STORE {}:* +FLAGS (\\Deleted)", KEPT + 1))?;
    imap.must("EXPUNGE")?;
    Ok(())
}

fn files_below(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}
