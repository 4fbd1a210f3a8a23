//! Commands against stores of their own, without a process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::model::{Address, Secret};
use crate::store::NewAccount;
use crate::work::password::verify;

/// A folder with a configuration and a store.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let (process, next) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(format!("sora-admin-{process}-{next}"));
        std::fs::create_dir_all(&folder).unwrap();
        let data = folder.join("data");
        let text = format!("data_dir = '{}'\nhostname = 'mx.example.com'\n", data.display());
        std::fs::write(folder.join("config.toml"), text).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn store(&self) -> Store {
        Store::open(&self.folder.join("data"), Opening::Beside).unwrap()
    }

    /// Runs a command line; what it printed, or its error.
    fn run(&self, line: &str) -> Result<String, String> {
        self.run_with(line, "", None)
    }

    fn run_with(&self, line: &str, input: &str, ask: Option<Ask>) -> Result<String, String> {
        let config = self.folder.join("config.toml");
        let mut args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        args.splice(1..1, ["--config".to_owned(), config.to_string_lossy().into_owned()]);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams {
            input: &mut input.as_bytes(),
            out: &mut out,
            err: &mut err,
            watched: false,
            coloured: false,
            ask,
        };
        let done = run(&args, &mut streams);
        let short = |text: String| text.replace(&*self.folder.to_string_lossy(), "DIR");
        let printed = short(String::from_utf8([out, err].concat()).unwrap());
        done.map(|()| printed.clone()).map_err(|error| printed + &short(error.to_string()))
    }

    #[track_caller]
    fn check(&self, line: &str, want: Result<&str, &str>) {
        let got = self.run(line);
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{line}");
    }

    fn hash(&self, address: &str) -> String {
        let address = Address::new(address).unwrap();
        self.store().account_by_address(&address).unwrap().unwrap().password_hash
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _left_for_a_look = std::fs::remove_dir_all(&self.folder);
    }
}

type Ask = fn(&str) -> io::Result<String>;

const QUICK: &str = "--password secret --hash sha512"; // bcrypt takes its time

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

#[test]
fn wrong_lines_say_what_to_write() {
    let place = Place::new();
    let usage = |command: &str, what: &str| {
        Err(format!("{command}: {what}; see: sora-admin {command} --help"))
    };
    for (line, command, what) in [
        ("create-account --password x", "create-account", "--email is missing"),
        ("create-account --email", "create-account", "--email needs a value: ADDRESS"),
        ("create-account --emial x@y", "create-account", "no such option: --emial"),
        (
            "create-account --email x --password p",
            "create-account",
            "--email \"x\": expected an address such as user@example.com",
        ),
        (
            "create-account --email a@b@c --password p",
            "create-account",
            "--email \"a@b@c\": expected an address such as user@example.com",
        ),
        (
            "create-account --email a@b --password p --hash md5",
            "create-account",
            "--hash: expected bcrypt, ssha512 or sha512",
        ),
        (
            "create-account --email a+b@c --password p",
            "create-account",
            "--email: an account's address has no `+`: mail to user+anything reaches user (RFC 5233)",
        ),
        ("create-account a@b --password p", "create-account", "\"a@b\" belongs to no option"),
        ("create-account --primary=1", "create-account", "--primary takes no value"),
        ("deliver --to a@b", "deliver", "no FILE to deliver; - is standard input"),
        ("deliver x", "deliver", "--to is missing"),
        (
            "deliver x --to a@b --from a",
            "deliver",
            "--from \"a\": expected an address such as user@example.com",
        ),
        (
            "deliver x --to a@b --from a@b>\u{1}X-Forged:",
            "deliver",
            "--from \"a@b>\\u{1}X-Forged:\": expected an address such as user@example.com",
        ),
    ] {
        let got = place.run(line);
        assert_eq!(got, usage(command, what), "{line}");
    }
    let unknown = place.run("frobnicate").unwrap_err();
    assert!(
        unknown.starts_with("no such command: frobnicate\n\nsora-admin: looks after"),
        "{unknown}"
    );
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

#[test]
fn help_is_there_for_everything() {
    let place = Place::new();
    let all = place.run("help").unwrap();
    assert_eq!(place.run("--help").unwrap(), all);
    for command in COMMANDS {
        assert!(all.contains(command.name));
        let text = place.run(&format!("{} --help", command.name)).unwrap();
        assert!(
            text.starts_with(&format!("sora-admin {}: {}\n\nUsage: ", command.name, command.what))
        );
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        let choices = command.choices.iter().filter(|choice| !choice.what.is_empty());
        assert!({ choices }.all(|choice| text.contains(&choice.usage())), "{text}");
    }
}

#[test]
fn no_store_is_made_by_looking_for_one() {
    let place = Place::new();
    let advice = "there is no store in DIR/data; name the server's configuration by --config, \
                  or make the first account by create-account";
    for line in ["list-accounts", "check", "update-account --email a@x --password p"] {
        place.check(line, Err(advice));
    }
}

#[test]
fn a_store_that_cannot_be_opened_says_where() {
    let place = Place::new();
    place.file("data", "not a directory");
    let error = place.run("list-accounts").unwrap_err();
    assert!(error.starts_with("the store in DIR/data cannot be opened: "), "{error}");
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

#[test]
fn sieve_check_shows_mistakes() {
    let place = Place::new();
    let right = place.file("right.sieve", "require \"fileinto\";\nfileinto \"a\";\nstop;\nkeep;\n");
    let said = place.run(&format!("sieve check {right}")).unwrap();
    assert!(
        said.starts_with("line 4, column 1: \"keep\" is never reached\n4 | keep;\n  | ^\n"),
        "{said}"
    );
    assert!(said.ends_with("DIR/right.sieve is right, and requires fileinto\n"), "{said}");
    let wrong = place.file("wrong.sieve", "if tru { kep; }\n");
    let said = place.run(&format!("sieve check {wrong}")).unwrap_err();
    assert!(said.contains("1 | if tru { kep; }\n  |    ^\n"), "{said}");
    assert!(said.ends_with("DIR/wrong.sieve: 2 mistakes"), "{said}");
    assert!(place.run("sieve check DIR/none").unwrap_err().contains("No such file"));
    assert!(place.run("sieve chek x").unwrap_err().contains("\"chek x\" is not understood"));
}

#[test]
fn sieve_test_shows_what_becomes_of_a_message() {
    let place = Place::new();
    place.file("inner.sieve", "require \"imap4flags\"; addflag \"\\\\Seen\";");
    let script = place.file(
        "a.sieve",
        "require [\"include\", \"fileinto\", \"imap4flags\", \"mailbox\", \"envelope\", \"editheader\"];\n\
         include \"inner\";\n\
         if envelope \"from\" \"tim@example.org\" { addheader \"X-A\" \"b\"; }\n\
         if allof (header :contains \"subject\" \"list\", mailboxexists \"Lists\") {\n\
           fileinto \"Lists\";\n\
         }\n\
         if header \"subject\" \"bad\" { redirect \"a@b\"; error \"x\"; }",
    );
    let script_with_error =
        place.file("e.sieve", "require \"ihave\";\nif true { error \"oh no\"; }");
    let message = place.file("m.eml", "Subject: A list\r\n\r\nx\r\n");
    let said = place.run(&format!("sieve test {script} {message}"));
    assert!(said.unwrap_err().contains("needs the extension \"ihave\""));
    let text = std::fs::read_to_string(&script).unwrap().replace(" error \"x\";", "");
    std::fs::write(&script, text).unwrap();
    let said = place.run(&format!("sieve test {script} {message}")).unwrap();
    assert_eq!(said, "file it into \"Lists\", marked \\Seen\n");
    let said = place.run(&format!("sieve test {script} {message} --mailbox Other")).unwrap();
    assert_eq!(said, "keep it, marked \\Seen (nothing said otherwise)\n");
    let line =
        format!("sieve test {script} {message} --trace --edited --envelope-from tim@example.org");
    let said = place.run(&line).unwrap();
    for want in [
        "   2     include \"inner\"\n",
        "inner:   1     flags are now \"\\Seen\"\n",
        "   4 yes header: \"A list\" matches \"list\"\n",
        "   4 yes mailboxexists\n",
        "   5     fileinto \"Lists\" with \\Seen\n",
        "   7 no  header\n",
        "  | X-A: b\n  | Subject: A list\n",
    ] {
        assert!(said.contains(want), "{want:?} in {said}");
    }
    let said = place.run(&format!("sieve test {script_with_error} {message}")).unwrap_err();
    assert!(
        said.starts_with("keep it (nothing said otherwise)\nline 2, column 11: oh no\n2 | if true"),
        "{said}"
    );
}

/// Two messages that wait to leave; the second was given up.
fn leave(place: &Place) -> Vec<String> {
    use crate::store::{
        NewOutgoing, OutgoingKind, OutgoingOptions, SortedDelivery, SortedOutgoing,
    };
    place.run("create-account --email a@x --password p").unwrap();
    let store = place.store();
    let account = store.account_by_address(&Address::new("a@x").unwrap()).unwrap().unwrap().account;
    let outgoing = ["b@x", "c\x07@x"].map(|to| SortedOutgoing {
        new: NewOutgoing {
            kind: OutgoingKind::Redirect,
            sender: "ann@y".into(),
            recipients: vec![to.into()],
            options: OutgoingOptions::default(),
            message: b"Subject: on\x1b[2J its way\r\n\r\nThe body\r\n".to_vec(),
        },
        unless: None,
    });
    let delivery = SortedDelivery {
        account,
        bodies: Vec::new(),
        copies: Vec::new(),
        outgoing: outgoing.to_vec(),
        remembered: Vec::new(),
        digest: None,
        report: None,
    };
    store.deliver_sorted(delivery).unwrap();
    let all = store.list_outgoing(None, None, 9).unwrap();
    let to = all[1].recipients.clone();
    store.postpone_outgoing(all[1].id, &to, None, "<c@x>: 550 no").unwrap();
    all.iter().map(|outgoing| outgoing.id.to_string()).collect()
}

#[test]
fn mail_that_leaves_is_shown_retried_and_deleted() {
    let place = Place::new();
    let ids = leave(&place);
    let list = place.run("outbox list").unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert!(
        lines[0].starts_with("id            kind      queued            tries  next"),
        "{list}"
    );
    assert!(lines[1].starts_with(&format!("{:<12}  redirect  20", ids[0])), "{list}");
    assert!(lines[1].ends_with("  b@x") && lines.len() == 3, "{list}");
    assert!(lines[2].ends_with("  given up          c @x: <c@x>: 550 no"), "{list}");
    assert_eq!(place.run("outbox list --email a@x").unwrap(), list);
    place.check(
        "outbox list --email b@x",
        Err("no account has the address b@x; sora-admin list-accounts shows all of them"),
    );

    let shown = place.run(&format!("outbox show --id {}", ids[1])).unwrap();
    let (facts, header) = shown.split_once("\n\n").unwrap();
    assert!(facts.contains("from      <ann@y>\nto        <c @x>\n"), "{facts}");
    assert!(facts.contains("tries     1\nnext      never: given up\nerror     <c@x>: 550 no\n"));
    assert_eq!(header, "Subject: on[2J its way\n\n", "no body, and nothing for the terminal");
    let whole = place.run(&format!("outbox show --body --id {}", ids[1])).unwrap();
    assert!(whole.ends_with("way\n\nThe body\n"), "{whole}");

    let retried = "1 message will be tried again within 30 seconds\n";
    place.check(&format!("outbox retry --id {}", ids[1]), Ok(retried));
    assert_eq!(place.store().due_outgoing(9).unwrap().len(), 2);
    assert!(place.run("outbox delete --all").unwrap_err().contains("--yes"));
    place.check(&format!("outbox delete --yes --id {}", ids[0]), Ok("1 message deleted\n"));
    let gone =
        format!("no message {} waits to leave; sora-admin outbox list shows what does", ids[0]);
    for what in ["show", "retry", "delete --yes"] {
        place.check(&format!("outbox {what} --id {}", ids[0]), Err(&gone));
    }
    place.check("outbox delete --all --yes --email a@x", Ok("1 message deleted\n"));
    place.check("outbox list", Ok("nothing waits to leave\n"));
    place.check("outbox delete --all --yes", Ok("0 messages deleted\n"));
    for (line, what) in [
        ("outbox", "list, show, retry or delete is missing"),
        ("outbox lst", "\"lst\" is none of list, show, retry and delete"),
        ("outbox retry", "name what is meant: --id ID, or --all"),
        ("outbox show --id 7", "--id \"7\": expected one that list shows, as 3-17"),
    ] {
        assert!(place.run(line).unwrap_err().contains(what), "{line}");
    }
}

#[test]
fn sieve_keeps_the_scripts_of_an_account() {
    let place = Place::new();
    place.run("create-account --email me@example.com --password secret").unwrap();
    let right = place.file("right.sieve", "keep;\n");
    let wrong = place.file("wrong.sieve", "kep;\n");
    place.check("sieve list --email me@example.com", Ok("no scripts\n"));
    let said = place.run(&format!("sieve put {right} main --email me@example.com")).unwrap();
    assert!(said.starts_with("main is stored\nit is not active"), "{said}");
    assert!(place.run(&format!("sieve put {wrong} main --email me@example.com")).is_err());
    place.check("sieve get main --email me@example.com", Ok("keep;\n"));
    place.check(
        "sieve activate main --email me@example.com",
        Ok("main sorts what comes in from now on\n"),
    );
    place.check("sieve list --email me@example.com", Ok("active         6  main\n"));
    let said = place.run("sieve delete main --email me@example.com").unwrap_err();
    assert!(said.contains("main: it is the active script"), "{said}");
    place.run("sieve deactivate --email me@example.com").unwrap();
    place.check("sieve delete main --email me@example.com", Ok("main is deleted\n"));
    let said = place.run("sieve get main --email me@example.com").unwrap_err();
    assert!(said.contains("main: there is no such script"), "{said}");
    assert!(place.run("sieve list --email nobody@example.com").is_err());
}

#[test]
fn sieve_log_shows_what_failed() {
    let place = Place::new();
    place.run("create-account --email me@example.com --password secret").unwrap();
    assert!(
        place.run("sieve log --email me@example.com").unwrap().starts_with("no runs were kept")
    );
    let script = place.file("a.sieve", "require \"ihave\";\nerror \"oh no\";\n");
    place.run(&format!("sieve put {script} a --email me@example.com --activate")).unwrap();
    let message = place.file("m.eml", "Subject: x\n\nx\n");
    place.run(&format!("deliver {message} --to me@example.com")).unwrap();
    let said = place.run("sieve log --email me@example.com").unwrap();
    assert!(said.contains("  failed\n    script a\n    line 2, column 1: "), "{said}");
    assert!(said.contains("oh no"), "{said}");
    let inbox = crate::model::MailboxName::inbox();
    let address = Address::new("me@example.com").unwrap();
    let store = place.store();
    let account = store.account_by_address(&address).unwrap().unwrap().account;
    assert_eq!(store.mailbox(account, &inbox).unwrap().messages, 1);
}
