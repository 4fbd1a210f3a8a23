//! `* n FETCH (…)` of what a snapshot knows: the hottest lines there are. Nothing is allocated for
//! one, and a batch ends when the output is full.

use std::sync::Arc;

use parser::imap::write;

use super::super::Output;
use crate::limits::OUTPUT_BYTES_MAX;
use crate::mail::{Message, Snapshot, UidRuns, View};
use crate::model::{Flags, Keywords, Uid};

/// Which of the items that a snapshot knows are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Items {
    pub(super) uid: bool,
    pub(super) flags: bool,
    pub(super) internal_date: bool,
    pub(super) size: bool,
    pub(super) mod_seq: bool,
}

/// How far a batch came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    /// The output is full: go on when it has drained.
    Full,
}

/// Messages of a snapshot to be told, a batch at a time.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) snapshot: Arc<Snapshot>,
    /// Which.
    pub(super) uids: UidRuns,
    /// Told without their flags (pitfall 91).
    pub(super) quiet: UidRuns,
    pub(super) items: Items,
    /// From which UID on they are still to be told.
    pub(super) from: Uid,
}

impl Lines {
    /// Writes until done or full.
    pub(super) fn write(&mut self, view: &View, out: &mut Output) -> Progress {
        for (first, last) in self.uids.ranges() {
            if last < self.from {
                continue;
            }
            let messages = self.snapshot.iter_from(first.max(self.from));
            for message in messages.take_while(|message| message.uid <= last) {
                let Some(seq) = view.seq_of(message.uid) else { continue };
                let mut items = self.items;
                items.flags &= self.quiet.is_empty() || !self.quiet.contains(message.uid);
                put_opening(seq, out);
                put_items(items, &message, &self.snapshot.head.keywords, out);
                out.put(b")\r\n");
                if out.len() >= OUTPUT_BYTES_MAX {
                    self.from = Uid(message.uid.0.saturating_add(1));
                    return Progress::Full;
                }
            }
        }
        Progress::Done
    }
}

/// `* n FETCH (`
pub(super) fn put_opening(seq: u32, out: &mut Output) {
    out.put(b"* ");
    put_number(seq.into(), out);
    out.put(b" FETCH (");
}

/// The items, separated by spaces, without one in front or behind.
pub(super) fn put_items(items: Items, message: &Message, keywords: &Keywords, out: &mut Output) {
    let start = out.len();
    let space = |out: &mut Output| {
        if out.len() > start {
            out.put(b" ");
        }
    };
    if items.uid {
        out.put(b"UID ");
        put_number(message.uid.0.into(), out);
    }
    if items.flags {
        space(out);
        out.put(b"FLAGS (");
        put_flags(message, keywords, out);
        out.put(b")");
    }
    if items.internal_date {
        space(out);
        out.put(b"INTERNALDATE ");
        write::date_time(out.buffer(), message.internal_seconds, 0);
    }
    if items.size {
        space(out);
        out.put(b"RFC822.SIZE ");
        put_number(message.size.into(), out);
    }
    if items.mod_seq {
        space(out);
        out.put(b"MODSEQ (");
        put_number(message.mod_seq.0.unsigned_abs(), out);
        out.put(b")");
    }
}

fn put_flags(message: &Message, keywords: &Keywords, out: &mut Output) {
    let start = out.len();
    for (flag, name) in Flags::NAMES {
        if message.flags.contains(flag) {
            out.put(if out.len() > start { b" " } else { b"" });
            out.put(name.as_bytes());
        }
    }
    if message.keywords.0 != 0 {
        for keyword in keywords.names_in(message.keywords) {
            out.put(if out.len() > start { b" " } else { b"" });
            out.put(keyword.as_str().as_bytes());
        }
    }
}

/// Digits.
pub(super) fn put_number(number: u64, out: &mut Output) {
    write::number(out.buffer(), number);
}
