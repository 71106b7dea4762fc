//! The answer to `why`: one plain sentence of cause, then the evidence.

use std::time::{Duration, SystemTime};

use super::line::{Line, Style};
use super::snapshot::{WAITS_IN_ROLL, describe, scheduled, seconds, waits_for};
use super::table::clock;
use crate::config::Kind;
use crate::slots::Key;
use crate::supervisor::{
    Excess, ExitStatus, Goal, Instance, PastRun, Program, State, Supervisor, Surrender, is_expected,
    too_many_restarts,
};
use crate::time::Time;

/// What was seen of the end of a process, beside how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which of the instance's processes it was.
    pub incarnation: u32,
    /// The last lines it wrote to stderr, oldest first, harmless to a terminal.
    pub last_lines: Vec<String>,
    /// What else is known of it: that the kernel was out of memory, that a check failed.
    pub note: Option<String>,
}

/// Now, on both clocks: what happened is known by the one and shown by the other.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The monotonic one.
    pub now: Time,
    /// The one on the wall.
    pub wall: SystemTime,
}

impl Moment {
    /// `2026-11-28T09:12:01Z`.
    fn shown(self, then: Time) -> String {
        humantime::format_rfc3339_seconds(self.on_the_wall(then)).to_string()
    }

    fn on_the_wall(self, then: Time) -> SystemTime {
        self.wall.checked_sub(self.now - then).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// One of an instance's ended processes, with what was seen of its end.
#[derive(Clone, Debug, PartialEq)]
pub struct PastExit {
    /// When it was reaped, on the wall.
    pub ended: SystemTime,
    /// How it ended, for how long it had lived, and what the instance was doing then.
    pub run: PastRun,
    /// What was seen of its end.
    pub evidence: Option<Evidence>,
}

impl PastExit {
    /// When it was reaped, in seconds since 1970.
    pub fn unix_time(&self) -> f64 {
        self.ended.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    /// `killed by SIGKILL, because the kernel ran out of memory`.
    pub fn cause(&self) -> String {
        match self.evidence.as_ref().and_then(|it| it.note.as_deref()) {
            Some(note) => format!("{}, {note}", self.run.status),
            None => self.run.status.to_string(),
        }
    }
}

/// The last exits of the instance, newest first.
pub fn exits(supervisor: &Supervisor, key: Key, moment: Moment, evidence: &[Evidence]) -> Vec<PastExit> {
    let runs = supervisor.instance(key).map_or(&[][..], Instance::past_runs);
    let exit = |run: &PastRun| PastExit {
        ended: moment.on_the_wall(run.ended),
        run: *run,
        evidence: evidence.iter().rev().find(|it| it.incarnation == run.incarnation).cloned(),
    };
    runs.iter().rev().map(exit).collect()
}

/// A line of this answer for a person: what is said in a sentence stands out from its evidence.
pub fn dress(line: String) -> Line {
    let style = match line.split_once(' ') {
        Some(("ERROR", _)) => Style::Bad,
        Some(("", _)) => Style::Plain,
        _ => Style::Head,
    };
    Line(vec![(style, line)])
}

/// Why the instance is in its state. `evidence` is about its last processes, oldest first.
pub fn render(supervisor: &Supervisor, key: Key, moment: Moment, evidence: &[Evidence]) -> Vec<String> {
    let (Some(instance), Some(program)) = (supervisor.instance(key), supervisor.program_of(key)) else {
        return Vec::new();
    };
    let left = supervisor.deadline(key).map(|at| at - moment.now);
    let about = |run: &PastRun| evidence.iter().rev().find(|it| it.incarnation == run.incarnation);
    let last = instance.past_runs().last();
    let ending = last.map(|run| ending(instance, program, run, about(run)));
    let cause = match waits_for(supervisor, key) {
        Some(waits) => format!("it {waits}"),
        None => cause(instance, program, moment, ending.as_deref()),
    };
    let next = next(instance, program, left);
    let turn = if supervisor.awaits_turn(key) { format!("; it {WAITS_IN_ROLL}") } else { String::new() };
    let state = instance.state().name();
    let mut lines = vec![format!("{} is {state}: {cause}{next}{turn}", supervisor.name(key))];
    if let Some((count, last)) = program.skipped_runs() {
        let were = if count == 1 { "1 scheduled run was" } else { &format!("{count} scheduled runs were") };
        let last = moment.shown(last);
        lines.push(format!("  {were} skipped, as the one before had not ended, the last at {last}"));
    }
    for run in instance.past_runs().iter().rev() {
        let note = about(run).and_then(|it| it.note.as_deref()).map_or(String::new(), |it| format!(", {it}"));
        lines.push(format!(
            "  {}  pid {}: {} after {} while {}{note}",
            moment.shown(run.ended),
            run.pid,
            run.status,
            life(run.lived),
            run.during.name(),
        ));
    }
    match instance.leftovers() {
        0 => {}
        1 => lines.push("  1 process of its earlier runs is alive".to_owned()),
        count => lines.push(format!("  {count} processes of its earlier runs are alive")),
    }
    if let Some(lines_of_last) = last.and_then(about).filter(|it| !it.last_lines.is_empty()) {
        lines.push("  the last lines on its stderr:".to_owned());
        lines.extend(lines_of_last.last_lines.iter().map(|line| format!("    {line}")));
    }
    lines
}

/// The liveness check that has ended a process of the instance, if one has: `its liveness check failed 3
/// times in a row: exit code 1`.
pub fn ill(instance: &Instance, incarnation: u32) -> Option<String> {
    let illness = instance.illness().filter(|illness| illness.incarnation == incarnation)?;
    let times = match illness.failures {
        1 => String::new(),
        failures => format!(" {failures} times in a row"),
    };
    Some(format!("its liveness check failed{times}: {}", illness.reason))
}

/// Why a process of the instance was, or is being, recycled, if it was: `it had run for 1:00:00 (max_age)`.
pub fn recycled(instance: &Instance, incarnation: u32) -> Option<String> {
    let renewal = instance.renewal().filter(|renewal| renewal.incarnation == incarnation)?;
    Some(match renewal.excess {
        Excess::Age(age) => format!("it had run for {} (max_age)", life(age)),
        Excess::Memory(bytes) => {
            format!("{:.1} MB of it were in memory (max_memory)", bytes as f64 / f64::from(1 << 20))
        }
    })
}

/// `it ended unexpectedly (exit code 3) after 2.5 s`.
fn ending(instance: &Instance, program: &Program, run: &PastRun, evidence: Option<&Evidence>) -> String {
    let spec = program.spec();
    let how = match evidence.and_then(|it| it.note.as_deref()) {
        Some(note) => format!("{}, {note}", run.status),
        None => run.status.to_string(),
    };
    let lived = life(run.lived);
    let is_done = spec.governance.kind == Kind::Oneshot && is_expected(spec, run.status);
    match run.during {
        State::Starting(_) if is_done => format!("it ended as expected ({how}) after {lived}"),
        State::Starting(_) => {
            let starttime = life(spec.starttime);
            let is_well = is_expected(spec, run.status);
            let hint = if is_well { "; what is meant to end takes `type: oneshot`" } else { "" };
            format!("it ended too early ({how}): after {lived}, where starttime is {starttime}{hint}")
        }
        State::Stopping(_) if ill(instance, run.incarnation).is_some() => {
            ill(instance, run.incarnation).unwrap_or_default()
        }
        State::Stopping(_) if recycled(instance, run.incarnation).is_some() => {
            let reason = recycled(instance, run.incarnation).unwrap_or_default();
            format!("it was recycled, as {reason}")
        }
        State::Stopping(_) => match run.status {
            ExitStatus::Code(_) => format!("it ended as it was asked to ({how})"),
            ExitStatus::Signal { .. } => format!("it was stopped ({how})"),
        },
        State::Stopped | State::Running | State::Backoff | State::Exited | State::Fatal => {
            let expected = if is_expected(spec, run.status) { "as expected" } else { "unexpectedly" };
            format!("it ended {expected} ({how}) after {lived}")
        }
    }
}

fn cause(instance: &Instance, program: &Program, moment: Moment, ending: Option<&str>) -> String {
    let never = || "it was never started".to_owned();
    let trouble = || match (instance.spawn_error(), ending) {
        (Some(error), _) => format!("it could not be started: {error}"),
        (None, Some(ending)) => ending.to_owned(),
        (None, None) => never(),
    };
    match instance.state() {
        State::Stopped if instance.incarnation() == 0 && instance.goal() == Goal::Later => {
            "its time has not come yet".to_owned()
        }
        State::Stopped if instance.incarnation() == 0 && !program.spec().autostart => {
            "it was never started, and autostart is false".to_owned()
        }
        State::Stopped if instance.incarnation() == 0 => never(),
        State::Stopped => format!("it was told to stop; {}", trouble()),
        State::Exited | State::Backoff | State::Fatal => trouble(),
        State::Starting(_) | State::Running => {
            let since = instance.started().map_or(String::new(), |started| {
                let pid = instance.pid().map_or(String::new(), |pid| format!("pid {pid} "));
                format!("{pid}lives for {}", clock(moment.now - started))
            });
            let restarts = instance.restarts();
            let before = match (restarts, ending) {
                (0, _) | (_, None) => String::new(),
                (1, Some(ending)) => format!("restarted once, because {ending}"),
                (_, Some(ending)) => format!("restarted {restarts} times, the last time because {ending}"),
            };
            let parts = [since, before];
            let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
            if parts.is_empty() { "it was told to start".to_owned() } else { parts.join("; ") }
        }
        State::Stopping(_) if recycled(instance, instance.incarnation()).is_some() => {
            let reason = recycled(instance, instance.incarnation()).unwrap_or_default();
            format!("it is recycled, as {reason}")
        }
        State::Stopping(_) if instance.goal() == Goal::Up => "it was told to restart".to_owned(),
        State::Stopping(_) => "it was told to stop".to_owned(),
    }
}

/// Attempts, the next action, and when.
fn next(instance: &Instance, program: &Program, left: Option<Duration>) -> String {
    let spec = program.spec();
    let retry = format!("retry {} of {}", instance.failures(), spec.startretries);
    let within = left.map_or(String::new(), |left| format!(" in {}", seconds(left)));
    let nothing = || match scheduled(instance, program) {
        Some(next) => next,
        None => "nothing happens until it is told to start".to_owned(),
    };
    let and_nothing = || match scheduled(instance, program) {
        Some(next) => format!("; {next}"),
        None => ", and nothing happens until it is told to start".to_owned(),
    };
    match instance.state() {
        State::Backoff if instance.failures() > 0 => {
            format!("; {retry}{within}")
        }
        State::Backoff => format!("; it is started again{within}"),
        State::Fatal if instance.surrender() == Surrender::Restarts => {
            format!("; it {}{}", too_many_restarts(spec), and_nothing())
        }
        State::Fatal => {
            let used = match spec.startretries {
                0 => "startretries is 0".to_owned(),
                1 => "its one retry is used".to_owned(),
                count => format!("all of its {count} retries are used"),
            };
            format!("; {used}{}", and_nothing())
        }
        State::Exited if spec.governance.schedule.is_some() => format!("; {}", nothing()),
        State::Exited if spec.governance.kind == Kind::Oneshot => {
            "; it is a oneshot, so nothing happens until it is told to start".to_owned()
        }
        State::Exited => format!(
            "; autorestart is {}, so nothing happens until it is told to start",
            spec.autorestart.name()
        ),
        State::Stopped => format!("; {}", nothing()),
        State::Starting(_) if instance.failures() > 0 => format!("; this is {retry}; RUNNING{within}"),
        State::Starting(_) if left.is_some() => format!("; RUNNING{within}"),
        State::Stopping(_) => format!("; {}", describe(instance, program, left)),
        State::Starting(_) | State::Running => String::new(),
    }
}

/// A span of time for people: `0.2 s`, `12 s`, `1:02:03`.
fn life(lived: Duration) -> String {
    match lived.as_secs() {
        0..10 => {
            let tenths = format!("{:.1}", lived.as_secs_f64());
            format!("{} s", tenths.trim_end_matches(".0"))
        }
        10..120 => format!("{} s", lived.as_secs()),
        _ => clock(lived),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_shown_as_people_say_them() {
        let shown = |millis| life(Duration::from_millis(millis));
        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(240), "0.2 s");
        assert_eq!(shown(1000), "1 s");
        assert_eq!(shown(12_900), "12 s");
        assert_eq!(shown(3_723_000), "1:02:03");
    }
}
