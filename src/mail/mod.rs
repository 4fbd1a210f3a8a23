//! What is known about mail without a store, a socket or a clock: views, sets of UIDs, search.

pub mod charset;
pub mod digest;
pub mod envelope;
pub mod fold;
pub mod html;
pub mod matcher;
pub mod preview;
pub mod runs;
pub mod search;
pub mod section;
pub mod snapshot;
pub mod structure;
pub mod text;
pub mod view;

pub use digest::{Digest, MessageIdHash};
pub use runs::UidRuns;
pub use snapshot::{Message, Snapshot, SnapshotHead};
pub use view::{News, View};
