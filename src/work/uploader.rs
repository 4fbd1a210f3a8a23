//! Moves staged bodies to object storage, several at once, for as long as any node lives.
//!
//! One thread takes bodies, hands them to the workers, and writes down together what they have done.
//! While the bucket does not answer, or does not let us, nothing is taken: what is staged stays, and
//! mail flows. What the bucket refuses of one body for reasons of its own counts, and is tried less and
//! less often, but never given up: it is mail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::clock;
use super::holder::Holder;
use crate::store::{Backlog, Failure, Store, Taken, Uploaded};

/// How bodies are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadSettings {
    /// Bodies that are taken at once, beside those that workers have.
    pub batch: usize,
    /// Workers.
    pub concurrency: usize,
    /// Refusals of one body after which it is said loudly.
    pub attempts_max: u32,
    /// From a refusal to the next try; doubled each time.
    pub retry: Duration,
    /// Within which one PUT has ended.
    pub put_seconds_max: Duration,
}

/// A thread that moves bodies until this is dropped.
#[derive(Debug)]
pub(super) struct Uploader {
    store: Store,
    stop: Arc<AtomicBool>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// Without a sign of something new, one looks for what dead nodes have left.
const LOOK_ROUND: Duration = Duration::from_secs(30);
/// Between two counts of the backlog.
const COUNT: Duration = Duration::from_secs(5);
/// Between two lines about it.
const SAY: Duration = Duration::from_secs(60);
/// Between two looks for reservations that came to nothing.
const RESERVATIONS: Duration = Duration::from_secs(600);
/// Between two tries of a bucket that refuses everything, or of a database that does.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The longest time between two tries of one body.
const RETRY_MAX: Duration = Duration::from_secs(3_600);
/// How long the end waits for what is under way.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// Bodies whose rows change in one transaction.
const FINISHED_MAX: usize = 64;

impl UploadSettings {
    /// For how long a body is taken: longer than any PUT that was begun under it can last, even of the
    /// last in the queue.
    fn lease(&self) -> Duration {
        let rounds = self.batch.div_ceil(self.concurrency.max(1)).saturating_add(1);
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        self.put_seconds_max.saturating_mul(rounds).saturating_mul(2) + Duration::from_secs(30)
    }
}

impl Uploader {
    /// Starts.
    pub(super) fn start(store: &Store, settings: UploadSettings) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ours, theirs) = (store.clone(), Arc::clone(&stop));
        let (at_the_end, ended) = bounded::<()>(0);
        std::thread::Builder::new().name("uploader".into()).spawn(move || {
            let _at_the_end = at_the_end;
            let ours = ours; // a local after it: the store is given back before the end is told
            let holder = Holder::ourselves().name();
            take_over(&ours);
            ours.load_cache();
            let capacity = settings.batch.saturating_add(settings.concurrency);
            let (jobs, to_do) = bounded(capacity);
            let (tell, done) = bounded(capacity);
            std::thread::scope(|scope| {
                for _ in 0..settings.concurrency {
                    let (store, stop) = (&ours, &theirs);
                    let (to_do, tell) = (to_do.clone(), tell.clone());
                    let worker = std::thread::Builder::new().name("upload".into());
                    let worker =
                        worker.spawn_scoped(scope, move || work(store, stop, &to_do, &tell));
                    if let Err(error) = worker {
                        log::error!("uploader: no thread: {error}");
                    }
                }
                drop((to_do, tell));
                let mut round = Round::new(&ours, settings, &holder, jobs, &done, capacity);
                while !theirs.load(Ordering::Relaxed) {
                    round.go();
                }
                round.end();
            });
        })?;
        Ok(Self { store: store.clone(), stop, ended })
    }
}

impl Drop for Uploader {
    /// What is under way is finished if that is soon; otherwise others take it over later.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.store.ring();
        let _ended_or_not = self.ended.recv_timeout(END_PATIENCE);
    }
}

/// What processes had that died here is free at once: their time need not run out.
fn take_over(store: &Store) {
    let free = || {
        let holders = store.upload_holders()?;
        let is_dead = |name: &&String| Holder::of(name).is_some_and(|holder| holder.is_dead());
        holders.iter().filter(is_dead).try_for_each(|dead| store.free_uploads(dead))
    };
    if let Err(failure) = free() {
        log::error!("uploader: {failure}");
    }
}

/// What became of a body.
type Outcome = (Taken, Result<Option<Uploaded>, Failure>);

fn work(store: &Store, stop: &AtomicBool, to_do: &Receiver<Taken>, tell: &Sender<Outcome>) {
    for taken in to_do {
        if stop.load(Ordering::Relaxed) || tell.send((taken, store.upload(taken))).is_err() {
            return;
        }
    }
}

/// What the one thread knows.
struct Round<'a> {
    store: &'a Store,
    settings: UploadSettings,
    holder: &'a str,
    /// `None` at the end.
    jobs: Option<Sender<Taken>>,
    done: &'a Receiver<Outcome>,
    capacity: usize,
    in_flight: usize,
    /// Nothing is taken before.
    quiet_until: Instant,
    /// How long that was the last time.
    pause: Duration,
    counted: Option<Instant>,
    backlog: Backlog,
    said: Instant,
    reservations: Instant,
}

impl<'a> Round<'a> {
    fn new(
        store: &'a Store,
        settings: UploadSettings,
        holder: &'a str,
        jobs: Sender<Taken>,
        done: &'a Receiver<Outcome>,
        capacity: usize,
    ) -> Self {
        let now = clock::now();
        Self {
            store,
            settings,
            holder,
            jobs: Some(jobs),
            done,
            capacity,
            in_flight: 0,
            quiet_until: now,
            pause: Duration::ZERO,
            counted: None,
            backlog: Backlog::default(),
            said: now,
            reservations: now,
        }
    }

    fn go(&mut self) {
        let now = clock::now();
        let quiet = self.quiet_until.saturating_duration_since(now);
        let may_take = quiet.is_zero() && self.in_flight <= self.settings.concurrency;
        let took = if may_take { self.take() } else { 0 };
        self.count(now, took);
        if self.in_flight > 0 {
            self.collect();
        } else if !quiet.is_zero() {
            // Whoever rings only because mail came is not heard.
            self.store.wait_for_staged(quiet.min(COUNT));
        } else if took == 0 {
            self.give_up_reservations(now);
            let is_empty = self.backlog == Backlog::default();
            self.store.wait_for_staged(if is_empty { LOOK_ROUND } else { COUNT });
        }
    }

    /// Writes down what was under way, and frees the rest for others.
    fn end(&mut self) {
        self.jobs = None;
        while self.in_flight > 0 {
            let before = self.in_flight;
            self.collect();
            if self.in_flight == before {
                break;
            }
        }
        if let Err(failure) = self.store.free_uploads(self.holder) {
            log::error!("uploader: {failure}");
        }
    }

    /// Takes as many as there is room for.
    fn take(&mut self) -> usize {
        let room = self.capacity - self.in_flight;
        match self.store.take_uploads(self.holder, room, self.settings.lease()) {
            Ok(taken) => {
                let took = taken.len();
                for taken in taken {
                    // There is room for it: nobody waits here.
                    if self.jobs.as_ref().is_some_and(|jobs| jobs.send(taken).is_ok()) {
                        self.in_flight += 1;
                    }
                }
                took
            }
            Err(failure) => {
                log::error!("uploader: {failure}");
                self.be_quiet(Duration::ZERO);
                0
            }
        }
    }

    /// Nothing is taken for a while, longer each time until something succeeds.
    fn be_quiet(&mut self, at_least: Duration) {
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX).max(at_least.min(PAUSE_MAX));
        self.quiet_until = clock::now() + self.pause;
    }

    /// Waits for what the workers have done, and writes it down.
    fn collect(&mut self) {
        let Ok(first) = self.done.recv_timeout(Duration::from_secs(1)) else { return };
        let (mut uploaded, mut general, mut own, mut gone) = (vec![], vec![], vec![], vec![]);
        for (taken, result) in std::iter::once(first).chain(self.done.try_iter()).take(FINISHED_MAX)
        {
            self.in_flight -= 1;
            match result {
                Ok(Some(done)) => uploaded.push(done),
                Ok(None) => gone.push(taken),
                Err(failure) if is_general(&failure) => general.push((taken, failure)),
                Err(failure) => own.push((taken, failure)),
            }
        }
        if !uploaded.is_empty() {
            self.pause = Duration::ZERO;
            if let Err(failure) = self.store.finish_uploads(uploaded) {
                log::error!("uploader: {failure}; they are moved again later");
                self.be_quiet(Duration::ZERO);
            }
        }
        self.postpone(gone, Duration::ZERO, false);
        if let Some((_, failure)) = general.first() {
            if clock::now() >= self.quiet_until {
                self.be_quiet(self.store.objects_left_alone());
                log::warn!("uploader: {failure}; mail is kept here until then");
            }
            let taken = general.into_iter().map(|(taken, _)| taken).collect();
            self.postpone(taken, self.pause, false);
        }
        for (taken, failure) in own {
            self.refused(taken, &failure);
        }
    }

    /// One body's own trouble.
    fn refused(&self, taken: Taken, failure: &Failure) {
        let attempts = taken.attempts.saturating_add(1);
        let retry = self.settings.retry.saturating_mul(1 << attempts.min(16)).min(RETRY_MAX);
        let (blob, account) = (taken.blob, taken.account);
        if attempts < self.settings.attempts_max {
            log::warn!("uploader: body {blob} of account {account}: {failure}");
        } else {
            log::error!(
                "uploader: body {blob} of account {account} was refused {attempts} times, and stays \
                 in the database: {failure}"
            );
        }
        self.postpone(vec![taken], retry, true);
    }

    fn postpone(&self, taken: Vec<Taken>, pause: Duration, counts: bool) {
        if taken.is_empty() {
            return;
        }
        if let Err(failure) = self.store.postpone_uploads(self.holder, taken, pause, counts) {
            log::error!("uploader: {failure}"); // they come again when their lease is over
        }
    }

    /// Counts what is staged while there is something, and says so if it lasts.
    fn count(&mut self, now: Instant, took: usize) {
        let is_due = self.counted.is_none_or(|counted| now >= counted + COUNT);
        let is_idle = took == 0 && self.in_flight == 0 && self.backlog == Backlog::default();
        if !is_due || (is_idle && self.counted.is_some()) {
            return;
        }
        self.counted = Some(now);
        match self.store.backlog() {
            Ok(backlog) => self.backlog = backlog,
            Err(failure) => return log::error!("uploader: {failure}"),
        }
        let Backlog { bodies, bytes } = self.backlog;
        if bodies == 0 {
            self.said = now;
        } else if now >= self.said + SAY {
            self.said = now;
            log::info!("uploader: {bodies} bodies of {} KiB wait to be moved", bytes >> 10);
        }
    }

    fn give_up_reservations(&mut self, now: Instant) {
        if now < self.reservations {
            return;
        }
        self.reservations = now + RESERVATIONS;
        match self.store.give_up_reservations() {
            Ok(0) => {}
            Ok(given_up) => log::info!("uploader: {given_up} large bodies came to nothing"),
            Err(failure) => log::error!("uploader: {failure}"),
        }
    }
}

/// Not about one body: the bucket, or the database.
fn is_general(failure: &Failure) -> bool {
    match failure {
        Failure::Objects { source, .. } => source.is_general(),
        Failure::Corrupt { .. } => false,
        _ => true,
    }
}
