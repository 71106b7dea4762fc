//! Rolling restarts, seen from outside.

mod harness;

use harness::{Console, EventReader, Running, SentEvent, Site, Terminal, wait_until};

fn pids(running: &Running, count: u32) -> Vec<Option<u32>> {
    (0..count).map(|number| running.pid_of(&format!("w:{number}"))).collect()
}

/// Instances of a script, which cannot start any more once it is not there.
const FRAGILE: &str = "  w:\n    cmd: ./script.sh\n    numprocs: 4\n    starttime: 0\n    startretries: 0";

fn with_script(site: Site) -> Site {
    let script = site.write("script.sh", "#!/bin/sh\necho x >> begun\ntouch read.$$\nexec sleep 1000\n");
    std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    site
}

/// Not before the shells of all that run have read it: they would miss it as well.
fn without_script(running: &Running, count: u32) {
    for pid in pids(running, count).into_iter().flatten() {
        wait_until("the script to be read", || harness::exists(&running.site.path(&format!("read.{pid}"))));
    }
    std::fs::rename(running.site.path("script.sh"), running.site.path("gone.sh")).unwrap();
}

fn with_script_again(running: &Running) {
    std::fs::rename(running.site.path("gone.sh"), running.site.path("script.sh")).unwrap();
}

fn all_run(running: &Running, count: u32) {
    for number in 0..count {
        running.wait_for_state(&format!("w:{number}"), "RUNNING");
    }
}

#[test]
fn the_first_that_fails_stops_it_and_the_rest_keeps_its_process() {
    let mut console = Console::open(with_script(Site::new(FRAGILE)));
    all_run(&console.running, 4);
    let before = pids(&console.running, 4);
    let mut lines = console.ask("restart --rolling --batch 2 w");
    // Who of a batch comes first is a matter of chance.
    lines[..2].sort_unstable();
    lines[2..].sort_unstable();
    assert_eq!(lines, ["w:0: started", "w:1: started", "w:2: started", "w:3: started"]);
    let renewed = pids(&console.running, 4);
    assert!(before.iter().zip(&renewed).all(|(old, new)| old != new && new.is_some()), "{renewed:?}");
    without_script(&console.running, 4);
    let lines = console.ask("restart --rolling w");
    assert!(lines[0].starts_with("ERROR w:0: there is no program "), "{lines:?}");
    let left = ["w:1", "w:2", "w:3"].map(|name| format!("{name}: not restarted, left as it is"));
    assert_eq!(lines[1..4], left);
    let reason = lines[0].trim_start_matches("ERROR w:0: ");
    let stopped = &format!("rolling restart stopped: w:0 failed: {reason}; 0 restarted, 3 left as they are");
    assert_eq!(lines[4..], [format!("ERROR {stopped}")]);
    assert_eq!(pids(&console.running, 4)[1..], renewed[1..]);
    assert_eq!(console.running.state("w:0"), "FATAL");
    assert!(console.running.log().contains(stopped));
    // What is down comes first, and fails again.
    let (ok, lines) = console.running.command("restart --rolling --batch 4 w");
    assert!(!ok && lines[0].starts_with("ERROR w:0: "), "{lines:?}");
    assert_eq!(pids(&console.running, 4)[1..], renewed[1..]);
    with_script_again(&console.running);
    assert_eq!(console.ask("restart --rolling w").len(), 4);
    console.running.stop();
}

#[test]
fn the_next_waits_until_the_last_is_ready() {
    let site = Site::new(
        "  w:\n    cmd: [sh, -c, 'echo $TASKMASTER_PROCESS_NUM >> begun; exec sleep 1000']\n    numprocs: 3\n    starttime: 0\n    readiness: {exec: [test, -e, 'ready-{process_num}'], interval: 50ms}",
    );
    let running = site.supervise();
    let begun = || running.site.read("begun").lines().map(str::to_owned).collect::<Vec<_>>();
    for number in 0..3 {
        running.site.write(&format!("ready-{number}"), "");
    }
    wait_until("all to have begun", || begun().len() == 3);
    let is_ready = |number| running.process(&format!("w:{number}"))["description"] == "";
    wait_until("all to be ready", || (0..3).all(is_ready));
    std::fs::remove_file(running.site.path("ready-1")).unwrap();
    wait_until("w:1 not to be ready", || !is_ready(1));
    let pids_before = pids(&running, 3);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| running.command("restart --rolling w"));
        wait_until("w:1 to begin", || begun().len() == 4);
        assert_eq!(begun()[3], "1", "what is not ready comes first");
        wait_until("a few checks of it", || {
            running.process("w:1")["description"].as_str().unwrap().contains("not ready: exit code 1")
        });
        let during = pids(&running, 3);
        assert_eq!((during[0], during[2]), (pids_before[0], pids_before[2]), "the others are left alone");
        running.site.write("ready-1", "");
        assert_eq!(client.join().unwrap().1, ["w:1: started", "w:0: started", "w:2: started"]);
    });
    wait_until("the last to begin", || begun().len() == 6);
    assert_eq!(begun()[3..], ["1", "0", "2"]);
    running.stop();
}

#[test]
fn ctrl_c_leaves_the_wait_and_the_roll_goes_on_until_it_fails() {
    let mut terminal = Terminal::open();
    let site = with_script(Site::new(&format!(
        "{FRAGILE}\n    readiness: {{exec: [test, -e, good], interval: 50ms}}"
    )));
    site.write("good", "");
    let mut command = site.command();
    terminal.attach(&mut command);
    let running = site.start(&mut command);
    terminal.expect("taskmaster> ");
    let is_ready = |number| running.process(&format!("w:{number}"))["description"] == "";
    wait_until("all to be ready", || (0..4).all(is_ready));
    wait_until("all to have begun", || running.site.read("begun").lines().count() == 4);
    let before = pids(&running, 4);
    std::fs::remove_file(running.site.path("good")).unwrap();
    wait_until("none to be ready", || (0..4).all(|number| !is_ready(number)));
    terminal.press("restart --rolling w\n");
    wait_until("w:0 to begin again", || running.site.read("begun").lines().count() == 5);
    terminal.press("\x03");
    terminal.expect("the action goes on");
    without_script(&running, 4);
    running.site.write("good", "");
    // w:0 is ready now, and w:1 cannot start.
    terminal.expect("ERROR rolling restart stopped: w:1 failed: ");
    terminal.expect("(done: restart --rolling w)");
    assert_eq!(pids(&running, 4)[2..], before[2..]);
    running.stop();
}

/// Nothing else happens to w:1, so that both must be told for their own sake.
#[test]
fn whoever_waits_for_his_turn_is_shown_as_one_who_does_and_then_no_more() {
    let site = Site::new(
        "  w: {cmd: sleep 1000, numprocs: 3, starttime: 0, readiness: {exec: [test, -e, 'ready-{process_num}'], interval: 50ms}}",
    );
    site.write("ready-0", "");
    site.write("ready-1", "");
    let running = site.supervise();
    let description = |name: &str| running.process(name)["description"].as_str().unwrap().to_owned();
    wait_until("two to be ready", || ["w:0", "w:1"].iter().all(|name| description(name).is_empty()));
    running.command("stop w:2");
    let mut reader = EventReader::open(running.site.port, "/api/events", "");
    reader.next().unwrap();
    let waits = "waits for its turn in a rolling restart";
    let is_shown =
        |event: &SentEvent, text: &str| event.row("w:1").is_some_and(|row| row["description"] == text);
    let before = running.pid_of("w:1");
    std::thread::scope(|scope| {
        // What is down comes first.
        let client = scope.spawn(|| running.command("restart --rolling w"));
        reader.wait_for("w:1 to wait", |event| is_shown(event, waits));
        wait_until("w:2 to be looked at", || description("w:2").contains("not ready: exit code 1"));
        assert_eq!([description("w:0"), description("w:1")], [waits, waits]);
        assert!(running.command("status w:1").1[1].ends_with(waits));
        let (_, why) = running.command("why w:1");
        assert!(why[0].ends_with(&format!("; it {waits}")), "{why:?}");
        running.command("stop w:0");
        assert!(!description("w:0").contains(waits));
        harness::kill(running.pid_of("w:2").unwrap(), nix::sys::signal::Signal::SIGKILL);
        reader.wait_for("that w:1 waits no more", |event| is_shown(event, ""));
        assert!(!client.join().unwrap().0);
    });
    assert_eq!(running.pid_of("w:1"), before);
    running.stop();
}
