//! Log files that are not what a log file should be: a full disk, a FIFO, a link, a file that was
//! removed. The program goes on, nothing blocks, and what is lost is counted and told.

mod harness;

use harness::{Console, Running, Site, context_switches, get, wait_until};
use nix::sys::signal::Signal;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a line as often as the file `beats` shows that it still can.
const TICKER: &str = "while :; do echo tick; echo beat >> beats; sleep 0.02; done";

fn ticker(stdout: &str) -> Site {
    Site::new(&format!("  w: {{cmd: [sh, -c, '{TICKER}'], stdout: {stdout}, starttime: 0}}"))
}

/// The program is not held up by its log, nor is anybody else.
fn assert_goes_on(running: &Running) {
    let beats = || running.site.read("beats").lines().count();
    let before = beats();
    wait_until("further beats", || beats() > before + 5);
    assert_eq!(get(running.site.port, "/healthz").unwrap().status, 200);
    assert_eq!(running.process("w:0")["restarts"], 0);
}

fn make_fifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
}

#[test]
fn a_full_disk_holds_up_nobody_and_is_told_once() {
    let running = ticker("/dev/full").supervise();
    wait_until("the report", || running.log().contains("/dev/full cannot be written, output is dropped"));
    assert_goes_on(&running);
    assert_eq!(running.log().matches("/dev/full").count(), 1, "{}", running.log());
    running.stop();
}

#[test]
fn a_fifo_that_nobody_reads_is_a_failed_start() {
    let site = Site::new("  w: {cmd: sleep 1000, stdout: fifo, startretries: 0}");
    make_fifo(&site.path("fifo"));
    let running = site.supervise();
    let row = running.wait_for_state("w:0", "FATAL");
    assert!(row["description"].as_str().unwrap().contains("/fifo: nobody reads this FIFO"), "{row}");
    running.stop();
}

/// While a reader keeps up it gets every line. One that stops reading, or goes, costs lines and
/// nothing else; one that comes back is written to again.
#[test]
fn the_reader_of_a_fifo_may_stop_and_go_and_come_back() {
    let site = Site::new(
        "  w: {cmd: [sh, -c, 'while :; do echo 0123456789; done'], stdout: fifo, starttime: 0}\n  beat: {cmd: [sh, -c, 'while :; do echo beat >> beats; sleep 0.02; done'], starttime: 0}",
    );
    make_fifo(&site.path("fifo"));
    let open = |site: &Site| {
        OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(site.path("fifo")).unwrap()
    };
    let mut reader = open(&site);
    let running = site.supervise();
    wait_until("the loss to be told", || running.log().contains("/fifo cannot be written"));
    let mut chunk = [0; 1024];
    reader.read_exact(&mut chunk).unwrap();
    assert!(chunk.starts_with(b"0123456789\n0123456789\n"));
    drop(reader);
    wait_until("beats without a reader", || running.site.read("beats").lines().count() > 5);
    let reader = open(&running.site);
    wait_until("lines for the next reader", || {
        let mut line = String::new();
        BufReader::new(&reader).read_line(&mut line).is_ok_and(|count| count > 0)
    });
    assert_eq!(running.state("w:0"), "RUNNING");
    running.stop();
}

#[test]
fn a_file_that_was_removed_comes_back_on_usr2_and_is_held_no_longer() {
    let running = ticker("out").supervise();
    wait_until("output", || running.site.read("out").contains("tick"));
    fs::remove_file(running.site.path("out")).unwrap();
    fs::remove_file(running.site.path("logs/taskmaster.log")).unwrap();
    assert_goes_on(&running);
    let deleted = || {
        let files = fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap().flatten();
        let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        targets.filter(|target| target.to_string_lossy().ends_with(" (deleted)")).count()
    };
    assert!(deleted() >= 2, "the control: what is looked for can be found");
    running.signal(Signal::SIGUSR2);
    wait_until("new files", || running.site.read("out").contains("tick"));
    assert_eq!(deleted(), 0);
    running.stop();
}

#[test]
fn a_file_that_was_emptied_is_appended_to_without_a_hole() {
    let running = ticker("out").supervise();
    wait_until("output", || running.site.read("out").lines().count() > 5);
    File::create(running.site.path("out")).unwrap();
    wait_until("output after that", || running.site.read("out").contains("tick"));
    assert!(!running.site.read("out").contains('\0'), "written at an old offset");
    running.stop();
}

#[test]
fn our_own_standard_output_can_be_a_log() {
    let mut console = Console::open(Site::new(
        "  w: {cmd: [sh, -c, 'echo hello; exec sleep 1000'], stdout: /dev/stdout, starttime: 0}",
    ));
    assert_eq!(console.hear(), "hello");
    assert_eq!(console.ask("stop w"), ["w:0: stopped"]);
}

/// It is written at the offset that it shares with whoever opened it, and never rotated: its name is not
/// ours to move.
#[test]
fn our_own_standard_output_can_be_a_plain_file_and_several_may_write_to_it() {
    let site = Site::new(
        "  a: {cmd: [sh, -c, 'seq 1000'], stdout: /proc/self/fd/1, stdout_maxbytes: 100, stdout_backups: 0, starttime: 0}
  b: {cmd: [sh, -c, 'seq 1000'], stdout: inherit, starttime: 0}
  c: {cmd: [sh, -c, 'seq 1000'], stdout: /dev/stdout, stdout_maxbytes: 0, starttime: 0}",
    );
    let path = site.path("screen");
    let mut command = site.command();
    command.stdout(File::create(&path).unwrap());
    let running = site.start(&mut command);
    for name in ["a:0", "b:0", "c:0"] {
        running.wait_for_state(name, "EXITED");
    }
    let mut counts = [0; 2];
    for line in running.site.read("screen").lines() {
        let (is_prefixed, number) = line.strip_prefix("b:0 | ").map_or((false, line), |rest| (true, rest));
        assert!(number.parse::<u32>().is_ok_and(|number| number <= 1000), "{line:?}");
        counts[usize::from(is_prefixed)] += 1;
    }
    assert_eq!(counts, [2000, 1000]);
    running.stop();
}

#[test]
fn what_was_there_before_is_kept_and_appended_to() {
    let site = Site::new("  w: {cmd: echo new, stdout: out, starttime: 0}");
    site.write("out", "old\n");
    let running = site.supervise();
    running.wait_for_state("w:0", "EXITED");
    assert_eq!(running.site.read("out"), "old\nnew\n");
    running.stop();
}

#[test]
fn silence_after_a_flood_is_silence() {
    let site = Site::new("  w: {cmd: [sh, -c, 'seq 300000; exec sleep 1000'], stdout: out, starttime: 0}");
    let running = site.supervise();
    wait_until("all of it", || running.site.read("out").ends_with("\n300000\n"));
    wait_until("it to fall silent", || {
        let before = context_switches(running.pid());
        std::thread::sleep(std::time::Duration::from_millis(500));
        context_switches(running.pid()) == before
    });
    running.stop();
}

/// What `check` says of a configuration that is valid.
fn checked(site: &Site) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_taskmaster"));
    let output = command.arg("check").current_dir(site.path("")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("valid"), "{told}");
    told
}

#[test]
fn as_root_a_log_directory_that_others_can_change_is_a_warning_of_check_and_of_the_start() {
    use std::os::unix::fs::PermissionsExt;
    if !nix::unistd::geteuid().is_root() {
        eprintln!("left out: only what is written as root is worth planting links for");
        return;
    }
    let site = Site::new("  w: {cmd: sleep 1000, numprocs: 2, stdout: open/w.log, stderr: open/w.err}");
    std::fs::create_dir(site.path("open")).unwrap();
    let check = || checked(&site);
    for (mode, who) in [(0o777, "everybody"), (0o770, "its group")] {
        std::fs::set_permissions(site.path("open"), std::fs::Permissions::from_mode(mode)).unwrap();
        let told = check();
        assert_eq!(told.matches(&format!("open can be changed by {who}, and logs are")).count(), 1, "{told}");
    }
    let mode = |name: &str, mode| {
        std::fs::set_permissions(site.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Whoever can replace the directory leads the logs elsewhere; where it is sticky, he cannot.
    site.configure("  w: {cmd: sleep 1000, stdout: open/own/w.log, stderr: open/own/new/w.err}", "");
    std::fs::create_dir(site.path("open/own")).unwrap();
    mode("open/own", 0o755);
    mode("open", 0o777);
    let told = check();
    assert_eq!(told.matches("can be changed by").count(), 1, "{told}");
    assert!(
        told.contains("above a log directory, ") && told.contains("/open can be changed by every"),
        "{told}"
    );
    mode("open", 0o1777);
    assert!(!check().contains("can be changed by"));
    mode("open", 0o755);
    std::os::unix::fs::chown(site.path("open"), Some(4711), None).unwrap();
    assert!(check().contains("/open can be changed by its owner, who is not root, and logs"));
    std::os::unix::fs::chown(site.path("open"), Some(0), None).unwrap();
    mode("open/own", 0o770);
    let running = site.supervise();
    assert!(running.log().contains("/open/own can be changed by its group"));
    running.stop();
}

#[test]
fn a_log_directory_of_our_own_is_no_warning() {
    let site = Site::new("  w: {cmd: sleep 1000, stdout: own/w.log}");
    std::fs::create_dir(site.path("own")).unwrap();
    std::fs::set_permissions(site.path("own"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(!checked(&site).contains("can be changed"));
}
