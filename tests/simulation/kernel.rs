//! The fake kernel: processes that live, ignore signals, leave others behind and die, and the two
//! things that are never to be done to it: a second live process of one instance, and a signal to
//! what has been reaped.

use std::collections::BTreeMap;
use std::time::Duration;

use taskmaster::signal::Signal;
use taskmaster::supervisor::{Event, ExitStatus, Remains, Run, Scope};
use taskmaster::time::Time;

/// How a process will behave, drawn when it is spawned.
#[derive(Clone, Copy, Debug)]
pub struct Nature {
    /// How long it lives if nobody signals it, and how it ends then.
    pub life: Option<(Duration, ExitStatus)>,
    /// How long it takes to obey a signal; `None` ignores all but SIGKILL.
    pub obeys_after: Option<Duration>,
    /// It is stopped (SIGSTOP): signals other than SIGKILL wait for SIGCONT.
    pub is_frozen: bool,
    /// Not even SIGKILL has an effect until this much later (uninterruptible sleep).
    pub unkillable_for: Duration,
    /// Another process in its group, which outlives it.
    pub companion: Option<Companion>,
    /// Another process that left its group.
    pub stray: Option<Companion>,
}

/// The other processes of a group, taken as one.
#[derive(Clone, Copy, Debug)]
pub struct Companion {
    pub life: Option<Duration>,
    pub obeys_after: Option<Duration>,
}

struct Process {
    run: Run,
    nature: Nature,
    is_reaped: bool,
    /// When the leader ends or ended, and how.
    end: Option<(Time, ExitStatus)>,
    /// A signal that waits for SIGCONT.
    pending: Option<Signal>,
    unkillable_until: Time,
    /// When the companion ends or ended; the outer `None` never had one.
    companion_end: Option<Option<Time>>,
    /// The same for the stray.
    stray_end: Option<Option<Time>>,
    is_stray_told: bool,
    watched: Option<Remains>,
}

#[derive(Default)]
pub struct Kernel {
    processes: BTreeMap<u32, Process>,
}

impl Kernel {
    /// A new process; its pid. Refuses a second one of the same instance.
    pub fn spawn(&mut self, now: Time, run: Run, nature: Nature) -> Result<u32, String> {
        if let Some((pid, _)) = self.living(|process| process.run.instance == run.instance) {
            return Err(format!("a second live process of one instance: pid {pid} has not been reaped"));
        }
        let pid = self.free_pid();
        let companion_end = nature.companion.map(|companion| companion.life.map(|life| now + life));
        let stray_end = nature.stray.map(|stray| stray.life.map(|life| now + life));
        let process = Process {
            run,
            nature,
            is_reaped: false,
            end: nature.life.map(|(life, status)| (now + life, status)),
            pending: None,
            unkillable_until: now + nature.unkillable_for,
            companion_end,
            stray_end,
            is_stray_told: false,
            watched: None,
        };
        self.processes.insert(pid, process);
        Ok(pid)
    }

    /// The smallest number that nobody has: what was reaped has a successor of its number soon.
    fn free_pid(&self) -> u32 {
        let taken = (2..).zip(self.processes.keys()).take_while(|(pid, taken)| pid == *taken);
        2 + taken.count() as u32
    }

    /// kill(2). `is_last_resort`: SIGKILL after a stopsignal that had its time.
    pub fn signal(&mut self, now: Time, sent: Sent) -> Result<(), String> {
        let Sent { run, pid, signal, scope, is_last_resort } = sent;
        let process = self.processes.get_mut(&pid).filter(|process| process.run == run);
        let Some(process) = process else {
            return Err(format!("SIG{signal} to pid {pid}, which is not {run:?}'s any more"));
        };
        if process.is_reaped
            && !(scope == Scope::Group && process.watched.is_some_and(|remains| remains.group))
        {
            return Err(format!("SIG{signal} to pid {pid}, which has been reaped"));
        }
        if is_last_resort && process.pending.is_some() && !process.is_reaped {
            return Err(format!("SIGKILL to pid {pid}, which was stopped and never got SIGCONT"));
        }
        if !process.is_reaped {
            process.signal_leader(now, signal);
        }
        if scope == Scope::Group {
            process.signal_companion(now, signal);
        }
        Ok(())
    }

    pub fn watch(&mut self, run: Run, pid: u32, remains: Remains) -> Result<(), String> {
        let process = self.processes.get_mut(&pid).filter(|process| process.run == run && process.is_reaped);
        let process =
            process.ok_or_else(|| format!("pid {pid} is to be watched, but not a reaped leader"))?;
        process.watched = Some(remains);
        Ok(())
    }

    /// A signal to the stray of a run, if it has been told of.
    pub fn signal_strays(&mut self, now: Time, run: Run, signal: Signal) -> Result<(), String> {
        let is_watched = |process: &&mut Process| {
            process.run == run && process.watched.is_some_and(|remains| remains.strays)
        };
        match self.processes.values_mut().find(is_watched) {
            // Nobody is known who could get it.
            Some(process) if !process.is_stray_told => Ok(()),
            Some(process) => {
                obey(now, process.nature.stray, &mut process.stray_end, process.unkillable_until, signal);
                Ok(())
            }
            None => Err(format!("SIG{signal} to strays of {run:?} that nobody waits for")),
        }
    }

    /// What could be reported at `now`, in no order that may be relied on.
    pub fn reports(&self, now: Time) -> Vec<(u32, Event)> {
        let of = |(pid, process): (&u32, &Process)| process.report(now).map(|event| (*pid, event));
        self.processes.iter().filter_map(of).collect()
    }

    /// The supervisor is about to be told of this process's exit, or of its group's.
    pub fn reported(&mut self, pid: u32, event: &Event) {
        if let Some(process) = self.processes.get_mut(&pid) {
            match event {
                Event::GroupGone { .. } => process.watched = None,
                Event::StraysFound { .. } => process.is_stray_told = true,
                _ => process.is_reaped = true,
            }
        }
    }

    /// Forgets what was reaped and is nobody's business any more.
    pub fn forget_reaped(&mut self) {
        self.processes.retain(|_, process| !process.is_reaped || process.watched.is_some());
    }

    /// The next time anything ends.
    pub fn next_end(&self, now: Time) -> Option<Time> {
        let leader = |process: &Process| (!process.is_reaped).then_some(process.end?.0);
        let ends = self.processes.values().flat_map(|process| {
            [leader(process), process.companion_end.flatten(), process.stray_end.flatten()]
        });
        ends.flatten().filter(|end| *end > now).min()
    }

    /// The pid of a run's process, if it has not been reaped.
    pub fn pid_of(&self, run: Run) -> Option<u32> {
        self.living(|process| process.run == run).map(|(pid, _)| pid)
    }

    /// How many processes and watched groups there still are.
    pub fn count(&self) -> usize {
        self.processes.len()
    }

    fn living(&self, is_wanted: impl Fn(&Process) -> bool) -> Option<(u32, &Process)> {
        let mut living = self.processes.iter().filter(|(_, process)| !process.is_reaped);
        living.find(|(_, process)| is_wanted(process)).map(|(pid, process)| (*pid, process))
    }
}

/// A signal on its way.
#[derive(Clone, Copy)]
pub struct Sent {
    pub run: Run,
    pub pid: u32,
    pub signal: Signal,
    pub scope: Scope,
    pub is_last_resort: bool,
}

impl Process {
    fn report(&self, now: Time) -> Option<Event> {
        let run = self.run;
        if !self.is_reaped {
            let (_, status) = self.end.filter(|(at, _)| *at <= now)?;
            return Some(Event::Exited { run, status });
        }
        let remains = self.watched?;
        let is_over = |end: Option<Option<Time>>| end.is_none_or(|end| end.is_some_and(|at| at <= now));
        let is_alone = !remains.group || is_over(self.companion_end);
        let is_stray_left = remains.strays && !is_over(self.stray_end);
        match (is_alone, is_stray_left) {
            (false, _) => None,
            (true, true) => (!self.is_stray_told).then_some(Event::StraysFound { run, count: 1 }),
            (true, false) => Some(Event::GroupGone { run }),
        }
    }

    fn signal_leader(&mut self, now: Time, signal: Signal) {
        if signal == Signal::KILL {
            // It ends as soon as it can; what comes after waits for nothing.
            (self.nature.is_frozen, self.pending) = (false, None);
            self.end_by(now.max(self.unkillable_until), signal);
        } else if signal == Signal::CONT {
            self.nature.is_frozen = false;
            if let Some(pending) = self.pending.take() {
                self.signal_leader(now, pending);
            }
        } else if self.nature.is_frozen {
            self.pending = Some(signal);
        } else if let Some(delay) = self.nature.obeys_after {
            self.end_by((now + delay).max(self.unkillable_until), signal);
        }
    }

    fn end_by(&mut self, at: Time, signal: Signal) {
        if self.end.is_none_or(|(end, _)| at < end) {
            self.end = Some((at, ExitStatus::Signal { signal, core_dumped: false }));
        }
    }

    fn signal_companion(&mut self, now: Time, signal: Signal) {
        obey(now, self.nature.companion, &mut self.companion_end, self.unkillable_until, signal);
    }
}

/// A process beside the leader gets a signal: when it ends, or ended, may be earlier now.
fn obey(
    now: Time,
    nature: Option<Companion>,
    end: &mut Option<Option<Time>>,
    unkillable_until: Time,
    signal: Signal,
) {
    let (Some(nature), Some(end)) = (nature, end) else { return };
    let at = match nature.obeys_after {
        _ if signal == Signal::KILL => Some(now.max(unkillable_until)),
        Some(delay) if signal != Signal::CONT => Some(now + delay),
        Some(_) | None => None,
    };
    *end = [*end, at].into_iter().flatten().min();
}
