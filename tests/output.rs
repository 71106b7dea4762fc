//! Output: every byte that a child wrote is in its log, in whole lines, before its end is told.

mod harness;

use harness::{Running, Site, audit, audit_end, audit_gaps, kill, wait_for, wait_until};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_audit_notices_what_is_lost_torn_or_doubled() {
    let good = "a 1\nb 1\na 2\nb 2\n";
    assert_eq!(audit(good, 2, 2), Ok(()));
    for bad in
        ["a 1\nb 1\nb 2\n", "a 1\nb 1\na b 2\n2\n", "a 1\na 1\nb 1\na 2\nb 2\n", "a 1\nb 1\na 2\nb 3\n", ""]
    {
        assert!(audit(bad, 2, 2).is_err(), "{bad:?}");
    }
    assert_eq!(audit_end("b 1\na 2\nb 2\n", 2, 2), Ok(()));
    assert_eq!(audit_gaps("a 01\na 05\nb 02\n", 2), Ok(3));
    for bad in ["a 01\na 5\n", "a 02\na 02\n", "a 01a 02\n", "a 01\na 02", "a 0a 03\n", "a 03\na 02\n"] {
        assert!(audit_gaps(bad, 2).is_err(), "{bad:?}");
    }
    for bad in ["b 2\n", "a 1\na 2\nb 1\n", "a 2\nb 1\nb 3\n", "a 2\nb 2", "a 1\na 2\nb 2\nb 2\n"] {
        assert!(audit_end(bad, 2, 2).is_err(), "{bad:?}");
    }
}

fn finished(running: &Running, name: &str) {
    running.wait_for_state(name, "EXITED");
}

#[test]
fn all_bytes_arrive_unchanged() {
    let site = Site::new("  w: {cmd: cat data, stdout: out, starttime: 0}");
    let data: Vec<u8> =
        (0..5_000_000_u32).map(|number| (number ^ (number >> 8) ^ (number >> 16)) as u8).collect();
    std::fs::write(site.path("data"), &data).unwrap();
    let running = site.supervise();
    finished(&running, "w:0");
    assert!(std::fs::read(running.site.path("out")).unwrap() == data);
    running.stop();
}

#[test]
fn instances_that_share_a_file_write_whole_lines_and_lose_none() {
    // Lines in three pieces each, so that the pieces of several writers arrive between each other.
    let script = "import os,sys\nfor n in range(1, 5001):\n  for piece in ('w' + os.environ['TASKMASTER_PROCESS_NUM'], ' ', str(n) + '\\n'):\n    os.write(1, piece.encode())\n";
    let site = Site::new("  w: {cmd: python3 script.py, numprocs: 4, starttime: 0}");
    site.write("script.py", script);
    let running = site.supervise();
    wait_until("all to end", || running.status()["counts"]["EXITED"] == 4);
    assert_eq!(audit(&running.site.read("logs/w.stdout"), 4, 5000), Ok(()));
    running.stop();
}

#[test]
fn one_file_under_several_names_has_one_writer() {
    let program = |name: &str, path: &str| {
        format!(
            "  {name}: {{cmd: [sh, -c, 'until [ -e go ]; do sleep 0.01; done; while read n; do printf {name}; printf \" \"; echo $n; done < numbers'], stdout: {path}, starttime: 0}}"
        )
    };
    let site =
        Site::new(&[program("a", "sub/../out"), program("b", "./out"), program("c", "link")].join("\n"));
    std::fs::create_dir(site.path("sub")).unwrap();
    let numbers: String = (1..=2000).map(|number| format!("{number}\n")).collect();
    site.write("numbers", &numbers);
    std::fs::hard_link(site.write("out", ""), site.path("link")).unwrap();
    let running = site.supervise();
    // Until there is a second writer, a sole one is copied as it comes.
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 3);
    running.site.write("go", "");
    wait_until("all to end", || running.status()["counts"]["EXITED"] == 3);
    assert_eq!(audit(&running.site.read("out"), 3, 2000), Ok(()));
    running.stop();
}

#[test]
fn the_last_words_are_in_the_file_when_the_end_is_told() {
    let site = Site::new(
        "  fast: {cmd: [sh, -c, 'head -c 60000 /dev/zero | tr \"\\\\0\" x; echo end'], stdout: fast, starttime: 0}\n  slow:\n    cmd: [sh, -c, 'trap \"seq 1000; echo end; exit 0\" TERM; echo ready; while :; do sleep 0.02; done']\n    stdout: slow\n    starttime: 0\n    stopasgroup: false",
    );
    let mut console = harness::Console::open(site);
    let running = &console.running;
    finished(running, "fast:0");
    assert_eq!(running.site.read("fast").len(), 60004);
    wait_until("the trap to be set", || running.site.read("slow").contains("ready"));
    assert_eq!(console.ask("stop slow"), ["slow:0: stopped"]);
    assert!(console.running.site.read("slow").ends_with("999\n1000\nend\n"));
}

#[test]
fn stderr_has_its_own_file_or_joins_stdout_in_order() {
    let script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done";
    let site = Site::new(&format!(
        "  apart: {{cmd: [sh, -c, '{script}'], starttime: 0}}\n  merged: {{cmd: [sh, -c, '{script}'], stdout: merged, stderr: stdout, starttime: 0}}"
    ));
    let running = site.supervise();
    wait_until("both to end", || running.status()["counts"]["EXITED"] == 2);
    assert_eq!(running.site.read("logs/apart.stdout"), "out 1\nout 2\nout 3\nout 4\nout 5\n");
    assert_eq!(running.site.read("logs/apart.stderr"), "err 1\nerr 2\nerr 3\nerr 4\nerr 5\n");
    assert!(running.site.read("merged").starts_with("out 1\nerr 1\nout 2\nerr 2\n"));
    running.stop();
}

#[test]
fn none_discards_and_inherit_is_our_own_stream() {
    let site = Site::new(
        "  none: {cmd: [sh, -c, 'echo lost; target=$(readlink /proc/$$/fd/1); echo $target > target'], stdout: none, stderr: none, starttime: 0}\n  own: {cmd: [sh, -c, 'echo to stdout; echo to stderr >&2'], stdout: inherit, stderr: stdout, starttime: 0}",
    );
    let mut command = site.command();
    command.stdout(std::fs::File::create(site.path("ours")).unwrap());
    let running = site.start(&mut command);
    wait_until("both to end", || running.status()["counts"]["EXITED"] == 2);
    assert_eq!(running.site.read("target"), "/dev/null\n");
    assert_eq!(running.site.read("ours"), "own:0 | to stdout\nown:0 | to stderr\n");
    assert!(!harness::exists(&running.site.path("logs/none.stdout")));
    running.stop();
}

#[test]
fn a_grandchild_that_keeps_the_pipe_delays_nothing_and_is_still_heard() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'setsid sh -c \"while ! [ -e go ]; do sleep 0.02; done; echo late\" & echo early'], stdout: out, starttime: 0}",
    );
    let running = site.supervise();
    finished(&running, "w:0");
    assert_eq!(running.site.read("out"), "early\n");
    running.site.write("go", "");
    wait_until("its later line", || running.site.read("out") == "early\nlate\n");
    running.stop();
}

#[test]
fn log_files_and_their_directories_have_modes_of_their_own() {
    let site = Site::new("  w: {cmd: echo x, stdout: a/b/out, starttime: 0}");
    let mut command = site.command();
    // SAFETY: umask(2) is async-signal-safe.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(&mut command, || {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
            Ok(())
        })
    };
    let running = site.start(&mut command);
    finished(&running, "w:0");
    let mode = |name: &str| running.site.path(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("a"), mode("a/b"), mode("a/b/out")), (0o750, 0o750, 0o640));
    assert_eq!(mode("logs/taskmaster.log"), 0o640);
    running.stop();
}

#[test]
fn files_that_were_moved_away_are_reopened_on_usr2() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'while :; do echo tick; sleep 0.02; done'], stdout: out, starttime: 0}",
    );
    let running = site.supervise();
    wait_until("output", || running.site.read("out").contains("tick"));
    std::fs::rename(running.site.path("out"), running.site.path("moved")).unwrap();
    std::fs::rename(running.site.path("logs/taskmaster.log"), running.site.path("logs/old.log")).unwrap();
    running.signal(Signal::SIGUSR2);
    wait_until("a new file", || running.site.read("out").contains("tick"));
    let ends_whole = |name: &str| running.site.read(name).ends_with("tick\n");
    assert!(ends_whole("moved") && ends_whole("out"));
    running.stop();
}

#[test]
fn a_firehose_starves_nobody() {
    let site = Site::new(
        "  yes: {cmd: \"yes\", stdout: /dev/null, numprocs: 2, starttime: 0}\n  beat: {cmd: [sh, -c, 'echo tick; exec sleep 1000'], stdout: beat, starttime: 0, autostart: false}",
    );
    let mut console = harness::Console::open(site);
    wait_until("both to run", || console.running.status()["counts"]["RUNNING"] == 2);
    assert_eq!(console.ask("start beat"), ["beat:0: started"]);
    wait_until("the tick", || console.running.site.read("beat") == "tick\n");
    assert_eq!(console.ask("stop yes").len(), 2);
}

#[test]
fn an_endless_line_costs_no_more_than_its_bound() {
    let site = Site::new("  w: {cmd: [sh, -c, 'head -c 12000000 /dev/zero'], numprocs: 2, starttime: 0}");
    let running = site.supervise();
    let peak =
        || harness::field(running.pid(), "VmHWM").unwrap().split(' ').next().unwrap().parse::<u64>().unwrap();
    wait_until("both to end", || running.status()["counts"]["EXITED"] == 2);
    let text = wait_for("the file", || std::fs::read(running.site.path("logs/w.stdout")).ok());
    assert_eq!(text.iter().filter(|byte| **byte == 0).count(), 24_000_000);
    assert!(peak() < 20 * 1024, "{} KiB", peak());
    running.stop();
}

#[test]
fn grandchildren_that_keep_a_hundred_pipes_are_heard_and_cost_nothing_after_that() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'setsid sh -c \"while ! [ -e go ]; do sleep 0.3; done; echo late\" & echo early; echo >> runs; [ $(wc -l < runs) -ge 100 ]'], stdout: out, stderr: stdout, starttime: 0, kill_strays: never}",
    );
    let running = site.supervise();
    let fds = || std::fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap().count();
    let before = fds();
    finished(&running, "w:0");
    let count = |what: &str| running.site.read("out").lines().filter(|line| *line == what).count();
    assert_eq!((count("early"), count("late")), (100, 0));
    assert!(fds() <= before + 110, "{} descriptors", fds());
    wait_until("it to be at rest while they live", || {
        let before = harness::context_switches(running.pid());
        std::thread::sleep(std::time::Duration::from_millis(300));
        // They are orphans of ours, whose own children are reaped by them.
        harness::context_switches(running.pid()) <= before + 2
    });
    running.site.write("go", "");
    wait_until("their later lines", || count("late") == 100);
    wait_until("their pipes to be closed", || fds() <= before + 2);
    running.stop();
}

/// Programs that share our stdout wait for its reader, and nobody else does.
#[test]
fn a_slow_reader_of_inherited_output_gets_every_line_and_a_dead_one_holds_up_nobody() {
    let lines = harness::numbered("n", 100_000);
    let site = Site::new(&format!(
        "  w: {{cmd: [sh, -c, \"{lines}; echo > done; while echo more; do echo >> beats; sleep 0.02; done\"], stdout: inherit, starttime: 0}}\n  v: {{cmd: [sh, -c, 'while :; do echo >> others; sleep 0.02; done'], starttime: 0}}"
    ));
    let mut command = site.command();
    command.arg("--no-console").stdout(std::process::Stdio::piped());
    let mut running = site.start(&mut command);
    let mut output = std::io::BufReader::new(running.child.stdout.take().unwrap());
    wait_until("the other program", || running.site.read("others").lines().count() > 20);
    assert!(!running.site.path("done").exists(), "it waits for the reader");
    let mut text = String::new();
    while !text.ends_with("w:0 | n 100000\n") {
        assert!(std::io::BufRead::read_line(&mut output, &mut text).unwrap() > 0);
    }
    let own: String =
        text.lines().filter_map(|line| line.strip_prefix("w:0 | ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(audit(&own, 1, 100_000), Ok(()));
    drop(output);
    let beats = running.site.read("beats").len();
    wait_until("it to go on without a reader", || running.site.read("beats").len() > beats + 20);
    assert_eq!(running.process("w:0")["restarts"], 0);
    running.stop();
}

/// A process that is killed in the middle of a line leaves it without an end, and the next process does not
/// go on with it. Nothing is added to what nobody goes on with.
#[test]
fn a_line_that_a_kill_has_cut_is_ended_before_the_next_process_writes() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'printf half; exec sleep 1000'], stdout: out, autorestart: always, starttime: 0}",
    );
    let running = site.supervise();
    for lines in ["half", "half\nhalf", "half\nhalf\nhalf"] {
        wait_until("the words of the next process", || running.site.read("out") == lines);
        let pid = running.pid_of("w:0").expect("it runs");
        kill(pid, Signal::SIGKILL);
    }
    running.stop();
}

/// A prompt is seen at once while its program is the only one that writes to the file. Who joins it waits for the
/// end of that line, but not for long.
#[test]
fn half_a_line_of_a_sole_writer_is_seen_at_once_and_holds_nobody_up_for_long() {
    let site = Site::new(
        "  a: {cmd: [sh, -c, 'printf prompt; until [ -e go ]; do sleep 0.02; done; echo answer; exec sleep 1000'], stdout: out, starttime: 0}\n  b: {cmd: [sh, -c, 'echo line; exec sleep 1000'], stdout: ./out, autostart: false, starttime: 0}",
    );
    let mut console = harness::Console::open(site);
    wait_until("the prompt", || console.running.site.read("out") == "prompt");
    assert_eq!(console.ask("start b"), ["b:0: started"]);
    wait_until("the line of the other one", || console.running.site.read("out") == "prompt\nline\n");
    console.running.site.write("go", "");
    wait_until("the rest", || console.running.site.read("out") == "prompt\nline\nanswer\n");
}

/// Whoever follows a log hears of what another program writes there under another name of the same file.
#[test]
fn who_follows_a_log_is_told_by_whatever_name_others_know_it() {
    let site = Site::new(
        "  a: {cmd: sleep 1000, stdout: sub/../out, starttime: 0}\n  b: {cmd: [sh, -c, 'until [ -e go ]; do sleep 0.02; done; echo line; exec sleep 1000'], stdout: out, starttime: 0}",
    );
    std::fs::create_dir(site.path("sub")).unwrap();
    let running = site.supervise();
    wait_until("both to run", || running.status()["counts"]["RUNNING"] == 2);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_taskmaster"));
    command.current_dir(running.site.path("")).args(["tail", "-f", "-n", "5", "b"]);
    let mut tail = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut output = std::io::BufReader::new(tail.stdout.take().unwrap());
    // It is followed for sure when what stood there before has been told.
    std::fs::OpenOptions::new()
        .append(true)
        .open(running.site.path("out"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, b""))
        .unwrap();
    running.site.write("go", "");
    let mut text = String::new();
    std::io::BufRead::read_line(&mut output, &mut text).unwrap();
    assert_eq!(text, "line\n");
    tail.kill().unwrap();
    tail.wait().unwrap();
    running.stop();
}
