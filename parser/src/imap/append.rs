//! APPEND and REPLACE (RFC 9051 §6.3.12, RFC 3502, RFC 4469, RFC 6855, RFC 8508), whole or in pieces.
//!
//! The rule: messages may be too large to hold, and as many as the client likes. So one small state
//! ([`Place`]) knows what may come next, whether it walks a whole frame ([`AppendItems`]) or one
//! piece after the other as [`Framer`](super::Framer) hands them out ([`AppendPieces`]).

use super::command::{
    AppendHead, AppendItem, AppendOctets, AppendPiece, AppendRead, Command, Flag, Numbers,
    SeqNumber,
};
use super::date::date_time;
use super::flag::{flag, flag_list};
use super::frame::literal_head;
use super::lists::List;
use super::parse::{CommandError, Fault};
use super::sequence::seq_number;
use super::strings::{astring, end, mailbox, some, sp, tag, word};
use crate::cursor::{Cursor, Error};
use core::fmt;

/// True if the command at the start of `input` is an APPEND or a REPLACE, as far as its first line
/// tells: then its literals are for [`AppendPieces`].
pub fn is_append(input: &[u8]) -> bool {
    let mut cursor = Cursor::new(input);
    let known = [" APPEND ", " REPLACE ", " UID REPLACE "];
    tag(&mut cursor).is_ok() && known.iter().any(|word| cursor.eat_word(word))
}

/// Where in the grammar of messages a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: At,
    /// No message may follow another: REPLACE.
    single: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// At the tag of the command.
    Start,
    /// Behind the mailbox: a message must come.
    Mailbox,
    /// Behind the `append-opts` of a message.
    Options,
    /// Behind `CATENATE (`.
    Catenate,
    /// Behind a part of a CATENATE.
    Part,
    /// Behind the literal of `UTF8 (`, which is a part of a CATENATE or the message.
    Utf8 { part: bool },
    /// Behind a message.
    Message,
}

/// Whether octets stand behind their literal's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Octets {
    /// They do: the frame is whole.
    Here,
    /// They are still to come: the piece ends there.
    ToCome,
}

/// `append = "APPEND" SP mailbox 1*append-message` — RFC 3502 §6.3.11, RFC 4466 §6.
pub(super) fn append<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let mailbox = mailbox(cursor)?;
    Ok(Command::Append { mailbox, items: messages(cursor, false)? })
}

/// `replace = "REPLACE" SP seq-number SP mailbox append-message` — RFC 8508 §5.
pub(super) fn replace<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let message = seq_number(cursor)?;
    sp(cursor)?;
    let mailbox = mailbox(cursor)?;
    Ok(Command::Replace { numbers, message, mailbox, items: messages(cursor, true)? })
}

/// The messages of a whole frame, proved right.
fn messages<'a>(cursor: &mut Cursor<'a>, single: bool) -> Result<AppendItems<'a>, Error> {
    let mut place = Place { at: At::Mailbox, single };
    let items = AppendItems { cursor: *cursor, place, octets: Octets::Here };
    while item(cursor, &mut place, Octets::Here)?.is_some() {}
    Ok(items)
}

/// The next item; `None` at the end of the command, which is taken.
///
/// `append-message = append-opts SP append-data` — RFC 4466 §6; one is enough, and only APPEND takes
/// more (RFC 8508 §3.4).
fn item<'a>(
    cursor: &mut Cursor<'a>,
    place: &mut Place,
    octets: Octets,
) -> Result<Option<AppendItem<'a>>, Error> {
    loop {
        match place.at {
            At::Message if place.single || ends(*cursor) => return end(cursor).map(|()| None),
            At::Start | At::Mailbox | At::Message => {
                sp(cursor)?;
                place.at = At::Options;
                return append_opts(cursor).map(Some);
            }
            At::Options => {
                if let Some(item) = append_data(cursor, place, octets)? {
                    return Ok(Some(item));
                }
            }
            At::Part if cursor.eat(b')') => place.at = At::Message,
            At::Part => {
                sp(cursor)?;
                return cat_part(cursor, place, octets).map(Some);
            }
            At::Catenate => return cat_part(cursor, place, octets).map(Some),
            At::Utf8 { part } => {
                cursor.expect(b')', "\")\"")?;
                place.at = if part { At::Part } else { At::Message };
            }
        }
    }
}

/// `append-opts = [SP flag-list] [SP date-time] *(SP append-ext)` — RFC 4466 §6; no `append-ext` is
/// known. The `SP` that goes before `append-data` is taken too.
fn append_opts<'a>(cursor: &mut Cursor<'a>) -> Result<AppendItem<'a>, Error> {
    let mut flags: List<'a, Flag<'a>> = List::empty(flag);
    if cursor.peek() == Some(b'(') {
        flags = flag_list(cursor)?;
        sp(cursor)?;
    }
    let mut date = None;
    if cursor.peek() == Some(b'"') {
        date = Some(date_time(cursor)?);
        sp(cursor)?;
    }
    Ok(AppendItem::Message { flags, date_time: date })
}

/// `append-data = literal / literal8 / append-data-ext` — RFC 4466 §6,
/// `append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"` — RFC 4469 §5,
/// `append-data =/ utf8-literal` — RFC 6855 §4. `None` for a CATENATE, whose parts follow.
fn append_data<'a>(
    cursor: &mut Cursor<'a>,
    place: &mut Place,
    octets: Octets,
) -> Result<Option<AppendItem<'a>>, Error> {
    if matches!(cursor.peek(), Some(b'{' | b'~')) {
        place.at = At::Message;
        return literal(cursor, octets).map(|octets| Some(AppendItem::Octets(octets)));
    }
    if cursor.eat_word("CATENATE (") {
        place.at = At::Catenate;
        return Ok(None);
    }
    if cursor.eat_word("UTF8 (") {
        return utf8_literal(cursor, place, octets, false).map(Some);
    }
    Err(cursor.error("literal"))
}

/// `cat-part = text-literal / url`, `text-literal = "TEXT" SP literal`, `url = "URL" SP astring` —
/// RFC 4469 §5, `cat-part =/ utf8-literal` — RFC 6855 §4.
fn cat_part<'a>(
    cursor: &mut Cursor<'a>,
    place: &mut Place,
    octets: Octets,
) -> Result<AppendItem<'a>, Error> {
    if cursor.eat_word("URL ") {
        place.at = At::Part;
        return astring(cursor).map(AppendItem::Url);
    }
    if cursor.eat_word("UTF8 (") {
        return utf8_literal(cursor, place, octets, true);
    }
    let before = *cursor;
    if !cursor.eat_word("TEXT ") {
        return Err(before.error("cat-part"));
    }
    if cursor.peek() != Some(b'{') {
        return Err(cursor.error("literal"));
    }
    place.at = At::Part;
    let octets = literal(cursor, octets)?;
    Ok(AppendItem::Octets(AppendOctets { part: true, ..octets }))
}

/// `utf8-literal = "UTF8" SP "(" literal8 ")"` — RFC 6855 §4, behind its `(`.
fn utf8_literal<'a>(
    cursor: &mut Cursor<'a>,
    place: &mut Place,
    octets: Octets,
    part: bool,
) -> Result<AppendItem<'a>, Error> {
    if cursor.peek() != Some(b'~') {
        return Err(cursor.error("literal8"));
    }
    place.at = At::Utf8 { part };
    let octets = literal(cursor, octets)?;
    Ok(AppendItem::Octets(AppendOctets { part, utf8: true, ..octets }))
}

/// `literal / literal8` — RFC 9051 §9: its head, and its octets if they are there.
fn literal<'a>(cursor: &mut Cursor<'a>, octets: Octets) -> Result<AppendOctets<'a>, Error> {
    let before = *cursor;
    cursor.eat(b'~');
    cursor.expect(b'{', "literal")?;
    some(cursor, |byte| byte.is_ascii_digit(), "number64")?;
    cursor.eat(b'+');
    cursor.expect(b'}', "\"}\"")?;
    cursor.eat(b'\r');
    cursor.expect(b'\n', "CRLF")?;
    // Read as the framer reads it, however many digits there are.
    let literal = literal_head(cursor.since(before)).ok_or_else(|| before.error("literal"))?;
    let octets = match octets {
        Octets::ToCome if cursor.is_empty() => &[],
        Octets::ToCome => return Err(cursor.error("end of the piece")),
        Octets::Here => {
            let size = usize::try_from(literal.size).map_err(|_| cursor.error("literal"))?;
            cursor.take(size, "literal")?
        }
    };
    Ok(AppendOctets { literal, octets, part: false, utf8: false })
}

/// Nothing but spaces and the end of the line is left.
fn ends(mut cursor: Cursor<'_>) -> bool {
    cursor.take_while(|byte| byte == b' ');
    matches!(cursor.peek(), None | Some(b'\r' | b'\n'))
}

/// The items of an APPEND that has been read and found right, in order.
#[derive(Clone)]
pub struct AppendItems<'a> {
    cursor: Cursor<'a>,
    place: Place,
    octets: Octets,
}

impl<'a> Iterator for AppendItems<'a> {
    type Item = AppendItem<'a>;
    fn next(&mut self) -> Option<AppendItem<'a>> {
        if self.cursor.is_empty() {
            return None;
        }
        item(&mut self.cursor, &mut self.place, self.octets).ok().flatten()
    }
}

impl AppendItems<'_> {
    /// True behind the last item: the end that a right command is walked to.
    pub(crate) fn is_done(&self) -> bool {
        self.cursor.is_empty()
    }
}

impl fmt::Debug for AppendItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Compared by the bytes they were written in, and by where those stand in the grammar.
impl PartialEq for AppendItems<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cursor.rest() == other.cursor.rest()
            && (self.place, self.octets) == (other.place, other.octets)
    }
}

/// Reads an APPEND or REPLACE whose messages go elsewhere while they come in.
///
/// A session hands each [`Frame::Literal`](super::Frame) and, in the end, the
/// [`Frame::Complete`](super::Frame) to [`read`](Self::read). What it does with a literal is for it to
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
        let tag = if self.start.at == At::Start { super::tag_of(piece) } else { None };
        let syntax = |error| CommandError::new(tag, Fault::Syntax, error);
        cursor.take(self.proved, "the piece of before").map_err(syntax)?;
        let mut place = self.reached;
        let awaits = |error: Error| {
            error.offset == piece.len() && literal_head(piece).is_some_and(|head| !head.binary)
        };
        if place.at == At::Start {
            match start(&mut cursor) {
                Ok((_, begun)) => place = begun,
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
        let piece = self.piece(piece, literal)?;
        *self = Self { start: place, proved: 0, reached: place };
        Ok(AppendRead::Piece(piece))
    }

    /// A piece that has been proved right.
    fn piece<'a>(
        &self,
        piece: &'a [u8],
        literal: Option<super::Literal>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::testing::check;
    use crate::imap::{Frame, Framer, Limits};
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    /// The first piece of an APPEND.
    #[track_caller]
    fn head(piece: &str, want: &str) {
        let told = match AppendPieces::new().read(piece.as_bytes()) {
            Ok(AppendRead::Piece(AppendPiece { head: Some(head), items, literal })) => {
                let replaces = head.replaces.map(|replaces| format!(" for {replaces:?}"));
                let literal = literal.map(|literal| (literal.size, literal.synchronizing));
                let items: Vec<_> = items.map(told).collect();
                format!(
                    "{}{} {:?}: {} {literal:?}",
                    head.tag,
                    replaces.unwrap_or_default(),
                    head.mailbox,
                    items.join(", ")
                )
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("{:?} {:?} {}", error.tag, error.fault, error.error),
        };
        assert_eq!(told, want, "from {piece:?}");
    }

    fn told(item: AppendItem<'_>) -> String {
        match item {
            AppendItem::Message { flags, date_time } => {
                let seconds = date_time.map(|at| format!(" at {}", at.unix_seconds));
                format!("{flags:?}{}", seconds.unwrap_or_default())
            }
            AppendItem::Octets(AppendOctets { literal, octets, part, utf8 }) => {
                let sign = if literal.binary { "~" } else { "" };
                let kind = if part { "part" } else { "message" };
                let utf8 = if utf8 { " in UTF-8" } else { "" };
                format!("{kind}{utf8} {sign}{} {}", literal.size, octets.escape_ascii())
            }
            AppendItem::Url(url) => format!("url {url:?}"),
        }
    }

    #[test]
    fn first_pieces() {
        head("a APPEND INBOX {310}\r\n", "a \"INBOX\": (), message 310  Some((310, true))");
        head(
            "a append \"b c\" (\\Seen $X) {9+}\n",
            "a \"b c\": (\\\\Seen $X), message 9  Some((9, false))",
        );
        head(
            "a APPEND x (\\Seen) \" 1-Feb-2020 00:00:00 +0000\" ~{7}\r\n",
            "a \"x\": (\\\\Seen) at 1580515200, message ~7  Some((7, true))",
        );
        head("a APPEND x () {0}\r\n", "a \"x\": (), message 0  Some((0, true))"); // pitfall 13 is the session's
        head(
            "a APPEND x {18446744073709551616}\r\n",
            "a \"x\": (), message 18446744073709551615  Some((18446744073709551615, true))",
        );
        head("a APPEND x UTF8 (~{7+}\r\n", "a \"x\": (), message in UTF-8 ~7  Some((7, false))");
        head(
            "a APPEND x CATENATE (TEXT {1}\r\n",
            "a \"x\": (), part 1  Some((1, true))", //
        );
        head(
            "a APPEND x CATENATE (URL \"/b\" UTF8 (~{1}\r\n",
            "a \"x\": (), url \"/b\", part in UTF-8 ~1  Some((1, true))",
        );
        head("a APPEND x CATENATE (URL /b)\r\n", "a \"x\": (), url \"/b\" None");
        head(
            "a REPLACE 4 x {3}\r\n",
            "a for (Seq, Number(4)) \"x\": (), message 3  Some((3, true))",
        );
        head(
            "a UID REPLACE * \"x\" (\\Draft) {3+}\r\n",
            "a for (Uid, Largest) \"x\": (\\\\Draft), message 3  Some((3, false))",
        );
    }

    #[test]
    fn literals_that_are_no_message() {
        head("a APPEND {5}\r\n", "Name");
        head("a APPEND {5+}\r\n", "Name");
        head("a APPEND {0}\r\n", "Name");
        head("a REPLACE 1 {5}\r\n", "Name");
        head("a APPEND {1}\r\nx {5}\r\n", "a \"x\": (), message 5  Some((5, true))");
        head("a APPEND {0}\r\n {5}\r\n", "a \"\": (), message 5  Some((5, true))");
        // A mailbox whose name looks like the head of a literal.
        head(
            "a APPEND {6}\r\n {1}\r\n {5}\r\n",
            "a \" {1}\\r\\n\": (), message 5  Some((5, true))",
        );
        head("a APPEND x CATENATE (URL {5}\r\n", "Url");
        head("a APPEND x CATENATE (URL /a URL {0+}\r\n", "Url");
        head("a APPEND x CATENATE (URL {2}\r\n/a URL {2+}\r\n", "Url");
    }

    #[test]
    fn what_is_no_piece() {
        head("a APPEND x{5}\r\n", "Some(\"a\") Syntax expected SP at byte 10");
        head("a APPEND x y {5}\r\n", "Some(\"a\") Syntax expected literal at byte 11");
        head("a APPEND x (\\Seen {5}\r\n", "Some(\"a\") Syntax expected flag at byte 18");
        head("a APPEND x {5} {6}\r\n", "Some(\"a\") Syntax expected CRLF at byte 14");
        head("a APPEND {5} {6}\r\n", "Some(\"a\") Syntax expected CRLF at byte 12");
        head("a APPEND ~{5}\r\n", "Some(\"a\") Syntax expected SP at byte 10");
        head("a APPEND x\r\n", "Some(\"a\") Syntax expected SP at byte 10");
        head("a APPEND x UTF8 ({5}\r\n", "Some(\"a\") Syntax expected literal8 at byte 17");
        head("a APPEND x UTF8 ~{5}\r\n", "Some(\"a\") Syntax expected literal at byte 11");
        head("a APPEND x CATENATE ({5}\r\n", "Some(\"a\") Syntax expected cat-part at byte 21");
        head("a APPEND x CATENATE ()\r\n", "Some(\"a\") Syntax expected cat-part at byte 21");
        head("a APPEND x CATENATE (TEXT x)\r\n", "Some(\"a\") Syntax expected literal at byte 26");
        head(
            "a APPEND x CATENATE (TEXT ~{1}\r\n",
            "Some(\"a\") Syntax expected literal at byte 26",
        );
        head("a APPEND x CATENATE (URL /a\r\n", "Some(\"a\") Syntax expected SP at byte 27");
        head("a REPLACE 0 x {5}\r\n", "Some(\"a\") Syntax expected nz-number at byte 10");
        head("a REPLACE 1:2 x {5}\r\n", "Some(\"a\") Syntax expected SP at byte 11");
        head("a UID APPEND x {5}\r\n", "Some(\"a\") Unknown expected APPEND at byte 1");
        head("a LOGIN {5}\r\n", "Some(\"a\") Unknown expected APPEND at byte 1");
        head("(APPEND {5}\r\n", "None Syntax expected tag at byte 0");
        head("", "None Syntax expected tag at byte 0");
    }

    #[test]
    fn told_from_other_commands() {
        assert!(is_append(b"a append x {5}\r\n"));
        assert!(is_append(b"a APPEND "));
        assert!(is_append(b"a replace 1 x {5}\r\n"));
        assert!(is_append(b"a UID REPLACE 1 x {5}\r\n"));
        assert!(!is_append(b"a UID APPEND x"));
        assert!(!is_append(b"a APPENDX x"));
        assert!(!is_append(b"APPEND x"));
        assert!(!is_append(b""));
    }

    /// What a session sees of a command whose literals it takes as streams, names and URLs apart.
    fn streamed(command: &str) -> Vec<String> {
        let limits = Limits { line_bytes_max: 1_000, frame_bytes_max: 1_000 };
        let (mut framer, mut pieces, mut told) = (Framer::new(), AppendPieces::new(), Vec::new());
        let mut rest = command.as_bytes();
        loop {
            let (bytes, done) = match framer.next(rest, &limits) {
                Frame::Literal { head_bytes, .. } => (head_bytes, false),
                Frame::Complete { bytes } => (bytes, true),
                other => panic!("{other:?}"),
            };
            match pieces.read(&rest[..bytes]) {
                Ok(AppendRead::Piece(piece)) => {
                    told.extend(piece.items.clone().map(super::tests::told));
                    assert_eq!(piece.literal.is_none(), done);
                    let Some(literal) = piece.literal else { return told };
                    framer.reset();
                    rest = &rest[bytes..];
                    let octets;
                    (octets, rest) = rest.split_at(usize::try_from(literal.size).unwrap());
                    told.last_mut().unwrap().push_str(&octets.escape_ascii().to_string());
                }
                Ok(_) => assert!(framer.accept_literal()),
                Err(error) => return [error.to_string()].into(),
            }
        }
    }

    /// The items of a command, which are the same from the whole frame and in pieces.
    #[track_caller]
    fn items(command: &str, want: &[&str]) {
        let command = format!("a {command}\r\n");
        let whole: Vec<String> = match crate::imap::command(command.as_bytes()) {
            Ok(tagged) => match tagged.command {
                Command::Append { items, .. } | Command::Replace { items, .. } => {
                    items.map(told).collect()
                }
                other => panic!("{other:?}"),
            },
            Err(error) => [error.to_string()].into(),
        };
        assert_eq!(whole, want, "from {command:?}");
        if !whole[0].starts_with("expected") {
            assert_eq!(streamed(&command), want, "in pieces");
        }
    }

    #[test]
    fn many_messages() {
        items("APPEND x {3}\r\nabc", &["()", "message 3 abc"]);
        items("APPEND {1+}\r\nx {3}\r\nabc ", &["()", "message 3 abc"]); // a trailing space
        items(
            "APPEND x (\\Seen) {3}\r\nabc \" 1-Feb-2020 00:00:00 +0000\" {2+}\r\n\r\n ~{1}\r\nz",
            &[
                "(\\\\Seen)",
                "message 3 abc",
                "() at 1580515200",
                "message 2 \\r\\n",
                "()",
                "message ~1 z",
            ],
        );
        items("APPEND x {0}\r\n {0}\r\n", &["()", "message 0 ", "()", "message 0 "]);
        items("APPEND x {3}\r\nabcd", &["expected SP at byte 19"]);
        items("APPEND x {3}\r\nabc x", &["expected literal at byte 20"]);
        items("APPEND x {3}\r\nabc (\\Seen)", &["expected SP at byte 27"]);
        items("APPEND x", &["expected SP at byte 10"]);
        items("APPEND x abc", &["expected literal at byte 11"]);
        items("APPEND x \"abc\"", &["expected date-day at byte 12"]);
    }

    #[test]
    fn catenations() {
        items(
            "APPEND x (\\Seen) CATENATE (URL \"/D;UID=20\" TEXT {2+}\r\n\r\n URL {2}\r\n/E \
             text {1}\r\ny UTF8 (~{3}\r\n\u{e9}!)) UTF8 (~{2}\r\n\u{e9}) {1}\r\nz",
            &[
                "(\\\\Seen)",
                "url \"/D;UID=20\"",
                "part 2 \\r\\n",
                "url \"/E\"",
                "part 1 y",
                "part in UTF-8 ~3 \\xc3\\xa9!",
                "()",
                "message in UTF-8 ~2 \\xc3\\xa9",
                "()",
                "message 1 z",
            ],
        );
        items(
            "APPEND x CATENATE (URL /a URL \"/\\\\b\")",
            &["()", "url \"/a\"", "url \"/\\\\\\\\b\""],
        );
        items(
            "APPEND x CATENATE (TEXT {1}\r\na) CATENATE (TEXT {1}\r\nb)",
            &["()", "part 1 a", "()", "part 1 b"],
        );
        items("APPEND x CATENATE (TEXT {1}\r\na TEXT)", &["expected cat-part at byte 33"]);
        items("APPEND x CATENATE (TEXT {1}\r\na", &["expected SP at byte 32"]);
        items("APPEND x CATENATE (URL /a )", &["expected cat-part at byte 28"]);
        items("APPEND x UTF8 (~{1}\r\na", &["expected \")\" at byte 24"]);
        items("APPEND x CATENATE(TEXT {1}\r\na)", &["expected literal at byte 11"]);
    }

    #[test]
    fn replacements() {
        check(
            "REPLACE 4 Drafts {3+}\r\nabc",
            "Replace { numbers: Seq, message: Number(4), mailbox: \"Drafts\", items: [Message { \
             flags: (), date_time: None }, Octets(AppendOctets { literal: Literal { size: 3, \
             synchronizing: false, binary: false }, octets: [97, 98, 99], part: false, \
             utf8: false })] }",
        );
        items("UID REPLACE * x (\\Seen) {1}\r\na", &["(\\\\Seen)", "message 1 a"]);
        items("REPLACE 1 x CATENATE (URL /a)", &["()", "url \"/a\""]);
        items("REPLACE 1 x {1}\r\na {1}\r\nb", &["expected CRLF at byte 21"]); // one only
        items("REPLACE x {1}\r\na", &["expected nz-number at byte 10"]);
    }

    /// What was proved is not read again, however many literals come into one piece.
    #[test]
    fn urls_in_literals_are_linear_work() {
        let mut piece = String::from("a APPEND x CATENATE (URL /x");
        let (mut pieces, mut steps) = (AppendPieces::new(), 0);
        for _ in 0..1_000 {
            piece.push_str(" URL {2}\r\n");
            let (read, took) = crate::steps::count(|| pieces.read(piece.as_bytes()));
            assert!(matches!(read, Ok(AppendRead::Url)), "{read:?}");
            steps += took;
            piece.push_str("/a");
        }
        piece.push_str(" TEXT {1}\r\n");
        let Ok(AppendRead::Piece(last)) = pieces.read(piece.as_bytes()) else { panic!("a piece") };
        assert_eq!(last.items.count(), 1_003);
        assert!(steps < 8 * piece.len(), "{steps} steps for {} bytes", piece.len());
    }

    #[test]
    fn literal_minus() {
        // RFC 7888 §5
        let literal = |head: &str| literal_head(head.as_bytes()).unwrap();
        assert!(literal("{4096+}\r\n").is_within_literal_minus());
        assert!(!literal("{4097+}\r\n").is_within_literal_minus());
        assert!(!literal("~{4097+}\r\n").is_within_literal_minus());
        assert!(literal("{4097}\r\n").is_within_literal_minus());
    }
}
