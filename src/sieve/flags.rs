//! Flags as scripts have them: words with spaces between (RFC 5232 §2).

use parser::sieve::tree::FlagChange;

use super::limits::Budget;
use super::run::Halt;
use crate::limits::KEYWORD_BYTES_MAX;

/// The flags of some strings, each once, in the order they came; what is no flag is left out.
pub(super) fn words<T: AsRef<str>>(
    texts: impl Iterator<Item = T>,
    budget: &mut Budget,
) -> Result<Vec<String>, Halt> {
    let mut flags: Vec<String> = Vec::new();
    for text in texts {
        budget.steps(text.as_ref().len())?;
        for flag in text.as_ref().split([' ', '\t', '\r', '\n']) {
            if flags.len() >= FLAGS_MAX {
                return Ok(flags);
            }
            budget.steps(flags.len())?;
            let known = flags.iter().any(|known| known.eq_ignore_ascii_case(flag));
            if !known && is_flag(flag) {
                flags.push(flag.to_owned());
            }
        }
    }
    Ok(flags)
}

/// The flags of the internal variable, which has each once.
pub(super) fn listed(set: &str) -> Vec<String> {
    set.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Flags in one set: more than any mailbox can keep.
const FLAGS_MAX: usize = 128;

/// A keyword, or a system flag but `\Recent` (RFC 5232 §2).
fn is_flag(flag: &str) -> bool {
    match flag.strip_prefix('\\') {
        Some(name) => ["answered", "flagged", "deleted", "seen", "draft"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known)),
        None => {
            let atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
            (1..=KEYWORD_BYTES_MAX).contains(&flag.len()) && flag.bytes().all(atom)
        }
    }
}

/// The set behind `setflag`, `addflag` or `removeflag` (RFC 5232 §3).
pub(super) fn change(
    set: &str,
    change: FlagChange,
    flags: &[String],
    budget: &mut Budget,
) -> Result<String, Halt> {
    let known = words(std::iter::once(set), budget)?;
    let is_named = |flag: &String| flags.iter().any(|named| named.eq_ignore_ascii_case(flag));
    let set: Vec<String> = match change {
        FlagChange::Set => flags.to_vec(),
        FlagChange::Add => words(known.iter().chain(flags).map(String::as_str), budget)?,
        FlagChange::Remove => {
            budget.steps(known.len().saturating_mul(flags.len()))?;
            known.into_iter().filter(|flag| !is_named(flag)).collect()
        }
    };
    Ok(set.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sieve::Limits;

    #[test] // RFC 5232 §2 and §3
    fn sets() {
        let check = |set: &str, how, flags: &str, want: &str| {
            let mut budget = Budget::new(&Limits::default());
            let flags = words([flags].into_iter(), &mut budget).unwrap();
            assert_eq!(change(set, how, &flags, &mut budget).unwrap(), want);
        };
        check("", FlagChange::Add, "\\Deleted \\Answered", "\\Deleted \\Answered");
        check("\\Deleted", FlagChange::Add, "\\deleted a", "\\Deleted a");
        check("a b A", FlagChange::Remove, "A", "b");
        check("a b", FlagChange::Set, "c  c", "c");
        check("a", FlagChange::Remove, "x", "a");
        check("", FlagChange::Set, "\\Recent \\Nonsense a(b \u{e4} ok", "ok");
    }
}
