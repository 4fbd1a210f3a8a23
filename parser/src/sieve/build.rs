//! Checked calls to the typed tree, with what the table cannot say: values and combinations.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::check::{Call, Checker, Whole, is, shown};
use super::grammar::Node;
use super::spec::{COMMANDS, TESTS};
use super::text::is_identifier;
use super::tree::{
    AddressPart, At, BodyTransform, Command, Comparator, Compare, Filing, FlagChange, Index, Match,
    MatchType, Mime, MimeOf, Modifier, Notify, Redirect, Relation, Test, Text, Vacation, Zone,
};

const SECONDS_PER_DAY: u64 = 86_400;

/// `envelope-part` — RFC 5228 §5.4, and RFC 6009 §2 and §4 with the extension each needs.
const ENVELOPE_PARTS: &[(&str, &[&str])] = &[
    ("from", &[]),
    ("to", &[]),
    ("notify", &["envelope-dsn"]),
    ("orcpt", &["envelope-dsn"]),
    ("ret", &["envelope-dsn"]),
    ("envid", &["envelope-dsn"]),
    ("bytimeabsolute", &["envelope-deliverby"]),
    ("bytimerelative", &["envelope-deliverby"]),
    ("bymode", &["envelope-deliverby"]),
    ("bytrace", &["envelope-deliverby"]),
];

/// `date-part` — RFC 5260 §4.2.
const DATE_PARTS: &[&str] = &[
    "year", "month", "day", "date", "julian", "hour", "minute", "second", "time", "iso8601",
    "std11", "zone", "weekday",
];

impl Checker<'_> {
    /// Any command but `require` and `if`.
    pub(super) fn command(&mut self, node: &Node<'_>) -> Option<At<Command>> {
        let found = COMMANDS.iter().find(|spec| is(node.name, spec.name));
        let call = match found {
            Some(spec) if !node.broken => self.resolve(node, spec).map(|call| (spec.name, call)),
            Some(_) => None,
            None => {
                if is(node.name, "elsif") || is(node.name, "else") {
                    self.error(node.at, format!("\"if\" before \"{}\"", node.name));
                } else {
                    self.error(
                        node.at,
                        format!("a known command; \"{}\" is not", shown(node.name)),
                    );
                }
                None
            }
        };
        let block = node.block.as_deref().unwrap_or_default();
        let Some((name, call)) = call else {
            self.commands(block, Whole::Block);
            return None;
        };
        let item = match name {
            "foreverypart" => self.for_every_part(&call, block)?,
            _ => self.action(name, &call)?,
        };
        Some(At { at: node.at, item })
    }

    fn action(&mut self, name: &str, call: &Call<'_, '_>) -> Option<Command> {
        Some(match name {
            "stop" => Command::Stop,
            "keep" => Command::Keep { flags: self.tag_list(call, "flags") },
            "discard" => Command::Discard,
            "redirect" => self.redirect(call),
            "fileinto" => {
                let mailbox = self.slot_text(call, 0);
                Command::FileInto { copy: call.has("copy"), filing: self.filing(call, mailbox) }
            }
            "reject" => Command::Reject(self.slot_text(call, 0)),
            "ereject" => Command::Ereject(self.slot_text(call, 0)),
            "set" => Command::Set {
                name: self.variable_name(call)?,
                value: self.slot_text(call, 1),
                modifiers: modifiers(call),
            },
            "setflag" => self.flags(FlagChange::Set, call),
            "addflag" => self.flags(FlagChange::Add, call),
            "removeflag" => self.flags(FlagChange::Remove, call),
            "vacation" => self.vacation(call),
            "addheader" => Command::AddHeader {
                last: call.has("last"),
                name: self.field_name(call),
                value: self.slot_text(call, 1),
            },
            "deleteheader" => Command::DeleteHeader {
                index: self.index(call),
                matching: self.matching(call)?,
                name: self.field_name(call),
                values: self.slot_list_maybe(call, 1),
            },
            "notify" => self.notify(call),
            "include" => self.include(call)?,
            "return" => Command::Return,
            "global" => self.global(call),
            "error" => Command::Error(self.slot_text(call, 0)),
            "break" => self.break_loop(call)?,
            "replace" => Command::Replace {
                mime: call.has("mime"),
                subject: self.tag_text(call, "subject"),
                from: self.tag_text(call, "from"),
                replacement: self.slot_text(call, 0),
            },
            "enclose" => Command::Enclose {
                subject: self.tag_text(call, "subject"),
                headers: self.tag_list(call, "headers"),
                text: self.slot_text(call, 0),
            },
            "extracttext" => self.extract_text(call)?,
            "debug_log" => Command::DebugLog(self.slot_text(call, 0)),
            _ => return None,
        })
    }

    fn redirect(&mut self, call: &Call<'_, '_>) -> Command {
        Command::Redirect(Redirect {
            copy: call.has("copy"),
            list: call.has("list"),
            notify: self.tag_text(call, "notify"),
            ret: self.tag_text(call, "ret"),
            by_seconds: call.tag_number("bytimerelative"),
            by_date: self.tag_text(call, "bytimeabsolute"),
            by_mode: self.tag_text(call, "bymode"),
            by_trace: call.has("bytrace"),
            address: self.slot_text(call, 0),
        })
    }

    fn filing(&mut self, call: &Call<'_, '_>, mailbox: Text) -> Filing {
        Filing {
            mailbox,
            create: call.has("create"),
            flags: self.tag_list(call, "flags"),
            mailbox_id: self.tag_text(call, "mailboxid"),
            special_use: self.tag_text(call, "specialuse"),
        }
    }

    /// `FCC = ":fcc" string *FCC-OPTS` — RFC 8580 §5.
    fn fcc(&mut self, call: &Call<'_, '_>) -> Option<Filing> {
        for option in ["flags", "create", "mailboxid", "specialuse"] {
            self.together(call, option, "fcc");
        }
        let mailbox = self.tag_text(call, "fcc")?;
        Some(self.filing(call, mailbox))
    }

    fn flags(&mut self, change: FlagChange, call: &Call<'_, '_>) -> Command {
        let variable = self.slot_maybe(call, 0);
        if let Some(variable) = &variable {
            // RFC 5232 §2: variables of flags need "variables" too.
            self.need(variable.at, &["variables"], "a variable of flags");
        }
        Command::Flags { change, variable, flags: self.slot_list(call, 1) }
    }

    fn vacation(&mut self, call: &Call<'_, '_>) -> Command {
        let days = call.tag_number("days").map(|days| days.saturating_mul(SECONDS_PER_DAY));
        Command::Vacation(Vacation {
            seconds: days.or(call.tag_number("seconds")),
            subject: self.tag_text(call, "subject"),
            from: self.tag_text(call, "from"),
            addresses: self.tag_list(call, "addresses"),
            mime: call.has("mime"),
            handle: self.tag_text(call, "handle"),
            fcc: self.fcc(call),
            reason: self.slot_text(call, 0),
        })
    }

    fn notify(&mut self, call: &Call<'_, '_>) -> Command {
        let importance = self.tag_text(call, "importance");
        if let Some(text) = &importance
            && text.constant().is_some_and(|text| !matches!(text, "1" | "2" | "3"))
        {
            self.error(text.at, "\"1\", \"2\" or \"3\"");
        }
        Command::Notify(Notify {
            from: self.tag_text(call, "from"),
            importance,
            options: self.tag_list(call, "options"),
            message: self.tag_text(call, "message"),
            fcc: self.fcc(call),
            method: self.slot_text(call, 0),
        })
    }

    /// RFC 6609 §3.2: the name is known before anything runs.
    fn include(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        let name = self.slot_text(call, 0);
        self.constant(&name)?;
        Some(Command::Include {
            global: call.has("global"),
            once: call.has("once"),
            optional: call.has("optional"),
            name,
        })
    }

    /// RFC 6609 §3.4.1: names are constants, and need "variables".
    fn global(&mut self, call: &Call<'_, '_>) -> Command {
        self.need(call.at, &["variables"], "global");
        let mut names = Vec::new();
        for text in self.slot_list(call, 0) {
            let Some(name) = self.constant(&text) else { continue };
            if is_identifier(&name) {
                names.push(name.to_ascii_lowercase());
            } else {
                self.error(text.at, "a variable name");
            }
        }
        Command::Global(names)
    }

    /// The first slot as `variable-name` — RFC 5229 §4. A match variable cannot be set.
    fn variable_name(&mut self, call: &Call<'_, '_>) -> Option<String> {
        let text = self.slot_text(call, 0);
        let name = self.constant(&text)?.to_ascii_lowercase();
        // The one namespace that may be set (RFC 6609 §3.4.2).
        let plain = match name.strip_prefix("global.") {
            Some(plain) if self.has("include") => plain,
            _ => &name,
        };
        if is_identifier(plain) {
            return Some(name);
        }
        self.error(text.at, "a variable name");
        None
    }

    /// RFC 5293 §4: what is no field name is an error.
    fn field_name(&mut self, call: &Call<'_, '_>) -> Text {
        let text = self.slot_text(call, 0);
        let ftext = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if text.constant().is_some_and(|name| name.is_empty() || !name.bytes().all(ftext)) {
            self.error(text.at, "a header field name");
        }
        text
    }

    fn for_every_part(&mut self, call: &Call<'_, '_>, block: &[Node<'_>]) -> Option<Command> {
        let name = match self.tag_text(call, "name") {
            Some(text) => Some(self.constant(&text)?),
            None => None,
        };
        self.loops.push(name.clone());
        let commands = self.commands(block, Whole::Block);
        self.loops.pop();
        Some(Command::ForEveryPart { name, commands })
    }

    /// RFC 5703 §3.2: it ends a loop that is around it.
    fn break_loop(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        let Some(text) = self.tag_text(call, "name") else {
            if self.loops.is_empty() {
                self.error(call.at, "\"foreverypart\" around \"break\"");
            }
            return Some(Command::Break { name: None });
        };
        let name = Some(self.constant(&text)?);
        if !self.loops.contains(&name) {
            self.error(text.at, "the name of a \"foreverypart\" around");
        }
        Some(Command::Break { name })
    }

    /// RFC 5703 §7: it wants "variables".
    fn extract_text(&mut self, call: &Call<'_, '_>) -> Option<Command> {
        self.need(call.at, &["variables"], "extracttext");
        if self.loops.is_empty() {
            self.error(call.at, "\"foreverypart\" around \"extracttext\"");
        }
        Some(Command::ExtractText {
            modifiers: modifiers(call),
            first: call.tag_number("first"),
            name: self.variable_name(call)?,
        })
    }

    /// `test = identifier arguments` — RFC 5228 §8.2.
    pub(super) fn test(&mut self, node: &Node<'_>) -> At<Test> {
        let item = self.known_test(node).unwrap_or(Test::False);
        At { at: node.at, item }
    }

    fn known_test(&mut self, node: &Node<'_>) -> Option<Test> {
        let Some(spec) = TESTS.iter().find(|spec| is(node.name, spec.name)) else {
            self.error(node.at, format!("a known test; \"{}\" is not", shown(node.name)));
            return None;
        };
        let Some(call) = self.resolve(node, spec) else {
            // The tests inside may have mistakes of their own.
            for test in &node.tests {
                self.test(test);
            }
            return None;
        };
        match spec.name {
            "allof" => Some(Test::AllOf(self.tests(&node.tests, false))),
            "anyof" => Some(Test::AnyOf(self.tests(&node.tests, true))),
            "not" => Some(Test::Not(Box::new(self.test(node.tests.first()?)))),
            name => self.plain_test(name, &call),
        }
    }

    fn plain_test(&mut self, name: &str, call: &Call<'_, '_>) -> Option<Test> {
        Some(match name {
            "true" => Test::True,
            "false" => Test::False,
            "ihave" => self.ihave(call),
            "size" => self.size(call)?,
            "exists" => Test::Exists { mime: self.mime(call), headers: self.slot_list(call, 0) },
            "address" => Test::Address {
                part: part(call),
                index: self.index(call),
                mime: self.mime(call),
                compare: self.compare(call, Some(0), 1)?,
            },
            "header" => Test::Header {
                index: self.index(call),
                mime: self.mime(call),
                compare: self.compare(call, Some(0), 1)?,
            },
            "envelope" => self.envelope(call)?,
            "body" => Test::Body {
                transform: match call.of("body transform") {
                    Some("raw") => BodyTransform::Raw,
                    Some("content") => {
                        BodyTransform::Content(self.tag_list(call, "content").unwrap_or_default())
                    }
                    _ => BodyTransform::Text,
                },
                compare: self.compare(call, None, 0)?,
            },
            "string" => Test::String(self.compare(call, Some(0), 1)?),
            "hasflag" => self.has_flag(call)?,
            "date" => Test::Date {
                zone: self.zone(call),
                index: self.index(call),
                part: self.date_part(call, 1),
                compare: self.compare(call, Some(0), 2)?,
            },
            "currentdate" => {
                self.date_part(call, 0);
                Test::CurrentDate {
                    zone: self.zone(call),
                    compare: self.compare(call, Some(0), 1)?,
                }
            }
            "environment" => Test::Environment(self.compare(call, Some(0), 1)?),
            "notify_method_capability" => Test::NotifyMethodCapability {
                method: self.slot_text(call, 0),
                compare: self.compare(call, Some(1), 2)?,
            },
            "spamtest" => Test::SpamTest {
                percent: call.has("percent"),
                compare: self.compare(call, None, 0)?,
            },
            "virustest" => Test::VirusTest(self.compare(call, None, 0)?),
            "duplicate" => Test::Duplicate {
                handle: self.tag_text(call, "handle"),
                header: self.tag_text(call, "header"),
                unique_id: self.tag_text(call, "uniqueid"),
                seconds: call.tag_number("seconds"),
                last: call.has("last"),
            },
            _ => self.existence(name, call)?,
        })
    }

    /// Tests of what the server has.
    fn existence(&mut self, name: &str, call: &Call<'_, '_>) -> Option<Test> {
        Some(match name {
            "mailboxexists" => Test::MailboxExists(self.slot_list(call, 0)),
            "mailboxidexists" => Test::MailboxIdExists(self.slot_list(call, 0)),
            "specialuse_exists" => Test::SpecialUseExists {
                mailbox: self.slot_maybe(call, 0),
                uses: self.slot_list(call, 1),
            },
            "metadata" => Test::Metadata {
                mailbox: self.slot_maybe(call, 0),
                compare: self.compare(call, Some(1), 2)?,
            },
            "servermetadata" => {
                Test::Metadata { mailbox: None, compare: self.compare(call, Some(0), 1)? }
            }
            "metadataexists" => Test::MetadataExists {
                mailbox: self.slot_maybe(call, 0),
                names: self.slot_list(call, 1),
            },
            "servermetadataexists" => {
                Test::MetadataExists { mailbox: None, names: self.slot_list(call, 0) }
            }
            "valid_notify_method" => Test::ValidNotifyMethod(self.slot_list(call, 0)),
            "valid_ext_list" => Test::ValidExtList(self.slot_list(call, 0)),
            _ => return None,
        })
    }

    /// `ihave <capabilities: string-list>` — RFC 5463 §4: what it finds counts as required from
    /// here on.
    fn ihave(&mut self, call: &Call<'_, '_>) -> Test {
        let mut found = Vec::new();
        for text in self.slot_list(call, 0) {
            let Some(name) = self.constant(&text) else { continue };
            found.push(self.offers(&name));
        }
        let all = found.iter().all(Option::is_some);
        if all {
            found.into_iter().flatten().for_each(|capability| self.add_required(capability));
        }
        Test::Ihave(all)
    }

    /// `size <":over" / ":under"> <limit: number>` — RFC 5228 §5.9.
    fn size(&mut self, call: &Call<'_, '_>) -> Option<Test> {
        if call.of("limit").is_none() {
            self.error(call.at, "\":over\" or \":under\" with \"size\"");
            return None;
        }
        Some(Test::Size { over: call.has("over"), limit: call.number(0) })
    }

    fn envelope(&mut self, call: &Call<'_, '_>) -> Option<Test> {
        let compare = self.compare(call, Some(0), 1)?;
        for source in &compare.sources {
            let Some(name) = source.constant() else { continue };
            match ENVELOPE_PARTS.iter().find(|(part, _)| is(name, part)) {
                Some((part, needs)) => self.need(source.at, needs, part),
                None => self.error(source.at, "an envelope part, as \"from\" or \"to\""),
            }
        }
        Some(Test::Envelope { part: part(call), zone: self.tag_text(call, "zone"), compare })
    }

    fn has_flag(&mut self, call: &Call<'_, '_>) -> Option<Test> {
        let compare = self.compare(call, Some(0), 1)?;
        if let Some(variable) = compare.sources.first() {
            // RFC 5232 §2.
            self.need(variable.at, &["variables"], "a variable of flags");
        }
        Some(Test::HasFlag(compare))
    }

    fn date_part(&mut self, call: &Call<'_, '_>, slot: usize) -> Text {
        let text = self.slot_text(call, slot);
        if text.constant().is_some_and(|part| !DATE_PARTS.iter().any(|known| is(part, known))) {
            self.error(text.at, format!("a date part: {}", DATE_PARTS.join(", ")));
        }
        text
    }

    fn zone(&mut self, call: &Call<'_, '_>) -> Zone {
        match self.tag_text(call, "zone") {
            Some(offset) => Zone::Offset(offset),
            None if call.has("originalzone") => Zone::Original,
            None => Zone::Local,
        }
    }

    /// RFC 5260 §6: `:last` makes no sense alone.
    fn index(&mut self, call: &Call<'_, '_>) -> Option<Index> {
        self.together(call, "last", "index");
        let number = call.tag_number("index")?;
        if number == 0 {
            self.error(call.at, "an \":index\" from 1");
        }
        Some(Index { number, last: call.has("last") })
    }

    /// RFC 5703 §4: the others need `:mime`.
    fn mime(&mut self, call: &Call<'_, '_>) -> Option<Mime> {
        for option in ["anychild", "type", "subtype", "contenttype", "param"] {
            self.together(call, option, "mime");
        }
        let of = match call.of("MIME option") {
            Some("type") => MimeOf::Type,
            Some("subtype") => MimeOf::Subtype,
            Some("contenttype") => MimeOf::ContentType,
            Some("param") => MimeOf::Parameters(self.tag_list(call, "param").unwrap_or_default()),
            _ => MimeOf::Value,
        };
        call.has("mime").then(|| Mime { any_child: call.has("anychild"), of })
    }

    fn compare(
        &mut self,
        call: &Call<'_, '_>,
        sources: Option<usize>,
        keys: usize,
    ) -> Option<Compare> {
        let sources = sources.map(|slot| self.slot_list(call, slot)).unwrap_or_default();
        Some(Compare { sources, keys: self.slot_list(call, keys), matching: self.matching(call)? })
    }

    /// `MATCH-TYPE` and `COMPARATOR` — RFC 5228 §2.7, RFC 5231 §3.
    fn matching(&mut self, call: &Call<'_, '_>) -> Option<Match> {
        let comparator = self.comparator(call)?;
        let kind = match call.of("match type") {
            Some("contains") => MatchType::Contains,
            Some("matches") => MatchType::Matches,
            Some("regex") => MatchType::Regex,
            Some("list") => MatchType::List,
            Some("count") => MatchType::Count(self.relation(call, "count")?),
            Some("value") => MatchType::Value(self.relation(call, "value")?),
            _ => MatchType::Is,
        };
        let inside = matches!(kind, MatchType::Contains | MatchType::Matches | MatchType::Regex);
        if comparator == Comparator::AsciiNumeric && inside {
            // RFC 4790 §9.1.1: it knows equality and order, no substrings.
            self.error(call.at, "a comparator that knows substrings");
        }
        Some(Match { kind, comparator })
    }

    /// RFC 5228 §2.7.3: two comparators need no `require`.
    fn comparator(&mut self, call: &Call<'_, '_>) -> Option<Comparator> {
        let Some(text) = self.tag_text(call, "comparator") else {
            return Some(Comparator::AsciiCasemap);
        };
        let name = self.constant(&text)?;
        Some(match name.as_str() {
            "i;octet" => Comparator::Octet,
            "i;ascii-casemap" => Comparator::AsciiCasemap,
            "i;ascii-numeric" => {
                self.need(text.at, &["comparator-i;ascii-numeric"], &name);
                Comparator::AsciiNumeric
            }
            "i;unicode-casemap" => {
                self.need(text.at, &["comparator-i;unicode-casemap"], &name);
                Comparator::UnicodeCasemap
            }
            _ => {
                self.error(text.at, format!("a known comparator; \"{}\" is not", shown(&name)));
                return None;
            }
        })
    }

    /// `relational-match = DQUOTE ("gt" / "ge" / "lt" / "le" / "eq" / "ne") DQUOTE` — RFC 5231 §3.
    fn relation(&mut self, call: &Call<'_, '_>, tag: &str) -> Option<Relation> {
        let text = self.tag_text(call, tag)?;
        let name = self.constant(&text)?.to_ascii_lowercase();
        Some(match name.as_str() {
            "gt" => Relation::Greater,
            "ge" => Relation::GreaterOrEqual,
            "lt" => Relation::Less,
            "le" => Relation::LessOrEqual,
            "eq" => Relation::Equal,
            "ne" => Relation::NotEqual,
            _ => {
                self.error(text.at, "\"gt\", \"ge\", \"lt\", \"le\", \"eq\" or \"ne\"");
                return None;
            }
        })
    }
}

fn part(call: &Call<'_, '_>) -> AddressPart {
    match call.of("address part") {
        Some("localpart") => AddressPart::LocalPart,
        Some("domain") => AddressPart::Domain,
        Some("user") => AddressPart::User,
        Some("detail") => AddressPart::Detail,
        _ => AddressPart::All,
    }
}

/// RFC 5229 §4.1: higher precedence first.
fn modifiers(call: &Call<'_, '_>) -> Vec<Modifier> {
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
