use super::*;

#[test] // pitfall 89
fn takes_only_what_is_marked() {
    let store = fixture();
    for flags in [Flags::DELETED, Flags::NONE, Flags::DELETED, Flags::DELETED] {
        store.append_with("INBOX", flags, &[]);
    }
    let inbox = store.key("INBOX");
    let before = store.info("INBOX").highest_mod_seq;
    let some = store.expunge(inbox, Some(uids(&[1, 2, 9]))).unwrap();
    assert_eq!(some.uids, uids(&[1]));
    assert!(some.mod_seq > before);
    let rest = store.expunge(inbox, None).unwrap();
    assert_eq!(rest.uids, uids(&[3, 4]));
    let info = store.info("INBOX");
    assert_eq!((info.messages, info.deleted, info.unseen, info.uid_next), (1, 0, 1, 5));
    let none = store.expunge(inbox, None).unwrap();
    assert_eq!((none.uids, none.mod_seq), (uids(&[]), info.highest_mod_seq));
    assert_eq!(store.shown("INBOX"), ["2 {}"]);
}

#[test] // pitfall 71: UIDs are never used again
fn uids_of_the_expunged_stay_used() {
    let store = fixture();
    store.append_with("INBOX", Flags::DELETED, &[]);
    store.expunge(store.key("INBOX"), None).unwrap();
    assert_eq!(store.append("INBOX").uid, Uid(2));
}

#[test]
fn many_gaps_are_one_list() {
    let store = fixture();
    store.append_many("INBOX", 60);
    let odd: Vec<u32> = (1..=60).filter(|uid| uid % 2 == 1).collect();
    let flags = FlagSet { flags: Flags::DELETED, ..FlagSet::default() };
    let mode = crate::job::StoreMode::Add;
    let change = FlagChange { uids: uids(&odd), mode, flags, unchanged_since: None };
    store.store_flags(store.key("INBOX"), change).unwrap();
    assert_eq!(store.expunge(store.key("INBOX"), None).unwrap().uids, uids(&odd));
    assert_eq!(store.info("INBOX").messages, 30);
}
