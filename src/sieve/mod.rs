//! Sieve: scripts that say what becomes of a message (RFC 5228 and its extensions).
//!
//! This is the interpreter, and it is pure: a compiled script, a message, its envelope and some
//! facts go in, a list of actions comes out. Nothing is filed, sent or looked up here. What a script
//! can ask that only a store knows stops the run with a [`Question`]; it goes on with the
//! [`Answer`]. The same answers give the same outcome, whatever the clock says.
//!
//! An error, or a limit, never loses a message: the outcome is then to keep it, as it came, and says
//! what was wrong and where.
//!
//! ```
//! use sora::sieve::{
//!     self, Action, Answer, Envelope, Facts, Mail, MessageMap, OFFERED, Question, Step,
//! };
//!
//! let script = sieve::compile(
//!     br#"require ["fileinto", "mailbox", "envelope"];
//!         if allof (envelope :domain "from" "example.org", mailboxexists "Friends") {
//!             fileinto "Friends";
//!         }"#,
//!     OFFERED,
//! )
//! .expect("no mistakes");
//!
//! let bytes = b"Subject: Hello\r\n\r\nHow are you?\r\n";
//! let map = MessageMap::parse(bytes);
//! let envelope =
//!     Envelope { from: "tim@example.org".into(), to: "me@example.com".into(), ..Default::default() };
//! let facts = Facts { addresses: &["me@example.com"], ..Facts::default() };
//! let mail = Mail { bytes, map: &map, envelope: &envelope };
//!
//! let mut step = sieve::run(script.shared(), mail, &facts);
//! let outcome = loop {
//!     step = match step {
//!         Step::Done(outcome) => break outcome,
//!         Step::Ask(asking) => {
//!             let exists = matches!(asking.question(), Question::MailboxExists { .. });
//!             asking.answer(Answer::Bool(exists))
//!         }
//!     };
//! };
//! assert!(outcome.error.is_none());
//! let Action::FileInto { filing, .. } = &outcome.actions[0].action else { panic!() };
//! assert_eq!(filing.mailbox, "Friends");
//! ```
//!
//! From the bottom: `glob`, `ere` and `keys` compare, `scope` has the variables, `message` the
//! message and its changes; `test` and `command` do what scripts say, `script` is the list of
//! operations they are made into, and `run` the machine that walks it.

mod action;
mod ask;
mod command;
pub(crate) mod compose;
mod ere;
mod facts;
mod flags;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod glob;
mod keys;
mod limits;
mod lists;
mod message;
mod mime;
mod names;
mod notify;
mod run;
mod scope;
mod script;
mod test;
#[cfg(test)]
mod tests;
mod trace;
mod uri;
mod vacation;

pub use action::{
    Action, DeliverBy, Done, Failed, Filing, Line, LineKind, Notify, Outcome, Redirect, RedirectTo,
    Tracked, Vacation, Version,
};
pub use ask::{Answer, Question};
pub use facts::{By, Envelope, Environment, Facts, ImapEvent, LocalZone, Mail, Verdict};
pub use limits::Limits;
pub use lists::{DEFAULT_LIST, list_name};
pub use parser::message::MessageMap;
pub use parser::sieve::tree::{ByMode, DsnNotify, DsnReturn, Importance, Location};
pub use parser::sieve::{Capabilities, Capability, Error, Position};
pub use run::{Asking, Step, run};
pub use script::Script;

/// What scripts may require: all that is known but `convert`, for nothing is converted here.
pub const OFFERED: Capabilities = Capabilities::ALL.without(Capability::Convert);

/// What the scripts of this server may require; `extlists` only where the operator keeps lists.
pub const SERVED: Capabilities = OFFERED;

/// Reads a script that may require what is `offered`, and makes it ready to run.
///
/// ```
/// use sora::sieve::{OFFERED, compile};
/// let mistakes = compile(b"fileinto;", OFFERED).unwrap_err();
/// assert_eq!((mistakes[0].at.line, mistakes[0].at.column), (1, 1));
/// ```
///
/// # Errors
/// Every mistake with its place, in the order of the places; never none.
pub fn compile(script: &[u8], offered: Capabilities) -> Result<Script, Vec<Error>> {
    Script::new(parser::sieve::compile(script, offered)?)
}
