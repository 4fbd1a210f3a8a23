//! Shows scripts what happened in IMAP (RFC 6785), after the command that did it was answered.
//!
//! The rule: no command waits for a script, or fails for one. An event is a row that came with the
//! change; a few threads take events in turn, a slice of one at a time, so that ten thousand messages of
//! one account keep nobody else waiting. What scripts want is committed together with how far the event
//! came: whoever is killed in between is followed by another, and nothing is done twice. Commands that
//! learn from a message are run before that commit: killed then, they are run again.

mod learn;
mod slice;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, never};

use super::sorting::Sorter;
use super::{Changes, clock};
use crate::store::{Event, Failure, Store};

/// Events that are shown at the same moment.
const THREADS: usize = 2;
/// How long a taken event is ours; a slice is over long before.
const LEASE: Duration = Duration::from_secs(30);
/// Between two looks while something waits that cannot be taken: behind another event, which somebody has,
/// or because the database's clock is not there yet, as this connection knows it.
const LOOK: Duration = Duration::from_millis(100);
/// After a failure.
const LOOK_FAILED: Duration = Duration::from_secs(3);
/// Between two looks while nothing does: another node may have left something.
const LOOK_IDLE: Duration = Duration::from_secs(30);
/// Between two tries of an event that could not be gone on with: as long, and twice as long each time.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Tries without getting any further, after which an event is given up: about a day.
const ATTEMPTS_MAX: u32 = 34;
/// How long the end waits for what is under way.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Whoever shows events to scripts.
#[derive(Clone, Debug)]
pub(super) struct Usher {
    pub(super) store: Store,
    pub(super) sorter: Arc<Sorter>,
    pub(super) changes: Arc<Changes>,
}

/// Threads that do until this is dropped.
#[derive(Debug)]
pub(super) struct Events {
    stop: Arc<AtomicBool>,
    /// Disconnected to tell the threads of it.
    stopped: Option<Sender<()>>,
    /// Disconnected when the last of them has ended.
    ended: Receiver<()>,
}

impl Events {
    /// Starts.
    pub(super) fn start(usher: &Usher) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (at_the_end, ended) = bounded::<()>(0);
        let (stopped, stops) = bounded::<()>(0);
        let events = Self { stop: Arc::clone(&stop), stopped: Some(stopped), ended };
        if let Err(failure) = usher.store.reclaim_events() {
            log::error!("events: {failure}");
        }
        for number in 0..THREADS {
            let (at_the_end, stops) = (at_the_end.clone(), stops.clone());
            let (usher, stop) = (usher.clone(), Arc::clone(&stop));
            std::thread::Builder::new().name("events".into()).spawn(move || {
                let _at_the_end = at_the_end;
                let usher = usher; // a local after it: the store is given back before the end is told
                // One of them looks by itself; the others when they are called.
                usher.serve(number == 0, &stops, &stop);
            })?;
        }
        Ok(events)
    }
}

impl Drop for Events {
    /// A slice that is under way is finished, if that is soon.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.stopped = None;
        let _ended_or_not = self.ended.recv_timeout(END_PATIENCE);
    }
}

impl Usher {
    /// Shows what there is until `stop`. Whoever `looks` does so by itself; the others when they are
    /// called, or have seen something that cannot be taken yet: who else was called may sleep by then.
    pub(super) fn serve(&self, looks: bool, stops: &Receiver<()>, stop: &AtomicBool) {
        let bell = self.store.event_bell();
        while !stop.load(Ordering::Relaxed) {
            let wait = match self.round(stops) {
                Ok(None) => continue,
                Ok(Some(wait)) => wait,
                Err(failure) => {
                    log::error!("events: {failure}");
                    LOOK_FAILED
                }
            };
            let alarm =
                if looks || wait < LOOK_IDLE { crossbeam_channel::after(wait) } else { never() };
            crossbeam_channel::select! {
                recv(bell) -> _rung => {}
                recv(stops) -> _never => {}
                recv(alarm) -> _now => {}
            }
        }
    }

    /// Shows a slice of the event that waited longest. `Some` if there is none: when to look again.
    pub(super) fn round(&self, stops: &Receiver<()>) -> Result<Option<Duration>, Failure> {
        let Some(at) = self.store.next_event()? else { return Ok(Some(LOOK_IDLE)) };
        let left = at.0.saturating_sub(clock::today().0);
        if left > 0 {
            let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
            return Ok(Some(left.clamp(Duration::from_millis(50), LOOK_IDLE)));
        }
        let taken = self.store.take_events(1, LEASE)?;
        let Some(event) = taken.first() else { return Ok(Some(LOOK)) }; // others are at it
        self.store.call_for_events(); // there may be more
        self.show(event, stops)?;
        Ok(None)
    }

    fn show(&self, event: &Event, stops: &Receiver<()>) -> Result<(), Failure> {
        let key = event.key;
        let (account, mailbox) = (key.mailbox.account, key.mailbox.mailbox);
        if event.attempts > ATTEMPTS_MAX {
            let left = event.uids.len();
            log::error!("events: account {account}, mailbox {mailbox}: {left} messages given up");
            return self.store.drop_event(key);
        }
        let shown = catch_unwind(AssertUnwindSafe(|| self.slice(event, stops)));
        match shown {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => {
                log::error!("events: account {account}, mailbox {mailbox}: {failure}");
            }
            Err(_) => log::error!("events: account {account}, mailbox {mailbox}: a panic"),
        }
        let doubled = 1_u32 << event.attempts.saturating_sub(1).min(16);
        self.store.postpone_event(key, (PAUSE_MIN * doubled).min(PAUSE_MAX))
    }
}
