//! One connection: a socket, perhaps TLS, a session, and what waits between them.
//!
//! [`Connection::drive`] does what can be done now and returns; nothing here waits. What a peer does
//! not read stops its own session and costs its own buffer, nothing more (invariant 4).

mod introduction;
mod wire;

use std::io;
use std::sync::Arc;

use super::admission::Place;
use super::buffers::{Buffers, Input};
use super::listener::Door;
use super::stream::Stream;
use super::timers::Tick;
use super::tls::Tls;
use crate::error::Fault;
use crate::job::{Change, MailboxKey, Reply};
use crate::limits::{
    LINGER_BYTES_MAX, LINGER_SECONDS_MAX, OUTPUT_BYTES_MAX, PACE_BYTES_MIN, PACE_SECONDS,
    STEPS_PER_TURN_MAX, TLS_HANDSHAKE_SECONDS_MAX, TURN_BYTES_MAX, WRITE_STALL_SECONDS_MAX,
};
use crate::model::ModSeq;
use crate::session::{Event, Next, Output, Session, Standing};
use crate::work::{Mailbag, Work};
use introduction::Introduction;

/// What a connection is lent while it is driven.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) buffers: &'a mut Buffers,
    pub(super) work: &'a Work,
    pub(super) bag: &'a Arc<Mailbag>,
    /// The connection's token, for the way home of its reply.
    pub(super) token: u64,
    pub(super) now: Tick,
}

/// What a connection does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A balancer is about to say for whom it connects.
    Introducing,
    /// Plain, and the session has not heard of it yet.
    Fresh,
    /// TLS comes up, from the first byte or after STARTTLS.
    Handshaking,
    /// The session wants input.
    Reading,
    /// The session wants all it wrote to be gone.
    Draining,
    /// A job is out.
    Working,
    /// The pool was full: the session is about to hear of it.
    Rejected,
    /// The last plain words go out before TLS.
    StartingTls,
    /// The last words go out.
    Closing,
    /// Ours is said; we wait for the peer's end.
    Lingering,
}

/// Whether a connection lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Something must happen first: bytes, room, a reply, time.
    Waits,
    /// There is more to do at once, after the others had their turn.
    GoesOn,
    /// It is over.
    Over,
}

/// What one step of [`Connection::drive`] achieved.
enum Progress {
    Made,
    None,
    Over,
}

/// A timer that fired: why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deadline {
    /// The peer is given up without a word: it does not shake hands, read, or end.
    Abandon,
    /// The session is asked.
    Silence,
    /// Input must have come at a pace until then.
    Pace,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    session: Session,
    door: Arc<Door>,
    /// Always there, but while it is exchanged for another.
    place: Option<Place>,
    tls: Option<Box<Tls>>,
    introduction: Option<Box<Introduction>>,
    input: Input,
    output: Vec<u8>,
    /// Bytes of `output` that are gone.
    sent: usize,
    standing: Standing,
    state: State,
    /// A mailbox changed, and the session has not heard of it yet.
    changed: [Option<Change>; 2],
    /// When it last did what we wait for: came closer to a command, or to the end.
    active_at: Tick,
    /// When the peer last took output.
    taken_at: Tick,
    /// Since when input is expected at a pace, and what came since.
    paced_since: Option<Tick>,
    paced_bytes: u32,
    lingered_bytes: usize,
    /// Bytes that went either way in this turn.
    turn_bytes: usize,
    /// The socket may have bytes for us.
    is_readable: bool,
    /// The socket has its end for us, too: a short read does not empty it.
    is_ending: bool,
    /// The peer's end was read.
    is_ended: bool,
    /// The socket has failed.
    is_broken: bool,
    /// The socket is full.
    is_blocked: bool,
    /// The session needs more than it was shown.
    is_starved: bool,
    /// The session has greeted.
    is_opened: bool,
    said_goodbye: bool,
    /// The server is stopping, and the session has not heard of it yet.
    shutdown: bool,
    /// It waits for its turn already.
    pub(super) is_queued: bool,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        session: Session,
        door: Arc<Door>,
        place: Place,
        tls: Option<Box<Tls>>,
        now: Tick,
    ) -> Self {
        let state = if tls.is_some() { State::Handshaking } else { State::Fresh };
        let standing = session.standing();
        Self {
            stream,
            session,
            door,
            place: Some(place),
            tls,
            introduction: None,
            input: Input::default(),
            output: Vec::new(),
            sent: 0,
            standing,
            state,
            changed: [None; 2],
            active_at: now,
            taken_at: now,
            paced_since: None,
            paced_bytes: 0,
            lingered_bytes: 0,
            turn_bytes: 0,
            is_readable: false,
            is_ending: false,
            is_ended: false,
            is_broken: false,
            is_blocked: false,
            is_starved: false,
            is_opened: false,
            said_goodbye: false,
            shutdown: false,
            is_queued: false,
        }
    }

    pub(super) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// The mailboxes whose changes it wants.
    pub(super) fn watches(&self) -> [Option<MailboxKey>; 2] {
        self.standing.watches
    }

    /// A job of its is out: its slot must wait for the reply.
    pub(super) fn is_working(&self) -> bool {
        self.state == State::Working
    }

    /// The socket has news.
    pub(super) fn on_ready(&mut self, event: &mio::event::Event) {
        self.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.is_ending |= event.is_read_closed() || event.is_error();
        self.is_broken |= event.is_error();
        self.is_blocked &= !(event.is_writable() || event.is_write_closed() || event.is_error());
    }

    /// A mailbox changed. Of several changes the highest is told, when the session can hear it.
    pub(super) fn on_change(&mut self, mailbox: MailboxKey, mod_seq: ModSeq) {
        for (watched, changed) in self.standing.watches.iter().zip(&mut self.changed) {
            if *watched == Some(mailbox) {
                let told = changed.filter(|change| change.mailbox == mailbox);
                let mod_seq = told.map_or(mod_seq, |change| change.mod_seq.max(mod_seq));
                *changed = Some(Change { mailbox, mod_seq });
            }
        }
    }

    /// The server stops: the session hears of it between commands.
    pub(super) fn on_shutdown(&mut self) {
        self.shutdown = true;
    }

    /// The reply is home.
    pub(super) fn on_reply(&mut self, reply: Reply, turn: &mut Turn<'_>) {
        if self.state == State::Working {
            self.active_at = turn.now;
            self.state = State::Reading; // home, even if the session panics over it
            self.step(Event::Reply(reply), turn);
        }
    }

    /// The grace is over: last words, as far as the socket takes them, whatever the state.
    pub(super) fn abandon(&mut self, turn: &mut Turn<'_>) {
        // In the middle of a response a goodbye would be read as part of it.
        if matches!(self.state, State::Reading | State::Working) {
            self.step(Event::Shutdown, turn);
        }
        let _gone = self.say_goodbye(turn);
    }

    /// Does all that can be done now, within the bounds of one turn.
    pub(super) fn drive(&mut self, turn: &mut Turn<'_>) -> Outcome {
        self.turn_bytes = 0;
        for _ in 0..STEPS_PER_TURN_MAX {
            if self.turn_bytes > TURN_BYTES_MAX {
                break;
            }
            match self.advance(turn) {
                Ok(Progress::Made) => {}
                Ok(Progress::None) => return self.rest(turn, Outcome::Waits),
                Ok(Progress::Over) => return Outcome::Over,
                Err(error) => {
                    log::debug!("net: a connection failed: {error}");
                    return Outcome::Over;
                }
            }
        }
        self.rest(turn, Outcome::GoesOn)
    }

    /// Sends what was written and gives back what is not needed while waiting.
    fn rest(&mut self, turn: &mut Turn<'_>, outcome: Outcome) -> Outcome {
        if let Err(error) = self.flush(turn) {
            log::debug!("net: a connection failed: {error}");
            return Outcome::Over;
        }
        if self.state != State::Working {
            turn.buffers.return_input(&mut self.input); // the reply, and with it the rest, is near
        }
        turn.buffers.return_output(&mut self.output);
        if let Some(tls) = &mut self.tls {
            turn.buffers.return_input(&mut tls.incoming);
            turn.buffers.return_output(&mut tls.outgoing);
        }
        outcome
    }

    fn advance(&mut self, turn: &mut Turn<'_>) -> io::Result<Progress> {
        match self.state {
            State::Introducing => self.read_introduction(turn),
            State::Fresh => {
                self.open(turn);
                Ok(Progress::Made)
            }
            State::Handshaking => self.shake_hands(turn),
            State::Reading => self.go_on_reading(turn),
            State::Draining => {
                if !self.flush(turn)? {
                    return Ok(Progress::None);
                }
                self.active_at = turn.now;
                self.step(Event::Drained, turn);
                Ok(Progress::Made)
            }
            // The peer reset the connection: its slot alone waits for the reply.
            State::Working if self.is_broken => Ok(Progress::Over),
            State::Working => {
                self.flush(turn)?;
                Ok(Progress::None)
            }
            State::Rejected => {
                self.step(Event::Reply(Reply::Failed(Fault::Unavailable)), turn);
                Ok(Progress::Made)
            }
            State::StartingTls => self.start_tls(turn),
            State::Closing => self.close(turn),
            State::Lingering => self.linger(turn),
        }
    }

    /// Reads and steps, one of each.
    fn go_on_reading(&mut self, turn: &mut Turn<'_>) -> io::Result<Progress> {
        if self.shutdown {
            self.shutdown = false;
            self.step(Event::Shutdown, turn);
        } else if let Some(change) = self.changed.iter_mut().find_map(Option::take) {
            if self.standing.watches.contains(&Some(change.mailbox)) {
                self.step(Event::Changed(change), turn);
            }
        } else if self.unsent() >= OUTPUT_BYTES_MAX && !self.flush(turn)? {
            return Ok(Progress::None);
        } else if !self.input.is_empty() && !self.is_starved {
            self.step_input(turn);
        } else if self.has_more() {
            if !self.read(turn)? {
                log::info!("net: a peer sent more than may wait; closing");
                return Ok(Progress::Over);
            }
        } else if self.is_ended {
            self.state = State::Closing;
        } else {
            return Ok(Progress::None);
        }
        Ok(Progress::Made)
    }

    fn open(&mut self, turn: &mut Turn<'_>) {
        self.is_opened = true;
        self.active_at = turn.now;
        let refused = self.place.as_ref().is_some_and(Place::is_refused);
        self.step(if refused { Event::Refused } else { Event::Opened }, turn);
    }

    fn step_input(&mut self, turn: &mut Turn<'_>) {
        let mut input = std::mem::take(&mut self.input);
        let consumed = self.step(Event::Input(input.waiting()), turn);
        input.take(consumed);
        self.input = input;
        self.is_starved = consumed == 0 && self.state == State::Reading;
        // A stranger's patience runs from its last command, not from its last byte (pitfall 61).
        if consumed > 0 || self.standing.trusted {
            self.active_at = turn.now;
        }
        if !self.standing.expects_input {
            self.paced_since = None;
        } else if self.paced_since.is_none() {
            (self.paced_since, self.paced_bytes) = (Some(turn.now), 0);
        }
    }

    /// Lets the session hear an event and does what it says. Returns what it consumed.
    fn step(&mut self, event: Event<'_>, turn: &mut Turn<'_>) -> usize {
        if self.sent > 0 {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
        if self.unsent() == 0 {
            self.taken_at = turn.now;
        }
        turn.buffers.lend_output(&mut self.output);
        let mut out = Output::over(std::mem::take(&mut self.output));
        let step = self.session.step(event, &mut out);
        self.output = out.into_bytes();
        self.standing = self.session.standing();
        self.is_starved = false;
        self.state = match step.next {
            Next::Read => State::Reading,
            Next::Drain => State::Draining,
            Next::StartTls => State::StartingTls,
            Next::Close => State::Closing,
            Next::Run(job) => match turn.work.submit(job, turn.bag.to(turn.token)) {
                Ok(()) => State::Working,
                Err(_too_many) => State::Rejected,
            },
        };
        step.consumed
    }

    fn shake_hands(&mut self, turn: &mut Turn<'_>) -> io::Result<Progress> {
        if self.tls.as_ref().is_some_and(|tls| tls.is_open()) {
            // What the handshake left in `outgoing` goes out with the first answer.
            self.active_at = turn.now;
            if self.is_opened {
                self.step(Event::TlsStarted, turn);
            } else {
                self.open(turn);
            }
            return Ok(Progress::Made);
        }
        self.flush(turn)?;
        if self.is_ended || self.shutdown {
            return Ok(Progress::Over);
        }
        if !self.has_more() {
            return Ok(Progress::None);
        }
        let has_room = self.read(turn)?;
        Ok(if has_room { Progress::Made } else { Progress::Over })
    }

    /// RFC 9051 §6.2.1, RFC 3207 §4: what came in the clear behind the command is thrown away
    /// (pitfall 60).
    fn start_tls(&mut self, turn: &mut Turn<'_>) -> io::Result<Progress> {
        if !self.flush(turn)? {
            return Ok(Progress::None);
        }
        let Some(config) = &self.door.tls else { return Ok(Progress::Over) };
        self.input.take(self.input.len());
        self.tls = Some(Box::new(Tls::new(config).map_err(io::Error::other)?));
        self.active_at = turn.now;
        self.state = State::Handshaking;
        Ok(Progress::Made)
    }

    fn close(&mut self, turn: &mut Turn<'_>) -> io::Result<Progress> {
        if !self.flush(turn)? || !self.say_goodbye(turn)? {
            return Ok(Progress::None);
        }
        // A socket that is closed while input waits sends a reset, which may overtake our last words.
        if self.is_ended || self.stream.finish().is_err() {
            return Ok(Progress::Over);
        }
        self.active_at = turn.now;
        self.state = State::Lingering;
        Ok(Progress::Made)
    }

    fn linger(&mut self, turn: &mut Turn<'_>) -> io::Result<Progress> {
        if self.is_ended || self.lingered_bytes > LINGER_BYTES_MAX {
            return Ok(Progress::Over);
        }
        if !self.is_readable {
            return Ok(Progress::None);
        }
        let mut nowhere = Input::default();
        turn.buffers.lend_input(&mut nowhere);
        self.read_socket(&mut nowhere)?;
        self.lingered_bytes = self.lingered_bytes.saturating_add(nowhere.len());
        nowhere.take(nowhere.len());
        turn.buffers.return_input(&mut nowhere);
        Ok(Progress::Made)
    }

    /// When this connection must be looked at even if nothing happens.
    pub(super) fn deadline(&self) -> Option<Tick> {
        self.next_deadline().map(|(due, _)| due)
    }

    fn next_deadline(&self) -> Option<(Tick, Deadline)> {
        let abandon = |at: Tick, seconds| Some((at.saturating_add(seconds), Deadline::Abandon));
        match self.state {
            State::Introducing | State::Fresh | State::Handshaking => {
                abandon(self.active_at, TLS_HANDSHAKE_SECONDS_MAX)
            }
            State::Lingering => abandon(self.active_at, LINGER_SECONDS_MAX),
            _ if self.is_blocked && self.unsent() > 0 => {
                abandon(self.taken_at, WRITE_STALL_SECONDS_MAX)
            }
            State::Reading => {
                let patience = self.standing.patience_seconds.max(1);
                let silence = (self.active_at.saturating_add(patience), Deadline::Silence);
                let since = self.paced_since;
                let pace = since.map(|since| (since.saturating_add(PACE_SECONDS), Deadline::Pace));
                Some(pace.filter(|pace| pace.0 < silence.0).unwrap_or(silence))
            }
            _ => None,
        }
    }

    /// Looks whether a deadline has passed, and does what it is for.
    pub(super) fn on_timer(&mut self, turn: &mut Turn<'_>) -> Outcome {
        let due = self.next_deadline().filter(|(due, _)| *due <= turn.now);
        match due.map(|(_, deadline)| deadline) {
            None => Outcome::Waits,
            Some(Deadline::Abandon) => Outcome::Over,
            Some(Deadline::Pace) if self.paced_bytes >= PACE_BYTES_MIN => {
                (self.paced_since, self.paced_bytes) = (Some(turn.now), 0);
                Outcome::Waits
            }
            Some(Deadline::Pace | Deadline::Silence) => {
                self.active_at = turn.now;
                self.step(Event::Timeout, turn);
                Outcome::GoesOn
            }
        }
    }
}
