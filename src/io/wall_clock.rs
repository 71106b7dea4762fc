//! Waits for a time of the wall clock, and notices when that is set.
//!
//! The kernel knows both (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET): a timer on CLOCK_REALTIME fires
//! at its time however the clock got there, and is cancelled when the clock jumps, after a sleep of the
//! machine, too. There is no descriptor before there is something to wait for.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Local};
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::token::Source;
use crate::config::Schedule;

/// The alarm of the wall clock.
#[derive(Default)]
pub(crate) struct WallClock {
    timer: Option<TimerFd>,
}

impl WallClock {
    /// From now on there is an event at this time, and whenever the clock is set; `None` is for never.
    ///
    /// # Errors
    /// What the kernel refused.
    pub(crate) fn arm(&mut self, registry: &Registry, at: Option<SystemTime>) -> io::Result<()> {
        let timer = match (&self.timer, at) {
            (Some(timer), _) => timer,
            (None, None) => return Ok(()),
            (None, Some(_)) => {
                let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
                let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
                let descriptor = timer.as_fd().as_raw_fd();
                registry.register(
                    &mut SourceFd(&descriptor),
                    Source::WallClock.token(),
                    Interest::READABLE,
                )?;
                self.timer.insert(timer)
            }
        };
        let Some(at) = at else { return Ok(timer.unset()?) };
        // A time of zero would turn it off.
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = TimeSpec::from_duration(since.max(Duration::from_nanos(1)));
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        Ok(timer.set(Expiration::OneShot(at), flags)?)
    }

    /// Takes the event, so that there can be another.
    pub(crate) fn take(&mut self) {
        if let Some(timer) = &self.timer {
            // Whether it has fired, or was cancelled, is seen on the clock.
            let _ = timer.wait();
        }
    }
}

/// The first time of a schedule after a moment, in the time zone of this machine (or of `TZ`).
pub(crate) fn next_after(schedule: &Schedule, moment: SystemTime) -> Option<SystemTime> {
    schedule.next_after(&DateTime::<Local>::from(moment)).map(SystemTime::from)
}

/// `2026-11-29 03:00:00 +01:00`.
pub(crate) fn shown(moment: SystemTime) -> String {
    DateTime::<Local>::from(moment).format("%Y-%m-%d %H:%M:%S %:z").to_string()
}
