//! `[s3]`: a bucket, and who we are there.

use std::path::PathBuf;
use std::time::Duration;

use super::{Hidden, Text};
use crate::s3::{Addressing, Settings};

/// `[s3]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// A host, with or without port and scheme.
    pub endpoint: Text,
    /// The bucket; it must be there.
    pub bucket: Text,
    /// What the names of all objects begin with.
    pub prefix: Text,
    /// The region that requests are signed for.
    pub region: Text,
    /// Where the bucket stands in a URL.
    pub addressing: Addressing,
    /// The access key's identifier.
    pub access_key: Text,
    /// Its secret.
    pub secret_key: Hidden,
    /// The token of temporary credentials.
    pub session_token: Hidden,
    /// A file that has these three, and is read again when it changes.
    pub credentials_file: Option<PathBuf>,
    /// HTTP without TLS, where the endpoint does not say.
    pub disable_tls: bool,
    /// PEM certificates that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Within which a request must be answered.
    pub timeout: Duration,
    /// Objects to come are compressed.
    pub compress: bool,
    /// Objects to come are encrypted.
    pub encrypt: bool,
    /// 32 bytes in hexadecimal.
    pub encryption_key: Hidden,
    /// Logs every request.
    pub trace: bool,
}

impl Default for S3 {
    fn default() -> Self {
        Self {
            endpoint: Text::default(),
            bucket: Text::default(),
            prefix: Text::default(),
            region: Text("us-east-1".to_owned()),
            addressing: Addressing::Auto,
            access_key: Text::default(),
            secret_key: Hidden::default(),
            session_token: Hidden::default(),
            credentials_file: None,
            disable_tls: false,
            ca_file: None,
            timeout: Duration::from_secs(30),
            compress: false,
            encrypt: false,
            encryption_key: Hidden::default(),
            trace: false,
        }
    }
}

impl S3 {
    /// For the client, which keeps so many connections.
    pub fn client(&self, connections: usize) -> Settings {
        Settings {
            endpoint: self.endpoint.0.clone(),
            disable_tls: self.disable_tls,
            bucket: self.bucket.0.clone(),
            region: self.region.0.clone(),
            addressing: self.addressing,
            access_key: self.access_key.0.clone(),
            secret_key: self.secret_key.0.clone(),
            session_token: Some(self.session_token.0.clone())
                .filter(|_| !self.session_token.is_empty()),
            credentials_file: self.credentials_file.clone(),
            ca_file: self.ca_file.clone(),
            timeout: self.timeout,
            connections,
            trace: self.trace,
        }
    }

    /// The key, if one is set that is one.
    pub fn key(&self) -> Option<[u8; 32]> {
        let digits = self.encryption_key.0.expose();
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
        let bytes = digits.chunks(2).map(|two| match two {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        });
        bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
    }
}
