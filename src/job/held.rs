//! What a session holds between its jobs: a body on its way in, a place among others.

use std::any::Any;
use std::fmt;

/// Where a message on its way in lies until its transaction takes it.
#[derive(Debug)]
pub enum Body {
    /// At most [`crate::limits::MESSAGE_IN_MEMORY_BYTES_MAX`].
    Memory(Vec<u8>),
    /// In the spool.
    Spooled(Ticket),
}

impl Body {
    /// Its bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spooled(ticket) => ticket.bytes,
        }
    }

    /// True if it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A message being spooled: dropping the ticket drops the file (it has no name).
pub struct Ticket {
    /// Bytes written so far.
    pub bytes: u64,
    /// The file and its share of the spool's bound: `work` knows what is inside.
    pub file: Box<dyn Any + Send>,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({} bytes)", self.bytes)
    }
}

/// An account's place among its connections; dropping it gives the place back.
pub struct Seat(pub Box<dyn Any + Send>);

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seat")
    }
}
