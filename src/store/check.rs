//! Counts everything again (invariant 10), and proves what foreign keys would.

use sha2::{Digest, Sha256};

use super::engine::{Row, Tx, Value};
use super::{Failure, Store, bodies};
use crate::limits;
use crate::model::{AccountId, BlobId, MailboxName};

/// A rule, and the rows that break it: their numbers, in the order of the words' gaps.
struct Rule {
    /// With `{}` where a number goes.
    words: &'static str,
    /// One row for each difference.
    sql: &'static str,
}

/// `$what`, a row of `$table`, belongs to an account.
macro_rules! orphans {
    ($what:literal, $table:literal) => {
        Rule {
            words: concat!($what, " belongs to account {}, which is not there"),
            sql: concat!(
                "SELECT t.account_id FROM ",
                $table,
                " t WHERE NOT EXISTS
                     (SELECT 1 FROM accounts a WHERE a.account_id = t.account_id)"
            ),
        }
    };
}

/// Every rule that one query can prove.
const RULES: &[Rule] = &[
    Rule {
        words: "account {} has {} primary addresses, not 1",
        sql: "SELECT a.account_id, CAST(COALESCE(SUM(c.is_primary), 0) AS BIGINT) FROM accounts a
              LEFT JOIN credentials c ON c.account_id = a.account_id
              WHERE a.deleted_at IS NULL
              GROUP BY a.account_id HAVING COALESCE(SUM(c.is_primary), 0) <> 1",
    },
    orphans!("an address", "credentials"),
    orphans!("a subscription", "subscriptions"),
    orphans!("a script", "sieve_scripts"),
    Rule {
        // What is sent back is nobody's.
        words: "outgoing mail belongs to account {}, which is not there",
        sql: "SELECT t.account_id FROM outbox t WHERE t.account_id <> 0 AND NOT EXISTS
                  (SELECT 1 FROM accounts a WHERE a.account_id = t.account_id)",
    },
    Rule {
        words: "an annotation belongs to mailbox {}/{}, which was never there",
        sql: "SELECT d.account_id, d.mailbox_id FROM metadata d
              WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.account_id = d.account_id)
                 OR (d.mailbox_id <> 0 AND NOT EXISTS
                     (SELECT 1 FROM mailboxes m
                      WHERE m.account_id = d.account_id AND m.mailbox_id = d.mailbox_id))",
    },
    Rule {
        words: "account {} has changed annotations {} times and has one at {}",
        sql: "SELECT a.account_id, a.metadata_mod_seq, MAX(d.mod_seq) FROM accounts a
              JOIN metadata d ON d.account_id = a.account_id
              GROUP BY a.account_id, a.metadata_mod_seq
              HAVING MAX(d.mod_seq) > a.metadata_mod_seq",
    },
    Rule {
        words: "account {} gives out script {} next and has a script {}",
        sql: "SELECT a.account_id, a.next_script_id, MAX(s.script_id) FROM accounts a
              JOIN sieve_scripts s ON s.account_id = a.account_id
              GROUP BY a.account_id, a.next_script_id
              HAVING MAX(s.script_id) >= a.next_script_id",
    },
    Rule {
        words: "account {} gives out mailbox {} next and has a mailbox {}",
        sql: "SELECT a.account_id, a.next_mailbox_id, MAX(m.mailbox_id) FROM accounts a
              JOIN mailboxes m ON m.account_id = a.account_id
              GROUP BY a.account_id, a.next_mailbox_id
              HAVING MAX(m.mailbox_id) >= a.next_mailbox_id",
    },
    Rule {
        words: "account {} has mailboxes with a UIDVALIDITY above the last given out",
        sql: "SELECT a.account_id FROM accounts a
              WHERE a.last_uid_validity < (SELECT MAX(m.uid_validity) FROM mailboxes m
                                           WHERE m.account_id = a.account_id)",
    },
    Rule {
        words: "mailbox {}/{} says {} of having a script for events",
        sql: "SELECT m.account_id, m.mailbox_id, m.scripted FROM mailboxes m
              LEFT JOIN metadata d ON d.account_id = m.account_id AND d.mailbox_id = m.mailbox_id
                   AND d.name = '/shared/imapsieve/script' AND d.value IS NOT NULL
              LEFT JOIN metadata s ON s.account_id = m.account_id AND s.mailbox_id = 0
                   AND s.name = '/shared/imapsieve/script' AND s.value IS NOT NULL
              WHERE m.name_key IS NOT NULL AND m.scripted <>
                    CASE WHEN LENGTH(COALESCE(d.value, s.value)) > 0 THEN 1 ELSE 0 END",
    },
    Rule {
        words: "account {} has no INBOX",
        sql: "SELECT a.account_id FROM accounts a
              WHERE a.deleted_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.account_id = a.account_id
                                AND m.mailbox_id = 1 AND m.name_key = 'inbox')",
    },
    Rule {
        words: "account {} has UIDVALIDITY {} on {} mailboxes",
        sql: "SELECT account_id, uid_validity, COUNT(*) FROM mailboxes
              GROUP BY account_id, uid_validity HAVING COUNT(*) > 1",
    },
    Rule {
        words: "mailbox {}/{} says {} messages, {} unseen, {} deleted, {} bytes, and has {}, {}, {}, {}",
        sql: "SELECT m.account_id, m.mailbox_id, m.messages, m.unseen, m.deleted, m.bytes,
                     COALESCE(c.messages, 0), COALESCE(c.unseen, 0), COALESCE(c.deleted, 0),
                     COALESCE(c.bytes, 0)
              FROM mailboxes m
              LEFT JOIN (SELECT account_id, mailbox_id, COUNT(*) AS messages,
                                CAST(SUM(1 - (flags & 1)) AS BIGINT) AS unseen,
                                SUM(CASE WHEN flags & 8 <> 0 THEN 1 ELSE 0 END) AS deleted,
                                CAST(SUM(size) AS BIGINT) AS bytes
                         FROM messages GROUP BY account_id, mailbox_id) c
                     ON c.account_id = m.account_id AND c.mailbox_id = m.mailbox_id
              WHERE m.messages <> COALESCE(c.messages, 0) OR m.unseen <> COALESCE(c.unseen, 0)
                 OR m.deleted <> COALESCE(c.deleted, 0) OR m.bytes <> COALESCE(c.bytes, 0)",
    },
    Rule {
        words: "mailbox {}/{} gives out UID {} next and has a message with UID {}",
        sql: "SELECT m.account_id, m.mailbox_id, m.uid_next, MAX(x.uid) FROM mailboxes m
              JOIN (SELECT account_id, mailbox_id, uid FROM messages UNION ALL
                    SELECT account_id, mailbox_id, uid FROM expunged) x
                ON x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id
              GROUP BY m.account_id, m.mailbox_id, m.uid_next HAVING MAX(x.uid) >= m.uid_next",
    },
    Rule {
        words: "mailbox {}/{} is at mod-sequence {} and has a message at {}",
        sql: "SELECT m.account_id, m.mailbox_id, m.highest_mod_seq, MAX(x.mod_seq) FROM mailboxes m
              JOIN (SELECT account_id, mailbox_id, mod_seq FROM messages UNION ALL
                    SELECT account_id, mailbox_id, mod_seq FROM expunged) x
                ON x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id
              GROUP BY m.account_id, m.mailbox_id, m.highest_mod_seq
              HAVING MAX(x.mod_seq) > m.highest_mod_seq",
    },
    Rule {
        words: "mailbox {}/{} has something that entered the store before its oldest",
        sql: "SELECT m.account_id, m.mailbox_id FROM mailboxes m
              WHERE m.oldest_arrived > (SELECT MIN(x.arrived_at) FROM messages x
                    WHERE x.account_id = m.account_id AND x.mailbox_id = m.mailbox_id)",
    },
    Rule {
        words: "message {}/{}/{} is in a mailbox that was never there",
        sql: "SELECT x.account_id, x.mailbox_id, x.uid
              FROM (SELECT account_id, mailbox_id, uid FROM messages UNION ALL
                    SELECT account_id, mailbox_id, uid FROM expunged) x
              WHERE NOT EXISTS (SELECT 1 FROM mailboxes m WHERE m.account_id = x.account_id
                                AND m.mailbox_id = x.mailbox_id)",
    },
    Rule {
        words: "message {}/{}/{} is both there and expunged",
        sql: "SELECT m.account_id, m.mailbox_id, m.uid FROM messages m
              JOIN expunged e ON e.account_id = m.account_id AND e.mailbox_id = m.mailbox_id
                             AND e.uid = m.uid",
    },
    Rule {
        words: "message {}/{}/{} was made after its last change",
        sql: "SELECT account_id, mailbox_id, uid FROM messages WHERE created_mod_seq > mod_seq",
    },
    Rule {
        words: "message {}/{}/{} has flags {}, which are not flags",
        sql: "SELECT account_id, mailbox_id, uid, flags FROM messages
              WHERE flags < 0 OR flags > 31 OR keywords < 0",
    },
    Rule {
        words: "mailbox {}/{} has messages with keywords {} that have no name",
        sql: "SELECT DISTINCT m.account_id, m.mailbox_id, m.keywords & ~COALESCE(k.named, 0)
              FROM messages m
              LEFT JOIN (SELECT account_id, mailbox_id, CAST(SUM(CAST(1 AS BIGINT) << CAST(bit AS INTEGER)) AS BIGINT)
                                AS named
                         FROM keywords GROUP BY account_id, mailbox_id) k
                     ON k.account_id = m.account_id AND k.mailbox_id = m.mailbox_id
              WHERE m.keywords & ~COALESCE(k.named, 0) <> 0",
    },
    Rule {
        words: "message {}/{}/{} has no body {}, or one of another size",
        sql: "SELECT x.account_id, x.mailbox_id, x.uid, x.blob_id
              FROM (SELECT account_id, mailbox_id, uid, blob_id, size FROM messages UNION ALL
                    SELECT account_id, mailbox_id, uid, blob_id, size FROM expunged
                    WHERE blob_id IS NOT NULL) x
              WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.account_id = x.account_id
                                AND b.blob_id = x.blob_id AND b.size = x.size
                                AND b.state IN (2, 3))",
    },
    Rule {
        words: "account {} is deleted and has an address or a mailbox",
        sql: "SELECT a.account_id FROM accounts a
              WHERE a.deleted_at IS NOT NULL
                AND (EXISTS (SELECT 1 FROM credentials c WHERE c.account_id = a.account_id)
                     OR EXISTS (SELECT 1 FROM mailboxes m WHERE m.account_id = a.account_id
                                AND m.name_key IS NOT NULL))",
    },
    Rule {
        words: "body {} is referred to and about to be removed, or is not and stays",
        sql: "SELECT blob_id FROM blobs
              WHERE (state = 4 AND refs > 0) OR (state IN (2, 3) AND refs = 0)",
    },
    Rule {
        words: "body {} has no map",
        sql: "SELECT b.blob_id FROM blobs b WHERE b.state IN (2, 3)
              AND NOT EXISTS (SELECT 1 FROM blob_map m WHERE m.account_id = b.account_id
                              AND m.blob_id = b.blob_id)",
    },
    Rule {
        words: "body {} says {} references and has {}",
        sql: "SELECT b.blob_id, b.refs, COALESCE(c.refs, 0) FROM blobs b
              LEFT JOIN (SELECT account_id, blob_id, COUNT(*) AS refs
                         FROM (SELECT account_id, blob_id FROM messages UNION ALL
                               SELECT account_id, blob_id FROM expunged
                               WHERE blob_id IS NOT NULL) r
                         GROUP BY account_id, blob_id) c
                     ON c.account_id = b.account_id AND c.blob_id = b.blob_id
              WHERE b.refs <> COALESCE(c.refs, 0)",
    },
    Rule {
        words: "a map or bytes are kept of body {}, which is not there",
        sql: "SELECT x.blob_id FROM (SELECT account_id, blob_id FROM blob_map UNION ALL
                                     SELECT account_id, blob_id FROM bodies) x
              WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.account_id = x.account_id
                                AND b.blob_id = x.blob_id)",
    },
    Rule {
        words: "body {} is being moved, and is neither staged nor reserved",
        sql: "SELECT u.blob_id FROM uploads u
              WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.account_id = u.account_id
                                AND b.blob_id = u.blob_id AND b.state <> 3)",
    },
    Rule {
        words: "body {} is stored as an object and in the database",
        sql: "SELECT b.blob_id FROM blobs b
              JOIN bodies y ON y.account_id = b.account_id AND y.blob_id = b.blob_id
              WHERE b.form <> 0",
    },
    Rule {
        words: "identifier {} is in use and may be given out again",
        sql: "SELECT blob_id FROM blobs
              WHERE blob_id >= (SELECT next FROM sequences WHERE name = 'blob')",
    },
];

impl Store {
    /// Every difference between what the rows say of each other and what they are, in plain words;
    /// none if all is well. At most `DIFFERENCES_MAX` are told.
    pub fn check(&self) -> Result<Vec<String>, Failure> {
        self.0.engine.read("checking", |tx| {
            tx.read_whole_tables()?;
            let mut differences = Vec::new();
            for rule in RULES {
                tell_each(tx, rule, &mut differences)?;
            }
            check_names(tx, &mut differences)?;
            self.check_bytes(tx, &mut differences)?;
            Ok(differences)
        })
    }

    /// Every stored body has its bytes, as many as it says, in the database or in a file.
    fn check_bytes(&self, tx: &mut Tx<'_>, differences: &mut Vec<String>) -> Result<(), Failure> {
        tx.query_while(
            "SELECT b.blob_id, b.size, length(y.bytes) FROM blobs b
             LEFT JOIN bodies y ON y.account_id = b.account_id AND y.blob_id = b.blob_id
             WHERE b.state IN ($1, $2) AND b.form = 0",
            &[Value::Int(bodies::STAGED), Value::Int(bodies::STORED)],
            |row| {
                let (blob, size) = (BlobId(row.int(0)?), row.int(1)?);
                let in_file = || self.0.bodies.size(blob).and_then(|bytes| bytes.try_into().ok());
                let there = row.int_or_null(2)?.or_else(in_file);
                if there != Some(size) {
                    let there = there.map_or("is missing".to_owned(), |n| format!("has {n}"));
                    differences.push(format!("body {blob} says {size} bytes and {there}"));
                }
                Ok(differences.len() < limits::DIFFERENCES_MAX)
            },
        )
    }
}

/// A body, and what it was when it was stored.
pub(super) struct Kept {
    account: AccountId,
    blob: BlobId,
    size: u64,
    hash: Vec<u8>,
}

impl Store {
    /// Reads every stored body and compares its hash: finds what [`Store::check`] cannot count, such
    /// as a disk that forgets. No transaction is open meanwhile, so a daemon is not held up. At most
    /// `DIFFERENCES_MAX` are told.
    pub fn check_bodies(&self) -> Result<Vec<String>, Failure> {
        let (mut differences, mut after) = (Vec::new(), (0, 0));
        loop {
            let page = self.bodies_after(after)?;
            let Some(last) = page.last() else { return Ok(differences) };
            after = (last.account.0, last.blob.0);
            for kept in &page {
                differences.extend(self.check_body(kept)?);
                if differences.len() >= limits::DIFFERENCES_MAX {
                    return Ok(differences);
                }
            }
        }
    }

    /// A page of bodies, in the order of their key.
    pub(super) fn bodies_after(&self, (account, blob): (i64, i64)) -> Result<Vec<Kept>, Failure> {
        self.0.engine.read("listing bodies", |tx| {
            let mut kept = Vec::new();
            tx.query(
                "SELECT account_id, blob_id, size, hash FROM blobs
                 WHERE state IN ($1, $2)
                 {sqlite} AND blob_id > $4 ORDER BY blob_id
                 {postgres} AND (account_id, blob_id) > ($3, $4) ORDER BY account_id, blob_id
                 LIMIT $5",
                &[
                    Value::Int(bodies::STAGED),
                    Value::Int(bodies::STORED),
                    Value::Int(account),
                    Value::Int(blob),
                    Value::Int(limits::CHECKED_BODIES_MAX),
                ],
                |row| {
                    let (account, blob) = (AccountId(row.int(0)?), BlobId(row.int(1)?));
                    let (size, hash) = (row.uint(2)?, row.bytes(3)?.to_vec());
                    kept.push(Kept { account, blob, size, hash });
                    Ok(())
                },
            )?;
            Ok(kept)
        })
    }

    /// What is wrong with a body, if it is there still.
    pub(super) fn check_body(&self, kept: &Kept) -> Result<Option<String>, Failure> {
        let wrong = match self.hash_of(kept) {
            Ok(hash) if hash == kept.hash => return Ok(None),
            Ok(_) => format!("body {} has other bytes than were stored", kept.blob),
            // It is too short or not there, which is for `check` to say, or has gone meanwhile.
            Err(Failure::Corrupt { .. }) => return Ok(None),
            Err(failure) => format!("body {} cannot be read: {failure}", kept.blob),
        };
        let state = self.0.engine.read("looking at a body again", |tx| {
            let key = [Value::Int(kept.account.0), Value::Int(kept.blob.0)];
            let sql = "SELECT state FROM blobs WHERE account_id = $1 AND blob_id = $2";
            tx.query_one(sql, &key, |row| row.int(0))
        })?;
        let is_wanted = matches!(state, Some(bodies::STAGED | bodies::STORED));
        Ok(is_wanted.then_some(wrong))
    }

    fn hash_of(&self, kept: &Kept) -> Result<Vec<u8>, Failure> {
        let (mut hash, mut at) = (Sha256::new(), 0);
        while at < kept.size {
            let slice = self.read_body(kept.account, kept.blob, at, kept.size - at)?;
            hash.update(&slice);
            at += slice.len() as u64;
        }
        Ok(hash.finalize().to_vec())
    }
}

fn tell_each(tx: &mut Tx<'_>, rule: &Rule, differences: &mut Vec<String>) -> Result<(), Failure> {
    tx.query_while(rule.sql, &[], |row| {
        differences.push(tell(rule.words, row)?);
        Ok(differences.len() < limits::DIFFERENCES_MAX)
    })
}

fn tell(words: &str, row: &Row<'_>) -> Result<String, Failure> {
    let mut told = String::new();
    for (column, part) in words.split("{}").enumerate() {
        if let Some(before) = column.checked_sub(1) {
            told.push_str(&row.int(before)?.to_string());
        }
        told.push_str(part);
    }
    Ok(told)
}

/// Every mailbox's key is its name's, and its parents are there.
fn check_names(tx: &mut Tx<'_>, differences: &mut Vec<String>) -> Result<(), Failure> {
    let mut keys = std::collections::HashSet::new();
    let mut mailboxes = Vec::new();
    tx.query(
        "SELECT account_id, name, name_key FROM mailboxes WHERE name_key IS NOT NULL",
        &[],
        |row| {
            let (account, key) = (row.int(0)?, row.text(2)?.to_owned());
            let name = MailboxName::new(row.text(1)?).ok();
            keys.insert((account, key.clone()));
            mailboxes.push((account, name, key));
            Ok(())
        },
    )?;
    for (account, name, key) in mailboxes {
        let wrong = match &name {
            None => Some("has a name that is not one"),
            Some(name) if name.key() != key => Some("has another name's key"),
            Some(name) => match name.parent() {
                Some(parent) if !keys.contains(&(account, parent.key())) => Some("has no parent"),
                _ => None,
            },
        };
        if let Some(wrong) = wrong {
            differences.push(format!("mailbox {key:?} of account {account} {wrong}"));
        }
    }
    Ok(())
}
