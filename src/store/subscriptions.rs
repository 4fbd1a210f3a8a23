//! Subscriptions: names, whether or not a mailbox is there (RFC 9051 §6.3.7, pitfall 75).

use super::engine::{Tx, Value, Weight};
use super::{Failure, Store, mailboxes};
use crate::model::{AccountId, MailboxName};

impl Store {
    /// Subscribes to a name.
    pub fn subscribe(&self, account: AccountId, name: &MailboxName) -> Result<(), Failure> {
        let name = name.clone();
        self.0.engine.write("subscribing", Weight::Bytes(256), move |tx| insert(tx, account, &name))
    }

    /// Unsubscribes from a name; not an error if it was not subscribed.
    pub fn unsubscribe(&self, account: AccountId, name: &MailboxName) -> Result<(), Failure> {
        let key = name.key();
        self.0.engine.write("unsubscribing", Weight::Bytes(256), move |tx| {
            tx.execute(
                "DELETE FROM subscriptions WHERE account_id = $1 AND name_key = $2",
                &[Value::Int(account.0), Value::Text(&key)],
            )
            .map(drop)
        })
    }

    /// Every name subscribed, ascending.
    pub fn subscriptions(&self, account: AccountId) -> Result<Vec<MailboxName>, Failure> {
        self.0.engine.glance("listing subscriptions", |tx| {
            let mut names = Vec::new();
            tx.query(
                "SELECT name FROM subscriptions WHERE account_id = $1 ORDER BY name",
                &[Value::Int(account.0)],
                |row| {
                    names.push(mailboxes::name_at(row, 0)?);
                    Ok(())
                },
            )?;
            Ok(names)
        })
    }
}

/// Subscribes to a name; the first spelling stays.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<(), Failure> {
    tx.execute(
        "INSERT INTO subscriptions (account_id, name_key, name) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, name_key) DO NOTHING",
        &[Value::Int(account.0), Value::Text(&name.key()), Value::Text(name.as_str())],
    )
    .map(drop)
}
