//! The same under TLS, with rustls as the client.

use std::sync::atomic::AtomicUsize;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};

use super::*;

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A certificate of ours and a client's configuration that trusts it, of one version only.
pub(super) fn tls(
    version: &'static SupportedProtocolVersion,
) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = format!("sora-net-tls-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    let certificate = Certificate::own(&folder, "localhost").unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate.chain_file()).unwrap()).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (certificate.server_config().unwrap(), Arc::new(client))
}

fn echo_with_tls(tls: Arc<ServerConfig>, is_implicit: bool) -> Server {
    let listen = ListenPlan { tls: Some(tls), is_implicit, ..echo_at(Listen::loopback(0)) };
    serve(plan(vec![listen]))
}

impl Client {
    pub(super) fn start_tls(self, config: &Arc<ClientConfig>) -> Client<TlsStream> {
        assert!(self.socket.buffer().is_empty(), "the server spoke out of turn");
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
        Client { socket: BufReader::new(StreamOwned::new(tls, self.socket.into_inner())) }
    }
}

/// Writes and reads at once: both directions are full.
#[track_caller]
fn check_bulk(client: &mut Client<TlsStream>) {
    client.send(b"big 1000000\r\n");
    let mut big = vec![0; 1_000_000];
    client.socket.read_exact(&mut big).unwrap();
    assert!(big.iter().all(|byte| *byte == b'x'));
    client.expect("end");
    client.send(b"sink 1000000\r\n");
    client.send(&vec![b'a'; 1_000_000]);
    client.send(b"job 0\r\nlast\r\n");
    client.expect("sum 97000000");
    client.expect("Done");
    client.expect("last");
}

#[test]
fn tls_1_2_and_1_3_from_the_first_byte() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (config, client) = tls(version);
        let server = echo_with_tls(config, true);
        // A second connection resumes by its ticket.
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let plain = Client::new(TcpStream::connect(server.address()).unwrap());
            let mut client = plain.start_tls(&client);
            client.expect("hello tls=true");
            assert_eq!(client.socket.get_ref().conn.handshake_kind(), Some(kind));
            check_bulk(&mut client);
            client.send(b"quit\r\n");
            client.expect("quit");
            client.expect_end(); // an error, had there been no close_notify
        }
    }
}

/// Pitfall 60.
#[test]
fn starttls_throws_away_what_was_pipelined_in_the_clear() {
    let (config, client) = tls(&rustls::version::TLS13);
    let server = echo_with_tls(config, false);
    let mut plain = server.connect();
    plain.send(b"starttls\r\ninjected\r\n");
    plain.expect("begin can=true");
    let mut client = plain.start_tls(&client);
    client.send(b"after\r\n");
    client.expect("after");
    check_bulk(&mut client);
}

/// A handshake in pieces, and one that is nonsense.
#[test]
fn handshakes_come_in_any_pieces_and_nonsense_is_refused() {
    let (config, client) = tls(&rustls::version::TLS13);
    let server = echo_with_tls(config, true);
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_nodelay(true).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = ClientConnection::new(client, name).unwrap();
    while tls.is_handshaking() {
        while tls.wants_write() {
            let mut records = Vec::new();
            tls.write_tls(&mut records).unwrap();
            records.iter().for_each(|byte| socket.write_all(&[*byte]).unwrap());
        }
        if tls.is_handshaking() {
            tls.read_tls(&mut socket).unwrap();
            tls.process_new_packets().unwrap();
        }
    }
    let mut client = Client { socket: BufReader::new(StreamOwned::new(tls, socket)) };
    client.expect("hello tls=true");

    let mut nonsense = Client::new(TcpStream::connect(server.address()).unwrap());
    nonsense.send(b"a LOGIN user password\r\n");
    let mut answer = Vec::new();
    nonsense.socket.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.first(), Some(&21), "an alert (RFC 8446 §6): {answer:?}");
}

#[test]
fn tls_that_does_not_read_stops_only_itself() {
    let (config, client) = tls(&rustls::version::TLS13);
    let server = echo_with_tls(config, true);
    let connect = || Client::new(TcpStream::connect(server.address()).unwrap()).start_tls(&client);
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let mut client = connect();
            client.send(b"big 100000000\r\n");
            client
        })
        .collect();
    for _ in 0..4 {
        let mut client = connect();
        client.expect("hello tls=true");
        client.send(b"here\r\n");
        client.expect("here");
    }
    drop(slow);
}

/// Clients that come, talk, leave in the middle of everything, and are all forgotten: a slot that
/// leaked would keep its loop from ending before the grace is over.
#[test]
fn whatever_clients_do_nothing_is_left_of_them() {
    let (config, client) = tls(&rustls::version::TLS13);
    let implicit = ListenPlan {
        tls: Some(Arc::clone(&config)),
        is_implicit: true,
        ..echo_at(Listen::loopback(0))
    };
    let starttls = ListenPlan { tls: Some(config), ..echo_at(Listen::loopback(0)) };
    let mut server = serve(plan(vec![starttls, implicit]));
    let addresses: Vec<SocketAddr> = server
        .loops
        .bound()
        .iter()
        .map(|serving| {
            let Bound::Tcp(address) = serving.at else { panic!("TCP only") };
            address
        })
        .collect();
    std::thread::scope(|scope| {
        for seed in 0..4_u64 {
            let (addresses, client) = (&addresses, &client);
            scope.spawn(move || {
                let mut random = seed + 1;
                (0..60).for_each(|_| misbehave(addresses, client, &mut random));
            });
        }
    });
    let left = server.loops.stop(Duration::from_secs(60));
    assert!(left > Duration::from_secs(30), "something was left: {left:?}");
    assert!(server.work.shutdown(left));
}

/// One client of that kind; errors are what it is for.
fn misbehave(addresses: &[SocketAddr], tls: &Arc<ClientConfig>, random: &mut u64) {
    let mut below = |bound: u64| {
        *random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) % bound
    };
    let implicit = below(2) == 0;
    let socket = TcpStream::connect(addresses[usize::from(implicit)]).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1 + below(20)))).unwrap();
    if below(3) == 0 {
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap(); // a reset at the end
    }
    let words: [&[u8]; 9] = [
        b"hello\r\n",
        b"job 0\r\n",
        b"job 2\r\n",
        b"watch 7\r\n",
        b"big 700000\r\n",
        b"sink 50000\r\nabc",
        b"half a li",
        b"quit\r\n",
        b"starttls\r\n",
    ];
    let mut said: Vec<u8> = Vec::new();
    (0..below(6)).for_each(|_| said.extend(words[usize::try_from(below(9)).unwrap()]));
    let mut answer = vec![0; usize::try_from(below(100_000)).unwrap()];
    if implicit && below(4) > 0 {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(tls), name).unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        let _any = (stream.write_all(&said), stream.flush(), stream.read(&mut answer));
    } else {
        let mut stream = &socket;
        let _any = (stream.write_all(&said), stream.read(&mut answer));
        if below(2) == 0 {
            let _any = socket.shutdown(Shutdown::Write);
            let _any = stream.read(&mut answer);
        }
    }
}
