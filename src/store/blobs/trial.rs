//! Tries a bucket before mail depends on it: everything that bodies will need, with one small object
//! that goes again.

use super::{Failure, Form, ObjectSettings, Objects};
use crate::model::{AccountId, BlobId};
use crate::s3::{self, Tries};
use sha2::{Digest, Sha256};

/// Of an account that never is.
const NOBODY: AccountId = AccountId(0);
const MESSAGE: &[u8] = b"Subject: Sora tries this bucket\r\n\r\nIt may be deleted.\r\n";

/// Of what is there already, so many are looked at until one is encrypted, and none that is larger.
const LOOKED_AT: usize = 50;
const LOOKED_AT_BYTES_MAX: u64 = 1 << 20;

/// Puts, reads, lists and deletes an object; what there is to say of it, line by line.
pub fn try_objects(settings: &ObjectSettings) -> Result<Vec<String>, Failure> {
    let objects = Objects::new(settings, std::env::temp_dir(), false)?;
    let hash = Sha256::digest(MESSAGE).into();
    let blob = BlobId(i64::from(std::process::id()));
    objects.put(NOBODY, blob, MESSAGE, &hash, false, Tries::Several)?;
    let tried = try_one(&objects, blob, &hash);
    let deleted = objects.delete(NOBODY, blob, &hash);
    let mut said = tried?;
    deleted?;
    said.extend(try_key(&objects)?);
    let form = match (settings.compress, settings.encrypt) {
        (false, false) => "as it came",
        (true, false) => "compressed",
        (false, true) => "encrypted",
        (true, true) => "compressed and encrypted",
    };
    let place = objects.client.place();
    said.insert(0, format!("{place}: put, read, listed and deleted a message, {form}"));
    Ok(said)
}

fn try_one(objects: &Objects, blob: BlobId, hash: &[u8; 32]) -> Result<Vec<String>, Failure> {
    let doing = "trying the bucket";
    let failed = |source| Failure::Objects { doing, source };
    let mut said = Vec::new();
    // Again, as after an attempt whose end is not known: how it was put before is found out.
    let again = objects.put(NOBODY, blob, MESSAGE, hash, true, Tries::Several)?;
    let (form, object_bytes) = again;
    let size = MESSAGE.len() as u64;
    let body = super::Located { account: NOBODY, blob, size, hash: *hash, form, object_bytes };
    objects.get(&body)?;
    let part = 9..20;
    let got = objects.get_part_from_bucket(&body, &part);
    if !form.is_compressed() && got? != MESSAGE.get(9..20).unwrap_or_default() {
        return Err(Failure::Corrupt { doing, what: "a part of an object is not what was put" });
    }
    let key = objects.key_of(&super::name_of(NOBODY, blob, hash));
    let page = objects.client.list(&key, false, None, Tries::Several).map_err(failed)?;
    if !page.objects.iter().any(|object| object.key == key) {
        said.push("it is not listed at once: check --deep may name what was just put".to_owned());
    }
    let bytes = s3::New { bytes: MESSAGE, hash, media_type: "message/rfc822", form: None };
    let kept = objects.client.put(&key, &bytes, s3::IfThere::Keep, Tries::Several);
    match kept.map_err(failed)? {
        s3::Put::Exists => said.push("conditional PUT is honoured".to_owned()),
        s3::Put::Stored => said.push("conditional PUT is not honoured, and not needed".to_owned()),
    }
    Ok(said)
}

/// Reads an encrypted object that is there: whoever changed the key must hear of it before mail does.
fn try_key(objects: &Objects) -> Result<Option<String>, Failure> {
    let doing = "reading an encrypted message that is there";
    let failed = |source| Failure::Objects { doing, source };
    let page = objects.client.list(&objects.prefix, false, None, Tries::Several).map_err(failed)?;
    let small = page.objects.iter().filter(|object| object.bytes <= LOOKED_AT_BYTES_MAX);
    for object in small.take(LOOKED_AT) {
        let got = match objects.client.get(&object.key, LOOKED_AT_BYTES_MAX, Tries::Several) {
            Err(s3::Error::NotFound { .. }) => continue, // it has just gone
            got => got.map_err(failed)?,
        };
        let form = Form::from_text(got.form.as_deref());
        if form.is_some_and(Form::is_encrypted) {
            let name = object.key.strip_prefix(&objects.prefix).unwrap_or(&object.key);
            let opened = objects.dress.opens(&got.bytes, name);
            opened.map_err(|unreadable| super::damaged(doing, unreadable))?;
            return Ok(Some("the encryption key is that of what is there".to_owned()));
        }
    }
    Ok(None)
}
