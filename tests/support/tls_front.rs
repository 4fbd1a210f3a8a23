//! HTTPS in front of an HTTP server, with a certificate of an authority made for the occasion.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::fault_proxy::{read_body, read_head, spawn};

/// The front.
#[derive(Debug)]
pub(crate) struct TlsFront {
    /// Where it listens; its certificate is for `localhost` and one bucket there.
    pub(crate) address: SocketAddr,
    /// PEM of whom to trust.
    pub(crate) ca_file: PathBuf,
    heads: Heads,
}

/// The heads of all requests.
type Heads = Arc<Mutex<Vec<String>>>;

impl TlsFront {
    /// In front of `to`, with its file in `folder`.
    pub(crate) fn start(to: SocketAddr, bucket: &str, folder: &Path) -> Self {
        let (config, authority) = certified(bucket);
        let ca_file = folder.join("authority.pem");
        std::fs::write(&ca_file, authority).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let heads = Heads::default();
        let seen = Arc::clone(&heads);
        spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (config, seen) = (Arc::clone(&config), Arc::clone(&seen));
                spawn(move || {
                    let _ended = serve(to, client, config, &seen);
                });
            }
        });
        Self { address, ca_file, heads }
    }

    /// What was asked so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A server's configuration, and the certificate of its authority.
fn certified(bucket: &str) -> (Arc<ServerConfig>, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(params, key);
    let names = vec!["localhost".to_owned(), format!("{bucket}.localhost")];
    let own = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names).expect("names");
    let certificate = params.signed_by(&own, &issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key)
        .expect("they belong together");
    (Arc::new(config), authority)
}

/// One connection, request by request.
fn serve(
    to: SocketAddr,
    client: TcpStream,
    config: Arc<ServerConfig>,
    heads: &Heads,
) -> io::Result<()> {
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut client = BufReader::new(StreamOwned::new(session, client));
    let server = TcpStream::connect(to)?;
    let mut to_server = server.try_clone()?;
    let mut from_server = BufReader::new(server);
    while let Some(head) = read_head(&mut client)? {
        let body = read_body(&mut client, &head)?;
        let text = String::from_utf8_lossy(&head.bytes).into_owned();
        heads.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        to_server.write_all(&head.bytes)?;
        to_server.write_all(&body)?;
        let Some(answer) = read_head(&mut from_server)? else { return Ok(()) };
        let none = head.first.starts_with("HEAD ") || answer.first.contains(" 204 ");
        let body = if none { Vec::new() } else { read_body(&mut from_server, &answer)? };
        client.get_mut().write_all(&answer.bytes)?;
        client.get_mut().write_all(&body)?;
        client.get_mut().flush()?;
    }
    Ok(())
}
