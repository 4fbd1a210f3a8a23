//! APPEND and REPLACE (RFC 9051 §6.3.12, RFC 3502, RFC 4469, RFC 6855, RFC 8508), whole or in pieces.
//!
//! The rule: messages may be too large to hold, and as many as the client likes. So one small state
//! ([`Place`]) knows what may come next, whether it walks a whole frame ([`AppendItems`]) or one
//! piece after the other as [`Framer`](super::Framer) hands them out ([`AppendPieces`]).

mod pieces;
#[cfg(test)]
mod tests;

use super::command::{AppendItem, AppendOctets, Command, Numbers};
use super::date::date_time;
use super::flag::flag_list;
use super::frame::literal_head;
use super::lists::List;
use super::sequence::seq_number;
use super::strings::{astring, end, mailbox, some, sp, tag};
use crate::cursor::{Cursor, Error};
use core::fmt;

pub use pieces::AppendPieces;

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
    let mut flags = List::EMPTY;
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
