//! Scripts, and the mail they send.

use super::*;

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

#[test] // RFC 5490 §3.3, §4.1
fn sieve_test_takes_annotations() {
    let place = Place::new();
    let script = place.file(
        "a.sieve",
        "require [\"mboxmetadata\", \"servermetadata\", \"fileinto\"];\n\
         if metadata \"Old/Lists\" \"/private/a\" \"on\" { fileinto \"A\"; }\n\
         if servermetadataexists \"/shared/b\" { fileinto \"B\"; }",
    );
    let message = place.file("m.eml", "Subject: x\r\n\r\n");
    let test = |rest: &str| place.run(&format!("sieve test {script} {message}{rest}"));
    assert!(test("").unwrap().starts_with("keep it"));
    let both = " --annotation Old/Lists/Private/a=ON --annotation /shared/b=";
    assert_eq!(test(both).unwrap(), "file it into \"A\"\nfile it into \"B\"\n");
    for wrong in ["Lists", "Lists/private/a", "Lists/other/a=x", "a//b/private/a=x"] {
        let said = test(&format!(" --annotation {wrong}")).unwrap_err();
        assert!(said.contains("--annotation wants"), "{said}");
    }
}

#[test]
fn sieve_test_knows_what_the_configuration_tells_scripts() {
    let place = Place::new();
    let folder = place.folder.display();
    std::fs::create_dir_all(place.folder.join("site")).unwrap();
    place.file("site/friends.txt", "tim@example.com\n");
    place.file("site/flag.sieve", "require \"imap4flags\"; addflag \"$known\";");
    let script = place.file(
        "a.sieve",
        "require [\"fileinto\", \"extlists\", \"spamtestplus\", \"virustest\", \"relational\",\n\
           \"comparator-i;ascii-numeric\", \"include\"];\n\
         if address :list \"from\" \":addrbook:friends\" { include :global \"flag\"; }\n\
         if spamtest :percent :value \"ge\" :comparator \"i;ascii-numeric\" \"80\" { fileinto \"Junk\"; }\n\
         if virustest :value \"eq\" :comparator \"i;ascii-numeric\" \"5\" { fileinto \"Ill\"; }\n",
    );
    let message = place.file(
        "m.eml",
        "From: Tim@example.com\r\nX-Spam-Score: 9\r\nX-Virus: yes\r\nSubject: x\r\n\r\n",
    );
    let test = || place.run(&format!("sieve test {script} {message}"));
    assert!(
        test().unwrap_err().contains("there is no list urn:ietf:params:sieve:addrbook:friends"),
        "{:?}",
        test()
    );
    let config = std::fs::read_to_string(place.folder.join("config.toml")).unwrap();
    place.file(
        "config.toml",
        &format!(
            "{config}[sieve]\nlists = '{folder}/site'\nglobal = '{folder}/site'\n\
             spam_header = 'X-Spam-Score'\nspam_max_value = 10\nvirus_header = 'X-Virus'\n\
             virus_type = 'text'\nvirus_texts = 'no=1, yes=5'\n"
        ),
    );
    let said = "file it into \"Junk\", marked $known\nfile it into \"Ill\", marked $known\n";
    assert_eq!(test().unwrap(), said);
    place.file("config.toml", &format!("{config}[sieve]\nmax_actions = 1\n"));
    place.file("a.sieve", "require \"fileinto\";\nfileinto \"A\";\nfileinto \"B\";");
    assert!(test().unwrap_err().contains("line 3"), "{:?}", test());
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
    store.postpone_outgoing(all[1].id, &to, None, "<c@x>: 550 no", None).unwrap();
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

    let retried = "1 message will be tried again at once\n";
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
