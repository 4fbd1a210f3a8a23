//! The relay that is a command: `sendmail -i -f SENDER -- RECIPIENT…`, as every mail server has it.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::process::{Pid, Signal, kill_process_group};

use super::client::{Letter, Unreachable, Verdict};
use crate::work::clock;
use crate::work::trace::path;

/// Within which the command has ended.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of what it says that are kept.
const SAID_BYTES_MAX: usize = 300;
/// How long somebody else may hold the pipe of a command that has ended.
const SAID_PATIENCE: Duration = Duration::from_millis(200);
/// Pieces of it that wait to be looked at.
const SAID_PIECES_MAX: usize = 16;

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
        .process_group(0)
        .spawn()
        .map_err(trouble)?;
    // The command may read little and say much: neither may hold us up. Nor may what it leaves behind
    // with its pipes, which some do to deliver in the background: nobody waits for these threads.
    let told = attend(&mut child, letter.message.to_vec()).or_else(|error| {
        kill_group(&child)?; // it must not take half a message for a whole one
        child.wait()?;
        Err(error)
    });
    let told = told.map_err(trouble)?;
    let ended = wait(&mut child, stops);
    let said = said(&told);
    let status = ended.map_err(trouble)?;
    let verdict = match status.code() {
        Some(0) => Verdict::Taken("the command took it".to_owned()),
        Some(code) if NEVER.contains(&code) => Verdict::Never(format!("{status}: {said}")),
        _ => Verdict::Later(format!("{status}: {said}")),
    };
    Ok(vec![verdict; letter.recipients.len()])
}

/// Starts to give it the message, and to hear what it says.
fn attend(child: &mut Child, message: Vec<u8>) -> std::io::Result<Receiver<Vec<u8>>> {
    let (tell, told) = bounded(SAID_PIECES_MAX);
    if let Some(errors) = child.stderr.take() {
        thread("sendmail-err", move || hear(errors, &tell))?;
    }
    let input = child.stdin.take();
    thread("sendmail-in", move || input.into_iter().for_each(|input| give(input, &message)))?;
    Ok(told)
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

fn give(mut input: impl Write, message: &[u8]) {
    for line in super::client::lines(message) {
        if input.write_all(line).and_then(|()| input.write_all(b"\n")).is_err() {
            return; // how it ends says why
        }
    }
}

/// Tells what it says as it comes, and lets it say as much as it wants.
fn hear(mut errors: impl Read, tell: &Sender<Vec<u8>>) {
    let mut bytes = vec![0; SAID_BYTES_MAX];
    while let Ok(count @ 1..) = errors.read(&mut bytes) {
        let _told_or_enough = tell.try_send(bytes.get(..count).unwrap_or_default().to_vec());
    }
}

/// The beginning of what was said until the pipe was closed, or until nothing came for a moment.
fn said(told: &Receiver<Vec<u8>>) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < SAID_BYTES_MAX
        && let Ok(more) = told.recv_timeout(SAID_PATIENCE)
    {
        bytes.extend(more);
    }
    bytes.truncate(SAID_BYTES_MAX);
    String::from_utf8_lossy(&bytes).escape_debug().to_string()
}

/// Waits for its end; one that takes too long is killed, with all that it has started.
fn wait(child: &mut Child, stops: &Receiver<()>) -> std::io::Result<ExitStatus> {
    let end = clock::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if clock::now() >= end {
            kill_group(child)?;
            return child.wait();
        }
        if stops.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            // We are to end: what it has it will send, so it is better heard out.
            return child.wait();
        }
    }
}

fn kill_group(child: &Child) -> std::io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let group = group.ok_or_else(|| std::io::Error::other("it has no number"))?;
    Ok(kill_process_group(group, Signal::KILL)?)
}
