//! What comes in, goes, and comes back.

use super::*;

#[test]
fn files_are_delivered() {
    let place = Place::new();
    place.run(&format!("create-account --email a@x {QUICK}")).unwrap();
    let one = place.file("one.eml", "Subject: one\r\n\r\nbody\r\n");
    place.check(
        &format!("deliver {one} --to A@x --from <b@y>"),
        Ok("Delivered DIR/one.eml to a@x\n"),
    );
    place.check(
        &format!("deliver {one} {one} --to a+list@x"),
        Ok("Delivered 2 messages to a+list@x\n"),
    );
    let piped = place.run_with("deliver - --to a@x", "Subject: piped\r\n\r\n", None);
    assert_eq!(piped.unwrap(), "Delivered - to a@x\n");
    place.check(
        &format!("deliver DIR/none.eml {one} --to a@x")
            .replace("DIR", &place.folder.to_string_lossy()),
        Err("Delivered 1 message to a@x\n\
             DIR/none.eml: No such file or directory (os error 2)\n1 of 2 were not delivered"),
    );
    place.check(
        &format!("deliver {one} --to b@x"),
        Err("no account has the address b@x; sora-admin list-accounts shows all of them"),
    );
    let list = place.run("list-accounts").unwrap();
    assert!(list.contains("        6         5 "), "{list}");
    place.check("check", Ok("All is well: 5 messages in 1 account.\n"));
    place.check(
        "check --deep",
        Ok("No body is in a bucket: there is none to compare.\nAll is well: 5 messages in 1 account.\n"),
    );
    // Programs that bring their own accounts may have given one a `+`.
    let (address, password_hash) = (Address::new("own+plus@x").unwrap(), String::new());
    place.store().create_account(NewAccount { address, password_hash }).unwrap();
    place.check(
        &format!("deliver {one} --to own+plus@x"),
        Ok("Delivered DIR/one.eml to own+plus@x\n"),
    );
    place.check(
        &format!("deliver {one} --to own+other@x"),
        Err("no account has the address own+other@x; sora-admin list-accounts shows all of them"),
    );
}

/// Everything in INBOX is expunged.
fn expunge_all(place: &Place) {
    let store = place.store();
    let account = store.list_accounts().unwrap()[0].account;
    let name = crate::model::MailboxName::new("INBOX").unwrap();
    let inbox = store.mailbox(account, &name).unwrap().key;
    let change = crate::store::FlagChange {
        uids: crate::mail::UidRuns::range(crate::model::Uid(1), crate::model::Uid(u32::MAX)),
        mode: crate::job::StoreMode::Add,
        flags: crate::job::FlagSet {
            flags: crate::model::Flags::DELETED,
            ..crate::job::FlagSet::default()
        },
        unchanged_since: None,
    };
    store.store_flags(inbox, change).unwrap();
    store.expunge(inbox, None).unwrap();
}

#[test] // pitfall 139
fn deleted_messages_come_back_or_go_for_good() {
    let place = Place::new();
    place.run(&format!("create-account --email a@x {QUICK}")).unwrap();
    let mail =
        |n| format!("From: Ann <ann@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {n}\n\nx\n");
    for n in 1..4 {
        let file = place.file("mail.eml", &mail(n));
        place.run(&format!("deliver {file} --to a@x")).unwrap();
    }
    place.check("list-deleted --email a@x", Ok("Nothing to restore for a@x.\n"));
    expunge_all(&place);
    let listed = place.run("list-deleted --email a@x").unwrap();
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 6, "{listed}");
    assert_eq!(lines[0], "INBOX");
    assert!(
        lines[2].starts_with("         1  20") && lines[2].ends_with("ann@example.org, Grüße 1")
    );
    assert_eq!(lines[5], "3 messages can be restored, each for 14d after it was deleted.");
    let listed = place.run("list-deleted --email a@x --uid 2 --mailbox inbox --since 1h").unwrap();
    assert_eq!(listed.lines().count(), 4, "{listed}");
    place.check("list-deleted --email a@x --since 0s", Ok("Nothing to restore for a@x.\n"));
    place.check("restore-messages --email a@x --uid 1:2", Ok("INBOX: 2 messages restored\n"));
    let nothing = "nothing such of a@x can be restored; \
                   sora-admin list-deleted --email a@x shows what can";
    place.check("restore-messages --email a@x --uid 1:2", Err(nothing));
    place.check(
        "purge --email a@x --all",
        Err("purge: 1 message of a@x will be gone for good; to do it without being asked, \
             say --yes; see: sora-admin purge --help"),
    );
    let ask: Ask = |_| Ok(String::new());
    let no = place.run_with("purge --email a@x --all", "no\n", Some(ask)).unwrap_err();
    assert_eq!(
        no,
        "1 message of a@x will be gone for good. Do it? [yes/no] \
         nothing was done; --yes does it without asking"
    );
    place.check("purge --email a@x --all --yes", Ok("1 message purged\n"));
    place.check("purge --email a@x --all --yes", Err(nothing));
    place.check("check", Ok("All is well: 2 messages in 1 account.\n"));
}

#[test]
fn purge_says_what_it_could_not_remove() {
    let place = Place::new();
    place.run(&format!("create-account --email a@x {QUICK}")).unwrap();
    for byte in ["x", "y"] {
        let large = byte.repeat(crate::limits::BODY_IN_DATABASE_BYTES_MAX + 1);
        let file = place.file("mail.eml", &format!("Subject: x\n\n{large}\n"));
        place.run(&format!("deliver {file} --to a@x")).unwrap();
    }
    // A folder in a body's place: what is no file is not removed as one.
    let one = files_below(&place.folder.join("data/bodies")).remove(0);
    std::fs::remove_file(&one).unwrap();
    std::fs::create_dir(&one).unwrap();
    expunge_all(&place);
    place.check(
        "purge --email a@x --all --yes",
        Err("2 messages purged\n1 body of them is still there: it is on its way to S3, or could \
             not be removed now; the server removes it by itself, as sora-admin cleanup --now does"),
    );
    std::fs::remove_dir(&one).unwrap();
    let gone = "0 messages expunged for their age; 0 messages, 1 body and 0 accounts removed.\n";
    place.check("cleanup --now", Ok(gone));
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[test]
fn cleanup_says_what_is_due_and_removes_it() {
    let place = Place::new();
    place.run(&format!("create-account --email a@x {QUICK}")).unwrap();
    let file = place.file("mail.eml", "Subject: x\n\nx\n");
    place.run(&format!("deliver {file} --to a@x")).unwrap();
    expunge_all(&place);
    place.check(
        "cleanup",
        Err("cleanup: --now to remove what is due, --dry-run to see what that is; \
             see: sora-admin cleanup --help"),
    );
    let nothing = "0 messages expunged for their age; \
                   0 messages, 0 bodies and 0 accounts removed.\n";
    place.check("cleanup --now", Ok(nothing));
    let config = std::fs::read_to_string(place.folder.join("config.toml")).unwrap();
    std::fs::write(
        place.folder.join("config.toml"),
        config + "[cleanup]\ngrace_period = '0s'\nmax_age_restriction = '90d'\n",
    )
    .unwrap();
    let due = place.run("cleanup --now --dry-run").unwrap();
    assert!(
        due.starts_with("Would expunge 0 messages for their age; would remove 1 message ("),
        "{due}"
    );
    place.check(
        "cleanup --now",
        Ok("0 messages expunged for their age; 1 message, 1 body and 0 accounts removed.\n"),
    );
    place.check("cleanup --now", Ok(nothing));
}
