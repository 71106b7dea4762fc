//! Who is compared, started on a directory of its own.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{procfs, rotating};

/// Rotation of all that rotate, in bytes, and enough backups to lose nothing.
pub const MAX_BYTES: u64 = 50 * 1024 * 1024;
pub const BACKUPS: u32 = 40;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    Floor,
    Taskmaster,
    Cat,
    Supervisord,
    S6Log,
    Svlogd,
}

impl Contender {
    pub const ALL: [Contender; 6] = [
        Contender::Floor,
        Contender::Taskmaster,
        Contender::Cat,
        Contender::Supervisord,
        Contender::S6Log,
        Contender::Svlogd,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Contender::Floor => "rotating loop",
            Contender::Taskmaster => "taskmaster",
            Contender::Cat => "cat > file",
            Contender::Supervisord => "supervisord",
            Contender::S6Log => "s6-log",
            Contender::Svlogd => "svlogd",
        }
    }

    /// Whether it is so slow that one round has to do.
    pub fn is_slow(self) -> bool {
        matches!(self, Contender::S6Log | Contender::Svlogd)
    }

    /// Whether its program is installed.
    pub fn is_present(self) -> bool {
        match self {
            Contender::Floor | Contender::Taskmaster => true,
            Contender::Cat | Contender::Supervisord | Contender::S6Log | Contender::Svlogd => {
                let paths = std::env::var_os("PATH").unwrap_or_default();
                std::env::split_paths(&paths).any(|directory| directory.join(self.program()).exists())
            }
        }
    }

    fn program(self) -> &'static str {
        match self {
            Contender::Floor | Contender::Taskmaster | Contender::Cat => "cat",
            Contender::Supervisord => "supervisord",
            Contender::S6Log => "s6-log",
            Contender::Svlogd => "svlogd",
        }
    }

    /// What copies standard input, for those that supervise nothing.
    fn copier(self, dir: &Path) -> Command {
        let mut command = Command::new(self.program());
        match self {
            Contender::Floor => {
                command = Command::new(std::env::current_exe().expect("/proc is mounted"));
                command.arg(rotating::ROLE).arg(dir.join("log/out"));
            }
            Contender::S6Log => {
                command.args(["-b", &format!("n{BACKUPS}"), &format!("s{MAX_BYTES}"), "./log"]);
            }
            Contender::Svlogd => {
                let config = format!("s{MAX_BYTES}\nn{BACKUPS}\n");
                fs::write(dir.join("log/config"), config).expect("the directory takes files");
                command.args(["-b", "65536", "log"]);
            }
            Contender::Cat | Contender::Taskmaster | Contender::Supervisord => {
                command.stdout(fs::File::create(dir.join("log/out")).expect("the directory takes files"));
            }
        }
        command
    }

    fn supervisor(self, dir: &Path, count: usize, child: &[String]) -> Command {
        let (file, text) = match self {
            Contender::Supervisord => ("supervisord.conf", supervisord_conf(count, child)),
            Contender::Taskmaster
            | Contender::Floor
            | Contender::Cat
            | Contender::S6Log
            | Contender::Svlogd => ("config.yaml", taskmaster_yaml(count, child)),
        };
        fs::write(dir.join(file), text).expect("the directory takes files");
        let mut command = match self {
            Contender::Supervisord => Command::new("supervisord"),
            _ => Command::new(env!("CARGO_BIN_EXE_taskmaster")),
        };
        command.args(["-c", file]).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn taskmaster_yaml(count: usize, child: &[String]) -> String {
    format!(
        "programs:\n  w: {{cmd: {child:?}, numprocs: {count}, starttime: 0, autorestart: never, stdout: log/out, \
         stdout_maxbytes: {MAX_BYTES}, stdout_backups: {BACKUPS}, stderr: none}}\ntaskmaster: {{http: 'off'}}\n"
    )
}

/// One that shares a file between children must not rotate it: it would tear it.
fn supervisord_conf(count: usize, child: &[String]) -> String {
    let max_bytes = if count == 1 { MAX_BYTES } else { 0 };
    format!(
        "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=pid\nminfds=8000\nuser=root\n\
         [program:w]\ncommand={}\nprocess_name=w%(process_num)s\nnumprocs={count}\nstartsecs=0\nautorestart=false\n\
         stdout_logfile=log/out\nstdout_logfile_maxbytes={max_bytes}\nstdout_logfile_backups={BACKUPS}\n\
         stderr_logfile=NONE\n",
        child.join(" ")
    )
}

/// A contender at work on the output of `child`.
pub struct Running {
    copier: Child,
    producer: Option<Child>,
    /// Keeps it from ending with the producer, so that it can be asked for its CPU time.
    _open_end: Option<OwnedFd>,
    dir: TempDir,
}

impl Running {
    /// Starts `count` children and who copies their output; they wait for [`Running::go`].
    pub fn start(contender: Contender, count: usize, child: impl Fn(&Path) -> Vec<String>) -> Running {
        let dir = TempDir::new().expect("a temporary directory");
        fs::create_dir(dir.path().join("log")).expect("the directory takes files");
        let child = child(&dir.path().join("go"));
        if matches!(contender, Contender::Taskmaster | Contender::Supervisord) {
            let mut command = contender.supervisor(dir.path(), count, &child);
            let copier = command.current_dir(&dir).stdin(Stdio::null()).spawn().expect("it starts");
            let running = Running { copier, producer: None, _open_end: None, dir };
            while procfs::count_children(running.copier.id()) < count {
                std::thread::sleep(Duration::from_millis(5));
            }
            return running;
        }
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = contender.copier(dir.path());
        let copier = command.current_dir(&dir).stdin(reader).spawn().expect("it starts");
        let open_end = writer.try_clone().expect("a descriptor").into();
        let producer = Command::new(&child[0]).args(&child[1..]).stdout(writer).spawn().expect("it starts");
        Running { copier, producer: Some(producer), _open_end: Some(open_end), dir }
    }

    pub fn go(&self) {
        fs::write(self.dir.path().join("go"), "").expect("the directory takes files");
    }

    pub fn cpu_time(&self) -> Duration {
        procfs::cpu_time(self.copier.id())
    }

    /// How much has arrived in all log files.
    pub fn arrived_bytes(&self) -> u64 {
        let lengths =
            fs::read_dir(self.dir.path().join("log")).expect("it is there").flatten().filter_map(|entry| {
                let is_log = !["lock", "state", "config"].iter().any(|other| entry.file_name() == *other);
                entry.metadata().ok().filter(|_| is_log).map(|found| found.len())
            });
        lengths.sum()
    }

    /// The log with its backups, the oldest first; of those that name them alike.
    pub fn files(&self) -> Vec<PathBuf> {
        let log = |name: String| self.dir.path().join("log").join(name);
        let backups = (1..=BACKUPS).rev().map(|number| log(format!("out.{number}")));
        backups.chain([log("out".to_owned())]).filter(|file| file.exists()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let children = procfs::children(self.copier.id());
        let _ = self.copier.kill();
        let _ = self.copier.wait();
        if let Some(producer) = &mut self.producer {
            let _ = producer.kill();
            let _ = producer.wait();
        }
        for child in children {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGKILL);
        }
    }
}
