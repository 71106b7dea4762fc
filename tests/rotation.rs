//! Rotation: files are cut between lines, the newest backup is `NAME.1`, and nothing that goes wrong
//! on the way stops the copying.

mod harness;

use std::fs;

use harness::{Console, Running, Site, audit, audit_end, numbered, wait_until, with_backups};

fn all_have_ended(running: &Running, count: u64) {
    wait_until("all to end", || running.status()["counts"]["EXITED"] == count);
}

#[test]
fn a_log_is_cut_between_lines_and_nothing_is_lost() {
    let lines = numbered("w", 20_000);
    let site = Site::new(&format!(
        "  w: {{cmd: [sh, -c, \"{lines}\"], stdout: out, stdout_maxbytes: 8KB, stdout_backups: 100, starttime: 0}}"
    ));
    let running = site.supervise();
    all_have_ended(&running, 1);
    let (text, sizes) = with_backups(&running.site.path("out"));
    assert_eq!(audit(&text, 1, 20_000), Ok(()));
    // A sole writer is copied as it comes, so a line may have begun before the limit.
    assert!(sizes.len() > 10 && sizes.iter().all(|size| *size <= 8192 + 8), "{sizes:?}");
    running.stop();
}

#[test]
fn only_so_many_backups_are_kept_and_none_empties_the_file() {
    let lines = numbered("w", 5000);
    let program = |name: &str, backups: u32| {
        format!(
            "  {name}: {{cmd: [sh, -c, \"{lines}\"], stdout: {name}, stdout_maxbytes: 4KB, stdout_backups: {backups}, starttime: 0}}"
        )
    };
    let running = Site::new(&[program("few", 2), program("empty", 0)].join("\n")).supervise();
    all_have_ended(&running, 2);
    let (few, sizes) = with_backups(&running.site.path("few"));
    assert_eq!((audit_end(&few, 1, 5000), sizes.len()), (Ok(()), 3));
    let (empty, sizes) = with_backups(&running.site.path("empty"));
    assert_eq!((audit_end(&empty, 1, 5000), sizes.len()), (Ok(()), 1));
    running.stop();
}

#[test]
fn writers_that_share_a_file_share_its_rotation() {
    // Instances, both streams of each, and a second program under another name of the same file.
    let script = "import os\nname = os.environ['TASKMASTER_PROCESS_NAME']\nfor n in range(1, 2001):\n  for stream in (1, 2):\n    for piece in (f'{name}/{stream} ', f'{n}\\n'):\n      os.write(stream, piece.encode())\n";
    let rules = "stdout_maxbytes: 10KB, stdout_backups: 1000, stderr_maxbytes: 10KB, stderr_backups: 1000";
    let site = Site::new(&format!(
        "  a: {{cmd: python3 script.py, numprocs: 2, stdout: out, stderr: ./out, {rules}, starttime: 0}}\n  b: {{cmd: python3 script.py, stdout: sub/../out, stderr: stdout, {rules}, starttime: 0}}"
    ));
    fs::create_dir(site.path("sub")).unwrap();
    site.write("script.py", script);
    let running = site.supervise();
    all_have_ended(&running, 3);
    let (text, sizes) = with_backups(&running.site.path("out"));
    assert_eq!(audit(&text, 6, 2000), Ok(()));
    assert!(sizes.len() > 3 && sizes.iter().all(|size| *size <= 10240), "{sizes:?}");
    running.stop();
}

#[test]
fn what_hinders_a_rotation_does_not_stop_the_copying() {
    let lines = numbered("w", 3000);
    let site = Site::new(&format!(
        "  w: {{cmd: [sh, -c, \"{lines}\"], stdout: out, stdout_maxbytes: 4KB, stdout_backups: 1, starttime: 0}}"
    ));
    // The backup's name is taken by a directory that is not empty.
    fs::create_dir_all(site.path("out.1/occupied")).unwrap();
    let running = site.supervise();
    all_have_ended(&running, 1);
    assert_eq!(audit(&running.site.read("out"), 1, 3000), Ok(()));
    running.stop();
}

#[test]
fn a_file_that_was_removed_with_its_directory_comes_back() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'while :; do echo tick; sleep 0.02; done'], stdout: deep/out, starttime: 0}",
    );
    let running = site.supervise();
    wait_until("output", || running.site.read("deep/out").contains("tick"));
    fs::remove_dir_all(running.site.path("deep")).unwrap();
    wait_until("output again", || running.site.read("deep/out").contains("tick"));
    running.stop();
}

#[test]
fn a_file_that_was_replaced_is_noticed_by_writing() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'while :; do echo tick; sleep 0.02; done'], stdout: out, starttime: 0}",
    );
    let running = site.supervise();
    wait_until("output", || running.site.read("out").contains("tick"));
    fs::rename(running.site.path("out"), running.site.path("moved")).unwrap();
    wait_until("a new file", || running.site.read("out").contains("tick"));
    running.stop();
}

#[test]
fn the_console_reopens_at_once() {
    let site = Site::new("  w: {cmd: [sh, -c, 'echo tick; exec sleep 1000'], stdout: out, starttime: 0}");
    let mut console = Console::open(site);
    wait_until("output", || console.running.site.read("out") == "tick\n");
    fs::rename(console.running.site.path("out"), console.running.site.path("moved")).unwrap();
    assert_eq!(console.ask("reopen"), ["log files reopened"]);
    assert!(console.running.site.path("out").exists());
}

#[test]
fn formats_dress_each_line() {
    let command = "printf 'one\\ntwo'; echo err >&2";
    let program = |name: &str, format: &str| {
        format!("  {name}: {{cmd: [sh, -c, \"{command}\"], log_format: {format}, starttime: 0}}")
    };
    let site = Site::new(&[program("j", "json"), program("t", "timestamp")].join("\n"));
    let running = site.supervise();
    all_have_ended(&running, 2);
    let json = |stream: &str| {
        let text = running.site.read(&format!("logs/j.{stream}"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    wait_until("the line without an end", || json("stdout").len() == 2);
    let messages: Vec<_> = json("stdout").iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["one", "two"]);
    assert_eq!(
        (&json("stderr")[0]["process"], &json("stderr")[0]["stream"]),
        (&"j:0".into(), &"stderr".into())
    );
    let stamped = running.site.read("logs/t.stdout");
    let (stamp, line) = stamped.lines().next().unwrap().split_once("  ").unwrap();
    assert_eq!((stamp.len(), stamp.ends_with('Z'), line), (24, true, "one"));
    running.stop();
}

/// A line of which half is written when the logs are reopened ends where it began.
#[test]
fn a_reopening_waits_for_the_end_of_a_line() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'printf begun; while ! [ -e go ]; do sleep 0.02; done; echo \" and ended\"; echo next; exec sleep 1000'], stdout: out, starttime: 0}",
    );
    let running = site.supervise();
    wait_until("half a line", || running.site.read("out") == "begun");
    fs::rename(running.site.path("out"), running.site.path("moved")).unwrap();
    running.signal(nix::sys::signal::Signal::SIGUSR2);
    wait_until("the new file", || running.site.path("out").exists());
    running.site.write("go", "");
    wait_until("the next line", || running.site.read("out") == "next\n");
    assert_eq!(running.site.read("moved"), "begun and ended\n");
    running.stop();
}

/// The log of one program becomes a hard link to that of another: one file, so one writer.
#[test]
fn a_log_that_becomes_a_link_to_another_shares_its_writer() {
    let program = |name: &str| {
        format!(
            "  {name}: {{cmd: python3 script.py {name}, stdout: {name}, stdout_maxbytes: 4KB, stdout_backups: 500, starttime: 0}}"
        )
    };
    let site = Site::new(&[program("a"), program("b")].join("\n"));
    site.write(
        "script.py",
        "import os, sys, time\nname = sys.argv[1]\nos.write(1, f'{name} 1\\n'.encode())\nwhile not os.path.exists('go'): time.sleep(0.01)\nfor n in range(2, 3001):\n  for piece in (f'{name} ', f'{n}\\n'):\n    os.write(1, piece.encode())\n",
    );
    let running = site.supervise();
    let first = |name: &str| running.site.read(name) == format!("{name} 1\n");
    wait_until("the first lines", || first("a") && first("b"));
    fs::remove_file(running.site.path("b")).unwrap();
    fs::hard_link(running.site.path("a"), running.site.path("b")).unwrap();
    running.signal(nix::sys::signal::Signal::SIGUSR2);
    wait_until("the reopening", || running.log().contains("reopening"));
    running.site.write("go", "");
    all_have_ended(&running, 2);
    let (text, sizes) = with_backups(&running.site.path("a"));
    let with_first = text.replacen("a 1\n", "a 1\nb 1\n", 1);
    assert_eq!(audit(&with_first, 2, 3000), Ok(()));
    assert!(sizes.len() > 3, "{sizes:?}");
    running.stop();
}
