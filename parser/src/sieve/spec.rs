//! The table of the language: each command, test and tagged argument with the extension it needs.

/// Capabilities that can be required here.
pub const CAPABILITIES: &[&str] = &[
    "body",
    "comparator-i;ascii-casemap",
    "comparator-i;ascii-numeric",
    "comparator-i;octet",
    "comparator-i;unicode-casemap",
    "copy",
    "date",
    "duplicate",
    "editheader",
    "enclose",
    "encoded-character",
    "enotify",
    "envelope",
    "envelope-deliverby",
    "envelope-dsn",
    "environment",
    "ereject",
    "extlists",
    "extracttext",
    "fcc",
    "fileinto",
    "foreverypart",
    "ihave",
    "imap4flags",
    "imapsieve",
    "include",
    "index",
    "mailbox",
    "mailboxid",
    "mboxmetadata",
    "mime",
    "redirect-deliverby",
    "redirect-dsn",
    "regex",
    "reject",
    "relational",
    "replace",
    "servermetadata",
    "spamtest",
    "spamtestplus",
    "special-use",
    "subaddress",
    "vacation",
    "vacation-seconds",
    "variables",
    "virustest",
    "vnd.dovecot.debug",
    "vnd.dovecot.environment",
];

/// A command or a test.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// One of these must be required; empty for RFC 5228's own.
    pub(super) needs: Needs,
    pub(super) tags: &'static [&'static [Tag]],
    pub(super) slots: &'static [Slot],
    pub(super) tests: Tests,
    pub(super) block: bool,
}

pub(super) type Needs = &'static [&'static str];

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
    needs: Needs,
    tags: &'static [&'static [Tag]],
    slots: &'static [Slot],
) -> Spec {
    Spec { name, needs, tags, slots, tests: Tests::None, block: false }
}

const NUMBER: Option<Kind> = Some(Kind::Number);
const TEXT: Option<Kind> = Some(Kind::Text);
const LIST: Option<Kind> = Some(Kind::List);

/// `MATCH-TYPE` (RFC 5228 §2.7.1) and `COMPARATOR` (§2.7.3).
const MATCH: &[Tag] = &[
    of("match type", "is", &[], None),
    of("match type", "contains", &[], None),
    of("match type", "matches", &[], None),
    of("match type", "count", &["relational"], TEXT),
    of("match type", "value", &["relational"], TEXT),
    of("match type", "regex", &["regex"], None),
    of("match type", "list", &["extlists"], None),
    of("comparator", "comparator", &[], TEXT),
];
/// `ADDRESS-PART` (RFC 5228 §2.7.4, RFC 5233 §4).
const PART: &[Tag] = &[
    of("address part", "all", &[], None),
    of("address part", "localpart", &[], None),
    of("address part", "domain", &[], None),
    of("address part", "user", &["subaddress"], None),
    of("address part", "detail", &["subaddress"], None),
];
/// RFC 5260 §6.
const INDEX: &[Tag] = &[tag("index", &["index"], NUMBER), tag("last", &["index"], None)];
/// RFC 5703 §4.
const MIME: &[Tag] = &[tag("mime", &["mime"], None), tag("anychild", &["mime"], None)];
/// RFC 5703 §4.1.
const MIME_OPTIONS: &[Tag] = &[
    of("MIME option", "type", &["mime"], None),
    of("MIME option", "subtype", &["mime"], None),
    of("MIME option", "contenttype", &["mime"], None),
    of("MIME option", "param", &["mime"], LIST),
];
/// RFC 5260 §4.1.
const ZONE: &[Tag] = &[of("zone", "zone", &[], TEXT), of("zone", "originalzone", &[], None)];
/// How mail is filed: RFC 5232 §5, RFC 5490 §3.2, RFC 9042 §4, RFC 8579 §4.
const FILING: &[Tag] = &[
    tag("flags", &["imap4flags"], LIST),
    tag("create", &["mailbox"], None),
    tag("mailboxid", &["mailboxid"], TEXT),
    tag("specialuse", &["special-use"], TEXT),
];
/// RFC 8580 §3.
const FCC: &[Tag] = &[tag("fcc", &["fcc"], TEXT)];
/// RFC 3894.
const COPY: &[Tag] = &[tag("copy", &["copy"], None)];
/// RFC 5229 §4.1: of one precedence, one may be given.
const MODIFIERS: &[Tag] = &[
    of("modifier of precedence 40", "lower", &[], None),
    of("modifier of precedence 40", "upper", &[], None),
    of("modifier of precedence 30", "lowerfirst", &[], None),
    of("modifier of precedence 30", "upperfirst", &[], None),
    of("modifier of precedence 20", "quotewildcard", &[], None),
    of("modifier of precedence 20", "quoteregex", &["regex"], None),
    of("modifier of precedence 15", "encodeurl", &["enotify"], None),
    of("modifier of precedence 10", "length", &[], None),
];

const VACATION: Needs = &["vacation", "vacation-seconds"];
const FLAG_SLOTS: &[Slot] = &[optional(text("a variable")), list("flags")];
const KEYS: Slot = list("keys");

/// Commands; `if`, `elsif`, `else` and `require` are the checker's own.
pub(super) const COMMANDS: &[Spec] = &[
    spec("stop", &[], &[], &[]),
    spec("keep", &[], &[&[tag("flags", &["imap4flags"], LIST)]], &[]),
    spec("discard", &[], &[], &[]),
    spec(
        "redirect",
        &[],
        &[
            COPY,
            &[
                tag("list", &["extlists"], None),
                tag("notify", &["redirect-dsn"], TEXT),
                tag("ret", &["redirect-dsn"], TEXT),
                of("time", "bytimerelative", &["redirect-deliverby"], NUMBER),
                of("time", "bytimeabsolute", &["redirect-deliverby"], TEXT),
                tag("bymode", &["redirect-deliverby"], TEXT),
                tag("bytrace", &["redirect-deliverby"], None),
            ],
        ],
        &[text("an address")],
    ),
    spec("fileinto", &["fileinto"], &[COPY, FILING], &[text("a mailbox name")]),
    spec("reject", &["reject"], &[], &[text("a reason")]),
    spec("ereject", &["ereject"], &[], &[text("a reason")]),
    spec("set", &["variables"], &[MODIFIERS], &[text("a variable name"), text("a value")]),
    spec("setflag", &["imap4flags"], &[], FLAG_SLOTS),
    spec("addflag", &["imap4flags"], &[], FLAG_SLOTS),
    spec("removeflag", &["imap4flags"], &[], FLAG_SLOTS),
    spec(
        "vacation",
        VACATION,
        &[
            &[
                of("period", "days", &[], NUMBER),
                of("period", "seconds", &["vacation-seconds"], NUMBER),
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
        &["editheader"],
        &[&[tag("last", &[], None)]],
        &[text("a field name"), text("a value")],
    ),
    spec(
        "deleteheader",
        &["editheader"],
        &[&[tag("index", &[], NUMBER), tag("last", &[], None)], MATCH],
        &[text("a field name"), optional(list("values"))],
    ),
    spec(
        "notify",
        &["enotify"],
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
        &["include"],
        &[&[
            of("location", "personal", &[], None),
            of("location", "global", &[], None),
            tag("once", &[], None),
            tag("optional", &[], None),
        ]],
        &[text("a script name")],
    ),
    spec("return", &["include"], &[], &[]),
    spec("global", &["include"], &[], &[list("variable names")]),
    spec("error", &["ihave"], &[], &[text("a message")]),
    Spec {
        block: true,
        ..spec("foreverypart", &["foreverypart"], &[&[tag("name", &[], TEXT)]], &[])
    },
    spec("break", &["foreverypart"], &[&[tag("name", &[], TEXT)]], &[]),
    spec(
        "replace",
        &["replace"],
        &[&[tag("mime", &[], None), tag("subject", &[], TEXT), tag("from", &[], TEXT)]],
        &[text("a replacement")],
    ),
    spec(
        "enclose",
        &["enclose"],
        &[&[tag("subject", &[], TEXT), tag("headers", &[], LIST)]],
        &[text("a text")],
    ),
    spec(
        "extracttext",
        &["extracttext"],
        &[MODIFIERS, &[tag("first", &[], NUMBER)]],
        &[text("a variable name")],
    ),
    spec("debug_log", &["vnd.dovecot.debug"], &[], &[text("a message")]),
];

/// Tests.
pub(super) const TESTS: &[Spec] = &[
    Spec { tests: Tests::Many, ..spec("allof", &[], &[], &[]) },
    Spec { tests: Tests::Many, ..spec("anyof", &[], &[], &[]) },
    Spec { tests: Tests::One, ..spec("not", &[], &[], &[]) },
    spec("true", &[], &[], &[]),
    spec("false", &[], &[], &[]),
    spec("ihave", &["ihave"], &[], &[list("capabilities")]),
    spec(
        "size",
        &[],
        &[&[of("limit", "over", &[], None), of("limit", "under", &[], None)]],
        &[number("a number of bytes")],
    ),
    spec("exists", &[], &[MIME], &[list("header names")]),
    spec("address", &[], &[PART, MATCH, INDEX, MIME], &[list("header names"), KEYS]),
    spec("header", &[], &[MATCH, INDEX, MIME, MIME_OPTIONS], &[list("header names"), KEYS]),
    spec(
        "envelope",
        &["envelope"],
        &[PART, MATCH, &[tag("zone", &["envelope-deliverby"], TEXT)]],
        &[list("envelope parts"), KEYS],
    ),
    spec(
        "body",
        &["body"],
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
    spec("string", &["variables"], &[MATCH], &[list("strings"), KEYS]),
    spec("hasflag", &["imap4flags"], &[MATCH], &[optional(list("variables")), list("flags")]),
    spec(
        "date",
        &["date"],
        &[ZONE, MATCH, INDEX],
        &[text("a header name"), text("a date part"), KEYS],
    ),
    spec("currentdate", &["date"], &[ZONE, MATCH], &[text("a date part"), KEYS]),
    spec("mailboxexists", &["mailbox"], &[], &[list("mailbox names")]),
    spec("mailboxidexists", &["mailboxid"], &[], &[list("mailbox ids")]),
    spec(
        "specialuse_exists",
        &["special-use"],
        &[],
        &[optional(text("a mailbox name")), list("special-use attributes")],
    ),
    spec(
        "metadata",
        &["mboxmetadata"],
        &[MATCH],
        &[text("a mailbox name"), text("an annotation name"), KEYS],
    ),
    spec(
        "metadataexists",
        &["mboxmetadata"],
        &[],
        &[text("a mailbox name"), list("annotation names")],
    ),
    spec("servermetadata", &["servermetadata"], &[MATCH], &[text("an annotation name"), KEYS]),
    spec("servermetadataexists", &["servermetadata"], &[], &[list("annotation names")]),
    spec(
        "duplicate",
        &["duplicate"],
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
        &["environment", "vnd.dovecot.environment"],
        &[MATCH],
        &[text("an item name"), KEYS],
    ),
    spec("valid_notify_method", &["enotify"], &[], &[list("notification methods")]),
    spec(
        "notify_method_capability",
        &["enotify"],
        &[MATCH],
        &[text("a notification method"), text("a notification capability"), KEYS],
    ),
    spec("valid_ext_list", &["extlists"], &[], &[list("list names")]),
    spec(
        "spamtest",
        &["spamtest", "spamtestplus"],
        &[MATCH, &[tag("percent", &["spamtestplus"], None)]],
        &[text("a value")],
    ),
    spec("virustest", &["virustest"], &[MATCH], &[text("a value")]),
];
