//! Commands of small extensions: COMPRESS, LANGUAGE, COMPARATOR, UIDBATCHES.

use super::command::{Command, Str};
use super::lists::{List, spaced};
use super::number::nz_number;
use super::strings::{astring, atom, sp};
use crate::cursor::{Cursor, Error};

/// `compress = "COMPRESS" SP algorithm`, `algorithm = "DEFLATE"` — RFC 4978 §5. Another one is BAD,
/// but that is for the session to say (§3).
pub(super) fn compress<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    atom(cursor).map(Command::Compress)
}

/// `*(SP astring)`: what follows the word in `language-cmd = "LANGUAGE" *(SP lang-range-quoted)`
/// (RFC 5255 §3.5) and in `comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)` (§4.10).
pub(super) fn astrings<'a>(cursor: &mut Cursor<'a>) -> Result<List<'a, Str<'a>>, Error> {
    let mut ahead = *cursor;
    ahead.take_while(|byte| byte == b' ');
    if matches!(ahead.peek(), None | Some(b'\r' | b'\n')) {
        return Ok(List::EMPTY);
    }
    sp(cursor)?;
    spaced(cursor, astring)
}

/// `message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]` — RFC 10022 §4.
pub(super) fn uidbatches<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let size = nz_number(cursor)?;
    let mut batches = None;
    let mut ahead = *cursor;
    if ahead.eat(b' ') && matches!(ahead.peek(), Some(b'0'..=b'9')) {
        let first = nz_number(&mut ahead)?;
        ahead.expect(b':', "\":\"")?;
        batches = Some((first, nz_number(&mut ahead)?));
        *cursor = ahead;
    }
    Ok(Command::UidBatches { size, batches })
}

#[cfg(test)]
mod tests {
    use crate::imap::testing::check;

    #[test]
    fn compressing() {
        check("COMPRESS DEFLATE", "Compress(\"DEFLATE\")");
        check("compress deflate ", "Compress(\"deflate\")");
        check("COMPRESS", "expected SP at byte 10");
        check("COMPRESS \"DEFLATE\"", "expected atom at byte 11");
        check("COMPRESS DEFLATE 9", "expected CRLF at byte 19");
        check("UNAUTHENTICATE", "Unauthenticate");
        check("UNAUTHENTICATE x", "expected CRLF at byte 17");
    }

    #[test]
    fn languages_and_comparators() {
        check("LANGUAGE", "Language(())");
        check("LANGUAGE ", "Language(())");
        check("LANGUAGE FR-CA \"i-default\"", "Language((FR-CA \\\"i-default\\\"))");
        check("LANGUAGE (", "expected astring at byte 11");
        check("COMPARATOR", "Comparator(())");
        check("COMPARATOR \"cz;*\" i;basic", "Comparator((\\\"cz;*\\\" i;basic))");
        check("COMPARATOR cz;*", "expected SP at byte 16");
    }

    #[test]
    fn batches() {
        check("UIDBATCHES 2000", "UidBatches { size: 2000, batches: None }");
        check("uidbatches 2000 10:20 ", "UidBatches { size: 2000, batches: Some((10, 20)) }");
        check("UIDBATCHES 0", "expected nz-number at byte 13");
        check("UIDBATCHES 2000 10", "expected \":\" at byte 20");
        check("UIDBATCHES 2000 10:*", "expected nz-number at byte 21");
        check("UIDBATCHES 2000 1:2,3:4", "expected CRLF at byte 21");
        check("UIDBATCHES", "expected SP at byte 12");
    }
}
