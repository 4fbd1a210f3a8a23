//! FETCH and UID FETCH (RFC 9051 §6.4.5, §6.4.9).
//!
//! What the snapshot knows (UID, FLAGS, INTERNALDATE, RFC822.SIZE, MODSEQ) is formatted straight
//! from it; the rest is read in batches. Either way one batch of output is in memory at a time and
//! the next is made when the peer has taken it (pitfall 107).

mod message;
mod plan;
mod section;

use std::sync::Arc;

use parser::imap::{FetchItem, FetchModifier, List, Set};

use super::super::{Next, Output};
use super::codes::{self, Missing};
use super::doing::{Doing, End, Ending};
use super::lines::{Lines, Progress};
use super::sets::numbers_of;
use super::table::Rule;
use super::tell::Tell;
use super::{Imap, State};
use crate::error::{Fault, Refusal};
use crate::job::{Access, Job, Reply};
use crate::limits::{FETCH_BATCH_MESSAGES_MAX, OUTPUT_BYTES_MAX};
use crate::mail::{Snapshot, UidRuns};
use crate::model::{ModSeq, Uid};
use message::{Batch, Outcome};
use plan::Plan;

/// A FETCH that is being answered.
#[derive(Debug)]
pub(super) struct Fetch {
    ending: Ending,
    plan: Plan,
    /// Messages not yet read, ascending.
    uids: UidRuns,
    /// Those of them that the job at hand reads.
    asked: UidRuns,
    /// RFC 7162 §3.1.4.1
    changed_since: Option<ModSeq>,
    stage: Stage,
    /// The snapshot that the lines came from, to be told from at the end.
    snapshot: Option<Arc<Snapshot>>,
    /// Messages whose flags this command told as `snapshot` has them.
    told: UidRuns,
    /// Why the answer will be NO.
    trouble: Option<Trouble>,
}

#[derive(Debug)]
enum Stage {
    /// A Refresh is out.
    Refreshing,
    /// From the snapshot.
    Lines(Lines),
    /// A batch was asked for.
    Reading,
    /// A batch is being written.
    Batch(Box<Batch>),
}

/// Why not everything asked for was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Bytes could not be had (pitfalls 48, 49).
    Fault(Fault),
    /// RFC 3516 §4.3
    UnknownEncoding,
    /// Pitfall 80.
    Gone,
}

impl Fetch {
    pub(super) const fn rule(&self) -> &'static Rule {
        self.ending.rule
    }

    /// True if output written now would fall into a message's data.
    pub(super) fn is_inside_a_response(&self) -> bool {
        matches!(&self.stage, Stage::Batch(batch) if batch.is_inside_a_response())
    }
}

impl Imap {
    pub(super) fn on_fetch(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        set: Set<'_>,
        items: List<'_, FetchItem<'_>>,
        modifiers: List<'_, FetchModifier>,
        out: &mut Output,
    ) -> Next {
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        let Ok(uids) = mailbox.resolve(numbers_of(rule), set) else {
            return self.bad(Some(tag), format_args!("No such message"), out);
        };
        let mut plan = Plan::new(items);
        let mut changed_since = None;
        for modifier in modifiers.iter() {
            match modifier {
                FetchModifier::ChangedSince(mod_seq) => {
                    changed_since = Some(ModSeq(i64::try_from(mod_seq).unwrap_or(i64::MAX)));
                }
                FetchModifier::Vanished | FetchModifier::Partial(_) => {} // not offered
            }
        }
        // RFC 7162 §3.1: both enable CONDSTORE, and from then on MODSEQ is always there.
        if plan.items.mod_seq || changed_since.is_some() {
            self.enable_condstore(out);
        }
        plan.items.mod_seq = self.enabled.condstore;
        plan.items.uid |= rule.by_uid; // RFC 9051 §6.4.9
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        plan.marks_seen &= mailbox.access == Access::ReadWrite; // pitfall 90
        let ending = Ending::ok(tag, rule);
        if uids.is_empty() {
            return self.end(ending, out);
        }
        let fetch = Fetch {
            ending,
            plan,
            uids,
            asked: UidRuns::new(),
            changed_since,
            stage: Stage::Refreshing,
            snapshot: None,
            told: UidRuns::new(),
            trouble: None,
        };
        if fetch.plan.is_light() || fetch.changed_since.is_some() {
            let job = Job::Refresh { mailbox: mailbox.key };
            return self.fetching(Box::new(fetch), job);
        }
        self.read_batch(Box::new(fetch), Uid(1), out)
    }

    fn fetching(&mut self, fetch: Box<Fetch>, job: Job) -> Next {
        self.doing = Doing::Fetch(fetch);
        Next::Run(Box::new(job))
    }

    pub(super) fn on_fetch_reply(
        &mut self,
        mut fetch: Box<Fetch>,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        match (&mut fetch.stage, reply) {
            (Stage::Refreshing, Reply::Current { snapshot }) => {
                self.on_fetch_snapshot(fetch, snapshot, out)
            }
            (Stage::Reading, Reply::Messages { messages, next, snapshot }) => {
                let asked = fetch.asked.intersection(&up_to(next));
                // The job may be done with its share while more is to be read.
                let next = next.or_else(|| after(&fetch.asked, &fetch.uids));
                let batch = Batch::new(messages, next, snapshot);
                if asked.len() > batch.len() {
                    fetch.trouble.get_or_insert(Trouble::Gone);
                }
                fetch.stage = Stage::Batch(Box::new(batch));
                self.go_on_fetching(fetch, out)
            }
            (Stage::Batch(batch), reply) => {
                match batch.take(reply, &fetch.plan, out) {
                    Ok(None) => {}
                    Ok(Some(trouble)) => {
                        fetch.trouble.get_or_insert(trouble);
                    }
                    // The middle of a literal: there is no way to end it rightly but to close.
                    Err(message::CutShort) => {
                        self.doing = Doing::Over;
                        return Next::Close;
                    }
                }
                self.go_on_fetching(fetch, out)
            }
            (_, Reply::Refused(Refusal::NoSuchMailbox)) => self.mailbox_gone(out),
            (_, reply) => self.fail(fetch.ending, &reply, Missing::Plain, out),
        }
    }

    /// The mailbox as it is: what needs no reading is told from it.
    fn on_fetch_snapshot(
        &mut self,
        mut fetch: Box<Fetch>,
        snapshot: Arc<Snapshot>,
        out: &mut Output,
    ) -> Next {
        let State::Selected(_, mailbox) = &mut self.state else { return Next::Read };
        mailbox.announce(&snapshot.head.keywords, out);
        if let Some(since) = fetch.changed_since {
            let changed = snapshot.changed_since(since).map(|message| message.uid);
            fetch.uids = fetch.uids.intersection(&changed.collect());
        }
        fetch.snapshot = Some(Arc::clone(&snapshot));
        if !fetch.plan.is_light() {
            return self.read_batch(fetch, Uid(1), out);
        }
        let uids = fetch.uids.intersection(snapshot.uids());
        // What is left is in the view only: it was expunged elsewhere.
        fetch.uids = fetch.uids.difference(&uids);
        if fetch.plan.items.flags {
            fetch.told = uids.clone();
        }
        let items = fetch.plan.items;
        let lines = Lines { snapshot, uids, quiet: UidRuns::new(), items, from: Uid(1) };
        fetch.stage = Stage::Lines(lines);
        self.go_on_fetching(fetch, out)
    }

    /// Asks for the next messages, if any are left.
    fn read_batch(&mut self, mut fetch: Box<Fetch>, from: Uid, out: &mut Output) -> Next {
        fetch.uids = fetch.uids.intersection(&UidRuns::range(from, Uid(u32::MAX)));
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        if fetch.uids.is_empty() {
            return self.fetched(fetch, out);
        }
        fetch.asked = window(&fetch.uids);
        let job = Job::Fetch {
            mailbox: mailbox.key,
            uids: fetch.asked.clone(),
            wants: fetch.plan.wants,
            mark_seen: fetch.plan.marks_seen,
        };
        fetch.stage = Stage::Reading;
        self.fetching(fetch, job)
    }

    /// Writes until the output is full, a job is needed, or all is told.
    pub(super) fn go_on_fetching(&mut self, mut fetch: Box<Fetch>, out: &mut Output) -> Next {
        let State::Selected(user, mailbox) = &mut self.state else { return Next::Read };
        match &mut fetch.stage {
            Stage::Refreshing | Stage::Reading => {
                self.doing = Doing::Fetch(fetch);
                Next::Drain
            }
            Stage::Lines(lines) => {
                if lines.write(&mailbox.view, out) == Progress::Full {
                    self.doing = Doing::Fetch(fetch);
                    return Next::Drain;
                }
                if fetch.ending.rule.by_uid {
                    return self.fetched(fetch, out); // RFC 9051 §6.4.9: silently skipped
                }
                self.read_batch(fetch, Uid(1), out) // pitfall 80: from the retained rows
            }
            Stage::Batch(batch) => loop {
                if out.len() >= OUTPUT_BYTES_MAX {
                    self.doing = Doing::Fetch(fetch);
                    return Next::Drain;
                }
                match batch.write(&fetch.plan, mailbox, user.account, out) {
                    Outcome::Wrote => {}
                    Outcome::Trouble(trouble) => {
                        fetch.trouble.get_or_insert(trouble);
                    }
                    Outcome::Needs(job) => return self.fetching(fetch, job),
                    Outcome::Empty { next } => {
                        let told = std::mem::take(&mut batch.told);
                        let snapshot = batch.snapshot.take();
                        return self.batch_written(fetch, next, snapshot, told, out);
                    }
                }
            },
        }
    }

    /// After each batch that set `\Seen` the news are told at once: so "changed since" stays true
    /// for the next.
    fn batch_written(
        &mut self,
        fetch: Box<Fetch>,
        next: Option<Uid>,
        snapshot: Option<Arc<Snapshot>>,
        told: UidRuns,
        out: &mut Output,
    ) -> Next {
        match snapshot {
            Some(snapshot) => {
                let tell = Tell { told, ..Tell::news(snapshot) };
                self.tell(tell, End::Batch { fetch, next }, out)
            }
            None => self.next_batch(fetch, next, out),
        }
    }

    pub(super) fn next_batch(
        &mut self,
        fetch: Box<Fetch>,
        next: Option<Uid>,
        out: &mut Output,
    ) -> Next {
        match next {
            Some(next) => self.read_batch(fetch, next, out),
            None => self.fetched(fetch, out),
        }
    }

    /// Everything is told; now what else is new.
    fn fetched(&mut self, fetch: Box<Fetch>, out: &mut Output) -> Next {
        let Fetch { ending, snapshot, told, trouble, .. } = *fetch;
        let ending = match trouble {
            None => ending,
            Some(Trouble::Gone) if ending.rule.by_uid => ending,
            Some(Trouble::Gone) => {
                ending.saying(codes::refusal(Refusal::MessageGone, Missing::Plain))
            }
            Some(Trouble::UnknownEncoding) => {
                ending.saying(codes::refusal(Refusal::UnknownEncoding, Missing::Plain))
            }
            Some(Trouble::Fault(fault)) => ending.saying(codes::fault(fault)),
        };
        match snapshot {
            Some(snapshot) => {
                let tell = Tell { told, ..Tell::news(snapshot) };
                self.tell(tell, End::Tagged(ending), out)
            }
            None => self.end(ending, out),
        }
    }
}

/// The first of `uids`, as many as one job may read: so that what a job carries does not grow with
/// the mailbox.
fn window(uids: &UidRuns) -> UidRuns {
    let many = u32::try_from(FETCH_BATCH_MESSAGES_MAX).unwrap_or(u32::MAX);
    match uids.nth(many) {
        Some(end) => uids.intersection(&up_to(Some(end))),
        None => uids.clone(),
    }
}

/// The first of `uids` behind `window`.
fn after(window: &UidRuns, uids: &UidRuns) -> Option<Uid> {
    uids.nth(window.len())
}

/// The UIDs that a batch covered.
fn up_to(next: Option<Uid>) -> UidRuns {
    UidRuns::range(Uid(1), Uid(next.map_or(u32::MAX, |next| next.0.saturating_sub(1))))
}
