//! `max_age`, `max_age_jitter` and `max_memory`: when an instance is stopped gracefully and started anew.

use std::time::Duration;

/// What an instance may have before it is recycled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recycle {
    /// How long it may be RUNNING; zero = for ever.
    pub max_age: Duration,
    /// Up to so much longer, at random, so that those that started together do not end together.
    pub max_age_jitter: Duration,
    /// Resident bytes of its process; 0 = any number.
    pub max_memory: u64,
}
