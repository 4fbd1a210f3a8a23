//! `cleanup`: what the server's cleaner does every `wake_interval`, now and watched.

use std::ops::ControlFlow;

use super::accounts::rounded;
use super::options::{Choice, Options};
use super::{AdminError, Streams, counted, open};
use crate::job::Change;
use crate::store::Due;
use crate::work::cleaner::{self, Ran, Tell, Totals};
use crate::work::{self, Settings};

pub(super) const CHOICES: &[Choice] = &[
    Choice { name: "now", value: "", what: "remove what is due" },
    Choice { name: "dry-run", value: "", what: "only say what is due" },
];

pub(super) const MORE: &str = "\
A running server does this by itself, every [cleanup] wake_interval; beside it this is safe. What
is due: messages older than max_age_restriction, which are expunged; and messages, mailboxes and
accounts that were deleted longer ago than grace_period, which are removed for good.
";

pub(super) fn run(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    if !options.has("now") && !options.has("dry-run") {
        return Err(options.wrong("--now to remove what is due, --dry-run to see what that is"));
    }
    let (config, store) = open(options)?;
    let retention = Settings::of(&config).retention;
    if options.has("dry-run") {
        return would(&cleaner::due(&store, &retention)?, streams);
    }
    let (mut done, watched) = (Totals::default(), streams.watched);
    let mut watch = |so_far: &Totals| {
        done = *so_far;
        if watched {
            let Totals { aged, removed, bodies, .. } = so_far;
            let line =
                format!("\r{aged} expunged for their age, {removed} removed, {bodies} bodies");
            let _nobody_watches = streams.err.write_all(line.as_bytes());
        }
        ControlFlow::Continue(())
    };
    let mut tell = |changes: &[Change]| work::tell(&store, &config.data_dir, changes);
    let ran = cleaner::clean(&store, &retention, Tell::Elsewhere(&mut tell), &mut watch);
    if watched {
        write!(streams.err, "\r\x1b[K")?;
    }
    if ran? == Ran::Elsewhere {
        return Err(AdminError::CleaningElsewhere);
    }
    let Totals { aged, removed, bodies, accounts } = done;
    Ok(writeln!(
        streams.out,
        "{} expunged for their age; {}, {} and {} removed.",
        counted(aged, "message"),
        counted(removed, "message"),
        if bodies == 1 { "1 body".to_owned() } else { format!("{bodies} bodies") },
        counted(accounts, "account"),
    )?)
}

fn would(due: &Due, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let mailboxes = if due.mailboxes == 1 {
        "1 mailbox".to_owned()
    } else {
        format!("{} mailboxes", due.mailboxes)
    };
    Ok(writeln!(
        streams.out,
        "Would expunge {} for their age; would remove {} ({}), {mailboxes} and {}.",
        counted(due.aged, "message"),
        counted(due.removed, "message"),
        rounded(due.bytes),
        counted(due.accounts, "account"),
    )?)
}
