//! Libraries that webmail and scripts are made of: imaplib, imapclient, imapflow.

use std::ffi::OsStr;
use std::path::Path;

use super::{PASSWORD, Place, USER};
use crate::support::program;

/// Runs a script of tests/clients with two ports, a user and a password; it ends with `done`.
fn script(interpreter: &Path, place: &Place, name: &str, ports: [u16; 2], env: &[(&str, &OsStr)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    let [first, second] = ports;
    let args = [
        folder.display().to_string(),
        first.to_string(),
        second.to_string(),
        USER.to_owned(),
        PASSWORD.to_owned(),
    ];
    let ended = program::run_with(interpreter, place.folder(), &args, env, b"").ok();
    assert!(ended.text().trim_end().ends_with("done"), "{}", ended.text());
}

/// True if Python can import a library.
fn has(python: &Path, library: &str) -> bool {
    let import = format!("import {library}");
    python.is_file()
        && std::process::Command::new(python)
            .args(["-c", &import])
            .output()
            .is_ok_and(|ended| ended.status.success())
}

/// IMAP's and LMTP's.
fn ports(place: &Place) -> [u16; 2] {
    [place.server.imap().port(), place.server.lmtp().port()]
}

#[test]
fn python_poplib() {
    let Some(python) = program::find("python3") else { return };
    let place = Place::new(3);
    let ports = [place.server.pop3().port(), place.server.pop3s().port()];
    script(&python, &place, "poplib_session.py", ports, &[]);
    place.stop();
}

#[test]
fn python_imaplib() {
    let Some(python) = program::find("python3") else { return };
    let place = Place::new(3);
    script(&python, &place, "imaplib_session.py", ports(&place), &[]);
    place.stop();
}

#[test]
fn python_managesieve() {
    let python = program::libraries().join("venv/bin/python");
    if !has(&python, "sievelib") {
        return program::skipped("sievelib");
    }
    let place = Place::new(0);
    let port = place.server.managesieve().port();
    script(&python, &place, "managesieve_session.py", [port, port], &[]);
    place.stop();
}

#[test]
fn python_imapclient() {
    let python = program::libraries().join("venv/bin/python");
    if !python.is_file() {
        return program::skipped("imapclient");
    }
    let place = Place::new(3);
    script(&python, &place, "imapclient_session.py", ports(&place), &[]);
    place.stop();
}

#[test]
fn node_imapflow() {
    let modules = program::libraries().join("node_modules");
    if !modules.join("imapflow").is_dir() {
        return program::skipped("imapflow");
    }
    let Some(node) = program::find("node") else { return };
    let place = Place::new(3);
    script(
        &node,
        &place,
        "imapflow_session.js",
        ports(&place),
        &[("NODE_PATH", modules.as_os_str())],
    );
    place.stop();
}
