//! For the tests of sessions: a dialogue with a scripted store, and mail for it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Event, Next, Output, Peer, Service, Session, Settings};
use crate::job::{Fetched, Job, MailboxInfo, MailboxKey, Reply, Seat};
use crate::mail::{Message, Snapshot, SnapshotHead};
use crate::model::{
    AccountId, Address, BlobId, Flags, KeywordMask, Keywords, MailboxId, MailboxName, ModSeq, Uid,
    UidValidity,
};

pub(super) const KEY: MailboxKey = MailboxKey { account: AccountId(1), mailbox: MailboxId(7) };

/// A peer on loopback, or far away.
pub(super) fn peer(remote: bool) -> Peer {
    let address = if remote { Ipv4Addr::new(192, 0, 2, 1) } else { Ipv4Addr::LOCALHOST };
    Peer { address: Some(IpAddr::V4(address)), tls: false, can_start_tls: remote }
}

/// A session, and all that it said.
pub(super) struct Dialogue {
    pub(super) session: Session,
    pub(super) said: String,
    pub(super) job: Option<Job>,
    pub(super) closed: bool,
    /// Most bytes that one step left waiting.
    pub(super) most: usize,
}

impl Dialogue {
    pub(super) fn new(service: Service, peer: Peer, settings: Settings) -> Self {
        let session = Session::new(service, peer, &Arc::new(settings));
        Self { session, said: String::new(), job: None, closed: false, most: 0 }
    }

    /// Says `input`, as far as the session reads before it asks or closes.
    pub(super) fn say(&mut self, input: &str) {
        let mut rest = input.as_bytes();
        while !rest.is_empty() && self.job.is_none() && !self.closed {
            let consumed = self.step(Event::Input(rest));
            rest = rest.get(consumed..).expect("no more than there was");
            if consumed == 0 {
                break;
            }
        }
    }

    pub(super) fn reply(&mut self, reply: Reply) {
        assert!(self.job.take().is_some(), "no job was out");
        self.step(Event::Reply(reply));
    }

    pub(super) fn step(&mut self, event: Event<'_>) -> usize {
        let mut event = Some(event);
        let mut consumed = 0;
        while let Some(now) = event.take() {
            let mut out = Output::new();
            let step = self.session.step(now, &mut out);
            consumed += step.consumed;
            self.most = self.most.max(out.len());
            self.said.push_str(&String::from_utf8_lossy(&out.into_bytes()));
            match step.next {
                Next::Read | Next::StartTls => {}
                Next::Drain => event = Some(Event::Drained),
                Next::Run(job) => self.job = Some(*job),
                Next::Close => self.closed = true,
            }
        }
        consumed
    }

    /// Holds what was said since the last time to `want`.
    #[track_caller]
    pub(super) fn check(&mut self, want: &str) {
        assert_eq!(std::mem::take(&mut self.said), want);
    }
}

pub(super) fn logged_in() -> Reply {
    let address = Address::new("me@example.com").expect("an address");
    Reply::LoggedIn { account: KEY.account, address, seat: Seat(Box::new(())) }
}

pub(super) fn message(uid: u32, size: u32) -> Message {
    Message {
        uid: Uid(uid),
        mod_seq: ModSeq(i64::from(uid)),
        flags: Flags::SEEN,
        keywords: KeywordMask(0),
        internal_seconds: 0,
        size,
    }
}

pub(super) fn snapshot(messages: impl IntoIterator<Item = Message>) -> Arc<Snapshot> {
    let messages: Vec<Message> = messages.into_iter().collect();
    let last = messages.last().map_or(0, |message| message.uid.0);
    let head = SnapshotHead {
        mailbox: KEY.mailbox,
        uid_validity: UidValidity(1),
        uid_next: last + 1,
        highest_mod_seq: ModSeq(i64::from(last) + 1),
        keywords: Keywords::default(),
    };
    Arc::new(Snapshot::load(head, messages))
}

pub(super) fn info(snapshot: &Snapshot) -> MailboxInfo {
    MailboxInfo {
        key: KEY,
        name: MailboxName::inbox(),
        special_use: None,
        subscribed: true,
        uid_validity: snapshot.head.uid_validity,
        uid_next: snapshot.head.uid_next,
        highest_mod_seq: snapshot.head.highest_mod_seq,
        messages: snapshot.len(),
        unseen: 0,
        deleted: 0,
        bytes: 0,
    }
}

/// The answer to SELECT, or to a POP3 login.
pub(super) fn opened(snapshot: &Arc<Snapshot>) -> Reply {
    Reply::MailboxOpened { info: info(snapshot), snapshot: Arc::clone(snapshot) }
}

/// A message that comes with this body, or without one because it is too large for that.
pub(super) fn fetched(message: Message, body: Option<&[u8]>) -> Fetched {
    Fetched {
        message,
        keywords: Keywords::default(),
        blob: BlobId(i64::from(message.uid.0)),
        envelope: None,
        map: None,
        header: None,
        body: body.map(Arc::from),
    }
}

/// The last batch of a FETCH.
pub(super) fn batch(messages: Vec<Fetched>) -> Reply {
    Reply::Messages { messages, next: None, snapshot: None }
}
