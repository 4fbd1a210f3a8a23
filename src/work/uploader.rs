//! Moves staged bodies to object storage, several at once, for as long as any node lives.
//!
//! One thread takes bodies, hands them to the workers, and writes down together what they have done.
//! While the bucket does not answer, or does not let us, nothing is taken: what is staged stays, and
//! mail flows. What the bucket refuses of one body for reasons of its own counts, and is tried less and
//! less often, but never given up: it is mail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never};

use super::clock;
use super::holder::Holder;
use crate::store::{Backlog, Failure, Staged, Store, Taken, Uploaded};

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
    /// Within which one body has been put, or has not.
    pub put_seconds_max: Duration,
}

/// A thread that moves bodies until this is dropped.
#[derive(Debug)]
pub(super) struct Uploader {
    stop: Arc<AtomicBool>,
    /// Disconnected to tell the thread of it.
    stopped: Option<Sender<()>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// Without a sign of something new, one looks for what dead nodes have left.
const LOOK_ROUND: Duration = Duration::from_secs(30);
/// Between two counts of the backlog.
const COUNT: Duration = Duration::from_secs(5);
/// Between two lines about it.
const SAY: Duration = Duration::from_secs(60);
/// Between two tries of a bucket that refuses everything, or of a database that does.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The longest time between two tries of one body.
const RETRY_MAX: Duration = Duration::from_secs(3_600);
/// How long the end waits for what is under way.
const END_PATIENCE: Duration = Duration::from_secs(5);
/// Bodies whose rows change in one transaction.
const FINISHED_MAX: usize = 64;
/// How long one that was put waits for others, so that their rows change together.
const GATHERED: Duration = Duration::from_millis(100);
/// Between two takings, however much mail comes: the more of it, the more is taken at once.
const PACE: Duration = Duration::from_millis(50);

impl UploadSettings {
    /// For how long a body is taken: longer than any PUT that was begun under it can last, even of the
    /// last in the queue.
    fn lease(&self) -> Duration {
        let rounds = self.batch.div_ceil(self.concurrency.max(1)).saturating_add(1);
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        self.put_seconds_max.saturating_mul(rounds).saturating_add(Duration::from_secs(30))
    }

    /// From the `nth` refusal of a body, of which the first is 1, to the next try.
    fn retry_after(&self, nth: u32) -> Duration {
        self.retry.saturating_mul(1 << nth.saturating_sub(1).min(16)).min(RETRY_MAX)
    }
}

impl Uploader {
    /// Starts.
    pub(super) fn start(store: &Store, settings: UploadSettings) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ours, theirs) = (store.clone(), Arc::clone(&stop));
        let (at_the_end, ended) = bounded::<()>(0);
        let (stopped, stops) = bounded::<()>(0);
        std::thread::Builder::new().name("uploader".into()).spawn(move || {
            let _at_the_end = at_the_end;
            let ours = ours; // a local after it: the store is given back before the end is told
            let holder = Holder::ourselves().name();
            take_over(&ours);
            ours.load_cache();
            let capacity = settings.batch.saturating_add(settings.concurrency);
            let (jobs, to_do) = bounded(capacity);
            let (tell, done) = bounded(capacity.saturating_add(FINISHED_MAX));
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
                let mut round = Round::new(&ours, settings, &holder, jobs, &done);
                while !theirs.load(Ordering::Relaxed) {
                    round.go(&stops);
                }
                round.end();
            });
        })?;
        Ok(Self { stop, stopped: Some(stopped), ended })
    }
}

impl Drop for Uploader {
    /// What is under way is finished if that is soon; otherwise others take it over later.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.stopped = None;
        let _ended_or_not = self.ended.recv_timeout(END_PATIENCE);
    }
}

/// What processes had that died here is free at once: their time need not run out. True if there was
/// something.
fn take_over(store: &Store) -> bool {
    let free = || {
        let is_dead = |name: &String| Holder::of(name).is_some_and(|holder| holder.is_dead());
        let dead: Vec<String> = store.upload_holders()?.into_iter().filter(is_dead).collect();
        dead.iter().try_for_each(|dead| store.free_uploads(dead))?;
        Ok::<_, Failure>(!dead.is_empty())
    };
    free().unwrap_or_else(|failure| {
        log::error!("uploader: {failure}");
        false
    })
}

/// What became of a body.
type Outcome = (Taken, Result<Option<Uploaded>, Failure>);

fn work(store: &Store, stop: &AtomicBool, to_do: &Receiver<Staged>, tell: &Sender<Outcome>) {
    for staged in to_do {
        let taken = staged.taken;
        if stop.load(Ordering::Relaxed) || tell.send((taken, store.upload_staged(staged))).is_err()
        {
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
    jobs: Option<Sender<Staged>>,
    done: &'a Receiver<Outcome>,
    /// Bodies that were taken and are not written down yet.
    in_flight: usize,
    /// Of those, what the workers are through with, since when.
    outcomes: Vec<Outcome>,
    since: Instant,
    taken: Instant,
    /// When to look for more.
    take_at: Instant,
    /// The database did not answer when bodies were taken or given back: some of ours may be taken
    /// that nobody moves.
    lost_count: bool,
    /// Nothing is taken before.
    quiet_until: Instant,
    /// How long that was the last time.
    pause: Duration,
    counted: Option<Instant>,
    backlog: Backlog,
    said: Instant,
}

impl<'a> Round<'a> {
    fn new(
        store: &'a Store,
        settings: UploadSettings,
        holder: &'a str,
        jobs: Sender<Staged>,
        done: &'a Receiver<Outcome>,
    ) -> Self {
        let now = clock::now();
        Self {
            store,
            settings,
            holder,
            jobs: Some(jobs),
            done,
            in_flight: 0,
            outcomes: Vec::new(),
            since: now,
            taken: now,
            take_at: now,
            lost_count: false,
            quiet_until: now,
            pause: Duration::ZERO,
            counted: None,
            backlog: Backlog::default(),
            said: now,
        }
    }

    /// Does what is due, and waits for what comes next.
    fn go(&mut self, stops: &Receiver<()>) {
        let now = clock::now();
        self.count(now);
        if self.may_free_at().is_some_and(|at| at <= now) {
            self.free();
        }
        if self.has_room() && self.may_take_at() <= now {
            self.take(now);
        }
        if !self.outcomes.is_empty() && self.write_at() <= now {
            self.write_down();
        }
        self.wait(stops);
    }

    /// The workers run out of bodies soon.
    fn has_room(&self) -> bool {
        let waiting = self.jobs.as_ref().map_or(usize::MAX, Sender::len);
        waiting <= self.settings.concurrency && self.room() > 0 && !self.lost_count
    }

    /// What we have lost count of is free for all when nothing is under way.
    fn may_free_at(&self) -> Option<Instant> {
        (self.lost_count && self.in_flight == 0).then_some(self.quiet_until)
    }

    fn room(&self) -> usize {
        let held = self.in_flight - self.outcomes.len();
        self.settings.batch.saturating_add(self.settings.concurrency).saturating_sub(held)
    }

    fn may_take_at(&self) -> Instant {
        self.take_at.max(self.quiet_until)
    }

    /// What was put is written down with what else is put soon; at once if nothing else is under way.
    fn write_at(&self) -> Instant {
        let all = self.outcomes.len() >= FINISHED_MAX.min(self.in_flight);
        if all { self.since } else { self.since + GATHERED }
    }

    fn wait(&mut self, stops: &Receiver<()>) {
        let now = clock::now();
        let mut until = self.counted.unwrap_or(now) + self.look_round();
        if !self.outcomes.is_empty() {
            until = until.min(self.write_at());
        }
        if self.has_room() {
            until = until.min(self.may_take_at());
        }
        until = self.may_free_at().map_or(until, |at| until.min(at));
        // Whoever rings only because mail came is not heard while the bucket is left alone, nor if
        // somebody looks soon anyway.
        let next = self.taken + PACE;
        let bell = self.store.bell().filter(|_| self.quiet_until <= now && next < self.take_at);
        let bell = bell.unwrap_or_else(never);
        crossbeam_channel::select! {
            recv(self.done) -> outcome => self.outcomes_came(outcome.ok()),
            recv(bell) -> _rung => self.take_at = next,
            recv(stops) -> _never => {}
            default(until.saturating_duration_since(now)) => {}
        }
    }

    fn outcomes_came(&mut self, first: Option<Outcome>) {
        if self.outcomes.is_empty() {
            self.since = clock::now();
        }
        let room = FINISHED_MAX.saturating_sub(self.outcomes.len());
        self.outcomes.extend(first.into_iter().chain(self.done.try_iter()).take(room.max(1)));
    }

    /// How long nobody looks if nobody rings.
    fn look_round(&self) -> Duration {
        if self.backlog == Backlog::default() { LOOK_ROUND } else { COUNT }
    }

    /// Writes down what was under way, and frees the rest for others.
    fn end(&mut self) {
        self.jobs = None;
        while self.in_flight > 0 {
            match self.done.recv_timeout(Duration::from_secs(1)) {
                Ok(outcome) => self.outcomes_came(Some(outcome)),
                Err(_) => break,
            }
            if self.write_at() <= clock::now() {
                self.write_down();
            }
        }
        self.write_down();
        self.free();
    }

    /// Frees all that we have taken, for us and for others: nothing of it is under way.
    fn free(&mut self) {
        match self.store.free_uploads(self.holder) {
            Ok(()) => (self.lost_count, self.take_at) = (false, clock::now()),
            Err(failure) => self.database_failed(&failure),
        }
    }

    /// Nobody knows whether it happened.
    fn database_failed(&mut self, failure: &Failure) {
        log::error!("uploader: {failure}");
        self.lost_count = true;
        self.be_quiet(Duration::ZERO);
    }

    /// Takes as many as there is room for.
    fn take(&mut self, now: Instant) {
        let room = self.room();
        self.taken = now;
        let taken = self.store.take_uploads(self.holder, room, self.settings.lease());
        let staged = taken.and_then(|taken| match taken.is_empty() {
            true => Ok(Vec::new()),
            false => self.store.read_staged(taken),
        });
        match staged {
            Ok(staged) => {
                let is_all = staged.len() < room;
                self.take_at = if is_all { now + self.look_round() } else { now };
                for staged in staged {
                    // There is room for it: nobody waits here.
                    if self.jobs.as_ref().is_some_and(|jobs| jobs.send(staged).is_ok()) {
                        self.in_flight += 1;
                    }
                }
            }
            Err(failure) => self.database_failed(&failure),
        }
    }

    /// Nothing is taken for a while, longer each time until something succeeds.
    fn be_quiet(&mut self, at_least: Duration) {
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX).max(at_least.min(PAUSE_MAX));
        self.quiet_until = clock::now() + self.pause;
    }

    /// Writes down what the workers have done.
    fn write_down(&mut self) {
        let (mut uploaded, mut general, mut own, mut gone) = (vec![], vec![], vec![], vec![]);
        self.in_flight -= self.outcomes.len();
        for (taken, result) in self.outcomes.drain(..) {
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
                self.database_failed(&failure); // they are moved again
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
    fn refused(&mut self, taken: Taken, failure: &Failure) {
        let attempts = taken.attempts.saturating_add(1);
        let retry = self.settings.retry_after(attempts);
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

    fn postpone(&mut self, taken: Vec<Taken>, pause: Duration, counts: bool) {
        if taken.is_empty() {
            return;
        }
        self.take_at = self.take_at.min(clock::now() + pause);
        if let Err(failure) = self.store.postpone_uploads(self.holder, taken, pause, counts) {
            self.database_failed(&failure);
        }
    }

    /// Counts what is staged while there is something, and says so if it lasts.
    fn count(&mut self, now: Instant) {
        let is_idle = self.in_flight == 0 && self.backlog == Backlog::default();
        let each = if is_idle { LOOK_ROUND } else { COUNT };
        if self.counted.is_some_and(|counted| now < counted + each) {
            return;
        }
        self.counted = Some(now);
        match self.store.backlog() {
            Ok(backlog) => self.backlog = backlog,
            Err(failure) => return log::error!("uploader: {failure}"),
        }
        let Backlog { bodies, bytes } = self.backlog;
        if bodies > self.in_flight as u64 && take_over(self.store) {
            self.take_at = now;
        }
        if bodies == 0 {
            self.said = now;
        } else if now >= self.said + SAY {
            self.said = now;
            log::info!("uploader: {bodies} bodies of {} KiB wait to be moved", bytes >> 10);
        }
    }
}

/// Not about one body: the bucket, or the database.
fn is_general(failure: &Failure) -> bool {
    match failure {
        Failure::Objects { source, .. } => source.is_general(),
        Failure::Corrupt { .. } | Failure::Spoilt { .. } => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(retry: Duration) -> UploadSettings {
        let put_seconds_max = Duration::from_secs(60);
        UploadSettings { batch: 20, concurrency: 8, attempts_max: 5, retry, put_seconds_max }
    }

    #[test] // pitfall 35
    fn the_first_retry_is_after_the_interval_and_the_next_after_twice_that() {
        let after = |nth| settings(Duration::from_secs(30)).retry_after(nth).as_secs();
        assert_eq!([1, 2, 3, 8, 1_000].map(after), [30, 60, 120, 3_600, 3_600]);
        let long = settings(Duration::MAX);
        assert_eq!(long.retry_after(u32::MAX), RETRY_MAX);
    }
}
