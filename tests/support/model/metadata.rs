//! Annotations.

use std::collections::BTreeMap;

use sora::error::Refusal;
use sora::job::{
    Annotated, Annotation, AnnotationChange, Change, MailboxAnnotations, MailboxKey, Reply,
};
use sora::limits;
use sora::model::{AccountId, Depth, EntryName, MailboxId, MailboxName, ModSeq, SpecialUse};

use super::Model;

/// Those of an account, by mailbox and name: when each was changed, and its value if it has one.
#[derive(Default)]
pub(super) struct Annotations {
    mod_seq: i64,
    entries: BTreeMap<(MailboxId, EntryName), Changed>,
}

type Changed = (ModSeq, Option<Vec<u8>>);

impl Annotations {
    fn of(&self, mailbox: MailboxId) -> impl Iterator<Item = (&EntryName, &Vec<u8>)> {
        let of_it = self.entries.iter().filter(move |((of, _), _)| *of == mailbox);
        of_it.filter_map(|((_, name), (_, value))| Some((name, value.as_ref()?)))
    }

    fn bytes(&self) -> usize {
        let values = self.entries.iter().filter_map(|((_, name), (_, value))| {
            Some(name.as_str().len() + value.as_ref()?.len())
        });
        values.sum()
    }
}

impl Model {
    pub(super) fn get_metadata(
        &mut self,
        account: AccountId,
        of: &Annotated,
        names: &[EntryName],
        depth: Depth,
    ) -> Result<Reply, Refusal> {
        let wanted = |name: &EntryName| names.iter().any(|n| n.reaches(name.as_str(), depth));
        let mut mailboxes: Vec<(MailboxId, Option<MailboxName>, Option<SpecialUse>)> = match of {
            Annotated::Server => vec![(MailboxId::SERVER, None, None)],
            Annotated::Mailbox(_) | Annotated::Mailboxes => {
                let rows = self.account(account).mailboxes.iter();
                rows.map(|row| (row.id, Some(row.name.clone()), row.special_use)).collect()
            }
        };
        if let Annotated::Mailbox(name) = of {
            let key = self.find(account, name)?;
            mailboxes.retain(|(id, ..)| *id == key.mailbox);
        }
        mailboxes.sort_by(|a, b| a.1.cmp(&b.1));
        let annotations = &self.account(account).annotations;
        let told = mailboxes.into_iter().map(|(id, mailbox, special_use)| {
            let kept = annotations.of(id).map(|(name, value)| (name.clone(), value.clone()));
            let used = special_use
                .map(|used| (EntryName::special_use(), used.as_str().as_bytes().to_vec()));
            let entries = kept.chain(used).filter(|(name, _)| wanted(name));
            let mut entries: Vec<_> =
                entries.map(|(name, value)| Annotation { name, value }).collect();
            entries.sort();
            MailboxAnnotations { mailbox, entries }
        });
        Ok(Reply::Metadata(told.collect()))
    }

    pub(super) fn set_metadata(
        &mut self,
        account: AccountId,
        of: Option<&MailboxName>,
        entries: &[(EntryName, Option<Vec<u8>>)],
    ) -> Result<Reply, Refusal> {
        let mailbox = match of {
            None => MailboxId::SERVER,
            Some(name) => self.find(account, name)?.mailbox,
        };
        let uses = |model: &mut Self| -> Vec<Option<SpecialUse>> {
            model.account(account).mailboxes.iter().map(|row| row.special_use).collect()
        };
        let (before, uses_before) = (self.account(account).annotations.entries.clone(), uses(self));
        let mod_seq = ModSeq(self.account(account).annotations.mod_seq + 1);
        let mut done = entries.iter().try_for_each(|(name, value)| {
            self.set_one(account, mailbox, mod_seq, (name, value.as_ref()))
        });
        let annotations = &self.account(account).annotations;
        let count = annotations.of(mailbox).count();
        if done.is_ok()
            && (count > limits::METADATA_ENTRIES_MAX
                || annotations.bytes() > limits::METADATA_BYTES_PER_ACCOUNT_MAX)
        {
            done = Err(Refusal::MetadataTooMany);
        }
        if let Err(refusal) = done {
            self.account(account).annotations.entries = before;
            for (row, used) in self.account(account).mailboxes.iter_mut().zip(uses_before) {
                row.special_use = used;
            }
            return Err(refusal);
        }
        self.account(account).annotations.mod_seq = mod_seq.0;
        self.annotations_changed(account, mod_seq);
        Ok(Reply::MetadataSet { mod_seq })
    }

    fn set_one(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        mod_seq: ModSeq,
        (name, value): (&EntryName, Option<&Vec<u8>>),
    ) -> Result<(), Refusal> {
        if value.is_some_and(|value| value.len() > limits::METADATA_VALUE_BYTES_MAX) {
            return Err(Refusal::MetadataTooBig(limits::METADATA_VALUE_BYTES_MAX));
        }
        let is_server = mailbox == MailboxId::SERVER;
        if is_server && matches!(name.as_str(), "/shared/admin" | "/shared/comment") {
            return Err(Refusal::MetadataReadOnly);
        }
        let key = (mailbox, name.clone());
        if !is_server && *name == EntryName::special_use() {
            self.set_special_use(MailboxKey { account, mailbox }, value)?;
            self.account(account).annotations.entries.insert(key, (mod_seq, None));
            return Ok(());
        }
        let entries = &mut self.account(account).annotations.entries;
        let has_value = matches!(entries.get(&key), Some((_, Some(_))));
        if value.is_some() || has_value {
            entries.insert(key, (mod_seq, value.cloned()));
        }
        Ok(())
    }

    fn set_special_use(&mut self, key: MailboxKey, value: Option<&Vec<u8>>) -> Result<(), Refusal> {
        let text = value.map(|value| String::from_utf8_lossy(value).trim().to_owned());
        let wanted = match text.as_deref() {
            None | Some("") => None,
            Some(text) => Some(SpecialUse::parse(text).ok_or(Refusal::SpecialUseUnknown)?),
        };
        if wanted.is_some() && self.mailbox(key)?.name.is_inbox() {
            return Err(Refusal::SpecialUseUnknown);
        }
        let mut rows = self.account(key.account).mailboxes.iter();
        let is_taken = rows.any(|row| row.id != key.mailbox && row.special_use == wanted);
        if wanted.is_some() && is_taken {
            return Err(Refusal::SpecialUseTaken);
        }
        self.mailbox(key)?.special_use = wanted;
        Ok(())
    }

    pub(super) fn metadata_changes(&mut self, account: AccountId, since: ModSeq) -> Reply {
        let row = self.account(account);
        let mut changes = Vec::new();
        for ((mailbox, name), (mod_seq, _)) in &row.annotations.entries {
            let of = row.mailboxes.iter().find(|row| row.id == *mailbox);
            if *mod_seq > since && (of.is_some() || *mailbox == MailboxId::SERVER) {
                let (mailbox, name) = (of.map(|row| row.name.clone()), name.clone());
                changes.push(AnnotationChange { mod_seq: *mod_seq, mailbox, name });
            }
        }
        changes.sort_by(|a, b| {
            (a.mod_seq, &a.mailbox, &a.name).cmp(&(b.mod_seq, &b.mailbox, &b.name))
        });
        Reply::MetadataChanges { mod_seq: ModSeq(row.annotations.mod_seq), changes }
    }

    /// RENAME of INBOX leaves them there, and gives them to the new mailbox (RFC 5464 §4.1).
    pub(super) fn copy_annotations(&mut self, from: MailboxKey, to: MailboxId) {
        let annotations = &mut self.account(from.account).annotations;
        annotations.mod_seq += 1;
        let mod_seq = ModSeq(annotations.mod_seq);
        let kept = annotations.of(from.mailbox).map(|(name, value)| (name.clone(), value.clone()));
        let kept: Vec<_> = kept.collect();
        let more: usize = kept.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let fits = annotations.bytes() + more <= limits::METADATA_BYTES_PER_ACCOUNT_MAX;
        for (name, value) in kept.into_iter().filter(|_| fits) {
            annotations.entries.insert((to, name), (mod_seq, Some(value)));
        }
        self.annotations_changed(from.account, mod_seq);
    }

    fn annotations_changed(&mut self, account: AccountId, mod_seq: ModSeq) {
        let mailbox = MailboxKey { account, mailbox: MailboxId::SERVER };
        self.changes.push(Change { mailbox, mod_seq });
    }
}
