//! Which mailboxes run a script when something happens in them (RFC 6785), without asking the store
//! each time: what was read is right until annotations of the account change, which every node is
//! told, and is read again after a minute in case a word was lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lru::Lru;
use super::{Changes, clock};
use crate::job::MailboxKey;
use crate::limits::EVENT_SCRIPTS_CACHE_BYTES_MAX;
use crate::model::{AccountId, MailboxId, ModSeq};
use crate::store::{EventScripts, Failure, Store};

/// Nothing is believed for longer.
const TRUSTED: Duration = Duration::from_secs(60);
/// Bytes that an account without any such script costs.
const SLOT_BYTES: usize = 160;

/// The accounts that were asked for lately.
pub(super) struct EventScriptCache {
    store: Store,
    changes: Arc<Changes>,
    kept: Mutex<Lru<AccountId, Kept>>,
}

#[derive(Clone)]
struct Kept {
    scripts: Arc<EventScripts>,
    read_at: Instant,
}

#[cfg_attr(not(test), expect(dead_code, reason = "no event runs a script yet"))]
impl EventScriptCache {
    /// Nothing is known yet.
    pub(super) fn new(store: Store, changes: Arc<Changes>) -> Self {
        Self { store, changes, kept: Mutex::new(Lru::new(EVENT_SCRIPTS_CACHE_BYTES_MAX)) }
    }

    /// The name of the script that an event in `mailbox` runs; `None` for none.
    pub(super) fn of(&self, mailbox: MailboxKey) -> Result<Option<String>, Failure> {
        let now = clock::now();
        let scripts = match self.known(mailbox.account, now) {
            Some(scripts) => scripts,
            None => self.read(mailbox.account, now)?,
        };
        Ok(scripts.of(mailbox.mailbox).map(str::to_owned))
    }

    fn known(&self, account: AccountId, now: Instant) -> Option<Arc<EventScripts>> {
        let kept = self.lock().touch(&account)?.clone();
        let server = MailboxKey { account, mailbox: MailboxId::SERVER };
        let changed = self.changes.last(server).unwrap_or(ModSeq(0));
        let is_young = now.saturating_duration_since(kept.read_at) < TRUSTED;
        (is_young && kept.scripts.mod_seq >= changed).then_some(kept.scripts)
    }

    fn read(&self, account: AccountId, now: Instant) -> Result<Arc<EventScripts>, Failure> {
        let scripts = Arc::new(self.store.event_scripts(account)?);
        let weight = SLOT_BYTES + scripts.bytes();
        self.lock().put(account, Kept { scripts: Arc::clone(&scripts), read_at: now }, weight);
        Ok(scripts)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lru<AccountId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, EntryName, MailboxName};
    use crate::store::tests::TemporaryDir;
    use crate::store::{NewAccount, Opening};

    #[test] // RFC 6785 §2.3.1
    fn it_is_read_again_when_annotations_change_and_not_before() {
        let dir = TemporaryDir::new();
        let store = Store::open_at(&dir.place(), Opening::Daemon).unwrap();
        let address = Address::new("me@example.org").unwrap();
        let new = NewAccount { address, password_hash: "{X}".to_owned() };
        let account = store.create_account(new).unwrap().unwrap();
        let changes = Arc::new(Changes::default());
        let cache = EventScriptCache::new(store.clone(), Arc::clone(&changes));
        let key =
            |name: &str| store.mailbox(account, &MailboxName::new(name).unwrap()).unwrap().key;
        let set = |of: Option<&str>, value: Option<&str>| {
            let of = of.map(|name| MailboxName::new(name).unwrap());
            let value = value.map(|value| value.as_bytes().to_vec());
            let entries = vec![(EntryName::event_script(), value)];
            store.set_annotations(account, of.as_ref(), entries).unwrap()
        };
        let (inbox, junk) = (key("INBOX"), key("Junk"));
        assert_eq!(cache.of(inbox).unwrap(), None);
        let change = set(Some("Junk"), Some("learn"));
        assert_eq!(cache.of(junk).unwrap(), None, "nobody has told it");
        changes.publish(change);
        assert_eq!(cache.of(junk).unwrap().as_deref(), Some("learn"));
        assert_eq!(cache.of(inbox).unwrap(), None);
        changes.publish(set(None, Some("all")));
        assert_eq!(cache.of(inbox).unwrap().as_deref(), Some("all"), "the server's");
        assert_eq!(cache.of(junk).unwrap().as_deref(), Some("learn"), "its own");
        changes.publish(set(Some("Junk"), Some("")));
        assert_eq!(cache.of(junk).unwrap(), None, "its own is empty: no script is run");
        let statements = store.statements();
        assert_eq!(cache.of(inbox).unwrap().as_deref(), Some("all"));
        assert_eq!(store.statements(), statements);
    }
}
