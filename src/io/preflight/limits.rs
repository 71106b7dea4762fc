//! Limits of the machine that many instances run into: the sums are made before anything is started.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::Uid;

use crate::config::{Config, Output};

/// Descriptors beyond pipes and child logs: standard streams, poll, signals, our log, the dashboard
/// and its connections, and room for spawning.
const RESERVED_DESCRIPTORS: u64 = 160;
/// What a pipe holds by default, in pages (pipe(7)).
const PIPE_PAGES: u64 = 16;
/// What a pipe holds once its user has as many pages as `fs.pipe-user-pages-soft` says.
const SMALL_PIPE_PAGES: u64 = 2;

/// Every limit that the configuration goes beyond.
pub(super) fn trouble(config: &Config) -> Vec<String> {
    let needs = Needs::of(config);
    let hard = getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(_, hard)| hard);
    let descriptors = hard.and_then(|hard| needs.descriptor_trouble(hard));
    let pipes = (!is_privileged()).then(|| {
        let pages = |name: &str| number(&format!("/proc/sys/fs/pipe-user-pages-{name}")).unwrap_or(0);
        needs.pipe_trouble(pages("soft"), pages("hard"))
    });
    descriptors.into_iter().chain(needs.process_trouble(&process_limits())).chain(pipes.flatten()).collect()
}

/// Whether the kernel counts neither our processes nor our pipes.
fn is_privileged() -> bool {
    Uid::effective().is_root()
}

/// What all instances need together.
struct Needs {
    processes: u64,
    pipes: u64,
    log_files: u64,
}

impl Needs {
    fn of(config: &Config) -> Needs {
        let mut needs = Needs { processes: 0, pipes: 0, log_files: 0 };
        let mut files = HashSet::new();
        for program in &config.programs {
            needs.processes += u64::from(program.numprocs);
            for output in [&program.stdout, &program.stderr] {
                let Output::File(path) = output else { continue };
                needs.pipes += u64::from(program.numprocs);
                let path_of = |number| path.expand(&program.name, number);
                let is_shared = path_of(0) == path_of(u32::MAX);
                let distinct = if is_shared { program.numprocs.min(1) } else { program.numprocs };
                files.extend((0..distinct).map(path_of));
            }
        }
        Needs { log_files: files.len() as u64, ..needs }
    }

    fn descriptor_trouble(&self, hard_limit: u64) -> Option<String> {
        let Needs { pipes, log_files, .. } = self;
        let needed = pipes + log_files + RESERVED_DESCRIPTORS;
        (needed > hard_limit).then(|| {
            format!(
                "{needed} file descriptors are needed ({pipes} pipes, {log_files} log files, {RESERVED_DESCRIPTORS} others) \
                 but the hard limit is {hard_limit}; `stderr: stdout` or `none` saves one for each instance"
            )
        })
    }

    /// The lowest limit that is in the way; what else runs under it is not known.
    fn process_trouble(&self, limits: &[ProcessLimit]) -> Option<String> {
        let needed = self.processes + 1;
        let lowest = limits.iter().min_by_key(|limit| limit.most)?;
        (needed > lowest.most).then(|| {
            format!(
                "{needed} processes are needed, without those that they start, but {} allows {}",
                lowest.whose, lowest.most
            )
        })
    }

    /// `soft` and `hard` are in pages, 0 is no limit.
    fn pipe_trouble(&self, soft: u64, hard: u64) -> Option<String> {
        let pipes = self.pipes;
        let large = if soft == 0 { pipes } else { pipes.min(soft / PIPE_PAGES) };
        let pages = large * PIPE_PAGES + (pipes - large) * SMALL_PIPE_PAGES;
        if hard > 0 && pages > hard {
            return Some(format!(
                "{pipes} pipes are needed, which are {pages} pages, but fs.pipe-user-pages-hard allows {hard}"
            ));
        }
        (large < pipes).then(|| {
            format!(
                "{pipes} pipes are needed, but beyond {large} the kernel makes them small \
                 (fs.pipe-user-pages-soft is {soft}): a child that writes much waits more often; `stderr: stdout` or `none` \
                 saves one for each instance"
            )
        })
    }
}

/// How many processes there may be, and who says so.
struct ProcessLimit {
    whose: String,
    most: u64,
}

fn process_limits() -> Vec<ProcessLimit> {
    let of_kernel = number("/proc/sys/kernel/pid_max")
        .map(|most| ProcessLimit { whose: "kernel.pid_max".to_owned(), most: most.saturating_sub(1) });
    // It binds ordinary users only.
    let of_user = getrlimit(Resource::RLIMIT_NPROC)
        .ok()
        .filter(|_| !is_privileged())
        .map(|(soft, _)| ProcessLimit { whose: "the limit of this user (ulimit -u)".to_owned(), most: soft });
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let files = control_group_files(&groups);
    let of_groups = files.into_iter().filter_map(|file| {
        let most = number(file.to_str()?)?;
        Some(ProcessLimit { whose: file.display().to_string(), most })
    });
    of_kernel.into_iter().chain(of_user).chain(of_groups).collect()
}

/// Where the limits of our control group and of those that it is in may be, by /proc/self/cgroup; of
/// both versions, as a machine may use either.
fn control_group_files(groups: &str) -> Vec<PathBuf> {
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            _ if controllers.split(',').any(|name| name == "pids") => "/sys/fs/cgroup/pids",
            _ => return None,
        };
        let ancestors = Path::new(group.trim_start_matches('/')).ancestors();
        Some(ancestors.map(|group| Path::new(root).join(group).join("pids.max")).collect::<Vec<_>>())
    };
    groups.lines().filter_map(of_line).flatten().collect()
}

/// The number in a file of the kernel; `max` is none.
fn number(file: &str) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Source};

    fn needs(programs: &str) -> Needs {
        let text = format!("programs:\n{programs}");
        let source = Source { name: "config.yaml".to_owned(), text, directory: "/srv".into() };
        Needs::of(&config::parse(&source, &|_| None).unwrap_or_else(|problems| panic!("{problems:?}")))
    }

    #[test]
    fn descriptors_are_counted_as_they_will_be_used() {
        let needed = |programs: &str| {
            let said = needs(programs).descriptor_trouble(0).unwrap();
            said.split(" but ").next().unwrap().to_owned()
        };
        let two_files = needed("  a: {cmd: run, numprocs: 10}\n");
        assert_eq!(two_files, "182 file descriptors are needed (20 pipes, 2 log files, 160 others)");
        let own_files = needed("  a: {cmd: run, numprocs: 10, stdout: 'l{process_num}', stderr: stdout}\n");
        assert_eq!(own_files, "180 file descriptors are needed (10 pipes, 10 log files, 160 others)");
        let shared =
            needed("  a: {cmd: run, stdout: l, stderr: l}\n  b: {cmd: run, stdout: ./l, stderr: none}\n");
        assert_eq!(shared, "164 file descriptors are needed (3 pipes, 1 log files, 160 others)");
        let none = needed(
            "  a: {cmd: run, numprocs: 9, stdout: none, stderr: inherit}\n  b: {cmd: run, numprocs: 0}\n",
        );
        assert_eq!(none, "160 file descriptors are needed (0 pipes, 0 log files, 160 others)");
    }

    #[test]
    fn the_hard_limit_is_enough_up_to_itself() {
        let needs = needs("  a: {cmd: run, numprocs: 10}\n");
        assert_eq!(needs.descriptor_trouble(182), None);
        let trouble = needs.descriptor_trouble(181).unwrap();
        assert!(
            trouble
                .ends_with("the hard limit is 181; `stderr: stdout` or `none` saves one for each instance")
        );
    }

    #[test]
    fn the_lowest_limit_of_processes_is_named() {
        let needs = needs("  a: {cmd: run, numprocs: 90}\n  b: {cmd: run, numprocs: 9}\n");
        let limit = |whose: &str, most| ProcessLimit { whose: whose.to_owned(), most };
        assert_eq!(needs.process_trouble(&[]), None);
        assert_eq!(needs.process_trouble(&[limit("x", 100), limit("y", 101)]), None);
        assert_eq!(
            needs.process_trouble(&[limit("x", 100), limit("y", 99)]).unwrap(),
            "100 processes are needed, without those that they start, but y allows 99"
        );
    }

    #[test]
    fn limits_are_looked_for_in_every_control_group_above_us() {
        let files = |groups| {
            let files = control_group_files(groups);
            files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>()
        };
        let expected =
            ["/sys/fs/cgroup/a/b/pids.max", "/sys/fs/cgroup/a/pids.max", "/sys/fs/cgroup/pids.max"];
        assert_eq!(files("0::/a/b\n"), expected);
        assert_eq!(
            files("9:cpu,cpuacct:/x\n8:pids:/p\n"),
            ["/sys/fs/cgroup/pids/p/pids.max", "/sys/fs/cgroup/pids/pids.max"]
        );
    }

    #[test]
    fn pipes_become_small_and_then_none_are_left() {
        let needs = needs("  a: {cmd: run, numprocs: 600}\n");
        assert_eq!(needs.pipe_trouble(0, 0), None);
        assert_eq!(needs.pipe_trouble(1200 * 16, 1200 * 16), None);
        let small = needs.pipe_trouble(1024 * 16, 0).unwrap();
        assert!(
            small.starts_with("1200 pipes are needed, but beyond 1024 the kernel makes them small"),
            "{small}"
        );
        // 1024 of 16 pages and 176 of 2.
        assert!(needs.pipe_trouble(1024 * 16, 16_736).unwrap().contains("small"));
        let refused = needs.pipe_trouble(1024 * 16, 16_735).unwrap();
        assert!(refused.contains("16736 pages, but fs.pipe-user-pages-hard allows 16735"), "{refused}");
    }
}
