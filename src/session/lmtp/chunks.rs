//! BDAT (RFC 3030): a message in chunks of a known size, which may hold anything.

use parser::lmtp::ChunkStream;

use super::super::{Next, Output};
use super::incoming::Incoming;
use super::{Lmtp, State, answer_to, answered, say};

impl Lmtp {
    /// The chunk follows at once, and is read whatever is wrong (RFC 3030 §2).
    pub(super) fn on_bdat(&mut self, size: u64, is_last: bool, out: &mut Output) -> Next {
        let bytes_max = self.settings.lmtp_bytes_max;
        let open = self.transaction.as_mut().filter(|open| !open.recipients.is_empty());
        let Some(transaction) = open else {
            self.state = State::Skipping(ChunkStream::new(size));
            return if size == 0 { self.after_skipping(out) } else { Next::Read };
        };
        let incoming = match transaction.incoming.take() {
            Some(mut incoming) => {
                incoming.next_chunk(size, is_last);
                incoming
            }
            None => Box::new(Incoming::chunk(bytes_max, size, is_last)),
        };
        self.state = State::Data(incoming);
        // Of a chunk without bytes no more will come.
        if size == 0 { self.take_nothing(out) } else { Next::Read }
    }

    fn take_nothing(&mut self, out: &mut Output) -> Next {
        let State::Data(incoming) = &mut self.state else { return Next::Read };
        let taken = incoming.take(b"");
        self.after_take(taken, out)
    }

    /// A chunk that is not the last one: a reply of its own.
    pub(super) fn on_chunk_end(&mut self, out: &mut Output) -> Next {
        let state = std::mem::replace(&mut self.state, State::Command);
        let (State::Data(incoming), Some(transaction)) = (state, &mut self.transaction) else {
            return Next::Read;
        };
        match incoming.problem() {
            None => {
                out.line(format_args!("250 2.0.0 {} bytes so far", incoming.bytes()));
                transaction.incoming = Some(incoming);
            }
            Some(problem) => {
                // RFC 3030 §2: what follows fails too, until the client begins anew.
                say(out, answer_to(problem));
                self.transaction = None;
            }
        }
        Next::Read
    }

    pub(super) fn after_skipping(&mut self, out: &mut Output) -> Next {
        self.state = State::Command;
        answered(out, "503 5.5.1 No recipient was accepted")
    }
}
