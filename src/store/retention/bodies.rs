//! Bodies that nothing refers to any more: bytes first, rows after, so that what a cut-off run leaves
//! is still found (pitfall 46). Removing bytes that are gone already succeeds.

use super::super::engine::{Tx, Value, Weight};
use super::super::{Failure, Store, blobs::together, bodies::DELETING};
use crate::crash_point;
use crate::limits;
use crate::model::{AccountId, BlobId};

/// A body to be removed.
struct Unneeded {
    account: AccountId,
    blob: BlobId,
    is_in_database: bool,
    hash: Vec<u8>,
    /// It has an object, or may have one.
    is_in_object: bool,
}

/// What [`Store::remove_bodies`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovedBodies {
    /// How many are gone.
    pub removed: u64,
    /// Behind which there may be more.
    pub next: Option<BlobId>,
}

impl Store {
    /// Removes bodies that have lost their last reference, at most `CLEANED_BODIES_MAX` of those behind
    /// `after`. One whose bytes cannot be removed keeps its rows and holds up no other (pitfall 39); it
    /// is a failure if none can, and the reason is not theirs alone.
    pub fn remove_bodies(&self, after: BlobId) -> Result<RemovedBodies, Failure> {
        let unneeded = self.unneeded_bodies(after)?;
        let is_full = unneeded.len() as u64 >= limits::CLEANED_BODIES_MAX.unsigned_abs();
        let next = unneeded.last().map(|body| body.blob).filter(|_| is_full);
        // A request takes a service that is far away long, and there may be thousands a second.
        let at_once = if self.0.objects.is_some() { limits::BODIES_AT_ONCE } else { 1 };
        let results = together::each(&unneeded, at_once, |body| self.remove_bytes(body));
        let mut failed = None;
        let mut gone = Vec::with_capacity(unneeded.len());
        for (body, result) in unneeded.into_iter().zip(results) {
            match result.unwrap_or(Err(Failure::Panicked { doing: "removing a body" })) {
                Ok(()) => gone.push(body),
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        let removed = gone.len() as u64;
        match failed {
            Some(failure) if gone.is_empty() && !failure.is_about_one_body() => {
                return Err(failure);
            }
            Some(failure) => log::warn!("cleaner: a body stays for now: {failure}"),
            None => {}
        }
        if removed > 0 {
            self.0.engine.write("removing bodies", Weight::Bytes(64 * 1024), move |tx| {
                remove_rows(tx, &gone)
            })?;
        }
        Ok(RemovedBodies { removed, next })
    }

    /// The same for all there are; how many.
    pub fn remove_all_bodies(&self) -> Result<u64, Failure> {
        let (mut removed, mut after) = (0, BlobId(0));
        loop {
            let step = self.remove_bodies(after)?;
            removed += step.removed;
            let Some(next) = step.next else { return Ok(removed) };
            after = next;
        }
    }

    /// How many of these, which should have gone, are still there: somebody is just moving them, or
    /// they could not be removed.
    pub fn bodies_left(&self, account: AccountId, bodies: &[BlobId]) -> Result<u64, Failure> {
        let ids: Vec<i64> = bodies.iter().map(|blob| blob.0).collect();
        let left = self.0.engine.read("counting bodies to remove", |tx| {
            tx.query_one(
                // `state + 0` is no condition of an index: they are found by their key.
                "SELECT COUNT(*) FROM blobs
                 WHERE {each account_id=$1 blob_id=$2} AND state + 0 = $3",
                &[Value::Int(account.0), Value::Ids(&ids), Value::Int(DELETING)],
                |row| row.uint(0),
            )
        })?;
        Ok(left.unwrap_or(0))
    }

    fn remove_bytes(&self, body: &Unneeded) -> Result<(), Failure> {
        match &self.0.objects {
            // A file that was reserved, and whose delivery came to nothing.
            _ if body.hash.is_empty() => self.0.bodies.remove(body.blob)?,
            // Whoever moved it may have died between its object and its row.
            Some(objects) if body.is_in_object || body.is_in_database => {
                objects.delete(body.account, body.blob, &body.hash)?;
                crash_point!("object: deleted, not its rows");
            }
            None if body.is_in_object => {
                let why = "a body to be removed is in object storage, which is not configured: \
                           set [bodies] home = \"s3\" and [s3]";
                return Err(Failure::Settings { why: why.to_owned() });
            }
            _ if body.is_in_database => {}
            _ => {
                self.0.bodies.remove(body.blob)?;
                crash_point!("cleaner: bytes of a body removed, not its rows");
            }
        }
        Ok(())
    }

    /// Those that nobody is just moving.
    fn unneeded_bodies(&self, after: BlobId) -> Result<Vec<Unneeded>, Failure> {
        self.0.engine.glance("finding bodies to remove", |tx| {
            let mut unneeded = Vec::new();
            tx.query(
                // `state <> 3` names the index.
                "SELECT b.account_id, b.blob_id,
                        CASE WHEN i.blob_id IS NULL THEN 0 ELSE 1 END, b.hash,
                        CASE WHEN b.form = 0 AND u.blob_id IS NULL THEN 0 ELSE 1 END
                 FROM blobs b
                 LEFT JOIN bodies i ON i.account_id = b.account_id AND i.blob_id = b.blob_id
                 LEFT JOIN uploads u ON u.account_id = b.account_id AND u.blob_id = b.blob_id
                 WHERE b.state <> 3 AND b.state = $1 AND b.blob_id > $4
                   AND (u.due_at IS NULL OR u.due_at <= $3)
                 ORDER BY b.blob_id LIMIT $2",
                &[
                    Value::Int(DELETING),
                    Value::Int(limits::CLEANED_BODIES_MAX),
                    Value::Int(tx.now().0),
                    Value::Int(after.0),
                ],
                |row| {
                    unneeded.push(Unneeded {
                        account: AccountId(row.int(0)?),
                        blob: BlobId(row.int(1)?),
                        is_in_database: row.int(2)? != 0,
                        hash: row.bytes(3)?.to_vec(),
                        is_in_object: row.int(4)? != 0,
                    });
                    Ok(())
                },
            )?;
            Ok(unneeded)
        })
    }
}

/// One statement for all of them where a statement is a round trip (PostgreSQL). `state + 0` is no
/// condition of an index: all that are to be removed would be looked through for each of these.
const TOGETHER: &str = "
WITH gone AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS g(account_id, blob_id)
), bodies AS (
    DELETE FROM bodies y USING gone g
    WHERE y.account_id = g.account_id AND y.blob_id = g.blob_id
), uploads AS (
    DELETE FROM uploads u USING gone g
    WHERE u.account_id = g.account_id AND u.blob_id = g.blob_id
), maps AS (
    DELETE FROM blob_map m USING gone g
    WHERE m.account_id = g.account_id AND m.blob_id = g.blob_id
)
DELETE FROM blobs b USING gone g
WHERE b.account_id = g.account_id AND b.blob_id = g.blob_id AND b.state + 0 = 4 AND b.refs = 0";

fn remove_rows(tx: &mut Tx<'_>, unneeded: &[Unneeded]) -> Result<(), Failure> {
    if tx.has_rivals() {
        let accounts: Vec<i64> = unneeded.iter().map(|body| body.account.0).collect();
        let blobs: Vec<i64> = unneeded.iter().map(|body| body.blob.0).collect();
        return tx.execute(TOGETHER, &[Value::Ids(&accounts), Value::Ids(&blobs)]).map(drop);
    }
    for body in unneeded {
        let values = [Value::Int(body.account.0), Value::Int(body.blob.0)];
        for sql in [
            "DELETE FROM bodies WHERE account_id = $1 AND blob_id = $2",
            "DELETE FROM uploads WHERE account_id = $1 AND blob_id = $2",
            "DELETE FROM blob_map WHERE account_id = $1 AND blob_id = $2",
            "DELETE FROM blobs
             WHERE account_id = $1 AND blob_id = $2 AND state = 4 AND refs = 0",
        ] {
            tx.execute(sql, &values)?;
        }
    }
    Ok(())
}
