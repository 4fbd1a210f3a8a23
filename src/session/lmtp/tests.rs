//! The session alone, with replies made by hand.

use std::sync::Arc;

use super::*;
use crate::job::{Body, Ticket};
use crate::limits::SPOOL_CHUNK_BYTES;
use crate::model::AccountId;
use crate::session::Settings;

struct Peered {
    session: Lmtp,
    out: Output,
}

fn open(bytes_max: u64) -> Peered {
    open_with(bytes_max, Default::default())
}

fn open_to(proxies: &str) -> Peered {
    open_with(9, proxies.parse().unwrap())
}

fn open_with(bytes_max: u64, xclient_from: crate::model::Networks) -> Peered {
    let settings = Settings {
        hostname: "mx".into(),
        lmtp_bytes_max: bytes_max,
        xclient_from,
        ..Settings::default()
    };
    let peer = Peer { address: None, tls: false, can_start_tls: true };
    let mut peered = Peered { session: Lmtp::new(Arc::new(settings), peer), out: Output::new() };
    assert_eq!(peered.say(""), "220 mx LMTP Sora\r\n");
    peered
}

impl Peered {
    /// Feeds every byte of `text`; finds every recipient but `no@`, delivers to all but `full@`.
    fn say(&mut self, text: &str) -> String {
        let mut rest = text.as_bytes();
        let mut event = if rest.is_empty() { Event::Opened } else { Event::Input(rest) };
        loop {
            let step = self.session.step(event, &mut self.out);
            rest = &rest[step.consumed..];
            event = match step.next {
                Next::Run(job) => Event::Reply(answer(*job)),
                Next::Read if step.consumed > 0 && !rest.is_empty() => Event::Input(rest),
                // After a reply the input that waits is offered again.
                Next::Read if step.consumed == 0 && !rest.is_empty() && rest.contains(&b'\n') => {
                    Event::Input(rest)
                }
                _ => break,
            };
        }
        let said = String::from_utf8(std::mem::take(self.out.buffer())).unwrap();
        self.out = Output::new();
        said
    }
}

fn answer(job: Job) -> Reply {
    match job {
        Job::FindRecipient { given } if given.starts_with("no@") => {
            Reply::Refused(Refusal::NoSuchRecipient)
        }
        Job::FindRecipient { given } if given.starts_with("down@") => {
            Reply::Failed(Fault::Unavailable)
        }
        Job::FindRecipient { given } => Reply::RecipientFound(Recipient {
            account: AccountId(1),
            given,
            detail: None,
            script: None,
            dsn: None,
            goes_on_to: None,
        }),
        Job::Spool { ticket, chunk } => {
            assert!(chunk.len() <= SPOOL_CHUNK_BYTES);
            let bytes = ticket.map_or(0, |ticket| ticket.bytes) + chunk.len() as u64;
            Reply::Spooled(Ticket { bytes, file: Box::new(()) })
        }
        Job::Deliver { recipients, body, .. } => Reply::Delivered(
            recipients
                .iter()
                .map(|recipient| match (&body, recipient.given.as_str()) {
                    (_, "full@x") => Err(DeliveryProblem::Failed(Fault::NoSpace)),
                    (Body::Memory(bytes), "sized@x") => {
                        assert_eq!(bytes, b"Subject: x\r\n\r\n.a\n.b\r\n");
                        Ok(())
                    }
                    _ => Ok(()),
                })
                .collect(),
        ),
        other => panic!("not an LMTP job: {other:?}"),
    }
}

const START: &str = "LHLO a\r\nMAIL FROM:<>\r\n"; // pitfall 1

fn started(bytes_max: u64) -> Peered {
    let mut peered = open(bytes_max);
    let said = peered.say(START);
    assert!(said.ends_with("250 2.1.0 Sender taken\r\n"), "{said}");
    peered
}

#[test]
fn capabilities() {
    let said = open(99).say("LHLO a\r\n");
    let want = "250-mx\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n\
                250-SMTPUTF8\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-STARTTLS\r\n250 SIZE 99\r\n";
    assert_eq!(said, want);
    assert!(open(9).say("EHLO a\r\n").starts_with("500 5.5.1")); // RFC 2033 §4.1
}

#[test] // pitfalls 2 and 3: one reply for each recipient
fn each_recipient_is_answered() {
    let mut peered = started(1000);
    let said =
        peered.say("RCPT TO:<a@x>\r\nRCPT TO:<no@x>\r\nRCPT TO:<down@x>\r\nRCPT TO:<full@x>\r\n");
    let codes: Vec<&str> = said.lines().map(|line| &line[..9]).collect();
    assert_eq!(codes, ["250 2.1.5", "550 5.1.1", "451 4.4.3", "250 2.1.5"]);
    let said = peered.say("DATA\r\nhi\r\n.\r\nNOOP\r\n");
    let want = "354 Send it, end with a dot\r\n250 2.0.0 Stored\r\n\
                452 4.3.1 No space now, try again later\r\n250 2.0.0 Still here\r\n";
    assert_eq!(said, want);
}

#[test]
fn order_of_commands() {
    let mut peered = open(1000);
    assert!(peered.say("MAIL FROM:<a@b>\r\n").starts_with("503"));
    assert!(peered.say("LHLO a\r\nRCPT TO:<a@x>\r\n").ends_with("503 5.5.1 Say MAIL first\r\n"));
    assert!(peered.say("MAIL FROM:<a@b> SIZE=1001\r\n").starts_with("552 5.3.4"));
    assert!(peered.say("MAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\n").contains("503"));
    assert!(
        peered
            .say("RCPT TO:<no@x>\r\nDATA\r\n")
            .ends_with("503 5.5.1 No recipient was accepted\r\n")
    );
    assert!(peered.say("XCLIENT ADDR=1.2.3.4\r\n").starts_with("550 5.7.0")); // pitfall 22
    assert!(peered.say("MAIL FROM:<a@b>\r\n").starts_with("503"));
    assert!(peered.say("RSET\r\nMAIL FROM:<ä@b>\r\n").contains("553 5.6.7"));
    assert!(peered.say("MAIL FROM:<ä@b> SMTPUTF8\r\n").starts_with("250"));
}

#[test] // pitfall 12
fn too_large_is_drained() {
    let mut peered = started(100);
    peered.say("RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\n");
    let said = peered.say(&format!("DATA\r\n{}\r\n.\r\nNOOP\r\n", "x".repeat(300_000)));
    assert_eq!(said.matches("552 5.3.4").count(), 2, "{said}");
    assert!(said.ends_with("Still here\r\n"));
}

#[test]
fn large_messages_are_spooled() {
    let mut peered = started(10_000_000);
    peered.say("RCPT TO:<a@x>\r\n");
    let said =
        peered.say(&format!("DATA\r\n{}.\r\nNOOP\r\n", "0123456789abcd\r\n".repeat(100_000)));
    assert!(said.ends_with("250 2.0.0 Stored\r\n250 2.0.0 Still here\r\n"), "{said}");
}

#[test] // pitfall 141, and dots undone
fn dots() {
    let mut peered = started(1000);
    peered.say("RCPT TO:<sized@x>\r\n");
    let said = peered.say("DATA\r\nSubject: x\r\n\r\n..a\n.b\r\n.\r\n");
    assert!(said.ends_with("250 2.0.0 Stored\r\n"), "{said}");
}

#[test]
fn long_lines_are_answered_once() {
    let mut peered = open(9);
    let said = peered.say(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(200_000)));
    assert_eq!(said, "500 5.5.2 Line too long\r\n250 2.0.0 Still here\r\n");
}

#[test]
fn wrong_commands_are_counted() {
    let mut peered = open(9);
    let said = peered.say(&"NONSENSE\r\n".repeat(60));
    assert!(said.ends_with("421 4.7.0 Too many wrong commands, closing\r\n"));
    assert_eq!(said.lines().count(), 51);
}

#[test] // RFC 3030 §2: whatever is wrong, the chunk is not read as commands
fn chunks_that_nobody_wants_are_read_to_their_end() {
    let said = open(100).say("LHLO a\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
    assert!(said.ends_with("503 5.5.1 No recipient was accepted\r\n250 2.0.0 Still here\r\n"));
    for bdat in ["BDAT 99999999999999999999", "BDAT x", "BDAT"] {
        let said = started(100).say(&format!("{bdat}\r\nNOOP\r\n"));
        assert!(said.starts_with("50") && said.lines().count() == 1, "{bdat}: {said}");
    }
    let mut peered = started(10);
    peered.say("RCPT TO:<a@x>\r\n");
    let said = peered.say("BDAT 6\r\naaaa\r\nBDAT 6\r\nbbbb\r\nBDAT 3 LAST\r\nc\r\nNOOP\r\n");
    let codes: Vec<&str> = said.lines().map(|line| &line[..9]).collect();
    assert_eq!(codes, ["250 2.0.0", "552 5.3.4", "503 5.5.1", "250 2.0.0"], "{said}");
    let mut peered = started(10);
    peered.say("RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\n");
    let said = peered.say("BDAT 12 LAST\r\naaaaaaaaaa\r\n");
    assert!(said.lines().count() == 2 && said.lines().all(|line| line.starts_with("552 5.3.4")));
}

#[test]
fn chunks_go_to_the_spool_like_anything_else() {
    let size = SPOOL_CHUNK_BYTES * 2 + 17;
    let mut peered = started(1 << 30);
    peered.say("RCPT TO:<sized@x>\r\n");
    let chunk = |size: usize, last: &str| format!("BDAT {size}{last}\r\n{}", "\n".repeat(size));
    let said = peered.say(&chunk(size, ""));
    assert_eq!(said, format!("250 2.0.0 {size} bytes so far\r\n"));
    assert_eq!(peered.say(&chunk(1, " LAST")), "250 2.0.0 Stored\r\n");
}

#[test] // pitfall 22
fn only_proxies_speak_for_others() {
    let said = open(9).say("LHLO a\r\nXCLIENT ADDR=192.0.2.7\r\n");
    assert!(!said.contains("XCLIENT") && said.ends_with("550 5.7.0 Not from here\r\n"), "{said}");
    let mut peered = open_to("unix");
    assert!(peered.say("LHLO a\r\n").contains("250-XCLIENT NAME ADDR "));
    let said = peered.say("XCLIENT ADDR=192.0.2.7 NAME=[UNAVAILABLE]\r\nMAIL FROM:<a@b>\r\n");
    assert!(said.starts_with("220 mx LMTP") && said.ends_with("503 5.5.1 Say LHLO first\r\n"));
    peered.say("LHLO a\r\nMAIL FROM:<a@b> ENVID=x+2By RET=HDRS\r\n");
    let envelope = &peered.session.transaction.as_ref().unwrap().envelope;
    assert_eq!(envelope.peer, Some("192.0.2.7".parse().unwrap()));
    let dsn = envelope.dsn.as_deref().unwrap();
    assert_eq!((dsn.full, dsn.id.as_deref()), (Some(false), Some("x+y")));
}

#[test]
fn what_is_forwarded_is_of_one_message() {
    let mut peered = open_to("unix");
    let peer = |peered: &mut Peered, before: &str| {
        peered.say(&format!("RSET\r\n{before}MAIL FROM:<a@b>\r\n"));
        peered.session.transaction.as_ref().unwrap().envelope.peer.map(|peer| peer.to_string())
    };
    peered.say("LHLO a\r\n");
    let forward = "XFORWARD ADDR=203.0.113.9\r\n";
    assert_eq!(peer(&mut peered, forward).as_deref(), Some("203.0.113.9"));
    assert!(peered.say(forward).starts_with("503 5.5.1 "), "inside a transaction");
    assert_eq!(peer(&mut peered, ""), None);
    assert_eq!(peer(&mut peered, &format!("{forward}RSET\r\n")), None);
    peered.say("RSET\r\nXCLIENT ADDR=192.0.2.7\r\nLHLO a\r\n");
    assert_eq!(peer(&mut peered, forward).as_deref(), Some("203.0.113.9"));
    assert_eq!(peer(&mut peered, "").as_deref(), Some("192.0.2.7"));
}

#[test] // what was not offered is refused, what is wrong is so in any case
fn parameters() {
    let mut peered = open(100);
    peered.say("LHLO a\r\n");
    assert!(peered.say("MAIL FROM:<a@b> BY=60;N\r\n").starts_with("555 5.5.4"));
    assert!(peered.say("MAIL FROM:<a@b> SIZE=99999999999999999999\r\n").starts_with("552 5.3.4"));
    assert!(peered.say("MAIL FROM:<a@b> RET=FULL RET=FULL\r\n").starts_with("501 5.5.4"));
    assert!(peered.say("MAIL FROM:<a@b> RET=FULL ENVID=x AUTH=<>\r\n").starts_with("250 2.1.0"));
    assert!(peered.say("RCPT TO:<a@x> NOTIFY=NEVER,DELAY\r\n").starts_with("501 5.5.4"));
    assert!(peered.say("RCPT TO:<a@x> NOTIFY=NEVER\r\n").starts_with("250 2.1.5"));
    assert!(peered.say("XCLIENT ADDR=nonsense\r\n").starts_with("501 5.5.4")); // pitfall 22
    assert!(peered.say("EXPN staff\r\n").starts_with("502 5.5.1"));
}

#[test]
fn starttls_forgets() {
    let mut peered = open(9);
    assert!(peered.say("LHLO a\r\nSTARTTLS\r\n").ends_with("220 2.0.0 Go ahead\r\n"));
    let step = peered.session.step(Event::TlsStarted, &mut peered.out);
    assert!(matches!(step.next, Next::Read));
    assert!(peered.say("MAIL FROM:<a@b>\r\n").starts_with("503")); // RFC 3207 §4.2
    assert!(!peered.say("LHLO a\r\n").contains("STARTTLS"));
    assert!(peered.say("STARTTLS\r\n").starts_with("503"));
}

#[test] // RFC 5429 §2.1.1, RFC 5321 §4.5.3.1.5
fn a_refusal_is_told_in_lines_that_are_not_too_long() {
    let check = |why: &str, want: &[&str]| {
        let mut out = Output::new();
        reject(why, &mut out);
        let said = String::from_utf8(std::mem::take(out.buffer())).unwrap();
        assert_eq!(said.split_terminator("\r\n").collect::<Vec<_>>(), want);
    };
    check("no", &["550 5.7.1 no"]);
    check("a\r\n\r\n  b\tc \r\nd\u{e9}\0", &["550-5.7.1 a", "550-5.7.1   b c", "550 5.7.1 d??"]);
    check(" \r\n", &["550 5.7.1 The recipient does not want this message"]);
    let (words, long) = ("word ".repeat(80), "x".repeat(REJECT_COLUMNS_MAX));
    let (first, rest) = (words.trim_end(), format!("550 5.7.1 {long}"));
    check(&format!("{words}{long}"), &[&format!("550-5.7.1 {first}"), &rest]);
    check(&format!("{long}y"), &[&format!("550-5.7.1 {long}"), "550 5.7.1 y"]);
    let mut out = Output::new();
    reject(&"a\n".repeat(1_000), &mut out);
    assert_eq!(out.buffer().split(|byte| *byte == b'\n').count(), REJECT_LINES_MAX + 1);
}
