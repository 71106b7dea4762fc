//! Which process belongs to which run: the only place that signals and reaps.
//!
//! A pid is signalled only while it is in here, that is, while it has not been reaped; the kernel
//! cannot have given it to somebody else. The same holds for a group whose leader is reaped: its
//! number stays taken while it has members, and as we are their subreaper none of them vanishes
//! before we reap it.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use nix::libc::{self, c_int, pid_t};

use super::expected::Expected;
use super::left_groups::{LeftGroups, is_gone};
use super::run_id::RunIds;
use super::strays::{Look, Strays};
use crate::signal::Signal;
use crate::slots::Key;
use crate::supervisor::{ExitStatus, Leftover, Remains, Run, Scope};
use crate::time::Time;

/// Processes that we started and have not reaped, and groups that are to be seen gone.
pub(crate) struct Processes {
    leaders: HashMap<u32, Leader>,
    /// Groups whose leader is reaped, by their id.
    groups: HashMap<u32, (Run, Remains)>,
    /// Those that have outlived their leaders, whoever waits for them.
    left_groups: LeftGroups,
    strays: Strays,
    /// Leaders that were signalled.
    expected: Expected,
    /// Commands that are run on the side, by pid.
    helpers: HashMap<u32, Helper>,
    ended_helpers: Vec<(Helper, ExitStatus)>,
    /// When to reap again, because that was refused while there were children.
    reap_at: Option<Time>,
}

/// What a command is for that is no program's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Helper {
    /// It checks an instance.
    Check(Key),
    /// It tells somebody of an event.
    Hook(Key),
}

/// A refused wait is tried again after this time; no further SIGCHLD would ask for it.
const REAP_AGAIN: Duration = Duration::from_secs(1);

/// So many are asked after one by one before anybody is: they end in about the order in which they were told to, as
/// each of our processors comes to them.
const GUESSES_MAX: u32 = 16;

struct Leader {
    run: Run,
    /// The pipes it writes to, to be drained when it ends.
    pipes: [Option<Key>; 2],
}

/// A process of ours that has ended.
pub(crate) struct Reaped {
    pub(crate) pid: u32,
    pub(crate) run: Run,
    pub(crate) status: ExitStatus,
    pub(crate) pipes: [Option<Key>; 2],
}

/// What is left of a run whose leader is reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing(Run),
    /// So many processes outside its group that were not known before.
    Strays {
        run: Run,
        count: u32,
    },
}

impl Processes {
    /// Makes us the parent of every orphan among our descendants, so that the last process of a
    /// group tells us its end, whoever started it (prctl(2), PR_SET_CHILD_SUBREAPER).
    pub(crate) fn new(run_ids: RunIds) -> Processes {
        if let Err(errno) = nix::sys::prctl::set_child_subreaper(true) {
            log::warn!("cannot adopt orphans, so the end of a process group may be seen late: {errno}");
        }
        Processes {
            leaders: HashMap::new(),
            groups: HashMap::new(),
            left_groups: LeftGroups::default(),
            strays: Strays::new(run_ids),
            expected: Expected::default(),
            helpers: HashMap::new(),
            ended_helpers: Vec::new(),
            reap_at: None,
        }
    }

    pub(crate) fn insert(&mut self, pid: u32, run: Run, pipes: [Option<Key>; 2]) {
        self.leaders.insert(pid, Leader { run, pipes });
    }

    /// The pipes that a process of ours writes to.
    pub(crate) fn pipes_of(&self, pid: u32) -> impl Iterator<Item = Key> + use<> {
        let pipes = self.leaders.get(&pid).map(|leader| leader.pipes).unwrap_or_default();
        pipes.into_iter().flatten()
    }

    /// Sends a signal to a process, or a group, that is still `run`'s.
    pub(crate) fn signal(&mut self, run: Run, pid: u32, signal: Signal, scope: Scope) -> io::Result<()> {
        let is_leader = self.leaders.get(&pid).is_some_and(|leader| leader.run == run);
        let is_group =
            scope == Scope::Group && self.groups.get(&pid).is_some_and(|(watched, _)| *watched == run);
        if !is_leader && !is_group {
            return Ok(());
        }
        if is_leader && signal != Signal::CONT {
            self.expected.note(pid, self.leaders.len());
        }
        let whom = match scope {
            Scope::Leader => pid.cast_signed(),
            Scope::Group => -pid.cast_signed(),
        };
        // SAFETY: kill(2) touches no memory of ours. nix's kill does not know real-time signals.
        match unsafe { libc::kill(whom, signal.number()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()).or_else(|error| match error.raw_os_error() {
                Some(libc::ESRCH) => Ok(()),
                _ => Err(error),
            }),
        }
    }

    /// The next child that has ended, ours or adopted, until there is none. SIGCHLD says only that
    /// there is at least one.
    pub(crate) fn reap(&mut self, now: Time) -> Option<Reaped> {
        loop {
            let (pid, status) = match self.wait_for_expected() {
                Some(ended) => ended,
                None => match wait_for(ANYBODY) {
                    Ok(ended) => {
                        self.reap_at = None;
                        ended?
                    }
                    Err(error) => {
                        self.note_refusal(now, &error);
                        return None;
                    }
                },
            };
            self.strays.note_reaped(pid);
            let Some(status) = decode(status) else { continue };
            match self.leaders.remove(&pid) {
                Some(Leader { run, pipes }) => {
                    self.left_groups.note(pid, run.instance);
                    return Some(Reaped { pid, run, status, pipes });
                }
                None if self.helpers.contains_key(&pid) => self.end_helper(pid, status),
                None => log::debug!("reaped pid {pid}, an orphan of a program: {status}"),
            }
        }
    }

    /// One of those who were signalled that has ended, if it is found at once.
    fn wait_for_expected(&mut self) -> Option<(u32, c_int)> {
        for _ in 0..GUESSES_MAX {
            let pid = self.expected.next(|pid| self.leaders.contains_key(&pid))?;
            // Trouble is the same for everybody, and met by who waits for anybody.
            if let Ok(Some(ended)) = wait_for(pid.cast_signed()) {
                return Some(ended);
            }
            self.expected.put_back(pid);
        }
        None
    }

    /// A wait was refused. Unless there are no children at all, that should not be: whoever has ended would
    /// not be reaped, and go for a running process.
    fn note_refusal(&mut self, now: Time, error: &io::Error) {
        let has_children = !self.leaders.is_empty() || !self.helpers.is_empty();
        let is_refused = has_children || error.raw_os_error() != Some(libc::ECHILD);
        if is_refused && self.reap_at.is_none() {
            log::error!("who has ended cannot be asked: {error}; it is tried again");
        }
        self.reap_at = is_refused.then_some(now + REAP_AGAIN);
    }

    /// Whether to reap without a SIGCHLD.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.reap_at.is_some_and(|at| at <= now)
    }

    /// When there is something to do without anybody's end: to reap, or to look at what remains.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        [self.reap_at, self.strays.next_deadline()].into_iter().flatten().min()
    }

    /// A command was started that is no program's process; it leads a group of its own.
    pub(crate) fn insert_helper(&mut self, pid: u32, helper: Helper) {
        self.helpers.insert(pid, helper);
    }

    /// Ends such a command, and all of its group, if it has not been reaped.
    pub(crate) fn kill_helper(&self, pid: u32) {
        if self.helpers.contains_key(&pid) {
            kill_group(pid);
        }
    }

    /// Whatever it has left behind in its group goes with it.
    fn end_helper(&mut self, pid: u32, status: ExitStatus) {
        if let Some(helper) = self.helpers.remove(&pid) {
            kill_group(pid);
            self.ended_helpers.push((helper, status));
        }
    }

    /// Such commands that have been reaped since this was asked last.
    pub(crate) fn take_ended_helpers(&mut self) -> Vec<(Helper, ExitStatus)> {
        std::mem::take(&mut self.ended_helpers)
    }

    /// Ends all such commands, because nobody asks any more. A moment later their groups are gone, which
    /// [`Processes::see_off`] shows.
    pub(crate) fn kill_helpers(&self) -> Vec<u32> {
        self.helpers.keys().for_each(|pid| kill_group(*pid));
        self.helpers.keys().copied().collect()
    }

    /// Reaps whoever has ended by now. Whether nobody is left of these groups.
    pub(crate) fn see_off(&mut self, groups: &[u32], now: Time) -> bool {
        while self.reap(now).is_some() {}
        groups.iter().all(|group| is_gone(*group))
    }

    /// From now on [`Processes::look_at_remains`] tells what becomes of what this run leaves behind.
    pub(crate) fn watch(&mut self, pid: u32, run: Run, remains: Remains) {
        if remains.group {
            self.groups.insert(pid, (run, remains));
        } else {
            self.strays.watch(run, true);
        }
    }

    /// From now on [`Processes::look_at_remains`] tells what becomes of what the runs of an instance have
    /// left behind, the groups that they have led only if they count.
    pub(crate) fn sweep(&mut self, run: Run, groups: bool) {
        self.strays.watch(run, !groups);
    }

    /// Whether [`Processes::look_at_remains`] has something to look for that nobody's end will tell of.
    pub(crate) fn has_to_look(&self) -> bool {
        self.strays.has_to_look()
    }

    /// All that runs have left behind, as far as it lives; none if nobody can be looked for now.
    pub(crate) fn survey(&mut self) -> Option<Vec<Leftover>> {
        let Processes { leaders, strays, left_groups, .. } = self;
        strays.survey(left_groups, |pid| leaders.contains_key(&pid))
    }

    /// News of the groups and strays that are watched; an end is told once. Ask after every reaping.
    pub(crate) fn look_at_remains(&mut self, now: Time) -> Vec<Left> {
        let mut left = Vec::new();
        if !self.groups.is_empty() {
            let Processes { groups, left_groups, .. } = &mut *self;
            // What had no other member when its leader was reaped need not be asked for once more.
            let is_over = |group: u32, run: Run| !left_groups.is_of(group, run.instance) || is_gone(group);
            let over: Vec<_> = groups.extract_if(|group, (run, _)| is_over(*group, *run)).collect();
            for (_, (run, remains)) in over {
                match remains.strays {
                    true => self.strays.watch(run, false),
                    false => left.push(Left::Nothing(run)),
                }
            }
        }
        let Processes { leaders, strays, left_groups, .. } = self;
        let looks = strays.look(now, left_groups, |pid| leaders.contains_key(&pid));
        left.extend(looks.into_iter().filter_map(|(run, look)| match look {
            Look::None => Some(Left::Nothing(run)),
            Look::New(count) => Some(Left::Strays { run, count }),
            Look::Same => None,
        }));
        left
    }

    /// Sends a signal to the strays of a run that were told of.
    pub(crate) fn signal_strays(&mut self, now: Time, run: Run, signal: Signal) -> io::Result<()> {
        self.strays.signal(now, run, signal)
    }

    /// Signals the groups of all processes that have not been reaped, whoever they belong to.
    pub(crate) fn signal_all(&mut self, signal: Signal) {
        let leaders: Vec<(u32, Run)> = self.leaders.iter().map(|(pid, leader)| (*pid, leader.run)).collect();
        for (pid, run) in leaders {
            if let Err(error) = self.signal(run, pid, signal, Scope::Group) {
                log::error!("cannot send SIG{signal} to the group of pid {pid}: {error}");
            }
        }
    }

    /// Whether something that we started has not been reaped.
    pub(crate) fn has_living(&self) -> bool {
        !self.leaders.is_empty()
    }
}

/// wait4(2) for any child.
const ANYBODY: pid_t = -1;

/// A child that has ended, and how, if it is this one; it is reaped by that.
fn wait_for(whom: pid_t) -> io::Result<Option<(u32, c_int)>> {
    let mut status = 0;
    // SAFETY: waitpid(2) writes one int. nix's waitpid fails on death by a real-time signal, after it has reaped
    // the process.
    let pid = unsafe { libc::waitpid(whom, &mut status, libc::WNOHANG) };
    let pid = u32::try_from(pid).map_err(|_| io::Error::last_os_error())?;
    Ok((pid != 0).then_some((pid, status)))
}

fn kill_group(pid: u32) {
    // SAFETY: kill(2) touches no memory of ours. That there is nobody left is fine.
    unsafe { libc::kill(-pid.cast_signed(), libc::SIGKILL) };
}

/// What waitpid(2) reported, if it was an end.
fn decode(status: i32) -> Option<ExitStatus> {
    if libc::WIFEXITED(status) {
        return Some(ExitStatus::Code(libc::WEXITSTATUS(status)));
    }
    if libc::WIFSIGNALED(status) {
        let signal = Signal::from_number(libc::WTERMSIG(status))?;
        return Some(ExitStatus::Signal { signal, core_dumped: libc::WCOREDUMP(status) });
    }
    None
}
