//! The other nodes, as far as they are heard: who has spoken last when, and whether nothing was missed.
//!
//! Whoever may have missed something does not ask what: the mailboxes that are watched here are
//! looked at again. So doubt is cheap, and everything strange is doubt.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::notice::Notice;
use crate::job::Change;
use crate::limits::NODES_MAX;

/// Other nodes.
pub(super) struct Peers {
    /// Our own name: what we say ourselves comes back.
    ours: String,
    /// After so long without a word a node is taken for dead.
    silence: Duration,
    heard: HashMap<String, Peer>,
}

struct Peer {
    /// Its last; `None` if it may have said more since, which nobody heard.
    number: Option<u64>,
    at: Instant,
}

/// What a notice means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It was ours.
    Ours,
    /// These mailboxes changed.
    Changes(Vec<Change>),
    /// The same, and something before it was not heard.
    Gap(Vec<Change>),
    /// Somebody speaks a language of later.
    Unknown,
}

impl Peers {
    /// Nobody yet.
    pub(super) fn new(ours: &str, silence: Duration) -> Self {
        Self { ours: ours.to_owned(), silence, heard: HashMap::new() }
    }

    /// A notice came.
    pub(super) fn hear(&mut self, payload: &str, now: Instant) -> Heard {
        let Some(Notice { name, number, is_last, changes }) = Notice::read(payload) else {
            return Heard::Unknown;
        };
        if name == self.ours {
            return Heard::Ours;
        }
        if number == 0 {
            return Heard::Changes(changes);
        }
        let expected = match self.heard.get(name) {
            Some(peer) => peer.number.map(|last| last.saturating_add(1)),
            None => Some(1),
        };
        if is_last {
            log::info!("nodes: {name} has stopped");
            self.heard.remove(name);
        } else if let Some(peer) = self.heard.get_mut(name) {
            *peer = Peer { number: Some(number), at: now };
        } else if self.heard.len() < NODES_MAX {
            log::info!("nodes: {name} is there");
            self.heard.insert(name.to_owned(), Peer { number: Some(number), at: now });
        }
        if expected == Some(number) {
            return Heard::Changes(changes);
        }
        // One that was there before us has said nothing that we had to hear; asking costs little.
        if let Some(expected @ 2..) = expected {
            log::warn!("nodes: of {name} notice {expected} was expected, and {number} came");
        }
        Heard::Gap(changes)
    }

    /// Forgets those that have been silent for too long; true if there were some.
    pub(super) fn forget_silent(&mut self, now: Instant) -> bool {
        let before = self.heard.len();
        self.heard.retain(|name, peer| {
            let is_heard = now.saturating_duration_since(peer.at) < self.silence;
            if !is_heard {
                log::warn!("nodes: {name} has gone silent");
            }
            is_heard
        });
        self.heard.len() < before
    }

    /// When the next will have been silent for too long.
    pub(super) fn next_silence(&self) -> Option<Instant> {
        let oldest = self.heard.values().map(|peer| peer.at).min()?;
        Some(oldest + self.silence)
    }

    /// Nobody was heard for a while, until now. Who is still there will say so.
    pub(super) fn were_not_heard(&mut self, now: Instant) {
        self.heard.values_mut().for_each(|peer| *peer = Peer { number: None, at: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::clock;

    const SILENCE: Duration = Duration::from_secs(8);

    fn peers() -> (Peers, Instant) {
        (Peers::new("us", SILENCE), clock::now())
    }

    #[track_caller]
    fn check(peers: &mut Peers, now: Instant, notice: &str, want: &str) {
        let heard = match peers.hear(notice, now) {
            Heard::Ours => "ours".to_owned(),
            Heard::Unknown => "unknown".to_owned(),
            Heard::Changes(changes) => format!("{} changes", changes.len()),
            Heard::Gap(changes) => format!("gap, {} changes", changes.len()),
        };
        assert_eq!(heard, want, "{notice}");
    }

    #[test]
    fn gaps_are_found() {
        let (mut peers, now) = peers();
        let mut check = |notice: &str, want| check(&mut peers, now, notice, want);
        check("1 a 1", "0 changes");
        check("1 a 2 1.2.3", "1 changes");
        check("1 b 1", "0 changes");
        check("1 a 4 1.2.3 1.2.4", "gap, 2 changes");
        check("1 a 5", "0 changes");
        check("1 a 5", "gap, 0 changes"); // impossible, so look again
        check("1 b 2", "0 changes");
        check("1 c 77 1.2.3", "gap, 1 changes"); // it was there before us
        check("1 c 78", "0 changes");
        check("1 us 9 1.2.3", "ours");
        check("1 admin 0 1.2.3", "1 changes");
        check("1 admin 0 1.2.3", "1 changes");
        check("2 a 6", "unknown");
        check("", "unknown");
    }

    #[test]
    fn the_silent_are_forgotten_and_the_stopped_are_not_missed() {
        let (mut peers, start) = peers();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(peers.next_silence(), None);
        check(&mut peers, at(0), "1 a 1", "0 changes");
        check(&mut peers, at(3), "1 b 1", "0 changes");
        check(&mut peers, at(5), "1 b 2 bye", "0 changes");
        check(&mut peers, at(5), "1 a 2", "0 changes");
        check(&mut peers, at(6), "1 c 1", "0 changes");
        assert_eq!(peers.next_silence(), Some(at(13)));
        assert!(!peers.forget_silent(at(12)));
        assert!(peers.forget_silent(at(13))); // a, not b
        assert!(!peers.forget_silent(at(13)));
        assert!(peers.forget_silent(at(14)));
        check(&mut peers, at(15), "1 a 3", "gap, 0 changes"); // back, and something was missed
        check(&mut peers, at(15), "1 d 1 bye", "0 changes");
        check(&mut peers, at(15), "1 a 5 bye", "gap, 0 changes");
        assert_eq!(peers.next_silence(), None);
    }

    #[test]
    fn after_a_new_connection_the_next_word_is_a_gap_and_no_word_is_a_death() {
        let (mut peers, start) = peers();
        let at = |seconds| start + Duration::from_secs(seconds);
        check(&mut peers, at(0), "1 a 1", "0 changes");
        check(&mut peers, at(0), "1 b 1", "0 changes");
        peers.were_not_heard(at(20));
        assert!(!peers.forget_silent(at(20)), "they may have spoken");
        check(&mut peers, at(21), "1 a 2", "gap, 0 changes"); // or it was one of many
        check(&mut peers, at(22), "1 a 3", "0 changes");
        assert!(peers.forget_silent(at(28))); // b died meanwhile
        assert_eq!(peers.heard.len(), 1);
    }

    #[test]
    fn no_number_of_names_grows_it() {
        let (mut peers, now) = peers();
        for name in 0..2 * NODES_MAX {
            check(&mut peers, now, &format!("1 n{name} 1"), "0 changes");
        }
        assert_eq!(peers.heard.len(), NODES_MAX);
    }
}
