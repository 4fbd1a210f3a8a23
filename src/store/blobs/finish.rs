//! What the rows of bodies say once their objects are there.
//!
//! One statement for each row on SQLite, where a statement is a call; one for all on PostgreSQL, where
//! it is a round trip. Rows of `blobs` are locked in the order of their identifiers either way.

use std::collections::HashSet;

use super::super::Failure;
use super::super::bodies::{DELETING, STAGED, STORED};
use super::super::engine::{Tx, Value};
use super::Uploaded;

/// Moves the rows of `uploaded`, which ascend; the bodies that nobody wants any more. Each of those has
/// a row that says so: without one, nobody would ever look for its object (pitfall 46).
pub(super) fn finish(tx: &mut Tx<'_>, uploaded: &[Uploaded]) -> Result<Vec<Uploaded>, Failure> {
    let unwanted =
        if tx.has_rivals() { together(tx, uploaded)? } else { one_by_one(tx, uploaded)? };
    unwanted.iter().try_for_each(|one| leave_to_the_cleaner(tx, one))?;
    Ok(unwanted)
}

fn one_by_one(tx: &mut Tx<'_>, uploaded: &[Uploaded]) -> Result<Vec<Uploaded>, Failure> {
    let mut unwanted = Vec::new();
    for one in uploaded {
        if !is_stored(tx, one)? {
            unwanted.push(one.clone());
        }
    }
    Ok(unwanted)
}

/// Of a body whose rows went while it was moved: its time was over, and the cleaner did not wait.
fn leave_to_the_cleaner(tx: &mut Tx<'_>, one: &Uploaded) -> Result<(), Failure> {
    tx.execute(
        "INSERT INTO blobs (account_id, blob_id, size, state, refs, hash, form, object_bytes)
         VALUES ($1, $2, $3, $4, 0, $5, $6, $7) ON CONFLICT DO NOTHING",
        &[
            Value::Int(one.taken.account.0),
            Value::Int(one.taken.blob.0),
            Value::Int(i64::try_from(one.bytes).unwrap_or(i64::MAX)),
            Value::Int(DELETING),
            Value::Bytes(&one.hash),
            Value::Int(one.form.column()),
            Value::Int(i64::try_from(one.object_bytes).unwrap_or(i64::MAX)),
        ],
    )
    .map(drop)
}

/// `state + 0` is no condition of an index: while the bucket was away a hundred thousand were staged, and
/// all would be looked through for each of these.
const TOGETHER: &str = "
WITH held AS MATERIALIZED (
    SELECT b.account_id, b.blob_id, d.form, d.object_bytes
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
         AS d(account_id, blob_id, form, object_bytes)
    JOIN blobs b ON b.account_id = d.account_id AND b.blob_id = d.blob_id
    WHERE b.state + 0 = 2 ORDER BY b.blob_id FOR UPDATE OF b
), stored AS (
    UPDATE blobs b SET state = 3, form = h.form, object_bytes = h.object_bytes FROM held h
    WHERE b.account_id = h.account_id AND b.blob_id = h.blob_id
), bare AS (
    DELETE FROM bodies y USING held h
    WHERE y.account_id = h.account_id AND y.blob_id = h.blob_id
), free AS (
    DELETE FROM uploads u
    USING unnest($1::bigint[], $2::bigint[]) AS d(account_id, blob_id)
    WHERE u.account_id = d.account_id AND u.blob_id = d.blob_id
)
SELECT account_id, blob_id FROM held";

fn together(tx: &mut Tx<'_>, uploaded: &[Uploaded]) -> Result<Vec<Uploaded>, Failure> {
    let each = |number: fn(&Uploaded) -> i64| uploaded.iter().map(number).collect::<Vec<_>>();
    let accounts = each(|one| one.taken.account.0);
    let blobs = each(|one| one.taken.blob.0);
    let forms = each(|one| one.form.column());
    let object_bytes = each(|one| i64::try_from(one.object_bytes).unwrap_or(i64::MAX));
    let values = [&accounts, &blobs, &forms, &object_bytes].map(|all| Value::Ids(all));
    let mut stored = HashSet::with_capacity(uploaded.len());
    tx.query(TOGETHER, &values, |row| {
        stored.insert((row.int(0)?, row.int(1)?));
        Ok(())
    })?;
    let mut unwanted = Vec::new();
    let is_stored = |one: &Uploaded| stored.contains(&(one.taken.account.0, one.taken.blob.0));
    for one in uploaded.iter().filter(|one| !is_stored(one)) {
        if !is_stored_by_another(tx, one)? {
            unwanted.push(one.clone());
        }
    }
    Ok(unwanted)
}

/// True if the body is wanted still.
fn is_stored(tx: &mut Tx<'_>, uploaded: &Uploaded) -> Result<bool, Failure> {
    let Uploaded { taken, form, object_bytes, .. } = uploaded;
    let key = [Value::Int(taken.account.0), Value::Int(taken.blob.0)];
    let [account, blob] = key;
    let stored = tx.execute(
        "UPDATE blobs SET state = $3, form = $4, object_bytes = $5
         WHERE account_id = $1 AND blob_id = $2 AND state = $6",
        &[
            account,
            blob,
            Value::Int(STORED),
            Value::Int(form.column()),
            Value::Int(i64::try_from(*object_bytes).unwrap_or(i64::MAX)),
            Value::Int(STAGED),
        ],
    )?;
    tx.execute("DELETE FROM uploads WHERE account_id = $1 AND blob_id = $2", &key)?;
    if stored == 1 {
        tx.execute("DELETE FROM bodies WHERE account_id = $1 AND blob_id = $2", &key)?;
        return Ok(true);
    }
    is_stored_by_another(tx, uploaded)
}

/// Of a body that is not staged: gone, or about to be, and then nobody else will look for its object;
/// or another one was faster.
fn is_stored_by_another(tx: &mut Tx<'_>, uploaded: &Uploaded) -> Result<bool, Failure> {
    let state = tx.query_one(
        "SELECT state FROM blobs WHERE account_id = $1 AND blob_id = $2",
        &[Value::Int(uploaded.taken.account.0), Value::Int(uploaded.taken.blob.0)],
        |row| row.int(0),
    )?;
    Ok(state == Some(STORED))
}
