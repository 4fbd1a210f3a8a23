//! A few whole bodies in memory, while they are read piece by piece.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits;

/// Which body: its account and its number, as the row has them.
type Key = (i64, i64);

#[derive(Debug, Default)]
pub(super) struct Held(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    bodies: VecDeque<(Key, Arc<[u8]>)>,
    bytes: usize,
    /// Bodies of which a piece was read lately.
    touched: VecDeque<Key>,
}

impl Held {
    pub(super) fn get(&self, body: Key) -> Option<Arc<[u8]>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.bodies.iter().find(|(held, _)| *held == body);
        found.map(|(_, bytes)| Arc::clone(bytes))
    }

    /// Keeps a body, and lets older ones go.
    pub(super) fn put(&self, body: Key, bytes: Arc<[u8]>) {
        if bytes.len() > limits::BODIES_HELD_BYTES_MAX {
            return;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.bodies.iter().any(|(held, _)| *held == body) {
            return;
        }
        state.bytes += bytes.len();
        state.bodies.push_back((body, bytes));
        while state.bytes > limits::BODIES_HELD_BYTES_MAX {
            let Some((_, bytes)) = state.bodies.pop_front() else { break };
            state.bytes -= bytes.len();
        }
    }

    /// Notes that a piece is read: true if one was before, so that the rest will be wanted too.
    pub(super) fn touch(&self, body: Key) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.touched.contains(&body) {
            return true;
        }
        if state.touched.len() >= limits::BODIES_TOUCHED_MAX {
            state.touched.pop_front();
        }
        state.touched.push_back(body);
        false
    }

    /// Lets a body go that has been read to its end.
    pub(super) fn release(&self, body: Key) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = state.bodies.iter().position(|(held, _)| *held == body)
            && let Some((_, bytes)) = state.bodies.remove(at)
        {
            state.bytes -= bytes.len();
        }
        state.touched.retain(|touched| *touched != body);
    }
}
