//! Rules as data: `tests/sieve/*.txt`, played against the interpreter with a small world that answers
//! what is asked (docs/testing.md). `SIEVE_BLESS=1` writes down what comes out; read the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parser::message::MessageMap;
use parser::sieve::tree::{DsnNotify, DsnReturn, WordOf as _};

use super::*;
use crate::model::Timestamp;

/// What a case is told, and what it finds when it asks.
#[derive(Clone, Default)]
struct Setup {
    needs: Vec<String>,
    with: Vec<String>,
    message: Vec<u8>,
    from: String,
    to: String,
    envelope: Envelope<'static>,
    addresses: Vec<String>,
    now: i64,
    zone: LocalZone,
    spam: Option<(u8, String)>,
    virus: Option<(u8, String)>,
    environment: BTreeMap<String, String>,
    limits: Limits,
    traced: bool,
    script_name: Option<String>,
    mailboxes: Vec<String>,
    ids: BTreeMap<String, String>,
    uses: Vec<(String, String)>,
    annotations: BTreeMap<(String, String), String>,
    seen: Vec<(String, String)>,
    lists: BTreeMap<String, Vec<String>>,
    scripts: BTreeMap<(bool, String), String>,
    fixes: Vec<(String, String)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sieve")
}

#[test]
fn rules() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    files.sort();
    assert!(files.len() > 14, "{}", files.len());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if std::env::var("SIEVE").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let played = Player::default().play(&text, &name);
        if std::env::var_os("SIEVE_BLESS").is_some() {
            std::fs::write(&path, &played).unwrap();
            continue;
        }
        for (line, (want, got)) in text.lines().zip(played.lines()).enumerate() {
            assert_eq!(got, want, "{name}:{}", line + 1);
        }
        assert_eq!(played.lines().count(), text.lines().count(), "{name}");
    }
}

#[derive(Default)]
struct Player {
    file: Setup,
    now: Setup,
    in_rule: bool,
    script: String,
    out: String,
}

impl Player {
    fn play(mut self, text: &str, name: &str) -> String {
        let mut lines = text.lines().chain([""]).peekable();
        self.file = Setup { traced: true, ..Setup::default() };
        self.file.to = "me@example.com".into();
        self.file.from = "tim@example.org".into();
        self.file.addresses = vec!["me@example.com".into()];
        self.now = self.file.clone();
        while let Some(line) = lines.next() {
            if let Some(code) = line.strip_prefix('|') {
                self.script += code.strip_prefix(' ').unwrap_or(code);
                self.script.push('\n');
                self.say(line);
                let more = lines.peek().is_some_and(|next| next.starts_with('|'));
                if !more {
                    // What stands there is what came out the last time.
                    while lines.peek().is_some_and(|next| !next.is_empty()) {
                        lines.next();
                    }
                    let script = std::mem::take(&mut self.script);
                    let verdict = self.now.verdict(&script);
                    self.out += &verdict;
                }
            } else if let Some(example) = line.strip_prefix("example ") {
                self.say(line);
                while lines.peek().is_some_and(|next| !next.is_empty()) {
                    lines.next();
                }
                let verdict = self.now.example(example);
                self.out += &verdict;
            } else if let Some(test) = line.strip_prefix("? ") {
                let test = test.rsplit_once(" => ").map_or(test, |(test, _)| test);
                let holds = self.now.holds(test);
                self.say(&format!("? {test} => {holds}"));
            } else if let Some(text) = line.strip_prefix("= ") {
                let text = text.rsplit_once(" => ").map_or(text, |(text, _)| text);
                let value = self.now.value(text);
                self.say(&format!("= {text} => {value}"));
            } else {
                self.say(line);
                if let Some(rule) = line.strip_prefix("==") {
                    let (_, place) = rule.rsplit_once(" | ").expect(rule);
                    assert!(
                        folder().join("../../src/sieve").join(place).exists(),
                        "{name}: {rule}"
                    );
                    self.in_rule = true;
                    self.now = self.file.clone();
                } else if !line.is_empty() && !line.starts_with('#') {
                    let mut body = String::new();
                    while let Some(more) = lines.next_if(|next| next.starts_with('>')) {
                        self.say(more);
                        body += more[1..].strip_prefix(' ').unwrap_or(&more[1..]);
                        body += "\r\n";
                    }
                    self.now.set(line, &body);
                    if !self.in_rule {
                        self.file = self.now.clone();
                    }
                }
            }
        }
        self.out.truncate(self.out.trim_end().len());
        self.out + "\n"
    }

    fn say(&mut self, line: &str) {
        self.out += line;
        self.out.push('\n');
    }
}

impl Setup {
    /// One line of a file that is no case.
    fn set(&mut self, line: &str, body: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let pair = || rest.split_once(' ').unwrap_or((rest, ""));
        let owned = |(one, two): (&str, &str)| (one.to_owned(), two.to_owned());
        let bytes = |text: &str| {
            let mut bytes = Vec::new();
            for (nth, piece) in text.split("\u{fffd}").enumerate() {
                bytes.extend((nth > 0).then_some(0xff));
                bytes.extend_from_slice(piece.as_bytes());
            }
            bytes
        };
        match word {
            "needs" => self.needs = rest.split(' ').map(str::to_owned).collect(),
            "with" => self.with.push(rest.to_owned()),
            "message" => self.message = bytes(body),
            // Fields with bars between them, and a body behind two.
            "mail" => {
                let (fields, body) = rest.split_once(" || ").unwrap_or((rest, ""));
                let fields = fields.replace(" | ", "\r\n");
                self.message = bytes(&format!("{fields}\r\n\r\n{body}\r\n"));
            }
            // Without the line ending of its last line.
            "cut" => self.message = bytes(body.strip_suffix("\r\n").unwrap_or(body)),
            "from" => self.from = rest.to_owned(),
            "to" => self.to = rest.to_owned(),
            "addresses" => self.addresses = rest.split(' ').map(str::to_owned).collect(),
            "now" => self.now = compose::rfc3339_seconds(rest).unwrap(),
            // Clocks an hour ahead of others, and two from 2007-04-01 on.
            "zone" if rest == "summer" => {
                self.zone = LocalZone::At(|at| if at.seconds() < 1_175_385_600 { 60 } else { 120 });
            }
            "zone" => self.zone = LocalZone::Fixed(rest.parse().unwrap()),
            "dsn" => {
                let (what, value) = owned(pair());
                match what.as_str() {
                    "notify" => self.envelope.notify = DsnNotify::word(&value),
                    "ret" => self.envelope.ret = DsnReturn::word(&value),
                    "envid" => self.envelope.id = Some(value.into()),
                    "orcpt" => self.envelope.original_recipient = Some(value.into()),
                    _ => panic!("{line}"),
                }
            }
            "by" => {
                let (seconds, mode) = pair();
                let trace = mode.ends_with('T');
                let mode = if mode.starts_with('N') { ByMode::Notify } else { ByMode::Return };
                let seconds = seconds.parse().unwrap();
                self.envelope.deliver_by = Some(By { seconds, mode, trace });
            }
            "spam" => self.spam = Some((pair().0.parse().unwrap(), pair().1.into())),
            "virus" => self.virus = Some((pair().0.parse().unwrap(), pair().1.into())),
            "env" => drop(self.environment.insert(pair().0.into(), pair().1.into())),
            "limit" => self.limit(pair().0, pair().1.parse().unwrap()),
            "quiet" => self.traced = false,
            "called" => self.script_name = Some(rest.to_owned()),
            "mailbox" => self.mailboxes.push(rest.to_owned()),
            "mailboxid" => drop(self.ids.insert(pair().0.into(), pair().1.into())),
            "use" => self.uses.push(owned(pair())),
            "annotation" => {
                let (mailbox, rest) = pair();
                let (name, value) = rest.split_once(' ').unwrap_or((rest, ""));
                self.annotations.insert((mailbox.into(), name.into()), value.into());
            }
            "seen" => self.seen.push(owned(pair())),
            "list" => {
                let values = pair().1.split(' ').map(str::to_owned).collect();
                self.lists.insert(pair().0.into(), values);
            }
            "script" => drop(self.scripts.insert((false, rest.into()), body.into())),
            "fix" => {
                let text = |text: &str| text.replace("\\n", "\n");
                let (slip, right) = rest.split_once(" => ").expect(line);
                self.fixes.push((text(slip), text(right)));
            }
            "global" => drop(self.scripts.insert((true, rest.into()), body.into())),
            _ => panic!("what is {line:?}?"),
        }
    }

    fn limit(&mut self, name: &str, value: usize) {
        let limits = &mut self.limits;
        let slot = match name {
            "actions" => &mut limits.actions_max,
            "redirects" => &mut limits.redirects_max,
            "includes" => &mut limits.includes_max,
            "depth" => &mut limits.include_depth_max,
            "globals" => &mut limits.globals_max,
            "string" => &mut limits.string_bytes_max,
            "variables" => &mut limits.variables_bytes_max,
            "edits" => &mut limits.edits_max,
            "added" => &mut limits.added_bytes_max,
            "copied" => &mut limits.copied_bytes_max,
            "questions" => &mut limits.questions_max,
            "instructions" => return limits.instructions_max = value as u64,
            "steps" => return limits.match_steps_max = value as u64,
            _ => panic!("{name}"),
        };
        *slot = value;
    }

    fn whole(&self, script: &str) -> String {
        let names: Vec<String> = self.needs.iter().map(|name| format!("{name:?}")).collect();
        let needs = match names.is_empty() {
            true => String::new(),
            false => format!("require [{}];\n", names.join(", ")),
        };
        format!("{needs}{}{script}", self.with.iter().map(|w| format!("{w}\n")).collect::<String>())
    }

    /// How many lines stand before a case's own.
    fn lines_before(&self) -> u32 {
        u32::from(!self.needs.is_empty()) + u32::try_from(self.with.len()).unwrap()
    }

    fn holds(&self, test: &str) -> String {
        let (outcome, _) = match self.run(&format!("if {test} {{ discard; }}\n")) {
            Ok(ran) => ran,
            Err(mistakes) => return mistakes.trim_end().to_owned(),
        };
        match &outcome.error {
            Some(error) => format!("error: {}", error.message),
            None => outcome.actions.is_empty().to_string(),
        }
    }

    fn value(&self, text: &str) -> String {
        let mut with = self.clone();
        if !with.needs.iter().any(|name| name == "vnd.dovecot.debug") {
            with.needs.push("vnd.dovecot.debug".into());
        }
        match with.run(&format!("debug_log {text};\n")) {
            Err(mistakes) => mistakes.trim_end().to_owned(),
            Ok((outcome, _)) => {
                let said = outcome.trace.iter().find(|line| line.kind == LineKind::Debug);
                said.map_or(String::new(), |line| format!("{:?}", line.text))
            }
        }
    }

    fn verdict(&self, script: &str) -> String {
        let (outcome, asked) = match self.run(script) {
            Ok(ran) => ran,
            Err(mistakes) => return mistakes,
        };
        let mut out = String::new();
        for question in asked {
            writeln!(out, "asks {question}").unwrap();
        }
        for line in outcome.trace.iter().filter(|line| line.kind == LineKind::Debug) {
            writeln!(out, "says {:?}", line.text).unwrap();
        }
        for done in &outcome.actions {
            out += &shown(&done.action);
        }
        if outcome.actions.is_empty() {
            out += "nothing\n";
        }
        for Tracked { handle, id, seconds, last } in &outcome.duplicates {
            let last = if *last { " last" } else { "" };
            writeln!(out, "tracks {handle:?} {id:?} {seconds}{last}").unwrap();
        }
        if let Some(error) = &outcome.error {
            assert!(matches!(
                &*outcome.actions,
                [Done {
                    action: Action::Keep { implicit: true, version: Version::AsReceived, .. },
                    ..
                }]
            ));
            let script = error.script.as_ref().map_or(String::new(), |s| format!("script {s:?}, "));
            let before = if error.script.is_some() { 0 } else { self.lines_before() };
            let line = i64::from(error.at.line) - i64::from(before);
            writeln!(out, "error {script}{line}:{} {}", error.at.column, error.message).unwrap();
        }
        out
    }

    /// One of the RFCs' own scripts, by its file (`parser/tests/sieve/examples`).
    fn example(&self, name: &str) -> String {
        let path = format!("../../parser/tests/sieve/examples/{name}.sieve");
        let mut text = std::fs::read_to_string(folder().join(path)).expect(name);
        for (slip, right) in &self.fixes {
            assert!(text.contains(slip), "{name}: {slip}");
            text = text.replace(slip, right);
        }
        let needs = text.lines().find_map(|line| line.strip_prefix("# needs "));
        let needs = needs.map_or(Vec::new(), |n| n.split(' ').map(str::to_owned).collect());
        Self { needs, with: Vec::new(), ..self.clone() }.verdict(&text)
    }

    /// The outcome and the questions; or the mistakes.
    fn run(&self, script: &str) -> Result<(Outcome, Vec<String>), String> {
        let script = self.whole(script);
        let script = match compile(script.as_bytes(), OFFERED) {
            Ok(script) => script.shared(),
            Err(mistakes) => {
                let before = self.lines_before();
                let line = |mistake: &Error| {
                    let line = i64::from(mistake.at.line) - i64::from(before);
                    format!("mistake {line}:{} {}\n", mistake.at.column, mistake.message)
                };
                return Err(mistakes.iter().map(line).collect());
            }
        };
        let map = MessageMap::parse(&self.message);
        let envelope = Envelope {
            from: self.from.as_str().into(),
            to: self.to.as_str().into(),
            ..self.envelope.clone()
        };
        let addresses: Vec<&str> = self.addresses.iter().map(String::as_str).collect();
        let env = |name: &str| self.environment.get(name).map(String::as_str);
        let settings: Vec<(&str, &str)> = self
            .environment
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("config.")?, value.as_str())))
            .collect();
        let changed: Vec<&str> = env("changedflags").map_or(Vec::new(), |f| f.split(' ').collect());
        let now_flags: Vec<&str> = env("flags").map_or(Vec::new(), |f| f.split(' ').collect());
        let verdict = |of: &'_ Option<(u8, String)>| of.as_ref().map(|(score, _)| *score);
        let text =
            |of: &Option<(u8, String)>| of.as_ref().map_or("", |(_, t)| t.as_str()).to_owned();
        let (spam_text, virus_text) = (text(&self.spam), text(&self.virus));
        let facts = Facts {
            now: Timestamp::from_seconds(self.now),
            zone: self.zone,
            addresses: &addresses,
            script_name: self.script_name.as_deref(),
            done: &[],
            flags: &[],
            default_mailbox: "INBOX",
            environment: Environment {
                domain: env("domain"),
                host: env("host"),
                remote_host: env("remote-host"),
                remote_ip: env("remote-ip").map(|ip| ip.parse().unwrap()),
                user: env("user"),
                settings: &settings,
                imap: env("cause").map(|cause| ImapEvent {
                    cause,
                    mailbox: env("mailbox").unwrap_or("INBOX"),
                    source: env("source"),
                    changed_flags: &changed,
                    flags: &now_flags,
                }),
                ..Environment::default()
            },
            spam: verdict(&self.spam).map(|score| Verdict { score, text: &spam_text }),
            virus: verdict(&self.virus).map(|score| Verdict { score, text: &virus_text }),
            limits: self.limits,
            traced: self.traced,
        };
        let mail = Mail { bytes: &self.message, map: &map, envelope: &envelope };
        let mut asked = Vec::new();
        let mut step = run(script, mail, &facts);
        loop {
            step = match step {
                Step::Done(outcome) => return Ok((outcome, asked)),
                Step::Ask(asking) => {
                    let (said, answer) = self.answer(asking.question());
                    asked.push(said);
                    asking.answer(answer)
                }
            };
        }
    }

    fn answer(&self, question: &Question) -> (String, Answer) {
        let there = |name: &str| {
            self.mailboxes.iter().any(|mailbox| mailbox == name)
                || name.eq_ignore_ascii_case("INBOX")
        };
        match question {
            Question::MailboxExists { mailbox } => {
                (format!("mailbox {mailbox:?}"), Answer::Bool(there(mailbox)))
            }
            Question::MailboxById { id } => {
                (format!("mailbox id {id:?}"), Answer::Text(self.ids.get(id).cloned()))
            }
            Question::SpecialUseExists { mailbox, attribute } => {
                let is = |(of, name): &(String, String)| {
                    of == attribute && mailbox.as_ref().is_none_or(|mailbox| mailbox == name)
                };
                (format!("use {attribute} of {mailbox:?}"), Answer::Bool(self.uses.iter().any(is)))
            }
            Question::SpecialUseMailbox { attribute, preferred } => {
                let mut found = self.uses.iter().filter(|(of, _)| of == attribute);
                let one = found.clone().find(|(_, name)| name == preferred).or(found.next());
                let name = one.map(|(_, name)| name.clone());
                (format!("mailbox for {attribute}, perhaps {preferred:?}"), Answer::Text(name))
            }
            Question::Metadata { mailbox, annotation } => {
                let key = (mailbox.clone().unwrap_or("-".into()), annotation.clone());
                let said = format!("annotation {annotation:?} of {mailbox:?}");
                (said, Answer::Text(self.annotations.get(&key).cloned()))
            }
            Question::Duplicate { handle, id } => {
                let key = (if handle.is_empty() { "-" } else { handle }.to_owned(), id.clone());
                (format!("seen {handle:?} {id:?}"), Answer::Bool(self.seen.contains(&key)))
            }
            Question::Script { location, name } => {
                let found = self.scripts.get(&(*location == Location::Global, name.clone()));
                let compiled = found.map(|text| compile(text.as_bytes(), OFFERED).map(Arc::new));
                let answer = match compiled {
                    None => Ok(None),
                    Some(Ok(script)) => Ok(Some(script)),
                    Some(Err(mistakes)) => Err(mistakes[0].to_string()),
                };
                (format!("script {location:?} {name:?}"), Answer::Script(answer))
            }
            Question::ListExists { list } => {
                (format!("list {list}"), Answer::Bool(self.lists.contains_key(list)))
            }
            Question::InLists { lists, values } => {
                let said = format!("which of {values:?} is in {}", lists.join(" "));
                if lists.iter().any(|list| !self.lists.contains_key(list)) {
                    return (said, Answer::Impossible("there is no such list".into()));
                }
                let all = lists.iter().filter_map(|list| self.lists.get(list)).flatten();
                let same = |known: &&String| values.iter().any(|v| v.eq_ignore_ascii_case(known));
                (said, Answer::Text(all.clone().find(same).cloned()))
            }
        }
    }
}

fn created(filing: &Filing) -> String {
    let used = filing.special_use.iter().map(|used| format!(" for {used}"));
    if filing.create {
        [" create".to_owned()].into_iter().chain(used).collect()
    } else {
        String::new()
    }
}

/// An action as the files have it, and the message if it was changed.
fn shown(action: &Action) -> String {
    let mut out = String::new();
    let flags = |flags: &[String]| match flags {
        [] => String::new(),
        flags => format!(" flags {}", flags.join(" ")),
    };
    let fcc = |fcc: &Option<Filing>| {
        fcc.as_ref().map_or(String::new(), |fcc| {
            let create = created(fcc);
            format!("  fcc {:?}{create}{}\n", fcc.mailbox, flags(&fcc.flags))
        })
    };
    let text = |name: &str, text: &str| {
        let lines: Vec<String> = text.split("\r\n").map(|l| format!("  {name}: {l}\n")).collect();
        lines.concat()
    };
    let mut edited = None;
    match action {
        Action::Keep { implicit, flags: f, version } => {
            let implicit = if *implicit { " implicit" } else { "" };
            out += &format!("keep{implicit}{}\n", flags(f));
            edited = Some(version);
        }
        Action::FileInto { filing, version } => {
            let create = created(filing);
            out += &format!("fileinto {:?}{create}{}\n", filing.mailbox, flags(&filing.flags));
            edited = Some(version);
        }
        Action::Redirect(redirect) => {
            let Redirect { to, sender, notify, ret, deliver_by, version } = &**redirect;
            out += &match to {
                RedirectTo::Address(address) => format!("redirect {address}"),
                RedirectTo::List(list) => format!("redirect list {list}"),
            };
            for (name, value) in [
                ("from", sender.clone()),
                (
                    "notify",
                    notify.map(|n| {
                        format!(
                            "{}{}{}",
                            u8::from(n.success),
                            u8::from(n.failure),
                            u8::from(n.delay)
                        )
                    }),
                ),
                ("ret", ret.map(|ret| ret.name().to_owned())),
                (
                    "by",
                    deliver_by.map(|by| {
                        format!("{}{:?}{}", by.seconds, by.mode, if by.trace { "T" } else { "" })
                    }),
                ),
            ] {
                out += &value.map_or(String::new(), |value| format!(" {name} {value}"));
            }
            out.push('\n');
            edited = Some(version);
        }
        Action::Reject { extended, reason } => {
            out += if *extended { "ereject\n" } else { "reject\n" };
            out += &text("reason", reason);
        }
        Action::Vacation(answer) => {
            let Vacation { to, handle, seconds, from, subject, mime, reason, .. } = &**answer;
            out +=
                &format!("vacation to {to} every {seconds}{}\n", if *mime { " mime" } else { "" });
            out += &format!("  handle {handle}\n  from {from}\n  subject {subject}\n");
            for (name, value) in
                [("in reply to", &answer.in_reply_to), ("references", &answer.references)]
            {
                out += &value.as_ref().map_or(String::new(), |value| format!("  {name} {value}\n"));
            }
            out += &text("reason", reason);
            out += &fcc(&answer.fcc);
        }
        Action::Notify(notify) => {
            let Notify { recipients, to, from, sender, importance, subject, headers, .. } =
                &**notify;
            out += &format!("notify {} for {}\n", recipients.join(" "), to.join(" "));
            out += &format!("  from {from}, sender <{sender}>, owner {}\n", notify.owner);
            out += &format!("  {importance:?} {subject:?} {headers:?}\n");
            out += &text("body", &notify.body);
            out += &fcc(&notify.fcc);
        }
    }
    if let Some(Version::Edited(bytes)) = edited {
        for line in String::from_utf8_lossy(bytes).trim_end_matches("\r\n").split("\r\n") {
            out += &format!("  > {line}\n");
        }
    }
    out
}
