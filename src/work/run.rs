//! Each job as calls to the store, and what they came to as its reply.
//!
//! A failure is logged here, once, with what was being done, and never with a password or the text of
//! a message; the peer learns its [`Fault`] only. A change is published after its commit, and before
//! the reply.

use std::fmt;
use std::sync::Arc;

use super::deliver::{Courier, Repeats};
use super::login::{Attempt, Logins};
use super::maildrops::Maildrops;
use super::recipients::Recipients;
use super::scripts::NewScript;
use super::snapshots::Snapshots;
use super::sorting::Place;
use super::spool::{self, Spool};
use super::trace::Via;
use super::{Changes, Done, Lane, Run, ServerNotes, facts, parts, scripts, search};
use crate::crash_point;
use crate::error::{Fault, Refusal};
use crate::job::{
    Body, Change, DeliveryProblem, Envelope, FlagSet, Job, MailboxKey, Recipient, Reply, StoreMode,
    Transfer, Wants,
};
use crate::limits::FOUND_TOGETHER_MAX;
use crate::mail::{Snapshot, UidRuns};
use crate::model::{AccountId, Flags, MailboxId, MailboxName, ModSeq, Timestamp};
use crate::store::{self, Cause, FlagChange, NewBody, NewMessage, Store, Trigger};

/// Why there is no good reply.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The store's.
    Store(store::Error),
    /// Ours, and logged already.
    Fault(Fault),
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<store::Failure> for Trouble {
    fn from(failure: store::Failure) -> Self {
        Self::Store(failure.into())
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Store(refusal.into())
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

pub(super) type Answer = Result<Reply, Trouble>;

/// Runs jobs against the store.
pub(super) struct Runner {
    pub(super) store: Store,
    pub(super) snapshots: Snapshots,
    pub(super) changes: Arc<Changes>,
    pub(super) logins: Logins,
    pub(super) spool: Spool,
    pub(super) courier: Courier,
    pub(super) maildrops: Maildrops,
    pub(super) recipients: Recipients,
    pub(super) notes: ServerNotes,
}

impl Run for Runner {
    /// Addresses that are looked up at the same moment are one statement, where that is a round trip.
    fn together_max(&self, lane: Lane) -> usize {
        match lane {
            Lane::Find if self.store.finds_together() => FOUND_TOGETHER_MAX,
            _ => 1,
        }
    }

    fn run_together(&self, lane: Lane, jobs: Vec<Box<Job>>) -> Vec<Done> {
        let given = |job: &Job| match job {
            Job::FindRecipient { given } => Some(given.clone()),
            _ => None,
        };
        let given: Option<Vec<String>> = jobs.iter().map(|job| given(job)).collect();
        let (Some(given), Some(about)) = (given, jobs.first().map(|job| About::of(job))) else {
            return jobs.into_iter().map(|job| self.run(lane, job)).collect();
        };
        let found = self.recipients.find_all(given);
        found.into_iter().map(|answer| Done::Reply(told(answer, &about))).collect()
    }

    fn run(&self, lane: Lane, job: Box<Job>) -> Done {
        if let Job::Login { user, password, peer, act_as } = *job {
            return self.logins.run(lane, Attempt { user, password, peer, act_as });
        }
        let about = About::of(&job);
        let answer = if lane == Lane::Remote || !self.store.has_uploads() {
            self.answer(*job)
        } else {
            match self.answer_near(&job) {
                Near::Answered(answer) => answer,
                Near::Other => self.answer(*job),
                Near::Far => return Done::Elsewhere(Lane::Remote, job),
            }
        };
        Done::Reply(told(answer, &about))
    }
}

fn told(answer: Answer, about: &About) -> Reply {
    match answer {
        Ok(reply) => reply,
        Err(Trouble::Store(store::Error::Refused(refusal))) => Reply::Refused(refusal),
        Err(Trouble::Store(store::Error::Failed(failure))) => {
            log::error!("work: {about}: {failure}");
            Reply::Failed(failure.fault())
        }
        Err(Trouble::Fault(fault)) => Reply::Failed(fault),
    }
}

/// What became of a job that may need bodies from object storage.
enum Near {
    /// It did not need them.
    Answered(Answer),
    /// It does: it waits on a lane for that.
    Far,
    /// It never does.
    Other,
}

impl Runner {
    fn answer_near(&self, job: &Job) -> Near {
        let answer = match job {
            Job::Fetch { mailbox, uids, wants, mark_seen } if wants.body || wants.header => {
                let batch = self.store.fetch_near(*mailbox, uids, *wants).transpose();
                batch.map(|batch| self.fetched(*mailbox, batch?, *mark_seen))
            }
            Job::ReadBody { account, blob, offset, count } => {
                let read = self.store.read_body_near(*account, *blob, *offset, *count).transpose();
                read.map(|bytes| Ok(Reply::Bytes(bytes?.into())))
            }
            Job::DecodePart { .. } => None,
            _ => return Near::Other,
        };
        answer.map_or(Near::Far, Near::Answered)
    }

    fn answer(&self, job: Job) -> Answer {
        match job {
            Job::Login { .. } => Err(Fault::ServerBug.into()), // `run` took it
            Job::ListMailboxes { account } => self.list_mailboxes(account),
            Job::Status { account, name } => {
                Ok(Reply::MailboxStatus(self.store.mailbox(account, &name)?))
            }
            Job::OpenMailbox { account, name } => {
                let (info, snapshot) = self.snapshots.open(account, &name)?;
                Ok(Reply::MailboxOpened { info, snapshot })
            }
            Job::CreateMailbox { account, name, special_use } => {
                self.store.create_mailbox(account, &name, special_use)?;
                Ok(Reply::Done)
            }
            Job::DeleteMailbox { account, name } => self.delete_mailbox(account, &name),
            Job::RenameMailbox { account, from, to } => self.rename_mailbox(account, &from, &to),
            Job::Subscribe { account, name } => {
                self.store.subscribe(account, &name)?;
                Ok(Reply::Done)
            }
            Job::Unsubscribe { account, name } => {
                self.store.unsubscribe(account, &name)?;
                Ok(Reply::Done)
            }
            Job::Refresh { mailbox } => {
                Ok(Reply::Current { snapshot: self.snapshots.current(mailbox)? })
            }
            Job::Fetch { mailbox, uids, wants, mark_seen } => {
                self.fetch(mailbox, &uids, wants, mark_seen)
            }
            Job::ReadBody { account, blob, offset, count } => {
                Ok(Reply::Bytes(self.store.read_body(account, blob, offset, count)?.into()))
            }
            Job::DecodePart { account, blob, offset, count, encoding } => parts::decode(
                &self.store,
                account,
                blob,
                offset..offset.saturating_add(count),
                &encoding,
            ),
            Job::Store { mailbox, uids, mode, flags, unchanged_since } => {
                self.store_flags(mailbox, FlagChange { uids, mode, flags, unchanged_since })
            }
            Job::Expunge { mailbox, uids } => self.expunge(mailbox, uids),
            Job::Remove { mailbox, uids } => {
                let expunged = self.store.remove(mailbox, uids)?;
                self.expunged(mailbox, expunged)
            }
            Job::LockMaildrop { account } => {
                Ok(Reply::MaildropLocked(self.maildrops.lock(account)?))
            }
            Job::Copy(transfer) => self.transfer(transfer, Store::copy_seen),
            Job::Move(transfer) => self.transfer(transfer, Store::move_seen),
            Job::Append { account, name, flags, internal_date, body } => {
                self.append(account, name, flags, internal_date, body)
            }
            Job::Search { mailbox, query, among, from } => {
                search::run(self, mailbox, &query, &among, from)
            }
            Job::Spool { ticket, chunk } => Ok(Reply::Spooled(self.spool.add(ticket, &chunk)?)),
            Job::FindRecipient { given } => self.recipients.find(given),
            Job::Deliver { envelope, recipients, body } => {
                Ok(self.deliver(&envelope, &recipients, body))
            }
            Job::GetMetadata { account, of, names, depth } => {
                let wanted = (&*names, depth);
                Ok(Reply::Metadata(self.notes.annotations(&self.store, account, &of, wanted)?))
            }
            Job::SetMetadata { account, of, entries } => {
                let change = self.store.set_annotations(account, of.as_ref(), entries)?;
                self.changes.publish(change);
                Ok(Reply::MetadataSet { mod_seq: change.mod_seq })
            }
            Job::MetadataChanges { account, since } => {
                let (mod_seq, changes) = self.store.changed_annotations(account, since)?;
                Ok(Reply::MetadataChanges { mod_seq, changes })
            }
            Job::ListScripts { account } => Ok(Reply::Scripts(self.store.scripts(account)?)),
            Job::GetScript { account, name } => {
                Ok(Reply::Script(self.store.script(account, &name)?))
            }
            Job::PutScript { account, name, script, offered, scripts_max } => {
                let new = NewScript { account, name, script, scripts_max };
                scripts::put(&self.store, new, offered)
            }
            Job::CheckScript { script, offered } => Ok(scripts::check(&script, offered)),
            Job::HaveSpace { account, name, scripts_max } => {
                self.store.has_space(account, &name, scripts_max)?;
                Ok(Reply::Done)
            }
            Job::ActivateScript { account, name } => {
                self.store.activate_script(account, name.as_ref())?;
                Ok(Reply::Done)
            }
            Job::DeleteScript { account, name } => {
                self.store.delete_script(account, &name)?;
                Ok(Reply::Done)
            }
            Job::RenameScript { account, from, to } => {
                self.store.rename_script(account, &from, &to)?;
                Ok(Reply::Done)
            }
            Job::Addresses { account } => Ok(Reply::Addresses(self.store.addresses(account)?)),
        }
    }

    fn publish(&self, mailbox: MailboxKey, mod_seq: ModSeq) {
        self.changes.publish(Change { mailbox, mod_seq });
    }

    fn list_mailboxes(&self, account: AccountId) -> Answer {
        let mailboxes = self.store.list_mailboxes(account)?;
        let subscriptions = self.store.subscriptions(account)?;
        Ok(Reply::Mailboxes { mailboxes, subscriptions })
    }

    fn delete_mailbox(&self, account: AccountId, name: &MailboxName) -> Answer {
        let gone = self.store.delete_mailbox(account, name)?;
        self.snapshots.forget(gone);
        self.publish(gone, ModSeq(i64::MAX)); // nothing comes after it
        Ok(Reply::Done)
    }

    fn rename_mailbox(&self, account: AccountId, from: &MailboxName, to: &MailboxName) -> Answer {
        let changes = self.store.rename_mailbox(account, from, to)?;
        changes.into_iter().for_each(|change| self.changes.publish(change));
        Ok(Reply::Done)
    }

    /// Reads first and marks then, so that nothing is marked that was not read; what is told of the
    /// messages is how they are after it. Mail can be read where nothing can be written, on a full
    /// disk above all: then it stays unseen.
    fn fetch(&self, mailbox: MailboxKey, uids: &UidRuns, wants: Wants, mark_seen: bool) -> Answer {
        let batch = self.store.fetch(mailbox, uids, wants)?;
        self.fetched(mailbox, batch, mark_seen)
    }

    fn fetched(&self, mailbox: MailboxKey, batch: store::Batch, mark_seen: bool) -> Answer {
        let store::Batch { mut messages, next, lost } = batch;
        let unseen = |fetched: &&crate::job::Fetched| !fetched.message.flags.contains(Flags::SEEN);
        let unseen: UidRuns = if mark_seen && lost.is_none() {
            messages.iter().filter(unseen).map(|fetched| fetched.message.uid).collect()
        } else {
            UidRuns::new()
        };
        if unseen.is_empty() {
            return Ok(Reply::Messages { messages, next, snapshot: None });
        }
        let snapshot = match self.mark_seen(mailbox, unseen) {
            Ok(snapshot) => snapshot,
            Err(Trouble::Store(store::Error::Failed(failure))) => {
                log::warn!("work: fetch: read, and not marked as seen: {failure}");
                return Ok(Reply::Messages { messages, next, snapshot: None });
            }
            Err(trouble) => return Err(trouble),
        };
        for fetched in &mut messages {
            if let Some(message) = snapshot.get(fetched.message.uid) {
                fetched.message = message;
                fetched.keywords = snapshot.head.keywords.clone();
            }
        }
        Ok(Reply::Messages { messages, next, snapshot: Some(snapshot) })
    }

    fn mark_seen(&self, mailbox: MailboxKey, uids: UidRuns) -> Result<Arc<Snapshot>, Trouble> {
        let flags = FlagSet { flags: Flags::SEEN, keywords: Vec::new() };
        let change = FlagChange { uids, mode: StoreMode::Add, flags, unchanged_since: None };
        let stored = self.change_flags(mailbox, change)?;
        if !stored.changed.is_empty() {
            self.publish(mailbox, stored.mod_seq);
        }
        Ok(self.snapshots.after(mailbox, &stored)?)
    }

    /// RFC 6785 §2.2.3: in whatever way, it is an event.
    fn change_flags(
        &self,
        mailbox: MailboxKey,
        change: FlagChange,
    ) -> Result<store::FlagsStored, store::Error> {
        let trigger = self.courier.sorter.trigger(Cause::Flag, &[Place::Key(mailbox)]);
        self.store.store_flags_seen(mailbox, change, trigger)
    }

    fn store_flags(&self, mailbox: MailboxKey, change: FlagChange) -> Answer {
        let stored = self.change_flags(mailbox, change)?;
        // Before others are told: they then find it made.
        let snapshot = self.snapshots.after(mailbox, &stored);
        let store::FlagsStored { modified, changed, mod_seq, .. } = stored;
        if !changed.is_empty() {
            self.publish(mailbox, mod_seq);
        }
        let snapshot = snapshot?;
        Ok(Reply::Stored { modified, changed, mod_seq, snapshot })
    }

    fn expunge(&self, mailbox: MailboxKey, uids: Option<UidRuns>) -> Answer {
        let uids = match uids {
            Some(uids) => uids,
            // The snapshot knows what is marked; the store would have to look at every row.
            None => {
                let now = self.snapshots.current(mailbox)?;
                let marked = now.iter().filter(|message| message.flags.contains(Flags::DELETED));
                let marked: UidRuns = marked.map(|message| message.uid).collect();
                if marked.is_empty() {
                    return Ok(Reply::Expunged { uids: marked, snapshot: now });
                }
                marked
            }
        };
        let expunged = self.store.expunge(mailbox, Some(uids))?;
        self.expunged(mailbox, expunged)
    }

    fn expunged(&self, mailbox: MailboxKey, expunged: store::Expunged) -> Answer {
        let store::Expunged { uids, mod_seq } = expunged;
        if !uids.is_empty() {
            self.publish(mailbox, mod_seq);
        }
        let snapshot = self.snapshots.after_commit(mailbox)?;
        Ok(Reply::Expunged { uids, snapshot })
    }

    fn transfer(
        &self,
        transfer: Transfer,
        how: impl FnOnce(&Store, Transfer, Trigger) -> Result<store::Copied, store::Error>,
    ) -> Answer {
        let source = transfer.from;
        let ends = [Place::Name(source.account, &transfer.to), Place::Key(source)];
        let trigger = self.courier.sorter.trigger(Cause::Copy, &ends);
        let copied = how(&self.store, transfer, trigger)?;
        if !copied.to.is_empty() {
            self.publish(copied.target, copied.target_mod_seq);
            if source != copied.target {
                self.publish(source, copied.source_mod_seq);
            }
        }
        let snapshot = self.snapshots.after_commit(source)?;
        let store::Copied { from, to, uid_validity, .. } = copied;
        Ok(Reply::Copied { uid_validity, from, to, snapshot })
    }

    fn append(
        &self,
        account: AccountId,
        mailbox: MailboxName,
        flags: FlagSet,
        internal_date: Option<Timestamp>,
        body: Body,
    ) -> Answer {
        let bytes = spool::read(body)?;
        let facts = facts::of(&bytes);
        let body = NewBody::Bytes(bytes);
        let place = Place::Name(account, &mailbox);
        let trigger = self.courier.sorter.trigger(Cause::Append, &[place]);
        let message = NewMessage { account, mailbox, flags, internal_date, body, facts };
        let stored = self.store.append_seen(message, trigger)?;
        crash_point!("append: committed, reply not sent");
        self.publish(stored.mailbox, stored.mod_seq);
        let store::Appended { mailbox, uid_validity, uid, email_id, thread_id, .. } = stored;
        Ok(Reply::Appended { mailbox, uid_validity, uid, email_id, thread_id })
    }

    fn deliver(&self, envelope: &Envelope, recipients: &[Recipient], body: Body) -> Reply {
        let message = match spool::read(body) {
            Ok(message) => message,
            Err(fault) => {
                let failed = Err(DeliveryProblem::Failed(fault));
                return Reply::Delivered(vec![failed; recipients.len()]);
            }
        };
        let (via, repeats) = (Via::Lmtp(envelope), Repeats::Recognise);
        let (answers, _) =
            self.courier.deliver(via, &envelope.sender, recipients, message, repeats);
        Reply::Delivered(answers)
    }
}

/// What a failure was about, for the log.
#[derive(Clone, Copy, Debug)]
struct About {
    job: &'static str,
    account: Option<AccountId>,
    mailbox: Option<MailboxId>,
}

impl About {
    fn of(job: &Job) -> Self {
        let (name, account, mailbox) = match job {
            Job::Login { .. } => ("login", None, None),
            Job::ListMailboxes { account } => ("list", Some(*account), None),
            Job::Status { account, .. } => ("status", Some(*account), None),
            Job::OpenMailbox { account, .. } => ("select", Some(*account), None),
            Job::CreateMailbox { account, .. } => ("create", Some(*account), None),
            Job::DeleteMailbox { account, .. } => ("delete", Some(*account), None),
            Job::RenameMailbox { account, .. } => ("rename", Some(*account), None),
            Job::Subscribe { account, .. } => ("subscribe", Some(*account), None),
            Job::Unsubscribe { account, .. } => ("unsubscribe", Some(*account), None),
            Job::Refresh { mailbox } => Self::in_mailbox("refresh", mailbox),
            Job::Fetch { mailbox, .. } => Self::in_mailbox("fetch", mailbox),
            Job::ReadBody { account, .. } => ("read body", Some(*account), None),
            Job::DecodePart { account, .. } => ("decode part", Some(*account), None),
            Job::Store { mailbox, .. } => Self::in_mailbox("store", mailbox),
            Job::Expunge { mailbox, .. } => Self::in_mailbox("expunge", mailbox),
            Job::Remove { mailbox, .. } => Self::in_mailbox("remove", mailbox),
            Job::LockMaildrop { account } => ("lock maildrop", Some(*account), None),
            Job::Copy(transfer) => Self::in_mailbox("copy", &transfer.from),
            Job::Move(transfer) => Self::in_mailbox("move", &transfer.from),
            Job::Append { account, .. } => ("append", Some(*account), None),
            Job::Search { mailbox, .. } => Self::in_mailbox("search", mailbox),
            Job::Spool { .. } => ("spool", None, None),
            Job::FindRecipient { .. } => ("rcpt", None, None),
            Job::Deliver { .. } => ("deliver", None, None),
            Job::GetMetadata { account, .. } => ("get metadata", Some(*account), None),
            Job::SetMetadata { account, .. } => ("set metadata", Some(*account), None),
            Job::MetadataChanges { account, .. } => ("metadata changes", Some(*account), None),
            Job::ListScripts { account } => ("list scripts", Some(*account), None),
            Job::GetScript { account, .. } => ("get script", Some(*account), None),
            Job::PutScript { account, .. } => ("put script", Some(*account), None),
            Job::CheckScript { .. } => ("check script", None, None),
            Job::HaveSpace { account, .. } => ("have space", Some(*account), None),
            Job::ActivateScript { account, .. } => ("activate script", Some(*account), None),
            Job::DeleteScript { account, .. } => ("delete script", Some(*account), None),
            Job::RenameScript { account, .. } => ("rename script", Some(*account), None),
            Job::Addresses { account } => ("addresses", Some(*account), None),
        };
        Self { job: name, account, mailbox }
    }

    fn in_mailbox(
        job: &'static str,
        key: &MailboxKey,
    ) -> (&'static str, Option<AccountId>, Option<MailboxId>) {
        (job, Some(key.account), Some(key.mailbox))
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.job)?;
        if let Some(account) = self.account {
            write!(f, " of account {account}")?;
        }
        if let Some(mailbox) = self.mailbox {
            write!(f, ", mailbox {mailbox}")?;
        }
        Ok(())
    }
}
