//! Messages on their way in: LMTP's deliveries and IMAP's APPEND.

use super::{Error, Failure, PlacedBody, Store};
use crate::job::{FlagSet, MailboxKey};
use crate::model::{
    AccountId, EmailId, MailboxName, ModSeq, ThreadId, Timestamp, Uid, UidValidity,
};

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Whose.
    pub account: AccountId,
    /// To where.
    pub mailbox: MailboxName,
    /// With which flags.
    pub flags: FlagSet,
    /// INTERNALDATE; `None` for now.
    pub internal_date: Option<Timestamp>,
    /// Its bytes, exactly as they shall be given out.
    pub body: NewBody,
    /// What was learnt from them.
    pub facts: Facts,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub enum NewBody {
    /// Here; the store decides where they go.
    Bytes(Vec<u8>),
    /// On the disk already, by [`Store::place_body`].
    Placed(PlacedBody),
}

/// What is kept beside a body, so that nothing opens it again.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Ready to be written after `ENVELOPE `.
    pub envelope: Vec<u8>,
    /// The encoded message map.
    pub map: Vec<u8>,
    /// Bytes of the top header block, its blank line included.
    pub header_bytes: u64,
    /// [`message_id_hash`] of its Message-ID, then of those it answers and refers to; bounded by the
    /// caller (pitfall 17).
    pub message_ids: Vec<i64>,
}

/// A delivery of LMTP.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What, and to where.
    pub message: NewMessage,
    /// What to do if the mailbox is not there.
    pub if_missing: IfMissing,
    /// By which a redelivery is recognised; `None` for mail that is never suppressed.
    pub digest: Option<DeliveryDigest>,
}

/// What to do about a mailbox that is not there (pitfall 25).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Use INBOX.
    Inbox,
    /// Make it.
    Create,
}

/// What makes a real retry recognisable: account, sender, recipient as given, received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryDigest(pub [u8; 16]);

/// What a delivery came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It is in the mailbox.
    Stored(Appended),
    /// It had been delivered before, at `first`; nothing was stored (pitfall 6).
    Repeated {
        /// When.
        first: Timestamp,
        /// And now.
        now: Timestamp,
    },
}

/// Where a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Which mailbox.
    pub mailbox: MailboxKey,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The message's UID.
    pub uid: Uid,
    /// Its mod-sequence, now the mailbox's.
    pub mod_seq: ModSeq,
    /// RFC 8474.
    pub email_id: EmailId,
    /// RFC 8474.
    pub thread_id: ThreadId,
}

/// A Message-ID as threads compare it: without brackets and white space around it.
pub fn message_id_hash(_id: &[u8]) -> i64 {
    0
}

impl DeliveryDigest {
    /// Of a transaction's sender, recipient as given, and bytes as received (before trace lines).
    pub fn new(_sender: &str, _recipient: &str, _received: &[u8]) -> Self {
        Self([0; 16])
    }
}

impl Store {
    /// Stores each delivery on its own merits, all of them in as few commits as possible; the
    /// answers are in their order.
    pub fn deliver(&self, deliveries: Vec<Delivery>) -> Vec<Result<Delivered, Error>> {
        deliveries.iter().map(|_| Err(Failure::Closed.into())).collect()
    }

    /// Stores a message in the mailbox it names (RFC 9051 §6.3.12).
    pub fn append(&self, _message: NewMessage) -> Result<Appended, Error> {
        Err(Failure::Closed.into())
    }

    /// Forgets deliveries older than a day, a bounded number of rows at a time; call it now and then.
    /// True if there is more to look at.
    pub fn forget_deliveries(&self) -> Result<bool, Failure> {
        Err(Failure::Closed)
    }
}
