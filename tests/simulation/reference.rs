//! What a user may expect of one instance, derived from what has happened to it.
//!
//! This is the interface contract told as facts (a process was born, a stop was asked for, a retry
//! is due), not as states: what the instance should look like is computed from the facts when it
//! is compared. It shares nothing with the supervisor's own machine.

use std::sync::Arc;
use std::time::Duration;

use taskmaster::config::{Autorestart, Condition, KillStrays, Kind, ProbeSpec, ProgramSpec};
use taskmaster::signal::Signal;
use taskmaster::supervisor::{ExitStatus, Probe, Remains, Scope};
use taskmaster::time::Time;

use crate::way_out::GRACE;

pub struct Expected {
    pub spec: Arc<ProgramSpec>,
    pub name: String,
    /// Its priority, or that of the first of those that need it.
    pub tier: i32,
    pub number: u32,
    /// Last told to run.
    pub is_wanted: bool,
    /// It is to be gone as soon as it rests.
    pub is_gone: bool,
    /// It rests until its schedule starts it.
    pub is_on_call: bool,
    /// A process is owed; none has been asked for yet.
    is_queued: bool,
    /// A spawn was handed out; its outcome is not known.
    pub is_handed_out: bool,
    /// When its living process was born.
    pub born: Option<Time>,
    /// Its process has lived for starttime.
    is_proven: bool,
    /// Its leader is reaped, but the group is to be gone as well.
    pub is_group_left: bool,
    /// The group is what is left, or the first of it.
    group_counts: bool,
    /// Processes of its runs live that a stop by its rules would end, though it has none itself. As the
    /// kernel has it.
    pub lingers: bool,
    /// A run has ended, and no stop since has ended all that there may be.
    pub has_loose_ends: bool,
    /// What is known of that.
    past: Past,
    /// It is to end only because of what its earlier runs have left, and nobody has looked for that.
    owes_sweep: bool,
    /// What counts of what it leaves was changed while it ended.
    pub has_mixed_rules: bool,
    /// Its next process is to find nothing of its earlier runs.
    pub is_to_find_nothing: bool,
    /// It ends only to clear away what an exit left; what follows from that exit then.
    outcome: Option<Outcome>,
    /// The end that was asked for.
    pub ending: Option<Ending>,
    retry_at: Option<Time>,
    failures: u32,
    /// Spawns since the last wish or the last proof.
    tries: u32,
    /// The largest startretries since then.
    retries_allowed: u32,
    /// What it is called when there is nothing else to say.
    rest: &'static str,
    /// The wait by restart_delay before the present or last try.
    last_wait: Option<Duration>,
    /// When it will have run for long enough.
    old_at: Option<Time>,
    /// It is too old or too large, since then.
    pub excess_since: Option<Time>,
    /// Its next process is one that nobody has asked for.
    pub by_itself: bool,
    /// Its wait was over in this step; what is asked for in the same step does not count for this process.
    pub comes_by_itself: bool,
    /// How often it came back by itself after a run, since the last wish.
    pub comebacks: u32,
    /// When it was restarted after a run, since the last wish.
    restarts: Vec<Time>,
    /// When its present or last process was born.
    last_born: Option<Time>,
    /// Whether it is ready, and checks of readiness and liveness that failed in a row; if it has any.
    checks: Option<(bool, u32, u32)>,
    /// How and when its processes ended, all of them.
    pub ends: Vec<(Time, ExitStatus)>,
    /// No process has been born since a spawn failed.
    pub could_not_be_born: bool,
}

#[derive(Clone, Copy)]
enum Outcome {
    Failed,
    Ran(ExitStatus),
    Done,
    Ill,
    Recycled,
}

/// What anybody knows of the processes that the earlier runs of an instance have left.
#[derive(Clone, Copy)]
enum Past {
    /// So many lived when somebody looked, and no run has ended since.
    Seen {
        group: u32,
        strays: u32,
    },
    Unseen,
}

impl Past {
    fn after_a_stop(rules: &ProgramSpec) -> Past {
        match rules.killasgroup && rules.kill_strays != KillStrays::Never {
            true => Past::Seen { group: 0, strays: 0 },
            false => Past::Unseen,
        }
    }
}

#[derive(Clone)]
pub struct Ending {
    /// What the process was started by, if it was there when its end was decided: a reload may have
    /// changed the rules since.
    rules: Option<Arc<ProgramSpec>>,
    pub since: Time,
    /// When SIGKILL is due.
    pub due: Time,
    /// Its stopsignal was sent.
    is_asked: bool,
    pub is_killed: bool,
    /// Only strays are left.
    is_astray: bool,
    /// When its time began to run.
    pub asked_at: Time,
    /// There is no more patience.
    is_hard: bool,
    /// Its strays were found before a shutdown may have given it up.
    is_found_in_time: bool,
}

impl Expected {
    pub fn new(spec: Arc<ProgramSpec>, number: u32) -> Expected {
        Expected {
            name: format!("{}:{number}", spec.name),
            tier: spec.priority,
            number,
            retries_allowed: spec.startretries,
            spec,
            is_wanted: false,
            is_gone: false,
            is_on_call: false,
            is_queued: false,
            is_handed_out: false,
            born: None,
            is_proven: false,
            is_group_left: false,
            ending: None,
            outcome: None,
            group_counts: false,
            lingers: false,
            has_loose_ends: false,
            past: Past::Seen { group: 0, strays: 0 },
            owes_sweep: false,
            has_mixed_rules: false,
            is_to_find_nothing: false,
            retry_at: None,
            failures: 0,
            tries: 0,
            rest: "STOPPED",
            last_wait: None,
            old_at: None,
            excess_since: None,
            by_itself: false,
            comes_by_itself: false,
            comebacks: 0,
            restarts: Vec::new(),
            last_born: None,
            checks: None,
            ends: Vec::new(),
            could_not_be_born: false,
        }
    }

    /// The state that users should see.
    pub fn state(&self) -> &'static str {
        if self.ending.is_some() {
            "STOPPING"
        } else if self.born.is_some() && self.is_proven {
            "RUNNING"
        } else if self.born.is_some() || self.is_handed_out || self.is_queued {
            "STARTING"
        } else if self.retry_at.is_some() {
            "BACKOFF"
        } else {
            self.rest
        }
    }

    /// The one time at which something is due without further input. Not for what has been killed.
    pub fn deadline(&self) -> Option<Time> {
        match (&self.ending, self.born) {
            (Some(ending), _) => (!self.is_handed_out && !self.waits_to_be_asked()).then_some(ending.due),
            (None, Some(_)) if self.is_proven => self.old_at,
            (None, Some(born)) => Some(born + self.spec.starttime),
            (None, None) => self.retry_at,
        }
    }

    /// Whether there is a process, or may be one at any moment.
    pub fn is_occupied(&self) -> bool {
        self.is_handed_out || self.born.is_some() || self.is_group_left
    }

    /// Whether there is anything of it that a shutdown has to end.
    pub fn is_there(&self) -> bool {
        self.is_occupied() || self.lingers
    }

    /// Nothing is left but its place in the list.
    pub fn is_at_rest(&self) -> bool {
        !self.is_occupied() && !self.is_queued && self.retry_at.is_none()
    }

    /// A reload or `scale` took it away.
    pub fn told_to_go(&mut self, now: Time) {
        self.is_gone = true;
        self.told_to_rest(now);
    }

    /// It was on its way out, and is wanted again, or at least allowed to stay.
    pub fn told_to_stay(&mut self, runs: bool) {
        self.is_gone = false;
        if runs {
            self.told_to_run();
        } else {
            self.waits_for_its_time();
        }
    }

    /// A reload changed what its process is. Before the new values are in force; whether it is told
    /// of the outcome.
    pub fn told_to_renew(&mut self, now: Time, new: &ProgramSpec) -> bool {
        let autostart = new.autostart;
        let has_nothing =
            !self.is_handed_out && self.born.is_none() && !self.is_queued && self.ending.is_none();
        let waits_for_its_time = new.governance.schedule.is_some() && !autostart;
        if !self.is_wanted || (waits_for_its_time && has_nothing) {
            return false;
        }
        if self.is_at_rest() && self.rest == "EXITED" && !autostart {
            return false;
        }
        self.outcome = None;
        self.is_to_find_nothing = true;
        if self.born.is_some() || self.is_handed_out {
            self.end(now);
        } else if self.lingers && self.ending.is_none() {
            self.end_what_is_left(now);
        } else if !self.is_queued && self.ending.is_none() {
            self.begin_anew();
        }
        true
    }

    /// Other values are in force.
    pub fn adopt(&mut self, spec: &Arc<ProgramSpec>) {
        if self.spec.restart_delay != spec.restart_delay {
            self.last_wait = None;
        }
        let policy = |spec: &ProgramSpec| (spec.killasgroup, spec.kill_strays);
        let is_ending = self.ending.is_some() || self.is_gone || self.is_to_find_nothing;
        self.has_mixed_rules |= is_ending && policy(&self.spec) != policy(spec);
        let has_new_schedule = self.spec.governance.schedule != spec.governance.schedule;
        if has_new_schedule && !self.is_wanted {
            self.is_on_call = spec.governance.schedule.is_some();
        }
        (self.spec, self.tier) = (spec.clone(), spec.priority);
        self.retries_allowed = self.retries_allowed.max(spec.startretries);
        if self.tries == 0 {
            self.retries_allowed = spec.startretries;
        }
    }

    pub fn told_to_run(&mut self) {
        (self.is_wanted, self.by_itself) = (true, false);
        self.outcome = None;
        self.tries = 0;
        if !self.is_occupied() && !self.is_queued {
            self.begin_anew();
        }
    }

    /// It is there, and is not to start with the others.
    pub fn waits_for_its_time(&mut self) {
        self.is_on_call = self.spec.governance.schedule.is_some();
    }

    pub fn told_to_rest(&mut self, now: Time) {
        (self.is_wanted, self.is_on_call) = (false, false);
        if self.is_queued || self.retry_at.is_some() {
            (self.is_queued, self.retry_at, self.rest) = (false, None, "STOPPED");
        }
        self.is_to_find_nothing = true;
        if self.is_occupied() {
            self.end(now);
        } else if self.lingers {
            self.end_what_is_left(now);
        }
    }

    pub fn told_to_restart(&mut self, now: Time) {
        self.is_to_find_nothing |= !self.is_handed_out;
        if self.born.is_some() {
            self.end(now);
        } else if self.lingers && !self.is_occupied() {
            self.end_what_is_left(now);
        }
        self.told_to_run();
    }

    /// The supervisor leaves: nothing may begin, what has a process waits for its turn to end.
    pub fn told_of_shutdown(&mut self) {
        self.is_wanted = false;
        if self.is_queued || self.retry_at.is_some() {
            (self.is_queued, self.retry_at, self.rest) = (false, None, "STOPPED");
        }
    }

    /// It has no process, but its earlier runs have left some.
    pub fn end_what_is_left(&mut self, now: Time) {
        (self.is_queued, self.retry_at, self.rest) = (false, None, "STOPPED");
        (self.is_group_left, self.group_counts, self.owes_sweep) = (true, false, true);
        // A reload may have changed the rules just now.
        let has_mixed_rules = self.has_mixed_rules;
        self.ending = None;
        self.end(now);
        self.has_mixed_rules = has_mixed_rules;
        let rules = self.spec.clone();
        self.past = Past::after_a_stop(&rules);
        self.ending.iter_mut().for_each(|ending| ending.rules = Some(rules.clone()));
    }

    /// It does not end, yet may be made to for what its earlier runs have left.
    pub fn may_have_left_something(&self) -> bool {
        self.ending.is_none() && self.has_loose_ends && !self.is_occupied()
    }

    /// Somebody has looked for what its earlier runs have left.
    pub fn seen(&mut self, (group, strays): (u32, u32)) {
        self.past = Past::Seen { group, strays };
    }

    /// Whether a stop is worth a look for what earlier runs have left.
    pub fn is_worth_a_look(&self) -> bool {
        let is_nothing = matches!(self.past, Past::Seen { group: 0, strays: 0 });
        self.spec.kill_strays != KillStrays::Never && !is_nothing
    }

    /// Whether something may be left that a stop would end, as far as anybody knows without looking.
    pub fn may_linger(&self) -> bool {
        let may_be = match self.past {
            Past::Seen { group, strays } => strays > 0 || (self.spec.killasgroup && group > 0),
            Past::Unseen => true,
        };
        self.spec.kill_strays != KillStrays::Never && may_be
    }

    /// What its earlier runs have left is looked for from now on.
    pub fn swept(&mut self, now: Time, groups: bool, is_hard: bool) -> Result<(), String> {
        let Self { spec, name, ending, owes_sweep, has_mixed_rules, .. } = self;
        let Some(ending) = ending.as_mut().filter(|_| std::mem::take(owes_sweep)) else {
            return Err(format!("{name}: its past is looked for without need"));
        };
        let rules = ending.rules.as_ref().unwrap_or(spec);
        if groups != rules.killasgroup && !*has_mixed_rules {
            return Err(format!("{name}: its past is looked for, its groups counted: {groups}"));
        }
        (ending.due, ending.is_asked, ending.asked_at) = (now + rules.stoptime, true, now);
        if is_hard || ending.is_hard {
            // Whoever is found gets his SIGKILL then.
            (ending.is_killed, ending.due) = (true, now);
        }
        Ok(())
    }

    /// It is to end, beginning now unless it has begun already.
    pub fn end(&mut self, now: Time) {
        if self.ending.is_none() {
            self.has_mixed_rules = false;
        }
        let due = now + self.spec.stoptime;
        let rules = self.born.map(|_| self.spec.clone());
        self.ending.get_or_insert(Ending {
            rules,
            since: now,
            due,
            is_asked: false,
            is_killed: false,
            is_astray: false,
            asked_at: now,
            is_hard: false,
            is_found_in_time: false,
        });
    }

    /// No more patience: SIGKILL is due at once.
    pub fn end_hard(&mut self, now: Time) {
        if self.is_occupied() {
            self.end(now);
        } else if self.lingers {
            self.end_what_is_left(now);
        }
        if let Some(ending) = &mut self.ending {
            (ending.due, ending.is_hard) = (ending.due.min(now), true);
        }
    }

    /// The supervisor sends a signal of its own accord. Whether it is SIGKILL after a
    /// stopsignal that could be obeyed.
    pub fn signalled(&mut self, now: Time, sent: (Signal, Scope), is_hard: bool) -> Result<bool, String> {
        let (signal, scope) = sent;
        let Self { spec, name, ending, is_group_left, born, .. } = self;
        let Some(ending) = ending else {
            return Err(format!("{name}: SIG{signal} to what was not asked to end"));
        };
        let rules = ending.rules.as_ref().unwrap_or(spec);
        let stopsignal = rules.stopsignal;
        if ending.is_astray {
            return Err(format!("{name}: SIG{signal} to a group that is gone"));
        }
        let is_unasked = born.is_some() && !ending.is_asked && !ending.is_hard && !is_hard;
        let is_request = signal == stopsignal && !ending.is_asked && !is_hard;
        let to_group = match signal {
            Signal::KILL if !is_request => spec.killasgroup || *is_group_left,
            _ => rules.stopasgroup,
        };
        if to_group != (scope == Scope::Group) {
            return Err(format!("{name}: SIG{signal} to the wrong scope, {scope:?}"));
        }
        if is_request {
            (ending.is_asked, ending.asked_at, ending.due) = (true, now, now + rules.stoptime);
        } else if signal == Signal::KILL && ending.due <= now && !is_unasked {
            ending.is_killed = true;
        } else if signal != Signal::CONT {
            return Err(format!("{name}: SIG{signal} too early, or once too often"));
        }
        Ok(signal == Signal::KILL && stopsignal != Signal::KILL)
    }

    /// Its strays were found: they are asked to end, and get their own time. Those that are found later share
    /// what is left of it.
    pub fn strays_found(&mut self, now: Time, is_hard: bool) {
        if let Some(ending) = self.ending.as_mut().filter(|ending| ending.is_astray) {
            ending.due = if is_hard || ending.is_killed { now } else { ending.due };
            (ending.is_asked, ending.is_killed, ending.is_hard) = (false, false, is_hard);
            return;
        }
        let due = if is_hard { now } else { now + self.spec.stoptime };
        let since = self.ending.as_ref().map_or(now, |ending| ending.since);
        self.ending = Some(Ending {
            rules: None,
            since,
            due,
            is_asked: false,
            is_killed: false,
            is_astray: true,
            asked_at: now,
            is_hard,
            is_found_in_time: now < since + self.spec.stoptime + GRACE,
        });
    }

    /// The supervisor signals the strays.
    pub fn strays_signalled(&mut self, now: Time, signal: Signal, is_hard: bool) -> Result<(), String> {
        let Self { spec, name, ending, is_group_left, group_counts, .. } = self;
        let waits_for_strays = *is_group_left && !*group_counts && signal == Signal::KILL;
        let Some(ending) = ending.as_mut().filter(|ending| ending.is_astray || waits_for_strays) else {
            return Err(format!("{name}: SIG{signal} to strays that it does not have"));
        };
        if signal == Signal::KILL && ending.due <= now {
            ending.is_killed = true;
        } else if signal == spec.stopsignal && !ending.is_asked && !is_hard {
            ending.is_asked = true;
        } else if signal != Signal::CONT {
            return Err(format!("{name}: SIG{signal} to strays too early, or once too often"));
        }
        Ok(())
    }

    /// What counts of what it leaves behind is watched, and nothing else.
    pub fn may_be_watched(&self, remains: Remains) -> Result<(), String> {
        let Self { spec, is_group_left, .. } = self;
        let is_right = remains.group == spec.killasgroup
            && remains.strays == (spec.kill_strays != KillStrays::Never)
            && *is_group_left;
        if is_right { Ok(()) } else { Err(format!("{}: {remains:?} is watched", self.name)) }
    }

    /// Strays that were found must have been told to end.
    pub fn has_strays_unasked(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.is_astray && !ending.is_asked && !ending.is_killed)
    }

    /// Strays that were found in time have a stoptime, and it is not over.
    pub fn has_strays_with_time(&self, now: Time) -> bool {
        let has_time = |it: &Ending| it.is_found_in_time && !it.is_killed && !it.is_hard && now < it.due;
        self.is_occupied() && self.ending.as_ref().is_some_and(has_time)
    }

    /// A process that is to end must have been told so, unless others must end before.
    pub fn waits_to_be_asked(&self) -> bool {
        (self.born.is_some() || self.owes_sweep)
            && self.ending.as_ref().is_some_and(|ending| !ending.is_asked && !ending.is_killed)
    }

    /// Whether it is as those that need it want it to be.
    pub fn meets(&self, condition: Condition) -> bool {
        let has_ended_well =
            self.state() == "EXITED" && self.ends.last().is_some_and(|(_, status)| self.is_expected(*status));
        match condition {
            Condition::ExitedOk => has_ended_well,
            Condition::Healthy if self.state() == "RUNNING" => self.is_ready(),
            Condition::Running | Condition::Healthy => {
                let may_have_ended = self.spec.governance.kind == Kind::Oneshot;
                self.state() == "RUNNING" || (may_have_ended && has_ended_well)
            }
        }
    }

    /// Whether it is RUNNING and no check says otherwise.
    pub fn is_ready(&self) -> bool {
        self.state() == "RUNNING" && self.checks.is_none_or(|(is_ready, _, _)| is_ready)
    }

    /// A check of its present process has ended.
    pub fn checked(&mut self, now: Time, probe: Probe, is_well: bool) {
        let Some((is_ready, unready, unlively)) = self.checks.as_mut().filter(|_| self.ending.is_none())
        else {
            return;
        };
        let governance = &self.spec.governance;
        // What is not checked any more has no verdict.
        let retries = |spec: &Option<ProbeSpec>| spec.as_ref().map_or(u32::MAX, |spec| spec.retries);
        match (probe, is_well) {
            (Probe::Readiness, true) => (*is_ready, *unready) = (true, 0),
            (Probe::Readiness, false) => {
                *unready += 1;
                *is_ready &= *unready < retries(&governance.readiness);
            }
            (Probe::Liveness, true) => *unlively = 0,
            (Probe::Liveness, false) => {
                *unlively += 1;
                if *unlively >= retries(&governance.liveness) {
                    self.outcome = Some(Outcome::Ill);
                    self.end(now);
                }
            }
        }
    }

    /// So many bytes of its process are in memory.
    pub fn weighed(&mut self, now: Time, resident: u64) {
        let most = self.spec.governance.recycle.max_memory;
        if self.state() == "RUNNING" && most > 0 && resident > most {
            self.excess_since.get_or_insert(now);
        }
    }

    /// It ends, to begin anew.
    pub fn told_to_recycle(&mut self, now: Time) {
        (self.outcome, self.excess_since) = (Some(Outcome::Recycled), None);
        self.end(now);
    }

    /// A process is owed, and nothing but others, or a turn, is in its way.
    pub fn is_owed_a_process(&self) -> bool {
        self.is_queued
    }

    /// SIGKILL should have been sent by now.
    pub fn is_overdue(&self, now: Time) -> bool {
        let is_there = self.born.is_some() || self.is_group_left;
        let is_held_back = self.born.is_some() || self.owes_sweep;
        let is_asked = |ending: &Ending| ending.is_asked || ending.is_hard || !is_held_back;
        is_there && self.ending.as_ref().is_some_and(|it| !it.is_killed && it.due <= now && is_asked(it))
    }

    pub fn handed_out(&mut self) -> Result<(), String> {
        if !self.is_wanted {
            return Err(format!("{}: last told to stop, yet it gets a process", self.name));
        }
        if !self.is_queued {
            return Err(format!("{}: a spawn that nothing asked for", self.name));
        }
        if std::mem::take(&mut self.is_to_find_nothing) && self.lingers {
            return Err(format!("{}: told to come up anew, yet something of old lives", self.name));
        }
        (self.is_queued, self.is_handed_out) = (false, true);
        self.tries += 1;
        if self.tries > 1 + self.retries_allowed {
            return Err(format!("{}: spawned {} times for one wish", self.name, self.tries));
        }
        Ok(())
    }

    pub fn born(&mut self, now: Time) {
        (self.is_handed_out, self.born, self.is_proven) = (false, Some(now), false);
        (self.last_born, self.could_not_be_born) = (Some(now), false);
        match &mut self.ending {
            Some(ending) => {
                ending.due = now + self.spec.stoptime;
                ending.rules = Some(self.spec.clone());
            }
            None => self.prove_if_due(now),
        }
    }

    pub fn stillborn(&mut self, now: Time) {
        (self.is_handed_out, self.could_not_be_born) = (false, true);
        match self.ending {
            None => self.failed(now),
            Some(_) if self.lingers || self.may_linger() => self.end_what_is_left(now),
            Some(_) => self.ended(),
        }
    }

    pub fn exited(&mut self, now: Time, status: ExitStatus) {
        if self.ending.is_none() {
            self.prove_if_due(now);
        }
        self.born = None;
        self.ends.push((now, status));
        self.has_loose_ends = true;
        let is_stop = self.ending.is_some() || self.spec.kill_strays == KillStrays::Always;
        self.past = if is_stop { Past::after_a_stop(&self.spec) } else { Past::Unseen };
        self.group_counts = self.spec.killasgroup;
        let counts_strays = self.spec.kill_strays != KillStrays::Never;
        if let Some(ending) = self.ending.as_mut().filter(|it| !it.is_asked && !it.is_killed && !it.is_hard) {
            // It ended before it was asked to; the rest of its group has its time from now on.
            let rules = ending.rules.clone().unwrap_or(self.spec.clone());
            (ending.asked_at, ending.due) = (now, now + rules.stoptime);
            ending.is_asked = !(rules.stopasgroup && self.group_counts);
        }
        if self.ending.is_some() && (self.spec.killasgroup || counts_strays) {
            self.is_group_left = true;
            return;
        } else if self.ending.is_some() {
            return self.end_is_over(now);
        }
        let is_success = self.spec.governance.kind == Kind::Oneshot && self.is_expected(status);
        let outcome = match is_success {
            _ if self.is_proven => Outcome::Ran(status),
            true => Outcome::Done,
            false => Outcome::Failed,
        };
        if self.spec.kill_strays == KillStrays::Always {
            self.end(now);
            // Only a group that counts, and gets stopsignals, is asked at once.
            let is_asked = !(self.spec.killasgroup && self.spec.stopasgroup);
            self.ending.iter_mut().for_each(|ending| ending.is_asked = is_asked);
            (self.is_group_left, self.outcome) = (true, Some(outcome));
        } else {
            self.conclude(now, outcome);
        }
    }

    pub fn group_gone(&mut self, now: Time) {
        self.is_group_left = false;
        if self.spec.killasgroup && self.spec.kill_strays != KillStrays::Never && !self.has_mixed_rules {
            self.has_loose_ends = false;
        }
        self.end_is_over(now);
    }

    fn end_is_over(&mut self, now: Time) {
        match self.outcome.take() {
            Some(outcome) => {
                self.ending = None;
                self.conclude(now, outcome);
            }
            None => self.ended(),
        }
    }

    fn conclude(&mut self, now: Time, outcome: Outcome) {
        match outcome {
            Outcome::Failed => self.failed(now),
            Outcome::Ill | Outcome::Recycled if !self.is_wanted => self.rest = "STOPPED",
            Outcome::Recycled => {
                (self.is_queued, self.by_itself, self.comebacks) = (true, false, self.comebacks + 1);
            }
            Outcome::Ill if self.spec.autorestart == Autorestart::Never => self.rest = "EXITED",
            Outcome::Ill => self.comes_again(now),
            Outcome::Ran(status) => self.ran(now, status),
            Outcome::Done => (self.rest, self.failures) = ("EXITED", 0),
        }
    }

    pub fn time_passed(&mut self, now: Time) {
        if self.ending.is_none() {
            self.prove_if_due(now);
        }
        if self.ending.is_none() && self.old_at.is_some_and(|at| at <= now && self.born.is_some()) {
            self.old_at = None;
            if !self.spec.governance.recycle.max_age.is_zero() {
                self.excess_since.get_or_insert(now);
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            (self.retry_at, self.is_queued) = (None, true);
            self.comes_by_itself = self.by_itself;
        }
    }

    fn prove_if_due(&mut self, now: Time) {
        if !self.is_proven && self.born.is_some_and(|born| born + self.spec.starttime <= now) {
            (self.is_proven, self.failures, self.tries) = (true, 0, 0);
            let age = self.spec.governance.recycle.max_age;
            (self.old_at, self.excess_since) = ((!age.is_zero()).then(|| now + age), None);
            let governance = &self.spec.governance;
            let is_ready = governance.readiness.is_none();
            self.checks = (!is_ready || governance.liveness.is_some()).then_some((is_ready, 0, 0));
        }
    }

    fn begin_anew(&mut self) {
        (self.is_queued, self.retry_at, self.failures, self.tries) = (true, None, 0, 0);
        self.retries_allowed = self.spec.startretries;
        (self.last_wait, self.restarts, self.comebacks) = (None, Vec::new(), 0);
        self.by_itself = false;
    }

    fn ended(&mut self) {
        (self.ending, self.rest) = (None, "STOPPED");
        if self.is_wanted {
            self.begin_anew();
        }
    }

    fn failed(&mut self, now: Time) {
        self.failures += 1;
        if !self.is_wanted {
            self.rest = "STOPPED";
        } else if self.failures > self.spec.startretries {
            self.rest = "FATAL";
        } else {
            self.by_itself = true;
            let growing = Duration::from_secs(self.failures.into());
            self.retry_at = Some(now + self.next_wait().unwrap_or(growing));
        }
    }

    /// The configured wait doubles from one to the next, up to its limit; the reference knows no other
    /// factors, and no jitter.
    fn next_wait(&mut self) -> Option<Duration> {
        let delay = self.spec.restart_delay?;
        let wait = self
            .last_wait
            .map_or(delay.initial, |wait| if delay.factor > 1.0 { (wait * 2).min(delay.max) } else { wait });
        self.last_wait = Some(wait);
        Some(wait)
    }

    /// Whether its failure is to end everything.
    pub fn ends_all(&self) -> bool {
        self.rest == "FATAL" && self.state() == "FATAL" && self.spec.governance.exit_on_failure
    }

    pub fn is_expected(&self, status: ExitStatus) -> bool {
        matches!(status, ExitStatus::Code(code) if self.spec.exitcodes.contains(&code))
    }

    fn ran(&mut self, now: Time, status: ExitStatus) {
        let is_expected = self.is_expected(status);
        let comes_again = match self.spec.autorestart {
            Autorestart::Always => true,
            Autorestart::Unexpected => !is_expected,
            Autorestart::Never => false,
        };
        if !self.is_wanted || !comes_again {
            self.rest = "EXITED";
            return;
        }
        self.comes_again(now);
    }

    /// Another process follows a run, unless there were too many.
    fn comes_again(&mut self, now: Time) {
        let governance = &self.spec.governance;
        // Counted while there is a limit, and by the window of the day: a reload may change both.
        if governance.max_restarts > 0 {
            let window = governance.window;
            self.restarts.retain(|at| *at + window > now);
            if self.restarts.len() >= governance.max_restarts as usize {
                self.rest = "FATAL";
                return;
            }
            self.restarts.push(now);
        }
        (self.by_itself, self.comebacks) = (true, self.comebacks + 1);
        let ended = self.ends.last().map_or(now, |(at, _)| *at);
        if let (Some(delay), Some(born)) = (self.spec.restart_delay, self.last_born)
            && born + delay.max < ended
        {
            self.last_wait = None;
        }
        match self.next_wait() {
            Some(wait) if wait > Duration::ZERO => self.retry_at = Some(now + wait),
            Some(_) | None => self.is_queued = true,
        }
    }
}
