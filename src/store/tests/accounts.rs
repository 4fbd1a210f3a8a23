use super::*;
use crate::model::SpecialUse;

#[test]
fn an_account_begins_with_the_standard_folders() {
    let store = fixture();
    let mailboxes = store.list_mailboxes(store.account).unwrap();
    let told: Vec<_> = mailboxes
        .iter()
        .map(|info| (info.name.as_str(), info.special_use, info.subscribed, info.messages))
        .collect();
    assert_eq!(
        told,
        [
            ("Archive", Some(SpecialUse::Archive), true, 0),
            ("Drafts", Some(SpecialUse::Drafts), true, 0),
            ("INBOX", None, true, 0),
            ("Junk", Some(SpecialUse::Junk), true, 0),
            ("Sent", Some(SpecialUse::Sent), true, 0),
            ("Trash", Some(SpecialUse::Trash), true, 0),
        ]
    );
    let mut validities: Vec<_> = mailboxes.iter().map(|info| info.uid_validity).collect();
    validities.sort_unstable();
    validities.dedup();
    assert_eq!(validities.len(), 6);
}

#[test] // pitfall 138
fn an_address_belongs_to_one_account() {
    let store = fixture();
    assert_eq!(store.create_account(new_account("Me@Example.org")).unwrap(), None);
    let other = store.create_account(new_account("you@example.org")).unwrap().unwrap();
    assert_ne!(other, store.account);
    assert!(!store.add_address(other, new_account("me@example.org"), Rank::Further).unwrap());
    assert_eq!(store.list_accounts().unwrap().len(), 2);
}

#[test] // pitfall 138
fn of_two_at_once_one_wins() {
    let store = fixture();
    let made = std::thread::scope(|scope| {
        let make = || store.store.create_account(new_account("new@example.org")).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).count()
    });
    assert_eq!(made, 1);
    assert_eq!(store.list_accounts().unwrap().len(), 2);
}

#[test]
fn further_addresses_and_a_new_primary() {
    let store = fixture();
    let account = store.account;
    assert!(store.add_address(account, new_account("alias@example.org"), Rank::Further).unwrap());
    assert!(store.add_address(account, new_account("first@example.org"), Rank::Primary).unwrap());
    let addresses = store.addresses(account).unwrap();
    let shown: Vec<_> = addresses.iter().map(Address::as_str).collect();
    assert_eq!(shown, ["first@example.org", "alias@example.org", "me@example.org"]);

    let alias = Address::new("ALIAS@example.org").unwrap();
    assert!(store.update_password(&alias, "{Y}other").unwrap());
    let found = store.account_by_address(&alias).unwrap().unwrap();
    assert_eq!(found.account, account);
    assert_eq!(found.primary.as_str(), "first@example.org");
    assert_eq!(found.password_hash, "{Y}other");
    let me = Address::new("me@example.org").unwrap();
    assert_eq!(store.account_by_address(&me).unwrap().unwrap().password_hash, "{X}hash");

    // A hash is renewed wherever it is, and only while it is there.
    assert!(!store.replace_password(account, "{Z}gone", "{X}new").unwrap());
    assert!(!store.replace_password(AccountId(99), "{X}hash", "{X}new").unwrap());
    assert!(store.replace_password(account, "{X}hash", "{X}new").unwrap());
    let hash = |address| store.account_by_address(&address).unwrap().unwrap().password_hash;
    let first = Address::new("first@example.org").unwrap();
    assert_eq!([hash(me), hash(first), hash(alias)], ["{X}new", "{X}new", "{Y}other"]);
}

#[test] // pitfall 138
fn two_primaries_are_impossible() {
    let store = fixture();
    store.add_address(store.account, new_account("b@example.org"), Rank::Further).unwrap();
    let both = store.0.engine.write::<_, Failure>("test", engine::Weight::Bytes(0), |tx| {
        tx.execute("UPDATE credentials SET is_primary = 1", &[])
    });
    assert!(both.is_err());
}

#[test]
fn nobody_is_nobody() {
    let store = fixture();
    let nobody = Address::new("nobody@example.org").unwrap();
    assert_eq!(store.account_by_address(&nobody).unwrap(), None);
    assert!(!store.update_password(&nobody, "x").unwrap());
    assert_eq!(store.addresses(AccountId(99)).unwrap(), []);
}

#[test]
fn accounts_are_listed_with_their_counts() {
    let store = fixture();
    store.append_many("INBOX", 2);
    store.append("Sent");
    let [account] = store.list_accounts().unwrap().try_into().unwrap();
    assert_eq!((account.mailboxes, account.messages, account.bytes), (6, 3, 33));
    assert_eq!(account.addresses.len(), 1);
}
