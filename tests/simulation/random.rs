//! Numbers that look random and come again from the same seed (splitmix64, by Sebastiano Vigna).

use std::time::Duration;

pub struct Random {
    state: u64,
    /// What is drawn instead, and 0 behind its end.
    tape: Option<Vec<u64>>,
    drawn: usize,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed, tape: None, drawn: 0 }
    }

    /// What is written on it, and 0 behind its end.
    pub fn from_tape(tape: &[u64]) -> Random {
        Random { state: 0, tape: Some(tape.to_vec()), drawn: 0 }
    }

    /// The first numbers that come from a seed.
    pub fn tape(seed: u64, length: usize) -> Vec<u64> {
        let mut random = Random::new(seed);
        (0..length).map(|_| random.next()).collect()
    }

    fn next(&mut self) -> u64 {
        if let Some(tape) = &self.tape {
            self.drawn += 1;
            return tape.get(self.drawn - 1).copied().unwrap_or(0);
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `bound` - 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Below `limit`, in steps of a nanosecond.
    pub fn duration(&mut self, limit: Duration) -> Duration {
        Duration::from_nanos(self.next() % limit.as_nanos().max(1) as u64)
    }
}
