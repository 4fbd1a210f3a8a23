//! Who may come in.

use super::*;

#[test]
fn login_is_by_the_stored_password() {
    let room = Room::new();
    let login = |user: &str, password: &str| {
        room.run(Job::Login {
            user: user.into(),
            password: Secret::new(password),
            peer: None,
            act_as: String::new(),
        })
    };
    let reply = login("Bob+x@example.org", "secret");
    let Reply::LoggedIn { account, address, .. } = &reply else { panic!("{reply:?}") };
    assert_eq!((*account, address.as_str()), (room.account, "bob@example.org"));
    let reply = login("bob@example.org", "wrong");
    assert!(matches!(reply, Reply::Refused(Refusal::BadCredentials)), "{reply:?}");
    let bob = Address::new("bob@example.org").unwrap();
    let hash = password::hash(password::Scheme::Ssha512, &Secret::new("new")).unwrap();
    assert!(room.runner.store.update_password(&bob, &hash).unwrap());
    let reply = login("bob@example.org", "secret");
    assert!(matches!(reply, Reply::Refused(Refusal::BadCredentials)), "{reply:?}");
    assert!(matches!(login("bob@example.org", "new"), Reply::LoggedIn { .. }));
}

#[test] // pitfall 64
fn a_deleted_account_lets_nobody_in() {
    let room = Room::new();
    let login = || {
        let (user, password) = ("bob@example.org".into(), Secret::new("secret"));
        room.run(Job::Login { user, password, peer: None, act_as: String::new() })
    };
    assert!(matches!(login(), Reply::LoggedIn { .. }));
    room.runner.store.delete_account(room.account).unwrap();
    assert!(matches!(login(), Reply::Refused(Refusal::BadCredentials)), "remembered or not");
    let reply = room.run(Job::FindRecipient { given: "bob@example.org".into() });
    assert!(matches!(reply, Reply::Refused(Refusal::NoSuchRecipient)));
    room.runner.store.restore_account(room.account).unwrap();
    assert!(matches!(login(), Reply::LoggedIn { .. }));
}

#[test]
fn a_hash_of_another_cost_is_renewed_unless_it_was_changed() {
    let room = Room::new();
    let store = &room.runner.store;
    let bob = Address::new("bob@example.org").unwrap();
    let stored = || store.account_by_address(&bob).unwrap().unwrap().password_hash;
    let login = || {
        let (user, password) = (bob.to_string(), Secret::new("secret"));
        let reply = room.run(Job::Login { user, password, peer: None, act_as: String::new() });
        assert!(matches!(reply, Reply::LoggedIn { .. }), "{reply:?}");
    };
    assert!(store.update_password(&bob, &bcrypt::hash("secret", 4).unwrap()).unwrap());
    login();
    let outdated = room.chores.outdated().unwrap();

    assert!(store.update_password(&bob, "{X}changed").unwrap());
    upkeep::renew(store, &outdated);
    assert_eq!(stored(), "{X}changed");

    assert!(store.update_password(&bob, &outdated.hash).unwrap());
    upkeep::renew(store, &outdated);
    assert!(stored().starts_with("{BLF-CRYPT}$2a$10$"), "{}", stored());
    login();
    assert!(room.chores.outdated().is_none());
}
