//! What is learnt from a message once, when it comes in, and kept beside its body.

use crate::mail::Digest;
use crate::store::Facts;

/// The facts of a whole message, trace lines included.
pub(super) fn of(message: &[u8]) -> Facts {
    let Digest { map, envelope, header_bytes, message_id, references, .. } = Digest::of(message);
    let message_ids = message_id.into_iter().chain(references).map(|hash| hash.0).collect();
    Facts { envelope, map, header_bytes: header_bytes.into(), message_ids }
}
