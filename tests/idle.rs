//! With nothing to do, nothing is done: whatever standard input is, there is no wakeup at all.

mod harness;

use harness::{Running, Site, Terminal, context_switches, cpu_ticks, wait_until};
use std::process::Stdio;
use std::time::Duration;

const PROGRAMS: &str = "  w: {cmd: sleep 1000, numprocs: 3, starttime: 0}";

/// Looks for a second and a half, once everything has settled.
fn assert_idle(running: &Running) {
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 3);
    // The dashboard's last connection may still be closing; idleness has to come by itself.
    wait_until("it to fall silent", || {
        let before = context_switches(running.pid());
        std::thread::sleep(Duration::from_millis(1500));
        context_switches(running.pid()) == before
    });
    let ticks = cpu_ticks(running.pid());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(cpu_ticks(running.pid()), ticks);
}

#[test]
fn with_dev_null() {
    let running = Site::new(PROGRAMS).supervise();
    assert_idle(&running);
    running.stop();
}

#[test]
fn with_a_closed_standard_input() {
    let site = Site::new(PROGRAMS);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "exec \"$0\" <&- >&-", env!("CARGO_BIN_EXE_taskmaster")]);
    command.current_dir(site.path("")).env(harness::Mark::NAME, site.mark.value());
    let running = site.start(&mut command);
    assert_idle(&running);
    running.stop();
}

#[test]
fn after_a_file_of_commands() {
    let site = Site::new(PROGRAMS);
    let commands = site.write("commands", "status\n");
    let mut command = site.command();
    command.stdin(std::fs::File::open(commands).unwrap());
    let running = site.start(&mut command);
    assert_idle(&running);
    running.stop();
}

#[test]
fn with_a_pipe_that_stays_open_and_one_that_was_closed() {
    for close in [false, true] {
        let site = Site::new(PROGRAMS);
        let mut command = site.command();
        command.stdin(Stdio::piped());
        let mut running = site.start(&mut command);
        let input = running.child.stdin.take();
        let kept = if close { None } else { input };
        assert_idle(&running);
        running.stop();
        drop(kept);
    }
}

#[test]
fn with_a_terminal_that_was_closed() {
    let site = Site::new(PROGRAMS);
    let terminal = Terminal::open();
    let mut command = site.command();
    // Not its controlling terminal, whose end would be a shutdown.
    command.stdin(terminal.line()).stdout(terminal.line());
    let running = site.start(&mut command);
    terminal.close();
    assert_idle(&running);
    running.stop();
}

/// A line that is half typed, a suggestion behind it, an ESC that may begin a sequence: none of it
/// needs to be looked after.
#[test]
fn with_somebody_who_thinks_while_typing() {
    let site = Site::new(PROGRAMS);
    let mut terminal = Terminal::open();
    let mut command = site.command();
    terminal.attach(&mut command);
    let running = site.start(&mut command);
    terminal.press("version\rver\u{1b}");
    terminal.expect_rows(&["taskmaster 0.1.0", "taskmaster> version"]);
    assert_idle(&running);
    running.stop();
}

#[test]
fn with_a_dead_standard_output() {
    let site = Site::new(PROGRAMS);
    let commands = site.write("commands", &"status\n".repeat(100));
    let mut command = site.command();
    command.stdin(std::fs::File::open(commands).unwrap()).stdout(Stdio::piped());
    let mut child = site.start(&mut command);
    drop(child.child.stdout.take());
    assert_idle(&child);
    child.stop();
}

#[test]
fn with_a_schedule_that_is_far_away() {
    let running =
        Site::new(&format!("{PROGRAMS}\n  w2: {{cmd: 'true', schedule: '0 0 29 2 *'}}")).supervise();
    assert_idle(&running);
    running.stop();
}
