//! `status`, for scripts and for people.

use super::EventLoop;
use crate::command::Target;
use crate::view::{self, Line, Snapshot};

impl EventLoop {
    /// One line for each instance, always: what a script reads.
    pub(super) fn status(&self, targets: &[Target]) -> Vec<String> {
        let (snapshot, errors) = self.snapshot_of(targets);
        let mut lines = snapshot.as_ref().map_or_else(Vec::new, view::table::render);
        lines.extend(errors);
        lines
    }

    /// Where `scale` has led away from the configuration.
    fn drift(&self, shown: &Snapshot) -> Vec<String> {
        let scaled = self.supervisor.programs().iter().filter_map(|program| {
            let (name, count) = (&program.spec().name, program.spec().numprocs);
            let is_shown = shown.programs.iter().any(|rows| rows.name == *name);
            let from = program.scaled_from().filter(|_| is_shown)?;
            Some(format!("{name}: scaled to {count} instances; the configuration says {from}"))
        });
        scaled.collect()
    }

    /// The table for a person, in lines of less than `columns`. Who names numbers wants to see every
    /// instance.
    pub(super) fn overview(&mut self, targets: &[Target], columns: usize) -> Vec<Line> {
        self.refresh_usages();
        let folds = !targets.iter().any(Target::has_number);
        let (snapshot, errors) = self.snapshot_of(targets);
        let mut lines = snapshot
            .as_ref()
            .map_or_else(Vec::new, |snapshot| view::overview::render(snapshot, columns, folds));
        let drift = snapshot.iter().flat_map(|snapshot| self.drift(snapshot));
        lines.extend(drift.map(Line::plain));
        lines.extend(errors.into_iter().map(Line::plain));
        lines
    }

    /// What the targets mean, if anything, and what is wrong with them.
    fn snapshot_of(&self, targets: &[Target]) -> (Option<Snapshot>, Vec<String>) {
        if targets.is_empty() {
            return (Some(self.snapshot(|_| true)), Vec::new());
        }
        let (mut keys, errors) = self.supervisor.resolve(targets);
        keys.sort_unstable();
        let snapshot = (!keys.is_empty()).then(|| self.snapshot(|key| keys.binary_search(&key).is_ok()));
        (snapshot, errors)
    }

    /// Shows `status -w` anew, when it is time.
    pub(super) fn refresh_watch(&mut self) {
        if let Some(targets) = self.console.watch_due(self.now) {
            let lines = self.overview(&targets, self.console.columns());
            self.console.show_watch(lines, self.now);
        }
    }
}
