//! `inherit`: what programs say on our own standard output and standard error, line by line, each
//! with the name of who says it.
//!
//! A reader that is slow (a container's log driver, a stopped terminal) makes the programs wait, as
//! if they held the stream themselves; it never makes us wait. Where a console is at work on a
//! terminal, the lines are handed to it instead, because it alone knows what stands in its last line.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use mio::Registry;

use crate::io::standard_stream::StandardStream;
use crate::io::token::Source;

/// With more than this waiting to be written, programs wait.
const QUEUE_BYTES_MAX: usize = 64 * 1024;
/// Lines that wait for the console; what is beyond is left out and counted, as a terminal scrolls it
/// away anyhow.
const CONSOLE_LINES_MAX: usize = 1000;

/// How long the last words may take.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// Which of our streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Stdout,
    Stderr,
}

/// Our streams, as far as programs use them.
#[derive(Default)]
pub(super) struct Voices {
    stdout: Option<StandardStream>,
    stderr: Option<StandardStream>,
    /// Set while a console takes what goes to its terminal.
    console: Option<ConsoleLines>,
}

#[derive(Default)]
struct ConsoleLines {
    lines: Vec<String>,
    left_out: usize,
    is_stderr_a_terminal: bool,
}

impl Voices {
    /// From now on, what goes to the console's terminal is handed out by [`Voices::take_lines`].
    pub(super) fn speak_through_console(&mut self) {
        let is_stderr_a_terminal = io::IsTerminal::is_terminal(&io::stderr());
        self.console = Some(ConsoleLines { is_stderr_a_terminal, ..ConsoleLines::default() });
    }

    /// What programs have said to the console's terminal, in whole lines.
    pub(super) fn take_lines(&mut self) -> Vec<String> {
        self.console.as_mut().map_or_else(Vec::new, ConsoleLines::take)
    }

    /// Whether nothing more should be said for now.
    pub(super) fn is_clogged(&self, voice: Voice) -> bool {
        let stream = match voice {
            Voice::Stdout => &self.stdout,
            Voice::Stderr => &self.stderr,
        };
        stream.as_ref().is_some_and(|stream| stream.waiting_bytes() > QUEUE_BYTES_MAX)
    }

    /// Says whole lines.
    pub(super) fn say(&mut self, voice: Voice, lines: &[u8]) {
        let goes_through_console =
            |console: &&mut ConsoleLines| voice == Voice::Stdout || console.is_stderr_a_terminal;
        if let Some(console) = self.console.as_mut().filter(goes_through_console) {
            return console.add(lines);
        }
        let own = |voice| match voice {
            Voice::Stdout => io::stdout().as_fd().try_clone_to_owned(),
            Voice::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        };
        let stream = match voice {
            Voice::Stdout => &mut self.stdout,
            Voice::Stderr => &mut self.stderr,
        };
        stream.get_or_insert_with(|| StandardStream::open(own(voice))).queue(lines);
    }

    /// Waits a little for the rest to be taken, before we leave.
    pub(super) fn finish(&mut self) {
        for stream in [&mut self.stdout, &mut self.stderr].into_iter().flatten() {
            stream.finish(FINISH_WITHIN);
        }
    }

    /// Writes as much as the streams take; the rest waits for an event.
    pub(super) fn flush(&mut self, registry: &Registry) {
        for (stream, voice) in [(&mut self.stdout, Source::VoiceOut), (&mut self.stderr, Source::VoiceErr)] {
            if let Some(stream) = stream
                && let Err(error) = stream.flush(registry, voice.token())
            {
                log::warn!("a standard stream is gone, what programs say to it is dropped: {error}");
            }
        }
    }
}

impl ConsoleLines {
    fn add(&mut self, lines: &[u8]) {
        let text = String::from_utf8_lossy(lines);
        let mut lines = text.lines();
        let room = CONSOLE_LINES_MAX.saturating_sub(self.lines.len());
        self.lines.extend(lines.by_ref().take(room).map(str::to_owned));
        self.left_out += lines.count();
    }

    fn take(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.lines);
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            lines.push(format!("({left_out} lines of programs are left out here: they come too fast)"));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_console_does_not_get_is_counted_and_told() {
        let mut voices = Voices { console: Some(ConsoleLines::default()), ..Voices::default() };
        voices.say(Voice::Stdout, "w:0 | x\n".repeat(CONSOLE_LINES_MAX - 1).as_bytes());
        voices.say(Voice::Stdout, b"w:0 | last\nw:0 | y\nw:0 | y\n");
        let lines = voices.take_lines();
        let told = "(2 lines of programs are left out here: they come too fast)";
        assert_eq!(lines[CONSOLE_LINES_MAX - 1..], ["w:0 | last", told]);
        voices.say(Voice::Stdout, b"w:0 | z\n");
        assert_eq!(voices.take_lines(), ["w:0 | z"]);
    }
}
