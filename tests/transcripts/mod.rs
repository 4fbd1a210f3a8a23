//! Dialogues as data: every `tests/transcripts/*/*.txt` is run against the session with the model
//! store, and against the real server. docs/testing.md has the format.

mod matcher;
mod model;
mod play;
mod script;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::home::Home;
use crate::support::server::Server;
use crate::support::sessions;
use play::World;
use script::{Only, Script};

#[test]
fn imap_sessions_with_the_model_store() {
    run("imap", Only::Model, &mut || Box::new(model::ModelWorld::new()));
}

#[test]
fn lmtp_sessions_with_the_model_store() {
    run("lmtp", Only::Model, &mut || Box::new(model::ModelWorld::new()));
}

#[test]
fn pop3_sessions_with_the_model_store() {
    run("pop3", Only::Model, &mut || Box::new(model::ModelWorld::new()));
}

#[test]
fn managesieve_sessions_with_the_model_store() {
    run("managesieve", Only::Model, &mut || Box::new(model::ModelWorld::new()));
}

#[test]
fn managesieve_over_the_real_server() {
    run_on_server("managesieve");
}

#[test]
fn sieve_in_deliveries_to_the_real_server() {
    run_on_server("sieve");
}

#[test]
fn imap_over_the_real_server() {
    run_on_server("imap");
}

#[test]
fn pop3_over_the_real_server() {
    run_on_server("pop3");
}

#[test]
fn lmtp_over_the_real_server() {
    run_on_server("lmtp");
}

fn run_on_server(directory: &str) {
    let limit = sessions::MESSAGE_BYTES_MAX;
    let (imap, lmtp) = (format!("append_limit = {limit}"), format!("max_message_size = {limit}"));
    let server = Arc::new(Server::with(Home::new(&imap, &lmtp)));
    run(directory, Only::Server, &mut || Box::new(server::ServerWorld::new(&server)));
    Arc::into_inner(server).expect("all worlds have ended").stop();
}

/// Plays every file of a directory; all that fail are named. `TRANSCRIPT=name` plays one.
fn run(directory: &str, here: Only, world: &mut dyn FnMut() -> Box<dyn World>) {
    let mut failures = Vec::new();
    let wanted = std::env::var("TRANSCRIPT").ok();
    let files = files(directory);
    assert!(!files.is_empty(), "no transcripts in {directory}");
    for file in files {
        let name = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if wanted.as_ref().is_some_and(|wanted| *wanted != name) {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("a transcript is UTF-8 text");
        let outcome = Script::parse(&file, &text).and_then(|script| match script.only {
            Some(only) if only != here => Ok(()),
            _ => caught(&name, || play::play(&script, &name, world().as_mut())),
        });
        failures.extend(outcome.err());
    }
    assert!(failures.is_empty(), "{} failed\n\n{}", failures.len(), failures.join("\n\n"));
}

/// A panic of the session is one more way to fail.
fn caught(name: &str, play: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(play));
    outcome.unwrap_or_else(|why| {
        let text = why.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| why.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(format!("{name}: panicked: {text}"))
    })
}

fn files(directory: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(directory);
    let entries = std::fs::read_dir(folder).expect("the folder of transcripts");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}
