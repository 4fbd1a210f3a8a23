//! What the parser knows of a message, as the store would keep it.

use std::sync::Arc;

/// What a FETCH may want of a message besides its bytes.
pub(crate) struct Facts {
    /// Ready to be written after `ENVELOPE `.
    pub(crate) envelope: Arc<[u8]>,
    /// The encoded message map.
    pub(crate) map: Arc<[u8]>,
    /// Bytes of the top header block, its blank line included.
    pub(crate) header_bytes: usize,
}

/// Reads `message`.
pub(crate) fn of(message: &[u8]) -> Facts {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    Facts {
        envelope: b"NIL".as_slice().into(),
        map: Vec::new().into(),
        header_bytes: end.map_or(message.len(), |at| at + 4),
    }
}
