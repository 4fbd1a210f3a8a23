//! The items of a FETCH.

use super::preview;
use super::section::{binary, body_section, section_binary};
use crate::cursor::{Cursor, Error};
use crate::imap::command::FetchItem;
use crate::imap::lists::Item;
use crate::imap::names::{Name, Seen, letter, name};

impl<'a> Item<'a> for FetchItem<'a> {
    #[inline]
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        fetch_att(cursor, Seen::Again)
    }
}

/// `fetch-att` — RFC 9051 §9, with the obsolete ones of RFC 3501 §9, `MODSEQ` of RFC 7162 §7,
/// `"EMAILID" / "THREADID"` of RFC 8474 §7 and `"SAVEDATE"` of RFC 8514 §5.
#[inline]
pub(super) fn fetch_att<'a>(cursor: &mut Cursor<'a>, seen: Seen) -> Result<FetchItem<'a>, Error> {
    let before = *cursor;
    let (name, item) = match letter(cursor, 0) {
        b'b' => return body_or_binary(cursor, seen),
        b'e' if letter(cursor, 1) == b'n' => (name!("ENVELOPE"), FetchItem::Envelope),
        b'e' => (name!("EMAILID"), FetchItem::EmailId),
        b'f' => (name!("FLAGS"), FetchItem::Flags),
        b'i' => (name!("INTERNALDATE"), FetchItem::InternalDate),
        b'm' => (name!("MODSEQ"), FetchItem::ModSeq),
        b'p' => (name!("PREVIEW"), FetchItem::Preview { lazy: false }),
        b'r' if letter(cursor, 6) != b'.' => (name!("RFC822"), FetchItem::Rfc822),
        b'r' => match letter(cursor, 7) {
            b's' => (name!("RFC822.SIZE"), FetchItem::Rfc822Size),
            b'h' => (name!("RFC822.HEADER"), FetchItem::Rfc822Header),
            _ => (name!("RFC822.TEXT"), FetchItem::Rfc822Text),
        },
        b's' => (name!("SAVEDATE"), FetchItem::SaveDate),
        b't' => (name!("THREADID"), FetchItem::ThreadId),
        _ => (name!("UID"), FetchItem::Uid),
    };
    match item {
        _ if !name.take_whole(cursor, seen) => Err(before.error("fetch-att")),
        FetchItem::Preview { .. } => preview(cursor),
        item => Ok(item),
    }
}

/// `"BODY" ["STRUCTURE"] / "BODY" [".PEEK"] section [partial] /
/// "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary` — RFC 9051 §9.
fn body_or_binary<'a>(cursor: &mut Cursor<'a>, seen: Seen) -> Result<FetchItem<'a>, Error> {
    let before = *cursor;
    let name = |cursor: &mut Cursor<'a>, name: &Name| match name.take_whole(cursor, seen) {
        true => Ok(()),
        false => Err(before.error("fetch-att")),
    };
    match (letter(cursor, 1), letter(cursor, 4), letter(cursor, 7)) {
        (b'i', _, b's') => {
            name(cursor, name!("BINARY.SIZE"))?;
            section_binary(cursor).map(FetchItem::BinarySize)
        }
        (b'i', _, b'p') => {
            name(cursor, name!("BINARY.PEEK"))?;
            binary(cursor, true)
        }
        (b'i', ..) => {
            name(cursor, name!("BINARY"))?;
            binary(cursor, false)
        }
        (_, b'.', _) => {
            name(cursor, name!("BODY.PEEK"))?;
            body_section(cursor, true, seen)
        }
        (_, b's', _) => name(cursor, name!("BODYSTRUCTURE")).map(|()| FetchItem::BodyStructure),
        (_, b'[', _) => {
            name(cursor, name!("BODY"))?;
            body_section(cursor, false, seen)
        }
        _ => name(cursor, name!("BODY")).map(|()| FetchItem::Body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            let proved = fetch_att(&mut cursor, Seen::First);
            assert!(proved.is_ok(), "{proved:?} from {items:?}");
            let seen = FetchItem::again(&mut again);
            assert_eq!(told(seen, again), told(proved, cursor), "from {items:?}");
        }
    }
}
