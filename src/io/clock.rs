//! The only clock: CLOCK_MONOTONIC, so that setting the wall clock moves no timer. The wall clock is
//! read for people and records only.

use std::time::{Duration, Instant, SystemTime};

use crate::time::Time;

/// Tells the time since it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    #[allow(clippy::disallowed_methods)] // This is the one home of the clock.
    pub(crate) fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time::since_start(self.origin.elapsed())
    }

    /// How long to sleep until `deadline`; zero when it has passed.
    pub(crate) fn until(&self, deadline: Time) -> Duration {
        deadline.since(self.now())
    }
}

/// The wall clock's time, for what people read; no decision may rest on it.
#[allow(clippy::disallowed_methods)] // This is the one home of the clock.
pub(crate) fn wall_time() -> SystemTime {
    SystemTime::now()
}

/// A number that no other supervisor of this machine has: when this one was started, in nanoseconds.
pub(crate) fn wall_stamp() -> u64 {
    wall_time().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// CLOCK_MONOTONIC itself, in microseconds, for others who know it.
pub(crate) fn monotonic_microseconds() -> i64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |now| now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000)
}

/// The wall clock's time as HTTP writes it (RFC 9110, section 5.6.7).
pub(crate) fn http_date() -> String {
    httpdate::fmt_http_date(wall_time())
}
