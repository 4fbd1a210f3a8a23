//! Resources, as SETQUOTA names them (RFC 9208).

/// `resource-name` (RFC 9208 §5, §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaResource<'a> {
    /// STORAGE: units of 1024 bytes.
    Storage,
    /// MESSAGE: messages.
    Message,
    /// MAILBOX: mailboxes.
    Mailbox,
    /// ANNOTATION-STORAGE: units of 1024 bytes.
    AnnotationStorage,
    /// `resource-name-ext`: one that we do not know.
    Other(&'a str),
}

/// `setquota-resource` (RFC 9208 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaLimit<'a> {
    /// Of what.
    pub resource: QuotaResource<'a>,
    /// At most so much, in the resource's own unit.
    pub limit: u64,
}
