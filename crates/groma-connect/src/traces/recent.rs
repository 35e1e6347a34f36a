//! A map that remembers what was used lately, in bounded memory.

use std::hash::Hash;

use hashbrown::HashMap;

/// Keeps at least the last `generation_length` keys, and at most twice as many.
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation_length: usize,
}

impl<K: Eq + Hash, V: Default> Recent<K, V> {
    /// `generation_length`: how many keys are remembered for sure; at least 1.
    pub(super) fn new(generation_length: usize) -> Recent<K, V> {
        Recent { young: HashMap::new(), old: HashMap::new(), generation_length }
    }

    /// What is remembered of `key`.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// What is remembered of `key`, new if nothing is. The oldest are forgotten when there are too many.
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        if self.young.len() >= self.generation_length && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let old = &mut self.old;
        // Looked up twice only for keys that are new in this generation.
        let carried = if self.young.contains_key(&key) { None } else { old.remove(&key) };
        self.young.entry(key).or_insert_with(|| carried.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_and_the_first_forgotten() {
        let mut recent = Recent::<u32, u32>::new(10);
        for key in 0..100 {
            *recent.entry(key) = key + 1;
        }
        assert!((90..100).all(|key| recent.get(&key) == Some(&(key + 1))));
        assert_eq!(recent.get(&79), None);
        assert!(recent.len() <= 20);
    }

    #[test]
    fn what_is_used_again_is_carried_on() {
        let mut recent = Recent::<u32, u32>::new(2);
        *recent.entry(1) = 7;
        for key in 2..20 {
            recent.entry(key);
            *recent.entry(1) += 1;
        }
        assert_eq!(recent.get(&1), Some(&25));
    }
}
