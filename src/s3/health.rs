//! Leaves a service alone that does not answer.
//!
//! After some failures in a row nobody is let through for a while, so that no lane fills with waiting
//! threads; then one request is, and the next while begins with it. It is only a matter of time, not
//! of who was let through: no lost answer can keep the service out (pitfall 131). A request that comes
//! to nothing while others are answered is its own misfortune and no failure of the service: where one
//! in three hangs, the other two are still to be had.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Failures in a row after which it is left alone.
const FAILURES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// How it has been lately.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

/// Of a request that was let through: how many had been answered then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admitted(u64);

#[derive(Debug, Default)]
struct State {
    answers: u64,
    failures: u32,
    /// When it was last tried, and for how long nobody else shall.
    quiet: Option<(SystemTime, Duration)>,
    /// One was let through since.
    is_tried: bool,
}

impl Health {
    /// How long it is still to be left alone.
    pub(super) fn left(&self, now: SystemTime) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left(now)
    }

    /// Lets a request through, or says how long to wait. Whoever is let through after a pause starts
    /// the next.
    pub(super) fn admit(&self, now: SystemTime) -> Result<Admitted, (u32, Duration)> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = state.left(now);
        if !left.is_zero() {
            return Err((state.failures, left));
        }
        if let Some((since, _)) = &mut state.quiet {
            *since = now;
            state.is_tried = true;
        }
        Ok(Admitted(state.answers))
    }

    /// It answered.
    pub(super) fn answered(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { answers: state.answers + 1, ..State::default() };
    }

    /// It did not. Of many requests that fail together, only the first makes a pause.
    pub(super) fn failed(&self, request: Admitted, now: SystemTime) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if request.0 != state.answers {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        let is_news = state.is_tried || state.left(now).is_zero();
        if state.failures >= FAILURES && is_news {
            state.is_tried = false;
            let pause = state.quiet.map_or(FIRST_PAUSE, |(_, last)| (last * 2).min(PAUSE_MAX));
            state.quiet = Some((now, pause));
        }
    }
}

impl State {
    /// A clock that was set back ends the pause.
    fn left(&self, now: SystemTime) -> Duration {
        let Some((since, pause)) = self.quiet else { return Duration::ZERO };
        let gone = now.duration_since(since).unwrap_or(Duration::MAX);
        pause.saturating_sub(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(milliseconds: u64) -> SystemTime {
        START + Duration::from_millis(milliseconds)
    }

    #[test] // pitfall 131
    fn one_at_a_time_is_let_through_until_one_is_answered() {
        let health = Health::default();
        for _ in 0..FAILURES {
            health.failed(health.admit(at(0)).unwrap(), at(0));
        }
        assert_eq!(health.admit(at(100)), Err((FAILURES, Duration::from_millis(400))));
        assert!(health.admit(at(500)).is_ok()); // and is never heard of again
        assert!(health.admit(at(501)).is_err());
        let third = health.admit(at(1_000)).unwrap();
        health.failed(third, at(1_000));
        assert_eq!(health.left(at(1_000)), Duration::from_secs(1)); // twice as long
        assert!(health.admit(at(2_000)).is_ok());
        health.answered();
        let two = [health.admit(at(2_000)).unwrap(), health.admit(at(2_000)).unwrap()];
        for _ in 0..50 {
            two.into_iter().for_each(|request| health.failed(request, at(9_000))); // all at once
        }
        assert_eq!(health.left(at(9_000)), FIRST_PAUSE);
        let pauses = (100..200).filter_map(|second| {
            let now = at(second * 1_000);
            health.failed(health.admit(now).ok()?, now);
            Some(health.left(now))
        });
        assert_eq!(pauses.max(), Some(PAUSE_MAX));
        assert_eq!(health.left(at(0)), Duration::ZERO); // the clock was set back
    }

    #[test]
    fn what_fails_while_others_are_answered_is_no_reason() {
        let health = Health::default();
        let hanging: Vec<Admitted> =
            (0..3 * FAILURES).map(|_| health.admit(at(0)).unwrap()).collect();
        health.answered();
        hanging.into_iter().for_each(|request| health.failed(request, at(1_000)));
        assert_eq!(health.left(at(1_000)), Duration::ZERO);
        // Those that were sent since tell more.
        let since: Vec<Admitted> = (0..FAILURES).map(|_| health.admit(at(1)).unwrap()).collect();
        since.into_iter().for_each(|request| health.failed(request, at(1_001)));
        assert_eq!(health.left(at(1_001)), FIRST_PAUSE);
    }
}
