//! `import`: the mail of an account from another server's files, with its UIDs, so that clients go on
//! with what they have (pitfall 137). How Dovecot keeps it is in `maildir`; the rules of UIDs are in
//! `store::import`.

mod maildir;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::options::{Choice, Options};
use super::{AdminError, Streams, accounts, counted, open};
use crate::error::Refusal;
use crate::job::{Change, MailboxKey};
use crate::limits::{IMPORT_BATCH_BYTES_MAX, IMPORT_BATCH_MESSAGES_MAX};
use crate::model::{AccountId, MailboxName, Uid, UidValidity};
use crate::store::{self, Failure, ImportSource, Imported, Numbered, Plan, Store, Unfit};
use crate::work;
use maildir::{Contents, Folder, MessageFile};

pub(super) const CHOICES: &[Choice] = &[
    Choice { name: "email", value: "ADDRESS", what: "any address of the account" },
    Choice { name: "maildir", value: "PATH", what: "the Maildir++ of its user in Dovecot" },
    Choice { name: "dry-run", value: "", what: "say what would be done, and do nothing" },
    Choice { name: "new-uids", value: "", what: "where UIDs cannot be kept, give new ones" },
];

pub(super) const MORE: &str = "\
Brings folders, messages, flags, keywords, dates and subscriptions. Mailboxes that are not there,
or never had a message, get the UIDVALIDITY and the UIDs of Dovecot's: clients notice nothing, and
need not load their mail again. Where another message has such a UID already, the mailbox is
refused; with --new-uids its messages are added under new UIDs. The Maildir is only read.

Run again, it brings what is new since, and goes on where it was cut off. What was changed or
deleted in Dovecot since the first time stays here as it was. Let mail come in here only after the
last run: docs/operations.md has the steps.
";

pub(super) fn run(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    let address = accounts::address(options, "email")?;
    let root = PathBuf::from(options.required("maildir")?);
    if !root.join("cur").is_dir() {
        let what = format!("--maildir {}: no Maildir is there: it has no cur/", root.display());
        return Err(options.wrong(&what));
    }
    let file = |source| AdminError::File { file: root.clone(), source };
    let folders = maildir::folders(&root).map_err(file)?;
    let subscribed = maildir::subscriptions(&root).map_err(file)?;
    let (config, store) = open(options)?;
    let Some(found) = store.account_by_address(&address)? else {
        return Err(AdminError::NoSuchAddress(address));
    };
    let mut import = Import {
        store: &store,
        account: found.account,
        data_dir: &config.data_dir,
        is_trial: options.has("dry-run"),
        may_renumber: options.has("new-uids"),
        names: HashSet::new(),
        streams,
        count: 0,
    };
    let mut failed = 0;
    for folder in &folders {
        if let Err(problem) = import.folder(folder) {
            failed += 1;
            import.end_line()?;
            writeln!(import.streams.err, "{}: {problem}", folder.name)?;
        }
    }
    if !import.is_trial {
        import.subscribe(&subscribed)?;
    }
    let (count, is_trial) = (import.count, import.is_trial);
    let done = if is_trial { "would be imported" } else { "imported" };
    writeln!(streams.out, "{} {done} for {}", counted(count, "message"), found.primary)?;
    match failed {
        0 => Ok(()),
        failed => Err(AdminError::NotImported { failed, of: folders.len() }),
    }
}

/// An import under way.
struct Import<'a, 's> {
    store: &'a Store,
    account: AccountId,
    data_dir: &'a Path,
    is_trial: bool,
    may_renumber: bool,
    /// Keys of names that had their folder: two that differ by case only are one mailbox here.
    names: HashSet<String>,
    streams: &'a mut Streams<'s>,
    count: u64,
}

impl Import<'_, '_> {
    fn folder(&mut self, folder: &Folder) -> Result<(), Problem> {
        let name = MailboxName::new(&folder.name).map_err(|_| Problem::Name)?;
        if !self.names.insert(name.key()) {
            return Err(Problem::Twice);
        }
        let contents = folder.read()?;
        let here = match self.store.mailbox(self.account, &name) {
            Ok(info) => Some(info),
            Err(store::Error::Refused(Refusal::NoSuchMailbox)) => None,
            Err(error) => return Err(error.into()),
        };
        let known = match &here {
            Some(info) => self.store.imported(info.key)?,
            None => HashSet::new(),
        };
        let new: Vec<&MessageFile> =
            contents.files.iter().filter(|file| !known.contains(&source(file))).collect();
        let already = contents.files.len() - new.len();
        if new.is_empty() && here.is_some_and(|info| info.uid_next > 1) {
            return Ok(writeln!(self.streams.out, "{name}: nothing new")?);
        }
        let plan = self.plan(&name, &contents, &new)?;
        let count = match self.is_trial {
            true => new.len() as u64,
            false => self.bring(folder, &name, plan, &contents, &new)?,
        };
        self.count += count;
        self.end_line()?;
        let how = if plan.keeps().is_some() { "with their UIDs" } else { "with new UIDs" };
        let there = match already {
            0 => String::new(),
            already => format!("; {already} there already"),
        };
        Ok(writeln!(self.streams.out, "{name}: {}, {how}{there}", counted(count, "message"))?)
    }

    fn plan(
        &self,
        name: &MailboxName,
        contents: &Contents,
        new: &[&MessageFile],
    ) -> Result<Plan, Problem> {
        let first_new = new.iter().find_map(|file| file.uid).map(Uid);
        let numbered = contents
            .uid_validity
            .map(|there| Numbered { uid_validity: UidValidity(there), first_new });
        match self.store.plan_import(self.account, name, numbered)? {
            Ok(plan) => Ok(plan),
            Err(Unfit::UidsTaken { .. }) if self.may_renumber => Ok(Plan::Renumber),
            Err(_) if self.may_renumber => Ok(Plan::New),
            Err(unfit) => {
                let there = numbered.map_or(UidValidity(0), |numbered| numbered.uid_validity);
                Err(Problem::Unfit { unfit, there, first_new })
            }
        }
    }

    /// Brings the messages of a folder, batch by batch: how many came.
    fn bring(
        &mut self,
        folder: &Folder,
        name: &MailboxName,
        plan: Plan,
        contents: &Contents,
        new: &[&MessageFile],
    ) -> Result<u64, Problem> {
        let mailbox = self.store.begin_import(self.account, name, plan)?;
        let mut batch =
            Batch { mailbox, plan, uid_next: contents.uid_next, messages: Vec::new(), bytes: 0 };
        let mut came = 0;
        for (done, file) in (1..).zip(new) {
            match folder.message(file, contents) {
                Ok(Some(read)) => batch.add(name, file, read),
                Ok(None) => {} // deleted meanwhile
                Err(source) => {
                    // Those behind it would take its UID's place for good.
                    self.commit(&mut batch)?;
                    return Err(Problem::Message { name: maildir::shown(&file.base), source });
                }
            }
            if batch.is_full() {
                came += self.commit(&mut batch)?;
                self.progress(name, done, new.len())?;
            }
        }
        came += self.commit(&mut batch)?;
        if plan.keeps().is_some() {
            let change = self.store.end_import(mailbox, contents.uid_next)?;
            self.tell(change);
        }
        Ok(came)
    }

    fn commit(&self, batch: &mut Batch) -> Result<u64, Problem> {
        batch.bytes = 0;
        let messages = std::mem::take(&mut batch.messages);
        if messages.is_empty() {
            return Ok(0);
        }
        let keeps = batch.plan.keeps();
        let uid_min = keeps.map_or(1, |_| batch.uid_next);
        let (count, change) = self.store.import(batch.mailbox, keeps, uid_min, messages)?;
        self.tell(change);
        Ok(count)
    }

    /// Who is connected sees them arrive.
    fn tell(&self, change: Option<Change>) {
        if let Some(change) = change {
            work::tell(self.store, self.data_dir, &[change]);
        }
    }

    /// Subscribes to what was subscribed there. A name in Dovecot's namespace `INBOX/` means the folder
    /// without it.
    fn subscribe(&mut self, names: &[String]) -> Result<(), AdminError> {
        let known: HashSet<String> =
            self.store.subscriptions(self.account)?.iter().map(MailboxName::key).collect();
        for name in names {
            let below = name.strip_prefix("INBOX/").and_then(|name| MailboxName::new(name).ok());
            let below = below.filter(|name| self.names.contains(&name.key()));
            let Some(name) = below.or_else(|| MailboxName::new(name).ok()) else { continue };
            if !known.contains(&name.key()) {
                self.store.subscribe(self.account, &name)?;
            }
        }
        Ok(())
    }

    fn progress(&mut self, name: &MailboxName, done: usize, of: usize) -> io::Result<()> {
        const WIDTH: usize = 30;
        if self.streams.watched {
            let full = done.saturating_mul(WIDTH) / of.max(1);
            let bar = "#".repeat(full.min(WIDTH));
            write!(self.streams.err, "\r\x1b[K[{bar:<WIDTH$}] {done} of {of}  {name}")?;
            self.streams.err.flush()?;
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        if self.streams.watched {
            write!(self.streams.err, "\r\x1b[K")?;
        }
        Ok(())
    }
}

/// Messages that are committed together.
struct Batch {
    mailbox: MailboxKey,
    plan: Plan,
    /// The first that Dovecot has not given out.
    uid_next: u32,
    messages: Vec<Imported>,
    bytes: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.messages.len() >= IMPORT_BATCH_MESSAGES_MAX || self.bytes >= IMPORT_BATCH_BYTES_MAX
    }

    fn add(&mut self, name: &MailboxName, file: &MessageFile, read: maildir::Read) {
        let maildir::Read { bytes, flags, date } = read;
        self.bytes += bytes.len();
        let account = self.mailbox.account;
        let message = work::new_message(account, name.clone(), flags, date, bytes);
        let uid = file.uid.map(Uid).filter(|_| self.plan.keeps().is_some());
        self.messages.push(Imported { message, uid, source: source(file) });
    }
}

/// A Maildir's names are made to be unique, and stay when flags change.
fn source(file: &MessageFile) -> ImportSource {
    let mut digest = [0; 16];
    digest.iter_mut().zip(Sha256::digest(&file.base)).for_each(|(to, from)| *to = from);
    ImportSource(digest)
}

/// Why a folder was not imported, or not all of it.
enum Problem {
    Name,
    Twice,
    Unfit { unfit: Unfit, there: UidValidity, first_new: Option<Uid> },
    Message { name: String, source: io::Error },
    Folder(io::Error),
    Refused(Refusal),
    Failed(Failure),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added = "--new-uids adds its messages under new UIDs";
        match self {
            Self::Name => f.write_str("no mailbox can have such a name; rename the folder"),
            Self::Twice => f.write_str("another folder has this name in another case; rename one"),
            Self::Unfit { unfit: Unfit::OtherValidity { here }, there, .. } => write!(
                f,
                "it has had mail here under UIDVALIDITY {}, and in Dovecot it is {}; {added}",
                here.0, there.0
            ),
            Self::Unfit { unfit: Unfit::UidsTaken { uid_next }, first_new, .. } => write!(
                f,
                "UIDs below {uid_next} have been given to other messages here, and {} is wanted; \
                 {added}, and clients load the mailbox again",
                first_new.map_or(0, |uid| uid.0)
            ),
            Self::Unfit { unfit: Unfit::ValidityTaken, there, .. } => {
                write!(f, "another mailbox has, or had, its UIDVALIDITY {} here; {added}", there.0)
            }
            Self::Message { name, source } => {
                write!(f, "{name}: {source}; what comes behind it was not imported")
            }
            Self::Folder(error) => error.fmt(f),
            Self::Refused(Refusal::Cannot(why) | Refusal::Limit(why)) => f.write_str(why),
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Folder(error)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Refused(refusal) => Self::Refused(refusal),
            store::Error::Failed(failure) => Self::Failed(failure),
        }
    }
}
