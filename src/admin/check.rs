//! `check`: proves the store's counters and references by counting again (invariant 10).

use super::options::{Choice, Options};
use super::{AdminError, Streams, counted, open};

pub(super) const CHOICES: &[Choice] = &[
    Choice { name: "bodies", value: "", what: "also read every message and compare its hash" },
    Choice { name: "deep", value: "", what: "also compare the rows with what the bucket has" },
];

pub(super) fn run(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    let (_, store) = open(options)?;
    let mut differences = store.check()?;
    if options.has("deep") {
        match store.check_objects()? {
            Some(more) => differences.extend(more),
            None => writeln!(streams.out, "No body is in a bucket: there is none to compare.")?,
        }
    }
    if options.has("bodies") {
        differences.extend(store.check_bodies()?);
    }
    for difference in &differences {
        writeln!(streams.out, "{difference}")?;
    }
    if !differences.is_empty() {
        return Err(AdminError::Differences(differences.len()));
    }
    let accounts = store.list_accounts()?;
    let messages: u64 = accounts.iter().map(|account| account.messages).sum();
    let (messages, accounts) =
        (counted(messages, "message"), counted(accounts.len() as u64, "account"));
    Ok(writeln!(streams.out, "All is well: {messages} in {accounts}.")?)
}
