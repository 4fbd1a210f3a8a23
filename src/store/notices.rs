//! What nodes on one database say to each other, and what a node reads that has not been told
//! (PostgreSQL).
//!
//! Nothing is said inside a transaction that changes mail: NOTIFY takes a lock of the whole database
//! until the commit, and would make of all deliveries a queue.

use std::time::Duration;

use super::engine::{self, Single, Value};
use super::{Failure, Store};
use crate::job::{Change, MailboxKey};
use crate::model::{AccountId, MailboxId, ModSeq};

/// Hears what is said by [`Store::notify`] on any node, this one included.
pub struct Line(engine::Line);

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    /// The next notice that comes within `wait`. After a failure none will come any more.
    pub fn next(&mut self, wait: Duration) -> Result<Option<String>, Failure> {
        self.0.next(wait)
    }
}

impl Store {
    /// True if other nodes may use the same database.
    pub fn is_shared(&self) -> bool {
        self.0.engine.is_shared()
    }

    /// Hears every notice from here on, on a connection beside those of the pool.
    pub fn listen(&self) -> Result<Line, Failure> {
        self.0.engine.listen().map(Line)
    }

    /// Says `notices`, each of fewer than 8,000 bytes, to all who listen. After a failure they may have
    /// been heard or not.
    pub fn notify(&self, notices: &[String]) -> Result<(), Failure> {
        let notices: Vec<&str> = notices.iter().map(String::as_str).collect();
        let said = self.0.engine.write_single("telling other nodes", |tx| {
            tx.execute(
                "SELECT pg_notify('sora', notice) FROM unnest($1) AS notice",
                &[Value::Texts(&notices)],
            )
        });
        match said {
            Single::Done(_) => Ok(()),
            Single::Undone(failure) | Single::Unknown(failure) => Err(failure),
        }
    }

    /// The mod-sequence of each mailbox as it is now; of one that is gone, one that nothing comes
    /// after.
    pub fn mod_seqs(&self, mailboxes: &[MailboxKey]) -> Result<Vec<Change>, Failure> {
        let accounts: Vec<i64> = mailboxes.iter().map(|key| key.account.0).collect();
        let numbers: Vec<i64> = mailboxes.iter().map(|key| key.mailbox.0).collect();
        self.0.engine.glance("reading what others changed", |tx| {
            let mut found = Vec::with_capacity(mailboxes.len());
            tx.query(
                // Mailbox 0 stands for the account's annotations.
                "SELECT wanted.account, wanted.mailbox,
                        COALESCE(mailboxes.highest_mod_seq, accounts.metadata_mod_seq)
                 FROM unnest($1, $2) AS wanted (account, mailbox)
                 LEFT JOIN mailboxes ON mailboxes.account_id = wanted.account
                      AND mailbox_id = wanted.mailbox AND name_key IS NOT NULL
                 LEFT JOIN accounts ON accounts.account_id = wanted.account
                      AND wanted.mailbox = 0 AND accounts.deleted_at IS NULL",
                &[Value::Ids(&accounts), Value::Ids(&numbers)],
                |row| {
                    let (account, mailbox) = (AccountId(row.int(0)?), MailboxId(row.int(1)?));
                    let mailbox = MailboxKey { account, mailbox };
                    let mod_seq = ModSeq(row.int_or_null(2)?.unwrap_or(i64::MAX));
                    found.push(Change { mailbox, mod_seq });
                    Ok(())
                },
            )?;
            Ok(found)
        })
    }
}
