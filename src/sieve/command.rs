//! Commands: what they do to the run, and which actions they ask for. Each learns what it must
//! before it changes anything, for it may be run again (see `run`).

use parser::message::{Address, Addresses};
use parser::sieve::tree::{self, ByMode, ByTime, Command, Recipient, Text, VariableId};
use parser::sieve::{Position, mailbox_list, sieve_address};

use super::action::{Action, DeliverBy, Filing, Redirect, RedirectTo};
use super::ask::Question;
use super::keys::{Keys, Matcher, Prepared};
use super::run::{Halt, Work, World};
use super::scope::{cut, modify};
use super::trace::shown;
use super::{compose, flags, lists};

/// What a trace says of a command.
pub(super) type Told = Result<Option<String>, Halt>;

impl World<'_> {
    pub(super) fn command(
        &mut self,
        at: Position,
        command: &Command,
        keys: Option<&Prepared>,
        work: &mut Work,
    ) -> Told {
        match command {
            Command::Keep { flags } => {
                let flags = self.flags_of(flags.as_deref(), work)?;
                let told = self.told(|| with_flags("keep".into(), &flags));
                let version = self.kept_version()?;
                self.ledger.implicit_keep = false;
                self.add(at, Action::Keep { implicit: false, flags, version })?;
                Ok(told)
            }
            Command::Discard => {
                self.ledger.implicit_keep = false;
                Ok(self.told(|| "discard".into()))
            }
            Command::FileInto { copy, filing } => {
                let filing = self.filing(filing, work)?;
                let told = self
                    .told(|| with_flags(format!("fileinto {:?}", filing.mailbox), &filing.flags));
                let version = self.version()?;
                self.ledger.implicit_keep &= *copy;
                self.add(at, Action::FileInto { filing, version })?;
                Ok(told)
            }
            Command::Redirect(redirect) => self.redirect(at, redirect, work),
            Command::Reject(reason) => self.reject(at, reason, false),
            Command::Ereject(reason) => self.reject(at, reason, true),
            Command::Set { variable, value, modifiers } => {
                let value = self.names().text(value).into_owned();
                work.budget.steps(value.len())?;
                let value = modify(value, modifiers);
                self.set(*variable, value)
            }
            Command::Flags { change, variable, flags } => {
                let named = flags::words(self.texts(flags), &mut work.budget)?;
                let names = self.names();
                let set = match variable {
                    Some(id) => String::from_utf8_lossy(names.scope.value(names.globals, *id)),
                    None => self.flags.as_str().into(),
                };
                let set = flags::change(&set, *change, &named, &mut work.budget)?;
                let told = self.told(|| format!("flags are now {}", shown(set.as_bytes())));
                match variable {
                    Some(id) => self.set(*id, set.into_bytes()).map(drop)?,
                    None => self.flags = set,
                }
                Ok(told)
            }
            Command::Vacation(vacation) => self.vacation(at, vacation, work),
            Command::Notify(notify) => self.notify(at, notify, work),
            Command::AddHeader { last, name, value } => self.add_header(name, value, *last, work),
            Command::DeleteHeader { .. } => self.delete_header(command, keys, work),
            Command::Error(message) => Err(Halt::Error(self.names().string(message))),
            Command::Replace { mime, subject, from, replacement } => {
                self.replace(*mime, subject.as_deref(), from.as_deref(), replacement, work)
            }
            Command::Enclose { subject, headers, text } => {
                self.enclose(subject.as_deref(), headers, text, work)
            }
            Command::ExtractText { modifiers, first, variable } => {
                self.message.prepare_body();
                let text = modify(self.part_text(*first, work)?, modifiers);
                self.set(*variable, text)
            }
            Command::Convert(_) => Err(Halt::error("nothing can be converted here")),
            _ => Ok(None),
        }
    }

    fn add(&mut self, at: Position, action: Action) -> Result<(), Halt> {
        self.ledger.add(at, action, self.facts.default_mailbox, &self.facts.limits)
    }

    pub(super) fn add_action(&mut self, at: Position, action: Action) -> Result<(), Halt> {
        self.add(at, action)
    }

    pub(super) fn told(&self, text: impl FnOnce() -> String) -> Option<String> {
        self.facts.traced.then(text)
    }

    fn texts(&self, texts: &[Text]) -> impl Iterator<Item = String> {
        texts.iter().map(|text| self.names().string(text))
    }

    /// RFC 5232 §5: what `:flags` says, or the internal variable.
    fn flags_of(&self, flags: Option<&[Text]>, work: &mut Work) -> Result<Vec<String>, Halt> {
        match flags {
            Some(flags) => flags::words(self.texts(flags), &mut work.budget),
            None => {
                work.budget.steps(self.flags.len())?;
                Ok(flags::listed(&self.flags))
            }
        }
    }

    /// A mailbox, looked for by its id and its use before its name (RFC 9042 §4, RFC 8579 §4).
    pub(super) fn filing(&self, filing: &tree::Filing, work: &mut Work) -> Result<Filing, Halt> {
        let mut mailbox = self.names().string(&filing.mailbox);
        if mailbox.is_empty() || mailbox.chars().any(char::is_control) {
            return Err(Halt::Error(format!("{} can name no mailbox", shown(mailbox.as_bytes()))));
        }
        if let Some(id) = &filing.mailbox_id {
            let id = self.names().string(id);
            if let Some(found) = work.ask_text(|| Question::MailboxById { id })? {
                mailbox = found;
            }
        }
        let mut special_use = None;
        if let Some(attribute) = &filing.special_use {
            let attribute = self.names().string(attribute);
            if !is_use(&attribute) {
                // RFC 8579 §4: as an invalid name.
                let found = shown(attribute.as_bytes());
                return Err(Halt::Error(format!("{found} is no special-use attribute")));
            }
            let preferred = mailbox.clone();
            let wanted = attribute.clone();
            let question = || Question::SpecialUseMailbox { attribute, preferred };
            match work.ask_text(question)? {
                Some(found) => mailbox = found,
                None => special_use = filing.create.then_some(wanted),
            }
        }
        let flags = self.flags_of(filing.flags.as_deref(), work)?;
        Ok(Filing { mailbox, create: filing.create, special_use, flags })
    }

    /// `:fcc` (RFC 8580 §3). The internal variable is for the message alone (RFC 5232 §6).
    pub(super) fn fcc(&self, filing: &tree::Filing, work: &mut Work) -> Result<Filing, Halt> {
        let mut found = self.filing(filing, work)?;
        if filing.flags.is_none() {
            found.flags.clear();
        }
        Ok(found)
    }

    /// `redirect` — RFC 5228 §4.2, RFC 6134 §2.3, RFC 6009 §6 and §7.
    fn redirect(&mut self, at: Position, redirect: &tree::Redirect, work: &mut Work) -> Told {
        let to = match &redirect.to {
            Recipient::Address(text) => RedirectTo::Address(self.mail_address(text)?),
            Recipient::List(text) => {
                let list = lists::name(&self.names().text(text)).map_err(Halt::Error)?;
                if !work.ask_bool(|| Question::ListExists { list: list.clone() })? {
                    return Err(Halt::Error(format!("there is no list {list}")));
                }
                RedirectTo::List(list)
            }
        };
        let notify = redirect.notify.as_ref().map(|word| self.word(word)).transpose()?;
        let ret = redirect.ret.as_ref().map(|word| self.word(word)).transpose()?;
        let deliver_by = match &redirect.deliver_by {
            Some(by) => Some(DeliverBy {
                seconds: self.seconds_left(&by.time)?,
                mode: by.mode.as_ref().map_or(Ok(ByMode::Return), |mode| self.word(mode))?,
                trace: by.trace,
            }),
            None => None,
        };
        // RFC 6009 §6.1 and §7.1: reports are for the script's owner; a null sender stays null.
        let reports = notify.is_some() || ret.is_some() || deliver_by.is_some();
        // RFC 6785 §3.4: what was delivered long ago has no sender any more.
        let is_old = self.facts.environment.imap.is_some();
        let owner = self.facts.addresses.first();
        let owner = owner.filter(|_| is_old || (reports && !self.envelope.from.is_empty()));
        let sender = owner.map(|owner| (*owner).to_owned());
        let told = self.told(|| match &to {
            RedirectTo::Address(address) => format!("redirect to {address}"),
            RedirectTo::List(list) => format!("redirect to all of {list}"),
        });
        // RFC 5703 §6: what encloses the message is not sent on.
        let version = match &self.unenclosed {
            Some(version) => version.clone(),
            None => self.version()?,
        };
        self.ledger.implicit_keep &= redirect.copy;
        let redirect = Redirect { to, sender, notify, ret, deliver_by, version };
        self.add(at, Action::Redirect(Box::new(redirect)))?;
        Ok(told)
    }

    /// `sieve-address` (RFC 5228 §2.4.2.3), as a path without brackets.
    pub(super) fn mail_address(&self, text: &Text) -> Result<String, Halt> {
        let text = self.names().string(text);
        let right = sieve_address(&text);
        right
            .then(|| mailboxes(&text).into_iter().next())
            .flatten()
            .ok_or_else(|| Halt::Error(format!("{} is no mail address", shown(text.as_bytes()))))
    }

    /// `mailbox-list` (RFC 5322 §3.4): what it says, and its addresses.
    pub(super) fn mailbox_list(&self, text: &Text) -> Result<(String, Vec<String>), Halt> {
        let text = self.names().string(text);
        if !mailbox_list(&text) {
            return Err(Halt::Error(format!("{} are no mail addresses", shown(text.as_bytes()))));
        }
        let addresses = mailboxes(&text);
        Ok((text, addresses))
    }

    fn seconds_left(&self, time: &ByTime) -> Result<i64, Halt> {
        match time {
            ByTime::Seconds(seconds) => Ok(i64::try_from(*seconds).unwrap_or(i64::MAX)),
            ByTime::Date(text) => {
                let text = self.names().string(text);
                let moment = compose::rfc3339_seconds(&text).ok_or_else(|| {
                    Halt::Error(format!("{} is no date of RFC 3339", shown(text.as_bytes())))
                })?;
                Ok(moment.saturating_sub(self.facts.now.seconds()))
            }
        }
    }

    /// `reject` and `ereject` — RFC 5429 §2.
    fn reject(&mut self, at: Position, reason: &Text, extended: bool) -> Told {
        if self.answered {
            return Err(Halt::error("\"reject\" and \"vacation\" exclude each other"));
        }
        let reason = compose::crlf(&self.names().string(reason));
        let name = if extended { "ereject" } else { "reject" };
        let told = self.told(|| format!("{name} {}", shown(reason.as_bytes())));
        self.ledger.implicit_keep = false;
        self.add(at, Action::Reject { extended, reason })?;
        Ok(told)
    }

    fn set(&mut self, variable: VariableId, mut value: Vec<u8>) -> Told {
        cut(&mut value, self.facts.limits.string_bytes_max);
        let told = self.told(|| format!("set to {}", shown(&value)));
        let most = self.facts.limits.variables_bytes_max;
        let Some(frame) = self.frames.last_mut() else { return Ok(None) };
        if !frame.scope.set(&mut self.globals, variable, value, most) {
            return Err(Halt::error("the variables hold too much"));
        }
        Ok(told)
    }

    /// `addheader` — RFC 5293 §4.
    fn add_header(&mut self, name: &Text, value: &Text, last: bool, work: &mut Work) -> Told {
        let name = self.field_name(name)?;
        let value = self.names().string(value);
        if is_ours(&name) {
            return Ok(self.told(|| format!("addheader {name:?} is not permitted")));
        }
        let raw = compose::field(&name, &value);
        self.edit(raw.len(), work)?;
        self.message.add_field(raw, name.len(), last);
        Ok(self.told(|| format!("addheader {name:?} {}", shown(value.as_bytes()))))
    }

    /// `field-name` (RFC 5322 §3.6.8).
    fn field_name(&self, text: &Text) -> Result<String, Halt> {
        let name = self.names().string(text);
        let right =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if right {
            return Ok(name);
        }
        Err(Halt::Error(format!("{} can name no header field", shown(name.as_bytes()))))
    }

    /// `deleteheader` — RFC 5293 §5.
    fn delete_header(
        &mut self,
        command: &Command,
        keys: Option<&Prepared>,
        work: &mut Work,
    ) -> Told {
        let Command::DeleteHeader { index, name, matching, values } = command else {
            return Ok(None);
        };
        let name = self.field_name(name)?;
        // §6: never these, silently; RFC 5703 §5: nor what `replace` has saved.
        let kept =
            ["Received", "Auto-Submitted"].iter().any(|kept| kept.eq_ignore_ascii_case(&name));
        if kept || is_ours(&name) {
            return Ok(self.told(|| format!("deleteheader {name:?} is not permitted")));
        }
        let count = self.message.values(0, name.as_bytes()).count();
        let chosen = index.map(|index| {
            let number = usize::try_from(index.number).unwrap_or(usize::MAX);
            if index.last { count.checked_sub(number) } else { number.checked_sub(1) }
        });
        let mut unwanted = vec![values.is_none(); count];
        let mut captured = None;
        if let (Some(values), Some(prepared)) = (values, keys) {
            let text = |text| self.names().text(text).into_owned();
            let texts = |nth| values.get(nth).map(text).into_iter().collect();
            // "As if by the header test": with its match variables (RFC 5229 §3.2).
            let keys = Keys::new(*matching, prepared, texts, &mut work.budget)?;
            let mut matcher = Matcher::new(*matching, keys, self.captures(), false);
            for (value, unwanted) in self.message.values(0, name.as_bytes()).zip(&mut unwanted) {
                *unwanted = matcher.value(&value.text(), &mut work.budget)?;
            }
            captured = matcher.captured;
        }
        self.edit(0, work)?;
        let gone = |nth: usize| {
            chosen.is_none_or(|chosen| chosen == Some(nth)) && unwanted.get(nth) == Some(&true)
        };
        let many = (0..count).filter(|nth| gone(*nth)).count();
        self.message.remove_fields(name.as_bytes(), gone);
        if let Some((captured, frame)) = captured.zip(self.frames.last_mut()) {
            frame.scope.matches = captured;
        }
        Ok(self.told(|| format!("deleteheader {name:?}: {many} of {count}")))
    }

    /// One more change, which adds so many bytes.
    pub(super) fn edit(&mut self, bytes: usize, work: &mut Work) -> Result<(), Halt> {
        work.budget.steps(bytes)?;
        let limits = &self.facts.limits;
        if self.edits >= limits.edits_max {
            return Err(Halt::error("the script changes too much"));
        }
        if self.added_bytes.saturating_add(bytes) > limits.added_bytes_max {
            return Err(Halt::error("the script adds too much to the message"));
        }
        self.edits += 1;
        self.added_bytes += bytes;
        Ok(())
    }
}

/// Fields that only `replace` may write (RFC 5703 §5).
fn is_ours(name: &str) -> bool {
    ["Original-Subject", "Original-From"].iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

/// `use-attr` (RFC 6154 §6).
fn is_use(attribute: &str) -> bool {
    let atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
    attribute.strip_prefix('\\').is_some_and(|name| !name.is_empty() && name.bytes().all(atom))
}

fn with_flags(text: String, flags: &[String]) -> String {
    if flags.is_empty() { text } else { format!("{text} with {}", flags.join(" ")) }
}

/// The addresses in a list that is known to be right, as paths without brackets.
pub(super) fn mailboxes(text: &str) -> Vec<String> {
    let found = Addresses::new(text.as_bytes()).filter_map(|address| match address {
        Address::Mailbox(mailbox) => {
            Some(compose::path(&mailbox.local, mailbox.domain.as_deref()?))
        }
        _ => None,
    });
    found.collect()
}
