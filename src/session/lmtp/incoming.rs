//! A message between 354 and its final dot: in memory while small, in the spool when not.

use parser::lmtp::DotStream;

use crate::error::{Fault, Refusal};
use crate::job::{Body, DeliveryProblem, Job, Reply, Ticket};
use crate::limits::{MESSAGE_IN_MEMORY_BYTES_MAX, SPOOL_CHUNK_BYTES};

/// What has come of a message so far. Bytes are dropped, and still read, once there is a problem.
#[derive(Debug)]
pub(super) struct Incoming {
    dots: DotStream,
    memory: Vec<u8>,
    /// Where the bytes before `memory` are.
    ticket: Option<Ticket>,
    bytes: u64,
    bytes_max: u64,
    problem: Option<DeliveryProblem>,
    ended: bool,
}

/// What [`Incoming::take`] did with some input.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) consumed: usize,
    /// The final dot was read.
    pub(super) ended: bool,
    /// Must run before more is taken.
    pub(super) spool: Option<Box<Job>>,
}

impl Incoming {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            dots: DotStream::new(),
            memory: Vec::new(),
            ticket: None,
            bytes: 0,
            bytes_max,
            problem: None,
            ended: false,
        }
    }

    /// Takes what belongs to the message, as much as one chunk of the spool holds.
    pub(super) fn take(&mut self, input: &[u8]) -> Taken {
        let room = SPOOL_CHUNK_BYTES.saturating_sub(self.memory.len());
        let before = self.memory.len();
        let fed = self.dots.feed(input.get(..room).unwrap_or(input), &mut self.memory);
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
            Some(_) => self.memory.len() >= SPOOL_CHUNK_BYTES || self.ended,
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
