//! Who a program is and what it may use, on real processes.

mod harness;

use harness::{Console, Running, Site, is_alive, limits_of, marked, wait_for, wait_until};
use nix::unistd::{Uid, User};
use std::fs;

/// The output of `script` once it has so many lines.
fn lines(running: &Running, count: usize) -> Vec<String> {
    wait_for("output", || {
        let text = running.site.read("out");
        (text.lines().count() == count).then(|| text.lines().map(str::to_owned).collect())
    })
}

fn run(script: &str, keys: &str) -> Running {
    let site = Site::new(&format!(
        "  w:\n    cmd: [/bin/sh, ./script.sh]\n    stdout: out\n    starttime: 0\n    autorestart: never\n{keys}"
    ));
    site.write("script.sh", script);
    site.write(".env", "A=file\nB='two words'\n");
    site.supervise()
}

#[test]
fn environment_files_come_before_env_and_nothing_is_inherited_if_it_is_cleared() {
    let keys = "    env_file: .env\n    env: {A: own}\n    clear_env: true\n";
    let running = run("echo \"$A-$B-$CARGO_PKG_NAME-$TASKMASTER_PROCESS_NAME\"", keys);
    assert_eq!(lines(&running, 1), ["own-two words--w:0"]);
    running.stop();
}

#[test]
fn limits_nice_and_oom_score_are_those_of_the_program_only() {
    let keys = "    rlimits: {nofile: \"77:99\", core: 0}\n    nice: 5\n    oom_score_adj: 300\n";
    let running = run("exec sleep 1000", keys);
    let pid = running.wait_for_state("w:0", "RUNNING")["pid"].as_u64().unwrap() as u32;
    let nofile: Vec<String> =
        limits_of(pid, "Max open files").split_whitespace().map(str::to_owned).collect();
    assert_eq!(nofile[3..5], ["77", "99"]);
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap(), "300\n");
    let nice = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
    };
    assert_eq!(nice(pid), nice(running.pid()) + 5);
    running.stop();
}

#[test]
fn what_cannot_be_set_is_named() {
    let keys = "    rlimits: {nofile: 99999999999}\n    startretries: 0\n";
    let running = run("exec sleep 1000", keys);
    let row = running.wait_for_state("w:0", "FATAL");
    assert_eq!(row["description"], "it cannot set its limits: Operation not permitted", "{row}");
    running.stop();
}

#[test]
fn with_on_crash_kill_the_process_dies_with_its_supervisor() {
    let mut running = Site::new(
        "  a: {cmd: sleep 1000, starttime: 0, on_crash: kill}\n  b: {cmd: sleep 1000, starttime: 0}",
    )
    .supervise();
    wait_until("both to run", || running.status()["counts"]["RUNNING"] == 2);
    let (a, b) = (running.pid_of("a:0").unwrap(), running.pid_of("b:0").unwrap());
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    wait_until("a to die", || !is_alive(a));
    assert!(is_alive(b));
    assert_eq!(marked(&running.site.mark), [b]);
}

#[test]
fn a_user_comes_with_groups_and_home_and_can_be_changed_by_a_reload() {
    let Some(nobody) = User::from_name("nobody").unwrap().filter(|_| Uid::effective().is_root()) else {
        eprintln!("left out: only root can become somebody else");
        return;
    };
    let script = "id -u; id -g; id -G; echo $HOME $USER $LOGNAME $SHELL; exec sleep 1000";
    let program = |keys: &str| {
        format!("  w: {{cmd: [/bin/sh, -c, '{script}'], starttime: 0, stdout: out, workingdir: /{keys}}}")
    };
    let mut console = Console::open(Site::new(&program(", user: nobody")));
    let (uid, gid) = (nobody.uid.to_string(), nobody.gid.to_string());
    let who = format!("{} nobody nobody {}", nobody.dir.display(), nobody.shell.display());
    assert_eq!(lines(&console.running, 4), [uid.as_str(), &gid, &gid, &who]);
    console.running.site.configure(&program(", user: nobody, group: 0"), "");
    assert_eq!(console.ask("reload")[0], "~ w: group (restart)");
    assert_eq!(lines(&console.running, 8)[4..7], [uid.as_str(), "0", "0"]);
    console.running.site.configure(&program(", user: no-such-user"), "");
    let answer = console.ask("reload").join("\n");
    assert!(
        answer.contains("there is no user `no-such-user`") && answer.contains("config.yaml:2:"),
        "{answer}"
    );
    console.running.stop();
}

#[test]
fn an_environment_file_is_read_again_by_a_reload() {
    let running = run("echo $A; exec sleep 1000", "    env_file: .env\n");
    assert_eq!(lines(&running, 1), ["file"]);
    running.site.write(".env", "A=new\n");
    running.signal(nix::sys::signal::Signal::SIGHUP);
    assert_eq!(lines(&running, 2), ["file", "new"]);
    assert!(running.log().contains("~ w: env_file (restart)"));
    running.stop();
}
