//! Fixed pieces of work, each on what a supervisor of a thousand or ten thousand instances holds.

mod core;
mod faces;
mod text;

use std::fmt;

/// One piece of work, ready to be done once.
pub type Work = Box<dyn FnMut()>;

/// A hot path and how often it is taken.
pub struct Workload {
    pub name: &'static str,
    /// How many instances, lines, requests one piece of work is about.
    pub items: usize,
    /// Everything that does not count.
    pub prepare: fn() -> Work,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn workload(name: &'static str, items: usize, prepare: fn() -> Work) -> Workload {
    Workload { name, items, prepare }
}

pub static ALL: &[Workload] = &[
    workload("start", core::MANY, core::start),
    workload("crash_and_restart", core::MANY, core::crash_and_restart),
    workload("stop", core::MANY, core::stop),
    workload("one_order_among_many", 1, core::one_order_among_many),
    workload("remove_programs", core::MANY, core::remove_programs),
    workload("timers", core::TIMERS, core::timers),
    workload("snapshot", faces::ROWS, faces::snapshot),
    workload("status_table", faces::ROWS, faces::table),
    workload("status_overview", faces::ROWS, faces::overview),
    workload("status_json", faces::ROWS, faces::json),
    workload("event_of_one_change", 1, faces::one_change),
    workload("metrics", faces::ROWS, faces::metrics),
    workload("request_of_a_browser", 1, faces::browser_request),
    workload("request_byte_by_byte", 1, faces::slow_request),
    workload("command_in_json", 1, faces::command),
    workload("cut_lines", text::LINES, text::cut_lines),
    workload("dress_timestamp", text::LINES, text::dress_timestamp),
    workload("dress_json", text::LINES, text::dress_json),
    workload("parse_config", text::PROGRAMS, text::parse_config),
];

pub fn find(name: &str) -> &'static Workload {
    ALL.iter().find(|workload| workload.name == name).expect("the name of a workload")
}
