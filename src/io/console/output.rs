//! The console's standard output: answers and messages, with nothing in them that a terminal would
//! obey.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use mio::Registry;

use super::painter::harmless;
use crate::io::standard_stream::StandardStream;
use crate::io::token::Source;

/// With more than this waiting to be written, no further command is read and messages are dropped.
const QUEUE_BYTES_MAX: usize = 64 * 1024;
/// How long the last words may take.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// Standard output.
pub(super) struct Output {
    stream: StandardStream,
    is_terminal: bool,
}

impl Output {
    pub(super) fn open() -> Output {
        let is_terminal = io::stdout().is_terminal();
        let stream = StandardStream::open(io::stdout().as_fd().try_clone_to_owned());
        Output { stream, is_terminal }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether so much waits to be written that nothing should be added.
    pub(super) fn is_clogged(&self) -> bool {
        self.stream.waiting_bytes() > QUEUE_BYTES_MAX
    }

    pub(super) fn text(&mut self, text: &str) {
        self.stream.queue(text.as_bytes());
    }

    /// One line. Names and reasons may come from hostile hands, so a terminal gets no control bytes.
    pub(super) fn line(&mut self, line: &str) {
        if self.is_terminal {
            self.text(&harmless(line));
        } else {
            self.text(line);
        }
        self.text("\n");
    }

    /// A message while a command may be half typed, on a terminal that cannot do better: it takes the
    /// prompt's line, and the prompt comes back below it.
    pub(super) fn line_above_prompt(&mut self, line: &str, prompt: &str) {
        self.text("\r");
        self.line(line);
        self.text(prompt);
    }

    /// Whether something is still to be written.
    pub(super) fn has_more(&self) -> bool {
        self.stream.waiting_bytes() > 0
    }

    /// Forgets what was not written.
    pub(super) fn drop_all(&mut self) {
        self.stream.drop_all();
    }

    /// Writes as much as it takes.
    pub(super) fn flush(&mut self, registry: &Registry) {
        if let Err(error) = self.stream.flush(registry, Source::ConsoleOutput.token()) {
            log::warn!("standard output is gone, answers are dropped from now on: {error}");
        }
    }

    /// Waits for the rest to be written, but not long: the terminal may be stopped.
    pub(super) fn finish(&mut self) {
        self.stream.finish(FINISH_WITHIN);
    }
}

/// A line on standard error. If that is dead too, the log has it.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "taskmaster: {text}");
}
