//! A program of somebody else's: found or skipped, never left running.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// After so long a program hangs.
const PROGRAM_SECONDS_MAX: u64 = 90;

/// Where a program is, also where only root looks; says so if it is not there.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    if found.is_none() {
        skipped(name);
    }
    found
}

/// Says that a test could not run, past the harness that hides what passing tests print.
pub(crate) fn skipped(what: &str) {
    let _nobody_reads = writeln!(std::io::stderr(), "skipped: no {what}");
}

/// What `.ci/run` installs beside the build: the folder of Python's and Node's libraries.
pub(crate) fn libraries() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join(target.unwrap_or_else(|| "target".into())).join("clients")
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// With exit code 0, in time.
    pub(crate) is_success: bool,
    /// Everything it printed.
    pub(crate) said: Vec<u8>,
}

impl Ended {
    /// What it printed, as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }

    /// Fails the test if the program failed.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.is_success, "it failed, saying:\n{}", self.text());
        self
    }
}

/// Runs `program` in `folder`, which is its home too; it and its children are killed when it hangs.
pub(crate) fn run<S: AsRef<OsStr>>(program: &Path, folder: &Path, args: &[S]) -> Ended {
    run_with(program, folder, args, &[], b"")
}

/// The same for a command that leaves a daemon behind, which its test must stop.
pub(crate) fn run_daemon<S: AsRef<OsStr>>(program: &Path, folder: &Path, args: &[S]) -> Ended {
    start(program, folder, args, &[], b"", Children::Stay)
}

/// What becomes of the processes that a program leaves when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Children {
    Stay,
    Die,
}

/// The same with environment variables and standard input.
pub(crate) fn run_with<S: AsRef<OsStr>>(
    program: &Path,
    folder: &Path,
    args: &[S],
    env: &[(&str, &OsStr)],
    input: &[u8],
) -> Ended {
    start(program, folder, args, env, input, Children::Die)
}

fn start<S: AsRef<OsStr>>(
    program: &Path,
    folder: &Path,
    args: &[S],
    env: &[(&str, &OsStr)],
    input: &[u8],
    children: Children,
) -> Ended {
    let (said, input_file) = (folder.join("said"), folder.join("input"));
    std::fs::write(&input_file, input).expect("a file for its input");
    let out = std::fs::File::create(&said).expect("a file for its output");
    let err = out.try_clone().expect("the same file again");
    let stdin = std::fs::File::open(&input_file).expect("its input");
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).envs(env.iter().copied());
    command.env("HOME", folder).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
    command.stdin(stdin).stdout(out).stderr(err).process_group(0);
    let mut child = command.spawn().expect("it was found");
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let (sender, ended) = mpsc::channel();
    #[expect(clippy::disallowed_methods, reason = "waiting with a limit takes a thread")]
    std::thread::spawn(move || sender.send(child.wait()));
    let status = ended.recv_timeout(Duration::from_secs(PROGRAM_SECONDS_MAX));
    if children == Children::Die || status.is_err() {
        let _usually_gone = kill_process_group(group, Signal::KILL);
    }
    let is_success = matches!(status, Ok(Ok(status)) if status.success());
    let mut said = std::fs::read(&said).unwrap_or_default();
    if status.is_err() {
        said.extend_from_slice(b"\n(killed: it took too long)");
    }
    Ended { is_success, said }
}
