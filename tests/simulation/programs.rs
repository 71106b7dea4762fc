//! Random configurations and random natures: small numbers, and the edges on purpose.

use std::sync::Arc;
use std::time::Duration;

use taskmaster::config::{
    Autorestart, Check, Condition, Config, Dependency, Governance, KillStrays, Kind, ProbeSpec, ProgramSpec,
    Recycle, RestartDelay, RestartStorm, Source, SupervisorSpec, Template, parse,
};
use taskmaster::signal::Signal;
use taskmaster::supervisor::ExitStatus;

use crate::kernel::{Companion, Nature};
use crate::random::Random;
use crate::schedules::draw_schedule;

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);
const SEGV: i32 = 11;

/// One to four programs with up to three instances each.
pub fn draw_config(random: &mut Random, plain: &Config) -> Config {
    let count = 1 + random.below(4);
    let mut programs = Vec::new();
    let is_connected = random.percent(50);
    for index in 0..count {
        let mut program = draw_program(random, index, &plain.programs[0]);
        if is_connected {
            program.governance.depends_on = draw_dependencies(random, index);
            program.governance.start_interval = random.pick(&[Duration::ZERO, SECOND / 2, 3 * SECOND]);
        }
        programs.push(Arc::new(program));
    }
    if random.percent(50) {
        // Who is needed need not stand in front.
        programs.reverse();
    }
    Config { programs, supervisor: draw_section(random, plain) }
}

/// The pace of restarts is small, or there is none.
pub fn draw_section(random: &mut Random, plain: &Config) -> SupervisorSpec {
    let pace = |rate, burst| Some(RestartStorm { rate, burst });
    let restart_storm = random.pick(&[None, pace(50, 200), pace(1, 1), pace(1, 2), pace(2, 3), pace(5, 1)]);
    SupervisorSpec { restart_storm, ..plain.supervisor.clone() }
}

/// What a user makes of a configuration: programs come, go, change in ways that take a restart or not,
/// and stand in another order.
pub fn mutate_config(random: &mut Random, programs: &[Arc<ProgramSpec>], plain: &Config) -> Config {
    let mut changed: Vec<Arc<ProgramSpec>> = Vec::new();
    for index in 0..5 {
        let name = format!("p{index}");
        let drawn = draw_program(random, index, &plain.programs[0]);
        match programs.iter().find(|spec| spec.name == name) {
            None if random.percent(15) => changed.push(Arc::new(drawn)),
            None => {}
            Some(_) if random.percent(15) => {}
            Some(spec) if random.percent(40) => changed.push(spec.clone()),
            Some(spec) if random.percent(60) => {
                let (cmd, starttime) = (spec.cmd.clone(), spec.starttime);
                changed.push(Arc::new(ProgramSpec { cmd, starttime, ..drawn }));
            }
            Some(_) => changed.push(Arc::new(ProgramSpec {
                cmd: vec![Template::new(format!("version-{}", random.below(1000)))],
                ..drawn
            })),
        }
    }
    if random.percent(30) {
        changed.reverse();
    }
    Config { programs: changed, supervisor: draw_section(random, plain) }
}

/// A configuration in which everything is as by default.
pub fn plain_config() -> Config {
    let text = "programs: {p: {cmd: x}}".to_owned();
    let source = Source { name: "config.yaml".to_owned(), text, directory: "/".into() };
    parse(&source, &|_| None).expect("a valid configuration")
}

fn draw_program(random: &mut Random, index: usize, plain: &ProgramSpec) -> ProgramSpec {
    let autorestart = random.pick(&[Autorestart::Always, Autorestart::Unexpected, Autorestart::Never]);
    ProgramSpec {
        name: format!("p{index}"),
        numprocs: random.pick(&[0, 1, 1, 2, 3]),
        autostart: random.percent(70),
        autorestart,
        exitcodes: random.pick(&[&[0][..], &[0, 2], &[]]).to_vec(),
        startretries: random.pick(&[0, 1, 2, 3]),
        starttime: random.pick(&[Duration::ZERO, NANOSECOND, SECOND, 3 * SECOND]),
        stopsignal: random.pick(&[Signal::TERM, Signal::INT, Signal::KILL]),
        stoptime: random.pick(&[Duration::ZERO, SECOND, 4 * SECOND]),
        stopasgroup: random.percent(60),
        killasgroup: random.percent(60),
        kill_strays: random.pick(&[
            KillStrays::Stop,
            KillStrays::Stop,
            KillStrays::Always,
            KillStrays::Never,
        ]),
        priority: random.pick(&[1, 5, 5, 999]),
        restart_delay: draw_delay(random),
        governance: draw_governance(random, autorestart),
        ..plain.clone()
    }
}

fn draw_delay(random: &mut Random) -> Option<RestartDelay> {
    let growing = RestartDelay { max: 4 * SECOND, ..RestartDelay::GROWING };
    let constant = [Duration::ZERO, 2 * SECOND].map(RestartDelay::constant);
    random.pick(&[None, None, None, Some(constant[0]), Some(constant[1]), Some(growing)])
}

fn draw_governance(random: &mut Random, autorestart: Autorestart) -> Governance {
    let may_end = autorestart != Autorestart::Always && random.percent(25);
    Governance {
        max_restarts: random.pick(&[0, 0, 1, 2]),
        window: random.pick(&[4 * SECOND, 20 * SECOND]),
        kind: if may_end { Kind::Oneshot } else { Kind::Service },
        exit_on_failure: random.percent(5),
        depends_on: Vec::new(),
        readiness: draw_probe(random),
        liveness: draw_probe(random),
        start_interval: Duration::ZERO,
        recycle: draw_recycle(random),
        schedule: (may_end && random.percent(50)).then(|| draw_schedule(random)),
    }
}

fn draw_recycle(random: &mut Random) -> Recycle {
    let max_age = random.pick(&[Duration::ZERO, Duration::ZERO, Duration::ZERO, 5 * SECOND]);
    let max_memory = random.pick(&[0, 0, 1000]);
    Recycle { max_age, max_age_jitter: Duration::ZERO, max_memory }
}

fn draw_probe(random: &mut Random) -> Option<ProbeSpec> {
    random.percent(30).then(|| ProbeSpec {
        check: Check::Tcp(Template::new("localhost:1")),
        interval: SECOND,
        timeout: SECOND,
        retries: random.pick(&[1, 2, 3]),
        start_delay: Duration::ZERO,
    })
}

/// Whether programs have to do with each other, or instances wait for each other. The reference knows
/// how to start and stop those, but not what a reload makes of them.
pub fn is_connected(programs: &[Arc<ProgramSpec>]) -> bool {
    let is_connected = |it: &Governance| !it.depends_on.is_empty() || !it.start_interval.is_zero();
    programs.iter().any(|program| is_connected(&program.governance))
}

/// Some of those that were drawn before, so that there are no circles.
fn draw_dependencies(random: &mut Random, index: usize) -> Vec<Dependency> {
    let mut dependencies = Vec::new();
    for other in 0..index {
        if random.percent(30) {
            let condition = random.pick(&[
                Condition::Running,
                Condition::Running,
                Condition::Healthy,
                Condition::ExitedOk,
            ]);
            dependencies.push(Dependency { program: format!("p{other}"), condition });
        }
    }
    dependencies
}

/// A process with any of the bad habits that processes have.
pub fn draw_nature(random: &mut Random, spec: &ProgramSpec) -> Nature {
    Nature {
        life: draw_life(random, spec.starttime),
        obeys_after: draw_obedience(random),
        is_frozen: random.percent(15),
        unkillable_for: if random.percent(10) { random.duration(30 * SECOND) } else { Duration::ZERO },
        companion: random.percent(25).then(|| draw_companion(random)),
        stray: random.percent(20).then(|| draw_companion(random)),
        brood: random.percent(10).then(|| (random.duration(4 * SECOND), draw_companion(random))),
    }
}

fn draw_companion(random: &mut Random) -> Companion {
    Companion {
        life: random.percent(50).then(|| random.duration(8 * SECOND)),
        obeys_after: draw_obedience(random),
    }
}

/// A process that lives until it is told to end.
pub const CALM: Nature = Nature {
    life: None,
    obeys_after: Some(Duration::from_millis(1)),
    is_frozen: false,
    unkillable_for: Duration::ZERO,
    companion: None,
    stray: None,
    brood: None,
};

fn draw_life(random: &mut Random, starttime: Duration) -> Option<(Duration, ExitStatus)> {
    let life = match random.below(10) {
        0..4 => return None,
        4 | 5 => Duration::ZERO,
        6 => starttime,
        7 => starttime.saturating_sub(NANOSECOND),
        8 => starttime + NANOSECOND,
        _ => random.duration(6 * SECOND),
    };
    let segv = Signal::from_number(SEGV).expect("SIGSEGV");
    let killed = ExitStatus::Signal { signal: segv, core_dumped: true };
    let code = ExitStatus::Code(random.pick(&[0, 0, 1, 2]));
    Some((life, if random.percent(20) { killed } else { code }))
}

fn draw_obedience(random: &mut Random) -> Option<Duration> {
    (!random.percent(25))
        .then(|| if random.percent(50) { Duration::ZERO } else { random.duration(3 * SECOND) })
}
