//! Descriptors that are held for the look at what programs have left. A supervisor whose descriptors are
//! all taken, by pipes, logs or clients, must still be able to end what it has to end.

use std::fs::File;
use std::io;

use super::proc_fs::is_lack;

/// As many as a look or a signal needs at one time: one for a process, and one to see that it is still
/// the same.
const HELD: usize = 2;

/// They hold their numbers open: nobody else can take those, as there is no other thread. The system's own
/// limit of open files can be reached by others between two calls; then a look may fail all the same.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    held: [Option<File>; HELD],
}

impl Reserve {
    /// Takes what is missing, as far as there is something to take.
    pub(super) fn fill(&mut self) {
        for file in self.held.iter_mut().filter(|file| file.is_none()) {
            *file = File::open("/dev/null").ok();
        }
    }

    /// Does something that needs descriptors; once more with those that are held if there are no others.
    pub(super) fn lend<T>(&mut self, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let done = match work() {
            Err(error) if is_lack(&error) && self.held.iter().any(Option::is_some) => {
                self.held = Default::default();
                work()
            }
            done => done,
        };
        self.fill();
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::libc;

    fn lack<T>() -> io::Result<T> {
        Err(io::Error::from_raw_os_error(libc::EMFILE))
    }

    #[test]
    fn what_lacks_descriptors_is_done_once_more_and_other_trouble_is_not() {
        let mut reserve = Reserve::default();
        reserve.fill();
        let mut tries = 0;
        let mut count = |result: fn(u32) -> io::Result<u32>| {
            let mut own = 0;
            let done = reserve.lend(|| {
                own += 1;
                result(own)
            });
            tries += own;
            (done.ok(), own, reserve.held.iter().flatten().count())
        };
        assert_eq!(count(|tries| if tries == 1 { lack() } else { Ok(7) }), (Some(7), 2, HELD));
        assert_eq!(count(|_| lack()), (None, 2, HELD), "bounded");
        assert_eq!(count(|_| Err(io::ErrorKind::NotFound.into())), (None, 1, HELD));
        assert_eq!(tries, 5);
    }
}
