use super::*;
use crate::model::SpecialUse;

impl Fixture {
    fn create(&self, mailbox: &str) -> Result<MailboxKey, Error> {
        self.create_mailbox(self.account, &name(mailbox), None)
    }

    fn delete(&self, mailbox: &str) -> Result<MailboxKey, Error> {
        self.delete_mailbox(self.account, &name(mailbox))
    }

    fn rename(&self, from: &str, to: &str) -> Result<Vec<crate::job::Change>, Error> {
        self.rename_mailbox(self.account, &name(from), &name(to))
    }

    /// The names, but for the standard ones.
    fn names(&self) -> Vec<String> {
        let standard = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"];
        let mailboxes = self.list_mailboxes(self.account).unwrap();
        let names = mailboxes.iter().map(|info| info.name.as_str().to_owned());
        names.filter(|name| !standard.contains(&name.as_str())).collect()
    }
}

#[test] // pitfall 67
fn create_makes_the_parents() {
    let store = fixture();
    store.create("a/b/c/").unwrap();
    assert_eq!(store.names(), ["a", "a/b", "a/b/c"]);
    assert_eq!(refused(store.create("a/b")), Refusal::MailboxExists);
}

#[test] // pitfalls 65, 66
fn case_does_not_make_another_name() {
    let store = fixture();
    store.create("Work").unwrap();
    assert_eq!(refused(store.create("work")), Refusal::MailboxExists);
    assert_eq!(refused(store.create("inbox")), Refusal::MailboxExists);
    store.create("wORK/New").unwrap();
    store.create("inbox/Child").unwrap();
    store.create("Straße/Ärger").unwrap();
    assert_eq!(refused(store.create("STRAße/äRGER")), Refusal::MailboxExists);
    assert_eq!(store.names(), ["INBOX/Child", "Straße", "Straße/Ärger", "Work", "Work/New"]);
    assert_eq!(store.info("WORK/new").name.as_str(), "Work/New");
}

#[test] // pitfall 74
fn a_special_use_is_held_once() {
    let store = fixture();
    let create = |mailbox: &str| {
        store.create_mailbox(store.account, &name(mailbox), Some(SpecialUse::Trash))
    };
    assert_eq!(refused(create("Bin")), Refusal::SpecialUseTaken);
    store.delete("Trash").unwrap();
    create("Bin").unwrap();
    assert_eq!(store.info("Bin").special_use, Some(SpecialUse::Trash));
}

#[test] // pitfalls 70, 71
fn a_name_used_again_is_another_mailbox() {
    let store = fixture();
    store.create("a").unwrap();
    store.create("ab").unwrap();
    store.append("a");
    let first = store.info("a");
    assert_eq!(store.delete("A").unwrap(), first.key);
    assert_eq!(refused(store.delete("a")), Refusal::NoSuchMailbox);
    assert_eq!(refused(store.mailbox_by_key(first.key)), Refusal::NoSuchMailbox);
    store.create("a").unwrap();
    let second = store.info("a");
    assert!(second.uid_validity > first.uid_validity);
    assert_ne!(second.key, first.key);
    assert_eq!(second.messages, 0);
    store.delete("a").unwrap();
    assert_eq!(store.names(), ["ab"]);
}

#[test] // pitfall 72
fn deleting_a_mailbox_leaves_its_messages_to_the_cleaner() {
    let store = fixture();
    store.append_many("Trash", 3);
    store.delete("Trash").unwrap();
    let left = store.0.engine.read::<_, Failure>("test", |tx| {
        tx.query_one("SELECT COUNT(*) FROM messages", &[], |row| row.int(0))
    });
    assert_eq!(left.unwrap(), Some(3));
    let [account] = store.list_accounts().unwrap().try_into().unwrap();
    assert_eq!((account.messages, account.mailboxes), (0, 5));
}

#[test] // pitfall 71
fn delete_refuses_inbox_and_parents() {
    let store = fixture();
    assert!(matches!(refused(store.delete("INBOX")), Refusal::Cannot(_)));
    store.create("a/b").unwrap();
    assert_eq!(refused(store.delete("a")), Refusal::HasChildren);
    store.delete("a/b").unwrap();
    store.delete("a").unwrap();
    assert_eq!(store.names(), Vec::<String>::new());
}

#[test] // pitfalls 69, 70
fn rename_takes_the_children_along() {
    let store = fixture();
    store.create("a/b/c").unwrap();
    store.create("ab").unwrap();
    store.append("a/b");
    let before = store.info("a/b");
    store.rename("a", "new/place/").unwrap();
    assert_eq!(store.names(), ["ab", "new", "new/place", "new/place/b", "new/place/b/c"]);
    let after = store.info("new/place/b");
    assert_eq!((after.key, after.uid_validity), (before.key, before.uid_validity));
    assert_eq!(after.messages, 1);
}

#[test] // pitfall 69
fn rename_refuses_what_cannot_be() {
    let store = fixture();
    for mailbox in ["a/b", "x/b", "c"] {
        store.create(mailbox).unwrap();
    }
    assert_eq!(refused(store.rename("nothing", "y")), Refusal::NoSuchMailbox);
    assert_eq!(refused(store.rename("a", "c")), Refusal::MailboxExists);
    assert_eq!(refused(store.rename("a", "C")), Refusal::MailboxExists);
    assert_eq!(refused(store.rename("a", "inbox")), Refusal::MailboxExists);
    assert_eq!(refused(store.rename("a/b", "x/b")), Refusal::MailboxExists);
    assert!(matches!(refused(store.rename("a", "A/b/z")), Refusal::Cannot(_)));
    let deep = format!("{}x", "d/".repeat(30));
    store.create("a/b/e").unwrap();
    assert!(matches!(refused(store.rename("a", &deep)), Refusal::Cannot(_)));
    assert_eq!(store.names(), ["a", "a/b", "a/b/e", "c", "x", "x/b"]);
}

#[test] // pitfall 69
fn rename_may_change_case_only() {
    let store = fixture();
    store.create("work/Child").unwrap();
    store.rename("work", "Work").unwrap();
    assert_eq!(store.names(), ["Work", "Work/Child"]);
    store.rename("work/child", "WORK/CHILD").unwrap();
    assert_eq!(store.names(), ["Work", "Work/CHILD"]);
}

#[test] // pitfall 69
fn rename_of_inbox_moves_its_messages() {
    let store = fixture();
    store.create("INBOX/Child").unwrap();
    store.append("INBOX");
    store.append_with("INBOX", Flags::SEEN, &["Later"]);
    let inbox = store.info("INBOX");
    let change = store.rename("INBOX", "Old/2020").unwrap()[0];
    assert_eq!(change.mailbox, inbox.key);
    let after = store.info("INBOX");
    assert_eq!((after.key, after.messages, after.uid_next), (inbox.key, 0, 3));
    assert_eq!(after.highest_mod_seq, change.mod_seq);
    assert!(change.mod_seq > inbox.highest_mod_seq);
    assert_eq!(store.names(), ["INBOX/Child", "Old", "Old/2020"]);
    assert_eq!(store.shown("Old/2020"), ["1 {}", "2 {\"\\\\Seen\"} Later"]);
    assert_eq!(refused(store.rename("INBOX", "Old/2020")), Refusal::MailboxExists);
    store.rename("INBOX", "Empty").unwrap();
    assert_eq!(store.info("Empty").messages, 0);
}

#[test]
fn a_renamed_special_use_stays_special() {
    let store = fixture();
    store.rename("Sent", "Gesendet").unwrap();
    assert_eq!(store.info("Gesendet").special_use, Some(SpecialUse::Sent));
}

#[test] // pitfall 75
fn subscriptions_are_names() {
    let store = fixture();
    let shown = || -> Vec<String> {
        let names = store.subscriptions(store.account).unwrap();
        names.iter().map(|name| name.to_string()).collect()
    };
    let standard = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"];
    assert_eq!(shown(), standard);
    store.subscribe(store.account, &name("Zebra/Stripes")).unwrap();
    store.subscribe(store.account, &name("zebra/stripes")).unwrap();
    store.delete("Trash").unwrap();
    store.rename("Sent", "Gone").unwrap(); // RFC 9051 §6.3.6
    assert_eq!(shown(), [&standard[..], &["Zebra/Stripes"]].concat());
    assert!(!store.info("Gone").subscribed);
    store.unsubscribe(store.account, &name("ZEBRA/stripes")).unwrap();
    store.unsubscribe(store.account, &name("never")).unwrap();
    assert_eq!(shown(), standard);
    store.unsubscribe(store.account, &name("inbox")).unwrap();
    assert!(!store.info("INBOX").subscribed);
}

#[test]
fn mailboxes_are_limited() {
    let store = fixture();
    let more: Vec<(i64, i64)> = (1..=9_994).map(|n| (n, n)).collect();
    let fill = move |tx: &mut engine::Tx<'_>| {
        tx.execute(
            "INSERT INTO mailboxes SELECT account_id, 1000 + r.first, 1, 1, 0, 0, 0, 0, 0, 0,
                    1000 + r.first, NULL, 'm' || r.first, 'm' || r.first, NULL, 0
             FROM mailboxes CROSS JOIN ({ranges $1}) r
             WHERE mailbox_id = 1",
            &[engine::Value::Ranges(&more)],
        )?;
        tx.execute("UPDATE accounts SET next_mailbox_id = 20000", &[])
    };
    store.0.engine.write::<_, Failure>("test", engine::Weight::Bulk, fill).unwrap();
    assert!(matches!(refused(store.create("one more")), Refusal::Limit(_)));
    assert_eq!(store.names().len(), 9_994);
}
