//! Why a command failed, and what to do: all of it goes to standard error, with exit code 1.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::error::Refusal;
use crate::model::Address;
use crate::store::{Error, Failure, OutgoingId};
use crate::work::password::PasswordError;

/// A command failed.
#[derive(Debug)]
pub enum AdminError {
    /// No command was given.
    NoCommand {
        /// All commands.
        help: String,
    },
    /// There is no such command.
    UnknownCommand {
        /// As given.
        name: String,
        /// All commands.
        help: String,
    },
    /// A command's options are wrong.
    Usage {
        /// Which command.
        command: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The configuration.
    Config(ConfigError),
    /// There is nothing yet.
    NoStore {
        /// Where it would be.
        data_dir: PathBuf,
    },
    /// The store cannot be opened.
    Open {
        /// Where it is.
        data_dir: PathBuf,
        /// Why.
        source: Failure,
    },
    /// The store failed.
    Store(Failure),
    /// The address has an account.
    AddressTaken(Address),
    /// The address has none.
    NoSuchAddress(Address),
    /// The store refused.
    Refused(Refusal),
    /// The address belongs to no deleted account.
    NoDeletedAccount(Address),
    /// Nothing that the options name can be restored.
    NothingDeleted(Address),
    /// Some bodies of what was purged could not be removed yet.
    BodiesLeft {
        /// How many.
        left: u64,
        /// Why, if it is known.
        why: Option<Failure>,
    },
    /// No message that leaves has this number any more.
    NotInOutbox(OutgoingId),
    /// Nobody said yes.
    NotConfirmed,
    /// Another program is cleaning.
    CleaningElsewhere,
    /// The password cannot be taken.
    Password(PasswordError),
    /// No password was given, and nobody is there to ask.
    NoPassword,
    /// The second time it was another one.
    PasswordsDiffer,
    /// Some messages were not delivered; each has been named.
    Undelivered {
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// Some folders were not imported, or not all of them; each has been named.
    NotImported {
        /// How many.
        failed: usize,
        /// Of how many.
        of: usize,
    },
    /// `check` found something.
    Differences(usize),
    /// A file cannot be read.
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A Sieve script is wrong; each mistake has been shown.
    Mistakes {
        /// Which.
        file: PathBuf,
        /// How many.
        count: usize,
    },
    /// A Sieve script ended with an error, which has been shown.
    ScriptFailed,
    /// Reading or writing here.
    Io(io::Error),
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand { help } => write!(f, "no command given\n\n{}", help.trim_end()),
            Self::UnknownCommand { name, help } => {
                write!(f, "no such command: {name}\n\n{}", help.trim_end())
            }
            Self::Usage { command, what } => {
                write!(f, "{command}: {what}; see: sora-admin {command} --help")
            }
            Self::Config(error) => error.fmt(f),
            Self::NoStore { data_dir } => write!(
                f,
                "there is no store in {}; name the server's configuration by --config, \
                 or make the first account by create-account",
                data_dir.display()
            ),
            Self::Open { data_dir, source } => {
                write!(f, "the store in {} cannot be opened: {source}", data_dir.display())
            }
            Self::Store(failure) => failure.fmt(f),
            Self::AddressTaken(address) => write!(
                f,
                "an account with the address {address} is there already; \
                 to change its password: sora-admin update-account --email {address}"
            ),
            Self::NoSuchAddress(address) => write!(
                f,
                "no account has the address {address}; sora-admin list-accounts shows all of them"
            ),
            Self::Refused(Refusal::Cannot(why)) => f.write_str(why),
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::NoDeletedAccount(address) => write!(
                f,
                "no deleted account had the address {address}; \
                 sora-admin list-accounts --deleted shows all that can be restored"
            ),
            Self::NothingDeleted(address) => write!(
                f,
                "nothing such of {address} can be restored; sora-admin list-deleted --email {address} \
                 shows what can"
            ),
            Self::BodiesLeft { left, why } => {
                let (what, on_its_way, it) = match left {
                    1 => ("1 body of them is".to_owned(), "it is on its way", "it"),
                    _ => (format!("{left} bodies of them are"), "they are on their way", "them"),
                };
                write!(f, "{what} still there: ")?;
                match why {
                    Some(failure) => failure.fmt(f)?,
                    None => write!(f, "{on_its_way} to S3, or could not be removed now")?,
                }
                write!(f, "; the server removes {it} by itself, as sora-admin cleanup --now does")
            }
            Self::NotInOutbox(id) => {
                write!(f, "no message {id} waits to leave; sora-admin outbox list shows what does")
            }
            Self::NotConfirmed => f.write_str("nothing was done; --yes does it without asking"),
            Self::CleaningElsewhere => f.write_str(
                "another program, the server perhaps, is cleaning this store at the moment",
            ),
            Self::Password(error @ PasswordError::TooLong { .. }) => write!(
                f,
                "{error}, and bcrypt would ignore the rest; choose a shorter one, or --hash ssha512"
            ),
            Self::Password(error) => error.fmt(f),
            Self::NoPassword => f.write_str(
                "no password, and no terminal to ask on; give it by --password-stdin, \
                 or by --password (where others may see it in the list of processes)",
            ),
            Self::PasswordsDiffer => f.write_str("the two passwords differ; nothing was changed"),
            Self::Undelivered { failed, of } => write!(f, "{failed} of {of} were not delivered"),
            Self::NotImported { failed, of } => {
                write!(f, "{failed} of {of} folders were not imported, or not all of them")
            }
            Self::Differences(1) => f.write_str("1 difference"),
            Self::Differences(count) => write!(f, "{count} differences"),
            Self::File { file, source } => write!(f, "{}: {source}", file.display()),
            Self::Mistakes { file, count: 1 } => write!(f, "{}: 1 mistake", file.display()),
            Self::Mistakes { file, count } => write!(f, "{}: {count} mistakes", file.display()),
            Self::ScriptFailed => f.write_str("the script ended with an error"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AdminError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(source) => Some(source),
            Self::Open { source, .. }
            | Self::Store(source)
            | Self::BodiesLeft { why: Some(source), .. } => Some(source),
            Self::Password(source) => Some(source),
            Self::File { source, .. } | Self::Io(source) => Some(source),
            _ => None,
        }
    }
}

impl From<ConfigError> for AdminError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<Failure> for AdminError {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

impl From<Error> for AdminError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Refused(refusal),
            Error::Failed(failure) => Self::Store(failure),
        }
    }
}

impl From<PasswordError> for AdminError {
    fn from(error: PasswordError) -> Self {
        Self::Password(error)
    }
}

impl From<io::Error> for AdminError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
