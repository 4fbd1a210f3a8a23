//! A few whole bodies while they are read piece by piece: in memory, or in files without a name if they
//! are long.
//!
//! Only what was compared with its hash is put here. Nothing depends on it: what is not kept is fetched
//! once more, whole.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits;

/// Which body: its account and its number, as the row has them.
type Key = (i64, i64);

#[derive(Debug)]
pub(super) struct Held {
    /// Of the files, while they have a name.
    dir: PathBuf,
    opened: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_memory: Kept<Arc<[u8]>>,
    in_files: Kept<Arc<File>>,
    /// Bodies of which a piece was read lately.
    touched: VecDeque<Key>,
}

/// Bodies, oldest first, with the bytes of each, and of all.
#[derive(Debug)]
struct Kept<T> {
    bodies: VecDeque<(Key, u64, T)>,
    bytes: u64,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { bodies: VecDeque::new(), bytes: 0 }
    }
}

impl<T: Clone> Kept<T> {
    fn get(&self, body: Key) -> Option<(u64, T)> {
        let found = self.bodies.iter().find(|(held, ..)| *held == body);
        found.map(|(_, bytes, kept)| (*bytes, kept.clone()))
    }

    /// Lets older ones go for it, but keeps it however long it is.
    fn put(&mut self, body: Key, bytes: u64, kept: T, bytes_max: u64) {
        self.release(body);
        while self.bytes.saturating_add(bytes) > bytes_max {
            let Some((_, bytes, _)) = self.bodies.pop_front() else { break };
            self.bytes -= bytes;
        }
        self.bytes += bytes;
        self.bodies.push_back((body, bytes, kept));
    }

    fn release(&mut self, body: Key) {
        if let Some(at) = self.bodies.iter().position(|(held, ..)| *held == body)
            && let Some((_, bytes, _)) = self.bodies.remove(at)
        {
            self.bytes -= bytes;
        }
    }
}

impl Held {
    /// Its files are made in `dir`.
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, opened: AtomicU64::new(0), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has(&self, body: Key) -> bool {
        let state = self.state();
        state.in_memory.get(body).is_some() || state.in_files.get(body).is_some()
    }

    /// The bytes `part` of a body, which must be within it.
    pub(super) fn part(&self, body: Key, part: &Range<u64>) -> Option<Vec<u8>> {
        let (memory, file) = {
            let state = self.state();
            (state.in_memory.get(body), state.in_files.get(body))
        };
        let count = usize::try_from(part.end.checked_sub(part.start)?).ok()?;
        if let Some((_, bytes)) = memory {
            let start = usize::try_from(part.start).ok()?;
            return bytes.get(start..start.checked_add(count)?).map(<[u8]>::to_vec);
        }
        let (_, file) = file?;
        let mut bytes = vec![0; count];
        file.read_exact_at(&mut bytes, part.start).ok()?;
        Some(bytes)
    }

    /// A whole body.
    pub(super) fn whole(&self, body: Key) -> Option<Arc<[u8]>> {
        let (memory, file) = {
            let state = self.state();
            (state.in_memory.get(body), state.in_files.get(body))
        };
        match (memory, file) {
            (Some((_, bytes)), _) => Some(bytes),
            (None, Some((bytes, _))) => self.part(body, &(0..bytes)).map(Arc::from),
            (None, None) => None,
        }
    }

    /// Keeps a body, and lets older ones go.
    pub(super) fn put(&self, body: Key, bytes: &Arc<[u8]>) {
        let size = bytes.len() as u64;
        if bytes.len() <= limits::BODY_HELD_BYTES_MAX {
            let (bytes, max) = (Arc::clone(bytes), limits::BODIES_HELD_BYTES_MAX);
            return self.state().in_memory.put(body, size, bytes, max);
        }
        match self.write(bytes) {
            Ok(file) => {
                let (file, max) = (Arc::new(file), limits::BODIES_SPOOLED_BYTES_MAX);
                self.state().in_files.put(body, size, file, max);
            }
            Err(error) => {
                log::warn!("store: a file for a body of {size} bytes: {error}; it comes in pieces");
            }
        }
    }

    /// A file that loses its name at once.
    fn write(&self, bytes: &[u8]) -> io::Result<File> {
        let nth = self.opened.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("{}-read-{nth}", std::process::id()));
        let _old = fs::remove_file(&path); // of a dead process with our number
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        file.write_all(bytes)?;
        Ok(file)
    }

    /// Notes that a piece is read: true if one was before, so that the rest will be wanted too.
    pub(super) fn touch(&self, body: Key) -> bool {
        let mut state = self.state();
        if state.touched.contains(&body) {
            return true;
        }
        if state.touched.len() >= limits::BODIES_TOUCHED_MAX {
            state.touched.pop_front();
        }
        state.touched.push_back(body);
        false
    }

    /// Lets a body go that has been read to its end.
    pub(super) fn release(&self, body: Key) {
        let mut state = self.state();
        state.in_memory.release(body);
        state.in_files.release(body);
        state.touched.retain(|touched| *touched != body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Arc<[u8]> {
        let bytes: Vec<u8> = b"0123456789a".iter().copied().cycle().take(count).collect();
        bytes.into()
    }

    #[test]
    fn long_bodies_are_in_files_and_none_is_left() {
        let dir = std::env::temp_dir().join(format!("sora-held-{}", std::process::id()));
        let held = Held::new(dir.clone());
        let (short, long) = (bytes(1_000), bytes(limits::BODY_HELD_BYTES_MAX + 1));
        held.put((1, 1), &short);
        held.put((1, 2), &long);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        assert_eq!(held.state().in_files.bodies.len(), 1);
        assert_eq!(held.part((1, 1), &(11..13)).unwrap(), b"01");
        assert_eq!(held.part((1, 2), &(11..13)).unwrap(), b"01");
        assert_eq!(held.part((1, 2), &(0..long.len() as u64 + 1)), None);
        assert_eq!(held.whole((1, 2)), Some(long));
        assert!(held.has((1, 1)) && held.has((1, 2)) && !held.has((2, 1)));
        held.release((1, 2));
        assert!(!held.has((1, 2)) && held.state().in_files.bytes == 0);
        fs::remove_dir(&dir).unwrap();
    }

    #[test]
    fn the_oldest_go_and_the_newest_stays() {
        let mut kept = Kept::default();
        for blob in 1..=3 {
            kept.put((1, blob), 40, (), 100);
        }
        let there: Vec<_> = kept.bodies.iter().map(|((_, blob), ..)| *blob).collect();
        assert_eq!((there, kept.bytes), (vec![2, 3], 80));
        kept.put((1, 4), 400, (), 100);
        assert_eq!((kept.bodies.len(), kept.bytes), (1, 400));
    }
}
