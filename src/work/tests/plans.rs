//! What becomes of mail that scripts sort.

use super::*;
use crate::model::ScriptName;
use crate::work::SieveSettings;

/// The site's scripts, and the account's own.
#[derive(Default)]
struct Scripts {
    before: &'static str,
    own: &'static str,
    after: &'static str,
    has_relay: bool,
}

const FROM: &str = "From: ann@example.com\r\nTo: bob@example.org\r\nSubject: hello\r\n";

impl Scripts {
    fn room(&self) -> Room {
        let folder = scratch();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            (!text.is_empty()).then_some(path)
        };
        let (before, after) = (write("before", self.before), write("after", self.after));
        let settings = SieveSettings { before, after, ..SieveSettings::default() };
        let room = Room::sorting(settings, self.has_relay);
        std::fs::remove_dir_all(folder).unwrap();
        if !self.own.is_empty() {
            let name = ScriptName::new("own").unwrap();
            let (store, account) = (&room.runner.store, room.account);
            store.put_script(account, &name, self.own.into(), 9).unwrap();
            store.activate_script(account, Some(&name)).unwrap();
        }
        room
    }

    /// What a delivery comes to: the answer, where the message is and with which flags, what leaves,
    /// and how many runs are told.
    #[track_caller]
    fn check(&self, want: &[&str]) {
        assert_eq!(self.room().sorts(), want);
    }
}

impl Room {
    fn sorts(&self) -> Vec<String> {
        let message = format!("{FROM}Message-ID: <1@example.com>\r\n\r\nx\r\n");
        let mut said = match self.deliver(&["bob@example.org"], message.as_bytes()).remove(0) {
            Ok(()) => Vec::new(),
            Err(problem) => vec![format!("{problem:?}")],
        };
        let store = &self.runner.store;
        for info in store.list_mailboxes(self.account).unwrap() {
            let name = info.name.as_str();
            let (_, snapshot) = self.open(name);
            for (message, body) in snapshot.iter().zip(self.bodies(name)) {
                let names = &snapshot.head.keywords;
                let words =
                    names.names_in(message.keywords).map(|word| format!(" {}", word.as_str()));
                let flags = if message.flags.contains(Flags::SEEN) { " \\Seen" } else { "" };
                let body = String::from_utf8(body).unwrap();
                let added = body.lines().filter(|line| line.starts_with("X-"));
                let added = added.map(|line| format!(" [{line}]")).collect::<String>();
                said.push(format!("{name}{flags}{}{added}", words.collect::<String>()));
            }
        }
        for leaves in store.list_outgoing(Some(self.account), None, 9).unwrap() {
            said.push(format!("{:?} to {}", leaves.kind, leaves.recipients.join(" ")));
        }
        for run in store.script_runs(self.account).unwrap() {
            let text = run.report.text.trim_end().lines().last().unwrap_or_default().to_owned();
            said.push(format!("told: {text}"));
        }
        said
    }
}

#[test] // RFC 5232 §5, RFC 5293 §7
fn a_script_goes_on_where_the_one_before_it_ended() {
    let flags = "require \"imap4flags\"; addflag \"\\\\Seen\"; addflag \"own\";";
    let edit = "require \"editheader\"; addheader \"X-Own\" \"yes\";";
    let nothing = "if header \"subject\" \"spam\" { discard; }";
    let scripts = Scripts { own: flags, after: nothing, ..Scripts::default() };
    scripts.check(&["INBOX \\Seen own"]);
    let scripts = Scripts { before: flags, own: edit, after: nothing, ..Scripts::default() };
    scripts.check(&["INBOX \\Seen own [X-Own: yes]"]);
    let both = "require [\"imap4flags\", \"editheader\"]; if header \"X-Own\" \"yes\" {
        addflag \"after\"; addheader \"X-After\" \"too\"; }";
    let scripts = Scripts { before: edit, own: flags, after: both, ..Scripts::default() };
    scripts.check(&["INBOX \\Seen own after [X-After: too] [X-Own: yes]"]);
    let into = "require \"fileinto\"; fileinto \"Junk\";";
    let scripts = Scripts { before: edit, own: flags, after: into, ..Scripts::default() };
    scripts.check(&["Junk \\Seen own [X-Own: yes]"]);
    // An error keeps the message as it came, whoever had changed it.
    let error = "require \"ihave\"; error \"no\";";
    let scripts = Scripts { before: edit, own: flags, after: error, ..Scripts::default() };
    scripts.check(&["INBOX", "told: line 1, column 18: no"]);
}

#[test] // RFC 5228 §2.10.3, RFC 5232 §2, RFC 5293 §7
fn a_message_is_in_a_mailbox_once_as_the_last_command_has_it() {
    let check = |actions: &str, want: &[&str]| {
        let requires = r#"require ["fileinto", "imap4flags", "editheader", "copy"];"#;
        let own = Box::leak(format!("{requires}{actions}").into_boxed_str());
        Scripts { own, ..Scripts::default() }.check(want);
    };
    let two = r#"fileinto :flags "a" "Archive"; fileinto :flags "b" "ARCHIVE";"#;
    check(two, &["Archive b"]);
    let edited = r#"fileinto "Archive"; addheader "X-A" "b"; fileinto "archive";"#;
    check(edited, &["Archive [X-A: b]"]);
    // What is missing is INBOX, and that is told.
    let [gone, away] = ["Gone", "Away"]
        .map(|name| format!("told: fileinto: no mailbox {name}: the message is kept in INBOX"));
    let two = r#"fileinto :flags "a" "Gone"; fileinto :flags "b" "Away";"#;
    check(two, &["INBOX b", &away, &gone]);
    let edited = r#"fileinto "Gone"; addheader "X-A" "b"; fileinto "Away";"#;
    check(edited, &["INBOX [X-A: b]", &away, &gone]);
    check(r#"fileinto "Gone"; addheader "X-A" "b"; keep;"#, &["INBOX [X-A: b]", &gone]);
    let redirect = "told: redirect: no [relay] is configured: the message is kept";
    let redirected = r#"redirect "a@b.example"; fileinto :flags "a" "Gone";"#;
    check(redirected, &["INBOX a", redirect, &gone]);
    check(r#"fileinto "Gone";"#, &["INBOX", &gone]);
}

#[test] // RFC 5228 §2.10.7
fn what_scripts_do_is_counted_over_all_of_them() {
    let two = "require \"copy\"; redirect :copy \"a@x.example\"; redirect :copy \"b@x.example\";";
    let check = |own: &'static str, want: &[&str]| {
        Scripts { before: two, own, has_relay: true, ..Scripts::default() }.check(want);
    };
    let [a, b, c] = ["a", "b", "c"].map(|to| format!("Redirect to {to}@x.example"));
    let too_many = "told: line 2, column 10: the script sends the message on to too many";
    check("redirect \"c@x.example\";", &[&a, &b, &c]);
    check(
        "require \"copy\"; redirect :copy \"c@x.example\"; redirect :copy \"d@x.example\";
         redirect \"e@x.example\";",
        &["INBOX", &a, &b, too_many],
    );
}

#[test] // RFC 5228 §2.10.3
fn without_a_relay_an_answer_changes_nothing_of_where_mail_goes() {
    let check = |own: &'static str, want: &[&str]| {
        Scripts { own, ..Scripts::default() }.check(want);
    };
    let away = "told: vacation: no [relay] is configured";
    let far = "told: redirect: no [relay] is configured: the message is kept";
    check(
        "require [\"vacation\", \"fileinto\"]; vacation \"away\"; fileinto \"Archive\";",
        &["Archive", away],
    );
    check(
        "require [\"vacation\", \"imap4flags\"]; vacation \"away\"; addflag \"\\\\Seen\";",
        &["INBOX \\Seen", away],
    );
    check(
        "require [\"vacation\", \"editheader\"]; vacation \"away\"; addheader \"X-A\" \"b\";",
        &["INBOX [X-A: b]", away],
    );
    check(
        "require \"enotify\"; notify \"mailto:a@b.example\"; discard;",
        &["told: notify: no [relay] is configured"],
    );
    check("redirect \"a@b.example\";", &["INBOX", far]);
    // RFC 5429 §2.2: what LMTP cannot say needs a report.
    check(
        "require \"reject\"; reject \"n\u{f6}\";",
        &["INBOX", "told: reject: no [relay] is configured: the message is kept"],
    );
    check(
        "require \"imap4flags\"; redirect \"a@b.example\"; addflag \"\\\\Seen\"; keep;",
        &["INBOX \\Seen", far],
    );
    check(
        "require \"fileinto\"; redirect \"a@b.example\"; fileinto \"Archive\";",
        &["Archive", "INBOX", far],
    );
}

#[test] // RFC 5429 §2.2
fn a_reason_that_is_too_long_for_an_answer_goes_by_mail() {
    let check = |reason: &str, want: &[&str]| {
        let script = format!("require \"reject\"; reject \"{reason}\";");
        let own = Box::leak(script.into_boxed_str());
        Scripts { own, has_relay: true, ..Scripts::default() }.check(want);
    };
    let report = "Reject to ann@example.com";
    check("n\u{f6}", &[report]);
    check(&"x".repeat(30_000), &[report]);
    check(&"line\r\n".repeat(101), &[report]);
    let short = "word ".repeat(1_000);
    check(&short, &[&format!("Rejected({short:?})")]);
}

#[test] // RFC 5228 §4.2: it would come back, and be refused
fn a_message_sent_on_to_oneself_is_kept() {
    let own = "told: redirect: to one of the account's own addresses: the message is kept";
    for to in ["bob@example.org", "BOB+x@example.org"] {
        let script = Box::leak(format!("redirect \"{to}\";").into_boxed_str());
        let scripts = Scripts { own: script, has_relay: true, ..Scripts::default() };
        scripts.check(&["INBOX", own]);
    }
    let script = "redirect \"robert@example.org\";";
    let room = Scripts { own: script, has_relay: true, ..Scripts::default() }.room();
    let address = Address::new("robert@example.org").unwrap();
    let alias = NewAccount { address, password_hash: String::new() };
    room.runner.store.add_address(room.account, alias, crate::store::Rank::Further).unwrap();
    assert_eq!(room.sorts(), ["INBOX", own]);
}

#[test] // RFC 3030 §3
fn what_is_not_lines_is_not_sent_on() {
    let own = "redirect \"a@b.example\";";
    let room = Scripts { own, has_relay: true, ..Scripts::default() }.room();
    let envelope = Envelope { is_binary: true, sender: "ann@x".into(), ..Envelope::default() };
    let recipients = vec![room.recipient("bob@example.org")];
    let body = Body::Memory((*b"A: b\r\n\r\nx\ry\n\0").into());
    room.run(Job::Deliver { envelope, recipients, body });
    assert_eq!(room.open("INBOX").1.len(), 1);
    let runs = room.runner.store.script_runs(room.account).unwrap();
    assert!(runs[0].report.text.contains("redirect: the message came as BINARYMIME"), "{runs:?}");
    assert_eq!(room.runner.store.list_outgoing(None, None, 9).unwrap(), []);
}

#[test] // RFC 5429 §2.1.1, RFC 5435 §7
fn a_refusal_leaves_the_rest_as_it_was_decided() {
    let rejected = "Rejected(\"no\")";
    let scripts = Scripts {
        own: "require [\"enotify\", \"reject\"]; notify \"mailto:a@b.example\"; reject \"no\";",
        has_relay: true,
        ..Scripts::default()
    };
    scripts.check(&[rejected, "Notify to a@b.example"]);
    let before = "require [\"copy\", \"duplicate\"]; redirect :copy \"c@d.example\";
        if duplicate { discard; }";
    let own = "require \"ereject\"; ereject \"no\";";
    let room = Scripts { before, own, has_relay: true, ..Scripts::default() }.room();
    assert_eq!(room.sorts(), [rejected, "Redirect to c@d.example"]);
    let both = ["Redirect to c@d.example", "Redirect to c@d.example"];
    assert_eq!(room.sorts(), both, "the id is known now");
    let no_relay = Scripts { before, own, ..Scripts::default() };
    let far = "told: redirect: no [relay] is configured: the message is kept";
    no_relay.check(&[rejected, far]);
    Scripts { own, ..Scripts::default() }.check(&[rejected]);
}

#[test] // RFC 5228 §2.10.6
fn a_script_that_does_not_compile_undoes_nothing_of_those_before_it() {
    let scripts = Scripts {
        before: "require [\"copy\", \"fileinto\"]; redirect :copy \"c@d.example\";",
        own: "kep;",
        after: "discard;",
        has_relay: true,
    };
    let room = scripts.room();
    let said = room.sorts();
    assert_eq!(said[..2], ["INBOX", "Redirect to c@d.example"]);
    assert!(said[2].contains("does not compile") && said[2].contains("kep"), "{said:?}");
}
