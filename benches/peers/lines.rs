//! What is measured, line by line, the same way on either server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::Cost;
use crate::client::{Client, tls_config};
use crate::server::{PASSWORD, Server, USER, WITH_SIEVE, scratch};

/// How a line's cost is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Many equal operations: a rate, and CPU for one.
    Each,
    /// One large operation.
    Whole,
    /// A size.
    Bytes,
    /// A delay.
    Seconds,
    /// A number of things.
    Count,
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) tenth: bool,
}

impl Scale {
    pub(crate) fn of(self, count: usize) -> usize {
        if self.tenth { (count / 10).max(1) } else { count }
    }
}

pub(crate) type Tell<'a> = dyn FnMut(&str, Unit, &'static str, Cost) + 'a;

/// Runs every line against the server that `start` starts.
pub(crate) fn run(
    start: fn(&Path) -> Server,
    scale: Scale,
    only: Option<&str>,
    tell: &mut Tell<'_>,
) {
    let dir = scratch("server");
    let server = start(&dir);
    let name = server.name;
    let mut bench = Bench { server, scale, only, tell };
    bench.logins(); // first: Sora remembers a password that was right
    bench.deliveries();
    bench.appends();
    bench.noops();
    bench.delay();
    bench.large_mailbox("big100k", scale.of(100_000));
    bench.large_mailbox("big10k", scale.of(10_000));
    bench.bodies();
    bench.pop3();
    let Bench { server, tell, .. } = bench;
    drop(server);
    // The second start: the first made keys and tables, and what it freed would hide what a
    // connection costs.
    let again = start(&dir);
    let listening = "exec to listening (second start)";
    if only.is_none_or(|word| listening.contains(word)) {
        let cost = Cost {
            count: 1.0,
            wall: again.start_seconds,
            cpu: again.tree().cpu_seconds(),
            ..Cost::default()
        };
        tell(listening, Unit::Seconds, name, cost);
    }
    let mut bench = Bench { server: again, scale, only, tell };
    bench.idle_memory(false);
    bench.idle_memory(true);
    let Bench { server, tell, .. } = bench;
    drop(server);
    std::fs::write(dir.join(WITH_SIEVE), "").expect("a scratch directory");
    let mut bench = Bench { server: start(&dir), scale, only, tell };
    bench.sorted_deliveries();
    bench.compiled_script();
}

pub(crate) struct Bench<'a> {
    pub(crate) server: Server,
    pub(crate) scale: Scale,
    pub(crate) only: Option<&'a str>,
    pub(crate) tell: &'a mut Tell<'a>,
}

impl Bench<'_> {
    pub(crate) fn wanted(&self, name: &str) -> bool {
        self.only.is_none_or(|word| name.contains(word))
    }

    /// Measures `work`, which does `count` operations.
    pub(crate) fn line(
        &mut self,
        name: &str,
        unit: Unit,
        count: usize,
        work: impl FnOnce(&Server),
    ) {
        if !self.wanted(name) {
            return;
        }
        let (cpu, begun) = (self.server.cpu_seconds(), Instant::now());
        work(&self.server);
        let wall = begun.elapsed().as_secs_f64();
        let spent = self.server.cpu_seconds();
        let beside = std::array::from_fn(|at| spent.1[at] - cpu.1[at]);
        let cost = Cost { count: count as f64, wall, cpu: spent.0 - cpu.0, beside };
        (self.tell)(name, unit, self.server.name, cost);
    }

    pub(crate) fn client(&self) -> Client {
        logged_in(self.server.imap)
    }

    /// 4 KB messages by Postfix's own load generator.
    pub(crate) fn deliveries(&mut self) {
        for (connections, count) in [(1, 2_000), (8, 8_000), (64, 20_000)] {
            let count = self.scale.of(count);
            let name = format!("LMTP delivery, 4 KB, {connections} connection(s)");
            self.line(&name, Unit::Each, count, |server| {
                let mut source = Command::new("smtp-source");
                source.args(["-L", "-d", "-s", &connections.to_string(), "-m", &count.to_string()]);
                source.args(["-l", "4096", "-f", "sender@example.com", "-t", USER]);
                source.arg(format!("inet:{}", server.lmtp)).stdout(Stdio::null());
                assert!(source.status().is_ok_and(|status| status.success()), "smtp-source");
            });
        }
    }

    fn appends(&mut self) {
        let message = message(0);
        for (connections, count) in [(1, 2_000), (8, 8_000)] {
            let count = self.scale.of(count);
            let name = format!("APPEND, 4 KB, {connections} connection(s)");
            let mut admin = self.client();
            let mailbox = format!("append{connections}");
            admin.run(&format!("CREATE {mailbox}"));
            self.line(&name, Unit::Each, count, |server| {
                thread::scope(|scope| {
                    for _ in 0..connections {
                        scope.spawn(|| {
                            let mut client = logged_in(server.imap);
                            (0..count / connections)
                                .for_each(|_| client.append(&mailbox, &message));
                        });
                    }
                });
            });
        }
    }

    /// The same hash on both sides (bcrypt cost 10). Dovecot's authentication cache is off, as it is
    /// unless configured; Sora's is always on.
    fn logins(&mut self) {
        let (cold, warm) = (1, self.scale.of(500));
        self.line("login, cold (bcrypt cost 10)", Unit::Each, cold, |server| {
            drop(logged_in(server.imap));
        });
        self.line("login, warm", Unit::Each, warm, |server| {
            (0..warm).for_each(|_| drop(logged_in(server.imap)));
        });
        let tls = tls_config();
        self.line("login, warm, TLS", Unit::Each, warm, |server| {
            for _ in 0..warm {
                let mut client = Client::connect(server.imaps, Some(&tls));
                client.login(USER, PASSWORD);
            }
        });
    }

    fn noops(&mut self) {
        let count = self.scale.of(20_000);
        let mut client = self.client();
        client.run("SELECT INBOX");
        self.line("NOOP", Unit::Each, count, |_| {
            for _ in 0..count {
                client.run("NOOP");
            }
        });
    }

    /// From the 250 of LMTP to the EXISTS of a client in IDLE: the median.
    fn delay(&mut self) {
        let name = "250 to EXISTS in IDLE (median)";
        if !self.wanted(name) {
            return;
        }
        let rounds = self.scale.of(200);
        let mut idler = self.client();
        idler.run("SELECT INBOX");
        idler.send(b"i IDLE\r\n");
        while !idler.line().starts_with('+') {}
        let (seen, hears) = mpsc::channel();
        let watcher = thread::spawn(move || {
            let mut found = 0;
            while found < rounds {
                if idler.line().ends_with("EXISTS") {
                    found += 1;
                    if seen.send(Instant::now()).is_err() {
                        return;
                    }
                }
            }
        });
        let mut lmtp = Lmtp::connect(self.server.lmtp);
        let mut delays: Vec<f64> = (0..rounds)
            .map(|_| {
                let accepted = lmtp.deliver(&message(1));
                let told = hears.recv().expect("the idler hears of it");
                told.saturating_duration_since(accepted).as_secs_f64()
            })
            .collect();
        watcher.join().expect("the idler ends");
        delays.sort_by(f64::total_cmp);
        let wall = delays[delays.len() / 2].max(1e-6);
        (self.tell)(
            name,
            Unit::Seconds,
            self.server.name,
            Cost { count: 1.0, wall, ..Cost::default() },
        );
    }

    /// Commands on a mailbox of `count` messages of 1 KB.
    pub(crate) fn large_mailbox(&mut self, mailbox: &str, count: usize) {
        let label = |what: &str| format!("{what}, {count} messages");
        let whole = [
            ("SELECT", "SELECT"),
            ("FETCH 1:* (UID FLAGS)", "UID FETCH 1:* (FLAGS)"),
            ("FETCH 1:* ENVELOPE, first", "FETCH 1:* (ENVELOPE)"),
            ("FETCH 1:* ENVELOPE, again", "FETCH 1:* (ENVELOPE)"),
            ("SEARCH SUBJECT", "SEARCH SUBJECT \"number 77\""),
            ("SEARCH TEXT", "SEARCH TEXT \"no such words\""),
            ("STORE 1:* +FLAGS.SILENT", "STORE 1:* +FLAGS.SILENT (\\Answered)"),
            ("STORE 1:* +FLAGS", "STORE 1:* +FLAGS (\\Flagged)"),
            ("COPY 1:*", "COPY 1:* copied"),
            ("EXPUNGE of all", "EXPUNGE"),
        ];
        if !whole.iter().any(|(what, _)| self.wanted(&label(what))) {
            return;
        }
        fill(&self.server, mailbox, count);
        let mut client = self.client();
        client.run(&format!("CREATE copied{count}"));
        for (what, command) in whole {
            if count > 10_000 && (what.starts_with("COPY") || what.starts_with("EXPUNGE")) {
                continue;
            }
            let command = match what {
                "SELECT" => format!("SELECT {mailbox}"),
                _ => command.replace("copied", &format!("copied{count}")),
            };
            if what == "EXPUNGE of all" {
                client.run("STORE 1:* +FLAGS.SILENT (\\Deleted)");
            }
            if what == "SELECT" {
                // Both have read the mailbox once before: the steady state is what is compared.
                client.run(&command);
                client.run("UNSELECT");
            }
            self.line(&label(what), Unit::Whole, 1, |_| {
                client.run(&command);
            });
        }
    }

    fn bodies(&mut self) {
        // What `appends` left: its operations with eight connections.
        let count = self.scale.of(8_000);
        let name = format!("FETCH 1:* BODY.PEEK[] of {count} × 4 KB");
        if !self.wanted(&name) {
            return;
        }
        let mut client = self.client();
        client.run("SELECT append8");
        client.run("FETCH 1:* (BODY.PEEK[])");
        self.line(&name, Unit::Whole, 1, |_| {
            client.run("FETCH 1:* (BODY.PEEK[])");
        });
    }

    /// Resident bytes for each logged-in connection with INBOX selected, idling.
    fn idle_memory(&mut self, encrypted: bool) {
        let kind = if encrypted { "TLS" } else { "plain" };
        let name = format!("memory of an idle connection, {kind}");
        if !self.wanted(&name) {
            return;
        }
        let count = self.scale.of(2_000);
        let tls = tls_config();
        let connect = |server: &Server| {
            let address = if encrypted { server.imaps } else { server.imap };
            let mut client = Client::connect(address, encrypted.then_some(&tls));
            client.login(USER, PASSWORD);
            client.run("SELECT INBOX");
            client.send(b"i IDLE\r\n");
            while !client.line().starts_with('+') {}
            client
        };
        let warm: Vec<Client> = (0..10).map(|_| connect(&self.server)).collect();
        let before = self.server.tree().resident_bytes();
        let clients: Vec<Client> = (0..count).map(|_| connect(&self.server)).collect();
        let after = self.server.tree().resident_bytes();
        let each = after.saturating_sub(before) as f64 / clients.len() as f64;
        drop((warm, clients));
        (self.tell)(&name, Unit::Bytes, self.server.name, Cost { count: each, ..Cost::default() });
    }
}

pub(crate) fn logged_in(address: SocketAddr) -> Client {
    let mut client = Client::connect(address, None);
    client.login(USER, PASSWORD);
    client
}

/// Puts `count` messages of 1 KB into a new mailbox, over several connections.
fn fill(server: &Server, mailbox: &str, count: usize) {
    fill_with(server, mailbox, count, small);
}

/// Puts `count` messages into a new mailbox, over several connections.
pub(crate) fn fill_with(
    server: &Server,
    mailbox: &str,
    count: usize,
    message: fn(usize) -> Vec<u8>,
) {
    logged_in(server.imap).run(&format!("CREATE {mailbox}"));
    let feeders = 16;
    thread::scope(|scope| {
        for feeder in 0..feeders {
            scope.spawn(move || {
                let mut client = logged_in(server.imap);
                for number in (feeder..count).step_by(feeders) {
                    client.append(mailbox, &message(number));
                }
            });
        }
    });
}

fn small(number: usize) -> Vec<u8> {
    let mut text = format!(
        "From: Sender {number} <s{number}@example.com>\r\nTo: {USER}\r\n\
         Subject: number {number} of a long series\r\nMessage-ID: <{number}@example.com>\r\n\
         Date: Mon, 2 Nov 2026 10:00:00 +0000\r\n\r\n"
    );
    while text.len() < 1_000 {
        text.push_str("Some ordinary words of an ordinary message, again and again.\r\n");
    }
    text.into_bytes()
}

pub(crate) fn message(number: usize) -> Vec<u8> {
    let mut bytes = small(number);
    while bytes.len() < 4_096 {
        bytes
            .extend_from_slice(b"Some ordinary words of an ordinary message, again and again.\r\n");
    }
    bytes
}

/// An LMTP connection that delivers one message after another.
pub(crate) struct Lmtp {
    stream: std::io::BufReader<std::net::TcpStream>,
}

impl Lmtp {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = std::net::TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP option");
        let mut lmtp = Self { stream: std::io::BufReader::new(stream) };
        lmtp.expect("220");
        lmtp.say(b"LHLO bench\r\n", "250");
        lmtp
    }

    fn expect(&mut self, code: &str) {
        use std::io::BufRead;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            assert!(line.starts_with(code), "{line}");
            if line.as_bytes().get(3) == Some(&b' ') {
                return;
            }
        }
    }

    fn say(&mut self, bytes: &[u8], code: &str) {
        use std::io::Write;
        self.stream.get_mut().write_all(bytes).expect("the server reads");
        self.expect(code);
    }

    /// Gives the moment of the 250.
    pub(crate) fn deliver(&mut self, message: &[u8]) -> Instant {
        self.say(b"MAIL FROM:<sender@example.com>\r\n", "250");
        self.say(format!("RCPT TO:<{USER}>\r\n").as_bytes(), "250");
        self.say(b"DATA\r\n", "354");
        let mut bytes = message.to_vec();
        bytes.extend_from_slice(b".\r\n");
        self.say(&bytes, "250");
        Instant::now()
    }
}
