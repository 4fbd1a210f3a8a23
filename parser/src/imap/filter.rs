//! FILTER: Sieve for messages that are there (draft-bosch-imap-filter-sieve-00 §3.2, §7).

use super::command::{Command, Numbers, SieveFilter};
use super::search::search_program;
use super::strings::{astring, sp, string, word};
use crate::cursor::{Cursor, Error};

/// `filter = "FILTER" SP filter-spec [SP "CHARSET" SP astring] 1*(SP search-key)` —
/// draft-bosch-imap-filter-sieve-00 §7.
pub(super) fn filter<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let filter = filter_spec(cursor)?;
    sp(cursor)?;
    let (charset, keys) = search_program(cursor)?;
    Ok(Command::Filter { numbers, filter, charset, keys })
}

/// `filter-spec = "SIEVE" SP ("DELIVERY" / "PERSONAL" SP sieve-name / "GLOBAL" SP sieve-name /
/// "SCRIPT" SP sieve-literal)`, `sieve-name = astring`, `sieve-literal = string` —
/// draft-bosch-imap-filter-sieve-00 §7. What is a name or a script is for their own grammars.
fn filter_spec<'a>(cursor: &mut Cursor<'a>) -> Result<SieveFilter<'a>, Error> {
    let before = *cursor;
    if !cursor.eat_word("SIEVE ") {
        return Err(before.error("filter-spec"));
    }
    let before = *cursor;
    let kind = word(cursor);
    if kind.as_bytes() == b"DELIVERY" {
        return Ok(SieveFilter::Delivery);
    }
    match kind.as_bytes() {
        b"PERSONAL" => {
            sp(cursor)?;
            astring(cursor).map(SieveFilter::Personal)
        }
        b"GLOBAL" => {
            sp(cursor)?;
            astring(cursor).map(SieveFilter::Global)
        }
        b"SCRIPT" => {
            sp(cursor)?;
            string(cursor).map(SieveFilter::Script)
        }
        _ => Err(before.error("filter-spec")),
    }
}

#[cfg(test)]
mod tests {
    use crate::imap::testing::check;

    #[test]
    fn filters() {
        check(
            "FILTER SIEVE DELIVERY SINCE 1-Mar-2017 TO \"x\"",
            "Filter { numbers: Seq, filter: Delivery, charset: None, \
             keys: (SINCE 1-Mar-2017 TO \\\"x\\\") }",
        );
        check(
            "uid filter sieve personal \"new\" charset UTF-8 NEW",
            "Filter { numbers: Uid, filter: Personal(\"new\"), charset: Some(\"UTF-8\"), keys: (NEW) }",
        );
        check(
            "UID FILTER SIEVE SCRIPT {8+}\r\nkeep;\r\n  ALL",
            "Filter { numbers: Uid, filter: Script(\"keep;\\r\\n \"), charset: None, keys: (ALL) }",
        );
        check(
            "FILTER SIEVE GLOBAL x 1",
            "Filter { numbers: Seq, filter: Global(\"x\"), charset: None, keys: (1) }",
        );
        check("FILTER SIEVE DELIVERY", "expected SP at byte 23");
        check("FILTER SIEVE OTHER ALL", "expected filter-spec at byte 15");
        check("FILTER X ALL", "expected filter-spec at byte 9");
        check("FILTER SIEVE SCRIPT keep; ALL", "expected string at byte 22");
    }
}
