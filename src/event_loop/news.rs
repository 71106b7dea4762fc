//! What the console tells unasked: which state changes are news, and when they are told.
//!
//! News of one kind about one program are told together, a moment after the first of them: 400 workers
//! that die together are one line. A program that goes on making the same news is told of less and
//! less often. There is a deadline only while something waits to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::EventLoop;
use crate::command::Verbosity;
use crate::config::HookEvent;
use crate::slots::Key;
use crate::supervisor::{State, Subject, is_expected};
use crate::time::Time;
use crate::view::{Line, Style};

/// A burst is over when nothing more comes for this time, too short to be noticed ...
const SETTLE: Duration = Duration::from_millis(200);
/// ... but after this at the latest it is told how far it is.
const BURST_MAX: Duration = Duration::from_secs(1);
/// The wait before the same news are told again, which doubles each time ...
const AGAIN_MIN: Duration = Duration::from_secs(5);
/// ... up to this. Nothing new for twice as long is peace.
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// Lines at once; whoever sees more of them asks for the status.
const LINES_MAX: usize = 20;
/// Instances that are named one by one.
const NAMED_MAX: usize = 3;

/// In the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Fatal,
    EndedForGood,
    EndedAndRestarted,
    FailedToStart,
    Recovered,
    // With Verbosity::All:
    Running,
    Exited,
    Stopped,
}

impl Kind {
    fn is_problem(self) -> bool {
        self < Kind::Running
    }

    /// What happens to very many in a restart storm, which is told as a whole.
    fn is_part_of_a_storm(self) -> bool {
        matches!(self, Kind::EndedAndRestarted | Kind::FailedToStart | Kind::Recovered)
    }

    fn words(self) -> (&'static str, &'static str, Style) {
        match self {
            Kind::Fatal => ("FATAL, nobody tries any more", "", Style::Bad),
            Kind::EndedForGood => ("ended unexpectedly", ", and is not restarted", Style::Bad),
            Kind::EndedAndRestarted => ("ended unexpectedly", ", restarting", Style::Bad),
            Kind::FailedToStart => ("could not start", ", trying again", Style::Bad),
            Kind::Recovered => ("running again", "", Style::Good),
            Kind::Running => ("running", "", Style::Good),
            Kind::Exited => ("ended as expected", "", Style::Dim),
            Kind::Stopped => ("stopped", "", Style::Dim),
        }
    }
}

/// One change of one instance.
struct Change<'a> {
    program: &'a str,
    number: u32,
    kind: Kind,
    /// Why, if there is more to say than what.
    reason: String,
}

/// What waits to be told.
pub(super) struct News {
    verbosity: Verbosity,
    groups: BTreeMap<(String, Kind), Group>,
    /// Instances in trouble: their next RUNNING is news.
    troubled: BTreeSet<Key>,
}

struct Group {
    /// By number: how often, and why at last.
    waiting: BTreeMap<u32, (u32, String)>,
    due: Time,
    /// When the first of what waits happened.
    since: Time,
    told: Option<Time>,
    again: Duration,
}

impl News {
    pub(super) fn new(verbosity: Verbosity) -> News {
        News { verbosity, groups: BTreeMap::new(), troubled: BTreeSet::new() }
    }

    fn note(&mut self, now: Time, change: Change) {
        let is_wanted = match self.verbosity {
            Verbosity::None => false,
            Verbosity::Problems => change.kind.is_problem(),
            Verbosity::All => true,
        };
        if !is_wanted {
            return;
        }
        let group = self.groups.entry((change.program.to_owned(), change.kind)).or_insert(Group {
            waiting: BTreeMap::new(),
            due: now,
            since: now,
            told: None,
            again: SETTLE,
        });
        if group.waiting.is_empty() {
            group.since = now;
            if group.told.is_some_and(|told| now - told >= 2 * group.again) {
                group.again = SETTLE;
            }
        }
        // That an instance is given up is never kept back for long: it happens once.
        let again = if change.kind == Kind::Fatal { SETTLE } else { group.again };
        let settled = (now + SETTLE).min(group.since + BURST_MAX);
        group.due = settled.max(group.told.map_or(now, |told| told + again));
        let (count, reason) = group.waiting.entry(change.number).or_default();
        *count += 1;
        *reason = change.reason;
    }

    /// What waits to be told is part of a restart storm, and told with it.
    fn leave_to_the_storm(&mut self) {
        self.groups.retain(|(_, kind), _| !kind.is_part_of_a_storm());
    }

    /// The user has just been told of this instance by an answer.
    fn answered(&mut self, program: &str, number: u32) {
        for kind in [Kind::Fatal, Kind::FailedToStart, Kind::Recovered, Kind::Running, Kind::Stopped] {
            if let Some(group) = self.groups.get_mut(&(program.to_owned(), kind)) {
                group.waiting.remove(&number);
            }
        }
    }

    /// When [`News::tell`] has something.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.groups.values().filter(|group| !group.waiting.is_empty()).map(|group| group.due).min()
    }

    /// What is due.
    fn tell(&mut self, now: Time) -> Vec<Line> {
        let mut lines = Vec::new();
        for ((program, kind), group) in &mut self.groups {
            if !group.waiting.is_empty() && group.due <= now {
                lines.push((*kind, line(program, *kind, &std::mem::take(&mut group.waiting))));
                group.told = Some(now);
                group.again = (group.again * 2).clamp(AGAIN_MIN, AGAIN_MAX);
            }
        }
        let is_at_peace = |group: &Group| {
            group.waiting.is_empty() && group.told.is_none_or(|told| now - told >= 2 * group.again)
        };
        self.groups.retain(|_, group| !is_at_peace(group));
        lines.sort_by_key(|(kind, _)| *kind);
        let rest = lines.len().saturating_sub(LINES_MAX);
        lines.truncate(LINES_MAX);
        let more = (rest > 0).then(|| (Style::Dim, format!("... and news of {rest} more programs")));
        lines.into_iter().map(|(_, line)| line).chain(more.map(|piece| Line(vec![piece]))).collect()
    }
}

fn line(program: &str, kind: Kind, waiting: &BTreeMap<u32, (u32, String)>) -> Line {
    let (what, consequence, style) = kind.words();
    let times: u32 = waiting.values().map(|(count, _)| count).sum();
    let who = match waiting.len() {
        0..=NAMED_MAX => {
            let names: Vec<String> = waiting.keys().map(|number| format!("{program}:{number}")).collect();
            names.join(", ")
        }
        many => format!("{program}: {many} instances"),
    };
    let mut reasons: Vec<&str> = waiting.values().map(|(_, reason)| reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let why = match reasons.as_slice() {
        [] | [""] => String::new(),
        [reason] => format!(" ({reason})"),
        [reason, ..] => format!(" ({reason}, and other reasons)"),
    };
    let often = match waiting.len() as u32 {
        instances if instances == times => String::new(),
        _ => format!(", {times} times"),
    };
    let hint = match kind {
        Kind::Fatal if waiting.len() <= NAMED_MAX => format!("; ask 'why {}'", who.replace(',', "")),
        Kind::Fatal => format!("; ask 'why {program}'"),
        _ => String::new(),
    };
    Line(vec![(style, format!("{who}: {what}{why}{often}{consequence}{hint}"))])
}

impl EventLoop {
    /// A state has changed: is that news?
    pub(super) fn note_change(&mut self, key: Key, from: State, to: State) {
        if !self.console.is_interactive() {
            return;
        }
        let (Some(instance), Some(program)) =
            (self.supervisor.instance(key), self.supervisor.program_of(key))
        else {
            return;
        };
        let spec = program.spec();
        let exit = instance.last_exit();
        let was_expected = exit.is_some_and(|status| is_expected(spec, status));
        let kind = match (from, to) {
            (_, State::Fatal) => Kind::Fatal,
            (_, State::Exited) if was_expected => Kind::Exited,
            (_, State::Exited) => Kind::EndedForGood,
            (State::Running, State::Starting(_) | State::Backoff) if was_expected => return,
            (State::Running, State::Starting(_) | State::Backoff) => Kind::EndedAndRestarted,
            (_, State::Backoff) => Kind::FailedToStart,
            (_, State::Running) if self.news.troubled.contains(&key) => Kind::Recovered,
            (_, State::Running) => Kind::Running,
            (_, State::Stopped) => Kind::Stopped,
            (_, State::Starting(_) | State::Stopping(_)) => return,
        };
        let reason = match (kind, instance.spawn_error(), exit) {
            (Kind::Recovered | Kind::Running | Kind::Stopped, _, _) => String::new(),
            (_, Some(error), _) => error.to_owned(),
            (_, None, Some(exit)) => exit.to_string(),
            (_, None, None) => String::new(),
        };
        let (number, program) = (instance.number(), spec.name.clone());
        match kind {
            Kind::EndedAndRestarted | Kind::FailedToStart => drop(self.news.troubled.insert(key)),
            _ => drop(self.news.troubled.remove(&key)),
        }
        if self.supervisor.is_storm() && kind.is_part_of_a_storm() {
            return;
        }
        self.news.note(self.now, Change { program: &program, number, kind, reason });
    }

    /// An answer that the console shows makes the same news superfluous.
    pub(super) fn note_answer(&mut self, line: &str) {
        let named = line.strip_prefix("ERROR ").unwrap_or(line).split(": ").next();
        let instance = named.and_then(|name| name.rsplit_once(':'));
        if let Some((program, number)) = instance
            && let Ok(number) = number.parse()
        {
            self.news.answered(program, number);
        }
    }

    /// One line about many instances, which is told at once; but not to a console that has asked, and is
    /// answered.
    pub(super) fn note(&mut self, text: &str, subject: Subject) {
        let (level, style, is_known) = match subject {
            Subject::Roll(request) => (log::Level::Error, Style::Bad, !self.faces.is_over_http(request)),
            Subject::StormBegins | Subject::RunSkipped => (log::Level::Error, Style::Bad, false),
            Subject::RunAfterSkipped => (log::Level::Info, Style::Good, false),
            Subject::StormIsOver => (log::Level::Warn, Style::Good, false),
        };
        log::log!(level, "{text}");
        match subject {
            Subject::StormBegins => {
                self.news.leave_to_the_storm();
                self.tell_hooks_of_storm(HookEvent::Storm, text);
            }
            Subject::StormIsOver => self.tell_hooks_of_storm(HookEvent::StormOver, text),
            Subject::Roll(_) | Subject::RunSkipped | Subject::RunAfterSkipped => {}
        }
        if self.console.is_interactive() && !is_known && self.news.verbosity != Verbosity::None {
            self.console.announce(&Line(vec![(style, text.to_owned())]));
        }
    }

    /// Tells the console what is due.
    pub(super) fn tell_news(&mut self) {
        if self.news.next_deadline().is_some_and(|due| due <= self.now) {
            for line in self.news.tell(self.now) {
                self.console.announce(&line);
            }
        }
    }

    /// `messages` and `messages LEVEL`.
    pub(super) fn set_verbosity(&mut self, verbosity: Option<Verbosity>) -> Vec<String> {
        if let Some(verbosity) = verbosity {
            self.news.verbosity = verbosity;
            self.news.groups.clear();
        }
        vec![format!("messages: {}", self.news.verbosity)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    fn note(news: &mut News, millis: u64, number: u32, kind: Kind, reason: &str) {
        let change = Change { program: "w", number, kind, reason: reason.to_owned() };
        news.note(at(millis), change);
    }

    /// Everything that is told until `millis`, with the time.
    fn told(news: &mut News, millis: u64) -> Vec<(Time, String)> {
        let mut all = Vec::new();
        while let Some(due) = news.next_deadline().filter(|due| *due <= at(millis)) {
            let lines = news.tell(due);
            assert!(!lines.is_empty(), "a deadline for nothing");
            all.extend(lines.iter().map(|line| (due, line.text())));
        }
        all
    }

    #[test]
    fn many_that_die_together_are_one_line() {
        let mut news = News::new(Verbosity::Problems);
        assert_eq!(news.next_deadline(), None);
        for number in 0..400 {
            note(&mut news, 10 + u64::from(number) / 4, number, Kind::EndedAndRestarted, "killed by SIGKILL");
        }
        let line = "w: 400 instances: ended unexpectedly (killed by SIGKILL), restarting";
        assert_eq!(told(&mut news, 10_000), [(at(10 + 99 + 200), line.to_owned())]);
        assert_eq!(news.next_deadline(), None);
    }

    #[test]
    fn a_burst_that_goes_on_is_told_of_while_it_does() {
        let mut news = News::new(Verbosity::Problems);
        let mut lines = Vec::new();
        for number in 0..40 {
            note(&mut news, u64::from(number) * 100, number, Kind::Recovered, "");
            lines.extend(told(&mut news, u64::from(number) * 100 + 99));
        }
        assert_eq!(lines, [(at(1000), "w: 11 instances: running again".to_owned())]);
    }

    #[test]
    fn few_are_named_and_reasons_that_differ_are_not_hidden() {
        let mut news = News::new(Verbosity::Problems);
        note(&mut news, 0, 7, Kind::EndedForGood, "exit code 3");
        note(&mut news, 0, 2, Kind::EndedForGood, "killed by SIGKILL");
        note(&mut news, 0, 1, Kind::Recovered, "");
        let lines: Vec<String> = told(&mut news, 1000).into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "w:2, w:7: ended unexpectedly (exit code 3, and other reasons), and is not restarted",
                "w:1: running again"
            ]
        );
    }

    #[test]
    fn a_program_that_flaps_is_told_of_less_and_less_often() {
        let mut news = News::new(Verbosity::Problems);
        let mut lines = Vec::new();
        for second in 0..600 {
            note(&mut news, second * 1000, 0, Kind::EndedAndRestarted, "exit code 1");
            lines.extend(told(&mut news, second * 1000 + 999));
        }
        assert!((8..20).contains(&lines.len()), "{lines:#?}");
        assert_eq!(lines[0].1, "w:0: ended unexpectedly (exit code 1), restarting");
        assert_eq!(lines[1].1, "w:0: ended unexpectedly (exit code 1), 5 times, restarting");
        // Peace makes it news again.
        note(&mut news, 2_000_000, 0, Kind::EndedAndRestarted, "exit code 1");
        let again = told(&mut news, 3_000_000);
        assert!(again.last().unwrap().0 <= at(2_000_200), "{again:?}");
    }

    #[test]
    fn giving_up_is_told_at_once_even_after_others() {
        let mut news = News::new(Verbosity::Problems);
        for number in 0..3 {
            note(&mut news, u64::from(number) * 1000, number, Kind::Fatal, "exit code 1");
            let line =
                format!("w:{number}: FATAL, nobody tries any more (exit code 1); ask 'why w:{number}'");
            let due = at(u64::from(number) * 1000 + 200);
            assert_eq!(told(&mut news, u64::from(number) * 1000 + 200), [(due, line)]);
        }
    }

    #[test]
    fn what_an_answer_says_is_no_news() {
        let mut news = News::new(Verbosity::All);
        note(&mut news, 0, 1, Kind::Fatal, "exit code 1");
        note(&mut news, 0, 2, Kind::Running, "");
        news.answered("w", 1);
        news.answered("w", 2);
        assert_eq!(news.next_deadline(), None);
        note(&mut news, 0, 1, Kind::EndedForGood, "exit code 1");
        news.answered("w", 1);
        assert!(news.next_deadline().is_some(), "that it died before is news");
    }

    #[test]
    fn the_verbosity_says_what_is_news() {
        for (verbosity, count) in [(Verbosity::None, 0), (Verbosity::Problems, 1), (Verbosity::All, 2)] {
            let mut news = News::new(verbosity);
            note(&mut news, 0, 0, Kind::Fatal, "");
            note(&mut news, 0, 1, Kind::Stopped, "");
            assert_eq!(told(&mut news, 1000).len(), count);
        }
    }
}
