//! Hooks: somebody is told when something goes wrong, or well again.
//!
//! What waits, what runs, and how often are bounded, and none of it holds anybody up: calls about the same
//! event of the same program keep an interval, and what happens meanwhile is told together. That a hook
//! fails is logged and means nothing else.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mio::Registry;

use crate::config::{HookAction, HookEvent, HookSpec, ProgramSpec};
use crate::io::outgoing::{Connection, Progress};
use crate::io::token::Source;
use crate::slots::{Key, Slots};
use crate::supervisor::{ExitStatus, Run};
use crate::time::Time;
use crate::timers::Timers;
use crate::view::{Happening, Whom, json};

/// Hooks that are under way at one time; others wait.
const IN_FLIGHT_MAX: usize = 4;
/// Calls that wait at most; what is beyond is dropped and logged. Each kind of event of each program waits
/// once for each hook, so this takes hundreds of programs in trouble.
const WAITING_MAX: usize = 1000;
/// What hooks get on our way out, once everything is down.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// All hooks, and what they are to be told.
#[derive(Default)]
pub(crate) struct Hooks {
    specs: Vec<Arc<HookSpec>>,
    waiting: VecDeque<Call>,
    /// When the same was told last, where that is not long ago.
    told: Vec<(Time, Call)>,
    running: Slots<Running>,
    /// The end of the patience with what runs, by slab index.
    timers: Timers,
    commands: Vec<Key>,
    overdue: Vec<u32>,
    dropped: u64,
    /// Instances of which trouble was told: their recovery is an event.
    troubled: BTreeSet<Key>,
    /// We leave at this time at the latest.
    over_at: Option<Time>,
}

/// A hook and what it is to be told, not before a time.
struct Call {
    hook: Arc<HookSpec>,
    happening: Happening,
    due: Time,
}

struct Running {
    hook: Arc<HookSpec>,
    happening: Happening,
    stage: Stage,
}

enum Stage {
    /// A command that is to be started.
    Commanded,
    /// A command that runs, and the pipe that its output comes through.
    Command {
        pid: u32,
        output: Option<Key>,
    },
    Connected(Connection),
    /// It took too long, was killed and is to be reaped.
    Killed {
        output: Option<Key>,
    },
}

/// A command that is to be started for a hook.
pub(crate) struct HookCommand {
    pub(crate) key: Key,
    pub(crate) program: Arc<ProgramSpec>,
    /// Number and run of the instance that it is about, if it is one: a run that there never is.
    pub(crate) instance: Option<(u32, Run)>,
    /// Variables that tell it of the event, to be taken as they are.
    pub(crate) told: Vec<(String, String)>,
}

impl Hooks {
    pub(crate) fn new(specs: &[HookSpec]) -> Hooks {
        let mut hooks = Hooks::default();
        hooks.adopt(specs);
        hooks
    }

    /// These are the hooks from now on. What waits for one that is not among them is not told.
    pub(crate) fn adopt(&mut self, specs: &[HookSpec]) {
        self.specs = specs.iter().cloned().map(Arc::new).collect();
        let is_there = |call: &Call| specs.contains(&call.hook);
        self.waiting.retain(is_there);
        self.told.retain(|(_, call)| is_there(call));
        if specs.is_empty() {
            self.troubled.clear();
        }
    }

    /// Whether anybody is to be told of anything.
    pub(crate) fn are_there(&self) -> bool {
        !self.specs.is_empty()
    }

    /// Something has happened.
    pub(crate) fn note(&mut self, now: Time, happening: &Happening) {
        match (happening.event, &happening.whom) {
            (HookEvent::Fatal | HookEvent::Exited, Some(whom)) => drop(self.troubled.insert(whom.instance)),
            (HookEvent::Recovered, Some(whom)) => drop(self.troubled.remove(&whom.instance)),
            (HookEvent::Storm | HookEvent::StormOver, _) | (_, None) => {}
        }
        self.told.retain(|(at, call)| *at + call.hook.interval > now);
        for hook in self.specs.iter().filter(|hook| hook.events.contains(&happening.event)) {
            let is_same = |call: &Call| call.hook == *hook && call.happening.is_like(happening);
            if let Some(call) = self.waiting.iter_mut().find(|call| is_same(call)) {
                call.happening.add(happening.clone());
                continue;
            }
            if self.waiting.len() >= WAITING_MAX {
                self.dropped += 1;
                continue;
            }
            let last = self.told.iter().find(|(_, call)| is_same(call)).map(|(at, _)| *at);
            let due = last.map_or(now, |at| at + hook.interval);
            let hook = Arc::clone(hook);
            self.waiting.push_back(Call { hook, happening: happening.clone(), due });
        }
    }

    /// Whether trouble of this instance was told.
    pub(crate) fn is_troubled(&self, instance: Key) -> bool {
        self.troubled.contains(&instance)
    }

    /// Somebody has stopped it, so that it neither is in trouble nor recovers.
    pub(crate) fn forget(&mut self, instance: Key) {
        self.troubled.remove(&instance);
    }

    /// When [`Hooks::fire`] is needed next.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let has_room = self.running.len() < IN_FLIGHT_MAX;
        let due = self.waiting.iter().filter(|_| has_room).map(|call| self.due(call)).min();
        [due, self.timers.next(), self.over_at].into_iter().flatten().min()
    }

    fn due(&self, call: &Call) -> Time {
        // On our way out nothing waits for its interval.
        if self.over_at.is_some() { Time::ZERO } else { call.due }
    }

    /// Begins what is due, and gives up on what takes too long.
    pub(crate) fn fire(&mut self, registry: &Registry, now: Time) {
        while let Some(index) = self.timers.pop_due(now) {
            let Some(key) = self.running.key_at(index) else { continue };
            let Some(running) = self.running.get_mut(key) else { continue };
            let late = format!("it has not ended within {} s", running.hook.timeout.as_secs_f64());
            match &running.stage {
                Stage::Commanded | Stage::Killed { .. } => {}
                Stage::Command { pid, output } => {
                    self.overdue.push(*pid);
                    running.complain(&late);
                    running.stage = Stage::Killed { output: *output };
                }
                Stage::Connected(_) => self.finish(registry, key, Err(late)),
            }
        }
        while self.running.len() < IN_FLIGHT_MAX
            && let Some(at) = self.waiting.iter().position(|call| self.due(call) <= now)
            && let Some(call) = self.waiting.remove(at)
        {
            self.begin(registry, now, call);
        }
        if self.waiting.is_empty() && self.dropped > 0 {
            log::warn!("{} events came too fast for the hooks and were not told", self.dropped);
            self.dropped = 0;
        }
    }

    fn begin(&mut self, registry: &Registry, now: Time, call: Call) {
        let Call { hook, happening, .. } = call;
        log::debug!("hook {}: {} {}", hook.shown(), happening.event.name(), happening.processes().join(" "));
        let running =
            Running { hook: Arc::clone(&hook), happening: happening.clone(), stage: Stage::Commanded };
        let key = self.running.insert(running);
        self.timers.set(key.index(), Some(now + hook.timeout));
        if let HookAction::Post(url) = &hook.action {
            let token = Source::Hook(key).token();
            match Connection::post(registry, token, url, &json::happening(&happening)) {
                Ok(connection) => {
                    if let Some(running) = self.running.get_mut(key) {
                        running.stage = Stage::Connected(connection);
                    }
                }
                Err(reason) => self.finish(registry, key, Err(reason)),
            }
        } else {
            self.commands.push(key);
        }
        let call = Call { hook, happening, due: now };
        self.told.retain(|(_, other)| !(other.hook == call.hook && other.happening.is_like(&call.happening)));
        self.told.push((now, call));
    }

    /// The next command that is to be started; its outcome comes back as [`started`](Hooks::started) or
    /// [`not_started`](Hooks::not_started).
    pub(crate) fn poll_command(&mut self) -> Option<HookCommand> {
        while let Some(key) = self.commands.pop() {
            let Some(Running { hook, happening, .. }) = self.running.get(key) else { continue };
            let HookAction::Exec(program) = &hook.action else { continue };
            let mut program = (**program).clone();
            program.name = happening.program().unwrap_or_default().to_owned();
            let run = |whom: &Whom| (whom.number, Run { instance: whom.instance, incarnation: 0 });
            let instance = happening.whom.as_ref().map(run);
            let told = happening.environment();
            return Some(HookCommand { key, program: Arc::new(program), instance, told });
        }
        None
    }

    /// A command runs, and this is the pipe of its output.
    pub(crate) fn started(&mut self, key: Key, pid: u32, output: Option<Key>) {
        if let Some(running) = self.running.get_mut(key) {
            running.stage = Stage::Command { pid, output };
        }
    }

    /// A command could not be started.
    pub(crate) fn not_started(&mut self, registry: &Registry, key: Key, reason: String) {
        self.finish(registry, key, Err(reason));
    }

    /// A command has been reaped: the pipe of its output, which nobody needs any more when
    /// [`Hooks::ended`] has been told of what came through it.
    pub(crate) fn output_of(&self, key: Key) -> Option<Key> {
        match self.running.get(key)?.stage {
            Stage::Command { output, .. } | Stage::Killed { output } => output,
            Stage::Commanded | Stage::Connected(_) => None,
        }
    }

    /// A command has been reaped; these are the last lines that it has said.
    pub(crate) fn ended(&mut self, registry: &Registry, key: Key, status: ExitStatus, said: &[String]) {
        let Some(Running { stage, .. }) = self.running.get(key) else { return };
        let outcome = match (stage, status) {
            // That has been told.
            (Stage::Killed { .. }, _) | (_, ExitStatus::Code(0)) => Ok(()),
            (_, ExitStatus::Code(_) | ExitStatus::Signal { .. }) => {
                let last = said.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty());
                Err(last.map_or(status.to_string(), |line| format!("{status}: {line}")))
            }
        };
        self.finish(registry, key, outcome);
    }

    /// A poll event came for a connection.
    pub(crate) fn ready(&mut self, registry: &Registry, key: Key) {
        let Some(Running { stage: Stage::Connected(connection), .. }) = self.running.get_mut(key) else {
            return;
        };
        if let Progress::Done(outcome) = connection.advance() {
            self.finish(registry, key, outcome);
        }
    }

    fn finish(&mut self, registry: &Registry, key: Key, outcome: Result<(), String>) {
        self.timers.set(key.index(), None);
        let Some(running) = self.running.remove(key) else { return };
        if let Err(reason) = outcome {
            running.complain(&reason);
        }
        if let Stage::Connected(connection) = running.stage {
            connection.close(registry);
        }
    }

    /// Pids of commands whose time is over. Each is to be killed with its group.
    pub(crate) fn take_overdue(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.overdue)
    }

    /// Everything is down, and we would leave: whether nobody is to be told of anything any more, or has
    /// taken too long.
    pub(crate) fn are_over(&mut self, now: Time) -> bool {
        let is_idle = self.waiting.is_empty() && self.running.is_empty();
        let over_at = *self.over_at.get_or_insert(now + LAST_WORDS);
        if !is_idle && now >= over_at && over_at != Time::ZERO {
            let within = LAST_WORDS.as_secs();
            match self.running.len() {
                1 => log::warn!("1 hook has not ended within {within} s and is not waited for"),
                count => log::warn!("{count} hooks have not ended within {within} s and are not waited for"),
            }
        }
        is_idle || now >= over_at
    }

    /// Somebody insists that we leave.
    pub(crate) fn give_up(&mut self) {
        self.over_at = Some(Time::ZERO);
    }
}

impl Running {
    fn complain(&self, reason: &str) {
        let Running { hook, happening, .. } = self;
        let harmless = reason.replace(char::is_control, "\u{fffd}");
        let event = happening.event.name();
        let of = happening.program().map_or(String::new(), |program| format!(" of {program}"));
        log::warn!("hook {} ({event}{of}) failed: {harmless}", hook.shown());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::State;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    fn hooks() -> Hooks {
        let program = crate::config::parse(
            &crate::config::Source {
                name: "config.yaml".to_owned(),
                text: "programs: {}\ntaskmaster: {on_event: [{exec: x}]}".to_owned(),
                directory: "/".into(),
            },
            &|_| None,
        );
        Hooks::new(&program.unwrap().supervisor.on_event)
    }

    fn happening(program: &str, number: u32, event: HookEvent) -> Happening {
        Happening {
            event,
            whom: Some(Whom {
                program: program.to_owned(),
                instance: Key::new(number, 0),
                number,
                state: State::Fatal,
                exit: Some(ExitStatus::Code(3)),
            }),
            reason: "exit code 3".to_owned(),
            at: std::time::SystemTime::UNIX_EPOCH,
            numbers: vec![number],
            count: 1,
        }
    }

    /// What is begun at a time: of each call how many events it tells of. All of them end at once.
    fn begun(hooks: &mut Hooks, registry: &Registry, now: Time) -> Vec<u32> {
        let mut counts = Vec::new();
        loop {
            hooks.fire(registry, now);
            let Some(HookCommand { key, told, .. }) = hooks.poll_command() else { return counts };
            let count = told.iter().find(|(name, _)| name == "TASKMASTER_EVENT_COUNT").unwrap();
            counts.push(count.1.parse().unwrap());
            hooks.started(key, 1, None);
            hooks.ended(registry, key, ExitStatus::Code(0), &[]);
        }
    }

    #[test]
    fn what_happens_meanwhile_is_told_together_when_its_time_comes() {
        let poll = mio::Poll::new().unwrap();
        let mut hooks = hooks();
        assert_eq!(hooks.next_deadline(), None);
        for number in 0..400 {
            hooks.note(at(0), &happening("w", number, HookEvent::Fatal));
        }
        assert_eq!(hooks.next_deadline(), Some(at(0)));
        assert_eq!(begun(&mut hooks, poll.registry(), at(0)), [400]);
        assert_eq!(hooks.next_deadline(), None);
        for number in 0..10 {
            hooks.note(at(100 + u64::from(number)), &happening("w", number, HookEvent::Fatal));
        }
        hooks.note(at(150), &happening("w", 0, HookEvent::Recovered));
        hooks.note(at(150), &happening("v", 0, HookEvent::Fatal));
        assert_eq!(begun(&mut hooks, poll.registry(), at(150)), [1, 1], "other events and other programs");
        assert_eq!(hooks.next_deadline(), Some(at(1000)));
        assert_eq!(begun(&mut hooks, poll.registry(), at(1000)), [10]);
        hooks.note(at(5000), &happening("w", 0, HookEvent::Fatal));
        assert_eq!(begun(&mut hooks, poll.registry(), at(5000)), [1]);
        assert!(hooks.told.len() <= 3);
    }

    #[test]
    fn few_run_at_once_the_others_wait_and_there_is_an_end_to_that() {
        let poll = mio::Poll::new().unwrap();
        let mut hooks = hooks();
        for number in 0..2000 {
            hooks.note(at(0), &happening(&format!("w{number}"), 0, HookEvent::Fatal));
        }
        assert_eq!((hooks.waiting.len(), hooks.dropped), (WAITING_MAX, 2000 - WAITING_MAX as u64));
        hooks.fire(poll.registry(), at(0));
        let mut running = Vec::new();
        while let Some(command) = hooks.poll_command() {
            hooks.started(command.key, 7, None);
            running.push(command.key);
        }
        assert_eq!(running.len(), IN_FLIGHT_MAX);
        assert_eq!(hooks.next_deadline(), Some(at(10_000)), "their timeout, as nothing can begin before");
        hooks.fire(poll.registry(), at(10_000));
        assert_eq!(hooks.take_overdue(), [7; IN_FLIGHT_MAX]);
        assert!(hooks.poll_command().is_none(), "a place is free when the killed one has been reaped");
        hooks.ended(poll.registry(), running[0], ExitStatus::Code(0), &[]);
        hooks.fire(poll.registry(), at(10_000));
        assert!(hooks.poll_command().is_some() && hooks.poll_command().is_none());
    }

    #[test]
    fn on_the_way_out_nothing_waits_for_its_interval_and_nobody_for_ever() {
        let poll = mio::Poll::new().unwrap();
        let mut hooks = hooks();
        hooks.note(at(0), &happening("w", 0, HookEvent::Fatal));
        assert_eq!(begun(&mut hooks, poll.registry(), at(0)), [1]);
        hooks.note(at(10), &happening("w", 1, HookEvent::Fatal));
        assert_eq!(begun(&mut hooks, poll.registry(), at(10)), [0; 0]);
        assert!(!hooks.are_over(at(10)));
        hooks.fire(poll.registry(), at(10));
        assert!(hooks.poll_command().is_some());
        assert!(!hooks.are_over(at(5009)));
        assert_eq!(hooks.next_deadline(), Some(at(5010)));
        assert!(hooks.are_over(at(5010)));
    }

    #[test]
    fn a_hook_that_is_there_no_more_is_told_nothing() {
        let mut hooks = hooks();
        hooks.note(at(0), &happening("w", 0, HookEvent::Fatal));
        assert!(hooks.is_troubled(Key::new(0, 0)));
        hooks.adopt(&[]);
        assert_eq!((hooks.next_deadline(), hooks.are_there()), (None, false));
        assert!(!hooks.is_troubled(Key::new(0, 0)));
    }
}
