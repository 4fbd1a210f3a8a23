//! LOGOUT (RFC 9051 §6.1.3).

use super::super::{Next, Output};
use super::Imap;
use super::doing::{Doing, Ending};
use super::table::Rule;

impl Imap {
    /// BYE comes before the tagged OK.
    pub(super) fn on_logout(&mut self, tag: &str, rule: &'static Rule, out: &mut Output) -> Next {
        out.put(b"* BYE Goodbye\r\n");
        Ending::ok(tag, rule).write(out);
        self.doing = Doing::Over;
        Next::Close
    }
}
