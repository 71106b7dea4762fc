//! The search: breadth-first over all that may happen, with 128 bits for each state that was seen and eight
//! bytes for the way to it.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::policies::Policy;
use crate::twins::Twins;
use crate::world::{Bounds, Setting, World};

/// More states than any configuration has: whatever grows for ever is noticed here.
const STATES_MAX: usize = 50_000_000;

/// What was found.
pub struct Explored {
    pub states: usize,
    pub transitions: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// Whether there was nothing beyond.
    pub is_all: bool,
    /// What may happen, and leads beyond the bounds.
    pub beyond: usize,
    /// States taken for the same, and whether they are.
    pub twins: Twins,
}

/// How a state was reached first: from which other, and by which of the things that may happen there.
#[derive(Clone, Copy)]
pub struct Step {
    pub from: u32,
    pub choice: u16,
}

/// How all states were reached that were seen.
pub struct Ways<'s> {
    setting: &'s Setting,
    steps: Vec<Step>,
}

/// What is a hash already needs no other one.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }
}

/// A state whose future is still to be looked at.
struct Todo<'s> {
    at: u32,
    depth: u32,
    digest: u128,
    world: World<'s>,
}

/// Every state that can be reached, or the first promise that is broken and how that came.
pub fn explore(policy: Policy, bounds: Bounds) -> Result<Explored, String> {
    let setting = Setting::new(policy, bounds);
    let world = World::new(&setting);
    let digest = world.digest().ok_or("begins beyond its bounds")?;
    let mut seen: HashSet<u128, BuildHasherDefault<AsItIs>> = HashSet::default();
    seen.insert(digest);
    let mut ways = Ways { setting: &setting, steps: vec![Step { from: 0, choice: 0 }] };
    let mut todo = VecDeque::from([Todo { at: 0, depth: 0, digest, world }]);
    let twins = Twins::new(bounds.twins_every);
    let mut found = Explored { states: 1, transitions: 0, depth: 0, is_all: true, beyond: 0, twins };
    while let Some(Todo { at, depth, digest, world }) = todo.pop_front() {
        found.depth = depth as usize;
        if found.depth >= bounds.depth_max {
            found.is_all = false;
            break;
        }
        found.twins.meet(digest, &world, || ways.steps[at as usize], &ways);
        for (number, choice) in world.choices().iter().enumerate() {
            found.transitions += 1;
            let step = Step { from: at, choice: number as u16 };
            let mut next = world.clone();
            let kept = next.happen(choice);
            let Some(digest) = next.digest() else {
                kept.map_err(|broken| ways.break_of(policy, &broken, step))?;
                found.beyond += 1;
                continue;
            };
            if kept.is_ok() && !seen.insert(digest) {
                found.twins.meet(digest, &next, || step, &ways);
                continue;
            }
            if let Err(broken) = kept.and_then(|()| keeps_all(&next)) {
                return Err(ways.break_of(policy, &broken, step));
            }
            found.states += 1;
            if found.states > STATES_MAX {
                return Err(format!("{}: more than {STATES_MAX} states", policy.name));
            }
            ways.steps.push(step);
            let at = (ways.steps.len() - 1) as u32;
            todo.push_back(Todo { at, depth: depth + 1, digest, world: next });
        }
    }
    Ok(found)
}

/// What must hold in each state beside what is checked on the way to it.
fn keeps_all(world: &World<'_>) -> Result<(), String> {
    world.clone().ignores_the_past()?;
    world.clone().settles()?;
    world.clone().can_leave(true)?;
    world.clone().can_leave(false)
}

impl Ways<'_> {
    /// All that leads to a state, in order.
    fn choices_to(&self, last: Step) -> Vec<u16> {
        let mut choices = vec![last.choice];
        let mut at = last.from;
        while at != 0 {
            let Step { from, choice } = self.steps[at as usize];
            choices.push(choice);
            at = from;
        }
        choices.reverse();
        choices
    }

    fn break_of(&self, policy: Policy, broken: &str, last: Step) -> String {
        format!("{}: {broken}\n{}", policy.name, self.told(last).join("\n"))
    }

    /// The same for people to read.
    pub fn told(&self, last: Step) -> Vec<String> {
        let mut world = World::new(self.setting);
        let told = self.choices_to(last).into_iter().map(|number| {
            let choice = world.choices().swap_remove(number as usize);
            // The last one may be what breaks something.
            let _ = world.happen(&choice);
            format!("  {choice:?}")
        });
        told.collect()
    }

    /// The state once more.
    pub fn world(&self, last: Step) -> World<'_> {
        let mut world = World::new(self.setting);
        for number in self.choices_to(last) {
            let choice = world.choices().swap_remove(number as usize);
            let _ = world.happen(&choice);
        }
        world
    }
}
