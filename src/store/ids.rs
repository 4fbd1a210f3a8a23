//! Identifiers, taken from the store in blocks: giving one out writes nothing.
//!
//! A block that a process does not use up is lost; identifiers are many and need no order.

use std::sync::{Mutex, PoisonError};

use super::Failure;
use super::engine::{Engine, Tx, Value, Weight};
use crate::limits;
use crate::model::BlobId;

/// The block this process holds.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// What is left of it: from here, to before there.
    block: Mutex<(i64, i64)>,
}

impl Ids {
    /// A blob identifier that no one else has or will have.
    pub(super) fn next_blob(&self, engine: &Engine) -> Result<BlobId, Failure> {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        if block.0 == block.1 {
            let taken = engine.write("taking identifiers", Weight::Bytes(0), |tx| {
                take(tx, "blob", limits::IDS_TAKEN)
            });
            let first = taken?;
            *block = (first, first + limits::IDS_TAKEN);
        }
        let id = block.0;
        block.0 += 1;
        Ok(BlobId(id))
    }
}

/// Takes `count` identifiers in this transaction; the first of them.
pub(super) fn take(tx: &mut Tx<'_>, name: &str, count: i64) -> Result<i64, Failure> {
    let values = [Value::Text(name), Value::Int(count)];
    tx.query_one(
        "UPDATE sequences SET next = next + $2 WHERE name = $1 RETURNING next - $2",
        &values,
        |row| row.int(0),
    )?
    .ok_or_else(|| tx.corrupt("a sequence is missing"))
}
