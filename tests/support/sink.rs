//! The other server: takes mail by SMTP or LMTP in this process, keeps what came, and refuses what it
//! is told to.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::connection::PATIENCE;

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What followed `MAIL FROM:`.
    pub(crate) mail: String,
    /// What followed `RCPT TO:`, of those that were taken.
    pub(crate) rcpt: Vec<String>,
    /// Without doubled dots.
    pub(crate) message: String,
    /// Under TLS.
    pub(crate) is_secret: bool,
}

/// How it behaves.
#[derive(Clone, Default)]
pub(crate) struct Manners {
    /// Lines of the answer to EHLO.
    pub(crate) offers: Vec<&'static str>,
    /// With STARTTLS, under which AUTH is offered, too.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// TLS from the first byte.
    pub(crate) is_implicit: bool,
}

/// A server; it ends with the test's process.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    kept: Mutex<Kept>,
    changed: Condvar,
}

#[derive(Default)]
struct Kept {
    taken: Vec<Taken>,
    /// Every line that was said to it, but for messages.
    said: Vec<String>,
    /// What to answer to lines that begin so; "" for closing the connection.
    answers: Vec<(String, String)>,
    connections: usize,
}

impl State {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no panic")
    }
}

impl Sink {
    /// One that takes everything.
    pub(crate) fn start() -> Self {
        Self::with(Manners::default())
    }

    /// One that behaves like this.
    pub(crate) fn with(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let theirs = Arc::clone(&state);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (state, manners) = (Arc::clone(&theirs), manners.clone());
                state.kept().connections += 1;
                std::thread::spawn(move || {
                    let _closed = Talk::hold(socket, &state, &manners);
                });
            }
        });
        Self { address, state }
    }

    /// The configuration that sends there.
    pub(crate) fn relay(&self) -> String {
        format!("[relay]\nhost = 'localhost:{}'\n", self.address.port())
    }

    /// From now on `answer` to what begins with `start`; "." is the end of a message. The last that was
    /// told counts; an empty answer closes the connection.
    pub(crate) fn answer(&self, start: &str, answer: &str) {
        self.state.kept().answers.push((start.to_owned(), answer.to_owned()));
    }

    /// As in the beginning.
    pub(crate) fn be_kind(&self) {
        self.state.kept().answers.clear();
    }

    /// All that was taken so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.kept().taken.clone()
    }

    /// Lines that were said to it so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.state.kept().said.clone()
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.kept().connections
    }

    /// Waits until `count` messages were taken.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Taken> {
        self.wait(|kept| kept.taken.len() >= count);
        self.taken()
    }

    /// Waits until `count` lines that begin with `start` were said.
    #[track_caller]
    pub(crate) fn wait_for_words(&self, start: &str, count: usize) {
        self.wait(|kept| kept.said.iter().filter(|line| line.starts_with(start)).count() >= count);
    }

    #[track_caller]
    fn wait(&self, is_enough: impl Fn(&Kept) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut kept = self.state.kept();
        while !is_enough(&kept) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the sink has {:?}; it heard {:?}", kept.taken, kept.said);
            kept = self.state.changed.wait_timeout(kept, left).expect("no panic").0;
        }
    }
}

/// A certificate for `localhost` in `folder`, and what a server needs to show it.
pub(crate) fn certificate(folder: &Path) -> (PathBuf, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let file = folder.join("relay.pem");
    std::fs::write(&file, made.cert.pem()).expect("written");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a key that fits");
    (file, Arc::new(config))
}

trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

/// One connection.
struct Talk<'a> {
    line: BufReader<Box<dyn Line>>,
    state: &'a State,
    manners: &'a Manners,
    is_secret: bool,
    mail: Option<String>,
    rcpt: Vec<String>,
    is_lmtp: bool,
}

impl<'a> Talk<'a> {
    fn hold(socket: TcpStream, state: &'a State, manners: &'a Manners) -> io::Result<()> {
        let again = socket.try_clone()?;
        let line: Box<dyn Line> = match (&manners.tls, manners.is_implicit) {
            (Some(config), true) => secret(socket, config),
            _ => Box::new(socket),
        };
        let is_secret = manners.is_implicit;
        let (mail, rcpt) = (None, Vec::new());
        let line = BufReader::new(line);
        let mut talk = Self { line, state, manners, is_secret, mail, rcpt, is_lmtp: false };
        talk.say("220 sink\r\n")?;
        let mut raw = Some(again);
        while let Some(said) = talk.hear()? {
            if !talk.react(&said, &mut raw)? {
                break;
            }
        }
        Ok(())
    }

    fn hear(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        if self.line.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        self.state.kept().said.push(said.clone());
        self.state.changed.notify_all();
        Ok(Some(said))
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.line.get_mut().write_all(text.as_bytes())?;
        self.line.get_mut().flush()
    }

    /// What was told to be answered; `Some("")` closes.
    fn told(&self, said: &str) -> Option<String> {
        let kept = self.state.kept();
        let mut answers = kept.answers.iter().rev();
        answers.find(|(start, _)| said.starts_with(start.as_str())).map(|(_, say)| say.clone())
    }

    /// False at the end.
    fn react(&mut self, said: &str, raw: &mut Option<TcpStream>) -> io::Result<bool> {
        if let Some(told) = self.told(said) {
            if told.is_empty() {
                return Ok(false);
            }
            self.say(&format!("{told}\r\n"))?;
            return Ok(true);
        }
        let word = said.split(' ').next().unwrap_or_default();
        match word {
            "EHLO" | "LHLO" => {
                self.is_lmtp = word == "LHLO";
                self.greet()?;
            }
            "STARTTLS" => {
                self.say("220 go on\r\n")?;
                let (Some(socket), Some(config)) = (raw.take(), &self.manners.tls) else {
                    return Ok(false);
                };
                self.line = BufReader::new(secret(socket, config));
                self.is_secret = true;
            }
            "AUTH" => return self.log_in(said),
            // RFC 5321 §4.1.4: one transaction at a time, and only RSET ends it before its message.
            "MAIL" if self.mail.is_some() => self.say("503 5.5.1 nested MAIL\r\n")?,
            "RSET" => {
                self.mail = None;
                self.rcpt.clear();
                self.say("250 2.0.0 OK\r\n")?;
            }
            "MAIL" => {
                self.mail = said.strip_prefix("MAIL FROM:").map(str::to_owned);
                self.rcpt.clear();
                self.say("250 2.1.0 OK\r\n")?;
            }
            "RCPT" => {
                self.rcpt.extend(said.strip_prefix("RCPT TO:").map(str::to_owned));
                self.say("250 2.1.5 OK\r\n")?;
            }
            "DATA" => return self.take(),
            "QUIT" => {
                self.say("221 bye\r\n")?;
                return Ok(false);
            }
            _ => self.say("250 OK\r\n")?,
        }
        Ok(true)
    }

    fn greet(&mut self) -> io::Result<()> {
        let mut lines = vec!["sink"];
        lines.extend(&self.manners.offers);
        if self.manners.tls.is_some() {
            lines.push(if self.is_secret { "AUTH PLAIN LOGIN" } else { "STARTTLS" });
        }
        let last = lines.len() - 1;
        let line = |(nth, line): (usize, &&str)| {
            format!("250{}{line}\r\n", if nth == last { ' ' } else { '-' })
        };
        let text: String = lines.iter().enumerate().map(line).collect();
        self.say(&text)
    }

    /// For `user` with `secret`.
    fn log_in(&mut self, said: &str) -> io::Result<bool> {
        let is_right = if said == "AUTH LOGIN" {
            self.say("334 VXNlcm5hbWU6\r\n")?;
            let user = self.hear()?.unwrap_or_default();
            self.say("334 UGFzc3dvcmQ6\r\n")?;
            (user.as_str(), self.hear()?.unwrap_or_default().as_str()) == ("dXNlcg==", "c2VjcmV0")
        } else {
            said == "AUTH PLAIN AHVzZXIAc2VjcmV0"
        };
        self.say(if is_right { "235 2.7.0 welcome\r\n" } else { "535 5.7.8 no\r\n" })?;
        Ok(true)
    }

    fn take(&mut self) -> io::Result<bool> {
        if self.rcpt.is_empty() {
            self.say("554 5.5.1 nobody to give it to\r\n")?;
            return Ok(true);
        }
        self.say("354 go on\r\n")?;
        let mut message = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.line.read_until(b'\n', &mut line)? == 0 {
                return Ok(false);
            }
            if line == b".\r\n" {
                break;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let told = self.told(".");
        let is_taken = told.as_ref().is_none_or(|told| told.is_empty() || told.starts_with('2'));
        if is_taken {
            let message = String::from_utf8_lossy(&message).into_owned();
            let mail = self.mail.clone().unwrap_or_default();
            let rcpt = self.rcpt.clone();
            let taken = Taken { mail, rcpt, message, is_secret: self.is_secret };
            self.state.kept().taken.push(taken);
            self.state.changed.notify_all();
        }
        self.mail = None;
        let told = told.unwrap_or_else(|| "250 2.0.0 taken".to_owned());
        if told.is_empty() {
            return Ok(false);
        }
        for nth in 0..if self.is_lmtp { self.rcpt.len() } else { 1 } {
            let own = self.told(&format!(".{}", self.rcpt.get(nth).map_or("", String::as_str)));
            let own = own.filter(|_| self.is_lmtp).unwrap_or_else(|| told.clone());
            self.say(&format!("{own}\r\n"))?;
        }
        Ok(true)
    }
}

fn secret(socket: TcpStream, config: &Arc<ServerConfig>) -> Box<dyn Line> {
    let connection = ServerConnection::new(Arc::clone(config)).expect("a server");
    Box::new(StreamOwned::new(connection, socket))
}
