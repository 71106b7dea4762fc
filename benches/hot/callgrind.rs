//! Counts the instructions of one workload: this program runs itself in callgrind, which counts from
//! the entry of [`hot_path_counted`] to its return.
//!
//! Only what is in our own program file is summed up. The C library chooses its copying and searching
//! functions by the CPU, so its instructions differ from machine to machine; how often it is asked for
//! memory does not, and is counted beside them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::workloads::{Work, Workload};

/// The first argument that makes this program do one workload.
pub const ROLE: &str = "counted";
const COUNTED: &str = "hot_path_counted";

/// What a workload costs, always the same for the same compiler and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Instructions of our own code and of the crates in it.
    pub instructions: u64,
    /// How often memory was asked for.
    pub allocations: u64,
}

/// Does the workload where callgrind can see it.
pub fn run_counted(workload: &Workload) {
    let mut work = (workload.prepare)();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    hot_path_counted(&mut work);
    println!("{}", ALLOCATIONS.load(Ordering::Relaxed) - before);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn hot_path_counted(work: &mut Work) {
    work();
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
#[global_allocator]
static COUNTING: Counting = Counting;

/// The system's allocator, counted.
struct Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, new_size) }
    }
}

/// Runs the workload in callgrind.
///
/// # Errors
/// In words, when there is no valgrind or it fails.
pub fn count(workload: &Workload, dir: &Path) -> Result<Counts, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let file = dir.join(workload.name);
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(&this)
        .args([ROLE, workload.name])
        // An environment of its own: nothing that hides in ours can matter.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null());
    let output = valgrind.output().map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("valgrind: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let profile = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let instructions = sum(&profile, &this.display().to_string());
    let said = String::from_utf8_lossy(&output.stdout);
    match (instructions, said.trim().parse()) {
        (1.., Ok(allocations)) => Ok(Counts { instructions, allocations }),
        _ => Err(format!("callgrind has seen nothing of {COUNTED}; it said {said}")),
    }
}

/// Sums up a profile: blocks of `ob=` and `fn=`, then lines of a position and a count. The line after
/// `calls=` is what a call cost all in all, which is counted elsewhere.
fn sum(profile: &str, program: &str) -> u64 {
    let (mut instructions, mut is_ours) = (0, false);
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_ours = object == program;
        } else if line.starts_with("calls=") {
            lines.next();
        } else if is_ours && line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            instructions += cost.unwrap_or_default();
        }
    }
    instructions
}
