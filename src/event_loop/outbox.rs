//! Signals that one order sends to very many processes, spread over turns: whoever is signalled wakes up and
//! wants the processor, so that on a busy machine a thousand of them take a tenth of a second, in which
//! nobody else would be heard.
//!
//! Nothing overtakes: signals go out in the order in which the core wanted them, and an answer waits for
//! those before it. Who asks what there is, which is no order, is answered meanwhile.

use std::collections::VecDeque;

use super::{BATCH_TIME, EventLoop};
use crate::command::RequestId;
use crate::io::signals::Lull;
use crate::signal::Signal;
use crate::supervisor::{Run, Scope};

/// So many signals of a turn are sent where they are wanted: a few hundred microseconds at most.
const AT_ONCE_MAX: u32 = 32;

/// For so many turns, half a second at least, the look at what the dead have left waits for the rest of an order;
/// not longer, as orders may go on coming.
const LOOK_AFTER: u32 = 250;

/// What waits for its turn, and how much of this one is used up.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Parcel>,
    /// Signals of this turn that did not have to wait.
    sent: u32,
    /// Turns in a row that have left something.
    turns: u32,
}

/// What the core wants to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parcel {
    Signal { run: Run, pid: u32, signal: Signal, scope: Scope },
    Reply { request: RequestId, line: String },
    Done { request: RequestId, ok: bool },
}

impl Outbox {
    /// Takes it in; gives it back if it is to be sent at once.
    fn take_in(&mut self, parcel: Parcel) -> Option<Parcel> {
        let is_signal = matches!(parcel, Parcel::Signal { .. });
        if !self.waiting.is_empty() || (is_signal && self.sent >= AT_ONCE_MAX) {
            self.waiting.push_back(parcel);
            return None;
        }
        self.sent += u32::from(is_signal);
        Some(parcel)
    }

    /// What has waited longest. The room of a large order is given back with the last of it.
    fn next(&mut self) -> Option<Parcel> {
        let next = self.waiting.pop_front();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        next
    }

    /// A turn begins.
    fn begin_turn(&mut self) {
        self.sent = 0;
        self.turns = if self.has_more() { self.turns.saturating_add(1) } else { 0 };
    }

    /// Whether many more will have ended in a moment, so that it is better to look once for all of them.
    pub(super) fn is_amid_an_order(&self) -> bool {
        self.has_more() && self.turns < LOOK_AFTER
    }

    /// Whether something is left for the next turn.
    pub(super) fn has_more(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl EventLoop {
    /// Sends it, now or after what waits.
    pub(super) fn send(&mut self, parcel: Parcel) {
        if let Some(parcel) = self.outbox.take_in(parcel) {
            self.send_now(parcel);
        }
    }

    /// Sends a batch of what waits; another turn has begun.
    pub(super) fn send_waiting(&mut self) {
        self.outbox.begin_turn();
        if !self.outbox.has_more() {
            return;
        }
        let until = self.clock.now() + BATCH_TIME;
        // Many who are told to end do so while others are being told.
        let mut lull = Lull::default();
        while let Some(parcel) = self.outbox.next() {
            lull.note();
            self.send_now(parcel);
            if self.clock.now() >= until {
                break;
            }
        }
    }

    /// Sends all that waits: there is no further turn.
    pub(super) fn send_rest(&mut self) {
        while let Some(parcel) = self.outbox.next() {
            self.send_now(parcel);
        }
    }

    fn send_now(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Signal { run, pid, signal, scope } => {
                if let Err(error) = self.processes.signal(run, pid, signal, scope) {
                    let name = self.supervisor.name(run.instance);
                    log::error!("{name}: cannot send SIG{signal} to pid {pid}: {error}");
                }
            }
            Parcel::Reply { request, line } => self.reply(request, line),
            Parcel::Done { request, ok } => self.done(request, ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Key;

    fn signal(number: u32) -> Parcel {
        let run = Run { instance: Key::new(number, 1), incarnation: 1 };
        Parcel::Signal { run, pid: number, signal: Signal::TERM, scope: Scope::Group }
    }

    fn done(request: u64) -> Parcel {
        Parcel::Done { request: RequestId(request), ok: true }
    }

    #[test]
    fn few_signals_and_answers_do_not_wait() {
        let mut outbox = Outbox::default();
        for number in 0..AT_ONCE_MAX {
            assert_eq!(outbox.take_in(signal(number)), Some(signal(number)));
        }
        for request in 0..1000 {
            assert_eq!(outbox.take_in(done(request)), Some(done(request)));
        }
        assert!(!outbox.has_more());
    }

    #[test]
    fn the_rest_waits_and_nothing_overtakes_it() {
        let mut outbox = Outbox { sent: AT_ONCE_MAX, ..Outbox::default() };
        let order = || [signal(1), done(1), signal(2), done(2)];
        for parcel in order() {
            assert_eq!(outbox.take_in(parcel), None);
        }
        // A new turn does not let anybody pass those of the last.
        outbox.begin_turn();
        assert_eq!(outbox.take_in(signal(3)), None);
        let sent: Vec<Parcel> = std::iter::from_fn(|| outbox.next()).collect();
        assert_eq!(sent, order().into_iter().chain([signal(3)]).collect::<Vec<_>>());
        assert!(!outbox.has_more());
        assert_eq!(outbox.waiting.capacity(), 0);
        assert_eq!(outbox.take_in(signal(4)), Some(signal(4)));
    }

    #[test]
    fn orders_without_end_do_not_keep_us_from_looking() {
        let mut outbox = Outbox { sent: AT_ONCE_MAX, ..Outbox::default() };
        assert!(!outbox.is_amid_an_order());
        let signals = 2 * LOOK_AFTER;
        for number in 0..signals {
            outbox.take_in(signal(number));
        }
        let mut waited = 0;
        while outbox.is_amid_an_order() {
            outbox.next();
            outbox.begin_turn();
            waited += 1;
        }
        assert_eq!(waited, LOOK_AFTER);
        while outbox.next().is_some() {}
        outbox.begin_turn();
        outbox.take_in(signal(0));
        outbox.sent = AT_ONCE_MAX;
        outbox.take_in(signal(1));
        assert!(outbox.is_amid_an_order());
    }
}
