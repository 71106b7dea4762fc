//! Every system call that a log needs fails now and then, by strace's injection on the real binary:
//! the copying goes on, no line is torn, and none is lost but what a write refused.

mod harness;

use std::process::{Command, Stdio};

use harness::{Running, Site, audit, audit_gaps, wait_until, with_backups};

const LINES: u32 = 1500;

/// Runs a program of numbered lines whose log fails like this: `when` is strace's `FIRST+STEP`.
fn with_fault(calls: &str, error: &str, when: &str) -> Option<Running> {
    let can_inject = Command::new("strace")
        .args(["-D", "-qq", "-o", "/dev/null", "-e", "inject=getpid:error=EIO", "true"])
        .stderr(Stdio::null())
        .status();
    if !can_inject.is_ok_and(|status| status.success()) {
        eprintln!("left out: there is no strace here, or it may not trace");
        return None;
    }
    let site = Site::new(
        "  w: {cmd: python3 writer.py, stdout: out, stdout_maxbytes: 2KB, stdout_backups: 900, starttime: 0}",
    );
    let script = format!(
        "import os, time\nfor n in range(1, {}):\n  os.write(1, b'w %06d\\n' % n)\n  if n % 10 == 0: time.sleep(0.001)\n",
        LINES + 1
    );
    site.write("writer.py", &script);
    let plain = site.command();
    let mut command = Command::new("strace");
    // The tracer stands aside, so that our child is the supervisor itself.
    command.args(["-D", "-qq", "-o", "/dev/null"]);
    for name in ["out", "out.1", "out.2"] {
        command.arg("-P").arg(site.path(name));
    }
    command.args(["-e", &format!("inject={calls}:error={error}:when={when}")]).arg(plain.get_program());
    command.current_dir(site.path(""));
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Some(site.start(&mut command))
}

fn log_of(running: &Running) -> String {
    wait_until("it to end", || running.status()["counts"]["EXITED"] == 1);
    with_backups(&running.site.path("out")).0
}

#[test]
fn writes_that_are_refused_cost_whole_lines() {
    for error in ["ENOSPC", "EIO", "EDQUOT", "EFBIG"] {
        let Some(running) = with_fault("write", error, "2+3") else { return };
        let lines = audit_gaps(&log_of(&running), 6).unwrap();
        assert!(lines > 0 && lines < LINES as usize, "{error}: {lines}");
        assert!(running.log().contains("cannot be written"), "{error}");
        running.stop();
    }
}

#[test]
fn an_interrupted_write_is_written_again() {
    let Some(running) = with_fault("write", "EINTR", "1+2") else { return };
    assert_whole(&running, "EINTR");
    running.stop();
}

#[test]
fn rotations_that_fail_lose_nothing() {
    let renames = "rename,renameat,renameat2";
    for (calls, error, when) in [
        (renames, "EACCES", "1+2"),
        (renames, "EIO", "2+3"),
        (renames, "ENOSPC", "1+1"),
        ("openat", "EMFILE", "2+2"),
        ("openat", "EACCES", "2+3"),
        ("openat", "ENOENT", "3+2"),
        ("openat", "EIO", "2+1"),
    ] {
        let Some(running) = with_fault(calls, error, when) else { return };
        assert_whole(&running, &format!("{calls} {error} {when}"));
        running.stop();
    }
}

/// Lines that went on in a file that had been moved already are in it, in their order.
fn assert_whole(running: &Running, what: &str) {
    let without_zeros = |line: &str| {
        let (name, number) = line.split_once(' ').unwrap();
        format!("{name} {}\n", number.trim_start_matches('0'))
    };
    let plain: String = log_of(running).lines().map(without_zeros).collect();
    assert_eq!(audit(&plain, 1, LINES), Ok(()), "{what}");
}
