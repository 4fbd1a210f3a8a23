//! The production home as `examples/production/run` starts it: PostgreSQL, S3, two nodes, a balancer.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::program::{find, skipped};

/// Everything that runs; it ends when this is dropped, or when the test's process does.
pub(crate) struct Production {
    script: Child,
    said: HashMap<String, String>,
}

impl Production {
    /// Starts it with further arguments; `None`, having said so, if a program is not there. Ports are
    /// chosen before they are used: one that somebody else takes in between costs another try.
    pub(crate) fn start(args: &[&str]) -> Option<Self> {
        let mut why = String::new();
        for _ in 0..3 {
            match Self::try_start(args) {
                Ok(started) => return started,
                Err(reason) => why = reason,
            }
        }
        panic!("{why}")
    }

    fn try_start(args: &[&str]) -> Result<Option<Self>, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/production/run");
        let Some(python) = find("python3") else { return Ok(None) };
        let mut command = Command::new(python);
        command.arg(script).args(["--ports", "auto", "--plain", "--until-eof", "--no-fsync"]);
        command.args(["--sora", env!("CARGO_BIN_EXE_sora")]).args(args);
        command.env_remove("SORA_CRASH_AT");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut script = command.spawn().expect("python3 runs");
        let lines = BufReader::new(script.stdout.take().expect("it is piped")).lines();
        let mut said = HashMap::new();
        for line in lines.map_while(Result::ok).take_while(|line| line != "ready") {
            let (name, value) = line.split_once(' ').expect("a name and a value");
            said.insert(name.to_owned(), value.to_owned());
        }
        if !said.is_empty() {
            return Ok(Some(Self { script, said }));
        }
        let mut why = String::new();
        let stderr = script.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut why).expect("it is text");
        let _status = script.wait();
        match why.trim().strip_prefix("production: no ") {
            Some(program) => {
                skipped(program);
                Ok(None)
            }
            None => Err(why),
        }
    }

    /// Where a part listens: `imap`, `lmtp` for the balancer, `node1_imap` and so on.
    pub(crate) fn at(&self, name: &str) -> SocketAddr {
        self.word(name).parse().expect("an address")
    }

    /// The configuration of a node.
    fn config(&self, node: &str) -> PathBuf {
        Path::new(self.word("folder")).join(format!("{node}.toml"))
    }

    /// Stops, goes on with, or ends a part: `weed`, `node1`.
    pub(crate) fn signal(&self, part: &str, signal: Signal) {
        let pid = self.word(&format!("{part}_pid")).parse().expect("a number");
        let pid = Pid::from_raw(pid).expect("a process id");
        kill_process(pid, signal).expect("it runs");
    }

    /// Runs `sora-admin` with the configuration of `node`; what it printed, or why it failed.
    pub(crate) fn admin(&self, node: &str, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sora-admin"));
        command.args(args).arg("--config").arg(self.config(node)).env_remove("SORA_CRASH_AT");
        let output = command.stdin(Stdio::null()).output().expect("sora-admin runs");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(said(&output.stdout)),
            false => Err(said(&output.stderr) + &said(&output.stdout)),
        }
    }

    fn word(&self, name: &str) -> &str {
        self.said.get(name).unwrap_or_else(|| panic!("nothing was said of {name}: {:?}", self.said))
    }
}

impl Drop for Production {
    /// It stops everything in order when its input ends.
    fn drop(&mut self) {
        drop(self.script.stdin.take());
        let _status = self.script.wait();
    }
}
