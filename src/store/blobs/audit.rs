//! Compares what the rows say of objects with what the bucket has: missing, of another size, or
//! belonging to nobody. An account at a time, so that neither list is long.
//!
//! Mail flows meanwhile: whatever looks wrong is looked at again, alone, before it is told.

use std::collections::{BTreeSet, HashMap};

use super::super::engine::Value;
use super::super::{
    Failure, Store,
    bodies::{STAGED, STORED},
};
use super::{Located, Objects, locate, name_of};
use crate::limits;
use crate::model::{AccountId, BlobId};
use crate::s3::{self, Tries};

const DOING: &str = "comparing with the bucket";

fn failed(source: s3::Error) -> Failure {
    Failure::Objects { doing: DOING, source }
}

fn no_bucket() -> Failure {
    let why = "there are bodies in object storage, which is not configured: set [bodies] home = \"s3\" \
               and [s3], or give the daemon's -s3endpoint and what belongs to it";
    Failure::Settings { why: why.to_owned() }
}

impl Store {
    /// Every difference between the rows and the bucket, in plain words; `None` if no body is in one,
    /// or is to be. At most `DIFFERENCES_MAX` are told.
    pub fn check_objects(&self) -> Result<Option<Vec<String>>, Failure> {
        let mut differences = Vec::new();
        let Some(objects) = &self.0.objects else {
            return if self.needs_objects()? { Err(no_bucket()) } else { Ok(None) };
        };
        let mut folders: BTreeSet<String> = self.0.engine.read(DOING, |tx| {
            let mut folders = BTreeSet::new();
            tx.query("SELECT account_id FROM accounts", &[], |row| {
                folders.insert(row.int(0)?.to_string());
                Ok(())
            })?;
            Ok::<_, Failure>(folders)
        })?;
        for page in objects.pages("", true) {
            let prefixed = page?.folders;
            let names = prefixed.iter().filter_map(|folder| objects.name_in(folder));
            folders.extend(names.map(|name| name.trim_end_matches('/').to_owned()));
        }
        for folder in folders {
            match folder.parse() {
                Ok(account) => self.check_account(objects, AccountId(account), &mut differences)?,
                // Somebody else's.
                Err(_) => differences.push(format!("the bucket has a folder {folder:?}")),
            }
            if differences.len() >= limits::DIFFERENCES_MAX {
                differences.truncate(limits::DIFFERENCES_MAX);
                break;
            }
        }
        Ok(Some(differences))
    }

    /// True if a body is in a bucket, or waits to be moved there.
    fn needs_objects(&self) -> Result<bool, Failure> {
        let found = self.0.engine.read(DOING, |tx| {
            tx.read_whole_tables()?;
            let sql = "SELECT 1 FROM blobs WHERE form <> 0 OR state = $1 LIMIT 1";
            tx.query_one(sql, &[Value::Int(STAGED)], |row| row.int(0))
        })?;
        Ok(found.is_some())
    }

    fn check_account(
        &self,
        objects: &Objects,
        account: AccountId,
        differences: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let mut listed = HashMap::new();
        for page in objects.pages(&format!("{account}/"), false) {
            for object in page?.objects {
                let name = objects.name_in(&object.key).unwrap_or(&object.key).to_owned();
                listed.insert(name, object.bytes);
            }
        }
        let rows = self.rows_of(account)?;
        for row in rows {
            let found = listed.remove(&name_of(account, row.blob, &row.hash));
            if let Some(body) = row.stored
                && found != Some(body.object_bytes())
            {
                differences.extend(self.look_again(objects, &body)?);
            }
        }
        let mut orphans: Vec<String> = listed.into_keys().collect();
        orphans.sort_unstable();
        for name in orphans {
            if self.is_orphan(objects, account, &name)? {
                let key = objects.key_of(&name);
                differences.push(format!("the object {key} belongs to no body"));
            }
        }
        Ok(())
    }

    fn rows_of(&self, account: AccountId) -> Result<Vec<Audited>, Failure> {
        self.0.engine.read(DOING, |tx| {
            let mut rows = Vec::new();
            tx.query(
                "SELECT account_id, blob_id, size, hash, form, object_bytes, state FROM blobs
                 WHERE account_id = $1",
                &[Value::Int(account.0)],
                |row| {
                    let is_stored = row.int(6)? == STORED && row.int(4)? != 0;
                    rows.push(Audited {
                        blob: BlobId(row.int(1)?),
                        hash: row.bytes(3)?.to_vec(),
                        stored: is_stored.then(|| Located::from_row(row)).transpose()?,
                    });
                    Ok(())
                },
            )?;
            Ok(rows)
        })
    }

    /// What is wrong with a body's object, if its row still says that there should be one.
    fn look_again(&self, objects: &Objects, body: &Located) -> Result<Option<String>, Failure> {
        let still = self.0.engine.read(DOING, |tx| locate(tx, body.account, &[body.blob.0]))?;
        let Some(body) = still.first() else { return Ok(None) };
        let key = objects.key_of(&name_of(body.account, body.blob, &body.hash));
        Ok(match objects.client.head(&key, Tries::Several) {
            Ok(head) if head.bytes == body.object_bytes() => None,
            Ok(head) => {
                let (there, wanted) = (head.bytes, body.object_bytes());
                Some(format!("the object {key} has {there} bytes, not {wanted}"))
            }
            Err(s3::Error::NotFound { .. }) => {
                Some(format!("the object {key} of body {} is missing", body.blob))
            }
            Err(source) => return Err(failed(source)),
        })
    }

    /// True if no row knows the object, and it is there.
    fn is_orphan(
        &self,
        objects: &Objects,
        account: AccountId,
        name: &str,
    ) -> Result<bool, Failure> {
        let blob = name.split_once('/').and_then(|(_, rest)| rest.split_once('-'));
        let blob = blob.and_then(|(blob, _)| blob.parse::<i64>().ok());
        let hash = self.0.engine.read(DOING, |tx| {
            let values = [Value::Int(account.0), Value::Int(blob.unwrap_or(0))];
            let sql = "SELECT hash FROM blobs WHERE account_id = $1 AND blob_id = $2";
            tx.query_one(sql, &values, |row| row.bytes(0).map(<[u8]>::to_vec))
        });
        let known = hash?.zip(blob).map(|(hash, blob)| name_of(account, BlobId(blob), &hash));
        if known.as_deref() == Some(name) {
            return Ok(false);
        }
        match objects.client.head(&objects.key_of(name), Tries::Several) {
            Ok(_) => Ok(true),
            Err(s3::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(failed(source)),
        }
    }
}

/// A row, and its object if it is to have one.
struct Audited {
    blob: BlobId,
    hash: Vec<u8>,
    stored: Option<Located>,
}

impl Objects {
    /// A listing, page by page.
    fn pages(
        &self,
        below: &str,
        folders: bool,
    ) -> impl Iterator<Item = Result<s3::Page, Failure>> + '_ {
        let prefix = self.key_of(below);
        let mut next = Some(None);
        std::iter::from_fn(move || {
            let page: Option<String> = next.take()?;
            let listed = self.client.list(&prefix, folders, page.as_deref(), Tries::Several);
            if let Ok(page) = &listed {
                next = page.next.clone().map(Some);
            }
            Some(listed.map_err(failed))
        })
    }

    /// A key without our prefix.
    fn name_in<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.prefix)
    }
}
