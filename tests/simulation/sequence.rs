//! One random sequence: a configuration, a while of anything at all, perhaps a while of peace, and
//! the way out.

use taskmaster::command::{Order, Target};
use taskmaster::config::{Config, ProgramSpec};
use taskmaster::signal::Signal;
use taskmaster::slots::Key;
use taskmaster::supervisor::{Event, ExitStatus, Probe, Run};
use taskmaster::time::Time;

use std::time::Duration;

use crate::programs::{CALM, draw_config, draw_nature, draw_section, is_connected, mutate_config};
use crate::random::Random;
use crate::script;
use crate::trace::Trace;
use crate::trouble::Trouble;
use crate::world::{Kept, World};
use crate::written;

/// Turns in which a world that is left alone must come to rest. Far beyond what any needs.
const TURNS_MAX: usize = 2_000;
const NANOSECOND: Duration = Duration::from_nanos(1);
const SLEEP_MAX: Duration = Duration::from_secs(3 * 60 * 60);

/// Plays the sequence of this chance; how many steps it had, or the promise that was broken.
pub fn play<'t>(mut random: Random, plain: &'t Config, trace: &'t mut Trace) -> Result<u64, String> {
    let config = draw_config(&mut random, plain);
    trace.play(|| format!("config {}", written::config(&config)));
    let has_trouble = random.percent(50);
    let mut sequence = Sequence { random, world: World::new(&config, trace), plain, has_trouble };
    sequence.world.boot()?;
    for _ in 0..20 + sequence.random.below(120) {
        sequence.step()?;
        if !sequence.world.way_out.is_open() {
            // What was FATAL takes all others along.
            break;
        }
    }
    // What is recycled never comes to rest.
    let ages = |it: &std::sync::Arc<ProgramSpec>| !it.governance.recycle.max_age.is_zero();
    let comes_to_rest = !sequence.world.programs.iter().any(ages);
    if sequence.world.way_out.is_open() && comes_to_rest && sequence.random.percent(50) {
        sequence.leave_alone()?;
    }
    sequence.leave()?;
    Ok(sequence.world.steps)
}

struct Sequence<'t> {
    random: Random,
    world: World<'t>,
    plain: &'t Config,
    /// Effects fail now and then.
    has_trouble: bool,
}

impl Sequence<'_> {
    /// Nothing about the programs changes, and perhaps nothing at all.
    fn config_in_force(&mut self) -> Config {
        let supervisor = draw_section(&mut self.random, self.plain);
        Config { programs: self.world.programs.clone(), supervisor }
    }

    fn step(&mut self) -> Kept {
        if self.has_trouble && self.random.percent(4) {
            let trouble = self.world.kernel.trouble.change(&mut self.random);
            self.world.set_trouble(trouble);
        }
        if self.world.kernel.has_post() && self.random.percent(15) {
            self.world.send_post()?;
        }
        match self.random.below(100) {
            0..14 => self.order(),
            14..16 => self.roll(),
            16..19 if is_connected(&self.world.programs) => self.order(),
            16 => {
                let new = mutate_config(&mut self.random, &self.world.programs, self.plain);
                self.world.reload(new)
            }
            17 => {
                let name = format!("p{}", self.random.below(5));
                self.world.scale(&name, self.random.below(4) as u32)
            }
            18 => {
                let new = self.config_in_force();
                self.world.reload(new)
            }
            19 => self.order(),
            20..40 => {
                self.advance();
                self.world.tick()?;
                self.world.keep_schedules()
            }
            40..43 => {
                self.advance();
                Ok(())
            }
            43..45 => {
                self.world.times.jump(&mut self.random);
                let (ahead, behind) = self.world.times.wall_set();
                self.world.play(|| format!("wall {} {}", script::time(ahead), script::time(behind)));
                self.world.keep_schedules()
            }
            45..60 => self.report_an_end(),
            60..62 => self.report_a_check(),
            62..64 => self.report_memory(),
            64 => self.world.survey_unasked(),
            65..80 => self.world.take_spawn().map(drop),
            80..97 => self.report_a_spawn(false),
            _ => self.report_something_stale(),
        }
    }

    fn order(&mut self) -> Kept {
        let (target, keys) = self.draw_target();
        let targets = vec![Target::parse(&target)];
        let signals = [Signal::HUP, Signal::USR2, Signal::KILL];
        let order = match self.random.below(10) {
            0..3 => Order::Start(targets),
            3..6 => Order::Stop(targets),
            6..9 => Order::Restart(targets),
            _ => Order::Signal(self.random.pick(&signals), targets),
        };
        self.world.order(order, &keys)
    }

    /// A rolling restart of one program or instance.
    fn roll(&mut self) -> Kept {
        let all: Vec<Key> = self.world.expected.keys().copied().collect();
        if all.is_empty() {
            return Ok(());
        }
        let key = self.random.pick(&all);
        let expected = &self.world.expected;
        let (name, program) = (expected[&key].name.clone(), expected[&key].spec.name.clone());
        let batch = self.random.pick(&[1, 1, 2, 3]);
        if self.random.percent(25) {
            return self.world.roll(batch, &name, &[key]);
        }
        let keys: Vec<Key> =
            all.into_iter().filter(|key| self.world.expected[key].spec.name == program).collect();
        self.world.roll(batch, &program, &keys)
    }

    /// A target as users write it, and the instances it means.
    fn draw_target(&mut self) -> (String, Vec<Key>) {
        let all: Vec<Key> = self.world.expected.keys().copied().collect();
        if all.is_empty() || self.random.percent(15) {
            return ("all".to_owned(), all);
        }
        let key = self.random.pick(&all);
        let drawn = &self.world.expected[&key];
        let (name, program, state) = (drawn.name.clone(), drawn.spec.name.clone(), drawn.state());
        let all_like =
            |is_meant: &dyn Fn(&Key) -> bool| all.iter().copied().filter(|key| is_meant(key)).collect();
        let expected = &self.world.expected;
        match self.random.below(8) {
            0 => (format!("@{state}"), all_like(&|key| expected[key].state() == state)),
            1 => (program.clone(), all_like(&|key| expected[key].spec.name == program)),
            2 => (format!("{program}:*"), all_like(&|key| expected[key].spec.name == program)),
            _ => (name, vec![key]),
        }
    }

    /// To the next deadline, or a nanosecond beside it; to the next end of a process; or somewhere.
    fn advance(&mut self) {
        let deadline = self.world.core.next_deadline();
        let end = self.world.kernel.next_end(self.world.now);
        // Now and then the machine sleeps, or the supervisor was stopped.
        let far = if self.random.percent(1) { SLEEP_MAX } else { Duration::from_secs(2) };
        let anywhere = self.world.now + self.random.duration(far);
        let to = match self.random.below(8) {
            0..2 => deadline,
            2 => deadline.map(|deadline| Time::ZERO + (deadline - Time::ZERO).saturating_sub(NANOSECOND)),
            3 => deadline.map(|deadline| deadline + NANOSECOND),
            4..6 => end,
            _ => None,
        };
        self.world.advance(to.unwrap_or(anywhere));
    }

    fn report_an_end(&mut self) -> Kept {
        let mut reports = self.world.kernel.reports(self.world.now);
        if reports.is_empty() {
            return Ok(());
        }
        let event = reports.swap_remove(self.random.below(reports.len()));
        self.world.report_end(event)
    }

    fn report_a_spawn(&mut self, is_calm: bool) -> Kept {
        if self.world.handed_out.is_empty() {
            return Ok(());
        }
        let at = self.random.below(self.world.handed_out.len());
        let spawn = self.world.handed_out.swap_remove(at);
        if !is_calm && self.random.percent(20) {
            return self.world.report_spawn_failed(spawn.run);
        }
        let nature = if is_calm { CALM } else { draw_nature(&mut self.random, &spawn.program) };
        self.world.play_of("spawned", spawn.run.instance, &script::nature(&nature));
        let pid = self.world.kernel.spawn(self.world.now, spawn.run, nature)?;
        self.world.report_spawned(spawn.run, pid)
    }

    /// A few of one process, one after the other: what counts is how many fail in a row.
    fn report_a_check(&mut self) -> Kept {
        let checked = |it: &&Key| {
            let expected = &self.world.expected[*it];
            let governance = &expected.spec.governance;
            let has_checks = governance.readiness.is_some() || governance.liveness.is_some();
            has_checks && expected.state() == "RUNNING"
        };
        let keys: Vec<Key> = self.world.expected.keys().filter(checked).copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let key = self.random.pick(&keys);
        for _ in 0..self.random.pick(&[1, 2, 5]) {
            if self.world.expected[&key].state() != "RUNNING" {
                break;
            }
            let (probe, is_well) =
                (self.random.pick(&[Probe::Readiness, Probe::Liveness]), self.random.percent(50));
            self.world.report_check(key, probe, is_well)?;
        }
        Ok(())
    }

    /// Of something that runs, more or less than it may have.
    fn report_memory(&mut self) -> Kept {
        let running = |it: &&Key| self.world.expected[*it].state() == "RUNNING";
        let keys: Vec<Key> = self.world.expected.keys().filter(running).copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let (key, resident) = (self.random.pick(&keys), self.random.pick(&[1000, 1001]));
        self.world.report_memory(key, resident)
    }

    fn report_something_stale(&mut self) -> Kept {
        let runs: Vec<Run> = self.world.stale_runs();
        if runs.is_empty() {
            return Ok(());
        }
        let run = self.random.pick(&runs);
        self.world.report_stale(match self.random.below(7) {
            6 => Event::Measured { run, resident: u64::MAX },
            5 => Event::Probed { run, probe: Probe::Liveness, outcome: Err("late".to_owned()) },
            4 => Event::StraysFound { run, count: 1 },
            0 => Event::Exited { run, status: ExitStatus::Code(1) },
            1 => Event::GroupGone { run },
            2 => Event::Spawned { run, pid: u32::MAX },
            _ => Event::SpawnFailed { run, reason: "late".to_owned() },
        })
    }

    /// One turn of a loop that has nothing better to do; false when nothing is left to happen.
    fn turn(&mut self, is_calm: bool) -> Result<bool, String> {
        let mut is_busy = self.world.send_post()?;
        while self.world.take_spawn()? {
            is_busy = true;
        }
        while !self.world.handed_out.is_empty() {
            self.report_a_spawn(is_calm)?;
            is_busy = true;
        }
        while !self.world.kernel.reports(self.world.now).is_empty() {
            self.report_an_end()?;
            is_busy = true;
        }
        if is_busy {
            return Ok(true);
        }
        let ahead = [self.world.core.next_deadline(), self.world.kernel.next_end(self.world.now)];
        let Some(next) = ahead.into_iter().flatten().min() else { return Ok(false) };
        self.world.advance(next);
        self.world.tick()?;
        Ok(true)
    }

    /// Left alone, with new processes that behave, it converges: everybody is what was wished, and
    /// every order is done.
    fn leave_alone(&mut self) -> Kept {
        self.world.set_trouble(Trouble::default());
        for _ in 0..TURNS_MAX {
            if !self.turn(true)? {
                self.world.play(|| "settled".to_owned());
                return self.world.is_settled();
            }
        }
        Err("left alone, it does not come to rest".to_owned())
    }

    /// A shutdown, disturbed for a while and then left alone, reaches no processes in time.
    fn leave(&mut self) -> Kept {
        self.ask_to_leave()?;
        for _ in 0..self.random.below(30) {
            if self.world.quit.is_none() {
                if self.random.percent(4) { self.world.shutdown_signal()? } else { self.step()? }
            }
        }
        if self.random.percent(50) {
            self.world.set_trouble(Trouble::default());
        }
        let mut end = self.end_of_way_out();
        for _ in 0..TURNS_MAX {
            if self.world.quit.is_some() || self.world.now > end || !self.turn(false)? {
                break;
            }
            if !self.world.way_out.is_hard() && self.random.percent(5) {
                self.world.shutdown_signal()?;
                end = self.end_of_way_out();
            }
        }
        self.world.play(|| "over".to_owned());
        self.world.is_over(end)?;
        self.ask_to_leave()?;
        let all: Vec<Key> = self.world.expected.keys().copied().collect();
        self.world.order(Order::Stop(vec![Target::parse("all")]), &all)?;
        self.world.play(|| "answered".to_owned());
        self.world.is_answered()
    }

    fn end_of_way_out(&mut self) -> Time {
        self.world.play(|| "way-out".to_owned());
        self.world.way_out.end(self.world.now, &self.world.expected)
    }

    fn ask_to_leave(&mut self) -> Kept {
        if self.random.percent(50) {
            self.world.order(Order::Shutdown, &[])
        } else {
            self.world.shutdown_signal()
        }
    }
}
