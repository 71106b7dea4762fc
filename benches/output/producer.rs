//! What the contenders copy. The bench runs it in processes of its own, by executing itself with one
//! of these roles as the first argument. Nothing is written before the file `go` is there.

use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// `flood COUNT LINES_PER_WRITE GO`: numbered lines as fast as they are taken.
pub const FLOOD: &str = "flood";
/// `tick SECONDS PER_SECOND GO`: numbered lines at a steady pace, each a write.
pub const TICK: &str = "tick";
/// `beat SECONDS PER_SECOND GO`: the time in milliseconds at a steady pace, each a write.
pub const BEAT: &str = "beat";

/// With its line end, in bytes.
pub const LINE_BYTES: usize = 100;

/// Plays the role, if it is one.
pub fn play(arguments: &[String]) -> bool {
    let [role, first, second, go] = arguments else { return false };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let role: fn(u64, u64) = match role.as_str() {
        FLOOD => flood,
        TICK => tick,
        BEAT => beat,
        _ => return false,
    };
    while !Path::new(go).exists() {
        sleep(Duration::from_millis(2));
    }
    role(number(first), number(second));
    true
}

/// The line of a number.
pub fn line(number: u64) -> [u8; LINE_BYTES] {
    let mut line = [b'.'; LINE_BYTES];
    line[..11].copy_from_slice(format!("{number:010} ").as_bytes());
    line[LINE_BYTES - 1] = b'\n';
    line
}

fn flood(count: u64, lines_per_write: u64) {
    let mut out = stdout();
    let mut block = Vec::with_capacity(lines_per_write as usize * LINE_BYTES);
    for number in 0..count {
        block.extend_from_slice(&line(number));
        if block.len() >= lines_per_write as usize * LINE_BYTES || number + 1 == count {
            out.write_all(&block).expect("somebody reads");
            block.clear();
        }
    }
}

fn tick(seconds: u64, per_second: u64) {
    let name = std::process::id();
    steadily(seconds, per_second, |number| format!("{name} {number}\n"));
}

fn beat(seconds: u64, per_second: u64) {
    steadily(seconds, per_second, |_| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        format!("{}\n", now.as_millis())
    });
}

fn steadily(seconds: u64, per_second: u64, text: impl Fn(u64) -> String) {
    let (mut out, start) = (stdout(), Instant::now());
    for number in 0..seconds * per_second {
        let due = start + Duration::from_secs(1) * number as u32 / per_second as u32;
        sleep(due.saturating_duration_since(Instant::now()));
        out.write_all(text(number).as_bytes()).expect("somebody reads");
    }
}

/// Without a buffer of its own: a write is a write.
fn stdout() -> std::fs::File {
    use std::os::fd::AsFd;
    std::io::stdout().as_fd().try_clone_to_owned().expect("a descriptor").into()
}
