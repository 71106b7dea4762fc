//! A slab whose keys go stale: an index plus the generation of what it held.
//!
//! Indexes are reused at once, so an event that was on its way when its subject went would reach
//! the successor. The generation tells them apart (quinn and mio users keep the same pair).

use std::fmt;

use slab::Slab;

/// Bits of a generation, so that a key fits into a poll token beside its kind. A stale key would have
/// to sleep through 16 million insertions to be taken for another.
pub const GENERATION_BITS: u32 = 24;

/// Names one entry of one [`Slots`], for as long as that entry lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// Rebuilds a key that went through a poll token.
    pub fn new(index: u32, generation: u32) -> Key {
        Key { index, generation }
    }

    /// Position in the slab, for tables that run beside it.
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Which tenant of that position is meant.
    pub fn generation(self) -> u32 {
        self.generation
    }
}

/// Entries under generation-checked keys; insert, get and remove are O(1).
#[derive(Clone)]
pub struct Slots<T> {
    slab: Slab<(u32, T)>,
    next_generation: u32,
}

impl<T> Slots<T> {
    /// No entries, no memory.
    pub const fn new() -> Slots<T> {
        Slots { slab: Slab::new(), next_generation: 0 }
    }

    /// Keeps `value`; its key was not handed out before.
    pub fn insert(&mut self, value: T) -> Key {
        let generation = self.next_generation;
        self.next_generation = (generation + 1) & ((1 << GENERATION_BITS) - 1);
        Key { index: self.slab.insert((generation, value)) as u32, generation }
    }

    /// The entry, unless it is gone.
    pub fn get(&self, key: Key) -> Option<&T> {
        let (generation, value) = self.slab.get(key.index())?;
        (*generation == key.generation).then_some(value)
    }

    /// The entry, unless it is gone.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (generation, value) = self.slab.get_mut(key.index())?;
        (*generation == key.generation).then_some(value)
    }

    /// Takes the entry out; its key is stale from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        Some(self.slab.remove(key.index()).1)
    }

    /// The present tenant of an index, for tables that run beside the slab.
    pub fn key_at(&self, index: usize) -> Option<Key> {
        self.slab.get(index).map(|(generation, _)| Key { index: index as u32, generation: *generation })
    }

    /// Everything, in the order of the indexes.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slab
            .iter()
            .map(|(index, (generation, value))| (Key { index: index as u32, generation: *generation }, value))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        self.slab
            .iter_mut()
            .map(|(index, (generation, value))| (Key { index: index as u32, generation: *generation }, value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }
}

/// Without the entries: which place is next decides more about what follows, and a slab does not show it.
impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slots { slab, next_generation } = self;
        let mut shown = formatter.debug_struct("Slots");
        shown.field("len", &slab.len()).field("vacant", &slab.vacant_key());
        shown.field("next_generation", next_generation).finish()
    }
}

/// For keys that are known to live; panics on a stale one.
impl<T> std::ops::Index<Key> for Slots<T> {
    type Output = T;

    fn index(&self, key: Key) -> &T {
        self.get(key).expect("a key whose entry lives")
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_reach_the_next_tenant_of_its_index() {
        let mut slots = Slots::new();
        let first = slots.insert("first");
        assert_eq!(slots.remove(first), Some("first"));
        let second = slots.insert("second");
        assert_eq!(first.index(), second.index());
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&"second"));
        assert_eq!(slots.key_at(second.index()), Some(second));
    }
}
