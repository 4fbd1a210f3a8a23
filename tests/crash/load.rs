//! Everything that writes, at once: deliveries to two accounts, APPEND, COPY, MOVE, STORE, EXPUNGE.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::ledger::{Arrival, Batch, Done, Ledger};
use crate::support::connection::Connection;
use crate::support::daemon::Daemon;
use crate::support::home::Home;

pub(super) const USERS: [&str; 2] = ["one@example.com", "two@example.com"];
pub(super) const PASSWORD: &str = "pw";

/// Over `inline_max`, so that it gets a file of its own.
const LARGE_BYTES: usize = 300_000;

/// What sorts the mail of the first user: it stays where it would have gone, and some of it is sent
/// on, if anything takes it.
const SCRIPT: &str = "require [\"copy\", \"imap4flags\"];\r\n\
                      redirect :copy \"elsewhere@example.net\";\r\n\
                      addflag \"\\\\Flagged\";\r\nkeep;\r\n";
/// What sees the first user's copies: it makes one more of each.
const EVENTS: &str = "require [\"imapsieve\", \"fileinto\", \"copy\"]; fileinto :copy \"Seen\";";
/// A relay that takes everything.
const RELAY: &str = "[relay]\nprotocol = 'sendmail'\nsendmail = '/bin/true'\n";

/// A home where mail leaves, too.
pub(super) fn let_mail_leave(home: &Home) {
    home.configure(RELAY);
}

/// The accounts and mailboxes that the load works on.
pub(super) fn prepare(home: &Home, daemon: &Daemon, is_sorted: bool) {
    USERS.iter().for_each(|user| home.create_account(user, PASSWORD));
    if is_sorted {
        home.sort_mail_of(USERS[0], SCRIPT);
    }
    let mut imap = Connection::imap(daemon.imap, USERS[0], PASSWORD).expect("a login");
    for name in ["Work", "Copied", "Moved", "Seen"] {
        imap.must(&format!("CREATE {name}")).expect("a mailbox");
    }
    let mut sieve =
        Connection::managesieve(daemon.managesieve, USERS[0], PASSWORD).expect("a login");
    let put = format!("PUTSCRIPT \"events\" {{{}+}}\r\n{EVENTS}", EVENTS.len());
    sieve.must_sieve(&put).expect("a script");
    imap.must("SETMETADATA Copied (/shared/imapsieve/script \"events\")").expect("an annotation");
    // A script that keeps everything, and remembers it: deliveries with a transaction of their own.
    let script = "require \"duplicate\"; if duplicate :header \"X-Token\" { keep; }";
    let mut sieve =
        Connection::managesieve(daemon.managesieve, USERS[1], PASSWORD).expect("a login");
    sieve
        .must_sieve(&format!("PUTSCRIPT \"keep\" {{{}+}}\r\n{script}", script.len()))
        .expect("a script");
    sieve.must_sieve("SETACTIVE \"keep\"").expect("a script");
}

/// A load that runs.
pub(super) struct Running {
    deliveries: Vec<JoinHandle<Vec<Arrival>>>,
    appends: JoinHandle<Vec<Arrival>>,
    batches: JoinHandle<Vec<Batch>>,
}

/// Starts to load `daemon`, until it dies or the time is over.
pub(super) fn start(daemon: &Daemon, _so_far: &Ledger, time: Duration) -> Running {
    let end = Instant::now() + time;
    let (imap, lmtp) = (daemon.imap, daemon.lmtp);
    Running {
        deliveries: (0..2).map(|_| spawn(move || deliver(lmtp, end))).collect(),
        appends: spawn(move || append(imap, end)),
        batches: spawn(move || work(imap, end)),
    }
}

impl Running {
    /// Waits for its end, and writes down what came of it.
    pub(super) fn finish(self, ledger: &mut Ledger) {
        for thread in self.deliveries {
            ledger.arrivals.extend(thread.join().expect("a load that does not panic"));
        }
        ledger.arrivals.extend(self.appends.join().expect("a load that does not panic"));
        ledger.batches.extend(self.batches.join().expect("a load that does not panic"));
    }
}

fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    #[expect(clippy::disallowed_methods, reason = "several clients at once")]
    std::thread::spawn(run)
}

/// A message that no other is like.
fn message(large: bool) -> (String, Vec<u8>) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let token = format!("token-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let line = format!("this is {token}\r\n");
    let body = line.repeat(if large { LARGE_BYTES / line.len() } else { 40 });
    let message = format!("X-Token: {token}\r\nSubject: crash\r\n\r\n{body}").into_bytes();
    (token, message)
}

fn deliver(lmtp: SocketAddr, end: Instant) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let Ok(mut connection) = Connection::lmtp(lmtp) else { return arrivals };
    for n in 0.. {
        if Instant::now() > end {
            break;
        }
        let (token, message) = message(n % 5 == 3);
        let received = "Received: by mx.example.org (Postfix); Mon, 1 Jan 2024 10:00:00 +0000\r\n";
        let message = [received.as_bytes(), &message].concat();
        let mut replies = Vec::new();
        let ended = connection.deliver_into(&USERS, &message, &mut replies);
        for user in 0..USERS.len() {
            let done = match replies.get(user) {
                Some(reply) if reply.starts_with("250") => Done::Yes,
                Some(_) => Done::No,
                None => Done::Unknown,
            };
            arrivals.push(Arrival { user, token: token.clone(), message: message.clone(), done });
        }
        if ended.is_err() {
            break;
        }
    }
    arrivals
}

/// Sends again what was not answered, as an MTA does: then it must be there once, whether the daemon
/// had it already or not (pitfall 6). [`Ledger::verify`] will tell.
pub(super) fn retry(daemon: &Daemon, ledger: &mut Ledger) -> Result<(), String> {
    let mut connection = Connection::lmtp(daemon.lmtp).map_err(|error| error.to_string())?;
    let by_lmtp = |arrival: &&mut Arrival| arrival.message.starts_with(b"Received:");
    for arrival in ledger.arrivals.iter_mut().filter(by_lmtp) {
        if arrival.done == Done::Unknown {
            let replies = connection.deliver(&[USERS[arrival.user]], &arrival.message);
            match replies {
                Ok(replies) if replies.iter().all(|reply| reply.starts_with("250")) => {
                    arrival.done = Done::Yes;
                }
                other => return Err(format!("{} again: {other:?}", arrival.token)),
            }
        }
    }
    ledger.verify(daemon)
}

fn append(imap: SocketAddr, end: Instant) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let Ok(mut connection) = Connection::imap(imap, USERS[1], PASSWORD) else { return arrivals };
    for n in 0.. {
        if Instant::now() > end {
            break;
        }
        let (token, message) = message(n % 5 == 2);
        let answer = connection.append("INBOX", &message);
        let done = outcome(&answer.as_ref().map(|answer| answer.is_ok()).map_err(io::Error::kind));
        arrivals.push(Arrival { user: 1, token, message, done });
        if answer.is_err() {
            break;
        }
    }
    arrivals
}

fn outcome(answer: &Result<bool, io::ErrorKind>) -> Done {
    match answer {
        Ok(true) => Done::Yes,
        Ok(false) => Done::No,
        Err(_) => Done::Unknown,
    }
}

fn work(imap: SocketAddr, end: Instant) -> Vec<Batch> {
    let mut batches = Vec::new();
    let Ok(mut connection) = Connection::imap(imap, USERS[0], PASSWORD) else { return batches };
    if connection.must("SELECT Work").is_err() {
        return batches;
    }
    for n in 0.. {
        if Instant::now() > end {
            break;
        }
        let no = Done::No;
        let mut batch = Batch { messages: Vec::new(), copied: no, moved: no, expunged: no };
        let ended = one_batch(&mut connection, &mut batch, n);
        batches.push(batch);
        if ended.is_err() {
            break;
        }
    }
    batches
}

/// One batch, as far as the daemon lives.
fn one_batch(connection: &mut Connection, batch: &mut Batch, n: u32) -> io::Result<()> {
    let mut uids = Vec::new();
    for _ in 0..3 {
        let (token, message) = message(n % 4 == 1);
        batch.messages.push((token, message.clone(), Done::Unknown));
        let answer = connection.append("Work", &message)?;
        let uid = answer.tagged.split([' ', ']']).nth(3).unwrap_or("0").to_owned();
        if let Some((.., done)) = batch.messages.last_mut() {
            *done = if answer.is_ok() { Done::Yes } else { Done::No };
        }
        uids.push(uid);
    }
    let set = uids.join(",");
    command(connection, &format!("UID COPY {set} Copied"), &mut batch.copied)?;
    if n.is_multiple_of(2) {
        return command(connection, &format!("UID MOVE {set} Moved"), &mut batch.moved);
    }
    connection.command(&format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"))?;
    command(connection, &format!("UID EXPUNGE {set}"), &mut batch.expunged)
}

fn command(connection: &mut Connection, text: &str, done: &mut Done) -> io::Result<()> {
    *done = Done::Unknown;
    let answer = connection.command(text)?;
    *done = if answer.is_ok() { Done::Yes } else { Done::No };
    Ok(())
}
