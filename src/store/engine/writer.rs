//! The one thread that writes to SQLite: it commits what waits at the same moment together.
//!
//! Each job of a group runs in a savepoint, one COMMIT makes them all durable, and only then is
//! anyone answered. If the transaction itself is lost (a full disk can do that, and so can a COMMIT
//! that fails), nothing of the group has happened: each job is run again alone, once, and is
//! answered on its own merits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::Tx;
use super::answer::Answer;
use super::sqlite::Db;
use crate::crash_point;
use crate::limits;
use crate::store::Failure;

/// How much a write weighs on the others of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Weight {
    /// Writes about so many bytes.
    Bytes(usize),
    /// Changes many rows: alone in its group.
    Bulk,
}

/// A write that waits, whatever its answer's type.
pub(super) trait Job: Send {
    /// What it is, for errors.
    fn doing(&self) -> &'static str;
    /// What it weighs.
    fn weight(&self) -> Weight;
    /// Runs it and keeps its result; true if it succeeded.
    fn run(&mut self, db: &mut Db) -> bool;
    /// Replaces its result by a failure.
    fn fail(&mut self, failure: Failure);
    /// Sends its result to whoever waits.
    fn answer(self: Box<Self>);
}

/// A job with its types.
pub(super) struct Write<T, E, F> {
    pub(super) doing: &'static str,
    pub(super) weight: Weight,
    pub(super) run: F,
    pub(super) result: Option<Result<T, E>>,
    pub(super) answer: Answer<Result<T, E>>,
}

impl<T, E, F> Job for Write<T, E, F>
where
    T: Send,
    E: From<Failure> + Send,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn doing(&self) -> &'static str {
        self.doing
    }

    fn weight(&self) -> Weight {
        self.weight
    }

    fn run(&mut self, db: &mut Db) -> bool {
        let doing = self.doing;
        let ran = catch_unwind(AssertUnwindSafe(|| (self.run)(&mut db.tx(doing))));
        let result = ran.unwrap_or_else(|_| Err(Failure::Panicked { doing }.into()));
        self.result.insert(result).is_ok()
    }

    fn fail(&mut self, failure: Failure) {
        self.result = Some(Err(failure.into()));
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            self.answer.send(result);
        }
    }
}

type Jobs = Receiver<Box<dyn Job>>;

/// Serves until the store closes and every job before that is done.
pub(super) fn serve(mut db: Db, jobs: &Jobs) {
    let mut held = None;
    while let Some(first) = held.take().or_else(|| jobs.recv().ok()) {
        held = commit_group(&mut db, first, jobs);
    }
}

/// What a job in a group came to.
enum Ran {
    /// In the transaction, or undone for its own reasons.
    Settled,
    /// It took the transaction with it.
    TransactionLost,
}

/// Commits `first` and what waits behind it; gives back a job that must not share their group.
fn commit_group(db: &mut Db, mut first: Box<dyn Job>, jobs: &Jobs) -> Option<Box<dyn Job>> {
    if let Err(failure) = begin(db, first.doing()) {
        first.fail(failure);
        first.answer();
        return None;
    }
    let mut group = Group::new();
    let mut held = None;
    let mut next = Some(first);
    while let Some(mut job) = next.take() {
        let ran = run_in_group(db, &mut *job, group.jobs.is_empty());
        let full = group.add(job);
        if let Ran::TransactionLost = ran {
            group.run_each_alone(db);
            return None;
        }
        if full {
            break;
        }
        match jobs.try_recv() {
            Ok(job) if job.weight() == Weight::Bulk => held = Some(job),
            Ok(job) => next = Some(job),
            Err(_) => {}
        }
    }
    crash_point!("writer: group run, not committed");
    match db.command("COMMIT", "committing") {
        Ok(()) => {
            crash_point!("writer: committed, not answered");
            group.answer();
        }
        Err(failure) => {
            log::warn!("{failure}; running {} writes again, each alone", group.jobs.len());
            roll_back(db);
            group.run_each_alone(db);
        }
    }
    held
}

/// The first job needs no savepoint: undoing it is undoing everything.
fn run_in_group(db: &mut Db, job: &mut dyn Job, is_first: bool) -> Ran {
    let doing = job.doing();
    if !is_first && let Err(failure) = db.command("SAVEPOINT job", doing) {
        job.fail(failure);
        return settled(db);
    }
    let done = job.run(db);
    if db.is_autocommit() {
        return Ran::TransactionLost;
    }
    let ended = match (is_first, done) {
        (true, true) => Ok(()),
        (true, false) => db.command("ROLLBACK", doing).and_then(|()| begin(db, doing)),
        (false, true) => db.command("RELEASE job", doing),
        (false, false) => {
            db.command("ROLLBACK TO job", doing).and_then(|()| db.command("RELEASE job", doing))
        }
    };
    match ended {
        Ok(()) => settled(db),
        Err(_) => {
            roll_back(db);
            Ran::TransactionLost
        }
    }
}

fn settled(db: &Db) -> Ran {
    if db.is_autocommit() { Ran::TransactionLost } else { Ran::Settled }
}

fn begin(db: &Db, doing: &'static str) -> Result<(), Failure> {
    db.command("BEGIN IMMEDIATE", doing)
}

fn roll_back(db: &Db) {
    if !db.is_autocommit()
        && let Err(failure) = db.command("ROLLBACK", "rolling back")
    {
        log::error!("{failure}");
    }
}

/// Jobs that share one COMMIT.
struct Group {
    jobs: Vec<Box<dyn Job>>,
    bytes: usize,
    started: Instant,
}

impl Group {
    #[expect(clippy::disallowed_methods, reason = "a group is bounded by time")]
    fn new() -> Self {
        Self { jobs: Vec::with_capacity(64), bytes: 0, started: Instant::now() }
    }

    /// True if nothing more may join.
    fn add(&mut self, job: Box<dyn Job>) -> bool {
        let alone = match job.weight() {
            Weight::Bulk => true,
            Weight::Bytes(bytes) => {
                self.bytes = self.bytes.saturating_add(bytes);
                false
            }
        };
        self.jobs.push(job);
        alone
            || self.bytes > limits::WRITE_GROUP_BYTES_MAX
            || self.jobs.len() >= limits::WRITE_GROUP_JOBS_MAX
            || self.started.elapsed() > Duration::from_millis(limits::WRITE_GROUP_MILLISECONDS_MAX)
    }

    fn answer(self) {
        self.jobs.into_iter().for_each(Job::answer);
    }

    fn run_each_alone(self, db: &mut Db) {
        for mut job in self.jobs {
            if let Err(failure) = run_alone(db, &mut *job) {
                roll_back(db);
                job.fail(failure);
            }
            job.answer();
        }
    }
}

fn run_alone(db: &mut Db, job: &mut dyn Job) -> Result<(), Failure> {
    begin(db, job.doing())?;
    if job.run(db) {
        return db.command("COMMIT", job.doing());
    }
    roll_back(db);
    Ok(())
}
