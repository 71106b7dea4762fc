//! What a reload would do, as `plan` says it.

use taskmaster::config::{Config, PROGRAM_KEYS, Plan, diff};

use super::accepted;

/// From one set of programs (YAML flow style) to another, and the lines that tell it.
fn plan(old: &str, new: &str) -> Plan {
    let config = |programs: &str| -> Config { accepted(&format!("programs: {{{programs}}}\n")) };
    diff(&config(old), config(new))
}

#[test]
fn it_reads_like_a_diff() {
    let old = "a: {cmd: x}, b: {cmd: x, numprocs: 3}, c: {cmd: x}, d: {cmd: x}, e: {cmd: x}, f: {cmd: x}";
    let new = "f: {cmd: x}, b: {cmd: x, stoptime: 1}, c: {cmd: y, env: {A: b}, stoptime: 1}, \
               d: {cmd: x, autostart: false}, n: {cmd: x, numprocs: 0}, e: {cmd: x}";
    let plan = plan(old, new);
    assert_eq!(
        plan.lines(),
        [
            "+ n (0 instances)",
            "- a (1 instance)",
            "~ c: cmd, stoptime, env (restart)",
            "~ b: numprocs 3 -> 1, stoptime (in place)",
            "~ d: autostart (in place; autostart counts from the next start)",
            "= 2 programs untouched",
        ]
    );
    assert!(!plan.is_empty());
}

#[test]
fn the_same_values_in_other_words_are_no_change() {
    let old = "a: {cmd: x y, umask: 022, stopsignal: SIGTERM, stoptime: 10}, b: {cmd: z}";
    let new = "b: {cmd: [z]}, a: {cmd: [x, y], umask: \"022\", stopsignal: 15, stoptime: 10000ms, stdout: \
               ./logs/{program_name}.stdout}";
    let new = new.replace("./logs/{program_name}.stdout", "\"./logs/{program_name}.stdout\"");
    let plan = plan(old, &new);
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(plan.lines(), ["= 2 programs untouched; nothing to do"]);
}

#[test]
fn what_the_contract_names_applies_in_place() {
    let promised = [
        "numprocs",
        "autostart",
        "autorestart",
        "exitcodes",
        "startretries",
        "stopsignal",
        "stoptime",
        "stdout_maxbytes",
        "stdout_backups",
        "stderr_maxbytes",
        "stderr_backups",
    ];
    for key in PROGRAM_KEYS.iter().filter(|key| promised.contains(&key.name)) {
        assert_ne!(key.applies, taskmaster::config::Applies::Restart, "{}", key.name);
    }
    for name in ["cmd", "workingdir", "umask", "env", "stdout", "stderr", "starttime"] {
        let key = PROGRAM_KEYS.iter().find(|key| key.name == name).unwrap();
        assert_eq!(key.applies, taskmaster::config::Applies::Restart, "{name}");
    }
}

#[test]
fn the_supervisors_own_section_is_compared_too() {
    let config = |section: &str| accepted(&format!("programs: {{}}\ntaskmaster: {{{section}}}\n"));
    let plan = diff(&config("http: off"), config("loglevel: debug, logfile: x.log"));
    assert_eq!(plan.lines(), ["~ taskmaster: http, logfile, loglevel (in place)", "= 0 programs untouched"]);
}
