//! `restart_storm`: how restarts are paced when very many instances end together.

use std::time::Duration;

use super::document::Node;
use super::field::Field;
use super::parse;
use super::schema::{Applies, Key};
use super::values;

/// A bucket of restarts: `burst` of them at once, and `rate` a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartStorm {
    /// Restarts a second, from 1 to [`RATE_MAX`].
    pub rate: u32,
    /// Restarts that need not wait, at least 1.
    pub burst: u32,
}

/// Faster than that nothing can be spawned.
const RATE_MAX: u32 = 100_000;

impl RestartStorm {
    /// What keys that are left out mean. A machine with two cores spawns some thousand processes a
    /// second, but what has just died together may need its own time to come up.
    pub const DEFAULT: RestartStorm = RestartStorm { rate: 50, burst: 200 };

    /// From one restart to the next when they are paced.
    pub fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.rate
    }
}

const RESTART_STORM_KEYS: &[Key<RestartStorm>] = &[
    Key {
        name: "rate",
        default: "50",
        summary: "restarts a second while there are too many",
        applies: Applies::InPlace,
        differs: |old, new| old.rate != new.rate,
        set: |field, storm| {
            at_least_one(field, "the restarts a second", RATE_MAX).map(|value| storm.rate = value)
        },
    },
    Key {
        name: "burst",
        default: "200",
        summary: "restarts that need not wait",
        applies: Applies::InPlace,
        differs: |old, new| old.burst != new.burst,
        set: |field, storm| {
            at_least_one(field, "the restarts that need not wait", u32::MAX).map(|value| storm.burst = value)
        },
    },
];

/// A map, or `off`: then nothing is paced, and the inner value is `None`.
pub(super) fn restart_storm(field: &Field) -> Option<Option<RestartStorm>> {
    if matches!(field.node, Node::Map(_)) {
        let mut storm = RestartStorm::DEFAULT;
        parse::read_keys(field, RESTART_STORM_KEYS, &[], &mut storm, "");
        return Some(Some(storm));
    }
    let wanted = "{rate: 50, burst: 200}, or off";
    let (text, _) = field.scalar(wanted)?;
    match text {
        "off" | "false" => Some(None),
        _ => field.wrong(format!("`restart_storm: {text}` is no pace"), format!("it takes {wanted}")),
    }
}

fn at_least_one(field: &Field, wanted: &str, most: u32) -> Option<u32> {
    match values::whole_number(field, wanted)? {
        0 => field.wrong(format!("`{}: 0` would never restart anything", field.key()), "it takes 1 or more"),
        number if number > most => field.wrong(format!("`{}` is more than {most}", field.key()), ""),
        number => Some(number),
    }
}
