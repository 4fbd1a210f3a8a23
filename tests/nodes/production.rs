//! Clients of two nodes behind a balancer, as in production: what one node commits the other serves at
//! once, in one order, and goes on serving when the first is killed.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::connection::{Connection, PATIENCE};
use crate::support::production::Production;

const USER: &str = "me@example.com";
const NODES: [&str; 2] = ["node1", "node2"];

fn imap(address: SocketAddr) -> Connection {
    Connection::imap(address, USER, "secret").expect("a login")
}

/// A client of one node, past the balancer: says what that would say.
fn client_of(home: &Production, node: &str) -> Connection {
    let at = home.at(&format!("{node}_imap"));
    let mut client = Connection::open(at, false).expect("connected");
    client.send(b"PROXY TCP4 127.0.0.1 127.0.0.1 9999 143\r\n").expect("sent");
    client.response().expect("a greeting");
    client.must(&format!("LOGIN {USER} secret")).expect("a login");
    client
}

/// As an MTA brings it: its Received field makes a repetition known.
fn message(token: &str) -> Vec<u8> {
    let received = "Received: by mx.example.org (Postfix); Mon, 1 Jan 2024 10:00:00 +0000";
    format!("{received}\r\nX-Token: {token}\r\nSubject: nodes\r\n\r\nthis is {token}\r\n")
        .into_bytes()
}

/// True if it was answered `250`.
fn deliver(sender: &mut Connection, message: &[u8]) -> io::Result<()> {
    let replies = sender.deliver(&[USER], message)?;
    match replies.first() {
        Some(reply) if reply.starts_with("250") => Ok(()),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}

#[track_caller]
fn expect(client: &mut Connection, want: &str) {
    let response = client.response().unwrap_or_else(|error| panic!("{want}: {error}"));
    assert_eq!(String::from_utf8_lossy(&response), want);
}

/// How often each token is in the inbox.
fn tokens(mut client: Connection) -> HashMap<String, u32> {
    client.must("EXAMINE INBOX").expect("an inbox");
    let fetched = client.must("UID FETCH 1:* BODY.PEEK[]").expect("bodies").untagged;
    let mut found = HashMap::new();
    for response in fetched.iter().filter(|response| response.windows(6).any(|w| w == b" FETCH")) {
        let text = String::from_utf8_lossy(response);
        let token = text.split_once("X-Token: ").and_then(|(_, rest)| rest.split("\r\n").next());
        let token = token.expect("a token");
        assert!(text.contains(&format!("\r\n\r\nthis is {token}\r\n")), "{token} is whole");
        *found.entry(token.to_owned()).or_default() += 1;
    }
    found
}

#[test]
fn two_nodes_behind_a_balancer_are_one_server() {
    let Some(home) = Production::start(&[]) else { return };
    staged_mail_is_served_by_both(&home);
    idle_hears_of_the_other_node(&home);
    order_is_the_same_for_all(&home);
    tls_goes_through(&home);
    a_node_may_be_killed(&home);
    home.admin("node2", &["check", "--deep"]).expect("nothing is wrong");
}

#[test]
fn pgbouncer_may_be_in_between() {
    let soon = ["--set", "database.poll_interval=\"200ms\""];
    let Some(home) = Production::start(&[&["--pgbouncer"][..], &soon].concat()) else { return };
    staged_mail_is_served_by_both(&home);
    idle_hears_of_the_other_node(&home);
    order_is_the_same_for_all(&home);
    home.admin("node1", &["check", "--deep"]).expect("nothing is wrong");
}

/// S3 stands still: what a node took, the other has from the database (pitfall 48).
fn staged_mail_is_served_by_both(home: &Production) {
    home.signal("weed", Signal::STOP);
    let mut sender = Connection::lmtp(home.at("lmtp")).expect("LMTP");
    for n in 0..20 {
        deliver(&mut sender, &message(&format!("staged-{n}"))).expect("taken");
        let mut readers = NODES.map(|node| client_of(home, node));
        for reader in &mut readers {
            reader.must("SELECT INBOX").expect("an inbox");
            let (body, _) = reader.fetch_body(n + 1).expect("a body");
            assert!(body.ends_with(&message(&format!("staged-{n}"))));
        }
    }
    home.signal("weed", Signal::CONT);
}

fn idle_hears_of_the_other_node(home: &Production) {
    let mut idlers = NODES.map(|node| {
        let mut idle = client_of(home, node);
        idle.must("SELECT INBOX").expect("an inbox");
        idle.send(b"i IDLE\r\n").expect("sent");
        expect(&mut idle, "+ idling");
        idle
    });
    for n in 0..10 {
        // A sender's connections go to one node after the other.
        let mut sender = Connection::lmtp(home.at("lmtp")).expect("LMTP");
        deliver(&mut sender, &message(&format!("idle-{n}"))).expect("taken");
        for idle in &mut idlers {
            expect(idle, &format!("* {} EXISTS", 21 + n));
        }
    }
}

/// Writers and readers on both nodes: whoever sees a UID or a mod-sequence sees all before it.
fn order_is_the_same_for_all(home: &Production) {
    let balancer = (home.at("imap"), home.at("lmtp"));
    let (writing, next) = (AtomicU32::new(4), AtomicU32::new(0));
    scope(|scope| {
        for n in 0..4 {
            let (writing, next) = (&writing, &next);
            scope.spawn(move || {
                let _writes = Writes(writing);
                let mut sender = Connection::lmtp(balancer.1).expect("LMTP");
                let mut client = imap(balancer.0);
                client.must("SELECT INBOX").expect("an inbox");
                for _ in 0..25 {
                    let token = format!("order-{}", next.fetch_add(1, Ordering::Relaxed));
                    match n % 2 {
                        0 => deliver(&mut sender, &message(&token)).expect("taken"),
                        _ => {
                            assert!(client.append("INBOX", &message(&token)).expect("sent").is_ok())
                        }
                    }
                    client.must("UID STORE 1 +FLAGS.SILENT (\\Answered)").expect("stored");
                }
            });
        }
        for node in NODES {
            let writing = &writing;
            scope.spawn(move || {
                let mut client = client_of(home, node);
                let mut selected = client_of(home, node);
                selected.must("SELECT INBOX (CONDSTORE)").expect("an inbox");
                let (mut last, mut seen) = ([0; 3], 0);
                while writing.load(Ordering::Relaxed) > 0 {
                    let now = status(&mut client);
                    let [messages, uid_next, _] = now;
                    assert_eq!(messages + 1, uid_next, "{node}: nothing was expunged");
                    assert!(
                        now.iter().zip(last).all(|(now, last)| *now >= last),
                        "{last:?} {now:?}"
                    );
                    last = now;
                    seen = new_messages(&mut selected, seen);
                }
            });
        }
    });
    let last = NODES.map(|node| status(&mut client_of(home, node)));
    assert_eq!(last[0], last[1]);
    assert_eq!(last[0][0], 30 + 100);
}

/// One who writes, until it ends, by a panic, too: others wait for that.
struct Writes<'a>(&'a AtomicU32);

impl Drop for Writes<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// MESSAGES, UIDNEXT, HIGHESTMODSEQ.
fn status(client: &mut Connection) -> [u64; 3] {
    let answer = client.must("STATUS INBOX (MESSAGES UIDNEXT HIGHESTMODSEQ)").expect("a status");
    let text = String::from_utf8_lossy(&answer.untagged[0]).into_owned();
    ["MESSAGES ", "UIDNEXT ", "HIGHESTMODSEQ "].map(|name| {
        let number = text.split_once(name).and_then(|(_, rest)| rest.split([' ', ')']).next());
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text}"))
    })
}

/// The UIDs and mod-sequences of new messages ascend, and no UID is left out.
fn new_messages(client: &mut Connection, seen: u64) -> u64 {
    client.must("NOOP").expect("news");
    let answer = client.must("UID FETCH 1:* (MODSEQ)").expect("fetched");
    let number = |text: &str, name: &str| {
        let number = text.split_once(name).and_then(|(_, rest)| rest.split([' ', ')']).next());
        number.and_then(|number| number.parse::<u64>().ok())
    };
    let mut found: Vec<(u64, u64)> = Vec::new();
    for response in &answer.untagged {
        let text = String::from_utf8_lossy(response);
        if let (Some(uid), Some(mod_seq)) = (number(&text, "UID "), number(&text, "MODSEQ (")) {
            found.push((uid, mod_seq));
        }
    }
    found.sort_unstable();
    found.dedup_by_key(|(uid, _)| *uid); // flags that changed meanwhile are told, too
    let count = found.len() as u64;
    assert!(count >= seen);
    assert!(found.iter().map(|(uid, _)| *uid).eq(1..=count), "a UID is left out: {found:?}");
    // Message 1 is changed all the time; the others have the mod-sequence they came with.
    assert!(found[1..].is_sorted_by(|one, two| one.1 < two.1), "{found:?}");
    count
}

/// The certificate is Sora's own, and the same on each node.
fn tls_goes_through(home: &Production) {
    for _ in 0..4 {
        let mut client = Connection::open(home.at("imaps"), false).expect("connected");
        client.start_tls();
        assert!(client.response().expect("a greeting").starts_with(b"* OK "));
        client.must(&format!("LOGIN {USER} secret")).expect("a login");
    }
}

/// What was answered stays, what was not is sent again, and nothing is there twice (pitfalls 6, 10).
fn a_node_may_be_killed(home: &Production) {
    let before = tokens(client_of(home, "node2")).len();
    let (killed, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut idle = client_of(home, "node2");
    idle.must("SELECT INBOX").expect("an inbox");
    idle.send(b"i IDLE\r\n").expect("sent");
    expect(&mut idle, "+ idling");
    scope(|scope| {
        for n in 0..4 {
            let (killed, sent) = (&killed, &sent);
            scope.spawn(move || {
                for at in 0.. {
                    if killed.load(Ordering::Relaxed) && at >= 30 {
                        return;
                    }
                    deliver_in_any_case(home.at("lmtp"), &message(&format!("kill-{n}-{at}")));
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let end = Instant::now() + PATIENCE;
        while sent.load(Ordering::Relaxed) < 20 && Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        home.signal("node1", Signal::KILL);
        killed.store(true, Ordering::Relaxed);
    });
    let all = tokens(imap(home.at("imap")));
    let sent = sent.load(Ordering::Relaxed);
    assert_eq!(all.len(), before + sent as usize, "what was answered is there");
    assert!(all.values().all(|count| *count == 1), "and once: {all:?}");
    // The last that the idle client is told is the last there is.
    let want = format!("* {} EXISTS", all.len());
    while idle.response().expect("news") != want.as_bytes() {}
}

/// As an MTA does: what is not answered `250` is sent again.
fn deliver_in_any_case(address: SocketAddr, message: &[u8]) {
    let end = Instant::now() + PATIENCE;
    loop {
        let done = Connection::lmtp(address).and_then(|mut sender| deliver(&mut sender, message));
        match done {
            Ok(()) => return,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    }
}
