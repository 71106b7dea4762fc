//! The answer to `status` for a person at a terminal: as wide as the terminal, with what a process
//! uses, and folded where a program has many instances. Scripts read `table`.

use std::cmp::Reverse;

use super::table::clock;
use super::{Line, ProcessRow, ProgramRows, Snapshot, Style};
use crate::supervisor::State;

/// Programs of more instances are shown as one line with counts.
const FOLD_ABOVE: usize = 20;
/// Of a folded program, rows that differ from the rest are shown, up to so many.
const ROWS_MAX: usize = 10;
/// A description is worth showing from this width on; for it, other columns give way.
const DESCRIPTION_MIN: usize = 24;

const HEAD: [&str; 7] = ["NAME", "STATE", "PID", "UPTIME", "CPU", "MEMORY", "DESCRIPTION"];
const STATE: usize = 1;
const DESCRIPTION: usize = 6;
/// What gives way on a narrow terminal, the first first.
const GIVE_WAY: [usize; 4] = [5, 4, 3, 2];

type Cells = [String; 7];

/// One row of the table.
enum Row<'a> {
    Instance(&'a ProcessRow),
    Program(&'a ProgramRows),
    /// So many rows more of a program that differ.
    More(usize),
}

/// The table in lines of less than `columns`; with `folds`, programs of many instances are folded.
pub fn render(snapshot: &Snapshot, columns: usize, folds: bool) -> Vec<Line> {
    let rows: Vec<Row> = snapshot.programs.iter().flat_map(|program| rows_of(program, folds)).collect();
    let head = HEAD.map(str::to_owned);
    let cells: Vec<Cells> = rows.iter().map(cells).collect();
    let mut widths = [0; 7];
    for (row, cells) in [(None, &head)].into_iter().chain(rows.iter().map(Some).zip(&cells)) {
        for (column, cell) in cells.iter().enumerate() {
            let spans_columns = matches!(row, Some(Row::Program(_) | Row::More(_))) && column > 0;
            if !spans_columns {
                widths[column] = widths[column].max(cell.chars().count());
            }
        }
    }
    let shown = shown_columns(&widths, columns);
    let mut lines = vec![Line(vec![(Style::Head, join(&head, &widths, &shown))])];
    lines.extend(rows.iter().zip(&cells).map(|(row, cells)| match row {
        Row::Instance(row) => instance_line(row, cells, &widths, &shown, columns),
        Row::Program(program) => program_line(program, widths[0]),
        Row::More(count) => {
            Line(vec![(Style::Dim, format!("{:1$}  ... and {count} more like these", "", widths[0]))])
        }
    }));
    lines
}

fn rows_of(program: &ProgramRows, folds: bool) -> Vec<Row<'_>> {
    if program.processes.is_empty() {
        return vec![Row::Program(program)];
    }
    if !folds || program.processes.len() <= FOLD_ABOVE {
        return program.processes.iter().map(Row::Instance).collect();
    }
    let counts = counts(program);
    let mut rows = vec![Row::Program(program)];
    if counts.len() > 1 {
        let is_news = |row: &&ProcessRow| row.state != State::Running;
        let mut others: Vec<&ProcessRow> = program.processes.iter().filter(is_news).collect();
        // What needs somebody comes first.
        others.sort_by_key(|row| Reverse(row.state.ordinal()));
        let rest = others.len().saturating_sub(ROWS_MAX);
        rows.extend(others.into_iter().take(ROWS_MAX).map(Row::Instance));
        if rest > 0 {
            rows.push(Row::More(rest));
        }
    }
    rows
}

/// How many instances are in each state that one of them is in.
fn counts(program: &ProgramRows) -> Vec<(State, usize)> {
    let mut counts: Vec<(State, usize)> = Vec::new();
    for row in &program.processes {
        match counts.iter_mut().find(|(state, _)| state.ordinal() == row.state.ordinal()) {
            Some((_, count)) => *count += 1,
            None => counts.push((row.state, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts
}

fn cells(row: &Row) -> Cells {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    match row {
        Row::Program(program) => {
            let mut cells = Cells::default();
            cells[0].clone_from(&program.name);
            cells
        }
        Row::More(_) => Cells::default(),
        Row::Instance(row) => [
            row.name.clone(),
            row.state.name().to_owned(),
            or_dash(row.pid.map(|pid| pid.to_string())),
            or_dash(row.uptime.map(clock)),
            or_dash(row.usage.map(|usage| format!("{:.1}%", usage.cpu_percent))),
            or_dash(row.usage.map(|usage| size(usage.rss_bytes))),
            description(row),
        ],
    }
}

/// A process that runs well may have a past that is of interest.
fn description(row: &ProcessRow) -> String {
    match row.exit {
        Some(exit) if row.description.is_empty() && row.restarts > 0 => {
            let times = if row.restarts == 1 { "once".to_owned() } else { format!("{} times", row.restarts) };
            format!("restarted {times}, last after {exit}")
        }
        _ => row.description.clone(),
    }
}

/// Which columns there is room for.
fn shown_columns(widths: &[usize; 7], columns: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..HEAD.len()).collect();
    for column in GIVE_WAY {
        let fixed: usize = shown.iter().filter(|at| **at != DESCRIPTION).map(|at| widths[*at] + 2).sum();
        if fixed + widths[DESCRIPTION].min(DESCRIPTION_MIN) < columns {
            break;
        }
        shown.retain(|at| *at != column);
    }
    shown
}

fn join(cells: &Cells, widths: &[usize; 7], shown: &[usize]) -> String {
    let padded = shown.iter().map(|at| format!("{:1$}  ", cells[*at], widths[*at]));
    padded.collect::<String>().trim_end().to_owned()
}

fn instance_line(
    row: &ProcessRow,
    cells: &Cells,
    widths: &[usize; 7],
    shown: &[usize],
    columns: usize,
) -> Line {
    let text = join(cells, widths, shown);
    let text = match text.char_indices().nth(columns.saturating_sub(1)) {
        Some(_) => {
            let kept = text.char_indices().nth(columns.saturating_sub(4)).map_or(text.len(), |(at, _)| at);
            format!("{}...", &text[..kept])
        }
        None => text,
    };
    // The state is coloured, the rest speaks for itself. Names are ASCII by the configuration's rules.
    let start = (widths[0] + 2).min(text.len());
    let end = (start + cells[STATE].len()).min(text.len());
    let (Some(name), Some(state), Some(rest)) = (text.get(..start), text.get(start..end), text.get(end..))
    else {
        return Line::plain(text);
    };
    let pieces = [(Style::Plain, name), (style(row.state), state), (Style::Plain, rest)];
    Line(pieces.into_iter().map(|(style, text)| (style, text.to_owned())).collect())
}

/// `worker  5000 instances: 4990 RUNNING, 10 BACKOFF; 12.5% CPU, 16G`.
fn program_line(program: &ProgramRows, name_width: usize) -> Line {
    let all = program.processes.len();
    let mut pieces = vec![(Style::Plain, format!("{:name_width$}  {all} instances", program.name))];
    for (at, (state, count)) in counts(program).into_iter().enumerate() {
        pieces.push((Style::Plain, format!("{}{count} ", if at == 0 { ": " } else { ", " })));
        pieces.push((style(state), state.name().to_owned()));
    }
    let usages = || program.processes.iter().filter_map(|row| row.usage);
    if usages().next().is_some() {
        let cpu: f64 = usages().map(|usage| usage.cpu_percent).sum();
        let memory = size(usages().map(|usage| usage.rss_bytes).sum());
        pieces.push((Style::Plain, format!("; {cpu:.1}% CPU, {memory}")));
    }
    Line(pieces)
}

fn style(state: State) -> Style {
    style_of(state.name())
}

fn style_of(state: &str) -> Style {
    match state {
        "RUNNING" => Style::Good,
        "STARTING" | "STOPPING" | "BACKOFF" => Style::Busy,
        "FATAL" => Style::Bad,
        "STOPPED" => Style::Dim,
        _ => Style::Plain,
    }
}

/// A line of this table that came as text, in its styles again: the state is the second word, or there
/// are counts of them.
pub fn dress(line: &str) -> Line {
    if line.starts_with(HEAD[0]) && line.contains(HEAD[STATE]) {
        return Line(vec![(Style::Head, line.to_owned())]);
    }
    if line.starts_with("ERROR ") {
        return Line(vec![(Style::Bad, line.to_owned())]);
    }
    let has_counts = line.contains(" instances: ");
    let mut pieces = Vec::new();
    let mut words = 0;
    for piece in line.split_inclusive(' ') {
        words += usize::from(piece != " ");
        let word = piece.trim_end_matches([' ', ',', ';']);
        let is_state = State::NAMES.contains(&word) && (words == 2 || has_counts);
        let style = if is_state { style_of(word) } else { Style::Plain };
        pieces.push((style, word.to_owned()));
        pieces.push((Style::Plain, piece[word.len()..].to_owned()));
    }
    Line(pieces)
}

/// `812K`, `3.4M`, `12G`: two digits are enough to compare.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64 / 1024.0;
    for unit in ["K", "M", "G"] {
        if value < 1000.0 {
            let digits = usize::from(value < 10.0 && unit != "K");
            return format!("{value:.digits$}{unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1}T")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::ExitStatus;
    use crate::view::Usage;
    use std::time::Duration;

    fn program(name: &str, states: &[State]) -> ProgramRows {
        let row = |(number, state): (usize, &State)| ProcessRow {
            name: format!("{name}:{number}"),
            state: *state,
            pid: (*state == State::Running).then_some(100 + number as u32),
            uptime: (*state == State::Running).then_some(Duration::from_secs(61)),
            restarts: 0,
            exits: 0,
            exit: None,
            description: if *state == State::Running { String::new() } else { "exit code 1".to_owned() },
            usage: (*state == State::Running).then_some(Usage {
                cpu_percent: 0.25,
                cpu_seconds: 1.0,
                rss_bytes: 3 * 1024 * 1024,
            }),
        };
        let processes: Vec<ProcessRow> = states.iter().enumerate().map(row).collect();
        ProgramRows { name: name.to_owned(), numprocs: states.len() as u32, processes }
    }

    fn rendered(programs: Vec<ProgramRows>, columns: usize, folds: bool) -> Vec<String> {
        let lines = render(&Snapshot { programs }, columns, folds);
        lines.iter().map(Line::text).collect()
    }

    #[test]
    fn few_instances_are_rows_with_what_they_use() {
        let mut web = program("web", &[State::Running, State::Fatal]);
        web.processes[0].restarts = 2;
        web.processes[0].exit = Some(ExitStatus::Code(3));
        assert_eq!(
            rendered(vec![web, program("none", &[])], 100, true),
            [
                "NAME   STATE    PID  UPTIME   CPU   MEMORY  DESCRIPTION",
                "web:0  RUNNING  100  0:01:01  0.2%  3.0M    restarted 2 times, last after exit code 3",
                "web:1  FATAL    -    -        -     -       exit code 1",
                "none   0 instances",
            ]
        );
    }

    #[test]
    fn many_instances_are_one_line_and_those_that_differ() {
        let mut states = [State::Running; 5000];
        states[7..27].fill(State::Backoff);
        states[4000] = State::Fatal;
        let lines = rendered(vec![program("worker", &states)], 80, true);
        assert_eq!(
            lines[1],
            "worker       5000 instances: 4979 RUNNING, 20 BACKOFF, 1 FATAL; 1244.8% CPU, 15G"
        );
        assert!(lines[2].starts_with("worker:4000  FATAL"), "{lines:#?}");
        assert!(lines[3].starts_with("worker:7     BACKOFF"), "{lines:#?}");
        assert_eq!(lines[12], "             ... and 11 more like these");
        assert_eq!(lines.len(), 13);
        assert_eq!(rendered(vec![program("worker", &states)], 80, false).len(), 5001);
    }

    #[test]
    fn a_table_that_came_as_text_is_dressed_as_it_was() {
        let mut states = [State::Running; 30];
        states[3] = State::Fatal;
        let web = program("web", &[State::Running, State::Backoff, State::Stopped, State::Exited]);
        let programs = vec![program("worker", &states), web, program("none", &[])];
        let seen = |line: &Line| -> Vec<(Style, char)> {
            line.0.iter().flat_map(|(style, text)| text.chars().map(|c| (*style, c))).collect()
        };
        for line in render(&Snapshot { programs }, 100, true) {
            assert_eq!(seen(&dress(&line.text())), seen(&line));
        }
    }

    #[test]
    fn all_alike_need_no_rows() {
        let lines = rendered(vec![program("worker", &[State::Stopped; 30])], 80, true);
        assert_eq!(lines[1..], ["worker  30 instances: 30 STOPPED"]);
    }

    #[test]
    fn a_narrow_terminal_is_kept_to() {
        let mut web = program("web", &[State::Running, State::Backoff]);
        web.processes[1].description = "cannot find the program; retry 2 of 3 in 2 s".to_owned();
        let narrow = rendered(vec![web.clone()], 60, true);
        assert_eq!(narrow[2], "web:1  BACKOFF  -    -        cannot find the program; r...");
        for columns in 30..100 {
            let lines = rendered(vec![web.clone()], columns, true);
            assert!(lines.iter().all(|line| line.chars().count() < columns), "{columns}: {lines:#?}");
        }
        assert_eq!(rendered(vec![web], 36, true)[0], "NAME   STATE    DESCRIPTION");
    }

    #[test]
    fn sizes_are_short() {
        let shown: Vec<String> =
            [0, 812 << 10, 3 << 20, 999 << 20, 1 << 30, 5 << 40].into_iter().map(size).collect();
        assert_eq!(shown, ["0K", "812K", "3.0M", "999M", "1.0G", "5.0T"]);
    }
}
