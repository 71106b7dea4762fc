//! What a child is given, and what it is not: directory, umask, environment, descriptors, signals,
//! limits; and why one could not be started.

mod harness;

use harness::{Running, Site, field, limits_of, wait_for, wait_until};
use nix::sys::signal::Signal;
use std::os::unix::process::CommandExt;

/// Runs `script` as `w:0`, with these further keys.
fn run(script: &str, keys: &str, prepare: impl FnOnce(&mut std::process::Command)) -> Running {
    let site =
        Site::new(&format!("  w:\n    cmd: [sh, ./script.sh]\n    stdout: out\n    starttime: 0\n{keys}"));
    site.write("script.sh", script);
    let mut command = site.command();
    prepare(&mut command);
    site.start(&mut command)
}

#[test]
fn workingdir_umask_and_environment_are_the_programs_own() {
    let site = Site::new(
        "  w:\n    cmd: [sh, -c, 'pwd; umask; echo $A-$B-$C-$N; echo $TASKMASTER_PROGRAM_NAME $TASKMASTER_PROCESS_NUM $TASKMASTER_PROCESS_NAME {program_name}.{process_num:03}']\n    numprocs: 2\n    workingdir: sub\n    umask: 027\n    stdout: out.{process_num}\n    starttime: 0\n    env: {A: 1.10, B: yes, C: '', N: 'n{process_num}'}",
    );
    std::fs::create_dir(site.path("sub")).unwrap();
    let running = site.supervise();
    let second =
        wait_for("output", || Some(running.site.read("out.1")).filter(|text| text.lines().count() == 4));
    let directory = running.site.path("sub").canonicalize().unwrap();
    let expected = format!("{}\n0027\n1.10-yes--n1\nw 1 w:1 w.001\n", directory.display());
    assert_eq!(second, expected);
    running.stop();
}

#[test]
fn without_keys_directory_and_umask_are_the_files_and_the_supervisors() {
    let running = run("pwd; umask", "", |command| {
        // SAFETY: umask(2) is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o031));
                Ok(())
            })
        };
    });
    let text = wait_for("output", || Some(running.site.read("out")).filter(|text| text.lines().count() == 2));
    let directory = running.site.path("").canonicalize().unwrap();
    assert_eq!(text, format!("{}\n0031\n", directory.display()));
}

#[test]
fn a_child_has_no_descriptor_but_its_three_even_if_our_launcher_leaked_some() {
    let running = run("readlink /proc/self/fd/0; ls /proc/self/fd | wc -l", "", |command| {
        let leaked = std::fs::File::open("/dev/zero").unwrap();
        // SAFETY: dup2(2) is async-signal-safe; it gives a descriptor without CLOEXEC.
        unsafe {
            command.pre_exec(move || {
                use std::os::fd::AsRawFd;
                nix::libc::dup2(leaked.as_raw_fd(), 77);
                Ok(())
            })
        };
    });
    let text = wait_for("output", || Some(running.site.read("out")).filter(|text| text.lines().count() == 2));
    // ls has one more for the directory that it reads.
    assert_eq!(text, "/dev/null\n4\n");
}

/// SIGCHLD, too: if it stayed ignored, nobody's end would be told.
const IGNORED: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGTERM,
    Signal::SIGPIPE,
    Signal::SIGTTOU,
    Signal::SIGCHLD,
];

#[test]
fn signals_are_at_their_defaults_whatever_our_launcher_ignored_or_blocked() {
    let running = run("exec sleep 1000", "    stopsignal: INT\n    stoptime: 100", |command| {
        // SAFETY: signal(2) and sigprocmask(2) are async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                use nix::sys::signal::{SigHandler, SigSet, signal};
                for ignored in IGNORED {
                    signal(ignored, SigHandler::SigIgn)?;
                }
                SigSet::all().thread_block()?;
                Ok(())
            })
        };
    });
    let pid = running.wait_for_state("w:0", "RUNNING")["pid"].as_u64().unwrap() as u32;
    wait_until("sleep to run", || field(pid, "Name").as_deref() == Some("sleep"));
    // Whoever launches us with glibc's posix_spawn leaves its own signals, 32 and 33, ignored; nobody else
    // can use them.
    let ignored = u64::from_str_radix(&field(pid, "SigIgn").unwrap(), 16).unwrap();
    assert_eq!(ignored & !0x1_8000_0000, 0, "{ignored:x}");
    assert_eq!(field(pid, "SigBlk").unwrap(), "0000000000000000");
    running.stop();
}

#[test]
fn each_instance_leads_its_own_group() {
    let running = run("exec sleep 1000", "", |_| {});
    let pid = running.wait_for_state("w:0", "RUNNING")["pid"].as_u64().unwrap() as i32;
    let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid))).unwrap();
    assert_eq!(group.as_raw(), pid);
    running.stop();
}

/// With 64 descriptors the supervisor needs numbers beyond the children's limit for its pipes.
#[test]
fn the_limit_of_open_files_is_raised_for_us_and_restored_for_children() {
    let site = Site::new("  w: {cmd: sleep 1000, numprocs: 60, starttime: 0}");
    let mut command = site.command();
    let limit = nix::libc::rlimit { rlim_cur: 64, rlim_max: hard_limit() };
    // SAFETY: setrlimit(2) is async-signal-safe.
    unsafe {
        command.pre_exec(move || match nix::libc::setrlimit(nix::libc::RLIMIT_NOFILE, &limit) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    };
    let running = site.start(&mut command);
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 60);
    let soft = |pid: u32| limits_of(pid, "Max open files").split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(soft(running.pid_of("w:59").unwrap()), "64");
    assert_eq!(soft(running.pid()), hard_limit().to_string());
    running.stop();
}

fn hard_limit() -> u64 {
    nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap().1
}

#[test]
fn exec_failures_are_told_apart_and_harm_nobody_else() {
    let site = Site::new(
        "  missing: {cmd: ./nothing, startretries: 0}\n  unknown: {cmd: no-such-program-anywhere, startretries: 0}\n  interpreter: {cmd: ./interpreter, startretries: 0}\n  directory: {cmd: ./sub, startretries: 0}\n  mode: {cmd: ./mode, startretries: 0}\n  format: {cmd: ./format, startretries: 0}\n  workingdir: {cmd: sleep 1000, workingdir: gone, startretries: 0}\n  nodir: {cmd: sleep 1000, workingdir: mode, startretries: 0}\n  log: {cmd: sleep 1000, stdout: sub, startretries: 0}\n  good: {cmd: sleep 1000, starttime: 0}",
    );
    std::fs::create_dir(site.path("sub")).unwrap();
    for (name, text, mode) in [
        ("interpreter", "#!/nowhere/python3 -u\n", 0o755),
        ("mode", "#!/bin/sh\n", 0o644),
        ("format", "echo hello\n", 0o755),
    ] {
        use std::os::unix::fs::PermissionsExt;
        let path = site.write(name, text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let running = site.supervise();
    let reasons = [
        ("missing", "there is no program ./nothing"),
        ("unknown", "cannot find the program no-such-program-anywhere in PATH"),
        ("interpreter", "the interpreter /nowhere/python3 of ./interpreter does not exist"),
        ("directory", "./sub is a directory, not a program"),
        ("mode", "./mode is not executable"),
        ("format", "./format is not in a format that the system can execute"),
        ("workingdir", "/gone does not exist"),
        ("nodir", "/mode is not a directory"),
        ("log", "/sub: Is a directory"),
    ];
    for (name, reason) in reasons {
        let row = running.wait_for_state(&format!("{name}:0"), "FATAL");
        assert!(row["description"].as_str().unwrap().contains(reason), "{row}");
    }
    assert_eq!(running.state("good:0"), "RUNNING");
    running.stop();
}

#[test]
fn a_program_is_searched_in_its_own_path_and_a_relative_one_from_its_workingdir() {
    let site = Site::new(
        "  own: {cmd: tool, env: {PATH: '${HERE}/bin'}, stdout: out.own, starttime: 0}\n  relative: {cmd: ./tool, workingdir: bin, stdout: out.relative, starttime: 0}",
    );
    std::fs::create_dir(site.path("bin")).unwrap();
    let tool = site.write("bin/tool", "#!/bin/sh\necho found\n");
    std::fs::set_permissions(tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = site.command();
    command.env("HERE", site.path(""));
    let running = site.start(&mut command);
    for name in ["out.own", "out.relative"] {
        wait_until("its output", || running.site.read(name) == "found\n");
    }
}

/// A script that says its own name and its number.
fn tool(site: &Site, path: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(site.path(path).parent().unwrap()).unwrap();
    let path = site.write(path, "#!/bin/sh\necho \"$0 $TASKMASTER_PROCESS_NAME $V\"\n");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Instances that start together are prepared together.
#[test]
fn what_instances_that_start_together_execute_may_differ_by_their_number() {
    let site = Site::new(
        "  word: {cmd: './word{process_num}', numprocs: 3, stdout: out, starttime: 0, autorestart: never}
  path: {cmd: tool, env: {PATH: '${HERE}/path{process_num}', V: 'v{process_num}'}, numprocs: 3, stdout: out, starttime: 0, autorestart: never}
  place: {cmd: [./tool], workingdir: 'place{process_num}', numprocs: 3, stdout: out, starttime: 0, autorestart: never}
  gap: {cmd: './word{process_num:01}', numprocs: 5, stdout: out, starttime: 0, restart_delay: 50ms, autorestart: never}",
    );
    for number in 0..3 {
        tool(&site, &format!("word{number}"));
        tool(&site, &format!("path{number}/tool"));
        tool(&site, &format!("place{number}/tool"));
    }
    tool(&site, "word4");
    let mut command = site.command();
    let here = site.path("").canonicalize().unwrap();
    command.env("HERE", &here);
    let running = site.start(&mut command);
    let own = |program: &str, file: &str, value: &str| {
        let of_one = |number: u32| {
            let number = number.to_string();
            let [file, value] = [file, value].map(|text| text.replace('N', &number));
            format!("{file} {program}:{number} {value}")
        };
        (0..3).map(of_one).collect::<Vec<_>>()
    };
    let here = here.display();
    let mut expected = own("word", &format!("{here}/./wordN"), "");
    expected.extend(own("path", &format!("{here}/pathN/tool"), "vN"));
    expected.extend(own("place", &format!("{here}/placeN/./tool"), ""));
    expected.extend(own("gap", &format!("{here}/./wordN"), ""));
    expected.push(format!("{here}/./word4 gap:4 "));
    expected.sort();
    wait_until("all of their output", || {
        let mut lines: Vec<String> = running.site.read("out").lines().map(str::to_owned).collect();
        lines.sort();
        lines == expected
    });
    let row = running.wait_for_state("gap:3", "FATAL");
    assert_eq!(row["description"], "there is no program ./word3", "{row}");
    running.stop();
}

#[test]
fn a_program_that_is_put_before_another_in_the_path_is_found_by_the_next_start() {
    let site = Site::new(
        "  w: {cmd: tool, env: {PATH: '${HERE}/first:${HERE}/second'}, numprocs: 2, stdout: out, starttime: 0, autorestart: never}",
    );
    tool(&site, "second/tool");
    let mut command = site.command();
    command.env("HERE", site.path(""));
    let running = site.start(&mut command);
    let found = |place: &str| running.site.read("out").matches(&format!("/{place}/tool ")).count();
    wait_until("the second one's output", || found("second") == 2);
    tool(&running.site, "first/tool");
    running.wait_for_state("w:1", "EXITED");
    running.wait_for_state("w:0", "EXITED");
    assert!(running.command("start w").0);
    wait_until("the first one's output", || found("first") == 2);
    assert_eq!(found("second"), 2);
    running.stop();
}
