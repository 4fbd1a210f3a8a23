//! Mail that curl moves into Junk and out of it: the spam filter learns, and scripts see it (RFC 6785).

use std::time::Instant;

use super::{PASSWORD, Place, USER};
use crate::support::connection::PATIENCE;
use crate::support::home::Home;
use crate::support::messages;
use crate::support::program;
use crate::support::server::Server;

#[test]
fn what_curl_moves_into_junk_and_out_of_it_is_learnt() {
    let (Some(curl), Some(cp)) = (program::find("curl"), program::find("cp")) else { return };
    let home = Home::new("", "");
    let path = |name: &str| home.folder().join(name);
    let script = "require [\"imapsieve\", \"environment\", \"imap4flags\"];
        if environment \"imap.mailbox\" \"Junk\" { addflag \"$Junk\"; }
        else { addflag \"$NotJunk\"; }";
    std::fs::write(path("site.sieve"), script).expect("a script");
    let learn = |name: &str| format!("{} /dev/stdin {}", cp.display(), path(name).display());
    home.configure(&format!(
        "[sieve]\nlearn_spam = '{}'\nlearn_ham = '{}'\nimap_script = '{}'\n",
        learn("spam"),
        learn("ham"),
        path("site.sieve").display()
    ));
    let (spam, ham) = (path("spam"), path("ham"));
    home.create_account(USER, PASSWORD);
    let place = Place { server: Server::with(home) };
    place.deliver(1, 2);
    let user = format!("{USER}:{PASSWORD}");
    let run = |mailbox: &str, command: &str| {
        let url = format!("imap://{}/{mailbox}", place.server.imap());
        let common = ["--silent", "--show-error", "--max-time", "60", "--user", &user];
        program::run(&curl, place.folder(), &[&common[..], &["-X", command, &url]].concat()).ok();
    };
    run("INBOX", "UID MOVE 2 Junk");
    wait(&place, "Junk", 1, "$Junk");
    let learnt = std::fs::read(spam).expect("what was learnt");
    assert!(learnt.ends_with(&messages::small(2)), "{}", String::from_utf8_lossy(&learnt));
    assert!(!ham.exists());
    run("Junk", "UID MOVE 1 INBOX");
    wait(&place, "INBOX", 3, "$NotJunk");
    assert_eq!(std::fs::read(ham).expect("what was learnt"), learnt);
    place.stop();
}

/// Waits until the message has the keyword: the script comes after the command that curl waits for.
fn wait(place: &Place, mailbox: &str, uid: u32, keyword: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let flags = place.flags(mailbox).get(&uid).cloned().unwrap_or_default();
        if flags.split(' ').any(|flag| flag == keyword) {
            return;
        }
        assert!(Instant::now() < end, "UID {uid} of {mailbox} has {flags:?}");
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
}
