//! Compiled scripts: by account and number, for a number means one name and text for ever; those that are
//! included, by their text. Scripts of the site are read again when their files have changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::super::lru::Lru;
use super::SieveSettings;
use crate::job::Recipient;
use crate::limits::{COMPILED_SCRIPTS_BYTES_MAX, INCLUDED_SCRIPTS_BYTES_MAX};
use crate::model::{AccountId, ScriptName};
use crate::sieve::{self, SERVED, Script};
use crate::store::{Error, Failure, Store};

/// A script that can run, or what is wrong with it.
pub(super) type Compiled = Result<Arc<Script>, Arc<str>>;

/// A script to run.
#[derive(Debug)]
pub(super) struct Ready {
    /// For whoever looks at the run.
    pub(super) name: String,
    pub(super) script: Compiled,
}

/// All that were compiled lately.
pub(super) struct Scripts {
    store: Store,
    before: Option<Site>,
    after: Option<Site>,
    event: Option<Site>,
    global: Option<PathBuf>,
    compiled: Mutex<Lru<(AccountId, i64), (String, Compiled)>>,
    /// By the hash of their texts.
    included: Mutex<Lru<[u8; 32], Compiled>>,
}

/// A script of the site.
struct Site {
    path: PathBuf,
    /// The file it was read from, and what came of it.
    read: Mutex<(Option<Stamp>, Compiled)>,
}

/// When a file was changed, in seconds and nanoseconds, its size and its number.
type Stamp = (i64, i64, u64, u64);

impl Site {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Mutex::new((stamp(path), read(path))) }
    }

    /// What is in the file now; of one that is gone, or has mistakes, what was there before.
    fn ready(&self) -> Ready {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.path);
        if now != known.0 {
            known.0 = now;
            let new = read(&self.path);
            match (&new, &known.1) {
                (Err(_), Ok(_)) => {
                    log::error!("sieve: {}: the script before stays", self.path.display());
                }
                _ => known.1 = new,
            }
        }
        Ready { name: self.path.display().to_string(), script: known.1.clone() }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let is = std::fs::metadata(path).ok()?;
    Some((is.mtime(), is.mtime_nsec(), is.size(), is.ino()))
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripts").field("global", &self.global).finish_non_exhaustive()
    }
}

impl Scripts {
    pub(super) fn new(store: Store, settings: &SieveSettings) -> Self {
        Self {
            store,
            before: settings.before.as_deref().map(Site::new),
            after: settings.after.as_deref().map(Site::new),
            event: settings.events.script.as_deref().map(Site::new),
            global: settings.global.clone(),
            compiled: Mutex::new(Lru::new(COMPILED_SCRIPTS_BYTES_MAX)),
            included: Mutex::new(Lru::new(INCLUDED_SCRIPTS_BYTES_MAX)),
        }
    }

    /// What runs for a recipient, in order.
    pub(super) fn of(&self, recipient: &Recipient) -> Result<Vec<Ready>, Failure> {
        let site = |site: &Option<Site>| site.as_ref().map(Site::ready);
        let own = match recipient.script {
            Some(id) => self.own(recipient.account, id)?,
            None => None,
        };
        Ok(site(&self.before).into_iter().chain(own).chain(site(&self.after)).collect())
    }

    /// The site's script for events in IMAP.
    pub(super) fn of_events(&self) -> Option<Ready> {
        self.event.as_ref().map(Site::ready)
    }

    /// The account's active script; the one that is active now, if it is another than at RCPT.
    fn own(&self, account: AccountId, id: i64) -> Result<Option<Ready>, Failure> {
        let known = self.compiled().touch(&(account, id)).cloned();
        if let Some((name, script)) = known {
            return Ok(Some(Ready { name, script }));
        }
        let Some(active) = self.store.active_script(account)? else { return Ok(None) };
        let script = compiled(&active.script);
        let name = active.name.as_str().to_owned();
        let weight = weight(&active.script);
        self.compiled().put((account, active.id), (name.clone(), script.clone()), weight);
        Ok(Some(Ready { name, script }))
    }

    fn compiled(&self) -> std::sync::MutexGuard<'_, Lru<(AccountId, i64), (String, Compiled)>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A script of the account, for `include` (RFC 6609 §3.2).
    pub(super) fn personal(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Option<Compiled>, Failure> {
        let Some(name) = ScriptName::new(name) else { return Ok(None) };
        match self.store.script(account, &name) {
            Ok(text) => Ok(Some(self.of_text(&text))),
            Err(Error::Refused(_)) => Ok(None),
            Err(Error::Failed(failure)) => Err(failure),
        }
    }

    /// Compiles what was not compiled lately. Whose it is does not matter: a text means the same.
    fn of_text(&self, text: &[u8]) -> Compiled {
        let hash: [u8; 32] = Sha256::digest(text).into();
        let included = || self.included.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = included().touch(&hash) {
            return known.clone();
        }
        let new = compiled(text);
        included().put(hash, new.clone(), weight(text));
        new
    }

    /// A script of the site.
    pub(super) fn global(&self, name: &str) -> Option<Compiled> {
        let plain = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
        if name.starts_with('.') || !name.chars().all(plain) {
            return None; // nothing outside the folder has such a name
        }
        let path = self.global.as_ref()?.join(format!("{name}.sieve"));
        match std::fs::read(&path) {
            Ok(text) => Some(self.of_text(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                log::error!("sieve: {}: {error}", path.display());
                Some(Err(error.to_string().into()))
            }
        }
    }
}

/// The site's own scripts, tried; what there is to say of them, by line.
pub(in crate::work) fn try_out(settings: &SieveSettings) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    let event = ("imap_script", &settings.events.script);
    for (key, path) in [("before", &settings.before), ("after", &settings.after), event] {
        let Some(path) = path else { continue };
        let shown = path.display();
        let wrong = |why: &dyn std::fmt::Display| Failure::Settings {
            why: format!("[sieve] {key}: {shown}: {why}"),
        };
        let text = std::fs::read(path).map_err(|error| wrong(&error))?;
        compiled(&text).map_err(|mistakes| wrong(&mistakes))?;
        lines.push(format!("[sieve] {key}: {shown} compiles"));
    }
    Ok(lines)
}

fn read(path: &Path) -> Compiled {
    match std::fs::read(path) {
        Ok(text) => compiled(&text).inspect_err(|mistakes| {
            log::error!("sieve: {}: {mistakes}", path.display());
        }),
        Err(error) => {
            log::error!("sieve: {}: {error}", path.display());
            Err(error.to_string().into())
        }
    }
}

/// Bytes: a compiled script is a few times as large as its text.
const fn weight(text: &[u8]) -> usize {
    text.len() * 8 + 1_024
}

fn compiled(text: &[u8]) -> Compiled {
    sieve::compile(text, SERVED).map(Script::shared).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        lines.join("; ").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Opening;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sora-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_changed_script_of_the_site_is_read_again() {
        let folder = folder("site");
        let path = folder.join("before.sieve");
        let write = |text: &str| {
            // As an editor does: the file is another one.
            std::fs::write(folder.join("new"), text).unwrap();
            std::fs::rename(folder.join("new"), &path).unwrap();
        };
        write("stop;");
        let site = Site::new(&path);
        let first = site.ready().script.unwrap();
        assert!(Arc::ptr_eq(&first, &site.ready().script.unwrap()), "it has not changed");
        write("keep;");
        let second = site.ready().script.unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        write("kep;");
        assert!(Arc::ptr_eq(&second, &site.ready().script.unwrap()), "the new one has mistakes");
        std::fs::remove_file(&path).unwrap();
        assert!(Arc::ptr_eq(&second, &site.ready().script.unwrap()), "it is gone");
        assert!(Site::new(&path).ready().script.is_err());
        write("discard;");
        assert!(!Arc::ptr_eq(&second, &site.ready().script.unwrap()));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_included_is_compiled_once() {
        let folder = folder("included");
        let store = Store::open(&folder, Opening::Daemon).unwrap();
        let settings = SieveSettings { global: Some(folder.clone()), ..Default::default() };
        let scripts = Scripts::new(store, &settings);
        std::fs::write(folder.join("a.sieve"), "stop;").unwrap();
        let first = scripts.global("a").unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &scripts.global("a").unwrap().unwrap()));
        std::fs::write(folder.join("a.sieve"), "keep;").unwrap();
        assert!(!Arc::ptr_eq(&first, &scripts.global("a").unwrap().unwrap()));
        assert!(scripts.global("b").is_none());
        drop(scripts);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_the_site_has_written_must_compile() {
        let path = std::env::temp_dir().join(format!("sora-site-{}.sieve", std::process::id()));
        let settings = SieveSettings { after: Some(path.clone()), ..SieveSettings::default() };
        let said = |settings: &SieveSettings| match try_out(settings) {
            Ok(lines) => lines.join("\n"),
            Err(failure) => failure.to_string(),
        };
        let shown = path.display();
        std::fs::write(&path, "keep;").unwrap();
        assert_eq!(said(&settings), format!("[sieve] after: {shown} compiles"));
        std::fs::write(&path, "keep;\nkep;").unwrap();
        let mistake = said(&settings);
        assert!(
            mistake.contains(&format!("[sieve] after: {shown}: line 2, column 1")),
            "{mistake}"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(said(&settings).contains("[sieve] after: "), "{}", said(&settings));
        assert_eq!(said(&SieveSettings::default()), "");
    }
}
