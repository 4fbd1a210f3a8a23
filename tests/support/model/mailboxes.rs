//! The tree of names.

use sora::error::Refusal;
use sora::job::{MailboxInfo, MailboxKey, Reply};
use sora::model::{AccountId, MailboxId, MailboxName, SpecialUse};

use super::{Mailbox, Model};

impl Model {
    pub(super) fn make_mailbox(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) {
        self.mailboxes_made += 1;
        let made = self.mailboxes_made;
        self.account(account).mailboxes.push(Mailbox {
            id: MailboxId(made),
            name: name.clone(),
            special_use,
            uid_validity: u32::try_from(1_000 + made).expect("few mailboxes"), // grows: pitfall 70
            uid_next: 1,
            highest_mod_seq: 1,
            keywords: Vec::new(),
            messages: Vec::new(),
            expunged: Vec::new(),
            moved: Vec::new(),
        });
    }

    pub(super) fn list(&mut self, account: AccountId) -> Reply {
        let keys: Vec<MailboxKey> = self
            .account(account)
            .mailboxes
            .iter()
            .map(|row| MailboxKey { account, mailbox: row.id })
            .collect();
        let mut mailboxes: Vec<MailboxInfo> = keys.into_iter().map(|key| self.info(key)).collect();
        mailboxes.sort_by(|a, b| a.name.cmp(&b.name));
        let mut subscriptions = self.account(account).subscriptions.clone();
        subscriptions.sort();
        Reply::Mailboxes { mailboxes, subscriptions }
    }

    pub(super) fn create(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<Reply, Refusal> {
        if self.find(account, name).is_ok() {
            return Err(Refusal::MailboxExists);
        }
        let taken = |row: &Mailbox| special_use.is_some() && row.special_use == special_use;
        if self.account(account).mailboxes.iter().any(taken) {
            return Err(Refusal::SpecialUseTaken);
        }
        self.make_parents(account, name);
        self.make_mailbox(account, name, special_use);
        Ok(Reply::Done)
    }

    fn make_parents(&mut self, account: AccountId, name: &MailboxName) {
        let Some(parent) = name.parent() else { return };
        if self.find(account, &parent).is_err() {
            self.make_parents(account, &parent);
            self.make_mailbox(account, &parent, None);
        }
    }

    pub(super) fn delete(
        &mut self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Reply, Refusal> {
        if name.is_inbox() {
            return Err(Refusal::Cannot("INBOX cannot be deleted"));
        }
        let key = self.find(account, name)?;
        let mailboxes = &mut self.account(account).mailboxes;
        if mailboxes.iter().any(|row| below(&row.name, name)) {
            return Err(Refusal::HasChildren);
        }
        mailboxes.retain(|row| row.id != key.mailbox);
        self.changed(key);
        Ok(Reply::Done)
    }

    pub(super) fn rename(
        &mut self,
        account: AccountId,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<Reply, Refusal> {
        let key = self.find(account, from)?;
        if below(to, from) {
            return Err(Refusal::Cannot("a mailbox cannot move below itself"));
        }
        if from.is_inbox() {
            return self.rename_inbox(account, key, to);
        }
        let old = self.mailbox(key)?.name.clone();
        let moves = |name: &MailboxName| name == &old || below(name, &old);
        let (moving, staying): (Vec<MailboxName>, Vec<MailboxName>) =
            self.account(account).mailboxes.iter().map(|row| row.name.clone()).partition(moves);
        let new = |name: &MailboxName| {
            let rest = name.as_str().get(old.as_str().len()..).unwrap_or("");
            MailboxName::new(&format!("{to}{rest}")).map_err(|_| Refusal::Cannot("name too long"))
        };
        for name in &moving {
            let wanted = new(name)?.key();
            if staying.iter().any(|other| other.key() == wanted) {
                return Err(Refusal::MailboxExists);
            }
        }
        self.make_parents(account, to);
        for row in &mut self.account(account).mailboxes {
            if moving.contains(&row.name) {
                row.name = new(&row.name)?;
            }
        }
        Ok(Reply::Done)
    }

    /// RFC 9051 §6.3.6: INBOX stays, empty; its messages go to a new mailbox.
    fn rename_inbox(
        &mut self,
        account: AccountId,
        inbox: MailboxKey,
        to: &MailboxName,
    ) -> Result<Reply, Refusal> {
        self.create(account, to, None)?;
        let target = self.find(account, to)?;
        let row = self.mailbox(inbox)?;
        row.next_mod_seq();
        let (moved, keywords) = (std::mem::take(&mut row.messages), row.keywords.clone());
        let row = self.mailbox(target)?;
        row.keywords = keywords;
        let mod_seq = row.next_mod_seq();
        for stored in moved {
            row.add(stored, mod_seq);
        }
        self.changed(inbox);
        self.changed(target);
        self.copy_annotations(inbox, target.mailbox);
        Ok(Reply::Done)
    }

    pub(super) fn subscribe(&mut self, account: AccountId, name: MailboxName) -> Reply {
        let subscriptions = &mut self.account(account).subscriptions;
        if subscriptions.iter().all(|other| other.key() != name.key()) {
            subscriptions.push(name);
        }
        Reply::Done
    }
}

/// Below, whatever the case of its letters (pitfall 66).
fn below(name: &MailboxName, ancestor: &MailboxName) -> bool {
    name.key().strip_prefix(&ancestor.key()).is_some_and(|rest| rest.starts_with('/'))
}
