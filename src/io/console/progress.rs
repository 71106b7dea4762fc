//! An order that is waited for: how far it is, and its answers in few lines when they are many.

use std::collections::BTreeMap;

use crate::command::RequestId;

/// Of an order over more instances than this, answers are counted instead of shown, if they are folded.
const FEW: usize = 20;
/// Failures that are shown one by one even then.
const FAILURES_MAX: usize = 10;

/// Words for what a command does while it does it.
const DOING: [(&str, &str); 8] = [
    ("start", "starting"),
    ("stop", "stopping"),
    ("restart", "restarting"),
    ("reload", "reloading"),
    ("scale", "scaling"),
    ("exit", LEAVING),
    ("quit", LEAVING),
    ("shutdown", LEAVING),
];
const LEAVING: &str = "stopping everything";

/// What the user waits for.
pub(super) struct Progress {
    pub(super) request: RequestId,
    /// The command line.
    pub(super) command: String,
    /// Whether many answers become few lines.
    folds: bool,
    /// How many instances it is about, where that is known.
    total: Option<usize>,
    settled: usize,
    /// How often each answer came, by program and words.
    outcomes: BTreeMap<(String, String), (usize, String)>,
    failures_shown: usize,
    /// It ends everything: what is counted are processes, not answers.
    is_last: bool,
}

impl Progress {
    /// Every answer is shown as it comes.
    pub(super) fn new(request: RequestId, command: String) -> Progress {
        Progress {
            request,
            command,
            folds: false,
            total: None,
            settled: 0,
            outcomes: BTreeMap::new(),
            failures_shown: 0,
            is_last: false,
        }
    }

    /// Many answers become few lines; `total` are to come, if that is known.
    pub(super) fn folding(self, total: Option<usize>) -> Progress {
        Progress { folds: true, total, ..self }
    }

    /// Whether there are so many answers that they are counted.
    fn is_folding(&self) -> bool {
        self.folds && self.total.unwrap_or(self.settled) > FEW
    }

    /// Takes an answer; gives back what is to be shown at once.
    pub(super) fn take(&mut self, line: &str) -> Option<String> {
        self.settled += 1;
        if !self.is_folding() {
            return Some(line.to_owned());
        }
        if line.starts_with("ERROR ") && self.failures_shown < FAILURES_MAX {
            self.failures_shown += 1;
            return Some(line.to_owned());
        }
        let (name, words) = line.split_once(": ").unwrap_or((line, ""));
        let program = name.rsplit_once(':').map_or(name, |(program, _)| program);
        let key = (program.to_owned(), words.to_owned());
        self.outcomes.entry(key).or_insert((0, line.to_owned())).0 += 1;
        None
    }

    /// `start worker: 3200 of 5000`, where there is something to count.
    pub(super) fn line(&self) -> Option<String> {
        let verb = self.verb();
        let doing = doing(verb);
        let rest = self.command.trim_start().get(verb.len()..).unwrap_or("");
        let settled = self.settled;
        match self.total {
            Some(total) if self.is_folding() || self.is_last => {
                Some(format!("{doing}{rest}: {settled} of {total}"))
            }
            None if self.is_folding() => Some(format!("{doing}{rest}: {settled} so far")),
            Some(_) | None => None,
        }
    }

    /// Everything is being stopped, and so many processes are left. Whether that is what this is about.
    pub(super) fn count_down(&mut self, left: usize) -> bool {
        if doing(self.verb()) != LEAVING {
            return false;
        }
        self.is_last = true;
        let total = self.total.unwrap_or(0).max(left);
        self.total = Some(total);
        self.settled = total - left;
        true
    }

    fn verb(&self) -> &str {
        self.command.split_whitespace().next().unwrap_or("")
    }

    /// What was not shown one by one.
    pub(super) fn summary(&self) -> Vec<String> {
        let line = |((program, words), (count, line)): (&(String, String), &(usize, String))| match count {
            1 => line.clone(),
            count => format!("{program}: {count} instances: {words}"),
        };
        self.outcomes.iter().map(line).collect()
    }
}

fn doing(verb: &str) -> &str {
    DOING.iter().find(|(name, _)| *name == verb).map_or(verb, |(_, doing)| doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_answers_are_shown_as_they_come() {
        let mut progress = Progress::new(RequestId(1), "stop w".to_owned()).folding(Some(2));
        assert_eq!(progress.take("w:0: stopped").as_deref(), Some("w:0: stopped"));
        assert_eq!((progress.line(), progress.summary()), (None, vec![]));
    }

    #[test]
    fn when_nobody_knows_how_many_there_will_be_the_first_are_shown() {
        let mut progress = Progress::new(RequestId(1), "reload".to_owned()).folding(None);
        let shown = (0..30).filter(|number| progress.take(&format!("w:{number}: stopped")).is_some());
        assert_eq!(shown.count(), FEW);
        assert_eq!(progress.line().as_deref(), Some("reloading: 30 so far"));
        assert_eq!(progress.summary(), ["w: 10 instances: stopped"]);
        let mut every = Progress::new(RequestId(1), "reload".to_owned());
        assert!((0..30).all(|number| every.take(&format!("w:{number}: stopped")).is_some()));
    }

    #[test]
    fn the_way_out_counts_processes() {
        let mut progress = Progress::new(RequestId(1), "exit".to_owned());
        for (left, line) in [(3, "stopping everything: 0 of 3"), (1, "stopping everything: 2 of 3")] {
            assert!(progress.count_down(left));
            assert_eq!(progress.line().as_deref(), Some(line));
        }
        assert!(!Progress::new(RequestId(1), "stop w".to_owned()).count_down(3));
    }

    #[test]
    fn many_answers_are_counted_and_failures_are_seen() {
        let mut progress = Progress::new(RequestId(1), " start  w web:1".to_owned()).folding(Some(5000));
        for number in 0..4000 {
            assert_eq!(progress.take(&format!("w:{number}: started")), None);
        }
        for number in 4000..4030 {
            let shown = progress.take(&format!("ERROR w:{number}: no such file"));
            assert_eq!(shown.is_some(), number < 4010);
        }
        progress.take("web:1: already running");
        assert_eq!(progress.line().unwrap(), "starting  w web:1: 4031 of 5000");
        let summary =
            ["ERROR w: 20 instances: no such file", "w: 4000 instances: started", "web:1: already running"];
        assert_eq!(progress.summary(), summary);
    }
}
