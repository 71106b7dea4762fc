//! A configuration is read or refused, with messages that point into it and that a terminal can be trusted
//! with. One that is read differs from itself in nothing, and a reload of it would touch nobody.

#![no_main]

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use taskmaster::config::{self, Diagnostic, Source, Surroundings};

fn points_into(text: &str, problem: &Diagnostic) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    problem.position.is_none_or(|at| {
        let line = text.split('\n').nth(at.line - 1);
        line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&at.column))
    })
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let source = Source { name: "config.yaml".to_owned(), text, directory: PathBuf::from("/srv") };
    let surroundings = Surroundings {
        environment: &|name| (name == "HOME").then(|| "/root".to_owned()),
        read_file: &|_| Ok("A=1\n".to_owned()),
        user: &|_| None,
        group: &|name| (name == "nogroup").then_some(65534),
        is_root: true,
    };
    match config::parse_in(&source, &surroundings) {
        Ok(config) => {
            let plan = config::diff(&config, config.clone());
            assert!(plan.add.is_empty() && plan.remove.is_empty() && plan.restart.is_empty(), "{plan:?}");
            assert!(plan.adjust.is_empty() && plan.section.is_empty(), "{plan:?}");
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in &problems {
                assert!(points_into(&source.text, problem), "{problem:?}");
            }
            // Places are looked for as many as are shown; the rest comes behind them, without.
            let places: Vec<_> = problems.iter().map_while(|problem| problem.position).collect();
            assert!(places.is_sorted(), "{problems:?}");
            let rendered = config::render(&source, &problems, false);
            assert!(!rendered.chars().any(|c| c.is_control() && c != '\n'), "{rendered:?}");
        }
    }
});
