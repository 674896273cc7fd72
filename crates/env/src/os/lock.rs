//! The exclusive lock on a lock file: one holder among all processes, and one inside this process.
//!
//! On Unix it is `flock`, which the kernel lets go when the process dies. Where `flock` is emulated by record
//! locks (NFS) it does not stop a second open in the same process, so a process-wide set of (device, inode)
//! does (INV-ENV-4). On Windows the file is opened with no sharing, which does both.
//!
//! Lock order: the set's mutex is a leaf; it is never held across a system call.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::fs::FileLock;

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub(super) struct OsLock {
    /// Dropped (closed) before `_entry`, so that nobody in this process finds the name free and the lock held.
    _file: File,
    #[cfg(unix)]
    _entry: in_process::Entry,
}

impl FileLock for OsLock {}

#[cfg(unix)]
impl OsLock {
    pub(super) fn acquire(path: &Path) -> io::Result<Self> {
        use rustix::fs::{FlockOperation, flock};
        use std::os::unix::fs::MetadataExt;

        let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let metadata = file.metadata()?;
        let entry = in_process::Entry::claim((metadata.dev(), metadata.ino()))?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file, _entry: entry }),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(windows)]
impl OsLock {
    pub(super) fn acquire(path: &Path) -> io::Result<Self> {
        use std::os::windows::fs::OpenOptionsExt;

        match File::options().read(true).write(true).create(true).truncate(false).share_mode(0).open(path) {
            Ok(file) => Ok(Self { _file: file }),
            // ERROR_SHARING_VIOLATION
            Err(error) if error.raw_os_error() == Some(32) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(unix)]
mod in_process {
    use std::collections::BTreeSet;
    use std::io;
    use std::sync::{Mutex, PoisonError};

    type FileIdentity = (u64, u64);

    static HELD: Mutex<BTreeSet<FileIdentity>> = Mutex::new(BTreeSet::new());

    /// A file identity claimed by this process until dropped.
    #[derive(Debug)]
    pub(super) struct Entry(FileIdentity);

    impl Entry {
        pub(super) fn claim(identity: FileIdentity) -> io::Result<Self> {
            if HELD.lock().unwrap_or_else(PoisonError::into_inner).insert(identity) {
                Ok(Self(identity))
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }

    impl Drop for Entry {
        fn drop(&mut self) {
            HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
        }
    }
}
