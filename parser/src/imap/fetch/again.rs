//! Items seen again: told from each other by a letter or two, not by the whole word.
//!
//! The rule: what stands here has been proved right by [`fetch_att`](super::fetch_att). So an item is known
//! by the first letter that no other has, and goes on for as many bytes as its name has: a quarter of the
//! instructions of reading the word, and of those of a FETCH of a phone a tenth.

use super::section::{binary, body_section, section_binary};
use super::{FetchItem, preview};
use crate::cursor::{Cursor, Error};
use crate::imap::command::SectionText;
use crate::imap::lists::{Item, List, step_over_flat};

impl<'a> Item<'a> for FetchItem<'a> {
    #[inline]
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let (name, item) = match letter(cursor, 0) {
            b'b' if letter(cursor, 1) == b'i' => return binary_again(cursor),
            b'b' => return body_again(cursor),
            b'e' if letter(cursor, 1) == b'n' => ("ENVELOPE", Self::Envelope),
            b'e' => ("EMAILID", Self::EmailId),
            b'f' => ("FLAGS", Self::Flags),
            b'i' => ("INTERNALDATE", Self::InternalDate),
            b'm' => ("MODSEQ", Self::ModSeq),
            b'p' => {
                step(cursor, "PREVIEW");
                return preview(cursor);
            }
            b'r' if letter(cursor, 6) != b'.' => ("RFC822", Self::Rfc822),
            b'r' => match letter(cursor, 7) {
                b's' => ("RFC822.SIZE", Self::Rfc822Size),
                b'h' => ("RFC822.HEADER", Self::Rfc822Header),
                _ => ("RFC822.TEXT", Self::Rfc822Text),
            },
            b's' => ("SAVEDATE", Self::SaveDate),
            b't' => ("THREADID", Self::ThreadId),
            _ => ("UID", Self::Uid),
        };
        step(cursor, name);
        Ok(item)
    }
}

/// `"BODY"`, `"BODYSTRUCTURE"`, `"BODY[" …` or `"BODY.PEEK[" …`.
fn body_again<'a>(cursor: &mut Cursor<'a>) -> Result<FetchItem<'a>, Error> {
    step(cursor, "BODY");
    match cursor.peek() {
        Some(b'[') => body_section(cursor, false, section_text_again),
        Some(b'.') => {
            step(cursor, ".PEEK");
            body_section(cursor, true, section_text_again)
        }
        Some(b's' | b'S') => {
            step(cursor, "STRUCTURE");
            Ok(FetchItem::BodyStructure)
        }
        _ => Ok(FetchItem::Body),
    }
}

/// `"BINARY[" …`, `"BINARY.PEEK[" …` or `"BINARY.SIZE[" …`.
fn binary_again<'a>(cursor: &mut Cursor<'a>) -> Result<FetchItem<'a>, Error> {
    step(cursor, "BINARY");
    match letter(cursor, 1) {
        b'p' => {
            step(cursor, ".PEEK");
            binary(cursor, true)
        }
        b's' if cursor.eat(b'.') => {
            step(cursor, "SIZE");
            section_binary(cursor).map(FetchItem::BinarySize)
        }
        _ => binary(cursor, false),
    }
}

/// `section-text`, seen again.
fn section_text_again<'a>(cursor: &mut Cursor<'a>, _: bool) -> Result<SectionText<'a>, Error> {
    match letter(cursor, 0) {
        b'h' => step(cursor, "HEADER"),
        b't' => {
            step(cursor, "TEXT");
            return Ok(SectionText::Text);
        }
        _ => {
            step(cursor, "MIME");
            return Ok(SectionText::Mime);
        }
    }
    if !cursor.eat(b'.') {
        return Ok(SectionText::Header);
    }
    step(cursor, "FIELDS");
    let not = cursor.eat(b'.');
    step(cursor, if not { "NOT " } else { " " });
    let names = List::proved(step_over_flat(cursor)?);
    Ok(if not { SectionText::HeaderFieldsNot(names) } else { SectionText::HeaderFields(names) })
}

/// The byte at a place ahead, letters small; 0 at the end.
#[inline]
fn letter(cursor: &Cursor<'_>, place: usize) -> u8 {
    cursor.rest().get(place).map_or(0, u8::to_ascii_lowercase)
}

/// Steps over a name that is known to be there.
#[inline]
fn step(cursor: &mut Cursor<'_>, name: &str) {
    cursor.take_at_most(name.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::fetch::fetch_att;
    use alloc::format;
    use alloc::string::String;

    /// An item is the same whether it is proved or seen again, in any case, at the end and before others.
    #[test]
    fn items_seen_again() {
        let names = "UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ ENVELOPE BODYSTRUCTURE BODY RFC822 \
            RFC822.HEADER RFC822.TEXT PREVIEW EMAILID THREADID SAVEDATE BODY[] BODY.PEEK[1.2]<3.4> \
            BODY[HEADER] BODY[1.MIME] BODY[2.TEXT] BODY[3.HEADER] BODY[TEXT] BINARY[] BINARY[1]<2.3> \
            BINARY.PEEK[1] BINARY.SIZE[2.3]";
        let lists = [
            "PREVIEW (LAZY)",
            "BODY[HEADER.FIELDS (A)]",
            "BODY.PEEK[1.HEADER.FIELDS.NOT (\"a)\" {1}\r\n) B)]<1.2>",
        ];
        for name in names.split_ascii_whitespace().chain(lists) {
            for next in names.split_ascii_whitespace().chain(lists) {
                check(&format!("{name} {next}"));
            }
            check(name);
        }
    }

    #[track_caller]
    fn check(items: &str) {
        let told = |item: Result<FetchItem<'_>, Error>, cursor: Cursor<'_>| -> String {
            format!("{item:?} and {}", cursor.rest().escape_ascii())
        };
        for items in [items, &items.to_ascii_lowercase()] {
            let mut cursor = Cursor::new(items.as_bytes());
            let mut again = cursor;
            let proved = fetch_att(&mut cursor);
            assert!(proved.is_ok(), "{proved:?} from {items:?}");
            let seen = FetchItem::again(&mut again);
            assert_eq!(told(seen, again), told(proved, cursor), "from {items:?}");
        }
    }
}
