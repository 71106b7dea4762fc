//! System calls of the supervisor fail, one by one and for good: it lives, tells of it once, recovers, comes
//! to rest, still restarts what dies, answers, and ends in order.

mod cases;
#[path = "../harness/mod.rs"]
mod harness;
mod scene;
mod strace;
mod unseen;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use harness::{PATIENCE, Site, wait_until};
use scene::{Verdict, assert_bearable, assert_calm, caught, ill_told, judge, told, zombies};
use strace::Fault;

/// Supervisors that are tried at one time; most of them wait most of the time.
const AT_ONCE: usize = 6;

/// Judges all of them, prints what came out, and gives those that failed.
fn sweep(faults: &[Fault]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = judge(fault, PATIENCE);
                    println!("{}", line(fault, &verdict));
                    verdicts.lock().unwrap().push((fault, verdict));
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().unwrap();
    let happened = verdicts.iter().filter(|(_, verdict)| verdict.injected > 0).count();
    let failed: Vec<String> = verdicts
        .iter()
        .filter_map(|(fault, verdict)| verdict.failure.as_ref().map(|failure| format!("{fault}: {failure}")))
        .collect();
    let longest = verdicts.iter().map(|(_, verdict)| verdict.recovery).max().unwrap_or_default();
    println!("well again after {longest:.1?} at the latest");
    println!("{} cases, {happened} of them reached, {} failed", verdicts.len(), failed.len());
    failed
}

fn line(fault: &Fault, verdict: &Verdict) -> String {
    let outcome = match &verdict.failure {
        _ if verdict.injected == 0 => "not reached".to_owned(),
        Some(failure) => format!("FAILED: {failure}"),
        None => "survived".to_owned(),
    };
    let told = verdict.told.last().map_or("", |line| line.as_str());
    let Verdict { injected, recovery, .. } = verdict;
    let lines = verdict.told.len();
    format!("{fault}: {outcome}, {injected} times, well after {recovery:.1?}, told {lines} lines: {told}")
}

#[test]
#[ignore = "minutes; scripts/fault-sweep runs it"]
fn whole_sweep() {
    assert!(strace::is_possible(), "there is no strace here, or it may not trace");
    let only = std::env::var("FAULTS").unwrap_or_default();
    let faults: Vec<Fault> =
        cases::all().into_iter().filter(|fault| fault.to_string().contains(&only)).collect();
    let failed = sweep(&faults);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_slice_of_the_sweep_is_survived() {
    if !strace::is_possible() {
        return eprintln!("left out: there is no strace here, or it may not trace");
    }
    let failed = sweep(&cases::slice());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What the sweep would find is found: a supervisor that dies, and one that leaks.
#[test]
fn a_death_and_a_leak_are_found() {
    if !strace::is_possible() {
        return eprintln!("left out: there is no strace here, or it may not trace");
    }
    let patience = Duration::from_secs(2);
    let death = judge(&Fault::new("epoll_wait", "signal=SIGKILL", "3"), patience).failure;
    assert!(death.as_ref().is_some_and(|what| what.contains("it has died")), "{death:?}");
    // What it closes stays open.
    let leak = judge(&Fault::new("close", "retval=0", "1+"), patience).failure;
    assert!(leak.as_ref().is_some_and(|what| what.contains("descriptors")), "{leak:?}");
}

/// A call that is said to have worked, and was not made, brings no trouble that could be told.
#[test]
fn a_silence_is_found() {
    if !strace::is_possible() {
        return eprintln!("left out: there is no strace here, or it may not trace");
    }
    let verdict = judge(&Fault::new("setsockopt", "retval=0", "1+"), PATIENCE);
    assert!(verdict.injected > 0);
    assert_eq!((verdict.told, verdict.failure.as_deref()), (Vec::new(), Some("nothing is told")));
}

#[test]
fn a_flood_of_lines_is_found_and_what_is_no_trouble_does_not_count() {
    let once = Fault::new("openat", "error=EIO", "3");
    let lasting = Fault::new("openat", "error=EIO", "1+");
    let warnings = |count| "2026-11-28 12:00:00 [WARN] cannot open x: Input/output error\n".repeat(count);
    let judged = |log: &str, words: &str, injected, fault| ill_told(&told(log, words), injected, fault);
    assert_eq!(judged(&warnings(13), "", 1, &once), None);
    assert_eq!(judged(&warnings(14), "", 1, &once).as_deref(), Some("14 lines are told"));
    assert_eq!(judged(&warnings(13), "in words", 1, &once).as_deref(), Some("14 lines are told"));
    assert_eq!(judged(&warnings(14), "", 2, &lasting), None, "one more fault, one more line");
    let calm = "[INFO] w:0: RUNNING\n[WARN] w:0: killed by SIGKILL\n".repeat(100);
    assert_eq!(judged(&calm, "", 1, &once), None);
    assert_eq!(judged(&calm, "", 1, &lasting).as_deref(), Some("nothing is told"));
    assert_eq!(judged(&calm, "", 0, &lasting), None, "it has not happened");
}

#[test]
fn a_spin_and_a_zombie_are_found() {
    let mut spinner = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    wait_until("the spin to be found", || {
        let found = [caught(|| assert_calm(spinner.id())), caught(|| assert_bearable(spinner.id()))];
        found.iter().all(|outcome| outcome.is_err())
    });
    spinner.kill().unwrap();
    spinner.wait().unwrap();
    let mut negligent = Command::new("sh").args(["-c", "true & exec sleep 1000"]).spawn().unwrap();
    wait_until("the zombie to be found", || zombies(negligent.id()) == 1);
    negligent.kill().unwrap();
    negligent.wait().unwrap();
}

/// Without a poll for good nothing can be read from programs; they are ended by their rules, not left alone.
#[test]
#[ignore = "half a minute; scripts/fault-sweep runs it"]
fn a_poll_that_fails_for_good_ends_all_in_order() {
    assert!(strace::is_possible(), "there is no strace here, or it may not trace");
    let mut running = Site::new("  w: {cmd: sleep 1000, numprocs: 3, starttime: 0}").supervise();
    let fault = Fault::new("epoll_wait", "error=EBADF", "1+");
    let _tracer = strace::Tracer::attach(running.pid(), &fault, &running.site.path("record"));
    wait_until("it to notice", || running.log().contains("the poll fails"));
    let deadline = Instant::now() + Duration::from_secs(120);
    let status = loop {
        if let Some(status) = running.child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(status.code(), Some(1));
    assert!(running.log().contains("in a row: shutting down"), "{}", running.log());
    assert_eq!(harness::marked(&running.site.mark), Vec::<u32>::new());
}
