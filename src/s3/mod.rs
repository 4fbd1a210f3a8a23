//! An S3 client: PUT, GET, HEAD, DELETE and LIST of objects in one bucket, signed by SigV4.
//!
//! The rules this module keeps:
//! - every request has an end: a time limit, a bounded number of tries, and a bound on what is read;
//! - only what may pass by itself is tried again: no answer, 5xx, "slow down". Wrong settings are an
//!   error at once, which says what to change;
//! - a service that does not answer is left alone for a while, so that nobody waits for it in vain;
//! - it reads no clock: whoever makes a client hands one in.
//!
//! Calls block; a client is shared by threads and keeps its connections open.

mod credentials;
mod endpoint;
mod error;
mod exchange;
mod health;
mod list;
mod multipart;
mod resolver;
mod signer;
mod xml;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use ureq::http::Method;

pub use endpoint::Addressing;
use endpoint::Endpoint;
pub use error::{Error, SettingsError};
use exchange::{Answer, Ask};
use health::Health;
pub use list::{Listed, Page};
use signer::Signer;

use crate::limits;
use crate::model::Secret;

/// Where a bucket is, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `host`, `host:port`, or either with `https://` or `http://` in front.
    pub endpoint: String,
    /// Speaks HTTP without TLS, if the endpoint does not say.
    pub disable_tls: bool,
    /// The bucket; it must be there.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Where the bucket stands in a URL.
    pub addressing: Addressing,
    /// The access key's identifier.
    pub access_key: String,
    /// The secret that belongs to it.
    pub secret_key: Secret,
    /// The token of temporary credentials.
    pub session_token: Option<Secret>,
    /// A file that has these three, and others later; it goes before them.
    pub credentials_file: Option<PathBuf>,
    /// PEM certificates that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Within which one request must be answered; a large body has a second more for each MiB.
    pub timeout: Duration,
    /// Connections that are kept open.
    pub connections: usize,
    /// Logs every request.
    pub trace: bool,
}

/// The time, and how to let it pass.
#[derive(Clone, Copy)]
pub struct Clock {
    /// Reads it.
    pub now: fn() -> SystemTime,
    /// Waits.
    pub pause: fn(Duration),
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// How often a request is sent before its failure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// Once: whoever asks has better times to try again.
    Once,
    /// `S3_TRIES_MAX` times, with pauses between.
    Several,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its bytes.
    pub bytes: u64,
    /// What [`New::form`] said when it was put.
    pub form: Option<String>,
}

/// An object, or the part of it that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What [`New::form`] said when it was put.
    pub form: Option<String>,
}

/// An object to be.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Their SHA-256.
    pub hash: &'a [u8; 32],
    /// Its media type.
    pub media_type: &'a str,
    /// How the bytes are to be read, kept as metadata; `None` if they are as they look.
    pub form: Option<&'a str>,
}

/// Within which an object of so many bytes has been put, or has not: with all that is asked on the way,
/// and however slow each answer is.
pub fn put_time_max(timeout: Duration, bytes: u64, tries: Tries) -> Duration {
    let part = limits::S3_PART_BYTES as u64;
    // Whole: with a condition, without, a look at what is there, and once more. In parts: the start,
    // each part, the end, and the removal of what was not completed, which is tried several times.
    let several = u64::from(limits::S3_TRIES_MAX);
    let requests = if bytes <= part * 2 { 4 } else { bytes.div_ceil(part) + 2 + several };
    let seconds = (bytes.min(part * 2) >> 20) + 1;
    let (times, pause) = match tries {
        Tries::Once => (1, Duration::ZERO),
        Tries::Several => (limits::S3_TRIES_MAX, PAUSE_MAX),
    };
    let each = timeout.saturating_add(Duration::from_secs(seconds)).saturating_add(pause);
    each.saturating_mul(times).saturating_mul(u32::try_from(requests).unwrap_or(u32::MAX))
}

/// Between two tries of one request.
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// What became of a PUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there now.
    Stored,
    /// An object of that name was there before, and was left alone.
    Exists,
}

/// Whether a PUT may replace what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfThere {
    /// Leave it alone. A service that does not know how to is not asked again, and replaces it.
    Keep,
    /// Replace it.
    Replace,
}

/// A client of one bucket.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    endpoint: Endpoint,
    signer: Signer,
    clock: Clock,
    health: Health,
    timeout: Duration,
    trace: bool,
    /// Until the service refuses a PUT for its condition.
    conditions: AtomicBool,
}

/// The metadata field with an object's form.
const FORM: &str = "x-amz-meta-sora-form";

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(settings: &Settings, clock: Clock) -> Result<Self, SettingsError> {
        let endpoint = Endpoint::new(settings)?;
        Ok(Self {
            agent: exchange::agent(settings, clock)?,
            endpoint,
            signer: Signer::new(settings, (clock.now)())?,
            clock,
            health: Health::default(),
            timeout: settings.timeout,
            trace: settings.trace,
            conditions: AtomicBool::new(true),
        })
    }

    /// Puts an object. One request, or several if it is large; an object is there wholly or not at
    /// all.
    pub fn put(
        &self,
        key: &str,
        new: &New<'_>,
        if_there: IfThere,
        tries: Tries,
    ) -> Result<Put, Error> {
        if new.bytes.len() > limits::S3_PART_BYTES * 2 {
            return multipart::put(self, key, new, tries).map(|()| Put::Stored);
        }
        let may_ask = if_there == IfThere::Keep && self.conditions.load(Ordering::Relaxed);
        match self.put_whole(key, new, may_ask, tries) {
            Err(Error::Exists { .. }) if may_ask => Ok(Put::Exists),
            Err(Error::Rejected { status: 400 | 501, code, .. }) if may_ask => {
                log::info!("s3: the service takes no conditional PUT ({code}); going on without");
                self.conditions.store(false, Ordering::Relaxed);
                self.put_whole(key, new, false, tries).map(|()| Put::Stored)
            }
            result => result.map(|()| Put::Stored),
        }
    }

    fn put_whole(
        &self,
        key: &str,
        new: &New<'_>,
        conditional: bool,
        tries: Tries,
    ) -> Result<(), Error> {
        // The signature covers the hash, but some services check only the field that is for it.
        let checksum = base64_simd::STANDARD.encode_to_string(new.hash);
        let mut headers = vec![("content-type", new.media_type)];
        headers.push(("x-amz-checksum-sha256", &checksum));
        headers.extend(new.form.map(|form| (FORM, form)));
        if conditional {
            headers.push(("if-none-match", "*"));
        }
        let ask = Ask {
            headers: &headers,
            body: Some(new.bytes),
            hash: Some(new.hash),
            ..Ask::new("putting an object", Method::PUT, key)
        };
        self.ask(&ask, tries).map(drop)
    }

    /// A whole object of at most `bytes_max`.
    pub fn get(&self, key: &str, bytes_max: u64, tries: Tries) -> Result<Object, Error> {
        let ask = Ask { bytes_max, ..Ask::new("getting an object", Method::GET, key) };
        self.ask(&ask, tries).map(Answer::object)
    }

    /// The bytes `first..=last` of an object, fewer if it ends before.
    pub fn get_range(
        &self,
        key: &str,
        first: u64,
        last: u64,
        tries: Tries,
    ) -> Result<Object, Error> {
        let doing = "getting a part of an object";
        let range = format!("bytes={first}-{last}");
        let bytes_max = last.saturating_sub(first).saturating_add(1);
        let headers = [("range", range.as_str())];
        let ask = Ask { headers: &headers, bytes_max, ..Ask::new(doing, Method::GET, key) };
        let answer = self.ask(&ask, tries)?;
        let from = answer.header("content-range").and_then(|range| {
            let (first, _) = range.strip_prefix("bytes ")?.split_once('-')?;
            first.parse().ok()
        });
        match (answer.status, from) {
            (206, Some(from)) if first == from => Ok(answer.object()),
            _ => Err(Error::Damaged { doing, what: "another range came than was asked for" }),
        }
    }

    /// What is known of an object.
    pub fn head(&self, key: &str, tries: Tries) -> Result<Head, Error> {
        let doing = "looking at an object";
        let answer = self.ask(&Ask::new(doing, Method::HEAD, key), tries)?;
        let bytes = answer.header("content-length").and_then(|length| length.parse().ok());
        let what = "its length did not come";
        let form = answer.header(FORM).map(str::to_owned);
        Ok(Head { bytes: bytes.ok_or(Error::Damaged { doing, what })?, form })
    }

    /// Deletes an object; one that is not there is no error (pitfall 39).
    pub fn delete(&self, key: &str, tries: Tries) -> Result<(), Error> {
        match self.ask(&Ask::new("deleting an object", Method::DELETE, key), tries) {
            Err(Error::NotFound { .. }) => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Objects whose keys begin with `prefix`, in the order of their bytes, a page at a time. With
    /// `folders`, those with another `/` behind the prefix are told by folder only.
    pub fn list(
        &self,
        prefix: &str,
        folders: bool,
        page: Option<&str>,
        tries: Tries,
    ) -> Result<Page, Error> {
        list::list(self, prefix, folders, page, tries)
    }

    /// Where objects go, for the operator.
    pub fn place(&self) -> String {
        self.endpoint.place()
    }

    /// As [`put_time_max`].
    pub fn put_time_max(&self, bytes: u64, tries: Tries) -> Duration {
        put_time_max(self.timeout, bytes, tries)
    }

    /// For how long the service is being left alone; zero if it answers.
    pub fn left_alone(&self) -> Duration {
        self.health.left((self.clock.now)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_has_time_for_all_that_is_asked() {
        #[track_caller]
        fn check(mebibytes: u64, tries: Tries, seconds: u64) {
            let time = put_time_max(Duration::from_secs(30), mebibytes << 20, tries);
            assert_eq!(time.as_secs(), seconds);
        }
        check(0, Tries::Once, 4 * 31);
        check(16, Tries::Once, 4 * 47);
        check(17, Tries::Once, (3 + 2 + 4) * 47);
        check(512, Tries::Once, (64 + 2 + 4) * 47);
        check(512, Tries::Several, (64 + 2 + 4) * 4 * 51);
        assert!(put_time_max(Duration::MAX, u64::MAX >> 1, Tries::Several) == Duration::MAX);
    }
}
