//! The pool: one lane of threads for each kind of slowness, so that a login storm cannot stall mail.
//!
//! [`Pool::submit`] never waits: a full lane gives the job back, and the peer hears "unavailable". A
//! lane has as many threads as jobs waited at once lately, and none beyond its bound. A panic in a
//! job is its reply, [`Fault::ServerBug`]; the thread lives on (invariant 11).
//!
//! A lane is a queue behind one lock rather than a channel: whether to start a thread, and whether an
//! idle one may end, are decided together with the queue, so no job is left without a thread.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::ReplyTo;
use crate::error::Fault;
use crate::job::{Body, Job, Reply};
use crate::limits::{
    FIND_THREADS_MAX, FINDERS, LANE_JOBS_MAX, LANE_THREAD_IDLE_SECONDS,
    MESSAGE_ON_WRITE_LANE_BYTES_MAX, REMOTE_THREADS_MAX, WRITE_THREADS_MAX,
};

/// Bytes of a pool thread's stack: reserved, and only used as far as it is touched.
const STACK_BYTES: usize = 1024 * 1024;

/// A kind of slowness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Password hashes: all CPU, tens of milliseconds each.
    Auth,
    /// Reads of the database.
    Query,
    /// Recipients: where the database is a round trip away, those who wait share one.
    Find,
    /// What ends in a commit and waits for the disk, together with others.
    Write,
    /// Whole large messages in memory.
    Blob,
    /// Looking through mailboxes, a slice at a time.
    Search,
    /// Bodies that come from object storage.
    Remote,
}

impl Lane {
    const ALL: [Self; 7] =
        [Self::Auth, Self::Query, Self::Find, Self::Write, Self::Blob, Self::Search, Self::Remote];

    /// Where a job starts.
    pub fn of(job: &Job) -> Self {
        match job {
            Job::Store { .. }
            | Job::Expunge { .. }
            | Job::Remove { .. }
            | Job::LockMaildrop { .. }
            | Job::PutScript { .. }
            | Job::ActivateScript { .. }
            | Job::DeleteScript { .. }
            | Job::RenameScript { .. }
            | Job::Copy(_)
            | Job::Move(_) => Self::Write,
            Job::SetMetadata { .. } => Self::Write,
            Job::CreateMailbox { .. } | Job::DeleteMailbox { .. } => Self::Write,
            Job::RenameMailbox { .. } | Job::Subscribe { .. } => Self::Write,
            Job::Unsubscribe { .. } | Job::Spool { .. } => Self::Write,
            Job::Fetch { mark_seen: true, .. } => Self::Write,
            Job::Append { body, .. } | Job::Deliver { body, .. } => Self::of_body(body),
            Job::DecodePart { .. } => Self::Blob,
            Job::Search { .. } => Self::Search,
            // Most logins are answered by the cache; the others go on to `Auth`.
            Job::Login { .. } | Job::Addresses { .. } => Self::Query,
            Job::FindRecipient { .. } => Self::Find,
            Job::ListMailboxes { .. } | Job::Status { .. } | Job::OpenMailbox { .. } => Self::Query,
            Job::GetMetadata { .. } | Job::MetadataChanges { .. } => Self::Query,
            Job::ListScripts { .. } | Job::GetScript { .. } | Job::HaveSpace { .. } => Self::Query,
            Job::CheckScript { .. } => Self::Query,
            Job::Refresh { .. } | Job::Fetch { .. } | Job::ReadBody { .. } => Self::Query,
        }
    }

    fn of_body(body: &Body) -> Self {
        if body.len() <= MESSAGE_ON_WRITE_LANE_BYTES_MAX { Self::Write } else { Self::Blob }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Query => "query",
            Self::Find => "find",
            Self::Write => "write",
            Self::Blob => "blob",
            Self::Search => "search",
            Self::Remote => "remote",
        }
    }

    fn threads_max(self) -> usize {
        let cores = available_parallelism().map_or(1, usize::from);
        match self {
            Self::Auth => (cores - 1).max(1), // a storm of logins leaves a core to the mail
            Self::Search => cores,
            Self::Query => (cores * 2).clamp(4, 32),
            Self::Find => FIND_THREADS_MAX,
            Self::Write => WRITE_THREADS_MAX,
            Self::Remote => REMOTE_THREADS_MAX,
            Self::Blob => cores.clamp(2, 4),
        }
    }
}

/// What became of a job on a lane.
#[derive(Debug)]
pub enum Done {
    /// It is over.
    Reply(Reply),
    /// It turned out to be slow in another way.
    Elsewhere(Lane, Box<Job>),
}

/// Whoever knows how to run jobs.
pub trait Run: Send + Sync {
    /// Runs `job` on a thread of `lane`; may wait.
    fn run(&self, lane: Lane, job: Box<Job>) -> Done;

    /// How many jobs of a lane a thread takes at once, if so many wait.
    fn together_max(&self, _lane: Lane) -> usize {
        1
    }

    /// Runs jobs that waited on a lane at the same moment; an answer for each, in their order.
    fn run_together(&self, lane: Lane, jobs: Vec<Box<Job>>) -> Vec<Done> {
        jobs.into_iter().map(|job| self.run(lane, job)).collect()
    }
}

struct Task {
    job: Box<Job>,
    to: ReplyTo,
}

/// The lanes. Dropped, it takes no more jobs, and its threads end when the queued ones are done.
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    run: Box<dyn Run>,
    lanes: [Queue; Lane::ALL.len()],
    living: Arc<Living>,
}

/// Threads that may still hold what is shared. It is theirs beside that: what is told when they end is
/// true of the store, too.
#[derive(Default)]
struct Living {
    threads: Mutex<usize>,
    /// Rung when the last one has ended.
    none: Condvar,
}

impl Living {
    fn threads(&self) -> MutexGuard<'_, usize> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one_less(&self) {
        let mut threads = self.threads();
        *threads -= 1;
        if *threads == 0 {
            self.none.notify_all();
        }
    }

    /// False if some are left at `deadline`.
    fn wait_for_end(&self, deadline: Option<Instant>) -> bool {
        let mut threads = self.threads();
        while *threads > 0 {
            #[expect(clippy::disallowed_methods, reason = "how much of the grace is left")]
            let now = Instant::now();
            let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
            if left.is_zero() {
                return false;
            }
            let waited = self.none.wait_timeout(threads, left);
            threads = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

struct Queue {
    lane: Lane,
    threads_max: usize,
    together_max: usize,
    state: Mutex<State>,
    /// Rung for a new task, and for the end.
    work: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool without threads: they come with the jobs.
    pub fn new(run: Box<dyn Run>) -> Self {
        let lanes = Lane::ALL.map(|lane| {
            let together_max = run.together_max(lane);
            // A thread of its own for each of those that could share would leave nothing to share.
            let threads_max = if together_max > 1 { FINDERS } else { lane.threads_max() };
            let (state, work) = (Mutex::default(), Condvar::new());
            Queue { lane, threads_max, together_max, state, work }
        });
        Self { shared: Arc::new(Shared { run, lanes, living: Arc::default() }) }
    }

    /// Queues a job whose reply goes to `to`; gives it back if its lane is full or closed. Never waits.
    pub fn submit(&self, job: Box<Job>, to: ReplyTo) -> Result<(), Box<Job>> {
        let lane = Lane::of(&job);
        push(&self.shared, lane, Task { job, to }).map_err(|task| task.job)
    }

    /// Takes no more jobs, finishes those that are queued and waits for it, `grace` at most. True if
    /// all threads have ended.
    pub fn shutdown(&self, grace: Duration) -> bool {
        #[expect(clippy::disallowed_methods, reason = "one deadline for all lanes")]
        let deadline = Instant::now().checked_add(grace);
        self.close();
        self.shared.living.wait_for_end(deadline)
    }

    fn close(&self) {
        for queue in &self.shared.lanes {
            queue.lock().closed = true;
            queue.work.notify_all();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for queue in &self.shared.lanes {
            let state = queue.lock();
            map.entry(&queue.lane.name(), &(state.threads, state.idle, state.tasks.len()));
        }
        map.finish()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a task, and takes others that wait if the lane does them together; `None` if this
    /// thread is to end, which is then already counted.
    fn next(&self) -> Option<(Task, Vec<Task>)> {
        let mut state = self.lock();
        state.idle += 1;
        let patience = Duration::from_secs(LANE_THREAD_IDLE_SECONDS);
        loop {
            if let Some(task) = state.tasks.pop_front() {
                state.idle -= 1;
                let others = state.tasks.len().min(self.together_max - 1);
                return Some((task, state.tasks.drain(..others).collect()));
            }
            let waited = if state.closed {
                None
            } else {
                let waited = self.work.wait_timeout(state, patience);
                let (held, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                state = held;
                Some(timeout.timed_out())
            };
            if state.tasks.is_empty() && (state.closed || waited == Some(true)) {
                state.idle -= 1;
                state.threads -= 1;
                return None;
            }
        }
    }
}

/// Queues a task, and starts a thread if none is idle for it.
fn push(shared: &Arc<Shared>, lane: Lane, task: Task) -> Result<(), Task> {
    let Some(queue) = shared.lanes.iter().find(|queue| queue.lane == lane) else {
        return Err(task);
    };
    let mut state = queue.lock();
    if state.closed || state.tasks.len() >= LANE_JOBS_MAX {
        return Err(task);
    }
    state.tasks.push_back(task);
    let grows = state.tasks.len() > state.idle && state.threads < queue.threads_max;
    state.threads += usize::from(grows);
    drop(state);
    if grows {
        start_thread(shared, lane, queue);
    } else {
        queue.work.notify_one();
    }
    Ok(())
}

fn start_thread(shared: &Arc<Shared>, lane: Lane, queue: &Queue) {
    let thread = std::thread::Builder::new().name(lane.name().into()).stack_size(STACK_BYTES);
    let (worker, living) = (Arc::clone(shared), Arc::clone(&shared.living));
    *living.threads() += 1;
    let spawned = thread.spawn(move || {
        serve(&worker, lane);
        drop(worker);
        living.one_less();
    });
    let Err(error) = spawned else { return };
    shared.living.one_less();
    log::error!("work: no thread for lane {}: {error}", lane.name());
    let mut state = queue.lock();
    state.threads -= 1;
    let stranded = if state.threads == 0 { state.tasks.pop_front() } else { None };
    drop(state);
    if let Some(task) = stranded {
        task.to.send(Reply::Failed(Fault::Unavailable));
    }
}

/// The life of a thread.
fn serve(shared: &Arc<Shared>, lane: Lane) {
    let Some(queue) = shared.lanes.iter().find(|queue| queue.lane == lane) else { return };
    while let Some((Task { job, to }, others)) = queue.next() {
        if !others.is_empty() {
            let tasks = std::iter::once(Task { job, to }).chain(others);
            serve_together(shared, lane, tasks.collect());
            continue;
        }
        // Nothing of ours is left half changed by a panic: jobs own what they work on, locks are
        // taken past poison, and a transaction that is dropped rolls back.
        match catch_unwind(AssertUnwindSafe(|| shared.run.run(lane, job))) {
            Ok(done) => finish(shared, done, to),
            Err(panic) => {
                log::error!("work: a job panicked: {}", words_of(panic.as_ref()));
                to.send(Reply::Failed(Fault::ServerBug));
            }
        }
    }
}

fn serve_together(shared: &Arc<Shared>, lane: Lane, tasks: Vec<Task>) {
    let (jobs, tos): (Vec<_>, Vec<_>) = tasks.into_iter().map(|task| (task.job, task.to)).unzip();
    let done = catch_unwind(AssertUnwindSafe(|| shared.run.run_together(lane, jobs)));
    let done = done.unwrap_or_else(|panic| {
        log::error!("work: jobs panicked: {}", words_of(panic.as_ref()));
        Vec::new()
    });
    let missing = || Done::Reply(Reply::Failed(Fault::ServerBug));
    for (done, to) in done.into_iter().chain(std::iter::repeat_with(missing)).zip(tos) {
        finish(shared, done, to);
    }
}

fn finish(shared: &Arc<Shared>, done: Done, to: ReplyTo) {
    match done {
        Done::Reply(reply) => to.send(reply),
        Done::Elsewhere(lane, job) => move_on(shared, lane, Task { job, to }),
    }
}

fn move_on(shared: &Arc<Shared>, lane: Lane, task: Task) {
    if let Err(task) = push(shared, lane, task) {
        task.to.send(Reply::Failed(Fault::Unavailable));
    }
}

/// What a panic said, if it said words.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::model::{AccountId, MailboxName};
    use crate::work::{Letters, Mailbag};

    /// `ListMailboxes` of account 1 waits at the barrier, of account 2 panics, of 3 goes elsewhere;
    /// other jobs are done at once.
    struct Fake(Arc<Barrier>);

    impl Run for Fake {
        fn run(&self, lane: Lane, job: Box<Job>) -> Done {
            match *job {
                Job::ListMailboxes { account: AccountId(1) } => {
                    self.0.wait();
                }
                Job::ListMailboxes { account: AccountId(2) } => panic!("as the test wants"),
                Job::ListMailboxes { account: AccountId(3) } if lane == Lane::Query => {
                    return Done::Elsewhere(Lane::Auth, job);
                }
                _ => {}
            }
            Done::Reply(Reply::Done)
        }
    }

    fn job(account: i64) -> Box<Job> {
        Box::new(Job::ListMailboxes { account: AccountId(account) })
    }

    fn bag() -> (mio::Poll, Arc<Mailbag>) {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let bag = Mailbag::new(waker);
        (poll, bag)
    }

    fn replies(bag: &Mailbag) -> Vec<(u64, Reply)> {
        let mut letters = Letters::default();
        bag.empty_into(&mut letters);
        letters.replies.sort_by_key(|(token, _)| *token);
        letters.replies
    }

    #[test]
    fn what_is_queued_is_finished_before_the_end() {
        let (_poll, bag) = bag();
        let pool = Pool::new(Box::new(Fake(Arc::new(Barrier::new(1)))));
        for token in 0..100 {
            pool.submit(job(0), bag.to(token)).unwrap();
        }
        assert!(pool.shutdown(Duration::from_secs(60)));
        assert_eq!(replies(&bag).len(), 100);
        assert!(pool.submit(job(0), bag.to(1)).is_err(), "closed");
    }

    /// The first job waits at the barrier; others are done together, and say how many they are.
    struct Sharing(Arc<Barrier>);

    impl Run for Sharing {
        fn run(&self, _: Lane, job: Box<Job>) -> Done {
            if matches!(*job, Job::FindRecipient { given } if given == "first") {
                self.0.wait();
            }
            Done::Reply(Reply::Done)
        }

        fn together_max(&self, lane: Lane) -> usize {
            if lane == Lane::Find { 3 } else { 1 }
        }

        fn run_together(&self, _: Lane, jobs: Vec<Box<Job>>) -> Vec<Done> {
            let panics =
                |job: &Job| matches!(job, Job::FindRecipient { given } if given == "panic");
            assert!(!jobs.iter().any(|job| panics(job)), "as the test wants");
            let told = |_| Done::Reply(Reply::Bytes(vec![0; jobs.len()].into()));
            jobs.iter().map(told).collect()
        }
    }

    #[test]
    fn who_waits_is_served_together() {
        let (_poll, bag) = bag();
        let barrier = Arc::new(Barrier::new(FINDERS + 1));
        let pool = Pool::new(Box::new(Sharing(Arc::clone(&barrier))));
        let find = |given: &str| Box::new(Job::FindRecipient { given: given.to_owned() });
        let is_waiting = || pool.shared.lanes.iter().any(|queue| !queue.lock().tasks.is_empty());
        for token in 0..FINDERS as u64 {
            pool.submit(find("first"), bag.to(token)).unwrap();
            while is_waiting() {
                std::thread::yield_now(); // each thread has one before others come
            }
        }
        for token in 10..16 {
            let given = if token == 15 { "panic" } else { "x" };
            pool.submit(find(given), bag.to(token)).unwrap();
        }
        barrier.wait();
        assert!(pool.shutdown(Duration::from_secs(60)));
        let told = replies(&bag).into_iter().map(|(token, reply)| match reply {
            Reply::Done => (token, 1),
            Reply::Bytes(bytes) => (token, bytes.len()),
            Reply::Failed(Fault::ServerBug) => (token, 0),
            reply => panic!("{reply:?}"),
        });
        let want = [(0, 1), (1, 1), (10, 3), (11, 3), (12, 3), (13, 0), (14, 0), (15, 0)];
        assert_eq!(told.collect::<Vec<_>>(), want);
    }

    #[test]
    fn at_the_end_nothing_is_held_any_more() {
        let (_poll, bag) = bag();
        for _ in 0..100 {
            let held = Arc::new(Barrier::new(1));
            let pool = Pool::new(Box::new(Fake(Arc::clone(&held))));
            for account in [0, 1, 3] {
                pool.submit(job(account), bag.to(1)).unwrap();
            }
            assert!(pool.shutdown(Duration::from_secs(60)));
            drop(pool);
            assert_eq!(Arc::strong_count(&held), 1);
        }
    }

    #[test]
    fn a_panic_is_a_reply_and_the_lane_lives_on() {
        let (_poll, bag) = bag();
        let pool = Pool::new(Box::new(Fake(Arc::new(Barrier::new(1)))));
        for token in 0..40 {
            pool.submit(job(if token == 39 { 0 } else { 2 }), bag.to(token)).unwrap();
        }
        pool.submit(job(3), bag.to(40)).unwrap();
        // Job 40 goes on to another lane, which must still be open.
        while bag.replies_waiting() < 41 {
            std::thread::yield_now();
        }
        assert!(pool.shutdown(Duration::from_secs(60)));
        let replies = replies(&bag);
        let bugs =
            replies.iter().filter(|(_, reply)| matches!(reply, Reply::Failed(Fault::ServerBug)));
        assert_eq!(bugs.count(), 39);
        assert!(matches!(replies[39].1, Reply::Done));
        assert!(matches!(replies[40].1, Reply::Done));
    }

    #[test]
    fn jobs_that_wait_get_threads_up_to_the_bound_and_a_full_lane_gives_the_job_back() {
        let (_poll, bag) = bag();
        let threads = Lane::Query.threads_max();
        let barrier = Arc::new(Barrier::new(threads + 1));
        let pool = Pool::new(Box::new(Fake(Arc::clone(&barrier))));
        for token in 0..threads {
            pool.submit(job(1), bag.to(token as u64)).unwrap();
        }
        // Each of them has its own thread, or the barrier would never open; wait until all are taken.
        let queue = pool.shared.lanes.iter().find(|queue| queue.lane == Lane::Query).unwrap();
        while !queue.lock().tasks.is_empty() {
            std::thread::yield_now();
        }
        let fits = (0..).find(|_| pool.submit(job(0), bag.to(0)).is_err()).unwrap();
        assert_eq!(fits, LANE_JOBS_MAX);
        assert_eq!(queue.lock().threads, threads);
        let name = MailboxName::inbox();
        let other = Job::Subscribe { account: AccountId(1), name };
        pool.submit(Box::new(other), bag.to(0)).unwrap(); // another lane is not concerned
        barrier.wait();
        assert!(pool.shutdown(Duration::from_secs(60)));
        assert_eq!(replies(&bag).len(), threads + LANE_JOBS_MAX + 1);
    }
}
