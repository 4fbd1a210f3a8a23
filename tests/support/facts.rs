//! What delivery keeps of a message: the program's own digest, since the model is the oracle of
//! mailboxes, not of MIME.

use std::sync::Arc;

use sora::mail::Digest;

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
    let digest = Digest::of(message);
    Facts {
        envelope: digest.envelope.into(),
        map: digest.map.into(),
        header_bytes: digest.header_bytes as usize,
    }
}
