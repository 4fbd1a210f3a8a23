//! One answer, from the writer to the one thread that waits for it.
//!
//! Not a channel: those spin and yield before they sleep, which pays for short waits. This one is as
//! long as a commit, and with 64 threads waiting the spinning was a twentieth of all CPU.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct Slot<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Open,
    Told(T),
    /// Nobody will answer any more.
    Dropped,
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side that answers, once.
#[derive(Debug)]
pub(in crate::store) struct Answer<T>(Arc<Slot<T>>);

/// The side that waits.
#[derive(Debug)]
pub(in crate::store) struct Awaited<T>(Arc<Slot<T>>);

/// Both sides.
pub(in crate::store) fn answer<T>() -> (Answer<T>, Awaited<T>) {
    let slot = Arc::new(Slot { state: Mutex::new(State::Open), changed: Condvar::new() });
    (Answer(Arc::clone(&slot)), Awaited(slot))
}

impl<T> Answer<T> {
    /// Answers.
    pub(in crate::store) fn send(self, value: T) {
        *self.0.lock() = State::Told(value);
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(*state, State::Open) {
            *state = State::Dropped;
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

impl<T> Awaited<T> {
    /// The answer; `None` if there will never be one.
    pub(in crate::store) fn wait(self) -> Option<T> {
        let mut state = self.0.lock();
        loop {
            match std::mem::replace(&mut *state, State::Open) {
                State::Told(value) => return Some(value),
                State::Dropped => return None,
                State::Open => {}
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_or_never() {
        let (told, awaited) = answer();
        told.send(7);
        assert_eq!(awaited.wait(), Some(7));
        let (told, awaited) = answer::<u8>();
        drop(told);
        assert_eq!(awaited.wait(), None);
        let (told, awaited) = answer();
        std::thread::scope(|scope| {
            scope.spawn(move || told.send(8));
            assert_eq!(awaited.wait(), Some(8));
        });
    }
}
