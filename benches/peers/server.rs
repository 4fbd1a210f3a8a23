//! The servers under test, each started on free loopback ports in a directory of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::Tree;

pub(crate) const USER: &str = "me@localhost";
pub(crate) const PASSWORD: &str = "bench-password";

/// A server that is up.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) imap: SocketAddr,
    pub(crate) imaps: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    pub(crate) pop3: SocketAddr,
    /// Its directory, if scripts are files there; where ManageSieve is otherwise.
    scripts: Scripts,
    /// Seconds from exec to the first accepted connection.
    pub(crate) start_seconds: f64,
    /// What it works with, each a server of its own.
    pub(crate) beside: Vec<Tree>,
    child: Child,
}

impl Server {
    pub(crate) fn tree(&self) -> Tree {
        Tree { root: self.child.id() }
    }

    /// Its CPU seconds so far, and those of what it works with.
    pub(crate) fn cpu_seconds(&self) -> (f64, [f64; 2]) {
        let beside = |at| self.beside.get(at).map_or(0.0, |tree: &Tree| tree.cpu_seconds());
        (self.tree().cpu_seconds(), [beside(0), beside(1)])
    }
}

/// A file beside the configuration: from then on Dovecot delivers with Pigeonhole.
pub(crate) const WITH_SIEVE: &str = "with-sieve";

/// How a server is given a script.
enum Scripts {
    Managed(SocketAddr),
    Files(PathBuf),
}

impl Server {
    /// Seconds that the server's own compiler takes for a script.
    pub(crate) fn compile(&self, script: &str) -> f64 {
        let file = scratch("compiled").join("script.sieve");
        fs::write(&file, script).expect("a scratch directory");
        let mut compiler = match &self.scripts {
            Scripts::Files(_) => Command::new("sievec"),
            Scripts::Managed(_) => {
                let mut admin = Command::new(env!("CARGO_BIN_EXE_sora-admin"));
                admin.args(["sieve", "check"]);
                admin
            }
        };
        compiler.arg(&file).stdout(Stdio::null());
        let start = Instant::now();
        let status = compiler.status();
        let seconds = start.elapsed().as_secs_f64();
        assert!(status.is_ok_and(|status| status.success()), "{compiler:?}");
        seconds
    }

    /// Makes a script the active one.
    pub(crate) fn install(&self, script: &str) {
        match &self.scripts {
            Scripts::Files(home) => {
                let file = home.join(".dovecot.sieve");
                fs::write(&file, script).expect("a scratch directory");
                let compiled = Command::new("sievec").arg(&file).status();
                assert!(compiled.is_ok_and(|status| status.success()), "sievec");
                let status = Command::new("chown").arg("-R").arg("mail:mail").arg(home).status();
                assert!(status.is_ok_and(|status| status.success()), "chown needs root");
            }
            Scripts::Managed(address) => {
                let mut stream = TcpStream::connect(address).expect("ManageSieve listens");
                let plain = base64_simd::STANDARD.encode_to_string(format!("\0{USER}\0{PASSWORD}"));
                let text = format!(
                    "AUTHENTICATE \"PLAIN\" \"{plain}\"\r\nPUTSCRIPT \"b\" {{{}+}}\r\n{script}\r\n\
                     SETACTIVE \"b\"\r\nLOGOUT\r\n",
                    script.len()
                );
                stream.write_all(text.as_bytes()).expect("it reads");
                let mut said = String::new();
                stream.read_to_string(&mut said).expect("an answer");
                assert_eq!(said.matches("\nOK").count(), 5, "{said}");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both understand SIGTERM; Dovecot's children go with their master.
        let _status = Command::new("kill").arg(self.child.id().to_string()).status();
        let _status = self.child.wait();
    }
}

/// Starts Sora, the release build beside this benchmark, and makes its account the first time.
pub(crate) fn sora(dir: &Path) -> Server {
    sora_with(dir, "sora", "")
}

/// The same with more sections of configuration.
pub(crate) fn sora_with(dir: &Path, name: &'static str, more: &str) -> Server {
    let [imap, imaps, lmtp, pop3, sieve] = free_ports();
    let data = dir.join("data");
    let config = dir.join("config.toml");
    let first = !config.exists();
    let text = format!(
        "data_dir = {data:?}\n[servers]\nmax_connections_per_account = 100000\n\
         [servers.imap]\nstart = true\naddr = \"{imap}\"\ntls_addr = \"{imaps}\"\n\
         [servers.pop3]\nstart = true\naddr = \"{pop3}\"\n\
         [servers.managesieve]\nstart = true\naddr = \"{sieve}\"\nmax_script_size = \"1mb\"\n\
         [servers.lmtp]\nstart = true\naddr = \"{lmtp}\"\n{more}"
    );
    fs::write(&config, text).expect("a scratch directory");
    if first {
        let mut admin = Command::new(env!("CARGO_BIN_EXE_sora-admin"));
        admin.args(["create-account", "--email", USER, "--password", PASSWORD, "--config"]);
        let made = admin.arg(&config).stdout(Stdio::null()).status().expect("sora-admin runs");
        assert!(made.success(), "sora-admin makes an account");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_sora"));
    command.arg("-config").arg(&config);
    start(name, command, dir, [imap, imaps, lmtp, pop3], Scripts::Managed(sieve))
}

/// Starts Debian's Dovecot on sdbox, tuned: processes kept and shared, logins in few processes.
pub(crate) fn dovecot(dir: &Path) -> Server {
    let [imap, imaps, lmtp, pop3] = free_ports();
    fs::create_dir_all(dir.join("home")).expect("a scratch directory");
    let (key, certificate) = (dir.join("key.pem"), dir.join("cert.pem"));
    if !key.exists() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a key");
        fs::write(&key, made.signing_key.serialize_pem()).expect("a scratch directory");
        fs::write(&certificate, made.cert.pem()).expect("a scratch directory");
        own(dir);
    }
    let text = include_str!("dovecot.conf")
        .replace("@DIR@", &dir.display().to_string())
        .replace("@IMAP@", &imap.port().to_string())
        .replace("@IMAPS@", &imaps.port().to_string())
        .replace("@LMTP@", &lmtp.port().to_string())
        .replace("@POP3@", &pop3.port().to_string())
        .replace("@PLUGINS@", if dir.join(WITH_SIEVE).exists() { "sieve" } else { "" });
    let config = dir.join("dovecot.conf");
    fs::write(&config, text).expect("a scratch directory");
    let mut hash = Command::new("doveadm");
    hash.arg("-c").arg(&config).args(["pw", "-s", "BLF-CRYPT", "-r", "10", "-p", PASSWORD]);
    let hash = hash.output().expect("doveadm runs").stdout;
    fs::write(dir.join("users"), format!("{USER}:{}", String::from_utf8_lossy(&hash)))
        .expect("a scratch directory");
    let mut command = Command::new("dovecot");
    command.arg("-F").arg("-c").arg(&config);
    start("dovecot", command, dir, [imap, imaps, lmtp, pop3], Scripts::Files(dir.join("home")))
}

/// Mail belongs to the user that Dovecot delivers as.
fn own(dir: &Path) {
    let status = Command::new("chown").arg("-R").arg("mail:mail").arg(dir.join("home")).status();
    assert!(status.is_ok_and(|status| status.success()), "chown needs root");
}

fn start(
    name: &'static str,
    mut command: Command,
    dir: &Path,
    at: [SocketAddr; 4],
    scripts: Scripts,
) -> Server {
    let log = fs::File::create(dir.join("stderr")).expect("a scratch directory");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let begun = Instant::now();
    let child = command.spawn().expect("the server starts");
    while at.iter().any(|address| TcpStream::connect(address).is_err()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} listens: see {}", dir.display());
        std::thread::yield_now();
    }
    let [imap, imaps, lmtp, pop3] = at;
    let start_seconds = begun.elapsed().as_secs_f64();
    Server { name, imap, imaps, lmtp, pop3, scripts, start_seconds, beside: Vec::new(), child }
}

fn free_ports<const COUNT: usize>() -> [SocketAddr; COUNT] {
    let bound = [(); COUNT].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    bound.map(|listener| listener.local_addr().expect("it is bound"))
}

/// A fresh directory below target/.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("peers").join(name);
    let _absent = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("target/ can be written");
    dir
}
