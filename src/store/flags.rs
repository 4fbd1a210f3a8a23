//! STORE (RFC 9051 §6.4.6, RFC 7162 §3.1.3).
//!
//! The rows are read and written under the mailbox's lock, so UNCHANGEDSINCE is checked and set as
//! one (pitfall 92). What a STORE does to a row is two masks: what it keeps and what it sets.

use super::engine::{Tx, Value, Weight};
use super::events::{self, Cause, NewEvent, Trigger};
use super::keywords::TooMany;
use super::row::{self, Difference};
use super::selection::{self, BULK_ROWS, Forms};
use super::snapshot::message_at;
use super::{Error, Failure, Store, keywords};
use crate::job::{FlagSet, MailboxKey, StoreMode};
use crate::limits;
use crate::mail::{Message, Snapshot, UidRuns};
use crate::model::{Flags, Keyword, KeywordMask, Keywords, ModSeq, Uid, UidValidity};

/// What STORE asks.
#[derive(Clone, Debug)]
pub struct FlagChange {
    /// Which messages; those that are gone are skipped.
    pub uids: UidRuns,
    /// How.
    pub mode: StoreMode,
    /// What.
    pub flags: FlagSet,
    /// Skip messages changed after this (RFC 7162 §3.1.3).
    pub unchanged_since: Option<ModSeq>,
}

/// What STORE did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagsStored {
    /// Held back by `unchanged_since`.
    pub modified: UidRuns,
    /// Different now.
    pub changed: UidRuns,
    /// The mod-sequence of the change; the mailbox's if nothing changed (pitfall 93).
    pub mod_seq: ModSeq,
    /// Scripts are to see it (RFC 6785 §2.2.3).
    pub event: bool,
    /// How a snapshot may follow.
    step: Step,
}

/// What a STORE made of the mailbox as it was, told without reading it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    from: ModSeq,
    uid_validity: UidValidity,
    masks: Masks,
    /// The names of keywords may be others now.
    names_keywords: bool,
}

impl FlagsStored {
    /// The mailbox right after the change, if `earlier` is how it was right before: its mod-sequence
    /// says so, for under the mailbox's lock nothing came between. `None` if it has to be read.
    pub fn follow(&self, earlier: &Snapshot) -> Option<Snapshot> {
        let Step { from, uid_validity, masks, names_keywords } = self.step;
        let head = &earlier.head;
        if head.highest_mod_seq != from || head.uid_validity != uid_validity || names_keywords {
            return None;
        }
        let first = self.changed.first()?;
        let was = earlier.iter_from(first).filter(|message| self.changed.contains(message.uid));
        let changed: Vec<Message> = was
            .map(|message| Message {
                mod_seq: self.mod_seq,
                flags: masks.flags(message.flags),
                keywords: masks.keywords(message.keywords),
                ..message
            })
            .collect();
        if changed.len() as u64 != u64::from(self.changed.len()) {
            return None;
        }
        let mut head = head.clone();
        head.highest_mod_seq = self.mod_seq;
        Some(earlier.updated(head, &changed, &UidRuns::new()))
    }
}

impl Store {
    /// Changes flags under one new mod-sequence; what would not change is not touched (pitfall 93).
    pub fn store_flags(
        &self,
        mailbox: MailboxKey,
        change: FlagChange,
    ) -> Result<FlagsStored, Error> {
        self.store_flags_seen(mailbox, change, Trigger::default())
    }

    /// The same, and who sees it.
    pub fn store_flags_seen(
        &self,
        mailbox: MailboxKey,
        change: FlagChange,
        trigger: Trigger,
    ) -> Result<FlagsStored, Error> {
        let weight = match change.uids.len() {
            many if many > BULK_ROWS => Weight::Bulk,
            few => Weight::Bytes(few as usize * 64),
        };
        let stored = self
            .0
            .engine
            .write("storing flags", weight, move |tx| store(tx, mailbox, &change, trigger))?;
        self.ring_for_events(stored.event);
        Ok(stored)
    }
}

/// What becomes of a row's flags and keywords: `old & keep | set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Masks {
    keep_flags: Flags,
    set_flags: Flags,
    keep_keywords: u64,
    set_keywords: u64,
}

impl Masks {
    fn new(mode: StoreMode, flags: Flags, keywords: KeywordMask) -> Self {
        let (flags, keywords) = (Flags(flags.0 & Flags::ALL.0), keywords.0);
        let none = Self {
            keep_flags: Flags::ALL,
            set_flags: Flags::NONE,
            keep_keywords: u64::MAX,
            set_keywords: 0,
        };
        match mode {
            StoreMode::Add => Self { set_flags: flags, set_keywords: keywords, ..none },
            StoreMode::Remove => {
                Self { keep_flags: Flags::ALL.without(flags), keep_keywords: !keywords, ..none }
            }
            StoreMode::Replace => Self {
                keep_flags: Flags::NONE,
                set_flags: flags,
                keep_keywords: 0,
                set_keywords: keywords,
            },
        }
    }

    fn flags(self, old: Flags) -> Flags {
        Flags(old.0 & self.keep_flags.0 | self.set_flags.0)
    }

    fn keywords(self, old: KeywordMask) -> KeywordMask {
        KeywordMask(old.0 & self.keep_keywords | self.set_keywords)
    }
}

/// STORE, in a transaction.
pub(super) fn store(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    change: &FlagChange,
    trigger: Trigger,
) -> Result<FlagsStored, Error> {
    let locked = row::lock(tx, mailbox)?;
    let mut differing = trigger.wants(locked.scripted).then(Differing::default);
    let named = match change.mode {
        // A keyword that the mailbox does not know is on no message: nothing to take away.
        StoreMode::Remove => known_mask(tx, mailbox, &change.flags)?,
        StoreMode::Add | StoreMode::Replace => {
            keywords::mask_of(tx, mailbox, &change.flags.keywords, TooMany::Refused)?
        }
    };
    let masks = Masks::new(change.mode, change.flags.flags, named);
    let (mut changed, mut modified) = (UidRuns::new(), UidRuns::new());
    let mut difference = Difference::default();
    let unchanged_since = change.unchanged_since.unwrap_or(ModSeq(i64::MAX));
    selection::rows(tx, mailbox, &change.uids, |row| {
        let old = message_at(row)?;
        let new = masks.flags(old.flags);
        if old.mod_seq > unchanged_since {
            modified.push(old.uid);
        } else if new != old.flags || masks.keywords(old.keywords) != old.keywords {
            changed.push(old.uid);
            difference.reflag(old.flags, new);
            if let Some(differing) = &mut differing {
                let keywords = masks.keywords(old.keywords).0 ^ old.keywords.0;
                differing.add(old.uid, (Flags(old.flags.0 ^ new.0), KeywordMask(keywords)));
            }
        }
        Ok(())
    })?;
    let step = Step {
        from: locked.highest_mod_seq,
        uid_validity: locked.uid_validity,
        masks,
        names_keywords: !change.flags.keywords.is_empty(),
    };
    if changed.is_empty() {
        let mod_seq = locked.highest_mod_seq;
        return Ok(FlagsStored { modified, changed, mod_seq, event: false, step });
    }
    let mod_seq = locked.next_mod_seq();
    write(tx, mailbox, &changed, masks, mod_seq)?;
    row::change(tx, mailbox, mod_seq, difference)?;
    let event = differing.is_some();
    if let Some(differing) = differing {
        differing.queue(tx, mailbox, mod_seq)?;
    }
    Ok(FlagsStored { modified, changed, mod_seq, event, step })
}

/// What is different now, of which messages (RFC 6785 §4.5).
#[derive(Default)]
struct Differing {
    alike: Vec<((Flags, KeywordMask), UidRuns)>,
    /// Messages beyond what is told apart, and everything that is different of any.
    others: ((Flags, KeywordMask), UidRuns),
}

impl Differing {
    fn add(&mut self, uid: Uid, what: (Flags, KeywordMask)) {
        if let Some((_, uids)) = self.alike.iter_mut().find(|(known, _)| *known == what) {
            return uids.push(uid);
        }
        if self.alike.len() < limits::EVENT_FLAG_SETS_MAX {
            return self.alike.push((what, UidRuns::range(uid, uid)));
        }
        let ((flags, keywords), uids) = &mut self.others;
        *flags = flags.union(what.0);
        keywords.0 |= what.1.0;
        uids.push(uid);
    }

    fn queue(self, tx: &mut Tx<'_>, mailbox: MailboxKey, mod_seq: ModSeq) -> Result<(), Failure> {
        let all = || self.alike.iter().chain(std::iter::once(&self.others));
        let has_keywords = all().any(|((_, keywords), _)| keywords.0 != 0);
        let names = if has_keywords { keywords::load(tx, mailbox)? } else { Keywords::default() };
        let mut part = 0;
        for ((flags, keywords), uids) in all() {
            let system = Flags::NAMES.iter().filter(|(flag, _)| flags.contains(*flag));
            let words = names.names_in(*keywords).map(Keyword::as_str);
            let words: Vec<&str> = system.map(|(_, name)| *name).chain(words).collect();
            let (cause, source, changed_flags) = (Cause::Flag, None, words.join(" "));
            let changed_flags = changed_flags.as_str();
            let new = NewEvent { mailbox, mod_seq, cause, source, changed_flags };
            part = events::queue(tx, &new, uids, part)?;
        }
        Ok(())
    }
}

fn known_mask(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    flags: &FlagSet,
) -> Result<KeywordMask, Failure> {
    if flags.keywords.is_empty() {
        return Ok(KeywordMask(0));
    }
    let known = keywords::load(tx, mailbox)?;
    let masks = flags.keywords.iter().filter_map(|keyword| known.mask_of(keyword));
    Ok(KeywordMask(masks.fold(0, |all, mask| all | mask.0)))
}

/// Every UID of `changed` has a row that differs.
fn write(
    tx: &mut Tx<'_>,
    mailbox: MailboxKey,
    changed: &UidRuns,
    masks: Masks,
    mod_seq: ModSeq,
) -> Result<(), Failure> {
    let forms = Forms {
        range: "UPDATE messages
                SET flags = (flags & $6) | $7, keywords = (keywords & $8) | $9, mod_seq = $5
                WHERE account_id = $3 AND mailbox_id = $4 AND uid BETWEEN $1 AND $2",
        list: "UPDATE messages
               SET flags = (flags & $6) | $7, keywords = (keywords & $8) | $9, mod_seq = $5
               WHERE CAST($2 AS BIGINT) IS NULL AND {each account_id=$3 mailbox_id=$4 uid=$1}",
    };
    let written = selection::execute(
        tx,
        forms,
        changed,
        &[
            Value::Int(mailbox.account.0),
            Value::Int(mailbox.mailbox.0),
            Value::Int(mod_seq.0),
            Value::Int(i64::from(masks.keep_flags.0)),
            Value::Int(i64::from(masks.set_flags.0)),
            Value::Int(masks.keep_keywords.cast_signed()),
            Value::Int(masks.set_keywords.cast_signed()),
        ],
    )?;
    if written != u64::from(changed.len()) {
        return Err(tx.corrupt("a message changed under its mailbox's lock"));
    }
    Ok(())
}
