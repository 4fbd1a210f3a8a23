//! Commands: control structures and actions.

use super::C;
use super::{
    CONVERT, COPY, FCC, FILING, FLAG_SLOTS, Id, LIST, MATCH, MODIFIERS, NUMBER, Spec, TEXT, Tests,
    VACATION, list, of, optional, spec, tag, text,
};

/// Commands; `if`, `elsif`, `else` and `require` are the checker's own.
pub(in super::super) const COMMANDS: &[Spec] = &[
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

/// `require <capabilities: string-list>` — RFC 5228 §3.2.
pub(in super::super) static REQUIRE: Spec =
    spec("require", Id::Require, &[], &[], &[list("capabilities")]);
/// `if <test> <block>` — RFC 5228 §3.1.
pub(in super::super) static IF: Spec =
    Spec { tests: Tests::One, block: true, ..spec("if", Id::If, &[], &[], &[]) };
/// `elsif <test> <block>` — RFC 5228 §3.1.
pub(in super::super) static ELSIF: Spec =
    Spec { tests: Tests::One, block: true, ..spec("elsif", Id::If, &[], &[], &[]) };
/// `else <block>` — RFC 5228 §3.1.
pub(in super::super) static ELSE: Spec =
    Spec { block: true, ..spec("else", Id::Else, &[], &[], &[]) };

/// Names of commands that have no row above.
pub(in super::super) const CONTROLS: &[&str] = &["if", "elsif", "else", "require"];
