//! A mail store inside another program: its own passwords, a hook on each delivery, ports of the
//! system's choice. It delivers a message by LMTP, reads it by IMAP, and shuts down.
//!
//! `cargo run --example embed [FOLDER]` keeps the data in FOLDER, or in a temporary one.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use sora::Server;
use sora::config::{Config, Listen};
use sora::model::{Address, Secret};
use sora::session::Service;
use sora::work::{Arrival, Authenticator, DeliveryHook, Outcome};

/// Passwords as this program knows them; the store's are not asked.
struct OneTimeCodes;

impl Authenticator for OneTimeCodes {
    fn authenticate(&self, user: &str, password: &Secret, _peer: Option<IpAddr>) -> Outcome {
        match Address::new(user) {
            Some(address) if password.expose() == b"246-810" => Outcome::Account(address),
            _ => Outcome::Refused,
        }
    }
}

/// Passes on what arrives.
struct Notify(Sender<Arrival>);

impl DeliveryHook for Notify {
    fn delivered(&self, arrival: &Arrival) {
        let _nobody_listens = self.0.send(arrival.clone());
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = || std::env::temp_dir().join(format!("sora-embed-{}", std::process::id()));
    let folder = std::env::args_os().nth(1).map_or_else(temporary, PathBuf::from);
    let told = run(folder)?;
    Ok(writeln!(std::io::stdout(), "{}", told.join("\n"))?)
}

/// Does it all; returns what there is to tell.
pub(crate) fn run(data_dir: PathBuf) -> Result<Vec<String>, Box<dyn Error>> {
    let mut told = Vec::new();
    let (arrivals_in, arrivals) = channel();
    let mut config = Config { data_dir, ..Config::default() };
    for listener in [&mut config.servers.imap.listener, &mut config.servers.lmtp.listener] {
        listener.start = true;
        listener.addr = Some(Listen::loopback(0));
    }
    let server = Server::builder()
        .config(config)
        .authenticator(OneTimeCodes)
        .on_delivery(Notify(arrivals_in))
        .start()?;

    // The account is the store's, though its password will never be asked for.
    server.create_account("ada@example.org", &Secret::new("not used"))?;

    let mut lmtp = Peer::connect(server.address(Service::Lmtp))?;
    lmtp.say("LHLO example.org", "250 ")?;
    lmtp.say("MAIL FROM:<charles@example.org>", "250 ")?;
    lmtp.say("RCPT TO:<ada@example.org>", "250 ")?;
    lmtp.say("DATA", "354 ")?;
    lmtp.say("Subject: The engine\r\n\r\nIt runs.\r\n.", "250 ")?;
    let arrival = arrivals.recv()?;
    told.push(format!("delivered to {}: UID {}", arrival.recipient, arrival.uid));

    let mut imap = Peer::connect(server.address(Service::Imap))?;
    imap.say("a LOGIN ada@example.org 246-810", "a OK")?;
    imap.say("b SELECT INBOX", "b OK")?;
    told.extend(imap.say("c FETCH * BODY.PEEK[TEXT]", "c OK")?);
    imap.say("d LOGOUT", "d OK")?;

    server.shutdown();
    Ok(told)
}

/// The other side of a line protocol.
struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    fn connect(address: Option<SocketAddr>) -> Result<Self, Box<dyn Error>> {
        let address = address.ok_or("not served")?;
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut stream = BufReader::new(stream);
        stream.read_line(&mut String::new())?; // the greeting
        Ok(Self { stream })
    }

    /// Sends a line and returns what is answered, up to the line that starts with `last`.
    fn say(&mut self, line: &str, last: &str) -> Result<Vec<String>, Box<dyn Error>> {
        write!(self.stream.get_mut(), "{line}\r\n")?;
        let mut answer = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(format!("expected {last:?}, heard {answer:?}").into());
            }
            let line = line.trim_end().to_owned();
            if line.starts_with(last) {
                return Ok(answer);
            }
            if line.starts_with(last.get(..2).unwrap_or(last)) && !line.starts_with("250-") {
                return Err(format!("expected {last:?}, heard {line:?}").into());
            }
            answer.push(line);
        }
    }
}
