//! The cleaner: one run over everything that time takes (design: "Retention"), in steps so short that
//! no delivery waits behind it for long.
//!
//! One cleaner at a time across all programs on a store, by a lease that is renewed while it works and
//! runs out if its holder dies. A run that is cut off anywhere leaves nothing half done.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::holder::{self, Holder};
use super::{Changes, clock};
use crate::job::{Change, MailboxKey};
use crate::model::{AccountId, BlobId};
use crate::store::{AccountStep, Due, Failure, Retention, Store, Sweep};

/// The lease of the one cleaner.
const LEASE: &str = "cleaner";
/// A dead cleaner's work is taken over after this long.
const LEASE_LENGTH: Duration = Duration::from_secs(120);
/// It is renewed when it is this old.
const LEASE_RENEWED: Duration = Duration::from_secs(30);
/// Sessions of another process see mail go this long after it went.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Failures one after the other that end a run.
const FAILED_IN_A_ROW_MAX: u32 = 3;

/// What a run has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages expunged for their age.
    pub aged: u64,
    /// Messages whose grace was over.
    pub removed: u64,
    /// Bodies removed with the last of their messages.
    pub bodies: u64,
    /// Accounts removed.
    pub accounts: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// Nothing is left to do now.
    Whole,
    /// It was told to stop; the next run goes on.
    Stopped,
    /// Another program is cleaning.
    Elsewhere,
}

/// Told after each step what was done so far; `Break` stops the run.
pub type Watch<'a> = &'a mut dyn FnMut(&Totals) -> ControlFlow<()>;

/// Where the sessions that have to hear of expunged messages are.
pub enum Tell<'a> {
    /// In this process.
    Here(&'a Changes),
    /// In another one: they are handed over for it when `TOLD_EVERY` is over, and at the end.
    Elsewhere(&'a mut dyn FnMut(&[Change])),
}

impl std::fmt::Debug for Tell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::Elsewhere(_) => "Elsewhere",
        })
    }
}

/// Removes all that is due now.
pub fn clean<'a>(
    store: &'a Store,
    retention: &'a Retention,
    tell: Tell<'a>,
    watch: Watch<'a>,
) -> Result<Ran, Failure> {
    let holder = Holder::ourselves().name();
    let mut run = Run {
        store,
        retention,
        tell,
        untold: Vec::new(),
        told: None,
        watch,
        holder,
        renewed: None,
        totals: Totals::default(),
        failed: None,
        failed_in_a_row: 0,
    };
    let taken = run.take_lease()? || holder::free_of_the_dead(store, LEASE)? && run.take_lease()?;
    if !taken {
        return Ok(Ran::Elsewhere);
    }
    let ran = run.everything();
    run.tell_elsewhere();
    let given_back = store.give_lease_back(LEASE, &run.holder);
    match ran {
        ControlFlow::Continue(()) => given_back.map(|()| Ran::Whole),
        ControlFlow::Break(Ok(ran)) => given_back.map(|()| ran),
        ControlFlow::Break(Err(failure)) => Err(failure),
    }
}

/// What a run would do now.
pub fn due(store: &Store, retention: &Retention) -> Result<Due, Failure> {
    let mut all = Due::default();
    let mut after = None;
    loop {
        let page = store.due_mailboxes(after, retention)?;
        for mailbox in page.mailboxes {
            all += store.count_due(mailbox, retention)?;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut after = AccountId(0);
    loop {
        let page = store.due_accounts(after, retention)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = *last;
        all.accounts += page.len() as u64;
    }
}

struct Run<'a> {
    store: &'a Store,
    retention: &'a Retention,
    tell: Tell<'a>,
    /// What is to be told elsewhere, and when that was done last.
    untold: Vec<Change>,
    told: Option<Instant>,
    watch: Watch<'a>,
    holder: String,
    renewed: Option<Instant>,
    totals: Totals,
    /// The first thing that could not be done.
    failed: Option<Failure>,
    failed_in_a_row: u32,
}

/// Goes on, or ends with how it ran or why it failed.
type Step = ControlFlow<Result<Ran, Failure>>;

fn tried<T>(result: Result<T, Failure>) -> ControlFlow<Result<Ran, Failure>, T> {
    match result {
        Ok(value) => ControlFlow::Continue(value),
        Err(failure) => ControlFlow::Break(Err(failure)),
    }
}

impl Run<'_> {
    fn everything(&mut self) -> Step {
        let mut after = None;
        loop {
            let page = tried(self.store.due_mailboxes(after, self.retention))?;
            for mailbox in page.mailboxes {
                self.whatever_fails(|run| run.mailbox(mailbox))?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.whatever_fails(Self::bodies)?;
        let mut after = AccountId(0);
        loop {
            let page = tried(self.store.due_accounts(after, self.retention))?;
            let Some(last) = page.last() else { break };
            after = *last;
            for account in page {
                self.whatever_fails(|run| run.account(account))?;
            }
        }
        match self.failed.take() {
            None => ControlFlow::Continue(()),
            Some(failure) => ControlFlow::Break(Err(failure)),
        }
    }

    /// What cannot be cleaned must not keep the rest from it (pitfall 39); but several in a row are a
    /// sign that nothing can be.
    fn whatever_fails(&mut self, step: impl FnOnce(&mut Self) -> Step) -> Step {
        let failure = match step(self) {
            ControlFlow::Break(Err(failure)) => failure,
            other => {
                self.failed_in_a_row = 0;
                return other;
            }
        };
        self.failed_in_a_row += 1;
        if self.failed_in_a_row >= FAILED_IN_A_ROW_MAX {
            return ControlFlow::Break(Err(failure));
        }
        log::error!("cleaner: {failure}");
        self.failed.get_or_insert(failure);
        ControlFlow::Continue(())
    }

    fn account(&mut self, account: AccountId) -> Step {
        loop {
            let step = tried(self.store.remove_account(account, self.retention))?;
            self.totals.accounts += u64::from(step == AccountStep::Removed);
            self.between_steps()?;
            if step != AccountStep::More {
                return ControlFlow::Continue(());
            }
        }
    }

    fn mailbox(&mut self, mailbox: MailboxKey) -> Step {
        let mut sweep = Sweep::default();
        loop {
            let cleaned = tried(self.store.clean_mailbox(mailbox, self.retention, &mut sweep))?;
            self.totals.aged += cleaned.aged;
            self.totals.removed += cleaned.removed;
            if let Some(mod_seq) = cleaned.changed {
                self.tell(Change { mailbox, mod_seq });
            }
            self.between_steps()?;
            if !cleaned.more {
                return ControlFlow::Continue(());
            }
        }
    }

    fn bodies(&mut self) -> Step {
        let mut after = BlobId(0);
        loop {
            let step = tried(self.store.remove_bodies(after))?;
            self.totals.bodies += step.removed;
            self.between_steps()?;
            let Some(next) = step.next else { return ControlFlow::Continue(()) };
            after = next;
        }
    }

    fn tell(&mut self, change: Change) {
        match &self.tell {
            Tell::Here(changes) => changes.publish(change),
            Tell::Elsewhere(_) => self.untold.push(change),
        }
    }

    fn tell_elsewhere(&mut self) {
        if let Tell::Elsewhere(tell) = &mut self.tell
            && !self.untold.is_empty()
        {
            tell(&self.untold);
            self.untold.clear();
            self.told = Some(clock::now());
        }
    }

    fn between_steps(&mut self) -> Step {
        if self.told.is_none_or(|at| clock::now() - at > TOLD_EVERY) {
            self.tell_elsewhere();
        }
        if (self.watch)(&self.totals).is_break() {
            return ControlFlow::Break(Ok(Ran::Stopped));
        }
        let is_old = self.renewed.is_none_or(|at| clock::now() - at > LEASE_RENEWED);
        if is_old && !tried(self.take_lease())? {
            return ControlFlow::Break(Ok(Ran::Elsewhere)); // we were away for too long
        }
        ControlFlow::Continue(())
    }

    fn take_lease(&mut self) -> Result<bool, Failure> {
        self.renewed = Some(clock::now());
        self.store.take_lease(LEASE, &self.holder, LEASE_LENGTH)
    }
}
