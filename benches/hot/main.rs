//! The hot paths without the world around them.
//!
//! `cargo bench --bench hot` takes their time (divan). `cargo bench --bench hot -- counts` counts their
//! instructions in callgrind and compares them with `benches/counts.txt`; `-- accept` writes that file.

#![allow(clippy::print_stdout, reason = "a bench reports to whoever runs it")]

mod callgrind;
mod ledger;
mod workloads;

use divan::Bencher;
use divan::counter::ItemsCount;
use workloads::{ALL, Workload};

fn main() -> std::process::ExitCode {
    // cargo adds flags of its own, such as --bench.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [callgrind::ROLE, name] => callgrind::run_counted(workloads::find(name)),
        ["counts"] => return ledger::compare(),
        ["accept"] => return ledger::accept(),
        _ => divan::main(),
    }
    std::process::ExitCode::SUCCESS
}

/// What each takes; the second figure is how many instances, lines or requests that is a second.
#[divan::bench(args = ALL)]
fn hot(bencher: Bencher, workload: &Workload) {
    bencher
        .counter(ItemsCount::new(workload.items))
        .with_inputs(workload.prepare)
        .bench_local_values(|mut work| work());
}
