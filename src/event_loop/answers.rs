//! Commands from the console: parsed, passed on, or answered from what is known.

use super::EventLoop;
use super::follows::Reader;
use crate::command::{self, Command, Completion, Names, Order, Query, Target, table};
use crate::io::console::Said;
use crate::slots::Key;
use crate::supervisor::{Event, Program, State};
use crate::view::{self, About, Line, Observed, Snapshot};

impl EventLoop {
    /// Takes what the console has, one command after the other: the next is not read before an
    /// order's answer is done.
    pub(super) fn take_commands(&mut self) {
        self.console.begin_turn();
        while let Some(said) = self.console.poll(self.poll.registry(), self.now) {
            match said {
                Said::Leave => self.take_line("exit"),
                Said::Line(line) => self.take_line(&line),
                Said::Complete(line) => {
                    let completion = self.complete(&line);
                    self.console.offer(&completion);
                }
            }
        }
    }

    fn take_line(&mut self, line: &str) {
        match command::parse(line) {
            Ok(None) => self.console.answer(&[]),
            Err(error) => self.console.answer(&[format!("ERROR {error}")]),
            Ok(Some(Command::Query(Query::Status(targets)))) if self.console.is_interactive() => {
                let lines = self.overview(&targets, self.console.columns());
                self.console.show(&lines);
            }
            Ok(Some(Command::Query(Query::Why(targets)))) if self.console.is_interactive() => {
                let lines: Vec<Line> = self.why(&targets).into_iter().map(view::why::dress).collect();
                self.console.show(&lines);
            }
            Ok(Some(Command::Query(Query::Watch(targets)))) if self.console.can_watch() => {
                self.console.watch(targets, self.now);
            }
            Ok(Some(Command::Query(Query::Tail(tail)))) if tail.follow => {
                let request = self.faces.next_request();
                self.console.wait_for_stream(request, line);
                self.follow(&tail, Reader::Console(request));
            }
            Ok(Some(Command::Query(query))) => {
                let lines = self.look_up(&query);
                self.console.answer(&lines);
            }
            Ok(Some(Command::Reload)) => {
                let request = self.faces.next_request();
                self.console.wait_for(request, line, None);
                self.reload(request);
            }
            Ok(Some(Command::Order(order))) => {
                let request = self.faces.next_request();
                let total = self.instances_of(&order);
                self.console.wait_for(request, line, total);
                self.handle(Event::Order { request, order });
            }
        }
    }

    /// How many instances an order is about, where there is one answer for each.
    fn instances_of(&self, order: &Order) -> Option<usize> {
        match order {
            Order::Start(targets)
            | Order::Stop(targets)
            | Order::Restart(targets)
            | Order::RestartRolling { targets, .. }
            | Order::Signal(_, targets) => Some(self.supervisor.resolve(targets).0.len()),
            Order::Scale(_, _) | Order::Shutdown => None,
        }
    }

    fn complete(&self, line: &str) -> Completion {
        let programs = self.supervisor.programs().map(Program::spec);
        let programs = programs.map(|spec| (spec.name.as_str(), spec.numprocs)).collect();
        command::complete(line, &Names { programs, states: &State::NAMES })
    }

    pub(super) fn look_up(&mut self, query: &Query) -> Vec<String> {
        match query {
            Query::Help(None) => table::help(),
            Query::Help(Some(row)) => row.help(),
            Query::Messages(verbosity) => self.set_verbosity(*verbosity),
            Query::Tail(tail) => self.tail(tail).0,
            Query::Version => vec![format!("taskmaster {}", env!("CARGO_PKG_VERSION"))],
            Query::Plan => self.plan(),
            Query::Reopen => {
                self.reopen_logs();
                vec!["log files reopened".to_owned()]
            }
            Query::Status(targets) => self.status(targets),
            Query::Overview(targets, columns) => {
                self.overview(targets, *columns).iter().map(Line::text).collect()
            }
            Query::Watch(_) => vec!["ERROR status -w refreshes a terminal, which is not here".to_owned()],
            Query::Pid(targets) => self.pids(targets),
            Query::Why(targets) => self.why(targets),
        }
    }

    fn pids(&self, targets: &[Target]) -> Vec<String> {
        if targets.is_empty() {
            return vec![std::process::id().to_string()];
        }
        let (keys, errors) = self.supervisor.resolve(targets);
        let is_single = targets.len() == 1 && targets[0].is_single();
        let line = |key: Key| {
            let pid = self.supervisor.instance(key)?.pid();
            match (pid, is_single) {
                (Some(pid), true) => Some(pid.to_string()),
                (Some(pid), false) => Some(format!("{}: {pid}", self.supervisor.name(key))),
                (None, true) => Some(format!("ERROR {}: not running", self.supervisor.name(key))),
                (None, false) => None,
            }
        };
        keys.into_iter().filter_map(line).chain(errors).collect()
    }

    pub(super) fn about(&self) -> About {
        About {
            pid: std::process::id(),
            uptime: self.now - crate::time::Time::ZERO,
            config: self.config_name.display().to_string(),
        }
    }

    pub(super) fn snapshot(&mut self) -> Snapshot {
        let snapshot = view::take(&self.supervisor, self.now, |pid| self.observe(pid));
        self.slack.note_answer(snapshot.rows().count());
        snapshot
    }

    /// Of some instances, as [`crate::supervisor::Supervisor::resolve`] finds them.
    pub(super) fn snapshot_of(&mut self, keys: &[Key]) -> Snapshot {
        self.slack.note_answer(keys.len());
        view::take_some(&self.supervisor, self.now, keys, |pid| self.observe(pid))
    }

    pub(super) fn observe(&self, pid: u32) -> Observed {
        Observed {
            usage: self.usages.get(pid),
            trouble: self.processes.pipes_of(pid).find_map(|pipe| self.pipes.trouble(pipe)),
        }
    }
}
