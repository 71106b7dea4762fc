//! The state machine, driven as the event loop drives it, and its timers.

use std::hint::black_box;
use std::time::Duration;

use taskmaster::command::{Command, RequestId, parse};
use taskmaster::config::{self, Source};
use taskmaster::supervisor::{Event, ExitStatus, Run, Supervisor};
use taskmaster::time::Time;
use taskmaster::timers::Timers;

use super::Work;

pub const MANY: usize = 1000;
pub const TIMERS: usize = 10_000;

/// A core and what the world would know of it.
pub struct Stage {
    pub core: Supervisor,
    pub now: Time,
    /// Every process that runs.
    runs: Vec<Run>,
}

impl Stage {
    /// Nothing has been started yet.
    fn new(count: usize) -> Stage {
        let text =
            format!("programs: {{w: {{cmd: x, numprocs: {count}, starttime: 1, autorestart: always}}}}");
        let source = Source { name: "config.yaml".to_owned(), text, directory: "/".into() };
        let config = config::parse(&source, &|_| None).expect("a valid configuration");
        Stage { core: Supervisor::new(&config), now: Time::ZERO, runs: Vec::new() }
    }

    /// All of them RUNNING.
    pub fn running(count: usize) -> Stage {
        let mut stage = Stage::new(count);
        stage.start();
        stage
    }

    fn start(&mut self) {
        self.handle(Event::Boot);
        self.spawn_all();
        self.now = self.now + Duration::from_secs(1);
        self.handle(Event::Tick);
    }

    fn handle(&mut self, event: Event) {
        self.core.handle(self.now, event);
        while let Some(action) = self.core.poll_action() {
            black_box(action);
        }
    }

    fn spawn_all(&mut self) {
        while let Some(spawn) = self.core.poll_spawn() {
            self.runs.push(spawn.run);
            let pid = self.runs.len() as u32;
            self.handle(Event::Spawned { run: spawn.run, pid });
        }
    }

    fn crash_all(&mut self) {
        for run in std::mem::take(&mut self.runs) {
            self.handle(Event::Exited { run, status: ExitStatus::Code(1) });
            self.handle(Event::GroupGone { run });
        }
    }

    fn order(&mut self, line: &str) {
        let Ok(Some(Command::Order(order))) = parse(line) else { panic!("{line} is no order") };
        self.handle(Event::Order { request: RequestId(1), order });
    }
}

/// From boot until all are RUNNING.
pub fn start() -> Work {
    let mut stage = Stage::new(MANY);
    Box::new(move || stage.start())
}

/// All end unexpectedly and are spawned again.
pub fn crash_and_restart() -> Work {
    let mut stage = Stage::running(MANY);
    Box::new(move || {
        stage.crash_all();
        stage.spawn_all();
    })
}

/// `stop all`, and all end.
pub fn stop() -> Work {
    let mut stage = Stage::running(MANY);
    Box::new(move || {
        stage.order("stop all");
        stage.crash_all();
    })
}

/// A restart of one of ten thousand.
pub fn one_order_among_many() -> Work {
    let mut stage = Stage::running(10 * MANY);
    Box::new(move || stage.order("restart w:9999"))
}

/// A reload by which a thousand programs are removed, and their ends.
pub fn remove_programs() -> Work {
    let programs: Vec<String> = (0..MANY).map(|number| format!("p{number}: {{cmd: x}}")).collect();
    let config = |programs: &str| {
        let text = format!("programs: {{{programs}}}");
        let source = Source { name: "config.yaml".to_owned(), text, directory: "/".into() };
        config::parse(&source, &|_| None).expect("a valid configuration")
    };
    let before = config(&programs.join(", "));
    let mut stage = Stage { core: Supervisor::new(&before), now: Time::ZERO, runs: Vec::new() };
    stage.start();
    let plan = Box::new(config::diff(&before, config("")));
    Box::new(move || {
        stage.handle(Event::Reload { request: RequestId(1), plan: plan.clone() });
        stage.crash_all();
        assert_eq!(stage.core.programs().count(), 0);
    })
}

/// Each index gets a deadline, then another one; every other loses it, the rest fires.
pub fn timers() -> Work {
    Box::new(|| {
        let mut timers = Timers::new();
        // A fixed permutation: neither sorted nor random.
        let deadline =
            |index: usize| Time::since_start(Duration::from_nanos((index * 7919 % TIMERS) as u64 + 1));
        for index in 0..TIMERS {
            timers.set(index, Some(deadline(index)));
        }
        for index in 0..TIMERS {
            timers.set(index, Some(deadline(index + TIMERS / 2)));
        }
        for index in (0..TIMERS).step_by(2) {
            timers.set(index, None);
        }
        let end = Time::since_start(Duration::from_secs(1));
        while let Some(index) = timers.pop_due(end) {
            black_box(index);
        }
    })
}
