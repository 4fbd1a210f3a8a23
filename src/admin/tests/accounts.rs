//! Accounts, addresses and passwords.

use super::*;

#[test]
fn accounts_are_made_and_changed() {
    let place = Place::new();
    place.check(
        &format!("create-account --email User@Example.com {QUICK}"),
        Ok("Successfully created account: user@example.com\n"),
    );
    place.check(
        "update-account --email user@example.com --password other --hash=ssha512",
        Ok("Successfully updated password for account: user@example.com\n"),
    );
    assert!(verify(&place.hash("user@example.com"), &Secret::new("other")));
    place.check(
        "list-accounts",
        Ok("account           mailboxes  messages      size\n\
            user@example.com          6         0        0b\n"),
    );
    place.check("check", Ok("All is well: 0 messages in 1 account.\n"));
    place.check("check --bodies", Ok("All is well: 0 messages in 1 account.\n"));
}

#[test] // pitfall 136
fn each_hash_has_its_stored_form() {
    let place = Place::new();
    for (hash, start) in [
        ("", "{BLF-CRYPT}$2a$10$"),
        ("--hash bcrypt", "{BLF-CRYPT}$2a$10$"),
        ("--hash ssha512", "{SSHA512}"),
        ("-hash=sha512", "{SHA512}"),
    ] {
        let name = format!("u{}@x", hash.len());
        place.run(&format!("create-account --email {name} --password secret {hash}")).unwrap();
        let stored = place.hash(&name);
        assert!(stored.starts_with(start), "{hash}: {stored}");
        assert!(verify(&stored, &Secret::new("secret")), "{hash}");
    }
}

#[test] // pitfall 138
fn an_address_has_one_account() {
    let place = Place::new();
    let taken = "an account with the address a@x is there already; \
                 to change its password: sora-admin update-account --email a@x";
    place.run(&format!("create-account --email a@x {QUICK}")).unwrap();
    place.check(&format!("create-account --email A@X --primary {QUICK}"), Err(taken));
    place.check(
        &format!("add-address --email b@x --account a@x {QUICK}"),
        Ok("Successfully added address b@x to account: a@x\n"),
    );
    place.check(&format!("add-address --email a@x --account b@x {QUICK}"), Err(taken));
    place.check(
        &format!("add-address --primary --email c@x --account b@x {QUICK}"),
        Ok("Successfully added address c@x to account: a@x\n"),
    );
    let list = place.run("list-accounts").unwrap();
    assert!(list.contains("\nc@x, a@x, b@x "), "{list}");
    place.check(
        "update-account --email d@x --password p",
        Err("no account has the address d@x; sora-admin list-accounts shows all of them"),
    );
    place.check("check", Ok("All is well: 0 messages in 1 account.\n"));
    place.check("check --bodies", Ok("All is well: 0 messages in 1 account.\n"));
}

#[test] // pitfall 138
fn of_two_at_the_same_time_one_wins() {
    let place = Place::new();
    place.store(); // the schema is there
    let line = format!("create-account --email a@x {QUICK}");
    let won = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| place.run(&line))).collect();
        runs.into_iter().filter_map(|run| run.join().unwrap().ok()).count()
    });
    assert_eq!(won, 1);
    place.check("check", Ok("All is well: 0 messages in 1 account.\n"));
    place.check("check --bodies", Ok("All is well: 0 messages in 1 account.\n"));
}

#[test]
fn passwords_come_from_where_they_may() {
    let place = Place::new();
    let create = |name: &str, input: &str, ask: Option<Ask>| {
        place.run_with(
            &format!(
                "create-account --email {name} --hash sha512 {}",
                if ask.is_none() { "--password-stdin" } else { "" }
            ),
            input,
            ask,
        )
    };
    create("a@x", "pass word\r\nsecond line", None).unwrap();
    assert!(verify(&place.hash("a@x"), &Secret::new("pass word")));
    create("b@x", "", Some(|_| Ok("asked".to_owned()))).unwrap();
    assert!(verify(&place.hash("b@x"), &Secret::new("asked")));
    let differ = create("c@x", "", Some(|prompt| Ok(prompt.to_owned())));
    assert_eq!(differ.unwrap_err(), "the two passwords differ; nothing was changed");
    assert_eq!(create("c@x", "\n", None).unwrap_err(), "the password is empty");
    let none = place.run("create-account --email c@x").unwrap_err();
    assert!(
        none.starts_with("no password, and no terminal to ask on; give it by --password-stdin")
    );
    let long = place.run(&format!("create-account --email c@x --password {}", "x".repeat(73)));
    assert_eq!(
        long.unwrap_err(),
        "the password is longer than 72 bytes, and bcrypt would ignore the rest; \
         choose a shorter one, or --hash ssha512"
    );
    let long = create("c@x", &"x".repeat(2000), None).unwrap_err();
    assert!(long.starts_with("the password is longer than 1024 bytes"), "{long}");
    assert!(place.run("list-accounts").unwrap().lines().count() == 3, "c@x was never made");
}

#[test]
fn accounts_are_deleted_and_restored() {
    let place = Place::new();
    place.run(&format!("create-account --email a@x {QUICK}")).unwrap();
    let file = place.file("mail.eml", "Subject: x\n\nx\n");
    place.run(&format!("deliver {file} --to a@x")).unwrap();
    place.check(
        "delete-account --email a@x",
        Err("delete-account: The account of a@x will be deleted; to do it without being asked, \
             say --yes; see: sora-admin delete-account --help"),
    );
    place.check(
        "delete-account --email a@x --yes",
        Ok("Successfully deleted account: a@x\n\
            sora-admin restore-account --email a@x brings it back, for 14d\n"),
    );
    let gone = "no account has the address a@x; sora-admin list-accounts shows all of them";
    place.check(&format!("deliver {file} --to a@x"), Err(gone));
    place.check("check", Ok("All is well: 0 messages in 0 accounts.\n"));
    let deleted = place.run("list-accounts --deleted").unwrap();
    assert!(
        deleted.lines().nth(1).is_some_and(|line| line.starts_with("a@x      20")),
        "{deleted}"
    );
    place.check(
        "restore-account --email a@x",
        Ok("Successfully restored account: a@x, with 1 message\n"),
    );
    place.check(
        "restore-account --email a@x",
        Err("no deleted account had the address a@x; \
             sora-admin list-accounts --deleted shows all that can be restored"),
    );
    place.check("check", Ok("All is well: 1 message in 1 account.\n"));
}
