//! Restarts that are governed, seen from outside.

mod harness;

use harness::{Console, Site, wait_until};

#[test]
fn a_wait_that_grows_is_shown_and_kept_within_its_limit() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'echo x >> spawns; exit 1'], startretries: 4, restart_delay: {initial: 10ms, max: 20ms}}",
    );
    let running = site.supervise();
    running.wait_for_state("w:0", "FATAL");
    assert_eq!(running.site.read("spawns").lines().count(), 5);
    running.stop();
}

#[test]
fn max_restarts_ends_a_loop_that_startretries_does_not_see() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: [sh, -c, 'echo x >> spawns; exit 1'], starttime: 0, max_restarts: 3, window: 600}",
    ));
    let row = console.running.wait_for_state("w:0", "FATAL");
    assert_eq!(console.running.site.read("spawns").lines().count(), 4);
    let told = "ended more than 3 times within 600 s (max_restarts)";
    assert!(row["description"].as_str().unwrap().contains(told), "{row}");
    assert!(console.ask("why w")[0].contains(told));
}

#[test]
fn a_oneshot_is_done_however_quickly_and_its_start_waits_for_it() {
    let mut console = Console::open(Site::new(
        "  quick: {cmd: 'true', type: oneshot, starttime: 60}\n  later: {cmd: [sh, -c, 'while ! [ -e go ]; do sleep 0.02; done'], type: oneshot, starttime: 0, autostart: false}",
    ));
    console.running.wait_for_state("quick:0", "EXITED");
    let why = console.ask("why quick")[0].clone();
    assert!(why.starts_with("quick:0 is EXITED: it ended as expected (exit code 0) after "), "{why}");
    assert!(why.ends_with("; it is a oneshot, so nothing happens until it is told to start"), "{why}");
    console.say("start later\nversion\n");
    console.running.wait_for_state("later:0", "RUNNING");
    console.running.site.write("go", "");
    assert_eq!(console.hear(), "later:0: started, and done (exit code 0)");
    assert!(console.hear().starts_with("taskmaster "));
}

#[test]
fn exit_on_failure_ends_all_gracefully_with_exit_code_1() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'while ! [ -e go ]; do sleep 0.02; done; exit 1'], startretries: 0, starttime: 600, exit_on_failure: true}\n  v: {cmd: [sh, -c, 'trap \"echo bye > said; exit\" TERM; touch ready; while :; do sleep 0.02; done'], starttime: 0}",
    );
    let mut running = site.supervise();
    running.wait_for_state("v:0", "RUNNING");
    wait_until("the trap to be set", || harness::exists(&running.site.path("ready")));
    running.site.write("go", "");
    assert_eq!(running.wait().code(), Some(1));
    assert_eq!(running.site.read("said"), "bye\n");
    assert!(running.log().contains("w:0 is FATAL, and exit_on_failure is set: shutting down"));
    assert_eq!(harness::marked(&running.site.mark), Vec::<u32>::new());
}
