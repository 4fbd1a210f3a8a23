//! A message so large that it goes to the bucket in parts, killed in its middle.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::support::connection::Connection;
use crate::support::daemon::Daemon;
use crate::support::home::Home;

/// What its points begin with.
pub(super) const POINT: &str = "object: parts";

const USER: &str = "one@example.com";
const BYTES: usize = 18 << 20;

/// Kills the daemon at `point`; the sender, who had no answer, comes again.
pub(super) fn die_at(home: &Home, point: &str) -> Result<(), String> {
    home.create_account(USER, "pw");
    let line = "a line of a large message\r\n";
    let message = format!("Subject: large\r\n\r\n{}", line.repeat(BYTES / line.len()));
    let text = |error: std::io::Error| error.to_string();
    let mut daemon = Daemon::start_to_crash(home, Some(point))?;
    let mut lmtp = Connection::lmtp(daemon.lmtp).map_err(text)?;
    if let Ok(replies) = lmtp.deliver(&[USER], message.as_bytes()) {
        return Err(format!("it was answered: {replies:?}"));
    }
    let died = daemon.wait_for_death(Duration::from_secs(5));
    if died.and_then(|status| status.signal()) != Some(9) {
        return Err(format!("it does not die there: {died:?}"));
    }
    let daemon = Daemon::start(home);
    let mut lmtp = Connection::lmtp(daemon.lmtp).map_err(text)?;
    let replies = lmtp.deliver(&[USER], message.as_bytes()).map_err(text)?;
    let mut imap = Connection::imap(daemon.imap, USER, "pw").map_err(text)?;
    imap.must("SELECT INBOX").map_err(text)?;
    let answer = imap.must("FETCH 1:* BODY.PEEK[]").map_err(text)?;
    let whole = |got: &Vec<u8>| got.len() > message.len() && got.ends_with(b"message\r\n)");
    if answer.untagged.len() != 1 || !answer.untagged.iter().all(whole) {
        return Err(format!("{replies:?}, and {} messages", answer.untagged.len()));
    }
    daemon.stop();
    super::check(home)
}
