//! The configurations that are explored, two instances each. Times are whole seconds, so that time goes
//! on in steps of half the shortest.

use std::time::Duration;

/// What is explored.
#[derive(Clone, Copy)]
pub struct Policy {
    pub name: &'static str,
    /// The entries of `programs:`.
    pub programs: &'static str,
    /// What a reload goes to; back to `programs` by another one.
    pub other: Option<&'static str>,
    /// The ages that make a difference, at most.
    pub age_max: Duration,
    /// Whether somebody looks at how a process ended when it has.
    pub ends_count: bool,
    /// Whether processes leave strays behind.
    pub has_strays: bool,
    /// Whether `scale` of `a` is given, to 0, 1 and 2.
    pub scales: bool,
    /// Whether `restart --rolling` is given, one at a time and two.
    pub rolls: bool,
    /// `restart_storm`.
    pub storm: &'static str,
    /// Whether times of a schedule come.
    pub has_schedule: bool,
    /// Whether processes are measured, and use too much.
    pub is_measured: bool,
    /// How many orders are open at a time, at most.
    pub orders_max: usize,
    /// How many places an instance has in the queue of spawns, at most. Whoever is stopped in it keeps his
    /// place until it is his turn, and would get a second one if he came again before that.
    pub places_max: usize,
}

const PLAIN: Policy = Policy {
    name: "",
    programs: "",
    other: None,
    age_max: Duration::ZERO,
    ends_count: false,
    has_strays: false,
    scales: false,
    rolls: false,
    storm: "off",
    has_schedule: false,
    is_measured: false,
    orders_max: 1,
    places_max: 1,
};

/// Neither restart_delay together with anything that keeps the age of an end (kill_strays: always,
/// liveness), nor jitter: what the canonical form leaves out must not matter.
pub const POLICIES: [Policy; 23] = [
    Policy {
        // A single instance, so that several orders at a time are to be borne: what comes while a stop or a
        // restart is under way.
        name: "orders",
        programs: "w: {cmd: x, starttime: 1, stoptime: 1, startretries: 1}",
        orders_max: 2,
        places_max: 2,
        ..PLAIN
    },
    Policy {
        name: "plain",
        programs: "w: {cmd: x, numprocs: 2, starttime: 1, stoptime: 1, startretries: 1}",
        ..PLAIN
    },
    Policy {
        name: "always",
        programs: "w: {cmd: x, numprocs: 2, starttime: 0, stoptime: 0, startretries: 0, autorestart: always, killasgroup: false, kill_strays: never}",
        ..PLAIN
    },
    Policy {
        name: "order",
        programs: "a: {cmd: x, starttime: 1, stoptime: 1, startretries: 0}, b: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, depends_on: {a: {condition: running}}}",
        ..PLAIN
    },
    Policy {
        name: "tiers",
        programs: "a: {cmd: x, priority: 1, starttime: 0, stoptime: 1, startretries: 0, autorestart: never, exit_on_failure: true}, b: {cmd: x, priority: 2, type: oneshot, starttime: 1, stoptime: 1, startretries: 0}",
        ends_count: true,
        ..PLAIN
    },
    Policy {
        name: "strays",
        programs: "a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, kill_strays: always}, b: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, stopasgroup: false}",
        has_strays: true,
        ..PLAIN
    },
    Policy {
        name: "checks",
        programs: "a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, readiness: {tcp: 'localhost:1', retries: 2}, liveness: {tcp: 'localhost:1', retries: 2}}, b: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, depends_on: {a: {condition: healthy}}}",
        ..PLAIN
    },
    Policy {
        name: "governed",
        // A single instance: what counts its restarts and delays counts for each instance alone. Two of them
        // would only be all pairs of what one can be.
        programs: "w: {cmd: x, starttime: 0, stoptime: 1, startretries: 1, restart_delay: {initial: 1, max: 2}, max_restarts: 1, window: 2}",
        age_max: Duration::from_secs(2),
        places_max: 2,
        ..PLAIN
    },
    Policy {
        name: "delays",
        programs: "w: {cmd: x, numprocs: 2, starttime: 0, stoptime: 1, startretries: 0, restart_delay: {initial: 1, max: 2}}",
        age_max: Duration::from_secs(2),
        ..PLAIN
    },
    Policy {
        name: "window",
        programs: "w: {cmd: x, numprocs: 2, starttime: 0, stoptime: 1, startretries: 0, max_restarts: 1, window: 1}",
        age_max: Duration::from_secs(1),
        ..PLAIN
    },
    Policy {
        name: "storm",
        programs: "w: {cmd: x, numprocs: 2, starttime: 0, stoptime: 1, startretries: 1}",
        storm: "{rate: 1, burst: 1}",
        ..PLAIN
    },
    Policy {
        name: "schedule",
        programs: "w: {cmd: x, numprocs: 2, type: oneshot, starttime: 1, stoptime: 1, startretries: 0, schedule: '0 3 * * *'}",
        has_schedule: true,
        ends_count: true,
        ..PLAIN
    },
    Policy {
        name: "rolls",
        programs: "w: {cmd: x, numprocs: 2, starttime: 1, stoptime: 1, startretries: 0}",
        rolls: true,
        ..PLAIN
    },
    Policy {
        name: "recycling",
        programs: "w: {cmd: x, numprocs: 2, starttime: 1, stoptime: 1, startretries: 0, max_memory: 1000}",
        is_measured: true,
        ..PLAIN
    },
    Policy {
        // One that becomes another, which is asked to end by another signal, and does not start by itself.
        name: "reload-change",
        programs: "w: {cmd: x, starttime: 0, stoptime: 1, startretries: 1}",
        other: Some(
            "w: {cmd: y, starttime: 0, stoptime: 1, startretries: 1, stopsignal: INT, autostart: false}",
        ),
        orders_max: 2,
        ..PLAIN
    },
    Policy {
        // One that is taken away, and comes again.
        name: "reload-gone",
        programs: "w: {cmd: x, starttime: 0, stoptime: 1, startretries: 0}",
        other: Some(""),
        orders_max: 2,
        ..PLAIN
    },
    Policy {
        // Everything about it changes that can while it runs.
        name: "reload-adjust",
        programs: "w: {cmd: x, numprocs: 2, starttime: 0, stoptime: 1, startretries: 0}",
        other: Some(
            "w: {cmd: x, numprocs: 1, starttime: 0, stoptime: 2, startretries: 0, stopsignal: INT, autorestart: always, killasgroup: false, autostart: false}",
        ),
        orders_max: 2,
        ..PLAIN
    },
    Policy {
        // None, one or two, by orders and by the file.
        name: "reload-scale",
        programs: "a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0}",
        other: Some("a: {cmd: x, numprocs: 2, starttime: 0, stoptime: 1, startretries: 0}"),
        scales: true,
        ..PLAIN
    },
    Policy {
        // One that needs another leaves the file, and comes again.
        name: "reload-remove",
        programs: "a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0}, b: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, depends_on: {a: {condition: running}}}",
        other: Some("a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0}"),
        orders_max: 2,
        ..PLAIN
    },
    Policy {
        // Which ends first in a shutdown is another one.
        name: "reload-tiers",
        programs: "a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, priority: 1}, b: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, priority: 2}",
        other: Some(
            "b: {cmd: x, starttime: 0, stoptime: 1, startretries: 0, priority: 1}, a: {cmd: y, starttime: 0, stoptime: 1, startretries: 0, priority: 2}",
        ),
        ..PLAIN
    },
    Policy {
        // One program that changes and grows.
        name: "reload-one",
        programs: "a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0}",
        other: Some(
            "a: {cmd: y, starttime: 0, stoptime: 1, startretries: 0, stopsignal: INT, autostart: false}",
        ),
        scales: true,
        ..PLAIN
    },
    Policy {
        name: "governed-two",
        programs: "w: {cmd: x, numprocs: 2, starttime: 0, stoptime: 1, startretries: 1, restart_delay: {initial: 1, max: 2}, max_restarts: 1, window: 2}",
        age_max: Duration::from_secs(2),
        ..PLAIN
    },
    Policy {
        // All of it together: up to three instances.
        name: "reload",
        programs: "a: {cmd: x, starttime: 0, stoptime: 1, startretries: 0}, b: {cmd: x, starttime: 0, stoptime: 1, startretries: 0}",
        other: Some("a: {cmd: y, starttime: 0, stoptime: 1, startretries: 0, autostart: false}"),
        scales: true,
        ..PLAIN
    },
];
