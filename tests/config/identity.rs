//! Who a program is: users, environment files, limits.

use taskmaster::config::{self, Limit, OnCrash, Range};

use super::{environment, program, program_complaint, program_with, source};

#[test]
fn users_and_groups_are_looked_up_once_and_unknown_ones_are_named_with_their_place() {
    let spec = program("user: nobody\ngroup: nogroup");
    assert_eq!(spec.identity.user.unwrap().uid, 65534);
    assert_eq!(spec.identity.group, Some(65534));
    let told = program_complaint("user: nobdy\ngroup: nogrup");
    assert!(told.contains("there is no user `nobdy`") && told.contains("config.yaml:4:11"), "{told}");
    assert!(told.contains("there is no group `nogrup`") && told.contains("config.yaml:5:12"), "{told}");
}

#[test]
fn only_root_can_be_told_to_become_somebody() {
    let source = source(&program_with("user: nobody"));
    let problems = config::parse(&source, &environment).unwrap_err();
    assert_eq!(problems[0].message, "`user` is for root only");
}

#[test]
fn environment_files_are_read_in_their_order() {
    let pairs = |lines: &str| program(lines).identity.env_file;
    let all = [("A", "1"), ("B", "two words"), ("C", "#")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(pairs("env_file: .env"), all);
    assert_eq!(pairs("env_file: [.env, .env]").len(), 6);
    let told = program_complaint("env_file: [.env, bad.env]");
    assert!(told.contains("line 2 of `bad.env` is not NAME=VALUE") && told.contains("4:22"), "{told}");
    let told = program_complaint("env_file: none.env");
    assert!(told.contains("`none.env` cannot be read: there is no such file"), "{told}");
}

#[test]
fn limits_have_names_and_bounds() {
    let spec = program(
        "rlimits: {nofile: 4096, core: unlimited, nproc: \"5:10\"}\nnice: -5\noom_score_adj: 500\non_crash: kill",
    );
    let same = |value| Range { soft: value, hard: value };
    let limits =
        [(Limit(6), same(4096)), (Limit(1), same(u64::MAX)), (Limit(7), Range { soft: 5, hard: 10 })];
    assert_eq!(spec.identity.rlimits, limits);
    assert_eq!((spec.identity.nice, spec.identity.oom_score_adj), (Some(-5), Some(500)));
    assert_eq!(spec.identity.on_crash, OnCrash::Kill);
    for (lines, told) in [
        ("rlimits: {nofiles: 1}", "did you mean `nofile`?"),
        ("rlimits: {nofile: \"9:1\"}", "`nofile: 9:1` is no limit"),
        ("rlimits: {nofile: -1}", "`nofile: -1` is no limit"),
        ("nice: 20", "`nice: 20` is out of range"),
        ("oom_score_adj: low", "`oom_score_adj: low` is out of range"),
        ("on_crash: yes", "`on_crash: yes` is no choice"),
    ] {
        let complaint = program_complaint(lines);
        assert!(complaint.contains(told), "{complaint}");
    }
}
