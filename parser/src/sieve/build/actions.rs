//! Commands: each of the RFCs' own rules about its arguments.

use alloc::boxed::Box;
use alloc::format;

use super::super::capability::Capability as C;
use super::super::check::{Call, Checker, is};
use super::super::error::shown;
use super::super::flow::Whole;
use super::super::grammar::Node;
use super::super::spec::{COMMANDS, Id};
use super::super::text::is_identifier;
use super::super::tree::{
    At, ByTime, Command, Convert, DeliverBy, FlagChange, Importance, Location, Modifier, Notify,
    Recipient, Redirect, Text, Vacation, Word,
};
use super::super::{address, form};

const SECONDS_PER_DAY: u64 = 86_400;
/// RFC 6131 §2: "All valid values, from 0 to 2**31, MUST be accepted without error".
const VACATION_SECONDS_MAX: u64 = 1 << 31;

impl Checker {
    /// Any command but `require` and `if`.
    pub(in super::super) fn command(&mut self, node: &Node<'_>) -> Option<At<Command>> {
        let found = COMMANDS.iter().find(|spec| is(node.name, spec.name));
        let call = match found {
            Some(spec) if !node.broken => self.resolve(node, spec).map(|call| (spec.id, call)),
            Some(_) => None,
            None => {
                self.unknown_command(node.at, node.name);
                None
            }
        };
        let block = node.block.as_deref().unwrap_or_default();
        let Some((id, call)) = call else {
            // What is inside is checked as if the command were right.
            let looped = found.is_some_and(|spec| spec.id == Id::ForEveryPart);
            if looped {
                self.loops.push(None);
            }
            self.block(block, Whole::Block);
            if looped {
                self.loops.pop();
            }
            return None;
        };
        let item = match id {
            Id::ForEveryPart => self.for_every_part(&call, block)?,
            _ => self.action(id, &call)?,
        };
        Some(At { at: node.at, item })
    }

    fn action(&mut self, id: Id, call: &Call<'_, '_>) -> Option<Command> {
        Some(match id {
            Id::Stop => Command::Stop,
            Id::Keep => Command::Keep { flags: self.flags_tag(call) },
            Id::Discard => Command::Discard,
            Id::Redirect => Command::Redirect(Box::new(self.redirect(call))),
            Id::FileInto => {
                let mailbox = self.slot_text(call, 0);
                let filing = Box::new(self.filing(call, mailbox));
                Command::FileInto { copy: call.has("copy"), filing }
            }
            Id::Reject => Command::Reject(self.slot_text(call, 0)),
            Id::Ereject => Command::Ereject(self.slot_text(call, 0)),
            Id::Set => self.set(call)?,
            Id::SetFlag => self.change_flags(FlagChange::Set, call)?,
            Id::AddFlag => self.change_flags(FlagChange::Add, call)?,
            Id::RemoveFlag => self.change_flags(FlagChange::Remove, call)?,
            Id::Vacation => Command::Vacation(Box::new(self.vacation(call))),
            Id::AddHeader => Command::AddHeader {
                last: call.has("last"),
                name: Box::new(self.field_name(call)),
                value: self.slot_text(call, 1),
            },
            Id::DeleteHeader => self.delete_header(call)?,
            Id::Notify => Command::Notify(Box::new(self.notify(call))),
            Id::Include => self.include(call)?,
            Id::Return => Command::Return,
            Id::Global => return self.global(call),
            Id::Error => Command::Error(self.slot_text(call, 0)),
            Id::Break => self.break_loop(call)?,
            Id::Replace => self.replace(call),
            Id::Enclose => Command::Enclose {
                subject: self.tag_text(call, "subject"),
                headers: self.tag_list(call, "headers").unwrap_or_default().into(),
                text: self.slot_text(call, 0),
            },
            Id::ExtractText => self.extract_text(call)?,
            Id::Convert => Command::Convert(Box::new(self.convert(call))),
            Id::DebugLog => Command::DebugLog(self.slot_text(call, 0)),
            _ => return None,
        })
    }

    /// `redirect` — RFC 5228 §4.2, RFC 6134 §2.3, RFC 6009 §6 and §7.
    fn redirect(&mut self, call: &Call<'_, '_>) -> Redirect {
        let name = self.slot_text(call, 0);
        let to = if call.has("list") {
            self.list_name(&name);
            Recipient::List(name)
        } else {
            self.must_be(&name, address::sieve_address, "a mail address");
            Recipient::Address(name)
        };
        Redirect {
            to,
            copy: call.has("copy"),
            notify: self.tag_word(call, "notify"),
            ret: self.tag_word(call, "ret"),
            deliver_by: self.deliver_by(call),
        }
    }

    /// RFC 6009 §7: ":bymode" and ":bytrace" need a time.
    fn deliver_by(&mut self, call: &Call<'_, '_>) -> Option<DeliverBy> {
        let time = match self.tag_text(call, "bytimeabsolute") {
            Some(date) => {
                self.must_be(&date, form::date_time, "a date, as \"2007-02-26T09:00:00Z\"");
                Some(ByTime::Date(*date))
            }
            None => call.tag_number("bytimerelative").map(ByTime::Seconds),
        };
        let (mode, trace) = (self.tag_word(call, "bymode"), call.has("bytrace"));
        if time.is_none() {
            for tag in ["bymode", "bytrace"].into_iter().filter(|tag| call.has(tag)) {
                let at = call.tag_at(tag);
                self.error(
                    at,
                    format!(
                        "\":{tag}\" needs \":bytimerelative\" or \":bytimeabsolute\" beside it"
                    ),
                );
            }
        }
        time.map(|time| DeliverBy { time, mode, trace })
    }

    /// `set` — RFC 5229 §4.
    fn set(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        // The value is read before the name is set.
        let value = self.slot_text(call, 1);
        let variable = self.variable_to_set(call.slot(0))?;
        Some(Command::Set { variable, value, modifiers: modifiers(call) })
    }

    /// `vacation` — RFC 5230 §4, RFC 6131 §2.
    fn vacation(&mut self, call: &Call<'_, '_>) -> Vacation {
        // RFC 5230 §4.1: at least one day.
        let days = call.tag_number("days").map(|days| days.max(1).saturating_mul(SECONDS_PER_DAY));
        let seconds = call.tag_number("seconds");
        if seconds.is_some_and(|seconds| seconds > VACATION_SECONDS_MAX) {
            self.error(call.tag_at("seconds"), "expected at most 2^31 seconds");
        }
        let from = self.tag_text(call, "from");
        // §4.3: "generate an error when a syntactically invalid ":from" parameter is specified".
        if let Some(from) = &from {
            self.must_be(from, address::mailbox_list, "mail addresses with commas between them");
        }
        let addresses = self.tag_list(call, "addresses").unwrap_or_default();
        for text in &addresses {
            self.must_be(text, address::sieve_address, "a mail address");
        }
        Vacation {
            seconds: days.or(seconds),
            subject: self.tag_text(call, "subject"),
            from,
            addresses: addresses.into(),
            mime: call.has("mime"),
            handle: self.tag_text(call, "handle"),
            fcc: self.fcc(call),
            reason: self.slot_text(call, 0),
        }
    }

    /// `deleteheader` — RFC 5293 §5.
    fn delete_header(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        let name = self.field_name(call);
        let index = self.index(call);
        let matching = self.matching(call)?;
        let values = call.slot(1).map(|argument| self.strings(argument));
        if let Some(values) = &values {
            self.keys(matching, values);
        }
        Some(Command::DeleteHeader { index, name, matching, values: values.map(Into::into) })
    }

    /// RFC 5293 §4: what is no field name is an error.
    fn field_name(&mut self, call: &Call<'_, '_>) -> Text {
        let text = self.slot_text(call, 0);
        self.must_be(&text, form::field_name, "the name of a header field");
        if text.constant().is_some_and(|name| name.ends_with(':')) {
            self.errors.hint("without the colon");
        }
        text
    }

    /// `notify` — RFC 5435 §3.
    fn notify(&mut self, call: &Call<'_, '_>) -> Notify {
        let method = self.slot_text(call, 0);
        self.must_be(&method, form::uri, "a URI, as \"mailto:tim@example.com\"");
        let options = self.tag_list(call, "options").unwrap_or_default();
        for option in &options {
            self.must_be(option, form::option, "an option, as \"name=value\"");
        }
        let importance = self.tag_word(call, "importance");
        let from = self.tag_text(call, "from");
        // §3.3: its form is the method's; RFC 5436 §2.3 makes it an address.
        let mailto = |uri: &str| uri.get(..7).is_some_and(|scheme| is(scheme, "mailto:"));
        if let Some(from) = from.as_ref().filter(|_| method.constant().is_some_and(mailto)) {
            self.must_be(from, address::sieve_address, "a mail address");
        }
        Notify {
            from,
            importance: importance.unwrap_or(Word::Known(Importance::Normal)),
            options: options.into(),
            message: self.tag_text(call, "message"),
            fcc: self.fcc(call),
            method,
        }
    }

    /// RFC 6609 §3.2: the name is known before anything runs.
    fn include(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        let text = self.slot_text(call, 0);
        let name = self.constant(&text)?;
        self.must_be(&text, form::script_name, "the name of a script");
        let global = call.has("global");
        Some(Command::Include {
            location: if global { Location::Global } else { Location::Personal },
            once: call.has("once"),
            optional: call.has("optional"),
            name: name.into(),
        })
    }

    /// `global` — RFC 6609 §3.4.1: constants, without namespace, not set before, and only with
    /// "variables". Nothing of it is left to run.
    fn global(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        self.need(call.at, &[C::Variables], format_args!("\"global\""));
        for text in self.slot_list(call, 0) {
            let Some(name) = self.constant(&text) else { continue };
            let name = name.to_ascii_lowercase();
            if !is_identifier(&name) {
                self.form(&text, "a variable name");
            } else if !self.variables.declare(&name) {
                let message = format!("{} was set before as this script's own", shown(&name));
                self.error(text.at, message);
                self.errors.hint("write \"global\" before \"set\"");
            }
        }
        None
    }

    /// `foreverypart` — RFC 5703 §3.
    fn for_every_part(&mut self, call: &Call<'_, '_>, block: &[Node<'_>]) -> Option<Command> {
        let name = match self.tag_text(call, "name") {
            Some(text) => Some(self.constant(&text)?),
            None => None,
        };
        self.loops.push(name);
        let commands = self.block(block, Whole::Block).commands;
        self.loops.pop();
        Some(Command::ForEveryPart(commands))
    }

    /// `break` — RFC 5703 §3: it ends a loop that is around it, the closest of that name.
    fn break_loop(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        let Some(text) = self.tag_text(call, "name") else {
            if self.loops.is_empty() {
                self.error(call.at, "expected \"foreverypart\" around \"break\"");
            }
            return Some(Command::Break { loops: 1 });
        };
        let name = Some(self.constant(&text)?);
        let Some(inside) = self.loops.iter().rev().position(|around| *around == name) else {
            let expected = "the name of a \"foreverypart\" around \"break\"";
            self.form(&text, expected);
            return None;
        };
        let loops = u32::try_from(inside.saturating_add(1)).unwrap_or(u32::MAX);
        Some(Command::Break { loops })
    }

    /// `replace` — RFC 5703 §5.
    fn replace(&mut self, call: &Call<'_, '_>) -> Command {
        let (subject, from) = (self.tag_text(call, "subject"), self.tag_text(call, "from"));
        if let Some(from) = &from {
            self.must_be(from, address::mailbox_list, "mail addresses with commas between them");
        }
        // They are ignored, which "SHOULD be flagged as a compilation error".
        for tag in ["subject", "from"].into_iter().filter(|tag| call.has("mime") && call.has(tag)) {
            let at = call.tag_at(tag);
            self.error(at, format!("\":mime\" and \":{tag}\" exclude each other"));
        }
        let replacement = self.slot_text(call, 0);
        Command::Replace { mime: call.has("mime"), subject, from, replacement }
    }

    /// `extracttext` — RFC 5703 §7: it wants "variables", and outside of loops "SHOULD be flagged as
    /// a compilation error".
    fn extract_text(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        self.need(call.at, &[C::Variables], format_args!("\"extracttext\""));
        if self.loops.is_empty() {
            self.error(call.at, "expected \"foreverypart\" around \"extracttext\"");
        }
        let variable = self.variable_to_set(call.slot(0))?;
        Some(Command::ExtractText {
            modifiers: modifiers(call),
            first: call.tag_number("first"),
            variable,
        })
    }

    /// `convert` — RFC 6558 §2.
    pub(super) fn convert(&mut self, call: &Call<'_, '_>) -> Convert {
        let (from, to) = (self.slot_text(call, 0), self.slot_text(call, 1));
        let parameters = self.slot_list(call, 2);
        for parameter in &parameters {
            self.must_be(parameter, |text| text.contains('='), "a parameter, as \"name=value\"");
        }
        Convert { from, to, parameters: parameters.into() }
    }

    /// The name of an external list — RFC 6134 §2.5.
    pub(super) fn list_name(&mut self, text: &Text) {
        self.must_be(text, form::list_name, "the name of a list, as \":addrbook:default\"");
    }
}

/// RFC 5229 §4.1: higher precedence first.
fn modifiers(call: &Call<'_, '_>) -> Box<[Modifier]> {
    let all = [
        ("lower", Modifier::Lower),
        ("upper", Modifier::Upper),
        ("lowerfirst", Modifier::LowerFirst),
        ("upperfirst", Modifier::UpperFirst),
        ("quotewildcard", Modifier::QuoteWildcard),
        ("quoteregex", Modifier::QuoteRegex),
        ("encodeurl", Modifier::EncodeUrl),
        ("length", Modifier::Length),
    ];
    all.into_iter().filter(|(name, _)| call.has(name)).map(|(_, modifier)| modifier).collect()
}
