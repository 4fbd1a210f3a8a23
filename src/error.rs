//! Errors by who must act: the peer (a [`Refusal`]) or us (a [`Fault`]).
//!
//! Both are all that a session may tell a peer; causes stay in the store's `Failure`, which `work`
//! logs once.

/// Understood, and cannot be done. Safe to show; sessions map it to their protocol's codes in one
/// table each (RFC 9051 §7.1, RFC 5530; RFC 3463).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Wrong user or password; the same for both (pitfall 55). `[AUTHENTICATIONFAILED]`
    BadCredentials,
    /// The account has as many connections as it may. `[LIMIT]`
    TooManyConnections,
    /// Another session has the maildrop. `[IN-USE]` (RFC 2449 §8.1.2)
    InUse,
    /// No such Sieve script. `(NONEXISTENT)` (RFC 5804 §1.3)
    NoSuchScript,
    /// A script of that name is there. `(ALREADYEXISTS)`
    ScriptExists,
    /// The active script cannot be deleted. `(ACTIVE)`
    ScriptActive,
    /// The account has as many scripts as it may. `(QUOTA/MAXSCRIPTS)`
    TooManyScripts,
    /// No such mailbox. `[NONEXISTENT]`, or `[TRYCREATE]` where a message was to go there.
    NoSuchMailbox,
    /// The name is taken, perhaps in another case. `[ALREADYEXISTS]`
    MailboxExists,
    /// The mailbox has children and cannot go. `[HASCHILDREN]`
    HasChildren,
    /// INBOX cannot be deleted, a mailbox cannot move below itself, and the like. `[CANNOT]`
    Cannot(&'static str),
    /// Another mailbox of the account has this special use. `[USEATTR]` (RFC 6154 §5.3)
    SpecialUseTaken,
    /// The mailbox cannot have this special use. `[USEATTR]`
    SpecialUseUnknown,
    /// The value of an annotation is larger than this many bytes. `[METADATA MAXSIZE n]` (RFC 5464 §4.3)
    MetadataTooBig(usize),
    /// The mailbox or the account has as many annotations as it may. `[METADATA TOOMANY]`
    MetadataTooMany,
    /// The operator sets this annotation, and nobody else. `[NOPERM]` (RFC 5464 §4.1)
    MetadataReadOnly,
    /// A bound of `limits` was met: keywords, mailboxes. `[LIMIT]`
    Limit(&'static str),
    /// Over quota. `[OVERQUOTA]`
    OverQuota,
    /// The message is larger than allowed. `[TOOBIG]` / 552 5.3.4
    TooBig,
    /// The message is gone and nothing of it is kept. `[EXPUNGEISSUE]`
    MessageGone,
    /// The part's encoding is not one we can undo. `[UNKNOWN-CTE]` (RFC 3516 §4.3)
    UnknownEncoding,
    /// No account has this address: certainly. 550 5.1.1
    NoSuchRecipient,
    /// The message has been here before. 550 5.4.6
    MailLoop,
}

/// We could not do it: all the peer may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Overload, database or disk trouble, shutdown: trying again may help. `[UNAVAILABLE]` / 451 4.3.0
    Unavailable,
    /// Disk or spool is full. `[UNAVAILABLE]` / 452 4.3.1
    NoSpace,
    /// A rule of ours is broken: trying again will not help. `[SERVERBUG]` / 451 4.3.0
    ServerBug,
}
