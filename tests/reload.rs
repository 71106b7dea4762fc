//! Another configuration while everything runs: what changed is applied, what did not is not touched,
//! and what is wrong changes nothing.

mod harness;
#[path = "config/mutate.rs"]
mod mutate;

use harness::{Console, PATIENCE, Running, Site, free_port, get, kill, marked, wait_for, wait_until};
use mutate::{Random, mutate};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

fn pids(running: &Running) -> Vec<(String, u32)> {
    let status = running.status();
    let programs = status["programs"].as_array().unwrap();
    let rows = programs.iter().flat_map(|program| program["processes"].as_array().unwrap());
    let pid = |row: &serde_json::Value| {
        Some((row["name"].as_str()?.to_owned(), u32::try_from(row["pid"].as_u64()?).ok()?))
    };
    rows.filter_map(pid).collect()
}

/// The states that an instance can be in when something is asked of it, and how it gets there.
/// `{env}` is where a change is made.
const STATES: [(&str, &str, &str); 8] = [
    ("STOPPED", "{cmd: sleep 1000, starttime: 0, autostart: false, env: {V: {env}}}", ""),
    ("STARTING", "{cmd: sleep 1000, starttime: 1000, env: {V: {env}}}", ""),
    ("RUNNING", "{cmd: sleep 1000, starttime: 0, env: {V: {env}}}", ""),
    ("BACKOFF", "{cmd: 'false', starttime: 1000, restart_delay: 1000, env: {V: {env}}}", ""),
    (
        "STOPPING",
        "{cmd: [sh, -c, 'trap \"\" TERM; echo > ready; exec sleep 1000'], starttime: 0, stoptime: 1000, env: {V: {env}}}",
        "stop w\n",
    ),
    (
        "STOPPING",
        "{cmd: [sh, -c, '(trap \"\" TERM; echo > ready; exec sleep 1000) & exec sleep 1000'], starttime: 0, stoptime: 1000, env: {V: {env}}}",
        "stop w\n",
    ),
    ("EXITED", "{cmd: 'true', starttime: 0, autorestart: never, env: {V: {env}}}", ""),
    ("FATAL", "{cmd: /nowhere/x, startretries: 0, env: {V: {env}}}", ""),
];

/// What is asked, and the state that each of [`STATES`] ends in. STOPPING is over by then.
const WISHES: [(&str, [&str; 8]); 7] = [
    ("start", ["RUNNING", "STARTING", "RUNNING", "BACKOFF", "RUNNING", "RUNNING", "EXITED", "FATAL"]),
    ("stop", ["STOPPED", "STOPPED", "STOPPED", "STOPPED", "STOPPED", "STOPPED", "EXITED", "FATAL"]),
    ("restart", ["RUNNING", "STARTING", "RUNNING", "BACKOFF", "RUNNING", "RUNNING", "EXITED", "FATAL"]),
    ("same", ["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPED", "STOPPED", "EXITED", "FATAL"]),
    ("changed", ["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPED", "STOPPED", "EXITED", "FATAL"]),
    ("removed", ["", "", "", "", "", "", "", ""]),
    ("shutdown", ["", "", "", "", "", "", "", ""]),
];

#[test]
fn whatever_is_wished_in_whatever_state_comes_true_with_one_process() {
    for (wish, outcomes) in WISHES {
        for ((state, program, way), outcome) in STATES.into_iter().zip(outcomes) {
            let what = format!("{wish} while {state}: {program}");
            let site = Site::new(&format!("  w: {}", program.replace("{env}", "old")));
            let mut console = Console::open(site);
            if !way.is_empty() {
                wait_until("the trap", || console.running.site.path("ready").exists());
                console.running.wait_for_state("w:0", "RUNNING");
                console.say(way);
            }
            console.running.wait_for_state("w:0", state);
            let before = console.running.pid_of("w:0");
            // The console waits for the stop; nobody else has to.
            let stubborn: Vec<u32> = match way {
                "" => Vec::new(),
                _ => marked(&console.running.site.mark),
            };
            wish_for(&mut console, wish, program);
            for pid in stubborn.into_iter().filter(|pid| *pid != console.running.pid()) {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
            match wish {
                "shutdown" => assert!(console.running.wait().success(), "{what}"),
                "removed" => wait_until(&what, || console.running.status()["programs"][0].is_null()),
                _ => {
                    let settled = || {
                        let row = console.running.process("w:0");
                        let is_new = row["pid"].as_u64().map(|pid| pid as u32) != before;
                        let must_be_new = matches!(wish, "restart" | "changed") && before.is_some();
                        row["state"] == outcome && (is_new || !must_be_new)
                    };
                    wait_until(&what, settled);
                }
            }
            if wish == "same" && outcome == state {
                assert_eq!(console.running.pid_of("w:0"), before, "{what}");
            }
            let processes = usize::from(matches!(outcome, "RUNNING" | "STARTING"));
            let supervisor = usize::from(wish != "shutdown");
            // The second kind of STOPPING has two processes when it runs.
            let more = usize::from(outcome == "RUNNING" && program.contains(") &"));
            wait_until(&format!("the right number of processes after {what}"), || {
                marked(&console.running.site.mark).len() == processes + supervisor + more
            });
        }
    }
}

/// While the console waits for a stop, it is a signal or a file that says more.
fn wish_for(console: &mut Console, wish: &str, program: &str) {
    let new = match wish {
        "changed" => Some(format!("  w: {}", program.replace("{env}", "new"))),
        "removed" => Some(" {}".to_owned()),
        _ => None,
    };
    if let Some(new) = &new {
        console.running.site.configure(new, "");
    }
    match wish {
        "same" | "changed" | "removed" => console.running.signal(Signal::SIGHUP),
        "shutdown" => console.running.signal(Signal::SIGTERM),
        // The console reads this when the stop is over.
        _ => console.say(&format!("{wish} w\n")),
    }
    if matches!(wish, "same" | "changed" | "removed") {
        wait_until("the reload", || console.running.log().contains("reload: ="));
    }
}

#[test]
fn only_the_surplus_stops_and_only_the_new_starts() {
    let line = |count: u32| format!("  w: {{cmd: sleep 1000, numprocs: {count}, starttime: 0}}");
    let mut console = Console::open(Site::new(&line(3)));
    wait_until("all to run", || console.running.status()["counts"]["RUNNING"] == 3);
    let before = pids(&console.running);
    console.running.site.configure(&line(5), "");
    assert_eq!(console.ask("plan"), ["~ w: numprocs 3 -> 5 (in place)", "= 0 programs untouched"]);
    assert_eq!(pids(&console.running), before, "plan does nothing");
    let answer = console.ask("reload");
    assert_eq!(answer[2..], ["w:3: started", "w:4: started"]);
    assert_eq!(pids(&console.running)[..3], before);
    console.running.site.configure(&line(2), "");
    let answer = console.ask("reload");
    let told: std::collections::BTreeSet<_> = answer[2..].iter().map(String::as_str).collect();
    assert_eq!(told, ["w:2: removed", "w:3: removed", "w:4: removed"].into());
    assert_eq!(pids(&console.running), before[..2]);
    assert_eq!(console.ask("reload"), ["= 1 program untouched; nothing to do"]);
    console.running.stop();
}

#[test]
fn scale_lasts_until_the_next_reload_and_is_shown() {
    let mut console = Console::open(Site::new("  w: {cmd: sleep 1000, starttime: 0}"));
    console.running.wait_for_state("w:0", "RUNNING");
    let before = pids(&console.running);
    assert_eq!(console.ask("scale w 3"), ["w:1: started", "w:2: started"]);
    assert_eq!(console.ask("plan")[0], "~ w: numprocs 3 -> 1 (in place)");
    // A script gets one line for each instance and nothing else.
    assert_eq!(console.ask("status").len(), 4);
    let table = console.ask("status --columns 80");
    assert_eq!(table.last().unwrap(), "w: scaled to 3 instances; the configuration says 1");
    assert_eq!(console.ask("scale w none"), ["ERROR none: a number of instances is 0 or more"]);
    console.ask("reload");
    assert_eq!(pids(&console.running), before);
    assert_eq!(console.ask("scale w 0"), ["w:0: removed"]);
    assert_eq!(console.ask("reload")[2..], ["w:0: started"]);
    console.running.stop();
}

#[test]
fn what_is_no_configuration_changes_nothing_and_the_answer_says_why() {
    let mut console = Console::open(Site::new("  w: {cmd: sleep 1000, numprocs: 2, starttime: 0}"));
    wait_until("both to run", || console.running.status()["counts"]["RUNNING"] == 2);
    let before = pids(&console.running);
    let file = console.running.site.path("config.yaml");
    type Break = fn(&Path);
    let breaks: [(&str, Break); 6] = [
        ("there is no such file", |_| {}),
        ("a directory", |file| fs::create_dir(file).unwrap()),
        ("a FIFO", |file| nix::unistd::mkfifo(file, nix::sys::stat::Mode::S_IRWXU).unwrap()),
        ("larger than", |file| fs::write(file, vec![b'#'; 2 << 20]).unwrap()),
        ("is not UTF-8", |file| fs::write(file, b"programs: {\xff}").unwrap()),
        ("unknown key `cmdd`", |file| fs::write(file, "programs:\n  w:\n    cmdd: x\n").unwrap()),
    ];
    for (told, make) in breaks {
        let _ = fs::remove_file(&file);
        let _ = fs::remove_dir(&file);
        make(&file);
        for command in ["plan", "reload"] {
            let answer = console.ask(command).join("\n");
            assert!(answer.starts_with("ERROR ") && answer.contains(told), "{answer}");
            assert!(answer.contains("nothing was changed"), "{answer}");
        }
        assert_eq!(pids(&console.running), before, "{told}");
    }
    let answer = console.ask("reload").join("\n");
    assert!(answer.contains("config.yaml:3:5"), "{answer}");
    console.running.stop();
}

#[test]
fn two_thousand_broken_configurations_leave_every_process_as_it_was() {
    let programs = "  a: {cmd: sleep 1000, numprocs: 2, starttime: 0, env: {A: \"x y\"}}\n  b:\n    cmd: sleep 1000\n    starttime: 0\n    umask: 022\n";
    let site = Site::new(programs);
    site.configure(programs, "  logfile_maxbytes: 0");
    let valid = site.read("config.yaml");
    let running = site.supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 3);
    let started = |running: &Running| -> Vec<_> {
        let born = |pid: u32| fs::metadata(format!("/proc/{pid}")).map(|found| found.ctime()).ok();
        pids(running).into_iter().map(|(name, pid)| (name, pid, born(pid))).collect()
    };
    let before = started(&running);
    let environment = |name: &str| std::env::var(name).ok();
    let mut broken = 0;
    let mut log = fs::File::open(running.site.path("logs/taskmaster.log")).unwrap();
    for seed in 1.. {
        let text = mutate(&valid, &mut Random(seed * 0x9E37_79B9));
        let source = taskmaster::config::Source {
            name: "config.yaml".to_owned(),
            text: text.clone(),
            directory: "/".into(),
        };
        if taskmaster::config::parse(&source, &environment).is_ok() {
            continue;
        }
        // In place of the old file at once: half of a text may be a valid one.
        running.site.write("new.yaml", &text);
        fs::rename(running.site.path("new.yaml"), running.site.path("config.yaml")).unwrap();
        running.signal(Signal::SIGHUP);
        read_until(&mut log, "nothing was changed");
        broken += 1;
        if broken == 2_000 {
            break;
        }
    }
    assert_eq!(started(&running), before);
    running.site.write("config.yaml", &valid);
    running.signal(Signal::SIGHUP);
    wait_until("the last reload", || running.log().contains("= 2 programs untouched; nothing to do"));
    assert_eq!(started(&running), before);
    running.stop();
}

/// Reads what is appended to a file until `text` is among it.
fn read_until(file: &mut fs::File, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = String::new();
    loop {
        file.read_to_string(&mut seen).unwrap();
        if seen.contains(text) {
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain for {text:?}: {seen}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_thousand_hangups_are_a_few_reloads() {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0}").supervise();
    running.wait_for_state("w:0", "RUNNING");
    let before = pids(&running);
    running.signal(Signal::SIGSTOP);
    for _ in 0..1_000 {
        running.signal(Signal::SIGHUP);
    }
    running.signal(Signal::SIGCONT);
    let reloads = || running.log().matches("reload: =").count();
    wait_until("a reload", || reloads() > 0);
    assert!(reloads() <= 2, "{}", reloads());
    for _ in 0..1_000 {
        running.signal(Signal::SIGHUP);
    }
    running.wait_for_state("w:0", "RUNNING");
    assert_eq!(pids(&running), before);
    running.stop();
}

#[test]
fn a_hangup_does_not_cancel_a_shutdown() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'trap \"\" TERM; echo > ready; exec sleep 1000'], starttime: 0, stoptime: 500ms}",
    );
    let mut running = site.supervise();
    wait_until("the trap", || running.site.path("ready").exists());
    running.signal(Signal::SIGTERM);
    running.wait_for_state("w:0", "STOPPING");
    running.site.configure("  v: {cmd: sleep 1000, starttime: 0}", "");
    running.signal(Signal::SIGHUP);
    assert!(running.wait().success());
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
    assert!(!running.log().contains("v:0: spawned"));
}

#[test]
fn the_supervisors_own_section_applies_while_it_runs() {
    let programs = "  w: {cmd: sleep 1000, starttime: 0}";
    let mut console = Console::open(Site::new(programs));
    console.running.wait_for_state("w:0", "RUNNING");
    let (old_port, before) = (console.running.site.port, pids(&console.running));
    console.running.site.port = free_port();
    console.running.site.configure(programs, "  loglevel: debug\n  logfile: logs/other.log");
    let answer = console.ask("reload");
    assert_eq!(answer, ["~ taskmaster: http, logfile, loglevel (in place)", "= 1 program untouched"]);
    assert_eq!(pids(&console.running), before, "the dashboard is at its new address");
    assert!(get(old_port, "/api/status").is_err(), "and not at the old one any more");
    console.ask("stop w");
    wait_until("the other log", || console.running.site.read("logs/other.log").contains("[DEBUG] w:0"));
    console.running.stop();
}

#[test]
fn new_rotation_sizes_count_for_what_runs_already() {
    let programs = |size: &str| {
        let script = "i=0; while :; do i=$((i+1)); echo line $i; read x < tick; done";
        format!(
            "  w: {{cmd: [sh, -c, '{script}'], starttime: 0, stdout: out, stdout_maxbytes: {size}, stdout_backups: 2}}"
        )
    };
    let site = Site::new(&programs("0"));
    nix::unistd::mkfifo(&site.path("tick"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut console = Console::open(site);
    let tick = console.running.site.path("tick");
    let mut count = 1;
    let mut write_some = |console: &Console, until: &dyn Fn(&Console) -> bool| {
        wait_for("enough lines", || {
            fs::write(&tick, "\n").unwrap();
            count += 1;
            until(console).then_some(())
        });
    };
    write_some(&console, &|console| console.running.site.read("out").lines().count() > 20);
    assert!(!console.running.site.path("out.1").exists());
    let before = pids(&console.running);
    console.running.site.configure(&programs("100"), "");
    assert_eq!(console.ask("reload")[0], "~ w: stdout_maxbytes (in place)");
    write_some(&console, &|console| console.running.site.path("out.1").exists());
    assert_eq!(pids(&console.running), before);
    console.running.stop();
}

#[test]
fn what_the_command_line_said_counts_at_a_reload_too() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0}");
    let port = free_port();
    let mut command = site.command();
    command.args(["--http", &format!("127.0.0.1:{port}"), "--log-level", "debug"]);
    let running = site.start_unseen(&mut command);
    wait_until("the dashboard", || get(port, "/api/status").is_ok());
    running.site.configure("  w: {cmd: sleep 1001, starttime: 0}", "  loglevel: error");
    running.signal(Signal::SIGHUP);
    wait_until("the reload", || running.log().contains("reload: = 0 programs untouched"));
    assert!(get(port, "/api/status").is_ok());
    kill(running.pid(), Signal::SIGTERM);
}

#[test]
fn the_client_plans_reloads_and_scales() {
    let programs = |seconds: u32| format!("  w: {{cmd: sleep {seconds}, starttime: 0}}");
    let running = Site::new(&programs(1000)).supervise();
    running.wait_for_state("w:0", "RUNNING");
    let client = |words: &[&str]| {
        let output =
            running.site.command().args(words).stdout(std::process::Stdio::piped()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let nothing = "= 1 program untouched; nothing to do\n".to_owned();
    assert_eq!(client(&["plan", "--exit-code"]), (0, nothing.clone()));
    running.site.configure(&programs(1001), "");
    let plan = "~ w: cmd (restart)\n= 0 programs untouched\n".to_owned();
    assert_eq!(client(&["plan", "--exit-code"]), (2, plan.clone()));
    assert_eq!(client(&["plan"]), (0, plan.clone()));
    assert_eq!(client(&["reload"]), (0, plan + "w:0: started\n"));
    assert_eq!(client(&["scale", "w", "2"]), (0, "w:1: started\n".to_owned()));
    running.site.write("config.yaml", "programs: {");
    assert_eq!(client(&["plan", "--exit-code"]).0, 1);
    let (code, told) = client(&["reload"]);
    assert_eq!(code, 1);
    assert!(told.starts_with("ERROR ") && told.contains("config.yaml:1:"), "{told}");
    running.stop();
}
