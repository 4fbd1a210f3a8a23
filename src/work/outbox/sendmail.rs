//! The relay that is a command: `sendmail -i -f SENDER -- RECIPIENT…`, as every mail server has it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::client::{Letter, Unreachable, Verdict};
use crate::work::command;
use crate::work::trace::path;

/// Within which the command has ended.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Exit codes of `sysexits.h` that are about the message: its form, and its recipients.
const NEVER: [i32; 3] = [65, 67, 68];

/// Runs the command once for all recipients.
pub(super) fn send(
    program: &Path,
    letter: &Letter<'_>,
    stops: &Receiver<()>,
) -> Result<Vec<Verdict>, Unreachable> {
    let trouble = |error: std::io::Error| Unreachable(format!("{}: {error}", program.display()));
    // Without -f it would be from whoever we run as, who must not be told of what fails.
    let sender = if letter.sender.is_empty() { "<>".to_owned() } else { path(letter.sender) };
    let mut run = Command::new(program);
    run.args(["-i", "-f", &sender, "--"]);
    run.args(letter.recipients.iter().map(|recipient| path(recipient)));
    let ended = command::run(&mut run, with_line_feeds(letter.message), PATIENCE, stops);
    let (status, said) = ended.map_err(trouble)?;
    let verdict = match status.code() {
        Some(0) => Verdict::Taken("the command took it".to_owned()),
        Some(code) if NEVER.contains(&code) => Verdict::Never(format!("{status}: {said}")),
        _ => Verdict::Later(format!("{status}: {said}")),
    };
    Ok(vec![verdict; letter.recipients.len()])
}

/// As programs of this machine have text.
fn with_line_feeds(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    for line in super::client::lines(message) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out
}
