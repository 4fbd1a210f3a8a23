//! `command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF`
//! (RFC 9051 §9): from a whole frame to a [`Tagged`], borrowing from it.

use super::command::{Command, Hidden, Numbers, Str, Tagged};
use super::lists::{Item, Least, List, parenthesized, spaced};
use super::mailbox::{create, list, lone_mailbox, lsub, rename, select, status};
use super::strings::{astring, atom, end, is_atom_char, nstring, some, sp, tag, word};
use super::{acl, append, fetch, filter, metadata, notify, other, quota, search, store};
use crate::cursor::{Cursor, Error};
use core::fmt;

/// Why a frame is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandError<'a> {
    /// The tag, if there is one: `tag BAD …`, otherwise `* BAD …`.
    pub tag: Option<&'a str>,
    /// What kind of wrong.
    pub fault: Fault,
    /// Where, and what would have been right.
    pub error: Error,
}

/// What kind of wrong a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line is empty: clients send one too many after a literal. Best passed over in silence.
    Empty,
    /// The command word is unknown to this grammar.
    Unknown,
    /// What follows the word is wrong, or there is no tag, or no word.
    Syntax,
}

impl<'a> CommandError<'a> {
    pub(super) const fn new(tag: Option<&'a str>, fault: Fault, error: Error) -> Self {
        Self { tag, fault, error }
    }
}

impl fmt::Display for CommandError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Empty => f.write_str("empty line"),
            Fault::Unknown => f.write_str("unknown command"),
            Fault::Syntax => self.error.fmt(f),
        }
    }
}

impl core::error::Error for CommandError<'_> {}

/// Reads one frame: a command with its literals and its line end ([`Frame::Complete`](super::Frame)).
///
/// # Errors
/// The frame is empty, has no tag, names no command we know, or is not written as it should be.
pub fn command(frame: &[u8]) -> Result<Tagged<'_>, CommandError<'_>> {
    let mut cursor = Cursor::new(frame);
    let tag = match tag(&mut cursor) {
        Ok(tag) => tag,
        Err(error) if frame.trim_ascii().is_empty() => {
            return Err(CommandError::new(None, Fault::Empty, error));
        }
        Err(error) => return Err(CommandError::new(None, Fault::Syntax, error)),
    };
    let tag_ended = matches!(cursor.peek(), None | Some(b' ' | b'\r' | b'\n'));
    let syntax = |error| CommandError::new(tag_ended.then_some(tag), Fault::Syntax, error);
    sp(&mut cursor).map_err(syntax)?;
    let before = cursor;
    let read = body(&mut cursor, Numbers::Seq);
    // Asked before `read` is opened, so that a command is moved once: they are large.
    let ended = end(&mut cursor);
    match (read, ended) {
        (Ok(command), Ok(())) => Ok(Tagged { tag, command }),
        (Err(error), _) if error.expected == UNKNOWN => {
            Err(CommandError::new(Some(tag), Fault::Unknown, before.error("command")))
        }
        (Err(error), _) | (Ok(_), Err(error)) => Err(syntax(error)),
    }
}

/// What the error at an unknown word says, inside this module. It is no type of its own, so that a
/// command comes from its function to [`command()`] where it was written: they are large.
const UNKNOWN: &str = "known command";

/// True if `line`, its end included, is the `DONE` that ends IDLE (RFC 9051 §6.3.13).
pub fn idle_done(line: &[u8]) -> bool {
    line.trim_ascii().eq_ignore_ascii_case(b"DONE")
}

/// The command word and what follows it; [`UNKNOWN`] if nobody knows the word.
fn body<'a>(cursor: &mut Cursor<'a>, numbers: Numbers) -> Result<Command<'a>, Error> {
    let before = *cursor;
    let name = word(cursor);
    // The words that go with UID (RFC 9051 §9 `uid`).
    match name.as_bytes() {
        b"FETCH" => fetch::fetch(cursor, numbers),
        b"STORE" => store::store(cursor, numbers),
        b"SEARCH" => search::search(cursor, numbers),
        b"SORT" => search::sort(cursor, numbers),
        b"THREAD" => search::thread(cursor, numbers),
        b"EXPUNGE" => store::expunge(cursor, numbers),
        b"COPY" => {
            let (set, mailbox) = store::set_and_mailbox(cursor)?;
            Ok(Command::Copy { numbers, set, mailbox })
        }
        b"MOVE" => {
            let (set, mailbox) = store::set_and_mailbox(cursor)?;
            Ok(Command::Move { numbers, set, mailbox })
        }
        b"REPLACE" => append::replace(cursor, numbers),
        b"FILTER" => filter::filter(cursor, numbers),
        _ if numbers == Numbers::Uid => Err(before.error("command after UID")),
        b"UID" => {
            sp(cursor)?;
            body(cursor, Numbers::Uid)
        }
        b"" if !cursor.peek().is_some_and(is_atom_char) && cursor.since(before).is_empty() => {
            Err(before.error("command"))
        }
        name => without_uid(cursor, name),
    }
}

/// The words that have no UID form.
fn without_uid<'a>(cursor: &mut Cursor<'a>, name: &[u8]) -> Result<Command<'a>, Error> {
    match name {
        b"NOOP" => Ok(Command::Noop),
        b"CAPABILITY" => Ok(Command::Capability),
        b"LOGOUT" => Ok(Command::Logout),
        b"ID" => Ok(Command::Id(id(cursor)?)),
        b"STARTTLS" => Ok(Command::StartTls),
        b"AUTHENTICATE" => authenticate(cursor),
        b"LOGIN" => login(cursor),
        b"ENABLE" => {
            sp(cursor)?;
            Ok(Command::Enable(spaced(cursor, atom)?))
        }
        b"SELECT" => {
            let (mailbox, params) = select(cursor)?;
            Ok(Command::Select { mailbox, params })
        }
        b"EXAMINE" => {
            let (mailbox, params) = select(cursor)?;
            Ok(Command::Examine { mailbox, params })
        }
        b"CREATE" => create(cursor),
        b"DELETE" => Ok(Command::Delete(lone_mailbox(cursor)?)),
        b"RENAME" => rename(cursor),
        b"SUBSCRIBE" => Ok(Command::Subscribe(lone_mailbox(cursor)?)),
        b"UNSUBSCRIBE" => Ok(Command::Unsubscribe(lone_mailbox(cursor)?)),
        b"LIST" => Ok(Command::List(list(cursor)?)),
        b"LSUB" => lsub(cursor),
        b"NAMESPACE" => Ok(Command::Namespace),
        b"STATUS" => status(cursor),
        b"APPEND" => append::append(cursor),
        b"IDLE" => Ok(Command::Idle),
        b"CHECK" => Ok(Command::Check),
        b"CLOSE" => Ok(Command::Close),
        b"UNSELECT" => Ok(Command::Unselect),
        name => extension(cursor, name),
    }
}

/// The words of extensions that neither RFC 3501 nor RFC 9051 took in.
fn extension<'a>(cursor: &mut Cursor<'a>, name: &[u8]) -> Result<Command<'a>, Error> {
    match name {
        b"SETACL" => acl::setacl(cursor),
        b"DELETEACL" => {
            let (mailbox, identifier) = acl::mailbox_and_identifier(cursor)?;
            Ok(Command::DeleteAcl { mailbox, identifier })
        }
        b"GETACL" => Ok(Command::GetAcl(lone_mailbox(cursor)?)),
        b"LISTRIGHTS" => {
            let (mailbox, identifier) = acl::mailbox_and_identifier(cursor)?;
            Ok(Command::ListRights { mailbox, identifier })
        }
        b"MYRIGHTS" => Ok(Command::MyRights(lone_mailbox(cursor)?)),
        b"GETQUOTA" => {
            sp(cursor)?;
            Ok(Command::GetQuota(astring(cursor)?))
        }
        b"GETQUOTAROOT" => Ok(Command::GetQuotaRoot(lone_mailbox(cursor)?)),
        b"SETQUOTA" => quota::setquota(cursor),
        b"GETMETADATA" => metadata::getmetadata(cursor),
        b"SETMETADATA" => metadata::setmetadata(cursor),
        b"NOTIFY" => notify::notify(cursor),
        b"COMPRESS" => other::compress(cursor),
        b"UNAUTHENTICATE" => Ok(Command::Unauthenticate),
        b"LANGUAGE" => Ok(Command::Language(other::astrings(cursor)?)),
        b"COMPARATOR" => Ok(Command::Comparator(other::astrings(cursor)?)),
        b"ESEARCH" => search::esearch(cursor),
        b"CANCELUPDATE" => search::cancel_update(cursor),
        b"UIDBATCHES" => other::uidbatches(cursor),
        _ => Err(cursor.error(UNKNOWN)),
    }
}

/// `login = "LOGIN" SP userid SP password` — RFC 9051 §9.
fn login<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let user = astring(cursor)?;
    sp(cursor)?;
    Ok(Command::Login { user, password: Hidden(astring(cursor)?) })
}

/// `authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]`,
/// `initial-resp = (base64 / "=")` — RFC 9051 §9. The lines that follow are frames of their own.
fn authenticate<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let mechanism = atom(cursor)?;
    let mut initial_response = None;
    let mut ahead = *cursor;
    if ahead.eat(b' ') && !matches!(ahead.peek(), None | Some(b' ' | b'\r' | b'\n')) {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        initial_response = Some(Hidden(some(&mut ahead, is_base64, "initial-resp")?));
        *cursor = ahead;
    }
    Ok(Command::Authenticate { mechanism, initial_response })
}

type Parameters<'a> = List<'a, (Str<'a>, Option<Str<'a>>)>;

/// `id = "ID" SP id-params-list`, `id-params-list = "(" *(string SP nstring) ")" / nil` —
/// RFC 2971 §4. Nothing at all stands for `NIL` (pitfall 52).
fn id<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Parameters<'a>>, Error> {
    let mut ahead = *cursor;
    ahead.take_while(|byte| byte == b' ');
    if matches!(ahead.peek(), None | Some(b'\r' | b'\n')) {
        return Ok(None);
    }
    sp(cursor)?;
    if cursor.eat_word("NIL") {
        return Ok(None);
    }
    parenthesized(cursor, Least::None, id_field).map(Some)
}

impl<'a> Item<'a> for (Str<'a>, Option<Str<'a>>) {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        id_field(cursor)
    }
}

/// `string SP nstring` — RFC 2971 §4.
fn id_field<'a>(cursor: &mut Cursor<'a>) -> Result<(Str<'a>, Option<Str<'a>>), Error> {
    let field = astring(cursor)?;
    sp(cursor)?;
    Ok((field, nstring(cursor)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    /// The command, and for lists whose items matter, the items.
    fn told(frame: &[u8]) -> String {
        match command(frame) {
            Ok(Tagged { tag, command }) => format!("{tag} {command:?}"),
            Err(CommandError { tag, fault, error }) => match fault {
                Fault::Syntax => format!("{} {error}", tag.unwrap_or("*")),
                _ => format!("{} {fault:?}", tag.unwrap_or("*")),
            },
        }
    }

    #[track_caller]
    fn check(line: &str, want: &str) {
        assert_eq!(told(format!("{line}\r\n").as_bytes()), want, "from {line:?}");
    }

    #[test]
    fn commands_without_arguments() {
        check("a1 NOOP", "a1 Noop");
        check("a noop", "a Noop");
        check("a NoOp  ", "a Noop"); // trailing spaces are forgiven
        check("a CAPABILITY", "a Capability");
        check("a LOGOUT", "a Logout");
        check("a STARTTLS", "a StartTls");
        check("a NAMESPACE", "a Namespace");
        check("a IDLE", "a Idle");
        check("a CHECK", "a Check");
        check("a CLOSE", "a Close");
        check("a UNSELECT", "a Unselect");
        check("a EXPUNGE", "a Expunge(None)");
        check("a NOOP x", "a expected CRLF at byte 7");
        check("a NOOP(", "a expected CRLF at byte 6");
        check("a EXPUNGE 1", "a expected CRLF at byte 10");
    }

    #[test]
    fn what_is_no_command() {
        check("", "* Empty");
        check("  ", "* Empty");
        check("a FROB x", "a Unknown");
        check("a XYZZY", "a Unknown");
        check("a abcdefghijklmnopqrstuvwxyzabcdefgh", "a Unknown");
        check("a $x", "a Unknown");
        check("a UID FROB", "a expected command after UID at byte 6");
        check("a UID NOOP", "a expected command after UID at byte 6");
        check("a UID UID", "a expected command after UID at byte 6");
        check("a", "a expected SP at byte 1");
        check("a ", "a expected command at byte 2");
        check("a  NOOP", "a expected command at byte 2");
        check("+ NOOP", "* expected tag at byte 0");
        check("a+b NOOP", "* expected SP at byte 1");
        check("* NOOP", "* expected tag at byte 0");
        check("\u{e9} NOOP", "* expected tag at byte 0");
        check("a\0 NOOP", "* expected SP at byte 1");
        check("a NOOP\0", "a expected CRLF at byte 6");
        check("a NOOP\r", "a expected CRLF at byte 6");
    }

    #[test]
    fn a_bare_lf_ends_a_command() {
        assert_eq!(told(b"a NOOP\n"), "a Noop");
        assert_eq!(told(b"a LOGIN {1}\nx {1+}\ny\n"), "a Login { user: \"x\", password: *** }");
    }

    #[test]
    fn logging_in() {
        // pitfall 53
        check("a LOGIN me secret", "a Login { user: \"me\", password: *** }");
        check("a LOGIN {2}\r\nme {0}\r\n", "a Login { user: \"me\", password: *** }");
        check("a LOGIN \"a b\" {3+}\r\n\\\"x", "a Login { user: \"a b\", password: *** }");
        let Ok(Tagged { command: Command::Login { user, password }, .. }) =
            command(b"a LOGIN \"a\\\\b\" \"\\\"\"\r\n")
        else {
            panic!("a LOGIN");
        };
        assert_eq!((&*user.bytes(), &*password.0.bytes()), (&b"a\\b"[..], &b"\""[..]));
        check("a LOGIN me", "a expected SP at byte 10");
        check("a LOGIN me ", "a expected astring at byte 11");
        check("a LOGIN me x y", "a expected CRLF at byte 13");
        check(
            "a AUTHENTICATE PLAIN",
            "a Authenticate { mechanism: \"PLAIN\", initial_response: None }",
        );
        check(
            "a authenticate plain ",
            "a Authenticate { mechanism: \"plain\", initial_response: None }",
        );
        check(
            "a AUTHENTICATE PLAIN =",
            "a Authenticate { mechanism: \"PLAIN\", initial_response: Some(***) }",
        );
        check("a AUTHENTICATE PLAIN A\"", "a expected CRLF at byte 22");
        check("a AUTHENTICATE PLAIN \"\"", "a expected initial-resp at byte 21");
        check("a AUTHENTICATE", "a expected SP at byte 14");
    }

    #[test]
    fn id_and_enable() {
        // pitfall 52
        check("a ID", "a Id(None)");
        check("a ID ", "a Id(None)");
        check("a ID NIL", "a Id(None)");
        check("a ID nil ", "a Id(None)");
        check("a ID ()", "a Id(Some(()))");
        check(
            "a ID (\"name\" {1}\r\nx \"v\" NIL)",
            "a Id(Some((\\\"name\\\" {1}\\r\\nx \\\"v\\\" NIL)))",
        );
        check("a ID (\"name\")", "a expected SP at byte 12");
        check("a ID \"name\"", "a expected \"(\" at byte 5");
        let Ok(Tagged { command: Command::Id(Some(fields)), .. }) =
            command(b"a ID (\"name\" {1}\r\nx vendor NIL)\r\n")
        else {
            panic!("an ID");
        };
        assert_eq!(
            format!("{:?}", fields.iter().collect::<alloc::vec::Vec<_>>()),
            "[(\"name\", Some(\"x\")), (\"vendor\", None)]"
        );
        check("a ENABLE CONDSTORE IMAP4rev2 ", "a Enable((CONDSTORE IMAP4rev2))");
        check("a ENABLE", "a expected SP at byte 8");
    }

    #[test]
    fn idle_ends() {
        for done in ["DONE\r\n", "done\n", "Done \r\n"] {
            assert!(idle_done(done.as_bytes()), "{done:?}");
        }
        for not in ["DONE x\r\n", "\r\n", "a NOOP\r\n", "DON\r\n"] {
            assert!(!idle_done(not.as_bytes()), "{not:?}");
        }
    }
}
