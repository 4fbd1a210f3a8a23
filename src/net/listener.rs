//! Listening sockets: where they are opened, and what a connection that comes by them gets.
//!
//! TCP listeners are opened once for each loop (SO_REUSEPORT), so that the kernel spreads the peers;
//! a Unix socket, or one that was handed in, belongs to the first loop, which hands its connections
//! round.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

use super::admission::Place;
use super::connection::Connection;
use super::stream::Stream;
use super::timers::Tick;
use super::tls::Tls;
use crate::config::Listen;
use crate::model::Networks;
use crate::session::{Peer, Service, Session, SharedSettings};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// After this silence the kernel asks whether the peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(300);

/// What a connection gets that comes in here.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) service: Service,
    pub(super) settings: SharedSettings,
    /// TLS, if there is a certificate.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// TLS from the first byte.
    pub(super) is_implicit: bool,
    /// Peers that say by the PROXY protocol for whom they connect.
    pub(super) proxies: Networks,
}

impl Door {
    /// What becomes of a socket that came in here; `None` if TLS cannot be had.
    pub(super) fn welcome(
        self: &Arc<Self>,
        stream: Stream,
        place: Place,
        address: Option<IpAddr>,
        now: Tick,
    ) -> Option<Connection> {
        let tls = match self.tls.as_ref().filter(|_| self.is_implicit).map(Tls::new) {
            Some(Ok(tls)) => Some(Box::new(tls)),
            Some(Err(error)) => {
                log::error!("net: no TLS: {error}");
                return None;
            }
            None => None,
        };
        let session = self.session(address, false);
        let mut connection = Connection::new(stream, session, Arc::clone(self), place, tls, now);
        if self.proxies.contains(address) {
            connection.await_introduction(address);
        }
        Some(connection)
    }

    /// A session for a peer at `address`, which has TLS as far as a balancer if `is_tls_before`.
    pub(super) fn session(&self, address: Option<IpAddr>, is_tls_before: bool) -> Session {
        let tls = is_tls_before || (self.tls.is_some() && self.is_implicit);
        let can_start_tls = self.tls.is_some() && !tls;
        let peer = Peer { address, tls, can_start_tls };
        Session::new(self.service, peer, &self.settings)
    }
}

/// Where a service can be reached: as bound, with the port that the system chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Listening sockets for one [`Listen`], not yet in any loop.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) bound: Vec<Bound>,
    /// One for each loop, or one for all.
    pub(super) sockets: Vec<Vec<Listening>>,
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listening {
    /// Takes a socket that somebody else opened (socket activation).
    pub(super) fn handed_in(listener: std::net::TcpListener) -> io::Result<Opened> {
        listener.set_nonblocking(true)?;
        let bound = vec![Bound::Tcp(listener.local_addr()?)];
        Ok(Opened { bound, sockets: vec![vec![Self::Tcp(TcpListener::from_std(listener))]] })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.register(registry, token, Interest::READABLE),
            Self::Unix(listener) => listener.register(registry, token, Interest::READABLE),
        }
    }

    /// The next connection and the peer's address; `None` if none waits.
    pub(super) fn accept(&self) -> io::Result<Option<(Stream, Option<IpAddr>)>> {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().map(|(stream, address)| {
                    (Stream::Tcp(stream), Some(address.ip().to_canonical()))
                }),
                Self::Unix(listener) => {
                    listener.accept().map(|(stream, _)| (Stream::Unix(stream), None))
                }
            };
            match accepted {
                Ok(accepted) => return Ok(Some(accepted)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // The peer was gone before we came: the next one may be there.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Opens what `listen` names, for so many loops.
pub(super) fn open(listen: &Listen, loops: usize) -> io::Result<Opened> {
    match listen {
        Listen::Unix(path) => {
            let listener = open_unix(path)?;
            let bound = vec![Bound::Unix(path.clone())];
            Ok(Opened { bound, sockets: vec![vec![Listening::Unix(listener)]] })
        }
        Listen::Tcp { host: Some(host), port } => {
            let addresses: Vec<_> = (host.as_str(), *port).to_socket_addrs()?.collect();
            open_tcp_all(&addresses, loops)
        }
        Listen::Tcp { host: None, port } => {
            let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port));
            open_tcp_all(&[any], loops).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                // A machine without IPv6.
                _ => open_tcp_all(&[SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port))], loops),
            })
        }
    }
}

fn open_tcp_all(addresses: &[SocketAddr], loops: usize) -> io::Result<Opened> {
    let mut opened = Opened { bound: Vec::new(), sockets: Vec::new() };
    opened.sockets.resize_with(loops.max(1), Vec::new);
    for address in addresses {
        let mut address = *address;
        // A port that somebody else shares out (SO_REUSEPORT) must not be joined unseen.
        drop(bind_tcp(address, Sharing::Alone)?);
        for sockets in &mut opened.sockets {
            let socket = bind_tcp(address, Sharing::Loops)?;
            socket.listen(BACKLOG)?;
            let listener = std::net::TcpListener::from(socket);
            address = listener.local_addr()?; // port 0 becomes the one that the others share
            sockets.push(Listening::Tcp(TcpListener::from_std(listener)));
        }
        opened.bound.push(Bound::Tcp(address));
    }
    if opened.bound.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(opened)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Loops,
}

fn bind_tcp(address: SocketAddr, sharing: Sharing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?; // connections of an earlier run may still be in TIME_WAIT
    socket.set_reuse_port(sharing == Sharing::Loops)?;
    socket.set_nonblocking(true)?;
    // Both are inherited by what is accepted, which saves two calls for each connection.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Mode 0660 before anybody can connect; a socket left behind by a dead process is replaced.
fn open_unix(path: &Path) -> io::Result<UnixListener> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    socket.listen(BACKLOG)?;
    Ok(UnixListener::from_std(socket.into()))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let is_alive = !metadata.file_type().is_socket()
        || std::os::unix::net::UnixStream::connect(path)
            .map_or_else(|error| error.kind() != io::ErrorKind::ConnectionRefused, |_| true);
    if is_alive {
        return Err(io::Error::from(io::ErrorKind::AddrInUse));
    }
    std::fs::remove_file(path)
}

/// A listening socket in its loop.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) listening: Listening,
    pub(super) door: Arc<Door>,
    /// It is the only one of its kind: its connections go round the loops.
    pub(super) goes_round: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_the_systems_choice_is_shared_by_the_loops_and_by_nobody_else() {
        let opened = open(&Listen::loopback(0), 3).unwrap();
        let [Bound::Tcp(address)] = opened.bound.as_slice() else { panic!("{opened:?}") };
        assert_ne!(address.port(), 0);
        for sockets in &opened.sockets {
            let [Listening::Tcp(listener)] = sockets.as_slice() else { panic!("{sockets:?}") };
            assert_eq!(listener.local_addr().unwrap(), *address);
        }
        let second = open(&Listen::loopback(address.port()), 1);
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn every_address_takes_both_families() {
        let opened = open(&Listen::any(0), 1).unwrap();
        let [Bound::Tcp(address)] = opened.bound.as_slice() else { panic!("{opened:?}") };
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
        if address.is_ipv6() {
            std::net::TcpStream::connect((Ipv6Addr::LOCALHOST, address.port())).unwrap();
        }
    }

    #[test]
    fn a_unix_socket_replaces_a_dead_one_only() {
        let folder = std::env::temp_dir().join(format!("sora-unix-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("socket");
        let listen = Listen::Unix(path.clone());
        let first = open(&listen, 2).unwrap();
        assert_eq!(first.sockets.len(), 1, "one for all loops");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        assert_eq!(open(&listen, 2).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        drop(open(&listen, 2).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "a file, not a socket").unwrap();
        assert_eq!(open(&listen, 2).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
