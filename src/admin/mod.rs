//! `sora-admin`: what an operator does to the store, beside a running daemon or without one.
//!
//! Each command opens the store itself, says on `out` what it did once it is committed, and tells
//! the daemon what changed (pitfall 147). One file a noun; what stands here finds the command.

mod accounts;
mod check;
mod cleanup;
mod deleted;
mod deliver;
mod error;
mod import;
mod options;
mod outbox;
mod password;
mod scripts;
mod sieve;
mod status;

use std::io::{self, Read, Write};
use std::path::Path;

use crate::config::{Config, Engine};
use crate::store::{Opening, Store};
use crate::work;

pub use error::AdminError;
use options::{Choice, Options};

/// What a command reads and writes.
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// What was done.
    pub out: &'a mut dyn Write,
    /// Progress and warnings.
    pub err: &'a mut dyn Write,
    /// Whether somebody watches `err`.
    pub watched: bool,
    /// Whether `out` is a terminal, which may be shown colours.
    pub coloured: bool,
    /// Asks for a password without showing it; `None` where nobody can be asked.
    pub ask: Option<fn(&str) -> io::Result<String>>,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("ask", &self.ask.is_some()).finish_non_exhaustive()
    }
}

type Run = fn(&Options<'_>, &mut Streams<'_>) -> Result<(), AdminError>;

/// One command.
struct Command {
    name: &'static str,
    /// What follows the name in its usage line.
    usage: &'static str,
    /// For the list.
    what: &'static str,
    /// For `--help`: paragraphs below the options.
    more: &'static str,
    choices: &'static [Choice],
    run: Run,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "create-account",
        usage: "--email ADDRESS [--password-stdin]",
        what: "make an account with its standard folders",
        more: accounts::CREATE_MORE,
        choices: accounts::CREATE,
        run: accounts::create,
    },
    Command {
        name: "update-account",
        usage: "--email ADDRESS [--password-stdin]",
        what: "change the password of an address",
        more: password::MORE,
        choices: accounts::UPDATE,
        run: accounts::update,
    },
    Command {
        name: "add-address",
        usage: "--email ADDRESS --account ADDRESS [--primary]",
        what: "give an account one more address to receive and log in with",
        more: password::MORE,
        choices: accounts::ADD,
        run: accounts::add_address,
    },
    Command {
        name: "list-accounts",
        usage: "[--deleted]",
        what: "list accounts, their addresses and what they hold",
        more: "",
        choices: accounts::LIST,
        run: accounts::list,
    },
    Command {
        name: "delete-account",
        usage: "--email ADDRESS [--yes]",
        what: "delete an account; it can be restored for a while",
        more: accounts::DELETE_MORE,
        choices: accounts::DELETE,
        run: accounts::delete,
    },
    Command {
        name: "restore-account",
        usage: "--email ADDRESS",
        what: "bring a deleted account back, with its mail",
        more: "",
        choices: accounts::RESTORE,
        run: accounts::restore,
    },
    Command {
        name: "list-deleted",
        usage: "--email ADDRESS [--mailbox NAME] [--since WHEN] [--uid SET]",
        what: "list deleted messages that can be restored",
        more: deleted::LIST_MORE,
        choices: deleted::LIST,
        run: deleted::list,
    },
    Command {
        name: "restore-messages",
        usage: "--email ADDRESS [--mailbox NAME] [--since WHEN] [--uid SET]",
        what: "bring deleted messages back",
        more: deleted::RESTORE_MORE,
        choices: deleted::RESTORE,
        run: deleted::restore,
    },
    Command {
        name: "purge",
        usage: "--email ADDRESS [--mailbox NAME] [--since WHEN] [--uid SET] [--all] [--yes]",
        what: "remove deleted messages for good, now",
        more: deleted::PURGE_MORE,
        choices: deleted::PURGE,
        run: deleted::purge,
    },
    Command {
        name: "cleanup",
        usage: "--now [--dry-run]",
        what: "remove what is too old or was deleted long ago",
        more: cleanup::MORE,
        choices: cleanup::CHOICES,
        run: cleanup::run,
    },
    Command {
        name: "deliver",
        usage: "FILE... --to ADDRESS [--from ADDRESS]",
        what: "deliver message files as if they had come by LMTP",
        more: deliver::MORE,
        choices: deliver::CHOICES,
        run: deliver::run,
    },
    Command {
        name: "import",
        usage: "--email ADDRESS --maildir PATH [--dry-run] [--new-uids]",
        what: "bring the mail of an account from Dovecot, with its UIDs",
        more: import::MORE,
        choices: import::CHOICES,
        run: import::run,
    },
    Command {
        name: "sieve",
        usage: "check FILE | test FILE MESSAGE [--trace] [--envelope-from ADDRESS]",
        what: "check a Sieve script, or see what it does to a message",
        more: sieve::MORE,
        choices: sieve::CHOICES,
        run: sieve::run,
    },
    Command {
        name: "status",
        usage: "",
        what: "say what waits for S3, the relay or to be removed, and who sees to it",
        more: status::MORE,
        choices: status::CHOICES,
        run: status::run,
    },
    Command {
        name: "outbox",
        usage: "list | show --id ID | retry --id ID|--all | delete --id ID|--all",
        what: "the mail that leaves: what waits, and why",
        more: outbox::MORE,
        choices: outbox::CHOICES,
        run: outbox::run,
    },
    Command {
        name: "check",
        usage: "[--bodies] [--deep]",
        what: "count everything again; exit 1 if anything differs",
        more: "",
        choices: check::CHOICES,
        run: check::run,
    },
];

/// Runs one command line, without the program's name. `main` prints the error; any error is exit
/// code 1 (compat.md).
pub fn run(args: &[String], streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let (name, rest) = match args.split_first() {
        None => return Err(AdminError::NoCommand { help: help() }),
        Some((name, _)) if matches!(name.as_str(), "help" | "--help" | "-h" | "-help") => {
            return Ok(streams.out.write_all(help().as_bytes())?);
        }
        Some((name, rest)) => (name, rest),
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return Err(AdminError::UnknownCommand { name: name.clone(), help: help() });
    };
    let options = Options::parse(command.name, command.choices, rest)?;
    if options.wants_help() {
        return Ok(streams.out.write_all(command_help(command).as_bytes())?);
    }
    (command.run)(&options, streams)
}

/// For commands that take away what cannot be brought back, or a whole account.
const YES: Choice = Choice { name: "yes", value: "", what: "do not ask" };

/// Asks whoever is there, unless `--yes` was given.
fn confirm(options: &Options<'_>, streams: &mut Streams<'_>, what: &str) -> Result<(), AdminError> {
    if options.has(YES.name) {
        return Ok(());
    }
    if streams.ask.is_none() {
        return Err(options.wrong(&format!("{what}; to do it without being asked, say --yes")));
    }
    write!(streams.err, "{what}. Do it? [yes/no] ")?;
    streams.err.flush()?;
    let mut answer = [0; 64];
    let bytes = streams.input.read(&mut answer)?;
    let answer = answer.get(..bytes).unwrap_or_default().trim_ascii();
    if answer.eq_ignore_ascii_case(b"yes") { Ok(()) } else { Err(AdminError::NotConfirmed) }
}

/// `1 message`, `2 messages`
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The configuration that the daemon would find, and its store. Only a store that is there: a new
/// one in the wrong folder would look like a server without accounts.
fn open(options: &Options<'_>) -> Result<(Config, Store), AdminError> {
    let config = configuration(options)?;
    if config.database.engine == Engine::Sqlite && !config.data_dir.exists() {
        return Err(AdminError::NoStore { data_dir: config.data_dir });
    }
    open_or_make(config)
}

fn configuration(options: &Options<'_>) -> Result<Config, AdminError> {
    Ok(Config::find_with(options.value("config").map(Path::new), &options.flags())?)
}

fn open_or_make(config: Config) -> Result<(Config, Store), AdminError> {
    let store = Store::open_at(&work::place(&config), Opening::Beside)
        .map_err(|source| AdminError::Open { data_dir: config.data_dir.clone(), source })?;
    Ok((config, store))
}

fn help() -> String {
    let mut out = String::from(
        "sora-admin: looks after the accounts and mail of a Sora server, running or not.\n\n\
         Usage: sora-admin COMMAND [options]\n\n",
    );
    for command in COMMANDS {
        out.push_str(&format!("  {:<16} {}\n", command.name, command.what));
    }
    out.push_str(&format!("  {:<16} print this\n\n", "help"));
    out.push_str(
        "sora-admin COMMAND --help tells more. The server's config.toml is read from here, or from\n\
         the file --config names; without one, ./sora-data is used, as the server does.\n",
    );
    out
}

fn command_help(command: &Command) -> String {
    let Command { name, usage, what, more, choices, .. } = command;
    let mut out = format!("sora-admin {name}: {what}\n\nUsage: sora-admin {name} {usage}");
    out.truncate(out.trim_end().len());
    out.push_str("\n\n");
    for choice in choices.iter().chain(options::COMMON).filter(|choice| !choice.what.is_empty()) {
        out.push_str(&format!("  {:<22} {}\n", choice.usage(), choice.what));
    }
    if !more.is_empty() {
        out.push_str(&format!("\n{more}"));
    }
    out
}

#[cfg(test)]
mod tests;
