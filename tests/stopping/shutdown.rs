//! The way out: by signals and by command, in order of priority, with nothing left behind.

use crate::harness::{self, Site, is_alive, kill, marked, wait_for, wait_until, wait_while};
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn each_of_the_three_signals_stops_everything_and_exits_with_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut running = Site::new("  w: {cmd: sleep 1000, numprocs: 3, starttime: 0}").supervise();
        wait_until("all to run", || running.status()["counts"]["RUNNING"] == 3);
        running.signal(signal);
        assert_eq!(running.wait().code(), Some(0), "{signal}");
        assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
        assert!(running.log().contains("shutdown complete"));
    }
}

#[test]
fn a_second_signal_kills_at_once() {
    let mut running = Site::new(
        "  w: {cmd: [sh, -c, 'trap \"\" TERM; echo > ready; sleep 1000; sleep 1000'], starttime: 0, stoptime: 1000}",
    )
    .supervise();
    wait_until("the trap to be set", || harness::exists(&running.site.path("ready")));
    running.signal(Signal::SIGTERM);
    running.wait_for_state("w:0", "STOPPING");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
}

/// Nobody has to send a second signal: who does not obey has its stoptime, and no more.
#[test]
fn what_ignores_its_stopsignal_is_killed_after_stoptime_and_holds_up_no_shutdown() {
    let mut running = Site::new(
        "  deaf: {cmd: [sh, -c, 'trap \"\" TERM; echo > ready; sleep 1000; sleep 1000'], starttime: 0, stoptime: 300ms}\n  good: {cmd: sleep 1000, starttime: 0, priority: 1}",
    )
    .supervise();
    wait_until("the trap to be set", || harness::exists(&running.site.path("ready")));
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
}

#[test]
fn a_higher_priority_number_stops_first_and_a_lower_one_starts_first() {
    let program = |name: &str, priority: i32| {
        format!(
            "  {name}:\n    cmd: [sh, -c, 'echo up {name} >> order; trap \"sleep 0.1; echo down {name} >> order; exit 0\" TERM; while :; do sleep 0.02; done']\n    priority: {priority}\n    starttime: 0\n    stopasgroup: false"
        )
    };
    let site = Site::new(&[program("web", 20), program("db", -1), program("cache", 7)].join("\n"));
    let running = site.supervise();
    wait_until("all to be up", || running.site.read("order").lines().count() == 3);
    // A child may be quicker than the log.
    let started = |name: &str| wait_for("its line", || running.log().find(&format!("{name}:0: spawned")));
    assert!(started("db") < started("cache") && started("cache") < started("web"));
    let order = running.site.path("order");
    running.site.write("order", "");
    let mut running = running;
    running.signal(Signal::SIGTERM);
    running.wait();
    assert_eq!(std::fs::read_to_string(order).unwrap(), "down web\ndown cache\ndown db\n");
}

#[test]
fn a_shutdown_cancels_what_waits_to_be_started_or_retried() {
    let mut running = Site::new(
        "  many: {cmd: sleep 1000, numprocs: 400, starttime: 0, stdout: none, stderr: none}\n  flaky: {cmd: \"false\", restart_delay: 1000}",
    )
    .supervise();
    running.wait_for_state("flaky:0", "BACKOFF");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(marked(&running.site.mark), Vec::<u32>::new());
}

#[test]
fn a_hangup_without_a_terminal_ends_nothing_and_cancels_no_shutdown() {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0}").supervise();
    running.signal(Signal::SIGHUP);
    wait_while("it left", Duration::from_millis(300), || is_alive(running.pid()));
    assert!(running.log().contains("SIGHUP"));
    running.signal(Signal::SIGHUP);
    running.stop();
}

#[test]
fn signals_in_great_numbers_are_survived() {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0}").supervise();
    for _ in 0..1000 {
        kill(running.pid(), Signal::SIGUSR2);
        kill(running.pid(), Signal::SIGHUP);
        kill(running.pid(), Signal::SIGCHLD);
    }
    for _ in 0..200 {
        kill(running.pid(), Signal::SIGSTOP);
        kill(running.pid(), Signal::SIGCONT);
    }
    assert_eq!(running.wait_for_state("w:0", "RUNNING")["restarts"], 0);
    running.stop();
}

#[test]
fn a_stray_signal_ends_nothing_and_children_do_not_inherit_its_handling() {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0}").supervise();
    for signal in
        [Signal::SIGUSR1, Signal::SIGALRM, Signal::SIGVTALRM, Signal::SIGPROF, Signal::SIGIO, Signal::SIGXFSZ]
    {
        kill(running.pid(), signal);
    }
    let child = running.wait_for_state("w:0", "RUNNING")["pid"].as_u64().unwrap() as u32;
    kill(child, Signal::SIGUSR1);
    wait_until("the child to have died of it", || running.process("w:0")["exit"]["signal"] == "USR1");
    running.stop();
}

/// RLIMIT_FSIZE: the kernel sends XFSZ, and the write fails.
#[test]
fn a_log_file_at_its_size_limit_ends_nobody_but_the_log() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'trap \"\" XFSZ; yes | head -c 3000000; exec sleep 1000'], starttime: 0}",
    );
    let mut command = site.command();
    // SAFETY: setrlimit(2) is async-signal-safe.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(&mut command, || {
            let limit = nix::libc::rlimit { rlim_cur: 1 << 20, rlim_max: 1 << 20 };
            match nix::libc::setrlimit(nix::libc::RLIMIT_FSIZE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        })
    };
    let running = site.start(&mut command);
    wait_until("the loss to be told", || {
        running.log().contains("w.stdout cannot be written, output is dropped")
    });
    assert_eq!(running.state("w:0"), "RUNNING");
    running.stop();
}

#[test]
fn as_pid_1_it_reaps_everybody_and_leaves_on_term() {
    let site = Site::new("  w: {cmd: \"sh -c '(setsid sleep 0.1 &) ; exec sleep 1000'\", starttime: 0}");
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(env!("CARGO_BIN_EXE_taskmaster")).current_dir(site.path(""));
    command.env(harness::Mark::NAME, site.mark.value());
    let allowed = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--pid", "--fork", "true"])
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("LEFT OUT: this machine allows no user namespaces");
        return;
    }
    let running = site.start(&mut command);
    assert_eq!(running.status()["taskmaster"]["pid"], 1);
    running.wait_for_state("w:0", "RUNNING");
    let inner = marked(&running.site.mark);
    let supervisor =
        inner.into_iter().find(|pid| harness::field(*pid, "Name").as_deref() == Some("taskmaster"));
    let supervisor = supervisor.unwrap();
    wait_until("no zombie to be left", || {
        let children =
            std::fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
        children.split_whitespace().count() == 1
    });
    kill(supervisor, Signal::SIGTERM);
    let mut running = running;
    assert_eq!(running.wait().code(), Some(0));
}
