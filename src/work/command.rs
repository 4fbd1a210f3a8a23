//! Commands that get something on their input, and end within a time. They may read little, say much,
//! and leave others behind that hold their pipes: none of it holds us up.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::process::{Pid, Signal, kill_process_group};

use super::clock;

/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of what it says that are kept.
const SAID_BYTES_MAX: usize = 300;
/// How long somebody else may hold the pipe of a command that has ended.
const SAID_PATIENCE: Duration = Duration::from_millis(200);
/// Pieces of it that wait to be looked at.
const SAID_PIECES_MAX: usize = 16;

/// Runs a command with `bytes` on its input: how it ended, and the beginning of what it said on its
/// standard error. After `patience` it is killed with all that it has started.
pub(super) fn run(
    command: &mut Command,
    bytes: Vec<u8>,
    patience: Duration,
    stops: &Receiver<()>,
) -> io::Result<(ExitStatus, String)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    // Nobody waits for the threads that serve its pipes.
    let told = attend(&mut child, bytes).or_else(|error| {
        kill_group(&child)?; // it must not take half of it for the whole
        child.wait()?;
        Err(error)
    })?;
    let status = wait(&mut child, patience, stops);
    let said = said(&told);
    Ok((status?, said))
}

/// Starts to give it its input, and to hear what it says.
fn attend(child: &mut Child, bytes: Vec<u8>) -> io::Result<Receiver<Vec<u8>>> {
    let (tell, told) = bounded(SAID_PIECES_MAX);
    if let Some(errors) = child.stderr.take() {
        thread("command-err", move || hear(errors, &tell))?;
    }
    if let Some(mut input) = child.stdin.take() {
        thread("command-in", move || {
            let _how_it_ends_says_why = input.write_all(&bytes);
        })?;
    }
    Ok(told)
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
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
    String::from_utf8_lossy(&bytes).trim_end().escape_debug().to_string()
}

/// Waits for its end; one that takes too long is killed, with all that it has started.
fn wait(child: &mut Child, patience: Duration, stops: &Receiver<()>) -> io::Result<ExitStatus> {
    let end = clock::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if clock::now() >= end {
            kill_group(child)?;
            return child.wait();
        }
        if stops.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
            // We are to end: what it has it will do, so it is better heard out.
            return child.wait();
        }
    }
}

fn kill_group(child: &Child) -> io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let group = group.ok_or_else(|| io::Error::other("it has no number"))?;
    Ok(kill_process_group(group, Signal::KILL)?)
}
