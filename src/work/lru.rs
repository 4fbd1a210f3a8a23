//! A map that forgets what was not asked for longest, so that its weight stays within a bound.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Keys with values, each with a weight.
#[derive(Debug)]
pub(super) struct Lru<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// By age: the first is the one asked for longest ago.
    ages: BTreeMap<u64, K>,
    tick: u64,
    weight: usize,
    weight_max: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    age: u64,
    weight: usize,
}

impl<K: Hash + Eq + Clone, V> Lru<K, V> {
    /// An empty one, of at most `weight_max` together.
    pub(super) fn new(weight_max: usize) -> Self {
        Self { entries: HashMap::new(), ages: BTreeMap::new(), tick: 0, weight: 0, weight_max }
    }

    /// The value, which becomes the youngest.
    pub(super) fn touch<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.get_mut(key)?;
        let key = self.ages.remove(&entry.age)?;
        self.tick += 1;
        entry.age = self.tick;
        self.ages.insert(self.tick, key);
        Some(&mut entry.value)
    }

    /// Sets a value; the oldest others go until all fits. One that never fits is not kept.
    pub(super) fn put(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        if weight > self.weight_max {
            return;
        }
        while self.weight + weight > self.weight_max {
            let Some((_, oldest)) = self.ages.pop_first() else { break };
            self.forget(&oldest);
        }
        self.tick += 1;
        self.weight += weight;
        self.ages.insert(self.tick, key.clone());
        self.entries.insert(key, Entry { value, age: self.tick, weight });
    }

    /// Forgets a key.
    pub(super) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(age) = self.forget(key) {
            self.ages.remove(&age);
        }
    }

    fn forget<Q>(&mut self, key: &Q) -> Option<u64>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.remove(key)?;
        self.weight -= entry.weight;
        Some(entry.age)
    }

    /// How many.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_asked_for_longest_ago_goes_first() {
        let mut lru = Lru::new(10);
        for (key, weight) in [("a", 4), ("b", 4), ("c", 2)] {
            lru.put(key, key, weight);
        }
        assert_eq!(lru.touch("a").copied(), Some("a"));
        lru.put("d", "d", 3); // b is the oldest now
        assert_eq!(
            ["a", "b", "c", "d"].map(|key| lru.touch(key).is_some()),
            [true, false, true, true]
        );
        lru.put("d", "D", 1); // replaces, and weighs less
        lru.put("e", "e", 3);
        assert_eq!(lru.len(), 4);
        lru.put("f", "f", 11); // never fits
        assert_eq!((lru.len(), lru.weight), (4, 10));
        for key in ["a", "c", "d", "e"] {
            lru.remove(key);
        }
        assert_eq!((lru.len(), lru.weight, lru.ages.len()), (0, 0, 0));
    }
}
