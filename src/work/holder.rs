//! Who holds a lease: told apart by more than a lease needs, so that nobody waits for one who died
//! here.

use super::deliver;

/// A process that holds a lease.
pub(super) struct Holder {
    host: String,
    pid: i32,
}

impl Holder {
    pub(super) fn ourselves() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { host, pid: rustix::process::getpid().as_raw_nonzero().get() }
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
        assert!(Holder::of("").is_none());
    }
}
