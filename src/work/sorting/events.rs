//! Sieve on what happens in IMAP (RFC 6785): the scripts that see a message that a command brought or
//! changed, and what they want done about it.
//!
//! The rule: the message is there already, and stays as it is. Whatever goes wrong in a script, nothing
//! is done to the message, and the run is kept with its error.

use std::path::PathBuf;

use parser::message::MessageMap;

use super::super::outbox::Origin;
use super::super::{clock, facts};
use super::actions::{composed, flag_set, parted};
use super::scripts::Ready;
use super::{SoFar, Sorter, Traced, takes_over};
use crate::error::Refusal;
use crate::job::{FlagSet, MailboxInfo, MailboxKey};
use crate::limits::SCRIPT_REPORT_BYTES_MAX;
use crate::model::{AccountId, Address, Flags, Keyword, MailboxName, SpecialUse, Uid};
use crate::sieve::{
    Action, Envelope, Environment, Facts, Filing, ImapEvent, LocalZone, Mail, Outcome, Version,
};
use crate::store::{Cause, Effect, Error, Event, Failure, Placed, RunReport, Trigger};

/// What a site does about events in IMAP, before the scripts of its users.
#[derive(Clone, Debug, Default)]
pub struct SiteEvents {
    /// A script that sees them.
    pub script: Option<PathBuf>,
    /// Where they happen: names, special uses as `\Junk`, or `*`. COPY and MOVE happen at both ends.
    pub mailboxes: Vec<String>,
    /// `append`, `copy`, `flag`.
    pub causes: Vec<String>,
    /// A command that gets what is moved into the mailbox with `\Junk`; its words.
    pub learn_spam: Vec<String>,
    /// One that gets what is moved out of it, if not to `\Trash`.
    pub learn_ham: Vec<String>,
}

impl SiteEvents {
    fn learns(&self) -> bool {
        !self.learn_spam.is_empty() || !self.learn_ham.is_empty()
    }

    /// True if its script sees something of `cause`.
    fn sees(&self, cause: Cause) -> bool {
        self.script.is_some()
            && self.causes.iter().any(|name| name.eq_ignore_ascii_case(cause.name()))
    }

    fn is_everywhere(&self) -> bool {
        self.mailboxes.iter().any(|name| name == "*")
    }

    fn names(&self, mailbox: &MailboxInfo) -> bool {
        self.mailboxes.iter().any(|wanted| match SpecialUse::parse(wanted) {
            Some(special_use) => mailbox.special_use == Some(special_use),
            None => MailboxName::new(wanted).is_ok_and(|name| name.key() == mailbox.name.key()),
        })
    }
}

/// Who sees an event.
#[derive(Debug)]
pub(in crate::work) struct Onlookers {
    /// In order.
    scripts: Vec<Ready>,
    /// Words of a command that gets the message.
    pub(in crate::work) command: Vec<String>,
    /// Of the account, the primary one first.
    addresses: Vec<Address>,
}

impl Onlookers {
    pub(in crate::work) fn is_empty(&self) -> bool {
        self.scripts.is_empty() && self.command.is_empty()
    }

    /// True if there are scripts.
    pub(in crate::work) fn has_scripts(&self) -> bool {
        !self.scripts.is_empty()
    }

    /// Whose events they are.
    pub(in crate::work) fn user(&self) -> &str {
        self.addresses.first().map_or("", Address::as_str)
    }
}

/// A message, and what happened to it.
#[derive(Clone, Copy, Debug)]
pub(in crate::work) struct Happened<'a> {
    pub(in crate::work) event: &'a Event,
    pub(in crate::work) mailbox: &'a MailboxInfo,
    pub(in crate::work) source: Option<&'a MailboxInfo>,
    pub(in crate::work) uid: Uid,
    /// As they are now (RFC 6785 §2.2.3).
    pub(in crate::work) flags: &'a FlagSet,
    pub(in crate::work) bytes: &'a [u8],
}

/// Where a command does something: by name or by number.
#[derive(Clone, Copy, Debug)]
pub(in crate::work) enum Place<'a> {
    Name(AccountId, &'a MailboxName),
    Key(MailboxKey),
}

impl Sorter {
    /// Whether scripts see what a command is about to do to these mailboxes. It asks nothing where the
    /// site has no script, nor learns.
    pub(in crate::work) fn trigger(&self, cause: Cause, places: &[Place<'_>]) -> Trigger {
        let site = &self.settings.events;
        let (sees, learns) = (site.sees(cause), site.learns() && cause == Cause::Copy);
        if !sees && !learns {
            return Trigger::IfScripted;
        }
        if sees && site.is_everywhere() {
            return Trigger::Always;
        }
        for place in places {
            let is_seen = match self.place(*place) {
                Ok(None) => false, // the command will be told
                Ok(Some(info)) => (sees && site.names(&info)) || (learns && is_junk(&info)),
                Err(_) => true, // whoever looks at the event will see
            };
            if is_seen {
                return Trigger::Always;
            }
        }
        Trigger::IfScripted
    }

    fn place(&self, place: Place<'_>) -> Result<Option<MailboxInfo>, Failure> {
        let found = match place {
            Place::Name(account, name) => self.store.mailbox(account, name),
            Place::Key(key) => self.store.mailbox_by_key(key),
        };
        match found {
            Ok(info) => Ok(Some(info)),
            Err(Error::Refused(_)) => Ok(None),
            Err(Error::Failed(failure)) => Err(failure),
        }
    }

    /// Who sees an event in `mailbox`.
    pub(in crate::work) fn onlookers(
        &self,
        event: &Event,
        mailbox: &MailboxInfo,
        source: Option<&MailboxInfo>,
    ) -> Result<Onlookers, Failure> {
        let site = &self.settings.events;
        let account = mailbox.key.account;
        let mut scripts = Vec::new();
        let mut ends = [Some(mailbox), source].into_iter().flatten();
        if site.sees(event.cause) && (site.is_everywhere() || ends.any(|end| site.names(end))) {
            scripts.extend(self.scripts.of_events());
        }
        // RFC 6785 §2.3.1.
        if let Some(name) = self.store.event_scripts(account)?.of(mailbox.key.mailbox) {
            let compiled = self.scripts.personal(account, name)?;
            match compiled {
                Some(script) => scripts.push(Ready { name: name.to_owned(), script }),
                None => log::warn!(
                    "sieve: account {account}: no script {} for events in mailbox {}",
                    name.escape_debug(),
                    mailbox.key.mailbox
                ),
            }
        }
        let command = match source {
            Some(source) if event.cause == Cause::Copy => learnt(site, mailbox, source),
            _ => Vec::new(),
        };
        let none = scripts.is_empty() && command.is_empty();
        let addresses = if none { Vec::new() } else { self.store.addresses(account)? };
        Ok(Onlookers { scripts, command, addresses })
    }

    /// What the scripts want done about a message. A failure is the store's: nothing was decided.
    pub(in crate::work) fn look(
        &self,
        onlookers: &Onlookers,
        happened: &Happened<'_>,
    ) -> Result<Effect, Failure> {
        let map = MessageMap::parse(happened.bytes);
        let mut whole = Outcome::default();
        let mut runs = Vec::new();
        let mut flags = names_of(happened.flags);
        let [spam, virus] = self.settings.verdicts(happened.bytes);
        for Ready { name, script } in &onlookers.scripts {
            let script = match script {
                Ok(script) => script,
                Err(mistakes) => {
                    let text = format!("script {name}\nit does not compile: {mistakes}\n");
                    return Ok(self.failed(happened, text));
                }
            };
            let addresses: Vec<&str> = onlookers.addresses.iter().map(Address::as_str).collect();
            let changed: Vec<&str> = happened.event.changed_flags.split_whitespace().collect();
            let now: Vec<&str> = flags.iter().map(String::as_str).collect();
            let facts = Facts {
                now: clock::today(),
                zone: LocalZone::At(clock::zone_minutes),
                addresses: &addresses,
                script_name: Some(name),
                done: &whole.actions,
                default_mailbox: happened.mailbox.name.as_str(),
                environment: Environment {
                    domain: self.hostname.split_once('.').map(|(_, domain)| domain),
                    host: Some(&self.hostname),
                    location: Some("MS"), // RFC 6785 §4.1
                    phase: Some("post"),
                    user: addresses.first().copied(),
                    imap: Some(ImapEvent {
                        cause: happened.event.cause.name(),
                        mailbox: happened.mailbox.name.as_str(),
                        source: happened.source.map(|source| source.name.as_str()),
                        changed_flags: &changed,
                        flags: &now,
                    }),
                    ..Environment::default()
                },
                spam,
                virus,
                limits: self.settings.limits,
                traced: self.settings.kept != super::KeptRuns::Off,
                ..Facts::default()
            };
            let envelope = Envelope::default(); // RFC 6785 §4.6: there is none
            let mail = Mail { bytes: happened.bytes, map: &map, envelope: &envelope };
            let mut outcome = self.walk(happened.mailbox.key.account, script, mail, &facts)?;
            runs.push(Traced { name: name.clone(), lines: std::mem::take(&mut outcome.trace) });
            // The next one sees the flags as this one leaves them.
            for done in &outcome.actions {
                if let (Action::Keep { implicit: true, flags: left, .. }, None) =
                    (&done.action, &outcome.error)
                {
                    flags.clone_from(left);
                }
            }
            if takes_over(&mut whole, outcome, SoFar::default()).is_none() {
                break;
            }
        }
        let report = self.report(&runs, whole.error.as_ref()).map(|report| told(happened, report));
        if let Some(failed) = &whole.error {
            let account = happened.mailbox.key.account;
            log::warn!("sieve: account {account}: {}", failed.to_string().escape_debug());
            return Ok(Effect { report, ..Effect::none(happened.uid) });
        }
        self.effect(onlookers, happened, whole, report)
    }

    /// RFC 6785 §3.
    fn effect(
        &self,
        onlookers: &Onlookers,
        happened: &Happened<'_>,
        outcome: Outcome,
        report: Option<RunReport>,
    ) -> Result<Effect, Failure> {
        let about = told(happened, RunReport { failed: true, text: String::new() }).text;
        let mut effect = Effect { report, about, discard: true, ..Effect::none(happened.uid) };
        for done in outcome.actions {
            match done.action {
                Action::Keep { flags, .. } => keep(&mut effect, happened, &flags),
                Action::FileInto { filing, version } => {
                    file(&mut effect, happened, &filing, version);
                }
                action @ (Action::Redirect(_) | Action::Notify(_)) => {
                    self.send(&mut effect, onlookers, happened, &action)?;
                }
                Action::Reject { .. } | Action::Vacation(_) => {} // refused before (§3.11)
            }
        }
        Ok(effect)
    }

    /// Mail that leaves; what cannot leave is told, and the message stays.
    fn send(
        &self,
        effect: &mut Effect,
        onlookers: &Onlookers,
        happened: &Happened<'_>,
        action: &Action,
    ) -> Result<(), Failure> {
        let what = if matches!(action, Action::Redirect(_)) { "redirect" } else { "notify" };
        if !self.relay.is_configured() {
            stay(effect, happened, &format!("{what}: no [relay] is configured"));
            return Ok(());
        }
        if !self.store.may_send(happened.event.key.mailbox.account)? {
            let why = format!("{what}: too many messages of this account wait to leave");
            stay(effect, happened, &why);
            return Ok(());
        }
        if let Some(parts) = parted(action) {
            return parts.iter().try_for_each(|part| self.send(effect, onlookers, happened, part));
        }
        let key = happened.event.key;
        let unique = format!(
            "{}.{}.{}.{}.{}",
            key.mailbox.account,
            key.mailbox.mailbox,
            key.mod_seq.0,
            happened.uid,
            effect.outgoing.len()
        );
        let owner = onlookers.user();
        let origin = Origin {
            now: clock::today(),
            hostname: &self.hostname,
            unique: &unique,
            owner,
            sender: owner, // RFC 6785 §3.4
            recipient: owner,
            original_recipient: None,
            asked: None,
            utf8: false, // how it came is not kept
            message: happened.bytes,
        };
        let new = match composed(self, action, &onlookers.addresses, &origin)? {
            Ok(new) => new,
            Err(why) => {
                stay(effect, happened, &format!("{what}: {why}"));
                return Ok(());
            }
        };
        if let Action::Notify(notify) = action
            && let Some(filing) = &notify.fcc
        {
            let version = Version::Edited(std::sync::Arc::new(new.message.clone()));
            effect.copies.extend(placed(filing, version));
        }
        effect.outgoing.push(new);
        Ok(())
    }

    /// A run that could not even begin.
    fn failed(&self, happened: &Happened<'_>, text: String) -> Effect {
        let kept = self.settings.kept != super::KeptRuns::Off;
        let report = kept.then(|| told(happened, RunReport { failed: true, text }));
        Effect { report, ..Effect::none(happened.uid) }
    }

    /// What is to be done where something could not be: a word about it.
    pub(in crate::work) fn undone(&self, happened: &Happened<'_>, refusal: Refusal) -> Effect {
        self.failed(happened, format!("what the script wants cannot be done: {refusal:?}\n"))
    }
}

/// RFC 6785 §3.1: the message is as it was, but for its flags (§3.8).
fn keep(effect: &mut Effect, happened: &Happened<'_>, flags: &[String]) {
    let (wanted, now) = (flag_set(flags), happened.flags);
    effect.discard = false;
    effect.add = less(&wanted, now);
    effect.remove = less(now, &wanted);
}

/// RFC 6785 §3.3: a message of its own; in the mailbox itself the one that is there, if it is not changed
/// (RFC 5228 §2.10.3).
fn file(effect: &mut Effect, happened: &Happened<'_>, filing: &Filing, version: Version) {
    let name = MailboxName::new(&filing.mailbox);
    let is_here = name.as_ref().is_ok_and(|name| name.key() == happened.mailbox.name.key());
    if is_here && version == Version::AsReceived {
        return keep(effect, happened, &filing.flags);
    }
    match placed(filing, version) {
        Some(copy) => effect.copies.push(copy),
        None => stay(effect, happened, "fileinto: not a mailbox name"),
    }
}

fn placed(filing: &Filing, version: Version) -> Option<Placed> {
    let body = match version {
        Version::AsReceived => None,
        Version::Edited(bytes) => {
            let facts = facts::of(&bytes);
            Some((std::sync::Arc::unwrap_or_clone(bytes), facts))
        }
    };
    Some(Placed {
        body,
        mailbox: MailboxName::new(&filing.mailbox).ok()?,
        create: filing.create,
        flags: flag_set(&filing.flags),
    })
}

/// Something could not be done: the message stays, and it is told.
fn stay(effect: &mut Effect, happened: &Happened<'_>, why: &str) {
    effect.discard = false;
    let report = effect
        .report
        .get_or_insert_with(|| told(happened, RunReport { failed: true, text: String::new() }));
    report.failed = true;
    report.text.push_str(why);
    report.text.push_str(": the message stays\n");
}

/// With what happened in front.
fn told(happened: &Happened<'_>, report: RunReport) -> RunReport {
    let (cause, uid) = (happened.event.cause.name(), happened.uid);
    let name = happened.mailbox.name.as_str().escape_debug();
    let mut text = format!("{cause} of UID {uid} in {name}\n{}", report.text);
    text.truncate(text.floor_char_boundary(SCRIPT_REPORT_BYTES_MAX));
    RunReport { text, ..report }
}

/// Flags of `set` that are not in `other`.
fn less(set: &FlagSet, other: &FlagSet) -> FlagSet {
    let keywords = set.keywords.iter().filter(|keyword| !other.keywords.contains(keyword));
    FlagSet { flags: set.flags.without(other.flags), keywords: keywords.cloned().collect() }
}

fn names_of(set: &FlagSet) -> Vec<String> {
    let system = Flags::NAMES.iter().filter(|(flag, _)| set.flags.contains(*flag));
    let system = system.map(|(_, name)| (*name).to_owned());
    system.chain(set.keywords.iter().map(Keyword::as_str).map(str::to_owned)).collect()
}

fn is_junk(mailbox: &MailboxInfo) -> bool {
    mailbox.special_use == Some(SpecialUse::Junk)
}

/// What is learnt from a move.
fn learnt(site: &SiteEvents, to: &MailboxInfo, from: &MailboxInfo) -> Vec<String> {
    match (is_junk(from), is_junk(to)) {
        (false, true) => site.learn_spam.clone(),
        (true, false) if to.special_use != Some(SpecialUse::Trash) => site.learn_ham.clone(),
        _ => Vec::new(),
    }
}
