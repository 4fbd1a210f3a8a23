//! SELECT and EXAMINE (RFC 9051 §6.3.2, §6.3.3).

use std::sync::Arc;

use parser::imap::{List, SelectParam, Str};

use super::super::{Next, Output};
use super::codes::Missing;
use super::doing::{Ending, What};
use super::mailbox::Selected;
use super::table::{EXAMINE, Rule};
use super::{Imap, State};
use crate::job::{Access, Job, MailboxInfo, Reply};
use crate::mail::Snapshot;
use crate::model::Flags;

impl Imap {
    /// The old mailbox closes first: a failed SELECT leaves nothing selected (§6.3.2).
    pub(super) fn on_select(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        params: List<'_, SelectParam<'_>>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        if self.leave_mailbox() {
            out.put(b"* OK [CLOSED] Mailbox closed\r\n"); // §7.1
        }
        if params.iter().any(|param| param == SelectParam::CondStore) {
            self.enabled.condstore = true; // RFC 7162 §3.1.8
        }
        let Some(account) = self.account() else { return self.end(ending, out) };
        let access = if std::ptr::eq(rule, &raw const EXAMINE) {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        };
        match self.name_of(mailbox) {
            Ok(name) => self.run(ending, What::Open { access }, Job::OpenMailbox { account, name }),
            Err(text) => self.end(ending.saying(text), out),
        }
    }

    /// Back to the authenticated state; true if a mailbox was selected.
    pub(super) fn leave_mailbox(&mut self) -> bool {
        match std::mem::replace(&mut self.state, State::NotAuthenticated) {
            State::Selected(user, _) => {
                self.state = State::Authenticated(user);
                true
            }
            state => {
                self.state = state;
                false
            }
        }
    }

    pub(super) fn on_opened(
        &mut self,
        ending: Ending,
        access: Access,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let (info, snapshot) = match reply {
            Reply::MailboxOpened { info, snapshot } => (info, snapshot),
            reply => return self.fail(ending, &reply, Missing::Plain, out),
        };
        let selected = Selected::new(info.key, access, &snapshot);
        selected.write_flags(out);
        self.write_opened(&info, &snapshot, out);
        drop::<Arc<Snapshot>>(snapshot);
        match std::mem::replace(&mut self.state, State::NotAuthenticated) {
            State::Authenticated(user) | State::Selected(user, _) => {
                self.state = State::Selected(user, selected);
            }
            State::NotAuthenticated => {}
        }
        let mode = if access == Access::ReadOnly { "READ-ONLY" } else { "READ-WRITE" };
        let name = ending.rule.name;
        self.end(ending.saying(format!("OK [{mode}] {name} completed")), out)
    }

    fn write_opened(&self, info: &MailboxInfo, snapshot: &Snapshot, out: &mut Output) {
        out.line(format_args!("* {} EXISTS", snapshot.len()));
        if !self.enabled.rev2 {
            // Deviation: nothing is ever recent here (RFC 3501 §2.3.2), because that would make
            // reading a mailbox write to it. RFC 9051 App. E dropped it.
            out.put(b"* 0 RECENT\r\n");
            if let Some(seq) = first_unseen(info, snapshot) {
                out.line(format_args!("* OK [UNSEEN {seq}] First unseen"));
            }
        }
        let head = &snapshot.head;
        out.line(format_args!("* OK [UIDVALIDITY {}] UIDs valid", head.uid_validity));
        out.line(format_args!("* OK [UIDNEXT {}] Next UID", head.uid_next));
        out.line(format_args!("* OK [HIGHESTMODSEQ {}] Highest", head.highest_mod_seq));
        if self.enabled.rev2 {
            out.put(b"* LIST () \"/\" "); // RFC 9051 §6.3.2
            self.put_name(info.name.as_str(), out);
            out.put(b"\r\n");
        }
    }
}

/// The sequence number of the first message without `\Seen`.
fn first_unseen(info: &MailboxInfo, snapshot: &Snapshot) -> Option<u32> {
    if info.unseen == 0 {
        return None;
    }
    let first = snapshot.iter().position(|message| !message.flags.contains(Flags::SEEN))?;
    u32::try_from(first).ok()?.checked_add(1)
}
