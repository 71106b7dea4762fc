//! The `taskmaster:` section.

use std::path::Path;

use insta::assert_snapshot;
use taskmaster::config::{RestartStorm, SupervisorSpec};

use super::{accepted, complaint};

fn supervisor(lines: &str) -> SupervisorSpec {
    accepted(&format!("programs: {{}}\ntaskmaster: {{{lines}}}\n")).supervisor
}

#[test]
fn every_key_of_the_supervisor_reaches_its_own_value() {
    let text = "programs: {}\ntaskmaster:\n  http: localhost:81\n  allowed_hosts: [a.example]\n  logfile: x.log\n  \
                logfile_maxbytes: 1KB\n  logfile_backups: 2\n  loglevel: debug\n  on_event: [{post: 'http://localhost:9/'}]\n";
    let supervisor = accepted(text).supervisor;
    assert_eq!(supervisor.http, Some("127.0.0.1:81".parse().unwrap()));
    assert_eq!(supervisor.allowed_hosts, ["a.example"]);
    assert_eq!(supervisor.logfile, Path::new("/srv/x.log"));
    assert_eq!((supervisor.logfile_maxbytes, supervisor.logfile_backups), (1024, 2));
    assert_eq!(supervisor.loglevel, log::LevelFilter::Debug);
    assert_eq!(supervisor.on_event.len(), 1);
}

#[test]
fn sizes_have_units() {
    let size = |written: &str| supervisor(&format!("logfile_maxbytes: {written}")).logfile_maxbytes;
    for (written, wanted) in [
        ("0", 0),
        ("1048576", 1 << 20),
        ("512KB", 512 << 10),
        ("50MB", 50 << 20),
        ("1gb", 1 << 30),
        ("10 MB", 10 << 20),
        ("7B", 7),
    ] {
        assert_eq!(size(written), wanted, "{written}");
    }
}

/// What is said about these lines of the section.
fn refused(lines: &str) -> String {
    complaint(&format!("programs: {{}}\ntaskmaster:\n  {}\n", lines.replace('\n', "\n  ")))
}

#[test]
fn the_section_is_read_as_carefully_as_programs() {
    assert_snapshot!(refused("logfile_maxbytes: 1.5MB\nlogfile_backups: -1\nloglevel: loud\nlogfile: ~/x"), @"
    error: `logfile_maxbytes: 1.5MB` is not a size
     --> config.yaml:3:21
      |
    3 |   logfile_maxbytes: 1.5MB
      |                     ^^^^^
      |
      = help: it takes bytes (1048576) or a size (512KB, 50MB, 1GB); 0 = never

    error: `logfile_backups: -1` is not a whole number of 0 or more
     --> config.yaml:4:20
      |
    4 |   logfile_backups: -1
      |                    ^^
      |
      = help: it takes the number of files

    error: `loglevel: loud` is not a level
     --> config.yaml:5:13
      |
    5 |   loglevel: loud
      |             ^^^^
      |
      = help: it takes off, error, warn, info, debug or trace

    error: `logfile`: no shell runs, so ~ is not replaced
     --> config.yaml:6:12
      |
    6 |   logfile: ~/x
      |            ^^^
      |
      = help: write ${HOME}/x
    ");
    assert_snapshot!(refused("logfile_maxbytes: 99999999999GB"), @"
    error: `logfile_maxbytes: 99999999999GB` is not a size
     --> config.yaml:3:21
      |
    3 |   logfile_maxbytes: 99999999999GB
      |                     ^^^^^^^^^^^^^
      |
      = help: it takes bytes (1048576) or a size (512KB, 50MB, 1GB); 0 = never
    ");
}

#[test]
fn the_dashboard_listens_at_an_address() {
    assert_eq!(supervisor("http: off").http, None);
    assert_eq!(supervisor("http: false").http, None);
    assert_eq!(supervisor("http: \"[::1]:80\"").http, Some("[::1]:80".parse().unwrap()));
    assert_snapshot!(refused("http: 8080"), @"
    error: `http: 8080` is not an address
     --> config.yaml:3:9
      |
    3 |   http: 8080
      |         ^^^^
      |
      = help: it takes ADDRESS:PORT such as 127.0.0.1:8080, or off
    ");
    assert_snapshot!(refused("http: example.org:80"), @"
    error: `http: example.org:80` is not an address
     --> config.yaml:3:9
      |
    3 |   http: example.org:80
      |         ^^^^^^^^^^^
      |
      = help: it takes ADDRESS:PORT such as 127.0.0.1:8080, or off
    ");
}

#[test]
fn allowed_hosts_are_names() {
    assert_snapshot!(refused("allowed_hosts: [a.example, \"b:80\", 'http://c', '']"), @r#"
    error: `b:80` is not a host name
     --> config.yaml:3:30
      |
    3 |   allowed_hosts: [a.example, "b:80", 'http://c', '']
      |                              ^^^^^^
      |
      = help: write the name only, without scheme and port

    error: `http://c` is not a host name
     --> config.yaml:3:38
      |
    3 |   allowed_hosts: [a.example, "b:80", 'http://c', '']
      |                                      ^^^^^^^^^^
      |
      = help: write the name only, without scheme and port

    error: `` is not a host name
     --> config.yaml:3:50
      |
    3 |   allowed_hosts: [a.example, "b:80", 'http://c', '']
      |                                                  ^^
      |
      = help: write the name only, without scheme and port
    "#);
    assert_snapshot!(refused("allowed_hosts: a.example"), @"
    error: `allowed_hosts` must be a list
     --> config.yaml:3:18
      |
    3 |   allowed_hosts: a.example
      |                  ^^^^^^^^^
      |
      = help: write [name, ...]
    ");
}

#[test]
fn off_is_a_level() {
    assert_eq!(supervisor("loglevel: off").loglevel, log::LevelFilter::Off);
    assert_eq!(supervisor("loglevel: false").loglevel, log::LevelFilter::Off);
}

#[test]
fn the_pace_of_restarts_is_a_map_or_off() {
    let pace = |text: &str| supervisor(&format!("restart_storm: {text}")).restart_storm;
    assert_eq!(supervisor("").restart_storm, Some(RestartStorm { rate: 50, burst: 200 }));
    assert_eq!(pace("{rate: 3}"), Some(RestartStorm { rate: 3, burst: 200 }));
    assert_eq!(pace("{burst: 1, rate: 100000}"), Some(RestartStorm { rate: 100_000, burst: 1 }));
    assert_eq!((pace("off"), pace("false")), (None, None));
    assert_snapshot!(refused("restart_storm: {rate: 0, burst: 0.5, brust: 1}"), @"
    error: `rate: 0` would never restart anything
     --> config.yaml:3:25
      |
    3 |   restart_storm: {rate: 0, burst: 0.5, brust: 1}
      |                         ^
      |
      = help: it takes 1 or more

    error: `burst: 0.5` is not a whole number of 0 or more
     --> config.yaml:3:35
      |
    3 |   restart_storm: {rate: 0, burst: 0.5, brust: 1}
      |                                   ^^^
      |
      = help: it takes the restarts that need not wait

    error: unknown key `brust`
     --> config.yaml:3:40
      |
    3 |   restart_storm: {rate: 0, burst: 0.5, brust: 1}
      |                                        ^^^^^
      |
      = help: did you mean `burst`?
    ");
    assert_snapshot!(refused("restart_storm: {rate: 100001}"), @"
    error: `rate` is more than 100000
     --> config.yaml:3:25
      |
    3 |   restart_storm: {rate: 100001}
      |                         ^^^^^^
    ");
    assert_snapshot!(refused("restart_storm: slow"), @"
    error: `restart_storm: slow` is no pace
     --> config.yaml:3:18
      |
    3 |   restart_storm: slow
      |                  ^^^^
      |
      = help: it takes {rate: 50, burst: 200}, or off
    ");
}
