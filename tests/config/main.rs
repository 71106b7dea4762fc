//! The promises of `config.yaml`: what is taken, what is refused, and in which words.
//!
//! Messages are kept whole, as a user sees them: the place, the line, the word, and what to do.

mod anchors;
mod changes;
mod dependencies;
mod files;
mod governance;
mod hooks;
mod identity;
mod keys;
mod meaning;
mod mutate;
mod mutations;
mod numbers;
mod probes;
mod programs;
mod schedules;
mod supervisor;
mod syntax;
mod traps;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use taskmaster::config::{self, Config, Diagnostic, ProgramSpec, Source, Surroundings, User};

/// A stopwatch for what this thread computes: other load on the machine does not count.
struct CpuTime(Duration);

impl CpuTime {
    fn start() -> CpuTime {
        CpuTime(CpuTime::now())
    }

    fn spent(&self) -> Duration {
        CpuTime::now() - self.0
    }

    fn now() -> Duration {
        let mut time = nix::libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: fills in the one struct that it is given.
        unsafe { nix::libc::clock_gettime(nix::libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
    }
}

/// A configuration in /srv.
fn source(text: &str) -> Source {
    Source { name: "config.yaml".to_owned(), text: text.to_owned(), directory: PathBuf::from("/srv") }
}

fn environment(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/root".to_owned())
}

fn parse(text: &str) -> Result<Config, Vec<Diagnostic>> {
    let nobody = |name: &str| {
        (name == "nobody").then(|| User {
            name: name.to_owned(),
            uid: 65534,
            gid: 65534,
            groups: vec![65534],
            home: "/nonexistent".to_owned(),
            shell: "/usr/sbin/nologin".to_owned(),
        })
    };
    let surroundings = Surroundings {
        environment: &environment,
        read_file: &|path| match path.to_str() {
            Some("/srv/.env") => Ok("# a comment\n\nA=1\nexport B = \"two words\" \nC='#'\n".to_owned()),
            Some("/srv/bad.env") => Ok("A=1\nB\n".to_owned()),
            _ => Err("there is no such file".to_owned()),
        },
        user: &nobody,
        group: &|name| (name == "nogroup").then_some(65534),
        is_root: true,
    };
    config::parse_in(&source(text), &surroundings)
}

/// What a user is told about `text`.
fn complaint(text: &str) -> String {
    let problems = parse(text).expect_err("there should be something wrong");
    config::render(&source(text), &problems, false)
}

/// The configuration, if nothing is wrong with it.
fn accepted(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{}", config::render(&source(text), &problems, false)))
}

/// The program `web` with these lines in it, beside its `cmd`.
fn program_with(lines: &str) -> String {
    let lines = lines.replace('\n', "\n    ");
    format!("programs:\n  web:\n    cmd: run\n    {lines}\n")
}

/// What becomes of the program `web` with these lines.
fn program(lines: &str) -> ProgramSpec {
    let config = accepted(&program_with(lines));
    (*config.programs[0]).clone()
}

/// What a user is told about the program `web` with these lines.
fn program_complaint(lines: &str) -> String {
    complaint(&program_with(lines))
}

/// A file with one program for each of these values of `key`, a line each.
fn one_each(key: &str, values: &[&str]) -> String {
    let programs =
        values.iter().zip('a'..).map(|(value, name)| format!("  {name}: {{cmd: run, {key}: {value}}}\n"));
    format!("programs:\n{}", programs.collect::<String>())
}

/// What is said about each of these values of `key`.
fn refused(key: &str, values: &[&str]) -> String {
    let text = complaint(&one_each(key, values));
    assert_eq!(text.matches("error: ").count(), values.len(), "{text}");
    text
}
