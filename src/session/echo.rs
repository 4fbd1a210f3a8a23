//! A session for the tests of `net`: lines in, lines out, and one word for everything a session can
//! ask of its connection.

use super::{Event, Next, Output, Peer, Standing, Step};
use crate::job::{Job, MailboxKey};
use crate::model::{AccountId, MailboxId};

/// What it waits for.
#[derive(Debug)]
enum Waiting {
    Line,
    /// Bytes of a `sink` still to come, and their sum so far.
    Bytes(usize, u64),
    /// Bytes of a `big` still to be written.
    Drained(usize),
    Reply,
    Tls,
}

/// The session.
#[derive(Debug)]
pub struct Echo {
    waiting: Waiting,
    peer: Peer,
    watches: Option<MailboxKey>,
    patience_seconds: u32,
}

const SLICE: usize = 64 * 1024;

impl Echo {
    pub(super) fn new(peer: Peer) -> Self {
        Self { waiting: Waiting::Line, peer, watches: None, patience_seconds: 60 }
    }

    pub(super) fn standing(&self) -> Standing {
        Standing {
            watches: [self.watches, None],
            patience_seconds: self.patience_seconds,
            trusted: true,
            expects_input: matches!(self.waiting, Waiting::Bytes(..)),
        }
    }

    pub(super) fn step(&mut self, event: Event<'_>, out: &mut Output) -> Step {
        let mut consumed = 0;
        let next = match event {
            Event::Opened => self.say(out, format_args!("hello tls={}", self.peer.tls)),
            Event::Refused => Self::end(out, "refused"),
            Event::Timeout => Self::end(out, "timeout"),
            Event::Shutdown => Self::end(out, "bye"),
            Event::TlsStarted => {
                self.peer.tls = true;
                self.waiting = Waiting::Line;
                Next::Read
            }
            Event::Changed(change) => {
                assert!(!matches!(self.waiting, Waiting::Reply), "no change while a job is out");
                let (mailbox, mod_seq) = (change.mailbox.mailbox, change.mod_seq);
                self.say(out, format_args!("changed {mailbox} {mod_seq}"))
            }
            Event::Reply(reply) => {
                assert!(matches!(self.waiting, Waiting::Reply), "a reply nobody waits for");
                self.waiting = Waiting::Line;
                self.say(out, format_args!("{reply:?}"))
            }
            Event::Drained => match self.waiting {
                Waiting::Drained(left) => self.big(left, out),
                _ => panic!("drained while {:?}", self.waiting),
            },
            Event::Input(bytes) => match self.waiting {
                Waiting::Bytes(left, sum) => {
                    let taken = bytes.get(..left).unwrap_or(bytes);
                    consumed = taken.len();
                    let sum = sum + taken.iter().map(|byte| u64::from(*byte)).sum::<u64>();
                    self.sink(left - consumed, sum, out)
                }
                Waiting::Line => match bytes.iter().position(|byte| *byte == b'\n') {
                    Some(end) => {
                        consumed = end + 1;
                        let line = String::from_utf8_lossy(&bytes[..end]).trim().to_owned();
                        self.on_line(&line, out)
                    }
                    None => Next::Read,
                },
                _ => panic!("input while {:?}", self.waiting),
            },
        };
        Step { consumed, next }
    }

    fn on_line(&mut self, line: &str, out: &mut Output) -> Next {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = rest.parse().unwrap_or(0);
        match word {
            "big" => self.big(number, out),
            "sink" => self.sink(number, 0, out),
            "quit" => Self::end(out, "quit"),
            "panic" => panic!("as the test wants"),
            "patience" => {
                self.patience_seconds = u32::try_from(number).unwrap();
                self.say(out, format_args!("patient"))
            }
            "watch" => {
                let mailbox = MailboxId(i64::try_from(number).unwrap());
                self.watches = Some(MailboxKey { account: AccountId(1), mailbox });
                self.say(out, format_args!("watching"))
            }
            "job" => {
                self.waiting = Waiting::Reply;
                let account = AccountId(i64::try_from(number).unwrap());
                Next::Run(Box::new(Job::ListMailboxes { account }))
            }
            "starttls" => {
                self.waiting = Waiting::Tls;
                out.line(format_args!("begin can={}", self.peer.can_start_tls));
                Next::StartTls
            }
            _ => self.say(out, format_args!("{line}")),
        }
    }

    fn big(&mut self, left: usize, out: &mut Output) -> Next {
        let count = left.min(SLICE);
        out.put(&vec![b'x'; count]);
        self.waiting = Waiting::Drained(left - count);
        if left == 0 {
            self.waiting = Waiting::Line;
            return self.say(out, format_args!("end"));
        }
        Next::Drain
    }

    fn sink(&mut self, left: usize, sum: u64, out: &mut Output) -> Next {
        self.waiting = if left == 0 { Waiting::Line } else { Waiting::Bytes(left, sum) };
        if left == 0 { self.say(out, format_args!("sum {sum}")) } else { Next::Read }
    }

    fn say(&self, out: &mut Output, text: std::fmt::Arguments<'_>) -> Next {
        out.line(text);
        Next::Read
    }

    fn end(out: &mut Output, word: &str) -> Next {
        out.line(format_args!("{word}"));
        Next::Close
    }
}
