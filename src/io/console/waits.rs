//! Orders whose answers the console takes: the one that the next command waits for, and those that
//! Ctrl-C has left.

use super::progress::Progress;
use crate::command::RequestId;

/// Orders whose end is told after Ctrl-C left them.
const LEFT_MAX: usize = 16;

/// The open orders of the console.
#[derive(Default)]
pub(super) struct Waits {
    current: Option<Progress>,
    /// The latest last.
    left: Vec<Progress>,
    /// The answer to the current one goes on until it is left.
    is_stream: bool,
}

/// What Ctrl-C left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// There was nothing to leave.
    Nothing,
    /// An order, which goes on.
    Order,
    /// An answer without an end, which is over now.
    Stream,
}

/// What is to be shown, and whether somebody waits for it or may be typing meanwhile.
pub(super) struct Heard {
    pub(super) is_waited_for: bool,
    pub(super) lines: Vec<String>,
}

impl Waits {
    pub(super) fn is_waiting(&self) -> bool {
        self.current.is_some()
    }

    /// The next command waits for this.
    pub(super) fn begin(&mut self, progress: Progress) {
        self.current = Some(progress);
        self.is_stream = false;
    }

    /// The same for an answer that goes on until it is left.
    pub(super) fn begin_stream(&mut self, progress: Progress) {
        self.current = Some(progress);
        self.is_stream = true;
    }

    /// Whether this is what the next command waits for.
    pub(super) fn is_current(&self, request: RequestId) -> bool {
        self.current.as_ref().is_some_and(|progress| progress.request == request)
    }

    /// Ctrl-C.
    pub(super) fn leave(&mut self) -> Left {
        let Some(progress) = self.current.take() else { return Left::Nothing };
        if self.is_stream {
            return Left::Stream;
        }
        if self.left.len() == LEFT_MAX {
            self.left.remove(0);
        }
        self.left.push(progress);
        Left::Order
    }

    /// A line of an answer. Of an order that was left, only failures are of interest; `None` is an
    /// order of somebody else.
    pub(super) fn reply(&mut self, request: RequestId, line: &str) -> Option<Heard> {
        let is_waited_for = self.is_current(request);
        let mut open = self.current.iter_mut().chain(&mut self.left);
        let progress = open.find(|progress| progress.request == request)?;
        let shown = progress.take(line).filter(|_| is_waited_for || is_failure(line));
        Some(Heard { is_waited_for, lines: shown.into_iter().collect() })
    }

    /// An answer is complete; `None` is an order of somebody else.
    pub(super) fn done(&mut self, request: RequestId) -> Option<Heard> {
        if let Some(progress) = self.current.take_if(|progress| progress.request == request) {
            return Some(Heard { is_waited_for: true, lines: progress.summary() });
        }
        let at = self.left.iter().position(|progress| progress.request == request)?;
        let progress = self.left.remove(at);
        let mut lines = progress.summary();
        lines.retain(|line| is_failure(line));
        lines.push(format!("(done: {})", progress.command.trim()));
        Some(Heard { is_waited_for: false, lines })
    }

    /// Everything is being stopped, and so many processes are left. Whether that is waited for.
    pub(super) fn count_down(&mut self, left: usize) -> bool {
        self.current.as_mut().is_some_and(|progress| progress.count_down(left))
    }

    /// How far the order is that is waited for, where there is something to count.
    pub(super) fn line(&self) -> Option<String> {
        self.current.as_ref().and_then(Progress::line)
    }
}

fn is_failure(line: &str) -> bool {
    line.starts_with("ERROR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_was_left_is_heard_of_when_it_fails_and_when_it_ends() {
        let mut waits = Waits::default();
        waits.begin(Progress::new(RequestId(1), "stop w ".to_owned()));
        assert!(waits.is_waiting() && waits.leave() == Left::Order);
        assert!(!waits.is_waiting() && waits.leave() == Left::Nothing);
        assert_eq!(waits.reply(RequestId(1), "w:0: stopped").unwrap().lines, [""; 0]);
        assert_eq!(waits.reply(RequestId(1), "ERROR w:1: stuck").unwrap().lines, ["ERROR w:1: stuck"]);
        assert!(waits.reply(RequestId(2), "x").is_none() && waits.done(RequestId(2)).is_none());
        let done = waits.done(RequestId(1)).unwrap();
        assert_eq!((done.is_waited_for, done.lines), (false, vec!["(done: stop w)".to_owned()]));
        assert!(waits.done(RequestId(1)).is_none());
    }

    #[test]
    fn an_answer_without_an_end_is_over_when_it_is_left() {
        let mut waits = Waits::default();
        waits.begin_stream(Progress::new(RequestId(1), "tail -f w".to_owned()));
        assert!(waits.is_current(RequestId(1)) && waits.leave() == Left::Stream);
        assert!(!waits.is_current(RequestId(1)) && waits.reply(RequestId(1), "x").is_none());
    }
}
