//! A small blocking IMAP client: it sends, reads to the tagged line, and counts bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

/// Either kind of stream.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub(crate) struct Client {
    stream: BufReader<Box<dyn Stream>>,
    tag: u32,
}

impl Client {
    /// Connects and reads the greeting.
    pub(crate) fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Self {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_nodelay(true).expect("a TCP option");
        socket.set_read_timeout(Some(Duration::from_secs(120))).expect("a socket option");
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::try_from("localhost").expect("a name");
                let session = ClientConnection::new(Arc::clone(config), name).expect("a client");
                Box::new(StreamOwned::new(session, socket))
            }
        };
        let mut client = Self { stream: BufReader::with_capacity(64 * 1024, stream), tag: 0 };
        assert!(client.line().starts_with("* OK"), "a greeting");
        client
    }

    pub(crate) fn login(&mut self, user: &str, password: &str) {
        self.run(&format!("LOGIN {user} {password}"));
    }

    /// Sends a command and reads up to its tagged OK. Gives the bytes of the answer.
    pub(crate) fn run(&mut self, command: &str) -> u64 {
        self.tag += 1;
        let tag = format!("a{} ", self.tag);
        self.send(format!("{tag}{command}\r\n").as_bytes());
        self.until(&tag, command)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("the server reads");
        self.stream.get_mut().flush().expect("the server reads");
    }

    /// APPEND with a non-synchronizing literal, as every current client does.
    pub(crate) fn append(&mut self, mailbox: &str, message: &[u8]) {
        self.tag += 1;
        let tag = format!("a{} ", self.tag);
        let mut bytes = format!("{tag}APPEND {mailbox} {{{}+}}\r\n", message.len()).into_bytes();
        bytes.extend_from_slice(message);
        bytes.extend_from_slice(b"\r\n");
        self.send(&bytes);
        self.until(&tag, "APPEND");
    }

    /// Reads one line, without its CRLF.
    pub(crate) fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).expect("the server answers");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    fn until(&mut self, tag: &str, command: &str) -> u64 {
        let mut bytes = 0;
        let mut line = Vec::with_capacity(1024);
        loop {
            line.clear();
            let read = self.stream.read_until(b'\n', &mut line).expect("the server answers");
            assert!(read > 0, "closed during {command}");
            bytes += read as u64;
            if line.starts_with(tag.as_bytes()) {
                let answer = String::from_utf8_lossy(&line);
                assert!(answer[tag.len()..].starts_with("OK"), "{command}: {answer}");
                return bytes;
            }
            if let Some(size) = literal_size(&line) {
                let mut left = self.stream.by_ref().take(size);
                bytes += std::io::copy(&mut left, &mut std::io::sink()).expect("the literal");
            }
        }
    }
}

fn literal_size(line: &[u8]) -> Option<u64> {
    let inside = line.strip_suffix(b"}\r\n")?;
    let open = inside.iter().rposition(|&byte| byte == b'{')?;
    std::str::from_utf8(&inside[open + 1..]).ok()?.parse().ok()
}

/// A TLS client that takes any certificate: both servers made their own.
pub(crate) fn tls_config() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything))
        .with_no_client_auth();
    Arc::new(config)
}

#[derive(Debug)]
struct Anything;

impl rustls::client::danger::ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
