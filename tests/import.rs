//! Mail from Dovecot's files: what a client had there it finds here, under the same UIDs, and nothing is
//! mixed where that cannot be (pitfall 137).

use std::fs;

use crate::support::connection::Connection;
use crate::support::daemon::Daemon;
use crate::support::home::Home;
use crate::support::maildir::Maildir;

const USER: &str = "me@example.com";

/// A user of Dovecot: INBOX with gaps, flags and keywords, folders with names that are encoded, and
/// one message that it has not seen yet.
fn dovecot(home: &Home) -> Maildir {
    let maildir = Maildir::new(home.folder().join("Maildir"));
    let named = |n: u32| format!("{n}.M1P1.host,S=38,W=42");
    let text = |n: u32| format!("Subject: m{n}\nMessage-ID: <{n}@x>\n\nbody {n}\n");
    maildir.message("", &(named(2) + ":2,FSac"), &text(2), 1_700_000_000);
    maildir.message("", &(named(4) + ":2,RD"), &text(4), 1_000_000_000);
    maildir.message("", &named(9), &text(9), 1_700_000_009);
    maildir.message("", "10.M1P1.host", &text(10), 1_700_000_010);
    maildir.write("dovecot-keywords", "0 $Forwarded\n1 unused\n2 Label1\n");
    let (two, three, four, nine) = (named(2), named(3), named(4), named(9));
    let uids = [(2, &*two), (3, &*three), (4, &*four), (9, &*nine)];
    maildir.number("", "3 V1111 N12 G7e4c992c2b56036b5c3c000083ecc375", &uids);
    for (folder, validity) in [(".W&APY-rk.Sub", 1112), (".R&-D", 1113), (".Sent", 1114)] {
        maildir.message(folder, "1.M2P2.host:2,S", &text(1), 1_700_000_001);
        maildir.number(folder, &format!("3 V{validity} N2 G0"), &[(1, "1.M2P2.host")]);
    }
    maildir.write("subscriptions", "V\t2\n\nW&APY-rk\tSub\nR&-D\n");
    maildir
}

fn import(home: &Home, maildir: &Maildir, more: &[&str]) -> Result<String, String> {
    let path = maildir.path().to_string_lossy();
    home.admin(&[&["import", "--email", USER, "--maildir", &path], more].concat())
}

/// The untagged lines of an answer.
#[track_caller]
fn told(imap: &mut Connection, command: &str) -> Vec<String> {
    let answer = imap.must(command).expect("answered");
    answer.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}

fn status(imap: &mut Connection, mailbox: &str) -> String {
    let mut lines = told(imap, &format!("STATUS {mailbox} (UIDVALIDITY UIDNEXT MESSAGES)"));
    lines.retain(|line| line.starts_with("* STATUS")); // what else a selected mailbox tells is not meant
    lines.concat()
}

#[test]
fn clients_find_what_they_had() {
    let home = Home::new("", "");
    let daemon = Daemon::start(&home);
    home.create_account(USER, "pw");
    let maildir = dovecot(&home);
    let trial = import(&home, &maildir, &["--dry-run"]).expect("a dry run");
    assert!(trial.ends_with("7 messages would be imported for me@example.com\n"), "{trial}");
    let mut imap = Connection::imap(daemon.imap, USER, "pw").expect("logged in");
    assert_eq!(told(&mut imap, "STATUS INBOX (MESSAGES)"), ["* STATUS INBOX (MESSAGES 0)"]);

    let done = import(&home, &maildir, &[]).expect("imported");
    assert_eq!(
        done,
        "INBOX: 4 messages, with their UIDs\n\
         R&D: 1 message, with their UIDs\n\
         Sent: 1 message, with their UIDs\n\
         Wörk/Sub: 1 message, with their UIDs\n\
         7 messages imported for me@example.com\n"
    );
    let want = "* STATUS INBOX (UIDVALIDITY 1111 UIDNEXT 13 MESSAGES 4)";
    assert_eq!(status(&mut imap, "INBOX"), want, "12 was the next, and one had no UID yet");
    told(&mut imap, "SELECT INBOX");
    let lines = told(&mut imap, "UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)");
    assert_eq!(
        lines,
        [
            r#"* 1 FETCH (UID 2 FLAGS (\Flagged \Seen $Forwarded Label1) INTERNALDATE "14-Nov-2023 22:13:20 +0000" RFC822.SIZE 42)"#,
            r#"* 2 FETCH (UID 4 FLAGS (\Answered \Draft) INTERNALDATE " 9-Sep-2001 01:46:40 +0000" RFC822.SIZE 42)"#,
            r#"* 3 FETCH (UID 9 FLAGS () INTERNALDATE "14-Nov-2023 22:13:29 +0000" RFC822.SIZE 42)"#,
            r#"* 4 FETCH (UID 12 FLAGS () INTERNALDATE "14-Nov-2023 22:13:30 +0000" RFC822.SIZE 45)"#,
        ]
    );
    let (body, _) = imap.fetch_body(2).expect("read");
    assert_eq!(
        String::from_utf8_lossy(&body),
        "Subject: m2\r\nMessage-ID: <2@x>\r\n\r\nbody 2\r\n"
    );
    assert!(status(&mut imap, "\"W&APY-rk/Sub\"").contains("UIDVALIDITY 1112 UIDNEXT 2"));
    assert!(status(&mut imap, "Sent").contains("UIDVALIDITY 1114 UIDNEXT 2"), "it was empty");
    let subscribed = told(&mut imap, "LSUB \"\" \"R*\"").concat();
    assert!(subscribed.contains("R&-D"), "{subscribed}");
    assert!(import(&home, &maildir, &[]).expect("again").contains("INBOX: nothing new\n"));

    // What is new comes; what a client has deleted does not come again.
    told(&mut imap, "UID STORE 4 +FLAGS.SILENT (\\Deleted)");
    told(&mut imap, "EXPUNGE");
    maildir.message("", "13.M1P1.host:2,", "Subject: m13\n\nb\n", 1_700_000_013);
    let uids = [(9, "9.M1P1.host,S=38,W=42"), (12, "10.M1P1.host"), (13, "13.M1P1.host")];
    maildir.number("", "3 V1111 N14 G0", &uids);
    let done = import(&home, &maildir, &[]).expect("what is new");
    assert!(done.contains("INBOX: 1 message, with their UIDs; 4 there already\n"), "{done}");
    let want = "* STATUS INBOX (UIDVALIDITY 1111 UIDNEXT 14 MESSAGES 4)";
    assert_eq!(status(&mut imap, "INBOX"), want);
    daemon.stop();
    home.check();
}

/// QRESYNC with a mod-sequence that Dovecot gave out must not hide what has changed here since.
#[test]
fn mod_sequences_of_the_other_server_are_old() {
    let home = Home::new("", "");
    let daemon = Daemon::start(&home);
    home.create_account(USER, "pw");
    import(&home, &dovecot(&home), &[]).expect("imported");
    let mut imap = Connection::imap(daemon.imap, USER, "pw").expect("logged in");
    let selected = told(&mut imap, "SELECT INBOX").concat();
    let (_, highest) = selected.split_once("HIGHESTMODSEQ ").expect("told");
    let highest: u64 = highest.split(']').next().unwrap_or_default().parse().expect("a number");
    assert!(highest > 1_700_000_000, "{highest}");
    daemon.stop();
}

#[test]
fn uids_are_never_mixed() {
    let home = Home::new("", "");
    let daemon = Daemon::start(&home);
    home.create_account(USER, "pw");
    let mut imap = Connection::imap(daemon.imap, USER, "pw").expect("logged in");
    imap.append("Sent", b"Subject: ours\r\n\r\nx\r\n").expect("stored");
    let maildir = dovecot(&home);
    let refused = import(&home, &maildir, &[]).expect_err("Sent has another UIDVALIDITY");
    assert!(refused.contains("Sent: it has had mail here under UIDVALIDITY "), "{refused}");
    assert!(refused.contains("1 of 4 folders were not imported"), "{refused}");
    assert!(status(&mut imap, "Sent").contains("MESSAGES 1"), "nothing was added");
    assert!(status(&mut imap, "INBOX").contains("UIDVALIDITY 1111"), "others were not held up");
    let ours = status(&mut imap, "Sent");
    let done = import(&home, &maildir, &["--new-uids"]).expect("told to");
    assert!(done.contains("Sent: 1 message, with new UIDs\n"), "{done}");
    let both = status(&mut imap, "Sent");
    assert_eq!(both, ours.replace("UIDNEXT 2", "UIDNEXT 3").replace("MESSAGES 1", "MESSAGES 2"));

    // Here and there a message came with the same UID.
    imap.append("INBOX", b"Subject: ours\r\n\r\nx\r\n").expect("stored");
    maildir.message("", "13.M1P1.host:2,", "Subject: m13\n\nb\n", 1_700_000_013);
    maildir.number("", "3 V1111 N14 G0", &[(12, "10.M1P1.host"), (13, "13.M1P1.host")]);
    let refused = import(&home, &maildir, &[]).expect_err("13 is another message here");
    assert!(
        refused.contains("INBOX: UIDs below 14 have been given to other messages"),
        "{refused}"
    );
    let done = import(&home, &maildir, &["--new-uids"]).expect("told to");
    assert!(done.contains("INBOX: 1 message, with new UIDs; 4 there already\n"), "{done}");
    let renumbered = status(&mut imap, "INBOX");
    assert!(!renumbered.contains("UIDVALIDITY 1111"), "13 would mean two messages: {renumbered}");
    assert!(renumbered.contains("MESSAGES 6"), "{renumbered}");
    // And once more changes nothing.
    let again = import(&home, &maildir, &["--new-uids"]).expect("again");
    assert!(again.ends_with("0 messages imported for me@example.com\n"), "{again}");
    daemon.stop();
    home.check();
}

#[test]
fn a_deleted_mailbox_does_not_lend_its_uidvalidity() {
    let home = Home::new("", "");
    let daemon = Daemon::start(&home);
    home.create_account(USER, "pw");
    let maildir = dovecot(&home);
    import(&home, &maildir, &[]).expect("imported");
    let mut imap = Connection::imap(daemon.imap, USER, "pw").expect("logged in");
    told(&mut imap, "DELETE \"R&-D\"");
    let refused = import(&home, &maildir, &[]).expect_err("a client may remember it");
    assert!(
        refused.contains("R&D: another mailbox has, or had, its UIDVALIDITY 1113"),
        "{refused}"
    );
    let done = import(&home, &maildir, &["--new-uids"]).expect("told to");
    assert!(done.contains("R&D: 1 message, with new UIDs\n"), "{done}");
    daemon.stop();
    home.check();
}

#[test]
fn what_cannot_be_read_is_named() {
    let home = Home::new("", "");
    home.create_account(USER, "pw");
    let maildir = dovecot(&home);
    let packed = maildir.folder("").join("cur/4.M1P1.host,S=38,W=42:2,RD");
    fs::write(&packed, b"\x1f\x8b\x08 and so on").expect("written");
    maildir.message(".A.*", "1.M2P2.host:2,S", "a: b\n\n", 1);
    maildir.message(".sent", "1.M2P2.host:2,S", "a: b\n\n", 1);
    maildir.number(".R&-D", "3 V1113 N2 G0", &[(7, "x"), (7, "y")]);
    let refused = import(&home, &maildir, &[]).expect_err("four folders are wrong");
    for why in [
        "INBOX: 4.M1P1.host,S=38,W=42: it is compressed by a plugin of Dovecot",
        "A/*: no mailbox can have such a name",
        "sent: another folder has this name in another case",
        "R&D: dovecot-uidlist: line 3 is not understood",
        "4 of 6 folders were not imported, or not all of them",
    ] {
        assert!(refused.contains(why), "{why}: {refused}");
    }
    // It goes on with the very message once that can be read, and those behind it keep their UIDs.
    fs::write(&packed, "Subject: m4\n\nbody 4\n").expect("written");
    let again = import(&home, &maildir, &[]).expect_err("the others are still wrong");
    assert!(again.contains("INBOX: 3 messages, with their UIDs; 1 there already\n"), "{again}");
    home.check();
}

/// A standard folder may have, by chance, the UIDVALIDITY that another one brings.
#[test]
fn fresh_mailboxes_give_way() {
    let home = Home::new("", "");
    home.create_account(USER, "pw");
    home.execute("UPDATE mailboxes SET uid_validity = 1114 WHERE name = 'Archive'");
    let done = import(&home, &dovecot(&home), &[]).expect("imported");
    assert!(done.contains("Sent: 1 message, with their UIDs\n"), "{done}");
    let have = |name: &str| {
        home.count(&format!("SELECT COUNT(*) FROM mailboxes WHERE uid_validity = 1114 {name}"))
    };
    assert_eq!((have("AND name = 'Sent'"), have("")), (1, 1));
    home.check();
}

/// Without the files of Dovecot it is a Maildir like any other.
#[test]
fn a_maildir_without_uids_gets_some() {
    let home = Home::new("", "");
    home.create_account(USER, "pw");
    let maildir = Maildir::new(home.folder().join("Maildir"));
    maildir.message("", "2.host", "Subject: two\n\n", 2);
    maildir.message("", "1.host:2,S", "Subject: one\n\n", 1);
    let done = import(&home, &maildir, &[]).expect("imported");
    assert!(done.starts_with("INBOX: 2 messages, with new UIDs\n"), "{done}");
    maildir.message("", "3.host", "Subject: three\n\n", 3);
    let done = import(&home, &maildir, &[]).expect("again");
    assert!(done.starts_with("INBOX: 1 message, with new UIDs; 2 there already\n"), "{done}");
    home.check();
}
