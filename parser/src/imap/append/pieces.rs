//! An APPEND whose messages go elsewhere while they come in.

use super::{AppendItems, At, Octets, Place, item};
use crate::cursor::{Cursor, Error};
use crate::imap::command::{
    AppendHead, AppendItem, AppendPiece, AppendRead, Literal, Numbers, SeqNumber,
};
use crate::imap::frame::literal_head;
use crate::imap::parse::{CommandError, Fault};
use crate::imap::sequence::seq_number;
use crate::imap::strings::{mailbox, sp, tag, word};
use crate::imap::tag_of;

/// Reads an APPEND or REPLACE whose messages go elsewhere while they come in.
///
/// A session hands each [`Frame::Literal`](crate::imap::Frame) and, in the end, the
/// [`Frame::Complete`](crate::imap::Frame) to [`read`](Self::read). What it does with a literal is for it to
/// say, before a byte of it is there: take it as a stream, accept it into the frame or refuse it.
///
/// ```
/// use parser::imap::{AppendItem, AppendPieces, AppendRead};
///
/// let mut pieces = AppendPieces::new();
/// let AppendRead::Piece(first) = pieces.read(b"a1 APPEND INBOX (\\Seen) {310+}\r\n")? else {
///     panic!("the literal is a message");
/// };
/// assert_eq!(first.literal.map(|literal| literal.size), Some(310));
/// // 310 bytes later: a second message, of two parts.
/// let more = b" CATENATE (URL \"/INBOX;UIDVALIDITY=7/;UID=9\" TEXT {42}\r\n";
/// let AppendRead::Piece(second) = pieces.read(more)? else { panic!("a part") };
/// assert!(matches!(second.items.last(), Some(AppendItem::Octets(part)) if part.part));
/// // 42 bytes later: the end.
/// let AppendRead::Piece(last) = pieces.read(b")\r\n")? else { panic!("the end") };
/// assert_eq!(last.literal, None);
/// # Ok::<(), parser::imap::CommandError<'_>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendPieces {
    /// Where the piece at hand starts.
    start: Place,
    /// So many bytes of it are proved right, and lead to `reached`: none is read twice to prove it.
    proved: usize,
    reached: Place,
}

impl Default for AppendPieces {
    fn default() -> Self {
        Self::new()
    }
}

impl AppendPieces {
    /// A reader for the piece that begins with a tag.
    pub const fn new() -> Self {
        let start = Place { at: At::Start, single: false };
        Self { start, proved: 0, reached: start }
    }

    /// Reads `piece`: all from the tag or, later, from behind the octets of the last literal.
    ///
    /// # Errors
    /// It is no piece of an APPEND or REPLACE. Only an error in the first piece knows the tag.
    pub fn read<'a>(&mut self, piece: &'a [u8]) -> Result<AppendRead<'a>, CommandError<'a>> {
        let mut cursor = Cursor::new(piece);
        let tagged = self.start.at == At::Start;
        let syntax = |error| {
            let tag = if tagged { tag_of(piece) } else { None };
            CommandError::new(tag, Fault::Syntax, error)
        };
        cursor.take(self.proved, "the piece of before").map_err(syntax)?;
        let mut place = self.reached;
        let awaits = |error: Error| {
            error.offset == piece.len() && literal_head(piece).is_some_and(|head| !head.binary)
        };
        let mut begun = None;
        if place.at == At::Start {
            match start(&mut cursor) {
                Ok((head, reached)) => {
                    place = reached;
                    begun = Some((head, AppendItems { cursor, place, octets: Octets::ToCome }));
                }
                Err(error) if awaits(error.error) => return Ok(AppendRead::Name),
                Err(error) => return Err(error),
            }
        }
        let mut literal = None;
        while literal.is_none() {
            let before = (cursor.offset(), place);
            match item(&mut cursor, &mut place, Octets::ToCome) {
                Ok(Some(AppendItem::Octets(octets))) => literal = Some(octets.literal),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) if awaits(error) => {
                    if before.1.at == At::Mailbox {
                        return Ok(AppendRead::Name); // `{0}`: all of it is there
                    }
                    (self.proved, self.reached) = before;
                    return Ok(AppendRead::Url);
                }
                Err(error) => return Err(syntax(error)),
            }
        }
        let piece = match begun {
            Some((head, items)) => AppendPiece { head: Some(head), items, literal },
            None => self.piece(piece, literal)?,
        };
        *self = Self { start: place, proved: 0, reached: place };
        Ok(AppendRead::Piece(piece))
    }

    /// A piece that has been proved right, if its start was at another time or is none.
    fn piece<'a>(
        &self,
        piece: &'a [u8],
        literal: Option<Literal>,
    ) -> Result<AppendPiece<'a>, CommandError<'a>> {
        let (mut cursor, mut place, mut head) = (Cursor::new(piece), self.start, None);
        if place.at == At::Start {
            let (read, begun) = start(&mut cursor)?;
            (head, place) = (Some(read), begun);
        }
        let items = AppendItems { cursor, place, octets: Octets::ToCome };
        Ok(AppendPiece { head, items, literal })
    }
}

/// `tag SP ("APPEND" / ["UID" SP] "REPLACE" SP seq-number) SP mailbox` — RFC 9051 §9, RFC 8508 §5.
fn start<'a>(cursor: &mut Cursor<'a>) -> Result<(AppendHead<'a>, Place), CommandError<'a>> {
    let tag = tag(cursor).map_err(|error| CommandError::new(None, Fault::Syntax, error))?;
    let before = *cursor;
    let mut read = || {
        sp(cursor)?;
        let mut name = word(cursor);
        let mut numbers = Numbers::Seq;
        if name.as_bytes() == b"UID" {
            sp(cursor)?;
            (name, numbers) = (word(cursor), Numbers::Uid);
        }
        let replaces: Option<(Numbers, SeqNumber)> = match (name.as_bytes(), numbers) {
            (b"APPEND", Numbers::Seq) => None,
            (b"REPLACE", _) => {
                sp(cursor)?;
                Some((numbers, seq_number(cursor)?))
            }
            _ => return Ok(None),
        };
        sp(cursor)?;
        let mailbox = mailbox(cursor)?;
        let place = Place { at: At::Mailbox, single: replaces.is_some() };
        Ok(Some((AppendHead { tag, replaces, mailbox }, place)))
    };
    match read() {
        Ok(Some(started)) => Ok(started),
        Ok(None) => Err(CommandError::new(Some(tag), Fault::Unknown, before.error("APPEND"))),
        Err(error) => Err(CommandError::new(Some(tag), Fault::Syntax, error)),
    }
}
