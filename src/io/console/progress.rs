//! An order that is waited for: how far it is, and its answers in few lines when they are many.

use std::collections::BTreeMap;

use crate::command::RequestId;

/// An order over more instances than this is shown as one line that counts; of fewer, each answer is.
const FEW: usize = 20;
/// Failures that are shown one by one even then.
const FAILURES_MAX: usize = 10;

/// Words for what a command does while it does it.
const DOING: [(&str, &str); 6] = [
    ("start", "starting"),
    ("stop", "stopping"),
    ("restart", "restarting"),
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
    /// How many instances it is about.
    total: usize,
    settled: usize,
    /// How often each answer came, by program and words.
    outcomes: BTreeMap<(String, String), (usize, String)>,
    failures_shown: usize,
    /// It ends everything: what is counted are processes, not answers.
    is_last: bool,
}

impl Progress {
    /// With `total` 0 it is not known how many answers will come.
    pub(super) fn new(request: RequestId, command: String, total: usize) -> Progress {
        Progress {
            request,
            command,
            total,
            settled: 0,
            outcomes: BTreeMap::new(),
            failures_shown: 0,
            is_last: false,
        }
    }

    /// Takes an answer; gives back what is to be shown at once.
    pub(super) fn take(&mut self, line: &str) -> Option<String> {
        self.settled += 1;
        if self.total <= FEW {
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
        (self.total > FEW || self.is_last)
            .then(|| format!("{doing}{rest}: {} of {}", self.settled, self.total))
    }

    /// Everything is being stopped, and so many processes are left. Whether that is what this is about.
    pub(super) fn count_down(&mut self, left: usize) -> bool {
        if doing(self.verb()) != LEAVING {
            return false;
        }
        self.is_last = true;
        self.total = self.total.max(left);
        self.settled = self.total - left;
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
        let mut progress = Progress::new(RequestId(1), "stop w".to_owned(), 2);
        assert_eq!(progress.take("w:0: stopped").as_deref(), Some("w:0: stopped"));
        assert_eq!((progress.line(), progress.summary()), (None, vec![]));
    }

    #[test]
    fn the_way_out_counts_processes() {
        let mut progress = Progress::new(RequestId(1), "exit".to_owned(), 0);
        for (left, line) in [(3, "stopping everything: 0 of 3"), (1, "stopping everything: 2 of 3")] {
            assert!(progress.count_down(left));
            assert_eq!(progress.line().as_deref(), Some(line));
        }
        assert!(!Progress::new(RequestId(1), "stop w".to_owned(), 30).count_down(3));
    }

    #[test]
    fn many_answers_are_counted_and_failures_are_seen() {
        let mut progress = Progress::new(RequestId(1), " start  w web:1".to_owned(), 5000);
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
