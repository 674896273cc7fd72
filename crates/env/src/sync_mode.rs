//! How far a sync goes: [`SyncMode`].
//!
//! There are two calls for it in [`FsFile`], and every operating system has its own idea of them:
//!
//! | system | [`SyncMode::Normal`] | [`SyncMode::Full`] |
//! |---|---|---|
//! | Linux | `fdatasync` | `fsync` |
//! | macOS, iOS | `F_FULLFSYNC` | `F_FULLFSYNC` |
//! | Windows | `FlushFileBuffers` | `FlushFileBuffers` |
//! | other Unix | `fdatasync` | `fsync` |
//!
//! All of them go through the cache of the drive, where the drive and its mount options let them: on Linux both calls send the
//! device a flush, and on macOS the standard library takes the call that does, for both. So the default is as safe as the
//! system can be asked to be, and nothing is lost by it. What *full* adds is the file's metadata, for file systems and
//! drivers whose `fdatasync` leaves more out than the time of the last change: network and stacked ones, mostly.
//!
//! Not here: what is to be synced and when, and names, which [`crate::fs::Fs::sync_dir`] syncs as a whole in either mode.

use std::io;

use crate::fs::FsFile;

/// How far a sync of a file goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SyncMode {
    /// The bytes and the length of the file: [`FsFile::sync_data`].
    #[default]
    Normal,
    /// All that the system knows of the file, through every cache it can reach: [`FsFile::sync_all`]. A sync of a small
    /// write may take twice as long.
    Full,
}

impl SyncMode {
    /// Makes the file durable, but not its name.
    ///
    /// # Errors
    /// As [`FsFile::sync_data`].
    pub fn sync(self, file: &dyn FsFile) -> io::Result<()> {
        match self {
            Self::Normal => file.sync_data(),
            Self::Full => file.sync_all(),
        }
    }
}
