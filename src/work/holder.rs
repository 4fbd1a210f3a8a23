//! Who holds a lease: told apart by more than a lease needs, so that nobody waits for one who died
//! here.

use super::deliver;
use crate::store::{Failure, Store};

/// A process that holds a lease.
pub(super) struct Holder {
    /// Where its number means something.
    host: String,
    pid: i32,
}

impl Holder {
    pub(super) fn ourselves() -> Self {
        Self { host: host(), pid: rustix::process::getpid().as_raw_nonzero().get() }
    }

    /// A name that no other holder has.
    pub(super) fn name(&self) -> String {
        format!("{}:{}:{}", deliver::queue_id().unwrap_or_default(), self.pid, self.host)
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        let (pid, host) = name.split_once(':')?.1.split_once(':')?;
        Some(Self { host: host.to_owned(), pid: pid.parse().ok()? })
    }

    /// True if it was a process of this machine, and is no more.
    pub(super) fn is_dead(&self) -> bool {
        let found =
            rustix::process::Pid::from_raw(self.pid).map(rustix::process::test_kill_process);
        self.host == Self::ourselves().host && found == Some(Err(rustix::io::Errno::SRCH))
    }
}

/// Gives back a lease whose holder died on this machine. True if it is free now.
pub(super) fn free_of_the_dead(store: &Store, lease: &str) -> Result<bool, Failure> {
    let Some(name) = store.lease_holder(lease)? else { return Ok(true) };
    let is_dead = Holder::of(&name).is_some_and(|holder| holder.is_dead());
    if is_dead {
        store.give_lease_back(lease, &name)?;
    }
    Ok(is_dead)
}

/// The machine's name, and what tells it from others of that name and from its own containers: its
/// boot and its space of process numbers, where the system says them.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let space: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    let boot: String = boot.chars().take(8).collect();
    format!("{name}/{boot}-{space}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_known_by_their_name() {
        let ourselves = Holder::ourselves();
        let again = Holder::of(&ourselves.name()).unwrap();
        assert_eq!((again.pid, &again.host), (ourselves.pid, &ourselves.host));
        assert!(!again.is_dead());
        let gone = |host: &str| Holder { host: host.to_owned(), pid: i32::MAX };
        assert!(gone(&ourselves.host).is_dead());
        assert!(!gone("elsewhere.example").is_dead());
        let other_boot = ourselves.host.replace('/', "/x");
        assert_ne!(other_boot, ourselves.host);
        assert!(!gone(&other_boot).is_dead());
        assert!(Holder::of("").is_none());
    }
}
