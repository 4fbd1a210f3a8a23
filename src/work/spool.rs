//! The spool: where a large message waits until it is whole.
//!
//! A spooled message is a file without a name, so it is gone with its [`Ticket`], whatever happens to
//! the process. All of them together stay within a bound, counted before a byte is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Fault;
use crate::job::{Body, Ticket};

/// Room for the trace lines of most deliveries, so that a large message is not copied for them.
const TRACE_BYTES: usize = 1_024;

/// The directory and its bound. Shared by clones.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    directory: PathBuf,
    bytes_max: u64,
    used: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
}

/// What is inside a ticket.
#[derive(Debug)]
struct Spooled {
    file: File,
    bytes: u64,
    used: Arc<AtomicU64>,
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Spool {
    /// The spool in `directory`, which is made with the first message.
    pub(super) fn new(directory: &Path, bytes_max: u64) -> Self {
        let directory = directory.to_owned();
        Self { directory, bytes_max, used: Arc::default(), opened: Arc::default() }
    }

    /// Removes what a process left that died between making a file and taking its name. Only for the
    /// daemon, before its first message.
    pub(super) fn sweep(&self) {
        let Ok(left) = std::fs::read_dir(&self.directory) else { return };
        for file in left.flatten() {
            if let Err(error) = std::fs::remove_file(file.path()) {
                log::warn!("work: spool: {}: {error}", file.path().display());
            }
        }
    }

    /// Adds a chunk, to a new file if there is no ticket yet. A failure ends the message.
    pub(super) fn add(&self, ticket: Option<Ticket>, chunk: &[u8]) -> Result<Ticket, Fault> {
        let mut ticket = match ticket {
            Some(ticket) => ticket,
            None => self.open().map_err(|error| fault(&error))?,
        };
        let bytes = chunk.len() as u64;
        let spooled: &mut Spooled = ticket.file.downcast_mut().ok_or(Fault::ServerBug)?;
        self.reserve(bytes)?;
        spooled.bytes += bytes;
        spooled.file.write_all(chunk).map_err(|error| fault(&error))?;
        ticket.bytes = spooled.bytes;
        Ok(ticket)
    }

    fn reserve(&self, bytes: u64) -> Result<(), Fault> {
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        taken.map(drop).map_err(|_| Fault::NoSpace)
    }

    /// A file that loses its name at once.
    fn open(&self) -> io::Result<Ticket> {
        let nth = self.opened.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{}-{nth}", std::process::id()));
        let _old = std::fs::remove_file(&path); // of a dead process with our number
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.directory)?;
                options.open(&path)?
            }
            opened => opened?,
        };
        std::fs::remove_file(&path)?;
        let spooled = Spooled { file, bytes: 0, used: Arc::clone(&self.used) };
        Ok(Ticket { bytes: 0, file: Box::new(spooled) })
    }
}

/// All of a body, wherever it lies.
pub(super) fn read(body: Body) -> Result<Vec<u8>, Fault> {
    match body {
        Body::Memory(bytes) => Ok(bytes),
        Body::Spooled(mut ticket) => {
            let spooled: &mut Spooled = ticket.file.downcast_mut().ok_or(Fault::ServerBug)?;
            read_back(spooled).map_err(|error| fault(&error))
        }
    }
}

fn read_back(spooled: &mut Spooled) -> io::Result<Vec<u8>> {
    let bytes = usize::try_from(spooled.bytes).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut all = Vec::with_capacity(bytes.saturating_add(TRACE_BYTES));
    spooled.file.seek(SeekFrom::Start(0))?;
    spooled.file.read_to_end(&mut all)?;
    if all.len() == bytes { Ok(all) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Logs what went wrong, and gives what the peer may know of it.
fn fault(error: &io::Error) -> Fault {
    log::error!("work: spool: {error}");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::NoSpace,
        _ => Fault::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sora-spool-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn what_was_added_is_read_back_and_no_file_stays() {
        let directory = scratch("whole");
        let spool = Spool::new(&directory, 100);
        spool.sweep(); // nothing there yet
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("1-0"), b"left by the dead").unwrap();
        spool.sweep();
        let ticket = spool.add(None, b"one ").unwrap();
        let ticket = spool.add(Some(ticket), b"two").unwrap();
        assert_eq!(ticket.bytes, 7);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "a file has a name");
        assert_eq!(read(Body::Spooled(ticket)).unwrap(), b"one two");
        assert_eq!(spool.used.load(Ordering::Relaxed), 0);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn the_bound_holds_for_all_together_and_comes_back() {
        let directory = scratch("bound");
        let spool = Spool::new(&directory, 10);
        let first = spool.add(None, b"123456").unwrap();
        let second = spool.add(None, b"1234").unwrap();
        assert_eq!(spool.add(Some(second), b"5").unwrap_err(), Fault::NoSpace);
        let third = spool.add(None, b"1234").unwrap(); // the second went with its failure
        drop(first);
        let third = spool.add(Some(third), b"567890").unwrap();
        assert_eq!(spool.add(None, b"1").unwrap_err(), Fault::NoSpace);
        drop(third);
        assert_eq!(spool.used.load(Ordering::Relaxed), 0);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
