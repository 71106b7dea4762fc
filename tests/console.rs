//! The console on a pipe and on a file: one command a line, each finished before the next is read,
//! no prompt, no escape codes.

mod harness;

use harness::{Console, PATIENCE, Site, wait_for, wait_until};
use std::process::Stdio;

const ONE: &str = "  w: {cmd: sleep 1000, numprocs: 2, starttime: 0}";

/// A console in which everything has reached RUNNING.
fn settled() -> Console {
    let console = Console::open(Site::new(ONE));
    wait_until("both to run", || console.running.status()["counts"]["RUNNING"] == 2);
    console
}

#[test]
fn answers_are_the_lines_that_the_contract_names() {
    let mut console = settled();
    assert_eq!(console.ask("start w"), ["w:0: already running", "w:1: already running"]);
    assert_eq!(console.ask("stop w:1"), ["w:1: stopped"]);
    assert_eq!(console.ask("stop w:1"), ["w:1: already stopped"]);
    assert_eq!(console.ask("start w:1 w:1"), ["w:1: started"]);
    assert_eq!(console.ask("restart w:0"), ["w:0: started"]);
    assert_eq!(console.ask("signal CONT w"), ["w:0: signalled", "w:1: signalled"]);
    assert_eq!(console.ask("stop all").len(), 2);
    assert_eq!(console.ask("signal 18 w:0"), ["ERROR w:0: not running"]);
    assert_eq!(console.ask("start nobody"), ["ERROR nobody: no such program"]);
    assert_eq!(console.ask("start w:7"), ["ERROR w:7: no such instance: numprocs is 2"]);
    let state = "ERROR @BROKEN: no such state (STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL)";
    assert_eq!(console.ask("start @BROKEN"), [state]);
    assert_eq!(console.ask("start @FATAL"), [""; 0]);
}

#[test]
fn a_program_without_instances_is_no_mistake_and_no_silence() {
    let site = Site::new("  none: {cmd: x, numprocs: 0}\n  w: {cmd: sleep 1000, starttime: 0}");
    let mut console = Console::open(site);
    console.running.wait_for_state("w:0", "RUNNING");
    let told = "none: no instances (numprocs 0)";
    let commands = ["start", "stop", "restart", "restart --rolling", "signal HUP", "status", "why", "tail"];
    for command in commands.map(|command| format!("{command} none")) {
        assert_eq!(console.ask(&command), [told], "{command}");
        assert_eq!(console.running.command(&command), (true, vec![told.to_owned()]), "{command}");
    }
    assert_eq!(console.ask("tail -f none"), [told]);
    assert_eq!(console.ask("status none w").len(), 3);
    assert_eq!(console.ask("status w").len(), 2);
    assert_eq!(console.running.command("pid none"), (true, vec![]), "its output is for scripts");
    console.ask("scale w 0");
    assert_eq!(console.ask("start w"), ["w: no instances (numprocs 0)"]);
}

#[test]
fn status_is_a_table_with_a_line_for_each_instance() {
    let mut console = settled();
    let table = console.ask("status");
    let columns = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(columns(&table[0]), ["NAME", "STATE", "PID", "UPTIME", "DESCRIPTION"]);
    assert_eq!(columns(&table[1])[..2], ["w:0", "RUNNING"]);
    assert_eq!(columns(&table[1])[2], console.running.pid_of("w:0").unwrap().to_string());
    assert_eq!(table.len(), 3);
    console.ask("stop w:0");
    let stopped = console.ask("status @STOPPED");
    assert_eq!(columns(&stopped[1])[..4], ["w:0", "STOPPED", "-", "-"]);
    assert!(stopped[1].ends_with("killed by SIGTERM"), "{stopped:?}");
    assert_eq!(stopped.len(), 2);
    assert!(!table.concat().contains('\u{1b}'));
}

#[test]
fn pid_tells_the_supervisors_own_and_those_of_targets() {
    let mut console = settled();
    assert_eq!(console.ask("pid"), [console.running.pid().to_string()]);
    let first = console.running.pid_of("w:0").unwrap();
    let second = console.running.pid_of("w:1").unwrap();
    assert_eq!(console.ask("pid w:0"), [first.to_string()]);
    assert_eq!(console.ask("pid w"), [format!("w:0: {first}"), format!("w:1: {second}")]);
    console.ask("stop w:0");
    assert_eq!(console.ask("pid w:0"), ["ERROR w:0: not running"]);
}

#[test]
fn mistakes_are_answered_and_silence_is_not() {
    let mut console = settled();
    assert_eq!(console.ask("\n   \n# nothing\n"), [""; 0]);
    assert_eq!(console.ask("stats"), ["ERROR stats: unknown command (did you mean 'status'?); try 'help'"]);
    assert_eq!(console.ask("start"), ["ERROR usage: start TARGET..."]);
    assert_eq!(console.ask(&"x".repeat(9000)), ["ERROR a line of more than 4096 bytes is no command"]);
    assert!(console.ask("help")[0].starts_with("Commands"));
    assert!(console.ask("help start")[0].starts_with("start TARGET..."));
}

#[test]
fn lines_that_are_no_text_are_mistakes_and_windows_line_ends_are_none() {
    let mut console = settled();
    console.say_bytes(b"sta\xfftus\na\0b\nstop w:0\r\n");
    assert!(console.hear().starts_with("ERROR sta\u{fffd}tus: unknown command"));
    assert!(console.hear().starts_with("ERROR a\\0b: unknown command"));
    assert_eq!(console.hear(), "w:0: stopped");
}

/// Whatever a program is called: its rows in the table and in the log stay rows.
#[test]
fn a_reason_is_one_line_without_control_characters() {
    let mut console = Console::open(Site::new(
        "  evil: {cmd: [\"./a\\nb\\e[2J\"], startretries: 0}\n  script: {cmd: ./script, startretries: 0}",
    ));
    let script = console.running.site.write("script", "#!/nowhere/\u{1b}[31msh\n");
    std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for name in ["evil:0", "script:0"] {
        console.running.wait_for_state(name, "FATAL");
    }
    let expected = "ERROR evil:0: there is no program ./a\u{fffd}b\u{fffd}[2J";
    assert_eq!(console.ask("start evil"), [expected]);
    console.ask("start script");
    let table = console.ask("status");
    assert_eq!(table.len(), 3, "{table:?}");
    assert!(!table.concat().contains(char::is_control), "{table:?}");
    let log = console.running.log();
    assert!(log.lines().all(|line| line.contains("Z [") && !line.contains(char::is_control)), "{log:?}");
}

/// A slow command holds back those behind it, and nothing else.
#[test]
fn each_command_is_finished_before_the_next_is_read() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: [sh, -c, 'trap \"while ! [ -e go ]; do sleep 0.02; done; exit 0\" TERM; echo > ready; while :; do sleep 0.02; done'], stopasgroup: false, starttime: 0, stoptime: 1000}",
    ));
    wait_until("the trap", || !console.running.site.read("ready").is_empty());
    console.say("stop w\nversion\nstart w\n");
    console.running.wait_for_state("w:0", "STOPPING");
    harness::wait_while("it was overtaken", PATIENCE / 100, || console.hears_nothing());
    console.running.site.write("go", "");
    assert_eq!(console.hear(), "w:0: stopped");
    assert_eq!(console.hear(), concat!("taskmaster ", env!("CARGO_PKG_VERSION")));
    assert_eq!(console.hear(), "w:0: started");
}

#[test]
fn exit_stops_everything_and_leaves_with_0() {
    for leave in ["exit", "quit", "shutdown"] {
        let mut console = settled();
        console.say(&format!("{leave}\n"));
        assert_eq!(console.running.wait().code(), Some(0));
        assert_eq!(harness::marked(&console.running.site.mark), Vec::<u32>::new());
    }
}

#[test]
fn at_the_end_of_input_the_supervision_goes_on() {
    let mut console = settled();
    console.say("stop w:0\nstop w:1");
    console.hang_up();
    assert_eq!(console.hear(), "w:0: stopped");
    assert_eq!(console.hear(), "w:1: stopped", "a last line without an end is a command, too");
    assert_eq!(console.running.status()["counts"]["STOPPED"], 2);
}

#[test]
fn a_file_of_commands_is_run_to_its_end() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0.1}");
    let commands =
        site.write("commands", &format!("{}stop w\nstart w\nstatus\nexit\n", "version\n".repeat(500)));
    let mut command = site.command();
    command.stdin(std::fs::File::open(commands).unwrap());
    command.stdout(std::fs::File::create(site.path("answers")).unwrap());
    let mut child = command.spawn().unwrap();
    let status = wait_for("the end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    let answers = site.read("answers");
    let lines: Vec<&str> = answers.lines().skip(500).collect();
    assert_eq!(lines[..2], ["w:0: stopped", "w:0: started"]);
    assert!(lines[3].contains("RUNNING"), "{lines:?}");
}

#[test]
fn input_without_any_line_end_holds_nobody() {
    for script in ["exec \"$0\" </dev/zero", "cat /dev/zero | \"$0\""] {
        let site = Site::new(ONE);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_taskmaster")]).current_dir(site.path(""));
        command.env(harness::Mark::NAME, site.mark.value());
        let running = site.start(&mut command);
        wait_until("both to run", || running.status()["counts"]["RUNNING"] == 2);
        let supervisor = running.status()["taskmaster"]["pid"].as_u64().unwrap() as u32;
        harness::kill(supervisor, nix::sys::signal::Signal::SIGTERM);
        wait_until("it to end", || !harness::is_alive(supervisor));
    }
}

#[test]
fn without_a_console_nothing_is_read() {
    let site = Site::new(ONE);
    let commands = site.write("commands", "exit\n");
    let mut command = site.command();
    command.arg("--no-console").stdin(std::fs::File::open(commands).unwrap());
    let running = site.start(&mut command);
    harness::wait_while("it obeyed", PATIENCE / 40, || harness::is_alive(running.pid()));
    running.stop();
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_supervision() {
    let site = Site::new(ONE);
    let mut command = site.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = site.start(&mut command);
    drop(running.child.stdout.take());
    let mut input = running.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"status\nstatus\nstop w:0\n").unwrap();
    running.wait_for_state("w:0", "STOPPED");
    running.stop();
}

/// Nobody reads 5,000 lines; the loop must go on all the same.
#[test]
fn a_reader_that_does_not_read_holds_nobody_but_itself() {
    let site = Site::new("  w: {cmd: sleep 1000, autostart: false, numprocs: 5000}");
    let mut command = site.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = site.start(&mut command);
    let mut input = running.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"status\nstatus\nstart w:0\n").unwrap();
    harness::wait_while("the loop is held", PATIENCE / 40, || running.status()["counts"]["STOPPED"].is_u64());
    let mut output = running.child.stdout.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    running.wait_for_state("w:0", "RUNNING");
    running.stop();
}

/// More answers than the pipe and our queue hold: none of them is dropped for want of a reader.
#[test]
fn every_answer_of_a_large_order_arrives() {
    let mut console = Console::open(Site::new("  w: {cmd: sleep 1000, autostart: false, numprocs: 4000}"));
    let answers = console.ask("stop w");
    assert_eq!(answers.len(), 4000);
    assert!(answers.iter().all(|line| line.ends_with("already stopped")));
}
