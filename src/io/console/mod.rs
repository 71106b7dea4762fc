//! The console: commands on standard input, answers on standard output.
//!
//! On a terminal there is a prompt with a line editor, and Ctrl-C and Ctrl-D mean something; on a pipe
//! or a file there are lines and nothing else. Each command is finished before the next is read. The
//! end of a pipe or file ends the console, not the supervision.
//!
//! - `input`: bytes, lines, keys; `keys`: bytes to keys; `output`: what must not block; `terminal`: modes
//! - `editor`: what keys do; `line`: the line itself; `history`; `painter`: pictures at the bottom of the
//!   screen; `screen`: the editor with its picture; `watch`: a table that is refreshed
//! - `waits`: orders whose answers we take; `progress`: how far one of them is

mod color;
mod editor;
mod history;
mod input;
mod keys;
mod line;
mod output;
mod painter;
mod progress;
mod screen;
mod terminal;
mod waits;
mod watch;

use std::time::Duration;

use mio::Registry;

use crate::command::{Completion, RequestId};
use crate::time::Time;
use crate::view::{Line, Style};
pub(crate) use color::ColorChoice;
use editor::Asks;
use input::{Input, Read};
use keys::Key;
use output::Output;
use painter::Frame;
pub(crate) use painter::paint;
use progress::Progress;
use screen::Screen;
use terminal::{Editing, Terminal};
pub(crate) use terminal::{columns, rows};
use waits::{Heard, Left, Waits};
use watch::Watch;

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
    /// To know what could stand at the end of this; the answer is [`Console::offer`].
    Complete(String),
}

/// The console's state between turns.
pub(crate) struct Console {
    input: Input,
    output: Output,
    /// Set while standard input is a terminal; restores it when dropped.
    terminal: Option<Terminal>,
    /// Input and output are a terminal: there is somebody to talk with.
    is_interactive: bool,
    /// The editor, on a terminal that is not dumb.
    screen: Option<Screen>,
    had_controlling_terminal: bool,
    waits: Waits,
    /// `status -w`, until a key is pressed.
    watch: Option<Watch>,
    last_interrupt: Option<Time>,
    lines_left: u32,
    /// The SIGCONT that ended our own stop is still to be told.
    has_suspended: bool,
    /// A prompt is to be shown at the end of the turn, unless that is the last one.
    is_prompt_due: bool,
}

impl Console {
    /// Takes standard input and output; with `enabled` false, only output.
    pub(crate) fn open(registry: &Registry, enabled: bool, color: ColorChoice) -> Console {
        let mut input = if enabled { Input::open(registry) } else { Input::none() };
        let output = Output::open();
        let is_interactive = input.is_terminal() && output.is_terminal();
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let screen = (is_interactive && !is_dumb).then(|| Screen::open(color.is_on(is_interactive)));
        let editing = match (&screen, is_interactive) {
            (Some(_), _) => Editing::Ours,
            (None, true) => Editing::Kernel,
            (None, false) => Editing::KernelWithInterrupt,
        };
        if screen.is_some() {
            input.read_keys();
        }
        let had_controlling_terminal = terminal::has_controlling_terminal();
        if had_controlling_terminal && !input.is_terminal() {
            terminal::ignore_suspend();
        }
        Console {
            terminal: input.is_terminal().then(|| Terminal::open(editing)),
            had_controlling_terminal,
            input,
            output,
            is_interactive,
            screen,
            waits: Waits::default(),
            watch: None,
            last_interrupt: None,
            lines_left: 0,
            has_suspended: false,
            is_prompt_due: false,
        }
    }

    /// Greets on a terminal.
    pub(crate) fn greet(&mut self, text: &str) {
        if self.is_interactive {
            self.say(text);
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
        self.has_suspended = false;
    }

    /// Whether a command is there to be taken without waiting for anything.
    pub(crate) fn has_more(&self) -> bool {
        self.may_read() && self.input.may_have_line()
    }

    /// While a command is waited for, only a terminal is read: for the keys that leave the wait.
    fn may_read(&self) -> bool {
        let is_free = !self.waits.is_waiting() && !self.output.is_clogged();
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
            let is_waiting = self.waits.is_waiting();
            match self.input.next(registry, is_waiting) {
                Read::Line(line) => {
                    self.lines_left -= 1;
                    return Some(Said::Line(line));
                }
                Read::Key(key) => {
                    if let Some(said) = self.press(key, now) {
                        return Some(said);
                    }
                }
                Read::Interrupt { line_was_empty } => {
                    self.say("");
                    if let Some(leave) = self.interrupted(line_was_empty, now) {
                        return Some(leave);
                    }
                }
                Read::Suspend => self.suspend(),
                Read::Leave => {
                    if self.is_interactive {
                        self.say("");
                    }
                    return Some(Said::Leave);
                }
                Read::Nothing => return None,
                Read::Closed => {
                    self.terminal = None;
                    self.screen = None;
                    self.watch = None;
                    self.is_interactive = false;
                    return None;
                }
            }
        }
        None
    }

    /// A key for the editor, or, while a command is waited for, Ctrl-C or Ctrl-Z.
    fn press(&mut self, key: Key, now: Time) -> Option<Said> {
        let screen = self.screen.as_mut()?;
        if let Some(watch) = self.watch.take() {
            // What was seen last stays.
            let rows = screen.rows().saturating_sub(1);
            watch.lines.iter().take(rows).for_each(|line| screen.print(&mut self.output, line));
            return None;
        }
        let before = screen.editor.text().to_owned();
        match screen.press(key) {
            Asks::Nothing => {}
            Asks::Complete(line) => return Some(Said::Complete(line)),
            Asks::Run(line) => {
                screen.commit(&mut self.output, &line);
                self.lines_left -= 1;
                return Some(Said::Line(line));
            }
            Asks::Interrupt { line_was_empty } => {
                if !self.waits.is_waiting() {
                    screen.commit(&mut self.output, &format!("{before}^C"));
                }
                return self.interrupted(line_was_empty, now);
            }
            Asks::Suspend => self.suspend(),
            Asks::Clear => screen.clear(&mut self.output),
            Asks::Leave => {
                screen.commit(&mut self.output, "");
                return Some(Said::Leave);
            }
        }
        None
    }

    /// The answer to [`Said::Complete`].
    pub(crate) fn offer(&mut self, completion: &Completion) {
        if let Some(screen) = &mut self.screen {
            screen.editor.offer(completion);
            screen.mark_stale();
        }
    }

    fn suspend(&mut self) {
        self.has_suspended = true;
        match &mut self.screen {
            Some(screen) => screen.leave(&mut self.output),
            None => self.output.line(""),
        }
        self.output.finish();
        if let Some(terminal) = &mut self.terminal {
            terminal.suspend();
        }
        if let Some(screen) = &mut self.screen {
            screen.forget();
            screen.resize();
        }
        if !self.waits.is_waiting() {
            self.prompt();
        }
    }

    /// Somebody stopped and continued us without asking.
    pub(crate) fn continued(&mut self) {
        if std::mem::take(&mut self.has_suspended) {
            return;
        }
        if let Some(terminal) = &mut self.terminal {
            terminal.continued();
            self.input.mark_readable();
        }
        if let Some(screen) = &mut self.screen {
            screen.forget();
            screen.resize();
        }
    }

    /// The terminal has another size.
    pub(crate) fn resized(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.resize();
        }
    }

    fn interrupted(&mut self, line_was_empty: bool, now: Time) -> Option<Said> {
        let left = self.waits.leave();
        if left == Left::Order {
            self.say("(the action goes on; 'status' shows how far it is)");
        } else if left == Left::Nothing && line_was_empty {
            if self.last_interrupt.is_some_and(|at| now - at <= LEAVE_WITHIN) {
                return Some(Said::Leave);
            }
            self.last_interrupt = Some(now);
            self.say("(to leave: 'exit', Ctrl-D, or Ctrl-C once more; it stops all programs)");
        }
        self.prompt();
        None
    }

    /// The next command is read when this order is done, which is about so many instances, where that is
    /// known.
    pub(crate) fn wait_for(&mut self, request: RequestId, command: &str, total: Option<usize>) {
        let progress = Progress::new(request, command.to_owned());
        // Whoever reads the answers by a program wants each of them.
        self.waits.begin(if self.screen.is_some() { progress.folding(total) } else { progress });
    }

    /// The same for an answer that goes on until the user leaves it.
    pub(crate) fn wait_for_stream(&mut self, request: RequestId, command: &str) {
        self.waits.begin_stream(Progress::new(request, command.to_owned()));
    }

    /// Whether this is still waited for: Ctrl-C leaves it.
    pub(crate) fn waits_for(&self, request: RequestId) -> bool {
        self.waits.is_current(request)
    }

    /// Whether it should be told more, or has enough to write.
    pub(crate) fn takes_more(&self) -> bool {
        !self.output.is_clogged()
    }

    /// A line of an answer, and whether it is for us and seen, now or in a count.
    pub(crate) fn reply(&mut self, request: RequestId, line: &str) -> bool {
        let Some(heard) = self.waits.reply(request, line) else { return false };
        let is_seen = heard.is_waited_for || !heard.lines.is_empty();
        self.hear(heard);
        is_seen
    }

    /// An answer is complete.
    pub(crate) fn done(&mut self, request: RequestId) {
        if let Some(heard) = self.waits.done(request) {
            let was_waited_for = heard.is_waited_for;
            self.hear(heard);
            if was_waited_for {
                self.prompt();
            }
        }
    }

    /// Everything is being stopped, and so many processes are left.
    pub(crate) fn count_down(&mut self, left: usize) {
        if let Some(screen) = &mut self.screen
            && self.waits.count_down(left)
        {
            screen.mark_stale();
        }
    }

    fn hear(&mut self, heard: Heard) {
        for line in &heard.lines {
            if heard.is_waited_for { self.say(line) } else { self.tell(line) }
        }
        if let Some(screen) = &mut self.screen {
            screen.mark_stale();
        }
    }

    /// News, above what is being typed.
    pub(crate) fn announce(&mut self, line: &Line) {
        match &mut self.screen {
            Some(_) if self.output.is_clogged() => {}
            Some(screen) => screen.print(&mut self.output, line),
            None => self.warn(&line.text()),
        }
    }

    /// An answer in styles, for a person.
    pub(crate) fn show(&mut self, lines: &[Line]) {
        for line in lines {
            match &mut self.screen {
                Some(screen) => screen.print(&mut self.output, line),
                None => self.output.line(&line.text()),
            }
        }
        self.prompt();
    }

    /// The columns of the terminal.
    pub(crate) fn columns(&self) -> usize {
        terminal::columns()
    }

    /// Whether there is somebody to talk with.
    pub(crate) fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// The whole answer to a question.
    pub(crate) fn answer(&mut self, lines: &[String]) {
        for line in lines {
            self.say(line);
        }
        self.prompt();
    }

    /// Something the user should know now, unasked. Whoever reads the answers by a program is told
    /// on standard error.
    pub(crate) fn warn(&mut self, text: &str) {
        if self.is_interactive { self.tell(text) } else { output::complain(text) }
    }

    /// A line for a terminal that may come while a command is being typed.
    fn tell(&mut self, text: &str) {
        if self.output.is_clogged() {
            // The terminal takes nothing; the log has it.
        } else if self.screen.is_some() || self.is_prompt_due || self.waits.is_waiting() {
            self.say(text);
        } else {
            self.output.line_above_prompt(text, editor::PROMPT);
        }
    }

    /// One line, above what is being typed.
    fn say(&mut self, line: &str) {
        let Some(screen) = &mut self.screen else { return self.output.line(line) };
        let style = if line.starts_with("ERROR ") { Style::Bad } else { Style::Plain };
        screen.print(&mut self.output, &Line(vec![(style, line.to_owned())]));
    }

    /// Whether the terminal that we were started on has gone.
    pub(crate) fn terminal_is_gone(&self) -> bool {
        let has_gone = self.had_controlling_terminal && !terminal::has_controlling_terminal();
        has_gone || self.input.is_hung_up()
    }

    /// Writes what this turn has said, as far as standard output takes it.
    pub(crate) fn flush(&mut self, registry: &Registry) {
        if std::mem::take(&mut self.is_prompt_due) {
            self.output.text(editor::PROMPT);
        }
        if let Some(screen) = &mut self.screen
            && screen.is_stale()
            && !self.output.is_clogged()
            && terminal::is_in_foreground()
        {
            let other = match &self.watch {
                _ if self.waits.is_waiting() => Some(Frame::of(self.waits.line())),
                Some(watch) => Some(Frame::watched(&watch.lines)),
                None => None,
            };
            screen.draw(&mut self.output, other.as_ref());
        }
        self.spare_background();
        self.output.flush(registry);
    }

    /// Gives the last words up to a second.
    pub(crate) fn finish(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.leave(&mut self.output);
        }
        self.spare_background();
        self.output.finish();
    }

    /// With `stty tostop` a job in the background is stopped for writing, and all that we supervise
    /// would be without us. The log has what is dropped here.
    fn spare_background(&mut self) {
        if self.is_interactive && self.output.has_more() && terminal::stops_writers() {
            self.output.drop_all();
        }
    }

    fn prompt(&mut self) {
        match &mut self.screen {
            Some(screen) => screen.mark_stale(),
            None => self.is_prompt_due = self.is_interactive,
        }
    }
}

/// However we come to an end, the terminal is left as it should be.
impl Drop for Console {
    fn drop(&mut self) {
        if self.screen.is_some() && terminal::is_in_foreground() {
            self.finish();
        }
    }
}
