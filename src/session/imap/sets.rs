//! Sequence sets, to and from UIDs: every number a client says is read in its own view
//! (invariant 7, pitfall 78).

use parser::imap::{Numbers, SeqNumber, SequenceSet, Set, write};

use super::super::Output;
use super::mailbox::Selected;
use super::table::Rule;
use crate::mail::{UidRuns, View};
use crate::model::Uid;

/// The set names a message that the client cannot know of (RFC 9051 §9 `seq-number`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSuchMessage;

impl Selected {
    /// The UIDs that `set` names: only those the client knows, so `UID FETCH 1:*` never runs ahead
    /// of EXISTS.
    pub(super) fn resolve(&self, numbers: Numbers, set: Set<'_>) -> Result<UidRuns, NoSuchMessage> {
        match (set, numbers) {
            (Set::Saved, _) => Ok(self.saved.clone()),
            (Set::Ranges(ranges), Numbers::Uid) => Ok(by_uid(&self.view, ranges)),
            (Set::Ranges(ranges), Numbers::Seq) => by_seq(&self.view, ranges),
        }
    }
}

/// UIDs that are not there are no error (RFC 9051 §6.4.9); `*` is the last one there is.
fn by_uid(view: &View, ranges: SequenceSet<'_>) -> UidRuns {
    let last = view.uids().last().map_or(0, |uid| uid.0);
    let ranges = ranges.ranges().map(|range| range.ordered(last));
    let ranges = ranges.map(|(first, last)| (Uid(first), Uid(last)));
    UidRuns::from_ranges(ranges).intersection(view.uids())
}

/// A number above EXISTS is an error, unless a `*` stands in its range: then the range ends at the
/// last message (pitfall 109: a client that asks for `11:*` of ten asks for what is new).
fn by_seq(view: &View, ranges: SequenceSet<'_>) -> Result<UidRuns, NoSuchMessage> {
    let exists = view.exists();
    let mut seqs = Vec::new();
    for range in ranges.ranges() {
        let open = [range.first, range.last].contains(&SeqNumber::Largest);
        let (first, last) = range.ordered(exists);
        if !open && last > exists {
            return Err(NoSuchMessage);
        }
        seqs.push((Uid(first.min(exists)), Uid(last.min(exists))));
    }
    let seqs = UidRuns::from_ranges(seqs);
    // A range of numbers is a range of what the view holds between its ends.
    let ranges = seqs
        .ranges()
        .filter_map(|(first, last)| Some((view.uid_of(first.0)?, view.uid_of(last.0)?)));
    Ok(UidRuns::from_ranges(ranges).intersection(view.uids()))
}

/// `1:3,5` — RFC 9051 §9 `sequence-set`, ascending.
pub(super) fn put_set(set: &UidRuns, out: &mut Output) {
    write::set(out.buffer(), set.ranges().map(|(first, last)| (first.0, last.0)));
}

/// The same as text, for a response code.
pub(super) fn set_text(set: &UidRuns) -> String {
    let mut out = Output::new();
    put_set(set, &mut out);
    String::from_utf8(out.into_bytes()).unwrap_or_default()
}

/// The sequence numbers of `uids`, as runs: those that the view does not have are left out.
pub(super) fn seqs_of(view: &View, uids: &UidRuns) -> UidRuns {
    let known = uids.intersection(view.uids());
    let ranges = known.ranges().filter_map(|(first, last)| {
        // Between two neighbours of a run the view has nothing else.
        Some((Uid(view.seq_of(first)?), Uid(view.seq_of(last)?)))
    });
    UidRuns::from_ranges(ranges)
}

/// What the numbers of a command count.
pub(super) const fn numbers_of(rule: &Rule) -> Numbers {
    if rule.by_uid { Numbers::Uid } else { Numbers::Seq }
}
