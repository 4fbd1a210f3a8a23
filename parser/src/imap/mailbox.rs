//! Commands about mailboxes: SELECT, CREATE, STATUS, LIST and their kin (RFC 9051 §6.3).

use super::command::{Command, ListCommand, ListReturn, ListSelect, SelectParam, StatusItem, Str};
use super::flag::use_attr;
use super::lists::{Item, Least, List, lone, parenthesized};
use super::metadata::entry;
use super::names::{Seen, letter, name};
use super::number::{mod_sequence_valzer, nz_number};
use super::sequence::known_set;
use super::strings::{list_mailbox, mailbox, sp, word};
use crate::cursor::{Cursor, Error};

/// `SP mailbox` and nothing else: DELETE, SUBSCRIBE, UNSUBSCRIBE — RFC 9051 §9.
pub(super) fn lone_mailbox<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    sp(cursor)?;
    mailbox(cursor)
}

/// `SP mailbox SP mailbox` — RFC 9051 §9 `rename`.
pub(super) fn rename<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    let from = lone_mailbox(cursor)?;
    Ok(Command::Rename { from, to: lone_mailbox(cursor)? })
}

/// `create = "CREATE" SP mailbox [create-params]` — RFC 4466 §6, with
/// `create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")"` — RFC 6154 §6.
pub(super) fn create<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    let mailbox = lone_mailbox(cursor)?;
    let mut special_use = List::EMPTY;
    if cursor.eat_word(" (") {
        if !cursor.eat_word("USE ") {
            return Err(cursor.error("create-param"));
        }
        special_use = parenthesized(cursor, Least::None, use_attr)?;
        cursor.expect(b')', "\")\"")?;
    }
    Ok(Command::Create { mailbox, special_use })
}

/// What follows the word in `select = "SELECT" SP mailbox [select-params]` — RFC 4466 §6.
pub(super) fn select<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<(Str<'a>, List<'a, SelectParam<'a>>), Error> {
    let mailbox = lone_mailbox(cursor)?;
    let mut ahead = *cursor;
    if !ahead.eat_word(" (") {
        return Ok((mailbox, List::EMPTY));
    }
    sp(cursor)?;
    Ok((mailbox, parenthesized(cursor, Least::One, select_param)?))
}

impl<'a> Item<'a> for SelectParam<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        select_param(cursor)
    }
}

/// `condstore-param / "QRESYNC" SP "(" … ")"` — RFC 7162 §7 `select-param`.
fn select_param<'a>(cursor: &mut Cursor<'a>) -> Result<SelectParam<'a>, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"CONDSTORE" => Ok(SelectParam::CondStore),
        b"QRESYNC" => {
            sp(cursor)?;
            qresync(cursor)
        }
        _ => Err(before.error("select-param")),
    }
}

/// `"(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"`,
/// `seq-match-data = "(" known-sequence-set SP known-uid-set ")"` — RFC 7162 §7.
///
/// Deviation: a mod-sequence of 0 is taken: it asks for everything. That the two sets of
/// `seq-match-data` are of one length is for the session to see (§3.2.5.2).
fn qresync<'a>(cursor: &mut Cursor<'a>) -> Result<SelectParam<'a>, Error> {
    cursor.expect(b'(', "\"(\"")?;
    let uid_validity = nz_number(cursor)?;
    sp(cursor)?;
    let mod_seq = mod_sequence_valzer(cursor)?;
    let (mut known_uids, mut seq_match) = (None, None);
    if cursor.eat(b' ') {
        if cursor.peek() != Some(b'(') {
            known_uids = Some(known_set(cursor)?);
        }
        if known_uids.is_none() || cursor.eat(b' ') {
            cursor.expect(b'(', "\"(\"")?;
            let numbers = known_set(cursor)?;
            sp(cursor)?;
            seq_match = Some((numbers, known_set(cursor)?));
            cursor.expect(b')', "\")\"")?;
        }
    }
    cursor.expect(b')', "\")\"")?;
    Ok(SelectParam::QResync { uid_validity, mod_seq, known_uids, seq_match })
}

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"` — RFC 9051 §9.
pub(super) fn status<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    let mailbox = lone_mailbox(cursor)?;
    sp(cursor)?;
    Ok(Command::Status { mailbox, items: status_items(cursor)? })
}

fn status_items<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, StatusItem>, Error> {
    parenthesized(cursor, Least::One, |cursor| status_att(cursor, Seen::First))
}

impl Item<'_> for StatusItem {
    #[inline]
    fn again(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        status_att(cursor, Seen::Again)
    }
}

/// `status-att` — RFC 9051 §9, RFC 3501 §9, RFC 7162 §7, RFC 7889 §4, with `"MAILBOXID"` —
/// RFC 8474 §7 and `"DELETED-STORAGE"` — RFC 9208 §5.
#[inline]
fn status_att(cursor: &mut Cursor<'_>, seen: Seen) -> Result<StatusItem, Error> {
    let before = *cursor;
    let (name, item) = match letter(cursor, 0) {
        b'a' => (name!("APPENDLIMIT"), StatusItem::AppendLimit),
        b'd' if letter(cursor, 7) == b'-' => (name!("DELETED-STORAGE"), StatusItem::DeletedStorage),
        b'd' => (name!("DELETED"), StatusItem::Deleted),
        b'h' => (name!("HIGHESTMODSEQ"), StatusItem::HighestModSeq),
        b'm' if letter(cursor, 1) == b'a' => (name!("MAILBOXID"), StatusItem::MailboxId),
        b'm' => (name!("MESSAGES"), StatusItem::Messages),
        b'r' => (name!("RECENT"), StatusItem::Recent),
        b's' => (name!("SIZE"), StatusItem::Size),
        _ => match (letter(cursor, 1), letter(cursor, 3)) {
            (b'n', _) => (name!("UNSEEN"), StatusItem::Unseen),
            (_, b'n') => (name!("UIDNEXT"), StatusItem::UidNext),
            _ => (name!("UIDVALIDITY"), StatusItem::UidValidity),
        },
    };
    if name.take_whole(cursor, seen) { Ok(item) } else { Err(before.error("status-att")) }
}

/// `SP mailbox SP list-mailbox` — RFC 3501 §9 `lsub`.
pub(super) fn lsub<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    let reference = lone_mailbox(cursor)?;
    sp(cursor)?;
    Ok(Command::Lsub { reference, pattern: list_mailbox(cursor)? })
}

/// `list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]` —
/// RFC 9051 §9, RFC 5258 §6.
pub(super) fn list<'a>(cursor: &mut Cursor<'a>) -> Result<ListCommand<'a>, Error> {
    sp(cursor)?;
    let selects = cursor.peek() == Some(b'(');
    let select = if selects { list_select_opts(cursor)? } else { List::EMPTY };
    if selects {
        sp(cursor)?;
    }
    let reference = mailbox(cursor)?;
    sp(cursor)?;
    let many = cursor.peek() == Some(b'(');
    let patterns = match many {
        true => parenthesized(cursor, Least::One, list_mailbox)?,
        false => lone(cursor, list_mailbox)?,
    };
    let mut returns = None;
    if cursor.eat_word(" RETURN ") {
        returns = Some(parenthesized(cursor, Least::None, return_option)?);
    }
    let extended = selects || many || returns.is_some();
    Ok(ListCommand { select, reference, patterns, returns, extended })
}

/// `list-select-opts` — RFC 9051 §9: RECURSIVEMATCH needs an option that selects by itself.
fn list_select_opts<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, ListSelect>, Error> {
    let before = *cursor;
    let options = parenthesized(cursor, Least::None, list_select_opt)?;
    let has = |wanted: &[ListSelect]| options.iter().any(|option| wanted.contains(&option));
    // SPECIAL-USE is a list-select-base-opt by RFC 6154 §6.
    if has(&[ListSelect::RecursiveMatch]) && !has(&[ListSelect::Subscribed, ListSelect::SpecialUse])
    {
        return Err(before.error("list-select-base-opt"));
    }
    Ok(options)
}

impl Item<'_> for ListSelect {
    fn again(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        list_select_opt(cursor)
    }
}

/// `list-select-opt` — RFC 9051 §9, RFC 6154 §6. An unknown one is BAD (RFC 5258 §3).
fn list_select_opt(cursor: &mut Cursor<'_>) -> Result<ListSelect, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"SUBSCRIBED" => Ok(ListSelect::Subscribed),
        b"REMOTE" => Ok(ListSelect::Remote),
        b"RECURSIVEMATCH" => Ok(ListSelect::RecursiveMatch),
        b"SPECIAL-USE" => Ok(ListSelect::SpecialUse),
        _ => Err(before.error("list-select-opt")),
    }
}

impl<'a> Item<'a> for ListReturn<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        return_option(cursor)
    }
}

/// `return-option = "SUBSCRIBED" / "CHILDREN" / status-option / option-extension` — RFC 9051 §9,
/// with `SPECIAL-USE` of RFC 6154 §6, `STATUS` of RFC 5819 §4, `MYRIGHTS` of RFC 8440 §5 and
/// `"METADATA" SP "(" entry *(SP entry) ")"` of RFC 9590.
fn return_option<'a>(cursor: &mut Cursor<'a>) -> Result<ListReturn<'a>, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"SUBSCRIBED" => Ok(ListReturn::Subscribed),
        b"CHILDREN" => Ok(ListReturn::Children),
        b"SPECIAL-USE" => Ok(ListReturn::SpecialUse),
        b"STATUS" => {
            sp(cursor)?;
            status_items(cursor).map(ListReturn::Status)
        }
        b"MYRIGHTS" => Ok(ListReturn::MyRights),
        b"METADATA" => {
            sp(cursor)?;
            parenthesized(cursor, Least::One, entry).map(ListReturn::Metadata)
        }
        _ => Err(before.error("return-option")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    #[track_caller]
    fn check(line: &str, want: &str) {
        let frame = format!("a {line}\r\n");
        let told = match crate::imap::command(frame.as_bytes()) {
            Ok(tagged) => format!("{:?}", tagged.command),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "from {line:?}");
    }

    #[test]
    fn names() {
        check("DELETE x", "Delete(\"x\")");
        check("SUBSCRIBE inbox", "Subscribe(\"inbox\")"); // pitfall 65: folded by the name, not here
        check("UNSUBSCRIBE \"a/&U,BTFw-\"", "Unsubscribe(\"a/&U,BTFw-\")");
        check("RENAME a b/c", "Rename { from: \"a\", to: \"b/c\" }");
        check("RENAME a", "expected SP at byte 10");
        check("DELETE a*", "expected CRLF at byte 10"); // pitfall 67: only a string can say `*`
        check("DELETE {2}\r\na*", "Delete(\"a*\")");
        check("DELETE ", "expected mailbox at byte 9");
    }

    #[test]
    fn creates() {
        check("CREATE a/b/", "Create { mailbox: \"a/b/\", special_use: () }");
        check("CREATE x (USE (\\Trash))", "Create { mailbox: \"x\", special_use: (\\\\Trash) }");
        check("CREATE x (use ())", "Create { mailbox: \"x\", special_use: () }");
        check("CREATE x (USE (Trash))", "expected use-attr at byte 17");
        check("CREATE x (USE (\\Trash)", "expected \")\" at byte 24");
        check("CREATE x ()", "expected create-param at byte 12");
        check("CREATE x (FOO)", "expected create-param at byte 12");
    }

    #[test]
    fn selects() {
        check("SELECT INBOX", "Select { mailbox: \"INBOX\", params: () }");
        check("EXAMINE \"x\" (CONDSTORE)", "Examine { mailbox: \"x\", params: (CONDSTORE) }");
        check("SELECT x ()", "expected select-param at byte 12");
        check("SELECT x (FOO)", "expected select-param at byte 12");
        check("SELECT x y", "expected CRLF at byte 11");
        #[track_caller]
        fn qresync(params: &str, want: &str) {
            let frame = format!("a SELECT x ({params})\r\n");
            let told = match crate::imap::command(frame.as_bytes()).map(|tagged| tagged.command) {
                Ok(Command::Select { params, .. }) => {
                    format!("{:?}", params.iter().collect::<Vec<_>>())
                }
                other => format!("{other:?}"),
            };
            assert!(told.contains(want), "{told} from {params:?}");
        }
        qresync("QRESYNC (1 2)", "uid_validity: 1, mod_seq: 2, known_uids: None, seq_match: None");
        qresync(
            "QRESYNC (1 2 1:5) CONDSTORE",
            "known_uids: Some(1:5), seq_match: None }, CondStore",
        );
        qresync("QRESYNC (1 2 1:5 (1,2 3,4))", "Some(1:5), seq_match: Some((1,2, 3,4))");
        qresync("QRESYNC (1 2 (1,2 3,4))", "known_uids: None, seq_match: Some((1,2, 3,4))");
        qresync("QRESYNC (1 2 1:*)", "set without");
        qresync("QRESYNC (1 2 1 (1))", "expected: \"SP\"");
        qresync("QRESYNC (0 2)", "nz-number");
        qresync("QRESYNC", "expected: \"SP\"");
    }

    #[test]
    fn statuses() {
        check(
            "STATUS x (messages UIDNEXT)",
            "Status { mailbox: \"x\", items: (messages UIDNEXT) }",
        );
        let all = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE RECENT HIGHESTMODSEQ APPENDLIMIT \
             MAILBOXID DELETED-STORAGE";
        check(
            &format!("STATUS x ({all})"),
            &format!("Status {{ mailbox: \"x\", items: ({all}) }}"),
        );
        check("STATUS x ()", "expected status-att at byte 12");
        check("STATUS x MESSAGES", "expected \"(\" at byte 11");
        check("STATUS x (FOO)", "expected status-att at byte 12");
    }

    #[test]
    fn lists_of_more() {
        #[track_caller]
        fn list(returns: &str, want: &str) {
            let frame = format!("a LIST \"\" % RETURN ({returns})\r\n");
            let told = match crate::imap::command(frame.as_bytes()).map(|tagged| tagged.command) {
                Ok(Command::List(list)) => {
                    let returns: Vec<_> = list.returns.unwrap().iter().collect();
                    format!("{returns:?}")
                }
                Ok(other) => format!("{other:?}"),
                Err(error) => error.to_string(),
            };
            assert_eq!(told, want, "from {returns:?}");
        }
        list("MYRIGHTS CHILDREN", "[MyRights, Children]");
        list(
            "METADATA (\"/shared/a b\" /private/c {2}\r\n/d)",
            "[Metadata((\\\"/shared/a b\\\" /private/c {2}\\r\\n/d))]",
        );
        list("METADATA ()", "expected astring at byte 30");
        list("METADATA (/a*)", "expected SP or \")\" at byte 32");
        list("METADATA (\"/a%\")", "expected entry at byte 30");
        list("METADATA /a", "expected \"(\" at byte 29");
        list("METADATA", "expected SP at byte 28");
    }

    #[test]
    fn lists() {
        #[track_caller]
        fn list(arguments: &str, want: &str) {
            check(&format!("LIST {arguments}"), &format!("List(ListCommand {{ {want} }})"));
        }
        list(
            "\"\" \"\"",
            "select: (), reference: \"\", patterns: (\\\"\\\"), returns: None, extended: false",
        );
        list(
            "\"\" *%x",
            "select: (), reference: \"\", patterns: (*%x), returns: None, extended: false",
        );
        list(
            "() a (b \"c\")",
            "select: (), reference: \"a\", patterns: (b \\\"c\\\"), returns: None, extended: true",
        );
        list(
            "(SUBSCRIBED RecursiveMatch SPECIAL-USE REMOTE) \"\" * RETURN (CHILDREN STATUS (SIZE) SUBSCRIBED SPECIAL-USE)",
            "select: (SUBSCRIBED RecursiveMatch SPECIAL-USE REMOTE), reference: \"\", patterns: (*), \
             returns: Some((CHILDREN STATUS (SIZE) SUBSCRIBED SPECIAL-USE)), extended: true",
        );
        list(
            "x y return ()",
            "select: (), reference: \"x\", patterns: (y), returns: Some(()), extended: true",
        );
        check("LIST (RECURSIVEMATCH) \"\" *", "expected list-select-base-opt at byte 7");
        check("LIST (FOO) \"\" *", "expected list-select-opt at byte 8");
        check("LIST \"\" * RETURN (FOO)", "expected return-option at byte 20");
        check("LIST \"\" * RETURN", "expected CRLF at byte 12");
        check("LIST \"\" ()", "expected list-mailbox at byte 11");
        check("LIST \"\"", "expected SP at byte 9");
        check("LSUB \"\" %", "Lsub { reference: \"\", pattern: \"%\" }");
        check("LSUB \"\" (a)", "expected list-mailbox at byte 10");
    }
}
