//! Sora's two homes in one run: SQLite with bodies in it, and PostgreSQL with bodies in S3.
//!
//! PostgreSQL and the S3 server (SeaweedFS) run on the same machine and are as durable as they are
//! sold: their CPU is told beside Sora's. "S3 down" is a port where nobody listens.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::Cost;
use crate::database::{Cluster, TestDatabase, durable_cluster};
use crate::lines::{Bench, Lmtp, Scale, Tell, Unit, fill_with, message};
use crate::process::Tree;
use crate::server::{Server, scratch, sora_with};
use crate::weed::{self, Weed};

/// Deliveries a second that are sustained: fewer than the S3 server takes beside them, and about as
/// many as it takes alone.
const SUSTAINED: [usize; 2] = [500, 1_000];
/// For how long.
const SUSTAINED_SECONDS: usize = 20;

/// Runs every line on the embedded home and on the production home, or only on `which` of them:
/// `embedded`, `up` or `down`.
pub(crate) fn run(which: &str, scale: Scale, only: Option<&str>, tell: &mut Tell<'_>) {
    let is_asked = |home: &str| which == "production" || which == home;
    if is_asked("embedded") {
        let dir = scratch("embedded");
        home(&|| sora_with(&dir, "embedded", ""), None, scale, only, tell);
    }
    if !is_asked("up") && !is_asked("down") {
        return;
    }
    let (Some(cluster), Some(weed)) = (durable_cluster(), weed::weed()) else {
        return eprintln!("no production home: it needs PostgreSQL and SeaweedFS here");
    };
    if is_asked("up") {
        let up = Production::new(cluster, weed, "up");
        home(&|| up.start("production", weed.address), Some(&up), scale, only, tell);
    }
    if is_asked("down") {
        away(&Production::new(cluster, weed, "down"), scale, only, tell);
    }
}

/// What both homes are asked.
fn home(
    start: &dyn Fn() -> Server,
    production: Option<&Production>,
    scale: Scale,
    only: Option<&str>,
    tell: &mut Tell<'_>,
) {
    let mut bench = Bench { server: start(), scale, only, tell };
    bench.deliveries();
    if let Some(production) = production {
        number(&mut bench, "staged after them", production.staged());
        production.wait_until_moved();
    }
    SUSTAINED.iter().for_each(|rate| bench.sustained(*rate, production));
    bench.commands();
    let count = scale.of(10_000);
    let labels = [
        format!("FETCH 1:* ENVELOPE of {count}, cold"),
        format!("FETCH 1:* ENVELOPE of {count}, again"),
        format!("FETCH 1:* BODY.PEEK[] of {count} × 4 KB, cold"),
        format!("FETCH 1:* BODY.PEEK[] of {count} × 4 KB, again"),
    ];
    if !labels.iter().any(|label| bench.wanted(label)) {
        return;
    }
    fill_with(&bench.server, "bodies", count, message);
    // Another node, or another day: nothing is in memory, and the cache of bodies is empty.
    let Bench { server, tell, .. } = bench;
    if let Some(production) = production {
        production.wait_until_moved();
    }
    drop(server);
    if let Some(production) = production {
        production.forget_bodies();
    }
    let mut bench = Bench { server: start(), scale, only, tell };
    let mut client = bench.client();
    client.run("SELECT bodies");
    for (label, items) in labels.iter().zip(["ENVELOPE", "ENVELOPE", "BODY.PEEK[]", "BODY.PEEK[]"])
    {
        bench.line(label, Unit::Whole, 1, |_| {
            client.run(&format!("FETCH 1:* ({items})"));
        });
    }
}

/// While the bucket cannot be reached, and when it can be again.
fn away(down: &Production, scale: Scale, only: Option<&str>, tell: &mut Tell<'_>) {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut bench = Bench { server: down.start("production, S3 down", nowhere), scale, only, tell };
    let before = bench.server.tree().resident_bytes();
    bench.deliveries();
    number(&mut bench, "staged after them", down.staged());
    let after = bench.server.tree().resident_bytes();
    for (name, bytes) in [("memory before them", before), ("memory after them", after)] {
        let cost = Cost { count: bytes as f64, ..Cost::default() };
        (bench.tell)(name, Unit::Bytes, bench.server.name, cost);
    }
    let Bench { server, tell, .. } = bench;
    drop(server);
    let staged = usize::try_from(down.staged()).unwrap_or(0);
    let server = down.start("production", down.weed.address);
    let mut bench = Bench { server, scale, only, tell };
    bench.line("moving what was staged to S3", Unit::Each, staged, |_| down.wait_until_moved());
}

fn number(bench: &mut Bench<'_>, name: &str, count: i64) {
    let cost = Cost { count: count as f64, ..Cost::default() };
    (bench.tell)(name, Unit::Count, bench.server.name, cost);
}

impl Bench<'_> {
    /// So many deliveries a second and no more, from 16 connections.
    fn sustained(&mut self, rate: usize, production: Option<&Production>) {
        let seconds = self.scale.of(SUSTAINED_SECONDS).max(4);
        let name = format!("LMTP delivery, {rate} a second for {seconds} s");
        let mut staged = Vec::new();
        self.line(&name, Unit::Each, rate * seconds, |server| {
            let begun = Instant::now();
            thread::scope(|scope| {
                for sender in 0..16 {
                    scope.spawn(move || {
                        let mut lmtp = Lmtp::connect(server.lmtp);
                        for number in (sender..rate * seconds).step_by(16) {
                            let due = Duration::from_secs_f64(number as f64 / rate as f64);
                            thread::sleep(due.saturating_sub(begun.elapsed()));
                            lmtp.deliver(&message(number));
                        }
                    });
                }
                if let Some(production) = production {
                    for quarter in 1..=4 {
                        let due =
                            Duration::from_secs_f64(seconds as f64 * f64::from(quarter) / 4.0);
                        thread::sleep(due.saturating_sub(begun.elapsed()));
                        staged.push(production.staged());
                    }
                }
            });
        });
        for (quarter, staged) in (1..).zip(staged) {
            number(self, &format!("staged after {quarter}/4 of {rate} a second"), staged);
        }
        if let Some(production) = production {
            production.wait_until_moved();
        }
    }

    /// One large command each, on 10,000 messages of 1 KB.
    fn commands(&mut self) {
        self.large_mailbox("big10k", self.scale.of(10_000));
    }
}

/// A database, a bucket, and a directory for what a node has of its own.
struct Production {
    cluster: &'static Cluster,
    weed: &'static Weed,
    database: TestDatabase,
    /// Our own way to look at it.
    connection: Mutex<postgres::Client>,
    bucket: String,
    dir: std::path::PathBuf,
}

impl Production {
    fn new(cluster: &'static Cluster, weed: &'static Weed, name: &str) -> Self {
        let (database, bucket) = (cluster.database(), weed::bucket());
        let connection = Mutex::new(database.connect());
        Self { cluster, weed, database, connection, bucket, dir: scratch(name) }
    }

    /// A node that looks for the bucket at `endpoint`.
    fn start(&self, name: &'static str, endpoint: SocketAddr) -> Server {
        let more = format!(
            "{}[bodies]\nhome = 's3'\n[s3]\nendpoint = 'http://{endpoint}'\nbucket = '{}'\n\
             access_key = '{}'\nsecret_key = '{}'\n",
            self.database.section().replace("connections = 10\n", ""),
            self.bucket,
            weed::ACCESS,
            weed::SECRET,
        );
        let mut server = sora_with(&self.dir, name, &more);
        let processes = [self.cluster.process(), self.weed.process()];
        server.beside = processes.map(|root| Tree { root }).to_vec();
        server
    }

    fn staged(&self) -> i64 {
        let count = "SELECT COUNT(*) FROM blobs WHERE state <> 3 AND state = 2";
        let mut connection = self.connection.lock().expect("nobody panics");
        connection.query_one(count, &[]).map_or(0, |row| row.get(0)) // no tables, nothing staged
    }

    /// Looks seldom: to count costs the server more than to move a few.
    fn wait_until_moved(&self) {
        while let staged = self.staged()
            && staged > 0
        {
            thread::sleep(Duration::from_millis((staged / 8).clamp(50, 1_000).unsigned_abs()));
        }
    }

    /// Empties the cache of bodies.
    fn forget_bodies(&self) {
        let cache: &Path = &self.dir.join("data/cache");
        let _absent = std::fs::remove_dir_all(cache);
    }
}
