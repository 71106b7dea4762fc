//! Programs that start at times of the wall clock, which is set forward and back meanwhile.
//!
//! The schedules of the simulation are the multiples of some seconds, so that the reference can say with a
//! division what the agenda says with cron.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use taskmaster::agenda::{Agenda, REPEATS_WITHIN};
use taskmaster::config::{ProgramSpec, Schedule};
use taskmaster::slots::Key;
use taskmaster::supervisor::Event;
use taskmaster::time::Time;

use crate::random::Random;
use crate::world::{Kept, World};

/// What the wall clock shows when a sequence begins: a while after 1970.
const BEGIN: Duration = Duration::from_secs(1_700_000_000);
/// Expressions, and how many seconds lie between their times.
const EXPRESSIONS: [(&str, u64); 3] = [("* * * * * *", 1), ("*/3 * * * * *", 3), ("0 * * * * *", 60)];

/// The wall clock, the agenda, and what is expected of it.
#[derive(Default)]
pub struct Times {
    agenda: Agenda,
    ahead: Duration,
    behind: Duration,
    seen: Duration,
    marks: BTreeMap<String, Mark>,
}

struct Mark {
    schedule: Schedule,
    /// Times up to here are over.
    until: Duration,
    /// The last one that had its run.
    kept: Option<Duration>,
}

fn next_after(schedule: &Schedule, moment: SystemTime) -> Option<SystemTime> {
    let utc = chrono::DateTime::<chrono::Utc>::from(moment);
    schedule.next_after(&utc).map(SystemTime::from)
}

fn period(schedule: &Schedule) -> u64 {
    EXPRESSIONS.iter().find(|(text, _)| *text == schedule.text()).expect("one of ours").1
}

/// The last time of a schedule until then.
fn last_until(schedule: &Schedule, moment: Duration) -> Duration {
    let period = period(schedule);
    Duration::from_secs(moment.as_secs() / period * period)
}

/// One of the schedules that the reference knows.
pub fn draw_schedule(random: &mut Random) -> Schedule {
    let mut schedule = Schedule::new(random.pick(&EXPRESSIONS).0).expect("a schedule");
    schedule.overlap = random.percent(40);
    schedule
}

impl Times {
    fn wall(&self, now: Time) -> Duration {
        BEGIN + (now - Time::ZERO) + self.ahead - self.behind
    }

    /// Other programs, or the same again.
    fn set(&mut self, now: Time, programs: &[Arc<ProgramSpec>]) {
        let wall = self.wall(now);
        let scheduled: Vec<(&str, &Schedule)> = programs
            .iter()
            .filter_map(|spec| Some((spec.name.as_str(), spec.governance.schedule.as_ref()?)))
            .collect();
        self.agenda.set(scheduled.iter().copied(), SystemTime::UNIX_EPOCH + wall, &next_after);
        let mut before = std::mem::take(&mut self.marks);
        for (name, schedule) in scheduled {
            let same = before.remove(name).filter(|mark| mark.schedule == *schedule);
            let fresh = || Mark { schedule: schedule.clone(), until: wall, kept: None };
            self.marks.insert(name.to_owned(), same.unwrap_or_else(fresh));
        }
        self.seen = self.seen.max(BEGIN);
    }

    /// Whose time has come, by the agenda; an error if that is not what is expected.
    fn look(&mut self, now: Time) -> Result<Vec<String>, String> {
        let wall = self.wall(now);
        let due = self.agenda.look(SystemTime::UNIX_EPOCH + wall, &next_after);
        let due: Vec<String> = due.into_iter().map(|due| due.program).collect();
        let mut expected = Vec::new();
        for (name, mark) in &mut self.marks {
            let last = last_until(&mark.schedule, wall);
            if last > mark.until {
                (mark.until, mark.kept) = (wall, Some(last));
                expected.push(name.clone());
            } else if wall < self.seen {
                let again = mark.kept.filter(|kept| *kept > wall && *kept - wall <= REPEATS_WITHIN);
                mark.until = again.unwrap_or(wall);
            }
        }
        self.seen = wall;
        if due == expected {
            return Ok(due);
        }
        Err(format!("due are {due:?}, and should be {expected:?}, at {wall:?}"))
    }

    /// Somebody sets the clock.
    pub fn jump(&mut self, random: &mut Random) {
        let (minute, hours) = (Duration::from_secs(60), Duration::from_secs(10 * 60 * 60));
        match random.below(5) {
            0 => self.ahead += random.duration(minute),
            1 => self.ahead += hours,
            2 => self.behind += random.duration(minute),
            3 => self.behind += Duration::from_secs(1),
            _ => self.behind += hours,
        }
    }
}

impl Times {
    /// How far the clock was set ahead and back, in all.
    pub fn wall_set(&self) -> (Duration, Duration) {
        (self.ahead, self.behind)
    }

    /// Sets it so.
    pub fn set_wall(&mut self, ahead: Duration, behind: Duration) {
        (self.ahead, self.behind) = (ahead, behind);
    }
}

impl World<'_> {
    /// These are the programs in force.
    pub fn plan_schedules(&mut self) {
        let programs = self.programs.clone();
        self.times.set(self.now, &programs);
    }

    /// Looks at the wall clock, and does what is due.
    pub fn keep_schedules(&mut self) -> Kept {
        self.play(|| "schedules".to_owned());
        for program in self.times.look(self.now)? {
            self.due(program)?;
        }
        Ok(())
    }

    fn due(&mut self, program: String) -> Kept {
        if self.way_out.is_open()
            && let Some(schedule) = self.schedule_of(&program)
        {
            let listens = |key: &&Key| {
                let it = &self.expected[*key];
                it.spec.name == program && !it.is_gone && (it.is_wanted || it.is_on_call)
            };
            let mut keys: Vec<Key> = self.expected.keys().filter(listens).copied().collect();
            keys.retain(|key| ["STOPPED", "EXITED", "FATAL"].contains(&self.expected[key].state()));
            keys.sort_by_key(|key| self.expected[key].number);
            if schedule.overlap {
                keys.truncate(1);
            }
            for key in &keys {
                self.expected.get_mut(key).into_iter().for_each(|it| it.told_to_run());
            }
            self.needs_are_told_to_run(&keys);
        }
        self.handle(Event::Due { program })
    }

    fn schedule_of(&self, program: &str) -> Option<Schedule> {
        self.programs.iter().find(|spec| spec.name == program)?.governance.schedule.clone()
    }
}
