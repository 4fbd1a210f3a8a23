//! Names of mailboxes and of people, in the one form the store keeps.

use std::fmt;

use crate::limits;

/// A mailbox name in UTF-8 with `/` between levels; `INBOX` always in capitals (RFC 9051 §5.1, pitfall 65).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(String);

/// Why a mailbox name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// No name, an empty level, `.` or `..` as a level, a control character, `*` or `%` (pitfall 67).
    Invalid,
    /// Longer or deeper than [`limits`] allow.
    TooLong,
}

impl MailboxName {
    /// The level separator, the same everywhere.
    pub const DELIMITER: char = '/';

    /// INBOX.
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// Checks `text` (already UTF-8, not modified UTF-7). One trailing delimiter is dropped, as
    /// CREATE may send it (RFC 9051 §6.3.4).
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix(Self::DELIMITER).unwrap_or(text);
        let levels = text.split(Self::DELIMITER);
        let depth = levels.clone().count();
        if text.len() > limits::MAILBOX_NAME_BYTES_MAX || depth > limits::MAILBOX_DEPTH_MAX {
            return Err(NameError::TooLong);
        }
        let bad = |level: &str| matches!(level, "" | "." | "..");
        let forbidden =
            |c: char| c.is_control() || matches!(c, '*' | '%' | '\u{2028}' | '\u{2029}');
        if levels.clone().any(bad) || text.contains(forbidden) {
            return Err(NameError::Invalid);
        }
        let (first, rest) =
            text.split_once(Self::DELIMITER).map_or((text, None), |(f, r)| (f, Some(r)));
        Ok(match rest {
            _ if !first.eq_ignore_ascii_case("INBOX") => Self(text.to_owned()),
            None => Self::inbox(),
            Some(rest) => Self(format!("INBOX/{rest}")),
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for INBOX itself, not for its children.
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }

    /// What must be unique in an account: `Work` and `work` are one name (pitfall 66).
    pub fn key(&self) -> String {
        self.0.chars().flat_map(char::to_lowercase).collect()
    }

    /// The name one level up.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once(Self::DELIMITER).map(|(parent, _)| Self(parent.to_owned()))
    }

    /// True if `self` lies anywhere below `ancestor`.
    pub fn is_below(&self, ancestor: &Self) -> bool {
        self.0.strip_prefix(&ancestor.0).is_some_and(|rest| rest.starts_with(Self::DELIMITER))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 6154 §2. `\All` and `\Flagged` are virtual mailboxes, which Sora does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpecialUse {
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl SpecialUse {
    /// Each, with the flag LIST shows and the standard folder made with an account.
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Archive, "\\Archive", "Archive"),
        (Self::Drafts, "\\Drafts", "Drafts"),
        (Self::Junk, "\\Junk", "Junk"),
        (Self::Sent, "\\Sent", "Sent"),
        (Self::Trash, "\\Trash", "Trash"),
    ];

    /// The attribute with its backslash.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(is, ..)| *is == self).map_or("", |(_, flag, _)| flag)
    }

    /// From an attribute, in any case, with its backslash.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, flag, _)| flag.eq_ignore_ascii_case(text)).map(|(is, ..)| *is)
    }
}

/// An e-mail address that names an account: lower case, one `@`, no control characters or spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// Trims and lower-cases (compat.md: "Email lower-cased/trimmed; needs exactly one `@`").
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (local, domain) = text.split_once('@')?;
        let bad = |c: char| c.is_control() || c.is_whitespace() || c == '@';
        let fits = text.len() <= limits::ADDRESS_BYTES_MAX;
        let right = !local.is_empty()
            && !domain.is_empty()
            && !local.contains(bad)
            && !domain.contains(bad);
        (fits && right).then_some(Self(text))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `user@domain` and the detail of `user+detail@domain`, where the detail may be what only stands
    /// in quotes (RFC 5321 §4.1.2), a space or an `@`; the quotes are gone already.
    pub fn with_any_detail(text: &str) -> Option<(Self, &str)> {
        let (local, domain) = text.rsplit_once('@')?;
        let (user, detail) = local.split_once('+')?;
        Some((Self::new(&format!("{user}@{domain}"))?, detail))
    }

    /// `user+detail@domain` as (`user@domain`, `detail`) (RFC 5233; pitfall 4).
    pub fn split_detail(&self) -> (Self, Option<&str>) {
        let whole = || (self.clone(), None);
        let Some((local, domain)) = self.0.split_once('@') else { return whole() };
        match local.split_once('+') {
            Some((user, detail)) if !user.is_empty() => {
                (Self(format!("{user}@{domain}")), Some(detail))
            }
            _ => whole(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
