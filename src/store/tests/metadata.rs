use super::*;
use crate::job::{Annotated, Change};
use crate::limits;
use crate::model::{Depth, EntryName, MailboxId, ModSeq, SpecialUse};

fn entry(text: &str) -> EntryName {
    EntryName::new(text).unwrap()
}

impl Fixture {
    pub(super) fn annotate(
        &self,
        mailbox: &str,
        entries: &[(&str, Option<&str>)],
    ) -> Result<Change, Error> {
        let of = (!mailbox.is_empty()).then(|| name(mailbox));
        let value = |value: &str| value.as_bytes().to_vec();
        let entries = entries.iter().map(|(name, text)| (entry(name), text.map(value)));
        self.set_annotations(self.account, of.as_ref(), entries.collect())
    }

    /// `name=value` of each.
    fn annotated_within(&self, mailbox: &str, names: &[&str], depth: Depth) -> Vec<String> {
        let of = match mailbox {
            "" => Annotated::Server,
            mailbox => Annotated::Mailbox(name(mailbox)),
        };
        let names: Vec<_> = names.iter().map(|name| entry(name)).collect();
        let found = self.annotations(self.account, &of, &names, depth).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].mailbox, (!mailbox.is_empty()).then(|| name(mailbox)));
        let told = |one: &crate::job::Annotation| {
            format!("{}={}", one.name, String::from_utf8_lossy(&one.value))
        };
        found[0].entries.iter().map(told).collect()
    }

    pub(super) fn annotated(&self, mailbox: &str) -> Vec<String> {
        self.annotated_within(mailbox, &["/private", "/shared"], Depth::All)
    }

    /// `mod_seq mailbox name` of each change.
    fn annotation_changes(&self, since: i64) -> (i64, Vec<String>) {
        let (now, changes) = self.changed_annotations(self.account, ModSeq(since)).unwrap();
        let told = changes.iter().map(|change| {
            let mailbox = change.mailbox.as_ref().map_or("", |name| name.as_str());
            format!("{} {mailbox} {}", change.mod_seq, change.name)
        });
        (now.0, told.collect())
    }
}

#[test] // RFC 5464 §3.2, §4.2.2
fn annotations_are_kept_by_name_whatever_its_case() {
    let store = fixture();
    store.annotate("INBOX", &[("/Shared/Comment", Some("a")), ("/private/a/b", Some(""))]).unwrap();
    store
        .annotate("inbox", &[("/shared/comment", Some("b")), ("/private/a/b/c", Some("x"))])
        .unwrap();
    store.annotate("", &[("/private/a", Some("server"))]).unwrap();
    assert_eq!(
        store.annotated("INBOX"),
        ["/private/a/b=", "/private/a/b/c=x", "/shared/comment=b"]
    );
    assert_eq!(store.annotated(""), ["/private/a=server"]);
    assert_eq!(store.annotated("Junk"), ["/private/specialuse=\\Junk"]);
    let within = |depth| store.annotated_within("INBOX", &["/private/a", "/shared/comment"], depth);
    assert_eq!(within(Depth::Itself), ["/shared/comment=b"]);
    assert_eq!(within(Depth::Children), ["/private/a/b=", "/shared/comment=b"]);
    let missing = store.annotations(
        store.account,
        &Annotated::Mailbox(name("none")),
        &[entry("/shared")],
        Depth::All,
    );
    assert_eq!(refused(missing), Refusal::NoSuchMailbox);
    let all = store
        .annotations(
            store.account,
            &Annotated::Mailboxes,
            &[entry("/shared/comment")],
            Depth::Itself,
        )
        .unwrap();
    let told: Vec<_> =
        all.iter().map(|one| (one.mailbox.clone().unwrap(), one.entries.len())).collect();
    assert_eq!(told.len(), store.list_mailboxes(store.account).unwrap().len());
    assert!(told.contains(&(name("INBOX"), 1)) && told.contains(&(name("Junk"), 0)));
}

#[test] // RFC 5464 §4.3
fn all_are_set_or_none() {
    let store = fixture();
    store.annotate("INBOX", &[("/shared/a", Some("1")), ("/shared/b", Some("2"))]).unwrap();
    let long = "x".repeat(limits::METADATA_VALUE_BYTES_MAX + 1);
    let too_big = store.annotate("INBOX", &[("/shared/a", None), ("/shared/c", Some(&long))]);
    assert_eq!(refused(too_big), Refusal::MetadataTooBig(limits::METADATA_VALUE_BYTES_MAX));
    assert_eq!(store.annotated("INBOX"), ["/shared/a=1", "/shared/b=2"]);
    store.annotate("INBOX", &[("/shared/c", Some(&long[1..]))]).unwrap();
    store
        .annotate("INBOX", &[("/shared/c", None), ("/shared/a", None), ("/shared/d", None)])
        .unwrap();
    assert_eq!(store.annotated("INBOX"), ["/shared/b=2"]);
    assert_eq!(refused(store.annotate("none", &[("/shared/a", None)])), Refusal::NoSuchMailbox);
    for name in ["/shared/admin", "/shared/comment"] {
        assert_eq!(refused(store.annotate("", &[(name, Some("x"))])), Refusal::MetadataReadOnly);
    }
    store.annotate("INBOX", &[("/shared/admin", Some("x"))]).unwrap();
}

#[test] // RFC 5464 §4.1
fn there_are_limits() {
    let store = fixture();
    let names: Vec<_> = (0..limits::METADATA_ENTRIES_MAX).map(|n| format!("/shared/{n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), Some(""))).collect();
    store.annotate("INBOX", &many).unwrap();
    let one_more = |mailbox| store.annotate(mailbox, &[("/shared/x", Some(""))]);
    assert_eq!(refused(one_more("INBOX")), Refusal::MetadataTooMany);
    one_more("Junk").unwrap();
    store.annotate("INBOX", &[("/shared/0", None), ("/shared/x", Some(""))]).unwrap();
    // The account's bytes, whatever the mailbox.
    let large = "x".repeat(limits::METADATA_VALUE_BYTES_MAX);
    let fits = limits::METADATA_BYTES_PER_ACCOUNT_MAX / limits::METADATA_VALUE_BYTES_MAX - 1;
    for n in 0..fits {
        store.annotate("", &[(&format!("/private/{n}"), Some(&large))]).unwrap();
    }
    assert_eq!(
        refused(store.annotate("Junk", &[("/private/x", Some(&large))])),
        Refusal::MetadataTooMany
    );
    // What was removed is remembered, and not without end.
    let none: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    for mailbox in ["INBOX", "Sent"] {
        store.annotate("Sent", &many).unwrap();
        store.annotate(mailbox, &none).unwrap();
    }
    let (_, removed) = store.annotation_changes(0);
    assert!(removed.len() < 2 * limits::METADATA_ENTRIES_MAX, "{}", removed.len());
    assert!(removed.iter().any(|change| change.ends_with("Sent /shared/7")));
}

#[test] // RFC 5464 §4.4.2
fn what_changed_is_told_removals_too() {
    let store = fixture();
    assert_eq!(store.annotation_changes(0), (0, vec![]));
    let change = store.annotate("INBOX", &[("/shared/a", Some("1"))]).unwrap();
    let server = MailboxKey { account: store.account, mailbox: MailboxId::SERVER };
    assert_eq!(change, Change { mailbox: server, mod_seq: ModSeq(1) });
    store.annotate("", &[("/private/b", Some("1")), ("/private/c", Some("2"))]).unwrap();
    store.annotate("INBOX", &[("/shared/a", None), ("/shared/never", None)]).unwrap();
    store.annotate("Junk", &[("/private/specialuse", None)]).unwrap();
    assert_eq!(
        store.annotation_changes(1),
        (
            4,
            ["2  /private/b", "2  /private/c", "3 INBOX /shared/a", "4 Junk /private/specialuse"]
                .map(str::to_owned)
                .into()
        )
    );
    assert_eq!(store.annotation_changes(4), (4, vec![]));
}

#[test]
fn a_node_reads_what_it_was_not_told() {
    let store = fixture();
    if !store.is_shared() {
        return;
    }
    store.annotate("INBOX", &[("/shared/a", Some("1"))]).unwrap();
    store.annotate("INBOX", &[("/shared/a", Some("2"))]).unwrap();
    let (account, inbox) = (store.account, store.key("INBOX"));
    let server = MailboxKey { account, mailbox: MailboxId::SERVER };
    let gone = MailboxKey { account, mailbox: MailboxId(99) };
    let read = |keys: &[MailboxKey]| {
        let found = store.mod_seqs(keys).unwrap();
        found.into_iter().map(|change| (change.mailbox, change.mod_seq)).collect::<Vec<_>>()
    };
    let never = ModSeq(i64::MAX);
    assert_eq!(
        read(&[inbox, server, gone]),
        [(inbox, ModSeq(1)), (server, ModSeq(2)), (gone, never)]
    );
    store.delete_account(account).unwrap();
    assert_eq!(read(&[server]), [(server, never)]);
}

#[test] // RFC 6154 §4
fn a_special_use_is_an_annotation() {
    let store = fixture();
    let give = |mailbox, value| store.annotate(mailbox, &[("/private/specialuse", value)]);
    store.create_mailbox(store.account, &name("Spam"), None).unwrap();
    assert_eq!(refused(give("Spam", Some("\\Junk"))), Refusal::SpecialUseTaken);
    for wrong in ["\\Flagged", "Junk", "\\Junk \\Sent", "\\All"] {
        assert_eq!(refused(give("Spam", Some(wrong))), Refusal::SpecialUseUnknown, "{wrong}");
    }
    assert_eq!(refused(give("INBOX", Some("\\Junk"))), Refusal::SpecialUseUnknown);
    give("Junk", Some("\\junk")).unwrap();
    give("Junk", None).unwrap();
    give("Spam", Some("\\junk")).unwrap();
    assert_eq!(store.info("Spam").special_use, Some(SpecialUse::Junk));
    assert_eq!(store.annotated("Spam"), ["/private/specialuse=\\Junk"]);
    assert_eq!(store.annotated("Junk"), [""; 0]);
    give("Spam", Some("")).unwrap();
    assert_eq!(store.info("Spam").special_use, None);
    // Of the server it is an annotation like others.
    give("", Some("x")).unwrap();
    assert_eq!(store.annotated(""), ["/private/specialuse=x"]);
}

#[test] // RFC 5464 §4.1
fn annotations_follow_their_mailbox() {
    let store = fixture();
    let rename = |from, to| store.rename_mailbox(store.account, &name(from), &name(to)).unwrap();
    let create = |mailbox| store.create_mailbox(store.account, &name(mailbox), None).unwrap();
    create("a/b");
    store.annotate("a/b", &[("/shared/comment", Some("1"))]).unwrap();
    assert_eq!(rename("a", "c"), []);
    assert_eq!(store.annotated("c/b"), ["/shared/comment=1"]);
    store.delete_mailbox(store.account, &name("c/b")).unwrap();
    create("c/b");
    assert_eq!(store.annotated("c/b"), [""; 0], "another mailbox of that name");
    store.annotate("INBOX", &[("/private/comment", Some("2"))]).unwrap();
    let told = rename("INBOX", "old");
    assert_eq!((told.len(), told[1].mailbox.mailbox), (2, MailboxId::SERVER));
    assert_eq!(store.annotated("INBOX"), ["/private/comment=2"]);
    assert_eq!(store.annotated("old"), ["/private/comment=2"]);
    let large = "x".repeat(limits::METADATA_VALUE_BYTES_MAX);
    let fits = limits::METADATA_BYTES_PER_ACCOUNT_MAX / limits::METADATA_VALUE_BYTES_MAX - 1;
    for n in 0..fits {
        store.annotate("INBOX", &[(&format!("/private/{n}"), Some(&large))]).unwrap();
    }
    rename("INBOX", "older");
    assert_eq!(store.annotated("older"), [""; 0], "there is no room for them");
}
