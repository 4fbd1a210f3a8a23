//! What the tests of commands share.

use super::command;
use alloc::format;
use alloc::string::ToString;

/// `line` as a command with the tag `a`: its debug form, or what was expected and where.
#[track_caller]
pub(super) fn check(line: &str, want: &str) {
    let frame = format!("a {line}\r\n");
    let told = match command(frame.as_bytes()) {
        Ok(tagged) => format!("{:?}", tagged.command),
        Err(error) => error.to_string(),
    };
    assert_eq!(told, want, "from {line:?}");
}
