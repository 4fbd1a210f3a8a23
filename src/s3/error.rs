//! What S3 would not or could not do, and what the operator can do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::xml;

/// Why a client cannot be made.
#[derive(Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// Not a host, with or without a port.
    Endpoint(String),
    /// Not a bucket's name.
    Bucket(String),
    /// The file of credentials cannot be used.
    Credentials {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The file of certificates cannot be used.
    Certificates {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

/// A request that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No answer: refused, cut, or too late.
    Unreachable {
        /// Which operation.
        doing: &'static str,
        /// What happened.
        why: String,
    },
    /// It has not answered lately, and is left alone for a while.
    LeftAlone {
        /// Which operation.
        doing: &'static str,
        /// How often it did not answer.
        failures: u32,
        /// For how long.
        left: Duration,
    },
    /// It answered that it cannot do it now.
    Busy {
        /// Which operation.
        doing: &'static str,
        /// HTTP.
        status: u16,
        /// S3's.
        code: String,
    },
    /// It does not let us: something in the settings, here or there.
    Denied {
        /// Which operation.
        doing: &'static str,
        /// HTTP.
        status: u16,
        /// S3's.
        code: String,
        /// What to do about it.
        advice: String,
    },
    /// There is no such object.
    NotFound {
        /// Which operation.
        doing: &'static str,
    },
    /// There is such an object, and there should not be.
    Exists {
        /// Which operation.
        doing: &'static str,
    },
    /// It does not take this request, however often it is sent.
    Rejected {
        /// Which operation.
        doing: &'static str,
        /// HTTP.
        status: u16,
        /// S3's.
        code: String,
        /// S3's.
        message: String,
    },
    /// An answer came that is not what was asked for.
    Damaged {
        /// Which operation.
        doing: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Error {
    /// What an answer with a status that is no success means.
    pub(super) fn from_answer(
        doing: &'static str,
        bucket: &str,
        status: u16,
        region: Option<&str>,
        body: &[u8],
    ) -> Self {
        let body = String::from_utf8_lossy(body);
        let code = xml::element(&body, "Code").unwrap_or_default();
        let message = xml::element(&body, "Message").unwrap_or_default();
        let region = region.map(str::to_owned).or_else(|| xml::element(&body, "Region"));
        let advice = advice(&code, status, bucket, region.as_deref());
        match (status, code.as_str()) {
            (404, "" | "NoSuchKey" | "NotFound" | "NoSuchUpload") => Self::NotFound { doing },
            (412, _) => Self::Exists { doing },
            (408 | 409 | 425 | 429 | 500..=599, _) if status != 501 => {
                Self::Busy { doing, status, code }
            }
            (_, "RequestTimeout" | "SlowDown") => Self::Busy { doing, status, code },
            _ => match advice {
                Some(advice) => Self::Denied { doing, status, code, advice },
                None => Self::Rejected { doing, status, code, message },
            },
        }
    }

    /// True if it may pass by itself.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::LeftAlone { .. } | Self::Busy { .. })
    }

    /// True if it is not about this one object: nothing else will go better before somebody acts or
    /// the service comes back.
    pub fn is_general(&self) -> bool {
        self.is_passing() || matches!(self, Self::Denied { .. })
    }

    /// True if nothing answered, or nothing whole.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// What an operator can do about a refusal; `None` if it is not theirs to do.
fn advice(code: &str, status: u16, bucket: &str, region: Option<&str>) -> Option<String> {
    let elsewhere = || match region {
        Some(region) => format!("the bucket is in another region: set [s3] region = \"{region}\""),
        None => "the bucket is elsewhere: correct [s3] region and endpoint".to_owned(),
    };
    Some(match code {
        "SignatureDoesNotMatch" => "[s3] secret_key is wrong".to_owned(),
        "InvalidAccessKeyId" => {
            "[s3] access_key is not known there; a temporary one goes with its session_token"
                .to_owned()
        }
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            "[s3] session_token is no longer good: get a new one".to_owned()
        }
        "RequestTimeTooSkewed" | "RequestExpired" => {
            "this machine's clock and the service's differ by many minutes: set the wrong one"
                .to_owned()
        }
        "NoSuchBucket" => format!("make the bucket {bucket}, or correct [s3] bucket"),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "TemporaryRedirect" => elsewhere(),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => format!(
            "the key may not do this in the bucket {bucket}: it needs to get, put, delete and list"
        ),
        _ => match status {
            300..=399 => elsewhere(),
            401 | 403 => format!(
                "the service does not let us: check [s3] access_key, secret_key and bucket \
                 ({bucket}), and this machine's clock"
            ),
            _ => return None,
        },
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { doing, why } => write!(f, "S3: {doing}: {why}"),
            Self::LeftAlone { doing, failures, left } => write!(
                f,
                "S3: {doing}: not tried: the last {failures} requests had no answer; next try in {} ms",
                left.as_millis()
            ),
            Self::Busy { doing, status, code } => {
                write!(f, "S3: {doing}: the service cannot do it now ({status} {code})")
            }
            Self::Denied { doing, status, code, advice } => {
                write!(f, "S3: {doing}: refused ({status} {code}): {advice}")
            }
            Self::NotFound { doing } => write!(f, "S3: {doing}: there is no such object"),
            Self::Exists { doing } => write!(f, "S3: {doing}: there is such an object already"),
            Self::Rejected { doing, status, code, message } => {
                write!(f, "S3: {doing}: refused for good ({status} {code}): {message}")
            }
            Self::Damaged { doing, what } => write!(f, "S3: {doing}: {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(text) => write!(
                f,
                "[s3] endpoint: expected a host such as \"s3.eu-central-1.amazonaws.com\" or \
                 \"http://127.0.0.1:8333\", not {text:?}"
            ),
            Self::Bucket(text) => write!(f, "[s3] bucket: {text:?} is not the name of a bucket"),
            Self::Credentials { file, why } => {
                write!(f, "[s3] credentials_file {}: {why}", file.display())
            }
            Self::Certificates { file, why } => write!(f, "[s3] ca_file {}: {why}", file.display()),
        }
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, region: Option<&str>, want: &str) {
        let body = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
        let error = Error::from_answer("d", "mail", status, region, body.as_bytes());
        assert_eq!(error.to_string(), format!("S3: d: {want}"));
    }

    #[test]
    fn refusals_say_what_to_do() {
        check(
            403,
            "SignatureDoesNotMatch",
            None,
            "refused (403 SignatureDoesNotMatch): [s3] secret_key is wrong",
        );
        check(
            404,
            "NoSuchBucket",
            None,
            "refused (404 NoSuchBucket): make the bucket mail, or correct [s3] bucket",
        );
        check(404, "NoSuchKey", None, "there is no such object");
        check(
            301,
            "PermanentRedirect",
            Some("eu-west-1"),
            "refused (301 PermanentRedirect): the bucket is in another region: \
             set [s3] region = \"eu-west-1\"",
        );
        check(503, "SlowDown", None, "the service cannot do it now (503 SlowDown)");
        check(400, "RequestTimeout", None, "the service cannot do it now (400 RequestTimeout)");
        check(400, "BadDigest", None, "refused for good (400 BadDigest): m");
        check(412, "PreconditionFailed", None, "there is such an object already");
    }

    #[test] // pitfall 35
    fn only_what_may_pass_is_tried_again() {
        let passes = |status, code: &str| {
            let body = format!("<Error><Code>{code}</Code></Error>");
            Error::from_answer("d", "b", status, None, body.as_bytes()).is_passing()
        };
        assert!(passes(500, "InternalError") && passes(503, "SlowDown") && passes(429, ""));
        assert!(!passes(400, "InvalidRequest") && !passes(403, "AccessDenied"));
        assert!(!passes(501, "NotImplemented") && !passes(404, "NoSuchKey"));
    }
}
