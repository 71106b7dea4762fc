//! Programs that start at times of the wall clock: whose time has come is told to the core, which
//! decides what follows.

use super::EventLoop;
use crate::agenda::{Due, MISSED_MAX};
use crate::io::clock::wall_time;
use crate::io::wall_clock::{next_after, shown};
use crate::supervisor::Event;

impl EventLoop {
    /// The configuration is another one: these are the schedules.
    pub(super) fn plan_schedules(&mut self) {
        let specs = self.supervisor.specs();
        let schedules =
            specs.iter().filter_map(|spec| Some((spec.name.as_str(), spec.governance.schedule.as_ref()?)));
        self.agenda.set(schedules, wall_time(), &next_after);
        self.keep_schedules();
    }

    /// Something is due, or the clock was set.
    pub(super) fn look_at_wall_clock(&mut self) {
        self.wall_clock.take();
        self.keep_schedules();
    }

    fn keep_schedules(&mut self) {
        for Due { program, missed } in self.agenda.look(wall_time(), &next_after) {
            if missed > 0 {
                let more = if missed == MISSED_MAX { "at least " } else { "" };
                let were = if missed == 1 { "was" } else { "were" };
                log::warn!(
                    "{program}: {more}{missed} of its times {were} passed over: the clock was set, or nothing ran; it starts once"
                );
            }
            log::info!("{program}: it is due by its schedule");
            self.handle(Event::Due { program });
        }
        let plans: Vec<(String, Option<String>)> =
            self.agenda.all().map(|(program, next)| (program.to_owned(), next.map(shown))).collect();
        for (program, next) in plans {
            let known = self.supervisor.programs().find(|known| known.spec().name == program);
            let Some(known) = known.filter(|known| known.next_run() != next.as_deref()) else { continue };
            for instance in known.instances() {
                self.watchers.note(self.now, *instance);
            }
            self.documents.outdate();
            self.handle(Event::Planned { program, next });
        }
        if let Err(error) = self.wall_clock.arm(self.poll.registry(), self.agenda.next()) {
            log::error!("schedules are not kept, as the clock cannot be watched: {error}");
        }
    }
}
