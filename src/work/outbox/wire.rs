//! The bytes between us and the relay: a socket, TLS on it, whole replies out of it.
//!
//! Nothing here waits without an end, and nothing the relay says is kept without a bound. What came
//! before TLS is never taken for what came under it.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use parser::lmtp::{Code, Reply, ReplyFrame, ReplyFramer};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::config::Remote;

/// For each address of the relay.
const CONNECT: Duration = Duration::from_secs(30);
/// For what RFC 5321 §4.5.3.2 gives from two to five minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Behind the final dot (RFC 5321 §4.5.3.2.6): whoever gives up here sends twice.
pub(super) const FINAL_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Bytes of one reply, all its lines.
const REPLY_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a reply that are repeated to people.
const SAID_BYTES_MAX: usize = 300;

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn connect(remote: &Remote) -> io::Result<Self> {
        let (host, port) = match remote {
            Remote::Unix(path) => return UnixStream::connect(path).map(Self::Unix),
            Remote::Tcp { host, port } => (host.as_str(), *port),
        };
        let mut last = io::Error::other("its name has no address");
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    return Ok(Self::Tcp(socket));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn be_patient(&self, patience: Duration) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => {
                socket.set_read_timeout(Some(patience))?;
                socket.set_write_timeout(Some(patience))
            }
            Self::Unix(socket) => {
                socket.set_read_timeout(Some(patience))?;
                socket.set_write_timeout(Some(patience))
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
    /// While one becomes the other, and after that failed.
    Gone,
}

/// A connection with the relay.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What came and was not read yet.
    input: Vec<u8>,
    framer: ReplyFramer,
}

/// What the relay answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: Code,
    /// Without code and status.
    pub(super) lines: Vec<String>,
    /// The whole of it for people: one line, bounded.
    pub(super) said: String,
}

impl Wire {
    pub(super) fn connect(remote: &Remote) -> io::Result<Self> {
        let socket = Socket::connect(remote)?;
        socket.be_patient(PATIENCE)?;
        let stream = Stream::Plain(socket);
        Ok(Self { stream, input: Vec::new(), framer: ReplyFramer::new() })
    }

    pub(super) fn is_secret(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Speaks TLS from here on; the handshake is done when this returns.
    pub(super) fn start_tls(&mut self, config: Arc<ClientConfig>, host: &str) -> io::Result<()> {
        if !self.input.is_empty() {
            // Somebody on the way would have it taken for what came under TLS (RFC 3207 §5).
            return Err(io::Error::other("the relay said something before TLS began"));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let Stream::Plain(mut socket) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::ErrorKind::AlreadyExists.into());
        };
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        self.stream = Stream::Tls(Box::new(StreamOwned::new(tls, socket)));
        Ok(())
    }

    pub(super) fn be_patient(&self, patience: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Plain(socket) => socket.be_patient(patience),
            Stream::Tls(tls) => tls.sock.be_patient(patience),
            Stream::Gone => Err(gone()),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(tls) => {
                tls.write_all(bytes)?;
                tls.flush()
            }
            Stream::Gone => Err(gone()),
        }
    }

    /// The next reply, whole.
    pub(super) fn answer(&mut self) -> io::Result<Answer> {
        loop {
            match self.framer.next(&self.input, REPLY_BYTES_MAX) {
                ReplyFrame::Complete { bytes } => {
                    let rest = self.input.split_off(bytes);
                    let frame = std::mem::replace(&mut self.input, rest);
                    return read(&frame).ok_or_else(|| io::Error::other("no reply of SMTP"));
                }
                ReplyFrame::TooLong => return Err(io::Error::other("a reply without an end")),
                ReplyFrame::Incomplete => self.fill()?,
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let read = loop {
            let read = match &mut self.stream {
                Stream::Plain(socket) => socket.read(&mut buffer),
                Stream::Tls(tls) => tls.read(&mut buffer),
                Stream::Gone => Err(gone()),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
                }
                other => break other?,
            }
        };
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection"));
        }
        self.input.extend_from_slice(buffer.get(..read).unwrap_or_default());
        Ok(())
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

fn read(frame: &[u8]) -> Option<Answer> {
    let reply = Reply::parse(frame)?;
    let lines = reply.lines().map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<String> = lines.collect();
    let said = String::from_utf8_lossy(frame);
    let said: Vec<&str> = said.lines().map(str::trim).collect();
    let said: String = said.join(" / ").chars().filter(|c| !c.is_control()).collect();
    let end = said.floor_char_boundary(SAID_BYTES_MAX);
    let said = said.get(..end).unwrap_or_default().to_owned();
    Some(Answer { code: reply.code, lines, said })
}
