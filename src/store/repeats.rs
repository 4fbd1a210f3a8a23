//! Deliveries that are remembered for a day, so that a retry is told from new mail (pitfalls 6, 146).

use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::engine::{Tx, Value, Weight};
use super::{Failure, Store};
use crate::limits;
use crate::model::{AccountId, Timestamp};

/// What makes a real retry recognisable: account, sender, recipient as given, received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryDigest(pub [u8; 16]);

/// How long a delivery is remembered, in microseconds: a day. Real retries come within hours.
const REMEMBERED: i64 = 24 * 60 * 60 * 1_000_000;

impl DeliveryDigest {
    /// Of a transaction's sender, recipient as given, and bytes as received, before trace lines (or a
    /// hash of them, where they are many).
    pub fn new(sender: &str, recipient: &str, received: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for text in [sender, recipient] {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
        hash.update(received);
        let mut digest = [0; 16];
        digest.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(digest)
    }
}

impl Store {
    /// Forgets deliveries older than a day, looking at a bounded number of rows each time; call it
    /// now and then. True if there is more to look at before it starts again.
    pub fn forget_deliveries(&self) -> Result<bool, Failure> {
        let mut from = self.0.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let (account, digest) = from.take().unwrap_or_default();
        *from = self.0.engine.write("forgetting deliveries", Weight::Bulk, move |tx| {
            forget_deliveries(tx, account, &digest)
        })?;
        Ok(from.is_some())
    }
}

/// When the same delivery happened before, within a day; remembers it otherwise (pitfalls 6, 146).
pub(super) fn delivered_before(
    tx: &mut Tx<'_>,
    account: AccountId,
    digest: DeliveryDigest,
) -> Result<Option<Timestamp>, Failure> {
    let now = tx.now().0;
    let key = [Value::Int(account.0), Value::Bytes(&digest.0)];
    let [by_account, by_digest] = key;
    let new = tx.execute(
        "INSERT INTO deliveries (account_id, digest, delivered_at) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, digest) DO NOTHING",
        &[by_account, by_digest, Value::Int(now)],
    )?;
    if new == 1 {
        return Ok(None);
    }
    let first = tx.query_one(
        "SELECT delivered_at FROM deliveries WHERE account_id = $1 AND digest = $2",
        &key,
        |row| row.int(0),
    )?;
    match first {
        Some(first) if now.saturating_sub(first) < REMEMBERED => Ok(Some(Timestamp(first))),
        _ => {
            tx.execute(
                "UPDATE deliveries SET delivered_at = $3 WHERE account_id = $1 AND digest = $2",
                &[by_account, by_digest, Value::Int(now)],
            )?;
            Ok(None)
        }
    }
}

/// Where the next sweep of `deliveries` begins.
pub(super) type SweptUpTo = Mutex<Option<(i64, Vec<u8>)>>;

fn forget_deliveries(
    tx: &mut Tx<'_>,
    account: i64,
    digest: &[u8],
) -> Result<Option<(i64, Vec<u8>)>, Failure> {
    let oldest = tx.now().0.saturating_sub(REMEMBERED);
    let after = [Value::Int(account), Value::Bytes(digest)];
    let [by_account, by_digest] = after;
    let (mut seen, mut last) = (0, None);
    tx.query(
        "SELECT account_id, digest FROM deliveries
         WHERE (account_id, digest) > ($1, $2) ORDER BY account_id, digest LIMIT $3",
        &[by_account, by_digest, Value::Int(limits::DELIVERIES_SWEPT_MAX)],
        |row| {
            seen += 1;
            last = Some((row.int(0)?, row.bytes(1)?.to_vec()));
            Ok(())
        },
    )?;
    if let Some((account, digest)) = &last {
        tx.execute(
            "DELETE FROM deliveries
             WHERE (account_id, digest) > ($1, $2) AND (account_id, digest) <= ($3, $4)
               AND delivered_at < $5",
            &[
                by_account,
                by_digest,
                Value::Int(*account),
                Value::Bytes(digest),
                Value::Int(oldest),
            ],
        )?;
    }
    Ok(last.filter(|_| seen == limits::DELIVERIES_SWEPT_MAX))
}
