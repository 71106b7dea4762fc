//! The rooms of the house are held apart: who may import what, and what may stand nowhere.
//! `src/README.md` has the same table in words.

use std::fs;
use std::path::{Path, PathBuf};

/// One room: the files below `path`, and everything of the crate and of others that they may name.
/// The longest path that fits a file counts.
struct Room {
    path: &'static str,
    may_use: &'static [&'static str],
}

/// `crate::X` for our own modules, `X` for crates, `std::X` only where std is restricted.
const ROOMS: &[Room] = &[
    Room { path: "main.rs", may_use: &["taskmaster", "std::process::ExitCode"] },
    Room { path: "lib.rs", may_use: &[] },
    Room {
        path: "cli.rs",
        may_use: &[
            "clap",
            "log",
            "std",
            "crate::bench",
            "crate::command",
            "crate::config",
            "crate::event_loop",
            "crate::io",
        ],
    },
    Room {
        path: "cli/commands.rs",
        may_use: &[
            "clap",
            "std",
            "crate::cli",
            "crate::client",
            "crate::command",
            "crate::io::console",
            "crate::io::process",
        ],
    },
    Room {
        path: "cli/words.rs",
        may_use: &["std::path", "crate::command", "crate::config", "crate::supervisor"],
    },
    Room {
        path: "cli/person.rs",
        may_use: &["clap", "std", "crate::client", "crate::command", "crate::io::console", "crate::view"],
    },
    Room { path: "client.rs", may_use: &["httparse", "std", "crate::http"] },
    Room {
        path: "cli/pages.rs",
        may_use: &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "std::io",
            "crate::cli",
            "crate::command",
            "crate::config",
        ],
    },
    Room { path: "bench", may_use: &["mio", "nix", "std", "crate::io::clock", "crate::time"] },
    Room { path: "event_loop", may_use: &["mio", "log", "std", "crate"] },
    Room { path: "time.rs", may_use: PURE },
    Room { path: "signal.rs", may_use: PURE },
    Room { path: "slots.rs", may_use: &["slab", "std::fmt", "std::ops"] },
    Room { path: "agenda.rs", may_use: &["crate::config", "std::collections", "std::time"] },
    Room { path: "timers.rs", may_use: &["crate::time", "std::collections", "std::time"] },
    Room {
        path: "config",
        may_use: &[
            "log",
            "regex_lite",
            "shell_words",
            "strsim",
            "humantime",
            "annotate_snippets",
            "crate::signal",
            "std::cell",
            "std::collections",
            "std::fmt",
            "std::net",
            "std::ops",
            "std::path",
            "std::str",
            "std::sync",
            "std::time",
        ],
    },
    Room {
        path: "config/schedule.rs",
        may_use: &["chrono", "croner", "crate::config", "std::fmt", "std::str"],
    },
    Room { path: "config/zone.rs", may_use: &["chrono", "std::fmt"] },
    Room {
        path: "config/document.rs",
        may_use: &["serde", "serde_yaml", "crate::config", "std::cell", "std::collections", "std::fmt"],
    },
    Room { path: "config/syntax.rs", may_use: &["serde_yaml", "crate::config"] },
    Room { path: "command", may_use: &["strsim", "crate::signal", "std::fmt"] },
    Room {
        path: "supervisor",
        may_use: &[
            "crate::command",
            "crate::config",
            "crate::signal",
            "crate::slots",
            "crate::time",
            "crate::timers",
            "std::collections",
            "std::fmt",
            "std::mem",
            "std::num",
            "std::sync::Arc",
            "std::time",
        ],
    },
    Room {
        path: "view",
        may_use: &[
            "humantime",
            "crate::supervisor",
            "crate::config",
            "crate::slots",
            "crate::time",
            "std::cmp",
            "std::collections",
            "std::time",
            "std::iter",
        ],
    },
    Room {
        path: "view/metrics.rs",
        may_use: &["std::fmt", "std::str", "std::time", "crate::supervisor", "crate::view"],
    },
    Room { path: "view/json.rs", may_use: &["serde", "serde_json", "crate::supervisor", "crate::view"] },
    Room { path: "http", may_use: &["std::fmt", "std::net", "std::str"] },
    Room { path: "http/commands.rs", may_use: &["serde", "serde_json", "std::borrow", "crate::http"] },
    Room { path: "http/request.rs", may_use: &["httparse", "std::fmt", "std::str"] },
    Room { path: "lines", may_use: &["humantime", "crate::config", "std::time"] },
    Room { path: "io", may_use: IO },
    Room {
        path: "io/wall_clock.rs",
        may_use: &["chrono", "mio", "nix", "std", "crate::config", "crate::io::token"],
    },
    Room {
        path: "io/process",
        may_use: &[
            "nix",
            "log",
            "std",
            "crate::config",
            "crate::io::program_path",
            "crate::io::reason",
            "crate::io::service_manager",
            "crate::signal",
            "crate::slots",
            "crate::supervisor",
            "crate::time",
            "crate::timers",
            "crate::view",
        ],
    },
    Room {
        path: "io/probe",
        may_use: &[
            "mio",
            "std",
            "crate::config",
            "crate::io::outgoing",
            "crate::io::token",
            "crate::slots",
            "crate::supervisor",
            "crate::time",
            "crate::timers",
        ],
    },
    Room {
        path: "io/hooks",
        may_use: &[
            "mio",
            "log",
            "std",
            "crate::config",
            "crate::io::outgoing",
            "crate::io::token",
            "crate::slots",
            "crate::supervisor",
            "crate::time",
            "crate::timers",
            "crate::view",
        ],
    },
    Room {
        path: "io/output",
        may_use: &[
            "humantime",
            "mio",
            "nix",
            "log",
            "std",
            "crate::config",
            "crate::io::clock",
            "crate::io::log_file",
            "crate::io::standard_stream",
            "crate::io::token",
            "crate::io::reason",
            "crate::lines",
            "crate::slots",
            "crate::supervisor",
            "crate::time",
            "crate::timers",
        ],
    },
    Room {
        path: "io/console",
        may_use: &[
            "mio",
            "nix",
            "log",
            "std",
            "tui_input",
            "unicode_width",
            "vte",
            "crate::command",
            "crate::io::token",
            "crate::io::reason",
            "crate::io::standard_stream",
            "crate::time",
            "crate::view",
        ],
    },
    Room {
        path: "io/http",
        may_use: &[
            "mio",
            "nix",
            "log",
            "std",
            "crate::http",
            "crate::io::clock",
            "crate::io::token",
            "crate::io::reason",
            "crate::slots",
            "crate::time",
            "crate::timers",
        ],
    },
];
const PURE: &[&str] = &["std::fmt", "std::ops", "std::time"];
/// The files right below `io`: each knows its own crates, and the base that rooms share.
const IO: &[&str] = &[
    "mio",
    "nix",
    "log",
    "simplelog",
    "signal_hook_mio",
    "std",
    "httpdate",
    "crate::command",
    "crate::config",
    "crate::http",
    "crate::io::clock",
    "crate::io::log_file",
    "crate::io::program_path",
    "crate::io::reason",
    "crate::io::token",
    "crate::signal",
    "crate::slots",
    "crate::supervisor",
    "crate::time",
];

/// Value types of the core are for everybody's signatures; the core itself is the event loop's.
const NOT_IN_IO: [&str; 2] = ["supervisor::Supervisor", "event_loop"];

/// What a path can begin with; crates that are missing here would be overlooked.
const CRATES: &[&str] = &[
    "std",
    "crate",
    "super",
    "mio",
    "nix",
    "log",
    "serde",
    "serde_yaml",
    "serde_json",
    "slab",
    "httparse",
    "chrono",
    "croner",
    "regex_lite",
    "simplelog",
    "signal_hook_mio",
    "clap",
    "clap_complete",
    "clap_mangen",
    "httpdate",
    "humantime",
    "strsim",
    "shell_words",
    "annotate_snippets",
    "tui_input",
    "unicode_width",
    "vte",
];

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_MAX: usize = 500;

#[test]
fn every_file_keeps_to_what_its_room_may_use() {
    report(sources().iter().flat_map(|(path, text)| wrong_imports(path, text)));
}

#[test]
fn nothing_stands_where_it_must_not() {
    report(sources().iter().flat_map(|(path, text)| forbidden_words(path, text)));
}

#[test]
fn files_and_functions_are_short_and_named_for_their_job() {
    report(sources().iter().flat_map(|(path, text)| wrong_shapes(path, text)));
}

/// Each rule is shown to fire: a check that cannot fail proves nothing.
#[test]
fn each_rule_catches_what_it_is_for() {
    let wrong = |path: &str, text: &str| !wrong_imports(path, text).is_empty();
    assert!(wrong("supervisor/x.rs", "use std::fs;"));
    assert!(wrong("supervisor/x.rs", "use std::time::{Duration, Instant};\nuse mio::Poll;"));
    assert!(wrong("supervisor/x.rs", "fn f() { std::thread::sleep(d) }"));
    assert!(wrong("supervisor/x.rs", "use crate::io::token::Source;"));
    assert!(wrong("config/values.rs", "use serde_yaml::Value;"));
    assert!(wrong("config/values.rs", "let x = std::env::var(name);"));
    assert!(wrong("view/table.rs", "use crate::http::Response;"));
    assert!(wrong("io/output/x.rs", "use crate::io::console::Console;"));
    assert!(wrong("io/console/x.rs", "use super::super::http::Server;"));
    assert!(wrong("timers.rs", "use crate::slots::Key;"));
    assert!(!wrong("supervisor/x.rs", "use crate::time::Time; // not std::fs\n"));
    let forbidden = |path: &str, text: &str| !forbidden_words(path, text).is_empty();
    assert!(forbidden("view/x.rs", "println!(\"x\")"));
    assert!(forbidden("http/x.rs", "a: Rc<RefCell<u8>>"));
    assert!(forbidden("io/x.rs", "use crate::supervisor::{Supervisor, Run};"));
    let misshapen = |path: &str, text: &str| !wrong_shapes(path, text).is_empty();
    assert!(misshapen("io/utils.rs", ""));
    assert!(misshapen(
        "view/x.rs",
        &format!("fn long() {{\n{}}}\n", "    x();\n".repeat(FUNCTION_LINES_MAX))
    ));
    assert!(misshapen("view/x.rs", &"\n".repeat(FILE_LINES_MAX + 1)));
}

#[test]
fn every_dependency_is_known_here() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]").unwrap();
    let ours = rest.lines().take_while(|line| !line.starts_with('['));
    let names = ours.filter_map(|line| Some(line.split_once(" = ")?.0.replace('-', "_")));
    let (known, unknown): (Vec<_>, Vec<_>) = names.partition(|name| CRATES.contains(&name.as_str()));
    assert!(known.len() > 10 && unknown.is_empty(), "{unknown:?} may be used by everybody, unseen");
}

fn report(problems: impl Iterator<Item = String>) {
    let problems: Vec<String> = problems.collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// Every file below src with its path from there and its text, tests at its end left out.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 30, "the sources are not where this test looks");
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or("").to_owned();
        (file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), code)
    };
    files.into_iter().map(read).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn room_of(path: &str) -> &'static Room {
    let fits = |room: &&Room| path == room.path || path.starts_with(&format!("{}/", room.path));
    ROOMS
        .iter()
        .filter(fits)
        .max_by_key(|room| room.path.len())
        .unwrap_or_else(|| panic!("{path} is in no room"))
}

fn wrong_imports(path: &str, text: &str) -> Vec<String> {
    let room = room_of(path);
    let own = format!("crate::{}", room.path.trim_end_matches(".rs").replace('/', "::"));
    let is_allowed = |name: &str| {
        let below = |allowed: &str| name == allowed || name.starts_with(&format!("{allowed}::"));
        below(&own) || room.may_use.iter().any(|allowed| below(allowed))
    };
    let mut wrong: Vec<String> =
        named_paths(path, text).into_iter().filter(|name| !is_allowed(name)).collect();
    wrong.dedup();
    wrong.into_iter().map(|name| format!("{path}: {name} is not for this room")).collect()
}

/// Every path in the code that begins with a crate's name, `crate` or `super`, made absolute.
fn named_paths(path: &str, text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut names = Vec::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or("");
        for word in code.split(|c| !is_part(c)).filter(|word| word.contains("::")) {
            let first = word.split("::").next().unwrap_or("");
            if CRATES.contains(&first) {
                names.push(absolute(path, word.trim_end_matches(':')));
            }
        }
    }
    // What every file may name: pieces of std without effects on the world.
    let harmless = ["std::iter", "std::mem", "std::option", "std::sync::Arc", "std::slice"];
    names.retain(|name| !harmless.iter().any(|piece| name.starts_with(piece)));
    names
}

/// `super::x` from the file's own place.
fn absolute(path: &str, word: &str) -> String {
    let mut module: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    if matches!(module.last(), Some(&("mod" | "lib" | "main"))) {
        module.pop();
    }
    let mut parts: Vec<&str> = word.split("::").collect();
    if parts.first() != Some(&"super") {
        return word.to_owned();
    }
    while parts.first() == Some(&"super") {
        parts.remove(0);
        module.pop();
    }
    let all: Vec<&str> = ["crate"].into_iter().chain(module).chain(parts).collect();
    all.join("::")
}

fn forbidden_words(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for word in ["Rc<RefCell", "println!", "print!(", "eprintln!", "dbg!", "todo!", "unimplemented!"] {
        if text.contains(word) {
            wrong.push(format!("{path}: {word}"));
        }
    }
    if path.starts_with("io/") {
        let flat = text.replace(['{', '}', '\n', ' '], "");
        let code: String = flat.split(';').filter(|line| line.starts_with("use")).collect();
        wrong.extend(
            NOT_IN_IO.iter().filter(|name| code.contains(*name)).map(|name| format!("{path}: {name}")),
        );
    }
    wrong
}

fn wrong_shapes(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
    if ["utils", "util", "helpers", "common", "misc"].contains(&stem) {
        wrong.push(format!("{path}: a name that says nothing"));
    }
    if text.lines().count() > FILE_LINES_MAX {
        wrong.push(format!("{path}: more than {FILE_LINES_MAX} lines"));
    }
    let mut open: Option<(usize, usize, &str)> = None;
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let is_function =
            ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn "].iter().any(|head| code.starts_with(head));
        if is_function && open.is_none() && !code.ends_with(';') && !code.ends_with('}') {
            open = Some((number, indent, code));
        }
        if let Some((start, depth, head)) = open
            && indent == depth
            && code.starts_with('}')
        {
            if number - start + 1 > FUNCTION_LINES_MAX {
                wrong.push(format!("{path}: {head} has {} lines", number - start + 1));
            }
            open = None;
        }
    }
    wrong
}
