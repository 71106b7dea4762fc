//! What the supervisor takes and gives back: descriptors and memory stay flat, running out of them is
//! survived and told, and what belongs to others is left as it was.

mod harness;

use harness::{Console, Running, Site, cpu_ticks, field, get, is_alive, marked, wait_until};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::Signal;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

fn descriptors(running: &Running) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap().count()
}

/// Memory of its own that is resident, in KiB; pages of its program file come and go.
fn resident(running: &Running) -> u64 {
    let text = field(running.pid(), "RssAnon").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// KiB of the supervisor's own program file that are mapped into it: code and constants that were used of late.
fn mapped_program(running: &Running) -> u64 {
    let exe = env!("CARGO_BIN_EXE_taskmaster");
    let maps = std::fs::read_to_string(format!("/proc/{}/smaps", running.pid())).unwrap();
    let mut is_program = false;
    let mut total = 0;
    for line in maps.lines() {
        if line.contains('-') && !line.ends_with(" kB") {
            is_program = line.ends_with(exe) && !line.contains(" rw-p ");
        } else if let Some(size) = line.strip_prefix("Rss:").filter(|_| is_program) {
            total += size.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
        }
    }
    total
}

#[test]
fn what_only_the_start_needed_is_given_back_once_all_are_running() {
    let running = Site::new("  w: {cmd: sleep 1000, numprocs: 5, starttime: 1}").supervise();
    wait_until("all to run", || running.log().matches("RUNNING").count() == 5);
    // The turn in which they became RUNNING mapped more, whatever was given back before: 1.9 MiB of a release
    // build, 6 of a development build.
    wait_until("the program's pages to go", || mapped_program(&running) < 1536);
    running.stop();
}

/// Lets `command` start with hard and soft limits of this many descriptors, and with none but the
/// standard ones: what the tests' own launcher left open must not count.
fn limit_descriptors(command: &mut Command, count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    // SAFETY: setrlimit(2) and close_range(2) are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            let closed = libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int);
            match closed == 0 && libc::setrlimit(libc::RLIMIT_NOFILE, &limit) == 0 {
                true => Ok(()),
                false => Err(std::io::Error::last_os_error()),
            }
        })
    };
}

#[test]
fn restarts_and_requests_by_the_hundred_leave_no_descriptor_and_no_memory() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: sleep 1000, numprocs: 5, starttime: 0}\n  gone: {cmd: /nowhere/x, startretries: 0}\n  nolog: {cmd: sleep 1000, stderr: /, startretries: 0}",
    ));
    let mut work = |rounds: usize| {
        for _ in 0..rounds {
            console.say("restart w\nstart gone nolog\nstatus\n");
            assert_eq!(get(console.running.site.port, "/api/status").unwrap().status, 200);
        }
        console.ask("signal CONT w");
        wait_until("the dashboard's connections to close", || {
            get(console.running.site.port, "/healthz").is_ok() && descriptors(&console.running) < 40
        });
        (descriptors(&console.running), resident(&console.running))
    };
    let (descriptors_before, memory_before) = work(20);
    let (descriptors_after, memory_after) = work(60);
    // The last look's own connection may or may not be closed yet.
    assert!(descriptors_after <= descriptors_before + 1, "{descriptors_before} -> {descriptors_after}");
    assert!(memory_after < memory_before + 1024, "{memory_before} -> {memory_after} KiB");
}

#[test]
fn without_descriptors_starts_fail_with_the_reason_and_all_else_goes_on() {
    let site = Site::new("  w: {cmd: sleep 1000, numprocs: 40, starttime: 0, restart_delay: 0.1}");
    let mut command = site.command();
    limit_descriptors(&mut command, 60);
    let running = site.start(&mut command);
    wait_until("some to be given up", || running.status()["counts"]["FATAL"].as_u64() > Some(5));
    let status = running.status();
    let works = status["counts"]["RUNNING"].as_u64().unwrap();
    assert!(works > 5, "{status}");
    let description = running.wait_for_state("w:39", "FATAL")["description"].to_string();
    assert!(description.contains("Too many open files"), "{description}");
    running.stop();
}

/// More clients than descriptors: it is told, and the loop does not spin on those it cannot accept,
/// whether it runs into the limit or into what is kept for programs.
#[test]
fn clients_that_cannot_be_accepted_cost_nothing() {
    for limit in 20..26 {
        crowd(limit);
    }
}

fn crowd(limit: u64) {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0}");
    let mut command = site.command();
    limit_descriptors(&mut command, limit);
    let running = site.start(&mut command);
    let crowd: Vec<_> =
        (0..30).map(|_| std::net::TcpStream::connect(("127.0.0.1", running.site.port)).unwrap()).collect();
    wait_until("the shortage", || running.log().contains("connections are turned away"));
    let before = cpu_ticks(running.pid());
    harness::wait_while("it spins", std::time::Duration::from_millis(700), || {
        cpu_ticks(running.pid()) <= before + 5
    });
    drop(crowd);
    wait_until("an answer again", || get(running.site.port, "/healthz").is_ok());
    running.stop();
}

/// O_NONBLOCK belongs to everybody who shares the pipe, and would outlive us.
#[test]
fn what_we_share_with_our_launcher_is_never_made_non_blocking() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0}");
    let (input, _keyboard) = std::io::pipe().unwrap();
    let (_screen, output) = std::io::pipe().unwrap();
    let mut command = site.command();
    command.stdin(Stdio::from(input.try_clone().unwrap())).stdout(Stdio::from(output.try_clone().unwrap()));
    let mut running = site.start(&mut command);
    running.wait_for_state("w:0", "RUNNING");
    running.child.kill().unwrap();
    running.wait();
    let flags =
        |fd: &dyn std::os::fd::AsFd| OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL).unwrap());
    assert!(!flags(&input).contains(OFlag::O_NONBLOCK));
    assert!(!flags(&output).contains(OFlag::O_NONBLOCK));
}

/// Nobody can stop the programs then; but they hold nothing of ours, so that the next supervisor can
/// begin at once.
#[test]
fn when_the_supervisor_is_killed_its_address_and_files_are_free_at_once() {
    let site = Site::new("  w: {cmd: sleep 1000, starttime: 0}");
    let mut command = site.command();
    let mut running = site.start(&mut command);
    let pid = running.wait_for_state("w:0", "RUNNING")["pid"].as_u64().unwrap() as u32;
    harness::kill(running.pid(), Signal::SIGKILL);
    running.wait();
    assert!(is_alive(pid), "on_crash: keep is the rule");
    assert_eq!(marked(&running.site.mark), [pid]);
    drop(TcpListener::bind(("127.0.0.1", running.site.port)).unwrap());
    let second = running.site.command().spawn().unwrap();
    running.child = second;
    wait_until("the second supervisor", || get(running.site.port, "/healthz").is_ok());
    assert_ne!(running.pid_of("w:0"), Some(pid));
}

/// A storm of starts that die at once must leave room for people.
#[test]
fn programs_that_die_in_a_loop_hold_up_no_command() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: \"true\", numprocs: 20, starttime: 0, autorestart: always}\n  v: {cmd: sleep 1000, starttime: 0}",
    ));
    for _ in 0..20 {
        assert_eq!(console.ask("restart v"), ["v:0: started"]);
    }
    assert_eq!(console.ask("stop w").len(), 20);
    wait_until("only the supervisor and v to be left", || marked(&console.running.site.mark).len() == 2);
}

#[test]
fn what_answers_about_very_many_took_is_given_back() {
    let running = Site::new("  w: {cmd: x, numprocs: 10000, autostart: false}").supervise();
    assert_eq!(running.command("status w:1").1.len(), 2);
    let before = resident(&running);
    // What the rows of an answer are made of was some 2,300 KiB, and the document 1,500.
    let is_given_back = || resident(&running) < before + 1000;
    assert_eq!(running.command("status").1.len(), 10_001);
    wait_until("the table's memory to be given back", is_given_back);
    assert_eq!(get(running.site.port, "/api/status").unwrap().status, 200);
    wait_until("the document's memory to be given back", is_given_back);
    assert_eq!(get(running.site.port, "/metrics").unwrap().status, 200);
    wait_until("the metrics' memory to be given back", is_given_back);
    running.stop();
}
