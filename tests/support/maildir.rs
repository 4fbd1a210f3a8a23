//! A Maildir++ written as Dovecot 2.3 writes it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A user's Maildir.
pub(crate) struct Maildir {
    root: PathBuf,
}

impl Maildir {
    /// With an empty INBOX.
    pub(crate) fn new(root: PathBuf) -> Self {
        let maildir = Self { root };
        maildir.folder("");
        maildir
    }

    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// The directory of a folder (`.Work.New`, or nothing for INBOX), made if it is not there.
    pub(crate) fn folder(&self, folder: &str) -> PathBuf {
        let path = self.root.join(folder);
        for within in ["cur", "new", "tmp"] {
            fs::create_dir_all(path.join(within)).expect("a directory");
        }
        path
    }

    /// A file below it, as a whole.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).expect("written");
    }

    /// Numbers messages: each UID with the name of its file, without flags.
    pub(crate) fn number(&self, folder: &str, header: &str, uids: &[(u32, &str)]) {
        let lines: String = uids.iter().map(|(uid, name)| format!("{uid} :{name}\n")).collect();
        fs::write(self.folder(folder).join("dovecot-uidlist"), format!("{header}\n{lines}"))
            .expect("written");
    }

    /// A message in `cur/`, or in `new/` if its name has no flags, that arrived at `seconds`.
    pub(crate) fn message(&self, folder: &str, name: &str, text: &str, seconds: u64) {
        let within = if name.contains(':') { "cur" } else { "new" };
        let path = self.folder(folder).join(within).join(name);
        fs::write(&path, text).expect("written");
        let file = File::options().write(true).open(&path).expect("there");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("dated");
    }
}
