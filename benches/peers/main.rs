//! Sora beside Debian's Dovecot, on one machine in one run: `make bench`.
//!
//! Both servers are durable (an fsync before every 250 and OK) and start empty. Each line is
//! measured on one and then on the other, as wall time and as CPU seconds of the server's
//! processes; what counts is the ratio. Run as root (Dovecot insists). `--quick` does a tenth,
//! `--only WORD` the lines whose name has WORD, `--sora` and `--dovecot` measure that one alone.
//! `--home production` measures Sora on PostgreSQL and S3 beside itself on the embedded home instead
//! (`--home embedded`, `up` and `down`: that part alone, the last two with the bucket there or not).
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a benchmark reports to a person and stops when something is wrong"
)]

mod client;
mod homes;
mod lines;
mod more;
mod process;
mod report;
mod server;

#[path = "../../tests/support/postgres.rs"]
mod database;
#[path = "../../tests/support/program.rs"]
mod program;
#[path = "../../tests/support/weed.rs"]
mod weed;

use lines::Scale;
use server::Server;

/// What one line cost on one server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Operations done.
    pub(crate) count: f64,
    /// Seconds it took.
    pub(crate) wall: f64,
    /// CPU seconds of the server.
    pub(crate) cpu: f64,
    /// And of the database and the S3 server that it works with.
    pub(crate) beside: [f64; 2],
}

/// A line of the report: for each server that ran, what it cost.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) unit: lines::Unit,
    pub(crate) costs: Vec<(&'static str, Cost)>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let only = args.iter().position(|arg| arg == "--only").and_then(|at| args.get(at + 1));
    let scale = if has("--quick") { Scale { tenth: true } } else { Scale { tenth: false } };

    let mut table: Vec<Line> = Vec::new();
    let mut tell = |name: &str, unit, server, cost| {
        report::progress(server, name, unit, cost);
        match table.iter_mut().find(|line| line.name == name) {
            Some(line) => line.costs.push((server, cost)),
            None => table.push(Line { name: name.to_owned(), unit, costs: vec![(server, cost)] }),
        }
    };
    let only = only.map(String::as_str);
    if let Some(at) = args.iter().position(|arg| arg == "--home") {
        homes::run(args.get(at + 1).map_or("production", String::as_str), scale, only, &mut tell);
    } else {
        for start in peers(&args) {
            lines::run(start, scale, only, &mut tell);
        }
    }
    report::table(&table);
    let page = server::scratch("report").join("peers.html");
    std::fs::write(&page, report::page(&table)).expect("target/ can be written");
    println!("\nThe same as a page: {}", page.display());
}

/// Sora and Dovecot, or one of them.
fn peers(args: &[String]) -> Vec<fn(&std::path::Path) -> Server> {
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let mut peers: Vec<fn(&std::path::Path) -> Server> = Vec::new();
    if !has("--dovecot") {
        peers.push(server::sora);
    }
    let installed = std::process::Command::new("dovecot").arg("--version").output().is_ok();
    match (has("--sora"), installed) {
        (true, _) => {}
        (false, true) => peers.push(server::dovecot),
        (false, false) => {
            eprintln!(
                "no Dovecot here (apt-get install dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-sieve)"
            )
        }
    }
    peers
}
