//! Named points at which the crash tests kill the process (feature `crash_points` only).
//!
//! `SORA_CRASH_AT=name` makes the process die there as `kill -9` would: no destructor, no flush of
//! our own. tests/crash.rs finds every point by its name in the source.

/// Dies here if the tests asked for it; nothing at all in an ordinary build.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "crash_points")]
        $crate::crash::reached($name);
    };
}

/// True if this process is to die: what it does now and then it does soon.
#[cfg(feature = "crash_points")]
pub fn is_wanted() -> bool {
    std::env::var_os("SORA_CRASH_AT").is_some()
}

/// Kills the process if `SORA_CRASH_AT` names this point.
#[cfg(feature = "crash_points")]
pub fn reached(name: &str) {
    if std::env::var_os("SORA_CRASH_AT").is_some_and(|wanted| wanted == name) {
        let _sent =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort(); // the signal may take a moment; nothing may run in it
    }
}
