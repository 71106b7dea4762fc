//! Broken configurations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::signal::Signal;
use taskmaster::config::{self, Config, Output, Source, Surroundings};

use crate::harness::{Running, Site, descriptors, wait_until};
use crate::mutate::{Random, mutate};
use crate::rounds;

/// What is broken: much of the format, in many forms. Every program does the same harmless thing.
const PROGRAMS: &str = "  a: {cmd: sleep 1000, numprocs: 2, starttime: 0, stoptime: 1}
  b:
    cmd: [sleep, '1000']
    starttime: 0
    autorestart: always
    exitcodes: [0, 2]
    stopsignal: TERM
    umask: 022
    env: {A: \"x\", B: 'it''s'}
    restart_delay: {initial: 1, max: 60}
  c: &c
    cmd: >-
      sleep 1000
    starttime: 0ms
    stdout: logs/{program_name}.{process_num}.log
    stderr: stdout
  d: {<<: *c, numprocs: 2, stdout: none, stderr: none, stdout_maxbytes: 1MB} # the last
";

/// Changes that somebody might make, which break nothing by themselves.
const EDITS: [(&str, &str); 14] = [
    ("numprocs: 2", "numprocs: 3"),
    ("numprocs: 2", "numprocs: 1"),
    ("sleep 1000", "sleep 2000"),
    ("sleep, '1000'", "sleep, '1000', '1000'"),
    ("autorestart: always", "autorestart: never"),
    ("exitcodes: [0, 2]", "exitcodes: 3"),
    ("stopsignal: TERM", "stopsignal: INT"),
    ("umask: 022", "umask: 077"),
    ("A: \"x\"", "A: \"y\""),
    ("max: 60", "max: 90"),
    ("stoptime: 1", "stoptime: 2"),
    ("{program_name}.{process_num}.log", "other.log"),
    ("stdout_maxbytes: 1MB", "stdout_maxbytes: 2MB"),
    ("  c: &c\n", "  e: {cmd: sleep 1000, starttime: 0}\n  c: &c\n"),
];

/// Broken, edited, or both.
fn changed(programs: &str, seed: u64) -> String {
    let mut random = Random(seed * 0x9E37_79B9);
    let mut text = programs.to_owned();
    if !seed.is_multiple_of(3) {
        for _ in 0..=random.below(2) {
            let (from, to) = EDITS[random.below(EDITS.len())];
            text = text.replacen(from, to, 1);
        }
    }
    if seed.is_multiple_of(3) || seed.is_multiple_of(2) { mutate(&text, &mut random) } else { text }
}

/// Which process each instance is.
type Pids = BTreeMap<String, Option<u64>>;

fn pids(running: &Running) -> Pids {
    let status = running.status();
    let programs = status["programs"].as_array().unwrap();
    let rows = programs.iter().flat_map(|program| program["processes"].as_array().unwrap());
    rows.map(|row| (row["name"].as_str().unwrap().to_owned(), row["pid"].as_u64())).collect()
}

/// As the supervisor reads it.
fn parse(site: &Site, text: &str) -> Option<Config> {
    let directory = site.path("config.yaml").canonicalize().unwrap().parent().unwrap().to_owned();
    let source = Source { name: "config.yaml".to_owned(), text: text.to_owned(), directory };
    let surroundings = Surroundings {
        environment: &|name| std::env::var(name).ok(),
        read_file: &|_| Err("there is no such file".to_owned()),
        user: &|_| None,
        group: &|_| None,
        is_root: crate::harness::is_root(),
    };
    config::parse_in(&source, &surroundings).ok()
}

/// Whether a configuration does no harm to the machine that this runs on: its programs sleep, it writes
/// where it should, and the supervisor can be found where it was.
fn is_harmless(config: &Config, original: &Config, directory: &Path) -> bool {
    let is_inside =
        |path: &str| Path::new(path).starts_with(directory) && !path.contains("..") && path.len() < 200;
    let is_mild = |output: &Output, name: &str| match output {
        Output::File(path) => is_inside(&path.expand(name, 0)),
        Output::Discard | Output::Inherit | Output::Stdout => true,
    };
    let instances: u32 = config.programs.iter().map(|program| program.numprocs).sum();
    config.supervisor == original.supervisor
        && instances < 20
        && config.programs.iter().all(|program| {
            let sleeps = program.cmd.first().is_some_and(|word| word.expand(&program.name, 0) == "sleep");
            sleeps && is_mild(&program.stdout, &program.name) && is_mild(&program.stderr, &program.name)
        })
}

/// Lets it read the file again; when this returns, it has.
fn reload(running: &Running) {
    running.signal(Signal::SIGHUP);
    // An answer may overtake a signal, but the next turn begins with it.
    running.command("version");
    running.command("version");
}

fn settle(running: &Running, count: usize) -> Pids {
    wait_until("all to run", || {
        let status = running.status();
        let counts = status["counts"].as_object().unwrap();
        let total: u64 = counts.values().filter_map(|count| count.as_u64()).sum();
        counts["RUNNING"].as_u64() == Some(count as u64) && total == count as u64
    });
    pids(running)
}

#[test]
fn broken_configurations_touch_no_program_that_is_as_it_was() {
    let site = Site::new(PROGRAMS);
    let original_text = site.read("config.yaml");
    let (programs, section) = original_text.split_once("taskmaster:").unwrap();
    let section = format!("taskmaster:{section}");
    let directory: PathBuf = site.path("").canonicalize().unwrap();
    let original = parse(&site, &original_text).unwrap();
    let instances = original.programs.iter().map(|program| program.numprocs as usize).sum();
    let mut command = site.command();
    crate::harness::hear_hangups(&mut command);
    let running = site.start(&mut command);
    let mut known = settle(&running, instances);
    let open = descriptors(running.pid());
    let (count, started) = (rounds("FUZZ_RELOADS", 120), Instant::now());
    let (mut invalid, mut valid, mut unsent) = (0, 0, 0);
    for seed in 1..=count {
        let text = changed(programs, seed) + &section;
        let plan = match parse(&running.site, &text) {
            Some(new) if !is_harmless(&new, &original, &directory) => {
                unsent += 1;
                continue;
            }
            new => new.map(|new| config::diff(&original, new)),
        };
        running.site.write("config.yaml", &text);
        reload(&running);
        let now = pids(&running);
        let Some(plan) = plan else {
            invalid += 1;
            assert_eq!(now, known, "configuration {seed} is refused, and has touched something:\n{text}");
            continue;
        };
        valid += 1;
        let touched: Vec<&str> = plan.restart.iter().map(|change| &*change.new.name).collect();
        for (name, pid) in &known {
            let program = name.split(':').next().unwrap();
            if touched.contains(&program) || !now.contains_key(name) {
                continue;
            }
            assert!(now[name] == *pid || now[name].is_none(), "{seed}: {name} is another process:\n{text}");
            let spec = plan.config.programs.iter().find(|spec| spec.name == program);
            let number: u32 = name.rsplit(':').next().unwrap().parse().unwrap();
            let stays = spec.is_some_and(|spec| number < spec.numprocs);
            assert!(!stays || now[name] == *pid, "{seed}: {name} was stopped:\n{text}");
        }
        running.site.write("config.yaml", &original_text);
        reload(&running);
        known = settle(&running, instances);
    }
    println!(
        "{count} broken configurations in {:.1?}: {invalid} refused, {valid} applied, {unsent} not sent",
        started.elapsed()
    );
    assert!(invalid > count / 4 && valid > count / 10, "{invalid} refused, {valid} applied");
    wait_until("descriptors to be closed", || descriptors(running.pid()) <= open);
    assert!(!running.log().contains("panic"), "{}", running.log());
    // What was looked for all the time would have been seen.
    running.command("restart a:0");
    assert_ne!(settle(&running, instances), known);
    running.stop();
}
