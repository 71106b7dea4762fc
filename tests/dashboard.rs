//! The dashboard in a real browser. The cases are in tests/browser/, in the browser's own language;
//! here they are started, one file at a time, with this build's binary.

mod harness;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use harness::Mark;

/// Where Debian and others put a Chromium.
const BROWSERS: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// Of one file: a browser that hangs fails the test and not the patience of whoever waits for it.
const LIMIT_SECONDS: &str = "600";

/// Browsers are heavy: one at a time, and beside it the one that mostly waits for a silence to be noticed.
static TURN: Mutex<()> = Mutex::new(());
static TURN_OF_WHO_WAITS: Mutex<()> = Mutex::new(());

#[test]
fn it_follows_the_supervisor() {
    run_after(&TURN_OF_WHO_WAITS, "live.test.mjs");
}

#[test]
fn its_list_can_be_filtered_sorted_and_steered() {
    run("list.test.mjs");
}

#[test]
fn its_log_viewer_follows_and_searches() {
    run("log.test.mjs");
}

#[test]
fn it_shows_the_last_exits() {
    run("black_box.test.mjs");
}

#[test]
fn it_is_accessible_in_both_themes() {
    run("accessibility.test.mjs");
}

fn run(file: &str) {
    run_after(&TURN, file);
}

fn run_after(turn: &Mutex<()>, file: &str) {
    if let Err(missing) = find_tools() {
        let words = format!("{file} was left out: {missing}");
        assert!(std::env::var_os("CI").is_none(), "{words}");
        // Past the capture of output, so that nobody takes this for a test that passed.
        let _ = writeln!(std::io::stderr(), "\nWARNING: browser test {words}");
        return;
    }
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    // Whatever is left when the browser's side fails carries the mark, and ends with it.
    let mark = Mark::new();
    let output = Command::new("timeout")
        .args(["--kill-after=10", LIMIT_SECONDS, "node", "--test", "--test-reporter=tap", file])
        .current_dir(directory())
        .env("TASKMASTER", env!("CARGO_BIN_EXE_taskmaster"))
        .env(Mark::NAME, mark.value())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}: {}\n{said}\n{complained}", output.status);
    assert!(said.contains("\n# fail 0") && !said.contains("\n# pass 0"), "no test has run:\n{said}");
    for number in said.lines().filter(|line| line.starts_with("# ") && line.contains(" ms")) {
        let _ = writeln!(std::io::stderr(), "\n{file}: {}", number.trim_start_matches("# "));
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// What has to be there, or what to do about it.
fn find_tools() -> Result<(), &'static str> {
    let has_browser = std::env::var_os("TASKMASTER_BROWSER").is_some()
        || BROWSERS.iter().any(|place| Path::new(place).exists());
    let node = Command::new("node").arg("--version").output();
    if !has_browser {
        Err("there is no Chromium (apt-get install chromium)")
    } else if !node.is_ok_and(|answer| answer.status.success()) {
        Err("there is no Node (apt-get install nodejs npm)")
    } else if !directory().join("node_modules/playwright-core").exists() {
        Err("its packages are not installed (npm ci --prefix tests/browser)")
    } else {
        Ok(())
    }
}
