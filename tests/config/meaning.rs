//! What a program becomes: its command, its environment, its paths, its defaults.

use std::path::Path;
use std::time::Duration;

use insta::assert_snapshot;
use taskmaster::config::{
    Autorestart, Check, Condition, Dependency, Governance, Identity, KillStrays, Kind, Limit, LogFormat,
    LogFull, OnCrash, Output, PROGRAM_KEYS, ProbeSpec, ProgramSpec, Range, RestartDelay, Rotation,
    SUPERVISOR_KEYS, Schedule, Template, diff,
};
use taskmaster::signal::Signal;

use super::{accepted, complaint, program, program_complaint, program_with};

/// The words of a `cmd`, for instance 1.
fn words(cmd: &str) -> Vec<String> {
    let config = accepted(&format!("programs:\n  web:\n    cmd: {cmd}\n"));
    config.programs[0].cmd.iter().map(|word| word.expand("web", 1)).collect()
}

fn cmd_complaint(cmd: &str) -> String {
    complaint(&format!("programs:\n  web:\n    cmd: {cmd}\n"))
}

fn variables(env: &str) -> Vec<(String, String)> {
    let pairs = program(&format!("env: {env}")).env;
    pairs.into_iter().map(|(name, value)| (name, value.expand("web", 1))).collect()
}

fn stdout(written: &str) -> Output {
    program(&format!("stdout: {written}")).stdout
}

fn file(path: &str) -> Output {
    Output::File(Template::new(path))
}

#[test]
fn a_command_is_split_as_a_shell_would_and_no_shell_runs() {
    assert_eq!(words("sh -c 'echo \"a  b\"' c\\ d \"\""), ["sh", "-c", "echo \"a  b\"", "c d", ""]);
    assert_eq!(words("run $HOME *.txt > log | more"), ["run", "$HOME", "*.txt", ">", "log", "|", "more"]);
    assert_eq!(words("[run, a b, 7, true, 1.10]"), ["run", "a b", "7", "true", "1.10"]);
    assert_eq!(words("|\n      run\n      --fast\n"), ["run", "--fast"]);
    assert_eq!(words("awk '{print $1}'"), ["awk", "{print $1}"]);
    assert_eq!(words("run {program_name} {process_num} {process_num:03}"), ["run", "web", "1", "001"]);
    assert_eq!(words("7"), ["7"]);
}

#[test]
fn a_command_without_a_program_is_refused() {
    let text = "programs:\n  a: {cmd: \"\"}\n  b: {cmd: '  '}\n  c: {cmd: []}\n  d: {cmd: ['', x]}\n  e: {cmd: \"'' x\"}\n";
    assert_snapshot!(complaint(text), @r#"
    error: `cmd` is empty
     --> config.yaml:2:12
      |
    2 |   a: {cmd: ""}
      |            ^^
      |
      = help: it takes a command line, or a list [program, argument, ...]

    error: `cmd` is empty
     --> config.yaml:3:12
      |
    3 |   b: {cmd: '  '}
      |            ^^^^
      |
      = help: it takes a command line, or a list [program, argument, ...]

    error: `cmd` is empty
     --> config.yaml:4:12
      |
    4 |   c: {cmd: []}
      |            ^
      |
      = help: it takes a command line, or a list [program, argument, ...]

    error: `cmd` is empty
     --> config.yaml:5:12
      |
    5 |   d: {cmd: ['', x]}
      |            ^^^
      |
      = help: it takes a command line, or a list [program, argument, ...]

    error: `cmd` is empty
     --> config.yaml:6:12
      |
    6 |   e: {cmd: "'' x"}
      |            ^^^^^^
      |
      = help: it takes a command line, or a list [program, argument, ...]
    "#);
}

#[test]
fn a_command_without_a_value_is_refused() {
    let text = "programs:\n  a:\n    cmd:\n  b: {cmd: ~}\n  c: {cmd: [a, ~, [b]]}\n";
    assert_snapshot!(complaint(text), @"
    error: `cmd` has no value
     --> config.yaml:3:9
      |
    3 |     cmd:
      |         ^
      |
      = help: it takes a command line, or a list [program, argument, ...]

    error: `cmd` has no value
     --> config.yaml:4:12
      |
    4 |   b: {cmd: ~}
      |            ^
      |
      = help: it takes a command line, or a list [program, argument, ...]

    error: an item of `cmd` has no value
     --> config.yaml:5:16
      |
    5 |   c: {cmd: [a, ~, [b]]}
      |                ^
      |
      = help: it takes a word

    error: an item of `cmd` cannot be a list
     --> config.yaml:5:19
      |
    5 |   c: {cmd: [a, ~, [b]]}
      |                   ^^
      |
      = help: it takes a word
    ");
}

#[test]
fn a_command_with_an_open_quote_is_refused() {
    assert_snapshot!(cmd_complaint("echo 'it"), @"
    error: `cmd` has a quote that is not closed
     --> config.yaml:3:10
      |
    3 |     cmd: echo 'it
      |          ^^^^
      |
      = help: quotes follow the rules of a POSIX shell
    ");
    assert_snapshot!(cmd_complaint("\"echo \\\"it\""), @r#"
    error: `cmd` has a quote that is not closed
     --> config.yaml:3:10
      |
    3 |     cmd: "echo \"it"
      |          ^^^^^^^^
      |
      = help: quotes follow the rules of a POSIX shell
    "#);
    assert_snapshot!(cmd_complaint("\"a\\0b\""), @r#"
    error: `cmd` contains a NUL character
     --> config.yaml:3:10
      |
    3 |     cmd: "a\0b"
      |          ^^^^^^
      |
      = help: no program can be given one
    "#);
}

#[test]
fn values_of_the_environment_are_what_was_written() {
    let written = "{A: 1.10, B: yes, C: 0x10, D: true, E: 007, F: 1e3, G: \"\", H: 'a b', I: .5, J: 12345678901234567890123}";
    let values: Vec<String> = variables(written).into_iter().map(|(_, value)| value).collect();
    assert_eq!(
        values,
        ["1.10", "yes", "0x10", "true", "007", "1e3", "", "a b", ".5", "12345678901234567890123"]
    );
    assert_eq!(variables("~"), []);
    assert_eq!(variables("{A: \"{program_name}:{process_num}\"}"), [("A".to_owned(), "web:1".to_owned())]);
    assert_eq!(variables("{A b: c}"), [("A b".to_owned(), "c".to_owned())]);
}

#[test]
fn what_cannot_be_in_an_environment_is_refused() {
    assert_snapshot!(program_complaint("env:\n  A:\n  B=C: d\n  D: [1]\n  \"\": e\n  E: \"x\\0y\"\n  F: {a: b}"), @r#"
    error: `A` has no value
     --> config.yaml:5:9
      |
    5 |       A:
      |         ^
      |
      = help: write "" for an empty one

    error: `B=C` cannot be the name of an environment variable
     --> config.yaml:6:7
      |
    6 |       B=C: d
      |       ^^^

    error: `D` cannot be a list
     --> config.yaml:7:10
      |
    7 |       D: [1]
      |          ^^
      |
      = help: it takes a text

    error: `` cannot be the name of an environment variable
     --> config.yaml:8:7
      |
    8 |       "": e
      |       ^^

    error: `E` contains a NUL character
     --> config.yaml:9:10
      |
    9 |       E: "x\0y"
      |          ^^^^^^
      |
      = help: no program can be given one

    error: `F` cannot be a map
      --> config.yaml:10:10
       |
    10 |       F: {a: b}
       |          ^^
       |
       = help: it takes a text
    "#);
    assert_snapshot!(program_complaint("env: [A=b]"), @"
    error: `env` cannot be a list; it takes a map (`key: value`)
     --> config.yaml:4:10
      |
    4 |     env: [A=b]
      |          ^^^^
      |
      = help: write NAME: value, one a line
    ");
    assert_snapshot!(program_complaint("env: A=b"), @"
    error: `env` cannot be a single value; it takes a map (`key: value`)
     --> config.yaml:4:10
      |
    4 |     env: A=b
      |          ^^^
      |
      = help: write NAME: value, one a line
    ");
}

#[test]
fn variables_of_our_environment_are_replaced_in_braces_only() {
    assert_eq!(
        words("run ${HOME}/x $HOME $$ $1 $(x) $${HOME}"),
        ["run", "/root/x", "$HOME", "$$", "$1", "$(x)", "${HOME}"]
    );
    assert_eq!(words("run '${NO:-a b}' x${NO:-}y"), ["run", "a b", "xy"]);
    assert_eq!(stdout("${HOME}/${NO:-log}"), file("/root/log"));
    let text = "programs:\n  a: {cmd: 'run ${NO}'}\n  b: {cmd: ['${HOME']}\n  c: {cmd: run, workingdir: '${1}'}\n  \
                d: {cmd: run, env: {A: '${}'}, stdout: '${NO:-stdout}'}\n  e: {cmd: 'run ${NO:-a b}'}\n";
    assert_snapshot!(complaint(text), @"
    error: the environment variable NO is not set
     --> config.yaml:2:12
      |
    2 |   a: {cmd: 'run ${NO}'}
      |            ^^^^^^^^^^^
      |
      = help: set NO, give it a default (${NO:-...}), or write $${NO} if it is meant for a shell

    error: `${` without its `}`
     --> config.yaml:3:13
      |
    3 |   b: {cmd: ['${HOME']}
      |             ^^^^^^^^
      |
      = help: write $${ if a literal ${ is meant; in a command, blanks inside the braces need quotes around

    error: `${1}` does not name a variable
     --> config.yaml:4:29
      |
    4 |   c: {cmd: run, workingdir: '${1}'}
      |                             ^^^^^^
      |
      = help: write $${1} if it is meant for a shell

    error: `${}` does not name a variable
     --> config.yaml:5:26
      |
    5 |   d: {cmd: run, env: {A: '${}'}, stdout: '${NO:-stdout}'}
      |                          ^^^^^
      |
      = help: write $${} if it is meant for a shell

    error: `stdout: stdout` leads to itself
     --> config.yaml:5:42
      |
    5 |   d: {cmd: run, env: {A: '${}'}, stdout: '${NO:-stdout}'}
      |                                          ^^^^^^^^^^^^^^^
      |
      = help: to write a file of that name: ./stdout

    error: `${` without its `}`
     --> config.yaml:6:12
      |
    6 |   e: {cmd: 'run ${NO:-a b}'}
      |            ^^^^^^^^^^^^^^^^
      |
      = help: write $${ if a literal ${ is meant; in a command, blanks inside the braces need quotes around
    ");
}

#[test]
fn relative_paths_start_at_the_file() {
    for (written, path) in [
        ("x", "/srv/x"),
        ("./x", "/srv/x"),
        ("../x", "/srv/../x"),
        ("a//b/", "/srv/a/b"),
        ("/var/x", "/var/x"),
        ("'{process_num}.log'", "/srv/{process_num}.log"),
    ] {
        assert_eq!(stdout(written), file(path), "{written}");
        assert_eq!(program(&format!("workingdir: {written}")).workingdir, Template::new(path), "{written}");
    }
    assert_eq!(stdout("./stdout"), file("/srv/stdout"));
    assert_snapshot!(program_complaint("workingdir: ~/x\nstdout: ~\nstderr: \"~\""), @r#"
    error: `workingdir`: no shell runs, so ~ is not replaced
     --> config.yaml:4:17
      |
    4 |     workingdir: ~/x
      |                 ^^^
      |
      = help: write ${HOME}/x

    error: `stdout` has no value
     --> config.yaml:5:13
      |
    5 |     stdout: ~
      |             ^
      |
      = help: it takes a path, none or inherit

    error: `stderr`: no shell runs, so ~ is not replaced
     --> config.yaml:6:13
      |
    6 |     stderr: "~"
      |             ^^^
      |
      = help: write ${HOME}
    "#);
}

#[test]
fn outputs_may_be_discarded_inherited_or_merged() {
    assert_eq!(stdout("none"), Output::Discard);
    assert_eq!(stdout("inherit"), Output::Inherit);
    assert_eq!(program("stderr: none").stderr, Output::Discard);
    assert_eq!(program("stderr: inherit").stderr, Output::Inherit);
    assert_eq!(program("stderr: stdout").stderr, Output::Stdout);
}

/// A program of which only `cmd` is written.
fn minimal() -> ProgramSpec {
    ProgramSpec {
        name: "web".to_owned(),
        cmd: vec![Template::new("run")],
        numprocs: 1,
        workingdir: Template::new("/srv"),
        umask: None,
        autostart: true,
        autorestart: Autorestart::Unexpected,
        exitcodes: vec![0],
        startretries: 3,
        starttime: Duration::from_secs(1),
        stopsignal: Signal::TERM,
        stoptime: Duration::from_secs(10),
        stdout: file("/srv/logs/{program_name}.stdout"),
        stderr: file("/srv/logs/{program_name}.stderr"),
        env: Vec::new(),
        stdout_rotation: Rotation::DEFAULT,
        stderr_rotation: Rotation::DEFAULT,
        log_format: LogFormat::Raw,
        log_full: LogFull::Drop,
        stopasgroup: true,
        killasgroup: true,
        kill_strays: KillStrays::Stop,
        identity: Identity::default(),
        priority: 999,
        restart_delay: None,
        governance: Governance::default(),
    }
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = accepted("programs: {web: {cmd: run}}\n");
    assert_eq!(*config.programs[0], minimal());
    assert_eq!(config.supervisor.http, Some("127.0.0.1:8080".parse().unwrap()));
    assert_eq!(config.supervisor.logfile, Path::new("/srv/logs/taskmaster.log"));
    assert_eq!((config.supervisor.logfile_maxbytes, config.supervisor.logfile_backups), (10 << 20, 5));
    assert_eq!(config.supervisor.loglevel, log::LevelFilter::Info);
    assert!(config.supervisor.allowed_hosts.is_empty());
    assert_eq!(accepted("programs: {web: {cmd: run}}\ntaskmaster:\n"), config);
}

#[test]
fn the_defaults_of_the_table_are_the_defaults() {
    let written = |name: &str| PROGRAM_KEYS.iter().find(|key| key.name == name).unwrap().default;
    for key in PROGRAM_KEYS.iter().map(|key| key.name) {
        // These say in words what happens; `cmd` has none.
        if !matches!(
            key,
            "cmd"
                | "workingdir"
                | "umask"
                | "restart_delay"
                | "schedule"
                | "readiness"
                | "liveness"
                | "user"
                | "group"
                | "nice"
                | "oom_score_adj"
        ) {
            let quoted =
                format!("{key}: {}", written(key).replace("logs/{program_name}", "'logs/{program_name}"));
            let closed = if quoted.contains('\'') { format!("{quoted}'") } else { quoted };
            assert_eq!(program(&closed), minimal(), "{closed}");
        }
    }
    let plain = accepted("programs: {}\n");
    for key in SUPERVISOR_KEYS {
        let text = format!("programs: {{}}\ntaskmaster: {{{}: {}}}\n", key.name, key.default);
        assert_eq!(accepted(&text), plain, "{text}");
    }
}

fn probe() -> ProbeSpec {
    let second = Duration::from_secs(1);
    let check = Check::Tcp(Template::new("localhost:1"));
    ProbeSpec { check, interval: second, timeout: second, retries: 3, start_delay: Duration::ZERO }
}

fn other() -> Dependency {
    Dependency { program: "other".to_owned(), condition: Condition::Running }
}

#[test]
fn every_key_reaches_its_own_value() {
    type Change = fn(&mut ProgramSpec);
    let expected = |change: Change| {
        let mut spec = minimal();
        change(&mut spec);
        spec
    };
    let cases: &[(&str, Change)] = &[
        ("numprocs: 4", |spec| spec.numprocs = 4),
        ("workingdir: /tmp", |spec| spec.workingdir = Template::new("/tmp")),
        ("umask: 027", |spec| spec.umask = Some(0o27)),
        ("autostart: false", |spec| spec.autostart = false),
        ("autorestart: always", |spec| spec.autorestart = Autorestart::Always),
        ("exitcodes: [1, 2]", |spec| spec.exitcodes = vec![1, 2]),
        ("startretries: 9", |spec| spec.startretries = 9),
        ("starttime: 0.25", |spec| spec.starttime = Duration::from_millis(250)),
        ("stopsignal: USR2", |spec| spec.stopsignal = Signal::USR2),
        ("stoptime: 2m", |spec| spec.stoptime = Duration::from_secs(120)),
        ("stdout: none", |spec| spec.stdout = Output::Discard),
        ("stderr: stdout", |spec| spec.stderr = Output::Stdout),
        ("stdout_maxbytes: 1KB", |spec| spec.stdout_rotation.max_bytes = 1024),
        ("stdout_backups: 0", |spec| spec.stdout_rotation.backups = 0),
        ("stderr_maxbytes: 0", |spec| spec.stderr_rotation.max_bytes = 0),
        ("stderr_backups: 3", |spec| spec.stderr_rotation.backups = 3),
        ("log_format: json", |spec| spec.log_format = LogFormat::Json),
        ("log_full: block", |spec| spec.log_full = LogFull::Block),
        ("env: {A: b}", |spec| spec.env = vec![("A".to_owned(), Template::new("b"))]),
        ("stopasgroup: false", |spec| spec.stopasgroup = false),
        ("killasgroup: false", |spec| spec.killasgroup = false),
        ("kill_strays: never", |spec| spec.kill_strays = KillStrays::Never),
        ("user: nobody", |spec| {
            spec.identity.user = program("user: nobody").identity.user;
            assert!(spec.identity.user.is_some());
        }),
        ("group: nogroup", |spec| spec.identity.group = Some(65534)),
        ("env_file: .env", |spec| spec.identity.env_file = program("env_file: .env").identity.env_file),
        ("clear_env: true", |spec| spec.identity.clear_env = true),
        ("rlimits: {nofile: 7}", |spec| {
            spec.identity.rlimits = vec![(Limit(6), Range { soft: 7, hard: 7 })];
        }),
        ("nice: 7", |spec| spec.identity.nice = Some(7)),
        ("oom_score_adj: 7", |spec| spec.identity.oom_score_adj = Some(7)),
        ("on_crash: kill", |spec| spec.identity.on_crash = OnCrash::Kill),
        ("priority: -1", |spec| spec.priority = -1),
        ("depends_on: [other]", |spec| spec.governance.depends_on = vec![other()]),
        ("readiness: {tcp: 'localhost:1'}", |spec| spec.governance.readiness = Some(probe())),
        ("liveness: {tcp: 'localhost:1'}", |spec| spec.governance.liveness = Some(probe())),
        ("start_interval: 2", |spec| spec.governance.start_interval = Duration::from_secs(2)),
        ("restart_delay: 3", |spec| {
            spec.restart_delay = Some(RestartDelay::constant(Duration::from_secs(3)))
        }),
        ("max_restarts: 5", |spec| spec.governance.max_restarts = 5),
        ("window: 2m", |spec| spec.governance.window = Duration::from_secs(120)),
        ("type: oneshot", |spec| spec.governance.kind = Kind::Oneshot),
        ("schedule: '0 3 * * *'", |spec| {
            spec.governance.schedule = Some(Schedule::new("0 3 * * *").unwrap());
            // It is meant to end, and not to start before its time.
            (spec.governance.kind, spec.autostart) = (Kind::Oneshot, false);
        }),
        ("max_age: 2m", |spec| spec.governance.recycle.max_age = Duration::from_secs(120)),
        ("max_age_jitter: 3", |spec| spec.governance.recycle.max_age_jitter = Duration::from_secs(3)),
        ("max_memory: 2KB", |spec| spec.governance.recycle.max_memory = 2048),
        ("exit_on_failure: true", |spec| spec.governance.exit_on_failure = true),
    ];
    for (line, change) in cases {
        let with = |line: &str| accepted(&format!("{}  other: {{cmd: run}}\n", program_with(line)));
        assert_eq!(*with(line).programs[0], expected(*change), "{line}");
        // A reload notices it, and nothing else.
        let plan = diff(&with(""), with(line));
        let changes: Vec<_> =
            plan.restart.iter().chain(&plan.adjust).flat_map(|change| &change.keys).collect();
        let implied: &[&str] = if line.starts_with("schedule") { &["autostart", "type"] } else { &[] };
        let mut names: Vec<&str> = changes.iter().map(|key| key.name).collect();
        names.retain(|name| !implied.contains(name));
        assert_eq!(names, [line.split(':').next().unwrap()]);
    }
    // A row that is added to the table has to be added here.
    let tried = cases.iter().filter_map(|(line, _)| line.split_once(':')).map(|(key, _)| key);
    assert!(std::iter::once("cmd").chain(tried).eq(PROGRAM_KEYS.iter().map(|key| key.name)));
}

#[test]
fn programs_keep_the_order_of_the_file() {
    let text = format!("{}  a: {{cmd: run}}\n  m: {{cmd: run}}\n", program_with(""));
    let names: Vec<String> = accepted(&text).programs.iter().map(|program| program.name.clone()).collect();
    assert_eq!(names, ["web", "a", "m"]);
}

#[test]
fn a_program_cannot_write_into_the_supervisors_own_log() {
    assert_snapshot!(complaint("programs:\n  w: {cmd: x, stderr: ./logs/taskmaster.log}\n"), @"
    error: `stderr` is the supervisor's own log
     --> config.yaml:2:23
      |
    2 |   w: {cmd: x, stderr: ./logs/taskmaster.log}
      |                       ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: name another file, or another `logfile` below `taskmaster:`
    ");
    accepted("programs:\n  w: {cmd: x, stderr: logs/taskmaster.log}\ntaskmaster: {logfile: own.log}\n");
}
