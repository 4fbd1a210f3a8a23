//! Commands and actions, with their arguments.

use alloc::boxed::Box;

use super::{
    At, ByMode, DsnNotify, DsnReturn, Importance, Index, Match, Test, Text, VariableId, Word,
};

/// Commands and actions. `require` leaves its mark in [`super::Script::required`], and `global` in
/// [`super::Script::variables`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `if`, its `elsif`s in order, and `else` (RFC 5228 §3.1).
    If {
        /// The first whose test is true runs.
        branches: Box<[Branch]>,
        /// Runs if none was true.
        otherwise: Box<[At<Self>]>,
    },
    /// RFC 5228 §3.3.
    Stop,
    /// RFC 5228 §4.3.
    Keep {
        /// RFC 5232 §5; `None`: the internal variable. A constant is one flag.
        flags: Option<Box<[Text]>>,
    },
    /// RFC 5228 §4.4.
    Discard,
    /// RFC 5228 §4.2.
    Redirect(Box<Redirect>),
    /// RFC 5228 §4.1.
    FileInto {
        /// The implicit keep is not cancelled (RFC 3894 §3).
        copy: bool,
        /// Where.
        filing: Box<Filing>,
    },
    /// RFC 5429 §2.2.
    Reject(Text),
    /// RFC 5429 §2.1.
    Ereject(Text),
    /// RFC 5229 §4.
    Set {
        /// What is set.
        variable: VariableId,
        /// Before the modifiers.
        value: Text,
        /// In the order they are applied (RFC 5229 §4.1).
        modifiers: Box<[Modifier]>,
    },
    /// `setflag`, `addflag`, `removeflag` (RFC 5232 §3).
    Flags {
        /// Which of the three.
        change: FlagChange,
        /// `None`: the internal variable.
        variable: Option<VariableId>,
        /// A constant is one flag; another may come to be several, with spaces between.
        flags: Box<[Text]>,
    },
    /// RFC 5230 §4.
    Vacation(Box<Vacation>),
    /// RFC 5293 §4.
    AddHeader {
        /// At the end of the header.
        last: bool,
        /// The field's name.
        name: Box<Text>,
        /// Its value.
        value: Text,
    },
    /// RFC 5293 §5.
    DeleteHeader {
        /// Only this occurrence.
        index: Option<Index>,
        /// The field's name.
        name: Text,
        /// How values are compared, which means nothing without them.
        matching: Match,
        /// `None`: whatever the value.
        values: Option<Box<[Text]>>,
    },
    /// RFC 5435 §3.
    Notify(Box<Notify>),
    /// RFC 6609 §3.2.
    Include {
        /// Whose script.
        location: Location,
        /// Not if it was included before.
        once: bool,
        /// No error if it is missing.
        optional: bool,
        /// The script's name, of the form RFC 5804 §1.6 wants.
        name: Box<str>,
    },
    /// RFC 6609 §3.3.
    Return,
    /// RFC 5463 §5.
    Error(Text),
    /// RFC 5703 §3: what runs for every part.
    ForEveryPart(Box<[At<Self>]>),
    /// RFC 5703 §3.
    Break {
        /// How many of the loops around it end; 1 is the innermost.
        loops: u32,
    },
    /// RFC 5703 §5.
    Replace {
        /// The replacement is a MIME entity.
        mime: bool,
        /// A new `Subject:`, if all of the message is replaced.
        subject: Option<Box<Text>>,
        /// A new `From:`, if all of the message is replaced.
        from: Option<Box<Text>>,
        /// What takes the part's place.
        replacement: Text,
    },
    /// RFC 5703 §6.
    Enclose {
        /// The new message's `Subject:`.
        subject: Option<Box<Text>>,
        /// Names of fields that the new message takes from the old one.
        headers: Box<[Text]>,
        /// Its text.
        text: Text,
    },
    /// RFC 5703 §7.
    ExtractText {
        /// In the order they are applied.
        modifiers: Box<[Modifier]>,
        /// Characters at most.
        first: Option<u64>,
        /// Where it goes.
        variable: VariableId,
    },
    /// RFC 6558 §2.
    Convert(Box<Convert>),
    /// `debug_log` of vnd.dovecot.debug.
    DebugLog(Text),
}

/// A test of an `if` or `elsif`, and what runs if it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Known to be untrue where [`Test::Ihave`] alone decides it: its commands were left out then.
    pub test: At<Test>,
    /// In order.
    pub commands: Box<[At<Command>]>,
}

/// A mailbox and how mail is filed into it: `fileinto`, and `:fcc` (RFC 8580 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filing {
    /// Its name.
    pub mailbox: Text,
    /// It is made if it is not there (RFC 5490 §3.2).
    pub create: bool,
    /// RFC 5232 §5; `None`: the internal variable. A constant is one flag.
    pub flags: Option<Box<[Text]>>,
    /// Looked for before the name (RFC 9042 §4).
    pub mailbox_id: Option<Box<Text>>,
    /// Looked for before the name (RFC 8579 §4).
    pub special_use: Option<Box<Text>>,
}

/// `redirect` (RFC 5228 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// To whom.
    pub to: Recipient,
    /// The implicit keep is not cancelled (RFC 3894 §3).
    pub copy: bool,
    /// What the recipient's server is to report (RFC 6009 §6).
    pub notify: Option<Word<DsnNotify>>,
    /// What of the message a report holds (RFC 6009 §6).
    pub ret: Option<Word<DsnReturn>>,
    /// RFC 6009 §7.
    pub deliver_by: Option<DeliverBy>,
}

/// To whom a message is redirected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// `sieve-address` (RFC 5228 §2.4.2.3).
    Address(Text),
    /// `:list`: the name of an external list (RFC 6134 §2.3).
    List(Text),
}

/// When a redirected message has to be delivered (RFC 6009 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverBy {
    /// When.
    pub time: ByTime,
    /// `None`: return it.
    pub mode: Option<Word<ByMode>>,
    /// Its way is reported.
    pub trace: bool,
}

/// A time from now or of the calendar (RFC 6009 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByTime {
    /// `:bytimerelative`, in seconds.
    Seconds(u64),
    /// `:bytimeabsolute`: `date-time` of RFC 3339.
    Date(Text),
}

/// `vacation` (RFC 5230 §4). Its strings are as written, variables and all: two answers are told
/// apart by them and not by what they come to (§4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vacation {
    /// Between two answers to one sender; days are counted as seconds (RFC 6131 §2).
    pub seconds: Option<u64>,
    /// Of the answer.
    pub subject: Option<Box<Text>>,
    /// Of the answer: `mailbox-list`.
    pub from: Option<Box<Text>>,
    /// That are the user's too.
    pub addresses: Box<[Text]>,
    /// The reason is a MIME entity.
    pub mime: bool,
    /// What makes two answers one.
    pub handle: Option<Box<Text>>,
    /// Where a copy of the answer goes (RFC 8580 §5).
    pub fcc: Option<Filing>,
    /// What the answer says.
    pub reason: Text,
}

/// `notify` (RFC 5435 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Who notifies; its form is the method's.
    pub from: Option<Box<Text>>,
    /// [`Importance::Normal`] unless another is given.
    pub importance: Word<Importance>,
    /// `name=value` each.
    pub options: Box<[Text]>,
    /// What is said.
    pub message: Option<Box<Text>>,
    /// Where a copy goes (RFC 8580 §6).
    pub fcc: Option<Filing>,
    /// A URI.
    pub method: Text,
}

/// `convert` (RFC 6558 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convert {
    /// A media type.
    pub from: Text,
    /// A media type.
    pub to: Text,
    /// `name=value` each.
    pub parameters: Box<[Text]>,
}

/// Whose script is included (RFC 6609 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// The user's own.
    Personal,
    /// The site's.
    Global,
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

impl Command {
    /// Does nothing that follows in the same block run?
    pub(crate) const fn ends(&self) -> bool {
        matches!(self, Self::Stop | Self::Return | Self::Error(_) | Self::Break { .. })
    }
}
