//! ID (RFC 2971), in any state and with whatever a client says of itself (pitfall 52).

use super::super::{Next, Output};
use super::Imap;
use super::doing::Ending;
use super::table::Rule;

impl Imap {
    pub(super) fn on_id(&mut self, tag: &str, rule: &'static Rule, out: &mut Output) -> Next {
        let version = env!("CARGO_PKG_VERSION");
        out.line(format_args!("* ID (\"name\" \"Sora\" \"version\" \"{version}\")"));
        self.end(Ending::ok(tag, rule), out)
    }
}
