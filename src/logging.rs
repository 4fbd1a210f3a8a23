//! The log: one line a record, opened once by a program's `main`.
//!
//! What a peer sent may stand in a record, so control characters are written escaped: nobody can
//! forge a line.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use env_logger::fmt::Formatter;
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};

use crate::config::{ConfigError, LogOutput};

/// Opens the log at `output`. A second call has no effect.
pub fn start(output: &LogOutput, detail: LevelFilter) -> Result<(), ConfigError> {
    let mut builder = Builder::new();
    builder.filter_level(detail.min(LevelFilter::Info)).filter_module("sora", detail);
    match output {
        LogOutput::Stderr => builder.target(Target::Stderr).format(line),
        LogOutput::Stdout => builder.target(Target::Stdout).format(line),
        LogOutput::File(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let file = file.map_err(|source| cannot_open(&path.display().to_string(), source))?;
            builder.target(Target::Pipe(Box::new(file))).format(line)
        }
        LogOutput::Syslog => {
            let socket =
                Syslog::open(Path::new(DEV_LOG)).map_err(|source| cannot_open("syslog", source))?;
            builder.target(Target::Pipe(Box::new(socket))).format(datagram)
        }
    };
    let _second_call = builder.try_init();
    Ok(())
}

fn cannot_open(output: &str, source: io::Error) -> ConfigError {
    ConfigError::Log { output: output.to_owned(), source }
}

/// `2026-11-22T11:43:39Z INFO net: text`
fn line(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let (time, level) = (out.timestamp_seconds(), record.level());
    writeln!(out, "{time} {level:<5} {}: {}", room(record), printable(&record.args().to_string()))
}

/// What syslog takes (RFC 3164 §4.1, without the parts that the system adds).
fn datagram(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let (text, process) = (record.args().to_string(), std::process::id());
    let (text, priority) = (printable(&text), priority(record.level()));
    write!(out, "<{priority}>sora[{process}]: {}: {text}", room(record))
}

/// The module's room: `sora::net::tls` is `net`.
fn room<'a>(record: &'a Record<'_>) -> &'a str {
    let target = record.target();
    let inner = target.strip_prefix("sora::").unwrap_or(target);
    inner.split("::").next().unwrap_or(inner)
}

/// Facility mail (2) and the severity.
fn priority(level: Level) -> u8 {
    let severity = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    2 * 8 + severity
}

/// `text` with control characters escaped.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// The system's log daemon. A record that it does not take at once is lost: the log never blocks
/// an event loop.
struct Syslog {
    path: PathBuf,
    socket: UnixDatagram,
}

const DEV_LOG: &str = "/dev/log";

impl Syslog {
    fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(path)?;
        Ok(Self { path: path.to_owned(), socket })
    }
}

impl Write for Syslog {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        if self.socket.send(record).is_err() {
            // the daemon may have been started anew, and its socket made again
            if let Ok(again) = Self::open(&self.path) {
                *self = again;
                let _lost_if_refused = self.socket.send(record);
            }
        }
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_cannot_forge_lines() {
        assert_eq!(
            printable("user \"x\r\nERROR all\u{1b}[0m é\""),
            "user \"x\\r\\nERROR all\\u{1b}[0m é\""
        );
    }

    #[test]
    fn rooms_are_module_names() {
        let room_of = |target: &str| room(&Record::builder().target(target).build()).to_owned();
        assert_eq!(room_of("sora::net::tls"), "net");
        assert_eq!(room_of("sora::work"), "work");
        assert_eq!(room_of("rustls::conn"), "rustls");
    }

    #[test]
    fn a_log_that_cannot_be_opened_says_where() {
        let error = start(&LogOutput::File("/nonexistent/x.log".into()), LevelFilter::Info);
        let text = error.expect_err("no such directory").to_string();
        assert_eq!(
            text,
            "log_output /nonexistent/x.log: cannot be opened: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_log_daemon_that_was_started_anew_is_found_again() {
        let path = std::env::temp_dir().join(format!("sora-devlog-{}", std::process::id()));
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut log = Syslog::open(&path).unwrap();
        let taken = |daemon: &UnixDatagram| {
            let mut record = [0; 100];
            let bytes = daemon.recv(&mut record).unwrap();
            String::from_utf8(record[..bytes].to_vec()).unwrap()
        };
        log.write_all(b"<22>sora[1]: net: one").unwrap();
        assert_eq!(taken(&daemon), "<22>sora[1]: net: one");
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        log.write_all(b"lost").unwrap(); // and nothing fails
        let daemon = UnixDatagram::bind(&path).unwrap();
        log.write_all(b"two").unwrap();
        assert_eq!(taken(&daemon), "two");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn severities() {
        assert_eq!([priority(Level::Error), priority(Level::Info)], [19, 22]);
    }
}
