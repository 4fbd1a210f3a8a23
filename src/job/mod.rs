//! What a session may ask of storage, and what it hears back: the whole contract, as two enums.
//!
//! A session builds a [`Job`], `net` carries it to the pool, `work` runs it against the store, and
//! the [`Reply`] comes back to the loop that asked. Both are plain owned data: nothing borrowed and
//! no closures, so a job can be logged, replayed from a seed, or made to fail on purpose.

mod delivery;
mod held;
mod mailbox;
mod metadata;

use std::net::IpAddr;
use std::sync::Arc;

use parser::sieve::Capabilities;

pub use delivery::{DeliveryProblem, Envelope, EnvelopeDsn, Recipient, RecipientDsn};
pub use held::{Body, Seat, Ticket};
pub use mailbox::{
    Access, Change, Fetched, FlagSet, MailboxInfo, MailboxKey, StoreMode, Subscription, Transfer,
    Wants,
};
pub use metadata::{Annotated, Annotation, AnnotationChange, MailboxAnnotations};

use crate::error::{Fault, Refusal};
use crate::mail::search::Query;
use crate::mail::{Snapshot, UidRuns};
use crate::model::{
    AccountId, Address, BlobId, Depth, EmailId, EntryName, MailboxName, ModSeq, ScriptName, Secret,
    SpecialUse, ThreadId, Timestamp, Uid, UidValidity,
};

/// A Sieve script, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptInfo {
    /// What it is called.
    pub name: ScriptName,
    /// Whether it sorts the account's mail.
    pub is_active: bool,
    /// Its size.
    pub bytes: u64,
}

/// One thing a session asks. The arrow says which replies may come, besides `Failed`.
#[derive(Debug)]
pub enum Job {
    /// Checks a password. → `LoggedIn`, `Refused(BadCredentials | TooManyConnections)`
    Login {
        /// As typed: an address, perhaps with `+detail`.
        user: String,
        /// As typed.
        password: Secret,
        /// For limits and the log.
        peer: Option<IpAddr>,
        /// Where the account may act as another (`authzid`); "" if none was sent (RFC 4616).
        act_as: String,
    },
    /// Every mailbox and subscription of an account. → `Mailboxes`
    ListMailboxes {
        /// Whose.
        account: AccountId,
    },
    /// One mailbox row by name, for STATUS. → `MailboxStatus`, `Refused(NoSuchMailbox)`
    Status {
        /// Whose.
        account: AccountId,
        /// Which.
        name: MailboxName,
    },
    /// SELECT. → `MailboxOpened`, `Refused(NoSuchMailbox)`
    OpenMailbox {
        /// Whose.
        account: AccountId,
        /// Which.
        name: MailboxName,
    },
    /// CREATE, its missing parents too. → `Done`, or `Refused`
    CreateMailbox {
        /// Whose.
        account: AccountId,
        /// What.
        name: MailboxName,
        /// RFC 6154 §3.
        special_use: Option<SpecialUse>,
    },
    /// DELETE. → `Done`, or `Refused`
    DeleteMailbox {
        /// Whose.
        account: AccountId,
        /// What.
        name: MailboxName,
    },
    /// RENAME; from INBOX it moves the messages and leaves INBOX empty. → `Done`, or `Refused`
    RenameMailbox {
        /// Whose.
        account: AccountId,
        /// From.
        from: MailboxName,
        /// To.
        to: MailboxName,
    },
    /// SUBSCRIBE. → `Done`
    Subscribe {
        /// Whose.
        account: AccountId,
        /// What; need not exist.
        name: MailboxName,
    },
    /// UNSUBSCRIBE. → `Done`
    Unsubscribe {
        /// Whose.
        account: AccountId,
        /// What.
        name: MailboxName,
    },
    /// The mailbox as it is now. → `Current`, `Refused(NoSuchMailbox)` once it was deleted
    Refresh {
        /// Which.
        mailbox: MailboxKey,
    },
    /// Reads messages, ascending, as many as fit one batch; the session asks again for the rest.
    /// UIDs of which nothing is kept are left out of the reply. → `Messages`
    Fetch {
        /// Which mailbox.
        mailbox: MailboxKey,
        /// Which messages, ascending.
        uids: UidRuns,
        /// What of them.
        wants: Wants,
        /// Set `\Seen` on those that lack it (BODY[] without PEEK in a read-write mailbox), unless
        /// nothing can be written: mail is read all the same.
        /// `Messages.snapshot` then has it.
        mark_seen: bool,
    },
    /// Bytes of a stored body. → `Bytes` with at least one byte and at most
    /// `BODY_SLICE_BYTES_MAX`, fewer than asked for allowed; `Failed` if they cannot be had.
    ReadBody {
        /// Whose.
        account: AccountId,
        /// Which.
        blob: BlobId,
        /// First byte.
        offset: u64,
        /// How many at most.
        count: u64,
    },
    /// A MIME part with its transfer encoding undone (RFC 3516). → `Bytes`, the whole part (bounded
    /// by the largest message); `Refused(UnknownEncoding)`
    DecodePart {
        /// Whose.
        account: AccountId,
        /// Which.
        blob: BlobId,
        /// Where the encoded part starts.
        offset: u64,
        /// Its encoded size.
        count: u64,
        /// Its Content-Transfer-Encoding, lower case; "" for none.
        encoding: String,
    },
    /// STORE. → `Stored`, `Refused(Limit)` for too many keywords
    Store {
        /// Which mailbox.
        mailbox: MailboxKey,
        /// Which messages; those that are gone are skipped.
        uids: UidRuns,
        /// How.
        mode: StoreMode,
        /// What.
        flags: FlagSet,
        /// Skip messages changed after this (RFC 7162 §3.1.3).
        unchanged_since: Option<ModSeq>,
    },
    /// Moves messages to the expunged. → `Expunged`
    Expunge {
        /// Which mailbox.
        mailbox: MailboxKey,
        /// Only these (UID EXPUNGE); `None` for all. Only those with `\Deleted`, always.
        uids: Option<UidRuns>,
    },
    /// POP3's QUIT (RFC 1939 §6): moves these to the expunged, `\Deleted` or not, all or nothing; those
    /// that are gone are skipped. → `Expunged`
    Remove {
        /// Which mailbox.
        mailbox: MailboxKey,
        /// Which messages.
        uids: UidRuns,
    },
    /// The lock on an account's maildrop, for as long as it is held. → `MaildropLocked`,
    /// `Refused(InUse)`
    LockMaildrop {
        /// Whose.
        account: AccountId,
    },
    /// COPY: all or nothing. → `Copied`, `Refused(NoSuchMailbox)`
    Copy(Transfer),
    /// MOVE: all or nothing. → `Copied` with the source's new state, `Refused(NoSuchMailbox)`
    Move(Transfer),
    /// APPEND. → `Appended`, `Refused(NoSuchMailbox | TooBig | Limit)`
    Append {
        /// Whose.
        account: AccountId,
        /// To where.
        name: MailboxName,
        /// With which flags.
        flags: FlagSet,
        /// INTERNALDATE; `None` for now.
        internal_date: Option<Timestamp>,
        /// The message.
        body: Body,
    },
    /// SEARCH: some of the mailbox; the session asks again from `Found.next`. → `Found`
    Search {
        /// Which mailbox.
        mailbox: MailboxKey,
        /// What for.
        query: Arc<Query>,
        /// Only among these, the ones the client knows.
        among: Arc<UidRuns>,
        /// From which UID on.
        from: Uid,
    },
    /// Adds a chunk to the spool, opening it for the first. → `Spooled`, `Failed(NoSpace)`
    Spool {
        /// `None` for the first chunk.
        ticket: Option<Ticket>,
        /// At most `SPOOL_CHUNK_BYTES`.
        chunk: Vec<u8>,
    },
    /// RCPT TO. → `RecipientFound`, `Refused(NoSuchRecipient)` only if certainly unknown
    FindRecipient {
        /// Without brackets and quotes, else as given.
        given: String,
    },
    /// A delivery to every recipient: each gets its own copy and its own answer. → `Delivered`
    Deliver {
        /// From whom, by whom.
        envelope: Envelope,
        /// To whom, in order.
        recipients: Vec<Recipient>,
        /// As received, dots undone, without our trace lines.
        body: Body,
    },
    /// The annotations that names reach: GETMETADATA, and for LIST those of each mailbox. →
    /// `Metadata` with one for each mailbox asked for, `Refused(NoSuchMailbox)`
    GetMetadata {
        /// Whose.
        account: AccountId,
        /// Of what.
        of: Annotated,
        /// Which.
        names: Vec<EntryName>,
        /// And how far below them.
        depth: Depth,
    },
    /// SETMETADATA: all or nothing. → `MetadataSet`, `Refused(NoSuchMailbox | MetadataTooBig |
    /// MetadataTooMany | MetadataReadOnly | SpecialUseTaken | SpecialUseUnknown)`
    SetMetadata {
        /// Whose.
        account: AccountId,
        /// Of which mailbox; `None` for the server.
        of: Option<MailboxName>,
        /// Those without a value are removed.
        entries: Vec<(EntryName, Option<Vec<u8>>)>,
    },
    /// Which annotations of an account changed. → `MetadataChanges`
    MetadataChanges {
        /// Whose.
        account: AccountId,
        /// After this change.
        since: ModSeq,
    },
    /// LISTSCRIPTS. → `Scripts`
    ListScripts {
        /// Whose.
        account: AccountId,
    },
    /// GETSCRIPT. → `Script`, `Refused(NoSuchScript)`
    GetScript {
        /// Whose.
        account: AccountId,
        /// Which.
        name: ScriptName,
    },
    /// PUTSCRIPT: compiled first; one with mistakes changes nothing. → `ScriptTaken`, `ScriptWrong`,
    /// `Refused(TooManyScripts)`
    PutScript {
        /// Whose.
        account: AccountId,
        /// What it is to be called.
        name: ScriptName,
        /// Its text.
        script: Vec<u8>,
        /// What it may require.
        offered: Capabilities,
        /// Scripts the account may have.
        scripts_max: u32,
    },
    /// CHECKSCRIPT. → `ScriptTaken`, `ScriptWrong`
    CheckScript {
        /// Its text.
        script: Vec<u8>,
        /// What it may require.
        offered: Capabilities,
    },
    /// HAVESPACE. → `Done`, `Refused(TooManyScripts)`
    HaveSpace {
        /// Whose.
        account: AccountId,
        /// What the script would be called.
        name: ScriptName,
        /// Scripts the account may have.
        scripts_max: u32,
    },
    /// SETACTIVE. → `Done`, `Refused(NoSuchScript)`
    ActivateScript {
        /// Whose.
        account: AccountId,
        /// Which; `None` for none.
        name: Option<ScriptName>,
    },
    /// DELETESCRIPT. → `Done`, `Refused(NoSuchScript | ScriptActive)`
    DeleteScript {
        /// Whose.
        account: AccountId,
        /// Which.
        name: ScriptName,
    },
    /// RENAMESCRIPT. → `Done`, `Refused(NoSuchScript | ScriptExists)`
    RenameScript {
        /// Whose.
        account: AccountId,
        /// From.
        from: ScriptName,
        /// To.
        to: ScriptName,
    },
    /// The addresses of an account: the primary one first. → `Addresses`
    Addresses {
        /// Whose.
        account: AccountId,
    },
}

/// What came of a [`Job`].
#[derive(Debug)]
pub enum Reply {
    /// It is so, and durable.
    Done,
    /// We understood and it cannot be.
    Refused(Refusal),
    /// We could not.
    Failed(Fault),
    /// The password was right.
    LoggedIn {
        /// Who.
        account: AccountId,
        /// The account's primary address.
        address: Address,
        /// Held for as long as the session is logged in.
        seat: Seat,
    },
    /// Dropping it unlocks the maildrop.
    MaildropLocked(Seat),
    /// Ascending by name.
    Mailboxes {
        /// All that exist.
        mailboxes: Vec<MailboxInfo>,
        /// All that are subscribed.
        subscriptions: Vec<Subscription>,
    },
    /// One row.
    MailboxStatus(MailboxInfo),
    /// SELECT: the row and the mailbox, read at one moment.
    MailboxOpened {
        /// The row.
        info: MailboxInfo,
        /// The messages.
        snapshot: Arc<Snapshot>,
    },
    /// The mailbox as it is.
    Current {
        /// The messages.
        snapshot: Arc<Snapshot>,
    },
    /// A batch of a FETCH.
    Messages {
        /// Ascending by UID.
        messages: Vec<Fetched>,
        /// Ask again from here on; `None` when all were read.
        next: Option<Uid>,
        /// The mailbox, if `mark_seen` changed it and that was written.
        snapshot: Option<Arc<Snapshot>>,
    },
    /// Bytes of a body or part.
    Bytes(Arc<[u8]>),
    /// What STORE did.
    Stored {
        /// Those that `unchanged_since` held back (RFC 7162 §3.1.3 MODIFIED).
        modified: UidRuns,
        /// Those that are in fact different now.
        changed: UidRuns,
        /// The mod-sequence of the change, one above the mailbox's until then: so a session sees
        /// whether others were in between. The mailbox's own if nothing changed.
        mod_seq: ModSeq,
        /// The mailbox after it.
        snapshot: Arc<Snapshot>,
    },
    /// What EXPUNGE took.
    Expunged {
        /// Which.
        uids: UidRuns,
        /// The mailbox after it.
        snapshot: Arc<Snapshot>,
    },
    /// What COPY or MOVE did (RFC 4315 §3 COPYUID).
    Copied {
        /// The target's UIDVALIDITY.
        uid_validity: UidValidity,
        /// Source UIDs that were there, ascending; may be none.
        from: UidRuns,
        /// As many target UIDs, in the same order.
        to: UidRuns,
        /// The source mailbox after it; for COPY too (it may be the target as well).
        snapshot: Arc<Snapshot>,
    },
    /// APPENDUID.
    Appended {
        /// Where it went.
        mailbox: MailboxKey,
        /// Its UIDVALIDITY.
        uid_validity: UidValidity,
        /// The message's UID.
        uid: Uid,
        /// RFC 8474.
        email_id: EmailId,
        /// RFC 8474.
        thread_id: ThreadId,
    },
    /// A part of a SEARCH.
    Found {
        /// Matches among what was looked at.
        uids: UidRuns,
        /// The highest mod-sequence among them (RFC 7162 §3.1.5).
        mod_seq: ModSeq,
        /// Where to go on; `None` when done.
        next: Option<Uid>,
        /// The mailbox as searched.
        snapshot: Arc<Snapshot>,
    },
    /// The chunk is in the spool.
    Spooled(Ticket),
    /// RCPT: the account is there.
    RecipientFound(Recipient),
    /// One answer for each recipient, in order.
    Delivered(Vec<Result<(), DeliveryProblem>>),
    /// Ascending by mailbox.
    Metadata(Vec<MailboxAnnotations>),
    /// SETMETADATA is done.
    MetadataSet {
        /// Which change of the account's annotations it was.
        mod_seq: ModSeq,
    },
    /// What changed, in the order of the changes.
    MetadataChanges {
        /// The last change there is.
        mod_seq: ModSeq,
        /// Of entries that were set or removed.
        changes: Vec<AnnotationChange>,
    },
    /// Ascending by name.
    Scripts(Vec<ScriptInfo>),
    /// The text of one.
    Script(Vec<u8>),
    /// The script compiles, and is stored if that was asked for.
    ScriptTaken {
        /// What its writer should know, a line each; "" if nothing.
        warnings: String,
    },
    /// The script does not compile; nothing was changed.
    ScriptWrong {
        /// A line each.
        mistakes: String,
    },
    /// The primary first.
    Addresses(Vec<Address>),
}
