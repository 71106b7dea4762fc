//! Keys of the configuration, by the effect that they have on a process.

mod harness;

use harness::{Console, Running, Site, kill, wait_for, wait_until};
use nix::sys::signal::Signal;
use std::time::Duration;

/// Runs programs that end by themselves, until all have.
fn finished(programs: &str) -> Running {
    let running = Site::new(programs).supervise();
    wait_until("all to end", || {
        let status = running.status();
        ["STARTING", "RUNNING", "BACKOFF"].iter().all(|state| status["counts"][state] == 0)
    });
    running
}

/// The times at which a program that runs `date +%s%N >> spawns` was started.
fn spawns(site: &Site) -> Vec<Duration> {
    let text = site.read("spawns");
    text.lines().map(|nanos| Duration::from_nanos(nanos.parse().unwrap())).collect()
}

#[test]
fn cmd_is_split_as_a_shell_would_but_no_shell_runs() {
    let running = finished(
        "  text:\n    cmd: printf '<%s>' \"a  b\" 'c\"d' e\\ f $HOME * ~ ; {print} $1 $$ $(id)\n    stdout: text\n    starttime: 0\n  list:\n    cmd: [printf, '<%s>', 'a b', '', \"$HOME\", '*']\n    stdout: list\n    starttime: 0",
    );
    let text = "<a  b><c\"d><e f><$HOME><*><~><;><{print}><$1><$$><$(id)>";
    assert_eq!(running.site.read("text"), text);
    assert_eq!(running.site.read("list"), "<a b><><$HOME><*>");
    running.stop();
}

#[test]
fn names_and_numbers_are_filled_in_wherever_the_contract_says() {
    let site = Site::new(
        "  w:\n    cmd: [sh, -c, 'pwd; echo $V {program_name} {process_num} {process_num:02} {other}; echo err >&2']\n    numprocs: 2\n    workingdir: dir{process_num}\n    stdout: '{program_name}.{process_num:02}.out'\n    stderr: '{program_name}.{process_num}.err'\n    env: {V: 'v{process_num}'}\n    starttime: 0",
    );
    for number in 0..2 {
        std::fs::create_dir(site.path(&format!("dir{number}"))).unwrap();
    }
    let running = site.supervise();
    wait_until("both to end", || running.status()["counts"]["EXITED"] == 2);
    let directory = running.site.path("dir1").canonicalize().unwrap();
    assert_eq!(running.site.read("w.01.out"), format!("{}\nv1 w 1 01 {{other}}\n", directory.display()));
    assert_eq!(running.site.read("w.0.err"), "err\n");
    running.stop();
}

#[test]
fn env_is_added_to_what_the_supervisor_has_and_braces_take_from_it() {
    let site = Site::new(
        "  w:\n    cmd: [sh, -c, 'echo \"$KEPT|$OWN|$TAKEN|$DEFAULT|$LITERAL|$TASKMASTER_PROCESS_NAME\"']\n    stdout: out\n    starttime: 0\n    env: {OWN: new, TAKEN: '<${KEPT}>', DEFAULT: '${NOBODY:-none}', LITERAL: '$${KEPT}'}",
    );
    let mut command = site.command();
    command.env("KEPT", "kept").env("OWN", "old").env("TASKMASTER_PROCESS_NAME", "wrong");
    let running = site.start(&mut command);
    running.wait_for_state("w:0", "EXITED");
    assert_eq!(running.site.read("out"), "kept|new|<kept>|none|${KEPT}|w:0\n");
    running.stop();
}

#[test]
fn umask_is_octal_however_it_is_written() {
    let written = ["027", "0o27", "\"027\"", "\"0o27\"", "0"];
    let program = |(number, umask): (usize, &&str)| {
        format!("  p{number}: {{cmd: [sh, -c, umask], umask: {umask}, stdout: out.{number}, starttime: 0}}")
    };
    let running = finished(&written.iter().enumerate().map(program).collect::<Vec<_>>().join("\n"));
    for (number, umask) in written.iter().enumerate() {
        let expected = if *umask == "0" { "0000\n" } else { "0027\n" };
        assert_eq!(running.site.read(&format!("out.{number}")), expected, "umask: {umask}");
    }
    running.stop();
}

#[test]
fn relative_paths_start_at_the_configuration_wherever_we_do() {
    let site = Site::new("  w: {cmd: [sh, -c, 'pwd; echo x > made'], starttime: 0}");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = site.command();
    command.current_dir(elsewhere.path()).arg("-c").arg(site.path("config.yaml"));
    let running = site.start(&mut command);
    running.wait_for_state("w:0", "EXITED");
    let directory = running.site.path("").canonicalize().unwrap();
    assert_eq!(running.site.read("logs/w.stdout"), format!("{}\n", directory.display()));
    assert_eq!(running.site.read("made"), "x\n");
    assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
    running.stop();
}

/// Without stopasgroup, so that nobody but the one process is asked.
#[test]
fn stopsignal_is_what_arrives_whatever_it_is_called() {
    let signals =
        [("INT", "INT"), ("SIGQUIT", "QUIT"), ("10", "USR1"), ("RTMIN+1", "RTMIN+1"), ("HUP", "HUP")];
    let program = |(number, (written, trapped)): (usize, &(&str, &str))| {
        format!(
            "  p{number}:\n    cmd: [bash, -c, 'trap \"echo got {trapped}; exit 0\" {trapped}; echo ready; while :; do sleep 0.02; done']\n    stopsignal: {written}\n    stdout: out.{number}\n    stopasgroup: false\n    starttime: 0"
        )
    };
    let programs: Vec<String> = signals.iter().enumerate().map(program).collect();
    let mut console = Console::open(Site::new(&programs.join("\n")));
    let output = |console: &Console, number: usize| console.running.site.read(&format!("out.{number}"));
    wait_until("all traps", || (0..5).all(|number| output(&console, number) == "ready\n"));
    assert_eq!(console.ask("stop all").len(), 5);
    for (number, (written, trapped)) in signals.iter().enumerate() {
        assert_eq!(output(&console, number), format!("ready\ngot {trapped}\n"), "{written}");
    }
}

#[test]
fn restart_delay_is_waited_before_every_restart() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'date +%s%N >> spawns'], autorestart: always, starttime: 0, restart_delay: 300ms}",
    );
    let running = site.supervise();
    wait_until("three restarts", || spawns(&running.site).len() >= 4);
    for pair in spawns(&running.site).windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(290), "{:?}", pair[1] - pair[0]);
    }
    running.stop();
}

#[test]
fn without_restart_delay_retry_k_waits_k_seconds_and_restarts_wait_not_at_all() {
    let site = Site::new("  w: {cmd: [sh, -c, 'date +%s%N >> spawns'], startretries: 2, starttime: 10}");
    let running = site.supervise();
    running.wait_for_state("w:0", "FATAL");
    let times = spawns(&running.site);
    assert_eq!(times.len(), 3);
    for (pair, seconds) in times.windows(2).zip([1.0, 2.0]) {
        let waited = (pair[1] - pair[0]).as_secs_f64();
        assert!(waited > seconds - 0.05, "{waited} instead of {seconds}");
    }
    running.stop();
    let running =
        Site::new("  w: {cmd: [sh, -c, 'date +%s%N >> spawns'], autorestart: always, starttime: 0}")
            .supervise();
    // Fifty lives in less time than a delay of any size would allow.
    wait_until("many restarts", || spawns(&running.site).len() > 50);
    running.stop();
}

#[test]
fn starttime_divides_failed_starts_from_exits() {
    let running = finished(
        "  late: {cmd: [sh, -c, 'sleep 0.4; exit 5'], starttime: 100ms, autorestart: never}\n  early: {cmd: [sh, -c, 'sleep 0.1; exit 5'], starttime: 30, startretries: 0}\n  never: {cmd: \"false\", starttime: 0, autorestart: never}",
    );
    assert_eq!(running.state("late:0"), "EXITED");
    assert_eq!(running.state("early:0"), "FATAL");
    assert_eq!(running.state("never:0"), "EXITED");
    running.stop();
}

#[test]
fn all_256_exit_codes_are_told_as_they_are() {
    let running = finished(
        "  w: {cmd: [sh, -c, 'exit {process_num}'], numprocs: 256, starttime: 0, autorestart: never, stdout: none, stderr: none}",
    );
    let status = running.status();
    for (number, row) in status["programs"][0]["processes"].as_array().unwrap().iter().enumerate() {
        assert_eq!(row["exit"]["code"], number, "{row}");
    }
    running.stop();
}

#[test]
fn death_by_a_signal_is_told_by_its_name() {
    let running = finished(
        "  segv: {cmd: [sh, -c, 'kill -SEGV $$'], starttime: 0, autorestart: never}\n  abrt: {cmd: [sh, -c, 'kill -ABRT $$'], starttime: 10, startretries: 0}",
    );
    let row = running.process("segv:0");
    assert_eq!((&row["state"], &row["exit"]["signal"]), (&"EXITED".into(), &"SEGV".into()), "{row}");
    assert!(row["description"].as_str().unwrap().contains("SIGSEGV"), "{row}");
    let row = running.process("abrt:0");
    assert_eq!((&row["state"], &row["exit"]["signal"]), (&"FATAL".into(), &"ABRT".into()), "{row}");
    running.stop();
}

/// The last of two contrary wishes is the one that counts, and each command gets its answer.
#[test]
fn the_last_wish_wins() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: sleep 1000, starttime: 100}\n  slow: {cmd: [sh, -c, 'trap \"sleep 0.2; exit 0\" TERM; echo > ready; while :; do sleep 0.02; done'], stopasgroup: false, starttime: 0}",
    ));
    assert_eq!(console.ask("stop w"), ["w:0: stopped"], "while it is STARTING");
    wait_until("the trap", || !console.running.site.read("ready").is_empty());
    let before = console.running.pid_of("slow:0").unwrap();
    kill(before, Signal::SIGTERM);
    assert_eq!(console.ask("restart slow"), ["slow:0: started"]);
    let after = wait_for("a process", || console.running.pid_of("slow:0"));
    assert_ne!(before, after);
    assert_eq!(console.ask("stop slow\nstart slow"), ["slow:0: stopped", "slow:0: started"]);
    assert_eq!(console.running.process("slow:0")["restarts"], 0, "what was asked for is no restart");
}
