//! The selected mailbox, as this client knows it.

use parser::imap::{Command, SeqNumber, Set};

use super::super::Output;
use crate::job::{Access, MailboxKey};
use crate::mail::{Snapshot, UidRuns, View};
use crate::model::{Flags, Keywords, ModSeq};

/// The selected mailbox. No messages are kept here: only what the client was last told.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) key: MailboxKey,
    pub(super) access: Access,
    /// What a sequence number means (invariant 7).
    pub(super) view: View,
    /// The keywords told by the last `* FLAGS`.
    keywords: Keywords,
    /// `$` (RFC 5182).
    pub(super) saved: UidRuns,
    /// Messages whose flags the client has not been told, though the view counts them as told.
    pub(super) owed: UidRuns,
    /// The highest mod-sequence heard of.
    pub(super) heard: ModSeq,
}

impl Selected {
    pub(super) fn new(key: MailboxKey, access: Access, snapshot: &Snapshot) -> Self {
        Self {
            key,
            access,
            view: View::new(snapshot),
            keywords: snapshot.head.keywords.clone(),
            saved: UidRuns::new(),
            owed: UidRuns::new(),
            heard: snapshot.head.highest_mod_seq,
        }
    }

    /// True if there is something to tell: a `Change` came that the view does not cover.
    pub(super) fn is_stale(&self) -> bool {
        self.heard > self.view.mod_seq() || !self.owed.is_empty()
    }

    /// True if the answer would show that another node has changed something, of which word has not
    /// come yet: a client may have a UID from there, or look for what it put there.
    pub(super) fn may_mean_news(&self, command: &Command<'_>) -> bool {
        match command {
            Command::Fetch { set, .. } | Command::Copy { set, .. } | Command::Move { set, .. } => {
                self.names_more(*set)
            }
            Command::Store { set, silent, .. } => *silent || self.names_more(*set),
            Command::Search { .. } => true,
            _ => false,
        }
    }

    /// True if a number in `set` is above the last UID. In a set of sequence numbers that is wrong in
    /// any case.
    fn names_more(&self, set: Set<'_>) -> bool {
        let last = self.view.uids().last().map_or(0, |uid| uid.0);
        let is_more = |number| matches!(number, SeqNumber::Number(number) if number > last);
        match set {
            Set::Saved => false,
            Set::Ranges(set) => {
                set.ranges().any(|range| is_more(range.first) || is_more(range.last))
            }
        }
    }

    /// New keywords are told before a FETCH response uses them (pitfall 95).
    pub(super) fn announce(&mut self, keywords: &Keywords, out: &mut Output) {
        if self.keywords != *keywords {
            self.keywords = keywords.clone();
            self.write_flags(out);
        }
    }

    /// `* FLAGS` and PERMANENTFLAGS (RFC 9051 §7.3.5, §7.1).
    pub(super) fn write_flags(&self, out: &mut Output) {
        out.put(b"* FLAGS (");
        self.write_flag_names(out);
        out.put(b")\r\n* OK [PERMANENTFLAGS (");
        if self.access == Access::ReadWrite {
            self.write_flag_names(out);
            out.put(b" \\*");
        }
        out.put(b")] Flags that last\r\n");
    }

    fn write_flag_names(&self, out: &mut Output) {
        for (at, (_, name)) in Flags::NAMES.iter().enumerate() {
            out.put(if at == 0 { b"" } else { b" " });
            out.put(name.as_bytes());
        }
        for keyword in self.keywords.iter() {
            out.put(b" ");
            out.put(keyword.as_str().as_bytes());
        }
    }
}
