//! An import, killed and run again: everything is there, once (pitfall 137).

use std::os::unix::process::ExitStatusExt;

use crate::support::connection::Connection;
use crate::support::daemon::Daemon;
use crate::support::home::Home;
use crate::support::maildir::Maildir;

/// What its points begin with.
pub(super) const POINT: &str = "import:";

const USER: &str = "one@example.com";
/// More than one batch.
const MESSAGES: u32 = 300;
/// One that has a file, or an object, of its own.
const LARGE: u32 = 290;

/// Kills `sora-admin import` at `point`, beside a daemon.
pub(super) fn die_at(home: &Home, point: &str) -> Result<(), String> {
    let daemon = Daemon::start(home);
    home.create_account(USER, "pw");
    let maildir = Maildir::new(home.folder().join("Maildir"));
    let name = |uid: u32| format!("{uid}.host");
    let names: Vec<(u32, String)> = (1..=MESSAGES).map(|n| (2 * n, name(2 * n))).collect();
    for (uid, name) in &names {
        let body = "x\n".repeat(if uid / 2 == LARGE { 200_000 } else { 10 });
        maildir.message("", &format!("{name}:2,S"), &format!("Subject: {uid}\n\n{body}"), 1);
    }
    let uids: Vec<(u32, &str)> = names.iter().map(|(uid, name)| (*uid, name.as_str())).collect();
    maildir.number("", "3 V1111 N1000 G0", &uids);
    let path = maildir.path().to_string_lossy();
    let command = ["import", "--email", USER, "--maildir", &path];
    let died = home.admin_to_crash(&command, point);
    if died.signal() != Some(9) {
        return Err(format!("the command does not reach it: {died}"));
    }
    home.admin(&command)?;
    let text = |error: std::io::Error| error.to_string();
    let mut imap = Connection::imap(daemon.imap, USER, "pw").map_err(text)?;
    imap.must("SELECT INBOX").map_err(text)?;
    let answer = imap.must("UID SEARCH RETURN (ALL COUNT) ALL SEEN").map_err(text)?;
    let said = answer.untagged.concat();
    let said = String::from_utf8_lossy(&said);
    let want: Vec<String> = names.iter().map(|(uid, _)| uid.to_string()).collect();
    if !said.contains(&format!("COUNT {MESSAGES}")) || !said.contains(&want.join(",")) {
        return Err(format!("there is {said}"));
    }
    imap.must("FETCH 1:* BODY.PEEK[]").map_err(text)?;
    daemon.stop();
    super::check(home)
}
