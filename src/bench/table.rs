//! The figures, side by side.

use std::time::Duration;

use super::{Figures, IDLE, Outcome};

/// A few lines for people.
pub(crate) fn render(outcome: &Outcome) -> String {
    let Outcome { count, pipes, taskmaster: ours, floor, alone_kib } = outcome;
    let captured = match pipes {
        1 => "its outputs captured through one pipe, as there is no room for two",
        _ => "both its outputs captured",
    };
    let mut text = format!(
        "{count} instances of a program that only waits, {captured}; one run each, so trust\n\
         the ratios more than the digits. The floor only starts (posix_spawn), waits and reaps.\n\n{:<34}{:>14}{:>14}{:>9}\n",
        "", "taskmaster", "floor", "ratio"
    );
    let mut row = |name: &str, figure: fn(&Figures) -> f64, unit: &str| {
        let [ours, floor] = [ours, floor].map(figure);
        let ratio = if floor > 0.0 { format!("{:.2}x", ours / floor) } else { String::new() };
        let [ours, floor] = [ours, floor].map(|figure| format!("{figure:.1} {unit}"));
        text.push_str(&format!("{name:<34}{ours:>14}{floor:>14}{ratio:>9}\n"));
    };
    row("until all run", |figures| milliseconds(figures.start), "ms");
    row("CPU time for that", |figures| milliseconds(figures.start_cpu), "ms");
    row("until all have been stopped", |figures| milliseconds(figures.stop), "ms");
    // The floor's says nothing: it is this same program file, of which it uses a corner.
    let memory = format!("{} KiB", ours.memory_kib);
    text.push_str(&format!("{:<34}{memory:>14}\n", "memory (PSS)"));
    if *count > 1 {
        let further = ours.memory_kib.saturating_sub(*alone_kib) as f64 / (count - 1) as f64;
        let further = format!("{further:.2} KiB");
        text.push_str(&format!("{:<34}{further:>14}\n", "  for each beyond the first"));
    }
    let [ours, floor] = [ours, floor]
        .map(|figures| [format!("{} us", figures.idle_cpu.as_micros()), figures.idle_switches.to_string()]);
    let seconds = IDLE.as_secs();
    for (at, name) in ["CPU time", "context switches"].into_iter().enumerate() {
        let name = format!("{name} in {seconds} idle seconds");
        text.push_str(&format!("{name:<34}{:>14}{:>14}\n", ours[at], floor[at]));
    }
    text
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_ours_to_the_floors_and_none_is_made_up() {
        let figures = |start: u64, memory_kib| Figures {
            start: Duration::from_millis(start),
            start_cpu: Duration::ZERO,
            memory_kib,
            idle_cpu: Duration::from_micros(7),
            idle_switches: 2,
            stop: Duration::from_millis(10),
        };
        let outcome = Outcome {
            count: 101,
            pipes: 2,
            taskmaster: figures(30, 1100),
            floor: figures(20, 100),
            alone_kib: 1000,
        };
        let text = render(&outcome);
        let row = |name: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .skip(1)
                .collect::<Vec<_>>()
                .join("|")
        };
        assert_eq!(row("until all run"), "30.0 ms|20.0 ms|1.50x");
        assert_eq!(row("CPU time for that"), "0.0 ms|0.0 ms");
        assert_eq!(row("memory"), "1100 KiB");
        assert_eq!(row("for each beyond"), "1.00 KiB");
        assert_eq!(row("CPU time in 3"), "7 us|7 us");
        assert_eq!(row("context switches"), "2|2");
    }
}
