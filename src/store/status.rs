//! What waits to be done in the background, for an operator who looks.
//!
//! Every count has an end: a backlog of days must not make whoever asks about it a part of the trouble.

use super::engine::{Tx, Value};
use super::{Failure, Store};
use crate::limits::STATUS_ROWS_MAX;
use crate::model::Timestamp;

/// What waits, and who does what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// When.
    pub now: Timestamp,
    /// Bodies that wait for object storage.
    pub staged: Counted,
    /// When the message of the oldest of them came, if it is in a mailbox.
    pub oldest: Option<Timestamp>,
    /// Large bodies that were put, or are being put, and have no message yet.
    pub reserved: Counted,
    /// Bodies that wait to be removed.
    pub deleting: Counted,
    /// Mail that scripts sent, and that the relay has not taken yet.
    pub leaving: Counted,
    /// Mail that nobody tries to send any more.
    pub given_up: Counted,
    /// Who has taken bodies.
    pub takers: Vec<Taker>,
    /// Pieces of background work that somebody does: name, who, until when the others leave it to them.
    pub leases: Vec<(String, String, Timestamp)>,
}

/// Some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many; there may be more if it is [`STATUS_ROWS_MAX`].
    pub rows: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// A process that has taken bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taker {
    /// Its name.
    pub holder: String,
    /// Bodies that it has.
    pub bodies: u64,
    /// Of those, bodies that were refused before.
    pub refused: u64,
    /// How often the most refused of them was.
    pub attempts: u32,
    /// When the last of them may be taken by others, or is tried again.
    pub until: Timestamp,
}

impl Store {
    /// What waits to be done in the background, at one moment.
    pub fn status(&self) -> Result<Status, Failure> {
        self.0.engine.read("reading what waits", |tx| {
            let staged = counted(tx, 2)?;
            Ok(Status {
                now: tx.now(),
                oldest: if staged.rows > 0 { oldest(tx)? } else { None },
                staged,
                reserved: counted(tx, 1)?,
                deleting: counted(tx, 4)?,
                leaving: outgoing(tx, 0)?,
                given_up: outgoing(tx, 1)?,
                takers: takers(tx)?,
                leases: leases(tx)?,
            })
        })
    }
}

fn counted(tx: &mut Tx<'_>, state: i64) -> Result<Counted, Failure> {
    let counted = tx.query_one(
        // `state <> 3` names the index.
        "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM
         (SELECT size FROM blobs WHERE state <> 3 AND state = $1 LIMIT $2) AS b",
        &[Value::Int(state), Value::Int(STATUS_ROWS_MAX)],
        |row| Ok(Counted { rows: row.uint(0)?, bytes: row.uint(1)? }),
    )?;
    Ok(counted.unwrap_or_default())
}

/// Mail that leaves.
fn outgoing(tx: &mut Tx<'_>, is_dead: i64) -> Result<Counted, Failure> {
    let counted = tx.query_one(
        "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM
         (SELECT size FROM outbox WHERE is_dead = $1 LIMIT $2) AS o",
        &[Value::Int(is_dead), Value::Int(STATUS_ROWS_MAX)],
        |row| Ok(Counted { rows: row.uint(0)?, bytes: row.uint(1)? }),
    )?;
    Ok(counted.unwrap_or_default())
}

/// A body has no date, but its message does; at most all of one account's messages are looked at.
fn oldest(tx: &mut Tx<'_>) -> Result<Option<Timestamp>, Failure> {
    let first = tx.query_one(
        "SELECT account_id, blob_id FROM blobs WHERE state <> 3 AND state = 2
         ORDER BY blob_id LIMIT 1",
        &[],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    let Some((account, blob)) = first else { return Ok(None) };
    let came = tx.query_one(
        "SELECT MIN(arrived_at) FROM
         (SELECT arrived_at, blob_id FROM messages WHERE account_id = $1 LIMIT $3) AS m
         WHERE blob_id = $2",
        &[Value::Int(account), Value::Int(blob), Value::Int(STATUS_ROWS_MAX)],
        |row| row.int_or_null(0),
    )?;
    Ok(came.flatten().map(Timestamp))
}

fn takers(tx: &mut Tx<'_>) -> Result<Vec<Taker>, Failure> {
    let mut takers = Vec::new();
    tx.query(
        "SELECT holder, COUNT(*), COUNT(CASE WHEN attempts > 0 THEN 1 END), MAX(attempts),
                MAX(due_at)
         FROM (SELECT holder, attempts, due_at FROM uploads WHERE holder <> '' LIMIT $1) AS u
         GROUP BY holder ORDER BY holder",
        &[Value::Int(STATUS_ROWS_MAX)],
        |row| {
            takers.push(Taker {
                holder: row.text(0)?.to_owned(),
                bodies: row.uint(1)?,
                refused: row.uint(2)?,
                attempts: u32::try_from(row.int(3)?.max(0)).unwrap_or(u32::MAX),
                until: Timestamp(row.int(4)?),
            });
            Ok(())
        },
    )?;
    Ok(takers)
}

fn leases(tx: &mut Tx<'_>) -> Result<Vec<(String, String, Timestamp)>, Failure> {
    let mut leases = Vec::new();
    tx.query(
        "SELECT name, holder, expires_at FROM leases WHERE expires_at > $1 ORDER BY name LIMIT $2",
        &[Value::Int(tx.now().0), Value::Int(STATUS_ROWS_MAX)],
        |row| {
            let expires = Timestamp(row.int(2)?);
            leases.push((row.text(0)?.to_owned(), row.text(1)?.to_owned(), expires));
            Ok(())
        },
    )?;
    Ok(leases)
}
