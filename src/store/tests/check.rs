//! Damage that somebody planted, and what `check` says of it.

use super::super::engine::Weight;
use super::*;

/// Plants, looks, and takes it away again.
#[track_caller]
fn finds(store: &Fixture, plant: &'static str, undo: &'static str, want: &str) {
    let run = |sql| {
        let done = store
            .0
            .engine
            .write("planting", Weight::Bytes(64), move |tx| tx.execute(sql, &[]).map(drop));
        done.unwrap();
    };
    run(plant);
    assert_eq!(store.check().unwrap(), [want], "{plant}");
    run(undo);
}

#[test]
fn check_finds_what_would_be_given_out_twice() {
    let store = fixture();
    finds(
        &store,
        "UPDATE accounts SET next_mailbox_id = next_mailbox_id - 1",
        "UPDATE accounts SET next_mailbox_id = next_mailbox_id + 1",
        "account 1 gives out mailbox 6 next and has a mailbox 6",
    );
    finds(
        &store,
        "UPDATE accounts SET last_uid_validity = last_uid_validity - 1000000000",
        "UPDATE accounts SET last_uid_validity = last_uid_validity + 1000000000",
        "account 1 has mailboxes with a UIDVALIDITY above the last given out",
    );
}

#[test]
fn check_finds_what_belongs_to_nothing() {
    let store = fixture();
    store.append("INBOX");
    finds(
        &store,
        "UPDATE messages SET keywords = 36",
        "UPDATE messages SET keywords = 0",
        "mailbox 1/1 has messages with keywords 36 that have no name",
    );
    finds(
        &store,
        "INSERT INTO subscriptions (account_id, name_key, name) VALUES (88, 'a', 'a')",
        "DELETE FROM subscriptions WHERE account_id = 88",
        "a subscription belongs to account 88, which is not there",
    );
    finds(
        &store,
        "INSERT INTO sieve_scripts (account_id, name, script_id, is_active, stored_at, size, script)
         VALUES (88, 'a', 1, 0, 0, 0, '')",
        "DELETE FROM sieve_scripts WHERE account_id = 88",
        "a script belongs to account 88, which is not there",
    );
}
