//! The name that every process of a run carries in its environment, whatever becomes of its parents,
//! its group and its session.

use std::path::Path;

use super::proc_fs;
use crate::slots::Key;
use crate::supervisor::Run;

/// The variable that holds it.
pub(super) const VARIABLE: &str = "TASKMASTER_RUN_ID";

/// Names the runs of one supervisor: `CONFIG-PID-BIRTH-...`, where BIRTH is when the supervisor was
/// started, in clock ticks since the system was.
#[derive(Clone, Debug)]
pub(crate) struct RunIds {
    /// What all supervisors of this configuration have in common, with a `-` at its end.
    config: String,
    prefix: String,
}

impl RunIds {
    /// For this process and its configuration.
    pub(crate) fn new(config: &Path) -> RunIds {
        let path = config.canonicalize().unwrap_or_else(|_| config.to_owned());
        let config = format!("{:016x}-", hash(path.as_os_str().as_encoded_bytes()));
        let pid = std::process::id();
        let birth = proc_fs::stat(pid).ok().flatten().map_or(0, |stat| stat.birth);
        RunIds { prefix: format!("{config}{pid}-{birth}-"), config }
    }

    /// The name of a run, or of what is of no instance.
    pub(super) fn of(&self, run: Option<Run>) -> String {
        let Some(Run { instance, incarnation }) = run else { return format!("{}none", self.prefix) };
        format!("{}{}.{}.{incarnation}", self.prefix, instance.index(), instance.generation())
    }

    /// The run that a name of ours means. The commands of checks and hooks carry names of no run.
    pub(super) fn parse(&self, name: &str) -> Option<Run> {
        let mut parts = name.strip_prefix(&self.prefix)?.split('.').map(str::parse);
        let mut next = || parts.next()?.ok();
        let (index, generation, incarnation) = (next()?, next()?, next()?);
        (incarnation > 0).then_some(Run { instance: Key::new(index, generation), incarnation })
    }

    /// Pid and birth of the supervisor that gave this name, if it had this configuration and is not
    /// this one.
    pub(super) fn former_supervisor(&self, name: &str) -> Option<(u32, u64)> {
        let rest = name.strip_prefix(&self.config).filter(|_| !name.starts_with(&self.prefix))?;
        let mut parts = rest.split('-');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// FNV-1a: it only has to tell files apart, and to be the same in every version.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_whose_it_is() {
        let ours = RunIds::new(Path::new("/srv/config.yaml"));
        let run = Run { instance: Key::new(3, 7), incarnation: 2 };
        let name = ours.of(Some(run));
        assert!(name.ends_with("-3.7.2"), "{name}");
        assert_eq!(ours.parse(&name), Some(run));
        assert_eq!(ours.parse(&ours.of(Some(Run { incarnation: 0, ..run }))), None, "a check");
        assert_eq!(ours.parse(&ours.of(None)), None, "a hook of a storm");
        assert_eq!(ours.former_supervisor(&name), None);
        let former = RunIds { prefix: format!("{}41-99-", ours.config), ..ours.clone() };
        assert_eq!(ours.former_supervisor(&former.of(Some(run))), Some((41, 99)));
        assert_eq!(ours.former_supervisor(&former.of(None)), Some((41, 99)));
        assert_eq!(ours.parse(&former.of(Some(run))), None);
        let others = RunIds::new(Path::new("/srv/other.yaml"));
        assert_eq!(ours.former_supervisor(&others.of(Some(run))), None);
    }
}
