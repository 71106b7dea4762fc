//! The fake kernel: processes that live, ignore signals, leave others behind and die, and the two
//! things that are never to be done to it: a second live process of one instance, and a signal to
//! what has been reaped.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use taskmaster::signal::Signal;
use taskmaster::slots::Key;
use taskmaster::supervisor::{Event, ExitStatus, Leftover, Remains, Run, Scope};
use taskmaster::time::Time;

use crate::trouble::Trouble;

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
    /// One more, which the stray starts this much later if it lives then.
    pub brood: Option<(Duration, Companion)>,
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
    /// A signal for it was refused.
    was_refused: bool,
    unkillable_until: Time,
    /// When the companion ends or ended; the outer `None` never had one.
    companion_end: Option<Option<Time>>,
    /// The same for the stray.
    stray_end: Option<Option<Time>>,
    /// When the stray starts another, and when that ends.
    brood: Option<(Time, Option<Time>)>,
    is_stray_told: bool,
    is_brood_told: bool,
    is_companion_told: bool,
    /// Its group is waited for.
    is_group_watched: bool,
}

/// What is waited for of an instance's runs, beside the group of the last.
#[derive(Clone, Copy)]
struct Watch {
    strays: bool,
    /// Members of the groups of earlier runs count like strays.
    groups: bool,
}

#[derive(Default)]
pub struct Kernel {
    processes: BTreeMap<u32, Process>,
    watches: BTreeMap<Run, Watch>,
    /// What is wrong with the system now.
    pub trouble: Trouble,
    /// Signals that have not been sent yet, in their order.
    post: VecDeque<Sent>,
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
        let begin = nature.brood.map(|(after, brood)| (now + after, brood.life));
        let brood = begin.map(|(begin, life)| (begin, life.map(|life| begin + life)));
        let process = Process {
            run,
            nature,
            is_reaped: false,
            end: nature.life.map(|(life, status)| (now + life, status)),
            pending: None,
            was_refused: false,
            unkillable_until: now + nature.unkillable_for,
            companion_end,
            stray_end,
            brood,
            is_stray_told: false,
            is_brood_told: false,
            is_companion_told: false,
            is_group_watched: false,
        };
        self.processes.insert(pid, process);
        Ok(pid)
    }

    /// The smallest number that nobody has: what was reaped has a successor of its number soon.
    fn free_pid(&self) -> u32 {
        let taken = (2..).zip(self.processes.keys()).take_while(|(pid, taken)| pid == *taken);
        2 + taken.count() as u32
    }

    /// The supervisor wants a signal to be sent: to whom it does not want it to be sent is seen now, whenever
    /// it is.
    pub fn signal(&mut self, now: Time, sent: Sent) -> Result<(), String> {
        let Sent { run, pid, signal, scope, .. } = sent;
        let process = self.processes.get_mut(&pid).filter(|process| process.run == run);
        let Some(process) = process else {
            return Err(format!("SIG{signal} to pid {pid}, which is not {run:?}'s any more"));
        };
        if !process.may_get(scope) {
            return Err(format!("SIG{signal} to pid {pid}, which has been reaped"));
        }
        // Nothing overtakes.
        if self.trouble.is_slow || self.has_post() {
            self.post.push_back(sent);
            return Ok(());
        }
        self.send(now, sent)
    }

    /// Sends what has had to wait, in its order; whether there was something.
    pub fn send_post(&mut self, now: Time) -> Result<bool, String> {
        let mut has_sent = false;
        while let Some(sent) = self.post.pop_front() {
            self.send(now, sent)?;
            has_sent = true;
        }
        Ok(has_sent)
    }

    pub fn has_post(&self) -> bool {
        !self.post.is_empty()
    }

    /// kill(2), for those who are still there to get it.
    fn send(&mut self, now: Time, sent: Sent) -> Result<(), String> {
        let Sent { run, pid, signal, scope, is_last_resort } = sent;
        let process = self.processes.get_mut(&pid).filter(|it| it.run == run && it.may_get(scope));
        let Some(process) = process else { return Ok(()) };
        if self.trouble.refuses_signals {
            process.was_refused = true;
            return Ok(());
        }
        if is_last_resort && process.pending.is_some() && !process.is_reaped && !process.was_refused {
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
        process.is_group_watched = remains.group;
        self.begin_watch(run, Watch { strays: remains.strays, groups: remains.group });
        Ok(())
    }

    /// What the runs of an instance without a process have left is to be looked for.
    pub fn sweep(&mut self, run: Run, groups: bool) -> Result<(), String> {
        if let Some((pid, _)) = self.living(|process| process.run.instance == run.instance) {
            return Err(format!("the past of an instance is looked for, but its pid {pid} lives"));
        }
        self.begin_watch(run, Watch { strays: true, groups });
        Ok(())
    }

    fn begin_watch(&mut self, run: Run, watch: Watch) {
        for process in self.processes.values_mut().filter(|process| process.run.instance == run.instance) {
            (process.is_stray_told, process.is_brood_told, process.is_companion_told) = (false, false, false);
        }
        self.watches.insert(run, watch);
    }

    /// A signal to the strays of a run, and of those before it, that have been told of.
    pub fn signal_strays(&mut self, now: Time, run: Run, signal: Signal) -> Result<(), String> {
        if !self.watches.get(&run).is_some_and(|watch| watch.strays) {
            return Err(format!("SIG{signal} to strays of {run:?} that nobody waits for"));
        }
        if self.trouble.refuses_signals {
            return Ok(());
        }
        for process in self.processes.values_mut().filter(|process| process.run.instance == run.instance) {
            if let Some((begin, end)) = process.brood.filter(|_| process.is_brood_told) {
                let mut end = Some(end);
                let brood = process.nature.brood.map(|(_, brood)| brood);
                obey(now, brood, &mut end, process.unkillable_until, signal);
                process.brood = end.map(|end| (begin, end));
            }
            let Process { nature, unkillable_until, stray_end, companion_end, .. } = process;
            // Nobody else is known who could get it.
            if process.is_stray_told {
                obey(now, nature.stray, stray_end, *unkillable_until, signal);
            }
            if process.is_companion_told {
                obey(now, nature.companion, companion_end, *unkillable_until, signal);
            }
        }
        Ok(())
    }

    /// What could be reported at `now`, in no order that may be relied on.
    pub fn reports(&self, now: Time) -> Vec<Event> {
        let exits = self.processes.values().filter_map(|process| process.report(now));
        let watches = self.watches.iter().filter_map(|(run, watch)| self.look(now, *run, *watch));
        exits.chain(watches).collect()
    }

    /// What there is to tell of a run that is waited for.
    fn look(&self, now: Time, run: Run, watch: Watch) -> Option<Event> {
        if watch.strays && self.trouble.is_blind {
            // Who cannot be looked for is not gone.
            return None;
        }
        let of_instance = || self.processes.values().filter(|process| process.run.instance == run.instance);
        if of_instance().any(|it| it.is_group_watched && it.has_companion(now)) {
            return None;
        }
        let mut count = (0, 0);
        for process in of_instance().filter(|_| watch.strays) {
            let members = [
                (process.has_stray(now), process.is_stray_told),
                (process.has_brood(now), process.is_brood_told),
                (watch.groups && process.has_companion(now), process.is_companion_told),
            ];
            for (_, is_told) in members.into_iter().filter(|(lives, _)| *lives) {
                count = (count.0 + 1, count.1 + u32::from(!is_told));
            }
        }
        match count {
            (0, _) => Some(Event::GroupGone { run }),
            (_, 0) => None,
            (_, count) => Some(Event::StraysFound { run, count }),
        }
    }

    /// The supervisor is about to be told of this.
    pub fn reported(&mut self, now: Time, event: &Event) {
        match event {
            Event::GroupGone { run } => drop(self.watches.remove(run)),
            Event::StraysFound { run, .. } => {
                let groups = self.watches.get(run).is_some_and(|watch| watch.groups);
                let of_instance = |process: &&mut Process| process.run.instance == run.instance;
                for process in self.processes.values_mut().filter(of_instance) {
                    process.is_stray_told |= process.has_stray(now);
                    process.is_brood_told |= process.has_brood(now);
                    process.is_companion_told |= groups && process.has_companion(now);
                }
            }
            Event::Exited { run, .. } => {
                let is_it = |process: &&mut Process| process.run == *run;
                self.processes.values_mut().filter(is_it).for_each(|process| process.is_reaped = true);
            }
            _ => {}
        }
    }

    /// Forgets what was reaped and has left nothing.
    pub fn forget_reaped(&mut self, now: Time) {
        let Kernel { processes, watches, .. } = self;
        processes.retain(|_, process| {
            let is_watched = watches.contains_key(&process.run);
            !process.is_reaped || is_watched || process.strays(now) > 0 || process.has_companion(now)
        });
    }

    /// Members of groups and strays that live, and that runs of this instance have left.
    pub fn left_of(&self, now: Time, instance: Key) -> (u32, u32) {
        let left = |process: &&Process| process.is_reaped && process.run.instance == instance;
        self.processes.values().filter(left).fold((0, 0), |(group, strays), process| {
            (group + u32::from(process.has_companion(now)), strays + process.strays(now))
        })
    }

    /// All that has no parent any more; a run that goes on may have left some of it, too.
    ///
    /// `None`: nobody can be looked for.
    pub fn survey(&self, now: Time) -> Option<Vec<Leftover>> {
        if self.trouble.is_blind {
            return None;
        }
        let of = |process: &Process| Leftover {
            run: process.run,
            group: u32::from(process.is_reaped && process.has_companion(now)),
            strays: process.strays(now),
        };
        Some(self.processes.values().map(of).filter(|left| left.group + left.strays > 0).collect())
    }

    /// The next time anything ends.
    pub fn next_end(&self, now: Time) -> Option<Time> {
        let leader = |process: &Process| (!process.is_reaped).then_some(process.end?.0);
        let ends = self.processes.values().flat_map(|process| {
            let brood =
                process.brood.map(|(begin, end)| if begin > now { begin } else { end.unwrap_or(begin) });
            [leader(process), process.companion_end.flatten(), process.stray_end.flatten(), brood]
        });
        ends.flatten().filter(|end| *end > now).min()
    }

    /// The pid of a run's process, if it has not been reaped.
    pub fn pid_of(&self, run: Run) -> Option<u32> {
        self.living(|process| process.run == run).map(|(pid, _)| pid)
    }

    /// How many processes have not been reaped, and how many runs are waited for.
    pub fn count(&self) -> usize {
        self.processes.values().filter(|process| !process.is_reaped).count() + self.watches.len()
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
    /// Whether a signal may be for it, or for what is left of its group.
    fn may_get(&self, scope: Scope) -> bool {
        !self.is_reaped || (scope == Scope::Group && self.is_group_watched)
    }

    fn report(&self, now: Time) -> Option<Event> {
        let (_, status) = self.end.filter(|(at, _)| !self.is_reaped && *at <= now)?;
        Some(Event::Exited { run: self.run, status })
    }

    fn has_companion(&self, now: Time) -> bool {
        self.companion_end.is_some_and(|end| end.is_none_or(|at| at > now))
    }

    fn has_stray(&self, now: Time) -> bool {
        self.stray_end.is_some_and(|end| end.is_none_or(|at| at > now))
    }

    /// The stray lived when it was to start another, and that has not ended.
    fn has_brood(&self, now: Time) -> bool {
        self.brood.is_some_and(|(begin, end)| {
            let has_begun = self.stray_end.is_some_and(|end| end.is_none_or(|at| at > begin));
            begin <= now && has_begun && end.is_none_or(|at| at > now)
        })
    }

    fn strays(&self, now: Time) -> u32 {
        u32::from(self.has_stray(now)) + u32::from(self.has_brood(now))
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
