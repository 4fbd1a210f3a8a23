//! Bodies that nothing refers to any more: bytes first, rows after, so that what a cut-off run leaves
//! is still found (pitfall 46). Removing bytes that are gone already succeeds.

use super::super::engine::{Value, Weight};
use super::super::{Failure, Store, bodies::DELETING};
use crate::crash_point;
use crate::limits;
use crate::model::{AccountId, BlobId};

/// A body to be removed.
struct Unneeded {
    account: AccountId,
    blob: BlobId,
    is_in_database: bool,
}

impl Store {
    /// Removes bodies that have lost their last reference, at most `CLEANED_BODIES_MAX`: how many.
    pub fn remove_bodies(&self) -> Result<u64, Failure> {
        let unneeded = self.unneeded_bodies()?;
        for body in unneeded.iter().filter(|body| !body.is_in_database) {
            self.0.bodies.remove(body.blob)?;
            crash_point!("cleaner: bytes of a body removed, not its rows");
        }
        let count = unneeded.len() as u64;
        if count > 0 {
            self.0.engine.write("removing bodies", Weight::Bytes(64 * 1024), move |tx| {
                for body in &unneeded {
                    let values = [Value::Int(body.account.0), Value::Int(body.blob.0)];
                    for sql in [
                        "DELETE FROM bodies WHERE account_id = $1 AND blob_id = $2",
                        "DELETE FROM blob_map WHERE account_id = $1 AND blob_id = $2",
                        "DELETE FROM blobs
                         WHERE account_id = $1 AND blob_id = $2 AND state = 4 AND refs = 0",
                    ] {
                        tx.execute(sql, &values)?;
                    }
                }
                Ok::<_, Failure>(())
            })?;
        }
        Ok(count)
    }

    fn unneeded_bodies(&self) -> Result<Vec<Unneeded>, Failure> {
        self.0.engine.read("finding bodies to remove", |tx| {
            let mut unneeded = Vec::new();
            tx.query(
                // `state <> 3` names the index.
                "SELECT b.account_id, b.blob_id, i.blob_id IS NOT NULL
                 FROM blobs b
                 LEFT JOIN bodies i ON i.account_id = b.account_id AND i.blob_id = b.blob_id
                 WHERE b.state <> 3 AND b.state = $1 LIMIT $2",
                &[Value::Int(DELETING), Value::Int(limits::CLEANED_BODIES_MAX)],
                |row| {
                    unneeded.push(Unneeded {
                        account: AccountId(row.int(0)?),
                        blob: BlobId(row.int(1)?),
                        is_in_database: row.int(2)? != 0,
                    });
                    Ok(())
                },
            )?;
            Ok(unneeded)
        })
    }
}
