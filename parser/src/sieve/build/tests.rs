//! Tests: each of the RFCs' own rules about its arguments.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::super::capability::Capability as C;
use super::super::check::{Call, Checker, is};
use super::super::error::{nearest, shown};
use super::super::form;
use super::super::grammar::Node;
use super::super::spec::{Id, Needs, TESTS};
use super::super::tree::{
    AddressPart, At, BodyTransform, DatePart, EnvelopePart, EnvironmentItem, Mime, MimeOf, Test,
    Text, Word, WordOf, Zone,
};

impl Checker {
    /// `test = identifier arguments` — RFC 5228 §8.2.
    pub(in super::super) fn test(&mut self, node: &Node<'_>) -> At<Test> {
        let item = self.known_test(node).unwrap_or(Test::False);
        At { at: node.at, item }
    }

    fn known_test(&mut self, node: &Node<'_>) -> Option<Test> {
        let Some(spec) = TESTS.iter().find(|spec| is(node.name, spec.name)) else {
            self.error(node.at, format!("expected a test, found {}", shown(node.name)));
            if self.errors.has_room() {
                self.hint_test(node);
            }
            return None;
        };
        let Some(call) = self.resolve(node, spec) else {
            // The tests inside may have mistakes of their own.
            for test in node.tests.iter().filter(|_| spec.tests != super::super::spec::Tests::None)
            {
                self.test(test);
            }
            return None;
        };
        match spec.id {
            Id::AllOf => Some(Test::AllOf(self.tests(&node.tests, false))),
            Id::AnyOf => Some(Test::AnyOf(self.tests(&node.tests, true))),
            Id::Not => Some(Test::Not(Box::new(self.test(node.tests.first()?)))),
            id => self.plain_test(id, &call),
        }
    }

    fn hint_test(&mut self, node: &Node<'_>) {
        let near = match node.name {
            name if is(name, "and") || is(name, "all") => Some("allof"),
            name if is(name, "or") || is(name, "any") => Some("anyof"),
            name => nearest(name, TESTS.iter().map(|spec| spec.name)),
        };
        if let Some(near) = near {
            self.errors.hint(format!("did you mean \"{near}\"?"));
        }
    }

    fn plain_test(&mut self, id: Id, call: &Call<'_, '_>) -> Option<Test> {
        Some(match id {
            Id::True => Test::True,
            Id::False => Test::False,
            Id::Ihave => self.ihave(call),
            Id::Size => self.size(call)?,
            Id::Exists => {
                Test::Exists { mime: self.mime(call), headers: self.headers(call, 0).into() }
            }
            Id::Address => self.address(call)?,
            Id::Header => Test::Header {
                index: self.index(call),
                mime: self.mime(call),
                headers: self.headers(call, 0).into(),
                compare: self.compare(call, 1)?,
            },
            Id::Envelope => self.envelope(call)?,
            Id::Body => {
                Test::Body { transform: self.transform(call), compare: self.compare(call, 0)? }
            }
            Id::String => Test::String {
                sources: self.slot_list(call, 0).into(),
                compare: self.compare(call, 1)?,
            },
            Id::HasFlag => Test::HasFlag {
                variables: self.flag_variables(call),
                compare: self.compare(call, 1)?,
            },
            Id::Date => Test::Date {
                zone: self.zone(call),
                index: self.index(call),
                header: Box::new(self.headers(call, 0).into_iter().next()?),
                part: self.date_part(call, 1),
                compare: self.compare(call, 2)?,
            },
            Id::CurrentDate => Test::CurrentDate {
                zone: self.zone(call),
                part: self.date_part(call, 0),
                compare: self.compare(call, 1)?,
            },
            Id::Environment => Test::Environment {
                item: self.environment_item(call),
                compare: self.compare(call, 1)?,
            },
            Id::Duplicate => Test::Duplicate {
                handle: self.tag_text(call, "handle"),
                header: self.tag_text(call, "header"),
                unique_id: self.tag_text(call, "uniqueid"),
                seconds: call.tag_number("seconds"),
                last: call.has("last"),
            },
            Id::SpamTest => {
                Test::SpamTest { percent: call.has("percent"), compare: self.compare(call, 0)? }
            }
            Id::VirusTest => Test::VirusTest(self.compare(call, 0)?),
            Id::Convert => Test::Convert(Box::new(self.convert(call))),
            _ => self.existence(id, call)?,
        })
    }

    /// Tests of what the server has.
    fn existence(&mut self, id: Id, call: &Call<'_, '_>) -> Option<Test> {
        Some(match id {
            Id::MailboxExists => {
                let names = self.slot_list(call, 0);
                names.iter().for_each(|name| self.mailbox(name));
                Test::MailboxExists(names.into())
            }
            Id::MailboxIdExists => Test::MailboxIdExists(self.slot_list(call, 0).into()),
            Id::SpecialUseExists => {
                let uses = self.slot_list(call, 1);
                uses.iter().for_each(|text| self.special_use(text));
                Test::SpecialUseExists {
                    mailbox: self.slot_maybe(call, 0).map(Box::new),
                    uses: uses.into(),
                }
            }
            Id::Metadata => Test::Metadata {
                mailbox: self.slot_maybe(call, 0).map(Box::new),
                annotation: self.slot_text(call, 1),
                compare: self.compare(call, 2)?,
            },
            Id::ServerMetadata => Test::Metadata {
                mailbox: None,
                annotation: self.slot_text(call, 0),
                compare: self.compare(call, 1)?,
            },
            Id::MetadataExists => Test::MetadataExists {
                mailbox: self.slot_maybe(call, 0).map(Box::new),
                annotations: self.slot_list(call, 1).into(),
            },
            Id::ServerMetadataExists => {
                Test::MetadataExists { mailbox: None, annotations: self.slot_list(call, 0).into() }
            }
            // RFC 5435 §4 and §5: what is no URI is untrue, not an error. RFC 6134 §2.7 alike.
            Id::ValidNotifyMethod => Test::ValidNotifyMethod(self.slot_list(call, 0).into()),
            Id::ValidExtList => Test::ValidExtList(self.slot_list(call, 0).into()),
            Id::NotifyMethodCapability => Test::NotifyMethodCapability {
                method: Box::new(self.slot_text(call, 0)),
                capability: self.slot_text(call, 1),
                compare: self.compare(call, 2)?,
            },
            _ => return None,
        })
    }

    /// `size <":over" / ":under"> <limit: number>` — RFC 5228 §5.9.
    fn size(&mut self, call: &Call<'_, '_>) -> Option<Test> {
        if call.of("limit").is_none() {
            self.error(call.at, "expected \":over\" or \":under\" behind \"size\"");
            return None;
        }
        Some(Test::Size { over: call.has("over"), limit: call.number(0) })
    }

    /// `address` — RFC 5228 §5.1: other fields than those of addresses match nothing.
    fn address(&mut self, call: &Call<'_, '_>) -> Option<Test> {
        let headers = self.headers(call, 0);
        for text in headers.iter().filter(|_| !call.has("mime")) {
            if let Some(name) = text.constant()
                && form::field_name(name)
                && !form::holds_addresses(name)
            {
                let message = format!("the field {} holds no addresses", shown(name));
                self.warnings.add(text.at, message);
                self.warnings.hint("the test \"header\" looks at any field");
            }
        }
        Some(Test::Address {
            part: part(call),
            index: self.index(call),
            mime: self.mime(call),
            headers: headers.into(),
            compare: self.compare(call, 1)?,
        })
    }

    /// `envelope` — RFC 5228 §5.4, RFC 6009 §4 and §5.
    fn envelope(&mut self, call: &Call<'_, '_>) -> Option<Test> {
        let mut parts = Vec::new();
        for text in self.slot_list(call, 0) {
            let at = text.at;
            let part: Word<EnvelopePart> = self.word(text);
            if let Word::Known(part) = part {
                self.need(at, needs(part), format_args!("\"{}\"", part.name()));
                // They hold no addresses: "it is an error to specify an ADDRESS-PART argument".
                if !needs(part).is_empty()
                    && let Some((name, at)) = call.of("address part")
                {
                    self.error(
                        at,
                        format!("expected no \":{name}\" with a part that is no address"),
                    );
                }
            }
            parts.push(part);
        }
        let zone = self.zone(call);
        Some(Test::Envelope {
            part: part(call),
            zone,
            parts: parts.into(),
            compare: self.compare(call, 1)?,
        })
    }

    /// `BODY-TRANSFORM` — RFC 5173 §5.
    fn transform(&mut self, call: &Call<'_, '_>) -> BodyTransform {
        match call.of("body transform") {
            Some(("raw", _)) => BodyTransform::Raw,
            Some(("content", _)) => {
                BodyTransform::Content(self.tag_list(call, "content").unwrap_or_default().into())
            }
            _ => BodyTransform::Text,
        }
    }

    /// `date-part` — RFC 5260 §4.2.
    fn date_part(&mut self, call: &Call<'_, '_>, slot: usize) -> Word<DatePart> {
        let text = self.slot_text(call, slot);
        self.word(text)
    }

    /// `":zone" <time-zone: string> / ":originalzone"` — RFC 5260 §4.1, RFC 6009 §5.
    fn zone(&mut self, call: &Call<'_, '_>) -> Zone {
        match self.tag_word(call, "zone") {
            Some(offset) => Zone::Offset(offset),
            None if call.has("originalzone") => Zone::Original,
            None => Zone::Local,
        }
    }

    /// RFC 5183 §4: an item that is not known is no error.
    fn environment_item(&mut self, call: &Call<'_, '_>) -> Word<EnvironmentItem> {
        let text: Text = self.slot_text(call, 0);
        match text.constant() {
            Some(name) => Word::Known(self.item(name)),
            None if text.is_constant() => {
                self.form(&text, EnvironmentItem::EXPECTED);
                Word::Computed(Box::new(text))
            }
            None => Word::Computed(Box::new(text)),
        }
    }

    /// RFC 5703 §4: the others need `:mime`.
    fn mime(&mut self, call: &Call<'_, '_>) -> Option<Box<Mime>> {
        for option in ["anychild", "type", "subtype", "contenttype", "param"] {
            self.together(call, option, "mime");
        }
        let of = match call.of("MIME option").map(|(name, _)| name) {
            Some("type") => MimeOf::Type,
            Some("subtype") => MimeOf::Subtype,
            Some("contenttype") => MimeOf::ContentType,
            Some("param") => {
                MimeOf::Parameters(self.tag_list(call, "param").unwrap_or_default().into())
            }
            _ => MimeOf::Value,
        };
        call.has("mime").then(|| Box::new(Mime { any_child: call.has("anychild"), of }))
    }
}

/// What the parts need that RFC 6009 adds.
const fn needs(part: EnvelopePart) -> Needs {
    match part {
        EnvelopePart::From | EnvelopePart::To => &[],
        EnvelopePart::Notify | EnvelopePart::Orcpt | EnvelopePart::Ret | EnvelopePart::Envid => {
            &[C::EnvelopeDsn]
        }
        EnvelopePart::ByTimeAbsolute
        | EnvelopePart::ByTimeRelative
        | EnvelopePart::ByMode
        | EnvelopePart::ByTrace => &[C::EnvelopeDeliverBy],
    }
}

fn part(call: &Call<'_, '_>) -> AddressPart {
    match call.of("address part").map(|(name, _)| name) {
        Some("localpart") => AddressPart::LocalPart,
        Some("domain") => AddressPart::Domain,
        Some("user") => AddressPart::User,
        Some("detail") => AddressPart::Detail,
        _ => AddressPart::All,
    }
}
