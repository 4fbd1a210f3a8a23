//! Carries the mail that leaves to the relay, for as long as any node lives.
//!
//! One node does it at a time, by a lease, so that a message is not sent by two. A row goes when the
//! relay has taken the message, and not before: whoever is killed in between sends it again.
//!
//! What is wrong with one message counts against it, and after so many tries it is left alone. What is
//! wrong with the relay makes all of them wait.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never};

use super::RelaySettings;
use super::send::{Carrier, Sent};
use crate::store::{Failure, Outgoing, OutgoingId, Store};
use crate::work::clock;
use crate::work::holder::Holder;

/// A thread that sends until this is dropped.
#[derive(Debug)]
pub(in crate::work) struct Post {
    stop: Arc<AtomicBool>,
    /// Disconnected to tell the thread of it.
    stopped: Option<Sender<()>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// The name of the lease.
pub(super) const LEASE: &str = "outbox";
const LEASE_LENGTH: Duration = Duration::from_secs(60);
const LEASE_RENEWED: Duration = Duration::from_secs(20);
/// Messages that are sent at the same moment.
const SENDERS: usize = 4;
/// Messages that wait in memory to be sent next, without their bytes.
const QUEUED_MAX: usize = 16;
/// Between two looks while something waits, or may have been left to us by another node.
const LOOK: Duration = Duration::from_secs(3);
/// Between two looks while nothing does.
const LOOK_IDLE: Duration = Duration::from_secs(30);
/// Between two tries of a relay that cannot be reached.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long the end waits for what is under way.
const END_PATIENCE: Duration = Duration::from_secs(5);

impl Post {
    /// Starts.
    pub(in crate::work) fn start(
        store: &Store,
        settings: RelaySettings,
        bell: Receiver<()>,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ours, theirs) = (store.clone(), Arc::clone(&stop));
        let (at_the_end, ended) = bounded::<()>(0);
        let (stopped, stops) = bounded::<()>(0);
        std::thread::Builder::new().name("outbox".into()).spawn(move || {
            let _at_the_end = at_the_end;
            let ours = ours; // a local after it: the store is given back before the end is told
            let carrier = Carrier::new(&ours, settings, &theirs, &stops);
            let (jobs, to_do) = bounded(QUEUED_MAX);
            let (tell, done) = bounded(QUEUED_MAX + SENDERS);
            std::thread::scope(|scope| {
                for _ in 0..SENDERS {
                    let (carrier, to_do, tell) = (&carrier, to_do.clone(), tell.clone());
                    let sender = std::thread::Builder::new().name("send".into());
                    let sender = sender.spawn_scoped(scope, move || work(carrier, &to_do, &tell));
                    if let Err(error) = sender {
                        log::error!("outbox: no thread: {error}");
                    }
                }
                drop((to_do, tell));
                let mut round = Round::new(&ours, &carrier, jobs, &done);
                let mut bell = bell;
                while !theirs.load(Ordering::Relaxed) {
                    if round.go(&bell, &stops) == Heard::NobodyRings {
                        bell = never();
                    }
                }
                round.end();
            });
        })?;
        Ok(Self { stop, stopped: Some(stopped), ended })
    }
}

impl Drop for Post {
    /// What is under way is finished if that is soon; otherwise it is as if we had been killed.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.stopped = None;
        let _ended_or_not = self.ended.recv_timeout(END_PATIENCE);
    }
}

fn work(carrier: &Carrier<'_>, to_do: &Receiver<Outgoing>, tell: &Sender<(OutgoingId, Sent)>) {
    let mut line = None;
    loop {
        // Nobody waits for us with an open connection: it is for what is there now.
        let next = to_do.try_recv().or_else(|_| {
            carrier.hang_up(&mut line);
            to_do.recv()
        });
        let Ok(outgoing) = next else { return };
        let id = outgoing.id;
        let sent = catch_unwind(AssertUnwindSafe(|| carrier.carry(&mut line, &outgoing)));
        let sent = sent.unwrap_or_else(|_| {
            log::error!("outbox: a panic on the way of {id}");
            line = None; // whatever was said on it
            let put_off = || carrier.put_off(&outgoing, "a panic; see the log");
            match catch_unwind(AssertUnwindSafe(put_off)) {
                Ok(()) => Sent::Settled,
                Err(_) => Sent::Unreachable,
            }
        });
        if tell.send((id, sent)).is_err() {
            return;
        }
    }
}

/// What a wait ended with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Something,
    /// Whoever could ring is gone.
    NobodyRings,
}

/// What the one thread knows.
struct Round<'a> {
    store: &'a Store,
    carrier: &'a Carrier<'a>,
    holder: String,
    /// `None` at the end.
    jobs: Option<Sender<Outgoing>>,
    done: &'a Receiver<(OutgoingId, Sent)>,
    /// What was handed out.
    in_flight: HashSet<OutgoingId>,
    /// When we last took the lease, if we have it.
    renewed: Option<Instant>,
    /// When there was last something to send.
    busy: Instant,
    look_at: Instant,
    /// Nothing is handed out before: the relay is not there.
    quiet_until: Instant,
    /// How long that was the last time.
    pause: Duration,
}

impl<'a> Round<'a> {
    fn new(
        store: &'a Store,
        carrier: &'a Carrier<'a>,
        jobs: Sender<Outgoing>,
        done: &'a Receiver<(OutgoingId, Sent)>,
    ) -> Self {
        let now = clock::now();
        Self {
            store,
            carrier,
            holder: Holder::ourselves().name(),
            jobs: Some(jobs),
            done,
            in_flight: HashSet::new(),
            renewed: None,
            busy: now,
            look_at: now,
            quiet_until: now,
            pause: Duration::ZERO,
        }
    }

    /// Does what is due, and waits for what comes next.
    fn go(&mut self, bell: &Receiver<()>, stops: &Receiver<()>) -> Heard {
        let now = clock::now();
        if !self.in_flight.is_empty() && self.is_old(now) {
            self.hold(now);
        }
        if self.look_at.max(self.quiet_until) <= now {
            let looked = self.look(now);
            self.look_at = now
                + looked.unwrap_or_else(|failure| {
                    log::error!("outbox: {failure}");
                    LOOK
                });
        }
        let now = clock::now();
        let mut until = self.look_at.max(self.quiet_until);
        if !self.in_flight.is_empty() {
            until = until.min(self.renewed.unwrap_or(now) + LEASE_RENEWED);
        }
        crossbeam_channel::select! {
            recv(self.done) -> sent => {
                for sent in sent.into_iter().chain(self.done.try_iter()) {
                    self.came_back(sent);
                }
            }
            recv(bell) -> rung => {
                self.look_at = clock::now();
                if rung.is_err() {
                    return Heard::NobodyRings;
                }
            }
            recv(stops) -> _never => {}
            default(until.saturating_duration_since(now)) => {}
        }
        Heard::Something
    }

    /// Hands out what is due; returns when to look again.
    fn look(&mut self, now: Instant) -> Result<Duration, Failure> {
        // One finds out whether the relay is back.
        let most = if self.pause.is_zero() { QUEUED_MAX } else { 1 };
        let room = most.saturating_sub(self.in_flight.len());
        if room == 0 {
            return Ok(LOOK);
        }
        let limit = u32::try_from(QUEUED_MAX).unwrap_or(u32::MAX);
        let due = self.store.due_outgoing(limit)?;
        if due.is_empty() {
            return self.nothing_due(now);
        }
        self.busy = now;
        if self.is_old(now) && !self.hold(now) {
            return Ok(LOOK);
        }
        let new = due.into_iter().filter(|outgoing| !self.in_flight.contains(&outgoing.id));
        self.carrier.try_again();
        for outgoing in new.take(room).collect::<Vec<_>>() {
            self.in_flight.insert(outgoing.id);
            // There is room for it: nobody waits here.
            if self.jobs.as_ref().is_none_or(|jobs| jobs.send(outgoing).is_err()) {
                break;
            }
        }
        Ok(LOOK) // whoever comes back makes us look before
    }

    fn nothing_due(&mut self, now: Instant) -> Result<Duration, Failure> {
        if self.in_flight.is_empty() && now.duration_since(self.busy) > LEASE_LENGTH {
            self.give_back();
        }
        // While we have the lease, others leave to us what they queue.
        let often = if self.renewed.is_some() { LOOK } else { LOOK_IDLE };
        let Some(at) = self.store.next_outgoing()? else { return Ok(often) };
        let left = at.0.saturating_sub(clock::today().0);
        let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        Ok(left.clamp(Duration::from_millis(50), often))
    }

    /// One is done with.
    fn came_back(&mut self, (id, sent): (OutgoingId, Sent)) {
        self.in_flight.remove(&id);
        let now = clock::now();
        self.look_at = now;
        match sent {
            Sent::Settled => self.pause = Duration::ZERO,
            Sent::Unreachable if self.quiet_until <= now => {
                self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
                self.quiet_until = now + self.pause;
            }
            Sent::Unreachable => {}
        }
    }

    fn is_old(&self, now: Instant) -> bool {
        self.renewed.is_none_or(|at| now.duration_since(at) > LEASE_RENEWED)
    }

    /// Takes the lease or renews it; one whose holder died here is taken over at once.
    fn hold(&mut self, now: Instant) -> bool {
        let take = || self.store.take_lease(LEASE, &self.holder, LEASE_LENGTH);
        let taken = take().and_then(|taken| {
            if taken || !self.holder_is_dead()? {
                return Ok(taken);
            }
            take()
        });
        let taken = taken.unwrap_or_else(|failure| {
            log::error!("outbox: {failure}");
            false
        });
        self.renewed = taken.then_some(now);
        if !taken {
            self.carrier.stay_away();
        }
        taken
    }

    fn holder_is_dead(&self) -> Result<bool, Failure> {
        let Some(name) = self.store.lease_holder(LEASE)? else { return Ok(true) };
        let is_dead = Holder::of(&name).is_some_and(|holder| holder.is_dead());
        if is_dead {
            self.store.give_lease_back(LEASE, &name)?;
        }
        Ok(is_dead)
    }

    fn give_back(&mut self) {
        if self.renewed.take().is_some()
            && let Err(failure) = self.store.give_lease_back(LEASE, &self.holder)
        {
            log::warn!("outbox: the lease has to run out: {failure}");
        }
    }

    /// Waits for what is under way, and lets another node go on at once.
    fn end(&mut self) {
        self.jobs = None;
        while let Ok((id, _)) = self.done.recv() {
            self.in_flight.remove(&id);
        }
        self.give_back();
    }
}
