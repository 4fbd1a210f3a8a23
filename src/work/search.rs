//! SEARCH, a slice at a time: about [`SEARCH_SLICE_MILLISECONDS`] of work, then the session asks
//! again, so that no search keeps others waiting.
//!
//! What the snapshot tells is asked first; only messages that it leaves open are read. What the
//! database holds is looked at where it lies; of what lies elsewhere the headers are read before the
//! bodies where that may settle it.

use std::time::{Duration, Instant};

use parser::message::MessageMap;

use super::clock;
use super::parts;
use super::run::{Answer, Runner, Trouble};
use crate::job::{Fetched, MailboxKey, Reply, Wants};
use crate::limits::SEARCH_SLICE_MILLISECONDS;
use crate::mail::matcher::{Facts, Matcher};
use crate::mail::search::Query;
use crate::mail::{Message, Snapshot, UidRuns};
use crate::model::{ModSeq, Uid};
use crate::store::Scan;

/// Messages looked at between two glances at the clock.
const WINDOW_MESSAGES: usize = 4_096;
/// Of them, messages to be read.
const WINDOW_READ: usize = 512;
/// Messages looked at in the database between two glances at the clock.
const SCANNED: u32 = 8;

/// Only the headers: most of a message is never read for `FROM x`.
const HEADERS: Wants = Wants { envelope: false, map: false, header: true, body: false };
const WHOLE: Wants = Wants { envelope: false, map: true, header: false, body: true };

/// Runs [`Job::Search`](crate::job::Job::Search): looks through the messages of `among` from `from`
/// on, as far as the time of a slice goes.
pub(super) fn run(
    runner: &Runner,
    mailbox: MailboxKey,
    query: &Query,
    among: &UidRuns,
    from: Uid,
) -> Answer {
    let snapshot = runner.snapshots.current(mailbox)?;
    let deadline = clock::now() + Duration::from_millis(SEARCH_SLICE_MILLISECONDS);
    let mut slice = Slice {
        runner,
        mailbox,
        snapshot: &snapshot,
        matcher: Matcher::new(query),
        deadline,
        scans: scans(query),
        stages: stages(query),
        found: UidRuns::new(),
        mod_seq: ModSeq(0),
    };
    let next = slice.look(among, from)?;
    let Slice { found: uids, mod_seq, .. } = slice;
    Ok(Reply::Found { uids, mod_seq, next, snapshot })
}

/// What is looked at in the database, in turn, until it is clear whether a message matches. Bodies
/// lie on pages of their own; an ENVELOPE is a fraction of that.
fn scans(query: &Query) -> &'static [Scan] {
    let needs = query.needs();
    match (needs.header || needs.body, query.asks_envelope()) {
        (false, _) => &[],
        (true, false) => &[Scan::Bodies],
        (true, true) => &[Scan::Envelopes, Scan::Bodies],
    }
}

/// What is read of a message, in turn, until it is clear whether it matches.
fn stages(query: &Query) -> &'static [Wants] {
    let header_only = |query: &Query| query.needs().header && !query.needs().body;
    match (query.needs().header, query.needs().body) {
        (false, false) => &[],
        (true, false) => &[HEADERS],
        // `FROM x BODY y`: most messages are not from x.
        (true, true) if matches!(query, Query::And(all) if all.iter().any(header_only)) => {
            &[HEADERS, WHOLE]
        }
        (_, true) => &[WHOLE],
    }
}

struct Slice<'a> {
    runner: &'a Runner,
    mailbox: MailboxKey,
    snapshot: &'a Snapshot,
    matcher: Matcher,
    deadline: Instant,
    scans: &'static [Scan],
    stages: &'static [Wants],
    found: UidRuns,
    mod_seq: ModSeq,
}

/// Messages, ascending, and whether they match as far as is known.
type Window = Vec<(Message, Option<bool>)>;

impl Slice<'_> {
    /// Looks on until the time is over; where to go on.
    fn look(&mut self, among: &UidRuns, from: Uid) -> Result<Option<Uid>, Trouble> {
        let snapshot = self.snapshot;
        let mut messages = snapshot.iter_from(from).filter(|message| among.contains(message.uid));
        let mut window = Window::new();
        loop {
            let mut next = self.fill(&mut window, &mut messages);
            for what in self.scans {
                if let Some(cut) = self.scan(&mut window, *what)? {
                    window.retain(|(message, _)| message.uid < cut);
                    next = Some(cut);
                }
            }
            for wants in self.stages {
                if let Some(cut) = self.read(&mut window, *wants)? {
                    window.retain(|(message, _)| message.uid < cut);
                    self.take(&window);
                    return Ok(Some(cut));
                }
            }
            self.take(&window);
            if next.is_none() || self.is_over() {
                return Ok(next);
            }
        }
    }

    fn is_over(&self) -> bool {
        clock::now() >= self.deadline
    }

    /// The next messages with what their snapshot tells; where the window after them begins.
    fn fill(
        &self,
        window: &mut Window,
        messages: &mut impl Iterator<Item = Message>,
    ) -> Option<Uid> {
        window.clear();
        let mut open = 0;
        for message in messages {
            let known = self.matcher.decide(&self.facts(message));
            open += usize::from(known.is_none());
            let uid = message.uid;
            window.push((message, known));
            if open >= WINDOW_READ || window.len() >= WINDOW_MESSAGES {
                return uid.0.checked_add(1).map(Uid);
            }
        }
        None
    }

    fn facts(&self, message: Message) -> Facts<'_> {
        let keywords = &self.snapshot.head.keywords;
        Facts { message, keywords, envelope: None, header: None, map: None, body: None }
    }

    /// Decides what is open and in the database. If the time is over before all of that is: the
    /// first that was not looked at.
    fn scan(&self, window: &mut Window, what: Scan) -> Result<Option<Uid>, Trouble> {
        let open = open(window);
        if open.is_empty() {
            return Ok(None);
        }
        let mut entries = window.iter_mut();
        let (mut cut, mut scanned) = (None, 0_u32);
        self.runner.store.scan(self.mailbox, &open, what, |uid, bytes| {
            if let Some((message, known)) = entries.find(|(message, _)| message.uid == uid) {
                let facts = self.facts(*message);
                *known = self.matcher.decide(&match what {
                    Scan::Envelopes => Facts { envelope: Some(bytes), ..facts },
                    Scan::Bodies => Facts { body: Some(bytes), ..facts },
                });
            }
            scanned += 1;
            if scanned % SCANNED == 0 && self.is_over() {
                cut = uid.0.checked_add(1).map(Uid);
            }
            cut.is_none()
        })?;
        Ok(cut)
    }

    /// Reads what is still open. If the time is over before all is read: the first not read.
    fn read(&self, window: &mut Window, wants: Wants) -> Result<Option<Uid>, Trouble> {
        let mut open = open(window);
        let mut entries = window.iter_mut();
        while !open.is_empty() {
            let mut batch = self.runner.store.fetch(self.mailbox, &open, wants)?;
            if let Some(failure) = batch.lost.take() {
                return Err(failure.into());
            }
            for fetched in &batch.messages {
                let uid = fetched.message.uid;
                let Some((message, known)) = entries.find(|(message, _)| message.uid == uid) else {
                    continue;
                };
                *known = self.decide(*message, fetched, wants)?;
            }
            let Some(next) = batch.next else { return Ok(None) };
            if self.is_over() {
                return Ok(Some(next));
            }
            open = open.intersection(&UidRuns::range(next, Uid(u32::MAX)));
        }
        Ok(None)
    }

    fn decide(
        &self,
        message: Message,
        fetched: &Fetched,
        wants: Wants,
    ) -> Result<Option<bool>, Trouble> {
        let map = fetched.map.as_deref().and_then(MessageMap::decode);
        let large = if wants.body && fetched.body.is_none() {
            let (account, size) = (self.mailbox.account, u64::from(fetched.message.size));
            Some(parts::read(&self.runner.store, account, fetched.blob, 0..size)?)
        } else {
            None
        };
        Ok(self.matcher.decide(&Facts {
            header: fetched.header.as_deref(),
            map: map.as_ref(),
            body: large.as_deref().or(fetched.body.as_deref()),
            ..self.facts(message)
        }))
    }

    /// Keeps what matches. What is open still is gone, with nothing left to read: no match.
    fn take(&mut self, window: &Window) {
        for (message, _) in window.iter().filter(|(_, known)| *known == Some(true)) {
            self.found.push(message.uid);
            self.mod_seq = self.mod_seq.max(message.mod_seq);
        }
    }
}

fn open(window: &Window) -> UidRuns {
    let mut open = UidRuns::new();
    let undecided = window.iter().filter(|(_, known)| known.is_none());
    undecided.for_each(|(message, _)| open.push(message.uid));
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_first_where_they_may_settle_it() {
        let header = || Query::Header { field: "From".into(), value: "x".into() };
        let body = || Query::Body("x".into());
        let check = |query: Query, want: &[Wants]| assert_eq!(stages(&query), want, "{query:?}");
        check(Query::All, &[]);
        check(header(), &[HEADERS]);
        check(body(), &[WHOLE]);
        check(Query::Text("x".into()), &[WHOLE]);
        check(Query::Or(vec![header(), body()]), &[WHOLE]);
        check(Query::And(vec![Query::All, body()]), &[WHOLE]);
        check(Query::And(vec![body(), header()]), &[HEADERS, WHOLE]);
    }
}
