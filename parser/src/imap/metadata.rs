//! METADATA: annotations of mailboxes and of the server (RFC 5464 §4, §5).

use super::command::{Command, MetadataDepth, MetadataEntry, MetadataOptions, Str};
use super::lists::{Item, Least, parenthesized, spaced};
use super::mailbox::lone_mailbox;
use super::number::number64;
use super::strings::{astring, literal_octets, nstring, sp, word};
use crate::cursor::{Cursor, Error};
use crate::steps;

/// `getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries`,
/// `entries = entry / "(" entry *(SP entry) ")"` — RFC 5464 §5. The mailbox `""` is the server.
///
/// Deviation: the options may also follow the mailbox, and several entries may stand without
/// parentheses: so do the RFC's own examples (§4.2.1, §4.4.1), and so do clients.
pub(super) fn getmetadata<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    let mut options = MetadataOptions::default();
    let first = starts_options(*cursor);
    if first {
        sp(cursor)?;
        options = getmetadata_options(cursor)?;
    }
    let mailbox = lone_mailbox(cursor)?;
    if !first && starts_options(*cursor) {
        sp(cursor)?;
        options = getmetadata_options(cursor)?;
    }
    sp(cursor)?;
    let entries = match cursor.peek() {
        Some(b'(') => parenthesized(cursor, Least::One, entry)?,
        _ => spaced(cursor, entry)?,
    };
    Ok(Command::GetMetadata { mailbox, options, entries })
}

/// A list that holds no entries: every entry begins with a slash, quoted or not.
fn starts_options(cursor: Cursor<'_>) -> bool {
    matches!(cursor.rest(), [b' ', b'(', first, ..] if first.is_ascii_alphabetic())
}

/// `getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"` — RFC 5464 §5. One
/// given twice is as given last.
fn getmetadata_options(cursor: &mut Cursor<'_>) -> Result<MetadataOptions, Error> {
    let mut options = MetadataOptions::default();
    for option in parenthesized(cursor, Least::One, getmetadata_option)? {
        match option {
            MetadataOption::MaxSize(size) => options.max_size = Some(size),
            MetadataOption::Depth(depth) => options.depth = depth,
        }
    }
    Ok(options)
}

enum MetadataOption {
    MaxSize(u64),
    Depth(MetadataDepth),
}

impl Item<'_> for MetadataOption {
    fn again(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        getmetadata_option(cursor)
    }
}

/// `maxsize-opt = "MAXSIZE" SP number`, `scope-opt = "DEPTH" SP ("0" / "1" / "infinity")` —
/// RFC 5464 §5.
fn getmetadata_option(cursor: &mut Cursor<'_>) -> Result<MetadataOption, Error> {
    let before = *cursor;
    match word(cursor).as_bytes() {
        b"MAXSIZE" => {
            sp(cursor)?;
            number64(cursor).map(MetadataOption::MaxSize)
        }
        b"DEPTH" => {
            sp(cursor)?;
            let before = *cursor;
            Ok(MetadataOption::Depth(match word(cursor).as_bytes() {
                b"0" => MetadataDepth::Itself,
                b"1" => MetadataDepth::Children,
                b"INFINITY" => MetadataDepth::All,
                _ => return Err(before.error("depth")),
            }))
        }
        _ => Err(before.error("getmetadata-option")),
    }
}

/// `setmetadata = "SETMETADATA" SP mailbox SP entry-values`,
/// `entry-values = "(" entry-value *(SP entry-value) ")"` — RFC 5464 §5.
pub(super) fn setmetadata<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    let mailbox = lone_mailbox(cursor)?;
    sp(cursor)?;
    Ok(Command::SetMetadata { mailbox, entries: parenthesized(cursor, Least::One, entry_value)? })
}

impl<'a> Item<'a> for MetadataEntry<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        entry_value(cursor)
    }
}

/// `entry-value = entry SP value` — RFC 5464 §5.
fn entry_value<'a>(cursor: &mut Cursor<'a>) -> Result<MetadataEntry<'a>, Error> {
    let name = entry(cursor)?;
    sp(cursor)?;
    Ok(MetadataEntry { name, value: value(cursor)? })
}

/// `value = nstring / literal8` — RFC 5464 §5.
fn value<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Str<'a>>, Error> {
    let mut ahead = *cursor;
    if ahead.eat(b'~') && ahead.peek() == Some(b'{') {
        *cursor = ahead;
        return literal_octets(cursor).map(|octets| Some(Str::Plain(octets)));
    }
    nstring(cursor)
}

/// `entry = astring`: a path from `/`, without wildcards — RFC 5464 §5.
///
/// A name that is none is BAD (§3.2): no empty component, no slash at the end, only ASCII, and no
/// controls. (The RFC says 0x00 to 0x19 and means what everybody calls controls, up to 0x1f.) Whether
/// `/private` or `/shared` stands first is for the server to say.
pub(super) fn entry<'a>(cursor: &mut Cursor<'a>) -> Result<Str<'a>, Error> {
    let before = *cursor;
    let name = astring(cursor)?;
    // A backslash that escapes another byte is no less a character of a name.
    let (Str::Plain(bytes) | Str::Escaped(bytes)) = name;
    steps::took(bytes.len());
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'*' | b'%');
    let is_path = bytes.starts_with(b"/") && !bytes.ends_with(b"/");
    let has_empty = bytes.windows(2).any(|pair| pair == b"//");
    if is_path && !has_empty && bytes.iter().all(allowed) {
        Ok(name)
    } else {
        Err(before.error("entry"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::testing::check;
    use alloc::format;
    use alloc::vec::Vec;

    #[test]
    fn getting() {
        let none = "MetadataOptions { max_size: None, depth: Itself }";
        check(
            "GETMETADATA \"\" /shared/comment",
            &format!(
                "GetMetadata {{ mailbox: \"\", options: {none}, entries: (/shared/comment) }}"
            ),
        );
        check(
            "GETMETADATA INBOX (/shared/a \"/private/b c\")",
            &format!(
                "GetMetadata {{ mailbox: \"INBOX\", options: {none}, \
                 entries: (/shared/a \\\"/private/b c\\\") }}"
            ),
        );
        check(
            "GETMETADATA INBOX /shared/a /shared/b ",
            &format!(
                "GetMetadata {{ mailbox: \"INBOX\", options: {none}, \
                 entries: (/shared/a /shared/b) }}"
            ),
        );
        let options = "GetMetadata { mailbox: \"x\", options: MetadataOptions { \
             max_size: Some(1024), depth: All }, entries: (/shared/a) }";
        check("GETMETADATA (MAXSIZE 1024 DEPTH infinity) x /shared/a", options);
        check("getmetadata x (depth INFINITY maxsize 1024) (/shared/a)", options);
        check("GETMETADATA (DEPTH 2) x /a/b", "expected depth at byte 21");
        check("GETMETADATA (FOO 2) x /a/b", "expected getmetadata-option at byte 15");
        check("GETMETADATA (MAXSIZE x) x /a/b", "expected number64 at byte 23");
        check("GETMETADATA (DEPTH 1) x (DEPTH 1) /a/b", "expected entry at byte 27");
        check("GETMETADATA x", "expected SP at byte 15");
        check("GETMETADATA x ()", "expected astring at byte 17");
    }

    #[test]
    fn setting() {
        let frame =
            b"a SETMETADATA \"\" (/private/a NIL /private/b \"x\\\"\" /private/c {2}\r\n\r\n \
            \"/shared/d\" ~{3+}\r\n\0\r\n /shared/e \"\")\r\n";
        let Ok(Command::SetMetadata { entries, .. }) =
            crate::imap::command(frame).map(|tagged| tagged.command)
        else {
            panic!("a SETMETADATA");
        };
        let entries: Vec<_> =
            entries.iter().map(|entry| format!("{:?} {:?}", entry.name, entry.value)).collect();
        let want = [
            "\"/private/a\" None",
            "\"/private/b\" Some(\"x\\\\\\\"\")",
            "\"/private/c\" Some(\"\\r\\n\")",
            "\"/shared/d\" Some(\"\\x00\\r\\n\")",
            "\"/shared/e\" Some(\"\")",
        ];
        assert_eq!(entries, want);
        check("SETMETADATA x (/a/b {1}\r\n\0)", "expected literal without NUL at byte 28");
        check("SETMETADATA x (/a/b)", "expected SP at byte 21");
        check("SETMETADATA x ()", "expected astring at byte 17");
        check("SETMETADATA x /a/b y", "expected \"(\" at byte 16");
    }

    #[test]
    fn entry_names() {
        #[track_caller]
        fn told(name: &str, right: bool) {
            assert_eq!(entry(&mut Cursor::new(name.as_bytes())).is_ok(), right, "{name:?}");
        }
        told("/shared/comment", true);
        told("/private/vendor/x/y-z.1", true);
        told("\"/shared/a b\"", true);
        told("{9}\r\n/shared/a", true);
        told("shared/comment", false);
        told("/shared/", false);
        told("/shared//x", false);
        told("/", false);
        told("\"\"", false);
        told("\"/shared/*\"", false);
        told("\"/shared/%\"", false);
        told("\"/shared/\u{e9}\"", false);
        told("\"/shared/\t\"", false);
        told("{2}\r\n/\u{7f}", false);
    }
}
