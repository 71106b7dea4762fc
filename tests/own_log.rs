//! The supervisor's own log.

mod harness;

use harness::{Console, Site, wait_until};

#[test]
fn it_tells_what_happened_in_utc() {
    let running =
        Site::new("  w: {cmd: sleep 1000, starttime: 0}\n  bad: {cmd: ./gone, startretries: 0}").supervise();
    running.wait_for_state("bad:0", "FATAL");
    running.wait_for_state("w:0", "RUNNING");
    wait_until("the lines", || running.log().contains("w:0: STARTING -> RUNNING"));
    let log = running.log();
    assert!(log.contains("[ERROR] bad:0: STARTING -> FATAL (there is no program ./gone)"), "{log}");
    let line = log.lines().next().unwrap();
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{line}");
    assert!(rest.starts_with("[INFO] taskmaster "), "{line}");
    running.stop();
}

#[test]
fn it_is_rotated_at_its_size_and_keeps_its_backups() {
    let site = Site::new("");
    site.configure(
        "  w: {cmd: \"true\", starttime: 0}",
        "  logfile: own/x.log\n  logfile_maxbytes: 1KB\n  logfile_backups: 2",
    );
    let mut console = Console::open(site);
    let oldest = console.running.site.path("own/x.log.2");
    wait_until("two rotations", || {
        console.ask("restart w");
        harness::exists(&oldest)
    });
    let site = &console.running.site;
    for name in ["own/x.log", "own/x.log.1", "own/x.log.2"] {
        assert!(site.read(name).len() <= 1024);
        assert!(
            site.read(name).lines().all(|line| line.starts_with("20") && line.contains("Z [")),
            "{name} is torn"
        );
    }
    assert!(!harness::exists(&site.path("own/x.log.3")));
}

#[test]
fn its_level_is_configured_or_given() {
    for (section, arguments, says_debug, says_info) in [
        ("  loglevel: error", vec![], false, false),
        ("  loglevel: debug", vec![], true, true),
        ("  loglevel: debug", vec!["--log-level", "warn"], false, false),
        ("", vec![], false, true),
    ] {
        let site = Site::new("");
        site.configure("  w: {cmd: sleep 1000, starttime: 0}", section);
        let mut command = site.command();
        command.args(&arguments);
        let running = site.start(&mut command);
        running.wait_for_state("w:0", "RUNNING");
        let path = running.site.path("logs/taskmaster.log");
        running.stop_and_keep(|| {
            let log = std::fs::read_to_string(&path).unwrap();
            assert_eq!(
                (log.contains("[DEBUG]"), log.contains("[INFO]")),
                (says_debug, says_info),
                "{section} {arguments:?}"
            );
        });
    }
}

#[test]
fn a_log_that_cannot_be_opened_is_a_runtime_failure() {
    let site = Site::new("  w: {cmd: sleep 1000}");
    site.write("logs", "a file in the way");
    let output = site.command().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.starts_with("taskmaster: cannot open the supervisor's own log ")
            && told.contains("logs/taskmaster.log: "),
        "{told}"
    );
    assert_eq!(harness::marked(&site.mark), Vec::<u32>::new());
}
