//! RLIMIT_NOFILE: raised for us, restored for children.
//!
//! Each instance costs us two descriptors, so the usual soft limit of 1,024 is reached at 500
//! instances. Children get the limit back that we were started with: some of them (select(2),
//! daemons that close every possible descriptor) cannot cope with a large one.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The soft limits of open files, ours and the children's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileLimit {
    inherited: rlim_t,
    raised: rlim_t,
    hard: rlim_t,
}

impl FileLimit {
    /// Raises our soft limit as far as the hard one allows.
    pub(crate) fn raise() -> nix::Result<FileLimit> {
        let (inherited, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let raised = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => inherited,
        };
        Ok(FileLimit { inherited, raised, hard })
    }

    /// How many descriptors we may have.
    pub(crate) fn raised(self) -> u64 {
        self.raised
    }

    /// Whether a descriptor of this number can be given to a child while its limit is in force.
    pub(crate) fn inherits(self, descriptor: i32) -> bool {
        u64::try_from(descriptor).is_ok_and(|number| number < self.inherited)
    }

    /// Runs `spawn` under the limit that children inherit. Whatever needs a new descriptor must be
    /// opened before: with many open, this limit is below what we hold.
    pub(crate) fn with_inherited<T>(self, spawn: impl FnOnce() -> T) -> T {
        if self.inherited == self.raised {
            return spawn();
        }
        self.set(self.inherited);
        let result = spawn();
        self.set(self.raised);
        result
    }

    /// Both values lie below the hard limit, so what refuses this is no rule of the kernel's. The next spawn
    /// tries it again.
    fn set(self, soft: rlim_t) {
        if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, soft, self.hard) {
            log::warn!("the limit of open files cannot be set to {soft}: {error}");
        }
    }
}
