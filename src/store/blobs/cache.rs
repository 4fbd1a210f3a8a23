//! The local cache: bodies that were read from object storage, as files, so that they are near the
//! next time.
//!
//! Nothing depends on it. A file is believed only after its hash was compared (pitfall 50); one that
//! is wrong is removed; a disk that is full, or gone, means no cache. The least recently used go first
//! when it is full. It survives a restart: what it has is learnt from the names of its files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::Located;
use crate::limits;
use crate::model::{AccountId, BlobId};

/// How large, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Its directory, which nothing else may use.
    pub dir: PathBuf,
    /// Bytes of all files together.
    pub bytes_max: u64,
    /// Bytes of one body; larger ones are not kept.
    pub body_bytes_max: u64,
}

type Key = (i64, i64);

#[derive(Debug)]
pub(super) struct Cache {
    settings: CacheSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// Least recently used first.
    by_use: BTreeMap<u64, Key>,
    bytes: u64,
    clock: u64,
    /// All files that were there at the start are known.
    loaded: bool,
    /// It was said that it cannot be written.
    complained: bool,
    /// Names of files that are just being written.
    writing: HashSet<String>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    bytes: u64,
    used: u64,
    /// Its hash was compared by this process.
    verified: bool,
}

impl State {
    /// Notes that a file is there and was just used.
    fn note(&mut self, key: Key, bytes: u64, verified: bool) {
        self.forget(key);
        self.clock += 1;
        let used = self.clock;
        self.entries.insert(key, Entry { bytes, used, verified });
        self.by_use.insert(used, key);
        self.bytes += bytes;
    }

    fn forget(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(&key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    /// Forgets what must go to make room; those files are to be removed.
    fn make_room(&mut self, bytes: u64, bytes_max: u64) -> Vec<Key> {
        let mut gone = Vec::new();
        while self.bytes + bytes > bytes_max || self.entries.len() >= limits::CACHE_FILES_MAX {
            let Some((_, key)) = self.by_use.first_key_value() else { break };
            let key = *key;
            self.forget(key);
            gone.push(key);
        }
        gone
    }
}

impl Cache {
    /// In its directory, which is made with the first file.
    pub(super) fn new(settings: CacheSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, (account, blob): Key) -> PathBuf {
        let dir = self.settings.dir.join(format!("{:02x}", blob & 0xff));
        dir.join(format!("{account}-{blob}"))
    }

    /// Learns what is there from before; what is half written goes. It takes a while if it is much,
    /// and nobody needs to wait for it. Files that are not of a cache are left alone: the directory may
    /// be somebody else's by mistake.
    pub(super) fn load(&self) {
        let mut found = Vec::new();
        let below = (0..=0xff).map(|byte| self.settings.dir.join(format!("{byte:02x}")));
        for dir in below {
            for file in fs::read_dir(&dir).into_iter().flatten().flatten() {
                let name = file.file_name();
                let Some(name) = name.to_str() else { continue };
                if is_temporary(name) && !self.state().writing.contains(name) {
                    remove(&file.path());
                }
                let Some(key) = key_of(name).filter(|key| self.path(*key) == file.path()) else {
                    continue;
                };
                let about = file.metadata().and_then(|about| Ok((about.modified()?, about)));
                if let Ok((when, about)) = about
                    && about.is_file()
                {
                    found.push((when, key, about.len()));
                }
            }
        }
        found.sort_unstable();
        let mut state = self.state();
        for (_, key, bytes) in found {
            if !state.entries.contains_key(&key) {
                state.note(key, bytes, false);
            }
        }
        state.loaded = true;
        let gone = state.make_room(0, self.settings.bytes_max);
        drop(state);
        gone.into_iter().for_each(|key| remove(&self.path(key)));
    }

    /// True if it is probably there.
    pub(super) fn has(&self, body: &Located) -> bool {
        let state = self.state();
        let known = state.entries.contains_key(&body.key());
        let look = !known && !state.loaded;
        drop(state);
        known || (look && self.path(body.key()).exists())
    }

    /// True if a body of that size would be kept.
    pub(super) fn takes(&self, bytes: u64) -> bool {
        bytes <= self.settings.body_bytes_max && bytes <= self.settings.bytes_max
    }

    /// A whole body.
    pub(super) fn get(&self, body: &Located) -> Option<Vec<u8>> {
        if !self.has(body) {
            return None;
        }
        let bytes = fs::read(self.path(body.key())).ok();
        let right = |bytes: &Vec<u8>| {
            bytes.len() as u64 == body.size && Sha256::digest(bytes).as_slice() == body.hash
        };
        let bytes = bytes.filter(right);
        self.used(body, bytes.is_some());
        bytes
    }

    /// A part of a body.
    pub(super) fn get_part(&self, body: &Located, part: &Range<u64>) -> Option<Vec<u8>> {
        if !self.has(body) {
            return None;
        }
        let verified = self.state().entries.get(&body.key()).is_some_and(|entry| entry.verified);
        if !verified {
            self.get(body)?;
        }
        let bytes = read_part(&self.path(body.key()), body.size, part).ok();
        self.used(body, bytes.is_some());
        bytes
    }

    /// Notes the use of a file, or that it is no good.
    fn used(&self, body: &Located, is_right: bool) {
        let mut state = self.state();
        if is_right {
            return state.note(body.key(), body.size, true);
        }
        state.forget(body.key());
        drop(state);
        remove(&self.path(body.key()));
    }

    /// Keeps a body whose hash was compared, if it can.
    pub(super) fn put(&self, body: &Located, bytes: &[u8]) {
        if !self.takes(bytes.len() as u64) {
            return;
        }
        let mut state = self.state();
        let gone = state.make_room(bytes.len() as u64, self.settings.bytes_max);
        state.note(body.key(), bytes.len() as u64, true);
        let temporary = format!("{}.new{}", body.blob, state.clock);
        state.writing.insert(temporary.clone());
        drop(state);
        gone.into_iter().for_each(|key| remove(&self.path(key)));
        let written = self.write(body.key(), &temporary, bytes);
        let mut state = self.state();
        state.writing.remove(&temporary);
        if let Err(error) = written {
            state.forget(body.key());
            let complained = std::mem::replace(&mut state.complained, true);
            drop(state);
            if !complained {
                let dir = self.settings.dir.display();
                log::warn!("store: the cache in {dir} cannot be written: {error}");
            }
        }
    }

    /// Not durable: after a power cut the hash tells what is whole.
    fn write(&self, key: Key, temporary: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        let dir = path.parent().unwrap_or(&self.settings.dir);
        let temporary = dir.join(temporary);
        let create = || File::options().write(true).create_new(true).open(&temporary);
        let mut file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
                create()?
            }
            file => file?,
        };
        let written = file.write_all(bytes).and_then(|()| fs::rename(&temporary, &path));
        written.inspect_err(|_| remove(&temporary))
    }

    /// Forgets a body.
    pub(super) fn remove(&self, account: AccountId, blob: BlobId) {
        let key = (account.0, blob.0);
        let mut state = self.state();
        if state.loaded && !state.entries.contains_key(&key) {
            return;
        }
        state.forget(key);
        drop(state);
        remove(&self.path(key));
    }
}

/// The body that a file of this name is of: `ACCOUNT-BLOB`.
fn key_of(name: &str) -> Option<Key> {
    let (account, blob) = name.split_once('-')?;
    Some((account.parse().ok()?, blob.parse().ok()?))
}

/// A file that is being written: `BLOB.newNUMBER`.
fn is_temporary(name: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().is_ok();
    name.split_once(".new").is_some_and(|(blob, nth)| number(blob) && number(nth))
}

fn read_part(path: &Path, size: u64, part: &Range<u64>) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let count = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
    if file.metadata()?.len() != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut bytes = vec![0; count];
    file.read_exact_at(&mut bytes, part.start)?;
    Ok(bytes)
}

/// Removes a file; if that fails, the bound is exceeded by it, and no more.
fn remove(path: &Path) {
    let _gone = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::form::Form;
    use super::*;

    struct Dir(PathBuf);

    impl Drop for Dir {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    fn dir() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        Dir(std::env::temp_dir().join(format!("sora-cache-{}-{next}", std::process::id())))
    }

    fn cache(dir: &Dir) -> Cache {
        let cache =
            Cache::new(CacheSettings { dir: dir.0.clone(), bytes_max: 1_000, body_bytes_max: 400 });
        cache.load();
        cache
    }

    fn body(blob: i64, bytes: &[u8]) -> Located {
        Located {
            account: AccountId(1),
            blob: BlobId(blob),
            size: bytes.len() as u64,
            hash: Sha256::digest(bytes).into(),
            form: Form::PLAIN,
            object_bytes: 0,
        }
    }

    #[test]
    fn the_least_recently_used_goes() {
        let dir = dir();
        let cache = cache(&dir);
        let bytes = [b'x'; 300];
        for blob in 1..=3 {
            cache.put(&body(blob, &bytes), &bytes);
        }
        assert_eq!(cache.get(&body(1, &bytes)).unwrap(), bytes);
        cache.put(&body(4, &bytes), &bytes);
        let there: Vec<_> = (1..=4).map(|blob| cache.has(&body(blob, &bytes))).collect();
        assert_eq!(there, [true, false, true, true]);
        assert!(!cache.path((1, 2)).exists());
        cache.put(&body(5, &[b'y'; 401]), &[b'y'; 401]);
        assert!(!cache.has(&body(5, &[b'y'; 401])), "too large");
        assert_eq!(cache.state().bytes, 900);
    }

    #[test]
    fn it_survives_a_restart() {
        let dir = dir();
        let bytes = b"abcdefgh";
        cache(&dir).put(&body(1, bytes), bytes);
        fs::write(dir.0.join("01/1.new7"), b"half").unwrap();
        let again = cache(&dir);
        assert_eq!(again.get_part(&body(1, bytes), &(2..5)).unwrap(), b"cde");
        assert_eq!(again.state().bytes, 8);
        assert!(!dir.0.join("01/1.new7").exists());
        let unloaded = Cache::new(again.settings.clone());
        assert_eq!(unloaded.get(&body(1, bytes)).unwrap(), bytes);
    }

    #[test]
    fn what_others_keep_there_stays() {
        let dir = dir();
        let others =
            ["apt/x", "apt/archives/1-1", "01/notes", "01/1-3", "01/x.new1", "1-1", "02/1-2/x"];
        for name in others {
            let path = dir.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"theirs").unwrap();
        }
        let cache = cache(&dir);
        assert_eq!(cache.state().bytes, 0);
        for name in others {
            assert!(dir.0.join(name).exists(), "{name}");
        }
        // Nor does what is being written go.
        fs::write(dir.0.join("01/1.new7"), b"half").unwrap();
        cache.state().writing.insert("1.new7".to_owned());
        cache.load();
        assert!(dir.0.join("01/1.new7").exists());
    }

    #[test] // pitfall 50
    fn what_is_damaged_is_not_served_and_goes() {
        let dir = dir();
        let right = b"right bytes";
        for wrong in [&b""[..], b"right", b"wrong bytes", b"right bytes and more"] {
            let cache = cache(&dir);
            let body = body(9, right);
            cache.put(&body, right);
            fs::write(cache.path((1, 9)), wrong).unwrap();
            assert_eq!(cache.get(&body), None);
            assert!(!cache.path((1, 9)).exists());
            cache.put(&body, right);
            assert_eq!(cache.get(&body).unwrap(), right);
            fs::write(cache.path((1, 9)), wrong).unwrap();
            let again = self::cache(&dir); // parts of a file it has not verified
            assert_eq!(again.get_part(&body, &(0..3)), None);
        }
    }

    #[test]
    fn without_a_disk_there_is_no_cache_and_no_harm() {
        let dir = dir();
        fs::write(&dir.0, b"a file where the directory should be").unwrap();
        let cache = cache(&dir);
        cache.put(&body(1, b"x"), b"x");
        assert_eq!(cache.get(&body(1, b"x")), None);
        assert_eq!(cache.state().bytes, 0);
        fs::remove_file(&dir.0).unwrap();
    }

    #[test]
    fn a_file_that_is_already_gone_is_forgotten() {
        let dir = dir();
        let cache = cache(&dir);
        cache.put(&body(1, b"x"), b"x");
        fs::remove_file(cache.path((1, 1))).unwrap();
        assert_eq!(cache.get(&body(1, b"x")), None);
        cache.put(&body(1, b"x"), b"x");
        cache.remove(AccountId(1), BlobId(1));
        assert_eq!((cache.get(&body(1, b"x")), cache.state().bytes), (None, 0));
    }
}
