//! Scripts that see what happens in IMAP (RFC 6785), shown it by this thread.

use crossbeam_channel::{Receiver, bounded};

use super::super::events::Usher;
use super::super::outbox::Relay;
use super::super::sorting::Sorter;
use super::super::{KeptRuns, SieveSettings, SiteEvents, clock};
use super::*;
use crate::limits;
use crate::model::{EntryName, Keyword, ScriptName};
use crate::store::{NewOutgoing, OutgoingKind, OutgoingOptions, SortedDelivery, SortedOutgoing};

const MESSAGE: &[u8] = b"From: ann@example.com\r\nSubject: x\r\n\r\ntext\r\n";

impl Room {
    /// With these settings, and perhaps a relay.
    fn sorted_by(self, events: SiteEvents, has_relay: bool) -> Self {
        let settings = SieveSettings { kept: KeptRuns::Errors, events, ..SieveSettings::default() };
        self.sorted_as(settings, has_relay)
    }

    fn sorted_as(mut self, settings: SieveSettings, has_relay: bool) -> Self {
        let relay = Relay::new(has_relay).0;
        let store = self.runner.store.clone();
        let sorter = Sorter::new(store, settings, self.settings.hostname.clone(), relay);
        self.runner.courier.sorter = Arc::new(sorter);
        self
    }

    /// The account has a script, and what happens in `mailbox` is seen by it.
    fn sees(&self, mailbox: &str, script: &str) {
        let name = ScriptName::new(mailbox).unwrap();
        let store = &self.runner.store;
        store.put_script(self.account, &name, script.as_bytes().to_vec(), 10).unwrap();
        let entry = (EntryName::event_script(), Some(mailbox.as_bytes().to_vec()));
        let of = MailboxName::new(mailbox).unwrap();
        store.set_annotations(self.account, Some(&of), vec![entry]).unwrap();
    }

    fn usher(&self) -> Usher {
        Usher {
            store: self.runner.store.clone(),
            sorter: Arc::clone(&self.runner.courier.sorter),
            changes: Arc::clone(&self.runner.changes),
        }
    }

    /// Shows scripts all that happened; in how many slices.
    fn show(&self) -> usize {
        let usher = self.usher();
        let (_stop, stops): (_, Receiver<()>) = bounded(0);
        (0..).take_while(|_| usher.round(&stops).unwrap().is_none()).count()
    }

    /// `UID {flags} keywords` of each message.
    fn list(&self, mailbox: &str) -> Vec<String> {
        let (_, snapshot) = self.open(mailbox);
        let names = &snapshot.head.keywords;
        let one = |message: crate::mail::Message| {
            let words: Vec<_> = names.names_in(message.keywords).map(Keyword::as_str).collect();
            format!("{} {:?} {}", message.uid, message.flags, words.join(" ")).trim().to_owned()
        };
        snapshot.iter().map(one).collect()
    }

    fn reports(&self) -> Vec<String> {
        let runs = self.runner.store.script_runs(self.account).unwrap();
        runs.into_iter().map(|run| run.report.text).collect()
    }

    fn flag(&self, mailbox: &str, uids: &[u32], flags: Flags) {
        let (mailbox, _) = self.open(mailbox);
        let flags = FlagSet { flags, keywords: Vec::new() };
        let (uids, mode) = (runs(uids), StoreMode::Add);
        let stored = self.run(Job::Store { mailbox, uids, mode, flags, unchanged_since: None });
        assert!(matches!(stored, Reply::Stored { .. }));
    }

    fn carry(&self, from: &str, uids: &[u32], to: &str, job: fn(Transfer) -> Job) {
        let (from, _) = self.open(from);
        let to = MailboxName::new(to).unwrap();
        let reply = self.run(job(Transfer { from, uids: runs(uids), to }));
        assert!(matches!(reply, Reply::Copied { .. }), "{reply:?}");
    }
}

/// The one who is called may find that another has what is before it, and may be the only one awake.
#[test]
fn what_cannot_be_taken_yet_is_not_forgotten() {
    let room = Room::new();
    room.sees("Archive", "require [\"imapsieve\", \"imap4flags\"]; addflag \"seen-it\";");
    room.append("Archive", MESSAGE);
    let store = &room.runner.store;
    let lease = std::time::Duration::from_millis(400);
    let first = store.take_events(1, lease).unwrap();
    assert_eq!(first.len(), 1, "by somebody who dies");
    room.append("Archive", MESSAGE);
    let usher = room.usher();
    let (stop_serving, stops) = bounded(0);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| usher.serve(false, &stops, &stop));
        let seen = ["1 {} seen-it", "2 {} seen-it"];
        let end = clock::now() + std::time::Duration::from_secs(20);
        while room.list("Archive") != seen && clock::now() < end {
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        drop(stop_serving);
        assert_eq!(room.list("Archive"), seen);
    });
}

#[test] // RFC 6785 §2.2, §3.8
fn a_script_sees_what_is_appended_copied_and_flagged() {
    let room = Room::new();
    room.sees(
        "Archive",
        "require [\"imapsieve\", \"environment\", \"imap4flags\", \"variables\"];
         if environment :matches \"imap.cause\" \"*\" { set :lower \"cause\" \"${1}\"; }
         if not environment \"imap.changedflags\" \"\" { addflag \"changed\"; }
         addflag [\"\\\\Flagged\", \"by-${cause}\"];",
    );
    room.append("Archive", MESSAGE);
    room.append("INBOX", MESSAGE);
    room.carry("INBOX", &[1], "Archive", Job::Copy);
    room.carry("INBOX", &[1], "Archive", Job::Move);
    assert_eq!(room.list("Archive"), ["1 {}", "2 {}", "3 {}"], "no command waits");
    // §2.2.3: what these change is seen once more, and no more then.
    assert_eq!(room.show(), 6);
    let flagged =
        |uid: u32, more: &str| format!("{uid} {{\"\\\\Flagged\"}} {more} changed by-flag");
    let seen = [flagged(1, "by-append"), flagged(2, "by-copy"), flagged(3, "by-copy")];
    assert_eq!(room.list("Archive"), seen);
    room.flag("Archive", &[1, 2], Flags::FLAGGED);
    assert_eq!(room.show(), 0, "nothing changed");
    room.flag("Archive", &[2], Flags::SEEN);
    let fetch = Job::Fetch {
        mailbox: room.open("Archive").0,
        uids: runs(&[3]),
        wants: Wants { body: true, ..Wants::default() },
        mark_seen: true,
    };
    room.run(fetch);
    assert_eq!(room.show(), 2);
    let read =
        |uid: u32| format!("{uid} {{\"\\\\Flagged\", \"\\\\Seen\"}} by-copy changed by-flag");
    assert_eq!(room.list("Archive")[1..], [read(2), read(3)]);
    assert!(room.deliver(&["bob@example.org"], MESSAGE)[0].is_ok());
    assert_eq!(room.show(), 0, "a delivery is none");
}

#[test] // RFC 6785 §3.1, §3.3, §3.5
fn messages_stay_as_they_are_and_copies_are_made() {
    let room = Room::new();
    room.sees(
        "Archive",
        "require [\"imapsieve\", \"editheader\", \"fileinto\", \"copy\", \"mailbox\"];
         addheader \"X-Seen\" \"yes\";
         if header \"Subject\" \"file\" { fileinto :create \"New\"; }
         elsif header \"Subject\" \"copy\" { fileinto :copy \"Junk\"; }
         elsif header \"Subject\" \"here\" { fileinto \"Archive\"; }
         elsif header \"Subject\" \"lost\" { fileinto \"Nowhere\"; }
         elsif header \"Subject\" \"gone\" { discard; }
         elsif header \"Subject\" \"both\" { discard; keep; }",
    );
    for subject in ["file", "copy", "here", "lost", "gone", "both", "none"] {
        room.append("Archive", format!("Subject: {subject}\r\n\r\n").as_bytes());
    }
    room.show();
    let (kept, marked) = ("{}", "{\"\\\\Deleted\"}");
    let marks = [marked, kept, marked, kept, marked, kept, kept, kept];
    let want: Vec<_> = (1..).zip(marks).map(|(uid, mark)| format!("{uid} {mark}")).collect();
    assert_eq!(room.list("Archive"), want);
    let changed = |subject: &str| format!("X-Seen: yes\r\nSubject: {subject}\r\n\r\n").into_bytes();
    assert_eq!(room.bodies("New"), [changed("file")]);
    assert_eq!(room.bodies("Junk"), [changed("copy")]);
    assert_eq!(room.bodies("Archive").last(), Some(&changed("here")));
    assert_eq!(room.bodies("Archive")[5], b"Subject: both\r\n\r\n");
    let told =
        "APPEND of UID 4 in Archive\nfileinto: there is no mailbox Nowhere: the message stays\n";
    assert_eq!(room.reports(), [told]);
}

#[test] // RFC 5235
fn what_a_checker_found_is_told() {
    let mut config = crate::config::Config::default();
    config.sieve.spam.header = crate::config::Text("X-Spam: score=([0-9.]+)".into());
    let spam = Settings::of(&config).sieve.spam;
    let room = Room::new().sorted_as(SieveSettings { spam, ..SieveSettings::default() }, false);
    room.sees(
        "Archive",
        "require [\"imapsieve\", \"imap4flags\", \"spamtest\", \"relational\",
             \"comparator-i;ascii-numeric\"];
         if spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"8\" { addflag \"bad\"; }",
    );
    room.append("Archive", b"X-Spam: score=50 required=5.0\r\n\r\n");
    room.show();
    assert_eq!(room.list("Archive"), ["1 {} bad"]);
}

#[test] // RFC 6785 §3.4
fn what_leaves_is_from_the_owner_and_stays_if_it_cannot() {
    let script = "require \"imapsieve\"; redirect \"elsewhere@example.net\";";
    for has_relay in [true, false] {
        let room = Room::new().sorted_by(SiteEvents::default(), has_relay);
        room.sees("Archive", script);
        room.append("Archive", MESSAGE);
        room.show();
        let sent = room.runner.store.list_outgoing(None, None, 9).unwrap();
        assert_eq!(sent.len(), usize::from(has_relay));
        assert!(sent.iter().all(|outgoing| outgoing.sender == "bob@example.org"));
        assert_eq!(room.list("Archive")[0].contains("Deleted"), has_relay);
        let told =
            "APPEND of UID 1 in Archive\nredirect: no [relay] is configured: the message stays\n";
        assert_eq!(room.reports(), [told][usize::from(has_relay)..]);
    }
}

#[test] // RFC 5228 §4.2: it would come back, and be refused
fn a_message_sent_on_to_oneself_stays() {
    let room = Room::new().sorted_by(SiteEvents::default(), true);
    room.sees("Archive", "require \"imapsieve\"; redirect \"bob+x@example.org\";");
    room.append("Archive", MESSAGE);
    room.show();
    assert_eq!(room.runner.store.list_outgoing(None, None, 9).unwrap(), []);
    assert_eq!(room.list("Archive"), ["1 {}"]);
    let told = "redirect: to one of the account's own addresses: the message stays\n";
    assert_eq!(room.reports(), [format!("APPEND of UID 1 in Archive\n{told}")]);
}

#[test] // pitfall 31
fn a_message_stays_if_too_many_wait_to_leave() {
    let room = Room::new().sorted_by(SiteEvents::default(), true);
    let new = NewOutgoing {
        kind: OutgoingKind::Redirect,
        sender: "bob@example.org".into(),
        recipients: vec!["elsewhere@example.net".into()],
        options: OutgoingOptions::default(),
        message: MESSAGE.to_vec(),
    };
    let most = usize::try_from(limits::OUTGOING_PER_ACCOUNT_MAX).unwrap();
    let waiting = SortedDelivery {
        account: room.account,
        bodies: Vec::new(),
        copies: Vec::new(),
        outgoing: vec![SortedOutgoing { new, unless: None }; most],
        remembered: Vec::new(),
        digest: None,
        report: None,
    };
    room.runner.store.deliver_sorted(waiting).unwrap();
    room.sees("Archive", "require \"imapsieve\"; redirect \"elsewhere@example.net\";");
    room.append("Archive", MESSAGE);
    room.show();
    let told = "APPEND of UID 1 in Archive\nredirect: too many messages of this account wait to \
                leave: the message stays\n";
    assert_eq!(room.reports(), [told]);
    assert!(!room.list("Archive")[0].contains("Deleted"));
}

#[test] // RFC 6785 §3.4, §3.6, RFC 6134 §2.3, RFC 6531 §3.2
fn a_list_is_sent_to_and_who_is_not_ascii_is_told_apart() {
    let folder = scratch();
    std::fs::write(folder.join("friends.txt"), "ann@example.com\nbob@example.org\n").unwrap();
    let settings = SieveSettings {
        lists: Some(folder.clone()),
        list_members_max: 9,
        kept: KeptRuns::Errors,
        ..SieveSettings::default()
    };
    let room = Room::new().sorted_as(settings, true);
    room.sees(
        "Archive",
        "require [\"imapsieve\", \"extlists\", \"copy\", \"enotify\"];
         if header \"Subject\" \"none\" { redirect :list \":none\"; stop; }
         redirect :copy :list \":friends\";
         notify \"mailto:cat@example.com,%C3%A4@example.com\";",
    );
    room.append("Archive", MESSAGE);
    room.append("Archive", b"Subject: none\r\n\r\n");
    room.show();
    let sent = room.runner.store.list_outgoing(None, None, 9).unwrap();
    let mut to: Vec<String> = sent.iter().map(|one| one.recipients.join(" ")).collect();
    to.sort();
    assert_eq!(to, ["ann@example.com", "cat@example.com", "\u{e4}@example.com"]);
    assert_eq!(room.list("Archive"), ["1 {}", "2 {}"]);
    let told = room.reports().concat();
    assert!(told.contains("there is no list urn:ietf:params:sieve:none"), "{told}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test] // RFC 6785 §2.3.1, §3.11
fn what_is_wrong_with_a_script_is_told_and_nothing_is_done() {
    let room = Room::new();
    room.sees("Archive", "require \"vacation\"; discard;");
    room.sees("Junk", "discard;");
    room.runner.store.delete_script(room.account, &ScriptName::new("Junk").unwrap()).unwrap();
    room.append("Archive", MESSAGE);
    room.append("Junk", MESSAGE);
    assert_eq!(room.show(), 2);
    assert_eq!(
        (room.list("Archive"), room.list("Junk")),
        (vec!["1 {}".into()], vec!["1 {}".into()])
    );
    let reports = room.reports();
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert!(report.starts_with("APPEND of UID 1 in Archive\nscript Archive\n"), "{report}");
    assert!(report.contains("\"vacation\" is for mail that is delivered"), "{report}");
}

#[test]
fn one_message_that_cannot_be_does_not_keep_the_others() {
    let room = Room::new();
    room.sees(
        "Archive",
        "require [\"imapsieve\", \"imap4flags\", \"variables\"];
         if header :matches \"Subject\" \"*\" { addflag \"${1}\"; }",
    );
    let most = u32::try_from(limits::KEYWORDS_PER_MAILBOX_MAX).unwrap();
    for number in 1..=most + 1 {
        room.append("INBOX", format!("Subject: k{number}\r\n\r\n").as_bytes());
    }
    let all: Vec<u32> = (1..=most + 1).collect();
    room.carry("INBOX", &all, "Archive", Job::Copy);
    room.show();
    let list = room.list("Archive");
    assert_eq!(list[62], "63 {} k63");
    assert_eq!(list[63], "64 {}");
    let told = "COPY of UID 64 in Archive\nwhat the script wants cannot be done: ";
    assert!(room.reports()[0].starts_with(told), "{:?}", room.reports());
}

#[test]
fn many_messages_are_seen_in_slices() {
    let room = Room::new();
    room.sees("Junk", "require [\"imapsieve\", \"imap4flags\"]; addflag \"$Junk\";");
    for _ in 0..200 {
        room.append("INBOX", MESSAGE);
    }
    let all: Vec<u32> = (1..=200).collect();
    room.carry("INBOX", &all, "Junk", Job::Copy);
    room.append("Junk", MESSAGE);
    assert!(room.show() >= 5);
    assert!(room.list("Junk").iter().all(|message| message.ends_with("{} $Junk")));
}

#[test]
fn a_site_sees_what_goes_into_junk_and_comes_out_and_learns_from_it() {
    let folder = scratch();
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let script = "require [\"imapsieve\", \"environment\", \"imap4flags\"];
        if environment \"imap.mailbox\" \"Junk\" { addflag \"$Junk\"; }
        elsif environment \"vnd.sora.imap.source\" \"Junk\" { addflag \"$NotJunk\"; }";
    std::fs::write(path("site.sieve"), script).unwrap();
    let command = |name: &str| ["cp", "/dev/stdin", &path(name)].map(str::to_owned).to_vec();
    let events = SiteEvents {
        script: Some(folder.join("site.sieve")),
        mailboxes: vec!["\\Junk".into()],
        causes: vec!["copy".into()],
        learn_spam: command("spam"),
        learn_ham: command("ham"),
    };
    let room = Room::new().sorted_by(events, false);
    let learnt = |name: &str| std::fs::read(path(name)).ok();
    room.append("INBOX", MESSAGE);
    room.carry("INBOX", &[1], "Archive", Job::Copy);
    assert_eq!(room.show(), 0, "it has nothing to do with Junk");
    room.carry("INBOX", &[1], "Junk", Job::Move);
    assert_eq!((learnt("spam"), room.show()), (None, 1));
    assert_eq!((learnt("spam").as_deref(), learnt("ham")), (Some(MESSAGE), None));
    assert_eq!(room.list("Junk"), ["1 {} $Junk"]);
    // Its keyword comes with it; the account's own script sees it, too.
    room.sees("Archive", "require [\"imapsieve\", \"imap4flags\"]; removeflag \"$Junk\";");
    room.carry("Junk", &[1], "Archive", Job::Move);
    room.show();
    assert_eq!(learnt("ham").as_deref(), Some(MESSAGE));
    assert_eq!(room.list("Archive")[1], "2 {} $NotJunk");
    std::fs::remove_dir_all(folder).unwrap();
}
