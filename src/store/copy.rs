//! COPY and MOVE: set-based, all or nothing (pitfall 87).
//!
//! A copy shares its original's body. Both mailboxes are locked in the order of their numbers, so
//! that MOVE from A to B and from B to A at once cannot wait for each other (pitfall 88).

use std::collections::BTreeSet;

use super::engine::{Tx, Value, Weight};
use super::events::{self, Cause, NewEvent, Trigger};
use super::expunge::{Reason, retire};
use super::keywords::TooMany;
use super::row::{self, Arrival, Difference, Locked};
use super::selection::{self, BULK_ROWS};
use super::snapshot::message_at;
use super::{Error, Failure, Store, keywords, mailboxes};
use crate::crash_point;
use crate::error::Refusal;
use crate::job::{MailboxKey, Transfer};
use crate::mail::UidRuns;
use crate::model::{KeywordMask, ModSeq, Uid, UidValidity};

/// What COPY or MOVE did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Source UIDs that were there, ascending; may be none.
    pub from: UidRuns,
    /// As many target UIDs, in the same order.
    pub to: UidRuns,
    /// The target.
    pub target: MailboxKey,
    /// The target's UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The target's mod-sequence after it.
    pub target_mod_seq: ModSeq,
    /// The source's mod-sequence after it (unchanged by COPY to elsewhere).
    pub source_mod_seq: ModSeq,
    /// Scripts are to see it (RFC 6785 §2.2.2).
    pub event: bool,
}

/// Whether the source keeps its messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Keeps,
    Loses,
}

impl Store {
    /// Copies messages (RFC 9051 §6.4.7); into their own mailbox too.
    pub fn copy(&self, transfer: Transfer) -> Result<Copied, Error> {
        self.copy_seen(transfer, Trigger::default())
    }

    /// The same, and who sees it.
    pub fn copy_seen(&self, transfer: Transfer, trigger: Trigger) -> Result<Copied, Error> {
        self.transfer("copying", transfer, Source::Keeps, trigger)
    }

    /// Moves messages (RFC 9051 §6.4.8); within their own mailbox they get new UIDs (pitfall 88).
    pub fn move_messages(&self, transfer: Transfer) -> Result<Copied, Error> {
        self.move_seen(transfer, Trigger::default())
    }

    /// The same, and who sees it.
    pub fn move_seen(&self, transfer: Transfer, trigger: Trigger) -> Result<Copied, Error> {
        self.transfer("moving", transfer, Source::Loses, trigger)
    }

    fn transfer(
        &self,
        doing: &'static str,
        transfer: Transfer,
        source: Source,
        trigger: Trigger,
    ) -> Result<Copied, Error> {
        let weight = match transfer.uids.len() {
            many if many > BULK_ROWS => Weight::Bulk,
            few => Weight::Bytes(few as usize * 256),
        };
        let copied = self.0.engine.write(doing, weight, move |tx| {
            let account = transfer.from.account;
            let mailbox = mailboxes::find(tx, account, &transfer.to.key())?;
            let mailbox = mailbox.ok_or(Refusal::NoSuchMailbox)?;
            let target = MailboxKey { account, mailbox };
            run(tx, transfer.from, target, &transfer.uids, source, trigger)
        })?;
        self.ring_for_events(copied.event);
        Ok(copied)
    }
}

/// Moves every message of a mailbox; the source's mod-sequence after it.
pub(super) fn move_all(tx: &mut Tx<'_>, from: MailboxKey, to: MailboxKey) -> Result<ModSeq, Error> {
    let all = UidRuns::range(Uid(1), Uid(u32::MAX));
    run(tx, from, to, &all, Source::Loses, Trigger::Never).map(|moved| moved.source_mod_seq)
}

fn run(
    tx: &mut Tx<'_>,
    from: MailboxKey,
    to: MailboxKey,
    uids: &UidRuns,
    source: Source,
    trigger: Trigger,
) -> Result<Copied, Error> {
    let (locked_from, locked_to) = lock_both(tx, from, to)?;
    let chosen = Chosen::read(tx, from, uids)?;
    if chosen.uids.is_empty() {
        return Ok(Copied {
            from: UidRuns::new(),
            to: UidRuns::new(),
            target: to,
            uid_validity: locked_to.uid_validity,
            target_mod_seq: locked_to.highest_mod_seq,
            source_mod_seq: locked_from.highest_mod_seq,
            event: false,
        });
    }
    let arrival = row::arrive(tx, to, chosen.difference, chosen.oldest_arrived)?
        .ok_or(Refusal::Limit("the mailbox has no UIDs left"))?;
    insert_copies(tx, from, to, &chosen, arrival)?;
    crash_point!("copy: rows written, references not");
    let mut source_mod_seq = locked_from.highest_mod_seq;
    match source {
        Source::Keeps => add_references(tx, to, arrival, chosen.uids.len())?,
        Source::Loses => {
            // In its own mailbox a move is one change, with the mod-sequence of its arrivals.
            source_mod_seq = if from == to { arrival.mod_seq } else { locked_from.next_mod_seq() };
            retire(tx, from, &chosen.uids, source_mod_seq, Reason::Moved)?;
            row::change(tx, from, source_mod_seq, chosen.difference.negated())?;
        }
    }
    if from == to {
        source_mod_seq = arrival.mod_seq;
    }
    let given = given_uids(tx, arrival, chosen.difference.messages)?;
    let event = trigger.wants(arrival.scripted);
    if event {
        let (mod_seq, source) = (arrival.mod_seq, Some(from.mailbox));
        let cause = Cause::Copy;
        let new = NewEvent { mailbox: to, mod_seq, cause, source, changed_flags: "" };
        events::queue(tx, &new, &given, 0)?;
    }
    crash_point!("copy: all written, not committed");
    Ok(Copied {
        from: chosen.uids,
        to: given,
        target: to,
        uid_validity: arrival.uid_validity,
        target_mod_seq: arrival.mod_seq,
        source_mod_seq,
        event,
    })
}

fn lock_both(tx: &mut Tx<'_>, from: MailboxKey, to: MailboxKey) -> Result<(Locked, Locked), Error> {
    if from == to {
        let locked = row::lock(tx, from)?;
        return Ok((locked, locked));
    }
    if from.mailbox < to.mailbox {
        let first = row::lock(tx, from)?;
        return Ok((first, row::lock(tx, to)?));
    }
    let first = row::lock(tx, to)?;
    Ok((row::lock(tx, from)?, first))
}

/// The messages that are there, of those asked for.
struct Chosen {
    uids: UidRuns,
    difference: Difference,
    oldest_arrived: i64,
    masks: BTreeSet<u64>,
}

impl Chosen {
    fn read(tx: &mut Tx<'_>, from: MailboxKey, uids: &UidRuns) -> Result<Self, Failure> {
        let mut chosen = Self {
            uids: UidRuns::new(),
            difference: Difference::default(),
            oldest_arrived: i64::MAX,
            masks: BTreeSet::new(),
        };
        selection::rows(tx, from, uids, |row| {
            let message = message_at(row)?;
            chosen.uids.push(message.uid);
            chosen.difference.add(message.flags, message.size.into());
            chosen.oldest_arrived = chosen.oldest_arrived.min(row.int(6)?);
            if message.keywords.0 != 0 {
                chosen.masks.insert(message.keywords.0);
            }
            Ok(())
        })?;
        Ok(chosen)
    }
}

/// Writes the target's rows, in the order of the source's UIDs. A mask of keywords means other names
/// in another mailbox: such a row is first written with the sign bit, which no mask uses, and then
/// given the target's mask, once for each distinct one.
fn insert_copies(
    tx: &mut Tx<'_>,
    from: MailboxKey,
    to: MailboxKey,
    chosen: &Chosen,
    arrival: Arrival,
) -> Result<(), Error> {
    let masks = map_masks(tx, from, to, &chosen.masks)?;
    let ranges: Vec<(i64, i64)> =
        chosen.uids.ranges().map(|(first, last)| (first.0.into(), last.0.into())).collect();
    let written = tx.execute(
        "INSERT INTO messages (account_id, mailbox_id, uid, mod_seq, flags, keywords, size,
                internal_date, blob_id, created_mod_seq, save_date, arrived_at)
         SELECT m.account_id, $4, $5 + row_number() OVER (ORDER BY m.uid) - 1, $6, m.flags,
                CASE WHEN m.keywords = 0 THEN 0 ELSE m.keywords | $8 END, m.size,
                m.internal_date, m.blob_id, $6, $7, m.arrived_at
         FROM ({ranges $3}) r
         {sqlite} CROSS JOIN messages m
         {sqlite} WHERE m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN r.first AND r.last
         {postgres} CROSS JOIN LATERAL (SELECT * FROM messages n WHERE n.account_id = $1
         {postgres}   AND n.mailbox_id = $2 AND n.uid BETWEEN r.first AND r.last OFFSET 0) m
        ",
        &[
            Value::Int(from.account.0),
            Value::Int(from.mailbox.0),
            Value::Ranges(&ranges),
            Value::Int(to.mailbox.0),
            Value::Int(arrival.first_uid),
            Value::Int(arrival.mod_seq.0),
            Value::Int(tx.now().0),
            Value::Int(masks.mark()),
        ],
    )?;
    if written != u64::from(chosen.uids.len()) {
        return Err(tx.corrupt("a message changed under its mailbox's lock").into());
    }
    masks.apply(tx, to, arrival).map_err(Error::from)
}

/// What each mask of keywords of one mailbox is in another; none if they are the same.
///
/// A row with keywords is first written with [`ForeignMasks::mark`] set in its mask.
pub(super) struct ForeignMasks(Vec<(KeywordMask, KeywordMask)>);

impl ForeignMasks {
    /// A bit that no mask uses, if masks are to be mapped.
    pub(super) fn mark(&self) -> i64 {
        if self.0.is_empty() { 0 } else { i64::MIN }
    }

    /// Gives what `arrival` brought the target's masks.
    pub(super) fn apply(
        &self,
        tx: &mut Tx<'_>,
        to: MailboxKey,
        arrival: Arrival,
    ) -> Result<(), Failure> {
        for (old, new) in &self.0 {
            tx.execute(
                "UPDATE messages SET keywords = $4
                 WHERE account_id = $1 AND mailbox_id = $2 AND uid >= $3 AND keywords = $5",
                &[
                    Value::Int(to.account.0),
                    Value::Int(to.mailbox.0),
                    Value::Int(arrival.first_uid),
                    Value::Int(new.0.cast_signed()),
                    Value::Int(old.0.cast_signed() | self.mark()),
                ],
            )?;
        }
        Ok(())
    }
}

/// Finds what each of `masks` is in the target, giving bits to keywords it does not know.
pub(super) fn map_masks(
    tx: &mut Tx<'_>,
    from: MailboxKey,
    to: MailboxKey,
    masks: &BTreeSet<u64>,
) -> Result<ForeignMasks, Error> {
    if from == to || masks.is_empty() {
        return Ok(ForeignMasks(Vec::new()));
    }
    let names = keywords::load(tx, from)?;
    // All of them at once first, so that none is given the bit of another.
    let all = KeywordMask(masks.iter().fold(0, |all, mask| all | mask));
    keywords::mask_of(tx, to, names.names_in(all), TooMany::Refused)?;
    let mut mapped = Vec::with_capacity(masks.len());
    for mask in masks.iter().copied().map(KeywordMask) {
        mapped.push((mask, keywords::mask_of(tx, to, names.names_in(mask), TooMany::Refused)?));
    }
    let same = mapped.iter().all(|(old, new)| old == new);
    Ok(ForeignMasks(if same { Vec::new() } else { mapped }))
}

/// One more reference to each body, for each row that came; a body may have come twice. Where there
/// are rivals, bodies are locked in the order of their identifiers first (invariant 6).
fn add_references(
    tx: &mut Tx<'_>,
    to: MailboxKey,
    arrival: Arrival,
    messages: u32,
) -> Result<(), Failure> {
    tx.execute(
        "UPDATE blobs SET refs = blobs.refs + came.copies
         FROM (
             {postgres} SELECT b.blob_id, c.copies FROM blobs b JOIN (
             SELECT blob_id, COUNT(*) AS copies FROM messages
             WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4
             GROUP BY blob_id
             {postgres} ) c ON b.blob_id = c.blob_id WHERE b.account_id = $1
             {postgres} ORDER BY b.blob_id FOR UPDATE OF b
         ) AS came
         WHERE blobs.account_id = $1 AND blobs.blob_id = came.blob_id",
        &[
            Value::Int(to.account.0),
            Value::Int(to.mailbox.0),
            Value::Int(arrival.first_uid),
            Value::Int(arrival.first_uid + i64::from(messages) - 1),
        ],
    )
    .map(drop)
}

/// The UIDs of what `arrival` brought.
pub(super) fn given_uids(tx: &Tx<'_>, arrival: Arrival, messages: i64) -> Result<UidRuns, Failure> {
    let uid = |value: i64| u32::try_from(value).map(Uid);
    match (uid(arrival.first_uid), uid(arrival.first_uid + messages - 1)) {
        (Ok(first), Ok(last)) => Ok(UidRuns::range(first, last)),
        _ => Err(tx.corrupt("a UID out of range")),
    }
}
