//! Identifiers. All but UIDs are BIGINT in the store (docs/storage.md).

use std::fmt;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

identifier! {
    /// One account, whatever its addresses. Leads every key of the store.
    AccountId
}
identifier! {
    /// One mailbox, for ever: renaming keeps it, deleting and creating again does not.
    MailboxId
}
identifier! {
    /// One stored body. Never used twice.
    BlobId
}
identifier! {
    /// RFC 8474 EMAILID: the same for every copy of one message.
    EmailId
}
identifier! {
    /// RFC 8474 THREADID.
    ThreadId
}
identifier! {
    /// A mod-sequence (RFC 7162 §3): above 0, below 2^63, in commit order within a mailbox.
    ModSeq
}

impl AccountId {
    /// Nobody's: what only goes through here.
    pub const NOBODY: Self = Self(0);
}

impl MailboxId {
    /// No mailbox: the account as a server, which has annotations of its own (RFC 5464 §3.1).
    pub const SERVER: Self = Self(0);
}

/// A message's unique identifier in its mailbox (RFC 9051 §2.3.1.1): 1 to 2^32 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u32);

/// RFC 9051 §2.3.1.1: 1 to 2^32 - 1, greater for each mailbox that takes the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(pub u32);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
