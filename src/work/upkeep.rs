//! What has to be done now and then, whoever is connected: forgetting what is only kept for a time.
//!
//! It works in small batches, so that no delivery waits behind it for long.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::store::Store;

/// Between two rounds.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// A thread that looks after the store until this is dropped.
#[derive(Debug)]
pub(super) struct Upkeep {
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct Bell {
    stop: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    /// True if the pause is over, false if all is over.
    fn pause(&self) -> bool {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.rung.wait_timeout_while(stop, PAUSE, |stop| !*stop);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn is_stopped(&self) -> bool {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upkeep {
    /// Starts looking after `store`.
    pub(super) fn start(store: Store) -> std::io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let ours = Arc::clone(&bell);
        let thread = std::thread::Builder::new().name("upkeep".into());
        thread.spawn(move || {
            while ours.pause() {
                forget_deliveries(&store, &ours);
            }
        })?;
        Ok(Self { bell })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        *self.bell.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.rung.notify_all();
    }
}

fn forget_deliveries(store: &Store, bell: &Bell) {
    while !bell.is_stopped() {
        match store.forget_deliveries() {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => return log::error!("upkeep: {failure}"),
        }
    }
}
