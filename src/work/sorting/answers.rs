//! What a script asks, answered from the store.

use super::super::metadata::ServerNotes;
use super::lists::Lists;
use super::scripts::{Compiled, Scripts};
use crate::error::Refusal;
use crate::job::{Annotated, MailboxInfo, MailboxKey};
use crate::model::{AccountId, EntryName, MailboxId, MailboxName, SpecialUse};
use crate::sieve::{Answer, Location, Question};
use crate::store::{Error, Failure, MemoryDigest, Store};

/// Knows what a run cannot know.
pub(super) struct Oracle<'a> {
    pub(super) store: &'a Store,
    pub(super) scripts: &'a Scripts,
    pub(super) lists: &'a Lists,
    pub(super) notes: &'a ServerNotes,
    pub(super) account: AccountId,
}

impl Oracle<'_> {
    pub(super) fn answer(&self, question: &Question) -> Result<Answer, Failure> {
        let account = self.account;
        Ok(match question {
            Question::MailboxExists { mailbox } => Answer::Bool(self.find(mailbox)?.is_some()),
            Question::MailboxById { id } => Answer::Text(self.by_id(id)?),
            Question::SpecialUseExists { mailbox, attribute } => {
                let special_use = SpecialUse::parse(attribute);
                let has =
                    |info: &MailboxInfo| special_use.is_some() && info.special_use == special_use;
                Answer::Bool(match mailbox {
                    Some(mailbox) => self.find(mailbox)?.is_some_and(|info| has(&info)),
                    None => self.store.list_mailboxes(account)?.iter().any(has),
                })
            }
            Question::SpecialUseMailbox { attribute, .. } => {
                // An account has one of a kind at most (RFC 6154 §5.3, pitfall 74).
                let special_use = SpecialUse::parse(attribute);
                let all = self.store.list_mailboxes(account)?;
                let found = all
                    .into_iter()
                    .find(|info| special_use.is_some() && info.special_use == special_use);
                Answer::Text(found.map(|info| info.name.as_str().to_owned()))
            }
            Question::Metadata { mailbox, annotation } => {
                Answer::Text(self.annotation(mailbox.as_deref(), annotation)?)
            }
            Question::Duplicate { handle, id } => {
                let what = MemoryDigest::of_duplicate(handle, id);
                Answer::Bool(self.store.remembers(account, what)?)
            }
            Question::Script { location, name } => {
                let script: Option<Compiled> = match location {
                    Location::Personal => self.scripts.personal(account, name)?,
                    Location::Global => self.scripts.global(name),
                };
                Answer::Script(script.transpose().map_err(|mistakes| mistakes.to_string()))
            }
            Question::ListExists { list } => self.lists.exists(list)?,
            Question::InLists { lists, values } => self.lists.member(lists, values)?,
        })
    }

    fn find(&self, mailbox: &str) -> Result<Option<MailboxInfo>, Failure> {
        let Ok(name) = MailboxName::new(mailbox) else { return Ok(None) };
        found(self.store.mailbox(self.account, &name))
    }

    /// RFC 5490 §3.3, §4.1. What cannot be an entry, or is of no mailbox, does not exist.
    fn annotation(&self, of: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
        let Some(name) = EntryName::new(name) else { return Ok(None) };
        let of = match of.map(MailboxName::new) {
            None => Annotated::Server,
            Some(Ok(mailbox)) => Annotated::Mailbox(mailbox),
            Some(Err(_)) => return Ok(None),
        };
        let value = self.notes.annotation(self.store, self.account, &of, name)?;
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    /// RFC 8474's MAILBOXID is the mailbox's number.
    fn by_id(&self, id: &str) -> Result<Option<String>, Failure> {
        let Ok(number) = id.parse() else { return Ok(None) };
        let key = MailboxKey { account: self.account, mailbox: MailboxId(number) };
        let info = found(self.store.mailbox_by_key(key))?;
        Ok(info.map(|info| info.name.as_str().to_owned()))
    }
}

fn found(result: Result<MailboxInfo, Error>) -> Result<Option<MailboxInfo>, Failure> {
    match result {
        Ok(info) => Ok(Some(info)),
        Err(Error::Refused(Refusal::NoSuchMailbox)) => Ok(None),
        Err(Error::Refused(_)) => Ok(None),
        Err(Error::Failed(failure)) => Err(failure),
    }
}
