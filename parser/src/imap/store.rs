//! STORE, COPY, MOVE and EXPUNGE: what changes messages (RFC 9051 §6.4).

use super::command::{Command, Numbers, Set, StoreOperation, Str};
use super::flag::flags;
use super::names::{Seen, ends, name};
use super::number::mod_sequence_valzer;
use super::sequence::set;
use super::strings::{mailbox, sp};
use crate::cursor::{Cursor, Error};

/// `store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags` — RFC 4466 §6,
/// `store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))` —
/// RFC 9051 §9.
pub(super) fn store<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let set = set(cursor)?;
    sp(cursor)?;
    let unchanged_since = store_modifiers(cursor)?;
    let before = *cursor;
    let operation = match cursor.peek() {
        Some(b'+') => StoreOperation::Add,
        Some(b'-') => StoreOperation::Remove,
        _ => StoreOperation::Replace,
    };
    if operation != StoreOperation::Replace {
        cursor.take(1, "store-att-flags")?;
    }
    let is_flags = name!("FLAGS").take(cursor, Seen::First);
    let silent = is_flags && name!(".SILENT").take(cursor, Seen::First);
    if !is_flags || !ends(cursor) {
        return Err(before.error("store-att-flags"));
    }
    sp(cursor)?;
    let flags = flags(cursor)?;
    Ok(Command::Store { numbers, set, unchanged_since, operation, silent, flags })
}

/// `"(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")" SP`, once — RFC 7162 §7.
fn store_modifiers(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Error> {
    if !cursor.eat(b'(') {
        return Ok(None);
    }
    if !cursor.eat_word("UNCHANGEDSINCE ") {
        return Err(cursor.error("store-modifier"));
    }
    let value = mod_sequence_valzer(cursor)?;
    cursor.expect(b')', "\")\"")?;
    sp(cursor)?;
    Ok(Some(value))
}

/// `SP sequence-set SP mailbox` — RFC 9051 §9 `copy`, `move`.
pub(super) fn set_and_mailbox<'a>(cursor: &mut Cursor<'a>) -> Result<(Set<'a>, Str<'a>), Error> {
    sp(cursor)?;
    let set = set(cursor)?;
    sp(cursor)?;
    Ok((set, mailbox(cursor)?))
}

/// `uid-expunge = "EXPUNGE" SP sequence-set` — RFC 9051 §9; without UID it takes no set.
pub(super) fn expunge<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    match numbers {
        Numbers::Seq => Ok(Command::Expunge(None)),
        Numbers::Uid => {
            sp(cursor)?;
            set(cursor).map(|set| Command::Expunge(Some(set)))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::imap::command;
    use alloc::format;
    use alloc::string::ToString;

    #[track_caller]
    fn check(line: &str, want: &str) {
        let frame = format!("a {line}\r\n");
        let told = match command(frame.as_bytes()) {
            Ok(tagged) => format!("{:?}", tagged.command),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "from {line:?}");
    }

    #[test]
    fn stores() {
        #[track_caller]
        fn check(attributes: &str, want: &str) {
            let want = match want.strip_prefix('!') {
                Some(error) => error.to_string(),
                None => format!("Store {{ numbers: Seq, set: Ranges(1), {want} }}"),
            };
            super::tests::check(&format!("STORE 1 {attributes}"), &want);
        }
        check(
            "FLAGS (\\Seen $Junk)",
            "unchanged_since: None, operation: Replace, silent: false, flags: (\\\\Seen $Junk)",
        );
        check(
            "+flags.silent \\Seen Nile ",
            "unchanged_since: None, operation: Add, silent: true, flags: (\\\\Seen Nile)",
        );
        check("-FLAGS ()", "unchanged_since: None, operation: Remove, silent: false, flags: ()");
        check(
            "(UNCHANGEDSINCE 0) FLAGS.SILENT (\\x)",
            "unchanged_since: Some(0), operation: Replace, silent: true, flags: (\\\\x)",
        );
        check("FLAGS", "!expected SP at byte 15");
        check("FLAGS ", "!expected flag at byte 16");
        check("++FLAGS x", "!expected store-att-flags at byte 10");
        check("--FLAGS x", "!expected store-att-flags at byte 10");
        check("+-FLAGS x", "!expected store-att-flags at byte 10");
        check("FLAGS.LOUD x", "!expected store-att-flags at byte 10");
        check("FLAGS NIL", "!expected flag at byte 16"); // pitfall 95
        check("FLAGS (nil)", "!expected flag at byte 17");
        check("FLAGS \\*", "!expected atom at byte 17");
        check("FLAGS x]", "!expected SP at byte 17");
        check("FLAGS (x", "!expected SP or \")\" at byte 18");
        check("() FLAGS x", "!expected store-modifier at byte 11");
        check("(UNCHANGEDSINCE x) FLAGS x", "!expected mod-sequence-valzer at byte 26");
        check("(UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS x", "!expected \")\" at byte 27");
    }

    #[test]
    fn copies_and_expunges() {
        check("COPY 1:3 Trash", "Copy { numbers: Seq, set: Ranges(1:3), mailbox: \"Trash\" }");
        check("UID COPY $ {1}\r\nx", "Copy { numbers: Uid, set: Saved, mailbox: \"x\" }");
        check("UID MOVE 5:1,* x", "Move { numbers: Uid, set: Ranges(5:1,*), mailbox: \"x\" }");
        check("MOVE 1", "expected SP at byte 8");
        check("MOVE 1 ", "expected mailbox at byte 9");
        check("COPY x y", "expected nz-number at byte 7");
        check("UID EXPUNGE 1:4294967295", "Expunge(Some(Ranges(1:4294967295)))");
        check("UID EXPUNGE", "expected SP at byte 13");
        check("UID EXPUNGE 4294967296", "expected nz-number at byte 14");
    }
}
