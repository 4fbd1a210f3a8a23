//! POP3, and deliveries that a Sieve script sorts.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use crate::Cost;
use crate::lines::{Bench, Unit, logged_in, message};
use crate::server::{PASSWORD, USER};

/// Messages in the maildrop.
const MAILDROP: usize = 10_000;
/// Pipelining clients.
const PIPELINES: usize = 4;

impl Bench<'_> {
    /// A maildrop of 4 KB messages.
    pub(crate) fn pop3(&mut self) {
        let count = self.scale.of(MAILDROP);
        if !self.wanted("POP3") {
            return;
        }
        let address = self.server.imap;
        thread::scope(|scope| {
            for feeder in 0..16 {
                scope.spawn(move || {
                    let mut client = logged_in(address);
                    for number in (feeder..count).step_by(16) {
                        client.append("INBOX", &message(number));
                    }
                });
            }
        });
        let mut first = Pop3::login(self.server.pop3);
        let count = first.count();
        drop(first);
        self.line(&format!("POP3 login, LIST, UIDL of {count}"), Unit::Whole, 1, |server| {
            let mut pop3 = Pop3::login(server.pop3);
            pop3.many("LIST");
            pop3.many("UIDL");
            pop3.one("QUIT");
        });
        self.line("POP3 RETR, 4 KB, one by one", Unit::Each, count, |server| {
            let mut pop3 = Pop3::login(server.pop3);
            (1..=count).for_each(|number| pop3.many(&format!("RETR {number}")));
            pop3.one("QUIT");
        });
        let each = count / PIPELINES;
        let name = format!("POP3 RETR, 4 KB, pipelined, {PIPELINES} connections");
        self.line(&name, Unit::Each, each * PIPELINES, |server| {
            let address = server.pop3;
            thread::scope(|scope| {
                for pipeline in 0..PIPELINES {
                    scope.spawn(move || {
                        let numbers = pipeline * each + 1..=(pipeline + 1) * each;
                        Pop3::login(address).pipelined(numbers);
                    });
                }
            });
        });
    }

    /// A script of 200 rules, from its text to what is run; the program's start and end are in it.
    pub(crate) fn compiled_script(&mut self) {
        let name = "Sieve script of 200 rules compiled, as a program (median)";
        if !self.wanted(name) {
            return;
        }
        let script = script(200);
        let mut times: Vec<f64> = (0..21).map(|_| self.server.compile(&script)).collect();
        times.sort_by(f64::total_cmp);
        let cost = Cost { count: 1.0, wall: times[times.len() / 2], ..Cost::default() };
        (self.tell)(name, Unit::Seconds, self.server.name, cost);
    }

    /// The same deliveries without a script, with one of five rules, and with one of 200.
    pub(crate) fn sorted_deliveries(&mut self) {
        for rules in [0, 5, 200] {
            let name = format!("LMTP delivery, 4 KB, Sieve script of {rules} rules");
            if !self.wanted(&name) {
                continue;
            }
            self.server.install(&script(rules));
            let count = self.scale.of(4_000);
            self.line(&name, Unit::Each, count, |server| {
                let mut source = Command::new("smtp-source");
                source.args(["-L", "-d", "-s", "8", "-m", &count.to_string(), "-l", "4096"]);
                source.args(["-f", "sender@example.com", "-t", USER]);
                source.arg(format!("inet:{}", server.lmtp)).stdout(Stdio::null());
                assert!(source.status().is_ok_and(|status| status.success()), "smtp-source");
            });
        }
    }
}

/// None of its rules matches.
fn script(rules: usize) -> String {
    let mut text = String::from("require \"fileinto\";\r\n");
    for rule in 0..rules {
        let test = match rule % 4 {
            0 => format!("header :contains \"Subject\" \"nothing of the kind {rule}\""),
            1 => format!("header :is \"X-Mailing-List\" \"list{rule}@example.com\""),
            2 => format!("address :domain \"From\" \"example{rule}.net\""),
            _ => format!("header :matches \"List-Id\" \"*list{rule}*\""),
        };
        write!(text, "if {test} {{ fileinto \"Archive\"; stop; }}\r\n").expect("into memory");
    }
    text
}

/// A POP3 connection.
struct Pop3 {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Pop3 {
    fn login(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP option");
        let mut pop3 = Self { stream: BufReader::with_capacity(1 << 16, stream), line: Vec::new() };
        pop3.status();
        pop3.one(&format!("USER {USER}"));
        pop3.one(&format!("PASS {PASSWORD}"));
        pop3
    }

    fn count(&mut self) -> usize {
        self.one("STAT");
        let text = String::from_utf8_lossy(&self.line).into_owned();
        text.split(' ').nth(1).and_then(|count| count.parse().ok()).expect("STAT's answer")
    }

    fn send(&mut self, text: &str) {
        let bytes = format!("{text}\r\n");
        self.stream.get_mut().write_all(bytes.as_bytes()).expect("the server reads");
    }

    fn read_line(&mut self) {
        self.line.clear();
        self.stream.read_until(b'\n', &mut self.line).expect("an answer");
    }

    fn status(&mut self) {
        self.read_line();
        assert!(self.line.starts_with(b"+OK"), "{}", String::from_utf8_lossy(&self.line));
    }

    fn one(&mut self, command: &str) {
        self.send(command);
        self.status();
    }

    fn many(&mut self, command: &str) {
        self.one(command);
        self.body();
    }

    fn body(&mut self) {
        while self.line != b".\r\n" {
            self.read_line();
            assert!(!self.line.is_empty(), "the server went away");
        }
    }

    fn pipelined(&mut self, numbers: std::ops::RangeInclusive<usize>) {
        let mut writer = self.stream.get_ref().try_clone().expect("a second handle");
        let wanted = numbers.clone().count();
        thread::scope(|scope| {
            scope.spawn(move || {
                let text: String = numbers.map(|number| format!("RETR {number}\r\n")).collect();
                writer.write_all(text.as_bytes()).expect("the server reads");
            });
            for _ in 0..wanted {
                self.status();
                self.body();
            }
        });
    }
}
