//! What is wrong with the settings, for the operator: which file, line and key, and what to write.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The settings cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    Syntax {
        /// Which.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// What the TOML parser says.
        message: String,
    },
    /// Keys or flags are wrong: all of them, in the order of the file.
    Settings(Vec<Problem>),
    /// No server would listen.
    NothingToStart {
        /// The file that says so.
        file: Option<PathBuf>,
    },
    /// The log cannot be opened.
    Log {
        /// Where it was to go.
        output: String,
        /// Why.
        source: io::Error,
    },
}

/// One wrong key or flag.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub(super) place: Place,
    pub(super) wrong: Wrong,
}

/// Where something was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A key in a file.
    File {
        file: PathBuf,
        /// From 1.
        line: usize,
        /// `servers.imap`, or "".
        section: String,
        name: String,
    },
    /// A flag, with its dash.
    Flag(String),
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// No such key, and what may have been meant.
    UnknownKey(Option<String>),
    /// No such section.
    UnknownSection(Option<&'static str>),
    /// No such flag.
    UnknownFlag(Option<&'static str>),
    /// The value cannot be: what to write.
    Expected(&'static str),
    /// The flag needs a value.
    NoValue,
    /// It does not go together with the rest: what to do.
    Clash(&'static str),
    /// The file it names cannot be read.
    Unreadable(io::ErrorKind),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, source } => {
                write!(f, "{}: cannot be read: {source}", file.display())
            }
            Self::Syntax { file, line, message } => {
                write!(f, "{}:{line}: not valid TOML: {message}", file.display())
            }
            Self::Settings(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    let end = if index + 1 < problems.len() { "\n" } else { "" };
                    write!(f, "{problem}{end}")?;
                }
                Ok(())
            }
            Self::NothingToStart { file } => {
                if let Some(file) = file {
                    write!(f, "{}: ", file.display())?;
                }
                f.write_str(
                    "no server is started; write start = true in [servers.imap] or [servers.lmtp]",
                )
            }
            Self::Log { output, source } => {
                write!(f, "log_output {output}: cannot be opened: {source}")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } | Self::Log { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.wrong)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, section, name } => {
                write!(f, "{}:{line}: ", file.display())?;
                match (section.as_str(), name.as_str()) {
                    ("", name) => f.write_str(name),
                    (section, "") => write!(f, "[{section}]"),
                    (section, name) => write!(f, "[{section}] {name}"),
                }
            }
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(None) => f.write_str("no such key; config.toml.example has them all"),
            Self::UnknownKey(Some(near)) => write!(f, "no such key; did you mean {near}?"),
            Self::UnknownSection(None) => {
                f.write_str("no such section; config.toml.example has them all")
            }
            Self::UnknownSection(Some(near)) => {
                write!(f, "no such section; did you mean [{near}]?")
            }
            Self::UnknownFlag(None) => f.write_str("no such flag; -help lists them all"),
            Self::UnknownFlag(Some(near)) => write!(f, "no such flag; did you mean -{near}?"),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::NoValue => f.write_str("needs a value"),
            Self::Clash(advice) => f.write_str(advice),
            Self::Unreadable(kind) => write!(f, "the file cannot be read: {kind}"),
        }
    }
}
