//! Who writes: what it has said, and what may become of that in a log.

use std::io::PipeWriter;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::ears::Ears;
use super::reference::Account;
use super::texts::owns;
use super::world::Kind;
use crate::slots::Key;
use crate::time::Time;

pub struct Writer {
    pub log: usize,
    pub class: usize,
    /// What it calls its log.
    pub path: PathBuf,
    pub pipe: Key,
    pub instance: Key,
    /// The ends of its pipe that are held: its own, or those of a process that it left behind.
    pub ends: Vec<PipeWriter>,
    /// What the kernel has taken.
    pub said: Vec<u8>,
    pub writes: usize,
    pub is_reaped: bool,
    /// Its pipe was closed, and that must have been seen.
    pub has_ended: bool,
    pub is_stamped: bool,
    is_shared: bool,
    pub keeps_recent: bool,
    pub has_company: bool,
    /// How much it had said when it last had company.
    company_at: usize,
    /// Where in a line it may have been when somebody joined it, if that line has not ended yet.
    pub open_line: Option<(usize, usize)>,
    /// Where that line may have been ended for others.
    pub tears: Vec<RangeInclusive<usize>>,
    /// Since when it may have waited for somebody's line.
    pub waits_since: Option<Time>,
    pub ears: Option<Ears>,
}

impl Writer {
    pub fn new(
        kind: Kind,
        pipe: Key,
        instance: Key,
        class: usize,
        ends: Vec<PipeWriter>,
        path: PathBuf,
    ) -> Writer {
        Writer {
            log: kind.log,
            class,
            path,
            pipe,
            instance,
            ends,
            said: Vec::new(),
            writes: 0,
            is_reaped: false,
            has_ended: false,
            is_stamped: kind.is_stamped,
            is_shared: kind.is_shared,
            keeps_recent: kind.keeps_recent,
            has_company: false,
            company_at: 0,
            open_line: None,
            tears: Vec::new(),
            waits_since: None,
            ears: kind.ears,
        }
    }

    pub fn name(&self) -> String {
        format!("w{}", self.class)
    }

    /// The kernel has taken this; whether others write to the same log.
    pub fn say(&mut self, text: &[u8], has_others: bool) {
        if text.is_empty() {
            return;
        }
        self.said.extend_from_slice(text);
        self.writes += 1;
        if has_others {
            self.has_company = true;
            self.company_at = self.said.len();
        }
        if text.contains(&b'\n') {
            self.open_line = None;
        }
    }

    /// Another one joins.
    pub fn meets_another(&mut self) {
        self.has_company = true;
        self.company_at = self.said.len();
        let start = self.line_start();
        if !self.writes_whole_lines() && start < self.said.len() {
            let from = self.open_line.map_or(start + 1, |(from, _)| from);
            self.open_line = Some((from, self.said.len()));
            if self.is_reaped {
                // Nobody waits for those who are dead.
                self.allow_tear();
            }
        }
    }

    /// Its open line may be ended for the sake of others from now on.
    pub fn allow_tear(&mut self) {
        if let Some((from, to)) = self.open_line {
            self.tears.push(from..=to);
        }
    }

    fn writes_whole_lines(&self) -> bool {
        self.is_stamped || self.is_shared
    }

    /// Whether lines that are too long may have been cut.
    pub fn is_cut(&self) -> bool {
        self.writes_whole_lines() || self.has_company
    }

    fn line_start(&self) -> usize {
        self.said.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }

    /// How much of what it has said must be in its log when nothing is left to do.
    pub fn due_at_rest(&self) -> usize {
        let start = self.line_start();
        let waits_for_its_end = self.writes_whole_lines() || self.has_company && self.company_at > start;
        if !self.has_ended && waits_for_its_end { start } else { self.said.len() }
    }

    /// The same when its process has ended, though a process that it left behind may hold its pipe.
    pub fn due_at_its_end(&self) -> usize {
        if self.ends.is_empty() { self.said.len() } else { self.due_at_rest() }
    }

    pub fn account(&self, due: usize) -> Account<'_> {
        Account {
            name: self.name(),
            owns,
            class: self.class,
            said: &self.said,
            is_stamped: self.is_stamped,
            has_ended: self.ends.is_empty(),
            is_cut: self.is_cut(),
            tears: &self.tears,
            due,
        }
    }
}
