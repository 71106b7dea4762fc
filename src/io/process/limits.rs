//! RLIMIT_NOFILE: raised for us, restored for children.
//!
//! Each instance costs us two descriptors, so the usual soft limit of 1,024 is reached at 500
//! instances. Children get the limit back that we were started with: some of them (select(2),
//! daemons that close every possible descriptor) cannot cope with a large one.

use nix::libc::rlimit;
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
            Err(error) => {
                log::warn!("the limit of open files cannot be raised from {inherited} to {hard}: {error}");
                inherited
            }
        };
        Ok(FileLimit { inherited, raised, hard })
    }

    /// How many descriptors we may have.
    pub(crate) fn raised(self) -> u64 {
        self.raised
    }

    /// What a child is to be given, where it is not what we have.
    pub(super) fn of_children(self) -> Option<rlimit> {
        (self.inherited != self.raised).then_some(rlimit { rlim_cur: self.inherited, rlim_max: self.hard })
    }
}
