//! The table of the language: each command, test and tagged argument with the extension it needs.

use super::capability::Capability as C;

/// A command or a test.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) id: Id,
    pub(super) needs: Needs,
    pub(super) tags: &'static [&'static [Tag]],
    pub(super) slots: &'static [Slot],
    pub(super) tests: Tests,
    pub(super) block: bool,
}

/// Which command or test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    If,
    Else,
    Require,
    Stop,
    Keep,
    Discard,
    Redirect,
    FileInto,
    Reject,
    Ereject,
    Set,
    SetFlag,
    AddFlag,
    RemoveFlag,
    Vacation,
    AddHeader,
    DeleteHeader,
    Notify,
    Include,
    Return,
    Global,
    Error,
    ForEveryPart,
    Break,
    Replace,
    Enclose,
    ExtractText,
    DebugLog,
    AllOf,
    AnyOf,
    Not,
    True,
    False,
    Ihave,
    Size,
    Exists,
    Address,
    Header,
    Envelope,
    Body,
    String,
    HasFlag,
    Date,
    CurrentDate,
    MailboxExists,
    MailboxIdExists,
    SpecialUseExists,
    Metadata,
    MetadataExists,
    ServerMetadata,
    ServerMetadataExists,
    Duplicate,
    Environment,
    ValidNotifyMethod,
    NotifyMethodCapability,
    ValidExtList,
    SpamTest,
    VirusTest,
    Convert,
}

/// One of these must be required; none of them: RFC 5228 has it.
pub(super) type Needs = &'static [C];

/// A tagged argument.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: &'static str,
    pub(super) needs: Needs,
    /// What must stand behind it.
    pub(super) value: Option<Kind>,
    /// Of one group, one may be given.
    pub(super) group: &'static str,
}

/// Positional arguments of a command or test at most.
pub(super) const SLOTS_MAX: usize = 3;

/// A positional argument.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) what: &'static str,
    pub(super) kind: Kind,
    pub(super) optional: bool,
}

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
    List,
}

/// The tests behind the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tests {
    None,
    One,
    Many,
}

const fn tag(name: &'static str, needs: Needs, value: Option<Kind>) -> Tag {
    Tag { name, needs, value, group: name }
}

const fn of(group: &'static str, name: &'static str, needs: Needs, value: Option<Kind>) -> Tag {
    Tag { name, needs, value, group }
}

const fn text(what: &'static str) -> Slot {
    Slot { what, kind: Kind::Text, optional: false }
}

const fn list(what: &'static str) -> Slot {
    Slot { what, kind: Kind::List, optional: false }
}

const fn number(what: &'static str) -> Slot {
    Slot { what, kind: Kind::Number, optional: false }
}

const fn optional(slot: Slot) -> Slot {
    Slot { what: slot.what, kind: slot.kind, optional: true }
}

const fn spec(
    name: &'static str,
    id: Id,
    needs: Needs,
    tags: &'static [&'static [Tag]],
    slots: &'static [Slot],
) -> Spec {
    Spec { name, id, needs, tags, slots, tests: Tests::None, block: false }
}

const NUMBER: Option<Kind> = Some(Kind::Number);
const TEXT: Option<Kind> = Some(Kind::Text);
const LIST: Option<Kind> = Some(Kind::List);

/// `MATCH-TYPE` (RFC 5228 §2.7.1) and `COMPARATOR` (§2.7.3).
const MATCH: &[Tag] = &[
    of("match type", "is", &[], None),
    of("match type", "contains", &[], None),
    of("match type", "matches", &[], None),
    of("match type", "count", &[C::Relational], TEXT),
    of("match type", "value", &[C::Relational], TEXT),
    of("match type", "regex", &[C::Regex], None),
    of("comparator", "comparator", &[], TEXT),
];
/// RFC 6134 §2.2: an error with any test that does not support it.
const IN_LIST: &[Tag] = &[of("match type", "list", &[C::ExtLists], None)];
/// `ADDRESS-PART` (RFC 5228 §2.7.4, RFC 5233 §4).
const PART: &[Tag] = &[
    of("address part", "all", &[], None),
    of("address part", "localpart", &[], None),
    of("address part", "domain", &[], None),
    of("address part", "user", &[C::Subaddress], None),
    of("address part", "detail", &[C::Subaddress], None),
];
/// RFC 5260 §6.
const INDEX: &[Tag] = &[tag("index", &[C::Index], NUMBER), tag("last", &[C::Index], None)];
/// RFC 5703 §4.
const MIME: &[Tag] = &[tag("mime", &[C::Mime], None), tag("anychild", &[C::Mime], None)];
/// RFC 5703 §4.1.
const MIME_OPTIONS: &[Tag] = &[
    of("MIME option", "type", &[C::Mime], None),
    of("MIME option", "subtype", &[C::Mime], None),
    of("MIME option", "contenttype", &[C::Mime], None),
    of("MIME option", "param", &[C::Mime], LIST),
];
/// RFC 5260 §4.1.
const ZONE: &[Tag] = &[of("zone", "zone", &[], TEXT), of("zone", "originalzone", &[], None)];
/// How mail is filed: RFC 5232 §5, RFC 5490 §3.2, RFC 9042 §4, RFC 8579 §4.
const FILING: &[Tag] = &[
    tag("flags", &[C::Imap4Flags], LIST),
    tag("create", &[C::Mailbox], None),
    // RFC 9042 §4.2: not both.
    of("mailbox besides the name", "mailboxid", &[C::MailboxId], TEXT),
    of("mailbox besides the name", "specialuse", &[C::SpecialUse], TEXT),
];
/// RFC 8580 §3.
const FCC: &[Tag] = &[tag("fcc", &[C::Fcc], TEXT)];
/// RFC 3894.
const COPY: &[Tag] = &[tag("copy", &[C::Copy], None)];
/// RFC 5229 §4.1: of one precedence, one may be given.
const MODIFIERS: &[Tag] = &[
    of("modifier of precedence 40", "lower", &[], None),
    of("modifier of precedence 40", "upper", &[], None),
    of("modifier of precedence 30", "lowerfirst", &[], None),
    of("modifier of precedence 30", "upperfirst", &[], None),
    of("modifier of precedence 20", "quotewildcard", &[], None),
    of("modifier of precedence 20", "quoteregex", &[C::Regex], None),
    of("modifier of precedence 15", "encodeurl", &[C::Enotify], None),
    of("modifier of precedence 10", "length", &[], None),
];

const VACATION: Needs = &[C::Vacation, C::VacationSeconds];
const FLAG_SLOTS: &[Slot] = &[optional(text("a variable")), list("flags")];
const KEYS: Slot = list("keys");
/// RFC 6558 §2.
const CONVERT: &[Slot] = &[text("a media type"), text("a media type"), list("parameters")];

/// Commands; `if`, `elsif`, `else` and `require` are the checker's own.
pub(super) const COMMANDS: &[Spec] = &[
    spec("stop", Id::Stop, &[], &[], &[]),
    spec("keep", Id::Keep, &[], &[&[tag("flags", &[C::Imap4Flags], LIST)]], &[]),
    spec("discard", Id::Discard, &[], &[], &[]),
    spec(
        "redirect",
        Id::Redirect,
        &[],
        &[
            COPY,
            &[
                tag("list", &[C::ExtLists], None),
                tag("notify", &[C::RedirectDsn], TEXT),
                tag("ret", &[C::RedirectDsn], TEXT),
                of("time", "bytimerelative", &[C::RedirectDeliverBy], NUMBER),
                of("time", "bytimeabsolute", &[C::RedirectDeliverBy], TEXT),
                tag("bymode", &[C::RedirectDeliverBy], TEXT),
                tag("bytrace", &[C::RedirectDeliverBy], None),
            ],
        ],
        &[text("an address")],
    ),
    spec("fileinto", Id::FileInto, &[C::FileInto], &[COPY, FILING], &[text("a mailbox name")]),
    spec("reject", Id::Reject, &[C::Reject], &[], &[text("a reason")]),
    spec("ereject", Id::Ereject, &[C::Ereject], &[], &[text("a reason")]),
    spec(
        "set",
        Id::Set,
        &[C::Variables],
        &[MODIFIERS],
        &[text("a variable name"), text("a value")],
    ),
    spec("setflag", Id::SetFlag, &[C::Imap4Flags], &[], FLAG_SLOTS),
    spec("addflag", Id::AddFlag, &[C::Imap4Flags], &[], FLAG_SLOTS),
    spec("removeflag", Id::RemoveFlag, &[C::Imap4Flags], &[], FLAG_SLOTS),
    spec(
        "vacation",
        Id::Vacation,
        VACATION,
        &[
            &[
                of("period", "days", &[], NUMBER),
                of("period", "seconds", &[C::VacationSeconds], NUMBER),
                tag("subject", &[], TEXT),
                tag("from", &[], TEXT),
                tag("addresses", &[], LIST),
                tag("mime", &[], None),
                tag("handle", &[], TEXT),
            ],
            FCC,
            FILING,
        ],
        &[text("a reason")],
    ),
    spec(
        "addheader",
        Id::AddHeader,
        &[C::EditHeader],
        &[&[tag("last", &[], None)]],
        &[text("a field name"), text("a value")],
    ),
    spec(
        "deleteheader",
        Id::DeleteHeader,
        &[C::EditHeader],
        &[&[tag("index", &[], NUMBER), tag("last", &[], None)], MATCH],
        &[text("a field name"), optional(list("values"))],
    ),
    spec(
        "notify",
        Id::Notify,
        &[C::Enotify],
        &[
            &[
                tag("from", &[], TEXT),
                tag("importance", &[], TEXT),
                tag("options", &[], LIST),
                tag("message", &[], TEXT),
            ],
            FCC,
            FILING,
        ],
        &[text("a notification method")],
    ),
    spec(
        "include",
        Id::Include,
        &[C::Include],
        &[&[
            of("location", "personal", &[], None),
            of("location", "global", &[], None),
            tag("once", &[], None),
            tag("optional", &[], None),
        ]],
        &[text("a script name")],
    ),
    spec("return", Id::Return, &[C::Include], &[], &[]),
    spec("global", Id::Global, &[C::Include], &[], &[list("variable names")]),
    spec("error", Id::Error, &[C::Ihave], &[], &[text("a message")]),
    Spec {
        block: true,
        ..spec(
            "foreverypart",
            Id::ForEveryPart,
            &[C::ForEveryPart],
            &[&[tag("name", &[], TEXT)]],
            &[],
        )
    },
    spec("break", Id::Break, &[C::ForEveryPart], &[&[tag("name", &[], TEXT)]], &[]),
    spec(
        "replace",
        Id::Replace,
        &[C::Replace],
        &[&[tag("mime", &[], None), tag("subject", &[], TEXT), tag("from", &[], TEXT)]],
        &[text("a replacement")],
    ),
    spec(
        "enclose",
        Id::Enclose,
        &[C::Enclose],
        &[&[tag("subject", &[], TEXT), tag("headers", &[], LIST)]],
        &[text("a text")],
    ),
    spec(
        "extracttext",
        Id::ExtractText,
        &[C::ExtractText],
        &[MODIFIERS, &[tag("first", &[], NUMBER)]],
        &[text("a variable name")],
    ),
    spec("convert", Id::Convert, &[C::Convert], &[], CONVERT),
    spec("debug_log", Id::DebugLog, &[C::DovecotDebug], &[], &[text("a message")]),
];

/// Tests.
pub(super) const TESTS: &[Spec] = &[
    Spec { tests: Tests::Many, ..spec("allof", Id::AllOf, &[], &[], &[]) },
    Spec { tests: Tests::Many, ..spec("anyof", Id::AnyOf, &[], &[], &[]) },
    Spec { tests: Tests::One, ..spec("not", Id::Not, &[], &[], &[]) },
    spec("true", Id::True, &[], &[], &[]),
    spec("false", Id::False, &[], &[], &[]),
    spec("ihave", Id::Ihave, &[C::Ihave], &[], &[list("capabilities")]),
    spec(
        "size",
        Id::Size,
        &[],
        &[&[of("limit", "over", &[], None), of("limit", "under", &[], None)]],
        &[number("bytes")],
    ),
    spec("exists", Id::Exists, &[], &[MIME], &[list("header names")]),
    spec(
        "address",
        Id::Address,
        &[],
        &[PART, MATCH, IN_LIST, INDEX, MIME],
        &[list("header names"), KEYS],
    ),
    spec(
        "header",
        Id::Header,
        &[],
        &[MATCH, IN_LIST, INDEX, MIME, MIME_OPTIONS],
        &[list("header names"), KEYS],
    ),
    spec(
        "envelope",
        Id::Envelope,
        &[C::Envelope],
        &[PART, MATCH, IN_LIST, &[tag("zone", &[C::EnvelopeDeliverBy], TEXT)]],
        &[list("envelope parts"), KEYS],
    ),
    spec(
        "body",
        Id::Body,
        &[C::Body],
        &[
            MATCH,
            &[
                of("body transform", "raw", &[], None),
                of("body transform", "content", &[], LIST),
                of("body transform", "text", &[], None),
            ],
        ],
        &[KEYS],
    ),
    spec("string", Id::String, &[C::Variables], &[MATCH, IN_LIST], &[list("strings"), KEYS]),
    spec(
        "hasflag",
        Id::HasFlag,
        &[C::Imap4Flags],
        &[MATCH],
        &[optional(list("variables")), list("flags")],
    ),
    spec(
        "date",
        Id::Date,
        &[C::Date],
        &[ZONE, MATCH, IN_LIST, INDEX],
        &[text("a header name"), text("a date part"), KEYS],
    ),
    spec(
        "currentdate",
        Id::CurrentDate,
        &[C::Date],
        &[ZONE, MATCH, IN_LIST],
        &[text("a date part"), KEYS],
    ),
    spec("mailboxexists", Id::MailboxExists, &[C::Mailbox], &[], &[list("mailbox names")]),
    spec("mailboxidexists", Id::MailboxIdExists, &[C::MailboxId], &[], &[list("mailbox ids")]),
    spec(
        "specialuse_exists",
        Id::SpecialUseExists,
        &[C::SpecialUse],
        &[],
        &[optional(text("a mailbox name")), list("special-use attributes")],
    ),
    spec(
        "metadata",
        Id::Metadata,
        &[C::MboxMetadata],
        &[MATCH],
        &[text("a mailbox name"), text("an annotation name"), KEYS],
    ),
    spec(
        "metadataexists",
        Id::MetadataExists,
        &[C::MboxMetadata],
        &[],
        &[text("a mailbox name"), list("annotation names")],
    ),
    spec(
        "servermetadata",
        Id::ServerMetadata,
        &[C::ServerMetadata],
        &[MATCH],
        &[text("an annotation name"), KEYS],
    ),
    spec(
        "servermetadataexists",
        Id::ServerMetadataExists,
        &[C::ServerMetadata],
        &[],
        &[list("annotation names")],
    ),
    spec(
        "duplicate",
        Id::Duplicate,
        &[C::Duplicate],
        &[&[
            tag("handle", &[], TEXT),
            of("unique id", "header", &[], TEXT),
            of("unique id", "uniqueid", &[], TEXT),
            tag("seconds", &[], NUMBER),
            tag("last", &[], None),
        ]],
        &[],
    ),
    spec(
        "environment",
        Id::Environment,
        &[C::Environment, C::DovecotEnvironment],
        &[MATCH],
        &[text("an item name"), KEYS],
    ),
    spec(
        "valid_notify_method",
        Id::ValidNotifyMethod,
        &[C::Enotify],
        &[],
        &[list("notification methods")],
    ),
    spec(
        "notify_method_capability",
        Id::NotifyMethodCapability,
        &[C::Enotify],
        &[MATCH],
        &[text("a notification method"), text("a notification capability"), KEYS],
    ),
    spec("valid_ext_list", Id::ValidExtList, &[C::ExtLists], &[], &[list("list names")]),
    spec(
        "spamtest",
        Id::SpamTest,
        &[C::SpamTest, C::SpamTestPlus],
        &[MATCH, &[tag("percent", &[C::SpamTestPlus], None)]],
        &[text("a value")],
    ),
    spec("virustest", Id::VirusTest, &[C::VirusTest], &[MATCH], &[text("a value")]),
    spec("convert", Id::Convert, &[C::Convert], &[], CONVERT),
];

/// `require <capabilities: string-list>` — RFC 5228 §3.2.
pub(super) static REQUIRE: Spec = spec("require", Id::Require, &[], &[], &[list("capabilities")]);
/// `if <test> <block>` — RFC 5228 §3.1.
pub(super) static IF: Spec =
    Spec { tests: Tests::One, block: true, ..spec("if", Id::If, &[], &[], &[]) };
/// `elsif <test> <block>` — RFC 5228 §3.1.
pub(super) static ELSIF: Spec =
    Spec { tests: Tests::One, block: true, ..spec("elsif", Id::If, &[], &[], &[]) };
/// `else <block>` — RFC 5228 §3.1.
pub(super) static ELSE: Spec = Spec { block: true, ..spec("else", Id::Else, &[], &[], &[]) };

/// Names of commands that have no row above.
pub(super) const CONTROLS: &[&str] = &["if", "elsif", "else", "require"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_has_more_slots_than_there_is_room_for() {
        for spec in COMMANDS.iter().chain(TESTS) {
            assert!(spec.slots.len() <= SLOTS_MAX, "{}", spec.name);
        }
    }
}
