//! Threads: a message belongs where the first of its Message-IDs that is known belongs, for ever
//! (RFC 8474 §5.2: a THREADID once told must not change).

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::Failure;
use super::engine::{Tx, Value};
use crate::model::{AccountId, BlobId, ThreadId};

/// A Message-ID as threads compare it: without brackets and white space around it. Two that collide
/// share a thread, no more.
pub fn message_id_hash(id: &[u8]) -> i64 {
    let id = id.trim_ascii();
    let id = id.strip_prefix(b"<").unwrap_or(id);
    let id = id.strip_suffix(b">").unwrap_or(id);
    let hash = Sha256::digest(id.trim_ascii());
    hash.iter().take(8).fold(0, |value: i64, byte| value << 8 | i64::from(*byte))
}

/// The thread of a new message, recording what it newly knows. A thread is named by its first body.
pub(super) fn of_message(
    tx: &mut Tx<'_>,
    account: AccountId,
    blob: BlobId,
    message_ids: &[i64],
) -> Result<ThreadId, Failure> {
    let known = known(tx, account, message_ids)?;
    let find = |id: &i64| known.iter().find(|(hash, _)| hash == id).map(|(_, thread)| *thread);
    let thread = message_ids.iter().find_map(find).unwrap_or(ThreadId(blob.0));
    // In the order of the key, and each once.
    let new: BTreeSet<i64> = message_ids.iter().copied().filter(|id| find(id).is_none()).collect();
    let mut learnt = 0;
    for id in &new {
        learnt += tx.execute(
            "INSERT INTO message_ids (account_id, hash, thread_id) VALUES ($1, $2, $3)
             ON CONFLICT (account_id, hash) DO NOTHING",
            &[Value::Int(account.0), Value::Int(*id), Value::Int(thread.0)],
        )?;
    }
    if learnt != new.len() as u64 {
        return Err(tx.again()); // somebody else has just said which thread it is
    }
    Ok(thread)
}

fn known(
    tx: &mut Tx<'_>,
    account: AccountId,
    message_ids: &[i64],
) -> Result<Vec<(i64, ThreadId)>, Failure> {
    let mut known = Vec::new();
    let mut push = |row: &super::engine::Row<'_>| {
        known.push((row.int(0)?, ThreadId(row.int(1)?)));
        Ok(())
    };
    match message_ids {
        [] => {}
        // Most mail answers nothing: the list costs more than the lookup.
        [id] => tx.query(
            "SELECT hash, thread_id FROM message_ids WHERE account_id = $1 AND hash = $2",
            &[Value::Int(account.0), Value::Int(*id)],
            &mut push,
        )?,
        ids => tx.query(
            "SELECT hash, thread_id FROM message_ids WHERE {each account_id=$1 hash=$2}",
            &[Value::Int(account.0), Value::Ids(ids)],
            &mut push,
        )?,
    }
    Ok(known)
}
