//! What a refusal or a fault is called on the wire: one table (RFC 9051 §7.1, RFC 5530).

use std::borrow::Cow;

use crate::error::{Fault, Refusal};
use crate::job::Reply;
use crate::model::NameError;

/// Whether the mailbox that may be missing was to take messages: then a client may create it and
/// try again (RFC 9051 §6.3.12 TRYCREATE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// `[NONEXISTENT]`
    Plain,
    /// `[TRYCREATE]`
    Target,
}

/// The text behind the tag for a refusal.
pub(super) fn refusal(refusal: Refusal, missing: Missing) -> Cow<'static, str> {
    Cow::Borrowed(match refusal {
        // Pitfall 55: the same for a wrong user and a wrong password.
        Refusal::BadCredentials => "NO [AUTHENTICATIONFAILED] Wrong user name or password",
        Refusal::TooManyConnections => "NO [LIMIT] Too many connections of this account",
        Refusal::InUse => "NO [INUSE] In use by another session",
        // No command of this protocol is about scripts.
        Refusal::NoSuchScript
        | Refusal::ScriptExists
        | Refusal::ScriptActive
        | Refusal::TooManyScripts => "NO [CANNOT] Not with this script",
        Refusal::NoSuchMailbox if missing == Missing::Target => "NO [TRYCREATE] No such mailbox",
        Refusal::NoSuchMailbox => "NO [NONEXISTENT] No such mailbox",
        Refusal::MailboxExists => "NO [ALREADYEXISTS] A mailbox of that name is there",
        Refusal::HasChildren => "NO [HASCHILDREN] The mailbox has children",
        Refusal::Cannot(why) => return Cow::Owned(format!("NO [CANNOT] {why}")),
        Refusal::SpecialUseTaken => "NO [USEATTR] Another mailbox has that special use",
        Refusal::SpecialUseUnknown => "NO [USEATTR] The mailbox cannot have that special use",
        Refusal::MetadataTooBig(most) => {
            return Cow::Owned(format!("NO [METADATA MAXSIZE {most}] The value is too large"));
        }
        Refusal::MetadataTooMany => "NO [METADATA TOOMANY] There are too many annotations",
        Refusal::MetadataReadOnly => "NO [NOPERM] That annotation is not for clients to change",
        Refusal::Limit(what) => return Cow::Owned(format!("NO [LIMIT] {what}")),
        Refusal::OverQuota => "NO [OVERQUOTA] Over quota",
        Refusal::TooBig => "NO [TOOBIG] The message is too large",
        Refusal::MessageGone => "NO [EXPUNGEISSUE] Some of the messages no longer exist",
        Refusal::UnknownEncoding => "NO [UNKNOWN-CTE] A part has an encoding unknown here",
        Refusal::NoSuchRecipient => "NO [CANNOT] No such recipient",
        Refusal::MailLoop => "NO [CANNOT] The message has been here before",
    })
}

/// The text behind the tag for a fault: it is never taken for an answer (pitfall 57).
pub(super) const fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Unavailable => "NO [UNAVAILABLE] Not available now, try again later",
        Fault::NoSpace => "NO [UNAVAILABLE] No space left, try again later",
        Fault::ServerBug => "NO [SERVERBUG] Something went wrong here",
    }
}

/// The text for a reply that is not the one a job was run for.
pub(super) fn problem(reply: &Reply, missing: Missing) -> Cow<'static, str> {
    match reply {
        Reply::Refused(why) => refusal(*why, missing),
        Reply::Failed(why) => Cow::Borrowed(fault(*why)),
        _ => Cow::Borrowed(fault(Fault::ServerBug)),
    }
}

/// The text for a mailbox name that cannot be (pitfall 67).
pub(super) const fn bad_name(error: NameError) -> &'static str {
    match error {
        NameError::Invalid => "NO [CANNOT] Not a mailbox name",
        NameError::TooLong => "NO [LIMIT] The mailbox name is too long or too deep",
    }
}
