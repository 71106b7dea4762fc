//! `taskmaster bench`: figures of both, or words; nothing is left behind in any case.

mod harness;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use harness::{wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The command, with a directory for temporary files of its own.
fn bench(directory: &Path, count: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskmaster"));
    command.args(["bench", count]).env("TMPDIR", directory).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// Processes that have this directory in their command line.
fn processes(directory: &Path) -> Vec<i32> {
    let name = directory.as_os_str().as_encoded_bytes();
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(name.len()).any(|window| window == name)
    })
    .collect()
}

#[test]
fn both_are_measured_side_by_side_and_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let output = bench(directory.path(), "20").output().unwrap();
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.starts_with("20 instances"), "{stdout}");
    let row = |name: &str| {
        let line = stdout.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{stdout}"));
        line[name.len()..].split_whitespace().filter_map(|word| word.parse::<f64>().ok()).collect::<Vec<_>>()
    };
    for (name, columns) in [("until all run", 2), ("until all have been stopped", 2), ("memory (PSS)", 1)] {
        let figures = row(name);
        assert!(figures.len() == columns && figures.iter().all(|figure| *figure > 0.0), "{stdout}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(processes(directory.path()), [0; 0]);
}

#[test]
fn more_than_the_limits_allow_is_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 164; exec \"$0\" bench 101", env!("CARGO_BIN_EXE_taskmaster")]);
    let output = command.env("TMPDIR", directory.path()).output().unwrap();
    let (stdout, stderr) = text(&output);
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    let expected = "error: 101 instances are more than this system allows: at 164 open files (ulimit -Hn) there is room for 100\n";
    assert_eq!((stdout.as_str(), stderr.as_str()), ("", expected));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    let output = bench(directory.path(), "0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_signal_ends_it_and_all_that_it_has_started() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let directory = tempfile::tempdir().unwrap();
        let running = bench(directory.path(), "30").spawn().unwrap();
        wait_until("children", || processes(directory.path()).len() > 30);
        kill(Pid::from_raw(running.id().cast_signed()), signal).unwrap();
        let output = running.wait_with_output().unwrap();
        let (stdout, stderr) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
        assert_eq!(
            (stdout.as_str(), stderr.as_str()),
            ("", "interrupted: all that was started has been ended\n")
        );
        assert_eq!(processes(directory.path()), [0; 0]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn where_two_pipes_each_do_not_fit_there_is_one_and_it_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 90; exec \"$0\" bench 20", env!("CARGO_BIN_EXE_taskmaster")]);
    let output = command.env("TMPDIR", directory.path()).output().unwrap();
    let (stdout, stderr) = text(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("through one pipe, as there is no room for two"), "{stdout}");
}

/// Even that: the kernel tells those whom we have launched.
#[test]
fn when_it_is_killed_its_children_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut running = bench(directory.path(), "30").spawn().unwrap();
    wait_for("children", || Some(()).filter(|()| processes(directory.path()).len() > 30));
    running.kill().unwrap();
    running.wait().unwrap();
    wait_until("all to end", || processes(directory.path()).is_empty());
}
