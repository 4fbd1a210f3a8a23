//! What was asked of the daemon and what it answered: all that a client can know.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::load::{PASSWORD, USERS};
use crate::support::connection::Connection;
use crate::support::daemon::Daemon;

/// What another daemon had taken when it was killed becomes due within a minute.
const SEEN_WITHIN: Duration = Duration::from_secs(120);

/// How far something got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Not asked for.
    No,
    /// Asked for, and the answer never came.
    Unknown,
    /// Answered OK or 250.
    Yes,
}

/// One message for one user, by LMTP or by APPEND to INBOX.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) user: usize,
    pub(super) token: String,
    pub(super) message: Vec<u8>,
    pub(super) done: Done,
}

/// Three messages appended to `Work`, copied together, and then moved or expunged together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) messages: Vec<(String, Vec<u8>, Done)>,
    pub(super) copied: Done,
    pub(super) moved: Done,
    pub(super) expunged: Done,
}

/// Everything so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) batches: Vec<Batch>,
}

/// Messages of a mailbox by their token.
type Found = HashMap<String, Vec<Vec<u8>>>;

impl Ledger {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Compares with what the daemon has now.
    pub(super) fn verify(&self, daemon: &Daemon) -> Result<(), String> {
        for (user, address) in USERS.iter().enumerate() {
            let inbox = read(daemon, address, "INBOX")?;
            let mut known = 0;
            for arrival in self.arrivals.iter().filter(|arrival| arrival.user == user) {
                let copies = inbox.get(&arrival.token).map_or(&[][..], |copies| copies);
                known += copies.len();
                count(&arrival.token, copies.len(), arrival.done)?;
                whole(&arrival.token, copies, &arrival.message)?;
            }
            let all: usize = inbox.values().map(Vec::len).sum();
            if all != known {
                return Err(format!("{address} has {all} messages, {known} were sent"));
            }
        }
        let [work, copied, moved] =
            ["Work", "Copied", "Moved"].map(|name| read(daemon, USERS[0], name));
        let (work, copied, moved) = (work?, copied?, moved?);
        let seen = read(daemon, USERS[0], "Seen")?;
        for (token, copies) in &seen {
            let most = copied.get(token).map_or(0, Vec::len);
            if copies.len() > most {
                return Err(format!(
                    "a script has seen {token} {} times, not {most}",
                    copies.len()
                ));
            }
        }
        self.batches.iter().try_for_each(|batch| batch.verify(&work, &copied, &moved))
    }

    /// Waits until a script has seen each copy, once (RFC 6785 §2.2.2).
    pub(super) fn settle(daemon: &Daemon) -> Result<(), String> {
        let end = Instant::now() + SEEN_WITHIN;
        loop {
            let numbers = |found: Found| {
                found.into_iter().map(|(token, copies)| (token, copies.len())).collect()
            };
            let copied: BTreeMap<String, usize> = numbers(read(daemon, USERS[0], "Copied")?);
            let seen: BTreeMap<String, usize> = numbers(read(daemon, USERS[0], "Seen")?);
            if copied == seen {
                return Ok(());
            } else if Instant::now() > end {
                return Err(format!("copied: {copied:?}, seen by a script: {seen:?}"));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Batch {
    fn verify(&self, work: &Found, copied: &Found, moved: &Found) -> Result<(), String> {
        let number = |found: &Found, token: &str| found.get(token).map_or(0, Vec::len);
        for (token, message, done) in &self.messages {
            let left = self.moved == Done::No && self.expunged == Done::No;
            if left {
                count(token, number(work, token), *done)?;
            }
            for found in [work, copied, moved] {
                whole(token, found.get(token).map_or(&[][..], |copies| copies), message)?;
            }
        }
        let together = |found: &Found| {
            let counts: Vec<usize> =
                self.messages.iter().map(|(token, ..)| number(found, token)).collect();
            let same = counts.windows(2).all(|two| two[0] == two[1]);
            if same { Ok(counts.first().copied().unwrap_or(0)) } else { Err(format!("{counts:?}")) }
        };
        let first = self.messages.first().map_or("", |(token, ..)| token);
        let copies = together(copied).map_err(|why| format!("COPY of {first} in part: {why}"))?;
        count(first, copies, self.copied).map_err(|why| format!("COPY: {why}"))?;
        if self.moved == Done::No && self.expunged == Done::No {
            return Ok(());
        }
        let there = together(work).map_err(|why| format!("{first} gone in part: {why}"))?;
        let target = together(moved).map_err(|why| format!("MOVE of {first} in part: {why}"))?;
        let (gone, wanted) = match self.moved {
            Done::No => (self.expunged, [(1, 0), (0, 0)]),
            moved => (moved, [(1, 0), (0, 1)]),
        };
        let right = match gone {
            Done::Yes => (there, target) == wanted[1],
            _ => wanted.contains(&(there, target)),
        };
        match right {
            true => Ok(()),
            false => Err(format!("{first}: {there} in Work, {target} in Moved, {self:?}")),
        }
    }
}

fn count(token: &str, copies: usize, done: Done) -> Result<(), String> {
    let right = match done {
        Done::No => copies == 0,
        Done::Unknown => copies <= 1,
        Done::Yes => copies == 1,
    };
    match right {
        true => Ok(()),
        false => Err(format!("{token} is there {copies} times, answered: {done:?}")),
    }
}

/// Delivered mail has trace lines in front.
fn whole(token: &str, copies: &[Vec<u8>], message: &[u8]) -> Result<(), String> {
    match copies.iter().all(|copy| copy.ends_with(message)) {
        true => Ok(()),
        false => Err(format!("{token} is not whole")),
    }
}

fn read(daemon: &Daemon, user: &str, mailbox: &str) -> Result<Found, String> {
    let text = |error: std::io::Error| format!("{user} {mailbox}: {error}");
    let mut imap = Connection::imap(daemon.imap, user, PASSWORD).map_err(text)?;
    imap.must(&format!("SELECT {mailbox}")).map_err(text)?;
    let answer = imap.must("UID FETCH 1:* (RFC822.SIZE BODY.PEEK[])").map_err(text)?;
    let mut found = Found::new();
    for response in answer.untagged {
        let Some(end) = response.windows(2).position(|two| two == b"\r\n") else { continue };
        let body = response[end + 2..response.len() - 1].to_vec();
        let head = String::from_utf8_lossy(&body[..body.len().min(1_000)]).into_owned();
        let token = head.split_once("X-Token: ").and_then(|(_, rest)| rest.split("\r\n").next());
        found.entry(token.unwrap_or("no token").to_owned()).or_default().push(body);
    }
    Ok(found)
}
