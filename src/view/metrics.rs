//! The answer to `GET /metrics`: the text format of Prometheus, version 0.0.4.

use std::fmt::Write;
use std::time::Duration;

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

/// The whole text. `log_bytes` has one entry for each row, in their order.
pub fn render(snapshot: &Snapshot, own: &Own, log_bytes: &[LogBytes]) -> Vec<u8> {
    let mut text = Text::default();
    own_metrics(&mut text, own);
    let programs = || snapshot.programs.iter();
    text.family("taskmaster_program_numprocs", "gauge", "Instances that the program is meant to have.");
    for program in programs() {
        let value = Value::Whole(u64::from(program.numprocs));
        text.sample("taskmaster_program_numprocs", &[("program", &program.name)], value);
    }
    text.family("taskmaster_program_processes", "gauge", "Instances of the program by state.");
    for program in programs() {
        let mut counts = [0; State::NAMES.len()];
        program.processes.iter().for_each(|row| counts[row.state.ordinal()] += 1);
        for (state, count) in State::NAMES.into_iter().zip(counts) {
            let labels = [("program", program.name.as_str()), ("state", state)];
            text.sample("taskmaster_program_processes", &labels, Value::Whole(count));
        }
    }
    process_metrics(&mut text, snapshot, log_bytes);
    text.0.into_bytes()
}

fn process_metrics(text: &mut Text, snapshot: &Snapshot, log_bytes: &[LogBytes]) {
    let labels = Labels::of(snapshot);
    let mut each =
        |name: &str, kind: &str, help: &str, value: &dyn Fn(usize, &ProcessRow) -> Option<Value>| {
            text.family(name, kind, help);
            for (at, row) in snapshot.rows().enumerate() {
                if let Some(value) = value(at, row) {
                    text.labelled(name, labels.get(at), value);
                }
            }
        };
    let logged = |at: usize| log_bytes.get(at).copied().unwrap_or_default();
    each("taskmaster_process_up", "gauge", "1 while the instance is RUNNING.", &|_, row| {
        Some(Value::Whole(u64::from(row.state == State::Running)))
    });
    each(
        "taskmaster_process_state",
        "gauge",
        "State: 0 STOPPED, 1 STARTING, 2 RUNNING, 3 BACKOFF, 4 STOPPING, 5 EXITED, 6 FATAL.",
        &|_, row| Some(Value::Whole(row.state.ordinal() as u64)),
    );
    each("taskmaster_process_restarts", "gauge", "Automatic restarts since the last command.", &|_, row| {
        Some(Value::Whole(u64::from(row.restarts)))
    });
    each(
        "taskmaster_process_exits_total",
        "counter",
        "Ends of its processes, failed spawns included.",
        &|_, row| Some(Value::Whole(u64::from(row.exits))),
    );
    each("taskmaster_process_uptime_seconds", "gauge", "How long its process has lived.", &|_, row| {
        row.uptime.map(Value::Time)
    });
    each("taskmaster_process_cpu_seconds", "gauge", "CPU time that its process has used.", &|_, row| {
        row.usage.map(|usage| Value::Float(usage.cpu_seconds))
    });
    each(
        "taskmaster_process_resident_memory_bytes",
        "gauge",
        "Resident memory of its process.",
        &|_, row| row.usage.map(|usage| Value::Whole(usage.rss_bytes)),
    );
    each(
        "taskmaster_process_log_bytes_total",
        "counter",
        "Bytes of its output that were written to its log files.",
        &|at, _| Some(Value::Whole(logged(at).written)),
    );
    each(
        "taskmaster_process_log_dropped_bytes_total",
        "counter",
        "Bytes of its output that were lost because a log file could not be written.",
        &|at, _| Some(Value::Whole(logged(at).dropped)),
    );
}

fn own_metrics(text: &mut Text, own: &Own) {
    text.family("taskmaster_info", "gauge", "The version of the supervisor.");
    text.sample("taskmaster_info", &[("version", env!("CARGO_PKG_VERSION"))], Value::Whole(1));
    let mut single = |name: &str, kind: &str, help: &str, value: Value| {
        text.family(name, kind, help);
        text.sample(name, &[], value);
    };
    single(
        "taskmaster_uptime_seconds",
        "gauge",
        "How long the supervisor has run.",
        Value::Float(own.uptime_seconds),
    );
    single(
        "process_open_fds",
        "gauge",
        "Open file descriptors of the supervisor.",
        Value::Whole(own.open_fds),
    );
    single(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory of the supervisor.",
        Value::Whole(own.rss_bytes),
    );
    single(
        "process_cpu_seconds_total",
        "counter",
        "CPU time of the supervisor.",
        Value::Float(own.cpu_seconds),
    );
    let name = "taskmaster_loop_turn_seconds";
    text.family(name, "histogram", "How long the turns of the event loop took.");
    let mut total = 0;
    for (bound, count) in TURN_SECONDS.iter().zip(own.turns) {
        total += count;
        text.sample(&format!("{name}_bucket"), &[("le", &bound.to_string())], Value::Whole(total));
    }
    total += own.turns[TURN_SECONDS.len()];
    text.sample(&format!("{name}_bucket"), &[("le", "+Inf")], Value::Whole(total));
    text.sample(&format!("{name}_sum"), &[], Value::Float(own.turn_seconds));
    text.sample(&format!("{name}_count"), &[], Value::Whole(total));
}

/// What a sample says.
#[derive(Clone, Copy)]
enum Value {
    Whole(u64),
    /// In seconds, to the nanosecond.
    Time(Duration),
    Float(f64),
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: Value) {
        self.0.push_str(name);
        if !labels.is_empty() {
            push_labels(&mut self.0, labels);
        }
        self.value(value);
    }

    /// The same for labels that are text already.
    fn labelled(&mut self, name: &str, labels: &str, value: Value) {
        self.0.push_str(name);
        self.0.push_str(labels);
        self.value(value);
    }

    fn value(&mut self, value: Value) {
        self.0.push(' ');
        match value {
            Value::Whole(value) => push_whole(&mut self.0, value),
            Value::Time(time) => {
                push_fraction(&mut self.0, time.as_secs(), u64::from(time.subsec_nanos()), 9);
            }
            Value::Float(value) => push_float(&mut self.0, value),
        }
        self.0.push('\n');
    }
}

/// The labels of every row: nine families of metrics have the same.
struct Labels {
    text: String,
    /// Where those of each row end.
    ends: Vec<usize>,
}

impl Labels {
    fn of(snapshot: &Snapshot) -> Labels {
        let mut labels = Labels { text: String::new(), ends: Vec::with_capacity(snapshot.rows().count()) };
        for program in &snapshot.programs {
            for row in &program.processes {
                push_labels(&mut labels.text, &[("program", &program.name), ("process", &row.name)]);
                labels.ends.push(labels.text.len());
            }
        }
        labels
    }

    fn get(&self, at: usize) -> &str {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[at]]
    }
}

/// Values of labels are names, which have nothing to escape but are escaped all the same.
fn push_labels(text: &mut String, labels: &[(&str, &str)]) {
    let mut before = '{';
    for (name, value) in labels {
        text.push(before);
        text.push_str(name);
        text.push_str("=\"");
        push_escaped(text, value);
        text.push('"');
        before = ',';
    }
    text.push('}');
}

fn push_escaped(text: &mut String, value: &str) {
    if !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        text.push_str(value);
        return;
    }
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            _ => text.push(character),
        }
    }
}

/// Tens of thousands of numbers are written, and nearly all of them are whole: this is a tenth of what the
/// formatting of a float costs.
fn push_whole(text: &mut String, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut begin = digits.len();
    loop {
        begin -= 1;
        digits[begin] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    text.push_str(std::str::from_utf8(&digits[begin..]).expect("digits"));
}

/// `whole` and so many `places` of a `fraction`, without zeros at the end.
fn push_fraction(text: &mut String, whole: u64, mut fraction: u64, places: usize) {
    push_whole(text, whole);
    if fraction == 0 {
        return;
    }
    let mut digits = [b'0'; 9];
    let digits = &mut digits[..places];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    let digits = std::str::from_utf8(digits).expect("digits");
    text.push('.');
    text.push_str(digits.trim_end_matches('0'));
}

/// As `{}` would write it. CPU times come in hundredths of a second, mostly.
fn push_float(text: &mut String, value: f64) {
    /// Below this, hundredths and their float are the same number in fewer digits than a float has.
    const HUNDREDTHS_MAX: f64 = 1e14;
    let hundredths = (value * 100.0).round();
    if (0.0..HUNDREDTHS_MAX).contains(&hundredths) && hundredths / 100.0 == value && value.is_sign_positive()
    {
        let hundredths = hundredths as u64;
        push_fraction(text, hundredths / 100, hundredths % 100, 2);
    } else {
        let _ = write!(text, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_adds_up() {
        let mut text = Text::default();
        own_metrics(&mut text, &Own { turns: [1, 2, 0, 0, 0, 0, 0, 0, 4], ..Own::default() });
        assert!(text.0.contains("_bucket{le=\"0.0003\"} 3\n"), "{}", text.0);
        assert!(text.0.contains("_bucket{le=\"+Inf\"} 7\n"), "{}", text.0);
        assert!(text.0.contains("_count 7\n"), "{}", text.0);
    }

    #[test]
    fn labels_cannot_forge_samples() {
        let mut text = Text::default();
        text.sample("x", &[("name", "a\"} 1\nx{\\")], Value::Whole(2));
        assert_eq!(text.0, "x{name=\"a\\\"} 1\\nx{\\\\\"} 2\n");
    }

    #[test]
    fn numbers_are_written_as_by_the_standard_library() {
        for value in
            [0.0, -0.0, 0.07, 0.1, 1.0, 12.25, 12.345, 1e-9, -3.5, 1e14, 1e300, f64::NAN, f64::INFINITY]
        {
            let mut text = String::new();
            push_float(&mut text, value);
            assert_eq!(text, value.to_string());
        }
        for hundredths in (0..2_000_000_u64).step_by(77).chain([9_999_999_999_999]) {
            let value = hundredths as f64 / 100.0;
            let mut text = String::new();
            push_float(&mut text, value);
            assert_eq!(text, value.to_string());
        }
        for value in [0, 7, 10, 1_234_567, u64::MAX] {
            let mut text = String::new();
            push_whole(&mut text, value);
            assert_eq!(text, value.to_string());
        }
        for (nanos, shown) in [(12_000_000_000, "12"), (12_000_000_001, "12.000000001"), (500_000_000, "0.5")]
        {
            let mut text = Text::default();
            text.labelled("x", "", Value::Time(Duration::from_nanos(nanos)));
            assert_eq!(text.0, format!("x {shown}\n"));
        }
    }
}
