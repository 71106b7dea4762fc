//! Strays: processes of a run that left its group, or that it has left behind. When their parents are
//! gone they are our children, because we are a subreaper, and their environment says which run they
//! come from.
//!
//! Nothing is looked for unless an instance that is being ended waits for it, or an order asks what there
//! is; then the list of our children is read once for all of them, and only adopted children cost a
//! further look. Whatever is signalled was found below us, is of a run of that instance, and is held by
//! a descriptor that cannot come to mean another process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::libc;

use super::left_groups::LeftGroups;
use super::proc_fs::{self, Stat, is_lack};
use super::reserve::Reserve;
use super::run_id::{RunIds, VARIABLE};
use crate::signal::Signal;
use crate::slots::Key;
use crate::supervisor::{Leftover, Run};
use crate::time::Time;

/// A look, or a signal, for which there was no descriptor or no memory is tried again after this time; only
/// while somebody waits for what comes of it.
const AGAIN: Duration = Duration::from_secs(1);

/// The runs whose strays, and those of the runs before them, are waited for.
pub(super) struct Strays {
    run_ids: RunIds,
    watched: BTreeMap<Run, Watch>,
    /// The runs that adopted children come from. As we reap them, none of these pids can have come to
    /// mean another process.
    identified: HashMap<u32, Run>,
    /// Which watch has found a process: its end makes another look worth its while, and nothing else does.
    awaited: HashMap<u32, Run>,
    reserve: Reserve,
    /// Signals that could not be sent for want of a descriptor.
    owed: Vec<Owed>,
    /// When what was not possible is tried again, unless somebody ends before.
    again_at: Option<Time>,
    /// Whether the last look was not possible.
    is_blind: bool,
}

#[derive(PartialEq, Eq)]
struct Owed {
    run: Run,
    pid: u32,
    signal: Signal,
}

struct Watch {
    /// Members of the groups that runs of this instance have led are no strays.
    spares_groups: bool,
    found: HashMap<u32, Found>,
    /// Whether something may have changed since the last look.
    is_stale: bool,
}

struct Found {
    birth: u64,
    /// The last signal that was sent to it.
    asked: Option<Signal>,
}

/// What a look has shown of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// There are none, or none any more.
    None,
    /// So many that were not known before.
    New(u32),
    Same,
}

impl Strays {
    pub(super) fn new(run_ids: RunIds) -> Strays {
        let mut reserve = Reserve::default();
        reserve.fill();
        Strays {
            run_ids,
            watched: BTreeMap::new(),
            identified: HashMap::new(),
            awaited: HashMap::new(),
            reserve,
            owed: Vec::new(),
            again_at: None,
            is_blind: false,
        }
    }

    /// From now on [`Strays::look`] is about this run and those before it, too.
    pub(super) fn watch(&mut self, run: Run, spares_groups: bool) {
        let watch = Watch { spares_groups, found: HashMap::new(), is_stale: true };
        self.watched.insert(run, watch);
    }

    /// A child, of whatever kind, was reaped.
    pub(super) fn note_reaped(&mut self, pid: u32) {
        self.identified.remove(&pid);
        // It has given something back.
        self.again_at = None;
        let waits_for_it = self.awaited.remove(&pid).and_then(|run| self.watched.get_mut(&run));
        if let Some(watch) = waits_for_it {
            watch.is_stale = true;
        }
    }

    /// Whether [`Strays::look`] may have news now.
    pub(super) fn has_to_look(&self) -> bool {
        self.again_at.is_none() && self.has_stale()
    }

    /// When [`Strays::look`] may have news that it could not have before.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.again_at
    }

    fn has_stale(&self) -> bool {
        self.watched.values().any(|watch| watch.is_stale)
    }

    /// What there is of each run that is watched, if that may be something else than the last time. Those
    /// of which nothing is left are watched no more. `is_leader` knows the children that were spawned.
    pub(super) fn look(
        &mut self,
        now: Time,
        groups: &LeftGroups,
        is_leader: impl Fn(u32) -> bool,
    ) -> Vec<(Run, Look)> {
        if self.again_at.is_some_and(|at| now < at) {
            return Vec::new();
        }
        self.again_at = None;
        self.pay_what_is_owed(now);
        if !self.has_stale() {
            return Vec::new();
        }
        let Strays { run_ids, watched, identified, reserve, .. } = self;
        let found = reserve.lend(|| {
            let adopted = adopted(run_ids, identified, &is_leader)?;
            find(watched, &adopted, groups)
        });
        let Some(found) = self.unless_blind(found) else {
            // Who cannot be looked for is not gone.
            self.again_at = Some(now + AGAIN);
            return Vec::new();
        };
        let mut looks = Vec::new();
        for (run, there) in found {
            let Some(watch) = self.watched.get_mut(&run) else { continue };
            self.awaited.extend(there.iter().map(|(pid, _)| (*pid, run)));
            let look = watch.take(there);
            if look == Look::None {
                self.watched.remove(&run);
            }
            looks.push((run, look));
        }
        looks
    }

    /// All that runs have left behind, whoever waits for it; none if that cannot be known now.
    pub(super) fn survey(
        &mut self,
        groups: &LeftGroups,
        is_leader: impl Fn(u32) -> bool,
    ) -> Option<Vec<Leftover>> {
        let Strays { run_ids, identified, reserve, .. } = self;
        let found = reserve.lend(|| {
            let adopted = adopted(run_ids, identified, &is_leader)?;
            count(&adopted, groups)
        });
        self.unless_blind(found)
    }

    /// What was found, unless no look was possible, which is told once.
    fn unless_blind<T>(&mut self, found: io::Result<T>) -> Option<T> {
        let was_blind = std::mem::replace(&mut self.is_blind, found.is_err());
        if let Err(error) = &found
            && !was_blind
        {
            log::warn!("what programs have left behind cannot be looked for: {error}; it is tried again");
        }
        found.ok()
    }

    /// Sends a signal to the strays of a run that were found. Everything but SIGKILL and SIGCONT is sent
    /// to each of them once.
    pub(super) fn signal(&mut self, now: Time, run: Run, signal: Signal) -> io::Result<()> {
        let Strays { watched, reserve, owed, again_at, .. } = self;
        let Some(watch) = watched.get_mut(&run) else { return Ok(()) };
        let mut trouble = Ok(());
        for (pid, found) in &mut watch.found {
            let is_repeated = found.asked.is_some() && signal != Signal::KILL;
            if is_repeated && signal != Signal::CONT {
                continue;
            }
            if signal != Signal::CONT {
                found.asked = Some(signal);
            }
            if let Err(error) = reserve.lend(|| send(*pid, found.birth, signal)) {
                if is_lack(&error) {
                    owe(owed, Owed { run, pid: *pid, signal });
                    *again_at = Some(now + AGAIN);
                }
                trouble = Err(error);
            }
        }
        trouble
    }

    /// Sends the signals that could not be sent, in their order, to those who are still waited for.
    fn pay_what_is_owed(&mut self, now: Time) {
        let Strays { watched, reserve, owed, again_at, .. } = self;
        owed.retain(|Owed { run, pid, signal }| {
            let Some(found) = watched.get(run).and_then(|watch| watch.found.get(pid)) else { return false };
            let sent = reserve.lend(|| send(*pid, found.birth, *signal));
            sent.is_err_and(|error| is_lack(&error))
        });
        if !owed.is_empty() {
            *again_at = Some(now + AGAIN);
        }
    }
}

impl Watch {
    fn take(&mut self, alive: Vec<(u32, Stat)>) -> Look {
        self.is_stale = false;
        let mut there = HashMap::new();
        let mut new = 0;
        for (pid, stat) in alive {
            let known = self.found.remove(&pid).filter(|found| found.birth == stat.birth);
            new += u32::from(known.is_none());
            there.insert(pid, known.unwrap_or(Found { birth: stat.birth, asked: None }));
        }
        self.found = there;
        match (self.found.is_empty(), new) {
            (true, _) => Look::None,
            (false, 0) => Look::Same,
            (false, new) => Look::New(new),
        }
    }
}

/// Remembers it once, however often it is asked for.
fn owe(owed: &mut Vec<Owed>, one: Owed) {
    if !owed.contains(&one) {
        owed.push(one);
    }
}

/// Our children that we have not spawned, as far as they tell which run they come from.
fn adopted(
    run_ids: &RunIds,
    identified: &mut HashMap<u32, Run>,
    is_leader: impl Fn(u32) -> bool,
) -> io::Result<Vec<(u32, Run)>> {
    let mut adopted = Vec::new();
    for pid in proc_fs::children(std::process::id())? {
        let run = match identified.get(&pid) {
            Some(run) => Some(*run),
            None if is_leader(pid) => None,
            None => proc_fs::variable(pid, VARIABLE)?.and_then(|name| run_ids.parse(&name)),
        };
        if let Some(run) = run {
            identified.insert(pid, run);
            adopted.push((pid, run));
        }
    }
    Ok(adopted)
}

/// The living strays of each run whose watch is stale: what is below its adopted children, and below who was found
/// before and may have nothing any more that says where he comes from.
fn find(
    watched: &BTreeMap<Run, Watch>,
    adopted: &[(u32, Run)],
    groups: &LeftGroups,
) -> io::Result<BTreeMap<Run, Vec<(u32, Stat)>>> {
    let stale = watched.iter().filter(|(_, watch)| watch.is_stale);
    let stale: HashMap<Key, (Run, &Watch)> =
        stale.map(|(run, watch)| (run.instance, (*run, watch))).collect();
    let mut alive: HashMap<Run, HashSet<u32>> = HashMap::new();
    for (pid, run) in adopted {
        if let Some((run, _)) = stale.get(&run.instance) {
            gather(*pid, alive.entry(*run).or_default())?;
        }
    }
    let mut found = BTreeMap::new();
    for (run, watch) in stale.into_values() {
        // Whoever was below us then is so now, with or without the parent by which he was found.
        for (pid, Found { birth, .. }) in &watch.found {
            if proc_fs::stat(*pid)?.is_some_and(|stat| stat.birth == *birth) {
                gather(*pid, alive.entry(run).or_default())?;
            }
        }
        let mut there = living(alive.remove(&run).unwrap_or_default())?;
        there.retain(|(_, stat)| !(watch.spares_groups && groups.is_of(stat.group, run.instance)));
        found.insert(run, there);
    }
    Ok(found)
}

/// How much of each run lives, members of groups and others apart.
fn count(adopted: &[(u32, Run)], groups: &LeftGroups) -> io::Result<Vec<Leftover>> {
    let mut found: BTreeMap<Run, HashSet<u32>> = BTreeMap::new();
    for (pid, run) in adopted {
        gather(*pid, found.entry(*run).or_default())?;
    }
    let mut left = Vec::new();
    for (run, pids) in found {
        let (mut group, mut strays) = (0, 0);
        for (_, stat) in living(pids)? {
            let is_of_group = groups.is_of(stat.group, run.instance);
            *(if is_of_group { &mut group } else { &mut strays }) += 1;
        }
        left.push(Leftover { run, group, strays });
    }
    left.retain(|left| left.group + left.strays > 0);
    Ok(left)
}

/// What there is to know of those of these processes that have not ended.
fn living(pids: HashSet<u32>) -> io::Result<Vec<(u32, Stat)>> {
    let mut living = Vec::new();
    for pid in pids {
        let stat = proc_fs::stat(pid)?.filter(|stat| !matches!(stat.state, 'Z' | 'X'));
        living.extend(stat.map(|stat| (pid, stat)));
    }
    Ok(living)
}

/// A process and all that descends from it: what a stray starts is of its run, whatever it has done to
/// its environment.
fn gather(pid: u32, into: &mut HashSet<u32>) -> io::Result<()> {
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        if into.insert(pid) {
            open.extend(proc_fs::children(pid)?);
        }
    }
    Ok(())
}

/// Signals a process by a descriptor. A grandchild can be reaped by its parent at any moment, and its
/// pid be given to somebody else: what the descriptor holds is looked at before it is used.
fn send(pid: u32, birth: u64, signal: Signal) -> io::Result<()> {
    // SAFETY: pidfd_open(2) takes two numbers and gives a descriptor, which is owned from here on.
    let process = unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        match i32::try_from(descriptor) {
            Ok(descriptor) if descriptor >= 0 => OwnedFd::from_raw_fd(descriptor),
            _ => return unless_no_process(io::Error::last_os_error()),
        }
    };
    if proc_fs::stat(pid)?.is_none_or(|stat| stat.birth != birth) {
        return Ok(());
    }
    // SAFETY: pidfd_send_signal(2) with no siginfo touches no memory of ours.
    let sent = unsafe {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal.number(), no_info, 0)
    };
    if sent == 0 { Ok(()) } else { unless_no_process(io::Error::last_os_error()) }
}

fn unless_no_process(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) }
}
