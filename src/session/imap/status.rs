//! STATUS (RFC 9051 §6.3.11, RFC 8438, RFC 7162 §3.1.7, RFC 7889 §4): one row of the store, told.

use parser::imap::{List, StatusItem, Str};

use super::super::{Next, Output};
use super::Imap;
use super::codes::Missing;
use super::doing::{Ending, What};
use super::lines::put_number;
use super::table::Rule;
use crate::job::{Job, MailboxInfo, Reply};

impl Imap {
    pub(super) fn on_status(
        &mut self,
        tag: &str,
        rule: &'static Rule,
        mailbox: Str<'_>,
        items: List<'_, StatusItem>,
        out: &mut Output,
    ) -> Next {
        let ending = Ending::ok(tag, rule);
        let Some(account) = self.account() else { return Next::Read };
        let items = self.status_items(items, out);
        match self.name_of(mailbox) {
            Ok(name) => self.run(ending, What::Status { items }, Job::Status { account, name }),
            Err(text) => self.end(ending.saying(text), out),
        }
    }

    /// RFC 7162 §3.1: asking for HIGHESTMODSEQ enables CONDSTORE.
    pub(super) fn status_items(
        &mut self,
        items: List<'_, StatusItem>,
        out: &mut Output,
    ) -> Box<[StatusItem]> {
        let items: Box<[StatusItem]> = items.iter().collect();
        if items.contains(&StatusItem::HighestModSeq) {
            self.enable_condstore(out);
        }
        items
    }

    pub(super) fn on_status_reply(
        &mut self,
        ending: Ending,
        items: &[StatusItem],
        reply: &Reply,
        out: &mut Output,
    ) -> Next {
        match reply {
            Reply::MailboxStatus(info) => {
                self.put_status(info, items, out);
                self.end(ending, out)
            }
            reply => self.fail(ending, reply, Missing::Plain, out),
        }
    }

    /// `* STATUS name (…)`
    pub(super) fn put_status(&self, info: &MailboxInfo, items: &[StatusItem], out: &mut Output) {
        out.put(b"* STATUS ");
        self.put_name(info.name.as_str(), out);
        out.put(b" (");
        for (at, item) in items.iter().enumerate() {
            out.put(if at == 0 { b"" } else { b" " });
            let (name, value) = match item {
                StatusItem::Messages => ("MESSAGES", info.messages.into()),
                StatusItem::UidNext => ("UIDNEXT", info.uid_next.into()),
                StatusItem::UidValidity => ("UIDVALIDITY", info.uid_validity.0.into()),
                StatusItem::Unseen => ("UNSEEN", info.unseen.into()),
                StatusItem::Deleted => ("DELETED", info.deleted.into()),
                StatusItem::Size => ("SIZE", info.bytes),
                StatusItem::Recent => ("RECENT", 0), // see SELECT
                StatusItem::HighestModSeq => {
                    ("HIGHESTMODSEQ", info.highest_mod_seq.0.unsigned_abs())
                }
                StatusItem::AppendLimit => ("APPENDLIMIT", self.settings.append_bytes_max),
                StatusItem::MailboxId | StatusItem::DeletedStorage => continue, // not offered
            };
            out.put(name.as_bytes());
            out.put(b" ");
            put_number(value, out);
        }
        out.put(b")\r\n");
    }
}
