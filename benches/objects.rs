//! What bodies in object storage cost: `cargo bench --bench objects`, beside a SeaweedFS that shares
//! the machine. CPU is ours alone; rates are what both can do together.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench may fail")]

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use sora::config::Config;
use sora::model::{Address, MailboxName};
use sora::s3::{Client, IfThere, New, Tries};
use sora::store::{Delivery, Facts, IfMissing, NewAccount, NewBody, NewMessage, Opening, Store};

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../tests/support/program.rs"]
mod program;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../tests/support/weed.rs"]
mod weed;
use weed::{CLOCK, bucket, settings, weed};

const OBJECTS: usize = 2_000;
const STAGED: usize = 10_000;

fn main() {
    let Some(weed) = weed() else { return };
    let body = "a line of text, as long as lines are\r\n".repeat(108);
    let hash: [u8; 32] = Sha256::digest(&body).into();
    let client = Client::new(&settings(weed.address, &bucket()), CLOCK).expect("settings");
    let new = New { bytes: body.as_bytes(), hash: &hash, media_type: "message/rfc822", form: None };
    let put = |n| client.put(&format!("1/{n}-x"), &new, IfThere::Replace, Tries::Once).map(drop);
    time("PUT of 4 KB", |n| put(n).expect("put"));
    time("GET of 4 KB", |n| {
        drop(client.get(&format!("1/{n}-x"), 65_536, Tries::Once).expect("it is there"));
    });
    time("HEAD", |n| drop(client.head(&format!("1/{n}-x"), Tries::Once).expect("it is there")));
    time("DELETE", |n| client.delete(&format!("1/{n}-x"), Tries::Once).expect("deleted"));
    for concurrency in [1, 10, 32] {
        move_staged(&body, concurrency);
    }
}

/// CPU of this thread and time for each of many, one after the other.
fn time(what: &str, mut run: impl FnMut(usize)) {
    (0..50).for_each(&mut run);
    let (start, cpu) = (Instant::now(), thread_cpu());
    (0..OBJECTS).for_each(&mut run);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / OBJECTS as f64;
    println!(
        "{what:<12} {:7.1} µs of CPU, {:7.0} µs",
        each(thread_cpu() - cpu),
        each(start.elapsed())
    );
}

fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split(' ').next().expect("a number").parse().expect("a number"))
}

/// Of the whole process, in hundredths of a second.
fn process_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = text.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().expect("ticks");
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Stages bodies while nobody moves them, then starts a server and waits until all are moved.
fn move_staged(body: &str, concurrency: u32) {
    let dir = std::env::temp_dir().join(format!("sora-bench-objects-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a folder");
    let file = dir.join("config.toml");
    let text = format!(
        "data_dir = '{}'\n[bodies]\nhome = 's3'\n[s3]\nendpoint = 'http://{}'\nbucket = '{}'\n\
         access_key = '{}'\nsecret_key = '{}'\n[uploader]\nconcurrency = {concurrency}\n\
         [servers.lmtp]\nstart = true\naddr = '127.0.0.1:0'\n",
        dir.join("data").display(),
        weed().expect("it runs").address,
        bucket(),
        weed::ACCESS,
        weed::SECRET,
    );
    std::fs::write(&file, text).expect("a file");
    let config = Config::find(Some(&file)).expect("a configuration");
    let store = Store::open_at(&sora::work::place(&config), Opening::Daemon).expect("a store");
    let address = Address::new("me@example.com").expect("an address");
    let account = NewAccount { address, password_hash: "{X}".to_owned() };
    let account = store.create_account(account).expect("an account").expect("a new one");
    let (start, cpu) = (Instant::now(), process_cpu());
    for _ in 0..STAGED / 100 {
        let delivery = || Delivery {
            message: NewMessage {
                account,
                mailbox: MailboxName::inbox(),
                flags: Default::default(),
                internal_date: None,
                body: NewBody::Bytes(body.as_bytes().to_vec()),
                facts: Facts { header_bytes: 40, ..Facts::default() },
            },
            if_missing: IfMissing::Inbox,
            digest: None,
        };
        let answers = store.deliver((0..100).map(|_| delivery()).collect());
        assert!(answers.iter().all(Result::is_ok), "staged");
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / STAGED as f64;
    println!(
        "staging, in hundreds: {:.0}/s, {:.0} µs of CPU each",
        STAGED as f64 / start.elapsed().as_secs_f64(),
        each(process_cpu() - cpu)
    );
    drop(store);
    let (start, cpu) = (Instant::now(), process_cpu());
    let server = sora::Server::builder().config(config).loops(1).start().expect("it starts");
    let database = rusqlite::Connection::open(dir.join("data/sora.db")).expect("the database");
    let count = "SELECT COUNT(*) FROM blobs WHERE state <> 3 AND state = 2";
    while database.query_row(count, [], |row| row.get::<_, i64>(0)).expect("a count") > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!(
        "uploader, {concurrency:2} at once: {:.0}/s, {:.0} µs of CPU each",
        STAGED as f64 / start.elapsed().as_secs_f64(),
        each(process_cpu() - cpu)
    );
    server.shutdown();
    drop(server);
    let _gone = std::fs::remove_dir_all(&dir);
}
