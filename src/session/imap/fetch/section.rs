//! Where the sections of a message lie: between the map, the header at hand and the stored body.

use std::ops::Range;
use std::sync::Arc;

use parser::message::MessageMap;

use super::plan::{Wanted, What};
use crate::job::Fetched;
use crate::mail::section::{EncodedPart, Piece, Selection, encoded_part, header_fields, locate};

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
    Part(EncodedPart),
    Unknown,
}

/// Where `wanted` lies. The header of the message itself needs neither map nor body.
pub(super) fn place(fetched: &Fetched, map: Option<&MessageMap>, wanted: &Wanted) -> Place {
    let header = fetched.header.as_ref().filter(|_| wanted.part.is_empty());
    match (&wanted.text, header) {
        (What::Whole, _) if wanted.part.is_empty() => {
            return in_body(fetched, 0..u64::from(fetched.message.size));
        }
        (What::Header, Some(header)) => {
            return Place::Here { bytes: Arc::clone(header), range: 0..header.len() };
        }
        (What::Fields { .. }, Some(header)) => return Place::Made(fields(header, &wanted.text)),
        _ => {}
    }
    let Some(map) = map else { return Place::Unknown };
    let piece = match wanted.text {
        What::Whole => Piece::Whole,
        What::Header | What::Fields { .. } => Piece::Header,
        What::Text => Piece::Text,
        What::Mime => Piece::Mime,
    };
    let Some(range) = locate(map, &wanted.part, piece) else { return Place::Absent };
    match (in_body(fetched, range), &wanted.text) {
        (Place::Here { bytes, range }, text @ What::Fields { .. }) => {
            Place::Made(fields(bytes.get(range).unwrap_or_default(), text))
        }
        (Place::Stored(range), What::Fields { .. }) if range.is_empty() => Place::Made(Vec::new()),
        (Place::Stored(range), What::Fields { .. }) => Place::StoredHeader(range),
        (place, _) => place,
    }
}

/// A range of the message: from memory if it is there.
pub(super) fn in_body(fetched: &Fetched, range: Range<u64>) -> Place {
    let local = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    match (&fetched.body, local) {
        (Some(bytes), Some((start, end))) if end <= bytes.len() => {
            Place::Here { bytes: Arc::clone(bytes), range: start..end }
        }
        _ => Place::Stored(range),
    }
}

/// The part that BINARY asks for (RFC 3516 §4).
pub(super) fn encoded(map: Option<&MessageMap>, wanted: &Wanted) -> Encoded {
    let Some(map) = map else { return Encoded::Unknown };
    encoded_part(map, &wanted.part).map_or(Encoded::Absent, Encoded::Part)
}

/// HEADER.FIELDS and HEADER.FIELDS.NOT (pitfall 104); the whole header for any other text.
pub(super) fn fields(header: &[u8], text: &What) -> Vec<u8> {
    match text {
        What::Fields { which, names } => header_fields(header, names, *which),
        _ => header_fields::<&[u8]>(header, &[], Selection::Except),
    }
}
