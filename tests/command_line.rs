//! The command line of the binary: its exit codes, and that an invalid one starts nothing.

mod harness;

use harness::{Site, exists, marked, wait_until};
use std::process::{Output, Stdio};

/// Runs the binary to its end with these arguments.
fn ended(site: &Site, arguments: &[&str]) -> Output {
    site.command().args(arguments).stdout(Stdio::piped()).output().unwrap()
}

fn site() -> Site {
    Site::new("  w: {cmd: touch started, starttime: 0}")
}

#[test]
fn help_and_version_are_answers() {
    let site = site();
    for arguments in [&["--help"][..], &["run", "--help"], &["check", "--help"]] {
        let output = ended(&site, arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage:"), "{arguments:?}");
    }
    let version = concat!("taskmaster ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&ended(&site, &["--version"]).stdout), version);
}

#[test]
fn what_is_suggested_for_a_mistyped_command_is_meant_for_people() {
    let site = site();
    let told = |word: &str| String::from_utf8(ended(&site, &[word]).stderr).unwrap();
    assert!(told("statsu").contains("'status'"), "{}", told("statsu"));
    for word in ["foo", "complete-word", "floor-of-bnch"] {
        let told = told(word);
        assert!(!told.contains("complete-words") && !told.contains("floor-of-bench"), "{told}");
    }
    assert!(!told("floor-of-bnch").contains("similar"));
    assert!(told("update").contains("'reload'"), "supervisorctl's: {}", told("update"));
}

/// They are scripts: the shell itself says whether they are right.
#[test]
fn completions_are_what_the_shells_understand() {
    let site = site();
    for (shell, name) in
        [("bash", "_taskmaster"), ("zsh", "#compdef taskmaster"), ("fish", "complete -c taskmaster")]
    {
        let output = ended(&site, &["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty());
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains(name) && script.contains("no-console"), "{shell}: {script}");
        let path = site.write("script", &script);
        let Ok(checked) = std::process::Command::new(shell).arg("-n").arg(&path).output() else { continue };
        assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    assert_eq!(completed_by_bash(&site, "taskmaster che"), "check");
    assert_eq!(completed_by_bash(&site, "taskmaster sig"), "signal");
    assert_eq!(completed_by_bash(&site, "taskmaster ben"), "bench");
    assert_eq!(completed_by_bash(&site, "taskmaster status --js"), "--json");
    // Words behind a subcommand are the console's: from the configuration, without a supervisor.
    assert_eq!(completed_by_bash(&site, "taskmaster stop w"), "w");
    assert_eq!(completed_by_bash(&site, "taskmaster signal TERM @FA"), "@FATAL");
    site.configure("  w: {cmd: x, numprocs: 3}", "");
    assert_eq!(completed_by_bash(&site, "taskmaster -c config.yaml stop w:"), "0 1 2 *");
    assert_eq!(completed_by_bash(&site, "taskmaster stop w:2"), "2");
    assert_eq!(ended(&site, &["completions", "tcsh"]).status.code(), Some(2));
}

/// What bash offers at the end of a line; to bash, a colon is a word of its own.
fn completed_by_bash(site: &Site, line: &str) -> String {
    std::fs::write(site.path("script"), ended(site, &["completions", "bash"]).stdout).unwrap();
    let ask = "taskmaster() { \"$TASKMASTER\" \"$@\"; }; source ./script; set -f; COMP_LINE=$1; COMP_POINT=${#1}; \
               read -ra COMP_WORDS <<< \"${1//:/ : }\"; [[ $1 == *[\\ :] ]] && COMP_WORDS+=(''); \
               COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \
               _taskmaster_words taskmaster \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; \
               echo \"${COMPREPLY[@]}\"";
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", ask, "bash", line]).current_dir(site.path(""));
    let output = bash.env("TASKMASTER", env!("CARGO_BIN_EXE_taskmaster")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn the_man_page_names_every_command_and_key() {
    let site = site();
    let output = ended(&site, &["man"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let page = String::from_utf8(output.stdout).unwrap().replace('\\', "");
    assert!(page.contains(".TH taskmaster 1"), "{page}");
    let commands = taskmaster::command::table::ROWS.iter().map(|row| row.names[0]);
    let keys = taskmaster::config::PROGRAM_KEYS.iter().map(|key| key.name);
    for name in commands.chain(keys) {
        assert!(page.contains(&format!("fB{name}")), "{name} is not in {page}");
    }
}

#[test]
fn bad_usage_exits_with_2_and_starts_nothing() {
    let site = site();
    for arguments in [
        &["frobnicate"][..],
        &["--frobnicate"],
        &["--http", "nonsense"],
        &["--http", "127.0.0.1:99999"],
        &["--log-level", "loud"],
        &["-c"],
        &["check", "check"],
        &["--socket", "taskmaster.sock"],
        &["run", "--socket", "taskmaster.sock"],
        &["-c", "nowhere.yaml"],
        &["-c", "."],
        &["check", "-c", "nowhere.yaml"],
    ] {
        let output = ended(&site, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(!exists(&site.path("started")));
}

#[test]
fn an_invalid_configuration_exits_with_2_and_starts_nothing() {
    let site = Site::new("  good: {cmd: touch started, starttime: 0}\n  bad: {cmd: x, numprcs: 3}");
    let output = ended(&site, &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("config.yaml:3:17") && text.contains("numprocs"), "{text}");
    assert!(text.contains("nothing was started"), "{text}");
    assert!(!exists(&site.path("started")) && !exists(&site.path("logs")));
    assert_eq!(marked(&site.mark), Vec::<u32>::new());
}

#[test]
fn check_starts_nothing_and_leaves_nothing() {
    let site = site();
    let output = ended(&site, &["check"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("valid, 1 program, 1 instance\n"));
    assert!(!exists(&site.path("started")) && !exists(&site.path("logs")));
}

#[test]
fn flags_count_on_either_side_of_run() {
    for arguments in [
        &["--no-console", "--log-level", "debug", "run"][..],
        &["run", "--no-console", "--log-level", "debug"],
        &["-c", "config.yaml", "--no-console", "--log-level", "debug"],
    ] {
        let site = site();
        let mut command = site.command();
        // With a console, the end of this input would be no reason to leave, but `exit` is.
        let commands = site.write("commands", "exit\n");
        command.args(arguments).stdin(std::fs::File::open(commands).unwrap());
        let running = site.start(&mut command);
        wait_until("a debug line", || running.log().contains("[DEBUG]"));
        running.wait_for_state("w:0", "EXITED");
        running.stop();
    }
}

#[test]
fn nothing_to_supervise_is_no_mistake() {
    let running = Site::new("  none: {cmd: x, numprocs: 0}").supervise();
    assert_eq!(running.status()["programs"][0]["processes"], serde_json::json!([]));
    running.stop();
}
