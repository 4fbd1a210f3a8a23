//! The world as it is: the whole server over TCP, with an account for each transcript.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use sora::session::Service;

use super::play::{PASSWORD, Received, World, speaks_lines};
use crate::support::connection::Connection;
use crate::support::server::Server;

pub(super) struct ServerWorld {
    server: Arc<Server>,
    connections: BTreeMap<String, Connection>,
}

impl ServerWorld {
    pub(super) fn new(server: &Arc<Server>) -> Self {
        Self { server: Arc::clone(server), connections: BTreeMap::new() }
    }
}

impl World for ServerWorld {
    fn accounts(&mut self, me: &str, other: &str) {
        for address in [me, other] {
            self.server.home.create_account(address, PASSWORD);
        }
    }

    fn open(&mut self, session: &str, service: Service) {
        let address = self.server.address(service);
        let lines = speaks_lines(service);
        let connection = Connection::open(address, lines).expect("a connection");
        self.connections.insert(session.to_owned(), connection);
    }

    fn send(&mut self, session: &str, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(session) {
            let _seen_when_reading = connection.send(bytes);
        }
    }

    fn receive(&mut self, session: &str) -> Received {
        let Some(connection) = self.connections.get_mut(session) else { return Received::Closed };
        match connection.receive() {
            Ok(bytes) if bytes.is_empty() => Received::Closed,
            Ok(bytes) => Received::Bytes(bytes),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Received::Closed,
            Err(_) => Received::Nothing,
        }
    }

    fn control(&mut self, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["starttls", name] => {
                let connection = self.connections.get_mut(*name).ok_or("no such session")?;
                connection.start_tls();
                Ok(())
            }
            ["close", name] => {
                self.connections.remove(*name);
                Ok(())
            }
            _ => Err("only the model can do this".to_owned()),
        }
    }
}
