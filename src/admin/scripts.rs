//! The rest of `sieve`: the scripts of an account, and how they fared.

use super::options::Options;
use super::{AdminError, Streams, accounts, open};
use crate::error::Refusal;
use crate::model::{AccountId, ScriptName};
use crate::store::{Error, Store};

/// One script, by its words; `None` if they are not about an account's scripts.
pub(super) fn run(
    options: &Options<'_>,
    streams: &mut Streams<'_>,
) -> Option<Result<(), AdminError>> {
    Some(match options.words() {
        ["list"] => list(options, streams),
        ["get", name] => get(options, streams, name),
        ["activate", name] => activate(options, streams, Some(name)),
        ["deactivate"] => activate(options, streams, None),
        ["delete", name] => delete(options, streams, name),
        ["log"] => log(options, streams),
        _ => return None,
    })
}

/// Stores a script that compiles.
pub(super) fn put(
    options: &Options<'_>,
    streams: &mut Streams<'_>,
    name: &str,
    text: Vec<u8>,
) -> Result<(), AdminError> {
    let named = script_name(options, name)?;
    let (account, store) = account(options)?;
    let known = |error| told(options, name, error);
    store.put_script(account, &named, text, u32::MAX).map_err(known)?;
    writeln!(streams.out, "{name} is stored")?;
    if options.has("activate") {
        return activate(options, streams, Some(name));
    }
    let scripts = store.scripts(account)?;
    if scripts.iter().any(|script| script.name == named && script.is_active) {
        return Ok(writeln!(streams.out, "it is the active script")?);
    }
    Ok(writeln!(streams.out, "it is not active: sora-admin sieve activate makes it so")?)
}

fn list(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let (account, store) = account(options)?;
    let scripts = store.scripts(account)?;
    if scripts.is_empty() {
        return Ok(writeln!(streams.out, "no scripts")?);
    }
    for script in scripts {
        let active = if script.is_active { "active" } else { "" };
        let name = script.name.as_str();
        writeln!(streams.out, "{active:<6}  {:>8}  {name}", script.bytes)?;
    }
    Ok(())
}

fn get(options: &Options<'_>, streams: &mut Streams<'_>, name: &str) -> Result<(), AdminError> {
    let named = script_name(options, name)?;
    let (account, store) = account(options)?;
    let text = store.script(account, &named).map_err(|error| told(options, name, error))?;
    Ok(streams.out.write_all(&text)?)
}

fn activate(
    options: &Options<'_>,
    streams: &mut Streams<'_>,
    name: Option<&str>,
) -> Result<(), AdminError> {
    let named = name.map(|name| script_name(options, name)).transpose()?;
    let (account, store) = account(options)?;
    let shown = name.unwrap_or("none");
    store.activate_script(account, named.as_ref()).map_err(|error| told(options, shown, error))?;
    match name {
        Some(name) => writeln!(streams.out, "{name} sorts what comes in from now on")?,
        None => writeln!(streams.out, "no script is active; mail goes to INBOX")?,
    }
    Ok(())
}

fn delete(options: &Options<'_>, streams: &mut Streams<'_>, name: &str) -> Result<(), AdminError> {
    let named = script_name(options, name)?;
    let (account, store) = account(options)?;
    store.delete_script(account, &named).map_err(|error| told(options, name, error))?;
    Ok(writeln!(streams.out, "{name} is deleted")?)
}

/// The runs that were kept, the newest first.
fn log(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<(), AdminError> {
    let (account, store) = account(options)?;
    let runs = store.script_runs(account)?;
    if runs.is_empty() {
        let hint = "no runs were kept; [sieve] log = \"all\" keeps those that went well, too";
        return Ok(writeln!(streams.out, "{hint}")?);
    }
    for run in runs {
        let how = if run.report.failed { "failed" } else { "ran" };
        writeln!(streams.out, "{}  {how}", run.ran_at)?;
        for line in run.report.text.lines() {
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            writeln!(streams.out, "    {line}")?;
        }
    }
    Ok(())
}

fn account(options: &Options<'_>) -> Result<(AccountId, Store), AdminError> {
    let address = accounts::address(options, "email")?;
    let (_, store) = open(options)?;
    let found = store.account_by_address(&address)?;
    Ok((found.ok_or(AdminError::NoSuchAddress(address))?.account, store))
}

fn script_name(options: &Options<'_>, name: &str) -> Result<ScriptName, AdminError> {
    ScriptName::new(name).ok_or_else(|| options.wrong(&format!("no script can be called {name:?}")))
}

fn told(options: &Options<'_>, name: &str, error: Error) -> AdminError {
    let why = match error {
        Error::Failed(failure) => return failure.into(),
        Error::Refused(Refusal::NoSuchScript) => "there is no such script",
        Error::Refused(Refusal::ScriptActive) => {
            "it is the active script: activate another one, or none, first"
        }
        Error::Refused(_) => "it cannot be",
    };
    options.wrong(&format!("{name}: {why}"))
}
