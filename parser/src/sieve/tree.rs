//! The typed tree of a script: what an interpreter runs. It owns its text, so it may be kept.

use alloc::string::String;
use alloc::vec::Vec;

use super::Position;

/// A script without mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// In order.
    pub commands: Vec<At<Command>>,
    /// What the script requires, and what its `ihave` tests found.
    pub required: Vec<&'static str>,
    /// Those capabilities that something in the script cannot do without.
    pub used: Vec<&'static str>,
}

/// Something and where its name begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub item: T,
}

/// A string, cut where variables go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Where it begins.
    pub at: Position,
    /// None of them for the empty string.
    pub pieces: Vec<Piece>,
}

impl Text {
    /// The string, unless a variable takes part in it.
    pub fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// A part of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Taken as it is.
    Literal(String),
    /// `${name}` in lower case, with its namespace (RFC 5229 §3).
    Variable(String),
    /// `${1}`: what a wildcard matched (RFC 5229 §3.2).
    Match(usize),
}

/// Commands and actions. `require` leaves its mark in [`Script::required`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `if`, its `elsif`s in order, and `else` (RFC 5228 §3.1).
    If {
        /// The first whose test is true runs.
        branches: Vec<(At<Test>, Vec<At<Self>>)>,
        /// Runs if none was true.
        otherwise: Vec<At<Self>>,
    },
    /// RFC 5228 §3.3.
    Stop,
    /// RFC 5228 §4.3.
    Keep {
        /// RFC 5232 §5; `None`: the internal variable.
        flags: Option<Vec<Text>>,
    },
    /// RFC 5228 §4.4.
    Discard,
    /// RFC 5228 §4.2.
    Redirect(Redirect),
    /// RFC 5228 §4.1.
    FileInto {
        /// RFC 3894.
        copy: bool,
        /// Where.
        filing: Filing,
    },
    /// RFC 5429 §2.2.
    Reject(Text),
    /// RFC 5429 §2.1.
    Ereject(Text),
    /// RFC 5229 §4.
    Set {
        /// In lower case, with its namespace.
        name: String,
        /// Before the modifiers.
        value: Text,
        /// In the order they are applied (RFC 5229 §4.1).
        modifiers: Vec<Modifier>,
    },
    /// `setflag`, `addflag`, `removeflag` (RFC 5232 §3).
    Flags {
        /// Which of the three.
        change: FlagChange,
        /// `None`: the internal variable.
        variable: Option<Text>,
        /// Each may be several, with spaces between.
        flags: Vec<Text>,
    },
    /// RFC 5230 §4.
    Vacation(Vacation),
    /// RFC 5293 §4.
    AddHeader {
        /// At the end of the header.
        last: bool,
        /// The field's name.
        name: Text,
        /// Its value.
        value: Text,
    },
    /// RFC 5293 §5.
    DeleteHeader {
        /// Only this occurrence.
        index: Option<Index>,
        /// How values are compared.
        matching: Match,
        /// The field's name.
        name: Text,
        /// `None`: whatever the value.
        values: Option<Vec<Text>>,
    },
    /// RFC 5435 §3.
    Notify(Notify),
    /// RFC 6609 §3.2.
    Include {
        /// `:global`; `:personal` is the default.
        global: bool,
        /// Not again.
        once: bool,
        /// No error if it is missing.
        optional: bool,
        /// The script's name: a constant.
        name: Text,
    },
    /// RFC 6609 §3.3.
    Return,
    /// RFC 6609 §3.4.1: names in lower case.
    Global(Vec<String>),
    /// RFC 5463 §5.
    Error(Text),
    /// RFC 5703 §3.1.
    ForEveryPart {
        /// What `break` may call it.
        name: Option<String>,
        /// What runs for every part.
        commands: Vec<At<Self>>,
    },
    /// RFC 5703 §3.2.
    Break {
        /// `None`: the loop around it.
        name: Option<String>,
    },
    /// RFC 5703 §5.
    Replace {
        /// The replacement is a MIME entity.
        mime: bool,
        /// A new `Subject:`.
        subject: Option<Text>,
        /// A new `From:`.
        from: Option<Text>,
        /// What takes the part's place.
        replacement: Text,
    },
    /// RFC 5703 §6.
    Enclose {
        /// The new message's `Subject:`.
        subject: Option<Text>,
        /// More of its header.
        headers: Option<Vec<Text>>,
        /// Its text.
        text: Text,
    },
    /// RFC 5703 §7.
    ExtractText {
        /// In the order they are applied.
        modifiers: Vec<Modifier>,
        /// Characters at most.
        first: Option<u64>,
        /// The variable, in lower case.
        name: String,
    },
    /// `debug_log` of vnd.dovecot.debug.
    DebugLog(Text),
}

/// A mailbox and how mail is filed into it: `fileinto`, and `:fcc` (RFC 8580 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filing {
    /// Its name.
    pub mailbox: Text,
    /// RFC 5490 §3.2.
    pub create: bool,
    /// RFC 5232 §5.
    pub flags: Option<Vec<Text>>,
    /// RFC 9042 §4: before the name.
    pub mailbox_id: Option<Text>,
    /// RFC 8579 §4: before the name.
    pub special_use: Option<Text>,
}

/// `redirect` (RFC 5228 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// An address, or a list's name.
    pub address: Text,
    /// RFC 3894.
    pub copy: bool,
    /// `address` names a list (RFC 6134 §2.5).
    pub list: bool,
    /// RFC 6009 §5.
    pub notify: Option<Text>,
    /// RFC 6009 §5.
    pub ret: Option<Text>,
    /// Seconds (RFC 6009 §6).
    pub by_seconds: Option<u64>,
    /// A date (RFC 6009 §6).
    pub by_date: Option<Text>,
    /// RFC 6009 §6.
    pub by_mode: Option<Text>,
    /// RFC 6009 §6.
    pub by_trace: bool,
}

/// `vacation` (RFC 5230 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vacation {
    /// Between two answers to one sender; days are counted as seconds (RFC 6131 §2).
    pub seconds: Option<u64>,
    /// Of the answer.
    pub subject: Option<Text>,
    /// Of the answer.
    pub from: Option<Text>,
    /// That are the user's too.
    pub addresses: Option<Vec<Text>>,
    /// The reason is a MIME entity.
    pub mime: bool,
    /// What makes two answers one.
    pub handle: Option<Text>,
    /// RFC 8580 §4.1.
    pub fcc: Option<Filing>,
    /// What the answer says.
    pub reason: Text,
}

/// `notify` (RFC 5435 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Who notifies.
    pub from: Option<Text>,
    /// "1" to "3".
    pub importance: Option<Text>,
    /// `name=value` each.
    pub options: Option<Vec<Text>>,
    /// What is said.
    pub message: Option<Text>,
    /// RFC 8580 §4.2.
    pub fcc: Option<Filing>,
    /// A URI.
    pub method: Text,
}

/// What becomes of the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `setflag`.
    Set,
    /// `addflag`.
    Add,
    /// `removeflag`.
    Remove,
}

/// `MODIFIER` of `set` (RFC 5229 §4.1), of the highest precedence first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Modifier {
    /// All in lower case.
    Lower,
    /// All in upper case.
    Upper,
    /// The first character in lower case.
    LowerFirst,
    /// The first character in upper case.
    UpperFirst,
    /// `*`, `?` and `\` quoted.
    QuoteWildcard,
    /// What is special in a regular expression quoted.
    QuoteRegex,
    /// RFC 5435 §6.
    EncodeUrl,
    /// How many characters.
    Length,
}

/// Tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// RFC 5228 §5.2.
    AllOf(Vec<At<Self>>),
    /// RFC 5228 §5.3.
    AnyOf(Vec<At<Self>>),
    /// RFC 5228 §5.8.
    Not(alloc::boxed::Box<At<Self>>),
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
        mime: Option<Mime>,
        /// All must exist.
        headers: Vec<Text>,
    },
    /// RFC 5228 §5.1.
    Address {
        /// Of each address.
        part: AddressPart,
        /// RFC 5260 §6.
        index: Option<Index>,
        /// RFC 5703 §4.2.
        mime: Option<Mime>,
        /// The fields, and what they are compared with.
        compare: Compare,
    },
    /// RFC 5228 §5.7.
    Header {
        /// RFC 5260 §6.
        index: Option<Index>,
        /// RFC 5703 §4.1.
        mime: Option<Mime>,
        /// The fields, and what they are compared with.
        compare: Compare,
    },
    /// RFC 5228 §5.4.
    Envelope {
        /// Of each address.
        part: AddressPart,
        /// RFC 6009 §4.
        zone: Option<Text>,
        /// The parts, and what they are compared with.
        compare: Compare,
    },
    /// RFC 5173 §5.
    Body {
        /// What of the body.
        transform: BodyTransform,
        /// The keys; there are no sources.
        compare: Compare,
    },
    /// RFC 5229 §5.
    String(Compare),
    /// RFC 5232 §4: no source is the internal variable.
    HasFlag(Compare),
    /// RFC 5260 §4.
    Date {
        /// Of the result.
        zone: Zone,
        /// RFC 5260 §6.
        index: Option<Index>,
        /// As `year`.
        part: Text,
        /// The header field, and what it is compared with.
        compare: Compare,
    },
    /// RFC 5260 §5.
    CurrentDate {
        /// Of the result.
        zone: Zone,
        /// As `year`, and what it is compared with.
        compare: Compare,
    },
    /// RFC 5490 §3.1.
    MailboxExists(Vec<Text>),
    /// RFC 9042 §5.
    MailboxIdExists(Vec<Text>),
    /// RFC 8579 §3.
    SpecialUseExists {
        /// `None`: any.
        mailbox: Option<Text>,
        /// All of them.
        uses: Vec<Text>,
    },
    /// RFC 5490 §3.3 and §4.1.
    Metadata {
        /// `None`: the server's.
        mailbox: Option<Text>,
        /// The annotation, and what it is compared with.
        compare: Compare,
    },
    /// RFC 5490 §3.4 and §4.2.
    MetadataExists {
        /// `None`: the server's.
        mailbox: Option<Text>,
        /// All of them.
        names: Vec<Text>,
    },
    /// RFC 7352 §3.
    Duplicate {
        /// Which list.
        handle: Option<Text>,
        /// The field that tells messages apart.
        header: Option<Text>,
        /// What tells messages apart.
        unique_id: Option<Text>,
        /// How long it is known.
        seconds: Option<u64>,
        /// Counted from the last time.
        last: bool,
    },
    /// RFC 5183 §4.
    Environment(Compare),
    /// RFC 5435 §4.
    ValidNotifyMethod(Vec<Text>),
    /// RFC 5435 §5.
    NotifyMethodCapability {
        /// A URI.
        method: Text,
        /// The capability, and what it is compared with.
        compare: Compare,
    },
    /// RFC 6134 §2.7.
    ValidExtList(Vec<Text>),
    /// RFC 5235 §2.
    SpamTest {
        /// In percent, not 0 to 10.
        percent: bool,
        /// With no source and one key.
        compare: Compare,
    },
    /// RFC 5235 §3: with no source and one key.
    VirusTest(Compare),
}

/// What most tests share: sources, keys, and how they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// Names of fields, parts or items.
    pub sources: Vec<Text>,
    /// One match is enough.
    pub keys: Vec<Text>,
    /// How.
    pub matching: Match,
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
    /// draft-murchison-sieve-regex-07.
    Regex,
    /// Is in an external list (RFC 6134 §2.2).
    List,
}

/// `relational-match` (RFC 5231 §3).
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

/// Collations (RFC 4790 §9, RFC 5051).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `i;octet`.
    Octet,
    /// `i;ascii-casemap`.
    AsciiCasemap,
    /// `i;ascii-numeric`.
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
    /// From 1.
    pub number: u64,
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
    Parameters(Vec<Text>),
}

/// `BODY-TRANSFORM` (RFC 5173 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyTransform {
    /// As it came.
    Raw,
    /// Parts of these types.
    Content(Vec<Text>),
    /// Its text, the default.
    Text,
}

/// The time zone of a date test (RFC 5260 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The server's.
    Local,
    /// The one the date came with.
    Original,
    /// As `+0100`.
    Offset(Text),
}
