//! Accounts and their addresses.

use super::options::{Choice, Options};
use super::password::{self, HASH, PASSWORD, PASSWORD_STDIN};
use super::{AdminError, Streams, configuration, confirm, counted, open, open_or_make};
use crate::config::{self, Size};
use crate::model::Address;
use crate::store::{AccountSummary, DeletedAccount, NewAccount, Rank, Store};
use crate::work;

const EMAIL: Choice = Choice { name: "email", value: "ADDRESS", what: "the address" };

pub(super) const CREATE: &[Choice] = &[
    EMAIL,
    PASSWORD,
    PASSWORD_STDIN,
    HASH,
    Choice { name: "primary", value: "", what: "nothing more: a first address is the primary one" },
];

pub(super) const CREATE_MORE: &str = "\
Without --password and --password-stdin the password is asked for. The account has INBOX, Archive,
Drafts, Junk, Sent and Trash from the start; a running server lets it log in at once.
";

pub(super) const UPDATE: &[Choice] = &[EMAIL, PASSWORD, PASSWORD_STDIN, HASH];

pub(super) const ADD: &[Choice] = &[
    EMAIL,
    Choice { name: "account", value: "ADDRESS", what: "any address that the account has" },
    Choice { name: "primary", value: "", what: "make it the one that is shown" },
    PASSWORD,
    PASSWORD_STDIN,
    HASH,
];

pub(super) const LIST: &[Choice] =
    &[Choice { name: "deleted", value: "", what: "those that were deleted and can be restored" }];

pub(super) const DELETE: &[Choice] = &[EMAIL, super::YES];

pub(super) const DELETE_MORE: &str = "\
All addresses of the account stop to work at once, and others may take them; whoever is connected
sees the mailboxes go. restore-account brings everything back for as long as [cleanup] grace_period;
after that the mail is removed for good. It asks before it does, unless --yes is there.
";

pub(super) const RESTORE: &[Choice] = &[EMAIL];

pub(super) fn create(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let new = new_account(options, streams)?;
    let address = new.address.clone();
    let (_, store) = open_or_make(configuration(options)?)?;
    if store.create_account(new)?.is_none() {
        return Err(AdminError::AddressTaken(address)); // pitfall 138
    }
    Ok(writeln!(streams.out, "Successfully created account: {address}")?)
}

pub(super) fn update(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    let address = address(options, "email")?;
    let (_, store) = open(options)?;
    if store.account_by_address(&address)?.is_none() {
        return Err(AdminError::NoSuchAddress(address)); // before anybody is asked for a password
    }
    let hash = password::stored(options, streams)?;
    if !store.update_password(&address, &hash)? {
        return Err(AdminError::NoSuchAddress(address));
    }
    Ok(writeln!(streams.out, "Successfully updated password for account: {address}")?)
}

pub(super) fn add_address(
    options: &Options<'_>,
    streams: &mut Streams<'_>,
) -> Result<(), AdminError> {
    let of = address(options, "account")?;
    let (_, store) = open(options)?;
    let Some(found) = store.account_by_address(&of)? else {
        return Err(AdminError::NoSuchAddress(of));
    };
    let new = new_account(options, streams)?;
    let added = new.address.clone();
    let rank = if options.has("primary") { Rank::Primary } else { Rank::Further };
    if !store.add_address(found.account, new, rank)? {
        return Err(AdminError::AddressTaken(added));
    }
    Ok(writeln!(streams.out, "Successfully added address {added} to account: {}", found.primary)?)
}

pub(super) fn list(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    let (_, store) = open(options)?;
    if options.has("deleted") {
        return list_deleted(&store, streams);
    }
    let accounts = store.list_accounts()?;
    let named: Vec<(String, &AccountSummary)> =
        accounts.iter().map(|account| (joined(&account.addresses), account)).collect();
    let width = named.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(7);
    let out = &mut streams.out;
    writeln!(out, "{:<width$}  mailboxes  messages      size", "account")?;
    for (name, AccountSummary { mailboxes, messages, bytes, .. }) in named {
        let size = rounded(*bytes).to_string();
        writeln!(out, "{name:<width$}  {mailboxes:>9}  {messages:>8}  {size:>8}")?;
    }
    Ok(())
}

fn list_deleted(store: &Store, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let accounts = store.deleted_accounts()?;
    let named: Vec<(String, &DeletedAccount)> =
        accounts.iter().map(|account| (joined(&account.addresses), account)).collect();
    let width = named.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(7);
    writeln!(streams.out, "{:<width$}  {:16}  messages      size", "account", "deleted")?;
    for (name, DeletedAccount { deleted_at, messages, bytes, .. }) in named {
        let size = rounded(*bytes).to_string();
        writeln!(streams.out, "{name:<width$}  {deleted_at}  {messages:>8}  {size:>8}")?;
    }
    Ok(())
}

pub(super) fn delete(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    let address = address(options, "email")?;
    let (config, store) = open(options)?;
    let Some(found) = store.account_by_address(&address)? else {
        return Err(AdminError::NoSuchAddress(address));
    };
    let all = joined(&store.addresses(found.account)?);
    confirm(options, streams, &format!("The account of {all} will be deleted"))?;
    let changes = store.delete_account(found.account)?;
    work::tell(&store, &config.data_dir, &changes);
    let grace = config::shown_duration(config.cleanup.grace_period);
    Ok(writeln!(
        streams.out,
        "Successfully deleted account: {}\nsora-admin restore-account --email {} brings it back, for {grace}",
        found.primary, found.primary
    )?)
}

pub(super) fn restore(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    options.no_words()?;
    let address = address(options, "email")?;
    let (_, store) = open(options)?;
    let deleted = store.deleted_accounts()?;
    let Some(found) = deleted.iter().find(|account| account.addresses.contains(&address)) else {
        return Err(AdminError::NoDeletedAccount(address));
    };
    let back = store.restore_account(found.account)?;
    let (addresses, messages) = (joined(&back.addresses), counted(found.messages, "message"));
    writeln!(streams.out, "Successfully restored account: {addresses}, with {messages}")?;
    if !back.taken.is_empty() {
        writeln!(streams.out, "Others have these addresses by now: {}", joined(&back.taken))?;
    }
    Ok(())
}

fn joined(addresses: &[Address]) -> String {
    let all: Vec<&str> = addresses.iter().map(Address::as_str).collect();
    all.join(", ")
}

/// Down to whole units, so that it reads as `25mb`.
pub(super) fn rounded(bytes: u64) -> Size {
    let unit = [1 << 40, 1 << 30, 1 << 20, 1 << 10].into_iter().find(|unit| bytes >= 10 * unit);
    let unit = unit.unwrap_or(1);
    Size(bytes / unit * unit)
}

fn new_account(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<NewAccount, AdminError> {
    options.no_words()?;
    let address = address(options, "email")?;
    if address.split_detail().1.is_some() {
        let what = "an account's address has no `+`: mail to user+anything reaches user (RFC 5233)";
        return Err(options.wrong(&format!("--email: {what}")));
    }
    Ok(NewAccount { address, password_hash: password::stored(options, streams)? })
}

/// The address behind an option.
pub(super) fn address(options: &Options<'_>, name: &str) -> Result<Address, AdminError> {
    let text = options.required(name)?;
    Address::new(text).ok_or_else(|| {
        options.wrong(&format!("--{name} {text:?}: expected an address such as user@example.com"))
    })
}
