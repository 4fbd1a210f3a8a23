//! Compiled scripts: by account and number, for a number means one text for ever.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::lru::Lru;
use super::SieveSettings;
use crate::job::Recipient;
use crate::limits::COMPILED_SCRIPTS_BYTES_MAX;
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
    before: Option<(String, Compiled)>,
    after: Option<(String, Compiled)>,
    global: Option<PathBuf>,
    compiled: Mutex<Lru<(AccountId, i64), (String, Compiled)>>,
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripts").field("global", &self.global).finish_non_exhaustive()
    }
}

impl Scripts {
    pub(super) fn new(store: Store, settings: &SieveSettings) -> Self {
        let site = |path: &Option<PathBuf>| {
            let path = path.as_ref()?;
            Some((path.display().to_string(), read(path)))
        };
        Self {
            store,
            before: site(&settings.before),
            after: site(&settings.after),
            global: settings.global.clone(),
            compiled: Mutex::new(Lru::new(COMPILED_SCRIPTS_BYTES_MAX)),
        }
    }

    /// What runs for a recipient, in order.
    pub(super) fn of(&self, recipient: &Recipient) -> Result<Vec<Ready>, Failure> {
        let site = |script: &Option<(String, Compiled)>| {
            script
                .as_ref()
                .map(|(name, script)| Ready { name: name.clone(), script: script.clone() })
        };
        let own = match recipient.script {
            Some(id) => self.own(recipient.account, id)?,
            None => None,
        };
        Ok(site(&self.before).into_iter().chain(own).chain(site(&self.after)).collect())
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
        // A compiled script is a few times as large as its text.
        let weight = active.script.len() * 8 + 1_024;
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
            Ok(text) => Ok(Some(compiled(&text))),
            Err(Error::Refused(_)) => Ok(None),
            Err(Error::Failed(failure)) => Err(failure),
        }
    }

    /// A script of the site.
    pub(super) fn global(&self, name: &str) -> Option<Compiled> {
        let plain = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
        if name.starts_with('.') || !name.chars().all(plain) {
            return None; // nothing outside the folder has such a name
        }
        let path = self.global.as_ref()?.join(format!("{name}.sieve"));
        path.is_file().then(|| read(&path))
    }
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

fn compiled(text: &[u8]) -> Compiled {
    sieve::compile(text, SERVED).map(Script::shared).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        lines.join("; ").into()
    })
}
