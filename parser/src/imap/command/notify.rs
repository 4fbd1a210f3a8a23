//! What NOTIFY asks for (RFC 5465).

use super::super::lists::List;
use super::{FetchItem, Str};

/// NOTIFY SET or NONE (RFC 5465 §3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notify<'a> {
    /// NONE: nothing any more.
    None,
    /// SET: these instead of all before.
    Set {
        /// STATUS: tell first how the mailboxes stand (§3.1).
        status: bool,
        /// Which events of which mailboxes.
        groups: List<'a, EventGroup<'a>>,
    },
}

/// `event-group` (RFC 5465 §8).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventGroup<'a> {
    /// Of which mailboxes.
    pub mailboxes: MailboxFilter<'a>,
    /// `None` for NONE: of these mailboxes nothing.
    pub events: Option<List<'a, MailEvent<'a>>>,
}

/// `filter-mailboxes` (RFC 5465 §6, RFC 7377 §2.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MailboxFilter<'a> {
    /// SELECTED
    Selected,
    /// SELECTED-DELAYED: EXPUNGE waits for a command that allows it.
    SelectedDelayed,
    /// INBOXES: where mail may be delivered to.
    Inboxes,
    /// PERSONAL
    Personal,
    /// SUBSCRIBED
    Subscribed,
    /// SUBTREE: these and all below.
    Subtree(List<'a, Str<'a>>),
    /// SUBTREE-ONE: these and what is right below them (RFC 7377 §2.2).
    SubtreeOne(List<'a, Str<'a>>),
    /// MAILBOXES: these.
    Mailboxes(List<'a, Str<'a>>),
}

/// `event` (RFC 5465 §5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MailEvent<'a> {
    /// MessageNew, and what of each message to tell; without a list, nothing is fetched.
    MessageNew(Option<List<'a, FetchItem<'a>>>),
    /// MessageExpunge
    MessageExpunge,
    /// FlagChange
    FlagChange,
    /// AnnotationChange
    AnnotationChange,
    /// MailboxName
    MailboxName,
    /// SubscriptionChange
    SubscriptionChange,
    /// MailboxMetadataChange
    MailboxMetadataChange,
    /// ServerMetadataChange
    ServerMetadataChange,
    /// `event-ext`: one that we do not know. NO `[BADEVENT]`, and not BAD (§3.1).
    Other(&'a str),
}

impl MailboxFilter<'_> {
    /// `filter-mailboxes-selected` (RFC 5465 §8).
    pub const fn is_selected(&self) -> bool {
        matches!(self, Self::Selected | Self::SelectedDelayed)
    }
}
