//! Postfix, as an instance of its own: it delivers, takes what leaves, and brings it back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{PASSWORD, Place, USER};
use crate::outbox;
use crate::support::connection::{Connection, PATIENCE};
use crate::support::home::Home;
use crate::support::messages;
use crate::support::program;
use crate::support::server::Server;

/// The services that a message passes on its way from sendmail(1), or from SMTP at `public/relay`, to
/// LMTP.
const MASTER: &str = "\
pickup   unix       n - n 60    1 pickup
cleanup  unix       n - n -     0 cleanup
qmgr     unix       n - n 300   1 qmgr
rewrite  unix       - - n -     - trivial-rewrite
bounce   unix       - - n -     0 bounce
defer    unix       - - n -     0 bounce
trace    unix       - - n -     0 bounce
error    unix       - - n -     - error
retry    unix       - - n -     - error
proxymap unix       - - n -     - proxymap
flush    unix       n - n 1000? 0 flush
lmtp     unix       - - n -     - lmtp
relay    unix       n - n -     - smtpd
scache   unix       - - n -     1 scache
anvil    unix       - - n -     1 anvil
postlog  unix-dgram n - n -     1 postlogd
";

/// An instance; stopped when dropped.
struct Postfix {
    program: PathBuf,
    folder: PathBuf,
}

impl Postfix {
    fn start(program: &Path, place: &Place) -> Self {
        let folder = place.folder().join("postfix");
        for name in ["spool", "data"] {
            std::fs::create_dir_all(folder.join(name)).expect("its folders");
        }
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {0}/spool\ndata_directory = {0}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = {2}\n\
             mail_owner = postfix\nsetgid_group = postdrop\nmyhostname = mx.example.net\n\
             maillog_file = {0}/log\nmaillog_file_prefixes = {0}\ninet_interfaces = loopback-only\n\
             inet_protocols = ipv4\nsmtpd_relay_restrictions = reject_unauth_destination\nmydestination =\nlocal_recipient_maps =\nalias_maps =\n\
             virtual_mailbox_domains = example.com\nvirtual_mailbox_maps =\n\
             virtual_transport = lmtp:inet:{1}\nlmtp_destination_recipient_limit = 50\n\
             default_database_type = hash\nsmtputf8_enable = no\n",
            folder.display(),
            place.server.lmtp(),
            default(program, place, "daemon_directory")
        );
        std::fs::write(folder.join("main.cf"), main).expect("main.cf");
        std::fs::write(folder.join("master.cf"), MASTER).expect("master.cf");
        let data = folder.join("data").display().to_string();
        let chown = program::find("chown").expect("coreutils");
        program::run(&chown, place.folder(), &["postfix", &data]).ok();
        let postfix = Self { program: program.to_owned(), folder };
        let ended = postfix.command("start");
        assert!(ended.is_success, "{}\n{}", ended.text(), postfix.log());
        postfix
    }

    fn command(&self, what: &str) -> program::Ended {
        let folder = self.folder.display().to_string();
        program::run_daemon(&self.program, &self.folder, &["-c", &folder, what])
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// What this machine's Postfix was built with.
fn default(postfix: &Path, place: &Place, name: &str) -> String {
    let postconf = postfix.with_file_name("postconf");
    program::run(&postconf, place.folder(), &["-d", "-h", name]).ok().text().trim().to_owned()
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let _stopped = self.command("stop");
    }
}

#[test]
fn postfix_delivers_over_lmtp() {
    if !rustix::process::getuid().is_root() {
        return program::skipped("root, which postfix wants");
    }
    let (Some(postfix), Some(sendmail)) = (program::find("postfix"), program::find("sendmail"))
    else {
        return;
    };
    let place = Place::new(0);
    let mut watching = place.imap();
    watching.must("SELECT INBOX").expect("INBOX");
    let instance = Postfix::start(&postfix, &place);
    let config = instance.folder.display().to_string();
    for n in 1..=3 {
        let args = ["-C", &config, "-f", "sender@example.org", "--", USER];
        program::run_with(&sendmail, &instance.folder, &args, &[], &messages::small(n)).ok();
    }
    watching.send(b"i IDLE\r\n").expect("IDLE");
    loop {
        let response = watching.response();
        let response = response.unwrap_or_else(|why| panic!("{why}\n{}", instance.log()));
        if response.starts_with(b"* 3 EXISTS") {
            break;
        }
    }
    drop(instance);
    let (body, _) = place.fetch(1);
    let body = String::from_utf8(body).expect("text");
    assert!(body.contains("by mx.example.net (Postfix"), "{body}");
    assert_eq!(place.flags("INBOX").len(), 3);
    drop(watching);
    place.stop();
}

#[test]
fn postfix_takes_what_leaves() {
    if !rustix::process::getuid().is_root() {
        return program::skipped("root, which postfix wants");
    }
    let Some(postfix) = program::find("postfix") else { return };
    let home = Home::new("", "");
    let socket = home.folder().join("postfix/spool/public/relay");
    home.configure(&format!("[relay]\nhost = 'unix:{}'\n", socket.display()));
    home.create_account(USER, PASSWORD);
    let circles = "Received: x\r\n".repeat(60); // more than Postfix's hopcount_limit
    outbox::queue(
        &home,
        vec![
            outbox::letter("ann@example.org", &[USER], "Subject: on\r\n\r\n.\r\n..its way\r\n"),
            outbox::letter("", &[USER], "Subject: an answer\r\n\r\n"),
            outbox::letter("ann@example.org", &[USER], &format!("{circles}\r\n")),
        ],
    );
    let place = Place { server: Server::with(home) };
    let instance = Postfix::start(&postfix, &place);
    let home = &place.server.home;
    home.execute("UPDATE outbox SET due_at = 0"); // it may have been tried in vain
    outbox::wait_for_rows(home, "is_dead = 0", 0);
    let end = Instant::now() + PATIENCE;
    while home.count("SELECT COUNT(*) FROM messages") < 2 {
        assert!(Instant::now() < end, "it did not come back:\n{}", instance.log());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    drop(instance);
    let bodies = [place.fetch(1).0, place.fetch(2).0];
    let bodies = bodies.map(|body| String::from_utf8(body).expect("text"));
    let of = |subject: &str| bodies.iter().find(|body| body.contains(subject)).expect("it came");
    let sent_on = of("Subject: on");
    assert!(sent_on.contains("Return-Path: <ann@example.org>\r\n"), "{sent_on}");
    assert!(sent_on.contains("Received: from mail.example.com "), "{sent_on}");
    assert!(sent_on.ends_with("Subject: on\r\n\r\n.\r\n..its way\r\n"), "{sent_on}");
    assert!(of("Subject: an answer").contains("Return-Path: <>\r\n"));
    outbox::wait_for_rows(home, "is_dead = 1 AND last_error LIKE '%hops%'", 1);
    place.stop();
}

/// Says what becomes of mail by its subject.
const SCRIPT: &str = r#"require ["fileinto", "mailbox", "imap4flags", "vacation", "reject"];
if header "subject" "never" { reject "No, thanks"; stop; }
if header "subject" "no" { reject "Schönen Dank"; stop; }
fileinto :create :flags "\\Flagged" "Work";
redirect "carol@example.com";
vacation "Away";
"#;

/// In by Postfix, by LMTP through a script, out by the relay, which is Postfix again, and back.
#[test]
fn mail_goes_in_is_sorted_leaves_and_comes_back() {
    if !rustix::process::getuid().is_root() {
        return program::skipped("root, which postfix wants");
    }
    let (Some(postfix), Some(sendmail)) = (program::find("postfix"), program::find("sendmail"))
    else {
        return;
    };
    let home = Home::new("", "");
    let socket = home.folder().join("postfix/spool/public/relay");
    home.configure(&format!("[relay]\nhost = 'unix:{}'\n", socket.display()));
    for name in [USER, "bob@example.com", "carol@example.com"] {
        home.create_account(name, PASSWORD);
    }
    home.sort_mail_of("bob@example.com", SCRIPT);
    let place = Place { server: Server::with(home) };
    let instance = Postfix::start(&postfix, &place);
    let config = instance.folder.display().to_string();
    let args = ["-C", &config, "-f", USER, "--", "bob@example.com"];
    for subject in ["hello", "never", "no"] {
        let message = format!(
            "From: {USER}\nTo: bob@example.com\nMessage-ID: <{subject}@example.com>\n\
             Subject: {subject}\n\nThe body\n"
        );
        program::run_with(&sendmail, &instance.folder, &args, &[], message.as_bytes()).ok();
    }
    let inbox = |user: &str, mailbox: &str, count: usize| {
        let mail = wait_for_mail(&place, user, mailbox, count);
        mail.unwrap_or_else(|| panic!("{user}: not {count} in {mailbox}:\n{}", instance.log()))
    };
    let filed = inbox("bob@example.com", "Work", 1);
    assert!(filed[0].contains("FLAGS (\\Flagged)") && filed[0].contains("\r\n\r\nThe body"));
    let sent_on = inbox("carol@example.com", "INBOX", 1);
    assert!(sent_on[0].contains("Return-Path: <me@example.com>\r\n"), "{sent_on:?}");
    assert!(sent_on[0].contains("\r\nResent-From: bob@example.com\r\n"), "RFC 5322 §3.6.6");
    assert!(sent_on[0].contains("\r\n\r\nThe body\r\n"), "{sent_on:?}");
    let came_back = inbox(USER, "INBOX", 3);
    let of = |words: &str| {
        let found = came_back.iter().find(|mail| mail.contains(words));
        found.unwrap_or_else(|| panic!("no {words}: {came_back:?}"))
    };
    assert!(of("Subject: Auto: hello").contains("\r\n\r\nAway"), "RFC 5230");
    assert!(
        of("Subject: Undelivered Mail").contains("said: 550 5.7.1 No, thanks"),
        "RFC 5429 §2.2"
    );
    let report = of("multipart/report; report-type=disposition-notification");
    assert!(report.contains("Sch=C3=B6nen Dank"), "RFC 5429 §2.2.1: {report}");
    drop(instance);
    place.stop();
}

/// Flags and text of what is in a mailbox, once it has so many.
fn wait_for_mail(place: &Place, user: &str, mailbox: &str, count: usize) -> Option<Vec<String>> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let mut imap = Connection::imap(place.server.imap(), user, PASSWORD).expect("a login");
        if imap.must(&format!("EXAMINE {mailbox}")).is_ok() {
            let answer = imap.must("UID FETCH 1:* (FLAGS BODY.PEEK[])").expect("the mail");
            let text = |mail: Vec<u8>| String::from_utf8(mail).expect("text");
            let untagged = answer.untagged.into_iter().map(text);
            // mail that came since EXAMINE says EXISTS first
            let mail: Vec<String> = untagged.filter(|line| line.contains(" FETCH (")).collect();
            if mail.len() >= count {
                return Some(mail);
            }
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    None
}
