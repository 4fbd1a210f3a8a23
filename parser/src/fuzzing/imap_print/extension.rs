//! Commands of extensions.

use super::Printer;
use crate::imap::write::{self, Charset};
use crate::imap::{
    Command, EventGroup, MailEvent, MailboxFilter, MetadataDepth, MetadataEntry, MetadataOptions,
    Notify, QuotaLimit, QuotaResource, RightsChange, SieveFilter,
};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

impl Printer {
    /// What the big `match` leaves over.
    pub(super) fn extension(&mut self, command: &Command<'_>) {
        match *command {
            Command::Replace { numbers, message, mailbox, ref items } => {
                self.numbered(numbers, "REPLACE ");
                self.word(&message.to_string());
                self.strings("", &[mailbox]);
                self.append_items(items.clone());
            }
            Command::Filter { numbers, filter, charset, keys } => {
                self.numbered(numbers, "FILTER SIEVE ");
                match filter {
                    SieveFilter::Delivery => self.word("DELIVERY"),
                    SieveFilter::Personal(name) => self.strings("PERSONAL", &[name]),
                    SieveFilter::Global(name) => self.strings("GLOBAL", &[name]),
                    SieveFilter::Script(script) => {
                        self.word("SCRIPT ");
                        write::string(&mut self.out, &script.bytes(), Charset::Ascii);
                    }
                }
                self.word(" ");
                self.search_program(None, charset, keys);
            }
            Command::SetAcl { mailbox, identifier, change, rights } => {
                self.strings("SETACL", &[mailbox, identifier]);
                let sign: &[u8] = match change {
                    RightsChange::Replace => b"",
                    RightsChange::Add => b"+",
                    RightsChange::Remove => b"-",
                };
                let rights: Vec<u8> = sign.iter().copied().chain(rights.iter()).collect();
                self.word(" ");
                write::astring(&mut self.out, &rights, Charset::Ascii);
            }
            Command::DeleteAcl { mailbox, identifier } => {
                self.strings("DELETEACL", &[mailbox, identifier]);
            }
            Command::GetAcl(mailbox) => self.strings("GETACL", &[mailbox]),
            Command::ListRights { mailbox, identifier } => {
                self.strings("LISTRIGHTS", &[mailbox, identifier]);
            }
            Command::MyRights(mailbox) => self.strings("MYRIGHTS", &[mailbox]),
            Command::GetQuota(root) => self.strings("GETQUOTA", &[root]),
            Command::GetQuotaRoot(mailbox) => self.strings("GETQUOTAROOT", &[mailbox]),
            Command::SetQuota { root, limits } => {
                self.strings("SETQUOTA", &[root]);
                self.word(" ");
                self.list(limits, Self::quota_limit);
            }
            Command::GetMetadata { mailbox, options, entries } => {
                self.word("GETMETADATA ");
                self.metadata_options(options);
                self.string(mailbox);
                self.word(" ");
                self.list(entries, Self::string);
            }
            Command::SetMetadata { mailbox, entries } => {
                self.strings("SETMETADATA", &[mailbox]);
                self.word(" ");
                self.list(entries, Self::metadata_entry);
            }
            Command::Notify(Notify::None) => self.word("NOTIFY NONE"),
            Command::Notify(Notify::Set { status, groups }) => {
                self.word(if status { "NOTIFY SET STATUS " } else { "NOTIFY SET " });
                self.items(groups, Self::event_group);
            }
            Command::Compress(algorithm) => self.word(&format!("COMPRESS {algorithm}")),
            Command::Unauthenticate => self.word("UNAUTHENTICATE"),
            Command::Language(ranges) => {
                self.word("LANGUAGE ");
                self.items(ranges, Self::string);
            }
            Command::Comparator(collations) => {
                self.word("COMPARATOR ");
                self.items(collations, Self::string);
            }
            Command::UidBatches { size, batches } => {
                self.word(&format!("UIDBATCHES {size}"));
                if let Some((first, last)) = batches {
                    self.word(&format!(" {first}:{last}"));
                }
            }
            ref other => panic!("nobody prints {other:?}"),
        }
    }

    fn quota_limit(&mut self, limit: QuotaLimit<'_>) {
        self.word(match limit.resource {
            QuotaResource::Storage => "STORAGE",
            QuotaResource::Message => "MESSAGE",
            QuotaResource::Mailbox => "MAILBOX",
            QuotaResource::AnnotationStorage => "ANNOTATION-STORAGE",
            QuotaResource::Other(name) => name,
        });
        self.word(&format!(" {}", limit.limit));
    }

    fn metadata_options(&mut self, options: MetadataOptions) {
        self.word(match options.depth {
            MetadataDepth::Itself => "(DEPTH 0",
            MetadataDepth::Children => "(DEPTH 1",
            MetadataDepth::All => "(DEPTH infinity",
        });
        if let Some(size) = options.max_size {
            self.word(&format!(" MAXSIZE {size}"));
        }
        self.word(") ");
    }

    fn metadata_entry(&mut self, entry: MetadataEntry<'_>) {
        self.string(entry.name);
        self.word(" ");
        let value = entry.value.map(|value| value.bytes());
        write::nstring8(&mut self.out, value.as_deref(), Charset::Ascii);
    }

    fn event_group(&mut self, group: EventGroup<'_>) {
        self.word("(");
        self.mailbox_filter(group.mailboxes);
        self.word(" ");
        match group.events {
            None => self.word("NONE"),
            Some(events) => self.list(events, Self::event),
        }
        self.word(")");
    }

    pub(super) fn mailbox_filter(&mut self, filter: MailboxFilter<'_>) {
        match filter {
            MailboxFilter::Selected => self.word("SELECTED"),
            MailboxFilter::SelectedDelayed => self.word("SELECTED-DELAYED"),
            MailboxFilter::Inboxes => self.word("INBOXES"),
            MailboxFilter::Personal => self.word("PERSONAL"),
            MailboxFilter::Subscribed => self.word("SUBSCRIBED"),
            MailboxFilter::Subtree(names) => {
                self.word("SUBTREE ");
                self.list(names, Self::string);
            }
            MailboxFilter::SubtreeOne(names) => {
                self.word("SUBTREE-ONE ");
                self.list(names, Self::string);
            }
            MailboxFilter::Mailboxes(names) => {
                self.word("MAILBOXES ");
                self.list(names, Self::string);
            }
        }
    }

    fn event(&mut self, event: MailEvent<'_>) {
        match event {
            MailEvent::MessageNew(items) => {
                self.word("MessageNew");
                if let Some(items) = items {
                    self.word(" ");
                    self.list(items, Self::fetch_item);
                }
            }
            MailEvent::MessageExpunge => self.word("MessageExpunge"),
            MailEvent::FlagChange => self.word("FlagChange"),
            MailEvent::AnnotationChange => self.word("AnnotationChange"),
            MailEvent::MailboxName => self.word("MailboxName"),
            MailEvent::SubscriptionChange => self.word("SubscriptionChange"),
            MailEvent::MailboxMetadataChange => self.word("MailboxMetadataChange"),
            MailEvent::ServerMetadataChange => self.word("ServerMetadataChange"),
            MailEvent::Other(name) => self.word(name),
        }
    }
}
