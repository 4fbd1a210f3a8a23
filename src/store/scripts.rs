//! Sieve scripts: stored whole, by name, one of them active at most (RFC 5804).
//!
//! They change under their account's lock, like names and credentials (invariant 6), so a count and
//! what follows from it are one.

use super::accounts::lock_account;
use super::engine::{Row, Tx, Value, Weight};
use super::{Error, Failure, Store};
use crate::error::Refusal;
use crate::job::ScriptInfo;
use crate::model::{AccountId, ScriptName};

/// The script that sorts an account's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveScript {
    /// Its number: these bytes under this name, of this account, for ever.
    pub id: i64,
    /// What its owner calls it.
    pub name: ScriptName,
    /// Its text.
    pub script: Vec<u8>,
}

impl Store {
    /// An account's scripts, ascending by name.
    pub fn scripts(&self, account: AccountId) -> Result<Vec<ScriptInfo>, Failure> {
        self.0.engine.glance("listing scripts", |tx| {
            let mut scripts = Vec::new();
            tx.query(
                "SELECT name, is_active, size FROM sieve_scripts WHERE account_id = $1 ORDER BY name",
                &[Value::Int(account.0)],
                |row| {
                    let name = name_at(row, 0)?;
                    let bytes = u64::try_from(row.int(2)?).unwrap_or(0);
                    scripts.push(ScriptInfo { name, is_active: row.int(1)? == 1, bytes });
                    Ok(())
                },
            )?;
            Ok(scripts)
        })
    }

    /// The text of a script.
    pub fn script(&self, account: AccountId, name: &ScriptName) -> Result<Vec<u8>, Error> {
        self.0.engine.glance("reading a script", |tx| {
            let script = tx.query_one(
                "SELECT script FROM sieve_scripts WHERE account_id = $1 AND name = $2",
                &[Value::Int(account.0), Value::Text(name.as_str())],
                |row| row.bytes(0).map(<[u8]>::to_vec),
            )?;
            Ok(script.ok_or(Refusal::NoSuchScript)?)
        })
    }

    /// The script that is active, if one is.
    pub fn active_script(&self, account: AccountId) -> Result<Option<ActiveScript>, Failure> {
        self.0.engine.glance("reading the active script", |tx| {
            tx.query_one(
                "SELECT script_id, name, script FROM sieve_scripts
                 WHERE account_id = $1 AND is_active = 1",
                &[Value::Int(account.0)],
                |row| {
                    let (id, name) = (row.int(0)?, name_at(row, 1)?);
                    Ok(ActiveScript { id, name, script: row.bytes(2)?.to_vec() })
                },
            )
        })
    }

    /// Stores a script, in place of the one of that name if there is one; active stays active.
    /// Refused if the account would have more than `scripts_max`.
    pub fn put_script(
        &self,
        account: AccountId,
        name: &ScriptName,
        script: Vec<u8>,
        scripts_max: u32,
    ) -> Result<(), Error> {
        let name = name.clone();
        let weight = Weight::Bytes(script.len() + 256);
        self.0.engine.write("storing a script", weight, move |tx| {
            lock_account(tx, account)?;
            if !exists(tx, account, &name)? && count(tx, account)? >= i64::from(scripts_max) {
                return Err(Refusal::TooManyScripts.into());
            }
            let id = next_id(tx, account)?;
            let (now, size) = (tx.now().0, i64::try_from(script.len()).unwrap_or(i64::MAX));
            tx.execute(
                "INSERT INTO sieve_scripts
                     (account_id, name, script_id, is_active, stored_at, size, script)
                 VALUES ($1, $2, $3, 0, $4, $5, $6)
                 ON CONFLICT (account_id, name) DO UPDATE
                 SET script_id = excluded.script_id, stored_at = excluded.stored_at,
                     size = excluded.size, script = excluded.script",
                &[
                    Value::Int(account.0),
                    Value::Text(name.as_str()),
                    Value::Int(id),
                    Value::Int(now),
                    Value::Int(size),
                    Value::Bytes(&script),
                ],
            )?;
            Ok(())
        })
    }

    /// Whether [`Store::put_script`] would take one of that name (RFC 5804 §2.5).
    pub fn has_space(
        &self,
        account: AccountId,
        name: &ScriptName,
        scripts_max: u32,
    ) -> Result<(), Error> {
        self.0.engine.glance("counting scripts", |tx| {
            if !exists(tx, account, name)? && count(tx, account)? >= i64::from(scripts_max) {
                return Err(Refusal::TooManyScripts.into());
            }
            Ok(())
        })
    }

    /// Makes a script the active one; none with `None` (RFC 5804 §2.8).
    pub fn activate_script(
        &self,
        account: AccountId,
        name: Option<&ScriptName>,
    ) -> Result<(), Error> {
        let name = name.cloned();
        self.0.engine.write("activating a script", Weight::Bytes(256), move |tx| {
            lock_account(tx, account)?;
            if let Some(name) = &name
                && !exists(tx, account, name)?
            {
                return Err(Refusal::NoSuchScript.into());
            }
            tx.execute(
                "UPDATE sieve_scripts SET is_active = 0 WHERE account_id = $1 AND is_active = 1",
                &[Value::Int(account.0)],
            )?;
            if let Some(name) = &name {
                tx.execute(
                    "UPDATE sieve_scripts SET is_active = 1 WHERE account_id = $1 AND name = $2",
                    &[Value::Int(account.0), Value::Text(name.as_str())],
                )?;
            }
            Ok(())
        })
    }

    /// Deletes a script that is not active (RFC 5804 §2.10).
    pub fn delete_script(&self, account: AccountId, name: &ScriptName) -> Result<(), Error> {
        let name = name.clone();
        self.0.engine.write("deleting a script", Weight::Bytes(256), move |tx| {
            lock_account(tx, account)?;
            let key = [Value::Int(account.0), Value::Text(name.as_str())];
            let is_active = tx.query_one(
                "SELECT is_active FROM sieve_scripts WHERE account_id = $1 AND name = $2",
                &key,
                |row| row.int(0),
            )?;
            match is_active {
                None => return Err(Refusal::NoSuchScript.into()),
                Some(0) => {}
                Some(_) => return Err(Refusal::ScriptActive.into()),
            }
            tx.execute("DELETE FROM sieve_scripts WHERE account_id = $1 AND name = $2", &key)?;
            Ok(())
        })
    }

    /// Renames a script, active or not (RFC 5804 §2.11).
    pub fn rename_script(
        &self,
        account: AccountId,
        from: &ScriptName,
        to: &ScriptName,
    ) -> Result<(), Error> {
        let (from, to) = (from.clone(), to.clone());
        self.0.engine.write("renaming a script", Weight::Bytes(256), move |tx| {
            lock_account(tx, account)?;
            if !exists(tx, account, &from)? {
                return Err(Refusal::NoSuchScript.into());
            }
            if exists(tx, account, &to)? {
                return Err(Refusal::ScriptExists.into());
            }
            let id = next_id(tx, account)?;
            tx.execute(
                "UPDATE sieve_scripts SET name = $3, script_id = $4
                 WHERE account_id = $1 AND name = $2",
                &[
                    Value::Int(account.0),
                    Value::Text(from.as_str()),
                    Value::Text(to.as_str()),
                    Value::Int(id),
                ],
            )?;
            Ok(())
        })
    }
}

fn name_at(row: &Row<'_>, column: usize) -> Result<ScriptName, Failure> {
    ScriptName::new(row.text(column)?).ok_or_else(|| row.corrupt("a script name is not one"))
}

fn exists(tx: &mut Tx<'_>, account: AccountId, name: &ScriptName) -> Result<bool, Failure> {
    let found = tx.query_one(
        "SELECT 1 FROM sieve_scripts WHERE account_id = $1 AND name = $2",
        &[Value::Int(account.0), Value::Text(name.as_str())],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

fn count(tx: &mut Tx<'_>, account: AccountId) -> Result<i64, Failure> {
    let count = tx.query_one(
        "SELECT COUNT(*) FROM sieve_scripts WHERE account_id = $1",
        &[Value::Int(account.0)],
        |row| row.int(0),
    )?;
    Ok(count.unwrap_or(0))
}

fn next_id(tx: &mut Tx<'_>, account: AccountId) -> Result<i64, Failure> {
    tx.query_one(
        "UPDATE accounts SET next_script_id = next_script_id + 1 WHERE account_id = $1
         RETURNING next_script_id - 1",
        &[Value::Int(account.0)],
        |row| row.int(0),
    )?
    .ok_or_else(|| tx.corrupt("an account is missing"))
}
