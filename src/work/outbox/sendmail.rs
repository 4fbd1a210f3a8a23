//! The relay that is a command: `sendmail -i -f SENDER -- RECIPIENT…`, as every mail server has it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::client::{Letter, Unreachable, Verdict};
use crate::work::clock;
use crate::work::trace::path;

/// Within which the command has ended.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of what it says that are kept.
const SAID_BYTES_MAX: u64 = 300;

/// Exit codes of `sysexits.h` that are about the message: its form, and its recipients.
const NEVER: [i32; 3] = [65, 67, 68];

/// Runs the command once for all recipients.
pub(super) fn send(
    command: &Path,
    letter: &Letter<'_>,
    stops: &Receiver<()>,
) -> Result<Vec<Verdict>, Unreachable> {
    let trouble = |error: std::io::Error| Unreachable(format!("{}: {error}", command.display()));
    // Without -f it would be from whoever we run as, who must not be told of what fails.
    let sender = if letter.sender.is_empty() { "<>".to_owned() } else { path(letter.sender) };
    let mut child = Command::new(command)
        .args(["-i", "-f", &sender, "--"])
        .args(letter.recipients.iter().map(|recipient| path(recipient)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(trouble)?;
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let mut said = String::new();
    let ended = std::thread::scope(|scope| {
        // The command may read little and say much: neither may hold us up.
        scope.spawn(move || {
            let Some(mut input) = input else { return };
            for line in super::client::lines(letter.message) {
                if input.write_all(line).and_then(|()| input.write_all(b"\n")).is_err() {
                    return; // how it ends says why
                }
            }
        });
        let said = &mut said;
        scope.spawn(move || {
            let Some(mut errors) = errors else { return };
            let mut bytes = Vec::new();
            let _told_or_not = (&mut errors).take(SAID_BYTES_MAX).read_to_end(&mut bytes);
            *said = String::from_utf8_lossy(&bytes).escape_debug().to_string();
            let _all = std::io::copy(&mut errors, &mut std::io::sink());
        });
        wait(&mut child, stops)
    });
    let status = ended.map_err(trouble)?;
    let verdict = match status.code() {
        Some(0) => Verdict::Taken("the command took it".to_owned()),
        Some(code) if NEVER.contains(&code) => Verdict::Never(format!("{status}: {said}")),
        _ => Verdict::Later(format!("{status}: {said}")),
    };
    Ok(vec![verdict; letter.recipients.len()])
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
            // We are to end: what it has it will send, so it is better heard out.
            return child.wait();
        }
    }
}
