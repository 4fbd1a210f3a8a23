//! The daemon as a process: its two starts, its signals, and the example that embeds it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::home;
use crate::support::postgres::{self, TestDatabase};
use crate::support::tls;
use crate::support::weed::{ACCESS, SECRET, bucket, weed};

/// A folder of its own, gone with the test; with a database and a bucket if they are wanted.
struct Folder(PathBuf, Option<(TestDatabase, String)>);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = format!("sora-daemon-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _absent = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let elsewhere = home::is_production();
        Self(folder, elsewhere.then(|| (postgres::cluster().database(), bucket())))
    }

    /// Flags that a daemon without a file takes.
    fn flags(&self) -> Vec<String> {
        let Some((database, bucket)) = &self.1 else { return Vec::new() };
        let weed = weed().expect("SORA_TEST_HOME=production needs SeaweedFS").address;
        let host = database.host();
        let flags = [
            ("dbhost", host.as_str()),
            ("dbuser", "sora"),
            ("dbname", &database.name),
            ("s3endpoint", &format!("http://{weed}")),
            ("s3bucket", bucket),
            ("s3accesskey", ACCESS),
            ("s3secretkey", SECRET),
        ];
        flags.iter().map(|(name, value)| format!("-{name}={value}")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A daemon without a configuration file, but for its ports.
struct Daemon {
    process: Child,
    /// What it printed once it listened.
    banner: String,
}

fn command(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sora"));
    command.current_dir(&folder.0).args(["-imapaddr", "127.0.0.1:0", "-lmtpaddr", "127.0.0.1:0"]);
    command.args(folder.flags());
    command.args(["-pop3addr", "127.0.0.1:0", "-managesieveaddr", "127.0.0.1:0"]);
    for listener in ["imap", "pop3"] {
        command.args(["-set", &format!("servers.{listener}.tls_addr=127.0.0.1:0")]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Daemon {
    fn start(folder: &Folder) -> Self {
        let mut process = command(folder).spawn().unwrap();
        let mut banner = String::new();
        let mut out = BufReader::new(process.stdout.as_mut().unwrap());
        while !banner.contains("Ctrl-C") {
            assert_ne!(out.read_line(&mut banner).unwrap(), 0, "it ended: {banner}");
        }
        Self { process, banner }
    }

    /// What the banner says behind a word.
    fn told(&self, word: &str) -> &str {
        let mut lines = self.banner.lines().map(str::trim);
        let rest = lines.find_map(|line| line.strip_prefix(word)).expect(word);
        rest.trim().split("  ").next().unwrap()
    }

    fn connect(&self, word: &str) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.told(word)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        BufReader::new(stream)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

#[track_caller]
fn expect(stream: &mut impl BufRead, want: &str) {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with(want), "{line:?}, not {want:?}");
}

#[test]
fn the_second_start_finds_everything_and_sigterm_says_bye() {
    let folder = Folder::new("starts");
    let mut daemon = Daemon::start(&folder);
    let password = daemon.told("password").to_owned();
    let mut idle = daemon.connect("IMAP ");
    expect(&mut idle, "* OK ");
    daemon.signal(Signal::TERM);
    expect(&mut idle, "* BYE "); // pitfall 62
    drop(idle);
    assert_eq!(daemon.process.wait().unwrap().code(), Some(0));

    let daemon = Daemon::start(&folder);
    assert!(daemon.told("password").starts_with("as printed"), "{}", daemon.banner);
    let mut imap = daemon.connect("IMAP ");
    expect(&mut imap, "* OK ");
    write!(imap.get_mut(), "a LOGIN me@localhost {password}\r\nb STATUS INBOX (MESSAGES)\r\n")
        .unwrap();
    expect(&mut imap, "a OK ");
    expect(&mut imap, "* STATUS INBOX (MESSAGES 1)");
}

/// Pitfall 147.
#[test]
fn a_second_daemon_on_the_same_data_is_refused() {
    let folder = Folder::new("second");
    let _daemon = Daemon::start(&folder);
    let second = command(&folder).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.starts_with("sora: ./sora-data: "), "{said}");
}

#[test]
fn sighup_reads_the_certificate_again() {
    let folder = Folder::new("reload");
    let mut daemon = Daemon::start(&folder);
    let served = |daemon: &Daemon| {
        let mut stream = tls::start(daemon.connect("IMAPS").into_inner());
        stream.read_exact(&mut [0]).unwrap();
        stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let before = served(&daemon);
    assert_eq!(before, served(&daemon));
    let other = Folder::new("reload-other");
    drop(sora::net::Certificate::own(&other.0, "other.example").unwrap());
    for file in ["key.pem", "cert.pem"] {
        std::fs::copy(other.0.join(file), folder.0.join("sora-data/tls").join(file)).unwrap();
    }
    assert_eq!(before, served(&daemon), "nobody has asked yet");
    daemon.signal(Signal::HUP);
    let mut log = BufReader::new(daemon.process.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("certificates were read again")));
    assert_ne!(before, served(&daemon));
}

#[path = "../examples/embed.rs"]
#[expect(dead_code, reason = "its main reads the arguments of a program")]
mod embed;

#[test]
fn the_embedding_example_runs() {
    let folder = Folder::new("embed");
    let told = embed::run(folder.0.clone()).unwrap();
    assert_eq!(told[0], "delivered to ada@example.org: UID 1");
    assert!(told.iter().any(|line| line == "It runs."), "{told:?}");
}
