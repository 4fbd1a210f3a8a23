//! What a script wants done.
//!
//! Actions come out merged and checked: no mailbox twice (RFC 5228 §2.10.3), no reject beside a
//! vacation (RFC 5429 §2.4), none beyond the limits. Who carries them out does so in their order.

use std::fmt;
use std::sync::Arc;

use parser::sieve::Position;
use parser::sieve::tree::{ByMode, DsnNotify, DsnReturn, Importance};

use super::Limits;
use super::run::Halt;
use crate::model::MailboxName;

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// In order. None at all: the message is thrown away, for the script said so.
    pub actions: Vec<Done>,
    /// Why the run ended early; then the message is kept as it came, and nothing else is done
    /// (RFC 5228 §2.10.6).
    pub error: Option<Failed>,
    /// Ids to be remembered now that the run has ended well (RFC 7352 §3).
    pub duplicates: Vec<Tracked>,
    /// What was said by `debug_log`, and, if it was wanted, what matched and what was done.
    pub trace: Vec<Line>,
}

/// An action, and the command that wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its place; for the implicit keep the beginning of the script.
    pub at: Position,
    /// What to do.
    pub action: Action,
}

/// The run-time error that ended a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The command or test.
    pub at: Position,
    /// The included script it is in; `None`: the first.
    pub script: Option<Box<str>>,
    /// What is wrong, in a sentence without a period.
    pub message: String,
}

/// `line 3, column 1: …`, and of which script.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(script) = &self.script {
            write!(f, "script {script:?}, ")?;
        }
        write!(f, "line {}, column {}: {}", self.at.line, self.at.column, self.message)
    }
}

/// A line of trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where.
    pub at: Position,
    /// In which included script; `None`: the first.
    pub script: Option<Box<str>>,
    /// What kind of line.
    pub kind: LineKind,
    /// What happened; one line, without control characters.
    pub text: String,
}

impl Line {
    /// Where it is, as wide in all lines: `  12`, `included:  12`.
    pub fn place(&self) -> String {
        let script = self.script.as_ref().map_or(String::new(), |name| format!("{name}:"));
        format!("{script}{:>4}", self.at.line)
    }
}

/// `  12 yes header: "x" matches "y"`
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.kind {
            LineKind::Test(true) => "yes",
            LineKind::Test(false) => "no ",
            LineKind::Command => "   ",
            LineKind::Debug => "    says",
        };
        write!(f, "{} {word} {}", self.place(), self.text)
    }
}

/// What a line of trace tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A test, and what came of it.
    Test(bool),
    /// A command.
    Command,
    /// `debug_log`, which is told without being asked for.
    Debug,
}

/// Which bytes an action is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The message as it came.
    #[default]
    AsReceived,
    /// The message as the script had changed it at that moment (RFC 5293 §7, RFC 5703 §5).
    Edited(Arc<Vec<u8>>),
}

impl Version {
    /// The bytes, if `received` is what came.
    pub fn bytes<'a>(&'a self, received: &'a [u8]) -> &'a [u8] {
        match self {
            Self::AsReceived => received,
            Self::Edited(bytes) => bytes,
        }
    }
}

/// One thing to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put the message into the user's main mailbox (RFC 5228 §4.3).
    Keep {
        /// No command asked for it (RFC 5228 §2.10.2).
        implicit: bool,
        /// Each once; what the mailbox cannot keep is to be left out (RFC 5232 §5).
        flags: Vec<String>,
        /// Which bytes.
        version: Version,
    },
    /// Put it into another mailbox (RFC 5228 §4.1).
    FileInto {
        /// Where, and with which flags.
        filing: Filing,
        /// Which bytes.
        version: Version,
    },
    /// Send it on (RFC 5228 §4.2). If that is not possible here the message has to be kept.
    Redirect(Box<Redirect>),
    /// Refuse it (RFC 5429).
    Reject {
        /// `ereject`: by protocol or by DSN; otherwise by protocol or MDN.
        extended: bool,
        /// Lines end in CRLF.
        reason: String,
    },
    /// Answer it (RFC 5230).
    Vacation(Box<Vacation>),
    /// Tell somebody of it by mail (RFC 5436).
    Notify(Box<Notify>),
}

impl Action {
    /// Which bytes it is about; `None` if it is about none.
    pub const fn version_mut(&mut self) -> Option<&mut Version> {
        match self {
            Self::Keep { version, .. } | Self::FileInto { version, .. } => Some(version),
            Self::Redirect(redirect) => Some(&mut redirect.version),
            Self::Reject { .. } | Self::Vacation(_) | Self::Notify(_) => None,
        }
    }
}

/// A mailbox, and how mail is put into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filing {
    /// In UTF-8. If it is not there and may not be made, the main mailbox takes its place.
    pub mailbox: String,
    /// It may be made (RFC 5490 §3.2).
    pub create: bool,
    /// And then for this use, which no mailbox has (RFC 8579 §4.1).
    pub special_use: Option<String>,
    /// Each once.
    pub flags: Vec<String>,
}

/// To whom a message is sent on, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// To whom.
    pub to: RedirectTo,
    /// The sender to use: `None` is the message's own, which is also what a null one stays
    /// (RFC 5228 §4.2). Otherwise the script's owner (RFC 6009 §6.1 and §7.1).
    pub sender: Option<String>,
    /// `NOTIFY`, if the next server knows DSN (RFC 6009 §6).
    pub notify: Option<DsnNotify>,
    /// `RET`, likewise.
    pub ret: Option<DsnReturn>,
    /// `BY` (RFC 6009 §7).
    pub deliver_by: Option<DeliverBy>,
    /// Which bytes.
    pub version: Version,
}

/// To whom a message is sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTo {
    /// One address: `local@domain`.
    Address(String),
    /// All addresses of an external list (RFC 6134 §2.3), by its URI.
    List(String),
}

/// When a message has to have arrived (RFC 6009 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverBy {
    /// From now; may be below 0.
    pub seconds: i64,
    /// And if it has not.
    pub mode: ByMode,
    /// Its way is reported.
    pub trace: bool,
}

/// An answer to the sender (RFC 5230). It is due unless the same was sent to `to` within `seconds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vacation {
    /// The envelope's sender (§4.2).
    pub to: String,
    /// Two answers with the same are the same answer (§4.2).
    pub handle: String,
    /// Between two answers; 0: each message has one (RFC 6131 §2).
    pub seconds: u64,
    /// `From:`: what `:from` said, or the owner's address that the message was sent to.
    pub from: String,
    /// `Subject:`, not encoded yet (§5.3).
    pub subject: String,
    /// The reason is a MIME entity, header and all (§4.4).
    pub mime: bool,
    /// What is said; lines end in CRLF.
    pub reason: String,
    /// `In-Reply-To:` (§5.8).
    pub in_reply_to: Option<String>,
    /// `References:` (§5.8).
    pub references: Option<String>,
    /// Where a copy of the answer goes (RFC 8580 §5).
    pub fcc: Option<Filing>,
}

/// A notification by mail (RFC 5436 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The URI, as the script has it.
    pub method: String,
    /// Envelope recipients: `to` and `cc` of the URI.
    pub recipients: Vec<String>,
    /// `To:`.
    pub to: Vec<String>,
    /// `From:`.
    pub from: String,
    /// The envelope's sender; empty if the message's is (§2.7).
    pub sender: String,
    /// How urgent it is.
    pub importance: Importance,
    /// `Subject:`, not encoded yet.
    pub subject: String,
    /// What else the URI wants in the header; nothing that §2.7 forbids.
    pub headers: Vec<(String, String)>,
    /// Lines end in CRLF.
    pub body: String,
    /// For `Auto-Submitted: auto-notified; owner-email=…` (§2.7.1).
    pub owner: String,
    /// Where a copy goes (RFC 8580 §6).
    pub fcc: Option<Filing>,
}

/// An id that `duplicate` is to know from now on (RFC 7352 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The list it is on; empty for the one without a name.
    pub handle: String,
    /// The id.
    pub id: String,
    /// For how long; no more than the site allows.
    pub seconds: u64,
    /// It was there already, and its time begins anew (`:last`).
    pub last: bool,
}

/// The actions of a run so far.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) list: Vec<Done>,
    /// RFC 5228 §2.10.2.
    pub(super) implicit_keep: bool,
    redirects: usize,
    notified: usize,
    /// Actions of scripts before this one.
    before: usize,
}

impl Ledger {
    /// `before` is what scripts before this one want done.
    pub(super) fn new(before: &[Done]) -> Self {
        let count = |of: fn(&Action) -> bool| before.iter().filter(|done| of(&done.action)).count();
        Self {
            list: Vec::new(),
            implicit_keep: true,
            redirects: count(|action| matches!(action, Action::Redirect(_))),
            notified: count(|action| matches!(action, Action::Notify(_))),
            before: count(|action| !matches!(action, Action::Keep { implicit: true, .. })),
        }
    }

    /// Takes an action; one that files into the same mailbox as another is the same action, and the
    /// last flags count (RFC 5232 §2).
    pub(super) fn add(
        &mut self,
        at: Position,
        action: Action,
        main: &str,
        limits: &Limits,
    ) -> Result<(), Halt> {
        self.fits(&action)?;
        if let Some(known) = self.same(&action, main) {
            merge(known, action);
            return Ok(());
        }
        match &action {
            Action::Redirect(_) => self.redirects += 1,
            Action::Notify(_) => self.notified += 1,
            _ => {}
        }
        if self.redirects > limits.redirects_max || self.notified > limits.redirects_max {
            return Err(Halt::error("the script sends the message on to too many"));
        }
        if self.before + self.list.len() >= limits.actions_max {
            return Err(Halt::error("the script wants too many actions"));
        }
        self.list.push(Done { at, action });
        Ok(())
    }

    /// RFC 5429 §2.4, RFC 5230 §4.7.
    fn fits(&self, action: &Action) -> Result<(), Halt> {
        let has = |of: fn(&Action) -> bool| self.list.iter().any(|done| of(&done.action));
        let reject = |action: &Action| matches!(action, Action::Reject { .. });
        let vacation = |action: &Action| matches!(action, Action::Vacation(_));
        let delivers = |action: &Action| {
            matches!(action, Action::Keep { .. } | Action::FileInto { .. } | Action::Redirect(_))
        };
        let error = match action {
            Action::Reject { .. } if has(reject) => "a message can be rejected once only",
            Action::Reject { .. } if has(vacation) => {
                "\"reject\" and \"vacation\" exclude each other"
            }
            Action::Vacation(_) if has(reject) => "\"reject\" and \"vacation\" exclude each other",
            Action::Reject { .. } if has(delivers) => {
                "a message that is delivered cannot be rejected, too"
            }
            action if delivers(action) && has(reject) => {
                "a message that is rejected cannot be delivered, too"
            }
            _ => return Ok(()),
        };
        Err(Halt::error(error))
    }

    fn same(&mut self, action: &Action, main: &str) -> Option<&mut Done> {
        let target = target(action, main);
        self.list.iter_mut().find(|done| match (&done.action, action) {
            (Action::Redirect(known), Action::Redirect(new)) => known.to == new.to,
            (Action::Notify(known), Action::Notify(new)) => {
                // RFC 5436 §2.7: no two to one address by one run, if they say the same.
                known.recipients == new.recipients && known.subject == new.subject
            }
            (known, _) => {
                target.is_some_and(|target| is_same_mailbox(self::target(known, main), target))
            }
        })
    }

    /// All of them, with the implicit keep if nothing has cancelled it: it adds nothing to a `:copy`
    /// that is in the main mailbox already (RFC 5228 §2.10.3).
    pub(super) fn finish(mut self, main: &str, keep: impl FnOnce() -> Action) -> Vec<Done> {
        let is_kept =
            self.list.iter().any(|done| is_same_mailbox(target(&done.action, main), main));
        if self.implicit_keep && !is_kept {
            self.list.push(Done { at: Position::START, action: keep() });
        }
        self.list
    }
}

fn merge(known: &mut Done, action: Action) {
    match (&mut known.action, action) {
        (Action::Keep { flags, version, .. }, Action::Keep { flags: f, version: v, .. }) => {
            (*flags, *version) = (f, v);
        }
        (Action::Keep { flags, version, .. }, Action::FileInto { filing, version: v }) => {
            (*flags, *version) = (filing.flags, v);
        }
        (Action::FileInto { filing, version }, Action::FileInto { filing: f, version: v }) => {
            (filing.flags, *version) = (f.flags, v);
            filing.create |= f.create;
            filing.special_use = filing.special_use.take().or(f.special_use);
        }
        (Action::FileInto { filing, version }, Action::Keep { flags, version: v, .. }) => {
            (filing.flags, *version) = (flags, v);
        }
        // The same address again: the first says how.
        _ => {}
    }
}

/// The mailbox an action files into.
fn target<'a>(action: &'a Action, main: &'a str) -> Option<&'a str> {
    match action {
        Action::Keep { .. } => Some(main),
        Action::FileInto { filing, .. } => Some(&filing.mailbox),
        _ => None,
    }
}

/// As the mail store tells names apart: in any case, by Unicode. What is no name is one as it is written.
fn is_same_mailbox(known: Option<&str>, target: &str) -> bool {
    let is_same = |known: &str| match (MailboxName::new(known), MailboxName::new(target)) {
        (Ok(known), Ok(target)) => known.key() == target.key(),
        _ => false,
    };
    known.is_some_and(|known| known == target || is_same(known))
}
