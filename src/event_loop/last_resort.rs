//! What a panic must not leave behind: running programs, or a terminal in our modes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{EventLoop, Outcome, Settings};
use crate::signal::Signal;

/// How long programs have to end after SIGTERM when the core is no longer there to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// Supervises until everything is down.
///
/// # Errors
/// What the system refused before anything was started, or a panic, which is a bug of ours.
pub(crate) fn run(settings: Settings) -> std::io::Result<Outcome> {
    let mut event_loop = EventLoop::new(settings)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| event_loop.run()));
    outcome.unwrap_or_else(|_| {
        log::error!("a panic, which is a bug in taskmaster: ending all programs");
        event_loop.journal.write_pending();
        end_everything(&mut event_loop);
        Err(std::io::Error::other("a bug in taskmaster ended the supervision; its log has more"))
    })
}

/// Without the core nobody knows the stop rules, so everybody gets SIGTERM, and SIGKILL after a while.
fn end_everything(event_loop: &mut EventLoop) {
    let processes = &mut event_loop.processes;
    processes.signal_all(Signal::TERM);
    processes.signal_all(Signal::CONT);
    let deadline = event_loop.clock.now() + PATIENCE;
    while processes.has_living() && event_loop.clock.now() < deadline {
        while processes.reap(event_loop.clock.now()).is_some() {}
        std::thread::sleep(Duration::from_millis(10));
    }
    processes.signal_all(Signal::KILL);
}
