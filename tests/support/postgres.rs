//! A PostgreSQL of our own: started once by the first test of a process that wants it, in a temporary
//! directory and on a Unix socket there, and gone with the process, however that ends. Each test has
//! a database of its own.
//!
//! `SORA_TEST_DATABASE=postgres` makes the tests that open a store use it, and so does
//! `SORA_TEST_HOME=production`, which puts their bodies in a bucket, too. With `SORA_TEST_POOLED=1` there is
//! PgBouncer in transaction mode between them and it, if it is installed.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// True if tests that open a store shall open it here.
pub(crate) fn is_wanted() -> bool {
    let is = |name, value| std::env::var_os(name).is_some_and(|wanted| wanted == value);
    is("SORA_TEST_DATABASE", "postgres") || is("SORA_TEST_HOME", "production")
}

/// True if tests shall use it as behind PgBouncer.
pub(crate) fn is_pooled() -> bool {
    std::env::var_os("SORA_TEST_POOLED").is_some()
}

/// A server.
#[derive(Debug)]
pub(crate) struct Cluster {
    folder: PathBuf,
    port: u16,
    /// PgBouncer is in front of it.
    has_bouncer: bool,
    /// Stops the server when its input ends: with us.
    _keeper: Child,
}

/// A database that goes with its owner.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    cluster: &'static Cluster,
    /// What it is called.
    pub(crate) name: String,
}

/// Where Debian and others put the server's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.into_iter().find(|folder| folder.join("initdb").exists())
}

fn bouncer() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|file| file.is_file());
    if is_pooled() && found.is_none() {
        let _nobody_reads = writeln!(std::io::stderr(), "skipped: no pgbouncer");
    }
    found.filter(|_| is_pooled())
}

/// The server of this process.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let programs = programs().expect("SORA_TEST_DATABASE=postgres needs PostgreSQL installed");
        Cluster::start(&programs, 5432, "", bouncer().as_deref())
    })
}

/// A server that listens on a port of 127.0.0.1, too; for as long as the process lives.
#[allow(dead_code, reason = "not all that share this file use it")]
pub(crate) fn listening_cluster() -> (&'static Cluster, u16) {
    let programs = programs().expect("SORA_TEST_DATABASE=postgres needs PostgreSQL installed");
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr());
    let port = free.expect("a free port").port();
    let cluster = Cluster::start(&programs, port, "-c listen_addresses=127.0.0.1", None);
    (Box::leak(Box::new(cluster)), port)
}

/// A server that is as durable as one must be in earnest, with memory to match.
#[allow(dead_code, reason = "benchmarks want it")]
pub(crate) fn durable_cluster() -> Option<&'static Cluster> {
    let settings = "-c fsync=on -c full_page_writes=on -c shared_buffers=512MB -c max_wal_size=4GB";
    Some(Box::leak(Box::new(Cluster::start(&programs()?, 5432, settings, None))))
}

/// `$1` the programs, `$2` the folder, `$3` the port, `$4` more settings, `$5` PgBouncer, if it is wanted.
const KEEP: &str = r#"
set -e
trap '' INT
"$1/initdb" -D "$2/data" -U sora -A trust -E UTF8 --locale=C --no-sync >"$2/initdb.log" 2>&1
options="-k '$2' -c listen_addresses= -c max_connections=300 -c shared_buffers=64MB"
options="$options -c fsync=off -c full_page_writes=off -c port=$3 $4"
"$1/pg_ctl" -D "$2/data" -l "$2/log" -o "$options" -w -t 60 start >/dev/null
if [ -n "$5" ]; then
    mkdir "$2/bouncer"
    echo '"sora" ""' >"$2/bouncer/users"
    printf '%s\n' '[databases]' "* = host=$2 port=$3" '[pgbouncer]' "unix_socket_dir = $2/bouncer" \
        "listen_port = $3" 'listen_addr =' 'auth_type = trust' "auth_file = $2/bouncer/users" \
        'pool_mode = transaction' 'max_client_conn = 1000' 'max_db_connections = 6' >"$2/bouncer/ini"
    "$5" -q "$2/bouncer/ini" >"$2/bouncer/log" 2>&1 &
    bouncer=$!
    while [ ! -S "$2/bouncer/.s.PGSQL.$3" ]; do sleep 0.02; done
fi
echo ready
read -r _ || true
[ -z "$5" ] || kill -9 "$bouncer"
"$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null
rm -rf "$2"
"#;

impl Cluster {
    /// Starts one with further settings.
    fn start(programs: &Path, port: u16, settings: &str, bouncer: Option<&Path>) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("sora-postgres-{process}-{number}"));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let mut command = match unprivileged(&folder) {
            None => Command::new("sh"),
            // The server refuses to run as root.
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={group}")]);
                command.args(["--clear-groups", "sh"]);
                command
            }
        };
        command.args(["-c", KEEP, "keep"]).args([programs, &folder]);
        command.args([&port.to_string(), settings]).arg(bouncer.unwrap_or(Path::new("")));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).current_dir("/");
        let mut keeper = command.spawn().expect("a shell");
        let mut said = String::new();
        let stdout = keeper.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut said).expect("it speaks");
        assert_eq!(said, "ready\n", "PostgreSQL does not start: see {}", folder.display());
        Self { folder, port, has_bouncer: bouncer.is_some(), _keeper: keeper }
    }

    /// Makes a database.
    pub(crate) fn database(&'static self) -> TestDatabase {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name}"));
        TestDatabase { cluster: self, name }
    }

    /// The directory of its socket.
    pub(crate) fn host(&self) -> &str {
        self.folder.to_str().expect("a name in UTF-8")
    }

    /// The process that all others of the server descend from.
    #[allow(dead_code, reason = "benchmarks want it")]
    pub(crate) fn process(&self) -> u32 {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid"));
        let file = file.expect("it runs");
        file.lines().next().and_then(|first| first.parse().ok()).expect("a number")
    }

    fn run(&self, command: &str) {
        self.connect("postgres").batch_execute(command).expect("it does");
    }

    fn connect(&self, name: &str) -> postgres::Client {
        let mut config = postgres::Config::new();
        config.host(self.host()).port(self.port).user("sora").dbname(name);
        config.connect(postgres::NoTls).expect("the server is there")
    }
}

impl TestDatabase {
    /// Where its server is, for a store.
    pub(crate) fn host(&self) -> String {
        let between = if self.cluster.has_bouncer { "/bouncer" } else { "" };
        format!("{}{between}", self.cluster.host())
    }

    /// Of a configuration that uses it.
    #[allow(dead_code, reason = "the store's own tests have no file")]
    pub(crate) fn section(&self) -> String {
        let (host, name) = (self.host(), &self.name);
        let pooled = is_pooled();
        let listen = if pooled { "poll" } else { "listen" };
        format!(
            "[database]\nengine = 'postgres'\nhost = '{host}'\nuser = 'sora'\nname = '{name}'\n\
             connections = 10\npgbouncer = {pooled}\nlisten = '{listen}'\n"
        )
    }

    /// A connection of the test's own, past PgBouncer.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn connect(&self) -> postgres::Client {
        self.cluster.connect(&self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.cluster.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Gives `folder` to a user who is not root, if we are: their numbers.
fn unprivileged(folder: &Path) -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("there are users");
    let entry = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse::<u32>);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    let (user, group) = entry("postgres").or_else(|| entry("nobody")).expect("somebody");
    chown(folder, Some(user), Some(group)).expect("root may");
    Some((user, group))
}
