//! How much memory the processes use that may not use very much: read now and then, and of no others.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::slots::{Key, Slots};
use crate::supervisor::Run;
use crate::time::Time;
use crate::timers::Timers;

/// From the begin to the first reading ...
const WAIT_MIN: Duration = Duration::from_secs(1);
/// ... and then twice as long each time, up to this.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// The processes that are watched, each with a timer of its own. Costs nothing where there are none.
#[derive(Default)]
pub(crate) struct MemoryWatch {
    watches: Slots<Watch>,
    of_instance: HashMap<Key, Key>,
    timers: Timers,
}

struct Watch {
    run: Run,
    pid: u32,
    /// Until the reading after the next.
    wait: Duration,
}

impl MemoryWatch {
    /// A process is RUNNING that may not use very much.
    pub(crate) fn watch(&mut self, now: Time, run: Run, pid: u32) {
        self.forget(run.instance);
        let key = self.watches.insert(Watch { run, pid, wait: WAIT_MIN });
        self.timers.set(key.index(), Some(now + WAIT_MIN));
        self.of_instance.insert(run.instance, key);
    }

    /// It is not RUNNING any more.
    pub(crate) fn forget(&mut self, instance: Key) {
        if let Some(key) = self.of_instance.remove(&instance) {
            self.timers.set(key.index(), None);
            self.watches.remove(key);
        }
    }

    /// When [`MemoryWatch::read`] is needed next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Reads those that are due: their resident bytes.
    pub(crate) fn read(&mut self, now: Time) -> Vec<(Run, u64)> {
        let mut readings = Vec::new();
        while let Some(index) = self.timers.pop_due(now) {
            let Some(watch) = self.watches.key_at(index).and_then(|key| self.watches.get_mut(key)) else {
                continue;
            };
            watch.wait = (watch.wait * 2).min(WAIT_MAX);
            self.timers.set(index, Some(now + watch.wait));
            readings.extend(resident_bytes(watch.pid).map(|bytes| (watch.run, bytes)));
        }
        readings
    }
}

/// From /proc/PID/statm (proc_pid_statm(5)), which is all numbers.
fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    Some(pages.saturating_mul(page.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_become_rarer_and_end_when_nobody_is_watched() {
        let mut watch = MemoryWatch::default();
        assert_eq!(watch.next_deadline(), None);
        let instance = Slots::new().insert(());
        let run = Run { instance, incarnation: 1 };
        watch.watch(Time::ZERO, run, std::process::id());
        let mut waits = Vec::new();
        let mut now = Time::ZERO;
        for _ in 0..6 {
            let next = watch.next_deadline().unwrap();
            waits.push((next - now).as_secs());
            now = next;
            let readings = watch.read(now);
            assert!(readings.len() == 1 && readings[0].0 == run && readings[0].1 > 100_000, "{readings:?}");
        }
        assert_eq!(waits, [1, 2, 4, 8, 8, 8]);
        watch.forget(instance);
        assert!(watch.next_deadline().is_none() && watch.read(now + WAIT_MAX).is_empty());
    }
}
