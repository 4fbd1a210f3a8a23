//! CAPABILITY and the greeting (RFC 9051 §6.1.1, §7.1.5).

use super::super::{Next, Output};
use super::doing::Ending;
use super::table::Rule;
use super::{Imap, State};

/// What everybody may know of before login.
const BEFORE_LOGIN: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE SASL-IR";
/// What is there after login: the grammar offers nothing that is not here.
const AFTER_LOGIN: &str = "IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE CHILDREN UNSELECT \
    UIDPLUS MOVE SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE ESEARCH \
    SEARCHRES BINARY CONDSTORE METADATA LIST-METADATA APPENDLIMIT";

/// True if a client that has logged in is told `word`.
pub(super) fn is_offered(word: &str) -> bool {
    AFTER_LOGIN.split(' ').any(|offered| offered == word)
}

impl Imap {
    /// RFC 9051 §7.1.5: the greeting carries the capabilities, sparing a round trip (pitfall 59).
    pub(super) fn greet(&self, out: &mut Output) -> Next {
        out.put(b"* OK [");
        self.write_capabilities(out);
        out.line(format_args!("] {} Sora ready", self.settings.hostname));
        Next::Read
    }

    pub(super) fn on_capability(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        out: &mut Output,
    ) -> Next {
        out.put(b"* ");
        self.write_capabilities(out);
        out.put(b"\r\n");
        self.end(Ending::ok(tag, rule), out)
    }

    /// Pitfall 59: they differ before and after login, and before and after STARTTLS.
    pub(super) fn write_capabilities(&self, out: &mut Output) {
        if !matches!(self.state, State::NotAuthenticated) {
            let limit = self.settings.append_bytes_max;
            out.text(format_args!("CAPABILITY {AFTER_LOGIN}={limit}")); // RFC 7889 §3
            if let Some(url) = &self.settings.sieve_url {
                out.text(format_args!(" IMAPSIEVE={url}")); // RFC 6785 §2.1
            }
            return;
        }
        out.text(format_args!("CAPABILITY {BEFORE_LOGIN}"));
        if self.peer.can_start_tls {
            out.put(b" STARTTLS");
        }
        out.put(if self.takes_passwords() { b" AUTH=PLAIN".as_slice() } else { b" LOGINDISABLED" });
    }

    /// Pitfall 58: a password crosses the net only where nobody can listen, or where we were told
    /// not to care.
    pub(super) fn takes_passwords(&self) -> bool {
        self.settings.insecure_auth || self.peer.is_private()
    }
}
