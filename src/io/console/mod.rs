//! The console: commands on standard input, answers on standard output.
//!
//! On a terminal there is a prompt and Ctrl-C and Ctrl-D mean something; on a pipe or a file there
//! are lines and nothing else. Each command is finished before the next is read. The end of a pipe or
//! file ends the console, not the supervision.

mod input;
mod output;
mod terminal;

use std::time::Duration;

use mio::Registry;

use crate::command::RequestId;
use crate::time::Time;
use input::{Input, Read};
use output::Output;
use terminal::Terminal;

const PROMPT: &str = "taskmaster> ";
/// Two Ctrl-C on an empty line within this time are `exit`.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);
/// Commands that are answered in one turn of the loop, so that a long file of them cannot hold it.
const LINES_PER_TURN: u32 = 16;

/// What the user wants of the loop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A command line.
    Line(String),
    /// To leave: Ctrl-D, or a second Ctrl-C.
    Leave,
}

/// The console's state between turns.
pub(crate) struct Console {
    input: Input,
    output: Output,
    /// Set while standard input is a terminal; restores it when dropped.
    terminal: Option<Terminal>,
    /// Input and output are a terminal: there is somebody to talk with.
    is_interactive: bool,
    had_controlling_terminal: bool,
    /// The order whose answer the next command waits for.
    waiting_for: Option<RequestId>,
    last_interrupt: Option<Time>,
    lines_left: u32,
    /// A prompt is to be shown at the end of the turn, unless that is the last one.
    is_prompt_due: bool,
}

impl Console {
    /// Takes standard input and output; with `enabled` false, only output.
    pub(crate) fn open(registry: &Registry, enabled: bool) -> Console {
        let input = if enabled { Input::open(registry) } else { Input::none() };
        let output = Output::open();
        let is_interactive = input.is_terminal() && output.is_terminal();
        let had_controlling_terminal = terminal::has_controlling_terminal();
        if had_controlling_terminal && !input.is_terminal() {
            terminal::ignore_suspend();
        }
        Console {
            terminal: input.is_terminal().then(|| Terminal::open(is_interactive)),
            had_controlling_terminal,
            input,
            output,
            is_interactive,
            waiting_for: None,
            last_interrupt: None,
            lines_left: 0,
            is_prompt_due: false,
        }
    }

    /// Greets on a terminal.
    pub(crate) fn greet(&mut self, text: &str) {
        if self.is_interactive {
            self.output.line(text);
        }
        self.prompt();
    }

    /// Standard input has something.
    pub(crate) fn mark_readable(&mut self) {
        self.input.mark_readable();
    }

    /// A new turn: so many commands may be taken.
    pub(crate) fn begin_turn(&mut self) {
        self.lines_left = LINES_PER_TURN;
    }

    /// Whether a command is there to be taken without waiting for anything.
    pub(crate) fn has_more(&self) -> bool {
        self.may_read() && self.input.may_have_line()
    }

    /// While a command is waited for, only a terminal is read: for the keys that leave the wait.
    fn may_read(&self) -> bool {
        let is_free = self.waiting_for.is_none() && !self.output.is_clogged();
        is_free || (self.terminal.is_some() && self.input.is_unread())
    }

    /// The next thing the user said, if any.
    pub(crate) fn poll(&mut self, registry: &Registry, now: Time) -> Option<Said> {
        while self.lines_left > 0 && self.may_read() {
            if let Some(terminal) = &mut self.terminal
                && !terminal.resume()
            {
                // In the background: what is typed is for somebody else.
                self.input.pause();
                return None;
            }
            let is_waiting = self.waiting_for.is_some();
            match self.input.next(registry, is_waiting) {
                Read::Line(line) => {
                    self.lines_left -= 1;
                    return Some(Said::Line(line));
                }
                Read::Interrupt { line_was_empty } => {
                    if let Some(leave) = self.interrupted(line_was_empty, now) {
                        return Some(leave);
                    }
                }
                Read::Suspend => self.suspend(),
                Read::Leave => {
                    if self.is_interactive {
                        self.output.line("");
                    }
                    return Some(Said::Leave);
                }
                Read::Nothing => return None,
                Read::Closed => {
                    self.terminal = None;
                    self.is_interactive = false;
                    return None;
                }
            }
        }
        None
    }

    fn suspend(&mut self) {
        self.output.line("");
        self.output.finish();
        if let Some(terminal) = &mut self.terminal {
            terminal.suspend();
        }
        if self.waiting_for.is_none() {
            self.prompt();
        }
    }

    fn interrupted(&mut self, line_was_empty: bool, now: Time) -> Option<Said> {
        self.output.line("");
        if self.waiting_for.take().is_some() {
            self.output.line("(the action goes on; 'status' shows how far it is)");
        } else if line_was_empty {
            if self.last_interrupt.is_some_and(|at| now - at <= LEAVE_WITHIN) {
                return Some(Said::Leave);
            }
            self.last_interrupt = Some(now);
            self.output.line("(to leave: 'exit', Ctrl-D, or Ctrl-C once more; it stops all programs)");
        }
        self.prompt();
        None
    }

    /// The next command is read when this order is done.
    pub(crate) fn wait_for(&mut self, request: RequestId) {
        self.waiting_for = Some(request);
    }

    /// A line of an answer; one that nobody waits for any more is dropped.
    pub(crate) fn reply(&mut self, request: RequestId, line: &str) {
        if self.waiting_for == Some(request) {
            self.output.line(line);
        }
    }

    /// An answer is complete.
    pub(crate) fn done(&mut self, request: RequestId) {
        if self.waiting_for == Some(request) {
            self.waiting_for = None;
            self.prompt();
        }
    }

    /// The whole answer to a question.
    pub(crate) fn answer(&mut self, lines: &[String]) {
        for line in lines {
            self.output.line(line);
        }
        self.prompt();
    }

    /// Something the user should know now, unasked. Whoever reads the answers by a program is told
    /// on standard error.
    pub(crate) fn warn(&mut self, text: &str) {
        if !self.is_interactive {
            output::complain(text);
        } else if self.is_prompt_due {
            self.output.line(text);
        } else {
            self.output.line_above_prompt(text, PROMPT);
        }
    }

    /// Whether the terminal that we were started on has gone.
    pub(crate) fn terminal_is_gone(&self) -> bool {
        let has_gone = self.had_controlling_terminal && !terminal::has_controlling_terminal();
        has_gone || self.input.is_hung_up()
    }

    /// Writes what this turn has said, as far as standard output takes it.
    pub(crate) fn flush(&mut self, registry: &Registry) {
        if std::mem::take(&mut self.is_prompt_due) {
            self.output.text(PROMPT);
        }
        self.output.flush(registry);
    }

    /// Gives the last words up to a second.
    pub(crate) fn finish(&mut self) {
        self.output.finish();
    }

    fn prompt(&mut self) {
        self.is_prompt_due = self.is_interactive;
    }
}
