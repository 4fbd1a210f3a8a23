//! Scripts on their way in: compiled before they are stored, so that none is stored that cannot run.

use super::run::Answer;
use crate::job::Reply;
use crate::limits::SCRIPT_REPORT_BYTES_MAX;
use crate::model::{AccountId, ScriptName};
use crate::sieve::{self, Capabilities};
use crate::store::Store;

/// What is to be stored.
pub(super) struct NewScript {
    pub(super) account: AccountId,
    pub(super) name: ScriptName,
    pub(super) script: Vec<u8>,
    pub(super) scripts_max: u32,
}

/// PUTSCRIPT: one with mistakes changes nothing (pitfall 127).
pub(super) fn put(store: &Store, new: NewScript, offered: Capabilities) -> Answer {
    let checked = check(&new.script, offered);
    if let Reply::ScriptTaken { .. } = checked {
        store.put_script(new.account, &new.name, new.script, new.scripts_max)?;
    }
    Ok(checked)
}

/// CHECKSCRIPT
pub(super) fn check(script: &[u8], offered: Capabilities) -> Reply {
    match sieve::compile(script, offered) {
        Ok(compiled) => Reply::ScriptTaken { warnings: report(&compiled.warnings) },
        Err(mistakes) => Reply::ScriptWrong { mistakes: report(&mistakes) },
    }
}

/// A line each, as many as there is room for.
fn report(errors: &[sieve::Error]) -> String {
    let mut text = String::new();
    for error in errors {
        let line = error.to_string();
        if text.len() + line.len() > SCRIPT_REPORT_BYTES_MAX {
            text.push_str("\r\n...");
            break;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_has_its_line() {
        let Reply::ScriptWrong { mistakes } = check(b"kep;\r\nstop\r\n", Capabilities::ALL) else {
            panic!("it compiled")
        };
        let lines: Vec<&str> = mistakes.split("\r\n").collect();
        assert_eq!(lines.len(), 2, "{mistakes}");
        assert!(lines[0].starts_with("line 1, column 1: "), "{mistakes}");
        assert!(lines[1].starts_with("line 2, column "), "{mistakes}");
        let many = "kep;\r\n".repeat(5_000);
        let Reply::ScriptWrong { mistakes } = check(many.as_bytes(), Capabilities::ALL) else {
            panic!("it compiled")
        };
        assert!(mistakes.len() <= SCRIPT_REPORT_BYTES_MAX + 5, "{}", mistakes.len());
    }

    #[test]
    fn what_is_not_offered_cannot_be_required() {
        let script = b"require \"fileinto\"; fileinto \"x\";";
        assert!(matches!(check(script, Capabilities::ALL), Reply::ScriptTaken { .. }));
        assert!(matches!(check(script, Capabilities::NONE), Reply::ScriptWrong { .. }));
    }
}
