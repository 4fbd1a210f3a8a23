//! The model store: answers every [`Job`] from plain vectors, at once and obviously right.
//!
//! It is the oracle of the transcripts and the simulation: where it and the real store differ, one
//! of them is wrong about the contract in `src/job.rs`. Batches are tiny, so that every session
//! that asks again for the rest has to.

mod delivery;
mod mailboxes;
mod messages;
mod metadata;
mod scripts;
mod search;

use std::collections::BTreeSet;
use std::sync::Arc;

use sora::error::{Fault, Refusal};
use sora::job::{Body, Change, Job, MailboxInfo, MailboxKey, Recipient, Reply, Seat, Ticket};
use sora::mail::{Message, Snapshot, SnapshotHead};
use sora::model::{
    AccountId, Address, BlobId, Flags, Keyword, KeywordMask, Keywords, MailboxId, MailboxName,
    ModSeq, Secret, SpecialUse, Timestamp, Uid, UidValidity,
};

/// Messages in one batch of FETCH, and looked at by one step of SEARCH.
pub(super) const BATCH: usize = 3;
/// Bytes in one answer to `ReadBody`.
const SLICE: u64 = 7_000;
/// What the model's clock says when nobody gave a date: 2024-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp(1_709_251_200_000_000);

/// The whole store.
#[derive(Default)]
pub(crate) struct Model {
    accounts: Vec<Account>,
    bodies: Vec<Arc<[u8]>>,
    mailboxes_made: i64,
    /// What jobs changed since [`Model::take_changes`].
    changes: Vec<Change>,
}

/// One account; its id is its place plus one.
struct Account {
    addresses: Vec<Address>,
    password: Secret,
    mailboxes: Vec<Mailbox>,
    subscriptions: Vec<MailboxName>,
    scripts: Vec<scripts::Kept>,
    annotations: metadata::Annotations,
    /// Bytes of deliveries that a retry could repeat (pitfall 6).
    delivered: Vec<Vec<u8>>,
}

/// One mailbox.
struct Mailbox {
    id: MailboxId,
    name: MailboxName,
    special_use: Option<SpecialUse>,
    uid_validity: u32,
    uid_next: u32,
    highest_mod_seq: i64,
    keywords: Vec<Option<Keyword>>,
    messages: Vec<Stored>,
    /// Still readable, as pitfall 80 asks.
    expunged: Vec<Stored>,
    /// Not readable any more, and remembered for [`Model::bytes_of`] alone.
    moved: Vec<Stored>,
}

/// One message in one mailbox.
#[derive(Clone)]
struct Stored {
    message: Message,
    blob: BlobId,
}

/// What is so about one message.
#[derive(Debug)]
pub(crate) struct Truth {
    /// Its UID.
    pub(crate) uid: u32,
    /// Its mod-sequence.
    pub(crate) mod_seq: i64,
    /// System flags and keywords, by name.
    pub(crate) flags: BTreeSet<String>,
}

impl Mailbox {
    fn snapshot(&self) -> Arc<Snapshot> {
        let head = SnapshotHead {
            mailbox: self.id,
            uid_validity: UidValidity(self.uid_validity),
            uid_next: self.uid_next,
            highest_mod_seq: ModSeq(self.highest_mod_seq),
            keywords: Keywords::new(self.keywords.clone()),
        };
        Arc::new(Snapshot::load(head, self.messages.iter().map(|stored| stored.message)))
    }

    fn next_mod_seq(&mut self) -> ModSeq {
        self.highest_mod_seq += 1;
        ModSeq(self.highest_mod_seq)
    }

    /// The mask of `wanted`, giving bits to the new ones; `None` if there are not enough.
    fn mask_of(&mut self, wanted: &[Keyword]) -> Option<KeywordMask> {
        let mut mask = 0;
        for keyword in wanted {
            let known = self.keywords.iter().position(|name| name.as_ref() == Some(keyword));
            let bit = known.unwrap_or(self.keywords.len());
            if bit >= sora::limits::KEYWORDS_PER_MAILBOX_MAX {
                return None;
            }
            if known.is_none() {
                self.keywords.push(Some(keyword.clone()));
            }
            mask |= 1 << bit;
        }
        Some(KeywordMask(mask))
    }

    /// Several that come by one command share its mod-sequence.
    fn add(&mut self, stored: Stored, mod_seq: ModSeq) -> Uid {
        let uid = Uid(self.uid_next);
        self.uid_next += 1;
        let message = Message { uid, mod_seq, ..stored.message };
        self.messages.push(Stored { message, ..stored });
        uid
    }
}

impl Model {
    /// A store with one account for each address, its standard folders made and subscribed.
    pub(crate) fn new(addresses: &[&str], password: &str) -> Self {
        let mut model = Self::default();
        for address in addresses {
            model.accounts.push(Account {
                addresses: vec![Address::new(address).expect("a test address")],
                password: Secret::new(password),
                mailboxes: Vec::new(),
                subscriptions: Vec::new(),
                scripts: Vec::new(),
                annotations: metadata::Annotations::default(),
                delivered: Vec::new(),
            });
            let account = AccountId(model.accounts.len() as i64);
            let standard = SpecialUse::ALL.map(|(usage, _, name)| (name, Some(usage)));
            for (name, special_use) in [("INBOX", None)].into_iter().chain(standard) {
                let name = MailboxName::new(name).expect("a standard folder");
                model.make_mailbox(account, &name, special_use);
                model.account(account).subscriptions.push(name);
            }
        }
        model
    }

    /// What changed since this was last asked, for the sessions that watch.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// The messages of a mailbox, ascending: what a client that knows everything would know.
    pub(crate) fn truth(&mut self, account: AccountId, name: &str) -> Vec<Truth> {
        let name = MailboxName::new(name).expect("a test mailbox");
        let key = self.find(account, &name).expect("a test mailbox");
        let row = self.mailbox(key).expect("just found");
        let names = Keywords::new(row.keywords.clone());
        let told = |stored: &Stored| {
            let message = stored.message;
            let system = Flags::NAMES.iter().filter(|(flag, _)| message.flags.contains(*flag));
            let keywords = names.names_in(message.keywords).map(|name| name.as_str().to_owned());
            let flags = system.map(|(_, name)| (*name).to_owned()).chain(keywords).collect();
            Truth { uid: message.uid.0, mod_seq: message.mod_seq.0, flags }
        };
        row.messages.iter().map(told).collect()
    }

    /// The bytes of a message, even if it was expunged or moved.
    pub(crate) fn bytes_of(
        &mut self,
        account: AccountId,
        name: &str,
        uid: u32,
    ) -> Option<Arc<[u8]>> {
        let name = MailboxName::new(name).ok()?;
        let key = self.find(account, &name).ok()?;
        let row = self.mailbox(key).ok()?;
        let mut every = row.messages.iter().chain(&row.expunged).chain(&row.moved);
        let blob = every.find(|stored| stored.message.uid.0 == uid)?.blob;
        Some(self.body(blob))
    }

    /// Runs one job.
    pub(crate) fn run(&mut self, job: Job) -> Reply {
        self.try_run(job).unwrap_or_else(Reply::Refused)
    }

    fn try_run(&mut self, job: Job) -> Result<Reply, Refusal> {
        match job {
            Job::Login { user, password, act_as, .. } => self.login(&user, &password, &act_as),
            Job::ListMailboxes { account } => Ok(self.list(account)),
            Job::Status { account, name } => {
                let key = self.find(account, &name)?;
                Ok(Reply::MailboxStatus(self.info(key)))
            }
            Job::OpenMailbox { account, name } => {
                let key = self.find(account, &name)?;
                let snapshot = self.mailbox(key)?.snapshot();
                Ok(Reply::MailboxOpened { info: self.info(key), snapshot })
            }
            Job::CreateMailbox { account, name, special_use } => {
                self.create(account, &name, special_use)
            }
            Job::DeleteMailbox { account, name } => self.delete(account, &name),
            Job::RenameMailbox { account, from, to } => self.rename(account, &from, &to),
            Job::Subscribe { account, name } => Ok(self.subscribe(account, name)),
            Job::Unsubscribe { account, name } => {
                self.account(account).subscriptions.retain(|other| other.key() != name.key());
                Ok(Reply::Done)
            }
            Job::Refresh { mailbox } => {
                Ok(Reply::Current { snapshot: self.mailbox(mailbox)?.snapshot() })
            }
            Job::Fetch { mailbox, uids, wants, mark_seen } => {
                self.fetch(mailbox, &uids, wants, mark_seen)
            }
            Job::ReadBody { blob, offset, count, .. } => Ok(self.read_body(blob, offset, count)),
            Job::DecodePart { blob, offset, count, encoding, .. } => {
                self.decode_part(blob, offset, count, &encoding)
            }
            Job::Store { mailbox, uids, mode, flags, unchanged_since } => {
                self.store(mailbox, &uids, mode, &flags, unchanged_since)
            }
            Job::Expunge { mailbox, uids } => self.expunge(mailbox, uids.as_ref()),
            Job::Remove { mailbox, uids } => self.remove(mailbox, &uids),
            Job::LockMaildrop { .. } => Ok(Reply::MaildropLocked(Seat(Box::new(())))),
            Job::Copy(transfer) => self.copy(&transfer),
            Job::Move(transfer) => self.r#move(&transfer),
            Job::Append { account, name, flags, internal_date, body } => {
                self.append(account, &name, &flags, internal_date, body)
            }
            Job::Search { mailbox, query, among, from } => {
                self.search(mailbox, &query, &among, from)
            }
            Job::Spool { ticket, chunk } => Ok(spool(ticket, &chunk)),
            Job::FindRecipient { given } => self.find_recipient(given),
            Job::Deliver { envelope, recipients, body } => {
                Ok(self.deliver(&envelope, &recipients, body))
            }
            Job::GetMetadata { account, of, names, depth } => {
                self.get_metadata(account, &of, &names, depth)
            }
            Job::SetMetadata { account, of, entries } => {
                self.set_metadata(account, of.as_ref(), &entries)
            }
            Job::MetadataChanges { account, since } => Ok(self.metadata_changes(account, since)),
            Job::ListScripts { .. }
            | Job::GetScript { .. }
            | Job::PutScript { .. }
            | Job::CheckScript { .. }
            | Job::HaveSpace { .. }
            | Job::ActivateScript { .. }
            | Job::DeleteScript { .. }
            | Job::RenameScript { .. } => self.run_about_scripts(job),
            Job::Addresses { account } => {
                Ok(Reply::Addresses(self.account(account).addresses.clone()))
            }
        }
    }

    fn login(&self, user: &str, password: &Secret, act_as: &str) -> Result<Reply, Refusal> {
        let account = self.account_of(user).ok_or(Refusal::BadCredentials)?;
        let itself = act_as.is_empty() || self.account_of(act_as) == Some(account);
        let row = self.accounts.get(index(account)).ok_or(Refusal::BadCredentials)?;
        if !itself || password.expose().is_empty() || row.password != *password {
            return Err(Refusal::BadCredentials);
        }
        let address = row.addresses.first().cloned().expect("every account has an address");
        Ok(Reply::LoggedIn { account, address, seat: Seat(Box::new(())) })
    }

    /// The account that has `address`, with or without its `+detail`.
    fn account_of(&self, address: &str) -> Option<AccountId> {
        let whole = Address::new(address)?;
        let (user, _) = whole.split_detail();
        let has = |wanted: &Address| {
            self.accounts.iter().position(|account| account.addresses.contains(wanted))
        };
        has(&whole).or_else(|| has(&user)).map(|at| AccountId(at as i64 + 1))
    }

    fn find_recipient(&self, given: String) -> Result<Reply, Refusal> {
        let refused = Refusal::NoSuchRecipient;
        let (account, detail) = if let Some(address) = Address::new(&given) {
            let detail = address.split_detail().1.map(str::to_owned);
            (self.account_of(&given).ok_or(refused)?, detail)
        } else {
            let (address, detail) = Address::with_any_detail(&given).ok_or(refused)?;
            (self.account_of(address.as_str()).ok_or(refused)?, Some(detail.to_owned()))
        };
        let (script, dsn, goes_on_to) = (None, None, None);
        Ok(Reply::RecipientFound(Recipient { account, given, detail, script, dsn, goes_on_to }))
    }

    fn account(&mut self, id: AccountId) -> &mut Account {
        self.accounts.get_mut(index(id)).expect("sessions name accounts they were given")
    }

    /// The mailbox behind a key; refused once it was deleted.
    fn mailbox(&mut self, key: MailboxKey) -> Result<&mut Mailbox, Refusal> {
        let mailboxes = &mut self.account(key.account).mailboxes;
        let found = mailboxes.iter_mut().find(|mailbox| mailbox.id == key.mailbox);
        found.ok_or(Refusal::NoSuchMailbox)
    }

    fn find(&mut self, account: AccountId, name: &MailboxName) -> Result<MailboxKey, Refusal> {
        let mut mailboxes = self.account(account).mailboxes.iter();
        let found = mailboxes.find(|mailbox| mailbox.name.key() == name.key());
        let mailbox = found.ok_or(Refusal::NoSuchMailbox)?.id;
        Ok(MailboxKey { account, mailbox })
    }

    fn changed(&mut self, key: MailboxKey) {
        let mod_seq = self.mailbox(key).map_or(ModSeq(1), |row| ModSeq(row.highest_mod_seq));
        self.changes.push(Change { mailbox: key, mod_seq });
    }

    fn body(&self, blob: BlobId) -> Arc<[u8]> {
        self.bodies.get(blob.0 as usize).cloned().expect("sessions name blobs they were given")
    }

    fn keep_body(&mut self, bytes: Vec<u8>) -> BlobId {
        self.bodies.push(bytes.into());
        BlobId(self.bodies.len() as i64 - 1)
    }

    /// What SELECT and STATUS would tell, counted afresh.
    fn info(&mut self, key: MailboxKey) -> MailboxInfo {
        let subscriptions = self.account(key.account).subscriptions.clone();
        let row = self.mailbox(key).expect("just found");
        let with = |flag| move |stored: &&Stored| stored.message.flags.contains(flag);
        let count = |it: usize| u32::try_from(it).expect("few messages");
        MailboxInfo {
            key,
            name: row.name.clone(),
            special_use: row.special_use,
            subscribed: subscriptions.iter().any(|name| name.key() == row.name.key()),
            uid_validity: UidValidity(row.uid_validity),
            uid_next: row.uid_next,
            highest_mod_seq: ModSeq(row.highest_mod_seq),
            messages: count(row.messages.len()),
            unseen: count(
                row.messages.len() - row.messages.iter().filter(with(Flags::SEEN)).count(),
            ),
            deleted: count(row.messages.iter().filter(with(Flags::DELETED)).count()),
            bytes: row.messages.iter().map(|stored| u64::from(stored.message.size)).sum(),
        }
    }

    fn read_body(&self, blob: BlobId, offset: u64, count: u64) -> Reply {
        let body = self.body(blob);
        let size = body.len() as u64;
        let last = size.min(offset.saturating_add(count.min(SLICE)));
        match body.get(offset as usize..last as usize) {
            Some(bytes) if !bytes.is_empty() => Reply::Bytes(bytes.into()),
            _ => Reply::Failed(Fault::ServerBug), // asked for bytes that no body has
        }
    }
}

fn index(account: AccountId) -> usize {
    usize::try_from(account.0 - 1).expect("account ids start at 1")
}

fn spool(ticket: Option<Ticket>, chunk: &[u8]) -> Reply {
    let mut bytes = ticket.map_or_else(Vec::new, spooled);
    bytes.extend_from_slice(chunk);
    Reply::Spooled(Ticket { bytes: bytes.len() as u64, file: Box::new(bytes) })
}

fn spooled(ticket: Ticket) -> Vec<u8> {
    *ticket.file.downcast::<Vec<u8>>().expect("a ticket of this model")
}

/// The bytes of a message on its way in.
fn bytes_of(body: Body) -> Vec<u8> {
    match body {
        Body::Memory(bytes) => bytes,
        Body::Spooled(ticket) => spooled(ticket),
    }
}
