//! Which programs may have the data directory open: one daemon, and `sora-admin` beside it.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::{Failure, Opening};

/// The lock of the one daemon.
const DAEMON: &str = "lock";
/// Shared by all who are not the daemon, so that it knows when it is alone.
const BESIDE: &str = "lock.beside";

/// Takes what `opening` needs; held until the files are dropped.
pub(super) fn take(data_dir: &Path, opening: Opening) -> Result<Vec<File>, Failure> {
    let (name, how) = match opening {
        Opening::Daemon => (DAEMON, FlockOperation::NonBlockingLockExclusive),
        Opening::Beside => (BESIDE, FlockOperation::LockShared),
    };
    let file = open(data_dir, name)?;
    match flock(&file, how) {
        Ok(()) => Ok(vec![file]),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Failure::InUse { lock: data_dir.join(name) }),
        Err(error) => Err(Failure::file("locking the data directory", error.into())),
    }
}

/// Runs `run` if no other program has the store open; leaves it for the next start otherwise.
pub(super) fn while_alone(
    data_dir: &Path,
    run: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = open(data_dir, BESIDE)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => run(),
        Err(_) => Ok(()),
    }
}

fn open(data_dir: &Path, name: &str) -> Result<File, Failure> {
    let mut how = OpenOptions::new();
    let opened = how.create(true).truncate(false).write(true).open(data_dir.join(name));
    opened.map_err(|source| Failure::file("opening a lock", source))
}
