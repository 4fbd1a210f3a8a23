//! Certificates: read from the operator's files, or made by Sora for itself; read again on request
//! without a restart.
//!
//! A handshake takes the certificate that is current when it starts; connections that stand keep
//! theirs.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Why there is no certificate.
#[derive(Debug)]
pub enum CertificateError {
    /// A file cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong, as a sentence about the file.
        problem: String,
    },
    /// The program cannot make one, or cannot use TLS at all.
    Library(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Content { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::Library(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for CertificateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::Content { .. } | Self::Library(_) => None,
        }
    }
}

/// A certificate that is served, and where it comes from.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// The operator's own: PEM files, the chain with the server's certificate first.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Arc<Self>, CertificateError> {
        let current = RwLock::new(Arc::new(read(chain, key)?));
        Ok(Arc::new(Self { chain: chain.to_owned(), key: key.to_owned(), current }))
    }

    /// Ours, for localhost and `hostname`, from `folder`; made on the first call.
    pub fn own(folder: &Path, hostname: &str) -> Result<Arc<Self>, CertificateError> {
        let (chain, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        // The certificate is written last: without it, whatever is there was left half done.
        if !chain.exists() {
            make(folder, &chain, &key, hostname)?;
        }
        Self::from_files(&chain, &key)
    }

    /// The file with the certificate.
    pub fn chain_file(&self) -> &Path {
        &self.chain
    }

    /// Reads the files again. On an error the certificate stays as it was.
    pub fn reload(&self) -> Result<(), CertificateError> {
        let read = Arc::new(read(&self.chain, &self.key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// TLS 1.2 and 1.3 with this certificate. Tickets keep no state here.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, CertificateError> {
        let library = |error: rustls::Error| CertificateError::Library(error.to_string());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(library)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.ticketer = ring::Ticketer::new().map_err(library)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    /// One certificate, whatever name the client asks for: it may hold many.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey, CertificateError> {
    let content = |path: &Path, problem: String| {
        let path = path.to_owned();
        CertificateError::Content { path, problem }
    };
    let chain = read_file(chain_file)?;
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| content(chain_file, format!("no PEM: {error}")))?;
    if chain.is_empty() {
        return Err(content(
            chain_file,
            "holds no certificate (-----BEGIN CERTIFICATE-----)".into(),
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(&read_file(key_file)?).map_err(|error| {
        let problem = match error {
            pem::Error::NoItemsFound => {
                "holds no private key without a password (-----BEGIN PRIVATE KEY-----)".to_owned()
            }
            error => format!("no PEM: {error}"),
        };
        content(key_file, problem)
    })?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            content(key_file, format!("is not the key of {}", chain_file.display()))
        }
        error => {
            content(key_file, format!("cannot be used with {}: {error}", chain_file.display()))
        }
    })
}

fn read_file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

/// Makes a P-256 key, the cheapest that every client knows, and signs its certificate with itself.
fn make(folder: &Path, chain: &Path, key: &Path, hostname: &str) -> Result<(), CertificateError> {
    let library = |error: rcgen::Error| CertificateError::Library(error.to_string());
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    if hostname.is_ascii() && !names.iter().any(|name| name == hostname) {
        names.push(hostname.to_owned());
    }
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(library)?;
    let mut parameters = rcgen::CertificateParams::new(names).map_err(library)?;
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2100, 1, 1);
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, hostname);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = parameters.self_signed(&pair).map_err(library)?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| CertificateError::File { path: folder.to_owned(), source })?;
    write_whole(key, pair.serialize_pem().as_bytes())?;
    write_whole(chain, certificate.pem().as_bytes())
}

/// Writes a file that is there whole or not at all, for our eyes only.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CertificateError> {
    let draft = path.with_extension("new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(|source| CertificateError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sora-tls-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn ours_is_made_once_and_for_our_eyes_only() {
        let folder = folder("own");
        let first = Certificate::own(&folder, "mail.example.org").unwrap();
        for file in ["cert.pem", "key.pem"] {
            let mode = fs::metadata(folder.join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let second = Certificate::own(&folder, "other.example.org").unwrap();
        let served = |certificate: &Certificate| certificate.current.read().unwrap().cert.clone();
        assert_eq!(served(&first), served(&second));
        fs::remove_file(folder.join("cert.pem")).unwrap();
        let third = Certificate::own(&folder, "localhost").unwrap();
        assert_ne!(served(&first), served(&third));
        first.reload().unwrap();
        assert_eq!(served(&first), served(&third), "read again");
        fs::write(folder.join("cert.pem"), "gone wrong").unwrap();
        first.reload().unwrap_err();
        assert_eq!(served(&first), served(&third), "kept");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_error_names_the_file_and_what_is_wrong() {
        let folder = folder("errors");
        drop(Certificate::own(&folder.join("a"), "a").unwrap());
        drop(Certificate::own(&folder.join("b"), "b").unwrap());
        fs::write(folder.join("empty"), "").unwrap();
        fs::write(
            folder.join("torn"),
            "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        let check = |chain: &str, key: &str, want: &str| {
            let error = Certificate::from_files(&folder.join(chain), &folder.join(key));
            let text =
                error.unwrap_err().to_string().replace(&format!("{}/", folder.display()), "");
            assert!(text.starts_with(want), "{text}");
        };
        check("none", "a/key.pem", "none: No such file");
        check("empty", "a/key.pem", "empty: holds no certificate");
        check("torn", "a/key.pem", "torn: no PEM");
        check("a/cert.pem", "empty", "empty: holds no private key");
        check("a/cert.pem", "a/cert.pem", "a/cert.pem: holds no private key");
        check("a/cert.pem", "b/key.pem", "b/key.pem: is not the key of a/cert.pem");
        fs::remove_dir_all(&folder).unwrap();
    }
}
