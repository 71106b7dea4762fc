//! Lines of children, and configurations.

use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, UNIX_EPOCH};

use taskmaster::config::{self, LogFormat, Source};
use taskmaster::lines::{Style, cut};

use super::Work;

pub const LINES: usize = 10_000;
pub const PROGRAMS: usize = 200;
/// A piece ends anywhere in a line.
const PIECE_BYTES: usize = 4096;

fn lines() -> Vec<u8> {
    let mut text = String::new();
    for number in 0..LINES {
        writeln!(
            text,
            "{number:07} GET /path/to/\"something\" 200 in 17 ms, with a \t tab and an \u{e4} umlaut"
        )
        .expect("memory");
    }
    text.into_bytes()
}

/// As the pipes do it: a kept beginning, and a read behind it.
pub fn cut_lines() -> Work {
    let lines = lines();
    let mut buffer = vec![0; 2 * PIECE_BYTES];
    Box::new(move || {
        let mut kept = 0;
        for piece in lines.chunks(PIECE_BYTES) {
            let end = kept + piece.len();
            buffer[kept..end].copy_from_slice(piece);
            let rest = cut(&buffer[..end], kept, |lines| {
                black_box(lines);
            })
            .len();
            buffer.copy_within(end - rest..end, 0);
            kept = rest;
        }
        black_box(kept);
    })
}

fn dress(format: LogFormat) -> Work {
    let (lines, style) = (lines(), Style::of_file(format, "worker:17", "stdout"));
    let mut out = Vec::new();
    Box::new(move || {
        out.clear();
        style.dress(&lines, UNIX_EPOCH + Duration::from_millis(1_700_000_000_123), &mut out);
        black_box(out.len());
    })
}

pub fn dress_timestamp() -> Work {
    dress(LogFormat::Timestamp)
}

pub fn dress_json() -> Work {
    dress(LogFormat::Json)
}

pub fn parse_config() -> Work {
    let mut text = "programs:\n".to_owned();
    for number in 0..PROGRAMS {
        write!(
            text,
            "  program-{number}:\n    cmd: \"/usr/bin/worker --port 80{{process_num:02}} 'a b'\"\n    numprocs: 4\n    \
             umask: 022\n    autorestart: unexpected\n    exitcodes: [0, 2]\n    starttime: 500ms\n    env: {{A: 1, B: \
             'x y'}}\n    stdout: logs/{{program_name}}.log\n"
        )
        .expect("memory");
    }
    let source = Source { name: "config.yaml".to_owned(), text, directory: "/srv".into() };
    Box::new(move || drop(black_box(config::parse(&source, &|_| None).expect("a valid configuration"))))
}
