//! Bodies in object storage: staged, moved, read back, and kept whatever the bucket does.

use std::time::{Duration, Instant};

use sora::config::Config;
use sora::model::{AccountId, BlobId};
use sora::store::{Opening, Store};

use crate::support::connection::Connection;
use crate::support::fault_proxy::{Fault, FaultProxy};
use crate::support::home::Home;
use crate::support::server::Server;
use crate::support::weed::{self, bucket, weed};

const USER: &str = "me@example.com";
const PASSWORD: &str = "pw";

/// A server whose bodies go to a bucket behind a man in the middle.
struct Place {
    server: Option<Server>,
    proxy: FaultProxy,
    bucket: String,
}

/// With more lines of `[s3]`, and of other sections.
fn place(s3: &str, more: &str) -> Option<Place> {
    let weed = weed()?;
    let proxy = FaultProxy::start(weed.address);
    let bucket = bucket();
    let home = Home::with_objects(proxy.address, &bucket, s3, more);
    let server = Server::with(home);
    server.home.create_account(USER, PASSWORD);
    Some(Place { server: Some(server), proxy, bucket })
}

impl Place {
    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn deliver(&self, message: &str) {
        let mut lmtp = Connection::lmtp(self.server().lmtp()).expect("it listens");
        let replies = lmtp.deliver(&[USER], message.as_bytes()).expect("an answer");
        assert!(replies[0].starts_with("250"), "{replies:?}");
    }

    fn imap(&self) -> Connection {
        let mut imap = Connection::imap(self.server().imap(), USER, PASSWORD).expect("a login");
        imap.must("SELECT INBOX").expect("an INBOX");
        imap
    }

    fn settle(&self) {
        self.server().home.wait_until_moved();
    }

    /// Every object, by key, as any other program would see it.
    fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let settings = weed::settings(weed().expect("it runs").address, &self.bucket);
        let client = sora::s3::Client::new(&settings, weed::CLOCK).expect("right settings");
        let tries = sora::s3::Tries::Several;
        // The bucket is made with the first object.
        let Ok(page) = client.list("", false, None, tries) else { return Vec::new() };
        let get = |key: String| {
            let object = client.get(&key, 64 << 20, tries).expect("it is listed");
            (key, object.bytes)
        };
        page.objects.into_iter().map(|object| get(object.key)).collect()
    }

    /// Puts an object past the daemon.
    fn put(&self, key: &str, bytes: &[u8]) {
        let settings = weed::settings(weed().expect("it runs").address, &self.bucket);
        let client = sora::s3::Client::new(&settings, weed::CLOCK).expect("right settings");
        let hash = <sha2::Sha256 as sha2::Digest>::digest(bytes).into();
        let new = sora::s3::New { bytes, hash: &hash, media_type: "text/plain", form: None };
        let replace = sora::s3::IfThere::Replace;
        client.put(key, &new, replace, sora::s3::Tries::Several).expect("put");
    }

    /// The store itself, beside the daemon.
    fn store(&self) -> Store {
        let config = Config::find(Some(&self.server().home.config_file())).expect("right");
        Store::open_at(&sora::work::place(&config), Opening::Beside).expect("a store")
    }

    fn restart(&mut self) {
        let server = self.server.take().expect("it runs");
        self.server = Some(Server::with(server.stop_and_keep()));
    }

    /// Stops, and proves rows and bucket right.
    fn end(mut self) {
        self.proxy.set(Fault::None);
        let home = self.server.take().expect("it runs").stop_and_keep();
        home.admin(&["check", "--deep", "--bodies"]).expect("all is well");
    }
}

fn message(n: usize, bytes: usize) -> String {
    let line = format!("this is message {n} and nothing else\r\n");
    let body = line.repeat(bytes / line.len() + 1);
    format!("Subject: message {n}\r\nX-Token: token-{n}\r\n\r\n{body}")
}

fn body_of(imap: &mut Connection, n: usize) -> String {
    let answer = imap.must(&format!("FETCH {n} BODY.PEEK[]")).expect("a body");
    let text = answer.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned());
    text.collect()
}

#[test]
fn what_is_delivered_becomes_an_object_and_is_read_back() {
    let Some(mut place) = place("", "") else { return };
    let sizes = [100, 5_000, 300_000, 1_500_000, 3_000_000];
    for (n, bytes) in (1..).zip(sizes) {
        place.deliver(&message(n, bytes));
    }
    place.settle();
    let objects = place.objects();
    assert_eq!(objects.len(), sizes.len());
    for (n, _) in (1..).zip(sizes) {
        let token = format!("X-Token: token-{n}\r\n");
        // The object is the message: anybody's tool can read it.
        let plain =
            objects.iter().filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(&token));
        assert_eq!(plain.count(), 1);
    }
    for _ in 0..2 {
        let mut imap = place.imap();
        for (n, bytes) in (1..).zip(sizes) {
            assert!(body_of(&mut imap, n).contains(&message(n, bytes)), "message {n}");
            let part = imap.must(&format!("FETCH {n} BODY.PEEK[TEXT]<7.9>")).expect("a part");
            let part = String::from_utf8_lossy(&part.untagged[0]).into_owned();
            assert!(part.contains(" message "), "{part}");
        }
        place.restart(); // and from the cache
    }
    place.end();
}

#[test]
fn envelopes_and_headers_ask_the_bucket_for_nothing() {
    let Some(place) = place("", "") else { return };
    for n in 1..=20 {
        place.deliver(&message(n, if n == 7 { 2_000_000 } else { 3_000 }));
    }
    place.settle();
    let (before, mut imap) = (place.proxy.requests(), place.imap());
    for items in [
        "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)",
        "BODYSTRUCTURE",
        "BODY.PEEK[HEADER]",
        "BODY.PEEK[HEADER.FIELDS (Subject X-Token)]",
        "RFC822.HEADER",
    ] {
        let answer = imap.must(&format!("FETCH 1:* {items}")).expect("an answer");
        assert_eq!(answer.untagged.len(), 20, "{items}");
    }
    imap.must("SEARCH SUBJECT message HEADER X-Token token").expect("an answer");
    imap.must("CREATE Copies").expect("a mailbox");
    imap.must("COPY 1:* Copies").expect("copies");
    assert_eq!(place.proxy.requests(), before);
    // Each once, and then never again.
    imap.must("FETCH 1:6 BODY.PEEK[]").expect("bodies");
    assert_eq!(place.proxy.requests(), before + 6);
    imap.must("FETCH 1:6 BODY.PEEK[]").expect("bodies");
    imap.must("SELECT Copies").expect("a mailbox");
    imap.must("FETCH 1:6 BODY.PEEK[TEXT]").expect("bodies");
    assert_eq!(place.proxy.requests(), before + 6);
    place.end();
}

#[test] // pitfall 48
fn mail_flows_while_the_bucket_is_away() {
    let Some(place) = place("", "") else { return };
    place.deliver(&message(1, 3_000));
    place.settle();
    place.proxy.set(Fault::Refuse);
    for n in 2..=1_000 {
        place.deliver(&message(n, 2_000));
    }
    let mut imap = place.imap();
    let all = imap.must("FETCH 2:* BODY.PEEK[]").expect("staged bodies");
    assert_eq!(all.untagged.len(), 999);
    // What is only there cannot be had, and is not empty (pitfall 49).
    let answer = imap.command("FETCH 1 BODY.PEEK[]").expect("an answer");
    assert!(answer.tagged.contains("NO [UNAVAILABLE]"), "{}", answer.tagged);
    assert!(answer.untagged.iter().all(|line| !line.windows(5).any(|at| at == b"BODY[")));
    place.proxy.set(Fault::None);
    place.settle();
    assert_eq!(place.objects().len(), 1_000);
    assert!(body_of(&mut imap, 1).contains("token-1"));
    place.end();
}

#[test] // pitfall 11
fn when_too_much_is_staged_senders_are_told_to_wait() {
    let Some(place) = place("", "[uploader]\nmax_staging_size = '20kb'\n") else { return };
    place.proxy.set(Fault::Hang);
    let mut lmtp = Connection::lmtp(place.server().lmtp()).expect("it listens");
    let mut taken = 0;
    loop {
        let message = message(taken, 3_000);
        let replies = lmtp.deliver(&[USER], message.as_bytes()).expect("an answer");
        if replies[0].starts_with("452") {
            break;
        }
        assert!(replies[0].starts_with("250"), "{replies:?}");
        taken += 1;
        assert!(taken < 20, "no limit");
    }
    let mut imap = place.imap();
    let refused = imap.append("INBOX", message(0, 9_000).as_bytes()).expect("an answer");
    assert!(refused.tagged.contains("NO ["), "{}", refused.tagged);
    place.proxy.set(Fault::None);
    place.settle();
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = imap.append("INBOX", message(99, 3_000).as_bytes()).expect("an answer");
        if answer.is_ok() {
            break;
        }
        assert!(Instant::now() < end, "still refused: {}", answer.tagged);
        std::thread::park_timeout(Duration::from_millis(100));
    }
    place.settle();
    assert_eq!(place.objects().len(), taken + 1);
    place.end();
}

#[test] // pitfall 34, pitfall 35, pitfall 36
fn nothing_is_lost_or_doubled_whatever_the_bucket_does() {
    let Some(place) = place("", "[local_cache]\ncapacity = 0\n") else { return };
    let mut n = 0;
    for fault in Fault::NETWORK {
        place.proxy.set_every(2, fault);
        for _ in 0..10 {
            n += 1;
            place.deliver(&message(n, 3_000));
        }
        let mut imap = place.imap();
        for n in n - 9..=n {
            // Read while it moves: whole, or told that it cannot be had.
            let answer = imap.command(&format!("FETCH {n} BODY.PEEK[]")).expect("an answer");
            let whole = answer
                .untagged
                .iter()
                .any(|line| String::from_utf8_lossy(line).contains(&message(n, 3_000)));
            assert!(whole || answer.tagged.contains("NO ["), "{fault:?}: {}", answer.tagged);
        }
        place.proxy.set(Fault::None);
        place.settle();
    }
    assert_eq!(place.objects().len(), n);
    let mut imap = place.imap();
    let all = imap.must("FETCH 1:* BODY.PEEK[]").expect("all bodies");
    for (n, got) in (1..=n).zip(&all.untagged) {
        assert!(String::from_utf8_lossy(got).contains(&message(n, 3_000)), "message {n}");
    }
    place.end();
}

#[test] // pitfall 51
fn compressed_and_encrypted_bodies_come_back() {
    let key = "0123456789abcdef".repeat(4);
    for (more, readable) in [
        ("compress = true".to_owned(), false),
        (format!("encrypt = true\nencryption_key = '{key}'"), false),
        (format!("compress = true\nencrypt = true\nencryption_key = '{key}'"), false),
        ("prefix = 'some/where'".to_owned(), true),
    ] {
        let Some(place) = place(&more, "[local_cache]\ncapacity = 0\n") else {
            return;
        };
        for (n, bytes) in [(1, 2_000), (2, 200_000), (3, 2_000_000)] {
            place.deliver(&message(n, bytes));
        }
        place.settle();
        for (key, bytes) in place.objects() {
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(text.contains("X-Token: token-"), readable, "{key}");
            assert_eq!(key.starts_with("some/where/"), readable, "{key}");
        }
        let mut imap = place.imap();
        for (n, bytes) in [(1, 2_000), (2, 200_000), (3, 2_000_000)] {
            let part = imap.must(&format!("FETCH {n} BODY.PEEK[TEXT]<1000.50>")).expect("a part");
            let text = message(n, bytes);
            let text = &text[text.find("\r\n\r\n").expect("a body") + 4..];
            let part = String::from_utf8_lossy(&part.untagged[0]).into_owned();
            assert!(part.contains(&text[1_000..1_050]), "{part}");
            assert!(body_of(&mut imap, n).contains(&message(n, bytes)), "message {n}");
        }
        place.end();
    }
}

/// Which body an object is of, by its key.
fn blob_of(key: &str) -> BlobId {
    let name = key.split_once('/').and_then(|(_, name)| name.split_once('-'));
    BlobId(name.and_then(|(blob, _)| blob.parse().ok()).expect("account/blob-hash"))
}

#[test] // pitfall 49
fn nothing_of_a_long_body_is_handed_out_before_its_hash_was_compared() {
    let Some(place) = place("", "[local_cache]\ncapacity = 0\n") else { return };
    // The last is too long to stay in memory.
    for (n, bytes) in [(1, 300_000), (2, 3_000_000), (3, 10_000_000)] {
        place.deliver(&message(n, bytes));
        place.settle();
        let token = format!("X-Token: token-{n}\r\n");
        let is_it = |bytes: &[u8]| bytes.windows(token.len()).any(|at| at == token.as_bytes());
        let mut objects = place.objects().into_iter();
        let (key, right) = objects.find(|(_, bytes)| is_it(&bytes[..2_000])).expect("an object");
        let mut spoilt = right.clone();
        spoilt[1_000] ^= 1;
        place.put(&key, &spoilt);
        let (store, blob) = (place.store(), blob_of(&key));
        let read = |offset| store.read_body(AccountId(1), blob, offset, u64::MAX);
        for offset in [0, 0, 100] {
            let failure = read(offset).expect_err("other bytes than were stored");
            assert!(failure.to_string().contains("other bytes"), "{failure}");
        }
        place.put(&key, &right);
        for _ in 0..2 {
            let (before, mut got) = (place.proxy.count("GET"), Vec::new());
            while got.len() < right.len() {
                got.extend(read(got.len() as u64).expect("a slice"));
            }
            assert!(got == right, "{bytes}");
            assert_eq!(place.proxy.count("GET") - before, 1, "{bytes}: it comes once, and whole");
        }
        let (before, mut imap) = (place.proxy.count("GET"), place.imap());
        assert!(body_of(&mut imap, n).contains(&message(n, bytes)));
        assert_eq!(place.proxy.count("GET") - before, 1);
    }
    place.end();
}

#[test]
fn the_audit_finds_what_is_missing_wrong_and_nobodys() {
    let Some(place) = place("", "") else { return };
    for n in 1..=3 {
        place.deliver(&message(n, 2_000));
    }
    place.settle();
    let objects = place.objects();
    let settings = weed::settings(weed().expect("it runs").address, &place.bucket);
    let client = sora::s3::Client::new(&settings, weed::CLOCK).expect("right settings");
    let put = |key: &str, bytes: &[u8]| place.put(key, bytes);
    client.delete(&objects[0].0, sora::s3::Tries::Several).expect("deleted");
    put(&objects[1].0, b"short");
    put("1/99-beef", b"nobody's");
    put("77/1-beef", b"nobody's");
    let said = place.server().home.admin(&["check", "--deep"]).expect_err("differences");
    for wanted in [
        format!("the object {} of body", objects[0].0),
        format!("the object {} has 5 bytes, not ", objects[1].0),
        "the object 1/99-beef belongs to no body".to_owned(),
        "the object 77/1-beef belongs to no body".to_owned(),
    ] {
        assert!(said.contains(&wanted), "{wanted}:\n{said}");
    }
    assert!(place.server().home.admin(&["check"]).is_ok(), "rows alone are right");
    what_can_be_had_is_told(&mut place.imap());
    // One of the right size has to be read.
    let mut spoilt = objects[2].1.clone();
    spoilt[100] ^= 1;
    put(&objects[2].0, &spoilt);
    let said = place.server().home.admin(&["check", "--bodies"]).expect_err("a difference");
    assert!(said.contains("an object has other bytes than were stored"), "{said}");
    for (key, bytes) in &objects {
        put(key, bytes);
    }
    for key in ["1/99-beef", "77/1-beef"] {
        client.delete(key, sora::s3::Tries::Several).expect("deleted");
    }
    place.end();
}

/// `sora -check`, in a home; whether it was content, and all it said.
/// Of three messages the object of the first is gone, and the second has another (pitfall 49).
fn what_can_be_had_is_told(imap: &mut Connection) {
    let all = imap.command("UID FETCH 1:* (BODY[])").expect("an answer");
    let told = |n: usize| {
        let start = format!("* {n} FETCH (UID {n} ");
        let line = all.untagged.iter().find(|line| line.starts_with(start.as_bytes()));
        String::from_utf8_lossy(line.map_or(b"", |line| &line[..])).into_owned()
    };
    assert!(told(3).contains("X-Token: token-3"), "{all:?}");
    assert!(!told(1).contains("BODY[]") && !told(2).contains("BODY[]"), "{all:?}");
    assert!(all.tagged.starts_with("NO [SERVERBUG]"), "{}", all.tagged);
    let unseen = imap.must("UID SEARCH UNSEEN").expect("an answer");
    assert_eq!(unseen.untagged, [b"* SEARCH 1 2"]);
}

fn try_out(home: &Home) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sora"));
    let output = command.arg("-config").arg(home.config_file()).arg("-check").output();
    let output = output.expect("sora runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_bucket_is_tried_before_mail_depends_on_it() {
    let Some(weed) = weed() else { return };
    let key = "0123456789abcdef".repeat(4);
    for (s3, how) in [
        (String::new(), "as it came"),
        (format!("compress = true\nencrypt = true\nencryption_key = '{key}'"), "encrypted"),
    ] {
        let home = Home::with_objects(weed.address, &bucket(), &s3, "");
        let (is_content, said) = try_out(&home);
        assert!(is_content, "{said}");
        assert!(said.contains("put, read, listed and deleted a message, "), "{said}");
        assert!(said.contains(how), "{said}");
        assert!(said.contains("# conditional PUT is honoured"), "{said}");
        assert!(!said.contains(weed::SECRET) && !said.contains(&key), "{said}");
        assert!(!home.folder().join("data").exists(), "nothing is made by looking");
    }
    let home = Home::with_objects(weed.address, &bucket(), "", "");
    let text = std::fs::read_to_string(home.config_file()).expect("a file");
    let wrong = text.replace(weed::SECRET, "not-the-secret");
    std::fs::write(home.config_file(), wrong).expect("a file");
    let (is_content, said) = try_out(&home);
    assert!(!is_content && said.contains("[s3] secret_key is wrong"), "{said}");
    let nobody = text.replace(&weed.address.to_string(), "127.0.0.1:1");
    std::fs::write(home.config_file(), nobody).expect("a file");
    let (is_content, said) = try_out(&home);
    assert!(!is_content && said.contains("Connection refused"), "{said}");
}

#[test]
fn another_key_than_that_of_what_is_there_is_told() {
    let key = "0123456789abcdef".repeat(4);
    let s3 = format!("encrypt = true\nprefix = 'mail'\nencryption_key = '{key}'");
    let Some(place) = place(&s3, "") else { return };
    place.deliver(&message(1, 3_000));
    place.settle();
    let home = &place.server().home;
    let (is_content, said) = try_out(home);
    assert!(is_content && said.contains("the encryption key is that of what is there"), "{said}");
    let text = std::fs::read_to_string(home.config_file()).expect("a file");
    let without = text.replace("encrypt = true", "").replace("encryption_key", "# ");
    for (wrong, why) in [
        (text.replace(&key, &"f".repeat(64)), "encryption_key is not the one it was written with"),
        (without, "set [s3] encryption_key"),
    ] {
        std::fs::write(home.config_file(), wrong).expect("a file");
        let (is_content, said) = try_out(home);
        assert!(!is_content && said.contains(why), "{said}");
    }
    std::fs::write(home.config_file(), text).expect("a file");
    place.end();
}

#[test]
fn bodies_are_read_several_at_once() {
    let Some(place) = place("", "[local_cache]\ncapacity = 0\n") else { return };
    for n in 1..=32 {
        place.deliver(&message(n, 3_000));
    }
    place.settle();
    place.proxy.set(Fault::Slow(50));
    let (before, mut imap) = (place.proxy.count("GET"), place.imap());
    let all = imap.must("FETCH 1:* BODY.PEEK[]").expect("bodies");
    assert_eq!((all.untagged.len(), place.proxy.count("GET") - before), (32, 32));
    assert!(place.proxy.at_once_max() > 4, "{} at once", place.proxy.at_once_max());
    place.end();
}

#[test]
fn whoever_waits_for_the_bucket_keeps_nobody_else_waiting() {
    let Some(place) = place("timeout = '10m'", "[local_cache]\ncapacity = 0\n") else { return };
    for n in 1..=3 {
        place.deliver(&message(n, 3_000));
    }
    place.settle();
    let mut clients: Vec<Connection> = (0..12).map(|_| place.imap()).collect();
    let mut another = place.imap();
    place.proxy.set(Fault::Hang);
    std::thread::scope(|scope| {
        for (n, imap) in clients.iter_mut().enumerate() {
            let command = ["FETCH 1 BODY[]", "FETCH 2 BODY.PEEK[TEXT]<5.9>", "FETCH 3 BINARY[1]"];
            let command = command[n % 3];
            scope.spawn(move || imap.command(command).expect("an answer, at last"));
        }
        while place.proxy.count("GET") < 3 {
            std::thread::yield_now();
        }
        another.must("FETCH 1:* (FLAGS ENVELOPE)").expect("an answer at once");
        another.must("STORE 1:* +FLAGS (\\Flagged)").expect("an answer at once");
        place.deliver(&message(4, 3_000));
        another.must("NOOP").expect("an answer at once");
        another.must("FETCH 4 BODY[]").expect("what is staged is near");
        place.proxy.set(Fault::None);
    });
    place.settle();
    place.end();
}

#[test] // pitfall 37
fn a_body_that_goes_while_it_is_moved_leaves_no_object() {
    let Some(place) = place("", "") else { return };
    place.proxy.set(Fault::Status(503));
    place.deliver(&message(1, 3_000));
    let store = place.store();
    let taken = loop {
        // The daemon's own, until it gives them back.
        let taken = store.take_uploads("a test", 9, Duration::from_secs(3_600)).expect("rows");
        if let [taken] = taken[..] {
            break taken;
        }
    };
    place.proxy.set(Fault::None);
    let uploaded = std::iter::from_fn(|| Some(store.upload(taken))).find_map(Result::ok);
    let uploaded = uploaded.flatten().expect("it is staged");
    assert_eq!(place.objects().len(), 1);
    place.server().home.execute(
        "DELETE FROM messages; UPDATE blobs SET refs = 0, state = 4;
         UPDATE mailboxes SET messages = 0, unseen = 0, bytes = 0;",
    );
    assert_eq!(store.remove_all_bodies().expect("a run"), 0, "somebody is moving it");
    store.finish_uploads(vec![uploaded]).expect("finished");
    assert_eq!(place.objects(), []);
    assert_eq!(store.remove_all_bodies().expect("a run"), 1);
    drop(store);
    place.end();
}

#[test] // pitfall 8, pitfall 40
fn large_bodies_without_a_message_go() {
    let Some(place) = place("", "") else { return };
    let large = message(1, 2_000_000);
    let mut imap = place.imap();
    let refused = imap.append("Nowhere", large.as_bytes()).expect("an answer");
    assert!(refused.tagged.contains("TRYCREATE"), "{}", refused.tagged);
    let received = "Received: by mx.example.org; Mon, 1 Jan 2024 10:00:00 +0000\r\n";
    place.deliver(&format!("{received}{large}"));
    place.deliver(&format!("{received}{large}")); // once
    assert_eq!(place.objects().len(), 1);
    // A delivery that died before its commit.
    let store = place.store();
    let placed = store.place_body(AccountId(1), &mut large.as_bytes()).expect("placed");
    assert_eq!(place.objects().len(), 2);
    assert_eq!(store.give_up_reservations().expect("a look"), 0, "it may be on its way");
    place
        .server()
        .home
        .execute(&format!("UPDATE uploads SET due_at = 0 WHERE blob_id = {}", placed.blob));
    assert_eq!(store.give_up_reservations().expect("a look"), 1);
    assert_eq!(store.remove_all_bodies().expect("a run"), 1);
    assert_eq!(place.objects().len(), 1);
    drop(store);
    place.end();
}

#[test] // pitfall 36
fn an_object_that_is_there_already_is_taken_for_it() {
    let Some(place) = place("", "") else { return };
    place.proxy.set(Fault::LoseAnswer);
    place.deliver(&message(1, 3_000));
    while place.objects().is_empty() {
        std::thread::yield_now();
    }
    let (heads, before) = (place.proxy.count("HEAD"), place.objects());
    place.proxy.set(Fault::None);
    place.settle();
    assert_eq!(place.proxy.count("HEAD") - heads, 1, "it was asked for its size");
    assert_eq!(place.objects(), before);
    let mut imap = place.imap();
    assert!(body_of(&mut imap, 1).contains(&message(1, 3_000)));
    place.end();
}

#[test] // pitfall 34, pitfall 36
fn an_object_of_another_size_is_not_taken_for_it() {
    let Some(place) = place("", "[local_cache]\ncapacity = 0\n") else { return };
    place.proxy.set(Fault::LoseAnswer);
    place.deliver(&message(1, 3_000));
    let (key, whole) = loop {
        if let Some(object) = place.objects().pop() {
            break object;
        }
        std::thread::yield_now();
    };
    place.put(&key, &whole[..1_000]);
    let heads = place.proxy.count("HEAD");
    place.proxy.set(Fault::None);
    place.settle();
    assert_eq!(place.proxy.count("HEAD") - heads, 1);
    assert_eq!(place.objects(), [(key, whole)]);
    assert!(body_of(&mut place.imap(), 1).contains(&message(1, 3_000)));
    place.end();
}

/// What was admitted and then not stored takes up no room.
#[test]
fn what_comes_to_nothing_is_not_counted_as_staged() {
    let Some(place) = place("", "[uploader]\nmax_staging_size = '20kb'\n") else { return };
    let mut imap = place.imap();
    for n in 0..30 {
        let refused = imap.append("Nowhere", message(n, 3_000).as_bytes()).expect("an answer");
        assert!(refused.tagged.contains("NO [TRYCREATE]"), "{n}: {}", refused.tagged);
    }
    let received = "Received: by mx.example.org; Mon, 1 Jan 2024 10:00:00 +0000\r\n";
    for _ in 0..30 {
        place.deliver(&format!("{received}{}", message(1, 3_000))); // once, and then recognised
    }
    place.settle();
    assert_eq!(place.objects().len(), 1);
    place.end();
}
