//! Sieve in a delivery: the account's script is run on its copy of the message, and what it decides is
//! carried out in the delivery's own transaction.
//!
//! The rule: no script loses mail. Whatever goes wrong in one, the message goes to INBOX as it came,
//! and the run is kept with its error for `sora-admin sieve log` (RFC 5228 §2.10.6).

mod actions;
mod answers;
mod events;
mod lists;
mod scripts;
mod site;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;

use parser::message::MessageMap;
use parser::sieve::Position;

pub(super) use self::actions::Plan;
use self::answers::Oracle;
pub use self::events::SiteEvents;
pub(super) use self::events::{Happened, Onlookers, Place};
use self::lists::Lists;
pub(super) use self::scripts::try_out;
use self::scripts::{Ready, Scripts};
pub(crate) use self::site::ScriptSite;
pub(super) use self::verdict::Check;
use super::clock;
use super::metadata::ServerNotes;
use super::outbox::Relay;
use crate::job::{EnvelopeDsn, Recipient};
use crate::limits::SCRIPT_REPORT_BYTES_MAX;
use crate::model::{AccountId, MailboxName};
use crate::sieve::{
    self, Action, Capability, DsnNotify, DsnReturn, Envelope, Environment, Facts, Failed, Limits,
    LineKind, Mail, Outcome, Step, Version,
};
use crate::store::{Failure, RunReport, Store};

/// `[sieve]`
#[derive(Clone, Debug, Default)]
pub struct SieveSettings {
    /// A script that runs before the account's own.
    pub before: Option<PathBuf>,
    /// One that runs after it, if it has not decided where the message goes.
    pub after: Option<PathBuf>,
    /// Where `include :global` finds scripts, as `NAME.sieve`.
    pub global: Option<PathBuf>,
    /// The folder of external lists.
    pub lists: Option<PathBuf>,
    /// Members of one to whom a message may be sent on.
    pub list_members_max: usize,
    /// Where it is written how certainly a message is spam, and whether it has a virus.
    pub spam: Option<Check>,
    /// Likewise.
    pub virus: Option<Check>,
    /// What scripts, and clients, are told of the server.
    pub notes: ServerNotes,
    /// How much one run may do.
    pub limits: Limits,
    /// Which runs are kept.
    pub kept: KeptRuns,
    /// What the site does about events in IMAP.
    pub events: SiteEvents,
}

impl SieveSettings {
    /// What was found of spam, and of viruses.
    fn verdicts(&self, message: &[u8]) -> [Option<sieve::Verdict<'static>>; 2] {
        let verdict = |score: Option<u8>| Some(sieve::Verdict { score: score?, text: "" });
        let spam = self.spam.as_ref().and_then(|check| check.spam(message));
        let virus = self.virus.as_ref().and_then(|check| check.virus(message));
        [verdict(spam), verdict(virus)]
    }
}

/// Which runs `sora-admin sieve log` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeptRuns {
    /// None.
    Off,
    /// Those that failed, or that said something by `debug_log`: with what matched, as all.
    #[default]
    Errors,
    /// All, with what matched.
    All,
}

/// Sorts mail.
#[derive(Debug)]
pub(super) struct Sorter {
    store: Store,
    settings: SieveSettings,
    hostname: String,
    scripts: Scripts,
    lists: Lists,
    relay: Relay,
}

/// What becomes of one copy.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It goes to INBOX, and nothing else happens.
    Inbox,
    /// As the plan says.
    Planned(Box<Plan>),
}

/// A message before its delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arriving<'a> {
    /// The delivery's number.
    pub(super) queue_id: &'a str,
    /// With the trace lines in front.
    pub(super) bytes: &'a [u8],
    /// MAIL FROM, without brackets.
    pub(super) sender: &'a str,
    /// The peer, as it named itself and as it is.
    pub(super) helo: Option<&'a str>,
    pub(super) peer: Option<std::net::IpAddr>,
    /// It came with SMTPUTF8.
    pub(super) utf8: bool,
    /// It came with BODY=BINARYMIME (RFC 3030 §3).
    pub(super) is_binary: bool,
    /// What the sender wanted to be told (RFC 3461).
    pub(super) dsn: Option<&'a EnvelopeDsn>,
}

impl Sorter {
    pub(super) fn new(
        store: Store,
        settings: SieveSettings,
        hostname: String,
        relay: Relay,
    ) -> Self {
        let scripts = Scripts::new(store.clone(), &settings);
        let lists = Lists::new(settings.lists.clone());
        Self { store, settings, hostname, scripts, lists, relay }
    }

    /// Mail was committed that leaves: whoever sends it shall look.
    pub(super) fn ring(&self) {
        self.relay.ring();
    }

    /// What becomes of `mail` for `recipient`. A failure is the store's: nothing was decided.
    pub(super) fn sort(
        &self,
        recipient: &Recipient,
        mail: &Arriving<'_>,
    ) -> Result<Verdict, Failure> {
        let scripts = self.scripts.of(recipient)?;
        if scripts.is_empty() {
            return Ok(Verdict::Inbox);
        }
        let map = MessageMap::parse(mail.bytes);
        let mut so_far = SoFar::default();
        let mut whole = Outcome::default();
        let mut runs = Vec::new();
        for Ready { name, script } in scripts {
            let mut outcome = match script {
                Ok(script) => {
                    let so_far = (&so_far, whole.actions.as_slice());
                    self.run(recipient, mail, &map, so_far, (&name, &script))?
                }
                // It was checked when it came in; an update of ours may see it otherwise.
                Err(mistakes) => kept_for(format!("it does not compile: {mistakes}")),
            };
            runs.push(Traced { name, lines: std::mem::take(&mut outcome.trace) });
            match takes_over(&mut whole, outcome, so_far) {
                Some(kept) => so_far = kept,
                None => break,
            }
        }
        let report = self.report(&runs, whole.error.as_ref());
        let is_kept = report.is_some();
        let mut verdict = actions::plan(self, recipient, mail, whole, report)?;
        // What could not be done is an error as well.
        if let Verdict::Planned(plan) = &mut verdict
            && let Some(report) = plan.report.as_mut().filter(|_| !is_kept)
        {
            report.text.insert_str(0, &trace_of(&runs));
        }
        Ok(verdict)
    }

    fn run(
        &self,
        recipient: &Recipient,
        mail: &Arriving<'_>,
        received: &MessageMap,
        (so_far, done): (&SoFar, &[sieve::Done]),
        (name, script): (&str, &Arc<sieve::Script>),
    ) -> Result<Outcome, Failure> {
        // The owner's addresses are a query, and few scripts look at them; what is included may.
        let asks = [
            Capability::Vacation,
            Capability::Enotify,
            Capability::RedirectDsn,
            Capability::RedirectDeliverBy,
            Capability::Enclose,
            Capability::Include,
            // Both tell whose script it is.
            Capability::Environment,
            Capability::DovecotEnvironment,
        ];
        let mut addresses = vec![recipient.given.clone()];
        if asks.iter().any(|capability| script.required.has(*capability)) {
            let own = self.store.addresses(recipient.account)?;
            addresses = own.iter().map(|address| address.as_str().to_owned()).collect();
        }
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let dsn = recipient.dsn.as_deref();
        let envelope = Envelope {
            from: mail.sender.into(),
            to: recipient.given.as_str().into(),
            ret: mail.dsn.and_then(|dsn| dsn.full).map(|full| match full {
                true => DsnReturn::Full,
                false => DsnReturn::Headers,
            }),
            id: mail.dsn.and_then(|dsn| dsn.id.as_deref()).map(Into::into),
            notify: dsn.and_then(|dsn| dsn.notify).map(|[success, failure, delay]| DsnNotify {
                success,
                failure,
                delay,
            }),
            original_recipient: dsn.and_then(|dsn| dsn.original.as_deref()).map(Into::into),
            ..Envelope::default()
        };
        let environment = Environment {
            domain: self.hostname.split_once('.').map(|(_, domain)| domain),
            host: Some(&self.hostname),
            remote_host: mail.helo,
            remote_ip: mail.peer,
            user: addresses.first().copied(),
            ..Environment::default()
        };
        let [spam, virus] = self.settings.verdicts(mail.bytes);
        let facts = Facts {
            now: clock::today(),
            zone: sieve::LocalZone::At(clock::zone_minutes),
            addresses: &addresses,
            script_name: Some(name),
            flags: &so_far.flags,
            done,
            environment,
            spam,
            virus,
            limits: self.settings.limits,
            traced: self.settings.kept != KeptRuns::Off,
            ..Facts::default()
        };
        let edited;
        let (bytes, map) = match &so_far.version {
            Version::AsReceived => (mail.bytes, received),
            Version::Edited(bytes) => {
                edited = MessageMap::parse(bytes);
                (bytes.as_slice(), &edited)
            }
        };
        let mail = Mail { bytes, map, envelope: &envelope };
        self.walk(recipient.account, script, mail, &facts)
    }

    /// Runs a script, and answers what it asks.
    fn walk(
        &self,
        account: AccountId,
        script: &Arc<sieve::Script>,
        mail: Mail<'_>,
        facts: &Facts<'_>,
    ) -> Result<Outcome, Failure> {
        let oracle = Oracle {
            store: &self.store,
            scripts: &self.scripts,
            lists: &self.lists,
            notes: &self.settings.notes,
            account,
        };
        let mut step = sieve::run(Arc::clone(script), mail, facts);
        loop {
            step = match step {
                Step::Done(outcome) => return Ok(outcome),
                Step::Ask(asking) => {
                    let answer = oracle.answer(asking.question())?;
                    asking.answer(answer)
                }
            };
        }
    }

    /// What is kept of these runs, of which the last one may have failed.
    fn report(&self, runs: &[Traced], error: Option<&Failed>) -> Option<RunReport> {
        let failed = error.is_some();
        let said = |run: &Traced| run.lines.iter().any(|line| line.kind == LineKind::Debug);
        let wanted = match self.settings.kept {
            KeptRuns::Off => false,
            KeptRuns::Errors => failed || runs.iter().any(said),
            KeptRuns::All => true,
        };
        let error = error.map_or(String::new(), |error| format!("{error}\n"));
        let text = || format!("{}{error}", trace_of(runs)).replace('\0', " ");
        wanted.then(|| RunReport { failed, text: text() })
    }
}

/// What a script has done, step by step.
#[derive(Debug)]
struct Traced {
    name: String,
    lines: Vec<sieve::Line>,
}

/// Bytes of what is kept of a run that are left to others: errors, and what events begin with.
const NOT_TRACE_BYTES: usize = 3 * 1024;

/// Each script with its lines. Of what is too long the end is kept: there it went wrong.
fn trace_of(runs: &[Traced]) -> String {
    let lines = runs.iter().flat_map(|run| {
        let heading = format!("script {}\n", run.name);
        std::iter::once(heading).chain(run.lines.iter().map(|line| format!("{line}\n")))
    });
    let text: String = lines.collect();
    let over = text.len().saturating_sub(SCRIPT_REPORT_BYTES_MAX - NOT_TRACE_BYTES);
    let kept = text.get(text.ceil_char_boundary(over)..).unwrap_or_default();
    match kept.split_once('\n') {
        Some((_, kept)) if over > 0 => format!("\u{2026}\n{kept}"),
        _ => text,
    }
}

/// The outcome of a script that could not even be begun.
fn kept_for(message: String) -> Outcome {
    let at = Position::START;
    let action = Action::Keep { implicit: true, flags: Vec::new(), version: Version::AsReceived };
    Outcome {
        actions: vec![sieve::Done { at, action }],
        error: Some(Failed { at, script: None, message }),
        ..Outcome::default()
    }
}

/// What the scripts before have made of a message that goes on to the next: its flags (RFC 5232 §5) and
/// its header (RFC 5293 §7).
#[derive(Default)]
struct SoFar {
    flags: Vec<String>,
    version: Version,
}

/// Adds what one script decided to what those before it did. What it has made of the message if the
/// next one is to run: the message would be kept, and only because nobody said otherwise.
fn takes_over(whole: &mut Outcome, mut next: Outcome, so_far: SoFar) -> Option<SoFar> {
    let is_implicit =
        |done: &sieve::Done| matches!(done.action, Action::Keep { implicit: true, .. });
    whole.actions.retain(|done| !is_implicit(done));
    if next.error.is_none() {
        // What it was given is what it has not changed.
        for version in next.actions.iter_mut().filter_map(|done| done.action.version_mut()) {
            if *version == Version::AsReceived {
                version.clone_from(&so_far.version);
            }
        }
    }
    let kept = next.actions.iter().find(|done| is_implicit(done) && next.error.is_none());
    let kept = kept.and_then(|done| match &done.action {
        Action::Keep { flags, version, .. } => {
            Some(SoFar { flags: flags.clone(), version: version.clone() })
        }
        _ => None,
    });
    whole.actions.extend(next.actions);
    whole.duplicates.extend(next.duplicates);
    whole.error = next.error;
    kept
}

/// The mailbox of `keep`.
fn main_mailbox() -> MailboxName {
    MailboxName::inbox()
}

/// What is said of a run that failed.
fn said(failed: &Failed) -> String {
    failed.to_string()
}
