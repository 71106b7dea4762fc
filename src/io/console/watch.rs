//! `status -w`: a table that is refreshed in place until a key is pressed. While it is seen there is a
//! deadline every second; it is the only one of its kind.

use std::time::Duration;

use super::Console;
use crate::command::Target;
use crate::time::Time;
use crate::view::Line;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(1);

/// What is watched.
pub(super) struct Watch {
    targets: Vec<Target>,
    due: Time,
    /// The table as it was last seen.
    pub(super) lines: Vec<Line>,
}

impl Console {
    /// Whether something can be refreshed in place.
    pub(crate) fn can_watch(&self) -> bool {
        self.screen.is_some()
    }

    /// Shows the status of these in place until a key is pressed.
    pub(crate) fn watch(&mut self, targets: Vec<Target>, now: Time) {
        self.watch = Some(Watch { targets, due: now, lines: Vec::new() });
    }

    /// What is to be shown anew by [`Console::show_watch`], if it is time.
    pub(crate) fn watch_due(&self, now: Time) -> Option<Vec<Target>> {
        self.watch.as_ref().filter(|watch| watch.due <= now).map(|watch| watch.targets.clone())
    }

    /// The table that is watched, as it is now.
    pub(crate) fn show_watch(&mut self, lines: Vec<Line>, now: Time) {
        if let (Some(watch), Some(screen)) = (&mut self.watch, &mut self.screen) {
            watch.lines = lines;
            watch.due = now + EVERY;
            screen.mark_stale();
        }
    }

    /// When the loop is needed next; only while something is watched.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.watch.as_ref().map(|watch| watch.due)
    }
}
