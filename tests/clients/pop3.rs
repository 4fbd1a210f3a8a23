//! Programs that take mail by POP3.

use std::fmt::Write as _;

use super::{PASSWORD, Place, USER, getmailrc, maildir, new_maildir, private};
use crate::support::messages;
use crate::support::program;

/// Everything that a message's text says.
const TEXT: &str = "This is the body of message";

#[test]
fn curl_lists_reads_and_deletes() {
    let Some(curl) = program::find("curl") else { return };
    let place = Place::new(3);
    let (pop3, pop3s) = (place.server.pop3(), place.server.pop3s());
    let user = format!("{USER}:{PASSWORD}");
    let run = |args: &[&str]| {
        let common = ["--silent", "--show-error", "--max-time", "60", "--user", &user];
        program::run(&curl, place.folder(), &[&common[..], args].concat())
    };
    let url = |rest: &str| format!("pop3://{pop3}/{rest}");
    let list = run(&[&url("")]).ok().text();
    assert_eq!(list.lines().count(), 3, "{list}");
    let body = run(&[&url("2")]).ok().said;
    assert!(body.ends_with(&messages::small(2)), "{}", String::from_utf8_lossy(&body));
    let ids = run(&["-X", "UIDL", &url("")]).ok().text();
    assert!(ids.lines().next().is_some_and(|line| line.starts_with("1 ")), "{ids}");
    let top = run(&["-X", "TOP 1 0", &url("")]).ok().text();
    assert!(top.contains("Subject: Message 1") && !top.contains(TEXT), "{top}");
    let body = run(&["--insecure", &format!("pop3s://{pop3s}/1")]).ok().said;
    assert!(body.ends_with(&messages::small(1)));
    let body = run(&["--insecure", "--ssl-reqd", &url("3")]).ok().said;
    assert!(body.ends_with(&messages::small(3)));
    run(&["-X", "DELE", "--list-only", &url("1")]).ok();
    assert_eq!(place.flags("INBOX").keys().copied().collect::<Vec<_>>(), [2, 3]);
    let wrong = format!("{USER}:wrong");
    let refused = program::run(&curl, place.folder(), &["--silent", "--user", &wrong, &url("")]);
    assert!(!refused.is_success, "a wrong password was taken");
    place.stop();
}

#[test]
fn fetchmail_takes_what_is_new() {
    let Some(fetchmail) = program::find("fetchmail") else { return };
    let place = Place::new(3);
    let got = place.folder().join("got");
    let text = format!(
        "poll 127.0.0.1 service {} protocol POP3 uidl auth password\n  username \"{USER}\" \
         password \"{PASSWORD}\" keep sslproto ''\n  mda \"/bin/cat >> {}\"\n",
        place.server.pop3().port(),
        got.display()
    );
    let rc = place.folder().join("fetchmailrc");
    std::fs::write(&rc, text).expect("a configuration");
    private(&rc);
    let path = |name: &str| place.folder().join(name).display().to_string();
    let (rc, pid, ids) = (path("fetchmailrc"), path("fetchmail.pid"), path("ids"));
    let fetch = |more: &[&str]| {
        let args = ["-f", &rc, "--pidfile", &pid, "--idfile", &ids, "--nosyslog"];
        program::run(&fetchmail, place.folder(), &[&args[..], more].concat())
    };
    let count = || std::fs::read_to_string(&got).expect("what came").matches(TEXT).count();
    fetch(&[]).ok();
    assert_eq!(count(), 3);
    let _nothing_new = fetch(&[]); // which it says by its exit code
    assert_eq!(count(), 3, "UIDL knows them");
    place.deliver(4, 5);
    fetch(&["--nokeep"]).ok();
    assert_eq!(count(), 5);
    assert_eq!(place.flags("INBOX").keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    place.stop();
}

#[test]
fn getmail_deletes_what_it_took() {
    let Some(getmail) = program::find("getmail") else { return };
    let place = Place::new(4);
    let mail = new_maildir(&place);
    let port = place.server.pop3().port();
    let args = getmailrc(&place, &mail, "SimplePOP3Retriever", port, true);
    let args = args.each_ref().map(String::as_str);
    for _ in 0..2 {
        program::run(&getmail, place.folder(), &args).ok();
        assert_eq!(maildir(&mail).len(), 4);
        assert_eq!(place.flags("INBOX").len(), 0);
    }
    place.stop();
}

#[test]
fn mpop_pipelines() {
    let Some(mpop) = program::find("mpop") else { return };
    let place = Place::new(40);
    let mail = new_maildir(&place);
    let mut text = String::new();
    let (port, mail_path) = (place.server.pop3().port(), mail.display());
    let ids = place.folder().join("ids");
    write!(
        text,
        "account default\nhost 127.0.0.1\nport {port}\nuser {USER}\npassword {PASSWORD}\n\
         auth plain\ntls off\npipelining on\ndelivery maildir {mail_path}\nkeep on\n\
         uidls_file {}\n",
        ids.display()
    )
    .expect("a configuration");
    let rc = place.folder().join("mpoprc");
    std::fs::write(&rc, text).expect("a configuration");
    private(&rc);
    let rc = format!("--file={}", rc.display());
    for _ in 0..2 {
        program::run(&mpop, place.folder(), &[&rc, "--quiet"]).ok();
        assert_eq!(maildir(&mail).len(), 40);
    }
    program::run(&mpop, place.folder(), &[&rc, "--quiet", "--keep=off"]).ok();
    assert_eq!(place.flags("INBOX").len(), 0);
    place.stop();
}

#[test]
fn mutt_collects_its_mail() {
    let (Some(_mutt), Some(script)) = (program::find("mutt"), program::find("script")) else {
        return;
    };
    let place = Place::new(3);
    let (pop3, spool) = (place.server.pop3(), place.folder().join("spool"));
    std::fs::write(&spool, "").expect("an empty mbox");
    let text = format!(
        "set pop_host = 'pop://{pop3}'\nset pop_user = '{USER}'\nset pop_pass = '{PASSWORD}'\n\
         set pop_delete = yes\nset pop_last = no\nset ssl_starttls = no\nset ssl_force_tls = no\n\
         set folder = '{}'\nset spoolfile = '{}'\nset quit = yes\nset move = no\nset wait_key = no\nunset beep\n\
         push '<fetch-mail><sync-mailbox><quit>'\n",
        place.folder().display(),
        spool.display()
    );
    std::fs::write(place.folder().join("muttrc"), text).expect("a configuration");
    let args = ["-qec", "mutt -n -F muttrc", "/dev/null"];
    let ended = program::run(&script, place.folder(), &args).ok();
    let got = std::fs::read_to_string(&spool).expect("the mbox");
    assert_eq!(got.matches(TEXT).count(), 3, "{got}\n{}", ended.text());
    assert_eq!(place.flags("INBOX").len(), 0);
    place.stop();
}
