//! RENAME (RFC 9051 §6.3.6).

use super::accounts::lock_account;
use super::engine::{Tx, Value, Weight};
use super::mailboxes::{self, INBOX, below, find};
use super::{Error, Store, copy, metadata};
use crate::error::Refusal;
use crate::job::{Change, MailboxKey};
use crate::model::{AccountId, MailboxId, MailboxName};

impl Store {
    /// Renames a mailbox and all below it. From INBOX it moves the messages to a new mailbox and
    /// leaves INBOX, its children and its annotations. What sessions have to be told, then (pitfall 69).
    pub fn rename_mailbox(
        &self,
        account: AccountId,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<Vec<Change>, Error> {
        let (from, to) = (from.clone(), to.clone());
        let weight = if from.is_inbox() { Weight::Bulk } else { Weight::Bytes(4_096) };
        self.0.engine.write("renaming a mailbox", weight, move |tx| {
            lock_account(tx, account)?;
            if from.is_inbox() {
                return rename_inbox(tx, account, &to).map(Vec::from);
            }
            rename(tx, account, &from, &to).map(|()| Vec::new())
        })
    }
}

fn rename_inbox(
    tx: &mut Tx<'_>,
    account: AccountId,
    to: &MailboxName,
) -> Result<[Change; 2], Error> {
    let target = mailboxes::create(tx, account, to, None)?;
    let inbox = MailboxKey { account, mailbox: INBOX };
    let mod_seq = copy::move_all(tx, inbox, target)?;
    let annotated = metadata::copy(tx, inbox, target.mailbox)?;
    Ok([Change { mailbox: inbox, mod_seq }, annotated])
}

fn rename(
    tx: &mut Tx<'_>,
    account: AccountId,
    from: &MailboxName,
    to: &MailboxName,
) -> Result<(), Error> {
    let mailbox = find(tx, account, &from.key())?.ok_or(Refusal::NoSuchMailbox)?;
    if to.key().starts_with(&format!("{}/", from.key())) {
        return Err(Refusal::Cannot("a mailbox cannot move below itself").into());
    }
    let to = mailboxes::as_parents_spell(tx, account, to)?;
    let mut moving = vec![(mailbox, to.clone())];
    for (child, name) in below(tx, account, &from.key())? {
        moving.push((child, name_below(&name, from, &to)?));
    }
    refuse_conflicts(tx, account, &moving)?;
    mailboxes::create_parents(tx, account, &to)?;
    set_names(tx, account, &moving)
}

/// `Old/child` as `New/child`.
fn name_below(
    name: &MailboxName,
    from: &MailboxName,
    to: &MailboxName,
) -> Result<MailboxName, Error> {
    let depth = from.as_str().split(MailboxName::DELIMITER).count();
    let rest = name.as_str().splitn(depth + 1, MailboxName::DELIMITER).last().unwrap_or_default();
    let renamed = MailboxName::new(&format!("{to}/{rest}"));
    renamed.map_err(|_| Refusal::Cannot("a name below it would be too long or too deep").into())
}

/// Every new name must be free; a mailbox's own name is, so a change of case only is well.
fn refuse_conflicts(
    tx: &mut Tx<'_>,
    account: AccountId,
    moving: &[(MailboxId, MailboxName)],
) -> Result<(), Error> {
    for (mailbox, name) in moving {
        let holder = find(tx, account, &name.key())?;
        if holder.is_some_and(|holder| holder != *mailbox) {
            return Err(Refusal::MailboxExists.into());
        }
    }
    Ok(())
}

fn set_names(
    tx: &mut Tx<'_>,
    account: AccountId,
    moving: &[(MailboxId, MailboxName)],
) -> Result<(), Error> {
    for (mailbox, name) in moving {
        tx.execute(
            "UPDATE mailboxes SET name = $3, name_key = $4
             WHERE account_id = $1 AND mailbox_id = $2",
            &[
                Value::Int(account.0),
                Value::Int(mailbox.0),
                Value::Text(name.as_str()),
                Value::Text(&name.key()),
            ],
        )?;
    }
    Ok(())
}
