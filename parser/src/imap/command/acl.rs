//! Rights, as SETACL names them (RFC 4314).

use core::fmt;

/// `rights` (RFC 4314 §7): lower-case letters and digits, proved right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rights<'a> {
    pub(crate) raw: &'a [u8],
}

impl<'a> Rights<'a> {
    /// Each right as the client wrote it: in its order, and as often.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.raw.iter().copied()
    }

    /// As the client wrote them.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }
}

impl fmt::Debug for Rights<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.raw.escape_ascii())
    }
}

/// What SETACL does with its rights (RFC 4314 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightsChange {
    /// No sign: these and no others.
    Replace,
    /// `+`
    Add,
    /// `-`
    Remove,
}
