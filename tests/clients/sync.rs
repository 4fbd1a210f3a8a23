//! Programs that keep a Maildir and a server alike.

use std::path::Path;

use super::{PASSWORD, Place, USER, files, maildir};
use crate::support::messages;
use crate::support::program;

/// Marks a message of a Maildir, as any reader would.
fn mark(maildir: &Path, subject: &str, flag: char) {
    for folder in ["new", "cur"] {
        for name in files(&maildir.join(folder)) {
            let path = maildir.join(folder).join(&name);
            let text =
                String::from_utf8_lossy(&std::fs::read(&path).expect("a message")).into_owned();
            if !text.contains(&format!("Subject: {subject}\r\n"))
                && !text.contains(&format!("Subject: {subject}\n"))
            {
                continue;
            }
            let (base, flags) = name.split_once(":2,").unwrap_or((&name, ""));
            let mut flags: Vec<char> = flags.chars().chain([flag]).collect();
            flags.sort_unstable();
            let flags: String = flags.into_iter().collect();
            let new = maildir.join("cur").join(format!("{base}:2,{flags}"));
            std::fs::rename(&path, new).expect("a new name");
            return;
        }
    }
    panic!("{subject} is not in the Maildir");
}

#[test]
fn mbsync_keeps_both_sides_alike() {
    let Some(mbsync) = program::find("mbsync") else { return };
    let place = Place::new(3);
    let mail = place.folder().join("mail");
    std::fs::create_dir_all(&mail).expect("a folder");
    let rc = place.folder().join("mbsyncrc");
    let text = format!(
        "IMAPAccount t\nHost 127.0.0.1\nPort {}\nUser {USER}\nPass {PASSWORD}\nSSLType None\n\
         AuthMechs LOGIN\n\nIMAPStore far\nAccount t\n\nMaildirStore near\nPath {mail}/\n\
         Inbox {mail}/INBOX\nSubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\n\
         Create Both\nExpunge Both\nSyncState *\n",
        place.server.imap().port(),
        mail = mail.display()
    );
    std::fs::write(&rc, text).expect("a configuration");
    let rc = rc.display().to_string();
    let sync = || program::run(&mbsync, place.folder(), &["-c", &rc, "-a"]).ok();
    let inbox = mail.join("INBOX");

    sync();
    assert_eq!(maildir(&inbox).len(), 3);
    assert!(mail.join("Trash").is_dir(), "every mailbox is there");

    // Flags, both ways.
    mark(&inbox, "Message 1", 'S');
    mark(&inbox, "Message 3", 'T');
    place.imap_must(&["SELECT INBOX", "STORE 2 +FLAGS (\\Flagged)"]);
    sync();
    let flags = place.flags("INBOX");
    assert_eq!(flags.get(&1).map(String::as_str), Some("\\Seen"), "{flags:?}");
    assert_eq!(flags.len(), 2, "the deleted one is expunged: {flags:?}");
    assert!(maildir(&inbox).iter().any(|name| name.ends_with(":2,F")), "{:?}", maildir(&inbox));

    // New messages, both ways.
    place.deliver(4, 5);
    std::fs::write(inbox.join("new/1700000000.1.here"), messages::small(6)).expect("a message");
    sync();
    assert_eq!(place.flags("INBOX").len(), 5);
    assert_eq!(maildir(&inbox).len(), 5);

    // Nothing to do.
    let state = || place.imap_must(&["STATUS INBOX (UIDNEXT HIGHESTMODSEQ MESSAGES)"]);
    let (before, names) = (state(), maildir(&inbox));
    sync();
    assert_eq!(state(), before);
    assert_eq!(maildir(&inbox), names);
    place.stop();
}

#[test]
fn offlineimap_keeps_both_sides_alike() {
    let Some(offlineimap) = program::find("offlineimap") else { return };
    let place = Place::new(3);
    let mail = place.folder().join("mail");
    let rc = place.folder().join("offlineimaprc");
    let text = format!(
        "[general]\naccounts = t\nmetadata = {folder}/metadata\n\
         [Account t]\nlocalrepository = near\nremoterepository = far\n\
         [Repository near]\ntype = Maildir\nlocalfolders = {mail}\n\
         [Repository far]\ntype = IMAP\nremotehost = 127.0.0.1\nremoteport = {port}\n\
         remoteuser = {USER}\nremotepass = {PASSWORD}\nssl = no\nstarttls = no\n\
         auth_mechanisms = LOGIN\n",
        folder = place.folder().display(),
        mail = mail.display(),
        port = place.server.imap().port()
    );
    std::fs::write(&rc, text).expect("a configuration");
    let rc = rc.display().to_string();
    let sync =
        || program::run(&offlineimap, place.folder(), &["-o", "-c", &rc, "-u", "basic"]).ok();
    let inbox = mail.join("INBOX");

    sync();
    assert_eq!(maildir(&inbox).len(), 3);
    mark(&inbox, "Message 1", 'S');
    place.imap_must(&["SELECT INBOX", "STORE 2 +FLAGS (\\Flagged)"]);
    place.deliver(4, 4);
    std::fs::write(inbox.join("new/1700000000_1.1.here,U=0:2,"), messages::small(6)).expect("mail");
    sync();
    let flags = place.flags("INBOX");
    assert_eq!(flags.get(&1).map(String::as_str), Some("\\Seen"), "{flags:?}");
    assert_eq!(maildir(&inbox).len(), 5, "{:?}", maildir(&inbox));
    assert_eq!(flags.len(), 5, "{flags:?}");
    let (before, names) = (flags, maildir(&inbox));
    sync();
    assert_eq!((place.flags("INBOX"), maildir(&inbox)), (before, names));
    place.stop();
}

impl Place {
    /// Commands that have to succeed; the untagged responses of the last.
    fn imap_must(&self, commands: &[&str]) -> Vec<Vec<u8>> {
        let mut imap = self.imap();
        let answers = commands.iter().map(|command| imap.must(command).expect("an OK"));
        answers.last().map_or_else(Vec::new, |answer| answer.untagged)
    }
}
