//! Strays: processes of a run that left its group. When their parents are gone they are our children,
//! because we are a subreaper, and their environment says which run they come from.
//!
//! Nothing is looked for unless a run that ended waits for it, and then the list of our children is read
//! once for all that wait; only adopted children cost a further look. Whatever is signalled was found
//! below us, is of that run, and is held by a descriptor that cannot come to mean another process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc;

use super::proc_fs::{self, Stat};
use super::run_id::{RunIds, VARIABLE};
use crate::signal::Signal;
use crate::supervisor::Run;

/// The runs whose strays are waited for.
pub(super) struct Strays {
    run_ids: RunIds,
    watched: BTreeMap<Run, Watch>,
    /// Whether something has changed since the last look: only an end of a child makes another worth
    /// its while.
    is_stale: bool,
    /// Whether the last look was not possible; told once.
    is_blind: bool,
}

#[derive(Default)]
struct Watch {
    /// Members of this group are no strays.
    spared_group: Option<u32>,
    found: HashMap<u32, Found>,
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
        Strays { run_ids, watched: BTreeMap::new(), is_stale: false, is_blind: false }
    }

    /// From now on [`Strays::look`] is about this run, too.
    pub(super) fn watch(&mut self, run: Run, spared_group: Option<u32>) {
        self.watched.insert(run, Watch { spared_group, found: HashMap::new() });
        self.is_stale = true;
    }

    /// A child, of whatever kind, was reaped.
    pub(super) fn note_reaped(&mut self) {
        self.is_stale = true;
    }

    /// What there is of each run that is watched, if that may be something else than the last time. Those
    /// of which nothing is left are watched no more. `is_leader` knows the children that were spawned.
    pub(super) fn look(&mut self, is_leader: impl Fn(u32) -> bool) -> Vec<(Run, Look)> {
        if self.watched.is_empty() || !std::mem::take(&mut self.is_stale) {
            return Vec::new();
        }
        let mut alive = match self.find(is_leader) {
            Ok(alive) => alive,
            Err(error) => {
                // Who cannot be looked for is not gone; the next turn looks again.
                self.is_stale = true;
                if !std::mem::replace(&mut self.is_blind, true) {
                    log::warn!(
                        "processes that programs have left cannot be looked for: {error}; it is tried again"
                    );
                }
                return Vec::new();
            }
        };
        self.is_blind = false;
        let watched = &mut self.watched;
        let looks =
            watched.iter_mut().map(|(run, watch)| (*run, watch.take(alive.remove(run).unwrap_or_default())));
        let looks: Vec<(Run, Look)> = looks.collect();
        for (run, look) in &looks {
            if *look == Look::None {
                watched.remove(run);
            }
        }
        looks
    }

    /// The living processes of each run that is watched, other than its leader.
    fn find(&self, is_leader: impl Fn(u32) -> bool) -> io::Result<HashMap<Run, HashMap<u32, Stat>>> {
        let mut adopted = proc_fs::children(std::process::id())?;
        adopted.retain(|pid| !is_leader(*pid));
        let by_name: HashMap<String, Run> = match adopted.is_empty() {
            true => HashMap::new(),
            false => self.watched.keys().map(|run| (self.run_ids.of(*run), *run)).collect(),
        };
        let mut alive: HashMap<Run, HashMap<u32, Stat>> = HashMap::new();
        for pid in adopted {
            let name = proc_fs::variable(pid, VARIABLE)?;
            if let Some(run) = name.and_then(|name| by_name.get(&name).copied()) {
                gather(pid, alive.entry(run).or_default())?;
            }
        }
        Ok(alive)
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
    fn take(&mut self, alive: HashMap<u32, Stat>) -> Look {
        let mut there = HashMap::new();
        let mut new = 0;
        for (pid, stat) in alive {
            if matches!(stat.state, 'Z' | 'X') {
                continue;
            }
            if self.spared_group == Some(stat.group) {
                continue;
            }
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

/// A process and all that descends from it: what a stray starts is of its run, whatever it has done to
/// its environment.
fn gather(pid: u32, into: &mut HashMap<u32, Stat>) -> io::Result<()> {
    let mut open = vec![pid];
    let mut seen = HashSet::new();
    while let Some(pid) = open.pop() {
        if seen.insert(pid) {
            open.extend(proc_fs::children(pid)?);
            into.extend(proc_fs::stat(pid)?.map(|stat| (pid, stat)));
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
            _ => return unless_gone(io::Error::last_os_error()),
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
    if sent == 0 { Ok(()) } else { unless_gone(io::Error::last_os_error()) }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) }
}
