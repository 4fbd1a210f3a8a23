//! The home of bodies in object storage: what is put there, and how it is read back.
//!
//! The rules this module keeps:
//! - an object's name is written by one body only, and never again: putting it twice is harmless, and
//!   whoever deletes it takes nothing from anybody else;
//! - what is read whole is compared with its hash, whether it comes from the bucket or the cache; what
//!   cannot be had, or is not what was stored, is a failure and never an empty message (pitfall 49).

mod audit;
mod cache;
mod finish;
mod form;
mod held;
pub(super) mod together;
mod trial;
mod upload;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};

use super::Failure;
use super::engine::{Row, Tx, Value};
use crate::limits;
use crate::model::{AccountId, BlobId};
use crate::s3::{self, Client, IfThere, New, Put, Tries};

use cache::Cache;
pub use cache::CacheSettings;
pub(super) use form::Form;
use form::{Dress, SEALED_HEAD, Unreadable, object_bytes_max, sealed_part};
use held::Held;
pub use trial::try_objects;
pub(super) use upload::reserve;
pub use upload::{Backlog, Staged, Taken, Uploaded};

/// A bucket for bodies.
#[derive(Clone)]
pub struct ObjectSettings {
    /// Where it is.
    pub s3: s3::Settings,
    /// What all names in it begin with; may be empty.
    pub prefix: String,
    /// Whether objects to come are compressed.
    pub compress: bool,
    /// Whether objects to come are encrypted; needs a key.
    pub encrypt: bool,
    /// The key of encrypted objects; also to read those that are there.
    pub key: Option<[u8; 32]>,
    /// Bodies up to so many bytes are staged in the database and moved later.
    pub staged_bytes_max: u64,
    /// Bytes of all staged bodies above which no more are taken; 0 for no such bound.
    pub backlog_bytes_max: u64,
    /// The local cache, if there is one.
    pub cache: Option<CacheSettings>,
}

impl fmt::Debug for ObjectSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectSettings")
            .field("s3", &self.s3)
            .field("prefix", &self.prefix)
            .field("key", &self.key.map(|_| "***"))
            .finish_non_exhaustive()
    }
}

/// The bucket, and what is near of it.
#[derive(Debug)]
pub(super) struct Objects {
    client: Client,
    prefix: String,
    dress: Dress,
    cache: Option<Cache>,
    held: Held,
    /// Bodies up to so many bytes are staged.
    pub(super) staged_bytes_max: usize,
    backlog: upload::Gauge,
    /// Rung when something was staged.
    bell: (Sender<()>, Receiver<()>),
}

/// A body that has an object, and what its row says of it.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) account: AccountId,
    pub(super) blob: BlobId,
    pub(super) size: u64,
    pub(super) hash: [u8; 32],
    pub(super) form: Form,
    /// 0 where it follows from the size.
    pub(super) object_bytes: u64,
}

impl Located {
    fn key(&self) -> (i64, i64) {
        (self.account.0, self.blob.0)
    }

    /// From `account_id, blob_id, size, hash, form, object_bytes`.
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, Failure> {
        let hash = row.bytes(3)?.try_into();
        Ok(Self {
            account: AccountId(row.int(0)?),
            blob: BlobId(row.int(1)?),
            size: row.uint(2)?,
            hash: hash.map_err(|_| row.corrupt("a hash of another length"))?,
            form: Form::from_column(row.int(4)?).ok_or_else(|| row.corrupt("no such form"))?,
            object_bytes: row.uint(5)?,
        })
    }

    /// Bytes of its object.
    pub(super) fn object_bytes(&self) -> u64 {
        self.form.object_bytes(self.size).unwrap_or(self.object_bytes)
    }
}

/// The bodies among `blobs` that have objects.
pub(super) fn locate(
    tx: &mut Tx<'_>,
    account: AccountId,
    blobs: &[i64],
) -> Result<Vec<Located>, Failure> {
    let mut located = Vec::with_capacity(blobs.len());
    tx.query(
        "SELECT account_id, blob_id, size, hash, form, object_bytes FROM blobs
         WHERE {each account_id=$1 blob_id=$2} AND form <> 0",
        &[Value::Int(account.0), Value::Ids(blobs)],
        |row| {
            located.push(Located::from_row(row)?);
            Ok(())
        },
    )?;
    Ok(located)
}

/// A body, or why it cannot be had.
type Got = Result<Arc<[u8]>, Failure>;

/// What the object of a body is called, below the prefix.
pub(super) fn name_of(account: AccountId, blob: BlobId, hash: &[u8]) -> String {
    use fmt::Write;
    let mut name = format!("{account}/{blob}-");
    for byte in hash {
        // Writing to a String cannot fail.
        let _written = write!(name, "{byte:02x}");
    }
    name
}

#[expect(clippy::disallowed_methods, reason = "SigV4 dates requests, and tries have pauses")]
const CLOCK: s3::Clock = s3::Clock { now: std::time::SystemTime::now, pause: std::thread::sleep };

impl Objects {
    /// Sends nothing yet. Whoever is beside the daemon has no cache: the files are the daemon's.
    /// Long bodies that are being read are in files in `spool`.
    pub(super) fn new(
        settings: &ObjectSettings,
        spool: PathBuf,
        with_cache: bool,
    ) -> Result<Self, Failure> {
        let client = Client::new(&settings.s3, CLOCK);
        let client = client.map_err(|error| Failure::Settings { why: error.to_string() })?;
        let prefix = settings.prefix.trim_matches('/');
        let ObjectSettings { compress, encrypt, key, .. } = *settings;
        if encrypt && key.is_none() {
            let why = "[s3] encrypt needs encryption_key: 64 hexadecimal digits".to_owned();
            return Err(Failure::Settings { why });
        }
        Ok(Self {
            client,
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            dress: Dress { compress, encrypt, key },
            cache: settings.cache.clone().filter(|_| with_cache).map(Cache::new),
            held: Held::new(spool),
            staged_bytes_max: usize::try_from(settings.staged_bytes_max).unwrap_or(usize::MAX),
            backlog: upload::Gauge::new(settings.backlog_bytes_max),
            bell: bounded(1),
        })
    }

    /// Learns what the cache has; takes a while.
    pub(super) fn load_cache(&self) {
        if let Some(cache) = &self.cache {
            cache.load();
        }
    }

    /// The name of a body's object in the bucket.
    pub(super) fn key_of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// For how long the bucket is being left alone, since it does not answer.
    pub(super) fn left_alone(&self) -> Duration {
        self.client.left_alone()
    }

    /// Puts a body's object. After an attempt whose end is not known, what is there already is taken
    /// for it if it can be (pitfall 36). How it was put, and its bytes where they do not follow from
    /// that.
    pub(super) fn put(
        &self,
        account: AccountId,
        blob: BlobId,
        body: &[u8],
        hash: &[u8; 32],
        again: bool,
        tries: Tries,
    ) -> Result<(Form, u64), Failure> {
        let doing = "putting a body";
        let failed = |source| Failure::Objects { doing, source };
        let name = name_of(account, blob, hash);
        let key = self.key_of(&name);
        let dressed = self.dress.dress(body, &name);
        let (bytes, form) = dressed.ok_or(Failure::Corrupt { doing, what: "no random bytes" })?;
        let object_hash = match form {
            Form::PLAIN => *hash,
            _ => Sha256::digest(&bytes).into(),
        };
        let media_type = match form {
            Form::PLAIN => "message/rfc822",
            _ => "application/octet-stream",
        };
        let new = New { bytes: &bytes, hash: &object_hash, media_type, form: form.text() };
        let if_there = if again { IfThere::Keep } else { IfThere::Replace };
        if let Put::Exists = self.client.put(&key, &new, if_there, tries).map_err(failed)? {
            let head = self.client.head(&key, tries).map_err(failed)?;
            if let Some(there) = Form::from_text(head.form.as_deref()) {
                match there.object_bytes(body.len() as u64) {
                    Some(bytes) if bytes == head.bytes => return Ok((there, 0)),
                    None => return Ok((there, head.bytes)),
                    Some(_) => {}
                }
            }
            self.client.put(&key, &new, IfThere::Replace, tries).map_err(failed)?;
        }
        let follows = form.object_bytes(body.len() as u64).is_some();
        Ok((form, if follows { 0 } else { bytes.len() as u64 }))
    }

    /// Within which a body has been put that somebody waits for.
    pub(super) fn put_time_max(&self, bytes: u64) -> Duration {
        self.client.put_time_max(bytes, Tries::Several)
    }

    /// Deletes a body's object, whether or not it is there.
    pub(super) fn delete(
        &self,
        account: AccountId,
        blob: BlobId,
        hash: &[u8],
    ) -> Result<(), Failure> {
        if let Some(cache) = &self.cache {
            cache.remove(account, blob);
        }
        let key = self.key_of(&name_of(account, blob, hash));
        let deleted = self.client.delete(&key, Tries::Several);
        deleted.map_err(|source| Failure::Objects { doing: "removing a body", source })
    }

    /// True if a body can be had without asking the bucket.
    pub(super) fn is_near(&self, body: &Located) -> bool {
        self.held.has(body.key()) || self.cache.as_ref().is_some_and(|cache| cache.has(body))
    }

    /// A whole body.
    pub(super) fn get(&self, body: &Located) -> Result<Arc<[u8]>, Failure> {
        if let Some(held) = self.held.whole(body.key()) {
            return Ok(held);
        }
        if let Some(bytes) = self.cache.as_ref().and_then(|cache| cache.get(body)) {
            return Ok(bytes.into());
        }
        // What was spoilt on its way is right the second time.
        let bytes = match self.get_from_bucket(body) {
            Err(Failure::Spoilt { .. }) => self.get_from_bucket(body)?,
            result => result?,
        };
        if let Some(cache) = &self.cache {
            cache.put(body, &bytes);
        }
        Ok(bytes.into())
    }

    fn get_from_bucket(&self, body: &Located) -> Result<Vec<u8>, Failure> {
        let doing = "reading a body";
        let name = name_of(body.account, body.blob, &body.hash);
        let bytes_max = object_bytes_max(body.size);
        let object = self.client.get(&self.key_of(&name), bytes_max, Tries::Several);
        let object = object.map_err(|source| Failure::Objects { doing, source })?;
        // It says of itself how it is to be read, unless it was copied without its metadata.
        let form = Form::from_text(object.form.as_deref()).filter(|_| object.form.is_some());
        let form = form.unwrap_or(body.form);
        let bytes = self.dress.undress(object.bytes, form, &name, body.size);
        let bytes = bytes.map_err(|unreadable| damaged(doing, unreadable))?;
        if bytes.len() as u64 != body.size || Sha256::digest(&bytes).as_slice() != body.hash {
            let what = "an object has other bytes than were stored";
            return Err(Failure::Spoilt { doing, what });
        }
        Ok(bytes)
    }

    /// Whole bodies, several at once, each with its outcome, in their order.
    pub(super) fn get_many(&self, bodies: &[Located]) -> Vec<Got> {
        let far = bodies.iter().filter(|body| !self.is_near(body)).count();
        let missing = || Err(Failure::Panicked { doing: "reading bodies" });
        let got = together::each(bodies, far.min(limits::BODIES_AT_ONCE), |body| self.get(body));
        got.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
    }

    /// The bytes `part` of a body, which must be within it. Whoever asks for as much as is told at once
    /// is reading a long body, and whoever reads a second part will want the rest: then the whole body
    /// is brought near, and its hash is compared before anything of it is told.
    pub(super) fn get_part(&self, body: &Located, part: &Range<u64>) -> Result<Vec<u8>, Failure> {
        if let Some(bytes) = self.held.part(body.key(), part) {
            if part.end == body.size {
                self.held.release(body.key());
            }
            return Ok(bytes);
        }
        if let Some(bytes) = self.cache.as_ref().and_then(|cache| cache.get_part(body, part)) {
            return Ok(bytes);
        }
        let is_whole = part.start == 0 && part.end == body.size;
        let is_slice = part.end - part.start >= limits::BODY_SLICE_BYTES_MAX as u64;
        if body.form.is_compressed() || is_whole || is_slice || self.held.touch(body.key()) {
            let whole = self.get(body)?;
            let kept = self.cache.as_ref().is_some_and(|cache| cache.takes(body.size));
            if !is_whole && !kept && part.end < body.size {
                self.held.put(body.key(), &whole);
            }
            let range = usize::try_from(part.start).ok().zip(usize::try_from(part.end).ok());
            let bytes = range.and_then(|(start, end)| whole.get(start..end));
            return bytes.map(<[u8]>::to_vec).ok_or(Failure::Corrupt {
                doing: "reading a body",
                what: "a body ends before what was asked of it",
            });
        }
        self.get_part_from_bucket(body, part)
    }

    fn get_part_from_bucket(&self, body: &Located, part: &Range<u64>) -> Result<Vec<u8>, Failure> {
        let doing = "reading a part of a body";
        let name = name_of(body.account, body.blob, &body.hash);
        let key = self.key_of(&name);
        let get = |range: &Range<u64>| {
            let last = range.end.saturating_sub(1);
            let got = self.client.get_range(&key, range.start, last, Tries::Several);
            let bytes = got.map_err(|source| Failure::Objects { doing, source })?.bytes;
            let what = "an object ends before what was asked of it";
            let whole = Some(bytes).filter(|got| got.len() as u64 == range.end - range.start);
            whole.ok_or(Failure::Spoilt { doing, what })
        };
        if !body.form.is_encrypted() {
            return get(part);
        }
        let (head, sealed) = (get(&SEALED_HEAD)?, get(&sealed_part(body.size, part))?);
        let bytes = self.dress.undress_part(&head, &sealed, &name, body.size, part);
        bytes.map_err(|unreadable| damaged(doing, unreadable))
    }
}

fn damaged(doing: &'static str, unreadable: Unreadable) -> Failure {
    Failure::Spoilt { doing, what: unreadable.what() }
}
