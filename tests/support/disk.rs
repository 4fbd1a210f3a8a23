//! A small disk that a test may fill: a file system in memory, if we may mount one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::program::skipped;

/// The disk.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Of so many MiB; `None`, having said so, if it is not allowed.
    pub(crate) fn new(size: u32) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("sora-test-disk-{process}-{next}"));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}m,mode=0755"), "sora-test"]);
        mount.arg(&folder).stderr(Stdio::null());
        let disk = Self { folder };
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(disk);
        }
        skipped("right to mount a file system");
        None
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves no room at all.
    pub(crate) fn fill(&self) {
        let mut ballast = File::options().append(true).create(true).open(self.ballast());
        let ballast = ballast.as_mut().expect("a file");
        for block in [1 << 16, 1 << 12, 1] {
            while ballast.write_all(&vec![0; block]).is_ok() {}
        }
    }

    /// There is room again.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("it was full");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also if something there is open still.
        let _gone = Command::new("umount").arg("-l").arg(&self.folder).status();
        let _gone = std::fs::remove_dir(&self.folder);
    }
}
