//! Monotonic time as the core sees it: nanoseconds since the supervisor started.
//!
//! The core never asks what time it is; it is told. `io::clock` holds the only `Instant::now`.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on the monotonic clock, in nanoseconds since the supervisor started (584 years fit).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment the supervisor started.
    pub const ZERO: Time = Time(0);

    /// `elapsed` after the start.
    pub fn since_start(elapsed: Duration) -> Time {
        Time(nanos(elapsed))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    /// Saturates: a stoptime of a billion years is a deadline that never comes, not an overflow.
    fn add(self, delay: Duration) -> Time {
        Time(self.0.saturating_add(nanos(delay)))
    }
}

impl Sub<Time> for Time {
    type Output = Duration;

    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_saturate_at_zero_and_sums_at_the_end_of_time() {
        let later = Time::ZERO + Duration::from_secs(3);
        assert_eq!(later - Time::ZERO, Duration::from_secs(3));
        assert_eq!(Time::ZERO - later, Duration::ZERO);
        assert_eq!(later + Duration::MAX, Time(u64::MAX));
    }
}
