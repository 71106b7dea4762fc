//! What the console tells unasked, and how it shows work on many instances: on a terminal, above the
//! line that is being typed.

mod harness;

use harness::{Running, Site, Terminal, kill, wait_until};
use nix::sys::signal::Signal;

fn started(programs: &str) -> (Running, Terminal) {
    started_on(Site::new(programs))
}

fn started_on(site: Site) -> (Running, Terminal) {
    let terminal = Terminal::open();
    let mut command = site.command();
    terminal.attach(&mut command);
    let running = site.start(&mut command);
    terminal.expect_grid("a prompt", |rows| rows.iter().any(|row| row == "taskmaster>"));
    (running, terminal)
}

fn pids(running: &Running) -> Vec<u32> {
    let status = running.status();
    let programs = status["programs"].as_array().unwrap();
    let processes = programs.iter().flat_map(|program| program["processes"].as_array().unwrap());
    processes.filter_map(|process| process["pid"].as_u64()).map(|pid| pid as u32).collect()
}

#[test]
fn a_message_appears_above_the_line_that_is_typed() {
    let (running, mut terminal) = started("  w: {cmd: sleep 1000, starttime: 0, numprocs: 2}");
    running.wait_for_state("w:1", "RUNNING");
    terminal.press("status no\u{1b}[D");
    terminal.expect_rows(&["taskmaster> status no"]);
    kill(running.pid_of("w:1").unwrap(), Signal::SIGKILL);
    let message = "w:1: ended unexpectedly (killed by SIGKILL), restarting";
    terminal.expect_rows(&[message, "w:1: running again", "taskmaster> status no"]);
    terminal.press("XY");
    terminal.expect_rows(&["w:1: running again", "taskmaster> status nXYo"]);
    running.stop();
}

#[test]
fn many_that_die_together_are_one_line() {
    let (running, mut terminal) =
        started("  w: {cmd: sleep 1000, starttime: 0, numprocs: 400, autorestart: never}");
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 400);
    let pids = pids(&running);
    terminal.press("half");
    terminal.expect_rows(&["taskmaster> half"]);
    // It sees all of them at once, as it does on a machine that is busy.
    running.signal(Signal::SIGSTOP);
    pids.iter().for_each(|pid| kill(*pid, Signal::SIGKILL));
    running.signal(Signal::SIGCONT);
    let message = "w: 400 instances: ended unexpectedly (killed by SIGKILL), and is not restarted";
    terminal.expect_grid("one message and the line", |rows| {
        rows.iter().any(|row| row == message) && rows.last().is_some_and(|row| row == "taskmaster> half")
    });
    running.stop();
}

/// Some thousand changes while a line is typed, slowly.
#[test]
fn a_program_that_flaps_does_not_flood() {
    let programs = "  w: {cmd: sh -c 'exit 1', starttime: 0, numprocs: 5, autorestart: always}";
    let site = Site::new(programs);
    // Otherwise it is an incident of its own, and told in one line.
    site.configure(programs, "  restart_storm: off");
    let (running, mut terminal) = started_on(site);
    let mut typed = String::from("taskmaster> ");
    let changes = || running.log().matches("restarting").count();
    for letter in "status this is a line that is typed while very much happens to it, and it wraps".chars() {
        let before = changes();
        wait_until("further changes", || changes() > before + 12);
        terminal.press(&letter.to_string());
        typed.push(letter);
        let (first, second) = typed.split_at(typed.len().min(80));
        terminal.expect_grid(&typed, |rows| {
            let last = rows.len() - 1;
            match second {
                "" => rows[last] == first.trim_end(),
                second => rows[last - 1] == first && rows[last] == second.trim_end(),
            }
        });
    }
    assert!(changes() > 900);
    let told = terminal.rows().iter().filter(|row| row.starts_with("w")).count();
    assert!((1..12).contains(&told), "{:#?}", terminal.rows());
    running.stop();
}

#[test]
fn the_verbosity_can_be_chosen() {
    let (running, mut terminal) = started("  w: {cmd: sleep 1000, starttime: 0}");
    terminal.press("messages none\r");
    terminal.expect_rows(&["messages: none", "taskmaster>"]);
    kill(running.pid_of("w:0").unwrap(), Signal::SIGKILL);
    wait_until("the restart", || running.log().contains("restarting"));
    terminal.press("messages all\r");
    terminal.expect_rows(&["taskmaster> messages all", "messages: all", "taskmaster>"]);
    running.wait_for_state("w:0", "RUNNING");
    kill(running.pid_of("w:0").unwrap(), Signal::SIGTERM);
    terminal.expect("w:0: ended unexpectedly (killed by SIGTERM), restarting");
    running.stop();
}

#[test]
fn a_failure_is_told_once_to_who_waits_for_it_and_to_who_does_not() {
    let (running, mut terminal) = started("  bad: {cmd: ./nowhere, startretries: 1}");
    terminal.expect_grid("the message", |rows| {
        rows.iter().any(|row| row.starts_with("bad:0: FATAL, nobody tries any more (there is no program"))
    });
    terminal.press("\u{c}start bad\r");
    terminal.expect_grid("the answer", |rows| {
        rows.iter().any(|row| row.starts_with("ERROR bad:0: there is no program"))
    });
    // Longer than news are kept back.
    std::thread::sleep(std::time::Duration::from_millis(600));
    assert!(!terminal.rows().iter().any(|row| row.starts_with("bad:0: FATAL")), "{:#?}", terminal.rows());
    running.stop();
}

#[test]
fn work_on_many_instances_is_one_line_that_counts_and_a_short_answer() {
    let (running, mut terminal) =
        started("  w: {cmd: sleep 1000, starttime: 1.5, numprocs: 30, autostart: false}");
    terminal.press("start w\rstatus nobody\r");
    terminal.expect_grid("the line that counts", |rows| {
        rows.last().is_some_and(|row| row.starts_with("starting w: ") && row.ends_with(" of 30"))
    });
    terminal.expect_rows(&[
        "taskmaster> start w",
        "w: 30 instances: started",
        "taskmaster> status nobody",
        "ERROR nobody: no such program",
        "taskmaster>",
    ]);
    running.stop();
}

#[test]
fn the_way_out_shows_who_is_waited_for() {
    let slow = "[sh, -c, 'trap \"\" TERM; echo > ready; sleep 1000; sleep 1000']";
    let (mut running, mut terminal) = started(&format!(
        "  slow: {{cmd: {slow}, starttime: 0, stoptime: 3}}\n  quick: {{cmd: sleep 1000, starttime: 0, numprocs: 2}}"
    ));
    wait_until("the trap to be set", || harness::exists(&running.site.path("ready")));
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 3);
    terminal.press("\u{4}");
    terminal.expect_rows(&["taskmaster>", "stopping everything: 2 of 3"]);
    assert!(running.wait().success());
    terminal.expect_rows(&["taskmaster>"]);
}

#[test]
fn an_order_that_was_left_is_told_when_it_is_done() {
    let (running, mut terminal) = started("  w: {cmd: sleep 1000, starttime: 2.5, autostart: false}");
    terminal.press("start w\r");
    running.wait_for_state("w:0", "STARTING");
    terminal.press("\u{3}");
    terminal.expect_rows(&["(the action goes on; 'status' shows how far it is)", "taskmaster>"]);
    terminal.press("half");
    terminal.expect_rows(&["(done: start w)", "taskmaster> half"]);
    running.stop();
}

/// A program that inherits the terminal speaks through the console while somebody types.
#[test]
fn a_thousand_lines_of_a_program_do_not_damage_the_one_being_typed() {
    // What comes in one turn of the loop is bounded, so it comes in two halves.
    let wait = "until [ -e $1 ]; do sleep 0.02; done; for i in $(seq $2 $3); do echo $i; done";
    let (running, mut terminal) = started(&format!(
        "  talk: {{cmd: [bash, -c, 'say() {{ {wait}; }}; say a 1 500; say b 501 1000; echo end'], \
         stdout: inherit, starttime: 0, autorestart: never}}"
    ));
    terminal.press("status no");
    terminal.expect_rows(&["taskmaster> status no"]);
    let mut typed = String::from("taskmaster> status no");
    for (file, last, letters) in [("a", "500", "body-at-all-"), ("b", "end", "that-anybody-knows")] {
        running.site.write(file, "");
        for letter in letters.chars() {
            terminal.press(&letter.to_string());
            typed.push(letter);
        }
        terminal.expect_rows(&[&format!("talk:0 | {last}"), &typed]);
    }
    let numbers: Vec<u32> = terminal
        .screen()
        .lines()
        .filter_map(|line| line.split("talk:0 | ").nth(1)?.trim().parse().ok())
        .collect();
    assert_eq!(numbers, (1..=1000).collect::<Vec<_>>());
    running.stop();
}

/// A oneshot that ends is no news to anybody who did not ask for all.
#[test]
fn what_is_meant_to_end_is_no_news() {
    let (running, mut terminal) = started(
        "  once: {cmd: [sh, -c, 'while ! [ -e go ]; do sleep 0.02; done'], type: oneshot, starttime: 1000}",
    );
    running.site.write("go", "");
    running.wait_for_state("once:0", "EXITED");
    // Longer than news are kept back.
    std::thread::sleep(std::time::Duration::from_millis(600));
    terminal.press("version\r");
    terminal.expect_rows(&["taskmaster> version", "taskmaster 0.1.0", "taskmaster>"]);
    assert!(!terminal.screen().contains("once:0"), "{:#?}", terminal.rows());
    running.stop();
}
