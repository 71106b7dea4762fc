//! A process that nobody can end or reap: here because its tracer, which has to be told first, stands
//! still. The same look has one that is blocked in the kernel (state D).

use crate::harness::{Console, Site, field, kill, wait_until};
use nix::sys::signal::Signal;
use std::process::{Child, Command, Stdio};

/// A tracer that was stopped; it ends with this.
struct Tracer(Child);

impl Tracer {
    fn attach(pid: u32) -> Tracer {
        let mut command = Command::new("strace");
        command.args(["-o", "/dev/null", "-p", &pid.to_string()]);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        wait_until("the tracer", || field(pid, "TracerPid").is_some_and(|tracer| tracer != "0"));
        kill(child.id(), Signal::SIGSTOP);
        Tracer(child)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn can_trace() -> bool {
    let mut command = Command::new("strace");
    command.args(["-o", "/dev/null", "true"]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn what_cannot_be_reaped_is_reported_and_holds_up_neither_others_nor_the_way_out() {
    if !can_trace() {
        return eprintln!("left out: there is no strace here, or it may not trace");
    }
    let mut console = Console::open(Site::new(
        "  w: {cmd: sleep 1000, starttime: 0, stoptime: 0.1}\n  other: {cmd: sleep 1000, starttime: 0, stoptime: 0.1}",
    ));
    let tracer = Tracer::attach(console.running.pid_of("w:0").unwrap());
    console.running.signal(Signal::SIGTERM);
    console.running.wait_for_state("other:0", "STOPPED");
    wait_until("a report", || console.running.log().contains("w:0: SIGKILL has no effect on it"));
    let row = console.running.process("w:0");
    assert_eq!(row["state"], "STOPPING", "{row}");
    assert_eq!(row["description"], "SIGKILL has no effect: blocked in the kernel, or traced");
    assert_eq!(console.running.wait().code(), Some(1));
    let log = console.running.log();
    assert!(log.contains("1 process could not be ended and is left behind"), "{log}");
    drop(tracer);
}
