//! What is learnt from a message once, when it comes in, and kept beside its body.

use crate::store::Facts;

/// The facts of a whole message.
pub(super) fn of(message: &[u8]) -> Facts {
    Facts { header_bytes: message.len() as u64, ..Facts::default() }
}
