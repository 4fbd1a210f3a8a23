//! A real S3 server, SeaweedFS, started once for all tests; each has a bucket of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use sora::model::Secret;
use sora::s3;

use super::program::{find, libraries, skipped};

/// The one identity it knows.
pub(crate) const ACCESS: &str = "AKTEST";
/// Its secret.
pub(crate) const SECRET: &str = "sekrit0123456789";

/// A running server.
#[derive(Debug)]
pub(crate) struct Weed {
    /// Where it speaks S3.
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    /// It ends when this process does, however that ends: then its standard input does, too.
    _child: Child,
}

/// The server of this test run; `None`, having said so, if there is no `weed`.
pub(crate) fn weed() -> Option<&'static Weed> {
    static WEED: OnceLock<Option<Weed>> = OnceLock::new();
    let weed = WEED.get_or_init(|| {
        let ours = libraries().join("venv/bin/weed");
        let program = if ours.is_file() { Some(ours) } else { find("weed") };
        program.map(|program| Weed::start(&program))
    });
    if weed.is_none() {
        skipped("weed");
    }
    weed.as_ref()
}

/// A name that no other test has.
pub(crate) fn bucket() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("mail-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Settings of the client for a bucket at `endpoint`.
pub(crate) fn settings(endpoint: SocketAddr, bucket: &str) -> s3::Settings {
    s3::Settings {
        endpoint: endpoint.to_string(),
        disable_tls: true,
        bucket: bucket.to_owned(),
        region: "us-east-1".to_owned(),
        addressing: s3::Addressing::Auto,
        access_key: ACCESS.to_owned(),
        secret_key: Secret::new(SECRET),
        session_token: None,
        credentials_file: None,
        ca_file: None,
        timeout: Duration::from_secs(20),
        connections: 8,
        trace: false,
    }
}

/// The real time.
pub(crate) const CLOCK: s3::Clock = s3::Clock { now: SystemTime::now, pause };

fn pause(time: Duration) {
    // A client that waits before its next try: the one thing here that is meant to take time.
    std::thread::park_timeout(time);
}

impl Weed {
    /// The process that all others of the server descend from.
    #[allow(dead_code, reason = "benchmarks want it")]
    pub(crate) fn process(&self) -> u32 {
        self._child.id()
    }
}

const STARTS: usize = 3;
const START_SECONDS_MAX: u64 = 60;

impl Weed {
    fn start(program: &Path) -> Self {
        for _ in 0..STARTS {
            if let Some(weed) = Self::try_start(program) {
                return weed;
            }
        }
        panic!("{} does not start", program.display());
    }

    /// On free ports; somebody may take one of them before it does.
    fn try_start(program: &Path) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("sora-test-weed-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("data")).expect("a temporary folder");
        let identities = format!(
            r#"{{"identities":[{{"name":"admin","credentials":[{{"accessKey":"{ACCESS}","secretKey":"{SECRET}"}}],"actions":["Admin","Read","List","Tagging","Write"]}}]}}"#
        );
        std::fs::write(folder.join("s3.json"), identities).expect("a file for it");
        let ports = free_ports(12);
        let names = [
            "s3.port",
            "s3.port.grpc",
            "s3.port.iceberg",
            "s3.port.lance",
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
            "admin.port",
            "admin.port.grpc",
        ];
        // The shell waits for the end of our process, and takes the server with it.
        let script =
            "\"$@\" >log 2>&1 </dev/null & pid=$!; read -r _; kill -9 $pid; rm -rf \"$PWD\"";
        let mut command = Command::new("/bin/sh");
        command.current_dir(&folder).args(["-c", script, "sh"]).arg(program);
        command.args(["mini", "-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]);
        command.args(["-s3.domainName=localhost"]); // buckets by host name
        command.args(["-s3.config=s3.json", "-admin.ui=false", "-webdav=false"]);
        // Each bucket takes some volumes, and by itself it has as many as fit on the disk when full.
        command.arg("-volume.max=4000");
        for (name, port) in names.iter().zip(&ports) {
            command.arg(format!("-{name}={port}"));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("a shell");
        let address = SocketAddr::from(([127, 0, 0, 1], ports[0]));
        let weed = Self { address, folder, _child: child };
        let end = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while Instant::now() < end {
            // Closed to strangers: then its identities are read.
            if status_of(address) == Some(403) && takes_objects(address) {
                return Some(weed);
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        eprintln!("{}", std::fs::read_to_string(weed.folder.join("log")).unwrap_or_default());
        None
    }
}

/// It listens before it has anywhere to put things.
fn takes_objects(address: SocketAddr) -> bool {
    let client = s3::Client::new(&settings(address, "ready"), CLOCK).expect("right settings");
    let bytes = b"x";
    let hash = Sha256::digest(bytes).into();
    let new = s3::New { bytes, hash: &hash, media_type: "text/plain", form: None };
    client.put("x", &new, s3::IfThere::Replace, s3::Tries::Once).is_ok()
}

fn status_of(address: SocketAddr) -> Option<u16> {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    let _cut = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}

fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    held.iter().map(|held| held.local_addr().expect("it is bound").port()).collect()
}
