//! Where a new password comes from, and the form it is kept in.

use std::io::Read;

use super::options::{Choice, Options};
use super::{AdminError, Streams};
use crate::model::Secret;
use crate::work::password::{PASSWORD_BYTES_MAX, Scheme, hash};

pub(super) const PASSWORD: Choice =
    Choice { name: "password", value: "PASSWORD", what: "the password, for all to see in ps" };
pub(super) const PASSWORD_STDIN: Choice = Choice {
    name: "password-stdin",
    value: "",
    what: "read the password from standard input, up to its first line's end",
};
pub(super) const HASH: Choice = Choice {
    name: "hash",
    value: "TYPE",
    what: "how it is kept: bcrypt (default), ssha512, sha512",
};

pub(super) const MORE: &str = "\
Without --password and --password-stdin the password is asked for.
";

/// The stored form of the password that the options lead to.
pub(super) fn stored(
    options: &Options<'_>,
    streams: &mut Streams<'_>,
) -> Result<String, AdminError> {
    let scheme = match options.value("hash") {
        None => Scheme::default(),
        Some(name) => Scheme::parse(name)
            .ok_or_else(|| options.wrong("--hash: expected bcrypt, ssha512 or sha512"))?,
    };
    Ok(hash(scheme, &password(options, streams)?)?)
}

fn password(options: &Options<'_>, streams: &mut Streams<'_>) -> Result<Secret, AdminError> {
    if let Some(password) = options.value("password") {
        return Ok(Secret::new(password));
    }
    if options.has("password-stdin") {
        return from_stdin(streams.input);
    }
    let ask = streams.ask.ok_or(AdminError::NoPassword)?;
    let password = ask("Password: ")?;
    if password != ask("The same again: ")? {
        return Err(AdminError::PasswordsDiffer);
    }
    Ok(Secret::new(password))
}

/// The first line; whatever is longer than any password is cut where it is too long already.
fn from_stdin(input: &mut dyn Read) -> Result<Secret, AdminError> {
    let mut text = Vec::new();
    input.take(PASSWORD_BYTES_MAX as u64 + 2).read_to_end(&mut text)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line)))
}
