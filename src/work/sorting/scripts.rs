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
    event: Option<(String, Compiled)>,
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
            event: site(&settings.events.script),
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

    /// The site's script for events in IMAP.
    pub(super) fn of_events(&self) -> Option<Ready> {
        let (name, script) = self.event.as_ref()?;
        Some(Ready { name: name.clone(), script: script.clone() })
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

fn compiled(text: &[u8]) -> Compiled {
    sieve::compile(text, SERVED).map(Script::shared).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        lines.join("; ").into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
