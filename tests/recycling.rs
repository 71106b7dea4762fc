//! Recycling of what is old or large, seen from outside.

mod harness;

use harness::{Console, Running, Site, context_switches, wait_until};

fn pids(running: &Running, count: u32) -> Vec<Option<u32>> {
    (0..count).map(|number| running.pid_of(&format!("w:{number}"))).collect()
}

fn all_run(running: &Running, count: u32) {
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == count);
}

#[test]
fn the_old_are_renewed_and_never_all_at_once() {
    // Each notes when it begins and when it is asked to end.
    let site = Site::new(
        "  w:\n    cmd: [sh, -c, 'up=up-$TASKMASTER_PROCESS_NUM; trap \"echo end >> order; rm $up; exit 0\" TERM; echo begin >> order; touch $up; while :; do sleep 0.02; done']\n    numprocs: 2\n    starttime: 0.2\n    max_age: 0.5\n    autorestart: never\n    stopasgroup: false\n    readiness: {exec: [test, -e, 'up-{process_num}'], interval: 50ms, timeout: 10}",
    );
    let mut console = Console::open(site);
    wait_until("several turns", || console.running.site.read("order").matches("end").count() >= 4);
    let order = console.running.site.read("order");
    let mut living = 0;
    for (at, line) in order.lines().enumerate() {
        living += if line == "begin" { 1 } else { -1 };
        assert!(at < 2 || living >= 1, "all are down at line {at} of:\n{order}");
    }
    assert!(console.running.log().contains(": recycled, as it had run for "));
    wait_until("the reason", || {
        let lines = console.ask("why w:0");
        lines[0].contains("it was recycled, as it had run for ") && lines[0].ends_with("s (max_age)")
    });
    console.running.stop();
}

#[test]
fn the_large_are_renewed_and_the_small_are_not() {
    // What w:1 holds, it holds in one process.
    let hog = "if [ $TASKMASTER_PROCESS_NUM = 1 ] && ! [ -e small ]; then s=$(head -c 60000000 /dev/zero | tr '\\0' x); fi\nwhile :; do sleep 0.1; done\n";
    let site = Site::new("");
    site.write("hog.sh", hog);
    site.configure(
        "  w:\n    cmd: sh hog.sh\n    numprocs: 2\n    starttime: 0\n    stoptime: 1\n    max_memory: 40MB",
        "",
    );
    let mut console = Console::open(site);
    all_run(&console.running, 2);
    let before = pids(&console.running, 2);
    wait_until("it to be recycled", || console.running.log().contains("w:1: recycled, as "));
    console.running.site.write("small", "");
    wait_until("its successor", || {
        let pid = console.running.pid_of("w:1");
        pid.is_some() && pid != before[1]
    });
    all_run(&console.running, 2);
    assert_eq!(console.running.pid_of("w:0"), before[0]);
    let why = &console.ask("why w:1")[0];
    assert!(why.contains(" MB of it were in memory (max_memory)"), "{why}");
    console.running.stop();
}

#[test]
fn nothing_is_read_of_those_that_may_have_any() {
    let running = Site::new("  w: {cmd: sleep 1000, starttime: 0, max_age: 1000}").supervise();
    all_run(&running, 1);
    wait_until("it to fall silent", || {
        let before = context_switches(running.pid());
        std::thread::sleep(std::time::Duration::from_millis(1500));
        context_switches(running.pid()) == before
    });
    running.stop();
}
