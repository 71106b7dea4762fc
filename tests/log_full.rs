//! Disks that are full, and files at their size limit: nothing torn, what is lost counted, and output
//! that goes on by itself when there is room again.

mod harness;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Running, Site, audit_gaps, get, wait_for, wait_until};

/// Lines of `w 00000001` as fast as they are taken, in writes that end anywhere.
const WRITER: &str = "import os, sys, time\nout = b''\nfor n in range(1, 10**8):\n  out += b'w %08d\\n' % n\n  if len(out) > 1000:\n    os.write(1, out[:1000]); out = out[1000:]\n    time.sleep(0.002)\n    open('beats', 'a').write('.')\n";

fn writer(rules: &str) -> Site {
    let site =
        Site::new(&format!("  w: {{cmd: python3 writer.py, stdout: small/out, {rules}, starttime: 0}}"));
    site.write("writer.py", WRITER);
    site
}

/// What no file of the supervisor may be longer than, in bytes. Its children have it, too, if they
/// are started later.
fn limit_files(running: &Running, bytes: u64) {
    let limit = nix::libc::rlimit { rlim_cur: bytes, rlim_max: nix::libc::RLIM_INFINITY };
    let pid = running.pid().cast_signed();
    // SAFETY: prlimit(2) reads one struct and writes none.
    let result = unsafe { nix::libc::prlimit(pid, nix::libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// A supervisor whose directory `small` is a file system of 64 KiB; none where namespaces are not
/// permitted, which is said.
struct SmallDisk {
    running: Running,
}

impl SmallDisk {
    fn mount(site: Site) -> Option<SmallDisk> {
        let flags = if nix::unistd::geteuid().is_root() { "-m" } else { "-Urm" };
        fs::create_dir(site.path("small")).unwrap();
        let unshare = |words: &[&str]| {
            let mut command = Command::new("unshare");
            command.args([flags, "sh", "-c"]).args(words);
            command
        };
        let mount = "mount -t tmpfs -o size=64k,mode=755 none small";
        let can = unshare(&[mount]).current_dir(site.path("")).stderr(Stdio::null()).status();
        if !can.is_ok_and(|status| status.success()) {
            eprintln!("left out: no mount namespaces here, so no small disk");
            return None;
        }
        let plain = site.command();
        let script = format!("{mount} && exec \"$0\"");
        let mut command = unshare(&[&script, plain.get_program().to_str().unwrap()]);
        command.current_dir(site.path(""));
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Some(SmallDisk { running: site.start(&mut command) })
    }

    /// A path as the supervisor sees it.
    fn path(&self, name: &str) -> PathBuf {
        let path = self.running.site.path(&format!("small/{name}"));
        PathBuf::from(format!("/proc/{}/root{}", self.running.pid(), path.display()))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Takes what room there is.
    fn fill(&self) {
        let mut filler = fs::File::create(self.path("filler")).unwrap();
        while std::io::Write::write(&mut filler, &[0; 1000]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }
}

fn beats(running: &Running) -> usize {
    running.site.read("beats").len()
}

fn dropped_bytes(running: &Running) -> u64 {
    let answer = get(running.site.port, "/metrics").unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("taskmaster_process_log_dropped_bytes_total{"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn a_file_at_its_size_limit_has_whole_lines_and_goes_on_when_it_may() {
    for shared in ["", ", stderr: stdout, log_format: raw, numprocs: 2"] {
        let running = writer(&format!("stdout_maxbytes: 0{shared}")).supervise();
        let read = || running.site.read("small/out");
        wait_until("output", || read().len() > 3000);
        let limit = read().len() as u64 + 5003;
        limit_files(&running, limit);
        wait_until("the report", || running.log().contains("cannot be written, output is dropped"));
        let before = beats(&running);
        wait_until("further beats", || beats(&running) > before + 20);
        let description = running.process("w:0")["description"].to_string();
        assert!(description.contains("bytes lost"), "{description}");
        let length = read().len();
        limit_files(&running, nix::libc::RLIM_INFINITY);
        wait_until("further output", || read().len() > length + 5000);
        assert!(dropped_bytes(&running) > 0);
        running.signal(nix::sys::signal::Signal::SIGKILL);
        let text = read();
        let whole = &text[..text.rfind('\n').unwrap() + 1];
        if shared.is_empty() {
            audit_gaps(whole, 8).unwrap();
        } else {
            assert!(whole.lines().all(|line| line.len() == 10 && line.starts_with("w ")), "a torn line");
        }
    }
}

/// Who cannot be heard because its log takes nothing is not silent.
#[test]
fn a_program_that_waits_for_its_log_is_not_taken_for_dead() {
    let heartbeat = "liveness: {log: '^w', interval: 3, retries: 1}";
    let running = writer(&format!("stdout_maxbytes: 0, log_full: block, {heartbeat}")).supervise();
    let read = || running.site.read("small/out");
    wait_until("output", || read().len() > 3000);
    let pid = running.pid_of("w:0").unwrap();
    limit_files(&running, read().len() as u64 + 5003);
    let said = || running.process("w:0")["description"].to_string();
    wait_until("the state to say so", || said().contains("output waits"));
    // Nothing is to happen, for longer than two intervals.
    std::thread::sleep(Duration::from_millis(6500));
    assert!(said().contains("output waits"), "{}", said());
    limit_files(&running, nix::libc::RLIM_INFINITY);
    let length = read().len();
    wait_until("further output", || read().len() > length + 5000);
    assert_eq!(running.pid_of("w:0"), Some(pid));
    assert_eq!(running.process("w:0")["restarts"], 0);
    running.signal(nix::sys::signal::Signal::SIGKILL);
}

#[test]
fn a_full_disk_costs_whole_lines_and_is_left_behind_within_seconds() {
    let Some(disk) = SmallDisk::mount(writer("stdout_maxbytes: 0")) else { return };
    wait_until("output", || disk.read("out").len() > 3000);
    disk.fill();
    wait_until("the report", || disk.running.log().contains("cannot be written, output is dropped"));
    let before = beats(&disk.running);
    wait_until("further beats", || beats(&disk.running) > before + 20);
    let length = disk.read("out").len();
    disk.make_room();
    wait_until("further output", || disk.read("out").len() > length + 5000);
    let text = disk.read("out");
    audit_gaps(&text[..text.rfind('\n').unwrap() + 1], 8).unwrap();
    assert!(dropped_bytes(&disk.running) > 0);
    wait_until("the recovery to be told", || disk.running.log().contains("can be written again"));
}

#[test]
fn a_program_that_waits_for_the_disk_loses_nothing() {
    let Some(disk) = SmallDisk::mount(writer("stdout_maxbytes: 0, log_full: block")) else { return };
    wait_until("output", || disk.read("out").len() > 3000);
    disk.fill();
    wait_until("the report", || disk.running.log().contains("cannot be written, output waits"));
    let said = || disk.running.process("w:0")["description"].to_string();
    wait_until("the state to say so", || said().contains("output waits"));
    // Its pipe is full some time; then it writes no more.
    wait_for("the program to wait", || {
        let before = beats(&disk.running);
        std::thread::sleep(Duration::from_millis(300));
        (beats(&disk.running) == before).then_some(())
    });
    let length = disk.read("out").len();
    disk.make_room();
    let since = Instant::now();
    wait_until("further output", || disk.read("out").len() > length + 5000);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    let text = disk.read("out");
    let whole = &text[..text.rfind('\n').unwrap() + 1];
    let lines = audit_gaps(whole, 8).unwrap();
    assert!(whole.ends_with(&format!("w {lines:08}\n")), "a line is missing");
    assert_eq!(dropped_bytes(&disk.running), 0);
}

#[test]
fn the_dead_do_not_pile_up_while_the_disk_is_full() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'echo a line of last words; echo >> beats'], stdout: small/out, log_full: block, autorestart: always, starttime: 0}",
    );
    let Some(disk) = SmallDisk::mount(site) else { return };
    wait_until("output", || disk.read("out").lines().count() > 3);
    disk.fill();
    wait_until("the report", || disk.running.log().contains("cannot be written, output waits"));
    let fds = || fs::read_dir(format!("/proc/{}/fd", disk.running.pid())).unwrap().count();
    let before = beats(&disk.running);
    wait_until("many restarts", || beats(&disk.running) > before + 100);
    assert!(fds() < 60, "{} descriptors", fds());
    assert!(dropped_bytes(&disk.running) > 0, "what is dropped is counted");
    let length = disk.read("out").len();
    disk.make_room();
    wait_until("further output", || disk.read("out").len() > length + 100);
    assert!(disk.read("out").lines().all(|line| line == "a line of last words"));
}

#[test]
fn what_is_counted_never_goes_back() {
    let running =
        Site::new("  w: {cmd: [sh, -c, 'echo 123456789; exit 1'], autorestart: always, starttime: 0}")
            .supervise();
    let written = || {
        let text = String::from_utf8(get(running.site.port, "/metrics").unwrap().body).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("taskmaster_process_log_bytes_total{"))
            .unwrap()
            .to_owned();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let mut last = 0;
    wait_until("some restarts", || {
        let now = written();
        assert!(now >= last, "{now} after {last}");
        last = now;
        now > 50
    });
    running.stop();
}
