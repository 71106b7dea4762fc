//! A user at a terminal: a pty that is the supervisor's controlling one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::wait_until;

/// Our side of the terminal.
pub struct Terminal {
    keyboard: File,
    slave: Option<OwnedFd>,
    screen: Arc<Mutex<String>>,
    /// How much of the screen has been expected already.
    seen: usize,
    hang_up: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

impl Terminal {
    pub fn open() -> Terminal {
        let (keyboard, slave) = open_pty();
        let mut output = keyboard.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let hang_up = Arc::new(AtomicBool::new(false));
        let (sink, end) = (Arc::clone(&screen), Arc::clone(&hang_up));
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while !end.load(Ordering::Relaxed) {
                if has_something(&output) {
                    let Ok(count @ 1..) = output.read(&mut chunk) else { return };
                    sink.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..count]));
                }
            }
        });
        Terminal { keyboard, slave: Some(slave), screen, seen: 0, hang_up, reader }
    }

    /// The supervisor's side of it.
    pub fn line(&self) -> OwnedFd {
        self.slave.as_ref().unwrap().try_clone().unwrap()
    }

    /// Makes this the terminal of `command`, as a login would: a session of its own, in front.
    pub fn attach(&self, command: &mut Command) {
        command.stdin(self.line()).stdout(self.line());
        // SAFETY: setsid(2) and ioctl(2) are async-signal-safe; stdin is the terminal by then.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                match nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            })
        };
    }

    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this text appears behind what was expected before.
    pub fn expect(&mut self, text: &str) {
        let (screen, seen) = (Arc::clone(&self.screen), self.seen);
        let mut found = None;
        let what = format!("{text:?} on the screen, which shows {:?}", &screen.lock().unwrap()[seen..]);
        wait_until(&what, || {
            found = screen.lock().unwrap()[seen..].find(text);
            found.is_some()
        });
        self.seen = seen + found.unwrap() + text.len();
    }

    /// Everything that was ever shown.
    pub fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    /// Which modes are in force.
    pub fn modes(&self) -> nix::sys::termios::Termios {
        nix::sys::termios::tcgetattr(&self.keyboard).unwrap()
    }

    /// Pulls the plug: nobody holds our side any more.
    pub fn close(self) {
        drop(self.slave);
        drop(self.keyboard);
        self.hang_up.store(true, Ordering::Relaxed);
        self.reader.join().unwrap();
    }
}

/// Both ends with CLOEXEC from the start: tests run side by side, and a supervisor that another of
/// them starts must not hold our side open.
fn open_pty() -> (File, OwnedFd) {
    use nix::fcntl::OFlag;
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = nix::pty::posix_openpt(flags).unwrap();
    nix::pty::grantpt(&master).unwrap();
    nix::pty::unlockpt(&master).unwrap();
    let name = nix::pty::ptsname_r(&master).unwrap();
    let slave = nix::fcntl::open(name.as_str(), flags, nix::sys::stat::Mode::empty()).unwrap();
    (File::from(OwnedFd::from(master)), slave)
}

/// Whether there is something to read, looked for no longer than it takes to notice a hang-up soon.
fn has_something(file: &File) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(20u8)).is_ok_and(|ready| ready > 0)
}
