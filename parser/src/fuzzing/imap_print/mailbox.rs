//! Commands about mailboxes.

use super::Printer;
use crate::imap::{List, ListCommand, ListReturn, ListSelect, SelectParam, StatusItem, Str};
use alloc::format;

impl Printer {
    pub(super) fn select(
        &mut self,
        word: &str,
        mailbox: Str<'_>,
        params: List<'_, SelectParam<'_>>,
    ) {
        self.strings(word, &[mailbox]);
        if params.is_empty() {
            return;
        }
        self.word(" ");
        self.list(params, |printer, param| match param {
            SelectParam::CondStore => printer.word("CONDSTORE"),
            SelectParam::QResync { uid_validity, mod_seq, known_uids, seq_match } => {
                printer.word(&format!("QRESYNC ({uid_validity} {mod_seq}"));
                if let Some(uids) = known_uids {
                    printer.word(&format!(" {uids}"));
                }
                if let Some((numbers, uids)) = seq_match {
                    printer.word(&format!(" ({numbers} {uids})"));
                }
                printer.word(")");
            }
        });
    }

    pub(super) fn list_command(&mut self, list: &ListCommand<'_>) {
        self.word("LIST ");
        if list.extended {
            self.list(list.select, |printer, option| {
                printer.word(match option {
                    ListSelect::Subscribed => "SUBSCRIBED",
                    ListSelect::Remote => "REMOTE",
                    ListSelect::RecursiveMatch => "RECURSIVEMATCH",
                    ListSelect::SpecialUse => "SPECIAL-USE",
                });
            });
            self.word(" ");
        }
        self.string(list.reference);
        self.word(" ");
        if list.extended {
            self.list(list.patterns, Self::string);
        } else {
            self.items(list.patterns, Self::string);
        }
        if let Some(returns) = list.returns {
            self.word(" RETURN ");
            self.list(returns, |printer, option| match option {
                ListReturn::Subscribed => printer.word("SUBSCRIBED"),
                ListReturn::Children => printer.word("CHILDREN"),
                ListReturn::SpecialUse => printer.word("SPECIAL-USE"),
                ListReturn::MyRights => printer.word("MYRIGHTS"),
                ListReturn::Metadata(entries) => {
                    printer.word("METADATA ");
                    printer.list(entries, Self::string);
                }
                ListReturn::Status(items) => {
                    printer.word("STATUS ");
                    printer.list(items, Self::status_item);
                }
            });
        }
    }

    pub(super) fn status_item(&mut self, item: StatusItem) {
        self.word(match item {
            StatusItem::Messages => "MESSAGES",
            StatusItem::UidNext => "UIDNEXT",
            StatusItem::UidValidity => "UIDVALIDITY",
            StatusItem::Unseen => "UNSEEN",
            StatusItem::Deleted => "DELETED",
            StatusItem::Size => "SIZE",
            StatusItem::Recent => "RECENT",
            StatusItem::HighestModSeq => "HIGHESTMODSEQ",
            StatusItem::AppendLimit => "APPENDLIMIT",
            StatusItem::MailboxId => "MAILBOXID",
            StatusItem::DeletedStorage => "DELETED-STORAGE",
        });
    }
}
