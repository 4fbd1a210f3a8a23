//! What APPEND and REPLACE bring (RFC 9051 §6.3.12, RFC 8508).

use super::super::append::AppendItems;
use super::{DateTime, Flag, Numbers, SeqNumber, Str};
use crate::imap::List;

/// What stands before the first message of an APPEND or a REPLACE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AppendHead<'a> {
    /// The client's tag.
    pub tag: &'a str,
    /// REPLACE or UID REPLACE, and which message (RFC 8508 §3); `None` for APPEND.
    pub replaces: Option<(Numbers, SeqNumber)>,
    /// Mailbox name as sent.
    pub mailbox: Str<'a>,
}

/// One step through the messages of an APPEND: they and their parts follow each other as in the
/// command, so that none of it need be held at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AppendItem<'a> {
    /// A message begins, and the one before it is complete (RFC 3502 §6.3.11).
    Message {
        /// Flags in parentheses.
        flags: List<'a, Flag<'a>>,
        /// INTERNALDATE.
        date_time: Option<DateTime>,
    },
    /// Octets for the message at hand: all of it, or a part of a CATENATE.
    Octets(AppendOctets<'a>),
    /// `URL` of a CATENATE: what it points to comes here (RFC 4469 §3). See
    /// [`ImapUrl`](crate::imap::url::ImapUrl).
    Url(Str<'a>),
}

/// A literal of an APPEND.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendOctets<'a> {
    /// As it was announced.
    pub literal: Literal,
    /// The octets, if they are in the frame; empty if they are still to come.
    pub octets: &'a [u8],
    /// One of several parts (RFC 4469 §3).
    pub part: bool,
    /// Given as `UTF8 (…)` (RFC 6855 §4). RFC 9755 took that back, but Python's imaplib sends it.
    pub utf8: bool,
}

/// A piece of an APPEND or REPLACE: from behind one literal to behind the head of the next.
#[derive(Clone, Debug, PartialEq)]
pub struct AppendPiece<'a> {
    /// In the first piece of a command.
    pub head: Option<AppendHead<'a>>,
    /// What the piece tells, in order. The last one may be octets that are still to come.
    pub items: AppendItems<'a>,
    /// The literal whose octets follow now; `None` if the command ends here.
    pub literal: Option<Literal>,
}

/// What a piece of an APPEND turned out to be.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "the literal at the end of a piece is to be taken or refused"]
pub enum AppendRead<'a> {
    /// Its literal is the mailbox's name: accept it into the frame, and read all of it again.
    Name,
    /// Likewise, but a URL of a CATENATE.
    Url,
    /// Its literal, if it ends with one, is a message or a part of one.
    Piece(AppendPiece<'a>),
}

/// `{n}`, `{n+}`, `~{n}` or `~{n+}` (RFC 9051 §4.3, RFC 7888 §8, RFC 3516 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Bytes announced.
    pub size: u64,
    /// True if the client waits for `+` before it sends them.
    pub synchronizing: bool,
    /// literal8: may hold NUL.
    pub binary: bool,
}

impl Literal {
    /// Bytes of the largest literal that LITERAL- lets a client send without waiting (RFC 7888 §5).
    pub const LITERAL_MINUS_BYTES_MAX: u64 = 4_096;

    /// True if a server that offers LITERAL- takes it; what it does not take it refuses as if it
    /// were too large, and skips (RFC 7888 §4, §5).
    pub const fn is_within_literal_minus(&self) -> bool {
        self.synchronizing || self.size <= Self::LITERAL_MINUS_BYTES_MAX
    }
}
