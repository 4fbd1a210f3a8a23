//! Where a bucket is: from the settings to a URL for each object.

use std::fmt::Write;

use super::{Settings, SettingsError};

/// Where the bucket stands in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// In the host name for Amazon's own, in the path elsewhere.
    Auto,
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    VirtualHost,
}

/// A bucket's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `https://host:port`
    origin: String,
    /// `/bucket`, or nothing.
    path: String,
    pub(super) bucket: String,
}

impl Endpoint {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let Settings { endpoint, disable_tls, bucket, addressing, .. } = settings;
        let (scheme, host) = match endpoint.trim().trim_end_matches('/').split_once("://") {
            Some((scheme @ ("http" | "https"), host)) => (scheme, host),
            Some(_) => return Err(SettingsError::Endpoint(endpoint.clone())),
            None if *disable_tls => ("http", endpoint.trim()),
            None => ("https", endpoint.trim()),
        };
        let right = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        if host.is_empty() || !host.chars().all(right) {
            return Err(SettingsError::Endpoint(endpoint.clone()));
        }
        let in_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if bucket.is_empty() || bucket.len() > 63 || !bucket.chars().all(in_name) {
            return Err(SettingsError::Bucket(bucket.clone()));
        }
        let by_host = match addressing {
            Addressing::Auto => host.ends_with(".amazonaws.com"),
            Addressing::Path => false,
            Addressing::VirtualHost => true,
        };
        let (origin, path) = match by_host {
            true => (format!("{scheme}://{bucket}.{host}"), String::new()),
            false => (format!("{scheme}://{host}"), format!("/{bucket}")),
        };
        Ok(Self { origin, path, bucket: bucket.clone() })
    }

    /// The URL of an object; of the bucket itself for "".
    pub(super) fn url(&self, key: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}{}/", self.origin, self.path);
        if key.is_empty() && !self.path.is_empty() {
            url.pop();
        }
        encode(key, true, &mut url);
        for (at, (name, value)) in query.iter().enumerate() {
            url.push(if at == 0 { '?' } else { '&' });
            encode(name, false, &mut url);
            url.push('=');
            encode(value, false, &mut url);
        }
        url
    }

    pub(super) fn place(&self) -> String {
        self.url("", &[])
    }
}

/// Percent-encodes as SigV4 wants it: all but letters, digits and `-._~`, once.
fn encode(text: &str, keep_slashes: bool, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            b'/' if keep_slashes => out.push('/'),
            _ => {
                // Writing to a String cannot fail.
                let _written = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Secret;

    #[track_caller]
    fn check(endpoint: &str, disable_tls: bool, addressing: Addressing, key: &str, want: &str) {
        let settings = Settings {
            endpoint: endpoint.to_owned(),
            disable_tls,
            bucket: "mail".to_owned(),
            region: "us-east-1".to_owned(),
            addressing,
            access_key: String::new(),
            secret_key: Secret::new(""),
            session_token: None,
            credentials_file: None,
            ca_file: None,
            timeout: Duration::from_secs(1),
            connections: 1,
            trace: false,
        };
        let got = match Endpoint::new(&settings) {
            Ok(endpoint) => {
                endpoint.url(key, if key.is_empty() { &[("prefix", "a/ b")] } else { &[] })
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(got, want);
    }

    #[test]
    fn urls() {
        use Addressing::{Auto, Path, VirtualHost};
        check("s3.example.com", false, Auto, "a/b", "https://s3.example.com/mail/a/b");
        check("s3.example.com:9000", true, Auto, "a", "http://s3.example.com:9000/mail/a");
        check("http://127.0.0.1:8333/", false, Auto, "a", "http://127.0.0.1:8333/mail/a");
        check("https://[::1]:8333", true, Path, "a", "https://[::1]:8333/mail/a");
        let amazon = "s3.eu-west-1.amazonaws.com";
        check(amazon, false, Auto, "a", "https://mail.s3.eu-west-1.amazonaws.com/a");
        check(amazon, false, Path, "a", "https://s3.eu-west-1.amazonaws.com/mail/a");
        check("s3.local", true, VirtualHost, "a b+ü", "http://mail.s3.local/a%20b%2B%C3%BC");
        check("s3.local", false, Path, "", "https://s3.local/mail?prefix=a%2F%20b");
        check("s3.local", false, VirtualHost, "", "https://mail.s3.local/?prefix=a%2F%20b");
        let wrong = "[s3] endpoint: expected a host such as \"s3.eu-central-1.amazonaws.com\" or \
                     \"http://127.0.0.1:8333\", not ";
        for endpoint in ["", "ftp://x", "a b", "https://x/path"] {
            check(endpoint, false, Path, "a", &format!("{wrong}{endpoint:?}"));
        }
    }
}
