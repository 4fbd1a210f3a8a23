//! A delivery: one message on its way to the mailboxes of its recipients, each copy on its own
//! merits (RFC 2033 §4.2).
//!
//! A copy is what was received with our trace lines in front, and not a byte else (invariant 12). No
//! answer is given before the commit (invariant 5).

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::sorting::{Arriving, Plan, Sorter, Verdict};
use super::trace::{Journey, Trace, Via};
use super::{Changes, clock, facts, outbox};
use crate::crash_point;
use crate::error::{Fault, Refusal};
use crate::job::{Change, DeliveryProblem, FlagSet, MailboxKey, Recipient};
use crate::limits::DELIVERY_BATCH_BYTES_MAX;
use crate::model::{AccountId, MailboxName, Uid};
use crate::store::{
    self, Delivered, Delivery, DeliveryDigest, IfMissing, NewBody, NewMessage, Sorted, Store,
};

/// A message that was delivered and committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The recipient as the sender gave it.
    pub recipient: String,
    /// Whose it is.
    pub account: AccountId,
    /// Where it went.
    pub mailbox: MailboxKey,
    /// Its UID there.
    pub uid: Uid,
    /// Bytes as stored, trace lines included.
    pub bytes: u64,
}

/// Told of each delivery after its commit, on the thread that did it: be quick.
pub trait DeliveryHook: Send + Sync {
    /// This has just arrived, and the sender does not know yet.
    fn delivered(&self, arrival: &Arrival);
}

/// Whether mail that was here before is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// Yes, if it can be told from mail sent twice on purpose (design.md §7, pitfalls 6, 146).
    Recognise,
    /// No: whoever sends it means it.
    Keep,
}

/// Whoever brings messages to their mailboxes.
pub(super) struct Courier {
    pub(super) store: Store,
    pub(super) changes: Arc<Changes>,
    pub(super) hostname: String,
    pub(super) hook: Option<Arc<dyn DeliveryHook>>,
    pub(super) sorter: Arc<Sorter>,
}

/// One delivery's answer, recipient by recipient.
type Answer = Result<(), DeliveryProblem>;

impl Courier {
    /// Delivers `message` to each recipient; the answers are in their order, and the changes are
    /// those that were published.
    pub(super) fn deliver(
        &self,
        via: Via<'_>,
        sender: &str,
        recipients: &[Recipient],
        mut message: Vec<u8>,
        repeats: Repeats,
    ) -> (Vec<Answer>, Vec<Change>) {
        let Some(queue_id) = queue_id() else {
            log::error!("deliver: the system gives no random bytes");
            let failed = Err(DeliveryProblem::Failed(Fault::Unavailable));
            return (vec![failed; recipients.len()], Vec::new());
        };
        let trace = Trace { hostname: &self.hostname, queue_id: &queue_id, at: clock::today() };
        let mut round = Round {
            courier: self,
            via,
            sender,
            queue_id: &queue_id,
            waiting: Vec::new(),
            waiting_bytes: 0,
            answers: vec![Err(DeliveryProblem::Failed(Fault::ServerBug)); recipients.len()],
            changes: Vec::new(),
        };
        let journey = Journey::of(&message);
        let is_a_loop: Vec<bool> =
            recipients.iter().map(|recipient| journey.is_a_loop(&recipient.given)).collect();
        let recognised = repeats == Repeats::Recognise && journey.has_received();
        // One hash of the message for all; whether one or many are left at a retry must not matter.
        let received = recognised.then(|| digest(&SHA256, &message));
        let last = is_a_loop.iter().rposition(|is_a_loop| !is_a_loop);
        for (nth, (recipient, is_a_loop)) in recipients.iter().zip(is_a_loop).enumerate() {
            let given = &recipient.given;
            if is_a_loop {
                log::warn!("deliver: {queue_id} to {} goes in circles", shown(given));
                round.answer(nth, Err(DeliveryProblem::Refused(Refusal::MailLoop)));
                continue;
            }
            let lines = trace.lines(via, sender, given).into_bytes();
            let body = in_front(lines, &mut message, last == Some(nth));
            let digest = received
                .as_ref()
                .map(|received| DeliveryDigest::new(sender, given, received.as_ref()));
            round.add(nth, recipient, body, digest);
        }
        round.commit();
        (round.answers, round.changes)
    }
}

/// `lines` and `message` as one; the last copy takes the message itself, so that a large one is in
/// memory once.
fn in_front(lines: Vec<u8>, message: &mut Vec<u8>, is_last: bool) -> Vec<u8> {
    if !is_last {
        return [lines.as_slice(), message].concat();
    }
    let mut body = std::mem::take(message);
    body.splice(0..0, lines);
    body
}

impl Courier {
    /// A hook that panics is its owner's bug: the message is there, and its sender must hear so.
    fn tell_hook(&self, arrival: impl FnOnce() -> Arrival) {
        let Some(hook) = &self.hook else { return };
        let arrival = arrival();
        if catch_unwind(AssertUnwindSafe(|| hook.delivered(&arrival))).is_err() {
            log::error!("deliver: the delivery hook panicked");
        }
    }
}

/// The copies of one message, committed in as few transactions as memory allows.
struct Round<'a> {
    courier: &'a Courier,
    via: Via<'a>,
    sender: &'a str,
    queue_id: &'a str,
    waiting: Vec<(Waiting<'a>, Delivery)>,
    waiting_bytes: usize,
    answers: Vec<Answer>,
    changes: Vec<Change>,
}

/// A copy before its commit: which recipient's, and its bytes.
struct Waiting<'a> {
    nth: usize,
    recipient: &'a Recipient,
    bytes: u64,
}

impl<'a> Round<'a> {
    fn answer(&mut self, nth: usize, answer: Answer) {
        if let Some(slot) = self.answers.get_mut(nth) {
            *slot = answer;
        }
    }

    fn add(
        &mut self,
        nth: usize,
        recipient: &'a Recipient,
        body: Vec<u8>,
        digest: Option<DeliveryDigest>,
    ) {
        if let Some(to) = &recipient.goes_on_to {
            let answer = self.send_back(nth, recipient, to, body, digest);
            return self.answer(nth, answer);
        }
        let arriving = self.arriving(&body);
        let verdict = match self.courier.sorter.sort(recipient, &arriving) {
            Ok(verdict) => verdict,
            Err(failure) => {
                log::error!("deliver: {}: sorting: {failure}", self.queue_id);
                return self.answer(nth, Err(DeliveryProblem::Failed(failure.fault())));
            }
        };
        let place = match verdict {
            Verdict::Inbox => (MailboxName::inbox(), IfMissing::Inbox, FlagSet::default()),
            Verdict::Planned(mut plan) => match plan.rejected.take() {
                Some(why) => return self.reject(nth, recipient, body, *plan, why),
                None => match plan.ordinary() {
                    Ok(place) => place,
                    Err(plan) => {
                        let answer = self.carry_out(nth, recipient, body, *plan, digest);
                        return self.answer(nth, answer);
                    }
                },
            },
        };
        if self.waiting_bytes.saturating_add(body.len()) > DELIVERY_BATCH_BYTES_MAX {
            self.commit();
        }
        let (mailbox, if_missing, flags) = place;
        self.waiting_bytes = self.waiting_bytes.saturating_add(body.len());
        let waiting = Waiting { nth, recipient, bytes: body.len() as u64 };
        let message = NewMessage {
            account: recipient.account,
            mailbox,
            flags,
            internal_date: None,
            facts: facts::of(&body),
            body: NewBody::Bytes(body),
        };
        let delivery = Delivery { message, if_missing, digest };
        self.waiting.push((waiting, delivery));
    }

    fn arriving<'b>(&self, bytes: &'b [u8]) -> Arriving<'b>
    where
        'a: 'b,
    {
        let (queue_id, sender) = (self.queue_id, self.sender);
        match self.via {
            Via::Lmtp(envelope) => Arriving {
                queue_id,
                bytes,
                sender,
                helo: Some(&envelope.helo),
                peer: envelope.peer,
                utf8: envelope.utf8,
                is_binary: envelope.is_binary,
                dsn: envelope.dsn.as_deref(),
            },
            Via::Local => Arriving { queue_id, bytes, sender, ..Arriving::default() },
        }
    }

    /// Refuses a message, once all else that scripts have decided is done. It is no delivery: the same
    /// message may come again.
    fn reject(
        &mut self,
        nth: usize,
        recipient: &'a Recipient,
        body: Vec<u8>,
        plan: Plan,
        why: String,
    ) {
        let given = shown(&recipient.given);
        log::info!("deliver: {} to <{given}>: rejected by a script", self.queue_id);
        let done = match plan.is_empty() {
            true => Ok(()),
            false => self.carry_out(nth, recipient, body, plan, None),
        };
        self.answer(nth, done.and(Err(DeliveryProblem::Rejected(why))));
    }

    /// It is for whoever wrote what was sent on from here.
    fn send_back(
        &mut self,
        nth: usize,
        recipient: &'a Recipient,
        to: &str,
        body: Vec<u8>,
        digest: Option<DeliveryDigest>,
    ) -> Answer {
        let utf8 = matches!(self.via, Via::Lmtp(envelope) if envelope.utf8);
        let new = outbox::send_back(to, self.sender, &body, utf8);
        self.carry_out(nth, recipient, body, Plan::sending(new), digest)
    }

    /// What takes more than a row in a mailbox has a transaction of its own.
    fn carry_out(
        &mut self,
        nth: usize,
        recipient: &'a Recipient,
        body: Vec<u8>,
        plan: Plan,
        digest: Option<DeliveryDigest>,
    ) -> Answer {
        let bytes = body.len() as u64;
        let sorted = plan.into_delivery(recipient.account, body, digest);
        let result = self.courier.store.deliver_sorted(sorted);
        crash_point!("deliver: sorted and committed, reply not sent");
        let waiting = Waiting { nth, recipient, bytes };
        match result {
            Ok(Sorted::Done { copies, queued }) => {
                let left = queued.iter().filter(|queued| **queued).count();
                if left > 0 {
                    self.courier.sorter.ring();
                }
                let (id, given) = (self.queue_id, shown(&recipient.given));
                let placed = copies.iter().flatten().count();
                log::info!("deliver: {id} to <{given}>: sorted: {placed} kept, {left} sent");
                for stored in copies.into_iter().flatten() {
                    let _ok = self.settle(&waiting, Ok(Delivered::Stored(stored)));
                }
                Ok(())
            }
            Ok(Sorted::Repeated { first, now }) => {
                self.settle(&waiting, Ok(Delivered::Repeated { first, now }))
            }
            Err(error) => self.settle(&waiting, Err(error)),
        }
    }

    fn commit(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let (waiting, deliveries): (Vec<_>, Vec<_>) = self.waiting.drain(..).unzip();
        self.waiting_bytes = 0;
        let results = self.courier.store.deliver(deliveries);
        crash_point!("deliver: committed, reply not sent");
        let missing = || Err(store::Failure::Closed.into());
        let results = results.into_iter().chain(std::iter::repeat_with(missing));
        for (waiting, result) in waiting.into_iter().zip(results) {
            let answer = self.settle(&waiting, result);
            self.answer(waiting.nth, answer);
        }
    }

    /// What the store said, as an answer; with the log line, the change and the hook.
    fn settle(&mut self, waiting: &Waiting<'_>, result: Result<Delivered, store::Error>) -> Answer {
        let (id, recipient) = (self.queue_id, waiting.recipient);
        let given = shown(&recipient.given);
        match result {
            Ok(Delivered::Stored(stored)) => {
                let sender = shown(self.sender);
                let (uid, bytes) = (stored.uid, waiting.bytes);
                log::info!("deliver: {id} from <{sender}> to <{given}>: UID {uid}, {bytes} bytes");
                let change = Change { mailbox: stored.mailbox, mod_seq: stored.mod_seq };
                self.courier.changes.publish(change);
                self.changes.push(change);
                self.courier.tell_hook(|| Arrival {
                    recipient: recipient.given.clone(),
                    account: recipient.account,
                    mailbox: stored.mailbox,
                    uid,
                    bytes,
                });
                Ok(())
            }
            Ok(Delivered::Repeated { first, now }) => {
                let (first, now) = (first.seconds(), now.seconds());
                log::info!("deliver: {id} to <{given}>: had been delivered at {first}, now {now}");
                Ok(())
            }
            Err(store::Error::Refused(refusal)) => {
                log::info!("deliver: {id} to <{given}>: refused: {refusal:?}");
                Err(DeliveryProblem::Refused(refusal))
            }
            Err(store::Error::Failed(failure)) => {
                log::error!("deliver: {id} to <{given}>: {failure}");
                Err(DeliveryProblem::Failed(failure.fault()))
            }
        }
    }
}

/// For the log: on one line.
fn shown(address: &str) -> std::str::EscapeDebug<'_> {
    address.escape_debug()
}

/// A number for the log and the Received line that nothing else has.
pub(super) fn queue_id() -> Option<String> {
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).ok()?;
    let mut id = String::with_capacity(16);
    random.iter().for_each(|byte| {
        // Writing to a String cannot fail.
        let _written = write!(id, "{byte:02x}");
    });
    Some(id)
}
