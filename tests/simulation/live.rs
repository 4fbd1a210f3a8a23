//! The same clients over TCP, all at once: what the model cannot show is real concurrency.

use std::thread::JoinHandle;

use super::client::Client;
use super::command::Command;
use crate::support::connection::Connection;
use crate::support::messages;
use crate::support::postgres;
use crate::support::random::Random;
use crate::support::server::Server;

const USER: &str = "sim@example.com";
const PASSWORD: &str = "pw";
const CLIENTS: u64 = 4;
/// Commands of each client, and mails that arrive meanwhile, in `make test` and in `make soak`.
const COMMANDS: u32 = 150;
const COMMANDS_SOAKING: u32 = 3_000;

/// One client with its connection.
struct Peer {
    client: Client,
    connection: Connection,
    random: Random,
    messages_made: u32,
    dialogue: Vec<String>,
}

#[test]
fn clients_agree_over_the_real_server() {
    let server = Server::start();
    clients_agree_over(&[&server]);
    server.stop();
}

#[test]
fn clients_agree_over_two_nodes() {
    if !postgres::is_wanted() {
        return;
    }
    let one = Server::start();
    let two = Server::with(one.home.beside());
    clients_agree_over(&[&one, &two]);
    two.stop_and_keep();
    one.stop();
}

/// Each client goes to one of `nodes`, which have one store.
fn clients_agree_over(nodes: &[&Server]) {
    let soaking = std::env::var_os("SORA_SOAK").is_some();
    let commands = if soaking { COMMANDS_SOAKING } else { COMMANDS };
    let server = nodes[0];
    server.home.create_account(USER, PASSWORD);
    let mut first = Connection::imap(server.imap(), USER, PASSWORD).expect("a login");
    first.must("CREATE Box").expect("a mailbox");
    let lmtp = server.lmtp();
    let deliveries = spawn(move || {
        let mut lmtp = Connection::lmtp(lmtp).expect("LMTP");
        for n in 1..=commands {
            let replies = lmtp.deliver(&[USER], &messages::small(n)).expect("a delivery");
            assert!(replies[0].starts_with("250"), "{replies:?}");
        }
    });
    let peers: Vec<JoinHandle<Peer>> = (0..CLIENTS)
        .map(|n| {
            let imap = nodes[n as usize % nodes.len()].imap();
            spawn(move || {
                let mut peer = Peer::new(n, Connection::open(imap, false).expect("IMAP"));
                (0..commands).for_each(|_| peer.random_command());
                peer
            })
        })
        .collect();
    deliveries.join().expect("deliveries");
    let mut peers: Vec<Peer> =
        peers.into_iter().map(|peer| peer.join().expect("a client")).collect();
    // All is quiet: whoever asks now must see the same.
    let mut pictures = peers.iter_mut().map(|peer| {
        peer.run(Command::plain("NOOP"));
        peer.run(Command::plain("UID FETCH 1:* (FLAGS)"));
        peer.client.picture()
    });
    let wanted = pictures.next().expect("several clients");
    for (picture, n) in pictures.zip(1..) {
        assert_eq!(picture, wanted, "client {n} knows other messages than client 0");
    }
    drop((peers, first));
}

impl Peer {
    fn new(n: u64, connection: Connection) -> Self {
        let random = Random::new(n + 1_000);
        let messages_made = 100_000 * (n as u32 + 1);
        let mut peer =
            Self { client: Client::new(), connection, random, messages_made, dialogue: Vec::new() };
        peer.connection.response().expect("the greeting");
        peer.run(Command::plain(&format!("LOGIN {USER} {PASSWORD}")));
        if n.is_multiple_of(2) {
            peer.run(Command::plain("ENABLE CONDSTORE"));
            peer.client.condstore = true;
        }
        peer.run(Command::plain("SELECT INBOX"));
        peer
    }

    fn random_command(&mut self) {
        let command = Command::random(&mut self.random, &self.client, &mut self.messages_made);
        self.run(command);
    }

    /// Sends a command, piece by piece, and hears everything up to its end.
    fn run(&mut self, command: Command) {
        self.client.begin(command);
        self.say();
        while self.client.command.is_some() {
            let response = self.connection.response();
            let response = response.unwrap_or_else(|why| panic!("{why}\n{}", self.last()));
            let response = String::from_utf8_lossy(&response).into_owned();
            self.dialogue.push(format!("< {response}"));
            if let Err(why) = self.client.hear(&response, None) {
                panic!("{why}\n{}", self.last());
            }
            if response.starts_with('+') {
                self.say();
            }
        }
    }

    fn say(&mut self) {
        let bytes = self.client.next_bytes();
        self.dialogue.push(format!("> {}", String::from_utf8_lossy(&bytes).trim_end()));
        self.connection.send(&bytes).expect("the server listens");
    }

    fn last(&self) -> String {
        self.dialogue[self.dialogue.len().saturating_sub(40)..].join("\n")
    }
}

fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    #[expect(clippy::disallowed_methods, reason = "several clients at once")]
    std::thread::spawn(run)
}
