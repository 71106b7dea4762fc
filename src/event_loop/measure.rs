//! What the supervisor measures of itself, and the answer to `GET /metrics`.

use std::time::Duration;

use super::EventLoop;
use crate::io::output::Counts;
use crate::io::process::{own_descriptors, own_usage};
use crate::time::Time;
use crate::view::metrics::{self, LogBytes, Own, TURN_SECONDS};

/// How long the turns of the loop took.
#[derive(Default)]
pub(super) struct TurnTimes {
    counts: [u64; TURN_SECONDS.len() + 1],
    total: Duration,
}

impl TurnTimes {
    pub(super) fn note(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = TURN_SECONDS.iter().position(|bound| seconds <= *bound).unwrap_or(TURN_SECONDS.len());
        self.counts[bucket] += 1;
        self.total += time;
    }
}

impl EventLoop {
    pub(super) fn metrics(&mut self) -> Vec<u8> {
        self.refresh_usages();
        let (cpu_seconds, rss_bytes) = own_usage();
        let own = Own {
            uptime_seconds: (self.now - Time::ZERO).as_secs_f64(),
            open_fds: own_descriptors(),
            rss_bytes,
            cpu_seconds,
            turns: self.turn_times.counts,
            turn_seconds: self.turn_times.total.as_secs_f64(),
        };
        let supervisor = &self.supervisor;
        self.pipes.keep_counts(|instance| supervisor.instance(instance).is_some());
        let instances = supervisor.programs().flat_map(|program| program.instances());
        let log_bytes: Vec<LogBytes> = instances
            .map(|instance| {
                let Counts { written, dropped } = self.pipes.counts(*instance);
                LogBytes { written, dropped }
            })
            .collect();
        let snapshot = self.snapshot();
        metrics::render(&snapshot, &own, &log_bytes)
    }
}
