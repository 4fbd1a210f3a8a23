//! The daemon: reads argv, starts the library's server, and does what signals ask.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::Mode;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use sora::config::{Config, Start};
use sora::{Handle, Server, first_run, logging, net, work};

fn main() -> ExitCode {
    rustix::process::umask(Mode::from_raw_mode(0o077)); // mail and password hashes: ours alone
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            let _nobody_reads = writeln!(io::stderr(), "sora: {text}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let program = args.next().unwrap_or_default();
    let args: Vec<String> = args.collect();
    let (config, warnings) = match Config::from_args(&args).map_err(text)? {
        Start::Serve { config, warnings } => (*config, warnings),
        Start::Show(text) => return print(&text),
        Start::Check { shown, config } => {
            print(&shown)?;
            for line in work::try_out(&config).map_err(text)? {
                print(&format!("# {line}\n"))?;
            }
            return Ok(());
        }
    };
    let detail =
        if config.servers.debug { log::LevelFilter::Debug } else { log::LevelFilter::Info };
    logging::start(&config.log_output, detail).map_err(text)?;
    warnings.iter().for_each(|warning| log::warn!("config: {warning}"));
    net::raise_file_limit();
    // Before anything is there to be cleaned up: a signal during the start waits for its end.
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&stopping)).map_err(text)?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(text)?;
    let is_first_run = config.first_account;
    let server = Server::builder().config(config).start().map_err(text)?;
    if is_first_run {
        let first = first_run::prepare(&server).map_err(text)?;
        print(&first_run::banner(&server, first.as_ref(), &program))?;
    } else {
        let serving = server.serving().iter();
        serving.for_each(|serving| log::info!("net: {} at {}", serving.service, serving.at));
    }
    wait_for_the_end(&mut signals, &server, &stopping);
    server.shutdown();
    Ok(())
}

/// Returns at the first signal to stop; at the second the process ends at once.
fn wait_for_the_end(signals: &mut Signals, server: &Handle, stopping: &AtomicBool) {
    for signal in signals.forever() {
        if signal != SIGHUP {
            stopping.store(true, Ordering::SeqCst);
            return;
        }
        match server.reload_certificates() {
            Ok(()) => log::info!("net: certificates were read again"),
            Err(error) => log::error!("net: the certificate stays as it was: {error}"),
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}
