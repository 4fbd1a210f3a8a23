//! Two nodes in this process, each with clients of its own.

use std::time::{Duration, Instant};

use crate::support::connection::Connection;
use crate::support::home::Home;
use crate::support::postgres;
use crate::support::server::Server;

const USER: &str = "me@example.org";

/// Two nodes on one database with one account; `None` if this run has no PostgreSQL.
fn pair() -> Option<(Server, Server)> {
    pair_of(Home::new)
}

fn pair_of(home: fn(&str, &str) -> Home) -> Option<(Server, Server)> {
    postgres::is_wanted().then(|| {
        let one = home("", "");
        one.create_account(USER, "secret");
        let two = one.beside();
        (Server::with(one), Server::with(two))
    })
}

fn stop((one, two): (Server, Server)) {
    let _other_database_is_the_same = two.stop_and_keep();
    one.stop();
}

fn client(node: &Server) -> Connection {
    Connection::imap(node.imap(), USER, "secret").expect("a login")
}

fn deliver(node: &Server, text: &str) {
    let mut sender = Connection::lmtp(node.lmtp()).expect("LMTP");
    let message = format!("Subject: x\r\n\r\n{text}\r\n");
    let replies = sender.deliver(&[USER], message.as_bytes()).expect("a delivery");
    assert!(replies[0].starts_with("250"), "{replies:?}");
}

/// In IDLE in the inbox, which has nothing more to tell.
fn idler(node: &Server) -> Connection {
    let mut client = client(node);
    client.must("SELECT INBOX").expect("an inbox");
    client.send(b"i IDLE\r\n").expect("sent");
    expect(&mut client, "+ idling");
    client
}

#[track_caller]
fn expect(client: &mut Connection, want: &str) {
    let response = client.response().unwrap_or_else(|error| panic!("{want}: {error}"));
    assert_eq!(String::from_utf8_lossy(&response), want);
}

/// Begins with the first of `parts`, and has the others.
#[track_caller]
fn hear(client: &mut Connection, parts: &[&str]) {
    let response = client.response().unwrap_or_else(|error| panic!("{parts:?}: {error}"));
    let text = String::from_utf8_lossy(&response);
    let has_all = parts.iter().all(|part| text.contains(part));
    assert!(text.starts_with(parts[0]) && has_all, "{text}, not {parts:?}");
}

#[test]
fn idle_hears_what_is_done_through_another_node() {
    let Some(nodes) = pair() else { return };
    for (here, there, word) in [(&nodes.0, &nodes.1, "one"), (&nodes.1, &nodes.0, "two")] {
        let mut other = client(there);
        other.must("SELECT INBOX").expect("an inbox");
        let mut idle = idler(here);
        deliver(there, "one");
        expect(&mut idle, "* 1 EXISTS");
        other.must("NOOP").expect("news");
        other.must(&format!("STORE 1 +FLAGS (\\Seen {word})")).expect("stored");
        hear(&mut idle, &["* FLAGS (", word]);
        hear(&mut idle, &["* OK [PERMANENTFLAGS (", word]);
        hear(&mut idle, &["* 1 FETCH (", "\\Seen", word]);
        other.must("STORE 1 +FLAGS.SILENT (\\Deleted)").expect("stored");
        hear(&mut idle, &["* 1 FETCH (", "\\Deleted"]);
        other.must("EXPUNGE").expect("expunged");
        expect(&mut idle, "* 1 EXPUNGE");
        other.append("INBOX", b"Subject: y\r\n\r\ny\r\n").expect("appended");
        expect(&mut idle, "* 1 EXISTS");
        other.must("MOVE 1 Trash").expect("moved");
        expect(&mut idle, "* 1 EXPUNGE");
    }
    stop(nodes);
}

#[test] // RFC 5464 §4.4.2
fn annotations_that_change_through_another_node_are_told() {
    let Some(nodes) = pair() else { return };
    let mut one = client(&nodes.0);
    let mut idle = client(&nodes.1);
    idle.must("ENABLE METADATA").expect("enabled");
    idle.send(b"i IDLE\r\n").expect("sent");
    expect(&mut idle, "+ idling");
    one.must("SETMETADATA Junk (/shared/comment x)").expect("set");
    expect(&mut idle, "* METADATA Junk /shared/comment");
    one.must("SETMETADATA \"\" (/private/a x)").expect("set");
    expect(&mut idle, "* METADATA \"\" /private/a");
    one.must("SETMETADATA Junk (/shared/comment NIL)").expect("removed");
    expect(&mut idle, "* METADATA Junk /shared/comment");
    stop(nodes);
}

/// Nodes that are told, and look by themselves less often than anybody here waits.
fn listening(imap: &str, lmtp: &str) -> Home {
    let home = Home::new(imap, lmtp);
    let listens = "listen = 'listen'\n";
    home.reconfigure(listens, &format!("{listens}poll_interval = '1m'\n"));
    home
}

/// Prints how long it takes at rest, from the sender's 250 to the client's EXISTS.
#[test]
fn idle_hears_soon() {
    let Some(nodes) = pair_of(listening) else { return };
    let mut idle = idler(&nodes.1);
    let mut sender = Connection::lmtp(nodes.0.lmtp()).expect("LMTP");
    let mut times: Vec<Duration> = (1..=50)
        .map(|nth| {
            let message = format!("Subject: {nth}\r\n\r\n{nth}\r\n");
            sender.deliver(&[USER], message.as_bytes()).expect("a delivery");
            let began = Instant::now();
            expect(&mut idle, &format!("* {nth} EXISTS"));
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("IDLE on another node: median {:?}, at most {:?}", times[25], times[49]);
    stop(nodes);
}

#[test]
fn what_one_node_did_another_serves_before_it_is_told() {
    let Some(nodes) = pair() else { return };
    let (mut one, mut two) = (client(&nodes.0), client(&nodes.1));
    two.must("SELECT INBOX").expect("an inbox");
    for nth in 1..=20 {
        let body = format!("Subject: {nth}\r\n\r\n{nth}\r\n");
        let appended = one.append("INBOX", body.as_bytes()).expect("appended");
        assert!(appended.tagged.contains(&format!(" {nth}] ")), "{}", appended.tagged);
        // It knows the UID from the other connection.
        let fetched = two.must(&format!("UID FETCH {nth} BODY.PEEK[TEXT]")).expect("fetched");
        let fetched = fetched.untagged.concat();
        assert!(fetched.ends_with(format!("\r\n{nth}\r\n)").as_bytes()), "{nth}");
    }
    // And by its contents, and by STATUS.
    one.append("INBOX", b"Subject: needle\r\n\r\nx\r\n").expect("appended");
    let found = two.must("UID SEARCH SUBJECT needle").expect("found");
    assert!(found.untagged.iter().any(|line| line == b"* SEARCH 21"), "{found:?}");
    one.append("Sent", b"Subject: x\r\n\r\nx\r\n").expect("appended");
    let status = two.must("STATUS Sent (MESSAGES)").expect("a status");
    assert_eq!(status.untagged, [b"* STATUS Sent (MESSAGES 1)"]);
    one.must("CREATE new").expect("made");
    two.must("SELECT new").expect("it is there");
    stop(nodes);
}

#[test]
fn a_mailbox_or_account_that_goes_goes_everywhere() {
    let Some(nodes) = pair() else { return };
    let mut one = client(&nodes.0);
    one.must("CREATE gone").expect("made");
    let mut two = client(&nodes.1);
    two.must("SELECT gone").expect("selected");
    two.send(b"i IDLE\r\n").expect("sent");
    expect(&mut two, "+ idling");
    one.must("DELETE gone").expect("deleted");
    assert!(two.response().expect("a word").starts_with(b"* BYE")); // pitfall 73
    let mut idlers = [idler(&nodes.0), idler(&nodes.1)];
    nodes.0.home.admin(&["delete-account", "--email", USER, "--yes"]).expect("deleted");
    for idle in &mut idlers {
        assert!(idle.response().expect("a word").starts_with(b"* BYE"));
    }
    for node in [&nodes.0, &nodes.1] {
        assert!(Connection::imap(node.imap(), USER, "secret").is_err());
    }
    stop(nodes);
}

#[test]
fn a_new_password_is_known_to_all_nodes_at_once() {
    let Some(nodes) = pair() else { return };
    for node in [&nodes.0, &nodes.1] {
        client(node);
        client(node); // now it is remembered
    }
    let update = ["update-account", "--email", USER, "--password", "new", "--hash", "sha512"];
    nodes.0.home.admin(&update).expect("updated");
    for node in [&nodes.0, &nodes.1] {
        assert!(Connection::imap(node.imap(), USER, "secret").is_err(), "the old one is taken");
        Connection::imap(node.imap(), USER, "new").expect("the new one is not");
    }
    stop(nodes);
}

#[test] // pitfall 147
fn what_sora_admin_does_is_heard_on_all_nodes() {
    let Some(nodes) = pair() else { return };
    let mut idlers = [idler(&nodes.0), idler(&nodes.1)];
    let file = nodes.0.home.folder().join("message");
    std::fs::write(&file, "Subject: x\r\n\r\nx\r\n").expect("a file");
    let file = file.to_str().expect("a name in UTF-8");
    nodes.1.home.admin(&["deliver", "--to", USER, file]).expect("delivered");
    for idle in &mut idlers {
        expect(idle, "* 1 EXISTS");
    }
    stop(nodes);
}

#[test]
fn a_node_that_polls_hears_too_and_is_heard() {
    if !postgres::is_wanted() {
        return;
    }
    let home = Home::new("", "");
    home.create_account(USER, "secret");
    let polls = home.beside();
    polls.reconfigure("listen = 'listen'", "listen = 'poll'\npoll_interval = '200ms'");
    let nodes = (Server::with(home), Server::with(polls));
    let (mut listens, mut polls) = (idler(&nodes.0), idler(&nodes.1));
    for (nth, node) in (1..).zip([&nodes.0, &nodes.1, &nodes.0]) {
        deliver(node, "x");
        expect(&mut listens, &format!("* {nth} EXISTS"));
        expect(&mut polls, &format!("* {nth} EXISTS"));
    }
    stop(nodes);
}

#[test]
fn a_server_that_was_away_is_heard_again() {
    let Some(nodes) = pair() else { return };
    let mut idle = idler(&nodes.1);
    let database = nodes.0.home.database().expect("PostgreSQL");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for nth in 1..=3 {
        database.connect().query(cut, &[]).expect("all are cut");
        deliver(&nodes.0, "x");
        expect(&mut idle, &format!("* {nth} EXISTS"));
    }
    stop(nodes);
}
