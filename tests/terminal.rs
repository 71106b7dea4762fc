//! The console on a terminal: the prompt, what the keys do, and that the terminal is given back.

mod harness;

use harness::{Running, Site, Terminal, cpu_ticks, field, is_alive, marked, wait_until, wait_while};
use nix::sys::signal::Signal;
use nix::sys::termios::SpecialCharacterIndices;
use std::time::Duration;

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";
const CTRL_Z: &str = "\u{1a}";
const PROMPT: &str = "taskmaster> ";

/// A supervisor whose terminal shows the first prompt.
fn greeted(programs: &str) -> (Running, Terminal) {
    let site = Site::new(programs);
    let mut terminal = Terminal::open();
    let mut command = site.command();
    terminal.attach(&mut command);
    let running = site.start(&mut command);
    terminal.expect("dashboard at http://127.0.0.1:");
    terminal.expect(PROMPT);
    (running, terminal)
}

const ONE: &str = "  w: {cmd: sleep 1000, starttime: 0}";
/// Ignores its stopsignal for a while, so that a stop can be watched.
const SLOW: &str = "  w: {cmd: [sh, -c, 'trap \"\" TERM; echo > ready; sleep 1000; sleep 1000'], starttime: 0, stoptime: 1.5}";

#[test]
fn commands_are_answered_between_prompts() {
    let (mut running, mut terminal) = greeted(ONE);
    terminal.press("stop w\n");
    terminal.expect("w:0: stopped\r\n");
    terminal.expect(PROMPT);
    terminal.press("exit\n");
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn ctrl_d_leaves() {
    let (mut running, mut terminal) = greeted(ONE);
    terminal.press(CTRL_D);
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
}

#[test]
fn ctrl_c_on_an_empty_line_says_how_to_leave_and_a_second_one_does() {
    let (mut running, mut terminal) = greeted(ONE);
    terminal.press(CTRL_C);
    terminal.expect("to leave");
    terminal.expect(PROMPT);
    assert!(is_alive(running.pid()));
    terminal.press(CTRL_C);
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn ctrl_c_drops_a_line_that_is_half_typed() {
    let (running, mut terminal) = greeted(ONE);
    terminal.press(&format!("stop w{CTRL_C}"));
    terminal.expect(PROMPT);
    terminal.press("pid w:0\n");
    terminal.expect(&running.pid_of("w:0").unwrap().to_string());
    assert!(!terminal.screen().contains("to leave"));
    assert_eq!(running.state("w:0"), "RUNNING");
    running.stop();
}

#[test]
fn ctrl_c_leaves_a_wait_and_the_action_goes_on() {
    let (running, mut terminal) = greeted(SLOW);
    wait_until("the trap to be set", || harness::exists(&running.site.path("ready")));
    terminal.press("stop w\n");
    running.wait_for_state("w:0", "STOPPING");
    terminal.press(CTRL_C);
    terminal.expect("the action goes on");
    terminal.expect(PROMPT);
    terminal.press("version\n");
    terminal.expect("taskmaster 0.1.0");
    running.wait_for_state("w:0", "STOPPED");
    assert!(!terminal.screen().contains("w:0: stopped"), "nobody waits for that answer any more");
    running.stop();
}

#[test]
fn a_signal_is_no_ctrl_c() {
    let (mut running, _terminal) = greeted(ONE);
    running.signal(Signal::SIGINT);
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    for leave in [CTRL_D, "exit\n"] {
        let site = Site::new(ONE);
        let mut terminal = Terminal::open();
        let before = terminal.modes();
        let mut command = site.command();
        terminal.attach(&mut command);
        let mut running = site.start(&mut command);
        terminal.expect(PROMPT);
        let interrupt = SpecialCharacterIndices::VINTR as usize;
        assert_ne!(terminal.modes().control_chars[interrupt], before.control_chars[interrupt]);
        terminal.press(leave);
        running.wait();
        assert_eq!(terminal.modes(), before);
    }
}

/// Ctrl-Z stops the supervisor itself, at a moment of its own choice: a signal from the terminal could
/// stop a child between vfork and exec, and with it the supervisor for ever.
#[test]
fn ctrl_z_is_read_and_never_a_signal_from_the_terminal() {
    let (running, mut terminal) = greeted("  w: {cmd: /bin/true, starttime: 0, autorestart: always}");
    for _ in 0..20 {
        terminal.press(CTRL_Z);
        // As leader of its session its group is an orphaned one, which the kernel does not stop; it
        // must go on spawning and answering.
        terminal.expect(PROMPT);
        terminal.press("version\n");
        terminal.expect("taskmaster 0.1.0");
    }
    assert!(is_alive(running.pid()));
    running.stop();
}

#[test]
fn a_terminal_that_closes_is_a_graceful_shutdown() {
    let (mut running, terminal) = greeted(ONE);
    terminal.close();
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
}

#[test]
fn under_nohup_a_terminal_that_closes_changes_nothing() {
    let site = Site::new(ONE);
    let mut terminal = Terminal::open();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\"", env!("CARGO_BIN_EXE_taskmaster")]);
    command.current_dir(site.path("")).env(harness::Mark::NAME, site.mark.value());
    terminal.attach(&mut command);
    let running = site.start(&mut command);
    terminal.expect(PROMPT);
    terminal.close();
    wait_while("it left", Duration::from_millis(500), || is_alive(running.pid()));
    running.stop();
}

/// The shell starts it with `&`: it must neither be stopped for reading nor touch the terminal.
#[test]
fn a_background_job_is_not_stopped() {
    let site = Site::new(ONE);
    let mut terminal = Terminal::open();
    let mut command = std::process::Command::new("bash");
    command.args([
        "-c",
        "set -m; \"$0\" & echo started; read line; kill %1; wait",
        env!("CARGO_BIN_EXE_taskmaster"),
    ]);
    command.current_dir(site.path("")).env(harness::Mark::NAME, site.mark.value());
    terminal.attach(&mut command);
    let running = site.start(&mut command);
    let supervisor = running.status()["taskmaster"]["pid"].as_u64().unwrap() as u32;
    terminal.press("half a line");
    wait_while("it was stopped", Duration::from_millis(300), || {
        field(supervisor, "State").is_some_and(|state| !state.starts_with('T'))
    });
    running.wait_for_state("w:0", "RUNNING");
    terminal.press("\n");
    wait_until("it to end", || marked(&running.site.mark).is_empty() || !is_alive(supervisor));
}

/// Lines typed ahead belong to the foreground; until we are back there they wait, and so do we.
#[test]
fn lines_typed_ahead_wait_in_the_background_without_a_spin() {
    let site = Site::new(SLOW);
    let mut terminal = Terminal::open();
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "--noprofile", "-i"]).current_dir(site.path(""));
    command.env(harness::Mark::NAME, site.mark.value()).env("TASKMASTER", env!("CARGO_BIN_EXE_taskmaster"));
    terminal.attach(&mut command);
    command.stderr(terminal.line());
    terminal.press("$TASKMASTER\n");
    let running = site.start(&mut command);
    let supervisor = running.status()["taskmaster"]["pid"].as_u64().unwrap() as u32;
    terminal.expect(PROMPT);
    wait_until("the trap to be set", || harness::exists(&running.site.path("ready")));
    terminal.press("stop w\nversion\nversion\n");
    running.wait_for_state("w:0", "STOPPING");
    harness::kill(supervisor, Signal::SIGSTOP);
    terminal.expect("Stopped");
    terminal.press("bg\n");
    running.wait_for_state("w:0", "STOPPED");
    let before = cpu_ticks(supervisor);
    std::thread::sleep(Duration::from_millis(600));
    let spent = cpu_ticks(supervisor) - before;
    assert!(spent < 10, "it spins: {spent} ticks");
    harness::kill(supervisor, Signal::SIGTERM);
    wait_until("it to end", || !is_alive(supervisor));
}
