//! Commands that are larger than what may wait in a connection: a script is gathered here.

use parser::managesieve::{Frame, Framer, Limits};

/// Bytes of one command that may wait in the connection; a larger one is gathered.
const WAITING_BYTES_MAX: usize = 32 * 1024;

/// Finds commands, and keeps what has come of a large one.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    framer: Framer,
    bytes: Vec<u8>,
}

/// What was found.
pub(super) struct Gathered {
    /// Bytes of the input that are done with.
    pub(super) consumed: usize,
    pub(super) frame: Frame,
    /// What the frame counts in, if not in the input.
    pub(super) whole: Option<Vec<u8>>,
}

impl Gathering {
    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets what was gathered.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Looks at `input`, all that is not consumed yet.
    pub(super) fn next(&mut self, input: &[u8], limits: &Limits) -> Gathered {
        if self.bytes.is_empty() {
            let frame = self.framer.next(input, limits);
            let consumed = match frame {
                Frame::Complete { bytes } | Frame::Skip { bytes } => bytes,
                Frame::Incomplete if input.len() >= WAITING_BYTES_MAX => {
                    self.bytes.extend_from_slice(input);
                    input.len()
                }
                Frame::Incomplete | Frame::TooLong | Frame::LiteralTooLong { .. } => 0,
            };
            return Gathered { consumed, frame, whole: None };
        }
        let mut before = self.bytes.len();
        self.bytes.extend_from_slice(input);
        let mut frame = self.framer.next(&self.bytes, limits);
        // What is kept back of a skipped line may be the head of a literal, and is looked at again.
        while let Frame::Skip { bytes } = frame
            && bytes < before
        {
            self.bytes.drain(..bytes);
            before -= bytes;
            frame = self.framer.next(&self.bytes, limits);
        }
        let (consumed, whole) = match frame {
            Frame::Incomplete => (input.len(), None),
            Frame::Complete { bytes } | Frame::Skip { bytes } => {
                (bytes.saturating_sub(before), Some(std::mem::take(&mut self.bytes)))
            }
            // What follows is skipped: the framer starts anew with the input.
            Frame::TooLong | Frame::LiteralTooLong { .. } => {
                self.bytes.truncate(before);
                (0, None)
            }
        };
        Gathered { consumed, frame, whole }
    }
}
