//! A user at a terminal: a pty that is the supervisor's controlling one.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Rows and columns that a terminal begins with.
const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

/// Our side of the terminal.
pub struct Terminal {
    keyboard: File,
    slave: Option<OwnedFd>,
    screen: Arc<Mutex<Screen>>,
    /// Where programs on this terminal keep their history.
    state: tempfile::TempDir,
    /// How much of the screen has been expected already.
    seen: usize,
    hang_up: Arc<AtomicBool>,
    reader: JoinHandle<()>,
}

/// What was sent to it, and what a terminal makes of that.
struct Screen {
    text: String,
    grid: vt100::Parser,
}

fn number(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

impl Terminal {
    pub fn open() -> Terminal {
        let (keyboard, slave) = open_pty();
        let mut output = keyboard.try_clone().unwrap();
        set_size(&keyboard, ROWS, COLUMNS);
        let grid = vt100::Parser::new(number(ROWS), number(COLUMNS), 0);
        let screen = Arc::new(Mutex::new(Screen { text: String::new(), grid }));
        let hang_up = Arc::new(AtomicBool::new(false));
        let (sink, end) = (Arc::clone(&screen), Arc::clone(&hang_up));
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while !end.load(Ordering::Relaxed) {
                if has_something(&output) {
                    let Ok(count @ 1..) = output.read(&mut chunk) else { return };
                    let mut screen = sink.lock().unwrap();
                    screen.text.push_str(&String::from_utf8_lossy(&chunk[..count]));
                    screen.grid.process(&chunk[..count]);
                }
            }
        });
        let state = tempfile::tempdir().unwrap();
        Terminal { keyboard, slave: Some(slave), screen, state, seen: 0, hang_up, reader }
    }

    /// The supervisor's side of it.
    pub fn line(&self) -> OwnedFd {
        self.slave.as_ref().unwrap().try_clone().unwrap()
    }

    /// Makes this the terminal of `command`, as a login would: a session of its own, in front.
    pub fn attach(&self, command: &mut Command) {
        command.stdin(self.line()).stdout(self.line());
        command.env("XDG_STATE_HOME", self.state.path()).env("TERM", "xterm-256color").env_remove("NO_COLOR");
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
        self.press_bytes(keys.as_bytes());
    }

    pub fn press_bytes(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    /// The file with the history of what is attached.
    pub fn history(&self) -> std::path::PathBuf {
        self.state.path().join("taskmaster/history")
    }

    /// The user pulls at the window.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.screen.lock().unwrap().grid.set_size(number(rows), number(columns));
        set_size(&self.keyboard, rows, columns);
    }

    /// Waits until this text appears behind what was expected before.
    pub fn expect(&mut self, text: &str) {
        let (screen, seen) = (Arc::clone(&self.screen), self.seen);
        let mut found = None;
        let deadline = std::time::Instant::now() + super::PATIENCE;
        while found.is_none() {
            let shown = screen.lock().unwrap().text[seen..].to_owned();
            assert!(std::time::Instant::now() < deadline, "waited in vain for {text:?} behind {shown:?}");
            found = shown.find(text);
            if found.is_none() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        self.seen = seen + found.unwrap() + text.len();
    }

    /// Everything that was ever sent to it.
    pub fn screen(&self) -> String {
        self.screen.lock().unwrap().text.clone()
    }

    /// The rows that are seen, down to the last that is not empty, without blanks at their ends.
    pub fn rows(&self) -> Vec<String> {
        let screen = self.screen.lock().unwrap();
        let columns = screen.grid.screen().size().1.get();
        let mut rows: Vec<String> =
            screen.grid.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    /// The row and column of the cursor.
    pub fn cursor(&self) -> (u16, u16) {
        self.screen.lock().unwrap().grid.screen().cursor_position()
    }

    /// One cell, with its colours.
    pub fn cell(&self, row: u16, column: u16) -> vt100::Cell {
        self.screen.lock().unwrap().grid.screen().cell(row, column).unwrap().clone()
    }

    /// Waits until the last rows that are seen are these.
    pub fn expect_rows(&self, wanted: &[&str]) {
        self.expect_grid(&format!("{wanted:?}"), |rows| {
            rows.ends_with(&wanted.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>())
        });
    }

    /// Waits until the rows that are seen are as they should be.
    pub fn expect_grid(&self, what: &str, is_right: impl Fn(&[String]) -> bool) {
        let deadline = std::time::Instant::now() + super::PATIENCE;
        loop {
            let rows = self.rows();
            if is_right(&rows) {
                return;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "waited in vain for {what}; seen is\n{}",
                rows.join("\n")
            );
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
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

fn set_size(terminal: &File, rows: u16, columns: u16) {
    let size = nix::libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads the struct that it is given, which outlives the call.
    assert_eq!(unsafe { nix::libc::ioctl(terminal.as_raw_fd(), nix::libc::TIOCSWINSZ, &raw const size) }, 0);
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
