//! What tells a fault: each is asked by the chaos, and shown by the controls to see the fault that it is
//! for.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{Mark, Running, context_switches, marked};

/// Children of `parent` that have ended and were not reaped.
pub fn zombies(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_zombie = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().collect();
        fields.first() == Some(&"Z") && fields.get(1) == Some(&parent.to_string().as_str())
    };
    pids.filter(is_zombie).collect()
}

/// A variable of a process's environment.
pub fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    let variable = variables.find(|it| it.starts_with(format!("{name}=").as_bytes()))?;
    Some(String::from_utf8_lossy(&variable[name.len() + 1..]).into_owned())
}

/// Processes with the mark, apart from `supervisor`, that belong to none of the runs whose leaders these
/// are.
pub fn strays(mark: &Mark, supervisor: u32, leaders: &[u32]) -> Vec<u32> {
    let run = |pid: u32| variable(pid, "TASKMASTER_RUN_ID");
    let runs: HashSet<String> = leaders.iter().filter_map(|pid| run(*pid)).collect();
    let is_stray = |pid: &u32| *pid != supervisor && run(*pid).is_none_or(|run| !runs.contains(&run));
    marked(mark).into_iter().filter(is_stray).collect()
}

/// How often `pid` woke within `time`.
pub fn wakeups(pid: u32, time: Duration) -> u64 {
    let before = context_switches(pid);
    std::thread::sleep(time);
    context_switches(pid) - before
}

/// State and pid of every instance.
pub fn census(running: &Running) -> BTreeMap<String, (String, Option<u32>)> {
    let status = running.status();
    let programs = status["programs"].as_array().unwrap();
    let rows = programs.iter().flat_map(|program| program["processes"].as_array().unwrap());
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let pid = |value: &serde_json::Value| value.as_u64().map(|pid| pid as u32);
    rows.map(|row| (text(&row["name"]), (text(&row["state"]), pid(&row["pid"])))).collect()
}

/// Waits until everybody is what was wished; how long that took, or who is not within `patience`.
pub fn converge(
    running: &Running,
    wish: &BTreeMap<String, &str>,
    patience: Duration,
) -> Result<Duration, String> {
    let begin = Instant::now();
    loop {
        let census = census(running);
        let states: BTreeMap<&String, &str> =
            census.iter().map(|(name, (state, _))| (name, state.as_str())).collect();
        let is_wrong = |(name, state): &(&String, &&str)| states.get(name) != Some(*state);
        let Some((name, state)) = wish.iter().find(is_wrong) else { return Ok(begin.elapsed()) };
        if begin.elapsed() > patience {
            return Err(format!("{name} should be {state}, but is {:?}", states.get(name)));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
