//! What may stand in a log, from the README alone: every writer's bytes come in order and once; a line is one
//! writer's, whole, and in one file; what is lost is lost in whole lines, and only where something may be lost.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Lines beyond this are cut where several write, in bytes.
const CUT_AT: usize = 64 * 1024;
/// More ways to read a log than this, and too little could be told from it.
const READINGS_MAX: usize = 20_000;
/// What stands before a line with its time: `2026-01-01T00:00:00.000Z  `.
const STAMP_BYTES: usize = 26;

/// What is known of a writer.
pub struct Account<'a> {
    pub name: String,
    /// Which bytes are its own.
    pub owns: fn(usize, u8) -> bool,
    pub class: usize,
    /// What the kernel took of it.
    pub said: &'a [u8],
    pub is_stamped: bool,
    /// Nothing more can come.
    pub has_ended: bool,
    /// It has not been alone at all times, so that its longest lines may be cut.
    pub is_cut: bool,
    /// Where a line of it may have been ended for the sake of others.
    pub tears: &'a [RangeInclusive<usize>],
    /// How much of it must be there.
    pub due: usize,
}

/// How far a log can have been read: where each writer is then, and how many of its bytes stood there.
type Readings = HashMap<Vec<usize>, Vec<usize>>;

/// What a log may do that it may not do else, as the disk has refused.
#[derive(Clone, Copy, Default)]
pub struct Leave {
    /// Lines may be missing.
    pub may_lose: bool,
    /// A line may go on in another file, as this one was moved away while the disk refused the line.
    pub may_break: bool,
}

/// Holds a log against what its writers have said. Gives how many bytes of each are there.
pub fn audit(
    log: &str,
    generations: &[Vec<u8>],
    writers: &[Account],
    leave: Leave,
) -> Result<Vec<usize>, String> {
    let mut readings = Readings::from([(vec![0; writers.len()], vec![0; writers.len()])]);
    let last = generations.iter().rposition(|text| !text.is_empty()).unwrap_or(0);
    for (number, text) in generations.iter().enumerate() {
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line = Line::new(line, number == last || leave.may_break);
            let mut next = Readings::new();
            for (places, counts) in &readings {
                go_on(&mut next, places, counts, &line, writers, leave.may_lose);
            }
            if next.is_empty() {
                let place = format!("{log}, file {number} of {}, line {index}", generations.len());
                return Err(format!("{place}: {}", no_one_said(line.raw, &readings, writers)));
            }
            assert!(next.len() <= READINGS_MAX, "{log} can be read in too many ways");
            readings = next;
        }
    }
    let is_complete = |reading: &(&Vec<usize>, &Vec<usize>)| {
        leave.may_lose || reading.0.iter().zip(writers).all(|(place, writer)| *place >= writer.due)
    };
    let fullest = readings.iter().filter(is_complete).max_by_key(|(_, counts)| counts.iter().sum::<usize>());
    match fullest {
        Some((_, counts)) => Ok(counts.clone()),
        None => Err(format!("{log}: {}", missing(&readings, writers))),
    }
}

/// A line of a log.
struct Line<'a> {
    raw: &'a [u8],
    /// Without its end.
    text: &'a [u8],
    /// The same without the time before it, if there is one.
    unstamped: Option<&'a [u8]>,
    has_end: bool,
    /// It may go on later, or elsewhere.
    may_be_open: bool,
}

impl Line<'_> {
    fn new(raw: &[u8], may_be_open: bool) -> Line<'_> {
        let text = raw.strip_suffix(b"\n");
        let has_end = text.is_some();
        let text = text.unwrap_or(raw);
        Line { raw, text, unstamped: unstamped(text), has_end, may_be_open }
    }

    /// How many bytes of a writer it has if it is whole.
    fn bytes_of(&self, writer: &Account) -> usize {
        self.said_by(writer).map_or(0, <[u8]>::len) + usize::from(self.has_end)
    }

    /// What a writer would have said.
    fn said_by(&self, writer: &Account) -> Option<&[u8]> {
        if writer.is_stamped { self.unstamped } else { Some(self.text) }
    }
}

/// Who may have said this line, and how far a reading is then.
fn go_on(
    next: &mut Readings,
    places: &[usize],
    counts: &[usize],
    line: &Line,
    writers: &[Account],
    may_lose: bool,
) {
    for (index, writer) in writers.iter().enumerate() {
        let mut ends = ends(writer, places[index], line);
        if ends.is_empty() && may_lose && may_be_of(writer, line) {
            let later =
                || later_lines(writer.said, places[index]).map(|start| self::ends(writer, start, line));
            // A whole line is likelier than a torn one.
            let is_whole = |ends: &Vec<(usize, usize)>| ends.iter().any(|end| end.1 == line.bytes_of(writer));
            ends = later().find(is_whole).or_else(|| later().find(|it| !it.is_empty())).unwrap_or_default();
        }
        for (end, bytes) in ends {
            let (mut places, mut counts) = (places.to_vec(), counts.to_vec());
            places[index] = end;
            counts[index] += bytes;
            let known = next.entry(places).or_insert_with(|| counts.clone());
            if known.iter().sum::<usize>() < counts.iter().sum() {
                *known = counts;
            }
        }
    }
}

/// Whether it is worth the while to look for a line in what a writer has said later.
fn may_be_of(writer: &Account, line: &Line) -> bool {
    let text = line.said_by(writer).unwrap_or_default();
    text.first().is_some_and(|byte| (writer.owns)(writer.class, *byte))
}

fn later_lines(said: &[u8], at: usize) -> impl Iterator<Item = usize> {
    let is_start = |start: &usize| said[start - 1] == b'\n';
    (at.max(1)..said.len()).filter(is_start)
}

/// Where a writer is after a line, if it can have said it from `at` on, and how many of its bytes that took.
fn ends(writer: &Account, at: usize, line: &Line) -> Vec<(usize, usize)> {
    let text = line.said_by(writer).filter(|text| writer.said[at..].starts_with(text));
    let Some(text) = text else { return Vec::new() };
    let end = at + text.len();
    let is_tail = writer.has_ended && end == writer.said.len();
    if !line.has_end {
        let may_be_open = line.may_be_open && !writer.is_stamped;
        return if may_be_open || is_tail { vec![(end, text.len())] } else { Vec::new() };
    }
    let mut ends = Vec::new();
    if writer.said.get(end) == Some(&b'\n') {
        ends.push((end + 1, text.len() + 1));
    }
    let is_too_long = writer.is_cut && text.len() >= CUT_AT;
    if !text.is_empty() && (is_tail || is_too_long || writer.tears.iter().any(|tear| tear.contains(&end))) {
        ends.push((end, text.len()));
    }
    ends
}

/// The line behind its time.
fn unstamped(line: &[u8]) -> Option<&[u8]> {
    let (stamp, line) = line.split_at_checked(STAMP_BYTES)?;
    let time = std::str::from_utf8(stamp).ok()?.strip_suffix("Z  ")?;
    let is_form = time.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.',
        _ => byte.is_ascii_digit(),
    });
    is_form.then_some(line)
}

fn no_one_said(line: &[u8], readings: &Readings, writers: &[Account]) -> String {
    let due = readings.keys().min().into_iter().flat_map(|places| {
        places.iter().zip(writers).map(|(place, writer)| {
            let rest = shown(&writer.said[*place..]);
            format!("\n  {} is at {place} of {}: {rest}", writer.name, writer.said.len())
        })
    });
    format!("nobody can have said {}, as{}", shown(line), due.collect::<String>())
}

fn missing(readings: &Readings, writers: &[Account]) -> String {
    let Some(places) = readings.keys().max() else { return "it cannot be read".to_owned() };
    let lacking = places.iter().zip(writers).filter(|(place, writer)| **place < writer.due);
    let told = lacking.map(|(place, writer)| {
        let rest = shown(&writer.said[*place..writer.due]);
        format!("\n  of {} there is {place} of {}, without {rest}", writer.name, writer.due)
    });
    format!("something is missing{}", told.collect::<String>())
}

fn shown(text: &[u8]) -> String {
    const SHOWN: usize = 60;
    let more = if text.len() > SHOWN { format!(" and {} bytes", text.len() - SHOWN) } else { String::new() };
    format!("\"{}\"{more}", text[..text.len().min(SHOWN)].escape_ascii())
}

/// Every promise is shown to be kept by a log that keeps it, and broken by one that does not.
#[test]
fn the_reference_tells_good_logs_from_bad_ones() {
    let account = |name: &str, said: &'static [u8]| Account {
        name: name.to_owned(),
        owns: |_, _| true,
        class: 0,
        said,
        is_stamped: false,
        has_ended: false,
        is_cut: false,
        tears: &[],
        due: said.len(),
    };
    let two = || [account("a", b"a1\n\na2\n"), account("b", b"b1\r\nb2\n")];
    let read = |files: &[&str], writers: &[Account], may_lose: bool| {
        let files: Vec<Vec<u8>> = files.iter().map(|text| text.as_bytes().to_vec()).collect();
        audit("log", &files, writers, Leave { may_lose, may_break: false })
    };
    for good in
        [&["a1\n\na2\nb1\r\nb2\n"][..], &["b1\r\na1\n", "\n", "b2\na2\n"], &["b1\r\nb2\na1\n\na2\n", ""]]
    {
        assert_eq!(read(good, &two(), false), Ok(vec![7, 7]), "{good:?}");
    }
    for bad in [
        &["a1\n\na2\nb1\r\n"][..],
        &["a1\n\na2\nb1\nb2\n"],
        &["a1\na2\n\nb1\r\nb2\n"],
        &["a1\n\na2\nb2\nb1\r\n"],
        &["a1\n\na2\nb1\r\nb2\nb2\n"],
        &["a1b1\r\n\n\na2\nb2\n"],
        &["a", "1\n\na2\nb1\r\nb2\n"],
        &["a\n1\n\na2\nb1\r\nb2\n"],
        &[],
    ] {
        assert!(read(bad, &two(), false).is_err(), "{bad:?}");
    }
    assert_eq!(read(&["a2\nb1\r\n"], &two(), true), Ok(vec![3, 4]));
    for bad in ["2\n", "a2\na1\n", "a1\na\n"] {
        assert!(read(&[bad], &two(), true).is_err(), "{bad:?} has lost what is no whole line");
    }
    let half = || account("a", b"a1\na");
    assert!(read(&["a1\na"], &[half()], false).is_ok());
    assert!(read(&["a1\na\n"], &[half()], false).is_err());
    assert!(
        read(&["a1\na\n", "x"], &[Account { has_ended: true, ..half() }, account("x", b"x")], false).is_ok()
    );
    assert!(read(&["a1\na\n"], &[Account { tears: &[4..=4], ..half() }], false).is_ok());
    let stamped = || Account { is_stamped: true, ..account("a", b"a1\n") };
    assert!(read(&["2026-01-01T00:00:00.000Z  a1\n"], &[stamped()], false).is_ok());
    assert!(read(&["a1\n"], &[stamped()], false).is_err());
    let long = || account("a", &[b'a'; CUT_AT + 1]);
    let cut = [vec![b'a'; CUT_AT], b"\na".to_vec()].concat();
    assert!(audit("log", std::slice::from_ref(&cut), &[long()], Leave::default()).is_err());
    assert!(audit("log", &[cut], &[Account { is_cut: true, ..long() }], Leave::default()).is_ok());
}
