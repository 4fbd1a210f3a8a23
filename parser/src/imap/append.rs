//! APPEND (RFC 9051 §6.3.12): read in two parts, since its message may be too large to hold.

use super::command::{AppendHead, Command, DateTime, Flag, Str};
use super::date::date_time;
use super::flag::{flag, flag_list};
use super::frame::literal_head;
use super::lists::List;
use super::parse::{CommandError, Fault};
use super::strings::{literal_octets, mailbox, sp, tag};
use crate::cursor::{Cursor, Error};
use crate::steps;

/// True if the command at the start of `input` is an APPEND, as far as its first line tells.
pub fn is_append(input: &[u8]) -> bool {
    let mut cursor = Cursor::new(input);
    tag(&mut cursor).is_ok() && cursor.eat_word(" APPEND ")
}

/// An APPEND cut right behind the head of a literal, as [`Frame::Literal`](super::Frame) tells.
///
/// `None` if the literal is the mailbox's name and not yet the message: accept it into the frame.
///
/// # Errors
/// What stands before the literal is no APPEND that could go on with it.
pub fn append_head(head: &[u8]) -> Result<Option<(&str, AppendHead<'_>)>, CommandError<'_>> {
    let mut cursor = Cursor::new(head);
    let tag = tag(&mut cursor).map_err(|error| CommandError::new(None, Fault::Syntax, error))?;
    let syntax = |error| CommandError::new(Some(tag), Fault::Syntax, error);
    if !cursor.eat_word(" APPEND ") {
        return Err(CommandError::new(Some(tag), Fault::Unknown, cursor.error("APPEND")));
    }
    if starts_literal(cursor) && literal_head(cursor.rest()).is_some() && is_one_line(cursor) {
        return Ok(None);
    }
    let (mailbox, flags, date_time) = before_literal(&mut cursor).map_err(syntax)?;
    match literal_head(cursor.rest()) {
        Some(literal) if starts_literal(cursor) && is_one_line(cursor) => {
            Ok(Some((tag, AppendHead { mailbox, flags, date_time, literal })))
        }
        _ => Err(syntax(cursor.error("literal"))),
    }
}

/// `append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal` — RFC 9051 §9, with
/// `literal8` of RFC 3516 §6.
pub(super) fn append<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let (mailbox, flags, date_time) = before_literal(cursor)?;
    let rest = cursor.rest();
    let line = steps::find(b'\n', rest).and_then(|end| rest.get(..=end)).unwrap_or(rest);
    let literal = literal_head(line).filter(|_| starts_literal(*cursor));
    let literal = literal.ok_or_else(|| cursor.error("literal"))?;
    cursor.eat(b'~');
    let message = literal_octets(cursor)?;
    Ok(Command::Append { head: AppendHead { mailbox, flags, date_time, literal }, message })
}

type BeforeLiteral<'a> = (Str<'a>, List<'a, Flag<'a>>, Option<DateTime>);

/// `mailbox [SP flag-list] [SP date-time] SP`
fn before_literal<'a>(cursor: &mut Cursor<'a>) -> Result<BeforeLiteral<'a>, Error> {
    let mailbox = mailbox(cursor)?;
    sp(cursor)?;
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
    Ok((mailbox, flags, date))
}

/// A literal, or a literal8, starts right here.
fn starts_literal(cursor: Cursor<'_>) -> bool {
    cursor.rest().starts_with(b"{") || cursor.rest().starts_with(b"~{")
}

/// The first line end is the last byte.
fn is_one_line(cursor: Cursor<'_>) -> bool {
    steps::find(b'\n', cursor.rest()) == cursor.rest().len().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::super::command::Literal;
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[track_caller]
    fn check(head: &str, want: &str) {
        let told = match append_head(head.as_bytes()) {
            Ok(None) => "mailbox".to_string(),
            Ok(Some((tag, AppendHead { mailbox, flags, date_time, literal }))) => {
                let seconds = date_time.map(|date_time| date_time.unix_seconds);
                let Literal { size, synchronizing, binary } = literal;
                format!("{tag} {mailbox:?} {flags:?} {seconds:?} {size} {synchronizing} {binary}")
            }
            Err(error) => format!("{:?} {:?} {}", error.tag, error.fault, error.error),
        };
        assert_eq!(told, want, "from {head:?}");
    }

    #[test]
    fn heads() {
        check("a APPEND INBOX {310}\r\n", "a \"INBOX\" () None 310 true false");
        check("a append \"b c\" (\\Seen $X) {9+}\n", "a \"b c\" (\\\\Seen $X) None 9 false false");
        check(
            "a APPEND x (\\Seen) \" 1-Feb-2020 00:00:00 +0000\" ~{7}\r\n",
            "a \"x\" (\\\\Seen) Some(1580515200) 7 true true",
        );
        check("a APPEND x () {0}\r\n", "a \"x\" () None 0 true false"); // pitfall 13 is the session's
        check("a APPEND {5}\r\n", "mailbox");
        check("a APPEND {5+}\r\n", "mailbox");
        check("a APPEND {1}\r\nx {5}\r\n", "a \"x\" () None 5 true false");
        // A mailbox whose name looks like the head of a literal.
        check("a APPEND {6}\r\n {1}\r\n {5}\r\n", "a \" {1}\\r\\n\" () None 5 true false");
        check("a APPEND x{5}\r\n", "Some(\"a\") Syntax expected SP at byte 10");
        check("a APPEND x y {5}\r\n", "Some(\"a\") Syntax expected literal at byte 11");
        check("a APPEND x (\\Seen {5}\r\n", "Some(\"a\") Syntax expected flag at byte 18");
        check("a LOGIN {5}\r\n", "Some(\"a\") Unknown expected APPEND at byte 1");
        check("(APPEND {5}\r\n", "None Syntax expected tag at byte 0");
    }

    #[test]
    fn told_from_other_commands() {
        assert!(is_append(b"a append x {5}\r\n"));
        assert!(is_append(b"a APPEND "));
        assert!(!is_append(b"a APPENDX x"));
        assert!(!is_append(b"APPEND x"));
        assert!(!is_append(b""));
    }
}
