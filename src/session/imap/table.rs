//! The table of commands: where each is allowed, and what may be told before its tagged line.
//!
//! Whether EXPUNGE may be written is decided here and nowhere else (invariant 9, RFC 9051 §7.5.1).

use parser::imap::{Command, Numbers};

/// Where a command is allowed (RFC 9051 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Any state.
    Nothing,
    /// Not authenticated only.
    NoLogin,
    /// Authenticated or selected.
    Login,
    /// Selected only.
    Mailbox,
}

/// May EXPUNGE be told while the command runs?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expunges {
    /// RFC 9051 §7.5.1: not while FETCH, STORE or SEARCH by sequence number is answered.
    Held,
    /// Everywhere else, the UID forms of those three included.
    Told,
}

/// What the session must know of a command before it runs it.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name, for the tagged line.
    pub(super) name: &'static str,
    /// Where it is allowed.
    pub(super) needs: Needs,
    /// See [`Expunges`].
    pub(super) expunges: Expunges,
    /// FETCH responses carry the UID (RFC 9051 §6.4.9).
    pub(super) by_uid: bool,
}

const fn rule(name: &'static str, needs: Needs) -> Rule {
    Rule { name, needs, expunges: Expunges::Told, by_uid: false }
}

const fn by_uid(name: &'static str) -> Rule {
    Rule { name, needs: Needs::Mailbox, expunges: Expunges::Told, by_uid: true }
}

const fn held(name: &'static str) -> Rule {
    Rule { name, needs: Needs::Mailbox, expunges: Expunges::Held, by_uid: false }
}

static CAPABILITY: Rule = rule("CAPABILITY", Needs::Nothing);
static NOOP: Rule = rule("NOOP", Needs::Nothing);
static LOGOUT: Rule = rule("LOGOUT", Needs::Nothing);
static ID: Rule = rule("ID", Needs::Nothing);
static STARTTLS: Rule = rule("STARTTLS", Needs::NoLogin);
pub(super) static AUTHENTICATE: Rule = rule("AUTHENTICATE", Needs::NoLogin);
static LOGIN: Rule = rule("LOGIN", Needs::NoLogin);
static ENABLE: Rule = rule("ENABLE", Needs::Login);
static SELECT: Rule = rule("SELECT", Needs::Login);
pub(super) static EXAMINE: Rule = rule("EXAMINE", Needs::Login);
static CREATE: Rule = rule("CREATE", Needs::Login);
static DELETE: Rule = rule("DELETE", Needs::Login);
static RENAME: Rule = rule("RENAME", Needs::Login);
static SUBSCRIBE: Rule = rule("SUBSCRIBE", Needs::Login);
static UNSUBSCRIBE: Rule = rule("UNSUBSCRIBE", Needs::Login);
static LIST: Rule = rule("LIST", Needs::Login);
static LSUB: Rule = rule("LSUB", Needs::Login);
static NAMESPACE: Rule = rule("NAMESPACE", Needs::Login);
static GETMETADATA: Rule = rule("GETMETADATA", Needs::Login);
static SETMETADATA: Rule = rule("SETMETADATA", Needs::Login);
static STATUS: Rule = rule("STATUS", Needs::Login);
pub(super) static APPEND: Rule = rule("APPEND", Needs::Login);
pub(super) static IDLE: Rule = rule("IDLE", Needs::Login);
static CHECK: Rule = rule("CHECK", Needs::Mailbox);
static CLOSE: Rule = rule("CLOSE", Needs::Mailbox);
static UNSELECT: Rule = rule("UNSELECT", Needs::Mailbox);
static EXPUNGE: Rule = rule("EXPUNGE", Needs::Mailbox);
static UID_EXPUNGE: Rule = by_uid("UID EXPUNGE");
static SEARCH: Rule = held("SEARCH");
static UID_SEARCH: Rule = by_uid("UID SEARCH");
static ESEARCH: Rule = rule("ESEARCH", Needs::Login);
static SORT: Rule = held("SORT");
static UID_SORT: Rule = by_uid("UID SORT");
static THREAD: Rule = held("THREAD");
static UID_THREAD: Rule = by_uid("UID THREAD");
static CANCELUPDATE: Rule = rule("CANCELUPDATE", Needs::Mailbox);
static FETCH: Rule = held("FETCH");
static UID_FETCH: Rule = by_uid("UID FETCH");
static STORE: Rule = held("STORE");
static UID_STORE: Rule = by_uid("UID STORE");
static COPY: Rule = rule("COPY", Needs::Mailbox);
static UID_COPY: Rule = by_uid("UID COPY");
static MOVE: Rule = rule("MOVE", Needs::Mailbox);
static UID_MOVE: Rule = by_uid("UID MOVE");

/// What the parser reads and we do not offer.
static UNKNOWN: Rule = rule("", Needs::Nothing);

/// The row of a command.
pub(super) fn rule_of(command: &Command<'_>) -> &'static Rule {
    let pick = |numbers: &Numbers, seq, uid| match numbers {
        Numbers::Seq => seq,
        Numbers::Uid => uid,
    };
    match command {
        Command::Capability => &CAPABILITY,
        Command::Noop => &NOOP,
        Command::Logout => &LOGOUT,
        Command::Id(_) => &ID,
        Command::StartTls => &STARTTLS,
        Command::Authenticate { .. } => &AUTHENTICATE,
        Command::Login { .. } => &LOGIN,
        Command::Enable(_) => &ENABLE,
        Command::Select { .. } => &SELECT,
        Command::Examine { .. } => &EXAMINE,
        Command::Create { .. } => &CREATE,
        Command::Delete(_) => &DELETE,
        Command::Rename { .. } => &RENAME,
        Command::Subscribe(_) => &SUBSCRIBE,
        Command::Unsubscribe(_) => &UNSUBSCRIBE,
        Command::List(_) => &LIST,
        Command::Lsub { .. } => &LSUB,
        Command::Namespace => &NAMESPACE,
        Command::GetMetadata { .. } => &GETMETADATA,
        Command::SetMetadata { .. } => &SETMETADATA,
        Command::Status { .. } => &STATUS,
        Command::Append { .. } => &APPEND,
        Command::Idle => &IDLE,
        Command::Check => &CHECK,
        Command::Close => &CLOSE,
        Command::Unselect => &UNSELECT,
        Command::Expunge(None) => &EXPUNGE,
        Command::Expunge(Some(_)) => &UID_EXPUNGE,
        Command::Search { numbers, .. } => pick(numbers, &SEARCH, &UID_SEARCH),
        Command::ESearch { .. } => &ESEARCH,
        Command::Sort { numbers, .. } => pick(numbers, &SORT, &UID_SORT),
        Command::Thread { numbers, .. } => pick(numbers, &THREAD, &UID_THREAD),
        Command::CancelUpdate(_) => &CANCELUPDATE,
        Command::Fetch { numbers, .. } => pick(numbers, &FETCH, &UID_FETCH),
        Command::Store { numbers, .. } => pick(numbers, &STORE, &UID_STORE),
        Command::Copy { numbers, .. } => pick(numbers, &COPY, &UID_COPY),
        Command::Move { numbers, .. } => pick(numbers, &MOVE, &UID_MOVE),
        _ => &UNKNOWN,
    }
}
