//! What a service manager that started us wants to know: sd_notify(3), over the datagram socket that
//! NOTIFY_SOCKET names. Without one this costs nothing and says nothing.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::io::clock::monotonic_microseconds;
use crate::time::Time;

/// What is said to the manager is for us alone: a program that inherited it could speak in our name.
pub(crate) const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];
/// A new status is told this long after the last one at least.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// The service manager, if there is one.
pub(crate) struct ServiceManager {
    link: Option<(UnixDatagram, SocketAddr)>,
    /// How often a sign of life is due: half of what the manager allows.
    watchdog: Option<Duration>,
    watchdog_at: Time,
    told: String,
    status_at: Time,
    is_stale: bool,
    is_stopping: bool,
}

impl ServiceManager {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> ServiceManager {
        let link = std::env::var_os("NOTIFY_SOCKET").and_then(|name| connect(&name));
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        // The variables may be meant for the process that started us.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let allowed = number("WATCHDOG_USEC").filter(|_| is_ours && link.is_some());
        ServiceManager {
            watchdog: allowed
                .map(|allowed| Duration::from_micros(allowed / 2))
                .filter(|half| !half.is_zero()),
            link,
            watchdog_at: Time::ZERO,
            told: String::new(),
            status_at: Time::ZERO,
            is_stale: false,
            is_stopping: false,
        }
    }

    /// Whether there is somebody to tell.
    pub(crate) fn is_there(&self) -> bool {
        self.link.is_some()
    }

    /// We supervise, or do so again after [`ServiceManager::reloading`].
    pub(crate) fn ready(&mut self) {
        self.send("READY=1");
    }

    /// The configuration is being read again; [`ServiceManager::ready`] ends that.
    pub(crate) fn reloading(&mut self) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_microseconds()));
    }

    /// Everything is being stopped; told once.
    pub(crate) fn stopping(&mut self) {
        if !std::mem::replace(&mut self.is_stopping, true) {
            self.send("STOPPING=1");
        }
    }

    /// Something about the status may have changed.
    pub(crate) fn mark_stale(&mut self) {
        self.is_stale = self.is_there();
    }

    /// When [`ServiceManager::serve`] is needed; never without a manager.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let watchdog = self.watchdog.map(|_| self.watchdog_at);
        let status = self.is_stale.then_some(self.status_at);
        [watchdog, status].into_iter().flatten().min()
    }

    /// Gives the sign of life and the status that are due. `status` is one line.
    pub(crate) fn serve(&mut self, now: Time, status: impl FnOnce() -> String) {
        if let Some(every) = self.watchdog
            && self.watchdog_at <= now
        {
            self.watchdog_at = now + every;
            self.send("WATCHDOG=1");
        }
        if self.is_stale && self.status_at <= now {
            self.is_stale = false;
            let status = status();
            if status != self.told {
                self.status_at = now + STATUS_EVERY;
                self.send(&format!("STATUS={status}"));
                self.told = status;
            }
        }
    }

    fn send(&mut self, message: &str) {
        let Some((socket, address)) = &self.link else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            log::debug!("the service manager cannot be told {message:?}: {error}");
        }
    }
}

/// `@name` is a socket without a file (unix(7), abstract).
fn connect(name: &OsString) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(name),
    };
    let socket = UnixDatagram::unbound().and_then(|socket| {
        // A manager that does not read must not hold the loop.
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    match (address, socket) {
        (Ok(address), Ok(socket)) => Some((socket, address)),
        (Err(error), _) | (_, Err(error)) => {
            log::warn!("NOTIFY_SOCKET cannot be used: {error}");
            None
        }
    }
}
