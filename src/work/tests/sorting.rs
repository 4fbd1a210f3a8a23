//! Mail that comes in, and the scripts that sort it.

use super::super::KeptRuns::{self, All, Errors, Off};
use super::super::SieveSettings;
use super::*;
use crate::config::{Config, StatusType, Text};
use crate::model::ScriptName;
use crate::store::Rank;

/// As the configuration says it.
fn settings(set: impl FnOnce(&mut crate::config::Sieve)) -> SieveSettings {
    let mut config = Config::default();
    set(&mut config.sieve);
    Settings::of(&config).sieve
}

impl Room {
    /// Makes `text` the active script.
    #[track_caller]
    fn sort_by(&self, text: &str) {
        let name = ScriptName::new("main").unwrap();
        let store = &self.runner.store;
        store.put_script(self.account, &name, text.into(), 10).unwrap();
        store.activate_script(self.account, Some(&name)).unwrap();
    }

    /// How many messages are where, as `INBOX 1, Junk 2`.
    #[track_caller]
    fn found(&self) -> String {
        let all = self.runner.store.list_mailboxes(self.account).unwrap();
        let full = all.iter().map(|info| (info.name.as_str(), info.messages));
        let full: Vec<String> =
            full.filter(|full| full.1 > 0).map(|(name, n)| format!("{name} {n}")).collect();
        full.join(", ")
    }
}

#[test] // RFC 5235 §3.1, §3.2, §3.3
fn what_a_checker_found_is_told_to_scripts() {
    let room = Room::with(settings(|sieve| {
        sieve.spam.header = Text("X-Spam-Status: score=(-?[0-9.]+)".into());
        sieve.virus.header = Text("X-Virus".into());
        sieve.virus.kind = StatusType::Text;
        sieve.virus.texts = Text("clean=1, infected=5".into());
    }));
    room.sort_by(
        r#"require ["fileinto", "spamtest", "spamtestplus", "virustest", "relational",
             "comparator-i;ascii-numeric"];
           if virustest :value "eq" :comparator "i;ascii-numeric" "5" { fileinto "Trash"; }
           elsif spamtest :percent :value "eq" :comparator "i;ascii-numeric" "100" { discard; }
           elsif spamtest :value "ge" :comparator "i;ascii-numeric" "8" { fileinto "Junk"; }
           elsif spamtest :value "eq" :comparator "i;ascii-numeric" "0" { fileinto "Archive"; }"#,
    );
    let check = |header: &str, want: &str| {
        let message = format!("{header}\r\nSubject: x\r\n\r\n");
        assert_eq!(room.deliver(&["bob@example.org"], message.as_bytes()), [Ok(())]);
        assert_eq!(room.found(), want, "{header}");
    };
    check("X-Spam-Status: No, score=-1.5 required=5.0", "INBOX 1");
    check("X-Spam-Status: Yes, score=4.2 required=4.0", "INBOX 1, Junk 1");
    check("X-Spam-Status: Yes, score=50 required=5.0", "INBOX 1, Junk 1");
    check("X-Other: 1", "Archive 1, INBOX 1, Junk 1");
    check("X-Virus: Infected", "Archive 1, INBOX 1, Junk 1, Trash 1");
}

#[test]
fn a_script_is_told_whose_it_is() {
    let room = Room::new();
    let address = Address::new("robert@example.org").unwrap();
    let alias = NewAccount { address, password_hash: "{PLAIN}x".into() };
    assert!(room.runner.store.add_address(room.account, alias, Rank::Further).unwrap());
    let check = |capability: &str, item: &str| {
        room.sort_by(&format!(
            r#"require ["{capability}", "variables"];
               if environment "{item}" "bob@example.org" {{ discard; }}"#
        ));
        assert_eq!(room.deliver(&["robert@example.org"], b"Subject: x\r\n\r\n"), [Ok(())]);
        assert_eq!(room.found(), "", "{item}");
    };
    check("vnd.dovecot.environment\", \"environment", "vnd.dovecot.username");
    check("vnd.dovecot.environment", "vnd.dovecot.username");
}

#[test]
fn a_kept_run_shows_what_each_script_did() {
    let folder = scratch();
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    std::fs::write(path("before"), "if not true { keep; }\n").unwrap();
    std::fs::write(path("part.sieve"), "\nif size :over 1M { stop; }\n").unwrap();
    let told = |kept: KeptRuns, own: &str| {
        let settings = SieveSettings {
            before: Some(folder.join("before")),
            global: Some(folder.clone()),
            kept,
            ..SieveSettings::default()
        };
        let room = Room::sorting(settings, false);
        room.sort_by(own);
        let message = b"Subject: Hello\r\n\r\n";
        assert_eq!(room.deliver(&["bob@example.org"], message), [Ok(())]);
        let runs = room.runner.store.script_runs(room.account).unwrap();
        runs.into_iter().map(|run| run.report.text).collect::<Vec<_>>().join("--\n")
    };
    let own = "require [\"include\", \"fileinto\"];
include :global \"part\";
if header :contains \"subject\" \"hell\" { fileinto \"Archive\"; }
";
    let trace = format!(
        "script {}\n   1 yes true\n\
         script main\n   2     include \"part\"\npart:   2 no  size\n   \
         3 yes header: \"Hello\" matches \"hell\"\n   3     fileinto \"Archive\"\n",
        path("before")
    );
    assert_eq!(told(All, own), trace);
    assert_eq!(told(Errors, own), "");
    let fails = own.replace("fileinto \"A", "redirect \"a@b.example\"; fileinto \"A");
    let redirect = "   3     redirect to a@b.example\n   3     fileinto";
    let trace = trace.replace("   3     fileinto", redirect);
    let kept = "redirect: no [relay] is configured: the message is kept\n";
    assert_eq!(told(Errors, &fails), format!("{trace}{kept}"));
    let off = format!("script {}\nscript main\n{kept}", path("before"));
    assert_eq!(told(Off, &fails), off);
    // The end of what is too long.
    let long = format!("require \"ihave\";\n{}error \"no\";", "if true { }\n".repeat(1_000));
    let said = told(Errors, &long);
    assert!(said.len() < crate::limits::SCRIPT_REPORT_BYTES_MAX, "{}", said.len());
    assert!(
        said.starts_with("\u{2026}\n") && said.ends_with("line 1002, column 1: no\n"),
        "{said}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test] // RFC 5804 §2.11
fn a_renamed_script_is_known_by_its_new_name() {
    let room = Room::new();
    room.sort_by("require \"ihave\"; error \"no\";");
    let store = &room.runner.store;
    let told = || {
        assert_eq!(room.deliver(&["bob@example.org"], b"Subject: x\r\n\r\n"), [Ok(())]);
        let runs = store.script_runs(room.account).unwrap();
        let mut names: Vec<String> = runs
            .iter()
            .filter_map(|run| run.report.text.lines().next().map(str::to_owned))
            .collect();
        names.sort();
        names.join(", ")
    };
    assert_eq!(told(), "script main");
    let [main, other] = ["main", "other"].map(|name| ScriptName::new(name).unwrap());
    store.rename_script(room.account, &main, &other).unwrap();
    assert_eq!(told(), "script main, script other");
}

#[test] // RFC 6134 §2.2, §2.3, §2.5, §2.7
fn lists_are_asked_and_sent_to() {
    let folder = scratch();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("friends.txt", "ann@example.com\n");
    let run = |script: &str| {
        let room = Room::with(settings(|sieve| {
            sieve.lists = Some(folder.clone());
            sieve.max_list_members = 2;
        }));
        let requires = r#"require ["extlists", "fileinto", "envelope", "variables"];"#;
        room.sort_by(&format!("{requires}{script}"));
        assert_eq!(room.deliver(&["bob@example.org"], b"Subject: hello\r\n\r\n"), [Ok(())]);
        (room.found(), room)
    };
    let check = |script: &str, want: &str| assert_eq!(run(script).0, want, "{script}");
    let known =
        r#"if envelope :list "from" "tag:example.org,2026:friends" { fileinto "Archive"; }"#;
    check(known, "Archive 1");
    write("friends.txt", "# nobody any more\n");
    check(known, "INBOX 1");
    check(r#"if envelope :list "from" ":addrbook:default" { fileinto "Archive"; }"#, "INBOX 1");
    check(
        r#"if allof (valid_ext_list [":addrbook:default", ":friends"],
                     not valid_ext_list ":none") { fileinto "Archive"; }"#,
        "Archive 1",
    );
    check(r#"discard; if header :list "subject" ":none" { stop; }"#, "INBOX 1"); // an error
    write("words.txt", "Hello\n");
    check(
        r#"if header :list "subject" ":words" { if string "${0}" "Hello" { discard; } }"#,
        "", // ${0} is as the list has it
    );
    let send = r#"redirect :list ":friends";"#;
    let check = |members: &str, want: &[&str], kept: &str| {
        write("friends.txt", members);
        let (found, room) = run(send);
        assert_eq!(found, kept, "{members}");
        let leaving = room.runner.store.due_outgoing(10).unwrap();
        let to: Vec<&str> =
            leaving.iter().flat_map(|one| &one.recipients).map(|to| to.as_str()).collect();
        assert_eq!(to, want, "{members}");
        for one in leaving {
            let message = room.runner.store.outgoing_message(one.id).unwrap().unwrap();
            let message = String::from_utf8(message).unwrap();
            assert!(
                !message.contains("example.com>") && !message.contains("Resent-To"),
                "{message}"
            );
            assert!(message.contains("Delivered-To: bob@example.org"), "a loop is known by it");
        }
    };
    // Nobody hears of the others, and its owner does not get it back.
    check(
        "cat@example.com\nBob@example.org\nbob+x@example.org\ndan@x",
        &["cat@example.com", "dan@x"],
        "",
    );
    check("c@x\nd@x\ne@x", &[], "INBOX 1");
    check("c@x\nnobody", &[], "INBOX 1");
    check("bob@example.org", &[], "INBOX 1");
    let _gone = std::fs::remove_dir_all(&folder);
}
