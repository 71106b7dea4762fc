//! Processes of a former supervisor of this configuration, which was killed: they live on, and hold the
//! ports and locks that their successors will want. They are named, and left alone.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::proc_fs;
use super::run_id::{RunIds, VARIABLE};
use super::usage::own_uid;

/// A process that outlived its supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Survivor {
    /// Its instance: `worker:0`.
    pub(crate) name: String,
    pub(crate) pid: u32,
}

/// What other supervisors of this configuration have started, as far as their processes tell.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Processes of those that were killed.
    pub(crate) survivors: Vec<Survivor>,
    /// One that lives. It looks after its own.
    pub(crate) living: Option<u32>,
}

/// Looks once at every process of our user.
pub(crate) fn find(run_ids: &RunIds) -> Others {
    let mut others = Others::default();
    for pid in pids() {
        match supervisor_of(pid, run_ids) {
            Some((supervisor, true)) => others.living = Some(supervisor),
            Some((_, false)) => others.survivors.extend(survivor(pid)),
            None => {}
        }
    }
    others.survivors.sort_by(|a, b| (&a.name, a.pid).cmp(&(&b.name, b.pid)));
    others
}

/// All processes of our user.
fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        (entry.metadata().ok()?.uid() == own_uid()).then_some(pid)
    })
}

/// Which other supervisor of this configuration has started a process, and whether that lives.
fn supervisor_of(pid: u32, run_ids: &RunIds) -> Option<(u32, bool)> {
    // Kernel threads and zombies have no environment, and need not be asked twice.
    if !fs::exists(format!("/proc/{pid}/exe")).unwrap_or(false) {
        return None;
    }
    let (supervisor, birth) = run_ids.former_supervisor(&proc_fs::variable(pid, VARIABLE).ok()??)?;
    let found = proc_fs::stat(supervisor).ok()?;
    Some((supervisor, found.is_some_and(|stat| stat.birth == birth && stat.state != 'Z')))
}

fn survivor(pid: u32) -> Option<Survivor> {
    let name = proc_fs::variable(pid, "TASKMASTER_PROCESS_NAME").ok()??;
    // Of no instance are hooks of restart storms.
    Some(Survivor { name: if name.is_empty() { "a hook".to_owned() } else { name }, pid })
}
