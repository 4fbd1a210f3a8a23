//! The admin tool: reads argv, calls the library, prints, exits.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use rustix::fs::Mode;
use sora::admin::{self, Streams};
use sora::config::LogOutput;
use sora::logging;

fn main() -> ExitCode {
    rustix::process::umask(Mode::from_raw_mode(0o077)); // mail and password hashes: ours alone
    let Ok(args) =
        std::env::args_os().skip(1).map(OsString::into_string).collect::<Result<Vec<_>, _>>()
    else {
        return failed(
            &"an argument is not UTF-8; a password in another charset can come by --password-stdin",
        );
    };
    let (mut input, mut out, mut err) = (io::stdin(), io::stdout(), io::stderr());
    let watched = err.is_terminal();
    let coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let asks = input.is_terminal() && watched;
    let mut streams = Streams {
        input: &mut input,
        out: &mut out,
        err: &mut err,
        watched,
        coloured,
        ask: asks.then_some(|prompt| rpassword::prompt_password(prompt)),
    };
    let started = logging::start(&LogOutput::Stderr, log::LevelFilter::Warn);
    let done = started.map_err(Into::into).and_then(|()| admin::run(&args, &mut streams));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // whoever read our output has gone: `sora-admin list-accounts | head -1`
        Err(admin::AdminError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn Display) -> ExitCode {
    let _nobody_reads = writeln!(io::stderr(), "sora-admin: {error}");
    ExitCode::FAILURE
}
