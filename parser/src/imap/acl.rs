//! ACL: who may do what with a mailbox (RFC 4314 §3, §7).

use super::command::{Command, Rights, RightsChange, Str};
use super::mailbox::lone_mailbox;
use super::strings::{astring, sp};
use crate::cursor::{Cursor, Error};
use crate::steps;

/// `setacl = "SETACL" SP mailbox SP identifier SP mod-rights` — RFC 4314 §7.
pub(super) fn setacl<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    let (mailbox, identifier) = mailbox_and_identifier(cursor)?;
    sp(cursor)?;
    let (change, rights) = mod_rights(cursor)?;
    Ok(Command::SetAcl { mailbox, identifier, change, rights })
}

/// `SP mailbox SP identifier`: DELETEACL, LISTRIGHTS — RFC 4314 §7 `identifier = astring`.
pub(super) fn mailbox_and_identifier<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<(Str<'a>, Str<'a>), Error> {
    let mailbox = lone_mailbox(cursor)?;
    sp(cursor)?;
    Ok((mailbox, astring(cursor)?))
}

/// `mod-rights = astring`: rights with `+`, `-` or no sign before them — RFC 4314 §7.
///
/// An upper-case right is BAD (§2.2); which of the others there are is for the server to say (§3.1).
fn mod_rights<'a>(cursor: &mut Cursor<'a>) -> Result<(RightsChange, Rights<'a>), Error> {
    let before = *cursor;
    let (Str::Plain(bytes) | Str::Escaped(bytes)) = astring(cursor)?;
    let (change, raw) = match bytes {
        [b'+', raw @ ..] => (RightsChange::Add, raw),
        [b'-', raw @ ..] => (RightsChange::Remove, raw),
        raw => (RightsChange::Replace, raw),
    };
    // No right needs an escape: with one, a backslash stands there.
    let is_right = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    steps::took(raw.len());
    if !raw.iter().all(is_right) {
        return Err(before.error("rights"));
    }
    Ok((change, Rights { raw }))
}

#[cfg(test)]
mod tests {
    use crate::imap::testing::check;

    #[test]
    fn setting_rights() {
        check(
            "SETACL INBOX fred lrswi",
            "SetAcl { mailbox: \"INBOX\", identifier: \"fred\", change: Replace, rights: lrswi }",
        );
        check(
            "setacl \"a b\" -john +x1",
            "SetAcl { mailbox: \"a b\", identifier: \"-john\", change: Add, rights: x1 }",
        );
        check(
            "SETACL x {4}\r\n\u{e9}li {2+}\r\n-a",
            "SetAcl { mailbox: \"x\", identifier: \"\\xc3\\xa9li\", change: Remove, rights: a }",
        );
        check(
            "SETACL x y \"\"",
            "SetAcl { mailbox: \"x\", identifier: \"y\", change: Replace, rights:  }",
        );
        check(
            "SETACL x y +",
            "SetAcl { mailbox: \"x\", identifier: \"y\", change: Add, rights:  }",
        );
        check("SETACL x y lR", "expected rights at byte 13"); // RFC 4314 §3.1
        check("SETACL x y ++l", "expected rights at byte 13");
        check("SETACL x y \"l\\\\\"", "expected rights at byte 13");
        check("SETACL x y", "expected SP at byte 12");
        check("SETACL x", "expected SP at byte 10");
        check("SETACL x y l r", "expected CRLF at byte 15");
    }

    #[test]
    fn asking_for_rights() {
        check("DELETEACL x y", "DeleteAcl { mailbox: \"x\", identifier: \"y\" }");
        check("GETACL \"x\"", "GetAcl(\"x\")");
        check("LISTRIGHTS x y", "ListRights { mailbox: \"x\", identifier: \"y\" }");
        check("MYRIGHTS x ", "MyRights(\"x\")");
        check("MYRIGHTS x y", "expected CRLF at byte 13");
        check("DELETEACL x", "expected SP at byte 13");
        check("GETACL", "expected SP at byte 8");
    }
}
