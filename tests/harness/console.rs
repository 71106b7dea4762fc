//! A user at the other end of a pipe.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

use super::{PATIENCE, Running, Site};

/// A supervisor and its console on pipes.
pub struct Console {
    pub running: Running,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Console {
    pub fn open(site: Site) -> Console {
        let mut command = site.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = site.start(&mut command);
        let output = running.child.stdout.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Console { input: running.child.stdin.take(), running, lines }
    }

    pub fn say(&mut self, text: &str) {
        self.say_bytes(text.as_bytes());
    }

    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Whether there is no further line of output yet.
    pub fn hears_nothing(&self) -> bool {
        self.lines.try_recv().is_err()
    }

    /// The next line of output.
    pub fn hear(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line of output")
    }

    /// The whole answer to a command. Each command is finished before the next is read, so the answer
    /// to `version` ends it.
    pub fn ask(&mut self, command: &str) -> Vec<String> {
        self.say(&format!("{command}\nversion\n"));
        let mut answer = Vec::new();
        loop {
            let line = self.hear();
            if line == concat!("taskmaster ", env!("CARGO_PKG_VERSION")) {
                return answer;
            }
            answer.push(line);
        }
    }

    /// The end of input.
    pub fn hang_up(&mut self) {
        self.input = None;
    }
}
