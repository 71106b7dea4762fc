//! Whether the kernel has killed for want of memory. It counts that for each control group; our
//! children are in ours. Read only when a process was killed by nobody known.

use std::fs;
use std::path::PathBuf;

/// The kernel's count, and how much of it is accounted for.
pub(crate) struct OutOfMemory {
    /// The file that has the count, where the kernel shows one.
    counter: Option<PathBuf>,
    known: u64,
}

impl OutOfMemory {
    /// Whatever was killed before this is not ours.
    pub(crate) fn watch() -> OutOfMemory {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let counter = candidates(&groups).find(|path| count(path).is_some());
        let known = counter.as_ref().and_then(count).unwrap_or(0);
        OutOfMemory { counter, known }
    }

    /// Why a process may have got a SIGKILL that we did not send. Each count explains one death.
    pub(crate) fn explain(&mut self) -> Option<String> {
        let count = count(self.counter.as_ref()?)?;
        if count <= self.known {
            return None;
        }
        self.known += 1;
        Some("because the kernel ran out of memory".to_owned())
    }
}

/// Where the count may be: cgroup v2's memory.events, or v1's memory.oom_control.
fn candidates(groups: &str) -> impl Iterator<Item = PathBuf> {
    groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            return Some(PathBuf::from("/sys/fs/cgroup").join(path).join("memory.events"));
        }
        let is_memory = controllers.split(',').any(|controller| controller == "memory");
        is_memory.then(|| PathBuf::from("/sys/fs/cgroup/memory").join(path).join("memory.oom_control"))
    })
}

fn count(path: &PathBuf) -> Option<u64> {
    parse(&fs::read_to_string(path).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_of_control_groups_are_read() {
        assert_eq!(parse("low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\n"), None);
        let paths: Vec<PathBuf> = candidates("4:cpu,memory:/a/b\n1:cpu:/\n0::/user.slice/x\n").collect();
        let expected =
            ["/sys/fs/cgroup/memory/a/b/memory.oom_control", "/sys/fs/cgroup/user.slice/x/memory.events"];
        assert_eq!(paths, expected.map(PathBuf::from));
    }

    #[test]
    fn each_count_explains_one_death() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("memory.events");
        fs::write(&path, "oom_kill 4\n").unwrap();
        let mut watch = OutOfMemory { counter: Some(path.clone()), known: 4 };
        assert_eq!(watch.explain(), None);
        fs::write(&path, "oom_kill 5\n").unwrap();
        assert!(watch.explain().unwrap().contains("memory"));
        assert_eq!(watch.explain(), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(watch.explain(), None);
    }
}
