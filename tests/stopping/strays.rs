//! What a program leaves behind: processes that left its group, and even its session, are ended by a
//! stop; nobody else is ever touched.

use crate::harness::{Console, Mark, Site, field, is_alive, kill, marked, wait_for, wait_until};
use nix::libc;
use nix::sys::signal::Signal;
use std::process::{Command, Stdio};

/// A script that starts one stray in each of three ways and writes down their pids: a session of its
/// own, a double fork into one, and one that is a child of a stray and has forgotten its environment.
/// Its group is complete by then: whoever comes into it behind the signal of a stop outlives that.
const STRAYS: &str = "sleep 1000 &
setsid sh -c 'echo $$ >> strays; exec sleep 1000' &
(setsid sh -c 'echo $$ >> strays; exec sleep 1000' &) &
setsid sh -c 'env -i sh -c \"echo \\$\\$ >> strays; exec sleep 1000\" & echo $$ >> strays; wait' &
trap 'exit 0' TERM
wait
";

fn strays(site: &Site, count: usize) -> Vec<u32> {
    wait_for("the strays", || {
        let pids: Vec<u32> = site.read("strays").lines().filter_map(|line| line.parse().ok()).collect();
        (pids.len() == count).then_some(pids)
    })
}

fn site(keys: &str, script: &str) -> Site {
    let site = Site::new(&format!("  w: {{cmd: [sh, ./script.sh], starttime: 0, {keys}}}"));
    site.write("script.sh", script);
    site
}

#[test]
fn a_stop_ends_whatever_left_the_group_and_counts_it() {
    let mut console = Console::open(site("stoptime: 1000", STRAYS));
    let strays = strays(&console.running.site, 4);
    // It outlives a failure, and must not hold the pipe of whoever reads about that.
    let mut bystander = Command::new("setsid");
    bystander.args(["sleep", "1000"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut bystander = bystander.spawn().unwrap();
    assert_eq!(console.ask("stop w"), ["w:0: stopped (4 strays ended)"]);
    assert_eq!(strays.iter().filter(|pid| is_alive(**pid)).count(), 0);
    assert_eq!(marked(&console.running.site.mark), [console.running.pid()]);
    assert!(is_alive(bystander.id()), "a bystander");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    console.running.stop();
}

#[test]
fn a_stray_that_ignores_the_stopsignal_is_killed_after_a_stoptime_of_its_own() {
    let script = "setsid sh -c 'trap \"\" TERM; echo $$ >> strays; exec sleep 1000' &\nexec sleep 1000\n";
    let mut console = Console::open(site("stoptime: 300ms", script));
    let strays = strays(&console.running.site, 1);
    assert_eq!(console.ask("stop w"), ["w:0: stopped (1 stray ended)"]);
    assert!(!is_alive(strays[0]));
    console.running.stop();
}

/// Its parent obeys and is gone first; then nothing but what was seen before says whose it is.
#[test]
fn a_stray_without_its_environment_is_not_forgotten_when_its_parent_ends() {
    let script = "setsid sh ./parent.sh &\nexec sleep 1000\n";
    let site = site("stoptime: 300ms", script);
    site.write("parent.sh", "env -i sh ./deaf.sh &\necho $$ >> strays\nwait\n");
    site.write("deaf.sh", "trap '' TERM\necho $$ >> strays\nexec sleep 1000\n");
    let mut console = Console::open(site);
    let strays = strays(&console.running.site, 2);
    assert_eq!(console.ask("stop w"), ["w:0: stopped (2 strays ended)"]);
    assert_eq!(strays.iter().filter(|pid| is_alive(**pid)).count(), 0);
    console.running.stop();
}

#[test]
fn a_stray_gets_the_programs_stopsignal_and_time_to_obey() {
    let script = "setsid sh -c 'trap \"echo bye > bye; exit\" USR1; echo $$ >> strays; while :; do sleep 0.05; done' &\nexec sleep 1000\n";
    let mut console = Console::open(site("stopsignal: USR1, stoptime: 1000", script));
    strays(&console.running.site, 1);
    // The sleep of the moment may be another one.
    let answer = console.ask("stop w");
    assert!(answer[0].starts_with("w:0: stopped ("), "{answer:?}");
    assert_eq!(console.running.site.read("bye"), "bye\n");
    console.running.stop();
}

#[test]
fn a_daemon_that_a_program_leaves_behind_is_ended_by_the_stop_after_it_too() {
    // The program is the parent that a daemon forks away from; it lives a little longer.
    let script = "(setsid sh -c 'echo $$ >> strays; exec sleep 1000' > /dev/null 2>&1 &)\nexec sleep 1000\n";
    let mut console = Console::open(site("stoptime: 1000", script));
    let daemon = strays(&console.running.site, 1)[0];
    wait_until("it to be adopted", || field(daemon, "PPid") == Some(console.running.pid().to_string()));
    assert_eq!(console.ask("restart w"), ["w:0: started"]);
    assert!(!is_alive(daemon));
    console.running.stop();
}

#[test]
fn with_never_strays_live_on_and_only_their_own_runs_strays_are_ended() {
    let mut console = Console::open(Site::new(
        "  a: {cmd: [sh, ./script.sh], starttime: 0, kill_strays: never}\n  b: {cmd: [sh, ./script.sh], starttime: 0}",
    ));
    let script =
        "setsid sh -c 'echo $$ >> strays.$TASKMASTER_PROGRAM_NAME; exec sleep 1000' &\nexec sleep 1000\n";
    console.running.site.write("script.sh", script);
    assert_eq!(console.ask("start all").len(), 2);
    let pid = |name: &str| -> u32 {
        wait_for("a stray", || console.running.site.read(name).lines().last()?.parse().ok())
    };
    let (of_a, of_b) = (pid("strays.a"), pid("strays.b"));
    assert_eq!(console.ask("stop a"), ["a:0: stopped"]);
    assert!(is_alive(of_a) && is_alive(of_b));
    assert_eq!(console.ask("stop b"), ["b:0: stopped (1 stray ended)"]);
    assert!(is_alive(of_a) && !is_alive(of_b));
    kill(of_a, Signal::SIGKILL);
}

#[test]
fn with_always_an_exit_is_followed_only_when_its_strays_are_gone() {
    let script = "echo run >> runs
if [ -f second ]; then exec sleep 1000; fi
setsid sh -c 'echo $$ >> strays; exec sleep 1000' &
sleep 1000 &
while [ ! -f second ]; do sleep 0.01; done
exit 3
";
    let running = site("kill_strays: always, stoptime: 1000", script).supervise();
    let stray = strays(&running.site, 1)[0];
    running.site.write("second", "");
    wait_until("the restart", || running.site.read("runs").lines().count() == 2);
    assert!(!is_alive(stray));
    let row = running.wait_for_state("w:0", "RUNNING");
    assert_eq!(row["restarts"], 1, "{row}");
    wait_until("only the new process", || marked(&running.site.mark).len() == 2);
    running.stop();
}

#[test]
fn a_shutdown_ends_strays_as_well() {
    let running = site("stoptime: 1000", STRAYS).supervise();
    let strays = strays(&running.site, 4);
    running.stop();
    assert_eq!(strays.iter().filter(|pid| is_alive(**pid)).count(), 0);
}

/// A program that ends by itself and leaves one process in its group and one in a session of its own.
const DAEMONS: &str = "touch strays; before=$(wc -l < strays)
sleep 1000 & echo $! >> strays
setsid sh -c 'echo $$ >> strays; exec sleep 1000' &
while [ $(wc -l < strays) -lt $((before + 2)) ]; do sleep 0.01; done
exit ${CODE:-0}
";

fn none_alive(pids: &[u32]) -> bool {
    pids.iter().all(|pid| !is_alive(*pid))
}

#[test]
fn what_a_run_left_that_ended_by_itself_is_ended_by_a_later_stop() {
    let mut console = Console::open(site("stoptime: 1000, autorestart: never", DAEMONS));
    let left = strays(&console.running.site, 2);
    console.running.wait_for_state("w:0", "EXITED");
    let mut bystander = Command::new("setsid").args(["sleep", "1000"]).spawn().unwrap();
    let why = console.ask("why w");
    assert!(why.contains(&"  2 processes of its earlier runs are alive".to_owned()), "{why:#?}");
    assert!(left.iter().all(|pid| is_alive(*pid)), "an exit alone ends nothing");
    assert_eq!(console.ask("stop w"), ["w:0: stopped (2 strays ended)"]);
    assert!(none_alive(&left) && is_alive(bystander.id()));
    assert_eq!(console.ask("stop w"), ["w:0: already stopped"]);
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    console.running.stop();
}

/// The supervisor may have no descriptor more than it has: who is to be ended is found all the same.
#[test]
fn what_is_left_is_found_and_ended_without_a_free_descriptor() {
    let mut console = Console::open(site("stoptime: 1000, autorestart: never", DAEMONS));
    let left = strays(&console.running.site, 2);
    console.running.wait_for_state("w:0", "EXITED");
    let pid = console.running.pid();
    // Asked over HTTP until now; the connection's descriptor is to be given back before they are counted.
    let numbers = || -> Vec<u64> {
        let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let mut numbers: Vec<u64> =
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    };
    let mut before = Vec::new();
    wait_until("descriptors to come to rest", || {
        let now = numbers();
        std::mem::replace(&mut before, now.clone()) == now
    });
    let first_free = (0..).find(|number| !before.contains(number)).unwrap();
    let limit = libc::rlimit { rlim_cur: first_free, rlim_max: first_free };
    // SAFETY: reads one struct that lives; our user's process is there.
    let limited =
        unsafe { libc::prlimit(pid.cast_signed(), libc::RLIMIT_NOFILE, &limit, std::ptr::null_mut()) };
    assert_eq!(limited, 0, "{}", std::io::Error::last_os_error());
    assert_eq!(console.ask("stop w"), ["w:0: stopped (2 strays ended)"]);
    assert!(none_alive(&left));
    console.running.stop();
}

#[test]
fn a_restart_from_rest_begins_when_what_was_left_is_gone_and_a_start_leaves_it() {
    let mut console = Console::open(site("stoptime: 1000, type: oneshot, autorestart: never", DAEMONS));
    let first = strays(&console.running.site, 2);
    console.running.wait_for_state("w:0", "EXITED");
    assert_eq!(console.ask("start w"), ["w:0: started, and done (exit code 0)"]);
    assert!(first.iter().all(|pid| is_alive(*pid)), "a start ends nothing");
    assert_eq!(console.ask("restart w"), ["w:0: started, and done (exit code 0)"]);
    assert!(none_alive(&first));
    let second = strays(&console.running.site, 6)[4..].to_vec();
    console.running.stop();
    assert!(none_alive(&second));
}

#[test]
fn a_stop_of_what_waits_for_a_retry_or_gave_up_ends_what_its_tries_left() {
    for (keys, state) in [("restart_delay: 600", "BACKOFF"), ("startretries: 0", "FATAL")] {
        let keys = format!("starttime: 1000, stoptime: 1000, env: {{CODE: 3}}, {keys}");
        let site = Site::new(&format!("  w: {{cmd: [sh, ./script.sh], {keys}}}"));
        site.write("script.sh", DAEMONS);
        let mut console = Console::open(site);
        let left = strays(&console.running.site, 2);
        console.running.wait_for_state("w:0", state);
        assert_eq!(console.ask("stop w"), ["w:0: stopped (2 strays ended)"], "{state}");
        assert!(none_alive(&left));
        console.running.stop();
    }
}

#[test]
fn what_an_earlier_run_left_is_ended_with_its_successor() {
    let script = "if [ -f second ]; then exec sleep 1000; fi
touch second
setsid sh -c 'echo $$ >> strays; exec sleep 1000' &
sleep 1000 & echo $! >> strays
while [ $(wc -l < strays) -lt 2 ]; do sleep 0.01; done
";
    let mut console = Console::open(site("autorestart: always, stoptime: 1000", script));
    let left = strays(&console.running.site, 2);
    wait_until("the second run", || console.running.status()["programs"][0]["processes"][0]["restarts"] == 1);
    console.running.wait_for_state("w:0", "RUNNING");
    assert!(left.iter().all(|pid| is_alive(*pid)), "a restart by policy ends nothing");
    assert_eq!(console.ask("stop w"), ["w:0: stopped (2 strays ended)"]);
    assert!(none_alive(&left));
    console.running.stop();
}

#[test]
fn a_program_that_leaves_the_file_takes_along_what_it_left() {
    let mut console = Console::open(site("stoptime: 1000, autorestart: never", DAEMONS));
    let left = strays(&console.running.site, 2);
    console.running.wait_for_state("w:0", "EXITED");
    console.running.site.configure("  {}", "");
    let answer = console.ask("reload");
    assert!(answer.contains(&"w:0: removed (2 strays ended)".to_owned()), "{answer:?}");
    assert!(none_alive(&left));
    console.running.stop();
}

#[test]
fn a_shutdown_ends_what_earlier_runs_left_and_kills_what_does_not_obey() {
    let script = "setsid sh -c 'trap \"\" TERM; echo $$ >> strays; exec sleep 1000' &
(trap '' TERM; exec sleep 1000) & echo $! >> strays
while [ $(wc -l < strays) -lt 2 ]; do sleep 0.01; done
";
    let running = site("stoptime: 200ms, autorestart: never", script).supervise();
    let left = strays(&running.site, 2);
    running.wait_for_state("w:0", "EXITED");
    running.stop();
    assert!(none_alive(&left));
}

#[test]
fn never_leaves_what_earlier_runs_left_and_without_killasgroup_their_groups_are_left() {
    let mut console = Console::open(Site::new(
        "  a: {cmd: [sh, ./script.sh], starttime: 0, autorestart: never, kill_strays: never}\n  b: {cmd: [sh, ./script.sh], starttime: 0, autorestart: never, killasgroup: false}",
    ));
    let script = "sleep 1000 & echo $! > group.$TASKMASTER_PROGRAM_NAME
setsid sh -c 'echo $$ > stray.$TASKMASTER_PROGRAM_NAME; exec sleep 1000' &
while ! [ -s stray.$TASKMASTER_PROGRAM_NAME ]; do sleep 0.01; done
";
    console.running.site.write("script.sh", script);
    console.ask("start all");
    let pid = |name: &str| -> u32 {
        wait_for("a stray", || console.running.site.read(name).lines().last()?.parse().ok())
    };
    let of_a = [pid("group.a"), pid("stray.a")];
    let (group_of_b, stray_of_b) = (pid("group.b"), pid("stray.b"));
    console.running.wait_for_state("a:0", "EXITED");
    console.running.wait_for_state("b:0", "EXITED");
    assert_eq!(console.ask("stop a"), ["a:0: not running (EXITED)"]);
    assert_eq!(console.ask("stop b"), ["b:0: stopped (1 stray ended)"]);
    assert!(of_a.iter().all(|pid| is_alive(*pid)) && is_alive(group_of_b) && !is_alive(stray_of_b));
    console.running.signal(Signal::SIGTERM);
    assert!(console.running.wait().success());
    for pid in of_a.into_iter().chain([group_of_b]) {
        assert!(is_alive(pid), "left, as the file says");
        kill(pid, Signal::SIGKILL);
    }
}

#[test]
fn a_start_names_the_survivors_of_a_killed_supervisor_and_leaves_them_alone() {
    let mut running = Site::new("  w: {cmd: sleep 1000, starttime: 0, numprocs: 2}").supervise();
    wait_until("both to run", || running.status()["counts"]["RUNNING"] == 2);
    let survivors = [running.pid_of("w:0").unwrap(), running.pid_of("w:1").unwrap()];
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert!(survivors.iter().all(|pid| is_alive(*pid)), "on_crash: keep is the default");
    let mut command = running.site.command();
    let mut second = command.spawn().unwrap();
    let told = format!("left alone: w:0 (pid {}), w:1 (pid {})", survivors[0], survivors[1]);
    wait_until("the survivors to be named", || running.log().contains(&told));
    wait_until("new ones", || running.status()["counts"]["RUNNING"] == 2);
    kill(second.id(), Signal::SIGTERM);
    second.wait().unwrap();
    assert!(survivors.iter().all(|pid| is_alive(*pid)));
    survivors.iter().for_each(|pid| kill(*pid, Signal::SIGKILL));
}

#[test]
fn as_pid_1_of_a_namespace_it_reaps_strangers_and_ends_cleanly() {
    let site = site("stoptime: 1000", STRAYS);
    let mut command = Command::new("unshare");
    command.args(["-Urpf", "--mount-proc", env!("CARGO_BIN_EXE_taskmaster")]);
    command.current_dir(site.path("")).env(Mark::NAME, site.mark.value());
    command.stdin(std::process::Stdio::null());
    if !Command::new("unshare").args(["-Urpf", "--mount-proc", "true"]).status().is_ok_and(|it| it.success())
    {
        eprintln!("left out: this system gives no namespaces");
        return;
    }
    let mut child = command.spawn().unwrap();
    wait_until("the strays", || site.read("strays").lines().count() == 4);
    // unshare forwards nothing; its child is the supervisor.
    let path = format!("/proc/{0}/task/{0}/children", child.id());
    let supervisor: u32 = std::fs::read_to_string(path).unwrap().trim().parse().unwrap();
    assert_eq!(field(supervisor, "NSpid").unwrap().split_whitespace().last(), Some("1"));
    kill(supervisor, Signal::SIGTERM);
    assert!(child.wait().unwrap().success());
    assert!(site.read("logs/taskmaster.log").contains("shutdown complete"));
    assert_eq!(marked(&site.mark), Vec::<u32>::new());
}
