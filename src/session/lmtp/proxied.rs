//! What a client tells of others: XCLIENT and XFORWARD of a proxy (Postfix's `XCLIENT_README`), and
//! what the first sender wanted to be told of his message (RFC 3461), which scripts may ask for.

use parser::lmtp::{Attribute, Attributes, Mail, Notify, Rcpt, Ret};

use super::super::{Next, Output};
use super::{Lmtp, answered};
use crate::job::{EnvelopeDsn, RecipientDsn};

/// For LHLO, to proxies only.
pub(super) const OFFERED: &[u8] =
    b"250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN\r\n250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n";

impl Lmtp {
    /// True if the peer may speak for others (pitfall 22).
    pub(super) fn is_proxy(&self) -> bool {
        self.settings.xclient_from.contains(self.peer.address)
    }

    /// From here on the peer is the proxy's client; the dialogue begins anew.
    pub(super) fn on_xclient(&mut self, attributes: Attributes<'_>, out: &mut Output) -> Next {
        if !self.is_proxy() {
            return answered(out, "550 5.7.0 Not from here"); // pitfall 22
        }
        if self.transaction.is_some() {
            return answered(out, "503 5.5.1 A transaction is open: RSET first");
        }
        self.helo.clear();
        for attribute in attributes.iter() {
            if let Attribute::Addr(address) = attribute {
                self.client = Some(address.value());
            }
        }
        out.line(format_args!("220 {} LMTP Sora", self.settings.hostname));
        Next::Read
    }

    /// From whom the next message comes, and no other (Postfix's `XFORWARD_README`).
    pub(super) fn on_xforward(&mut self, attributes: Attributes<'_>, out: &mut Output) -> Next {
        if !self.is_proxy() {
            return answered(out, "550 5.7.0 Not from here"); // pitfall 22
        }
        if self.transaction.is_some() {
            return answered(out, "503 5.5.1 A transaction is open: RSET first");
        }
        for attribute in attributes.iter() {
            if let Attribute::Addr(address) = attribute {
                self.forwarded = Some(address.value());
            }
        }
        answered(out, "250 2.0.0 Noted")
    }
}

/// What MAIL said of reports.
pub(super) fn dsn_of(mail: &Mail<'_>) -> Option<Box<EnvelopeDsn>> {
    if mail.ret.is_none() && mail.envid.is_none() {
        return None;
    }
    let full = mail.ret.map(|ret| ret == Ret::Full);
    Some(Box::new(EnvelopeDsn {
        full,
        id: mail.envid.map(|id| String::from_utf8_lossy(&id.decoded()).into_owned()),
    }))
}

/// What RCPT said of reports.
pub(super) fn dsn_of_recipient(rcpt: &Rcpt<'_>) -> Option<Box<RecipientDsn>> {
    if rcpt.notify.is_none() && rcpt.orcpt.is_none() {
        return None;
    }
    let notify = rcpt.notify.map(|Notify { success, failure, delay }| [success, failure, delay]);
    let original = rcpt.orcpt.map(|original| {
        format!("{};{}", original.kind, String::from_utf8_lossy(&original.address.decoded()))
    });
    Some(Box::new(RecipientDsn { notify, original }))
}
