//! Who we are there: a key that stays, or a file that somebody else renews.
//!
//! Temporary credentials (of STS, or of a role that a machine or a pod has) end within hours. Whoever gets
//! them writes them into a file in the form of AWS's own tools; it is read again when it has changed,
//! by whoever signs the next request. A file that cannot be read, or is half written, changes nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;

use super::{Settings, SettingsError};
use crate::limits;

/// What requests are signed with.
pub(super) enum Source {
    /// What the settings say.
    Fixed(Credentials),
    /// What a file says at the moment.
    File { path: PathBuf, last: Mutex<Last> },
}

/// What was read last, and when it was looked at.
pub(super) struct Last {
    credentials: Credentials,
    stamp: Stamp,
    looked: SystemTime,
}

/// Another one is another file: its time of change in seconds and nanoseconds, its bytes, its number.
type Stamp = (i64, i64, u64, u64);

impl Source {
    pub(super) fn new(settings: &Settings, now: SystemTime) -> Result<Self, SettingsError> {
        if let Some(path) = &settings.credentials_file {
            let wrong = |why: String| SettingsError::Credentials { file: path.clone(), why };
            let (credentials, stamp) = read(path).map_err(wrong)?;
            let last = Mutex::new(Last { credentials, stamp, looked: now });
            return Ok(Self::File { path: path.clone(), last });
        }
        let text =
            |secret: &crate::model::Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        let token = settings.session_token.as_ref().map(text);
        let (access, secret) = (settings.access_key.clone(), text(&settings.secret_key));
        Ok(Self::Fixed(Credentials::new(access, secret, token, None, "sora")))
    }

    /// Those of this moment.
    pub(super) fn current(&self, now: SystemTime) -> Credentials {
        let (path, last) = match self {
            Self::Fixed(credentials) => return credentials.clone(),
            Self::File { path, last } => (path, last),
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back is no reason to wait.
        let age = now.duration_since(last.looked).unwrap_or(Duration::MAX);
        if age >= Duration::from_secs(limits::S3_CREDENTIALS_SECONDS) {
            last.looked = now;
            last.look(path);
        }
        last.credentials.clone()
    }
}

impl Last {
    fn look(&mut self, path: &Path) {
        if stamp(path).is_ok_and(|stamp| stamp == self.stamp) {
            return;
        }
        match read(path) {
            Ok((credentials, stamp)) => {
                log::info!("S3: {} has other credentials now", path.display());
                (self.credentials, self.stamp) = (credentials, stamp);
            }
            Err(why) => log::warn!("S3: {}: {why}; the last credentials are kept", path.display()),
        }
    }
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let of = fs::metadata(path)?;
    Ok((of.mtime(), of.mtime_nsec(), of.size(), of.ino()))
}

/// The stamp is read first: what changes in between is read again.
fn read(path: &Path) -> Result<(Credentials, Stamp), String> {
    let stamp = stamp(path).map_err(|error| error.to_string())?;
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok((parse(&text)?, stamp))
}

/// `key = value` lines of the profile `[default]`, or of the first one.
fn parse(text: &str) -> Result<Credentials, String> {
    let lines = || text.lines().map(str::trim);
    let header = lines().position(|line| line == "[default]");
    let header = header.or_else(|| lines().position(|line| line.starts_with('[')));
    let mut values = [None, None, None];
    let profile = lines().skip(header.map_or(0, |at| at + 1));
    for line in profile.take_while(|line| !line.starts_with('[')) {
        let Some((key, value)) = line.split_once('=') else { continue };
        let place = KEYS.iter().position(|name| key.trim().eq_ignore_ascii_case(name));
        if let Some(slot) = place.and_then(|place| values.get_mut(place)) {
            *slot = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
    }
    let missing = |name: &str| format!("it has no {name}");
    let [access, secret, token] = values;
    let [access_name, secret_name, _] = KEYS;
    let access = access.ok_or_else(|| missing(access_name))?;
    let secret = secret.ok_or_else(|| missing(secret_name))?;
    Ok(Credentials::new(access, secret, token, None, "sora"))
}

const KEYS: [&str; 3] = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_credentials() {
        #[track_caller]
        fn check(text: &str, want: Result<(&str, &str, Option<&str>), &str>) {
            let got = parse(text);
            let got = got
                .as_ref()
                .map(|got| (got.access_key_id(), got.secret_access_key(), got.session_token()));
            assert_eq!(got.map_err(String::as_str), want, "{text:?}");
        }
        let both = "aws_access_key_id = A\naws_secret_access_key=s=1\n";
        check(both, Ok(("A", "s=1", None)));
        check(&format!("[default]\n{both}aws_session_token = t\n"), Ok(("A", "s=1", Some("t"))));
        check(
            &format!("# of role\n[mail]\n{both}[other]\naws_access_key_id = B"),
            Ok(("A", "s=1", None)),
        );
        check(
            &format!("[other]\naws_access_key_id = B\n[default]\n{both}"),
            Ok(("A", "s=1", None)),
        );
        check(&format!("{both}AWS_SESSION_TOKEN =\n"), Ok(("A", "s=1", None)));
        check("[default]\naws_access_key_id = A\n", Err("it has no aws_secret_access_key"));
        check("", Err("it has no aws_access_key_id"));
    }
}
