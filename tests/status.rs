//! `status` for a person at a terminal.

mod harness;

use harness::{Running, Site, Terminal, context_switches, field, kill, wait_until};
use nix::sys::signal::Signal;

const MANY: &str = "  web: {cmd: sleep 1000, starttime: 0}
  worker: {cmd: sleep 1000, starttime: 0, numprocs: 40, autorestart: never}";

fn started(programs: &str, arguments: &[&str], environment: &[(&str, &str)]) -> (Running, Terminal) {
    let site = Site::new(programs);
    let terminal = Terminal::open();
    let mut command = site.command();
    terminal.attach(&mut command);
    command.args(arguments).envs(environment.iter().copied());
    let running = site.start(&mut command);
    terminal.expect_grid("a prompt", |rows| rows.iter().any(|row| row == "taskmaster>"));
    wait_until("all to run", || running.status()["counts"]["STARTING"] == 0);
    (running, terminal)
}

fn words(row: &str) -> Vec<&str> {
    row.split_whitespace().collect()
}

#[test]
fn a_program_of_many_instances_is_folded_and_those_that_differ_are_seen() {
    let (running, mut terminal) = started(MANY, &["--messages", "none"], &[]);
    kill(running.pid_of("worker:7").unwrap(), Signal::SIGKILL);
    running.wait_for_state("worker:7", "EXITED");
    terminal.press("\u{c}status\r");
    terminal.expect_grid("the folded table", |rows| {
        let [_, head, web, worker, seventh, prompt] = rows else { return false };
        words(head) == ["NAME", "STATE", "PID", "UPTIME", "CPU", "MEMORY", "DESCRIPTION"]
            && words(web)[..2] == ["web:0", "RUNNING"]
            && words(web).len() == 6
            && worker.starts_with("worker    40 instances: 39 RUNNING, 1 EXITED; ")
            && words(seventh) == ["worker:7", "EXITED", "-", "-", "-", "-", "killed", "by", "SIGKILL"]
            && prompt == "taskmaster>"
    });
    terminal.press("\u{c}status worker:*\r");
    terminal.expect_grid("all of them", |rows| {
        let instances = rows.iter().filter(|row| row.starts_with("worker:"));
        // The screen has 24 rows, the last of which is the prompt.
        instances.count() == 23 && rows.last().is_some_and(|row| row == "taskmaster>")
    });
    running.stop();
}

#[test]
fn the_state_is_coloured_unless_somebody_minds() {
    for (arguments, environment, is_colored) in [
        (&[][..], &[][..], true),
        (&[][..], &[("NO_COLOR", "1")][..], false),
        (&["--color", "never"][..], &[][..], false),
        (&["--color", "always"][..], &[("NO_COLOR", "1")][..], true),
    ] {
        let (running, mut terminal) = started("  w: {cmd: sleep 1000, starttime: 0}", arguments, environment);
        terminal.press("\u{c}status\r");
        terminal.expect_grid("the table", |rows| rows.len() == 4 && rows[2].contains("RUNNING"));
        let column = terminal.rows()[2].find("RUNNING").unwrap() as u16;
        let color = terminal.cell(2, column).fgcolor();
        assert_eq!(color != vt100::Color::Default, is_colored, "{arguments:?} {environment:?}");
        assert_eq!(terminal.cell(2, 0).fgcolor(), vt100::Color::Default);
        running.stop();
    }
}

#[test]
fn on_a_pipe_every_instance_has_its_line() {
    let mut console = harness::Console::open(Site::new(MANY));
    wait_until("all to run", || console.running.status()["counts"]["RUNNING"] == 41);
    let table = console.ask("status");
    assert_eq!(table.len(), 42);
    assert_eq!(words(&table[0]), ["NAME", "STATE", "PID", "UPTIME", "DESCRIPTION"]);
    assert!(table[1..].iter().all(|row| words(row)[1] == "RUNNING"));
    let folded = console.ask("status --columns 60 worker");
    assert!(folded[1].starts_with("worker  40 instances: 40 RUNNING; ") && folded.len() == 2, "{folded:?}");
    let refusal = "ERROR status -w refreshes a terminal, which is not here";
    assert_eq!(console.ask("status -w"), [refusal]);
    assert_eq!(
        console.ask("status --wach"),
        ["ERROR status: no such flag --wach (did you mean 'watch'?); it takes -w, --watch; --columns N"]
    );
}

/// It is the one thing that needs a timer, and only while it is seen.
#[test]
fn a_watched_table_is_refreshed_in_place_until_a_key() {
    let (running, mut terminal) =
        started("  w: {cmd: sleep 1000, starttime: 0, numprocs: 2}", &["--messages", "none"], &[]);
    terminal.press("\u{c}status -w\r");
    let shows = |terminal: &Terminal, pid: u32| {
        let pid = pid.to_string();
        terminal.expect_grid("the watched table", |rows| {
            rows.len() == 5
                && rows[0] == "taskmaster> status -w"
                && rows[1].contains("any key")
                && words(&rows[3])[..3] == ["w:0", "RUNNING", &pid]
        });
    };
    let first = running.pid_of("w:0").unwrap();
    shows(&terminal, first);
    kill(first, Signal::SIGKILL);
    let second = harness::wait_for("another process", || running.pid_of("w:0").filter(|pid| *pid != first));
    shows(&terminal, second);
    terminal.press("q");
    terminal.expect_grid("the last picture and a prompt", |rows| {
        rows.len() == 5
            && rows[0] == "taskmaster> status -w"
            && words(&rows[2])[0] == "w:0"
            && rows[4] == "taskmaster>"
    });
    terminal.press("version\r");
    terminal.expect_rows(&["taskmaster> version", "taskmaster 0.1.0", "taskmaster>"]);
    wait_until("it to fall silent", || {
        let before = context_switches(running.pid());
        std::thread::sleep(std::time::Duration::from_millis(1500));
        context_switches(running.pid()) == before
    });
    assert!(field(running.pid(), "State").unwrap().starts_with('S'));
    running.stop();
}

/// The same table for who asks from another terminal; there it is left by Ctrl-C.
#[test]
fn a_client_on_a_terminal_gets_the_table_of_a_terminal() {
    let running = Site::new(MANY).supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 41);
    let terminal = Terminal::open();
    let mut command = running.site.command();
    terminal.attach(&mut command);
    let mut client = command.arg("status").spawn().unwrap();
    terminal.expect_grid("the folded table", |rows| {
        rows.len() == 3 && rows[2].starts_with("worker  40 instances: 40 RUNNING; ")
    });
    assert!(client.wait().unwrap().success());
    let column = terminal.rows()[2].find("RUNNING").unwrap() as u16;
    assert_ne!(terminal.cell(2, column).fgcolor(), vt100::Color::Default);

    let mut command = running.site.command();
    let mut terminal = Terminal::open();
    terminal.attach(&mut command);
    let mut watch = command.args(["status", "-w", "web"]).spawn().unwrap();
    for _ in 0..2 {
        let pid = running.pid_of("web:0").unwrap();
        terminal.expect_grid("the watched row", |rows| {
            rows.len() == 2 && words(&rows[1])[..3] == ["web:0", "RUNNING", &pid.to_string()]
        });
        kill(pid, Signal::SIGKILL);
        wait_until("another process", || running.pid_of("web:0").is_some_and(|now| now != pid));
    }
    terminal.press("\u{3}");
    wait_until("the client to end", || watch.try_wait().unwrap().is_some());
    running.stop();
}
