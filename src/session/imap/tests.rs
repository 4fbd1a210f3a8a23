//! Dialogues with a scripted store: what only the session decides. What the store decides too is
//! in tests/transcripts/imap.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Imap;
use crate::session::{Event, Next, Output, Peer, Settings};

pub(super) fn session(remote: bool) -> Imap {
    let settings = Settings {
        hostname: "mail.example.com".to_owned(),
        append_bytes_max: 1_000_000,
        lmtp_bytes_max: 1_000_000,
        insecure_auth: false,
        idle_seconds_max: 1_800,
        login_seconds_max: 60,
    };
    let address = if remote { Ipv4Addr::new(192, 0, 2, 1) } else { Ipv4Addr::LOCALHOST };
    let peer = Peer { address: Some(IpAddr::V4(address)), tls: false, can_start_tls: remote };
    Imap::new(Arc::new(settings), peer)
}

/// Feeds `input` whole and gives what was answered, until a job is out.
fn say(imap: &mut Imap, input: &str) -> (String, Option<Next>) {
    let mut out = Output::new();
    let mut rest = input.as_bytes();
    while !rest.is_empty() {
        let step = imap.step(Event::Input(rest), &mut out);
        rest = &rest[step.consumed..];
        match step.next {
            Next::Read if step.consumed > 0 => {}
            next => return (text(out), Some(next)),
        }
    }
    (text(out), None)
}

fn text(out: Output) -> String {
    String::from_utf8_lossy(&out.into_bytes()).into_owned()
}

/// pitfalls 58, 59
#[test]
fn capabilities_tell_whether_a_password_is_welcome() {
    let mut out = Output::new();
    let _step = session(true).step(Event::Opened, &mut out);
    let greeting = text(out);
    assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev1"), "{greeting}");
    assert!(greeting.contains("STARTTLS LOGINDISABLED]"), "{greeting}");
    let (answer, next) = say(&mut session(true), "a LOGIN me secret\r\n");
    assert_eq!(answer, "a NO [PRIVACYREQUIRED] Use TLS first\r\n");
    assert!(next.is_none());
    let (_, next) = say(&mut session(false), "a LOGIN me secret\r\n");
    assert!(matches!(next, Some(Next::Run(_))));
}

/// An idle session costs next to nothing.
#[test]
fn a_session_is_small() {
    let size = size_of::<Imap>();
    assert!(size < 400, "{size} bytes");
}
