//! The line editor on a terminal, whose screen is compared cell by cell.

mod harness;

use harness::{Running, Site, Terminal, is_alive, wait_until};
use nix::sys::signal::Signal;
use nix::sys::termios::LocalFlags;
use std::os::unix::fs::PermissionsExt;

const TWO: &str =
    "  web: {cmd: sleep 1000, starttime: 0}\n  worker: {cmd: sleep 1000, numprocs: 3, starttime: 0}";
const LEFT: &str = "\u{1b}[D";
const UP: &str = "\u{1b}[A";

fn started(programs: &str) -> (Running, Terminal) {
    let terminal = Terminal::open();
    let running = started_on(&terminal, Site::new(programs));
    (running, terminal)
}

fn started_on(terminal: &Terminal, site: Site) -> Running {
    let mut command = site.command();
    terminal.attach(&mut command);
    let running = site.start(&mut command);
    terminal.expect_rows(&["taskmaster>"]);
    running
}

#[test]
fn a_line_is_edited_where_the_cursor_is() {
    let (running, mut terminal) = started(TWO);
    terminal.press(&format!("versio日é{LEFT}{LEFT}\u{1b}[3~n\u{1}# \u{1b}f"));
    terminal.expect_rows(&["taskmaster> # versioné"]);
    wait_until("the cursor behind the word", || terminal.cursor().1 == 12 + 10);
    terminal.press("\u{7f}\u{1}\u{4}\u{4}\r");
    terminal.expect_rows(&["taskmaster> version", "taskmaster 0.1.0", "taskmaster>"]);
    running.stop();
}

#[test]
fn what_was_killed_can_be_yanked_and_undone() {
    let (running, mut terminal) = started(TWO);
    terminal.press("stop web worker:1\u{17}\u{17}");
    terminal.expect_rows(&["taskmaster> stop"]);
    terminal.press("\u{19}");
    terminal.expect_rows(&["taskmaster> stop web worker:1"]);
    terminal.press("\u{15}");
    terminal.expect_rows(&["taskmaster>"]);
    terminal.press("\u{1f}");
    terminal.expect_rows(&["taskmaster> stop web worker:1"]);
    running.stop();
}

/// A slow line cuts what a key sends anywhere, and may take as long as it likes for the rest.
#[test]
fn characters_and_keys_arrive_in_pieces() {
    let (running, mut terminal) = started(TWO);
    terminal.press("ab");
    for byte in "é日\u{1b}[D\u{1b}[1;5D".as_bytes() {
        terminal.press_bytes(&[*byte]);
        std::thread::sleep(std::time::Duration::from_millis(60));
    }
    terminal.press("|");
    terminal.expect_rows(&["taskmaster> |abé日"]);
    // A lone ESC is no key, and nothing waits for what it might have begun.
    terminal.press("\u{5}\u{1b}");
    std::thread::sleep(std::time::Duration::from_millis(60));
    terminal.press("[D|");
    terminal.expect_rows(&["taskmaster> |abé|日"]);
    running.stop();
}

#[test]
fn a_long_line_wraps_and_unwraps() {
    let (running, mut terminal) = started(TWO);
    let text = "0123456789".repeat(20);
    terminal.press(&text);
    let first = format!("taskmaster> {}", &text[..68]);
    terminal.expect_rows(&[&first, &text[68..148], &text[148..]]);
    terminal.press("\u{1}XY");
    let first = format!("taskmaster> XY{}", &text[..66]);
    terminal.expect_rows(&[&first, &text[66..146], &text[146..]]);
    terminal.press("\u{b}");
    terminal.expect_rows(&["taskmaster> XY"]);
    // The rows above are what they were.
    assert_eq!(terminal.rows().len(), 3, "{:?}", terminal.rows());
    // The last column, exactly.
    terminal.press(&"z".repeat(66));
    wait_until("the cursor in the next row", || terminal.cursor().1 == 0);
    terminal.press("\u{7f}");
    terminal.expect_rows(&[&format!("taskmaster> XY{}", "z".repeat(65))]);
    running.stop();
}

#[test]
fn the_line_follows_the_size_of_the_window() {
    let (running, mut terminal) = started(TWO);
    terminal.press("status ");
    terminal.expect_rows(&["taskmaster> status"]);
    terminal.resize(24, 20);
    terminal.press("worker:1 web");
    terminal.expect_rows(&["taskmaster> status w", "orker:1 web"]);
    running.stop();
}

#[test]
fn tab_completes_what_the_table_knows() {
    let (running, mut terminal) = started(TWO);
    terminal.press("sta\t");
    terminal.expect_rows(&["taskmaster> sta", "start   status"]);
    terminal.press("r\two\t:\t");
    terminal.expect_rows(&["taskmaster> start worker:", "worker:0  worker:1  worker:2  worker:*"]);
    terminal.press("1\t@FA\t");
    terminal.expect_rows(&["taskmaster> start worker:1 @FATAL"]);
    terminal.press("\r");
    terminal.expect_rows(&["worker:1: already running", "taskmaster>"]);
    terminal.press("signal us\t");
    terminal.expect_rows(&["taskmaster> signal USR", "USR1  USR2"]);
    running.stop();
}

#[test]
fn history_comes_back_in_the_next_session() {
    let mut terminal = Terminal::open();
    let mut running = started_on(&terminal, Site::new(TWO));
    terminal.press("version\rstatus nobody\rversion\r secret\rexit\r");
    assert!(running.wait().success());
    let file = terminal.history();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "version\nstatus nobody\nversion\nexit\n");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let running = started_on(&terminal, Site::new(TWO));
    terminal.press(&format!("{UP}{UP}{UP}"));
    terminal.expect_rows(&["taskmaster> status nobody"]);
    terminal.press("\u{3}\u{12}vers");
    terminal.expect_rows(&["(search 'vers'): version"]);
    terminal.press("\r");
    terminal.expect_rows(&["taskmaster> version", "taskmaster 0.1.0", "taskmaster>"]);
    running.stop();
}

#[test]
fn a_suggestion_is_grey_until_it_is_accepted() {
    let (running, mut terminal) = started(TWO);
    terminal.press("version\rver");
    terminal.expect_rows(&["taskmaster> version"]);
    let (row, column) = terminal.cursor();
    assert_eq!(column, 12 + 3);
    assert_ne!(terminal.cell(row, column).fgcolor(), vt100::Color::Default);
    assert_eq!(terminal.cell(row, column - 1).fgcolor(), vt100::Color::Default);
    terminal.press("\u{1b}[C");
    wait_until("the cursor at the end", || terminal.cursor().1 == 12 + 7);
    assert_eq!(terminal.cell(row, column).fgcolor(), vt100::Color::Default);
    running.stop();
}

#[test]
fn pasted_lines_run_in_order_and_the_last_half_line_waits() {
    let (running, mut terminal) = started(TWO);
    // Some 10 kB, as a terminal sends them: marked, with CR for line ends.
    let lines: String = (0..400).map(|number| format!("status nobody:{number}\tx\r")).collect();
    terminal.press(&format!("\u{1b}[200~{lines}stop w\u{1b}[201~"));
    terminal.expect("ERROR nobody:0: no such program");
    terminal.expect("ERROR nobody:399: no such program");
    terminal.expect_rows(&["ERROR x: no such program", "taskmaster> stop w"]);
    let answers: Vec<usize> = terminal
        .screen()
        .split("ERROR nobody:")
        .skip(1)
        .map(|rest| rest.split(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(answers, (0..400).collect::<Vec<_>>());
    assert_eq!(running.state("web:0"), "RUNNING");
    running.stop();
}

#[test]
fn a_line_of_ten_kilobytes_is_refused_and_harms_nothing() {
    let (running, mut terminal) = started(TWO);
    terminal.press(&format!("\u{1b}[200~{}\u{1b}[201~\r", "x".repeat(10_000)));
    terminal.expect_rows(&["ERROR a line of more than 4096 bytes is no command", "taskmaster>"]);
    running.stop();
}

/// Line editing, colours, anything: a terminal that calls itself dumb gets none of it.
#[test]
fn a_dumb_terminal_gets_no_escape_codes() {
    let site = Site::new(TWO);
    let mut terminal = Terminal::open();
    let mut command = site.command();
    terminal.attach(&mut command);
    command.env("TERM", "dumb");
    let mut running = site.start(&mut command);
    terminal.expect("taskmaster> ");
    terminal.press("status\n");
    terminal.expect("RUNNING");
    terminal.expect("taskmaster> ");
    terminal.press("exit\n");
    assert!(running.wait().success());
    assert!(!terminal.screen().contains('\u{1b}'), "{:?}", terminal.screen());
}

/// Where the kernel edits, the keys that matter mean the same.
#[test]
fn ctrl_c_and_ctrl_z_and_ctrl_d_work_on_a_dumb_terminal() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 1.5, autostart: false}");
    let mut terminal = Terminal::open();
    let mut command = site.command();
    terminal.attach(&mut command);
    command.env("TERM", "dumb");
    let mut running = site.start(&mut command);
    terminal.expect("taskmaster> ");
    terminal.press("start w\u{3}");
    terminal.expect("taskmaster> ");
    terminal.press("\u{1a}");
    terminal.expect("taskmaster> ");
    terminal.press("start w\n");
    running.wait_for_state("w:0", "STARTING");
    terminal.press("\u{3}");
    terminal.expect("the action goes on");
    terminal.expect("(done: start w)");
    running.wait_for_state("w:0", "RUNNING");
    terminal.press("\u{3}");
    terminal.expect("to leave");
    terminal.expect("taskmaster> ");
    terminal.press("\u{4}");
    assert!(running.wait().success());
}

/// An interactive shell that runs the supervisor as its job, in front.
fn in_a_shell() -> (Running, Terminal, u32) {
    let site = Site::new(TWO);
    let mut terminal = Terminal::open();
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "--noprofile", "-i"]).current_dir(site.path(""));
    command.env(harness::Mark::NAME, site.mark.value()).env("TASKMASTER", env!("CARGO_BIN_EXE_taskmaster"));
    command.env("PS1", "shell$ ");
    terminal.attach(&mut command);
    command.stderr(terminal.line());
    terminal.press("$TASKMASTER\n");
    let running = site.start(&mut command);
    let supervisor = running.status()["taskmaster"]["pid"].as_u64().unwrap() as u32;
    terminal.expect_rows(&["taskmaster>"]);
    (running, terminal, supervisor)
}

#[test]
fn after_ctrl_z_and_after_a_foreign_stop_the_line_is_there_again() {
    let (running, mut terminal, supervisor) = in_a_shell();
    for (stop, typed) in [(None, "stop no"), (Some(Signal::SIGSTOP), "start no")] {
        let line = format!("taskmaster> {typed}");
        terminal.press(typed);
        terminal.expect_rows(&[&line]);
        match stop {
            Some(signal) => harness::kill(supervisor, signal),
            None => terminal.press("\u{1a}"),
        }
        terminal.expect_rows(&["shell$"]);
        terminal.press("fg\n");
        terminal.expect_rows(&[&line]);
        terminal.press("body\r");
        terminal.expect_rows(&["ERROR nobody: no such program", "taskmaster>"]);
        assert!(!terminal.modes().local_flags.contains(LocalFlags::ICANON));
    }
    terminal.press("exit\r");
    wait_until("it to end", || !is_alive(supervisor));
    terminal.expect_rows(&["shell$"]);
    drop(running);
}

/// `stty tostop`: a job in the background that writes is stopped, and so would be our supervision.
#[test]
fn in_the_background_nothing_is_written_to_a_terminal_that_stops_writers() {
    let (running, mut terminal, supervisor) = in_a_shell();
    terminal.press("\u{1a}");
    terminal.expect_rows(&["shell$"]);
    terminal.press("stty tostop; bg\n");
    running.wait_for_state("web:0", "RUNNING");
    // News, a new size, and the last words: all of it would be written.
    let web = running.pid_of("web:0").unwrap();
    harness::kill(web, Signal::SIGKILL);
    harness::kill(supervisor, Signal::SIGWINCH);
    harness::wait_while("it was stopped", std::time::Duration::from_millis(600), || {
        harness::field(supervisor, "State").is_some_and(|state| !state.starts_with('T'))
    });
    assert_ne!(running.pid_of("web:0"), Some(web));
    harness::kill(supervisor, Signal::SIGTERM);
    wait_until("it to end", || !is_alive(supervisor));
    drop(running);
}

#[test]
fn whatever_ends_it_the_terminal_is_given_back() {
    for end in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let site = Site::new(TWO);
        let mut terminal = Terminal::open();
        let before = terminal.modes();
        let mut command = site.command();
        terminal.attach(&mut command);
        let mut running = site.start(&mut command);
        terminal.press("half a line");
        terminal.expect_rows(&["taskmaster> half a line"]);
        assert_ne!(terminal.modes(), before);
        running.signal(end);
        assert!(running.wait().success());
        assert_eq!(terminal.modes(), before);
        terminal.expect("\u{1b}[?2004l");
        // What the shell prints next does not stand behind the line.
        wait_until("a fresh row", || terminal.cursor().1 == 0);
    }
}

/// Started with `&`: nothing tells it of `fg`, but the first line that arrives does.
#[test]
fn a_background_job_that_comes_to_the_front_can_be_typed_in() {
    let site = Site::new(TWO);
    let mut terminal = Terminal::open();
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "--noprofile", "-i"]).current_dir(site.path(""));
    command.env(harness::Mark::NAME, site.mark.value()).env("TASKMASTER", env!("CARGO_BIN_EXE_taskmaster"));
    command.env("PS1", "shell$ ");
    terminal.attach(&mut command);
    command.stderr(terminal.line());
    terminal.press("$TASKMASTER &\n");
    let running = site.start(&mut command);
    let supervisor = running.status()["taskmaster"]["pid"].as_u64().unwrap() as u32;
    running.wait_for_state("web:0", "RUNNING");
    terminal.press("echo still the shell\n");
    terminal.expect("still the shell\r\n");
    terminal.press("fg\n");
    terminal.expect("$TASKMASTER\r\n");
    wait_until("a prompt", || {
        // One that comes before the shell has stepped back is nobody's.
        terminal.press("\n");
        std::thread::sleep(std::time::Duration::from_millis(100));
        terminal.rows().last().is_some_and(|row| row == "taskmaster>")
    });
    terminal.press("vers\t\r");
    terminal.expect_rows(&["taskmaster> version", "taskmaster 0.1.0", "taskmaster>"]);
    terminal.press("exit\r");
    wait_until("it to end", || !is_alive(supervisor));
    terminal.expect_rows(&["shell$"]);
    drop(running);
}
