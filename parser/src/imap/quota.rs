//! QUOTA: how much may be stored (RFC 9208 §4.1, §7).

use super::command::{Command, QuotaLimit, QuotaResource};
use super::lists::{Item, Least, parenthesized};
use super::number::number64;
use super::strings::{astring, atom, sp};
use crate::cursor::{Cursor, Error};

/// `setquota = "SETQUOTA" SP quota-root-name SP setquota-list`,
/// `setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"` — RFC 9208 §7.
pub(super) fn setquota<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, Error> {
    sp(cursor)?;
    let root = astring(cursor)?;
    sp(cursor)?;
    Ok(Command::SetQuota { root, limits: parenthesized(cursor, Least::None, setquota_resource)? })
}

impl<'a> Item<'a> for QuotaLimit<'a> {
    fn again(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        setquota_resource(cursor)
    }
}

/// `setquota-resource = resource-name SP resource-limit` — RFC 9208 §7.
fn setquota_resource<'a>(cursor: &mut Cursor<'a>) -> Result<QuotaLimit<'a>, Error> {
    let name = atom(cursor).map_err(|error| Error { expected: "resource-name", ..error })?;
    let resource = match name.len() {
        7 if name.eq_ignore_ascii_case("STORAGE") => QuotaResource::Storage,
        7 if name.eq_ignore_ascii_case("MESSAGE") => QuotaResource::Message,
        7 if name.eq_ignore_ascii_case("MAILBOX") => QuotaResource::Mailbox,
        18 if name.eq_ignore_ascii_case("ANNOTATION-STORAGE") => QuotaResource::AnnotationStorage,
        _ => QuotaResource::Other(name),
    };
    sp(cursor)?;
    Ok(QuotaLimit { resource, limit: number64(cursor)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::testing::check;
    use alloc::vec::Vec;

    #[test]
    fn asking() {
        check("GETQUOTA \"\"", "GetQuota(\"\")");
        check("getquota #user/x", "GetQuota(\"#user/x\")");
        check("GETQUOTAROOT INBOX", "GetQuotaRoot(\"INBOX\")");
        check("GETQUOTA", "expected SP at byte 10");
        check("GETQUOTAROOT ", "expected mailbox at byte 15");
    }

    #[test]
    fn setting() {
        check("SETQUOTA \"\" (STORAGE 512)", "SetQuota { root: \"\", limits: (STORAGE 512) }");
        check("SETQUOTA x ()", "SetQuota { root: \"x\", limits: () }");
        check("SETQUOTA x (STORAGE -1)", "expected number64 at byte 22");
        check("SETQUOTA x (STORAGE)", "expected SP at byte 21");
        check("SETQUOTA x (STORAGE 1 MESSAGE)", "expected SP at byte 31");
        check("SETQUOTA x STORAGE 1", "expected \"(\" at byte 13");
        check("SETQUOTA x ((", "expected resource-name at byte 14");
        let frame = b"a SETQUOTA x (storage 1 MESSAGE 0 Mailbox 2 ANNOTATION-STORAGE 3 X-y 4)\r\n";
        let Ok(Command::SetQuota { limits, .. }) =
            crate::imap::command(frame).map(|tagged| tagged.command)
        else {
            panic!("a SETQUOTA");
        };
        use QuotaResource::{AnnotationStorage, Mailbox, Message, Other, Storage};
        let limits: Vec<_> = limits.iter().map(|limit| (limit.resource, limit.limit)).collect();
        let want =
            [(Storage, 1), (Message, 0), (Mailbox, 2), (AnnotationStorage, 3), (Other("X-y"), 4)];
        assert_eq!(limits, want);
    }
}
