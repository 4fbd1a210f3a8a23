//! Staged bodies on their way to the bucket: who moves which, and what the rows say after it.
//!
//! A staged body is moved by whoever has taken it, for a time. Its object is put first; then, in one
//! transaction, its row says where it is and the staged bytes go. Whatever dies in between, the body
//! is staged still, and is put again under the same name.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::super::engine::{Row, Tx, Value, Weight};
use super::super::{Failure, Store};
use super::{CLOCK, Form, Objects, finish};
use crossbeam_channel::Receiver;

use crate::crash_point;
use crate::limits;
use crate::model::{AccountId, BlobId};
use crate::s3::Tries;

/// A staged body that the one who took it may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub blob: BlobId,
    /// How often it was tried in vain, for reasons of its own.
    pub attempts: u32,
    /// It was taken before, and may have been put, whatever was heard of that.
    again: bool,
}

/// A body that was taken, with its bytes if they were read together with those of others.
#[derive(Debug)]
pub struct Staged {
    /// Which.
    pub taken: Taken,
    bytes: Option<Bytes>,
}

/// A body's bytes and their hash.
type Bytes = (Vec<u8>, [u8; 32]);

/// A body whose object is there.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// Which.
    pub taken: Taken,
    pub(in crate::store) form: Form,
    pub(in crate::store) object_bytes: u64,
    pub(in crate::store) hash: [u8; 32],
    pub(in crate::store) bytes: u64,
}

/// How much is staged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Bodies.
    pub bodies: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is known of the backlog without asking, and its bound.
#[derive(Debug)]
pub(super) struct Gauge {
    bytes: AtomicU64,
    bytes_max: u64,
    /// Held by who counts again.
    counting: Mutex<Full>,
}

/// When it was last counted, if it was found full then.
#[derive(Clone, Copy, Debug, Default)]
struct Full(Option<SystemTime>);

impl Full {
    /// True if it need not be counted again.
    fn is_fresh(self, now: SystemTime) -> bool {
        let age = self.0.and_then(|counted| now.duration_since(counted).ok());
        age.is_some_and(|age| age < COUNTED_AGAIN)
    }
}

/// While it is full, and senders come and come, it is counted so seldom: there may be millions.
const COUNTED_AGAIN: Duration = Duration::from_secs(1);

impl Gauge {
    pub(super) fn new(bytes_max: u64) -> Self {
        let bytes_max = if bytes_max == 0 { u64::MAX } else { bytes_max };
        Self { bytes: AtomicU64::new(0), bytes_max, counting: Mutex::default() }
    }
}

impl Gauge {
    /// Notes that so much will be staged; false if it is too much.
    fn add(&self, bytes: u64) -> bool {
        let staged = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = staged.saturating_add(bytes) <= self.bytes_max;
        if !fits {
            self.subtract(bytes);
        }
        fits
    }

    fn subtract(&self, bytes: u64) {
        let less = |staged: u64| Some(staged.saturating_sub(bytes));
        let _always = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

impl Objects {
    /// Tells whoever waits for it that something is staged.
    pub(in crate::store) fn ring(&self) {
        let _rung_already = self.bell.0.try_send(());
    }
}

impl Store {
    /// True if bodies are moved to object storage.
    pub fn has_uploads(&self) -> bool {
        self.0.objects.is_some()
    }

    /// Notes that a body will be staged; refuses if too much is (pitfall 11). What was admitted and
    /// came to nothing is in the sum, too: before anything is refused it is counted again.
    pub(in crate::store) fn admit(&self, objects: &Objects, bytes: u64) -> Result<(), Failure> {
        let gauge = &objects.backlog;
        if gauge.add(bytes) {
            return Ok(());
        }
        // One counts at a time, and for all who come meanwhile the answer is as it was.
        let now = (CLOCK.now)();
        if let Ok(mut full) = gauge.counting.try_lock()
            && !full.is_fresh(now)
        {
            *full = Full::default();
            self.backlog()?;
            if gauge.add(bytes) {
                return Ok(());
            }
            *full = Full(Some(now));
        }
        Err(Failure::NoSpace { doing: "staging a body until it can be moved to S3" })
    }

    /// For how long object storage is being left alone, since it does not answer.
    pub fn objects_left_alone(&self) -> Duration {
        self.0.objects.as_ref().map_or(Duration::ZERO, Objects::left_alone)
    }

    /// Hears it when something may have been staged here; `None` if bodies are not moved.
    pub fn bell(&self) -> Option<Receiver<()>> {
        self.0.objects.as_ref().map(|objects| objects.bell.1.clone())
    }

    /// Learns what the local cache has from before: it takes a while, and nobody waits for it.
    pub fn load_cache(&self) {
        if let Some(objects) = &self.0.objects {
            objects.load_cache();
        }
    }

    /// Takes up to `count` staged bodies, oldest first, for `holder` and for `lease`; those of a
    /// holder whose time is over, too (pitfall 41).
    pub fn take_uploads(
        &self,
        holder: &str,
        count: usize,
        lease: Duration,
    ) -> Result<Vec<Taken>, Failure> {
        let holder = holder.to_owned();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.engine.write("taking bodies to upload", Weight::Bytes(4_096), move |tx| {
            let now = tx.now().0;
            let mut taken = Vec::new();
            tx.query(
                // `state <> 3` names the index. Another one may just be done with a body: who finds
                // that out by its lock leaves it alone.
                "INSERT INTO uploads (account_id, blob_id, holder, due_at, attempts)
                 SELECT b.account_id, b.blob_id, $1, $2, 0 FROM blobs b
                 LEFT JOIN uploads u ON u.account_id = b.account_id AND u.blob_id = b.blob_id
                 WHERE b.state <> 3 AND b.state = 2 AND (u.due_at IS NULL OR u.due_at <= $3)
                 ORDER BY b.blob_id LIMIT $4
                 {postgres} FOR UPDATE OF b SKIP LOCKED
                 ON CONFLICT (account_id, blob_id) DO UPDATE
                 SET holder = excluded.holder, due_at = excluded.due_at,
                     attempts = uploads.attempts + 1, tries = uploads.tries + 1
                 WHERE uploads.due_at <= $3
                 RETURNING account_id, blob_id, attempts, tries",
                &[
                    Value::Text(&holder),
                    Value::Int(now.saturating_add(microseconds(lease))),
                    Value::Int(now),
                    Value::Int(count),
                ],
                |row| {
                    taken.push(Taken {
                        account: AccountId(row.int(0)?),
                        blob: BlobId(row.int(1)?),
                        attempts: row.uint(2)?,
                        again: row.int(3)? > 0,
                    });
                    Ok(())
                },
            )?;
            taken.sort_unstable_by_key(|taken| taken.blob);
            Ok(taken)
        })
    }

    /// Reads what is staged of bodies that were taken, by one statement. The larger ones, of which not
    /// many fit into memory, come without bytes: they are read one by one when they are put.
    pub fn read_staged(&self, taken: Vec<Taken>) -> Result<Vec<Staged>, Failure> {
        let keys: Vec<(i64, i64)> =
            taken.iter().map(|taken| (taken.account.0, taken.blob.0)).collect();
        let mut read = HashMap::with_capacity(taken.len());
        self.0.engine.glance("reading staged bodies", |tx| {
            tx.query(
                "SELECT b.account_id, b.blob_id, y.bytes, b.hash FROM ({ranges $1}) t
                 {join} blobs b ON b.account_id = t.first AND b.blob_id = t.last
                 {join} bodies y ON y.account_id = t.first AND y.blob_id = t.last
                 WHERE b.state + 0 = 2 AND b.size <= $2",
                &[Value::Ranges(&keys), Value::Int(limits::STAGED_TOGETHER_BYTES_MAX)],
                |row| {
                    read.insert(
                        (row.int(0)?, row.int(1)?),
                        (row.bytes(2)?.to_vec(), hash_at(row, 3)?),
                    );
                    Ok(())
                },
            )
        })?;
        let staged =
            |taken: Taken| Staged { taken, bytes: read.remove(&(taken.account.0, taken.blob.0)) };
        Ok(taken.into_iter().map(staged).collect())
    }

    /// As [`Store::upload_staged`], reading it first.
    pub fn upload(&self, taken: Taken) -> Result<Option<Uploaded>, Failure> {
        self.upload_staged(Staged { taken, bytes: None })
    }

    /// Puts the object of a body that was taken. No row changes yet. `None` if it is staged no more.
    pub fn upload_staged(&self, staged: Staged) -> Result<Option<Uploaded>, Failure> {
        let Some(objects) = &self.0.objects else { return Ok(None) };
        let Staged { taken, bytes } = staged;
        let bytes = if bytes.is_some() { bytes } else { self.read_one_staged(taken)? };
        let Some((bytes, hash)) = bytes else { return Ok(None) };
        crash_point!("object: staged and taken, not put");
        let Taken { account, blob, again, .. } = taken;
        let (form, object_bytes) = objects.put(account, blob, &bytes, &hash, again, Tries::Once)?;
        crash_point!("object: put, its row not updated");
        let bytes = bytes.len() as u64;
        Ok(Some(Uploaded { taken, form, object_bytes, hash, bytes }))
    }

    fn read_one_staged(&self, taken: Taken) -> Result<Option<Bytes>, Failure> {
        self.0.engine.glance("reading a staged body", |tx| {
            tx.query_one(
                "SELECT y.bytes, b.hash FROM blobs b
                 JOIN bodies y ON y.account_id = b.account_id AND y.blob_id = b.blob_id
                 WHERE b.account_id = $1 AND b.blob_id = $2 AND b.state = 2",
                &[Value::Int(taken.account.0), Value::Int(taken.blob.0)],
                |row| Ok((row.bytes(0)?.to_vec(), hash_at(row, 1)?)),
            )
        })
    }

    /// Says of bodies whose objects are there that they are, and removes what was staged of them. An
    /// object whose body has gone meanwhile is deleted again; if that fails, the cleaner does it, by the
    /// row that is left.
    pub fn finish_uploads(&self, uploaded: Vec<Uploaded>) -> Result<(), Failure> {
        let moved: u64 = uploaded.iter().map(|uploaded| uploaded.bytes).sum();
        // In the order of their identifiers: docs/storage.md, "The lock order".
        let mut uploaded = uploaded;
        uploaded.sort_unstable_by_key(|uploaded| uploaded.taken.blob);
        let unwanted =
            self.0.engine.write("finishing uploads", Weight::Bytes(16_384), move |tx| {
                let unwanted = finish::finish(tx, &uploaded)?;
                crash_point!("object: marked as stored, not committed");
                Ok::<_, Failure>(unwanted)
            })?;
        crash_point!("object: marked as stored");
        let Some(objects) = &self.0.objects else { return Ok(()) };
        objects.backlog.subtract(moved);
        for Uploaded { taken, hash, .. } in unwanted {
            if let Err(failure) = objects.delete(taken.account, taken.blob, &hash) {
                log::warn!("store: the object of body {} stays for now: {failure}", taken.blob);
            }
        }
        Ok(())
    }

    /// Gives back bodies that could not be put, not to be tried before `pause` is over; if it was for
    /// a reason of their own, that counts.
    pub fn postpone_uploads(
        &self,
        holder: &str,
        taken: Vec<Taken>,
        pause: Duration,
        counts: bool,
    ) -> Result<(), Failure> {
        let holder = holder.to_owned();
        self.0.engine.write("postponing uploads", Weight::Bytes(4_096), move |tx| {
            let due = tx.now().0.saturating_add(microseconds(pause));
            for taken in &taken {
                // Taking it again counts one: what did not count is taken off here.
                let attempts = i64::from(taken.attempts) - i64::from(!counts);
                tx.execute(
                    "UPDATE uploads SET due_at = $4, attempts = $5
                     WHERE account_id = $1 AND blob_id = $2 AND holder = $3",
                    &[
                        Value::Int(taken.account.0),
                        Value::Int(taken.blob.0),
                        Value::Text(&holder),
                        Value::Int(due),
                        Value::Int(attempts),
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// Who has taken bodies.
    pub fn upload_holders(&self) -> Result<Vec<String>, Failure> {
        self.0.engine.read("reading who uploads", |tx| {
            let mut holders = Vec::new();
            tx.query("SELECT DISTINCT holder FROM uploads", &[], |row| {
                holders.push(row.text(0)?.to_owned());
                Ok(())
            })?;
            Ok(holders)
        })
    }

    /// Frees what a holder has taken who is dead for certain.
    pub fn free_uploads(&self, holder: &str) -> Result<(), Failure> {
        let holder = holder.to_owned();
        self.0.engine.write("freeing uploads", Weight::Bytes(4_096), move |tx| {
            let now = Value::Int(tx.now().0);
            let sql = "UPDATE uploads SET due_at = $2 WHERE holder = $1 AND due_at > $2";
            tx.execute(sql, &[Value::Text(&holder), now]).map(drop)
        })
    }

    /// How much is staged; the bound on it is held by the last answer.
    pub fn backlog(&self) -> Result<Backlog, Failure> {
        let backlog = self.0.engine.read("counting staged bodies", |tx| {
            tx.query_one(
                "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blobs
                 WHERE state <> 3 AND state = 2",
                &[],
                |row| Ok(Backlog { bodies: row.uint(0)?, bytes: row.uint(1)? }),
            )
        })?;
        let backlog = backlog.unwrap_or_default();
        if let Some(objects) = &self.0.objects {
            objects.backlog.bytes.store(backlog.bytes, Ordering::Relaxed);
        }
        Ok(backlog)
    }

    /// Leaves to the cleaner the large bodies whose deliveries never came to an end: how many.
    pub fn give_up_reservations(&self) -> Result<u64, Failure> {
        self.0.engine.write("giving up reservations", Weight::Bytes(4_096), move |tx| {
            tx.execute(
                "UPDATE blobs SET state = 4
                 WHERE state <> 3 AND state = 1 AND refs = 0 AND EXISTS
                       (SELECT 1 FROM uploads u WHERE u.account_id = blobs.account_id
                        AND u.blob_id = blobs.blob_id AND u.due_at <= $1)",
                &[Value::Int(tx.now().0)],
            )
        })
    }
}

fn hash_at(row: &Row<'_>, column: usize) -> Result<[u8; 32], Failure> {
    row.bytes(column)?.try_into().map_err(|_| row.corrupt("a hash of another length"))
}

/// Reserves an identifier for a large body that goes to the bucket, or into a file, before its message
/// is there, which takes `time` at most. Of one that goes into a file, no hash is known yet.
pub(in crate::store) fn reserve(
    tx: &mut Tx<'_>,
    account: AccountId,
    blob: BlobId,
    size: u64,
    hash: &[u8],
    time: Duration,
) -> Result<(), Failure> {
    let (account, blob) = (Value::Int(account.0), Value::Int(blob.0));
    tx.execute(
        "INSERT INTO blobs (account_id, blob_id, size, state, refs, hash)
         VALUES ($1, $2, $3, 1, 0, $4)",
        &[account, blob, Value::Int(i64::try_from(size).unwrap_or(i64::MAX)), Value::Bytes(hash)],
    )?;
    let time = time.saturating_add(Duration::from_secs(limits::RESERVED_SECONDS));
    tx.execute(
        "INSERT INTO uploads (account_id, blob_id, holder, due_at, attempts)
         VALUES ($1, $2, '', $3, 0)",
        &[account, blob, Value::Int(tx.now().0.saturating_add(microseconds(time)))],
    )
    .map(drop)
}

fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // pitfall 11
    fn while_it_is_full_it_is_counted_once_a_second() {
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let is_fresh = |millis| Full(Some(then)).is_fresh(then + Duration::from_millis(millis));
        assert_eq!([0, 999, 1_000, 60_000].map(is_fresh), [true, true, false, false]);
        assert!(
            !Full(Some(then)).is_fresh(then - Duration::from_secs(1)),
            "the clock was set back"
        );
        assert!(!Full::default().is_fresh(then));
    }
}
