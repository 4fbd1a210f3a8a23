//! The words of the house: identifiers, flags, names and times as types that cannot be mixed up.

mod entry;
mod flags;
mod ids;
mod name;
mod networks;
mod script;
mod secret;
mod time;

pub use entry::{Depth, EntryName};
pub use flags::{Flags, Keyword, KeywordMask, Keywords};
pub use ids::{AccountId, BlobId, EmailId, MailboxId, ModSeq, ThreadId, Uid, UidValidity};
pub use name::{Address, MailboxName, NameError, SpecialUse};
pub use networks::Networks;
pub use script::ScriptName;
pub use secret::Secret;
pub use time::Timestamp;
