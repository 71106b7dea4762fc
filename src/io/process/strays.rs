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

use nix::libc;

use super::left_groups::LeftGroups;
use super::proc_fs::{self, Stat};
use super::run_id::{RunIds, VARIABLE};
use crate::signal::Signal;
use crate::slots::Key;
use crate::supervisor::{Leftover, Run};

/// The runs whose strays, and those of the runs before them, are waited for.
pub(super) struct Strays {
    run_ids: RunIds,
    watched: BTreeMap<Run, Watch>,
    /// The runs that adopted children come from. As we reap them, none of these pids can have come to
    /// mean another process.
    identified: HashMap<u32, Run>,
    /// Which watch has found a process: its end makes another look worth its while, and nothing else does.
    awaited: HashMap<u32, Run>,
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
        let (identified, awaited) = (HashMap::new(), HashMap::new());
        Strays { run_ids, watched: BTreeMap::new(), identified, awaited }
    }

    /// From now on [`Strays::look`] is about this run and those before it, too.
    pub(super) fn watch(&mut self, run: Run, spares_groups: bool) {
        let watch = Watch { spares_groups, found: HashMap::new(), is_stale: true };
        self.watched.insert(run, watch);
    }

    /// A child, of whatever kind, was reaped.
    pub(super) fn note_reaped(&mut self, pid: u32) {
        self.identified.remove(&pid);
        let waits_for_it = self.awaited.remove(&pid).and_then(|run| self.watched.get_mut(&run));
        if let Some(watch) = waits_for_it {
            watch.is_stale = true;
        }
    }

    /// Whether [`Strays::look`] may have news.
    pub(super) fn has_to_look(&self) -> bool {
        self.watched.values().any(|watch| watch.is_stale)
    }

    /// What there is of each run that is watched, if that may be something else than the last time. Those
    /// of which nothing is left are watched no more. `is_leader` knows the children that were spawned.
    pub(super) fn look(&mut self, groups: &LeftGroups, is_leader: impl Fn(u32) -> bool) -> Vec<(Run, Look)> {
        if !self.has_to_look() {
            return Vec::new();
        }
        let stale = self.watched.iter().filter(|(_, watch)| watch.is_stale);
        let stale: HashMap<Key, Run> = stale.map(|(run, _)| (run.instance, *run)).collect();
        let mut alive: HashMap<Run, HashSet<u32>> = HashMap::new();
        for (pid, run) in self.adopted(is_leader) {
            if let Some(run) = stale.get(&run.instance) {
                gather(pid, alive.entry(*run).or_default());
            }
        }
        let mut looks = Vec::new();
        for run in stale.into_values() {
            let Some(watch) = self.watched.get_mut(&run) else { continue };
            let is_spared = |group| watch.spares_groups && groups.is_of(group, run.instance);
            let there = alive.remove(&run).unwrap_or_default().into_iter().filter_map(living);
            let there: Vec<(u32, Stat)> = there.filter(|(_, stat)| !is_spared(stat.group)).collect();
            self.awaited.extend(there.iter().map(|(pid, _)| (*pid, run)));
            let look = watch.take(there);
            if look == Look::None {
                self.watched.remove(&run);
            }
            looks.push((run, look));
        }
        looks.sort_unstable_by_key(|(run, _)| *run);
        looks
    }

    /// All that runs have left behind, whoever waits for it.
    pub(super) fn survey(&mut self, groups: &LeftGroups, is_leader: impl Fn(u32) -> bool) -> Vec<Leftover> {
        let mut found: BTreeMap<Run, HashSet<u32>> = BTreeMap::new();
        for (pid, run) in self.adopted(is_leader) {
            gather(pid, found.entry(run).or_default());
        }
        let leftover = |(run, pids): (Run, HashSet<u32>)| {
            let (mut group, mut strays) = (0, 0);
            for (_, stat) in pids.into_iter().filter_map(living) {
                let is_of_group = groups.is_of(stat.group, run.instance);
                *(if is_of_group { &mut group } else { &mut strays }) += 1;
            }
            Leftover { run, group, strays }
        };
        found.into_iter().map(leftover).filter(|left| left.group + left.strays > 0).collect()
    }

    /// Our children that we have not spawned, as far as they tell which run they come from.
    fn adopted(&mut self, is_leader: impl Fn(u32) -> bool) -> Vec<(u32, Run)> {
        let Strays { run_ids, identified, .. } = self;
        let mut adopted = Vec::new();
        for pid in proc_fs::children(std::process::id()) {
            let known = identified.get(&pid).copied();
            let ask = || run_ids.parse(&proc_fs::variable(pid, VARIABLE)?);
            if let Some(run) = known.or_else(|| if is_leader(pid) { None } else { ask() }) {
                identified.insert(pid, run);
                adopted.push((pid, run));
            }
        }
        adopted
    }

    /// Sends a signal to the strays of a run that were found. Everything but SIGKILL and SIGCONT is sent
    /// to each of them once.
    pub(super) fn signal(&mut self, run: Run, signal: Signal) -> io::Result<()> {
        let Some(watch) = self.watched.get_mut(&run) else { return Ok(()) };
        let mut trouble = Ok(());
        for (pid, found) in &mut watch.found {
            let is_repeated = found.asked.is_some() && signal != Signal::KILL;
            if is_repeated && signal != Signal::CONT {
                continue;
            }
            if signal != Signal::CONT {
                found.asked = Some(signal);
            }
            if let Err(error) = send(*pid, found.birth, signal) {
                trouble = Err(error);
            }
        }
        trouble
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

/// What there is to know of a process, unless it has ended.
fn living(pid: u32) -> Option<(u32, Stat)> {
    let stat = proc_fs::stat(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X'))?;
    Some((pid, stat))
}

/// A process and all that descends from it: what a stray starts is of its run, whatever it has done to
/// its environment.
fn gather(pid: u32, into: &mut HashSet<u32>) {
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        if into.insert(pid) {
            open.extend(proc_fs::children(pid));
        }
    }
}

/// Signals a process by a descriptor. A grandchild can be reaped by its parent at any moment, and its
/// pid be given to somebody else: what the descriptor holds is looked at before it is used.
fn send(pid: u32, birth: u64, signal: Signal) -> io::Result<()> {
    // SAFETY: pidfd_open(2) takes two numbers and gives a descriptor, which is owned from here on.
    let process = unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        match i32::try_from(descriptor) {
            Ok(descriptor) if descriptor >= 0 => OwnedFd::from_raw_fd(descriptor),
            _ => return unless_gone(io::Error::last_os_error()),
        }
    };
    if proc_fs::stat(pid).is_none_or(|stat| stat.birth != birth) {
        return Ok(());
    }
    // SAFETY: pidfd_send_signal(2) with no siginfo touches no memory of ours.
    let sent = unsafe {
        let no_info = std::ptr::null::<libc::siginfo_t>();
        libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal.number(), no_info, 0)
    };
    if sent == 0 { Ok(()) } else { unless_gone(io::Error::last_os_error()) }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) }
}
