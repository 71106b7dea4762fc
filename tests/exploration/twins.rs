//! Whether states that are taken for the same are: what may happen in one may happen in the other, and
//! leads to states that are taken for the same again. Where that holds for all pairs, nothing is lost by
//! looking at one of each only.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::search::{Step, Ways};
use crate::world::{Choice, World};

/// Differences that are shown.
const EXAMPLES_MAX: usize = 2;

/// Pairs that have been looked at.
pub struct Twins {
    /// One in so many states is looked at; none with 0.
    every: u64,
    known: HashMap<u128, Known>,
    pub pairs: usize,
    pub unlike: usize,
    /// The first pair that is not alike, for people to read.
    pub example: Option<String>,
}

struct Known {
    future: u64,
    step: Step,
}

/// A state after another, and whether all was kept on the way to it.
type Next = (bool, Option<u128>);

fn after(world: &World<'_>, choice: &Choice) -> Next {
    let mut next = world.clone();
    let is_kept = next.happen(choice).is_ok();
    (is_kept, next.digest())
}

/// What a state can become at once.
fn future(world: &World<'_>) -> BTreeSet<Next> {
    let mut future: BTreeSet<Next> = world.choices().iter().map(|choice| after(world, choice)).collect();
    // What changes nothing need not be possible in both.
    future.remove(&(true, world.digest()));
    future
}

fn hash(future: &BTreeSet<Next>) -> u64 {
    let mut hasher = DefaultHasher::new();
    future.hash(&mut hasher);
    hasher.finish()
}

impl Twins {
    pub fn new(every: u64) -> Twins {
        Twins { every, known: HashMap::new(), pairs: 0, unlike: 0, example: None }
    }

    /// A state was reached, for the first time or not.
    pub fn meet(&mut self, digest: u128, world: &World<'_>, step: impl Fn() -> Step, ways: &Ways<'_>) {
        if self.every == 0 || !(digest as u64).is_multiple_of(self.every) {
            return;
        }
        let future = future(world);
        let hash = hash(&future);
        let Some(known) = self.known.get(&digest) else {
            self.known.insert(digest, Known { future: hash, step: step() });
            return;
        };
        self.pairs += 1;
        if known.future != hash {
            self.unlike += 1;
            self.example.get_or_insert_with(|| difference(known.step, step(), ways));
        }
    }
}

/// Two states that are taken for the same, and where they part.
fn difference(one: Step, other: Step, ways: &Ways<'_>) -> String {
    let worlds = [one, other].map(|step| ways.world(step));
    let futures = [future(&worlds[0]), future(&worlds[1])];
    let mut text = String::new();
    for (at, step) in [one, other].into_iter().enumerate() {
        text += &format!("one way:\n{}\n  is {}\n", ways.told(step).join("\n"), worlds[at].canonical());
        let is_lonely = |choice: &&Choice| {
            let next = after(&worlds[at], choice);
            futures[at].contains(&next) && !futures[1 - at].contains(&next)
        };
        for choice in worlds[at].choices().iter().filter(is_lonely).take(EXAMPLES_MAX) {
            let mut next = worlds[at].clone();
            let kept = next.happen(choice);
            text += &format!("  only here {choice:?}: {kept:?}\n  is {}\n", next.canonical());
        }
    }
    text
}
