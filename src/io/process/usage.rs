//! CPU and memory of processes, from /proc/PID/stat (proc_pid_stat(5)).

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::time::Time;
use crate::view::Usage;

/// Readings are kept this long: two dashboards cost as much as one.
const FRESH: Duration = Duration::from_secs(1);
/// Processes that are read again at one time. Reading one takes about 6 us.
pub(crate) const AT_ONCE_MAX: usize = 1000;

/// Processes by pid, with whatever names them for whoever asks, and the time of their start.
type Processes<T> = Vec<(T, u32, Time)>;

/// More than /proc/PID/stat can be long: 52 numbers of at most 20 digits, and a name of at most 64 bytes.
const STAT_BYTES_MAX: usize = 2048;

/// The latest readings; taken only when somebody looks.
pub(crate) struct Usages {
    read_at: Option<Time>,
    by_pid: HashMap<u32, Reading>,
    page_bytes: u64,
    ticks_per_second: f64,
}

#[derive(Clone, Copy)]
struct Reading {
    cpu_ticks: u64,
    at: Time,
    usage: Usage,
}

impl Usages {
    pub(crate) fn new() -> Usages {
        let ask = |what, default| sysconf(what).ok().flatten().unwrap_or(default);
        Usages {
            read_at: None,
            by_pid: HashMap::new(),
            page_bytes: ask(SysconfVar::PAGE_SIZE, 4096).unsigned_abs(),
            ticks_per_second: ask(SysconfVar::CLK_TCK, 100) as f64,
        }
    }

    /// Which of these processes are to be read now, for somebody who looks at all of them: those that are
    /// not known yet, and unless that was just done, those whose readings are the oldest.
    pub(crate) fn due<T>(&mut self, now: Time, processes: Processes<T>) -> Processes<T> {
        let (mut due, known) = self.apart(processes);
        if self.read_at.is_some_and(|at| now - at < FRESH) {
            return due;
        }
        self.add_oldest(&mut due, known);
        self.read_at = Some(now);
        due
    }

    /// The same for somebody who looks at some of them; those that were just read are not read again.
    pub(crate) fn due_of<T>(&self, now: Time, processes: Processes<T>) -> Processes<T> {
        let (mut due, mut known) = self.apart(processes);
        known.retain(|(_, pid, _)| self.by_pid.get(pid).is_none_or(|reading| now - reading.at >= FRESH));
        self.add_oldest(&mut due, known);
        due
    }

    /// Those that are not known, and those that are.
    fn apart<T>(&self, processes: Processes<T>) -> (Processes<T>, Processes<T>) {
        let is_known = |(_, pid, started): &(T, u32, Time)| {
            self.by_pid.get(pid).is_some_and(|reading| reading.at >= *started)
        };
        processes.into_iter().partition(|process| !is_known(process))
    }

    fn add_oldest<T>(&self, due: &mut Processes<T>, mut known: Processes<T>) {
        known.sort_by_key(|(_, pid, _)| self.by_pid.get(pid).map(|reading| reading.at));
        known.truncate(AT_ONCE_MAX);
        due.append(&mut known);
    }

    /// Reads one process anew; whether that shows something new to people.
    pub(crate) fn sample(&mut self, now: Time, pid: u32, started: Time) -> bool {
        let before = self.by_pid.get(&pid).filter(|reading| reading.at >= started).copied();
        let Some(reading) = self.read(now, pid, started, before) else { return false };
        self.by_pid.insert(pid, reading);
        let shown = |usage: Usage| ((usage.cpu_percent * 10.0).round() as i64, usage.rss_bytes);
        before.is_none_or(|before| shown(before.usage) != shown(reading.usage))
    }

    /// The process is gone.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.by_pid.remove(&pid);
    }

    fn read(&self, now: Time, pid: u32, started: Time, before: Option<Reading>) -> Option<Reading> {
        let (cpu_ticks, rss_pages) = read_stat(pid)?;
        let (ticks_then, then) = before.map_or((0, started), |reading| (reading.cpu_ticks, reading.at));
        let seconds = (now - then).as_secs_f64().max(0.001);
        let as_seconds = |ticks: u64| ticks as f64 / self.ticks_per_second;
        let usage = Usage {
            cpu_percent: 100.0 * as_seconds(cpu_ticks.saturating_sub(ticks_then)) / seconds,
            cpu_seconds: as_seconds(cpu_ticks),
            rss_bytes: rss_pages * self.page_bytes,
        };
        Some(Reading { cpu_ticks, at: now, usage })
    }

    pub(crate) fn get(&self, pid: u32) -> Option<Usage> {
        self.by_pid.get(&pid).map(|reading| reading.usage)
    }
}

/// CPU time, in seconds, and resident memory, in bytes, of ourselves.
pub(crate) fn own_usage() -> (f64, u64) {
    let usages = Usages::new();
    let read = usages.read(Time::ZERO, std::process::id(), Time::ZERO, None);
    read.map_or((0.0, 0), |reading| (reading.usage.cpu_seconds, reading.usage.rss_bytes))
}

/// How many descriptors we have open.
pub(crate) fn own_descriptors() -> u64 {
    // The one that reads the directory is among them.
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| (entries.count() as u64).saturating_sub(1))
}

/// The user as whom we act.
pub(crate) fn own_uid() -> u32 {
    nix::unistd::Uid::effective().as_raw()
}

/// CPU ticks and resident pages of a process: the file is opened, read at once, and closed.
fn read_stat(pid: u32) -> Option<(u64, u64)> {
    let mut stat = [0; STAT_BYTES_MAX];
    let length = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut stat).ok()?;
    parse_stat(&stat[..length])
}

/// The second field is the program's name in parentheses and may hold anything, so counting starts
/// behind the last parenthesis, with the third field.
fn parse_stat(stat: &[u8]) -> Option<(u64, u64)> {
    let begin = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = stat[begin..].split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let mut at = 3;
    let mut field = |number: usize| {
        let field = fields.nth(number - at)?;
        at = number + 1;
        str::from_utf8(field).ok()?.parse::<u64>().ok()
    };
    let (user, system, resident) = (field(14)?, field(15)?, field(24)?);
    Some((user + system, resident))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_program_name_does_not_shift_the_fields() {
        let stat = "42 (evil) R 1 2) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 1 0 100 1000 123 99";
        assert_eq!(parse_stat(stat.as_bytes()), Some((12, 123)));
        assert_eq!(parse_stat(b"42 (short) S 1"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn with_very_many_processes_the_oldest_readings_are_renewed_first() {
        let mut usages = Usages::new();
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let own = std::process::id();
        let all = |count: u32| (0..count).map(|n| (n, own + n, Time::ZERO)).collect::<Vec<_>>();
        assert_eq!(usages.due(at(1), all(3000)).len(), 3000, "nothing is known of any");
        let usage = Usage { cpu_percent: 0.0, cpu_seconds: 0.0, rss_bytes: 1 };
        for n in 0..3000u32 {
            let reading = Reading { cpu_ticks: 0, at: at(if n < 1500 { 2 } else { 1 }), usage };
            usages.by_pid.insert(own + n, reading);
        }
        assert_eq!(usages.due(at(1), all(3001)).len(), 1, "that was just done, but for the new one");
        let due = usages.due(at(5), all(3001));
        assert_eq!(due.len(), AT_ONCE_MAX + 1);
        assert_eq!(due[0].0, 3000, "the one that is not known");
        assert!(due[1..].iter().all(|(n, _, _)| *n >= 1500));
    }

    #[test]
    fn who_looks_at_a_few_has_them_read_once_a_second() {
        let mut usages = Usages::new();
        let at = |seconds| Time::ZERO + Duration::from_secs(seconds);
        let own = std::process::id();
        assert_eq!(usages.due_of(at(1), vec![("own", own, Time::ZERO)]).len(), 1);
        usages.sample(at(1), own, Time::ZERO);
        assert!(usages.due_of(at(1), vec![("own", own, Time::ZERO)]).is_empty(), "just read");
        assert_eq!(usages.due_of(at(1), vec![("later", own, at(2))]).len(), 1, "another process of that pid");
        assert_eq!(usages.due_of(at(2), vec![("own", own, Time::ZERO)]).len(), 1);
        assert_eq!(
            usages.due(at(1), vec![("own", own, Time::ZERO)]).len(),
            1,
            "nobody has looked at all yet"
        );
    }

    #[test]
    fn our_own_use_can_be_read() {
        let (_, rss_pages) = read_stat(std::process::id()).unwrap();
        assert!(rss_pages > 0);
    }
}
