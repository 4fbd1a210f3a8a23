//! What transcripts cannot show: scripts that come in pieces.

use std::sync::Arc;

use super::ManageSieve;
use crate::job::{Job, Reply};
use crate::session::testing::{logged_in, peer};
use crate::session::{Event, Next, Output, Settings, SieveSettings};
use crate::sieve::SERVED;

struct Dialogue {
    session: ManageSieve,
    said: String,
    waiting: Vec<u8>,
    /// Scripts that were stored, by size.
    stored: Vec<usize>,
    closed: bool,
    /// Most bytes that waited in the connection.
    most: usize,
}

impl Dialogue {
    fn logged_in() -> Self {
        Self::with(SieveSettings { script_bytes_max: 1 << 20, ..SieveSettings::default() })
    }

    fn with(sieve: SieveSettings) -> Self {
        let settings = Settings { sieve, ..Settings::default() };
        let mut dialogue = Self {
            session: ManageSieve::new(Arc::new(settings), peer(false)),
            said: String::new(),
            waiting: Vec::new(),
            stored: Vec::new(),
            closed: false,
            most: 0,
        };
        dialogue.say(b"AUTHENTICATE \"PLAIN\" \"AG1lAHNlY3JldA==\"\r\n");
        dialogue.check("OK \"Logged in\"\r\n");
        dialogue
    }

    /// Feeds bytes as a connection does.
    fn say(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        self.most = self.most.max(self.waiting.len());
        loop {
            if self.waiting.is_empty() || self.closed {
                return;
            }
            let waiting = std::mem::take(&mut self.waiting);
            let consumed = self.step(Event::Input(&waiting));
            self.waiting = waiting.get(consumed..).expect("consumed too much").to_vec();
            if consumed == 0 {
                return;
            }
        }
    }

    fn step(&mut self, event: Event<'_>) -> usize {
        let mut out = Output::new();
        let step = self.session.step(event, &mut out);
        self.said.push_str(&String::from_utf8_lossy(&out.into_bytes()));
        match step.next {
            Next::Run(job) => {
                let reply = self.answer(*job);
                self.step(Event::Reply(reply));
            }
            Next::Close => self.closed = true,
            _ => {}
        }
        step.consumed
    }

    fn answer(&mut self, job: Job) -> Reply {
        match job {
            Job::Login { .. } => logged_in(),
            Job::PutScript { script, .. } => {
                self.stored.push(script.len());
                Reply::ScriptTaken { warnings: "line 1, column 1: \"x\"".into() }
            }
            job => panic!("{job:?}"),
        }
    }

    #[track_caller]
    fn check(&mut self, want: &str) {
        assert_eq!(std::mem::take(&mut self.said), want);
    }
}

#[test] // RFC 6134 §2.8
fn schemes_of_lists_are_told_where_there_are_lists() {
    let mut with = Dialogue::with(SieveSettings { offered: SERVED, ..SieveSettings::default() });
    with.say(b"CAPABILITY\r\n");
    assert!(with.said.contains("\"EXTLISTS\" \"tag urn\"\r\n"), "{}", with.said);
    assert!(with.said.contains(" extlists "), "{}", with.said);
    let mut without = Dialogue::logged_in();
    without.say(b"CAPABILITY\r\n");
    assert!(!without.said.to_lowercase().contains("extlists"), "{}", without.said);
}

#[test]
fn a_large_script_does_not_wait_in_the_connection() {
    let mut dialogue = Dialogue::logged_in();
    let put = |size: usize| {
        let head = format!("PUTSCRIPT \"a\" {{{size}+}}\r\n").into_bytes();
        [head, vec![b'#'; size], b"\r\n".to_vec()].concat()
    };
    let taken = "OK (WARNINGS) \"line 1, column 1: \\\"x\\\"\"\r\n";
    for size in [1 << 20, 0, 70_000, 30_000, 32_768] {
        // Another command in the same breath, and one whose head comes with the tail of this.
        let bytes = [put(size), b"NOOP\r\n".to_vec(), put(3)].concat();
        bytes.chunks(16_000).for_each(|chunk| dialogue.say(chunk));
        dialogue.check(&format!("{taken}OK \"Done\"\r\n{taken}"));
        assert_eq!(std::mem::take(&mut dialogue.stored), [size, 3]);
        assert!(dialogue.waiting.is_empty() && dialogue.session.gathering.is_empty());
    }
    assert!(dialogue.most <= 64_000, "{} bytes waited", dialogue.most);
}

#[test] // pitfall 126
fn what_is_too_large_is_skipped_or_ends_it() {
    let mut dialogue = Dialogue::logged_in();
    dialogue.say(b"PUTSCRIPT \"a\" {1200000+}\r\n");
    dialogue.check("NO (QUOTA/MAXSIZE) \"At most 1048576 bytes\"\r\n");
    for _ in 0..120 {
        dialogue.say(&[b'\n'; 10_000]);
    }
    dialogue.say(b"\r\nNOOP\r\n");
    dialogue.check("OK \"Done\"\r\n");
    // Gathered, and then too much by another literal.
    let many = [&b"PUTSCRIPT \"a\" {1000000+}\r\n"[..], &vec![b'#'; 1_000_000]].concat();
    many.chunks(40_000).for_each(|chunk| dialogue.say(chunk));
    dialogue.check("");
    dialogue.say(b" {90000+}\r\n");
    assert!(dialogue.said.starts_with("NO (QUOTA/MAXSIZE)"), "{}", dialogue.said);
    for _ in 0..9 {
        dialogue.say(&[b'#'; 10_000]);
    }
    dialogue.said.clear();
    dialogue.say(b"\r\nNOOP\r\n");
    dialogue.check("OK \"Done\"\r\n");
    assert!(dialogue.stored.is_empty() && !dialogue.closed);
}

#[test]
fn no_command_is_lost_behind_one_that_is_too_long() {
    for tail in [30, 63, 200] {
        for before in (3_900..4_200).step_by(20) {
            let mut dialogue = Dialogue::logged_in();
            let literal = [&b"PUTSCRIPT \"a\" {40000+}\r\n"[..], &[b'#'; 40_000]].concat();
            literal.chunks(16_000).for_each(|chunk| dialogue.say(chunk));
            dialogue.say(&vec![b'x'; before]);
            dialogue.say(&vec![b'y'; tail]);
            dialogue.say(b"\r\nNOOP\r\nNOOP\r\n");
            let done = "OK \"Done\"\r\n";
            let said = std::mem::take(&mut dialogue.said);
            assert!(said.starts_with("NO "), "{before} {tail}: {said}");
            assert_eq!(said.matches(done).count(), 2, "{before} {tail}: {said}");
        }
    }
}
