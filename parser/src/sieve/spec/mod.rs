//! The table of the language: each command, test and tagged argument with the extension it needs.

use super::capability::Capability as C;

mod commands;
mod tests;

pub(super) use commands::{COMMANDS, CONTROLS, ELSE, ELSIF, IF, REQUIRE};
pub(super) use tests::TESTS;

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

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn no_row_has_more_slots_than_there_is_room_for() {
        for spec in COMMANDS.iter().chain(TESTS) {
            assert!(spec.slots.len() <= SLOTS_MAX, "{}", spec.name);
        }
    }
}
