//! A soak: about twenty operations a second for as long as it is told to, while descriptors and memory are
//! looked at. Neither may grow: `SOAK_SECONDS=n cargo test --release --test chaos -- --ignored soak`, or
//! `scripts/soak [HOURS]`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{descriptors, rss_bytes};
use crate::operations::{Chaos, Pace};
use crate::{close_the_books, number, quiet, site};

const INSTANCES: u32 = 50;
/// Half an hour.
const SECONDS: u64 = 1800;
const SAMPLES: u64 = 240;
/// Memory that the second half may gain in an hour, in bytes: what an allocator's pages come and go by.
const SLOPE_MAX: f64 = 1024.0 * 1024.0;
/// Of the plot, in characters.
const HEIGHT: usize = 8;
const WIDTH: usize = 72;

struct Sample {
    seconds: f64,
    descriptors: f64,
    rss: f64,
}

#[test]
#[ignore = "takes half an hour: scripts/soak"]
fn soak() {
    let seconds = number("SOAK_SECONDS").unwrap_or(SECONDS);
    let seed = number("CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("CHAOS_SEED={seed}, {} instances, {seconds} s", site::count(INSTANCES));
    let running = site::prepare(INSTANCES).supervise();
    let descriptors_before = quiet(&running, INSTANCES);
    let begin = Instant::now();
    let chaos = Chaos {
        running: &running,
        instances: INSTANCES,
        seed,
        pace: Pace::BREEZE,
        operations: u64::MAX,
        until: begin + Duration::from_secs(seconds),
        done: AtomicU64::new(0),
        victims: Mutex::new(Vec::new()),
    };
    let mut samples = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| chaos.play());
        while !chaos.is_over() {
            std::thread::sleep(Duration::from_secs_f64(seconds as f64 / SAMPLES as f64));
            samples.push(Sample {
                seconds: begin.elapsed().as_secs_f64(),
                descriptors: descriptors(running.pid()) as f64,
                rss: rss_bytes(running.pid()) as f64,
            });
        }
    });
    let done = chaos.done.load(Ordering::Relaxed);
    let rate = done as f64 / begin.elapsed().as_secs_f64();
    println!("{done} operations, {rate:.1}/s");
    println!("descriptors\n{}", plot(&samples, |sample| sample.descriptors));
    println!("memory (MB)\n{}", plot(&samples, |sample| sample.rss / 1e6));
    let half = &samples[samples.len() / 2..];
    let slope = slope(half, |sample| sample.rss) * 3600.0;
    println!("memory: {:+.0} KB/h in the second half", slope / 1024.0);
    running.site.write("calm", "");
    running.site.configure(&site::programs(INSTANCES, site::Variation::default()), "");
    assert!(crate::ask(&running, "reload").contains("\"ok\":true"));
    let descriptors_after = quiet(&running, INSTANCES);
    println!("descriptors at rest: {descriptors_before} before, {descriptors_after} after");
    assert_eq!(descriptors_after, descriptors_before, "descriptors have leaked");
    close_the_books(running);
    assert!(slope < SLOPE_MAX, "memory grows");
}

/// The gain per second of the line that fits best (least squares).
fn slope(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (time, level) = (mean(&|it| it.seconds), mean(&value));
    let spread: f64 = samples.iter().map(|it| (it.seconds - time).powi(2)).sum();
    samples.iter().map(|it| (it.seconds - time) * (value(it) - level)).sum::<f64>() / spread
}

/// A picture of so many characters, the largest of each column's samples.
fn plot(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> String {
    let width = WIDTH.min(samples.len());
    let columns: Vec<f64> = (0..width)
        .map(|at| &samples[at * samples.len() / width..((at + 1) * samples.len()).div_ceil(width)])
        .map(|some| some.iter().map(&value).fold(f64::MIN, f64::max))
        .collect();
    let least = samples.iter().map(&value).fold(f64::MAX, f64::min);
    let most = columns.iter().copied().fold(f64::MIN, f64::max);
    let rows = (0..HEIGHT).rev().map(|row| {
        let from = least + (most - least) * row as f64 / HEIGHT as f64;
        let marks: String = columns.iter().map(|it| if *it >= from { '#' } else { ' ' }).collect();
        format!("{from:>8.1} |{}", marks.trim_end())
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn series(values: impl Iterator<Item = f64>) -> Vec<Sample> {
    values.enumerate().map(|(at, rss)| Sample { seconds: at as f64 * 10.0, descriptors: 0.0, rss }).collect()
}

#[test]
fn a_leak_is_a_slope_and_noise_is_none() {
    let noise = |at: u64| ((at * 7919) % 13) as f64 * 10_000.0;
    let hourly = |samples: &[Sample]| slope(samples, |sample| sample.rss) * 3600.0;
    assert!(hourly(&series((0..100).map(|at| 5e6 + noise(at)))).abs() < SLOPE_MAX);
    // Eight kilobytes every ten seconds.
    assert!(hourly(&series((0..100).map(|at| 5e6 + noise(at) + at as f64 * 8192.0))) > SLOPE_MAX);
}

#[test]
fn a_plot_shows_what_grows() {
    let picture = plot(&series((0..72).map(f64::from)), |sample| sample.rss);
    let rows: Vec<usize> = picture.lines().map(|row| row.matches('#').count()).collect();
    assert!(
        rows.len() == HEIGHT && rows.is_sorted() && rows[0] < 12 && rows[HEIGHT - 1] == WIDTH,
        "{picture}"
    );
}
