//! Who waits for whom, seen from outside.

mod harness;

use harness::{Console, Site, wait_until};

/// A program that notes when it begins and when it is asked to end.
fn noted(name: &str, keys: &str) -> String {
    format!(
        "  {name}:\n    cmd: [sh, -c, 'trap \"echo {name} ends >> order; exit 0\" TERM; echo {name} begins >> order; while :; do sleep 0.02; done']\n    starttime: 0.3\n{keys}\n"
    )
}

#[test]
fn a_chain_starts_forwards_and_stops_backwards() {
    let programs = noted("web", "    depends_on: {api: running}")
        + &noted("api", "    depends_on: [db, job]")
        + &noted("db", "    priority: 2000")
        + "  job: {cmd: [sh, -c, 'echo job >> order'], type: oneshot}\n";
    let running = Site::new(&programs).supervise();
    running.wait_for_state("web:0", "RUNNING");
    let order = running.site.read("order");
    let mut begun: Vec<&str> = order.lines().collect();
    begun[..2].sort_unstable();
    assert_eq!(begun, ["db begins", "job", "api begins", "web begins"]);
    running.stop_and_keep(|| {});
}

#[test]
fn a_shutdown_stops_what_is_needed_last() {
    let programs = noted("web", "    depends_on: [api]")
        + &noted("api", "    depends_on: [db]")
        + &noted("db", "    priority: 2000");
    let mut running = Site::new(&programs).supervise();
    running.wait_for_state("web:0", "RUNNING");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(running.wait().success());
    let order = running.site.read("order");
    let ended: Vec<&str> = order.lines().filter(|line| line.ends_with("ends")).collect();
    assert_eq!(ended, ["web ends", "api ends", "db ends"]);
}

#[test]
fn what_waits_says_for_what_and_goes_on_when_it_comes() {
    let mut console = Console::open(Site::new(
        "  web: {cmd: sleep 1000, starttime: 0, depends_on: [db]}\n  db: {cmd: [sh, -c, 'test -e good && exec sleep 1000'], startretries: 0, starttime: 0.2}",
    ));
    console.running.wait_for_state("db:0", "FATAL");
    let row = console.running.process("web:0");
    assert_eq!(row["state"], "STARTING");
    let told = "waits for db:0, which is FATAL (depends_on: running)";
    assert_eq!(row["description"], told);
    assert!(console.ask("why web")[0].contains(told));
    assert_eq!(console.ask("start web"), [format!("ERROR web:0: {told}")]);
    console.running.site.write("good", "");
    assert_eq!(console.ask("start db"), ["db:0: started"]);
    wait_until("web to follow", || console.running.state("web:0") == "RUNNING");
}

#[test]
fn instances_start_one_after_the_other() {
    let running = Site::new(
        "  w: {cmd: [sh, -c, 'date +%s%N >> spawns; exec sleep 1000'], numprocs: 3, start_interval: 0.3, starttime: 0}",
    )
    .supervise();
    wait_until("all to have begun", || running.site.read("spawns").lines().count() == 3);
    let spawns = running.site.read("spawns");
    let times: Vec<u64> = spawns.lines().map(|line| line.parse().unwrap()).collect();
    // The shells need a moment to look at the clock; what they need differs.
    assert!(times.windows(2).all(|pair| pair[1] > pair[0] + 100_000_000), "{times:?}");
    running.stop();
}
