//! NAMESPACE (RFC 9051 §6.3.10): one personal one, no others yet.

use super::super::{Next, Output};
use super::Imap;
use super::doing::Ending;
use super::table::Rule;

impl Imap {
    pub(super) fn on_namespace(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        out: &mut Output,
    ) -> Next {
        out.put(b"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
        self.end(Ending::ok(tag, rule), out)
    }
}
