//! Commands that get a message on their input and learn from it.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::super::clock;
use super::super::sorting::Happened;

/// Within which the command has ended; it is killed then.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of what it says that are logged.
const SAID_BYTES_MAX: u64 = 300;

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
    let mut child = Command::new(program)
        .args(rest)
        .env("SORA_USER", user)
        .env("SORA_MAILBOX", happened.mailbox.name.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let mut said = String::new();
    let ended = std::thread::scope(|scope| {
        // The command may read little and say much: neither may hold us up.
        scope.spawn(move || {
            let Some(mut input) = input else { return };
            let _how_it_ends_says_why = input.write_all(happened.bytes);
        });
        let said = &mut said;
        scope.spawn(move || {
            let Some(mut errors) = errors else { return };
            let mut bytes = Vec::new();
            let _told_or_not = (&mut errors).take(SAID_BYTES_MAX).read_to_end(&mut bytes);
            *said = String::from_utf8_lossy(&bytes).trim_end().escape_debug().to_string();
            let _all = std::io::copy(&mut errors, &mut std::io::sink());
        });
        wait(&mut child, stops)
    });
    Ok((ended?, said))
}

/// Waits for its end; one that takes too long is killed.
fn wait(child: &mut Child, stops: &Receiver<()>) -> std::io::Result<ExitStatus> {
    let end = clock::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if clock::now() >= end {
            child.kill()?;
            return child.wait();
        }
        if stops.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            return child.wait(); // we are to end: it is heard out
        }
    }
}
