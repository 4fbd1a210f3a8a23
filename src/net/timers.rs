//! A wheel of seconds: at most one timer for each slot of the slab, set and cleared in constant time.
//!
//! Timers are lazy. Activity that only moves a deadline away touches nothing here: when the timer
//! fires, the loop looks at the connection and sets it again. So a timer may fire early, never late
//! by more than a tick.

use std::time::{Duration, Instant};

/// Seconds since the loops started.
pub(super) type Tick = u32;

/// The loops' clock. Tests move it on.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    #[cfg(test)]
    skipped_seconds: std::sync::atomic::AtomicU32,
}

#[expect(clippy::disallowed_methods, reason = "timers are the loops'")]
impl Clock {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            #[cfg(test)]
            skipped_seconds: std::sync::atomic::AtomicU32::new(0),
        }
    }

    /// Since the loops started.
    pub(super) fn elapsed(&self) -> Duration {
        let elapsed = self.started.elapsed();
        #[cfg(test)]
        let elapsed = {
            let skipped = self.skipped_seconds.load(std::sync::atomic::Ordering::SeqCst);
            elapsed + Duration::from_secs(u64::from(skipped))
        };
        elapsed
    }

    #[cfg(test)]
    pub(super) fn skip(&self, seconds: Tick) {
        self.skipped_seconds.fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }
}

/// Spokes of the wheel. A timer further away stays on its spoke and is looked at once a turn.
const SPOKES: u32 = 512;
const NONE: u32 = u32::MAX;

/// The timers of one loop.
#[derive(Debug)]
pub(super) struct Wheel {
    spokes: Box<[u32]>,
    links: Vec<Link>,
    now: Tick,
    set: usize,
    /// No timer fires before this.
    next: Tick,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
    /// `Tick::MAX` for a timer that is not set.
    due: Tick,
}

const UNSET: Link = Link { before: NONE, after: NONE, due: Tick::MAX };

impl Wheel {
    pub(super) fn new() -> Self {
        Self {
            spokes: vec![NONE; SPOKES as usize].into_boxed_slice(),
            links: Vec::new(),
            now: 0,
            set: 0,
            next: Tick::MAX,
        }
    }

    /// When [`Wheel::advance`] has something to do; `None` if no timer is set. It may come too early:
    /// for a timer that was cleared since, and once a turn for one further away than that.
    pub(super) fn next(&self) -> Option<Tick> {
        (self.set > 0).then_some(self.next)
    }

    /// When the timer of `slot` fires.
    pub(super) fn due(&self, slot: u32) -> Option<Tick> {
        self.links.get(slot as usize).map(|link| link.due).filter(|due| *due != Tick::MAX)
    }

    /// Sets the timer of `slot`, in place of the one it had; one that is due fires at the next tick.
    pub(super) fn set(&mut self, slot: u32, due: Tick) {
        self.clear(slot);
        let due = due.clamp(self.now.saturating_add(1), Tick::MAX - 1);
        let index = slot as usize;
        if self.links.len() <= index {
            self.links.resize(index + 1, UNSET);
        }
        let spoke = &mut self.spokes[(due % SPOKES) as usize];
        self.links[index] = Link { before: NONE, after: *spoke, due };
        if let Some(after) = self.links.get_mut(*spoke as usize) {
            after.before = slot;
        }
        *spoke = slot;
        self.set += 1;
        self.next = self.next.min(due);
    }

    /// Clears the timer of `slot`, if it is set.
    pub(super) fn clear(&mut self, slot: u32) {
        let Some(link) = self.links.get_mut(slot as usize).filter(|link| link.due != Tick::MAX)
        else {
            return;
        };
        let Link { before, after, due } = std::mem::replace(link, UNSET);
        match self.links.get_mut(before as usize) {
            Some(link) => link.after = after,
            None => self.spokes[(due % SPOKES) as usize] = after,
        }
        if let Some(link) = self.links.get_mut(after as usize) {
            link.before = before;
        }
        self.set -= 1;
    }

    /// Goes on to `now` and takes out the slots whose timers fired on the way.
    pub(super) fn advance(&mut self, now: Tick, fired: &mut Vec<u32>) {
        let from = fired.len();
        let last = now.min(self.now.saturating_add(SPOKES)); // one whole turn meets them all
        for tick in self.now.saturating_add(1)..=last {
            let mut slot = self.spokes[(tick % SPOKES) as usize];
            while let Some(link) = self.links.get(slot as usize) {
                if link.due <= now {
                    fired.push(slot);
                }
                slot = link.after;
            }
        }
        self.now = self.now.max(now);
        for slot in fired.iter().skip(from) {
            self.clear(*slot);
        }
        if self.next <= now {
            self.next = self.first_spoke();
        }
    }

    /// When the first spoke that has a timer comes round.
    fn first_spoke(&self) -> Tick {
        let turn = 1..=SPOKES;
        let mut ticks = turn.map(|ahead| self.now.saturating_add(ahead));
        let first = ticks.find(|tick| self.spokes[(tick % SPOKES) as usize] != NONE);
        first.unwrap_or(Tick::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wheel: &mut Wheel, now: Tick, want: &[u32]) {
        let mut fired = Vec::new();
        wheel.advance(now, &mut fired);
        fired.sort_unstable();
        assert_eq!(fired, want, "at {now}");
    }

    #[test]
    fn timers_fire_once_when_due() {
        let mut wheel = Wheel::new();
        for (slot, due) in [(0, 5), (1, 5), (2, 6), (7, 5 + 512), (8, 5 + 1024), (9, 0)] {
            wheel.set(slot, due);
        }
        check(&mut wheel, 1, &[9]);
        check(&mut wheel, 4, &[]);
        check(&mut wheel, 5, &[0, 1]);
        check(&mut wheel, 5, &[]);
        check(&mut wheel, 6, &[2]);
        check(&mut wheel, 516, &[]);
        check(&mut wheel, 517, &[7]);
        check(&mut wheel, 5_000, &[8]); // several turns at once, as after a suspended machine
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn nothing_is_to_be_done_before_the_next_timer() {
        let mut wheel = Wheel::new();
        assert_eq!(wheel.next(), None);
        wheel.set(0, 90);
        wheel.set(1, 60);
        wheel.set(2, 1_800);
        assert_eq!(wheel.next(), Some(60));
        check(&mut wheel, 30, &[]); // woken for something else
        assert_eq!(wheel.next(), Some(60));
        wheel.clear(1);
        check(&mut wheel, 60, &[]); // a cleared one costs a look
        assert_eq!(wheel.next(), Some(90));
        check(&mut wheel, 90, &[0]);
        let mut looks = 0;
        while let Some(next) = wheel.next() {
            looks += 1;
            check(&mut wheel, next, if next == 1_800 { &[2] } else { &[] });
        }
        assert_eq!(looks, 4); // one a turn: 264, 776, 1288, 1800
    }

    #[test]
    fn a_timer_can_be_moved_and_cleared() {
        let mut wheel = Wheel::new();
        for slot in 0..4 {
            wheel.set(slot, 10);
        }
        wheel.clear(1); // from the middle of its spoke
        wheel.clear(3); // its head
        wheel.clear(3);
        wheel.clear(99); // never set
        wheel.set(0, 20);
        assert_eq!((wheel.due(0), wheel.due(1), wheel.due(2)), (Some(20), None, Some(10)));
        check(&mut wheel, 10, &[2]);
        check(&mut wheel, 20, &[0]);
        assert_eq!(wheel.next(), None);
    }
}
