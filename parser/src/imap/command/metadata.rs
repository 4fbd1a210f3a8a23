//! What GETMETADATA and SETMETADATA say (RFC 5464).

use super::Str;

/// How far below an entry GETMETADATA reaches (RFC 5464 §4.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetadataDepth {
    /// `0`: the entry itself.
    #[default]
    Itself,
    /// `1`: and its children.
    Children,
    /// `infinity`: and all below.
    All,
}

/// The options of GETMETADATA (RFC 5464 §4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataOptions {
    /// MAXSIZE: longer values are left out; in bytes.
    pub max_size: Option<u64>,
    /// DEPTH
    pub depth: MetadataDepth,
}

/// `entry-value` (RFC 5464 §5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetadataEntry<'a> {
    /// The entry's name, in the client's case: names have none (§3.2).
    pub name: Str<'a>,
    /// `None` for NIL, which removes the entry (§4.3). May hold NUL.
    pub value: Option<Str<'a>>,
}
