//! The timer table: at most one deadline per slab index, the nearest one found at once.
//!
//! A binary heap of indexes, plus each index's position in it. Setting and clearing are O(log n)
//! and leave nothing stale behind, so a cleared timer can never fire. A timing wheel would be O(1)
//! but needs a tick; the loop has none.

use crate::time::Time;

/// Deadlines by slab index.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    /// slots[index]: the deadline and where it stands in the heap.
    slots: Vec<Option<Slot>>,
    /// A binary heap of indexes, nearest deadline first.
    heap: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    deadline: Time,
    position: u32,
}

impl Timers {
    /// No deadlines.
    pub const fn new() -> Timers {
        Timers { slots: Vec::new(), heap: Vec::new() }
    }

    /// Sets the one deadline of `index`, replacing what it had; `None` clears it.
    pub fn set(&mut self, index: usize, deadline: Option<Time>) {
        match (deadline, self.slot(index)) {
            (Some(deadline), Some(slot)) => {
                self.slots[index] = Some(Slot { deadline, ..slot });
                self.settle(slot.position as usize);
            }
            (Some(deadline), None) => {
                if self.slots.len() <= index {
                    self.slots.resize(index + 1, None);
                }
                let position = self.heap.len();
                self.slots[index] = Some(Slot { deadline, position: position as u32 });
                self.heap.push(index as u32);
                self.settle(position);
            }
            (None, Some(slot)) => self.remove(index, slot.position as usize),
            (None, None) => {}
        }
    }

    /// The deadline of `index`.
    pub fn get(&self, index: usize) -> Option<Time> {
        self.slot(index).map(|slot| slot.deadline)
    }

    /// The nearest deadline of all.
    pub fn next(&self) -> Option<Time> {
        self.heap.first().and_then(|index| self.get(*index as usize))
    }

    /// Takes out an index whose deadline is not after `now`, the earliest first.
    pub fn pop_due(&mut self, now: Time) -> Option<usize> {
        let index = *self.heap.first()? as usize;
        if self.get(index)? > now {
            return None;
        }
        self.remove(index, 0);
        Some(index)
    }

    fn slot(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied().flatten()
    }

    fn remove(&mut self, index: usize, position: usize) {
        self.slots[index] = None;
        self.heap.swap_remove(position);
        if position < self.heap.len() {
            self.settle(position);
        }
    }

    /// Moves what stands at `position` to where it belongs, and notes every position that changed.
    fn settle(&mut self, mut position: usize) {
        while position > 0 && self.before(position, (position - 1) / 2) {
            self.swap(position, (position - 1) / 2);
            position = (position - 1) / 2;
        }
        loop {
            let left = 2 * position + 1;
            let mut least = position;
            for child in [left, left + 1] {
                if child < self.heap.len() && self.before(child, least) {
                    least = child;
                }
            }
            if least == position {
                break;
            }
            self.swap(position, least);
            position = least;
        }
        self.note(position);
    }

    /// Equal deadlines fire in the order of their indexes, so that a run can be replayed.
    fn before(&self, a: usize, b: usize) -> bool {
        let rank = |position: usize| (self.get(self.heap[position] as usize), self.heap[position]);
        rank(a) < rank(b)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note(a);
        self.note(b);
    }

    fn note(&mut self, position: usize) {
        if let Some(slot) = &mut self.slots[self.heap[position] as usize] {
            slot.position = position as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    /// The obvious implementation, to compare with.
    fn nearest(model: &BTreeMap<usize, Time>) -> Option<(Time, usize)> {
        model.iter().map(|(index, deadline)| (*deadline, *index)).min()
    }

    #[test]
    fn random_sets_and_clears_agree_with_a_plain_map() {
        let mut random: u64 = 7;
        let mut draw = |below: u64| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) % below
        };
        let (mut timers, mut model) = (Timers::new(), BTreeMap::new());
        for _ in 0..20_000 {
            let index = draw(40) as usize;
            let at = Time::ZERO + Duration::from_nanos(draw(100));
            match draw(4) {
                0 => {
                    timers.set(index, None);
                    model.remove(&index);
                }
                1 => {
                    let due = nearest(&model).filter(|(deadline, _)| *deadline <= at);
                    assert_eq!(timers.pop_due(at), due.map(|(_, index)| index));
                    due.map(|(_, index)| model.remove(&index));
                }
                _ => {
                    timers.set(index, Some(at));
                    model.insert(index, at);
                }
            }
            assert_eq!(timers.next(), nearest(&model).map(|(deadline, _)| deadline));
            assert_eq!(timers.get(index), model.get(&index).copied());
        }
    }
}
