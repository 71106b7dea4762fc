//! What the service manager that started us is told.

use super::EventLoop;
use crate::supervisor::State;
use crate::view;

impl EventLoop {
    /// Tells what is due, at the end of a turn.
    pub(super) fn report_to_service_manager(&mut self) {
        if !self.service_manager.is_there() {
            return;
        }
        if !self.supervisor.is_supervising() {
            self.service_manager.stopping();
        }
        let supervisor = &self.supervisor;
        self.service_manager.serve(self.now, || {
            let counts = view::counts(supervisor);
            let shown = State::NAMES.iter().zip(counts).filter(|(_, count)| *count > 0);
            let shown: Vec<String> = shown.map(|(name, count)| format!("{count} {name}")).collect();
            if shown.is_empty() { "no instances".to_owned() } else { shown.join(", ") }
        });
    }
}
