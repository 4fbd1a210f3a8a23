//! Where a loop keeps its connections: slots with generations, so that a late event or reply for a
//! connection that is gone never reaches the one that took its place.
//!
//! A slot whose connection closed while its job was out stays owed until the reply is home
//! (invariant 3).

/// Names one connection of one loop, for as long as the loop lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) slot: u32,
    generation: u32,
}

impl Token {
    /// As mio and the pool carry it.
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// Back again.
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of what to_bits joined")]
    pub(super) fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// The slots of one loop.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    used: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Free,
    Here(Box<T>),
    /// Lent to whoever works on it now, who puts it back or removes it.
    Lent,
    /// Closed; its reply is still out.
    Owed,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), used: 0 }
    }

    /// Slots that are not free.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Gives a value a slot. `None` only if 2^31 are taken.
    pub(super) fn insert(&mut self, value: Box<T>) -> Option<Token> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                // Slots from 2^31 on are in the tokens that a loop keeps for itself.
                let slot = u32::try_from(self.entries.len()).ok().filter(|slot| *slot < 1 << 31)?;
                self.entries.push(Entry { generation: 0, state: State::Free });
                slot
            }
        };
        let entry = self.entries.get_mut(slot as usize)?;
        entry.state = State::Here(value);
        self.used += 1;
        Some(Token { slot, generation: entry.generation })
    }

    /// Takes the value out to work on it; `None` if it is gone or lent.
    pub(super) fn lend(&mut self, token: Token) -> Option<Box<T>> {
        let entry = self.entry(token)?;
        match std::mem::replace(&mut entry.state, State::Lent) {
            State::Here(value) => Some(value),
            other => {
                entry.state = other;
                None
            }
        }
    }

    /// Puts a lent value back.
    pub(super) fn put_back(&mut self, token: Token, value: Box<T>) {
        if let Some(entry) = self.entry(token) {
            debug_assert!(matches!(entry.state, State::Lent), "put back what was not lent");
            entry.state = State::Here(value);
        }
    }

    /// Frees the slot of a lent value, now or, if a reply is still out, when that comes home.
    pub(super) fn remove(&mut self, token: Token, reply_is_out: bool) {
        let Some(entry) = self.entry(token) else { return };
        if reply_is_out {
            entry.state = State::Owed;
        } else {
            self.release(token.slot);
        }
    }

    /// The reply of a connection that may be gone: frees the slot if it was owed.
    pub(super) fn settle(&mut self, token: Token) {
        if let Some(Entry { state: State::Owed, .. }) = self.entry(token) {
            self.release(token.slot);
        }
    }

    /// The token of the value in `slot`, if one is there.
    pub(super) fn token(&self, slot: u32) -> Option<Token> {
        match self.entries.get(slot as usize)? {
            Entry { state: State::Free | State::Owed, .. } => None,
            entry => Some(Token { slot, generation: entry.generation }),
        }
    }

    /// A look at a value.
    pub(super) fn peek(&mut self, token: Token) -> Option<&mut T> {
        match &mut self.entry(token)?.state {
            State::Here(value) => Some(value),
            _ => None,
        }
    }

    /// The tokens of all values.
    pub(super) fn tokens(&self) -> Vec<Token> {
        let slots = 0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        slots.filter_map(|slot| self.token(slot)).collect()
    }

    fn entry(&mut self, token: Token) -> Option<&mut Entry<T>> {
        let entry = self.entries.get_mut(token.slot as usize)?;
        (entry.generation == token.generation).then_some(entry)
    }

    fn release(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        entry.generation = entry.generation.wrapping_add(1);
        entry.state = State::Free;
        self.free.push(slot);
        self.used -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_used_again_but_not_its_token() {
        let mut slab = Slab::new();
        let first = slab.insert(Box::new('a')).unwrap();
        assert_eq!(Token::from_bits(first.to_bits()), first);
        assert_eq!(slab.lend(first), Some(Box::new('a')));
        assert_eq!(slab.lend(first), None, "lent already");
        slab.remove(first, false);
        let second = slab.insert(Box::new('b')).unwrap();
        assert_eq!(second.slot, first.slot);
        assert_ne!(second, first);
        assert_eq!(slab.lend(first), None, "a stale token finds nothing");
        assert_eq!(slab.peek(second), Some(&mut 'b'));
    }

    #[test]
    fn an_owed_slot_waits_for_its_reply() {
        let mut slab = Slab::new();
        let first = slab.insert(Box::new('a')).unwrap();
        assert!(slab.lend(first).is_some());
        slab.remove(first, true);
        let second = slab.insert(Box::new('b')).unwrap();
        assert_ne!(second.slot, first.slot, "the slot is still owed");
        assert_eq!((slab.used(), slab.tokens()), (2, vec![second]));
        slab.settle(second); // a value that is there owes nothing
        slab.settle(first);
        slab.settle(first);
        assert_eq!(slab.used(), 1);
        assert_eq!(slab.insert(Box::new('c')).unwrap().slot, first.slot);
    }
}
