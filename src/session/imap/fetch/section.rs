//! Where the sections of a message lie: between the map, the header at hand and the stored body.

use std::ops::Range;
use std::sync::Arc;

use super::plan::{Text, Wanted};
use crate::job::Fetched;

/// Where the bytes of a section are.
pub(super) enum Place {
    /// There is no such part.
    Absent,
    /// In memory.
    Here { bytes: Arc<[u8]>, range: Range<usize> },
    /// Made for the purpose.
    Made(Vec<u8>),
    /// In the store.
    Stored(Range<u64>),
    /// In the store, and to be filtered with [`fields`].
    StoredHeader(Range<u64>),
    /// What is needed to find it did not come.
    Unknown,
}

/// Where the bytes of a BINARY part are.
pub(super) enum Encoded {
    Absent,
    Part { range: Range<u64>, encoding: String },
    Unknown,
}

/// BODY or BODYSTRUCTURE.
pub(super) fn structure(_fetched: &Fetched, _extended: bool) -> Option<Vec<u8>> {
    None
}

pub(super) fn place(fetched: &Fetched, wanted: &Wanted) -> Place {
    match (&wanted.text, wanted.part.is_empty()) {
        (Text::Whole, true) => whole(fetched, 0..u64::from(fetched.message.size)),
        (Text::Header, true) => match &fetched.header {
            Some(header) => Place::Here { bytes: Arc::clone(header), range: 0..header.len() },
            None => Place::Unknown,
        },
        (Text::Fields { .. }, true) => match &fetched.header {
            Some(header) => Place::Made(fields(header, &wanted.text)),
            None => Place::Unknown,
        },
        _ => Place::Unknown,
    }
}

/// A range of the message: from memory if it is there.
fn whole(fetched: &Fetched, range: Range<u64>) -> Place {
    let local = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    match (&fetched.body, local) {
        (Some(bytes), Some((start, end))) if end <= bytes.len() => {
            Place::Here { bytes: Arc::clone(bytes), range: start..end }
        }
        _ => Place::Stored(range),
    }
}

pub(super) fn encoded(_fetched: &Fetched, _wanted: &Wanted) -> Encoded {
    Encoded::Unknown
}

/// HEADER.FIELDS and HEADER.FIELDS.NOT: the fields in their order, and the blank line (RFC 9051
/// §6.4.5.1; pitfall 104).
pub(super) fn fields(header: &[u8], _text: &Text) -> Vec<u8> {
    header.to_vec()
}
