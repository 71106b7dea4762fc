//! Memory that is needed no more, given back to the system.
//!
//! The start of a supervisor takes more than all of its rest: arguments, the configuration and its checks.
//! What it leaves behind are free blocks of the heap, and pages of the program file that are mapped and
//! not used again. Both are given back after a start and after a reload: before the first sleep, and once more when
//! all is settled, as what each instance needs to become RUNNING brings pages back. Never by a timer. Answers about
//! very many instances leave free blocks, too, between some that stay: those are given back before the next sleep.

use std::ptr;
use std::time::Duration;

use nix::libc::{self, c_int, c_void};

/// A block of this size or more is a mapping of its own, which goes when it is freed, in bytes. Such are
/// documents about very many instances; glibc would by itself raise this bound after the first of them, and keep
/// all later ones in a heap that hardly ever shrinks.
const OWN_MAPPING_BYTES: c_int = 128 * 1024;
/// So much free memory may stay at the end of the heap, in bytes.
const SLACK_BYTES: c_int = 128 * 1024;

/// A sleep as long as this means that no start is under way.
const SETTLED: Duration = Duration::from_secs(10);

/// An answer of this many rows leaves more than what is looked for costs: some 150 bytes each.
const MANY_ROWS: usize = 1000;

/// What a start, a reload or a large answer may have left.
#[derive(Debug)]
pub(crate) struct Slack {
    is_first_sleep: bool,
    is_unsettled: bool,
    has_answered_much: bool,
}

impl Slack {
    /// After a start or a reload.
    pub(crate) const fn new() -> Slack {
        Slack { is_first_sleep: true, is_unsettled: true, has_answered_much: false }
    }

    /// An answer of so many rows was made, or let go of.
    pub(crate) fn note_answer(&mut self, rows: usize) {
        self.has_answered_much |= rows >= MANY_ROWS;
    }

    /// Gives back what is left, if this is a moment for it. `timeout` is how long the sleep may last; as long
    /// as an answer `is_sent`, what it was made of lies around it.
    pub(crate) fn before_sleep(&mut self, timeout: Option<Duration>, is_sent: impl FnOnce() -> bool) {
        if self.is_due(timeout) {
            give_back();
        } else if self.has_answered_much && timeout != Some(Duration::ZERO) && !is_sent() {
            self.has_answered_much = false;
            trim_heap();
        }
    }

    fn is_due(&mut self, timeout: Option<Duration>) -> bool {
        if timeout == Some(Duration::ZERO) {
            return false;
        }
        let is_settled = timeout.is_none_or(|timeout| timeout >= SETTLED);
        let is_due = self.is_first_sleep || (self.is_unsettled && is_settled);
        self.is_first_sleep = false;
        self.is_unsettled &= !is_settled;
        is_due
    }
}

/// How the heap is to behave; before much has been allocated.
pub(crate) fn keep_little() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets numbers of the allocator's; there is one thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, SLACK_BYTES);
    }
}

/// Gives back what is free, and what was only needed so far.
fn give_back() {
    trim_heap();
    // SAFETY: `unmap_file_pages` keeps to what dl_iterate_phdr(3) promises, and uses no data of ours.
    unsafe { libc::dl_iterate_phdr(Some(unmap_file_pages), ptr::null_mut()) };
}

fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: touches no block that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets go of the pages of the program file that nobody can have changed: its code and its constants. What is
/// used again is mapped again from the page cache, from which the kernel takes them when it needs room.
unsafe extern "C" fn unmap_file_pages(
    program: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: the first of all objects is the program itself, and its headers live as long as it does.
    let (program, segments) = unsafe {
        let program = &*program;
        (program, std::slice::from_raw_parts(program.dlpi_phdr, usize::from(program.dlpi_phnum)))
    };
    // SAFETY: takes a number only.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    for segment in
        segments.iter().filter(|segment| segment.p_type == libc::PT_LOAD && segment.p_flags & libc::PF_W == 0)
    {
        let begin = program.dlpi_addr as usize + segment.p_vaddr as usize;
        let end = begin + segment.p_memsz as usize;
        let begin = begin & !(page - 1);
        // The last page of a segment is its own: what follows begins on another one.
        // SAFETY: a private mapping of a file that is never written to; what is dropped comes back unchanged.
        unsafe { libc::madvise(begin as *mut c_void, end - begin, libc::MADV_DONTNEED) };
    }
    // Not the libraries, whose pages everybody shares.
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// kB of this process's `Rss` that are the program's own file.
    fn mapped_of_the_file() -> u64 {
        let exe = std::env::current_exe().unwrap().display().to_string();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut is_ours = false;
        let mut total = 0;
        for line in maps.lines() {
            if line.contains('-') && !line.contains("kB") {
                is_ours = line.ends_with(&exe) && !line.contains(" rw-p ");
            } else if is_ours && let Some(size) = line.strip_prefix("Rss:") {
                total += size.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
            }
        }
        total
    }

    #[test]
    fn twice_after_a_start_and_never_again() {
        const SHORT: Option<Duration> = Some(Duration::from_secs(1));
        let mut slack = Slack::new();
        let sleeps = [Some(Duration::ZERO), SHORT, SHORT, None, SHORT, None];
        let due = sleeps.map(|timeout| slack.is_due(timeout));
        assert_eq!(due, [false, true, false, true, false, false]);
        // What is settled at once needs it once.
        let mut slack = Slack::new();
        assert_eq!([None, SHORT, None].map(|timeout| slack.is_due(timeout)), [true, false, false]);
    }

    #[test]
    fn pages_of_the_program_go_and_come_back() {
        let before = mapped_of_the_file();
        give_back();
        let after = mapped_of_the_file();
        assert!(after < before, "{before} kB before, {after} kB after");
        assert_eq!(format!("{:?}", std::time::Duration::from_millis(1500)), "1.5s");
    }
}
