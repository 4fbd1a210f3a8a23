//! Who may come in: the bounds on connections, in total and by address.
//!
//! Checked and counted in one step, so that no two loops give away the last place (pitfall 133).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::REFUSALS_MAX;

/// The connections of the process, counted.
#[derive(Debug)]
pub(super) struct Admission {
    total_max: usize,
    by_address_max: usize,
    total: AtomicUsize,
    refusals: AtomicUsize,
    /// Only addresses that are bounded: not loopback, not Unix sockets.
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// A place among the connections; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Admitted(Option<IpAddr>),
    Refused,
}

impl Admission {
    pub(super) fn new(total_max: usize, by_address_max: usize) -> Arc<Self> {
        Arc::new(Self {
            total_max,
            by_address_max,
            total: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
            by_address: Mutex::default(),
        })
    }

    /// A place for a peer, perhaps one only to be refused in; `None` if there is not even that.
    pub(super) fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Place> {
        let bounded = peer.filter(|address| !address.is_loopback());
        let kind = if self.enter(bounded) {
            Kind::Admitted(bounded)
        } else if take_one(&self.refusals, REFUSALS_MAX) {
            Kind::Refused
        } else {
            return None;
        };
        Some(Place { admission: Arc::clone(self), kind })
    }

    fn enter(&self, bounded: Option<IpAddr>) -> bool {
        if !take_one(&self.total, self.total_max) {
            return false;
        }
        let Some(address) = bounded else { return true };
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_insert(0);
        let fits = *count < self.by_address_max;
        *count += usize::from(fits);
        if !fits {
            self.total.fetch_sub(1, Ordering::Relaxed);
        }
        fits
    }

    fn leave(&self, bounded: Option<IpAddr>) {
        self.total.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = bounded else { return };
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

impl Place {
    /// The same for whom a balancer speaks for, who is bounded like any other.
    pub(super) fn readmit(self, peer: Option<IpAddr>) -> Option<Self> {
        let admission = Arc::clone(&self.admission);
        drop(self);
        admission.admit(peer)
    }

    /// There was no room: the peer is to be told so.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.kind, Kind::Refused)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self.kind {
            Kind::Admitted(bounded) => self.admission.leave(bounded),
            Kind::Refused => {
                self.admission.refusals.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Adds one unless that would be more than `max`.
fn take_one(count: &AtomicUsize, max: usize) -> bool {
    let add = |count| (count < max).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let admission = Admission::new(3, 2);
        let far = address("192.0.2.1");
        let one = admission.admit(far).unwrap();
        let two = admission.admit(far).unwrap();
        assert!(!one.is_refused() && !two.is_refused());
        assert!(admission.admit(far).unwrap().is_refused(), "two by address");
        let three = admission.admit(address("192.0.2.2")).unwrap();
        assert!(!three.is_refused());
        assert!(admission.admit(None).unwrap().is_refused(), "three in all");
        drop((one, two, three));
        assert!(admission.by_address.lock().unwrap().is_empty());
        // Loopback and Unix sockets are bounded by the total only.
        let here: Vec<_> = (0..3).map(|_| admission.admit(address("127.0.0.1")).unwrap()).collect();
        assert!(here.iter().all(|place| !place.is_refused()));
        let refused: Vec<_> = (0..REFUSALS_MAX).map(|_| admission.admit(None).unwrap()).collect();
        assert!(refused.iter().all(Place::is_refused));
        assert!(admission.admit(None).is_none(), "no room even to refuse");
        drop((here, refused));
        let through = || admission.admit(None).unwrap().readmit(far).unwrap();
        let places = [through(), through(), through()];
        assert_eq!(places.each_ref().map(Place::is_refused), [false, false, true]);
    }
}
