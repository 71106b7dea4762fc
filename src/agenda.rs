//! Which programs are due by the wall clock, and which is next.
//!
//! The wall clock jumps: it is set, the machine sleeps, we are stopped. Pure: the time and the zone are
//! arguments. The rules, whatever the reason of a jump:
//! - Times that have been passed over are one run, at once; how many they were is told.
//! - A time that has had its run has no second one when the clock is set back by up to
//!   [`REPEATS_WITHIN`]. Set back by more, it was wrong before, and the schedule begins anew.
//! - What passed before we were started is nobody's business.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::config::Schedule;

/// Set back by no more than this, the clock shows times again that were true before (cron's three hours).
pub const REPEATS_WITHIN: Duration = Duration::from_secs(3 * 60 * 60);
/// So far the times that were passed over are counted.
pub const MISSED_MAX: u32 = 1000;

/// The first time of a schedule that is later than a moment, in some time zone.
pub type NextAfter<'a> = &'a dyn Fn(&Schedule, SystemTime) -> Option<SystemTime>;

/// The programs that have a schedule, and their next times.
#[derive(Debug, Default)]
pub struct Agenda {
    entries: BTreeMap<String, Entry>,
    /// The latest look at the clock.
    seen: Option<SystemTime>,
}

#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    next: Option<SystemTime>,
    /// The latest of its times that has had its run.
    kept: Option<SystemTime>,
}

/// A program whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its name.
    pub program: String,
    /// How many of its times have passed over beside the one that is kept; [`MISSED_MAX`] at most.
    pub missed: u32,
}

impl Agenda {
    /// These are the schedules from now on. One that stays what it was goes on.
    pub fn set<'a>(
        &mut self,
        schedules: impl Iterator<Item = (&'a str, &'a Schedule)>,
        now: SystemTime,
        next_after: NextAfter,
    ) {
        let mut before = std::mem::take(&mut self.entries);
        for (program, schedule) in schedules {
            let kept = before.remove(program).filter(|entry| entry.schedule == *schedule);
            let mut entry = kept.unwrap_or(Entry { schedule: schedule.clone(), next: None, kept: None });
            // What is due already is told by the next look.
            if entry.next.is_none_or(|next| next > now) {
                entry.plan(now, next_after);
            }
            self.entries.insert(program.to_owned(), entry);
        }
        self.seen.get_or_insert(now);
    }

    /// Looks at the clock: whose time has come. Afterwards every next time lies ahead.
    pub fn look(&mut self, now: SystemTime, next_after: NextAfter) -> Vec<Due> {
        let is_set_back = self.seen.is_some_and(|seen| now < seen);
        self.seen = Some(now);
        let mut all = Vec::new();
        for (program, entry) in &mut self.entries {
            match entry.next {
                Some(next) if next <= now => {
                    let missed = entry.pass(next, now, next_after);
                    all.push(Due { program: program.clone(), missed });
                }
                Some(_) | None if is_set_back => entry.plan(now, next_after),
                Some(_) | None => {}
            }
        }
        all
    }

    /// The nearest time of all.
    pub fn next(&self) -> Option<SystemTime> {
        self.entries.values().filter_map(|entry| entry.next).min()
    }

    /// Every program with its next time.
    pub fn all(&self) -> impl Iterator<Item = (&str, Option<SystemTime>)> {
        self.entries.iter().map(|(program, entry)| (program.as_str(), entry.next))
    }
}

impl Entry {
    fn plan(&mut self, now: SystemTime, next_after: NextAfter) {
        let is_again = |kept: &SystemTime| kept.duration_since(now).is_ok_and(|by| by <= REPEATS_WITHIN);
        let from = self.kept.filter(is_again).unwrap_or(now);
        self.next = next_after(&self.schedule, from);
    }

    /// `next` and maybe others have passed; how many others.
    fn pass(&mut self, next: SystemTime, now: SystemTime, next_after: NextAfter) -> u32 {
        let (mut last, mut missed) = (next, 0);
        while let Some(after) =
            next_after(&self.schedule, last).filter(|after| *after <= now && *after > last)
        {
            (last, missed) = (after, missed + 1);
            if missed == MISSED_MAX {
                last = now;
                break;
            }
        }
        self.kept = Some(last);
        self.plan(now, next_after);
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// 2023-11-14 00:00 UTC.
    fn midnight() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_699_920_000)
    }

    fn utc(schedule: &Schedule, after: SystemTime) -> Option<SystemTime> {
        let after = chrono::DateTime::<chrono::Utc>::from(after);
        schedule.next_after(&after).map(SystemTime::from)
    }

    fn agenda(text: &str, now: SystemTime) -> Agenda {
        let mut agenda = Agenda::default();
        agenda.set([("w", &Schedule::new(text).unwrap())].into_iter(), now, &utc);
        agenda
    }

    /// What a look at the clock says: how many times were missed, if it is due.
    fn look(agenda: &mut Agenda, now: SystemTime) -> Option<u32> {
        let due = agenda.look(now, &utc);
        assert!(agenda.next().is_none_or(|next| next > now), "a time is overdue after a look");
        assert!(due.len() <= 1);
        due.first().map(|due| due.missed)
    }

    #[test]
    fn a_time_is_kept_once_and_to_the_nanosecond() {
        let three = midnight() + 3 * HOUR;
        let mut agenda = agenda("0 3 * * *", midnight());
        assert_eq!(agenda.next(), Some(three));
        assert_eq!(look(&mut agenda, three - Duration::from_nanos(1)), None);
        assert_eq!(look(&mut agenda, three), Some(0));
        assert_eq!(look(&mut agenda, three), None);
        assert_eq!(agenda.next(), Some(three + 24 * HOUR));
    }

    #[test]
    fn what_was_passed_over_is_one_run() {
        let mut agenda = agenda("*/10 * * * *", midnight());
        assert_eq!(look(&mut agenda, midnight() + HOUR + MINUTE), Some(5));
        assert_eq!(agenda.next(), Some(midnight() + HOUR + 10 * MINUTE));
        // However long it was.
        assert_eq!(look(&mut agenda, midnight() + 24 * 365 * HOUR + MINUTE), Some(MISSED_MAX));
        assert_eq!(agenda.next(), Some(midnight() + 24 * 365 * HOUR + 10 * MINUTE));
    }

    #[test]
    fn set_back_a_little_nothing_runs_twice() {
        let three = midnight() + 3 * HOUR;
        let mut agenda = agenda("0 * * * *", midnight());
        assert_eq!(look(&mut agenda, three), Some(2));
        assert_eq!(look(&mut agenda, three - REPEATS_WITHIN), None);
        assert_eq!(agenda.next(), Some(three + HOUR));
        assert_eq!(look(&mut agenda, three), None);
        assert_eq!(look(&mut agenda, three + HOUR), Some(0));
    }

    #[test]
    fn set_back_by_much_the_schedule_begins_anew() {
        let mut agenda = agenda("0 * * * *", midnight());
        assert_eq!(look(&mut agenda, midnight() + 1000 * HOUR), Some(999));
        assert_eq!(look(&mut agenda, midnight() + MINUTE), None);
        assert_eq!(agenda.next(), Some(midnight() + HOUR));
    }

    #[test]
    fn another_schedule_begins_now_and_the_same_goes_on() {
        let mut agenda = agenda("0 3 * * *", midnight());
        let (same, other) = (Schedule::new("0 3 * * *").unwrap(), Schedule::new("0 4 * * *").unwrap());
        assert_eq!(look(&mut agenda, midnight() + 3 * HOUR), Some(0));
        // Set back, and read again: it has had its run.
        agenda.set([("w", &same)].into_iter(), midnight() + 2 * HOUR, &utc);
        assert_eq!(agenda.next(), Some(midnight() + 27 * HOUR));
        agenda.set([("w", &other)].into_iter(), midnight() + 2 * HOUR, &utc);
        assert_eq!(agenda.next(), Some(midnight() + 4 * HOUR));
        agenda.set([].into_iter(), midnight(), &utc);
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn a_schedule_may_come_to_its_end() {
        let mut agenda = agenda("0 0 0 15 11 * 2023", midnight());
        assert_eq!(agenda.next(), Some(midnight() + 24 * HOUR));
        assert_eq!(look(&mut agenda, midnight() + 25 * HOUR), Some(0));
        assert_eq!(agenda.next(), None);
        assert_eq!(agenda.all().collect::<Vec<_>>(), [("w", None)]);
    }

    /// Minute by minute, which is slow and cannot be wrong.
    fn is_time(minute: u64, every: u64) -> bool {
        (minute % 60).is_multiple_of(every)
    }

    #[test]
    fn a_clock_that_only_goes_forward_skips_nothing_and_repeats_nothing() {
        let mut random: u64 = 11;
        for every in [1, 7, 15, 30] {
            let mut agenda = agenda(&format!("*/{every} * * * *"), midnight());
            let (mut minute, mut counted) = (0, 0);
            for _ in 0..2000 {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let step = (random >> 33) % 90;
                let passed = (minute + 1..=minute + step).filter(|minute| is_time(*minute, every)).count();
                minute += step;
                let due = look(&mut agenda, midnight() + MINUTE * minute as u32);
                assert_eq!(due.map_or(0, |missed| missed as usize + 1), passed, "minute {minute}");
                counted += passed;
            }
            assert!(counted > 1000);
        }
    }
}
