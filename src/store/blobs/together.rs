//! Several requests under way at once, by threads that end with the last of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What `run` makes of each, in their order, by up to `at_once` threads of which this is one; `None`
/// of one that panicked.
pub(in crate::store) fn each<T: Sync, R: Send>(
    items: &[T],
    at_once: usize,
    run: impl Fn(&T) -> R + Sync,
) -> Vec<Option<R>> {
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let take = || {
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let (Some(item), Some(slot)) = (items.get(at), slots.get(at))
        {
            let result = run(item);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..at_once.min(items.len()) {
            let thread = std::thread::Builder::new().name("bodies".to_owned());
            // Without one, the others do its share.
            let _started = thread.spawn_scoped(scope, take);
        }
        take();
    });
    slots
        .into_iter()
        .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}
