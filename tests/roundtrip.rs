//! What is delivered and what is appended comes back byte for byte (pitfall 99, pitfall 143).

use std::path::Path;

use crate::support::connection::Connection;
use crate::support::server::Server;
use crate::support::{mail, sexp};

/// Generated messages in `make test`, and in `make soak`.
const GENERATED: u32 = 520;
const GENERATED_SOAKING: u32 = 10_000;
const LARGE_BYTES: usize = 20 * 1024 * 1024;
const USER: &str = "round@example.com";

/// Every message, none twice: a repeated one with a Received field is taken for a retry (pitfall 6).
fn messages() -> Vec<Vec<u8>> {
    let soaking = std::env::var_os("SORA_SOAK").is_some();
    let generated = if soaking { GENERATED_SOAKING } else { GENERATED };
    let mut messages: Vec<Vec<u8>> = (0..generated).map(mail::message).collect();
    messages.push(mail::large(LARGE_BYTES));
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus"), &mut messages);
    assert!(messages.len() > GENERATED as usize + 90, "the corpus is missing");
    messages.sort();
    messages.dedup();
    messages
}

fn collect(folder: &Path, messages: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the corpus") {
        let path = entry.expect("an entry of the corpus").path();
        if path.is_dir() {
            collect(&path, messages);
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            messages.push(std::fs::read(&path).expect("a file of the corpus"));
        }
    }
}

#[test]
fn appended_mail_comes_back_as_it_was() {
    let server = Server::start();
    server.home.create_account(USER, "pw");
    let mut imap = Connection::imap(server.imap(), USER, "pw").expect("a login");
    imap.must("SELECT INBOX").expect("INBOX");
    for (n, message) in messages().iter().enumerate() {
        let answer = imap.append("INBOX", message).expect("an answer");
        assert!(answer.is_ok(), "message {n}: {}", answer.tagged);
        let uid = answer.tagged.split([' ', ']']).nth(3).and_then(|uid| uid.parse().ok());
        let uid = uid.unwrap_or_else(|| panic!("no APPENDUID: {}", answer.tagged));
        let (bytes, size) = imap.fetch_body(uid).expect("its body");
        assert!(bytes == *message, "message {n} (UID {uid}) came back changed");
        assert_eq!(size, message.len(), "RFC822.SIZE of message {n}");
    }
    structures_parse(&mut imap);
    drop(imap);
    server.stop();
}

#[test]
fn delivered_mail_comes_back_behind_its_trace_lines() {
    let server = Server::start();
    server.home.create_account(USER, "pw");
    let mut lmtp = Connection::lmtp(server.lmtp()).expect("a connection");
    let messages = messages();
    for (n, message) in messages.iter().enumerate() {
        let replies = lmtp.deliver(&[USER], message).expect("replies");
        assert!(replies.len() == 1 && replies[0].starts_with("250"), "message {n}: {replies:?}");
    }
    let mut imap = Connection::imap(server.imap(), USER, "pw").expect("a login");
    imap.must("SELECT INBOX").expect("INBOX");
    for (uid, message) in (1..).zip(&messages) {
        let (bytes, size) = imap.fetch_body(uid).expect("its body");
        assert_eq!(size, bytes.len(), "RFC822.SIZE of UID {uid}");
        let mut sent = message.clone();
        if !sent.ends_with(b"\r\n") {
            sent.extend_from_slice(b"\r\n"); // DATA cannot end otherwise
        }
        let Some(trace) = bytes.strip_suffix(&sent[..]) else {
            panic!("UID {uid} came back changed");
        };
        let trace = String::from_utf8_lossy(trace);
        let names: Vec<&str> = trace
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split_once(':').map(|(name, _)| name))
            .collect();
        assert_eq!(names, ["Return-Path", "Delivered-To", "Received"], "{trace}");
        assert!(trace.ends_with("\r\n"), "{trace}");
    }
    structures_parse(&mut imap);
    drop(imap);
    server.stop();
}

/// BODYSTRUCTURE, BODY and ENVELOPE of everything are lists that close.
fn structures_parse(imap: &mut Connection) {
    let answer = imap.must("FETCH 1:* (BODYSTRUCTURE ENVELOPE BODY)").expect("an answer");
    for response in &answer.untagged {
        let list = response.iter().position(|byte| *byte == b'(').map(|at| &response[at..]);
        let shown = String::from_utf8_lossy(response);
        assert!(list.is_some_and(sexp::is_list), "not a list: {shown:.2000}");
    }
    assert!(answer.untagged.len() > 600, "every message was told");
}
