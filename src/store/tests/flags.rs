use super::*;
use crate::job::{StoreMode, Transfer};
use crate::model::ModSeq;

impl Fixture {
    pub(super) fn set(
        &self,
        mailbox: &str,
        which: &[u32],
        mode: StoreMode,
        flags: Flags,
        names: &[&str],
    ) -> FlagsStored {
        let flags = FlagSet { flags, keywords: keywords(names) };
        let change = FlagChange { uids: uids(which), mode, flags, unchanged_since: None };
        self.store_flags(self.key(mailbox), change).unwrap()
    }
}

#[test]
fn adds_removes_and_replaces() {
    let store = fixture();
    store.append_with("INBOX", Flags::SEEN, &["a"]);
    store.append_with("INBOX", Flags::DELETED, &[]);
    let stored = store.set("INBOX", &[1, 2, 3], StoreMode::Add, Flags::FLAGGED, &["B"]);
    assert_eq!(stored.changed, uids(&[1, 2]));
    assert_eq!(
        store.shown("INBOX"),
        [r#"1 {"\\Flagged", "\\Seen"} a B"#, r#"2 {"\\Flagged", "\\Deleted"} B"#]
    );
    store.set("INBOX", &[1], StoreMode::Remove, Flags::SEEN, &["A", "never"]);
    store.set("INBOX", &[2], StoreMode::Replace, Flags::DRAFT, &["c"]);
    assert_eq!(store.shown("INBOX"), [r#"1 {"\\Flagged"} B"#, r#"2 {"\\Draft"} c"#]);
    let info = store.info("INBOX");
    assert_eq!((info.unseen, info.deleted), (2, 0));
}

#[test] // pitfall 93
fn only_what_changes_gets_a_mod_sequence() {
    let store = fixture();
    store.append_with("INBOX", Flags::SEEN, &[]);
    store.append("INBOX");
    let before = store.info("INBOX").highest_mod_seq;
    let nothing = store.set("INBOX", &[1], StoreMode::Add, Flags::SEEN, &[]);
    assert_eq!((nothing.changed, nothing.mod_seq), (uids(&[]), before));
    assert_eq!(store.info("INBOX").highest_mod_seq, before);

    let one = store.set("INBOX", &[1, 2], StoreMode::Add, Flags::SEEN, &[]);
    assert_eq!((one.changed, one.mod_seq), (uids(&[2]), ModSeq(before.0 + 1)));

    let keyword = store.set("INBOX", &[1], StoreMode::Add, Flags::NONE, &["k"]);
    assert_eq!((keyword.changed, keyword.mod_seq), (uids(&[1]), ModSeq(before.0 + 2)));
    assert_eq!(store.info("INBOX").highest_mod_seq, keyword.mod_seq);
    let snapshot = store.load_snapshot(store.key("INBOX")).unwrap();
    assert_eq!(snapshot.get(Uid(1)).unwrap().mod_seq, keyword.mod_seq);
    assert_eq!(snapshot.get(Uid(2)).unwrap().mod_seq, one.mod_seq);
}

/// The snapshot that follows a STORE is the one that would be read.
#[test]
fn a_snapshot_follows_only_from_right_before() {
    let store = fixture();
    store.append_with("INBOX", Flags::SEEN, &["a", "b"]);
    (0..4).for_each(|_| _ = store.append_with("INBOX", Flags::DELETED, &["b"]));
    let load = || store.load_snapshot(store.key("INBOX")).unwrap();
    for mode in [StoreMode::Remove, StoreMode::Add, StoreMode::Replace] {
        let before = load();
        let stored = store.set("INBOX", &[1, 2, 4, 9], mode, Flags::DELETED, &[]);
        let (followed, read) = (stored.follow(&before).unwrap(), load());
        assert_eq!((&followed.head, followed.uids()), (&read.head, read.uids()), "{mode:?}");
        assert!(followed.iter().eq(read.iter()), "{mode:?}");
        assert!(stored.follow(&read).is_none(), "{mode:?}");
    }
    let before = load();
    store.append("INBOX");
    let stored = store.set("INBOX", &[3], StoreMode::Add, Flags::DRAFT, &[]);
    assert!(stored.follow(&before).is_none(), "something came between");
    let before = load();
    let stored = store.set("INBOX", &[3], StoreMode::Add, Flags::NONE, &["new"]);
    assert!(stored.follow(&before).is_none(), "names are not in it");
    let stored = store.set("INBOX", &[3], StoreMode::Add, Flags::DRAFT, &[]);
    assert!(stored.changed.is_empty() && stored.follow(&load()).is_none());
}

#[test] // pitfall 92
fn unchanged_since_holds_back() {
    let store = fixture();
    let first = store.append("INBOX");
    store.append("INBOX");
    let try_since = |since: i64| {
        let flags = FlagSet { flags: Flags::FLAGGED, ..FlagSet::default() };
        let change = FlagChange {
            uids: uids(&[1, 2, 9]),
            mode: StoreMode::Add,
            flags,
            unchanged_since: Some(ModSeq(since)),
        };
        store.store_flags(store.key("INBOX"), change).unwrap()
    };
    let none = try_since(0);
    assert_eq!((none.changed, none.modified), (uids(&[]), uids(&[1, 2])));
    let one = try_since(first.mod_seq.0);
    assert_eq!((one.changed, one.modified), (uids(&[1]), uids(&[2])));
    assert_eq!(store.shown("INBOX"), [r#"1 {"\\Flagged"}"#, "2 {}"]);
}

#[test] // pitfall 92
fn of_many_conditional_stores_one_succeeds() {
    let store = fixture();
    let since = store.append("INBOX").mod_seq;
    let inbox = store.key("INBOX");
    let changed: u32 = std::thread::scope(|scope| {
        let attempt = |number: usize| {
            let flags =
                FlagSet { keywords: keywords(&[&format!("k{number}")]), ..FlagSet::default() };
            let change = FlagChange {
                uids: uids(&[1]),
                mode: StoreMode::Add,
                flags,
                unchanged_since: Some(since),
            };
            store.store.store_flags(inbox, change).unwrap().changed.len()
        };
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || attempt(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(changed, 1);
}

#[test] // pitfall 95
fn keywords_are_known_in_any_case_and_kept_as_first_spelt() {
    let store = fixture();
    store.append_with("INBOX", Flags::NONE, &["$Later", "todo"]);
    let stored = store.set("INBOX", &[1], StoreMode::Add, Flags::NONE, &["$LATER", "Todo"]);
    assert!(stored.changed.is_empty());
    assert_eq!(store.shown("INBOX"), ["1 {} $Later todo"]);
}

#[test] // pitfall 95
fn the_64th_keyword_is_refused_unless_one_is_free() {
    let store = fixture();
    let all: Vec<String> = (0..63).map(|number| format!("k{number}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    store.append_with("INBOX", Flags::NONE, &all);
    let inbox = store.key("INBOX");
    let add = |keyword: &str| {
        let flags = FlagSet { keywords: keywords(&[keyword]), ..FlagSet::default() };
        let uids = uids(&[1]);
        let change = FlagChange { uids, mode: StoreMode::Add, flags, unchanged_since: None };
        store.store_flags(inbox, change)
    };
    assert!(matches!(refused(add("more")), Refusal::Limit(_)));
    store.set("INBOX", &[1], StoreMode::Remove, Flags::NONE, &["k40"]);
    add("more").unwrap();
    assert!(store.shown("INBOX")[0].contains(" k39 more k41 "));
    assert!(matches!(refused(add("another")), Refusal::Limit(_)));
}

#[test]
fn many_gaps_are_one_list() {
    let store = fixture();
    store.append_many("INBOX", 60);
    let odd: Vec<u32> = (1..=60).filter(|uid| uid % 2 == 1).collect();
    let stored = store.set("INBOX", &odd, StoreMode::Add, Flags::SEEN, &[]);
    assert_eq!(stored.changed, uids(&odd));
    assert_eq!(store.info("INBOX").unseen, 30);
    let all: Vec<u32> = (1..=60).collect();
    let stored = store.set("INBOX", &all, StoreMode::Add, Flags::SEEN, &[]);
    assert_eq!(stored.changed.len(), 30);
    assert_eq!(stored.changed.ranges().len(), 30);
}

#[test]
fn a_deleted_mailbox_is_gone_for_store() {
    let store = fixture();
    let key = store.key("Trash");
    store.delete_mailbox(store.account, &name("Trash")).unwrap();
    let change = FlagChange {
        uids: uids(&[1]),
        mode: StoreMode::Add,
        flags: FlagSet::default(),
        unchanged_since: None,
    };
    assert_eq!(refused(store.store_flags(key, change)), Refusal::NoSuchMailbox);
}

#[test] // pitfall 95
fn a_freed_bit_is_given_to_one_keyword_only() {
    let store = fixture();
    store.append("INBOX");
    let names: Vec<String> =
        (0..crate::limits::KEYWORDS_PER_MAILBOX_MAX).map(|n| format!("k{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    store.set("INBOX", &[1], StoreMode::Add, Flags::NONE, &names);
    store.set("INBOX", &[1], StoreMode::Replace, Flags::NONE, &[]);
    store.set("INBOX", &[1], StoreMode::Add, Flags::NONE, &["new", "k0", "newer"]);
    assert_eq!(store.shown("INBOX"), ["1 {} k0 new newer"]);
    // The same when they come from elsewhere, in messages of their own.
    store.append_with("Archive", Flags::NONE, &["other"]);
    store.append_with("Archive", Flags::NONE, &["another"]);
    let transfer = Transfer { from: store.key("Archive"), uids: uids(&[1, 2]), to: name("INBOX") };
    store.copy(transfer).unwrap();
    assert_eq!(store.shown("INBOX"), ["1 {} k0 new newer", "2 {} other", "3 {} another"]);
}
