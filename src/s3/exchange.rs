//! One request and its answer, and how often it is tried.

use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, HeaderValue, Method, Request};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

use super::resolver::Remembering;
use super::{Client, Clock, Error, FORM, Object, Settings, SettingsError, Tries};
use crate::limits;

/// What is asked.
pub(super) struct Ask<'a> {
    pub(super) doing: &'static str,
    pub(super) method: Method,
    /// "" for the bucket.
    pub(super) key: &'a str,
    /// Sorted by name.
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Option<&'a [u8]>,
    /// The body's SHA-256, if it is known.
    pub(super) hash: Option<&'a [u8; 32]>,
    /// Bytes that a good answer may have.
    pub(super) bytes_max: u64,
}

impl<'a> Ask<'a> {
    pub(super) fn new(doing: &'static str, method: Method, key: &'a str) -> Self {
        let bytes_max = limits::S3_ANSWER_BYTES_MAX;
        Self { doing, method, key, query: &[], headers: &[], body: None, hash: None, bytes_max }
    }
}

/// A good answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    headers: HeaderMap<HeaderValue>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn object(self) -> Object {
        let form = self.header(FORM).map(str::to_owned);
        Object { bytes: self.body, form }
    }
}

/// Sends requests for all clients' threads.
pub(super) fn agent(settings: &Settings, clock: Clock) -> Result<Agent, SettingsError> {
    let roots = match &settings.ca_file {
        None => RootCerts::PlatformVerifier,
        Some(file) => {
            let wrong = |why: String| SettingsError::Certificates { file: file.clone(), why };
            let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let mut trusted = Vec::new();
            for item in ureq::tls::parse_pem(&pem) {
                match item {
                    Ok(PemItem::Certificate(certificate)) => trusted.push(certificate),
                    Ok(_) => {}
                    Err(error) => return Err(wrong(error.to_string())),
                }
            }
            if trusted.is_empty() {
                return Err(wrong("there is no certificate in it".to_owned()));
            }
            RootCerts::new_with_certs(&trusted)
        }
    };
    let tls = TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0) // it would be sent again with a signature for elsewhere
        .proxy(None) // or the environment would choose one
        .user_agent("sora")
        .max_idle_connections(settings.connections)
        .max_idle_connections_per_host(settings.connections)
        .max_idle_age(Duration::from_secs(limits::S3_IDLE_SECONDS))
        .input_buffer_size(limits::S3_BUFFER_BYTES)
        .output_buffer_size(limits::S3_BUFFER_BYTES)
        .timeout_connect(Some(
            settings.timeout.min(Duration::from_secs(limits::S3_CONNECT_SECONDS)),
        ))
        .build();
    Ok(Agent::with_parts(config, DefaultConnector::default(), Remembering::new(clock)))
}

impl Client {
    /// Asks, again if it may help.
    pub(super) fn ask(&self, ask: &Ask<'_>, tries: Tries) -> Result<Answer, Error> {
        let tries_max = match tries {
            Tries::Once => 1,
            Tries::Several => limits::S3_TRIES_MAX,
        };
        let mut tried = 0;
        loop {
            let now = (self.clock.now)();
            let left_alone =
                |(failures, left)| Error::LeftAlone { doing: ask.doing, failures, left };
            let admitted = self.health.admit(now).map_err(left_alone)?;
            let result = self.exchange(ask);
            tried += 1;
            match &result {
                Err(error) if error.is_silence() => {
                    self.health.failed(admitted, (self.clock.now)())
                }
                _ => self.health.answered(),
            }
            match result {
                Err(error) if error.is_passing() && tried < tries_max => {
                    log::debug!("{error}; trying again");
                    (self.clock.pause)(pause_after(tried));
                }
                result => return result,
            }
        }
    }

    fn exchange(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let silence = |error: ureq::Error| unreachable(ask.doing, &error);
        let url = self.endpoint.url(ask.key, ask.query);
        let response = match ask.body {
            None => {
                let request = self.request(ask, &url, ())?;
                let request = self.agent.configure_request(request);
                self.agent.run(request.timeout_global(Some(self.time_for(ask))).build())
            }
            Some(body) => {
                let request = self.request(ask, &url, body)?;
                let request = self.agent.configure_request(request);
                self.agent.run(request.timeout_global(Some(self.time_for(ask))).build())
            }
        };
        if self.trace {
            let status = response.as_ref().map(|response| response.status().as_u16());
            log::info!("s3: {} {url}: {status:?}", ask.method);
        }
        let (head, body) = response.map_err(silence)?.into_parts();
        let status = head.status.as_u16();
        if head.status.is_success() {
            let body = read(body, ask.bytes_max).map_err(silence)?;
            return Ok(Answer { status, body, headers: head.headers });
        }
        // Read in any case: a connection with unread bytes cannot be used again.
        let body = read(body, limits::S3_ANSWER_BYTES_MAX).map_err(silence)?;
        let region = head.headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
        Err(Error::from_answer(ask.doing, &self.endpoint.bucket, status, region, &body))
    }

    fn request<T>(&self, ask: &Ask<'_>, url: &str, body: T) -> Result<Request<T>, Error> {
        let mut request = Request::builder().method(&ask.method).uri(url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body);
        let what = "not a request that can be sent";
        let mut request = request.map_err(|_| Error::Damaged { doing: ask.doing, what })?;
        let hash = match (ask.hash, ask.body) {
            (Some(hash), _) => *hash,
            (None, body) => Sha256::digest(body.unwrap_or_default()).into(),
        };
        self.signer.sign(&mut request, &hexadecimal(&hash), (self.clock.now)(), ask.doing)?;
        Ok(request)
    }

    /// A second more for each MiB.
    fn time_for(&self, ask: &Ask<'_>) -> Duration {
        let bytes = ask.body.map_or(ask.bytes_max, |body| body.len() as u64);
        self.timeout.saturating_add(Duration::from_secs(bytes >> 20))
    }
}

fn read(body: Body, bytes_max: u64) -> Result<Vec<u8>, ureq::Error> {
    body.into_with_config().limit(bytes_max.saturating_add(1)).read_to_vec()
}

/// In words for the operator.
fn unreachable(doing: &'static str, error: &ureq::Error) -> Error {
    let why = match error {
        ureq::Error::Timeout(what) => format!("no answer in time ({what:?})"),
        ureq::Error::HostNotFound => "its host name is not known: see [s3] endpoint".to_owned(),
        ureq::Error::Rustls(error) => untrusted(error),
        // What fails in a handshake comes as an error of the stream.
        ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => untrusted(error),
            None => error.to_string(),
        },
        error => error.to_string(),
    };
    Error::Unreachable { doing, why }
}

fn untrusted(error: &rustls::Error) -> String {
    format!("TLS: {error}; see [s3] ca_file and disable_tls")
}

/// Somewhere between half of and all of 100 ms, doubled each time, so that not all come at once.
fn pause_after(tried: u32) -> Duration {
    let longest = Duration::from_millis(100_u64 << tried.min(5));
    let mut random = [0; 1];
    let random = SystemRandom::new().fill(&mut random).map_or(128, |()| u32::from(random[0]));
    longest / 2 + (longest / 2) * random / 255
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
