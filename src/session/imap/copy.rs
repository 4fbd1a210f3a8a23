//! COPY and MOVE (RFC 9051 §6.4.7, §6.4.8): all or nothing, and told by COPYUID.

use parser::imap::{Set, Str};

use super::super::{Next, Output};
use super::codes::{self, Missing};
use super::doing::{End, Ending, What};
use super::expunge::READ_ONLY;
use super::sets::{numbers_of, set_text};
use super::table::Rule;
use super::tell::Tell;
use super::{Imap, State};
use crate::error::Refusal;
use crate::job::{Access, Job, Reply, Transfer};

/// What becomes of the originals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Originals {
    /// COPY
    Stay,
    /// MOVE
    Go,
}

impl Imap {
    pub(super) fn on_copy(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        (originals, set): (Originals, Set<'_>),
        mailbox: Str<'_>,
        out: &mut Output,
    ) -> Next {
        let State::Selected(_, selected) = &self.state else { return Next::Read };
        let ending = Ending::ok(tag, rule);
        let Ok(uids) = selected.resolve(numbers_of(rule), set) else {
            return self.bad(Some(tag), format_args!("No such message"), out);
        };
        if originals == Originals::Go && selected.access == Access::ReadOnly {
            return self.end(ending.saying(READ_ONLY), out);
        }
        let to = match self.name_of(mailbox) {
            Ok(to) => to,
            Err(text) => return self.end(ending.saying(text), out),
        };
        if uids.is_empty() {
            return self.end(ending, out); // pitfall 87: nothing copied, no COPYUID
        }
        let transfer = Transfer { from: selected.key, uids, to };
        let job = match originals {
            Originals::Stay => Job::Copy(transfer),
            Originals::Go => Job::Move(transfer),
        };
        self.run(ending, What::Copied { originals }, job)
    }

    pub(super) fn on_copied(
        &mut self,
        ending: Ending,
        originals: Originals,
        reply: Reply,
        out: &mut Output,
    ) -> Next {
        let (uid_validity, from, to, snapshot) = match reply {
            Reply::Copied { uid_validity, from, to, snapshot } => {
                (uid_validity, from, to, snapshot)
            }
            reply => return self.fail(ending, &reply, Missing::Target, out), // [TRYCREATE]
        };
        let mut ending = ending;
        if !from.is_empty() {
            let code = format!("OK [COPYUID {uid_validity} {} {}]", set_text(&from), set_text(&to));
            match originals {
                // Pitfall 88: MOVE tells it before the EXPUNGEs (RFC 9051 §6.4.8).
                Originals::Go => out.line(format_args!("* {code} Moved")),
                Originals::Stay => ending = ending.saying(format!("{code} Copied")),
            }
        } else if !ending.rule.by_uid {
            // Numbers mean messages that the client sees: an OK would say that they were copied.
            ending = ending.saying(codes::refusal(Refusal::MessageGone, Missing::Target));
        }
        self.tell(Tell::news(snapshot), End::Tagged(ending), out)
    }
}
