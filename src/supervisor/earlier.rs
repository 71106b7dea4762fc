//! What the earlier runs of an instance have left behind that ended by themselves. Nobody looks for it
//! then: it is looked for when somebody wants something to end, once for all instances, and ended like
//! every other stray.
//!
//! An order that may end something waits at the door while there is an instance of whose earlier runs
//! not enough is known. [`Action::Survey`] asks the world, and the answer, which must come before
//! anything else happens, lets the orders in.

use super::instance::{Leader, Process};
use super::shutdown::By;
use super::{Action, Ending, Leftover, Run, State, Supervisor};
use crate::command::{Order, RequestId};
use crate::config::{KillStrays, Plan, ProgramSpec};
use crate::slots::Key;

/// What is known of the processes that earlier runs of an instance have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Earlier {
    /// There are none.
    #[default]
    Nothing,
    /// A run has ended by itself, and nobody has looked since.
    Unknown,
    /// Somebody wanted to look, and could not. Who cannot be looked for is not gone: a stop tries again.
    Unseen,
    /// They were left by the rules: `killasgroup: false`, `kill_strays: never`.
    Spared,
    /// So many lived when it was looked for. They can only have become fewer.
    Found { group: u32, strays: u32 },
}

/// What somebody wants, and may have to wait at the door.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    Order(RequestId, Order),
    Reload(RequestId, Box<Plan>),
    Signal,
    /// What was FATAL takes all others along.
    Failure,
}

impl Errand {
    /// Whether it may end something.
    fn may_end(&self) -> bool {
        match self {
            Errand::Order(_, Order::Start(_) | Order::Signal(..)) => false,
            Errand::Order(_, Order::Stop(_) | Order::Restart(_) | Order::RestartRolling { .. })
            | Errand::Order(_, Order::Scale(..) | Order::Shutdown)
            | Errand::Reload(..)
            | Errand::Signal
            | Errand::Failure => true,
        }
    }
}

impl Supervisor {
    /// Carries an errand out, or lets it wait for a survey that it needs, or behind another that does.
    pub(super) fn admit(&mut self, errand: Errand) {
        if !self.waiting.is_empty() {
            self.waiting.push_back(errand);
        } else if errand.may_end() && self.phase.is_supervising() && self.has_unknown_remains() {
            self.waiting.push_back(errand);
            self.actions.push_back(Action::Survey);
        } else {
            self.carry_out(errand);
        }
    }

    fn carry_out(&mut self, errand: Errand) {
        match errand {
            Errand::Order(request, order) => self.order(request, order),
            Errand::Reload(request, plan) => self.reload(request, *plan),
            Errand::Signal => self.shutdown_signal(),
            Errand::Failure => self.begin_shutdown(By::Order),
        }
    }

    /// What was FATAL takes all others along, once.
    pub(super) fn admit_failure(&mut self) {
        let waits = self.waiting.iter().any(|errand| matches!(errand, Errand::Failure));
        if self.failure.is_some() && self.phase.is_supervising() && !waits {
            self.admit(Errand::Failure);
        }
    }

    /// Whether a survey could find something.
    pub fn may_have_leftovers(&self) -> bool {
        self.instances.iter().any(|(_, instance)| instance.earlier != Earlier::Nothing)
    }

    /// Whether an instance may have processes of earlier runs that would have to be ended with it.
    fn has_unknown_remains(&self) -> bool {
        self.instances.iter().any(|(_, instance)| {
            let spec = &self.programs[instance.program as usize].spec;
            instance.earlier != Earlier::Nothing && spec.kill_strays != KillStrays::Never
        })
    }

    /// All processes that runs have left are known, and nothing has happened since. Whoever waited for
    /// that goes on.
    pub(super) fn surveyed(&mut self, found: &[Leftover]) {
        for (_, instance) in self.instances.iter_mut().filter(|(_, instance)| counts(instance.state)) {
            instance.earlier = Earlier::Nothing;
        }
        for Leftover { run, group, strays } in found {
            let Some(instance) = self.instances.get_mut(run.instance) else { continue };
            let is_earlier = run.incarnation < instance.incarnation || instance.process.is_none();
            if is_earlier && counts(instance.state) {
                let (groups, all_strays) = match instance.earlier {
                    Earlier::Found { group, strays } => (group, strays),
                    Earlier::Nothing | Earlier::Unknown | Earlier::Unseen | Earlier::Spared => (0, 0),
                };
                instance.earlier = Earlier::Found { group: groups + group, strays: all_strays + strays };
            }
        }
        self.carry_out_all();
    }

    /// Nobody can be looked for now. Whoever waited goes on all the same, and what may have been left is
    /// ended like what is known to be: the stop lasts until it was looked for.
    pub(super) fn survey_failed(&mut self) {
        for (_, instance) in self.instances.iter_mut().filter(|(_, instance)| counts(instance.state)) {
            instance.earlier = match instance.earlier {
                Earlier::Unknown | Earlier::Unseen | Earlier::Spared => Earlier::Unseen,
                known @ (Earlier::Nothing | Earlier::Found { .. }) => known,
            };
        }
        self.carry_out_all();
    }

    fn carry_out_all(&mut self) {
        for errand in std::mem::take(&mut self.waiting) {
            self.carry_out(errand);
        }
    }

    /// Whether a stop of an instance without a process has something to end. During a shutdown what is
    /// not known is taken for granted: it can only be of a run that has ended since it began.
    pub(super) fn lingers(&self, key: Key) -> bool {
        let (Some(instance), Some(program)) = (self.instances.get(key), self.program_of(key)) else {
            return false;
        };
        program.spec.kill_strays != KillStrays::Never
            && match instance.earlier {
                Earlier::Nothing | Earlier::Spared => false,
                Earlier::Unknown => self.phase.is_on_its_way_out(),
                Earlier::Unseen => true,
                Earlier::Found { group, strays } => strays > 0 || (program.spec.killasgroup && group > 0),
            }
    }

    /// Whether something may have been left, where looking does no harm: the instance is to be down for a
    /// moment anyhow, and what was known when that was ordered may be out of date.
    pub(super) fn may_linger(&self, key: Key) -> bool {
        let is_unknown = |it: &super::Instance| match it.earlier {
            Earlier::Nothing | Earlier::Found { .. } => false,
            Earlier::Unknown | Earlier::Unseen | Earlier::Spared => true,
        };
        let is_unknown = self.instances.get(key).is_some_and(is_unknown);
        self.lingers(key) || (is_unknown && self.spec_of(key).kill_strays != KillStrays::Never)
    }

    /// Ends what the earlier runs of an instance without a process have left, when its turn has come.
    pub(super) fn end_earlier(&mut self, key: Key) {
        let (now, earlier) = (self.now, after_a_stop(&self.spec_of(key)));
        let Some(instance) = self.instances.get_mut(key) else { return };
        (instance.strays, instance.earlier) = (0, earlier);
        instance.process = Some(Process { pid: 0, started: now, leader: Leader::Past });
        if self.phase.is_out_of_patience() {
            self.kill(key, Ending::Killing);
        } else {
            self.end_in_turn(key);
        }
    }

    /// The turn of what earlier runs have left has come: from now on it is looked for, by these rules.
    pub(super) fn look_for_earlier(&mut self, key: Key, rules: &ProgramSpec) {
        let groups = rules.killasgroup;
        let Some(instance) = self.instances.get_mut(key) else { return };
        let run = Run { instance: key, incarnation: instance.incarnation };
        if let Some(process) = &mut instance.process {
            process.leader = Leader::Astray;
        }
        self.actions.push_back(Action::Sweep { run, groups });
    }
}

/// Whether a survey says something of an instance: what is being ended is looked after already.
fn counts(state: State) -> bool {
    match state {
        State::Stopping(_) => false,
        State::Stopped
        | State::Starting(_)
        | State::Running
        | State::Backoff
        | State::Exited
        | State::Fatal => true,
    }
}

/// What there is of earlier runs once a stop by these rules is over.
pub(super) fn after_a_stop(spec: &ProgramSpec) -> Earlier {
    let takes_all = spec.killasgroup && spec.kill_strays != KillStrays::Never;
    if takes_all { Earlier::Nothing } else { Earlier::Spared }
}

impl super::Instance {
    /// How many processes of its earlier runs lived when that was looked for last.
    pub fn leftovers(&self) -> u32 {
        match self.earlier {
            Earlier::Found { group, strays } => group + strays,
            Earlier::Nothing | Earlier::Unknown | Earlier::Unseen | Earlier::Spared => 0,
        }
    }
}
