//! `taskmaster check` and `taskmaster` on files of all kinds, through the real binary.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use tempfile::TempDir;

/// Runs the binary in `directory` and waits for it.
fn taskmaster(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskmaster"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command.output().expect("the binary runs")
}

/// A directory in which `config.yaml` says `text`.
fn directory_with(text: &[u8]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.yaml"), text).unwrap();
    directory
}

/// What `check` says on standard error about a file that it refuses, and at once.
fn refused(directory: &Path, file: &str) -> String {
    let started = Instant::now();
    let output = taskmaster(directory, &["check", "-c", file]);
    assert!(started.elapsed() < Duration::from_secs(30), "{file}");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What `check` says about a valid file; the name of the directory is left out.
fn checked(directory: &TempDir) -> String {
    let output = taskmaster(directory.path(), &["check"]);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{output:?}");
    let name = directory.path().canonicalize().unwrap();
    String::from_utf8(output.stdout).unwrap().replace(name.to_str().unwrap(), "/srv")
}

#[test]
fn a_valid_file_is_counted() {
    let text = b"programs:\n  a: {cmd: 'true', numprocs: 3}\n  b: {cmd: [sh, -c, 'exit 1']}\n";
    assert_snapshot!(checked(&directory_with(text)), @"config.yaml: valid, 2 programs, 4 instances");
    assert_snapshot!(checked(&directory_with(b"programs: {a: {cmd: 'true'}}")), @"config.yaml: valid, 1 program, 1 instance");
    assert_snapshot!(checked(&directory_with(b"programs: {}")), @"config.yaml: valid, 0 programs, 0 instances");
}

#[test]
fn an_invalid_file_is_explained_and_its_problems_counted() {
    let directory = directory_with(b"programs:\n  web: {cmd: run, umask: 99}\n  db:\n");
    assert_snapshot!(refused(directory.path(), "config.yaml"), @r#"
    error: `umask: 99` is not an octal number
     --> config.yaml:2:26
      |
    2 |   web: {cmd: run, umask: 99}
      |                          ^^
      |
      = help: it takes an octal number such as "022"

    error: program `db` is empty
     --> config.yaml:3:3
      |
    3 |   db:
      |   ^^
      |
      = help: write
                db:
                  cmd: ...

    config.yaml: 2 problems
    "#);
    let directory = directory_with(b"programs: [");
    assert_snapshot!(refused(directory.path(), "config.yaml"), @"
    error: did not find expected node content, while parsing a flow node
     --> config.yaml:1:12
      |
    1 | programs: [
      |            ^

    config.yaml: 1 problem
    ");
}

#[test]
fn an_invalid_file_starts_nothing() {
    let directory =
        directory_with(b"programs:\n  good: {cmd: touch started, starttime: 0}\n  bad: {cmd: \"\"}\n");
    let outputs = [&["-c", "config.yaml"][..], &["run"][..]].map(|words| taskmaster(directory.path(), words));
    assert_eq!(outputs[0], outputs[1]);
    assert_eq!(outputs[0].status.code(), Some(2));
    assert_snapshot!(String::from_utf8_lossy(&outputs[0].stderr), @r#"
    error: `cmd` is empty
     --> config.yaml:3:14
      |
    3 |   bad: {cmd: ""}
      |              ^^
      |
      = help: it takes a command line, or a list [program, argument, ...]

    config.yaml: 1 problem; nothing was started
    "#);
    let left = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["config.yaml"], "neither a program nor a log");
}

#[test]
fn what_is_no_readable_file_is_named_and_never_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    nix::unistd::mkfifo(&path.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    std::os::unix::fs::symlink("loop", path.join("loop")).unwrap();
    fs::write(path.join("file"), "").unwrap();
    let said: String = ["missing.yaml", "fifo", ".", "/dev/zero", "socket", "loop", "file/x", "\u{1b}[31m"]
        .map(|file| refused(path, file))
        .concat();
    assert_snapshot!(said, @"
    error: missing.yaml: there is no such file; name it with -c FILE
    error: fifo: is a FIFO, not a file
    error: .: is a directory, not a file
    error: /dev/zero: is a device, not a file
    error: socket: is a socket, not a file
    error: loop: Too many symbolic links encountered
    error: file/x: Not a directory
    error: �[31m: there is no such file; name it with -c FILE
    ");
}

#[test]
fn a_file_without_permission_is_refused() {
    let directory = directory_with(b"programs: {}");
    fs::set_permissions(directory.path().join("config.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    // Modes do not stop root, so that there is nothing to see as root.
    if !nix::unistd::Uid::effective().is_root() {
        assert_snapshot!(refused(directory.path(), "config.yaml"), @"error: config.yaml: no permission to read it");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let large = File::create(directory.path().join("large")).unwrap();
    large.set_len(10 << 20).unwrap();
    assert_snapshot!(refused(directory.path(), "large"), @"error: large: larger than 1048576 bytes, which no configuration needs");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let directory = directory_with(b"programs:\n  web:\n    cmd: caf\xe9\n");
    assert_snapshot!(refused(directory.path(), "config.yaml"), @"error: config.yaml: line 3 is not UTF-8");
    let utf16: Vec<u8> = "programs: {}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_snapshot!(refused(directory_with(&[&[0xff, 0xfe], utf16.as_slice()].concat()).path(), "config.yaml"), @"error: config.yaml: line 1 is not UTF-8");
}

#[test]
fn the_shipped_file_is_valid() {
    let output = taskmaster(Path::new(env!("CARGO_MANIFEST_DIR")), &["check"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"config.yaml: valid, 5 programs, 7 instances\n"), "{output:?}");
}

#[test]
fn commands_that_were_meant_for_a_shell_are_a_warning() {
    let text =
        b"programs:\n  a: {cmd: sh run && sh more}\n  b: {cmd: sh run 2>&1, stdout: none, stderr: none}\n";
    assert_snapshot!(checked(&directory_with(text)), @"
    config.yaml: valid, 2 programs, 2 instances
    warning: a: no shell runs, so `&&` is an argument like any other; for a shell: [sh, -c, '...']
    warning: b: no shell runs, so `2>&1` is an argument like any other; for a shell: [sh, -c, '...']
    ");
}

#[test]
fn what_the_machine_lacks_is_a_warning() {
    let text = "programs:
  missing: {cmd: no-such-program}
  path: {cmd: ./no-such-file}
  dir: {cmd: ./logs}
  mode: {cmd: ./config.yaml}
  elsewhere: {cmd: 'true', workingdir: nowhere}
  own_path: {cmd: 'true', env: {PATH: /nowhere}}
  log_is_dir: {cmd: 'true', stdout: logs, stderr: none}
  log_below_file: {cmd: 'true', stdout: config.yaml/x, stderr: stdout}
  file_is_dir: {cmd: 'true', workingdir: config.yaml}
  absent: {cmd: no-such-program, numprocs: 0}
  escape: {cmd: [\"\\e[31m\\nred\"]}
";
    let directory = directory_with(text.as_bytes());
    fs::create_dir(directory.path().join("logs")).unwrap();
    assert_snapshot!(checked(&directory), @"
    config.yaml: valid, 11 programs, 10 instances
    warning: missing: cannot find the program no-such-program in PATH
    warning: path: there is no program /srv/no-such-file
    warning: dir: /srv/logs is a directory, not a program
    warning: mode: /srv/config.yaml is not executable
    warning: elsewhere: the working directory /srv/nowhere does not exist
    warning: own_path: cannot find the program true in the PATH of its env
    warning: log_is_dir: its log file /srv/logs is a directory
    warning: log_below_file: /srv/config.yaml is not a directory for its log
    warning: file_is_dir: the working directory /srv/config.yaml is not a directory
    warning: escape: cannot find the program �[31m�red in PATH
    ");
}

#[test]
fn a_file_that_others_can_change_is_a_warning_for_root() {
    let directory = directory_with(b"programs: {}");
    let file = directory.path().join("config.yaml");
    for (mode, who) in [(0o666, Some("everybody")), (0o664, Some("its group")), (0o644, None)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let who = who.filter(|_| nix::unistd::Uid::effective().is_root());
        let warning = who.map(|who| {
            format!("warning: config.yaml can be changed by {who}, and its programs run as root\n")
        });
        let wanted = format!("config.yaml: valid, 0 programs, 0 instances\n{}", warning.unwrap_or_default());
        assert_eq!(checked(&directory), wanted);
    }
}

#[test]
fn more_descriptors_than_there_can_be_are_a_warning() {
    let directory = directory_with(b"programs: {many: {cmd: 'true', numprocs: 50000}}");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 1000; exec \"$0\" check", env!("CARGO_BIN_EXE_taskmaster")]);
    let output = command.current_dir(directory.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    // What else is too small for so many differs from machine to machine: processes, pages for pipes.
    let said: Vec<&str> = said.lines().filter(|line| !line.contains(" are needed, ")).collect();
    assert_snapshot!(said.join("\n"), @"
    config.yaml: valid, 1 program, 50000 instances
    warning: 100162 file descriptors are needed (100000 pipes, 2 log files, 160 others) but the hard limit is 1000; `stderr: stdout` or `none` saves one for each instance
    ");
}

#[test]
fn a_log_that_cannot_be_written_is_a_warning() {
    let directory = directory_with(b"programs: {a: {cmd: 'true', stdout: locked/new/log, stderr: none}}");
    let locked = directory.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    let warned = checked(&directory).contains("warning: a: its log /srv/locked/new/log cannot be written: ");
    // Modes do not stop root here either.
    assert_eq!(warned, !nix::unistd::Uid::effective().is_root());
}
