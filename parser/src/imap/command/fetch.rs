//! What FETCH wants of a message (RFC 9051 §6.4.5).

use super::{PartialRange, Str};
use crate::imap::lists::List;
use core::fmt;

/// A FETCH item (RFC 9051 §6.4.5, RFC 3501 §6.4.5, RFC 7162).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FetchItem<'a> {
    /// UID
    Uid,
    /// FLAGS
    Flags,
    /// INTERNALDATE
    InternalDate,
    /// RFC822.SIZE
    Rfc822Size,
    /// MODSEQ
    ModSeq,
    /// ENVELOPE
    Envelope,
    /// BODY without a section
    Body,
    /// BODYSTRUCTURE
    BodyStructure,
    /// RFC822 (RFC 3501): `BODY[]` under another name
    Rfc822,
    /// RFC822.HEADER (RFC 3501): `BODY.PEEK[HEADER]` under another name
    Rfc822Header,
    /// RFC822.TEXT (RFC 3501)
    Rfc822Text,
    /// BODY[…] or BODY.PEEK[…]
    BodySection {
        /// `.PEEK`: `\Seen` is left alone.
        peek: bool,
        /// What is between the brackets.
        section: Section<'a>,
        /// `<offset.count>`
        partial: Option<Partial>,
    },
    /// BINARY[…] or BINARY.PEEK[…] (RFC 3516)
    Binary {
        /// `.PEEK`
        peek: bool,
        /// Part numbers; may be empty.
        part: PartNumbers<'a>,
        /// `<offset.count>`
        partial: Option<Partial>,
    },
    /// BINARY.SIZE[…]
    BinarySize(PartNumbers<'a>),
    /// PREVIEW (RFC 8970)
    Preview {
        /// LAZY: only if it costs nothing to have.
        lazy: bool,
    },
    /// EMAILID (RFC 8474)
    EmailId,
    /// THREADID (RFC 8474)
    ThreadId,
    /// SAVEDATE (RFC 8514)
    SaveDate,
}

/// RFC 4466 §2.4
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchModifier {
    /// RFC 7162 §3.1.4.1
    ChangedSince(u64),
    /// RFC 7162 §3.2.6
    Vanished,
    /// RFC 9394 §3.3
    Partial(PartialRange),
}

/// `section` (RFC 9051 §9): part numbers, then what of that part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Section<'a> {
    /// May be empty: the message itself.
    pub part: PartNumbers<'a>,
    /// What of it.
    pub text: SectionText<'a>,
}

/// `section-text` (RFC 9051 §9).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SectionText<'a> {
    /// Nothing more: the whole message or part.
    Whole,
    /// HEADER
    Header,
    /// HEADER.FIELDS (…)
    HeaderFields(List<'a, Str<'a>>),
    /// HEADER.FIELDS.NOT (…)
    HeaderFieldsNot(List<'a, Str<'a>>),
    /// TEXT
    Text,
    /// MIME
    Mime,
}

/// `section-part`: numbers from 1, separated by dots; proved right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PartNumbers<'a> {
    pub(in crate::imap) raw: &'a [u8],
}

impl fmt::Debug for PartNumbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.raw.escape_ascii())
    }
}

/// `partial` (RFC 9051 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// First byte wanted.
    pub offset: u64,
    /// At most this many; never 0.
    pub count: u64,
}
