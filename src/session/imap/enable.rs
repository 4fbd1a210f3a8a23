//! ENABLE (RFC 9051 §6.3.1), and what turns CONDSTORE on (RFC 7162 §3.1).

use parser::imap::List;

use super::super::{Next, Output};
use super::doing::{Ending, What};
use super::metadata::AnnotationNews;
use super::table::Rule;
use super::{Imap, State};
use crate::job::Job;

impl Imap {
    pub(super) fn on_enable(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        wanted: List<'_, &str>,
        out: &mut Output,
    ) -> Next {
        let before = self.enabled;
        let asks = |name: &str| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        self.enabled.rev2 |= asks("IMAP4rev2");
        let condstore = asks("CONDSTORE");
        out.put(b"* ENABLED"); // sent even if nothing was enabled, and only what is new
        if self.enabled.rev2 && !before.rev2 {
            out.put(b" IMAP4rev2");
        }
        if condstore && !before.condstore {
            out.put(b" CONDSTORE");
        }
        let metadata = asks("METADATA") && self.annotations.is_none(); // RFC 5464 §4.1
        if metadata {
            out.put(b" METADATA");
        }
        out.put(b"\r\n");
        if condstore {
            self.enable_condstore(out);
        }
        let ending = Ending::ok(tag, rule);
        match self.account() {
            Some(account) if metadata => {
                self.annotations = Some(AnnotationNews::new());
                let job = Job::MetadataChanges { account, since: AnnotationNews::UNKNOWN };
                self.run(ending, What::MetadataEnabled, job)
            }
            _ => self.end(ending, out),
        }
    }

    /// RFC 7162 §3.1: the first command that enables it in a selected mailbox tells HIGHESTMODSEQ:
    /// the one this client's picture of the mailbox stands at.
    pub(super) fn enable_condstore(&mut self, out: &mut Output) {
        if std::mem::replace(&mut self.enabled.condstore, true) {
            return;
        }
        if let State::Selected(_, mailbox) = &self.state {
            out.line(format_args!("* OK [HIGHESTMODSEQ {}] Highest", mailbox.view.mod_seq()));
        }
    }
}
