//! Tests, and how they compare.

use alloc::boxed::Box;

use super::{
    At, Convert, DatePart, EnvelopePart, EnvironmentItem, Text, UtcOffset, VariableId, Word,
};

/// Tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// RFC 5228 §5.2.
    AllOf(Box<[At<Self>]>),
    /// RFC 5228 §5.3.
    AnyOf(Box<[At<Self>]>),
    /// RFC 5228 §5.8.
    Not(Box<At<Self>>),
    /// RFC 5228 §5.10.
    True,
    /// RFC 5228 §5.6.
    False,
    /// RFC 5463 §4: it is known before the script runs.
    Ihave(bool),
    /// RFC 5228 §5.9.
    Size {
        /// `:over`, otherwise `:under`.
        over: bool,
        /// In bytes.
        limit: u64,
    },
    /// RFC 5228 §5.5.
    Exists {
        /// RFC 5703 §4.3.
        mime: Option<Box<Mime>>,
        /// All must exist.
        headers: Box<[Text]>,
    },
    /// RFC 5228 §5.1.
    Address {
        /// Of each address.
        part: AddressPart,
        /// RFC 5260 §6.
        index: Option<Index>,
        /// RFC 5703 §4.2.
        mime: Option<Box<Mime>>,
        /// Names of fields.
        headers: Box<[Text]>,
        /// What their addresses are compared with.
        compare: Compare,
    },
    /// RFC 5228 §5.7.
    Header {
        /// RFC 5260 §6.
        index: Option<Index>,
        /// RFC 5703 §4.1.
        mime: Option<Box<Mime>>,
        /// Names of fields.
        headers: Box<[Text]>,
        /// What they are compared with.
        compare: Compare,
    },
    /// RFC 5228 §5.4.
    Envelope {
        /// Of each address.
        part: AddressPart,
        /// Of `bytimeabsolute` (RFC 6009 §5).
        zone: Zone,
        /// What of the envelope.
        parts: Box<[Word<EnvelopePart>]>,
        /// What they are compared with.
        compare: Compare,
    },
    /// RFC 5173 §4.
    Body {
        /// What of the body.
        transform: BodyTransform,
        /// What it is compared with; it sets no match variables (§6).
        compare: Compare,
    },
    /// RFC 5229 §5.
    String {
        /// What is looked at.
        sources: Box<[Text]>,
        /// What it is compared with.
        compare: Compare,
    },
    /// RFC 5232 §4.
    HasFlag {
        /// None of them: the internal variable.
        variables: Box<[VariableId]>,
        /// Flags; each may be several, with spaces between.
        compare: Compare,
    },
    /// RFC 5260 §4.
    Date {
        /// Of the result.
        zone: Zone,
        /// RFC 5260 §6.
        index: Option<Index>,
        /// The field that holds the date.
        header: Box<Text>,
        /// What of it.
        part: Word<DatePart>,
        /// What it is compared with.
        compare: Compare,
    },
    /// RFC 5260 §5.
    CurrentDate {
        /// Of the result.
        zone: Zone,
        /// What of it.
        part: Word<DatePart>,
        /// What it is compared with.
        compare: Compare,
    },
    /// RFC 5490 §3.1: all of them.
    MailboxExists(Box<[Text]>),
    /// RFC 9042 §6: all of them.
    MailboxIdExists(Box<[Text]>),
    /// RFC 8579 §3.
    SpecialUseExists {
        /// `None`: any.
        mailbox: Option<Box<Text>>,
        /// All of them.
        uses: Box<[Text]>,
    },
    /// `metadata` and `servermetadata` (RFC 5490 §3.3 and §4.1).
    Metadata {
        /// `None`: the server's.
        mailbox: Option<Box<Text>>,
        /// Its name.
        annotation: Text,
        /// What it is compared with.
        compare: Compare,
    },
    /// `metadataexists` and `servermetadataexists` (RFC 5490 §3.4 and §4.2).
    MetadataExists {
        /// `None`: the server's.
        mailbox: Option<Box<Text>>,
        /// All of them.
        annotations: Box<[Text]>,
    },
    /// RFC 7352 §3.
    Duplicate {
        /// Which list.
        handle: Option<Box<Text>>,
        /// What tells messages apart; neither: `Message-ID`.
        header: Option<Box<Text>>,
        /// What tells messages apart.
        unique_id: Option<Box<Text>>,
        /// How long it is known.
        seconds: Option<u64>,
        /// Counted from the last time.
        last: bool,
    },
    /// RFC 5183 §4.
    Environment {
        /// What is asked for.
        item: Word<EnvironmentItem>,
        /// What it is compared with.
        compare: Compare,
    },
    /// RFC 5435 §4: all of them.
    ValidNotifyMethod(Box<[Text]>),
    /// RFC 5435 §5.
    NotifyMethodCapability {
        /// A URI.
        method: Box<Text>,
        /// As `online`, in any case.
        capability: Text,
        /// What it is compared with.
        compare: Compare,
    },
    /// RFC 6134 §2.7: all of them.
    ValidExtList(Box<[Text]>),
    /// RFC 5235 §3.2.
    SpamTest {
        /// In percent, not 0 to 10.
        percent: bool,
        /// With one key.
        compare: Compare,
    },
    /// RFC 5235 §3.3: with one key.
    VirusTest(Compare),
    /// RFC 6558 §2.1: true if something was converted.
    Convert(Box<Convert>),
}

/// What most tests end in: keys, and how they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// How.
    pub matching: Match,
    /// One match is enough.
    pub keys: Box<[Text]>,
}

/// `MATCH-TYPE` and `COMPARATOR` (RFC 5228 §2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// `:is` unless another is given.
    pub kind: MatchType,
    /// `i;ascii-casemap` unless another is given (RFC 5228 §2.7.3).
    pub comparator: Comparator,
}

/// `MATCH-TYPE` (RFC 5228 §2.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchType {
    /// Equal.
    Is,
    /// Somewhere inside.
    Contains,
    /// With `*` and `?`.
    Matches,
    /// How many there are (RFC 5231 §4.2).
    Count(Relation),
    /// By order (RFC 5231 §4.1).
    Value(Relation),
    /// draft-murchison-sieve-regex-07; constant keys were checked by [`crate::sieve::regex`].
    Regex,
    /// Is in an external list (RFC 6134 §2.2); the comparator means nothing.
    List,
}

/// `relational-match` (RFC 5231 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `gt`.
    Greater,
    /// `ge`.
    GreaterOrEqual,
    /// `lt`.
    Less,
    /// `le`.
    LessOrEqual,
    /// `eq`.
    Equal,
    /// `ne`.
    NotEqual,
}

impl Relation {
    /// Does `order`, of the message's value to the key, satisfy it?
    pub const fn holds(self, order: core::cmp::Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        }
    }
}

/// Collations (RFC 4790 §9, RFC 5051).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `i;octet`.
    Octet,
    /// `i;ascii-casemap`.
    AsciiCasemap,
    /// `i;ascii-numeric`: knows equality and order, no substrings.
    AsciiNumeric,
    /// `i;unicode-casemap`.
    UnicodeCasemap,
}

/// `ADDRESS-PART` (RFC 5228 §2.7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPart {
    /// The whole address.
    All,
    /// Before the `@`.
    LocalPart,
    /// Behind the `@`.
    Domain,
    /// RFC 5233 §4.
    User,
    /// RFC 5233 §4.
    Detail,
}

/// `:index` and `:last` (RFC 5260 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// From 1; a larger one than [`u32::MAX`] is as good as that.
    pub number: u32,
    /// Counted from the end.
    pub last: bool,
}

/// `:mime` and what goes with it (RFC 5703 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mime {
    /// All parts inside too.
    pub any_child: bool,
    /// What of the field.
    pub of: MimeOf,
}

/// `MIMEOPTS` (RFC 5703 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MimeOf {
    /// All of it.
    Value,
    /// `:type`.
    Type,
    /// `:subtype`.
    Subtype,
    /// `:contenttype`.
    ContentType,
    /// `:param`: these parameters.
    Parameters(Box<[Text]>),
}

/// `BODY-TRANSFORM` (RFC 5173 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyTransform {
    /// As it came.
    Raw,
    /// Parts of these types.
    Content(Box<[Text]>),
    /// Its text, the default.
    Text,
}

/// The time zone of a date (RFC 5260 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The server's.
    Local,
    /// The one the date came with.
    Original,
    /// `:zone`.
    Offset(Word<UtcOffset>),
}
