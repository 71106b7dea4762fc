//! How restarts are governed: waits that grow, limits, and programs that are meant to end.

use std::time::Duration;

use super::dependencies::Dependency;
use super::document::Node;
use super::field::Field;
use super::probes::ProbeSpec;
use super::recycle::Recycle;
use super::schedule::Schedule;
use super::schema::{Applies, Key};
use super::{parse, values};

/// `restart_delay`: the wait before each restart and retry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RestartDelay {
    /// The first wait.
    pub initial: Duration,
    /// No wait is longer, but for its jitter.
    pub max: Duration,
    /// What each wait is multiplied by to get the next; at least 1.
    pub factor: f64,
    /// The share of a wait, from 0 to 1, up to which it may come out longer at random, so that those
    /// that ended together do not start together.
    pub jitter: f64,
}

impl RestartDelay {
    /// What a map that leaves keys out means.
    pub const GROWING: RestartDelay = RestartDelay {
        initial: Duration::from_secs(1),
        max: Duration::from_secs(60),
        factor: 2.0,
        jitter: 0.0,
    };

    /// Always the same wait.
    pub fn constant(wait: Duration) -> RestartDelay {
        RestartDelay { initial: wait, max: wait, factor: 1.0, jitter: 0.0 }
    }

    /// Wait number `number`, counted from 1. `random` is from 0 to 1 and decides about the jitter.
    pub fn wait(&self, number: u32, random: f64) -> Duration {
        if self.initial.is_zero() {
            return Duration::ZERO;
        }
        let exponent = i32::try_from(number.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial.as_secs_f64() * self.factor.powi(exponent);
        // What is too large for a Duration is larger than max, too.
        let wait = Duration::try_from_secs_f64(grown).map_or(self.max, |wait| wait.min(self.max));
        wait + wait.mul_f64(self.jitter * random.clamp(0.0, 1.0))
    }
}

/// What governs a program beyond its restart policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Governance {
    /// Automatic restarts after a run that are allowed within `window`; 0 = any number.
    pub max_restarts: u32,
    /// The time within which they are counted.
    pub window: Duration,
    /// Whether it is meant to run or to end.
    pub kind: Kind,
    /// Whether the supervisor leaves, with exit code 1, when an instance is FATAL.
    pub exit_on_failure: bool,
    /// What must be so of other programs before it starts.
    pub depends_on: Vec<Dependency>,
    /// Whether it can do its work.
    pub readiness: Option<ProbeSpec>,
    /// Whether it will ever do its work again.
    pub liveness: Option<ProbeSpec>,
    /// The time between the starts of two instances.
    pub start_interval: Duration,
    /// What an instance may have before it is recycled.
    pub recycle: Recycle,
    /// The times at which it starts.
    pub schedule: Option<Schedule>,
}

impl Default for Governance {
    fn default() -> Governance {
        Governance {
            max_restarts: 0,
            window: Duration::from_secs(60),
            kind: Kind::Service,
            exit_on_failure: false,
            depends_on: Vec::new(),
            readiness: None,
            liveness: None,
            start_interval: Duration::ZERO,
            recycle: Recycle::default(),
            schedule: None,
        }
    }
}

/// `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Meant to run until it is stopped.
    Service,
    /// Meant to end: an expected exit is its success, however soon it comes.
    Oneshot,
}

/// The times of so many restarts are kept for each instance, at most.
const MAX_RESTARTS_MAX: u32 = 1000;

const RESTART_DELAY_KEYS: &[Key<RestartDelay>] = &[
    Key {
        name: "initial",
        default: "1",
        summary: "the first wait",
        applies: Applies::InPlace,
        differs: |old, new| old.initial != new.initial,
        set: |field, delay| values::time(field).map(|value| delay.initial = value),
    },
    Key {
        name: "max",
        default: "60",
        summary: "the longest wait",
        applies: Applies::InPlace,
        differs: |old, new| old.max != new.max,
        set: |field, delay| values::time(field).map(|value| delay.max = value),
    },
    Key {
        name: "factor",
        default: "2",
        summary: "what each wait is multiplied by",
        applies: Applies::InPlace,
        differs: |old, new| old.factor != new.factor,
        set: |field, delay| factor(field).map(|value| delay.factor = value),
    },
    Key {
        name: "jitter",
        default: "0",
        summary: "the share of a wait that is added at random",
        applies: Applies::InPlace,
        differs: |old, new| old.jitter != new.jitter,
        set: |field, delay| share(field).map(|value| delay.jitter = value),
    },
];

/// One time, which is waited always, or a map.
pub(super) fn restart_delay(field: &Field) -> Option<RestartDelay> {
    if !matches!(field.node, Node::Map(_)) {
        return values::time(field).map(RestartDelay::constant);
    }
    let mut delay = RestartDelay::GROWING;
    parse::read_keys(field, RESTART_DELAY_KEYS, &[], &mut delay, "");
    if delay.max < delay.initial {
        return field.wrong(
            "`restart_delay` begins with a wait that is longer than its `max`",
            "raise `max` (60 unless it is given), or lower `initial`",
        );
    }
    Some(delay)
}

fn number(field: &Field, wanted: &str) -> Option<f64> {
    let (text, _) = field.scalar(wanted)?;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Some(number),
        Ok(_) | Err(_) => {
            field.wrong(format!("`{}: {text}` is not a number", field.key()), format!("it takes {wanted}"))
        }
    }
}

fn factor(field: &Field) -> Option<f64> {
    let wanted = "a number from 1 to 100";
    match number(field, wanted)? {
        factor if (1.0..=100.0).contains(&factor) => Some(factor),
        factor => field.wrong(format!("`factor: {factor}` is out of range"), format!("it takes {wanted}")),
    }
}

fn share(field: &Field) -> Option<f64> {
    let wanted = "a share of the wait, from 0 to 1";
    match number(field, wanted)? {
        share if (0.0..=1.0).contains(&share) => Some(share),
        share => field.wrong(format!("`jitter: {share}` is out of range"), format!("it takes {wanted}")),
    }
}

pub(super) fn max_restarts(field: &Field) -> Option<u32> {
    match values::whole_number(field, "the number of restarts within `window`; 0 = any")? {
        count if count <= MAX_RESTARTS_MAX => Some(count),
        _ => field.wrong(format!("`max_restarts` is more than {MAX_RESTARTS_MAX}"), ""),
    }
}

pub(super) fn window(field: &Field) -> Option<Duration> {
    match values::time(field)? {
        window if window.is_zero() => field.wrong("`window` is nothing", "it takes a time, such as 60"),
        window => Some(window),
    }
}

pub(super) fn kind(field: &Field) -> Option<Kind> {
    let (text, _) = field.scalar("service or oneshot")?;
    match text {
        "service" => Some(Kind::Service),
        "oneshot" => Some(Kind::Oneshot),
        _ => {
            let hint = parse::suggest(text, ["service", "oneshot"].into_iter());
            let help =
                hint.unwrap_or_else(|| "it takes service, or oneshot for what is meant to end".to_owned());
            field.wrong(format!("`type: {text}` is not a type of program"), help)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_limit_and_no_further() {
        let seconds = |number| RestartDelay::GROWING.wait(number, 0.5).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8, u32::MAX].map(seconds), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let constant = RestartDelay::constant(Duration::from_millis(70));
        assert_eq!([1, 2, u32::MAX].map(|number| constant.wait(number, 1.0)), [Duration::from_millis(70); 3]);
        assert_eq!(
            RestartDelay { initial: Duration::ZERO, ..RestartDelay::GROWING }.wait(9, 0.0),
            Duration::ZERO
        );
    }

    #[test]
    fn jitter_only_adds_and_at_most_its_share() {
        let delay = RestartDelay { jitter: 0.5, ..RestartDelay::GROWING };
        assert_eq!(delay.wait(1, 0.0), Duration::from_secs(1));
        assert_eq!(delay.wait(1, 0.5), Duration::from_millis(1250));
        assert_eq!(delay.wait(7, 1.0), Duration::from_secs(90));
    }
}
