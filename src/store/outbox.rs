//! What leaves the server: rows written with the delivery that they come from, and kept until another
//! server has taken the mail, or somebody has looked at why none would (design: "What leaves the
//! server").
//!
//! One node sends at a time, by a lease, so a row needs no owner. A row is deleted after the other
//! server's `250`: whoever is killed in between sends twice, and nobody loses a message.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::engine::{Row, Tx, Value, Weight};
use super::{Failure, Store};
use crate::limits;
use crate::model::{AccountId, Timestamp};

/// Why a message leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingKind {
    /// RFC 5228 §4.2
    Redirect = 1,
    /// RFC 5230
    Vacation = 2,
    /// RFC 5429
    Reject = 3,
    /// RFC 5436
    Notify = 4,
    /// Something that only a newer version of ours knows: it is sent like any other, as it was written.
    Other = 0,
}

impl OutgoingKind {
    /// One row that is not understood shall not keep all others from leaving.
    fn of(column: i64) -> Self {
        let all = [Self::Redirect, Self::Vacation, Self::Reject, Self::Notify];
        all.into_iter().find(|kind| *kind as i64 == column).unwrap_or(Self::Other)
    }

    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Vacation => "vacation",
            Self::Reject => "reject",
            Self::Notify => "notify",
            Self::Other => "other",
        }
    }
}

/// A message that is to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOutgoing {
    /// Why.
    pub kind: OutgoingKind,
    /// MAIL FROM without its brackets; "" for the null sender.
    pub sender: String,
    /// RCPT TO without brackets, at least one.
    pub recipients: Vec<String>,
    /// What redirect asked of the next server; see [`OutgoingOptions`].
    pub options: OutgoingOptions,
    /// Every byte of it.
    pub message: Vec<u8>,
}

/// Parameters of MAIL and RCPT, if the next server knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingOptions {
    /// `NOTIFY` (RFC 3461 §4.1), as it is sent: `NEVER`, or a list.
    pub notify: Option<String>,
    /// `RET` (RFC 3461 §4.3): `FULL` or `HDRS`.
    pub ret: Option<String>,
    /// `ORCPT` (RFC 3461 §4.2), as it is sent: a type, `;` and xtext.
    pub original_recipient: Option<String>,
    /// `ENVID` (RFC 3461 §4.4), as it is sent: xtext.
    pub id: Option<String>,
    /// `BY` (RFC 2852 §4): the moment, and `N` or `R`, perhaps with `T`.
    pub by: Option<(Timestamp, String)>,
    /// The message is one for `SMTPUTF8` (RFC 6531 §3.4): it came with that, or has addresses in its
    /// header that are not ASCII.
    pub utf8: bool,
}

impl OutgoingOptions {
    fn column(&self) -> String {
        let by = self.by.as_ref().map(|(at, mode)| format!("{} {mode}", at.0));
        let utf8 = self.utf8.then(|| "1".to_owned());
        let parts = [
            ("utf8", &utf8),
            ("notify", &self.notify),
            ("ret", &self.ret),
            ("orcpt", &self.original_recipient),
            ("envid", &self.id),
            ("by", &by),
        ];
        let lines = parts
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn of(column: &str) -> Self {
        let mut options = Self::default();
        for (name, value) in column.lines().filter_map(|line| line.split_once(' ')) {
            match name {
                "utf8" => options.utf8 = true,
                "notify" => options.notify = Some(value.to_owned()),
                "ret" => options.ret = Some(value.to_owned()),
                "orcpt" => options.original_recipient = Some(value.to_owned()),
                "envid" => options.id = Some(value.to_owned()),
                "by" => {
                    let (at, mode) = value.split_once(' ').unwrap_or((value, "N"));
                    options.by = at.parse().ok().map(|at| (Timestamp(at), mode.to_owned()));
                }
                _ => {}
            }
        }
        options
    }
}

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutgoingId {
    /// Whose script sent it.
    pub account: AccountId,
    /// Its number, which nothing else has.
    pub number: i64,
}

/// `ACCOUNT-NUMBER`: for the log, and for `sora-admin outbox`.
impl fmt::Display for OutgoingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.account, self.number)
    }
}

/// What `Display` writes.
impl FromStr for OutgoingId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (account, number) = text.split_once('-').ok_or(())?;
        let account = AccountId(account.parse().map_err(drop)?);
        Ok(Self { account, number: number.parse().map_err(drop)? })
    }
}

/// A message that waits, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Which.
    pub id: OutgoingId,
    /// Why.
    pub kind: OutgoingKind,
    /// MAIL FROM; "" for the null sender.
    pub sender: String,
    /// RCPT TO.
    pub recipients: Vec<String>,
    /// Parameters.
    pub options: OutgoingOptions,
    /// When its delivery was committed.
    pub queued_at: Timestamp,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// Times it was tried.
    pub attempts: u32,
    /// Nobody tries it any more.
    pub is_dead: bool,
    /// What was said the last time; "" before.
    pub last_error: String,
    /// Its size.
    pub bytes: u64,
}

/// What [`outgoing_at`] reads.
macro_rules! select_outgoing {
    ($rest:literal) => {
        concat!(
            "SELECT account_id, outbox_id, kind, sender, recipients, options, queued_at, due_at,
                    attempts, is_dead, last_error, size
             FROM outbox ",
            $rest
        )
    };
}

impl Store {
    /// What is due now, the longest waiting first, `limit` at most.
    pub fn due_outgoing(&self, limit: u32) -> Result<Vec<Outgoing>, Failure> {
        self.0.engine.glance("reading the outbox", |tx| {
            let values = [Value::Int(tx.now().0), Value::Int(i64::from(limit))];
            outgoing(
                tx,
                select_outgoing!("WHERE is_dead = 0 AND due_at <= $1 ORDER BY due_at LIMIT $2"),
                &values,
            )
        })
    }

    /// When the next one is due, if any waits.
    pub fn next_outgoing(&self) -> Result<Option<Timestamp>, Failure> {
        self.0.engine.glance("reading the outbox", |tx| {
            tx.query_one(
                "SELECT due_at FROM outbox WHERE is_dead = 0 ORDER BY due_at LIMIT 1",
                &[],
                |row| row.int(0).map(Timestamp),
            )
        })
    }

    /// Everything that waits or is dead, the oldest first: of one account or of all, after `after`,
    /// `limit` at most.
    pub fn list_outgoing(
        &self,
        account: Option<AccountId>,
        after: Option<OutgoingId>,
        limit: u32,
    ) -> Result<Vec<Outgoing>, Failure> {
        let after = after.map_or((0, 0), |id| (id.account.0, id.number));
        self.0.engine.glance("listing the outbox", |tx| {
            let (from, to) = match account {
                Some(account) => (account.0, account.0),
                None => (0, i64::MAX),
            };
            let values = [
                Value::Int(from),
                Value::Int(to),
                Value::Int(after.0),
                Value::Int(after.1),
                Value::Int(i64::from(limit)),
            ];
            outgoing(
                tx,
                select_outgoing!(
                    "WHERE account_id >= $1 AND account_id <= $2
                       AND (account_id, outbox_id) > ($3, $4)
                     ORDER BY account_id, outbox_id LIMIT $5"
                ),
                &values,
            )
        })
    }

    /// One of them; `None` if it is gone.
    pub fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, Failure> {
        self.0.engine.glance("reading the outbox", |tx| {
            let sql = select_outgoing!("WHERE account_id = $1 AND outbox_id = $2");
            tx.query_one(sql, &key(id), outgoing_at)
        })
    }

    /// The bytes of one; `None` if it is gone.
    pub fn outgoing_message(&self, id: OutgoingId) -> Result<Option<Vec<u8>>, Failure> {
        self.0.engine.glance("reading a message that leaves", |tx| {
            tx.query_one(
                "SELECT message FROM outbox WHERE account_id = $1 AND outbox_id = $2",
                &key(id),
                |row| row.bytes(0).map(<[u8]>::to_vec),
            )
        })
    }

    /// One that another server has taken, or that nobody wants any more. False if it was gone.
    pub fn remove_outgoing(&self, id: OutgoingId) -> Result<bool, Failure> {
        self.0.engine.write("removing a message that left", Weight::Bytes(64), move |tx| {
            let gone = tx
                .execute("DELETE FROM outbox WHERE account_id = $1 AND outbox_id = $2", &key(id))?;
            Ok(gone == 1)
        })
    }

    /// One that could not be sent to those in `left`: it is tried again in `microseconds`, or never
    /// with `None`. `report` leaves in the same transaction.
    pub fn postpone_outgoing(
        &self,
        id: OutgoingId,
        left: &[String],
        microseconds: Option<i64>,
        error: &str,
        report: Option<&NewOutgoing>,
    ) -> Result<(), Failure> {
        let (error, left) = (error.to_owned(), left.join("\n"));
        let report = match report {
            Some(report) => Some((self.0.ids.next_blob(&self.0.engine)?.0, report.clone())),
            None => None,
        };
        self.0.engine.write("postponing a message that leaves", Weight::Bytes(256), move |tx| {
            let [account, number] = key(id);
            let due = tx.now().0.saturating_add(microseconds.unwrap_or(0));
            let found = tx.execute(
                "UPDATE outbox SET attempts = attempts + 1, due_at = $3, is_dead = $4,
                        last_error = $5, recipients = $6
                 WHERE account_id = $1 AND outbox_id = $2",
                &[
                    account,
                    number,
                    Value::Int(due),
                    Value::Int(i64::from(microseconds.is_none())),
                    Value::Text(&error),
                    Value::Text(&left),
                ],
            )?;
            match &report {
                // One that somebody has removed meanwhile is not reported on.
                Some((number, new)) if found > 0 => {
                    queue(tx, OutgoingId { account: id.account, number: *number }, new)
                }
                _ => Ok(()),
            }
        })
    }

    /// True if an account may send another message: not too many of its wait.
    pub fn may_send(&self, account: AccountId) -> Result<bool, Failure> {
        let most = limits::OUTGOING_PER_ACCOUNT_MAX;
        let waiting = self.0.engine.glance("counting what leaves", |tx| {
            tx.query_one(
                "SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE account_id = $1 AND is_dead = 0
                                       LIMIT $2) AS waiting",
                &[Value::Int(account.0), Value::Int(most)],
                |row| row.int(0),
            )
        })?;
        Ok(waiting.unwrap_or(0) < most)
    }

    /// Removes what could not be sent and has been left alone for `kept`, a bounded number of rows. True
    /// if there may be more.
    pub fn forget_dead_letters(&self, kept: Duration) -> Result<bool, Failure> {
        let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        self.0.engine.write("removing what could not be sent", Weight::Bulk, move |tx| {
            let gone = tx.execute(
                "DELETE FROM outbox WHERE (account_id, outbox_id) IN
                     (SELECT account_id, outbox_id FROM outbox
                      WHERE is_dead = 1 AND due_at <= $1 LIMIT $2)",
                &[
                    Value::Int(tx.now().0.saturating_sub(kept)),
                    Value::Int(limits::DEAD_LETTERS_SWEPT_MAX),
                ],
            )?;
            Ok(i64::try_from(gone).unwrap_or(i64::MAX) >= limits::DEAD_LETTERS_SWEPT_MAX)
        })
    }

    /// One that shall be tried now, dead or not, with all its attempts before it. False if it is gone.
    pub fn retry_outgoing(&self, id: OutgoingId) -> Result<bool, Failure> {
        self.0.engine.write("retrying a message that leaves", Weight::Bytes(64), move |tx| {
            let [account, number] = key(id);
            let found = tx.execute(
                "UPDATE outbox SET attempts = 0, due_at = $3, is_dead = 0
                 WHERE account_id = $1 AND outbox_id = $2",
                &[account, number, Value::Int(tx.now().0)],
            )?;
            Ok(found == 1)
        })
    }
}

/// Writes a message that leaves, in the transaction that it comes from.
pub(super) fn queue(tx: &mut Tx<'_>, id: OutgoingId, new: &NewOutgoing) -> Result<(), Failure> {
    let [account, number] = key(id);
    let now = Value::Int(tx.now().0);
    tx.execute(
        "INSERT INTO outbox (account_id, outbox_id, kind, sender, recipients, options, queued_at,
                due_at, attempts, is_dead, last_error, size, message)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0, 0, '', $8, $9)",
        &[
            account,
            number,
            Value::Int(new.kind as i64),
            Value::Text(&new.sender),
            Value::Text(&new.recipients.join("\n")),
            Value::Text(&new.options.column()),
            now,
            Value::Int(i64::try_from(new.message.len()).unwrap_or(i64::MAX)),
            Value::Bytes(&new.message),
        ],
    )
    .map(drop)
}

const fn key(id: OutgoingId) -> [Value<'static>; 2] {
    [Value::Int(id.account.0), Value::Int(id.number)]
}

fn outgoing(
    tx: &mut Tx<'_>,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<Vec<Outgoing>, Failure> {
    let mut all = Vec::new();
    tx.query(sql, values, |row| {
        all.push(outgoing_at(row)?);
        Ok(())
    })?;
    Ok(all)
}

fn outgoing_at(row: &Row<'_>) -> Result<Outgoing, Failure> {
    Ok(Outgoing {
        id: OutgoingId { account: AccountId(row.int(0)?), number: row.int(1)? },
        kind: OutgoingKind::of(row.int(2)?),
        sender: row.text(3)?.to_owned(),
        recipients: row.text(4)?.lines().map(str::to_owned).collect(),
        options: OutgoingOptions::of(row.text(5)?),
        queued_at: Timestamp(row.int(6)?),
        due_at: Timestamp(row.int(7)?),
        attempts: row.uint(8)?,
        is_dead: row.int(9)? == 1,
        last_error: row.text(10)?.to_owned(),
        bytes: u64::try_from(row.int(11)?).unwrap_or(0),
    })
}
