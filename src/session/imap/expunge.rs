//! EXPUNGE, UID EXPUNGE, CLOSE and UNSELECT (RFC 9051 §6.4.1 to §6.4.3, RFC 4315 §2.1).

use parser::imap::{Numbers, Set};

use super::super::{Next, Output};
use super::codes::Missing;
use super::doing::{End, Ending, What};
use super::table::Rule;
use super::tell::Tell;
use super::{Imap, State};
use crate::error::Refusal;
use crate::job::{Access, Job, Reply};

/// Pitfall 90.
pub(super) const READ_ONLY: &str = "NO [READ-ONLY] The mailbox was opened with EXAMINE";

impl Imap {
    pub(super) fn on_expunge(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        set: Option<Set<'_>>,
        out: &mut Output,
    ) -> Next {
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        let ending = Ending::ok(tag, rule);
        if mailbox.access == Access::ReadOnly {
            return self.end(ending.saying(READ_ONLY), out);
        }
        let key = mailbox.key;
        // Pitfall 89: only the given ones, and of those only what has `\Deleted`.
        let uids = match set.map(|set| mailbox.resolve(Numbers::Uid, set)) {
            None => None,
            Some(Ok(uids)) if !uids.is_empty() => Some(uids),
            Some(_) => return self.end(ending, out),
        };
        self.run(ending, What::Expunged, Job::Expunge { mailbox: key, uids })
    }

    pub(super) fn on_expunged(&mut self, ending: Ending, reply: Reply, out: &mut Output) -> Next {
        match reply {
            Reply::Expunged { snapshot, .. } => {
                self.tell(Tell::news(snapshot), End::Tagged(ending), out)
            }
            Reply::Refused(Refusal::NoSuchMailbox) => self.mailbox_gone(out),
            reply => self.fail(ending, &reply, Missing::Plain, out),
        }
    }

    /// RFC 9051 §6.4.1: what has `\Deleted` goes, without a word; nothing after EXAMINE.
    pub(super) fn on_close(&mut self, tag: &str, rule: &'static Rule, out: &mut Output) -> Next {
        let State::Selected(_, mailbox) = &self.state else { return Next::Read };
        let (mailbox, access) = (mailbox.key, mailbox.access);
        self.leave_mailbox();
        let ending = Ending::ok(tag, rule);
        match access {
            Access::ReadOnly => self.end(ending, out),
            Access::ReadWrite => {
                self.run(ending, What::Closed, Job::Expunge { mailbox, uids: None })
            }
        }
    }

    /// The mailbox is closed whatever came of the expunge; that is still told.
    pub(super) fn on_closed(&mut self, ending: Ending, reply: &Reply, out: &mut Output) -> Next {
        match reply {
            Reply::Expunged { .. } => self.end(ending, out),
            reply => self.fail(ending, reply, Missing::Plain, out),
        }
    }

    /// RFC 9051 §6.4.2
    pub(super) fn on_unselect(&mut self, tag: &str, rule: &'static Rule, out: &mut Output) -> Next {
        self.leave_mailbox();
        self.end(Ending::ok(tag, rule), out)
    }
}
