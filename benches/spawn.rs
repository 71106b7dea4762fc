//! How fast N children run, against the floor: `cargo bench --bench spawn [-- N...]`.

#![allow(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

mod support;

use std::time::Duration;

use support::contender::{Contender, Running};
use support::{floor, pause, procfs};

const ROUNDS: usize = 5;
const COUNTS: [usize; 2] = [100, 1000];

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == floor::ROLE).is_some() {
        return floor::run(arguments);
    }
    // cargo adds flags of its own, such as --bench.
    let asked: Vec<usize> = arguments.filter_map(|argument| argument.parse().ok()).collect();
    let counts = if asked.is_empty() { COUNTS.to_vec() } else { asked };

    let dir = tempfile::tempdir().expect("a temporary directory");
    let child = pause::prepare(dir.path());
    println!("medians of {ROUNDS} alternating rounds\n");
    println!("{:<12}{:>8}{:>12}{:>12}{:>12}", "", "N", "start ms", "CPU ms", "stop ms");
    for contender in Contender::BOTH {
        Round::measure(contender, 1, &child); // brings the programs into the page cache
    }
    for count in counts {
        compare(count, &child);
    }
}

fn compare(count: usize, child: &[String]) {
    let mut rounds = Contender::BOTH.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (contender, rounds) in Contender::BOTH.into_iter().zip(&mut rounds) {
            rounds.push(Round::measure(contender, count, child));
        }
    }
    let [floor, taskmaster] = rounds.map(|rounds| Round::median(&rounds));
    for (contender, round) in Contender::BOTH.into_iter().zip([&floor, &taskmaster]) {
        let [start, cpu, stop] = round.in_milliseconds();
        println!("{:<12}{count:>8}{start:>12.1}{cpu:>12.1}{stop:>12.1}", contender.name());
    }
    let (ours, least) = (taskmaster.in_milliseconds(), floor.in_milliseconds());
    let [start, cpu, stop] = [0, 1, 2].map(|figure| ours[figure] / least[figure]);
    println!("{:<12}{count:>8}{start:>11.2}x{cpu:>11.2}x{stop:>11.2}x\n", "ratio");
}

struct Round {
    /// From the launch until all children run.
    start: Duration,
    /// What the supervisor itself had used by then.
    cpu: Duration,
    /// From SIGTERM until it has ended.
    stop: Duration,
}

impl Round {
    fn measure(contender: Contender, count: usize, child: &[String]) -> Round {
        let mut running = Running::launch(contender, count, child);
        let start = running.await_children();
        let cpu = procfs::cpu_time(running.pid());
        Round { start, cpu, stop: running.stop() }
    }

    /// The median of each figure.
    fn median(rounds: &[Round]) -> Round {
        let middle = |figure: fn(&Round) -> Duration| {
            let mut figures: Vec<Duration> = rounds.iter().map(figure).collect();
            figures.sort();
            figures[figures.len() / 2]
        };
        Round { start: middle(|r| r.start), cpu: middle(|r| r.cpu), stop: middle(|r| r.stop) }
    }

    fn in_milliseconds(&self) -> [f64; 3] {
        [self.start, self.cpu, self.stop].map(|figure| figure.as_secs_f64() * 1000.0)
    }
}
