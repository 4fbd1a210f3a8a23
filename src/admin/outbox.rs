//! `outbox`: the mail that leaves, while it waits or when nobody takes it.

use parser::message::header::header_len;

use super::options::{Choice, Options};
use super::{AdminError, Streams, accounts, confirm, counted, open};
use crate::store::{Outgoing, OutgoingId, Store};
use crate::work;

pub(super) const CHOICES: &[Choice] = &[
    Choice { name: "email", value: "ADDRESS", what: "only what this account's scripts sent" },
    Choice { name: "id", value: "ID", what: "this message, as list names it" },
    Choice { name: "all", value: "", what: "every message that list shows" },
    Choice { name: "body", value: "", what: "show the whole message, not only its header" },
    super::YES,
];

pub(super) const MORE: &str = "\
outbox list [--email ADDRESS]     what waits, when it is tried next, and what the relay said
outbox show --id ID [--body]      envelope, tries, the last error in full, and the header
outbox retry --id ID | --all      try again now, as if it had never been tried
outbox delete --id ID | --all     throw away; it asks before it does, unless --yes is there

Sieve scripts send mail: what they send on, answer, refuse and notify. It waits here until the
relay ([relay] in config.toml) has taken it. What the relay refuses for good, or did not take after
[relay] max_attempts tries, is \"given up\": it stays here until somebody retries or deletes it. A
message that was sent is not here any more; the log has it. A server that runs is told of retry.

  sora-admin outbox list
  sora-admin outbox retry --all --email me@example.com
";

/// Rows that are read at once.
const PAGE: u32 = 200;

pub(super) fn run(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    match options.words() {
        ["list"] => list(options, streams),
        ["show"] => show(options, streams),
        ["retry"] => retry(options, streams),
        ["delete"] => delete(options, streams),
        [] => Err(options.wrong("list, show, retry or delete is missing")),
        [word, ..] => {
            Err(options.wrong(&format!("{word:?} is none of list, show, retry and delete")))
        }
    }
}

fn list(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let (_, store) = open(options)?;
    let mut shown = 0;
    each(options, &store, |outgoing| {
        if shown == 0 {
            let title = format!("{:<12}  {:<8}  {:<16}  tries", "id", "kind", "queued");
            writeln!(streams.out, "{title}  {:<16}  to, and why not yet", "next")?;
        }
        shown += 1;
        let Outgoing { id, kind, queued_at, attempts, due_at, .. } = outgoing;
        let next = if outgoing.is_dead { "given up".to_owned() } else { due_at.to_string() };
        let (id, kind, to) =
            (id.to_string(), kind.name(), one_line(&outgoing.recipients.join(", ")));
        write!(streams.out, "{id:<12}  {kind:<8}  {queued_at}  {attempts:>5}  {next:<16}  {to}")?;
        if !outgoing.last_error.is_empty() {
            write!(streams.out, ": {}", one_line(&outgoing.last_error))?;
        }
        Ok(writeln!(streams.out)?)
    })?;
    if shown == 0 {
        writeln!(streams.out, "nothing waits to leave")?;
    }
    Ok(())
}

fn show(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let id = id(options)?;
    let (_, store) = open(options)?;
    let found = store.outgoing(id)?.zip(store.outgoing_message(id)?);
    let (outgoing, message) = found.ok_or(AdminError::NotInOutbox(id))?;
    let out = &mut streams.out;
    writeln!(out, "id        {id}")?;
    writeln!(out, "kind      {}", outgoing.kind.name())?;
    writeln!(out, "from      <{}>", one_line(&outgoing.sender))?;
    for recipient in &outgoing.recipients {
        writeln!(out, "to        <{}>", one_line(recipient))?;
    }
    writeln!(out, "queued    {}", outgoing.queued_at)?;
    writeln!(out, "tries     {}", outgoing.attempts)?;
    match outgoing.is_dead {
        true => writeln!(out, "next      never: given up")?,
        false => writeln!(out, "next      {}", outgoing.due_at)?,
    }
    let error = match outgoing.last_error.as_str() {
        "" => "none".to_owned(),
        error => one_line(error),
    };
    writeln!(out, "error     {error}")?;
    writeln!(out, "size      {} bytes\n", outgoing.bytes)?;
    let end = if options.has("body") { message.len() } else { header_len(&message) };
    let text = String::from_utf8_lossy(message.get(..end).unwrap_or_default());
    // A terminal must not be told what to do by a message.
    let is_plain = |c: &char| matches!(c, '\n' | '\t') || !c.is_control();
    Ok(out.write_all(text.chars().filter(is_plain).collect::<String>().as_bytes())?)
}

fn retry(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let (config, store) = named(options)?;
    let mut count = 0;
    for id in meant(options, &store)? {
        count += u64::from(store.retry_outgoing(id)?);
    }
    one_of(options, count)?;
    work::tell_post(&store, &config.data_dir);
    let what = counted(count, "message");
    Ok(writeln!(streams.out, "{what} will be tried again at once")?)
}

fn delete(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let (_, store) = named(options)?;
    let meant = meant(options, &store)?;
    if !meant.is_empty() {
        let many = counted(meant.len() as u64, "message");
        confirm(options, streams, &format!("{many} will be thrown away, and reach nobody"))?;
    }
    let mut count = 0;
    for id in meant {
        count += u64::from(store.remove_outgoing(id)?);
    }
    one_of(options, count)?;
    Ok(writeln!(streams.out, "{} deleted", counted(count, "message"))?)
}

/// Opens the store for a command that must be told what is meant.
fn named(options: &Options<'_>) -> Result<(crate::config::Config, Store), AdminError> {
    match (options.has("id"), options.has("all")) {
        (true, false) => id(options).and_then(|_| open(options)),
        (false, true) => open(options),
        _ => Err(options.wrong("name what is meant: --id ID, or --all")),
    }
}

fn meant(options: &Options<'_>, store: &Store) -> Result<Vec<OutgoingId>, AdminError> {
    if options.has("id") {
        return Ok(vec![id(options)?]);
    }
    let mut all = Vec::new();
    each(options, store, |outgoing| {
        all.push(outgoing.id);
        Ok(())
    })?;
    Ok(all)
}

/// The one that was named was there.
fn one_of(options: &Options<'_>, count: u64) -> Result<(), AdminError> {
    if options.has("id") && count == 0 {
        Err(AdminError::NotInOutbox(id(options)?))
    } else {
        Ok(())
    }
}

fn id(options: &Options<'_>) -> Result<OutgoingId, AdminError> {
    let text = options.required("id")?;
    let wrong =
        |()| options.wrong(&format!("--id {text:?}: expected one that list shows, as 3-17"));
    text.parse().map_err(wrong)
}

/// Hands out what the options name, the oldest of an account first.
fn each(
    options: &Options<'_>,
    store: &Store,
    mut each: impl FnMut(&Outgoing) -> Result<(), AdminError>,
) -> Result<(), AdminError> {
    let account = match options.has("email") {
        false => None,
        true => {
            let address = accounts::address(options, "email")?;
            let found = store.account_by_address(&address)?;
            Some(found.ok_or(AdminError::NoSuchAddress(address))?.account)
        }
    };
    let mut after = None;
    loop {
        let page = store.list_outgoing(account, after, PAGE)?;
        page.iter().try_for_each(&mut each)?;
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(()),
        }
    }
}

/// Nothing in it moves a terminal's cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
