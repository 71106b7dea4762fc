//! `/metrics`: the text format of Prometheus to the letter, and the right numbers.

use crate::harness::{self, Running, Site, descriptors, get, kill, wait_until};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, HashSet};

/// One sample.
#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Families by name, with their type, and every sample in order.
struct Metrics {
    kinds: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(is_first) && name.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

/// `a="x",b="y"}`: the labels, and what follows them.
fn labels(mut text: &str) -> (BTreeMap<String, String>, &str) {
    let mut found = BTreeMap::new();
    loop {
        let (name, rest) = text.split_once("=\"").unwrap_or_else(|| panic!("no label in {text:?}"));
        assert!(is_name(name), "{name:?}");
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next().expect("an end of the value") {
                (at, '"') => break at,
                (_, '\\') => match chars.next().unwrap().1 {
                    'n' => value.push('\n'),
                    escaped @ ('\\' | '"') => value.push(escaped),
                    other => panic!("\\{other}"),
                },
                (_, other) => value.push(other),
            }
        };
        assert!(found.insert(name.to_owned(), value).is_none(), "{name} twice");
        text = &rest[end + 1..];
        match text.split_at(1) {
            (",", rest) => text = rest,
            ("}", rest) => return (found, rest),
            _ => panic!("{text:?}"),
        }
    }
}

impl Metrics {
    /// Checks every line: each family with its HELP and TYPE before its samples, all of them together, no
    /// sample twice.
    fn parse(text: &str) -> Metrics {
        assert!(text.ends_with('\n'));
        let mut metrics = Metrics { kinds: BTreeMap::new(), samples: Vec::new() };
        let mut family = String::new();
        let mut helped = String::new();
        let mut seen = HashSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(is_name(name) && !help.is_empty() && !help.contains('\\'), "{line}");
                helped = name.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(name, helped, "TYPE follows HELP");
                assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
                assert!(metrics.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
                family = name.to_owned();
            } else {
                let name_end = line.find(['{', ' ']).unwrap();
                let (name, rest) = line.split_at(name_end);
                let (labels, rest) = rest.strip_prefix('{').map_or((BTreeMap::new(), rest), labels);
                let value = rest.strip_prefix(' ').unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(is_name(name), "{line}");
                let of_family = match metrics.kinds[&family].as_str() {
                    "histogram" => {
                        ["_bucket", "_sum", "_count"].iter().any(|end| name == format!("{family}{end}"))
                    }
                    _ => name == family,
                };
                assert!(of_family, "{line} stands with {family}");
                assert!(!name.ends_with("_total") || metrics.kinds[&family] == "counter", "{line}");
                assert!(seen.insert(format!("{name}{labels:?}")), "{line} twice");
                metrics.samples.push(Sample { name: name.to_owned(), labels, value });
            }
        }
        metrics
    }

    fn all<'a>(&'a self, name: &'a str, label: &'a str, value: &'a str) -> impl Iterator<Item = &'a Sample> {
        let fits = move |sample: &&Sample| {
            sample.name == name && sample.labels.get(label).is_some_and(|it| it == value)
        };
        self.samples.iter().filter(fits)
    }

    fn of_process(&self, name: &str, process: &str) -> Option<f64> {
        let mut found = self.all(name, "process", process).map(|sample| sample.value);
        let first = found.next();
        assert_eq!(found.next(), None);
        first
    }

    fn plain(&self, name: &str) -> f64 {
        self.samples.iter().find(|sample| sample.name == name && sample.labels.is_empty()).unwrap().value
    }
}

fn scrape(running: &Running) -> Metrics {
    let answer = get(running.site.port, "/metrics").unwrap();
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    Metrics::parse(&String::from_utf8(answer.body).unwrap())
}

fn supervise() -> Running {
    let running = Site::new(
        "  w: {cmd: sleep 1000, numprocs: 3, starttime: 0}\n  done: {cmd: \"sh -c 'exit 3'\", starttime: 0, autorestart: never}\n  talks: {cmd: \"sh -c 'echo 12345678; exec sleep 1000'\", starttime: 0}\n  none: {cmd: sleep 1, numprocs: 0}",
    )
    .supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 4);
    running.wait_for_state("done:0", "EXITED");
    wait_until("the line", || running.site.read("logs/talks.stdout") == "12345678\n");
    running
}

#[test]
fn states_and_numbers_are_those_of_the_status() {
    let running = supervise();
    running.command("stop w:2");
    kill(running.pid_of("w:1").unwrap(), Signal::SIGKILL);
    wait_until("the restart", || {
        running.process("w:1")["restarts"] == 1 && running.state("w:1") == "RUNNING"
    });
    let metrics = scrape(&running);
    let in_state = |state: &str| {
        let mut samples = metrics.all("taskmaster_program_processes", "program", "w");
        samples.find(|sample| sample.labels["state"] == state).unwrap().value
    };
    assert_eq!((in_state("RUNNING"), in_state("STOPPED"), in_state("FATAL")), (2.0, 1.0, 0.0));
    let of = |name: &str, process: &str| metrics.of_process(&format!("taskmaster_process_{name}"), process);
    assert_eq!((of("up", "w:0"), of("up", "w:2"), of("up", "done:0")), (Some(1.0), Some(0.0), Some(0.0)));
    assert_eq!(
        (of("state", "w:0"), of("state", "w:2"), of("state", "done:0")),
        (Some(2.0), Some(0.0), Some(5.0))
    );
    assert_eq!((of("restarts", "w:0"), of("restarts", "w:1")), (Some(0.0), Some(1.0)));
    assert_eq!(
        (of("exits_total", "w:0"), of("exits_total", "w:1"), of("exits_total", "done:0")),
        (Some(0.0), Some(1.0), Some(1.0))
    );
    assert!(of("uptime_seconds", "w:0").unwrap() > 0.0);
    assert!(of("resident_memory_bytes", "w:1").unwrap() > 10_000.0, "one that has just started");
    assert!(of("cpu_seconds", "w:0").unwrap() >= 0.0);
    // What has no process has no measurements.
    for name in ["uptime_seconds", "resident_memory_bytes", "cpu_seconds"] {
        assert_eq!((of(name, "w:2"), of(name, "done:0")), (None, None), "{name}");
    }
    assert_eq!(
        (of("log_bytes_total", "talks:0"), of("log_dropped_bytes_total", "talks:0")),
        (Some(9.0), Some(0.0))
    );
    let numprocs = |name| metrics.all("taskmaster_program_numprocs", "program", name).next().unwrap().value;
    assert_eq!((numprocs("w"), numprocs("none")), (3.0, 0.0));
    running.stop();
}

#[test]
fn the_supervisor_measures_itself() {
    let running = supervise();
    let metrics = scrape(&running);
    let fds = descriptors(running.pid()) as f64;
    // The connection that asked was open then.
    assert!(
        (metrics.plain("process_open_fds") - fds).abs() <= 2.0,
        "{} {fds}",
        metrics.plain("process_open_fds")
    );
    // What the start needed may go between the two looks.
    wait_until("the sizes of one moment", || {
        let told = scrape(&running).plain("process_resident_memory_bytes");
        (told / harness::rss_bytes(running.pid()) as f64 - 1.0).abs() < 0.2
    });
    // It comes in ticks of 10 ms.
    wait_until("some CPU to be used", || scrape(&running).plain("process_cpu_seconds_total") > 0.0);
    assert!(metrics.plain("taskmaster_uptime_seconds") > 0.0);
    let version = metrics.samples.iter().find(|sample| sample.name == "taskmaster_info").unwrap();
    assert_eq!((version.labels["version"].as_str(), version.value), (env!("CARGO_PKG_VERSION"), 1.0));
    running.stop();
}

#[test]
fn the_histogram_is_cumulative_and_counts_turns() {
    let running = supervise();
    let buckets = |metrics: &Metrics| -> Vec<(f64, f64)> {
        let buckets =
            metrics.samples.iter().filter(|sample| sample.name == "taskmaster_loop_turn_seconds_bucket");
        buckets
            .map(|sample| (sample.labels["le"].replace("+Inf", "inf").parse().unwrap(), sample.value))
            .collect()
    };
    let before = scrape(&running);
    let found = buckets(&before);
    assert!(found.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{found:?}");
    let last = found.last().unwrap();
    assert_eq!((last.0, last.1), (f64::INFINITY, before.plain("taskmaster_loop_turn_seconds_count")));
    let sum = before.plain("taskmaster_loop_turn_seconds_sum");
    assert!(sum > 0.0 && sum < before.plain("taskmaster_uptime_seconds"));
    running.status();
    let after = scrape(&running);
    assert!(buckets(&after).iter().zip(&found).all(|(after, before)| after.1 >= before.1));
    assert!(after.plain("taskmaster_loop_turn_seconds_count") > last.1);
    assert!(after.plain("taskmaster_loop_turn_seconds_sum") > sum);
    running.stop();
}

/// Starting processes is what turns are longest for, and it is done in several, so that others are
/// heard in between.
#[test]
fn turns_that_start_processes_are_measured_whole_and_kept_short() {
    let site = Site::new("  w: {cmd: sleep 1000, numprocs: 300, starttime: 0}");
    let running = site.supervise();
    wait_until("all to run", || running.status()["counts"]["RUNNING"] == 300);
    let metrics = scrape(&running);
    let turns = metrics.plain("taskmaster_loop_turn_seconds_count");
    assert!(turns > 10.0, "{turns}");
    let cpu_seconds = metrics.plain("process_cpu_seconds_total");
    let seconds = metrics.plain("taskmaster_loop_turn_seconds_sum");
    assert!(seconds > cpu_seconds / 3.0, "{seconds} s of turns, {cpu_seconds} s of CPU");
    running.stop();
}
