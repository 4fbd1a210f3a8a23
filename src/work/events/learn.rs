//! Commands that get a message on their input and learn from it.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::super::command;
use super::super::sorting::Happened;

/// Within which the command has ended; it is killed then.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a command once. What goes wrong is logged, and nothing else comes of it.
pub(super) fn run(words: &[String], user: &str, happened: &Happened<'_>, stops: &Receiver<()>) {
    let (uid, name) = (happened.uid, happened.mailbox.name.as_str().escape_debug());
    let shown = words.join(" ");
    match feed(words, user, happened, stops) {
        Ok((status, _)) if status.success() => {
            log::info!("events: {shown}: UID {uid} in {name} of {user}");
        }
        Ok((status, said)) => {
            log::error!("events: {shown}: UID {uid} in {name} of {user}: {status}: {said}");
        }
        Err(error) => log::error!("events: {shown}: {error}"),
    }
}

fn feed(
    words: &[String],
    user: &str,
    happened: &Happened<'_>,
    stops: &Receiver<()>,
) -> std::io::Result<(ExitStatus, String)> {
    let (program, rest) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut run = Command::new(program);
    run.args(rest).env("SORA_USER", user).env("SORA_MAILBOX", happened.mailbox.name.as_str());
    command::run(&mut run, happened.bytes.to_vec(), PATIENCE, stops)
}
