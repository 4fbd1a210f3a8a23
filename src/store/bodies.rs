//! Bodies: small ones in the database, large ones in files or objects that are durable before they are
//! named. In front of a bucket the small ones are there only until they are moved (`blobs`).
//!
//! A large body's row (state reserved) is committed before its bytes are, so what a crash leaves is
//! found by a query and not by listing. A row without its bytes cannot be (invariant 5), and
//! one that is found all the same is a failure, never an empty message (pitfall 49).

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::blobs::{self, Form, Located};
use super::engine::{Tx, Value, Weight};
use super::{Failure, Store};
use crate::crash_point;
use crate::limits;
use crate::model::{AccountId, BlobId};
use crate::s3::Tries;

/// `blobs.state`: a row ahead of its file.
pub(super) const RESERVED: i64 = 1;
/// `blobs.state`: the bytes are in the database until they are moved.
pub(super) const STAGED: i64 = 2;
/// `blobs.state`: the bytes are where they stay.
pub(super) const STORED: i64 = 3;
/// `blobs.state`: nothing refers to it, and the cleaner removes it.
pub(super) const DELETING: i64 = 4;

/// A large body that is on the disk and belongs to no message yet. One that is never delivered is an
/// orphan, which the next start sweeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedBody {
    /// Its identifier.
    pub blob: BlobId,
    /// Its bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub hash: [u8; 32],
    /// How they lie in an object, if they do.
    pub(super) form: Form,
    /// As `blobs.object_bytes`.
    pub(super) object_bytes: u64,
}

impl PlacedBody {
    /// As its row will say.
    pub(super) fn located(&self, account: AccountId) -> Located {
        let Self { blob, bytes: size, hash, form, object_bytes } = *self;
        Located { account, blob, size, hash, form, object_bytes }
    }
}

/// The directory of file bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    dir: PathBuf,
}

impl Bodies {
    pub(super) fn open(dir: &Path) -> Result<Self, Failure> {
        let made = fs::create_dir_all(dir);
        made.map_err(|source| Failure::file("making the directory of bodies", source))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// 256 directories, so that none grows too long to search.
    fn dir_of(&self, blob: BlobId) -> PathBuf {
        self.dir.join(format!("{:02x}", blob.0 & 0xff))
    }

    pub(super) fn path(&self, blob: BlobId) -> PathBuf {
        self.dir_of(blob).join(format!("{:016x}", blob.0))
    }

    fn temporary_path(&self, blob: BlobId) -> PathBuf {
        self.dir_of(blob).join(format!("{:016x}.new", blob.0))
    }

    /// Writes a body so that it is there after a power cut: file, then name, then directory.
    fn write(&self, blob: BlobId, from: &mut dyn Read) -> io::Result<(u64, [u8; 32])> {
        let dir = self.dir_of(blob);
        if !dir.is_dir() {
            fs::create_dir_all(&dir)?;
            File::open(&self.dir)?.sync_all()?;
        }
        let temporary = self.temporary_path(blob);
        let mut file = File::options().write(true).create_new(true).open(&temporary)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; limits::SPOOL_CHUNK_BYTES];
        let mut bytes = 0;
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let chunk = buffer.get(..read).unwrap_or_default();
            hash.update(chunk);
            file.write_all(chunk)?;
            bytes += read as u64;
        }
        file.sync_all()?;
        crash_point!("body: file written, not named");
        fs::rename(&temporary, self.path(blob))?;
        File::open(&dir)?.sync_all()?;
        crash_point!("body: file named, no message yet");
        Ok((bytes, hash.finalize().into()))
    }

    /// Removes a body that nothing names; one that is not there is no failure.
    pub(super) fn remove(&self, blob: BlobId) -> Result<(), Failure> {
        for path in [self.path(blob), self.temporary_path(blob)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::file("removing a body", error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Bytes of a file, if it is there: up to `count` from `offset`.
    pub(super) fn read(
        &self,
        blob: BlobId,
        offset: u64,
        count: usize,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let failed = |source| Failure::file("reading a body", source);
        let file = match File::open(self.path(blob)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let size = file.metadata().map_err(failed)?.len();
        let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; count.min(left)];
        file.read_exact_at(&mut bytes, offset).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// The size of a file, if it is there.
    pub(super) fn size(&self, blob: BlobId) -> Option<u64> {
        fs::metadata(self.path(blob)).ok().map(|metadata| metadata.len())
    }
}

impl Store {
    /// Stores a large body durably, ahead of the delivery that names it: in a file, straight from
    /// where it is read, or in the bucket.
    pub fn place_body(
        &self,
        account: AccountId,
        from: &mut dyn Read,
    ) -> Result<PlacedBody, Failure> {
        if self.0.objects.is_some() {
            let mut bytes = Vec::new();
            let read = from.read_to_end(&mut bytes);
            read.map_err(|source| Failure::file("reading a body", source))?;
            return self.place_bytes(account, &bytes);
        }
        let blob = self.0.ids.next_blob(&self.0.engine)?;
        self.0.engine.write("reserving a body", Weight::Bytes(64), move |tx| {
            if tx.has_rivals() {
                // No start of a daemon knows that it is alone: its time tells when it is nobody's.
                return blobs::reserve(tx, account, blob, 0, &[], Duration::ZERO);
            }
            let (account, blob) = (Value::Int(account.0), Value::Int(blob.0));
            let sql = "INSERT INTO blobs (account_id, blob_id, size, state, refs, hash)
                       VALUES ($1, $2, 0, $3, 0, $4)";
            let values = [account, blob, Value::Int(RESERVED), Value::Bytes(&[])];
            tx.execute(sql, &values).map(drop)
        })?;
        match self.0.bodies.write(blob, from) {
            Ok((bytes, hash)) => {
                Ok(PlacedBody { blob, bytes, hash, form: Form::NONE, object_bytes: 0 })
            }
            Err(error) => {
                let failure = Failure::file("writing a body", error);
                let nothing =
                    PlacedBody { blob, bytes: 0, hash: [0; 32], form: Form::NONE, object_bytes: 0 };
                self.remove_body(account, &nothing).and(Err(failure))
            }
        }
    }

    /// The same for a body in memory.
    pub(super) fn place_bytes(
        &self,
        account: AccountId,
        body: &[u8],
    ) -> Result<PlacedBody, Failure> {
        let Some(objects) = &self.0.objects else {
            return self.place_body(account, &mut &*body);
        };
        let blob = self.0.ids.next_blob(&self.0.engine)?;
        let bytes = body.len() as u64;
        let hash: [u8; 32] = Sha256::digest(body).into();
        let time = objects.put_time_max(bytes);
        self.0.engine.write("reserving a body", Weight::Bytes(64), move |tx| {
            blobs::reserve(tx, account, blob, bytes, &hash, time)
        })?;
        crash_point!("object: reserved, not put");
        match objects.put(account, blob, body, &hash, false, Tries::Several) {
            Ok((form, object_bytes)) => {
                crash_point!("object: put, no message yet");
                Ok(PlacedBody { blob, bytes, hash, form, object_bytes })
            }
            // Whether it is there nobody knows: the reservation ends, and the cleaner looks.
            Err(failure) => Err(failure),
        }
    }

    /// Bytes of the largest body that lives in the database, for good or until it is moved.
    pub(super) fn bytes_in_database_max(&self) -> usize {
        let staged = self.0.objects.as_ref().map(|objects| objects.staged_bytes_max);
        staged.unwrap_or(limits::BODY_IN_DATABASE_BYTES_MAX)
    }

    /// Gives up a body that was placed and not delivered.
    pub fn discard_body(&self, account: AccountId, body: &PlacedBody) -> Result<(), Failure> {
        self.remove_body(account, body)
    }

    /// Bytes of a body: at least one and at most `count` and `BODY_SLICE_BYTES_MAX`. A body that is
    /// not there, or ends before `offset`, is a failure, never empty (pitfall 49).
    pub fn read_body(
        &self,
        account: AccountId,
        blob: BlobId,
        offset: u64,
        count: u64,
    ) -> Result<Vec<u8>, Failure> {
        let read = self.read_slice(account, blob, offset, count, Reach::Far)?;
        read.ok_or(missing("a body is missing"))
    }

    /// The same if it is near; `None` if it would have to come from the bucket.
    pub fn read_body_near(
        &self,
        account: AccountId,
        blob: BlobId,
        offset: u64,
        count: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        self.read_slice(account, blob, offset, count, Reach::Near)
    }

    fn read_slice(
        &self,
        account: AccountId,
        blob: BlobId,
        offset: u64,
        count: u64,
        reach: Reach,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(limits::BODY_SLICE_BYTES_MAX);
        let small = self
            .0
            .engine
            .glance("reading a body", |tx| in_database(tx, account, blob, offset, count))?;
        let bytes = match (small, &self.0.objects) {
            (Some(bytes), _) => Some(bytes),
            (None, None) => self.0.bodies.read(blob, offset, count)?,
            (None, Some(objects)) => match self.locate(account, blob)? {
                None => self.0.bodies.read(blob, offset, count)?,
                Some(body) if reach == Reach::Near && !objects.is_near(&body) => return Ok(None),
                Some(body) => {
                    let end = offset.saturating_add(count as u64).min(body.size);
                    let part = offset.min(end)..end;
                    Some(if part.is_empty() {
                        Vec::new()
                    } else {
                        objects.get_part(&body, &part)?
                    })
                }
            },
        };
        match bytes {
            Some(bytes) if !bytes.is_empty() => Ok(Some(bytes)),
            Some(_) => Err(missing("a body ends before what was asked of it")),
            None => Err(missing("a body is missing")),
        }
    }

    fn locate(&self, account: AccountId, blob: BlobId) -> Result<Option<Located>, Failure> {
        let found =
            self.0.engine.read("finding a body", |tx| blobs::locate(tx, account, &[blob.0]));
        Ok(found?.pop())
    }

    /// Removes what deliveries left that never came to an end.
    pub(super) fn sweep_bodies(&self) -> Result<(), Failure> {
        let orphans = self.0.engine.read("sweeping bodies", |tx| {
            let mut orphans = Vec::new();
            tx.query(
                // Those of the bucket have a time of their own.
                "SELECT account_id, blob_id FROM blobs
                 WHERE state <> 3 AND state = $1 AND refs = 0 AND NOT EXISTS
                       (SELECT 1 FROM uploads u WHERE u.account_id = blobs.account_id
                        AND u.blob_id = blobs.blob_id)",
                &[Value::Int(RESERVED)],
                |row| {
                    orphans.push((AccountId(row.int(0)?), BlobId(row.int(1)?)));
                    Ok(())
                },
            )?;
            Ok::<_, Failure>(orphans)
        })?;
        orphans.into_iter().try_for_each(|(account, blob)| {
            self.0.bodies.remove(blob)?;
            self.remove_row(account, blob)
        })
    }

    /// Removes a body that no message names: its bytes, then its row, so that a crash between them
    /// leaves something to be found.
    pub(super) fn remove_body(&self, account: AccountId, body: &PlacedBody) -> Result<(), Failure> {
        match &self.0.objects {
            Some(objects) if body.form != Form::NONE => {
                objects.delete(account, body.blob, &body.hash)?;
            }
            _ => self.0.bodies.remove(body.blob)?,
        }
        self.remove_row(account, body.blob)
    }

    fn remove_row(&self, account: AccountId, blob: BlobId) -> Result<(), Failure> {
        self.0.engine.write("removing a body", Weight::Bytes(64), move |tx| {
            let key = [Value::Int(account.0), Value::Int(blob.0)];
            let gone = tx.execute(
                "DELETE FROM blobs WHERE account_id = $1 AND blob_id = $2 AND refs = 0",
                &key,
            )?;
            if gone == 1 {
                let sql = "DELETE FROM uploads WHERE account_id = $1 AND blob_id = $2";
                tx.execute(sql, &key)?;
            }
            Ok(())
        })
    }
}

/// From how far bytes may come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not from the bucket.
    Near,
    Far,
}

fn missing(what: &'static str) -> Failure {
    Failure::Corrupt { doing: "reading a body", what }
}

/// Bytes of a body that lives in the database.
pub(super) fn in_database(
    tx: &mut Tx<'_>,
    account: AccountId,
    blob: BlobId,
    offset: u64,
    count: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    // No body in the database is as long as that.
    let from = i32::try_from(offset).unwrap_or(i32::MAX).saturating_add(1);
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    tx.query_one(
        "SELECT substr(bytes, CAST($3 AS INTEGER), CAST($4 AS INTEGER)) FROM bodies
         WHERE account_id = $1 AND blob_id = $2",
        &[
            Value::Int(account.0),
            Value::Int(blob.0),
            Value::Int(from.into()),
            Value::Int(count.into()),
        ],
        |row| row.bytes(0).map(<[u8]>::to_vec),
    )
}
