//! Every state that the pure core can reach with two instances, breadth-first, by whatever may happen in
//! whatever order; and in each of them all that must always hold.
//!
//! Time goes on in half seconds where all times of a configuration are whole ones, so that every order of
//! deadlines comes up, and a tick comes when it is due or after whatever else happens at that moment. At
//! most so many orders are open at a time (`EXPLORE_ORDERS`, 1 unless told otherwise); nothing else is
//! bounded, unless `EXPLORE_DEPTH` is. `EXPLORE=NAME` explores one configuration, `EXPLORE=all` all of them; `scripts/explore` does
//! that with more orders.

mod canonical;
mod policies;
mod world;

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use policies::{POLICIES, Policy};
use world::{Bounds, Choice, Setting, World};

/// More states than any configuration has: whatever grows for ever is noticed here.
const STATES_MAX: usize = 50_000_000;

/// Those that are explored with all other tests.
const QUICK: &str = "orders,always";

/// What was found.
struct Explored {
    states: usize,
    transitions: usize,
    /// The longest of the shortest ways to a state.
    depth: usize,
    /// Whether there was nothing beyond.
    is_all: bool,
}

fn explore(policy: Policy, bounds: Bounds) -> Result<Explored, String> {
    let setting = Setting::new(policy, bounds);
    let first = World::new(&setting);
    let mut seen = HashSet::from([first.digest()]);
    // How each state was reached first: from which other, and by what.
    let mut ways: Vec<(usize, Choice)> = vec![(0, Choice::Tick)];
    let mut todo = VecDeque::from([(0, 0, first)]);
    let mut found = Explored { states: 1, transitions: 0, depth: 0, is_all: true };
    while let Some((at, depth, world)) = todo.pop_front() {
        found.depth = depth;
        if depth >= bounds.depth_max {
            found.is_all = false;
            break;
        }
        for choice in world.choices() {
            found.transitions += 1;
            let mut next = world.clone();
            let kept = next.happen(&choice);
            let is_new = kept.is_err() || seen.insert(next.digest());
            if !is_new {
                continue;
            }
            ways.push((at, choice));
            let kept = kept
                .and_then(|()| next.clone().ignores_the_past())
                .and_then(|()| next.clone().settles())
                .and_then(|()| next.clone().can_leave(true))
                .and_then(|()| next.clone().can_leave(false));
            if let Err(broken) = kept {
                return Err(format!("{}: {broken}\n{}", policy.name, way_to(&ways, ways.len() - 1)));
            }
            found.states += 1;
            if found.states > STATES_MAX {
                return Err(format!("{}: more than {STATES_MAX} states", policy.name));
            }
            todo.push_back((ways.len() - 1, depth + 1, next));
        }
    }
    Ok(found)
}

/// All that leads to a state, for people to read.
fn way_to(ways: &[(usize, Choice)], mut at: usize) -> String {
    let mut lines = Vec::new();
    while at != 0 {
        lines.push(format!("  {:?}", ways[at].1));
        at = ways[at].0;
    }
    lines.reverse();
    lines.join("\n")
}

/// One configuration, and what was found, for people to read.
fn report(policy: Policy, bounds: Bounds) {
    let begin = Instant::now();
    let Bounds { orders_max, is_exact, .. } = bounds;
    let times = if is_exact { "exact" } else { "order" };
    match explore(policy, bounds) {
        Ok(Explored { states, transitions, depth, is_all }) => println!(
            "{:<12} {orders_max} open, {times}: {states:>9} states {transitions:>10} transitions, depth {depth:>3}{}, {:.1} s",
            policy.name,
            if is_all { "" } else { ", NOT ALL" },
            begin.elapsed().as_secs_f64(),
        ),
        Err(broken) => panic!("{broken}"),
    }
}

#[test]
fn every_reachable_state_keeps_every_promise() {
    let orders_max = std::env::var("EXPLORE_ORDERS").ok().and_then(|text| text.parse().ok());
    let depth_max = std::env::var("EXPLORE_DEPTH").ok().and_then(|text| text.parse().ok());
    let depth_max = depth_max.unwrap_or(usize::MAX);
    let is_exact = std::env::var("EXPLORE_TIMES").is_ok_and(|it| it == "exact");
    let names = std::env::var("EXPLORE").unwrap_or_else(|_| QUICK.to_owned());
    let is_named = |policy: &Policy| names == "all" || names.split(',').any(|name| name == policy.name);
    for policy in POLICIES.into_iter().filter(is_named) {
        let orders_max = orders_max.unwrap_or(policy.orders_max);
        report(policy, Bounds { orders_max, is_exact, depth_max });
    }
}
