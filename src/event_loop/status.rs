//! `status`, for scripts and for people.

use super::EventLoop;
use crate::command::Target;
use crate::slots::Key;
use crate::view::{self, Line, Snapshot};

/// Whose rows are asked for.
enum Selection {
    All,
    These(Vec<Key>),
}

impl EventLoop {
    /// One line for each instance, always: what a script reads.
    pub(super) fn status(&mut self, targets: &[Target]) -> Vec<String> {
        let (selection, remarks) = self.select(targets);
        let snapshot = self.snapshot_selected(&selection);
        let mut lines = snapshot.as_ref().map_or_else(Vec::new, view::table::render);
        lines.extend(remarks);
        lines
    }

    /// Where `scale` has led away from the configuration.
    fn drift(&self, shown: &Snapshot) -> Vec<String> {
        let scaled = self.supervisor.programs().filter_map(|program| {
            let (name, count) = (&program.spec().name, program.spec().numprocs);
            let is_shown = shown.programs.iter().any(|rows| rows.name == *name);
            let from = program.scaled_from().filter(|_| is_shown)?;
            let instances = if count == 1 { "1 instance" } else { &format!("{count} instances") };
            Some(format!("{name}: scaled to {instances}; the configuration says {from}"))
        });
        scaled.collect()
    }

    /// The table for a person, in lines of less than `columns`. Who names numbers wants to see every
    /// instance.
    pub(super) fn overview(&mut self, targets: &[Target], columns: usize) -> Vec<Line> {
        let folds = !targets.iter().any(Target::has_number);
        let (selection, remarks) = self.select(targets);
        match &selection {
            Selection::All => self.refresh_usages(),
            Selection::These(keys) => self.refresh_usages_of(keys),
        }
        let snapshot = self.snapshot_selected(&selection);
        let mut lines = snapshot
            .as_ref()
            .map_or_else(Vec::new, |snapshot| view::overview::render(snapshot, columns, folds));
        let drift = snapshot.iter().flat_map(|snapshot| self.drift(snapshot));
        lines.extend(drift.map(Line::plain));
        lines.extend(remarks.into_iter().map(Line::plain));
        lines
    }

    /// What the targets mean, and what is to be said of them: what is wrong, and that there is nothing.
    fn select(&self, targets: &[Target]) -> (Selection, Vec<String>) {
        if targets.is_empty() {
            return (Selection::All, Vec::new());
        }
        let (keys, mut remarks) = self.supervisor.resolve(targets);
        remarks.extend(self.supervisor.without_instances(targets));
        (Selection::These(keys), remarks)
    }

    /// The rows, if anything is to be shown.
    fn snapshot_selected(&mut self, selection: &Selection) -> Option<Snapshot> {
        match selection {
            Selection::All => Some(self.snapshot()),
            Selection::These(keys) if keys.is_empty() => None,
            Selection::These(keys) => {
                let mut snapshot = self.snapshot_of(keys);
                // Of programs without instances it is said where they are meant.
                snapshot.programs.retain(|program| !program.processes.is_empty());
                Some(snapshot)
            }
        }
    }

    /// Shows `status -w` anew, when it is time.
    pub(super) fn refresh_watch(&mut self) {
        if let Some(targets) = self.console.watch_due(self.now) {
            let lines = self.overview(&targets, self.console.columns());
            self.console.show_watch(lines, self.now);
        }
    }
}
