//! Bodies: small ones in the database, large ones in files that are durable before they are named.

use std::io::Read;

use super::{Failure, Store};
use crate::model::{AccountId, BlobId};

/// A large body that is on the disk and belongs to no message yet. Dropping it without delivering
/// leaves an orphan, which the next start sweeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedBody {
    /// Its identifier.
    pub blob: BlobId,
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub hash: [u8; 32],
}

impl Store {
    /// Stores a body too large for memory, durably, ahead of the delivery that names it.
    pub fn place_body(
        &self,
        _account: AccountId,
        _from: &mut dyn Read,
    ) -> Result<PlacedBody, Failure> {
        Err(Failure::Closed)
    }

    /// Bytes of a body: at least one and at most `count` and `BODY_SLICE_BYTES_MAX`. A body that is
    /// not there, or ends before `offset`, is a failure, never empty (pitfall 49).
    pub fn read_body(
        &self,
        _account: AccountId,
        _blob: BlobId,
        _offset: u64,
        _count: u64,
    ) -> Result<Vec<u8>, Failure> {
        Err(Failure::Closed)
    }
}
