//! Balancers that say for whom they connect (pitfall 134).

use super::tls::tls;
use super::*;
use crate::model::Networks;

fn behind_a_balancer(proxies: &str, tls: Option<Arc<ServerConfig>>) -> Server {
    let proxies: Networks = proxies.parse().unwrap();
    let is_implicit = tls.is_some();
    let listen = ListenPlan { tls, is_implicit, proxies, ..echo_at(Listen::loopback(0)) };
    serve(plan(vec![listen]))
}

impl Server {
    fn connect_silently(&self) -> Client {
        Client::new(TcpStream::connect(self.address()).unwrap())
    }
}

/// Version 2, TCP over IPv4, from 192.0.2.1.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x12\x34\0\x8f";
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 143\r\n";

#[test]
fn a_header_split_anywhere_goes_before_the_greeting() {
    let server = behind_a_balancer("127.0.0.0/8", None);
    for header in [V1, V2, b"PROXY UNKNOWN\r\n"] {
        for split in 0..=header.len() {
            let mut client = server.connect_silently();
            let (head, tail) = header.split_at(split);
            client.send(head);
            client.send(&[tail, b"one\r\n"].concat());
            client.expect("hello tls=false");
            client.expect("one");
        }
    }
}

/// The same, with PP2_TYPE_SSL: PP2_CLIENT_SSL, not verified.
const V2_SSL: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14\xc0\0\x02\x01\xc0\0\x02\x02\x12\x34\0\x8f\
                        \x20\0\x05\x01\0\0\0\x01";

#[test]
fn tls_that_ends_at_the_balancer_is_tls() {
    let server = behind_a_balancer("127.0.0.1", None);
    let mut client = server.connect_silently();
    client.send(V2_SSL);
    client.expect("hello tls=true");
}

#[test]
fn the_handshake_comes_behind_the_header() {
    let (config, client) = tls(&rustls::version::TLS13);
    let server = behind_a_balancer("127.0.0.1", Some(config));
    for header in [V1, V2] {
        let mut plain = server.connect_silently();
        plain.send(header);
        let mut client = plain.start_tls(&client);
        client.expect("hello tls=true");
        client.send(b"one\r\n");
        client.expect("one");
    }
}

#[test]
fn who_is_not_trusted_is_not_believed() {
    let server = behind_a_balancer("192.0.2.0/24, unix", None);
    let mut client = server.connect_silently();
    client.send(V1);
    client.expect("hello tls=false");
    client.expect("PROXY TCP4 192.0.2.1 192.0.2.2 4660 143"); // a line like any other
}

#[test]
fn from_a_balancer_nothing_else_is_taken() {
    let server = behind_a_balancer("127.0.0.1", None);
    for wrong in [&b"one\r\n"[..], b"PROXY TCP4 x y 1 2\r\n", b"\r\n\r\n\0\r\nQUIX"] {
        let mut client = server.connect_silently();
        client.send(wrong);
        // It is closed without a word; as a reset, if the rest was not read.
        assert_eq!(client.socket.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    server.connect_silently().socket.get_ref().shutdown(Shutdown::Write).unwrap();
}

#[test]
fn clients_are_bounded_by_their_own_addresses() {
    let server = behind_a_balancer("127.0.0.1", None);
    let from = |host: u32| {
        let mut client = server.connect_silently();
        client.send(format!("PROXY TCP4 192.0.2.{host} 192.0.2.200 1 143\r\n").as_bytes());
        client
    };
    let mut ten: Vec<Client> = (0..10).map(|_| from(1)).collect();
    ten.iter_mut().for_each(|client| client.expect("hello tls=false"));
    from(1).expect("refused");
    from(2).expect("hello tls=false");
}
