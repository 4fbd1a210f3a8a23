//! The daemon as a process of its own, to be stopped, killed, and started again.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::connection::PATIENCE;
use super::home::Home;

/// Where one listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) lmtp: SocketAddr,
    pub(crate) imap: SocketAddr,
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    /// IMAP with STARTTLS.
    pub(crate) imap: SocketAddr,
    /// LMTP.
    pub(crate) lmtp: SocketAddr,
    /// ManageSieve.
    pub(crate) managesieve: SocketAddr,
    log: mpsc::Receiver<String>,
}

impl Daemon {
    /// Starts in `home`, and waits until it listens.
    pub(crate) fn start(home: &Home) -> Self {
        Self::start_to_crash(home, None).unwrap_or_else(|log| panic!("no daemon:\n{log}"))
    }

    /// The same, to die at a crash point; `Err` with the log if it died before it listened.
    pub(crate) fn start_to_crash(home: &Home, point: Option<&str>) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sora"));
        command.arg("-config").arg(home.config_file()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).env_remove("SORA_CRASH_AT").env("RUST_BACKTRACE", "0");
        if let Some(point) = point {
            command.env("SORA_CRASH_AT", point);
        }
        let mut child = command.spawn().expect("the daemon was built");
        let stderr = child.stderr.take().expect("it is piped");
        let (sender, log) = mpsc::channel();
        #[expect(clippy::disallowed_methods, reason = "somebody has to read what it says")]
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _nobody_listens = sender.send(line);
            }
        });
        let (mut imap, mut lmtp, mut managesieve) = (None, None, None);
        let mut said = String::new();
        while imap.is_none() || lmtp.is_none() || managesieve.is_none() {
            match log.recv_timeout(PATIENCE) {
                Ok(line) => {
                    imap = imap.or_else(|| address(&line, "imap at "));
                    lmtp = lmtp.or_else(|| address(&line, "lmtp at "));
                    managesieve = managesieve.or_else(|| address(&line, "managesieve at "));
                    said = said + &line + "\n";
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let _gone = child.kill();
                    let status = child.wait();
                    return Err(format!("{status:?}\n{said}"));
                }
            }
        }
        let imap = imap.expect("the loop ended");
        let lmtp = lmtp.expect("the loop ended");
        let managesieve = managesieve.expect("the loop ended");
        Ok(Self { child, imap, lmtp, managesieve, log })
    }

    pub(crate) fn addresses(&self) -> Addresses {
        Addresses { lmtp: self.lmtp, imap: self.imap }
    }

    /// Bytes that it has in memory.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Waits until its log has a line with `words`, of those that nobody has read yet.
    pub(crate) fn says(&self, words: &str) -> bool {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(words) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }

    /// Waits until it has died by itself; `None` if it does not.
    pub(crate) fn wait_for_death(&mut self, patience: Duration) -> Option<ExitStatus> {
        // Its stderr ends when it does: no need to look again and again.
        let end = Instant::now() + patience;
        loop {
            match self.log.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(_line) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().ok(),
                Err(RecvTimeoutError::Timeout) => return None,
            }
        }
    }

    /// SIGTERM, and its end within the grace.
    pub(crate) fn stop(self) {
        let status = self.end();
        assert!(status.success(), "the daemon stopped with {status}");
    }

    /// The same, however it ends.
    pub(crate) fn end(mut self) -> ExitStatus {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is there");
        self.wait_for_death(PATIENCE).expect("it stops when told to")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

fn address(line: &str, after: &str) -> Option<SocketAddr> {
    line.split_once(after)?.1.trim().parse().ok()
}
