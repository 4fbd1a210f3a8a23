//! Buffers of one loop: taken while bytes wait, given back when none do, so that an idle connection
//! owns none.

use std::fmt;

use crate::limits::{INPUT_BYTES_MAX, POOLED_BUFFER_BYTES_MAX, POOLED_BYTES_MAX};

/// Bytes of a fresh input buffer: two TLS records, and what one `read` asks for.
pub(super) const INPUT_BYTES: usize = 40 * 1024;
/// Bytes of a fresh output buffer.
const OUTPUT_BYTES: usize = 4 * 1024;

/// Bytes that came and wait: filled at the end, taken from the front. The default has no memory.
#[derive(Default)]
pub(super) struct Input {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity].into_boxed_slice(), start: 0, end: 0 }
    }

    /// What waits.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// What waits, for decryption in place.
    pub(super) fn waiting_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Where more can be put: at least a byte, unless [`INPUT_BYTES_MAX`] wait.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            self.make_space(1);
        }
        &mut self.bytes[self.end..]
    }

    /// So many bytes of [`Input::space`] were filled.
    pub(super) fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// Adds bytes; false if they are more than may wait.
    pub(super) fn put(&mut self, bytes: &[u8]) -> bool {
        if self.bytes.len() - self.end < bytes.len() {
            self.make_space(bytes.len());
        }
        match self.bytes.get_mut(self.end..self.end + bytes.len()) {
            Some(space) => space.copy_from_slice(bytes),
            None => return false,
        }
        self.end += bytes.len();
        true
    }

    /// So many bytes of [`Input::waiting`] are done with.
    pub(super) fn take(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Moves what waits to the front; grows, up to the bound, if that is not enough.
    fn make_space(&mut self, count: usize) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let wanted = self.end + count;
        if wanted > self.bytes.len() {
            let capacity = wanted.max(self.bytes.len() * 2).min(INPUT_BYTES_MAX);
            let mut larger = Self::with_capacity(capacity.max(self.bytes.len()));
            larger.put_at_start(self.waiting());
            *self = larger;
        }
    }

    fn put_at_start(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        (self.start, self.end) = (0, bytes.len());
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} of {} bytes)", self.len(), self.bytes.len())
    }
}

/// Buffers that nobody uses at the moment.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    inputs: Vec<Input>,
    outputs: Vec<Vec<u8>>,
    pooled_bytes: usize,
}

impl Buffers {
    /// Gives a buffer its full memory, if it has none or was shrunk.
    pub(super) fn lend_input(&mut self, input: &mut Input) {
        if input.bytes.len() < INPUT_BYTES {
            let pooled = self.inputs.pop();
            self.pooled_bytes -= pooled.as_ref().map_or(0, |input| input.bytes.len());
            let mut lent = pooled.unwrap_or_else(|| Input::with_capacity(INPUT_BYTES));
            lent.put_at_start(input.waiting());
            *input = lent;
        }
    }

    /// Takes a buffer's memory back. A little that waits for its rest gets just the room it needs: a
    /// peer that sends half a line and sleeps must not hold more.
    pub(super) fn return_input(&mut self, input: &mut Input) {
        if input.len() > INPUT_BYTES / 8 || input.bytes.len() < INPUT_BYTES {
            return;
        }
        let mut rest = Input::default();
        if !input.is_empty() {
            rest = Input::with_capacity(input.len());
            rest.put_at_start(input.waiting());
            input.take(input.len());
        }
        let whole = std::mem::replace(input, rest);
        if whole.bytes.len() == INPUT_BYTES && self.keeps(INPUT_BYTES) {
            self.inputs.push(whole);
        }
    }

    /// Gives a buffer memory if it has none.
    pub(super) fn lend_output(&mut self, output: &mut Vec<u8>) {
        if output.capacity() == 0 {
            let pooled = self.outputs.pop();
            self.pooled_bytes -= pooled.as_ref().map_or(0, Vec::capacity);
            *output = pooled.unwrap_or_else(|| Vec::with_capacity(OUTPUT_BYTES));
        }
    }

    /// Takes the memory of an empty buffer back.
    pub(super) fn return_output(&mut self, output: &mut Vec<u8>) {
        if output.is_empty() && output.capacity() > 0 {
            let output = std::mem::take(output);
            // One that was not lent from here is no use to the next.
            if output.capacity() >= OUTPUT_BYTES && self.keeps(output.capacity()) {
                self.outputs.push(output);
            }
        }
    }

    fn keeps(&mut self, bytes: usize) -> bool {
        let keeps =
            bytes <= POOLED_BUFFER_BYTES_MAX && self.pooled_bytes + bytes <= POOLED_BYTES_MAX;
        self.pooled_bytes += if keeps { bytes } else { 0 };
        keeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_moves_and_grows_up_to_its_bound() {
        let mut buffers = Buffers::default();
        let mut input = Input::default();
        buffers.lend_input(&mut input);
        assert_eq!(input.space().len(), INPUT_BYTES);
        assert!(input.put(&[1; INPUT_BYTES - 2]));
        input.take(INPUT_BYTES - 4);
        assert!(input.put(b"abcd")); // moved, not grown
        assert_eq!((input.waiting(), input.bytes.len()), (&b"\x01\x01abcd"[..], INPUT_BYTES));
        assert!(input.put(&vec![2; INPUT_BYTES_MAX - 6]));
        assert!(input.space().is_empty());
        assert!(!input.put(b"x"), "more than may wait");
        assert_eq!(&input.waiting()[..6], b"\x01\x01abcd");
        assert_eq!(input.len(), INPUT_BYTES_MAX);
    }

    #[test]
    fn memory_goes_round_and_only_empty_buffers_are_taken_back() {
        let mut buffers = Buffers::default();
        let mut input = Input::default();
        buffers.return_input(&mut input); // has none to give
        buffers.lend_input(&mut input);
        input.put(b"xy");
        buffers.return_input(&mut input);
        assert_eq!((input.waiting(), input.bytes.len()), (&b"xy"[..], 2), "no more than it needs");
        assert_eq!(buffers.inputs.len(), 1);
        buffers.lend_input(&mut input);
        assert_eq!((input.waiting(), input.bytes.len()), (&b"xy"[..], INPUT_BYTES));
        assert_eq!((buffers.inputs.len(), buffers.pooled_bytes), (0, 0));
        input.put(&[b'z'; INPUT_BYTES / 8]);
        buffers.return_input(&mut input);
        assert_eq!(input.bytes.len(), INPUT_BYTES, "more than a little");
        input.take(input.len());
        buffers.return_input(&mut input);
        assert_eq!((input.bytes.len(), buffers.inputs.len()), (0, 1));

        for capacity in [OUTPUT_BYTES - 1, POOLED_BUFFER_BYTES_MAX + 1] {
            let mut odd = Vec::with_capacity(capacity);
            buffers.return_output(&mut odd);
            assert_eq!((odd.capacity(), buffers.outputs.len()), (0, 0), "{capacity}");
        }
    }
}
