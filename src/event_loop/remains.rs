//! What processes leave behind: groups and strays of runs that ended, survivors of former supervisors.

use super::EventLoop;
use crate::io::process::{Left, Others, RunIds, other_supervisors};
use crate::supervisor::Event;

/// Survivors that are named; a crowd of them is counted.
const SURVIVORS_SHOWN_MAX: usize = 20;

impl EventLoop {
    /// Tells the core what has become of the groups and strays that it waits for.
    pub(super) fn report_remains(&mut self) {
        for left in self.processes.look_at_remains(self.now) {
            match left {
                Left::Nothing(run) => self.handle(Event::GroupGone { run }),
                Left::Strays { run, count } => {
                    let name = self.supervisor.name(run.instance);
                    log::info!("{name}: {count} of its processes had left its group or outlived it");
                    self.handle(Event::StraysFound { run, count });
                }
            }
        }
    }

    /// Tells the core what ended runs have left behind, by one look at our children.
    pub(super) fn survey(&mut self) {
        let event = match self.processes.survey() {
            Some(found) => Event::Surveyed { found },
            None => Event::SurveyFailed,
        };
        self.handle(event);
    }

    /// Whoever asks why is to know what lives of earlier runs now, if there may be something.
    pub(super) fn look_for_leftovers(&mut self) {
        if self.supervisor.may_have_leftovers()
            && let Some(found) = self.processes.survey()
        {
            self.handle(Event::Surveyed { found });
        }
    }

    /// Says who outlived a former supervisor. They are not ours any more: whoever wants them gone can
    /// end them by the pids.
    pub(super) fn tell_of_survivors(&mut self) {
        let Others { survivors, living } = other_supervisors(&RunIds::new(&self.config_name));
        // At the same socket it would have been noticed before.
        if let Some(pid) = living {
            self.warn(&format!(
                "WARNING: another supervisor of this configuration lives (pid {pid}), at another `socket`"
            ));
        }
        if survivors.is_empty() {
            return;
        }
        let shown = survivors.iter().take(SURVIVORS_SHOWN_MAX);
        let mut names: Vec<String> = shown.map(|one| format!("{} (pid {})", one.name, one.pid)).collect();
        if survivors.len() > SURVIVORS_SHOWN_MAX {
            names.push(format!("{} more", survivors.len() - SURVIVORS_SHOWN_MAX));
        }
        let names = names.join(", ").replace(char::is_control, "\u{fffd}");
        let text = format!(
            "WARNING: processes of a former run, whose supervisor was killed, live on and are left alone: {names}"
        );
        self.warn(&text);
    }

    fn warn(&mut self, text: &str) {
        log::warn!("{text}");
        self.console.warn(text);
    }
}
