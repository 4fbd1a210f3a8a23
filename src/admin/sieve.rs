//! `sieve`: scripts checked and tried out without a server, a store or a delivery. Those of an account
//! are in `scripts`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parser::message::MessageMap;

use super::options::{Choice, Options};
use super::{AdminError, Streams, scripts};
use crate::model::{EntryName, MailboxName, ScriptName, Timestamp};
use crate::sieve::{
    Action, Answer, Capabilities, Envelope, Error, Facts, Filing, Line, LineKind, LocalZone,
    Location, Mail, OFFERED, Outcome, Question, RedirectTo, SERVED, Script, Step, compile,
    run as begin,
};
use crate::work::ScriptSite;

pub(super) const CHOICES: &[Choice] = &[
    Choice { name: "trace", value: "", what: "show each test and command, with what matched" },
    Choice { name: "envelope-from", value: "ADDRESS", what: "the sender; none: the null sender" },
    Choice { name: "envelope-to", value: "ADDRESS", what: "the recipient, whose script it is" },
    Choice { name: "address", value: "ADDRESS", what: "another of the recipient's; repeatable" },
    Choice {
        name: "mailbox",
        value: "NAME",
        what: "a mailbox that is there; repeatable (none given: all that are asked for)",
    },
    Choice {
        name: "annotation",
        value: "TEXT",
        what: "MAILBOX/private/name=value, or /shared/name=value of the server; repeatable",
    },
    Choice { name: "edited", value: "", what: "show the message where the script has changed it" },
    Choice { name: "email", value: "ADDRESS", what: "the account whose scripts are meant" },
    Choice { name: "activate", value: "", what: "with put: make it the active script" },
];

pub(super) const MORE: &str = "\
sieve check FILE      is it right? Every mistake with its line, and what to write instead
sieve test FILE MESSAGE
                      what would become of this message? Nothing is stored or sent.
sieve list --email ADDRESS             the account's scripts
sieve put FILE NAME --email ADDRESS    store one, if it is right; --activate makes it the active one
sieve get NAME --email ADDRESS         print one
sieve activate NAME --email ADDRESS    make it sort what comes in; sieve deactivate: none does
sieve delete NAME --email ADDRESS      delete one that is not active
sieve log --email ADDRESS              the last runs that failed, or all ([sieve] log), with why

- is standard input. Scripts that FILE includes are looked for beside it, as NAME.sieve or NAME;
global ones in the folder of [sieve] global, or in the folder global there. The headers of checkers,
the lists and the limits are those of [sieve]. No id was seen before, no mailbox has a special use.

  sora-admin sieve check mine.sieve
  sora-admin sieve test mine.sieve mail.eml --trace --envelope-to tim+lists@example.com
";

pub(super) fn run(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    match options.words() {
        ["check", file] => check(file, streams),
        ["put", file, name] => {
            let text = read(file, streams)?;
            let script = compiled_from(file, &text, SERVED, streams)?;
            warn(&script, &text, streams)?;
            scripts::put(options, streams, name, text)
        }
        ["test", file, message] => test(file, message, options, streams),
        ["check", ..] => Err(options.wrong("check wants one FILE")),
        ["test", ..] => Err(options.wrong("test wants FILE and MESSAGE")),
        ["put", ..] => Err(options.wrong("put wants FILE and NAME")),
        [] => Err(options.wrong("check, test, list, put, get, activate, delete or log is missing")),
        words => scripts::run(options, streams).unwrap_or_else(|| {
            let said = words.join(" ");
            Err(options.wrong(&format!("{said:?} is not understood; see --help")))
        }),
    }
}

fn read(file: &str, streams: &mut Streams<'_>) -> Result<Vec<u8>, AdminError> {
    if file != "-" {
        return fs::read(file).map_err(|source| AdminError::File { file: file.into(), source });
    }
    let mut bytes = Vec::new();
    streams.input.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check(file: &str, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let text = read(file, streams)?;
    let script = compiled(file, &text, streams)?;
    warn(&script, &text, streams)?;
    let needs: Vec<&str> = script.required.iter().map(|capability| capability.name()).collect();
    match needs.as_slice() {
        [] => writeln!(streams.out, "{file} is right, and requires nothing")?,
        needs => writeln!(streams.out, "{file} is right, and requires {}", needs.join(", "))?,
    }
    Ok(())
}

fn compiled(file: &str, text: &[u8], streams: &mut Streams<'_>) -> Result<Script, AdminError> {
    compiled_from(file, text, OFFERED, streams)
}

fn compiled_from(
    file: &str,
    text: &[u8],
    offered: Capabilities,
    streams: &mut Streams<'_>,
) -> Result<Script, AdminError> {
    compile(text, offered).or_else(|mistakes| {
        for mistake in &mistakes {
            show(mistake, text, Colour::Red, streams)?;
        }
        Err(AdminError::Mistakes { file: file.into(), count: mistakes.len() })
    })
}

fn warn(script: &Script, text: &[u8], streams: &mut Streams<'_>) -> Result<(), AdminError> {
    script.warnings.iter().try_for_each(|warning| show(warning, text, Colour::Yellow, streams))
}

/// A mistake with the line it is on.
fn show(
    mistake: &Error,
    text: &[u8],
    colour: Colour,
    streams: &mut Streams<'_>,
) -> Result<(), AdminError> {
    let shown = mistake.shown_in(text).to_string();
    let (first, rest) = shown.split_once('\n').unwrap_or((&shown, ""));
    writeln!(streams.out, "{}\n{rest}\n", colour.on(first, streams.coloured))?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Colour {
    Red,
    Green,
    Yellow,
    Grey,
}

impl Colour {
    fn on(self, text: &str, coloured: bool) -> String {
        let code = match self {
            _ if !coloured => return text.to_owned(),
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Grey => 90,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn test(
    file: &str,
    message: &str,
    options: &Options<'_>,
    streams: &mut Streams<'_>,
) -> Result<(), AdminError> {
    let text = read(file, streams)?;
    let message = read(message, streams)?;
    let script = compiled(file, &text, streams)?;
    warn(&script, &text, streams)?;
    let site = crate::work::script_site(&super::configuration(options)?);
    let [spam, virus] = site.verdicts(&message);
    let to = options.value("envelope-to").unwrap_or("user@example.com");
    let path = |text: &'_ str| text.trim_matches(['<', '>']).to_owned();
    let from = options.value("envelope-from").map(path).unwrap_or_default();
    let envelope = Envelope { from: from.into(), to: path(to).into(), ..Envelope::default() };
    let addresses: Vec<&str> = options.values("address").collect();
    let addresses = if addresses.is_empty() { vec![&*envelope.to] } else { addresses };
    let facts = Facts {
        now: now(),
        zone: LocalZone::At(crate::work::zone_minutes),
        addresses: &addresses,
        spam,
        virus,
        limits: site.limits(),
        traced: options.has("trace"),
        ..Facts::default()
    };
    let map = MessageMap::parse(&message);
    let mail = Mail { bytes: &message, map: &map, envelope: &envelope };
    let annotations = options.values("annotation").map(|text| {
        annotation(text)
            .ok_or_else(|| options.wrong("--annotation wants MAILBOX/private/name=value"))
    });
    let world = World {
        annotations: annotations.collect::<Result<_, _>>()?,
        folder: Path::new(file).parent().unwrap_or(Path::new("")).to_owned(),
        site,
        mailboxes: options.values("mailbox").map(str::to_owned).collect(),
    };
    let mut step = begin(script.shared(), mail, &facts);
    let outcome = loop {
        step = match step {
            Step::Done(outcome) => break outcome,
            Step::Ask(asking) => {
                let answer = world.answer(asking.question())?;
                if facts.traced {
                    let asked = format!("      asks: {}", asked(asking.question(), &answer));
                    writeln!(streams.out, "{}", Colour::Grey.on(&asked, streams.coloured))?;
                }
                asking.answer(answer)
            }
        };
    };
    tell(&outcome, &text, &message, options.has("edited"), streams)
}

/// This moment; a test of a script is the one place where nobody hands it in.
#[expect(
    clippy::disallowed_methods,
    reason = "a command runs at a time, and is no part of a server"
)]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// What a script may ask for where there is no store.
struct World {
    folder: PathBuf,
    site: ScriptSite,
    mailboxes: Vec<String>,
    annotations: Vec<Told>,
}

/// An annotation: of which mailbox, if not the server's; its name; its value.
type Told = (Option<MailboxName>, EntryName, String);

/// `Lists/private/comment=text`: the mailbox ends where the name of an entry begins.
fn annotation(text: &str) -> Option<Told> {
    let (place, value) = text.split_once('=')?;
    let folded = place.to_ascii_lowercase();
    let begins = ["/private/", "/shared/"].iter().filter_map(|scope| folded.find(scope)).min()?;
    let (mailbox, name) = place.split_at_checked(begins)?;
    let mailbox = match mailbox {
        "" => None,
        mailbox => Some(MailboxName::new(mailbox).ok()?),
    };
    Some((mailbox, EntryName::new(name)?, value.to_owned()))
}

impl World {
    fn answer(&self, question: &Question) -> Result<Answer, AdminError> {
        if let Some(answer) = self.site.answer(question) {
            return Ok(answer?);
        }
        Ok(match question {
            Question::MailboxExists { mailbox } => {
                let there = self.mailboxes.is_empty() || self.mailboxes.contains(mailbox);
                Answer::Bool(there || mailbox.eq_ignore_ascii_case("INBOX"))
            }
            Question::Script { location, name } => Answer::Script(self.script(*location, name)),
            Question::Metadata { mailbox, annotation } => {
                let of = mailbox.as_deref().map(|name| MailboxName::new(name).ok());
                let name = EntryName::new(annotation);
                let found = self.annotations.iter().find(|(mailbox, known, _)| {
                    Some(known) == name.as_ref() && mailbox.clone().map(Some) == of
                });
                Answer::Text(found.map(|(_, _, value)| value.clone()))
            }
            Question::Duplicate { .. } | Question::SpecialUseExists { .. } => Answer::Bool(false),
            _ => Answer::Text(None),
        })
    }

    fn script(&self, location: Location, name: &str) -> Result<Option<Arc<Script>>, String> {
        let folder = match (location, self.site.global()) {
            (Location::Personal, _) => self.folder.clone(),
            (Location::Global, Some(folder)) => folder.to_owned(),
            (Location::Global, None) => self.folder.join("global"),
        };
        let safe = ScriptName::new(name).is_some() && !name.contains(['/', '\\']);
        let files = [format!("{name}.sieve"), name.to_owned()];
        let found = files.iter().filter(|_| safe).find_map(|file| fs::read(folder.join(file)).ok());
        let Some(text) = found else { return Ok(None) };
        match compile(&text, OFFERED) {
            Ok(script) => Ok(Some(script.shared())),
            Err(mistakes) => Err(mistakes.first().map_or(String::new(), ToString::to_string)),
        }
    }
}

fn asked(question: &Question, answer: &Answer) -> String {
    let answer = match answer {
        Answer::Bool(true) => "yes".to_owned(),
        Answer::Bool(false) => "no".to_owned(),
        Answer::Text(text) => text.clone().unwrap_or("none".to_owned()),
        Answer::Script(Ok(Some(_))) => "found".to_owned(),
        Answer::Script(Ok(None)) => "none".to_owned(),
        Answer::Script(Err(why)) | Answer::Impossible(why) => why.clone(),
    };
    format!("{question:?}: {answer}")
}

fn tell(
    outcome: &Outcome,
    text: &[u8],
    message: &[u8],
    edited: bool,
    streams: &mut Streams<'_>,
) -> Result<(), AdminError> {
    let coloured = streams.coloured;
    for line in &outcome.trace {
        writeln!(streams.out, "{}", traced(line, coloured))?;
    }
    if !outcome.trace.is_empty() {
        writeln!(streams.out)?;
    }
    for done in &outcome.actions {
        let (what, version) = action(&done.action);
        writeln!(streams.out, "{}", Colour::Green.on(&what, coloured))?;
        if let Some(bytes) = version.filter(|_| edited).map(|version| version.bytes(message)) {
            let shown = String::from_utf8_lossy(bytes);
            shown.lines().try_for_each(|line| writeln!(streams.out, "  | {line}"))?;
        }
    }
    if outcome.actions.is_empty() {
        writeln!(streams.out, "{}", Colour::Yellow.on("throw the message away", coloured))?;
    }
    for tracked in &outcome.duplicates {
        let (id, seconds) = (&tracked.id, tracked.seconds);
        writeln!(streams.out, "remember {id:?} for {seconds} s as seen")?;
    }
    let Some(error) = &outcome.error else { return Ok(()) };
    let mistake = Error { at: error.at, message: error.message.clone().into(), hint: None };
    match &error.script {
        None => show(&mistake, text, Colour::Red, streams)?,
        Some(_) => writeln!(streams.out, "{}", Colour::Red.on(&error.to_string(), coloured))?,
    }
    Err(AdminError::ScriptFailed)
}

/// As it is kept of a delivery, but for its colours.
fn traced(line: &Line, coloured: bool) -> String {
    if !coloured {
        return line.to_string();
    }
    let text = match line.kind {
        LineKind::Test(true) => format!("{} {}", Colour::Green.on("yes", true), line.text),
        LineKind::Test(false) => format!("{}  {}", Colour::Red.on("no", true), line.text),
        LineKind::Command => format!("    {}", line.text),
        LineKind::Debug => format!("    says {}", Colour::Yellow.on(&line.text, true)),
    };
    format!("{} {text}", Colour::Grey.on(&line.place(), true))
}

/// What would be done, in a sentence; and of which bytes.
fn action(action: &Action) -> (String, Option<&crate::sieve::Version>) {
    let filed = |filing: &Filing| {
        let made = if filing.create { ", made if it is not there" } else { "" };
        format!("{:?}{made}{}", filing.mailbox, flagged(&filing.flags))
    };
    let copy = |fcc: &Option<Filing>| {
        fcc.as_ref().map_or(String::new(), |fcc| format!("; file a copy into {}", filed(fcc)))
    };
    match action {
        Action::Keep { implicit, flags, version } => {
            let why = if *implicit { " (nothing said otherwise)" } else { "" };
            (format!("keep it{}{why}", flagged(flags)), Some(version))
        }
        Action::FileInto { filing, version } => {
            (format!("file it into {}", filed(filing)), Some(version))
        }
        Action::Redirect(redirect) => {
            let to = match &redirect.to {
                RedirectTo::Address(address) => address.clone(),
                RedirectTo::List(list) => format!("all of {list}"),
            };
            (format!("send it on to {to}"), Some(&redirect.version))
        }
        Action::Reject { reason, .. } => (format!("refuse it: {}", reason.trim_end()), None),
        Action::Vacation(answer) => {
            let (to, days) = (&answer.to, answer.seconds as f64 / 86_400.0);
            let text = answer.reason.trim_end();
            let subject = &answer.subject;
            let copy = copy(&answer.fcc);
            (format!("answer {to} once in {days} days, {subject:?}: {text}{copy}"), None)
        }
        Action::Notify(notify) => {
            let (to, subject) = (notify.recipients.join(", "), &notify.subject);
            (format!("notify {to}: {subject:?}{}", copy(&notify.fcc)), None)
        }
    }
}

fn flagged(flags: &[String]) -> String {
    if flags.is_empty() { String::new() } else { format!(", marked {}", flags.join(" ")) }
}
