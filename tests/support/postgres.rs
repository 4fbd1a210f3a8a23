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
    programs: PathBuf,
    folder: PathBuf,
    data: PathBuf,
    port: u16,
    /// PgBouncer is in front of it.
    has_bouncer: bool,
    /// How it is started.
    options: String,
    /// Who runs it, if that is not us.
    user: Option<(u32, u32)>,
    /// It may be killed: nobody else uses it.
    is_own: bool,
    /// Stops the server when its input ends: with us.
    _keeper: Child,
}

/// A database that goes with its owner.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    cluster: &'static Cluster,
    /// What it is called.
    pub(crate) name: String,
    /// Where Sora finds it, if not at the server itself: a port of 127.0.0.1.
    pub(crate) through: Option<u16>,
    /// Where it may be as well.
    pub(crate) standby: Option<&'static Cluster>,
    /// Further lines of its section.
    pub(crate) more: &'static str,
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

/// True if a server can be had.
#[allow(dead_code, reason = "not all that share this file use it")]
pub(crate) fn is_there() -> bool {
    programs().is_some()
}

/// The server of this process.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(5432, "", bouncer().as_deref(), Disk::Ours))
}

/// A server that listens on a port of 127.0.0.1, too; for as long as the process lives.
#[allow(dead_code, reason = "not all that share this file use it")]
pub(crate) fn listening_cluster() -> (&'static Cluster, u16) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|bound| bound.local_addr());
    let port = free.expect("a free port").port();
    let cluster = Cluster::start(port, "-c listen_addresses=127.0.0.1", None, Disk::Ours);
    (Box::leak(Box::new(cluster)), port)
}

/// A server that is as durable as one must be in earnest, with memory to match.
#[allow(dead_code, reason = "benchmarks want it")]
pub(crate) fn durable_cluster() -> Option<&'static Cluster> {
    programs()?;
    let settings = "-c fsync=on -c full_page_writes=on -c shared_buffers=512MB -c max_wal_size=4GB";
    Some(Box::leak(Box::new(Cluster::start(5432, settings, None, Disk::Ours))))
}

/// What of a server is on a disk that a test may fill.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "not all that share this file use it")]
pub(crate) enum Disk<'a> {
    /// Nothing.
    Ours,
    /// Its tables.
    Tables(&'a Path),
    /// Its log of what is to be written, in small files, so that it soon wants another.
    Log(&'a Path),
    /// Nothing; it follows the server whose socket is there.
    Standby(&'a Path),
}

/// A server that a test may kill.
#[allow(dead_code, reason = "not all that share this file use it")]
pub(crate) fn own_cluster(disk: Disk<'_>) -> &'static Cluster {
    let settings = match disk {
        Disk::Log(_) => "-c min_wal_size=2MB -c max_wal_size=8MB",
        Disk::Ours | Disk::Tables(_) | Disk::Standby(_) => "",
    };
    let mut cluster = Cluster::start(5432, settings, None, disk);
    cluster.is_own = true;
    Box::leak(Box::new(cluster))
}

/// `$1` the programs, `$2` the folder, `$3` the data, `$4` how it is started, `$5` further options of
/// `initdb`, `$6` the port, `$7` PgBouncer, if it is wanted, `$8` where the server is whose standby it is.
const KEEP: &str = r#"
set -e
trap '' INT
if [ -n "$8" ]; then
    "$1/pg_basebackup" -h "$8" -p "$6" -U sora -D "$3" -R -N -c fast >"$2/initdb.log" 2>&1
else
    "$1/initdb" -D "$3" -U sora -A trust -E UTF8 --locale=C --no-sync $5 >"$2/initdb.log" 2>&1
fi
"$1/pg_ctl" -D "$3" -l "$2/log" -o "$4" -w -t 60 start >/dev/null
if [ -n "$7" ]; then
    mkdir "$2/bouncer"
    echo '"sora" ""' >"$2/bouncer/users"
    printf '%s\n' '[databases]' "* = host=$2 port=$6" '[pgbouncer]' "unix_socket_dir = $2/bouncer" \
        "listen_port = $6" 'listen_addr =' 'auth_type = trust' "auth_file = $2/bouncer/users" \
        'pool_mode = transaction' 'max_client_conn = 1000' 'max_db_connections = 6' >"$2/bouncer/ini"
    "$7" -q "$2/bouncer/ini" >"$2/bouncer/log" 2>&1 &
    bouncer=$!
    while [ ! -S "$2/bouncer/.s.PGSQL.$6" ]; do sleep 0.02; done
fi
echo ready
read -r _ || true
[ -z "$7" ] || kill -9 "$bouncer"
"$1/pg_ctl" -D "$3" -m immediate stop >/dev/null 2>&1 || true
rm -rf "$2"
"#;

impl Cluster {
    /// Starts one with further settings.
    fn start(port: u16, settings: &str, bouncer: Option<&Path>, disk: Disk<'_>) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let programs = programs().expect("this needs PostgreSQL installed");
        let (process, number) = (std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("sora-postgres-{process}-{number}"));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let user = unprivileged(&folder);
        let (data, further) = match disk {
            Disk::Ours | Disk::Standby(_) => (folder.join("data"), String::new()),
            Disk::Tables(disk) => {
                (disk.join("data"), format!("-X {}", folder.join("wal").display()))
            }
            Disk::Log(disk) => {
                let log = disk.join("wal").display().to_string();
                (folder.join("data"), format!("-X {log} --wal-segsize=1"))
            }
        };
        if let (Some((user, group)), Disk::Tables(disk) | Disk::Log(disk)) = (user, disk) {
            chown(disk, Some(user), Some(group)).expect("root may");
        }
        let options = format!(
            "-k '{}' -c listen_addresses= -c max_connections=300 -c shared_buffers=64MB \
             -c fsync=off -c full_page_writes=off -c port={port} {settings}",
            folder.display()
        );
        let mut command = as_user(user, Path::new("sh"));
        command.args(["-c", KEEP, "keep"]).args([&programs, &folder, &data]);
        command.args([&options, &further, &port.to_string()]);
        command.arg(bouncer.unwrap_or(Path::new("")));
        command.arg(if let Disk::Standby(of) = disk { of } else { Path::new("") });
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.spawn().expect("a shell");
        let mut said = String::new();
        let stdout = keeper.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut said).expect("it speaks");
        assert_eq!(said, "ready\n", "PostgreSQL does not start: see {}", folder.display());
        let has_bouncer = bouncer.is_some();
        let (is_own, _keeper) = (false, keeper);
        Self { programs, folder, data, port, has_bouncer, options, user, is_own, _keeper }
    }

    /// `kill -9` of the server and all its processes.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn kill(&self) {
        assert!(self.is_own, "others use it");
        let file = self.data.join("postmaster.pid");
        let Ok(text) = std::fs::read_to_string(&file) else { return };
        let postmaster: i32 = text.lines().next().and_then(|line| line.parse().ok()).expect("it");
        let all = stopped(postmaster);
        all.iter().for_each(|pid| signal(*pid, rustix::process::Signal::KILL));
        until("it dies", || !processes().iter().any(|it| it.state != 'Z' && all.contains(&it.pid)));
        // Its number may be that of a process that nobody has waited for yet.
        std::fs::remove_file(&file).expect("it was there");
        std::fs::remove_file(self.socket()).expect("it was there");
        std::fs::remove_file(self.socket().with_extension("5432.lock")).expect("it was there");
    }

    /// Stops the server and all its processes where they are: its connections stay, and it says nothing.
    /// What goes on when the answer is called.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn freeze(&self) -> impl FnOnce() {
        assert!(self.is_own, "others use it");
        let all = stopped(self.process().cast_signed());
        all.iter().for_each(|pid| signal(*pid, rustix::process::Signal::STOP));
        move || all.iter().for_each(|pid| signal(*pid, rustix::process::Signal::CONT))
    }

    /// A server that has what this one commits, before that is acknowledged.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn standby(&self) -> &'static Self {
        let standby = own_cluster(Disk::Standby(&self.folder));
        self.run("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.run("SELECT pg_reload_conf()");
        until("the standby is a synchronous one", || {
            let sql = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            let row = self.connect("postgres").query_one(sql, &[]).expect("an answer");
            row.get::<_, i64>(0) == 1
        });
        standby
    }

    /// Makes a standby take over.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn promote(&self) {
        let mut command = as_user(self.user, &self.programs.join("pg_ctl"));
        command.arg("-D").arg(&self.data).args(["-w", "-t", "60", "promote"]);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.expect("it runs").success(), "PostgreSQL does not take over");
    }

    /// Lets nobody write, on what connections ever.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn refuse_writes(&self) {
        self.run("ALTER SYSTEM SET default_transaction_read_only = on");
        self.run("SELECT pg_reload_conf()");
    }

    /// Starts it again.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn revive(&self) {
        let mut command = as_user(self.user, &self.programs.join("pg_ctl"));
        command.arg("-D").arg(&self.data).arg("-l").arg(self.folder.join("log"));
        command.args(["-o", &self.options, "-w", "-t", "60", "start"]);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let last = &log[log.len().saturating_sub(2_000)..];
        assert!(status.expect("it runs").success(), "PostgreSQL does not come back: {last}");
    }

    /// Its socket.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port))
    }

    /// Makes a database.
    pub(crate) fn database(&'static self) -> TestDatabase {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name}"));
        TestDatabase { cluster: self, name, through: None, standby: None, more: "" }
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
        let standby = self.standby.map(|standby| format!("{},", standby.host()));
        format!("{}{}{between}", standby.unwrap_or_default(), self.cluster.host())
    }

    /// The server itself.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// Of a configuration that uses it.
    #[allow(dead_code, reason = "the store's own tests have no file")]
    pub(crate) fn section(&self) -> String {
        let Self { name, more, .. } = self;
        let (host, port) = match self.through {
            Some(port) => ("127.0.0.1".to_owned(), port),
            None => (self.host(), self.cluster.port),
        };
        let pooled = is_pooled();
        let listen = if pooled { "poll" } else { "listen" };
        format!(
            "[database]\nengine = 'postgres'\nhost = '{host}'\nport = {port}\nuser = 'sora'\nname = '{name}'\n\
             connections = 10\npgbouncer = {pooled}\nlisten = '{listen}'\n{more}"
        )
    }

    /// A connection of the test's own, past PgBouncer.
    #[allow(dead_code, reason = "not all that share this file use it")]
    pub(crate) fn connect(&self) -> postgres::Client {
        // A standby is there for when the server is not.
        let standby = self.standby.filter(|_| !self.cluster.socket().exists());
        standby.unwrap_or(self.cluster).connect(&self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !self.cluster.is_own {
            self.cluster.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// A program to be run as somebody: the server refuses to run as root.
fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = match user {
        None => Command::new(program),
        Some((user, group)) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={user}"), format!("--regid={group}")]);
            command.arg("--clear-groups").arg(program);
            command
        }
    };
    command.current_dir("/");
    command
}

fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    let _gone = rustix::process::kill_process(pid, signal);
}

/// Stops the first process of a server, which then makes no more of them: it, and all there are.
fn stopped(postmaster: i32) -> Vec<i32> {
    signal(postmaster, rustix::process::Signal::STOP);
    until("it stops", || {
        let stopped = |it: &Process| it.pid == postmaster && it.state == 'T';
        processes().iter().any(stopped)
    });
    let ours = |it: &Process| it.pid == postmaster || it.parent == postmaster;
    processes().iter().filter(|it| ours(it)).map(|it| it.pid).collect()
}

/// A process of the machine.
struct Process {
    pid: i32,
    parent: i32,
    /// As the system writes it: `T` is stopped, `Z` is dead and not waited for.
    state: char,
}

fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let process = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?; // a name may have anything in it
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next()?.chars().next()?, fields.next()?.parse().ok()?);
        Some(Process { pid, parent, state })
    };
    pids.filter_map(process).collect()
}

/// Waits for something that sends no word.
fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if is_so() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    panic!("PostgreSQL: waited in vain until {what}");
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
