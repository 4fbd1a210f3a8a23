//! A message between 354 and its final dot, or in the chunks of BDAT: in memory while small, in the
//! spool when not.

use parser::lmtp::{ChunkStream, DotStream};

use crate::error::{Fault, Refusal};
use crate::job::{Body, DeliveryProblem, Job, Reply, Ticket};
use crate::limits::{MESSAGE_IN_MEMORY_BYTES_MAX, SPOOL_CHUNK_BYTES};

/// What has come of a message so far. Bytes are dropped, and still read, once there is a problem.
#[derive(Debug)]
pub(super) struct Incoming {
    framing: Framing,
    memory: Vec<u8>,
    /// Where the bytes before `memory` are.
    ticket: Option<Ticket>,
    bytes: u64,
    bytes_max: u64,
    problem: Option<DeliveryProblem>,
    ended: bool,
}

/// How the end is found.
#[derive(Debug)]
enum Framing {
    /// A dot alone on a line (RFC 5321 §4.1.1.4).
    Dots(DotStream),
    /// A count (RFC 3030 §2), and whether it is the last chunk.
    Chunk(ChunkStream, bool),
}

/// What [`Incoming::take`] did with some input.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) consumed: usize,
    /// The final dot was read, or all of the chunk.
    pub(super) ended: bool,
    /// Must run before more is taken.
    pub(super) spool: Option<Box<Job>>,
}

impl Incoming {
    /// What comes behind DATA.
    pub(super) fn dots(bytes_max: u64) -> Self {
        Self::new(Framing::Dots(DotStream::new()), bytes_max)
    }

    /// What comes behind the first BDAT.
    pub(super) fn chunk(bytes_max: u64, size: u64, is_last: bool) -> Self {
        Self::new(Framing::Chunk(ChunkStream::new(size), is_last), bytes_max)
    }

    fn new(framing: Framing, bytes_max: u64) -> Self {
        Self {
            framing,
            memory: Vec::new(),
            ticket: None,
            bytes: 0,
            bytes_max,
            problem: None,
            ended: false,
        }
    }

    /// One more BDAT.
    pub(super) fn next_chunk(&mut self, size: u64, is_last: bool) {
        self.framing = Framing::Chunk(ChunkStream::new(size), is_last);
        self.ended = false;
    }

    /// True if the message ends with what is being read: always with DATA.
    pub(super) const fn is_last(&self) -> bool {
        matches!(self.framing, Framing::Dots(_) | Framing::Chunk(_, true))
    }

    /// What is wrong so far.
    pub(super) fn problem(&self) -> Option<&DeliveryProblem> {
        self.problem.as_ref()
    }

    /// Bytes so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes what belongs to the message, as much as one chunk of the spool holds.
    pub(super) fn take(&mut self, input: &[u8]) -> Taken {
        let room = SPOOL_CHUNK_BYTES.saturating_sub(self.memory.len());
        let before = self.memory.len();
        let input = input.get(..room).unwrap_or(input);
        let fed = match &mut self.framing {
            Framing::Dots(dots) => dots.feed(input, &mut self.memory),
            Framing::Chunk(chunk, _) => chunk.feed(input, &mut self.memory),
        };
        self.bytes += (self.memory.len() - before) as u64;
        self.ended = fed.ended;
        if self.bytes > self.bytes_max {
            self.fail(DeliveryProblem::Refused(Refusal::TooBig));
        }
        if self.problem.is_some() {
            self.memory.clear();
        }
        Taken { consumed: fed.consumed, ended: self.ended, spool: self.spool() }
    }

    /// The next chunk, if it is time for one.
    fn spool(&mut self) -> Option<Box<Job>> {
        let enough = match &self.ticket {
            None => self.memory.len() > MESSAGE_IN_MEMORY_BYTES_MAX,
            Some(_) => self.memory.len() >= SPOOL_CHUNK_BYTES || (self.ended && self.is_last()),
        };
        if !enough || self.memory.is_empty() {
            return None;
        }
        let chunk = std::mem::take(&mut self.memory);
        Some(Box::new(Job::Spool { ticket: self.ticket.take(), chunk }))
    }

    /// The chunk is in the spool, or could not be put there. True if the message has ended.
    pub(super) fn spooled(&mut self, reply: Reply) -> bool {
        match reply {
            Reply::Spooled(ticket) => self.ticket = Some(ticket),
            Reply::Failed(fault) => self.fail(DeliveryProblem::Failed(fault)),
            _ => self.fail(DeliveryProblem::Failed(Fault::ServerBug)),
        }
        self.ended
    }

    fn fail(&mut self, problem: DeliveryProblem) {
        self.problem.get_or_insert(problem);
        self.memory = Vec::new();
        self.ticket = None;
    }

    /// The message, whole.
    pub(super) fn finish(self) -> Result<Body, DeliveryProblem> {
        match (self.problem, self.ticket) {
            (Some(problem), _) => Err(problem),
            (None, Some(ticket)) => Ok(Body::Spooled(ticket)),
            (None, None) => Ok(Body::Memory(self.memory)),
        }
    }
}
