//! The answer to `GET /metrics`: the text format of Prometheus, version 0.0.4.

use std::fmt::Write;

use super::{ProcessRow, Snapshot};
use crate::supervisor::State;

/// Bounds of the turn-time histogram, in seconds.
pub const TURN_SECONDS: [f64; 8] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0];

/// Measurements of the supervisor itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own {
    /// How long it has run, in seconds.
    pub uptime_seconds: f64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
    /// CPU time it has used, in seconds.
    pub cpu_seconds: f64,
    /// Turns of the loop by how long each took: one count for each of [`TURN_SECONDS`], and one for
    /// what is beyond.
    pub turns: [u64; TURN_SECONDS.len() + 1],
    /// The time of all turns together, in seconds.
    pub turn_seconds: f64,
}

/// What the logs of one instance have taken since the supervisor was started, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogBytes {
    /// Written to them.
    pub written: u64,
    /// Lost.
    pub dropped: u64,
}

/// The whole text.
pub fn render(snapshot: &Snapshot, own: &Own, log_bytes: impl Fn(&str) -> LogBytes) -> Vec<u8> {
    let mut text = Text(String::new());
    own_metrics(&mut text, own);
    let programs = || snapshot.programs.iter();
    text.family("taskmaster_program_numprocs", "gauge", "Instances that the program is meant to have.");
    for program in programs() {
        text.sample(
            "taskmaster_program_numprocs",
            &[("program", &program.name)],
            f64::from(program.numprocs),
        );
    }
    text.family("taskmaster_program_processes", "gauge", "Instances of the program by state.");
    for program in programs() {
        for state in State::NAMES {
            let count = program.processes.iter().filter(|row| row.state.name() == state).count();
            let labels = [("program", program.name.as_str()), ("state", state)];
            text.sample("taskmaster_program_processes", &labels, count as f64);
        }
    }
    process_metrics(&mut text, snapshot, log_bytes);
    text.0.into_bytes()
}

fn process_metrics(text: &mut Text, snapshot: &Snapshot, log_bytes: impl Fn(&str) -> LogBytes) {
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&ProcessRow) -> Option<f64>| {
        text.family(name, kind, help);
        for program in &snapshot.programs {
            for row in &program.processes {
                if let Some(value) = value(row) {
                    text.sample(name, &[("program", &program.name), ("process", &row.name)], value);
                }
            }
        }
    };
    each("taskmaster_process_up", "gauge", "1 while the instance is RUNNING.", &|row| {
        Some(f64::from(u8::from(row.state == State::Running)))
    });
    each(
        "taskmaster_process_state",
        "gauge",
        "State: 0 STOPPED, 1 STARTING, 2 RUNNING, 3 BACKOFF, 4 STOPPING, 5 EXITED, 6 FATAL.",
        &|row| Some(row.state.ordinal() as f64),
    );
    each("taskmaster_process_restarts", "gauge", "Automatic restarts since the last command.", &|row| {
        Some(f64::from(row.restarts))
    });
    each(
        "taskmaster_process_exits_total",
        "counter",
        "Ends of its processes, failed spawns included.",
        &|row| Some(f64::from(row.exits)),
    );
    each("taskmaster_process_uptime_seconds", "gauge", "How long its process has lived.", &|row| {
        row.uptime.map(|uptime| uptime.as_secs_f64())
    });
    each("taskmaster_process_cpu_seconds", "gauge", "CPU time that its process has used.", &|row| {
        row.usage.map(|usage| usage.cpu_seconds)
    });
    each("taskmaster_process_resident_memory_bytes", "gauge", "Resident memory of its process.", &|row| {
        row.usage.map(|usage| usage.rss_bytes as f64)
    });
    each(
        "taskmaster_process_log_bytes_total",
        "counter",
        "Bytes of its output that were written to its log files.",
        &|row| Some(log_bytes(&row.name).written as f64),
    );
    each(
        "taskmaster_process_log_dropped_bytes_total",
        "counter",
        "Bytes of its output that were lost because a log file could not be written.",
        &|row| Some(log_bytes(&row.name).dropped as f64),
    );
}

fn own_metrics(text: &mut Text, own: &Own) {
    text.family("taskmaster_info", "gauge", "The version of the supervisor.");
    text.sample("taskmaster_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    let mut single = |name: &str, kind: &str, help: &str, value: f64| {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    };
    single("taskmaster_uptime_seconds", "gauge", "How long the supervisor has run.", own.uptime_seconds);
    single("process_open_fds", "gauge", "Open file descriptors of the supervisor.", own.open_fds as f64);
    single(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory of the supervisor.",
        own.rss_bytes as f64,
    );
    single("process_cpu_seconds_total", "counter", "CPU time of the supervisor.", own.cpu_seconds);
    let name = "taskmaster_loop_turn_seconds";
    text.family(name, "histogram", "How long the turns of the event loop took.");
    let mut total = 0;
    for (bound, count) in TURN_SECONDS.iter().zip(own.turns) {
        total += count;
        text.sample(&format!("{name}_bucket"), &[("le", &bound.to_string())], total as f64);
    }
    total += own.turns[TURN_SECONDS.len()];
    text.sample(&format!("{name}_bucket"), &[("le", "+Inf")], total as f64);
    text.sample(&format!("{name}_sum"), &[], own.turn_seconds);
    text.sample(&format!("{name}_count"), &[], total as f64);
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Values of labels are names, which have nothing to escape but are escaped all the same.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_adds_up() {
        let mut text = Text(String::new());
        own_metrics(&mut text, &Own { turns: [1, 2, 0, 0, 0, 0, 0, 0, 4], ..Own::default() });
        assert!(text.0.contains("_bucket{le=\"0.0003\"} 3\n"), "{}", text.0);
        assert!(text.0.contains("_bucket{le=\"+Inf\"} 7\n"), "{}", text.0);
        assert!(text.0.contains("_count 7\n"), "{}", text.0);
    }

    #[test]
    fn labels_cannot_forge_samples() {
        let mut text = Text(String::new());
        text.sample("x", &[("name", "a\"} 1\nx{\\")], 2.0);
        assert_eq!(text.0, "x{name=\"a\\\"} 1\\nx{\\\\\"} 2\n");
    }
}
