//! Where a generator's choices come from: the bytes that a fuzzer changes, and then a seed.

/// One after the other.
#[derive(Clone, Debug)]
pub(super) struct Choices<'i> {
    given: std::slice::Iter<'i, u8>,
    seed: u64,
}

impl<'i> Choices<'i> {
    /// All by chance.
    pub(super) fn of_seed(seed: u64) -> Self {
        Self { given: [].iter(), seed }
    }

    /// A byte each, as long as there are some.
    pub(super) fn of_bytes(given: &'i [u8]) -> Self {
        Self { given: given.iter(), seed: given.len() as u64 }
    }

    /// SplitMix64.
    fn chance(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.given.next() {
            Some(byte) => *byte,
            None => self.chance().to_le_bytes()[0],
        }
    }

    /// From 0, below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let mut drawn = usize::from(self.byte());
        let mut range = 256;
        while range < bound {
            drawn = drawn * 256 + usize::from(self.byte());
            range *= 256;
        }
        drawn % bound.max(1)
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}
