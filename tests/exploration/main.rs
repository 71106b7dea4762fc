//! Every state that the pure core can reach with two instances, breadth-first, by whatever may happen in
//! whatever order; and in each of them all that must always hold.
//!
//! Time goes on in half seconds where all times of a configuration are whole ones, so that every order of
//! deadlines comes up, and a tick comes when it is due or after whatever else happens at that moment.
//! Bounded are the orders that are open at a time and the places of one instance in the queue of spawns
//! (`policies.rs`); what leads beyond is counted, and not followed.
//!
//! `EXPLORE=NAME,NAME` says which configurations, `EXPLORE=all` all of them (`scripts/explore`);
//! `EXPLORE_ORDERS` how many orders may be open, `EXPLORE_DEPTH` how many things happen at most,
//! `EXPLORE_TIMES=exact` that it counts how far apart deadlines are, and `EXPLORE_TWINS=N` that one in N
//! states that are taken for the same is looked at closely (`twins.rs`).

mod canonical;
mod changes;
mod policies;
mod search;
mod twins;
mod world;

use std::time::Instant;

use policies::{POLICIES, Policy};
use search::{Explored, explore};
use twins::Twins;
use world::Bounds;

/// Those that are explored with all other tests.
const QUICK: &str = "orders,always,reload-change,reload-gone";

/// One configuration, and what was found, for people to read.
fn report(policy: Policy, bounds: Bounds) {
    let begin = Instant::now();
    let Bounds { orders_max, is_exact, .. } = bounds;
    let times = if is_exact { "exact" } else { "order" };
    match explore(policy, bounds) {
        Ok(Explored { states, transitions, depth, is_all, beyond, twins }) => {
            println!(
                "{:<13} {orders_max} open, {times}: {states:>9} states {transitions:>10} transitions, {beyond} beyond, depth {depth:>3}{}, {:.1} s",
                policy.name,
                if is_all { "" } else { ", NOT ALL" },
                begin.elapsed().as_secs_f64(),
            );
            if bounds.twins_every > 0 {
                let Twins { pairs, unlike, example, .. } = twins;
                println!("{:<13} {unlike} of {pairs} pairs of states taken for the same are not", "");
                println!("{}", example.unwrap_or_default());
            }
        }
        Err(broken) => panic!("{broken}"),
    }
}

#[test]
fn every_reachable_state_keeps_every_promise() {
    let orders_max = std::env::var("EXPLORE_ORDERS").ok().and_then(|text| text.parse().ok());
    let depth_max = std::env::var("EXPLORE_DEPTH").ok().and_then(|text| text.parse().ok());
    let depth_max = depth_max.unwrap_or(usize::MAX);
    let twins_every = std::env::var("EXPLORE_TWINS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let is_exact = std::env::var("EXPLORE_TIMES").is_ok_and(|it| it == "exact");
    let names = std::env::var("EXPLORE").unwrap_or_else(|_| QUICK.to_owned());
    let is_named = |policy: &Policy| names == "all" || names.split(',').any(|name| name == policy.name);
    for policy in POLICIES.into_iter().filter(is_named) {
        let orders_max = orders_max.unwrap_or(policy.orders_max);
        report(policy, Bounds { orders_max, is_exact, depth_max, twins_every });
    }
}

/// One configuration with its times as they are, up to a depth, and every pair of states looked at.
fn twins_of(name: &str, is_exact: bool, depth_max: usize) -> Twins {
    let policy = POLICIES.into_iter().find(|policy| policy.name == name).expect("a policy");
    let bounds = Bounds { orders_max: policy.orders_max, is_exact, depth_max, twins_every: 1 };
    explore(policy, bounds).unwrap_or_else(|broken| panic!("{broken}")).twins
}

#[test]
fn states_that_are_taken_for_the_same_have_the_same_future() {
    for (name, depth) in [("orders", 6), ("reload-scale", 5), ("reload-remove", 6)] {
        let Twins { pairs, unlike, example, .. } = twins_of(name, true, depth);
        assert!(pairs > 100, "{name}: only {pairs} pairs");
        assert_eq!(unlike, 0, "{name}: of {pairs} pairs\n{}", example.unwrap_or_default());
    }
}

/// The order of deadlines is less than what they are: five seconds and ten are not always the same.
#[test]
fn states_that_are_not_the_same_are_told_apart() {
    assert!(twins_of("orders", false, 8).unlike > 0);
}
