//! Every state that the pure core can reach with two instances, breadth-first, by whatever may happen in
//! whatever order; and in each of them all that must always hold.
//!
//! Time goes on in half seconds where all times of a configuration are whole ones, so that every order of
//! deadlines comes up, and a tick comes when it is due or after whatever else happens at that moment. At
//! most so many orders are open at a time (`EXPLORE_ORDERS`, 1 unless told otherwise); nothing else is
//! bounded, unless `EXPLORE_DEPTH` is. `EXPLORE=NAME` explores one configuration, `EXPLORE=all` all of them; `scripts/explore` does
//! that with more orders.

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
const QUICK: &str = "orders,always,reload-change";

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
