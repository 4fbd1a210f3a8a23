//! The mail that leaves, over real connections: what the relay gets, and what becomes of a row when
//! it does not take it, when we are killed, and when there are two of us.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use sora::config::Config;
use sora::model::{Address, Timestamp};
use sora::store::{
    NewAccount, NewOutgoing, Opening, Outgoing, OutgoingKind, OutgoingOptions, SortedDelivery,
    SortedOutgoing, Store,
};

use crate::support::connection::{Connection, PATIENCE};
use crate::support::daemon::Daemon;
use crate::support::home::Home;
use crate::support::postgres;
use crate::support::sink::{Manners, Sink, certificate};

/// A home whose mail goes to `sink`, with `more` lines of `[relay]`.
fn home(sink: &Sink, more: &str) -> Home {
    let home = Home::new("", "");
    home.configure(&format!("{}{more}\n", sink.relay()));
    home
}

pub(crate) fn letter(sender: &str, recipients: &[&str], message: &str) -> NewOutgoing {
    NewOutgoing {
        kind: OutgoingKind::Notify,
        sender: sender.to_owned(),
        recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
        options: OutgoingOptions::default(),
        message: message.as_bytes().to_vec(),
    }
}

/// Its store, beside a daemon or without one.
fn store(home: &Home) -> Store {
    let config = Config::find(Some(&home.config_file())).expect("the configuration is right");
    Store::open_at(&sora::work::place(&config), Opening::Beside).expect("a store")
}

/// Commits letters as a delivery does.
pub(crate) fn queue(home: &Home, letters: Vec<NewOutgoing>) {
    let store = store(home);
    let address = Address::new("bob@example.org").expect("an address");
    let account = match store.account_by_address(&address).expect("a store") {
        Some(found) => found.account,
        None => {
            let new = NewAccount { address, password_hash: "x".into() };
            store.create_account(new).expect("a store").expect("a new account")
        }
    };
    for new in letters {
        let delivery = SortedDelivery {
            account,
            bodies: Vec::new(),
            copies: Vec::new(),
            outgoing: vec![SortedOutgoing { new, unless: None }],
            remembered: Vec::new(),
            digest: None,
            report: None,
        };
        store.deliver_sorted(delivery).expect("committed");
    }
}

fn waiting(home: &Home) -> Vec<Outgoing> {
    store(home).list_outgoing(None, None, 1_000).expect("a list")
}

/// Rows that are there, by what they say.
fn rows(home: &Home, query: &str) -> i64 {
    home.count(&format!("SELECT COUNT(*) FROM outbox WHERE {query}"))
}

/// Waits until as many rows are as `query` says.
#[track_caller]
pub(crate) fn wait_for_rows(home: &Home, query: &str, count: i64) {
    let end = Instant::now() + PATIENCE;
    while rows(home, query) != count {
        let left = || home.admin(&["outbox", "list"]);
        assert!(Instant::now() < end, "{} rows {query}: {:?}", rows(home, query), left());
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn what_waits_is_sent_and_its_row_goes() {
    let offers = vec!["DSN", "SIZE 100000", "8BITMIME", "DELIVERBY 60"];
    let sink = Sink::with(Manners { offers, ..Manners::default() });
    let home = home(&sink, "");
    let by = Some((Timestamp(i64::MAX), "N".to_owned()));
    let options = OutgoingOptions {
        notify: Some("NEVER".into()),
        ret: Some("HDRS".into()),
        original_recipient: Some("rfc822;b+2Bc@x".into()),
        id: Some("QQ1".into()),
        by,
        utf8: false,
    };
    let all = letter("ann@x", &["c@x", "d e@x"], "A: b\r\n\r\n.\n..x\ry\r\n\u{e4}");
    queue(&home, vec![NewOutgoing { options, ..all }, letter("", &["f@x"], "A: b\r\n")]);
    let daemon = Daemon::start(&home);
    let mut taken = sink.wait_for(2);
    taken.sort_by_key(|taken| taken.rcpt.clone());
    assert_eq!(
        taken[0].mail, "<ann@x> SIZE=19 BODY=8BITMIME RET=HDRS ENVID=QQ1 BY=999999999;N",
        "RFC 1870 §6, RFC 6152 §3, RFC 3461 §4.3 and §4.4, RFC 2852 §4"
    );
    let asked = "NOTIFY=NEVER ORCPT=rfc822;b+2Bc@x";
    assert_eq!(taken[0].rcpt, [format!("<c@x> {asked}"), format!("<\"d e\"@x> {asked}")]);
    assert_eq!(taken[0].message, "A: b\r\n\r\n.\r\n..x\r\ny\r\n\u{e4}\r\n");
    assert_eq!((&*taken[1].mail, &*taken[1].rcpt), ("<> SIZE=6", &["<f@x>".to_owned()][..]));
    wait_for_rows(&home, "1 = 1", 0);
    daemon.stop();
    assert!(sink.said().contains(&"EHLO mail.example.com".to_owned()));
    home.check();
}

#[test]
fn each_recipient_has_its_own_verdict() {
    let sink = Sink::start();
    sink.answer("RCPT TO:<later@", "450-4.2.1 not\r\n450 4.2.1 now");
    sink.answer("RCPT TO:<never@", "550 5.1.1 nobody");
    let home = home(&sink, "");
    queue(&home, vec![letter("a@x", &["now@x", "later@x", "never@x"], "A: b\r\n\r\n")]);
    let daemon = Daemon::start(&home);
    assert_eq!(sink.wait_for(1)[0].rcpt, ["<now@x>"]);
    wait_for_rows(&home, "attempts = 1 AND is_dead = 0", 1);
    sink.be_kind();
    sink.answer("RCPT TO:<never@", "550 5.1.1 nobody");
    home.execute("UPDATE outbox SET due_at = 0");
    assert_eq!(sink.wait_for(2)[1].rcpt, ["<later@x>"]);
    wait_for_rows(&home, "is_dead = 1", 1);
    daemon.stop();
    let left = waiting(&home);
    assert_eq!(left[0].recipients, ["never@x"]);
    assert_eq!((left[0].attempts, &*left[0].last_error), (2, "<never@x>: 550 5.1.1 nobody"));
    assert_eq!(sink.taken().len(), 2, "nobody got it twice");
}

#[test] // RFC 5321 §3.6.3, RFC 3464 §2
fn who_sent_what_cannot_be_sent_on_is_told() {
    let sink = Sink::start();
    sink.answer("RCPT TO:<gone@", "550 5.1.1 nobody");
    sink.answer("RCPT TO:<full@", "452 4.2.2 full");
    let home = home(&sink, "max_attempts = 1");
    let sent_on = |sender: &str, to: &str, notify: Option<&str>| NewOutgoing {
        kind: OutgoingKind::Redirect,
        options: OutgoingOptions {
            notify: notify.map(str::to_owned),
            ret: Some(if sender == "bob@x" { "FULL" } else { "HDRS" }.to_owned()),
            id: Some("a+2Bb".to_owned()),
            original_recipient: Some("rfc822;c+2Bd@x".to_owned()),
            ..OutgoingOptions::default()
        },
        ..letter(sender, &[to], "Message-ID: <1@x>\r\nSubject: hello\r\n\r\nThe body\r\n")
    };
    let all = vec![
        sent_on("ann@x", "gone@x", None),
        sent_on("bob@x", "full@x", Some("SUCCESS,FAILURE")),
        sent_on("", "gone@x", None), // RFC 5321 §4.5.5
        sent_on("never@x", "gone@x", Some("NEVER")),
        sent_on("slow@x", "gone@x", Some("DELAY")),
        letter("own@x", &["gone@x"], "A: b\r\n\r\n"),
    ];
    queue(&home, all);
    let daemon = Daemon::start(&home);
    let taken = sink.wait_for(2);
    wait_for_rows(&home, "is_dead = 1", 6);
    wait_for_rows(&home, "is_dead = 0", 0);
    daemon.stop();
    assert_eq!(sink.taken().len(), 2, "nobody else is told: {:?}", sink.taken());
    for (to, facts) in [
        ("<ann@x>", "Final-Recipient: rfc822; gone@x\r\nAction: failed\r\nStatus: 5.1.1\r\n"),
        ("<bob@x>", "Final-Recipient: rfc822; full@x\r\nAction: failed\r\nStatus: 5.4.7\r\n"),
    ] {
        let report = taken.iter().find(|taken| taken.rcpt == [to]).expect("a report");
        assert_eq!(report.mail, "<>");
        let message = &report.message;
        assert!(message.contains("report-type=delivery-status"), "{message}");
        assert!(message.contains("\r\nOriginal-Envelope-Id: a+b\r\n"), "{message}");
        let facts = format!("\r\n\r\nOriginal-Recipient: rfc822;c+d@x\r\n{facts}");
        assert!(message.contains(&facts), "{message}");
        assert!(message.contains("\r\nSubject: hello\r\n"), "{message}");
        assert_eq!(message.contains("The body"), to == "<bob@x>", "{message}");
    }
    home.check();
}

#[test]
fn reports_come_back_to_a_rewritten_sender() {
    let sink = Sink::start();
    sink.answer("RCPT TO:<gone@", "550 5.1.1 nobody");
    let home = home(&sink, "srs_domain = 'fwd.example.org'\nsrs_secret = 'sixteen is enough'");
    let sent_on = |sender: &str, to: &str| NewOutgoing {
        kind: OutgoingKind::Redirect,
        ..letter(sender, &[to], "Message-ID: <1@x>\r\n\r\nThe body\r\n")
    };
    let own = letter("own@x", &["own@y"], "A: b\r\n\r\n");
    queue(&home, vec![sent_on("ann@x.org", "c@y"), sent_on("", "null@y"), own]);
    let daemon = Daemon::start(&home);
    let taken = sink.wait_for(3);
    let sender_for = |to: &str| {
        let found = taken.iter().find(|taken| taken.rcpt == [to]).expect("it was sent");
        found.mail.split(' ').next().expect("a path").to_owned()
    };
    assert_eq!((&*sender_for("<null@y>"), &*sender_for("<own@y>")), ("<>", "<own@x>"));
    let ours = sender_for("<c@y>");
    let ours = ours.trim_matches(['<', '>']);
    assert!(ours.starts_with("SRS0=") && ours.ends_with("=x.org=ann@fwd.example.org"), "{ours}");
    // What the next server has to say of it.
    let mut lmtp = Connection::lmtp(daemon.lmtp).expect("LMTP");
    lmtp.ask("MAIL FROM:<>").expect("an answer");
    let forged = ours.replacen("x.org", "x.net", 1);
    let refused = lmtp.ask(&format!("RCPT TO:<{forged}>")).expect("an answer");
    assert!(refused.starts_with("550 5.1.1"), "{refused}");
    lmtp.ask("RSET").expect("an answer");
    let report = "Return-Path: <>\r\nReceived: by y; Mon, 1 Jan 2024 10:00:00 +0000\r\n\
                  Subject: not delivered\r\n\r\nSorry.\r\n";
    let replies = lmtp.deliver(&[ours], report.as_bytes()).expect("an answer");
    assert!(replies[0].starts_with("250"), "{replies:?}");
    let back = &sink.wait_for(4)[3];
    assert_eq!(back.rcpt, ["<ann@x.org>"]);
    let message = &back.message;
    assert!(message.contains("\r\nSubject: not delivered\r\n"), "{message}");
    assert!(message.contains(&format!("Delivered-To: {ours}\r\n")), "{message}");
    wait_for_rows(&home, "1 = 1", 0);
    // Whose own mail could not be sent on is told under the true name.
    queue(&home, vec![sent_on("ann@x.org", "gone@y")]);
    home.admin(&["outbox", "retry", "--all"]).expect("the bell");
    let told = &sink.wait_for(5)[4];
    assert_eq!((told.mail.split(' ').next(), &*told.rcpt[0]), (Some("<>"), "<ann@x.org>"));
    daemon.stop();
    home.check();
}

#[test] // RFC 5321 §4.1.1.5: a refused DATA leaves the transaction open
fn what_is_refused_at_data_does_no_harm_to_the_next() {
    for refusal in ["451 4.7.1 later", "554 5.7.1 no", "250 what"] {
        let sink = Sink::start();
        sink.answer("DATA", refusal);
        let home = home(&sink, "");
        let all = (0..12).map(|_| letter("a@x", &["b@x"], "A: b\r\n\r\n"));
        queue(&home, all.collect());
        let daemon = Daemon::start(&home);
        wait_for_rows(&home, "attempts = 1", 12);
        daemon.stop();
        for row in waiting(&home) {
            assert_eq!(row.last_error, format!("<b@x>: {refusal}"), "not nested MAIL");
        }
        home.check();
    }
}

#[test] // pitfall 32
fn what_cannot_be_sent_ever_is_left_alone_at_once() {
    let sink = Sink::start();
    sink.answer("MAIL FROM:<spam@", "554 5.7.1 no");
    sink.answer("MAIL FROM:<slow@", "451 4.7.1 later");
    let home = home(&sink, "max_attempts = 1");
    let circles = "Received: x\r\n".repeat(101) + "\r\n";
    let late = OutgoingOptions { by: Some((Timestamp(0), "R".into())), ..Default::default() };
    let utf8 = OutgoingOptions { utf8: true, ..Default::default() };
    let all = vec![
        letter("spam@x", &["a@x"], "A: b\r\n\r\n"),
        letter("slow@x", &["a@x"], "A: b\r\n\r\n"),
        letter("loop@x", &["a@x"], &circles),
        NewOutgoing { options: late, ..letter("late@x", &["a@x"], "A: b\r\n\r\n") },
        letter("a@x", &["b\u{f6}b@x"], "A: b\r\n\r\n"),
        letter("a@x", &["b@x"], "A: b\r\n\r\n\u{f6}"),
        NewOutgoing { options: utf8, ..letter("a@x", &["b@x"], "A: \u{f6}\r\n\r\n") },
        letter("both@x", &["b\u{f6}b@x", "good@x"], "A: b\r\n\r\n"),
        letter("fine@x", &["a@x"], "A: b\r\n\r\n"),
    ];
    queue(&home, all);
    let daemon = Daemon::start(&home);
    wait_for_rows(&home, "is_dead = 1", 8);
    wait_for_rows(&home, "1 = 1", 8);
    daemon.stop();
    let told: Vec<String> = waiting(&home).into_iter().map(|row| row.last_error).collect();
    assert_eq!(
        told,
        [
            "<a@x>: 554 5.7.1 no",
            "<a@x>: 451 4.7.1 later",
            "<a@x>: it goes in circles: too many Received fields",
            "<a@x>: its time is over (BY)",
            "<b\u{f6}b@x>: the relay takes ASCII addresses only (no SMTPUTF8)",
            "<b@x>: the relay takes 7-bit messages only (no 8BITMIME)",
            "<b@x>: the relay takes ASCII headers only (no SMTPUTF8)",
            "<b\u{f6}b@x>: the relay takes ASCII addresses only (no SMTPUTF8)",
        ]
    );
    let taken: Vec<_> = sink.taken().into_iter().flat_map(|taken| taken.rcpt).collect();
    assert!(taken.len() == 2 && taken.contains(&"<good@x>".to_owned()), "{taken:?}");
    home.check();
}

#[test] // pitfall 32
fn a_relay_that_is_away_makes_mail_wait() {
    let sink = Sink::start();
    sink.answer("MAIL", "");
    let home = home(&sink, "");
    let some = (0..20).map(|nth| letter("a@x", &[&format!("{nth}@x")], "A: b\r\n\r\n")).collect();
    queue(&home, some);
    let daemon = Daemon::start(&home);
    sink.wait_for_words("MAIL", 4);
    while rows(&home, "attempts > 0") == 0 {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert!(rows(&home, "attempts > 0") < 10, "the others were not tried in vain");
    sink.be_kind();
    // What was under way is put off when its connection has ended, perhaps after the first of these.
    let end = Instant::now() + PATIENCE;
    while rows(&home, "1 = 1") > 0 {
        home.execute("UPDATE outbox SET due_at = 0 WHERE attempts > 0");
        assert!(Instant::now() < end, "{:?}", home.admin(&["outbox", "list"]));
        std::thread::park_timeout(Duration::from_millis(10));
    }
    daemon.stop();
    assert_eq!(sink.taken().len(), 20);
    assert!(sink.connections() < 24, "{} connections", sink.connections());
}

#[test]
fn tls_and_a_password() {
    for (mechanism, implicit) in [("AUTH PLAIN AHV", false), ("AUTH LOGIN", true)] {
        let folder = Home::new("", "");
        let (file, tls) = certificate(folder.folder());
        let sink =
            Sink::with(Manners { tls: Some(tls), is_implicit: implicit, ..Manners::default() });
        if mechanism == "AUTH LOGIN" {
            sink.answer("EHLO", "250-sink\r\n250 AUTH=LOGIN");
        }
        let way = if implicit { "implicit" } else { "starttls" };
        let more = format!("tls = '{way}'\nca_file = '{}'\nuser = 'user'\n", file.display());
        let home = home(&sink, &format!("{more}password = 'secret'"));
        queue(&home, vec![letter("a@x", &["b@x"], "A: b\r\n\r\n")]);
        let daemon = Daemon::start(&home);
        assert!(sink.wait_for(1)[0].is_secret);
        wait_for_rows(&home, "1 = 1", 0);
        daemon.stop();
        assert!(sink.said().iter().any(|line| line.starts_with(mechanism)), "{:?}", sink.said());
    }
}

#[test]
fn no_secret_is_told_to_a_stranger() {
    let (folder, other) = (Home::new("", ""), Home::new("", ""));
    let (_, tls) = certificate(folder.folder());
    let (another, _) = certificate(other.folder());
    let cases = [
        (
            Some(tls.clone()),
            format!("tls = 'starttls'\nca_file = '{}'\n", another.display()),
            "ertificate",
        ),
        (Some(tls), String::new(), "ertificate"), // a user makes "auto" ask for it
        (None, String::new(), "it offers no TLS"),
        (None, "tls = 'starttls'\n".to_owned(), "it does not offer STARTTLS"),
    ];
    for (tls, more, why) in cases {
        let sink = Sink::with(Manners { tls, ..Manners::default() });
        let home = home(&sink, &format!("{more}user = 'user'\npassword = 'secret'"));
        queue(&home, vec![letter("a@x", &["b@x"], "A: b\r\n\r\n")]);
        let daemon = Daemon::start(&home);
        wait_for_rows(&home, "attempts = 1 AND is_dead = 0", 1);
        daemon.stop();
        let error = waiting(&home).remove(0).last_error;
        assert!(error.contains(why), "{error}");
        assert!(
            !sink.said().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL"))
        );
    }
}

#[test] // RFC 2033 §4.2
fn lmtp_has_a_reply_for_each() {
    let sink = Sink::start();
    sink.answer(".<full@", "452 4.2.2 full");
    sink.answer(".<gone@", "550 5.1.1 gone");
    let home = home(&sink, "protocol = 'lmtp'");
    queue(&home, vec![letter("a@x", &["full@x", "here@x", "gone@x"], "A: b\r\n\r\n")]);
    let daemon = Daemon::start(&home);
    wait_for_rows(&home, "attempts = 1 AND is_dead = 0", 1);
    daemon.stop();
    let left = waiting(&home).remove(0);
    assert_eq!(left.recipients, ["full@x", "gone@x"]);
    assert_eq!(left.last_error, "<full@x>: 452 4.2.2 full; <gone@x>: 550 5.1.1 gone");
    assert!(sink.said().contains(&"LHLO mail.example.com".to_owned()));
}

#[test]
fn a_command_that_leaves_another_behind_holds_nobody_up() {
    let home = Home::new("", "");
    let command = home.folder().join("sendmail");
    // What it leaves behind holds its pipes for longer than any test is patient.
    let script = "#!/bin/sh\nsleep 600 &\necho $! >> $(dirname $0)/left\ncat > /dev/null\n";
    std::fs::write(&command, script).expect("written");
    std::fs::set_permissions(&command, PermissionsExt::from_mode(0o755)).expect("executable");
    let relay = format!("[relay]\nprotocol = 'sendmail'\nsendmail = '{}'\n", command.display());
    home.configure(&relay);
    queue(&home, (0..5).map(|_| letter("a@x", &["b@x"], "A: b\r\n\r\n")).collect());
    let daemon = Daemon::start(&home);
    wait_for_rows(&home, "1 = 1", 0);
    daemon.stop();
    let left = std::fs::read_to_string(home.folder().join("left")).expect("written");
    let ended = std::process::Command::new("kill").args(left.split_whitespace()).status();
    assert!(ended.expect("kill is there").success());
}

#[test]
fn a_command_takes_it() {
    let home = Home::new("", "");
    let command = home.folder().join("sendmail");
    let script = "#!/bin/sh\ncase \"$*\" in *full*) echo no room >&2; exit 75;; *nobody*) exit 67;; \
                  esac\necho \"$@\" > $(dirname $0)/args\ncat > $(dirname $0)/input\n";
    std::fs::write(&command, script).expect("written");
    std::fs::set_permissions(&command, PermissionsExt::from_mode(0o755)).expect("executable");
    let relay = format!("[relay]\nprotocol = 'sendmail'\nsendmail = '{}'\n", command.display());
    home.configure(&relay);
    let all = vec![
        letter("", &["a@x", "b@x"], "A: b\r\n\r\nc\r\n"),
        letter("a@x", &["full@x"], "A: b\r\n\r\n"),
        letter("a@x", &["nobody@x"], "A: b\r\n\r\n"),
    ];
    queue(&home, all);
    let daemon = Daemon::start(&home);
    wait_for_rows(&home, "attempts = 1", 2);
    wait_for_rows(&home, "1 = 1", 2);
    daemon.stop();
    let read = |name: &str| std::fs::read_to_string(home.folder().join(name)).expect("written");
    assert_eq!(read("args"), "-i -f <> -- a@x b@x\n");
    assert_eq!(read("input"), "A: b\n\nc\n");
    let left = waiting(&home);
    assert_eq!((left[0].is_dead, left[1].is_dead), (false, true));
    assert_eq!(left[0].last_error, "<full@x>: exit status: 75: no room");
}

#[test]
fn without_a_relay_nothing_is_lost() {
    let home = Home::new("", "");
    queue(&home, vec![letter("a@x", &["b@x"], "A: b\r\n\r\n")]);
    Daemon::start(&home).stop();
    let sink = Sink::start();
    home.configure(&sink.relay());
    let daemon = Daemon::start(&home);
    sink.wait_for(1);
    wait_for_rows(&home, "1 = 1", 0);
    daemon.stop();
}

/// A script that sends everything there is to send.
const SCRIPT: &str = "require [\"copy\", \"vacation\", \"enotify\", \"reject\"];
if header \"subject\" \"no\" { reject \"Sch\u{f6}nen Dank\"; stop; }
if header \"subject\" \"never\" { reject \"No, thanks\"; stop; }
redirect :copy \"far@example.net\";
vacation \"Away\";
notify \"mailto:pager@example.net\";";

#[test]
fn what_scripts_send_arrives() {
    let sink = Sink::start();
    let home = home(&sink, "");
    home.create_account("bob@example.org", "secret");
    let daemon = Daemon::start(&home);
    let mut sieve =
        Connection::managesieve(daemon.managesieve, "bob@example.org", "secret").expect("a login");
    let put = format!("PUTSCRIPT \"all\" {{{}+}}\r\n{SCRIPT}", SCRIPT.len());
    sieve.must_sieve(&put).expect("a script");
    sieve.must_sieve("SETACTIVE \"all\"").expect("a script");
    let mut lmtp = Connection::lmtp(daemon.lmtp).expect("LMTP");
    let mut deliver = |subject: &str| {
        let message = format!(
            "From: sender@example.org\r\nTo: bob@example.org\r\nMessage-ID: <1@example.org>\r\n\
             Subject: {subject}\r\n\r\nThe body\r\n"
        );
        lmtp.deliver(&["bob@example.org"], message.as_bytes()).expect("an answer").remove(0)
    };
    assert!(deliver("hello").starts_with("250"));
    let taken = sink.wait_for(3);
    let to = |address: &str| {
        let to = format!("<{address}>");
        let found = taken.iter().find(|taken| taken.rcpt == [to.clone()]);
        found.unwrap_or_else(|| panic!("nothing for {address}: {taken:?}"))
    };
    let sent_on = to("far@example.net");
    assert_eq!(sent_on.mail, "<sender@example.org>", "RFC 5228 §4.2: the sender stays");
    assert!(sent_on.message.starts_with("Received: by mail.example.com "), "{sent_on:?}");
    assert!(sent_on.message.ends_with("\r\nSubject: hello\r\n\r\nThe body\r\n"), "{sent_on:?}");
    assert!(!sent_on.message.contains("Return-Path"), "{sent_on:?}");
    let answer = to("sender@example.org");
    assert_eq!(answer.mail, "<>", "RFC 5230 §5.1");
    assert!(
        answer.message.contains("\r\nSubject: Auto: hello\r\nIn-Reply-To: <1@example.org>\r\n")
    );
    assert!(answer.message.ends_with("\r\n\r\nAway\r\n"), "{answer:?}");
    let notice = to("pager@example.net");
    let owner = "\r\nAuto-Submitted: auto-notified; owner-email=\"bob@example.org\"\r\n";
    assert!(notice.message.contains(owner), "{notice:?}");

    // The same answer is not given again; the rest is.
    assert!(deliver("hello again").starts_with("250"));
    sink.wait_for(5);
    assert!(
        deliver("never").starts_with("550 "),
        "RFC 5429 §2.2: by protocol where that can say it"
    );
    assert!(deliver("no").starts_with("250"), "RFC 5429 §2.2: and otherwise by a report");
    let report = sink.wait_for(6).remove(5);
    assert_eq!((&*report.mail, &*report.rcpt), ("<>", &["<sender@example.org>".to_owned()][..]));
    assert!(
        report.message.contains("Disposition: automatic-action/MDN-sent-automatically; deleted")
    );
    assert!(report.message.contains("Sch=C3=B6nen Dank"), "{report:?}");
    wait_for_rows(&home, "1 = 1", 0);
    assert_eq!(home.count("SELECT COUNT(*) FROM messages"), 2, "what was rejected is not kept");
    daemon.stop();
    assert_eq!(sink.taken().len(), 6);
    home.check();
}

/// How often each recipient got the message.
fn counts(sink: &Sink) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for taken in sink.taken() {
        for to in taken.rcpt {
            *counts.entry(to).or_default() += 1;
        }
    }
    counts
}

/// Messages, one recipient each.
fn many(count: usize) -> Vec<NewOutgoing> {
    let to = |nth: usize| letter("a@x", &[&format!("{nth}@x")], "A: b\r\n\r\n");
    (0..count).map(to).collect()
}

#[test] // pitfall 32
fn killed_at_random_it_sends_all_and_little_twice() {
    const KILLS: usize = 5;
    const SENDERS: usize = 4;
    let sink = Sink::start();
    let home = home(&sink, "");
    queue(&home, many(200));
    for kill in 1..=KILLS {
        let mut daemon = Daemon::start(&home);
        sink.wait_for(sink.taken().len().max(kill * 20) + 5);
        daemon.kill();
    }
    let daemon = Daemon::start(&home);
    wait_for_rows(&home, "1 = 1", 0);
    daemon.stop();
    let counts = counts(&sink);
    assert_eq!(counts.len(), 200, "each was sent");
    // What each sender had in hand when we were killed may come again.
    let again = counts.values().sum::<usize>() - 200;
    assert!(again <= KILLS * SENDERS, "{counts:?}");
    home.check();
}

#[test]
fn two_nodes_send_each_message_once() {
    if !postgres::is_wanted() {
        return;
    }
    let sink = Sink::start();
    let home = home(&sink, "");
    let beside = home.beside();
    queue(&home, many(100));
    let (one, two) = (Daemon::start(&home), Daemon::start(&beside));
    sink.wait_for(20);
    one.stop(); // the other goes on at once
    wait_for_rows(&home, "1 = 1", 0);
    two.stop();
    let counts = counts(&sink);
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (100, 100));
}

/// What `tests/crash` does at the points of this room: killed there, and started again.
pub(crate) fn die_at(point: &str) -> Result<(), String> {
    let sink = Sink::start();
    let home = home(&sink, "");
    queue(&home, many(3));
    let died = match Daemon::start_to_crash(&home, Some(point)) {
        Ok(mut daemon) => daemon.wait_for_death(PATIENCE).is_some(),
        Err(log) => log.contains("unix_wait_status(9)"),
    };
    if !died {
        return Err("it is not reached".to_owned());
    }
    let before = sink.taken().len();
    let daemon = Daemon::start(&home);
    wait_for_rows(&home, "1 = 1", 0);
    daemon.stop();
    let counts = counts(&sink);
    let wrong = counts.len() != 3 || counts.values().any(|times| *times > 2);
    home.check();
    if wrong { Err(format!("{before} before the end, then {counts:?}")) } else { Ok(()) }
}
