//! Mailbox names between the wire and the store (RFC 9051 §5.1, RFC 3501 §5.1.3).

use parser::imap::Str;
use parser::imap::write::{self, Charset};

use super::super::Output;
use super::{Imap, codes};
use crate::model::MailboxName;

impl Imap {
    /// UTF-8 once the client has enabled IMAP4rev2; before, modified UTF-7.
    pub(super) const fn charset(&self) -> Charset {
        if self.enabled.rev2 { Charset::Utf8 } else { Charset::Ascii }
    }

    /// The mailbox that a client names. What cannot be decoded is refused, never guessed at
    /// (pitfall 68).
    pub(super) fn name_of(&self, name: Str<'_>) -> Result<MailboxName, &'static str> {
        let text = self.decode(&name.bytes()).ok_or("NO [CANNOT] Not a mailbox name")?;
        MailboxName::new(&text).map_err(codes::bad_name)
    }

    /// A name or pattern as UTF-8.
    pub(super) fn decode(&self, name: &[u8]) -> Option<String> {
        write::mailbox_name(name, self.charset()).ok().map(std::borrow::Cow::into_owned)
    }

    /// The name as this client reads it.
    pub(super) fn put_name(&self, name: &str, out: &mut Output) {
        write::mailbox(out.buffer(), name, self.charset());
    }
}
