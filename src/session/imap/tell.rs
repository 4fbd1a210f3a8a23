//! Telling a client what it does not know yet: the one place where EXPUNGE, EXISTS and unasked
//! FETCH responses are written (RFC 9051 §7.5.1; invariant 9; pitfalls 78-85).

use std::sync::Arc;
use std::vec::IntoIter;

use super::super::{Next, Output};
use super::doing::{Doing, End, Flags};
use super::lines::{Items, Lines, Progress, put_number};
use super::table::{Expunges, IDLE};
use super::{Imap, State};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::mail::{Snapshot, UidRuns};
use crate::model::Uid;

/// What a command wants told from the snapshot its job brought.
#[derive(Debug)]
pub(super) struct Tell {
    pub(super) snapshot: Arc<Snapshot>,
    /// Flags told even if they did not change.
    pub(super) show: UidRuns,
    /// Told with their mod-sequence only, if the client has CONDSTORE, else not at all.
    pub(super) quiet: UidRuns,
    /// Not told: the client has just read them.
    pub(super) told: UidRuns,
}

impl Tell {
    /// Whatever is new.
    pub(super) const fn news(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, show: UidRuns::new(), quiet: UidRuns::new(), told: UidRuns::new() }
    }
}

/// News on their way out, in batches.
#[derive(Debug)]
pub(super) struct Telling {
    expunged: IntoIter<u32>,
    exists: Option<u32>,
    lines: Lines,
    end: End,
}

impl Imap {
    /// Tells what `tell` asks for and what is new in its snapshot, then comes to `end`.
    pub(super) fn tell(&mut self, tell: Tell, end: End, out: &mut Output) -> Next {
        let State::Selected(_, mailbox) = &mut self.state else {
            return self.come_to(end, out);
        };
        let snapshot = tell.snapshot;
        let rule = match &end {
            End::Tagged(ending) => ending.rule,
            End::Idle { .. } => &IDLE,
            End::Again { rule, .. } => rule,
            End::Batch { fetch, .. } => fetch.rule(),
        };
        mailbox.announce(&snapshot.head.keywords, out);
        let mut news = mailbox.view.news(&snapshot);
        if rule.expunges == Expunges::Held {
            news.expunged = UidRuns::new();
        }
        let mut uids: UidRuns = news.changed.iter().map(|message| message.uid).collect();
        uids = uids.difference(&tell.told).union(&mailbox.owed);
        mailbox.owed = UidRuns::new();
        if matches!(end, End::Again { flags: Flags::WithTheAnswer, .. }) {
            mailbox.owed = std::mem::take(&mut uids);
        }
        if !tell.show.is_empty() {
            uids = uids.union(&tell.show.intersection(snapshot.uids()));
        }
        if !self.enabled.condstore {
            uids = uids.difference(&tell.quiet);
        }
        let expunged = match news.expunged.is_empty() {
            true => Vec::new(),
            false => mailbox.view.forget(&news.expunged),
        };
        mailbox.saved = mailbox.saved.difference(&news.expunged); // RFC 5182 §2.1
        mailbox.view.accept(&news.arrived, snapshot.head.highest_mod_seq);
        mailbox.view.share(&snapshot);
        // Pitfall 81: EXPUNGE has already told the client how many are left.
        let exists = (!news.arrived.is_empty()).then(|| mailbox.view.exists());
        let items = Items {
            uid: rule.by_uid,
            flags: true,
            mod_seq: self.enabled.condstore, // pitfall 94
            ..Items::default()
        };
        let lines = Lines { snapshot, uids, quiet: tell.quiet, items, from: Uid(1) };
        let telling = Telling { expunged: expunged.into_iter(), exists, lines, end };
        self.go_on_telling(Box::new(telling), out)
    }

    /// Writes the next batch.
    pub(super) fn go_on_telling(&mut self, mut telling: Box<Telling>, out: &mut Output) -> Next {
        let State::Selected(_, mailbox) = &self.state else {
            return self.come_to(telling.end, out);
        };
        for seq in telling.expunged.by_ref() {
            out.put(b"* ");
            put_number(seq.into(), out);
            out.put(b" EXPUNGE\r\n");
            if out.len() >= OUTPUT_BYTES_MAX {
                self.doing = Doing::Telling(telling);
                return Next::Drain;
            }
        }
        if let Some(exists) = telling.exists.take() {
            out.put(b"* ");
            put_number(exists.into(), out);
            out.put(b" EXISTS\r\n");
        }
        if telling.lines.write(&mailbox.view, out) == Progress::Full {
            self.doing = Doing::Telling(telling);
            return Next::Drain;
        }
        self.come_to(telling.end, out)
    }

    fn come_to(&mut self, end: End, out: &mut Output) -> Next {
        self.doing = Doing::Nothing;
        match end {
            End::Tagged(ending) => ending.write(out),
            End::Idle { tag } => self.doing = Doing::Idle { tag },
            End::Again { .. } => {}
            End::Batch { fetch, next } => return self.next_batch(fetch, next, out),
        }
        Next::Read
    }
}
