//! One loop: it waits for its sockets, its replies and its timers, and drives what they concern.
//!
//! A loop thread never blocks (invariant 2), and no connection keeps it: each gets a bounded turn and
//! queues up again. A panic costs the connection it happened in (invariant 11).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mio::{Events, Poll, Token as MioToken, Waker};

use super::admission::{Admission, Place};
use super::buffers::Buffers;
use super::connection::{Connection, Outcome, Turn};
use super::listener::{Door, Listener};
use super::slab::{Slab, Token};
use super::stream::Stream;
use super::timers::{Clock, Tick, Wheel};
use crate::job::{Change, MailboxKey};
use crate::limits::ACCEPTS_PER_TURN_MAX;
use crate::work::{Letters, Mailbag, Work};

/// Events taken from the system at once.
const EVENTS: usize = 1024;
/// The waker's token; listeners have the ones below it. A connection's slot is never so high.
const WAKER: MioToken = MioToken(usize::MAX);
/// After accepting failed, for want of file descriptors as a rule.
const ACCEPT_PAUSE_SECONDS: Tick = 1;
/// The system counts a poll's milliseconds in 31 bits: 24 days.
const SLEEP_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What all loops share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) work: Arc<Work>,
    pub(super) admission: Arc<Admission>,
    /// Every loop's way in, in order.
    pub(super) inlets: Vec<Inlet>,
    pub(super) clock: Clock,
}

/// The way into a loop from other threads.
#[derive(Debug)]
pub(super) struct Inlet {
    notes: Mutex<Vec<Note>>,
    waker: Arc<Waker>,
    bag: Arc<Mailbag>,
    /// Connections of the loop, as it last said.
    pub(super) connections: AtomicUsize,
}

/// What another thread tells a loop.
#[derive(Debug)]
enum Note {
    /// A connection that another loop accepted.
    Adopt(Stream, Arc<Door>, Place, Option<IpAddr>),
    /// Say goodbye and end, within so many seconds.
    Stop(Tick),
}

impl Inlet {
    /// The way into the loop that waits on `poll`.
    pub(super) fn new(poll: &Poll) -> io::Result<Self> {
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let bag = Mailbag::new(Arc::clone(&waker));
        Ok(Self { notes: Mutex::default(), waker, bag, connections: AtomicUsize::new(0) })
    }

    /// Tells the loop to end; `grace_seconds` is what jobs and goodbyes may take.
    pub(super) fn stop(&self, grace_seconds: Tick) {
        self.tell(Note::Stop(grace_seconds));
    }

    fn tell(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        self.wake();
    }

    /// Lets the loop look at its notes, and at the clock.
    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            log::error!("net: a loop cannot be woken: {error}");
        }
    }

    fn notes(&self) -> Vec<Note> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A loop.
#[derive(Debug)]
pub(super) struct EventLoop {
    index: usize,
    shared: Arc<Shared>,
    poll: Poll,
    now: Tick,
    listeners: Vec<Listener>,
    connections: Slab<Connection>,
    wheel: Wheel,
    buffers: Buffers,
    /// Connections with more to do at once.
    ready: VecDeque<Token>,
    /// Listeners with more to accept at once.
    accepting: VecDeque<usize>,
    accept_paused_until: Option<Tick>,
    /// The last attempt failed, and was logged.
    accept_fails: bool,
    watchers: HashMap<MailboxKey, Vec<Token>>,
    letters: Letters,
    fired: Vec<u32>,
    /// Which loop gets the next connection of a listener that goes round.
    next_loop: usize,
    /// When the grace is over; `None` while serving.
    stops_at: Option<Tick>,
}

impl EventLoop {
    /// The loop at `index` of `shared.inlets`, which was made from the same `poll`.
    pub(super) fn new(
        index: usize,
        shared: Arc<Shared>,
        poll: Poll,
        mut listeners: Vec<Listener>,
    ) -> io::Result<Self> {
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener.listening.register(poll.registry(), listener_token(index))?;
        }
        Ok(Self {
            index,
            shared,
            poll,
            now: 0,
            listeners,
            connections: Slab::new(),
            wheel: Wheel::new(),
            buffers: Buffers::default(),
            ready: VecDeque::new(),
            accepting: VecDeque::new(),
            accept_paused_until: None,
            accept_fails: false,
            watchers: HashMap::new(),
            letters: Letters::default(),
            fired: Vec::new(),
            next_loop: 0,
            stops_at: None,
        })
    }

    /// Serves until told to stop and every connection is gone.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_done() {
            match self.poll.poll(&mut events, self.patience()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    log::error!("net: loop {} cannot wait for events: {error}", self.index);
                    break;
                }
            }
            self.look_at_the_clock();
            for event in &events {
                self.on_event(event);
            }
            self.accept_some();
            self.drive_ready();
        }
        self.abandon_all();
    }

    fn is_done(&self) -> bool {
        let now = self.now;
        self.stops_at.is_some_and(|at| at <= now || self.connections.used() == 0)
    }

    /// How long the next poll may wait; `None`, until something comes, if there is no timer.
    fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() || !self.accepting.is_empty() {
            return Some(Duration::ZERO);
        }
        let wakes = [self.wheel.next(), self.accept_paused_until, self.stops_at];
        let next = wakes.into_iter().flatten().min()?;
        let left = Duration::from_secs(u64::from(next)).saturating_sub(self.shared.clock.elapsed());
        Some(left.min(SLEEP_MAX))
    }

    fn look_at_the_clock(&mut self) {
        let seconds = self.shared.clock.elapsed().as_secs();
        let now = Tick::try_from(seconds).unwrap_or(Tick::MAX);
        if now == self.now {
            return;
        }
        self.now = now;
        let mut fired = std::mem::take(&mut self.fired);
        self.wheel.advance(now, &mut fired);
        for slot in fired.drain(..) {
            if let Some(token) = self.connections.token(slot) {
                self.with(token, |connection, turn| match connection.on_timer(turn) {
                    Outcome::GoesOn => connection.drive(turn),
                    outcome => outcome,
                });
            }
        }
        self.fired = fired;
        if self.accept_paused_until.is_some_and(|until| until <= now) {
            self.accept_paused_until = None;
            self.accepting.extend(0..self.listeners.len());
        }
    }

    fn on_event(&mut self, event: &mio::event::Event) {
        let token = event.token();
        if token == WAKER {
            self.read_post();
        } else if let Some(listener) = listener_index(token) {
            if !self.accepting.contains(&listener) {
                self.accepting.push_back(listener);
            }
        } else {
            let token = Token::from_bits(token.0 as u64);
            if let Some(connection) = self.connections.peek(token) {
                connection.on_ready(event);
                self.queue(token);
            }
        }
    }

    /// Changes first: a session that hears its reply is then told of all there were, as one.
    fn read_post(&mut self) {
        let mut letters = std::mem::take(&mut self.letters);
        self.inlet().bag.empty_into(&mut letters);
        for (mailbox, mod_seq) in letters.changes.drain() {
            for token in self.watchers.get(&mailbox).cloned().unwrap_or_default() {
                if let Some(connection) = self.connections.peek(token) {
                    connection.on_change(mailbox, mod_seq);
                    self.queue(token);
                }
            }
        }
        for (token, reply) in letters.replies.drain(..) {
            let token = Token::from_bits(token);
            if self.connections.peek(token).is_some() {
                self.with(token, |connection, turn| {
                    connection.on_reply(reply, turn);
                    connection.drive(turn)
                });
            } else {
                self.connections.settle(token);
                self.count();
            }
        }
        self.letters = letters;
        for note in self.inlet().notes() {
            match note {
                Note::Adopt(stream, door, place, peer) => self.adopt(stream, door, place, peer),
                Note::Stop(grace_seconds) => self.stop(grace_seconds),
            }
        }
    }

    fn queue(&mut self, token: Token) {
        if let Some(connection) = self.connections.peek(token)
            && !connection.is_queued
        {
            connection.is_queued = true;
            self.ready.push_back(token);
        }
    }

    /// A turn for each that is ready now; those with more to do come again after the next poll.
    fn drive_ready(&mut self) {
        for _ in 0..self.ready.len() {
            let Some(token) = self.ready.pop_front() else { return };
            self.with(token, |connection, turn| {
                connection.is_queued = false;
                connection.drive(turn)
            });
        }
    }

    /// Lets a connection act, and does what follows for the loop: its timer, its watch, its end.
    fn with(&mut self, token: Token, act: impl FnOnce(&mut Connection, &mut Turn<'_>) -> Outcome) {
        let Some(mut connection) = self.connections.lend(token) else { return };
        let watched = connection.watches();
        let inlet = &self.shared.inlets[self.index];
        let mut turn = Turn {
            buffers: &mut self.buffers,
            work: &self.shared.work,
            bag: &inlet.bag,
            token: token.to_bits(),
            now: self.now,
        };
        let acted = catch_unwind(AssertUnwindSafe(|| act(&mut connection, &mut turn)));
        let outcome = acted.unwrap_or_else(|_panic| {
            log::error!("net: a session panicked; its connection is closed");
            Outcome::Over
        });
        let watches = if outcome == Outcome::Over { [None; 2] } else { connection.watches() };
        let mut missed = [None; 2];
        for (missed, (before, after)) in missed.iter_mut().zip(watched.into_iter().zip(watches)) {
            if before != after {
                *missed = self.watch(token, before, after);
            }
        }
        if outcome == Outcome::Over {
            self.wheel.clear(token.slot);
            self.connections.remove(token, connection.is_working());
            self.count();
            return; // dropping it closes the socket, which also ends its registration
        }
        if let Some(due) = connection.deadline()
            && self.wheel.due(token.slot).is_none_or(|set| due < set)
        {
            self.wheel.set(token.slot, due);
        }
        for change in missed.into_iter().flatten() {
            connection.on_change(change.mailbox, change.mod_seq);
        }
        self.connections.put_back(token, connection);
        if outcome == Outcome::GoesOn || missed.iter().any(Option::is_some) {
            self.queue(token);
        }
    }

    /// Hears of other changes from now on. Returns one that may have been missed: it was published
    /// after the session's snapshot was read, and before we listened.
    fn watch(
        &mut self,
        token: Token,
        before: Option<MailboxKey>,
        after: Option<MailboxKey>,
    ) -> Option<Change> {
        let work = &self.shared.work;
        let bag = &self.shared.inlets[self.index].bag;
        if let Some(mailbox) = before {
            work.unwatch(mailbox, bag);
            if let Some(tokens) = self.watchers.get_mut(&mailbox) {
                tokens.retain(|watcher| *watcher != token);
                if tokens.is_empty() {
                    self.watchers.remove(&mailbox);
                }
            }
        }
        let mailbox = after?;
        self.watchers.entry(mailbox).or_default().push(token);
        work.watch(mailbox, bag)
    }

    /// A turn for each listener with connections waiting.
    fn accept_some(&mut self) {
        for _ in 0..self.accepting.len() {
            let Some(index) = self.accepting.pop_front() else { return };
            if self.accept_paused_until.is_none() && self.accept_from(index) {
                self.accepting.push_back(index);
            }
        }
    }

    /// Accepts, a bounded number; true if there may be more.
    fn accept_from(&mut self, index: usize) -> bool {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            let Some(listener) = self.listeners.get(index) else { return false };
            let (stream, peer) = match listener.listening.accept() {
                Ok(Some(accepted)) => accepted,
                Ok(None) => return false,
                Err(error) => {
                    if !self.accept_fails {
                        log::error!("net: cannot accept connections for now: {error}");
                    }
                    self.accept_fails = true;
                    self.accept_paused_until = Some(self.now.saturating_add(ACCEPT_PAUSE_SECONDS));
                    return false;
                }
            };
            self.accept_fails = false;
            // A balancer is not bounded like a client: whom it speaks for will be.
            let bounded = peer.filter(|_| !listener.door.proxies.contains(peer));
            let Some(place) = self.shared.admission.admit(bounded) else { continue };
            let door = Arc::clone(&listener.door);
            let target = if listener.goes_round { self.next_loop } else { self.index };
            if listener.goes_round {
                self.next_loop = (self.next_loop + 1) % self.shared.inlets.len();
            }
            match self.shared.inlets.get(target).filter(|_| target != self.index) {
                Some(inlet) => inlet.tell(Note::Adopt(stream, door, place, peer)),
                None => self.adopt(stream, door, place, peer),
            }
        }
        true
    }

    /// Makes a connection of a socket.
    fn adopt(&mut self, stream: Stream, door: Arc<Door>, place: Place, peer: Option<IpAddr>) {
        if self.stops_at.is_some() {
            return;
        }
        let connection = door.welcome(stream, place, peer, self.now);
        let Some(connection) = connection else { return };
        let Some(token) = self.connections.insert(Box::new(connection)) else { return };
        self.count();
        let registry = self.poll.registry();
        let stream = self.connections.peek(token).map(Connection::stream_mut);
        let registered =
            stream.map_or(Ok(()), |stream| stream.register(registry, mio_token(token)));
        self.with(token, |connection, turn| match registered {
            Ok(()) => connection.drive(turn),
            Err(error) => {
                log::error!("net: cannot watch a connection: {error}");
                Outcome::Over
            }
        });
    }

    /// No new connections; goodbye to those there are.
    fn stop(&mut self, grace_seconds: Tick) {
        self.listeners.clear();
        self.stops_at.get_or_insert(self.now.saturating_add(grace_seconds.max(1)));
        for token in self.connections.tokens() {
            if let Some(connection) = self.connections.peek(token) {
                connection.on_shutdown();
                self.queue(token);
            }
        }
    }

    fn abandon_all(&mut self) {
        for token in self.connections.tokens() {
            self.with(token, |connection, turn| {
                connection.abandon(turn);
                Outcome::Over
            });
        }
    }

    fn count(&self) {
        self.inlet().connections.store(self.connections.used(), Ordering::Relaxed);
    }

    fn inlet(&self) -> &Inlet {
        &self.shared.inlets[self.index]
    }
}

fn listener_token(index: usize) -> MioToken {
    MioToken(WAKER.0 - 1 - index)
}

fn listener_index(token: MioToken) -> Option<usize> {
    let index = WAKER.0 - 1 - token.0;
    (index < 1 << 16).then_some(index)
}

#[expect(clippy::cast_possible_truncation, reason = "64-bit systems only: checked below")]
fn mio_token(token: Token) -> MioToken {
    const { assert!(usize::BITS == 64) }
    MioToken(token.to_bits() as usize)
}
