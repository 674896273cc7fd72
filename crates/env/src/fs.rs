//! The file system as the engine sees it: [`Fs`] for names, [`FsFile`] for bytes, [`MappedLog`] for a log's bytes in
//! memory.
//!
//! Three rules shape these traits:
//!
//! * **Positional I/O only.** A file has no cursor, so any number of readers may share one handle (INV-ENV-2).
//! * **Durability is explicit.** A write is durable after [`FsFile::sync_data`] on that file; a name (created,
//!   renamed, linked or removed) after [`Fs::sync_dir`] on its directory (INV-ENV-3). Neither implies the other.
//! * **Errors are `io::Error`** with a meaningful [`io::ErrorKind`]; every implementation gives the same kinds
//!   (one conformance suite runs against all of them).
//!
//! Paths are taken as they come: relative ones against the process's directory for the real file system and
//! against the root for the others.
//!
//! Not here: the implementations ([`crate::os`], [`crate::memory`]).

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A file system shared by everything that works on one database.
pub type SharedFs = Arc<dyn Fs>;

/// How to open a file. The combinations and their errors are those of [`std::fs::OpenOptions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Allow reading.
    pub read: bool,
    /// Allow writing.
    pub write: bool,
    /// Create the file if it does not exist (needs `write`).
    pub create: bool,
    /// Create the file and fail with `AlreadyExists` if it exists (needs `write`, overrides `create`).
    pub create_new: bool,
    /// Cut an existing file to length zero (needs `write`).
    pub truncate: bool,
    /// Of a file that is created: have its blocks written where they are, on file systems that else write changed blocks
    /// elsewhere (copy on write). A hint that never changes what is read, and means nothing to other file systems.
    pub in_place: bool,
}

impl OpenOptions {
    /// An existing file, for reading.
    #[must_use]
    pub const fn read_only() -> Self {
        Self { read: true, write: false, create: false, create_new: false, truncate: false, in_place: false }
    }

    /// An existing file, for reading and writing.
    #[must_use]
    pub const fn read_write() -> Self {
        Self { read: true, write: true, create: false, create_new: false, truncate: false, in_place: false }
    }

    /// A file that must not exist yet, for reading and writing.
    #[must_use]
    pub const fn create_new() -> Self {
        Self { read: true, write: true, create: false, create_new: true, truncate: false, in_place: false }
    }

    /// A new file or an existing one as it is, for reading and writing.
    #[must_use]
    pub const fn create() -> Self {
        Self { read: true, write: true, create: true, create_new: false, truncate: false, in_place: false }
    }

    /// The same, with [`Self::in_place`] as said.
    #[must_use]
    pub const fn with_in_place(self, in_place: bool) -> Self {
        Self { in_place, ..self }
    }

    /// Refuses the combinations that make no sense, as `std` does.
    ///
    /// # Errors
    /// `InvalidInput` for no access at all, or for creation or truncation without write access.
    pub fn validate(&self) -> io::Result<()> {
        if !self.read && !self.write {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "neither read nor write access asked for",
            ));
        }
        if !self.write && (self.create || self.create_new || self.truncate) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "creating or truncating needs write access",
            ));
        }
        Ok(())
    }
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name, without the directory's path.
    pub name: OsString,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// The file's length in bytes; 0 for a directory.
    pub len: u64,
}

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The file's length in bytes; 0 for a directory.
    pub len: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// Room on the device behind a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Size of the device or of the quota, in bytes.
    pub total_bytes: u64,
    /// What this process may still allocate, in bytes.
    pub available_bytes: u64,
}

/// What the file system behind a path is *known* to do natively. A `false` means unknown or emulated: calls
/// then still work where this crate has a fallback (preallocation), and answer `Unsupported` where not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// [`FsFile::preallocate`] reserves blocks without writing them, and later writes into them cannot fail for
    /// want of space.
    pub preallocate: bool,
    /// [`FsFile::punch_hole`] frees blocks.
    pub punch_hole: bool,
    /// [`Fs::reflink`] shares blocks.
    pub reflink: bool,
    /// [`Fs::hard_link`] works.
    pub hard_link: bool,
    /// [`FsFile::map_log`] works.
    pub mapped_log: bool,
}

/// How a file is about to be read: a hint that never changes what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Here and there: no read-ahead.
    Random,
    /// Front to back: read ahead.
    Sequential,
    /// All of it, soon.
    WillNeed,
    /// Not again: its cached pages may go.
    DontNeed,
}

/// Held while this process owns a lock file; dropping it releases the lock and leaves the file.
pub trait FileLock: Send + Sync + Debug {}

/// Names: files, directories, links and locks.
pub trait Fs: Send + Sync + Debug + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` (for `create_new`), `IsADirectory`, `InvalidInput` (see
    /// [`OpenOptions::validate`]), or what the system reports.
    fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<Arc<dyn FsFile>>;

    /// Creates a directory and every missing one above it. Existing ones are no error. Nothing is synced.
    ///
    /// # Errors
    /// `AlreadyExists` or `NotADirectory` if a file is in the way.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Everything in a directory, in ascending order of name; entries that vanish meanwhile are left out.
    ///
    /// # Errors
    /// `NotFound`, `NotADirectory`.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;

    /// Moves a file or directory, replacing a file at `to` in one step: whoever opens `to` meanwhile gets the
    /// old file or the new one.
    ///
    /// # Errors
    /// `NotFound` if `from` or the directory of `to` is missing.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name. Whoever has it open keeps reading it.
    ///
    /// # Errors
    /// `NotFound`; an error for a directory.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, `DirectoryNotEmpty`, `NotADirectory`.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// What is at a path.
    ///
    /// # Errors
    /// `NotFound`.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// Whether anything is at a path. An error other than `NotFound` is reported, never read as "no".
    ///
    /// # Errors
    /// What [`Fs::metadata`] reports, apart from `NotFound`.
    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the names in a directory durable: every creation, rename, link and removal that returned before.
    ///
    /// # Errors
    /// `NotFound`, or what the device reports; after an error nothing is known about what became durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a file a second name.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, `CrossesDevices`, `Unsupported`.
    fn hard_link(&self, src: &Path, dst: &Path) -> io::Result<()>;

    /// Makes `dst` a copy of `src` that shares its blocks until one of them is written.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`, `CrossesDevices`; `Unsupported` where the file system cannot: the caller
    /// then copies.
    fn reflink(&self, src: &Path, dst: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on a file, creating it if need be. The lock ends when the guard is dropped or the
    /// process dies.
    ///
    /// # Errors
    /// `WouldBlock` while anyone holds it, this very process included (INV-ENV-4).
    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>>;

    /// Room on the device behind a path.
    ///
    /// # Errors
    /// `NotFound`; `Unsupported` where the system cannot tell.
    fn space(&self, path: &Path) -> io::Result<Space>;

    /// What the file system behind a path is known to do natively. Never fails: unknown is `false`.
    fn capabilities(&self, path: &Path) -> Capabilities;
}

/// Bytes: one open file. Every method may be called from several threads at once; overlapping concurrent writes
/// leave either's bytes.
pub trait FsFile: Send + Sync + Debug {
    /// Reads some bytes at an offset and says how many. 0 means that `buf` is empty or `offset` is at or past
    /// the end; fewer than asked for may come at any time, so most callers want [`FsFile::read_exact_at`].
    ///
    /// # Errors
    /// What the device reports.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Fills `buf` from an offset.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends first (`buf` then holds what there was).
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut rest = buf;
        let mut position = offset;
        while !rest.is_empty() {
            let read = match self.read_at(rest, position) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            rest = rest.get_mut(read..).unwrap_or_default();
            position = position.saturating_add(read as u64);
        }
        Ok(())
    }

    /// Writes all of `buf` at an offset. Writing past the end grows the file; what lies between reads as zeros.
    ///
    /// # Errors
    /// `StorageFull`, or what the device reports. After an error any part of `buf` may have been written.
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the file's bytes and length durable (`fdatasync`), but not its name.
    ///
    /// # Errors
    /// What the device reports. After an error nothing is known about any unsynced write of this file, and a
    /// later success proves nothing (INV-ENV-5): treat what was not yet synced as lost.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`FsFile::sync_data`], with the file's metadata too (`fsync`).
    ///
    /// # Errors
    /// As [`FsFile::sync_data`].
    fn sync_all(&self) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the system reports.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As [`FsFile::len`].
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or grows it with zeros that need not be allocated.
    ///
    /// # Errors
    /// What the system reports.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Allocates `len` bytes from `offset` on: they exist on the device afterwards, bytes that were there stay,
    /// new ones are zero, and the file is at least `offset + len` long. Nobody may write the range meanwhile.
    ///
    /// # Errors
    /// `StorageFull` when there is no room, here and not at a later write into the range (INV-ENV-6).
    fn preallocate(&self, offset: u64, len: u64) -> io::Result<()>;

    /// Frees the blocks of a range, which then reads as zeros. The length stays.
    ///
    /// # Errors
    /// `Unsupported` where the file system cannot.
    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()>;

    /// Tells how the file is about to be read.
    ///
    /// # Errors
    /// What the system reports; a system without such hints ignores them.
    fn advise(&self, access: Access) -> io::Result<()>;

    /// Maps the first `len` bytes for writing. They must have been preallocated, and as long as the map lives the
    /// file is neither cut nor punched nor reflinked: what the file system could then no longer take would end the
    /// process with a signal (INV-ENV-7).
    ///
    /// # Errors
    /// `Unsupported` where the file system is not known to keep what [`FsFile::preallocate`] promises;
    /// `InvalidInput` for a length that is no multiple of 8, beyond the file's, or that is not allocated;
    /// `PermissionDenied` unless the file is open for reading and writing.
    fn map_log(&self, _len: u64) -> io::Result<Arc<dyn MappedLog>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The bytes of a log file, mapped: writing is copying, and the operating system has what was copied.
///
/// What is written here is seen by every read of the file, and the other way round. Any method may be called from
/// several threads at once; overlapping concurrent writes leave either's bytes, word by word. It outlives the file
/// that it came from.
pub trait MappedLog: Send + Sync + Debug {
    /// Makes the pages of a range present and writable ahead of their use, so that a write into them takes no page
    /// fault. No byte changes. Takes about 0.25 ms a MiB.
    ///
    /// # Errors
    /// `InvalidInput` outside of the map, `Unsupported` on a system that cannot; writing works without.
    fn populate(&self, range: Range<u64>) -> io::Result<()>;

    /// Copies `bytes` to `offset`; both are whole words of 8 bytes. What a power loss finds of an unsynced write is
    /// any of its words.
    ///
    /// # Errors
    /// `InvalidInput` for part of a word or outside of the map, and nothing is written then. No device can make it
    /// fail.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the bytes of a range durable, whether they were written here or through the file. Nothing is promised
    /// for the rest of the file, nor for its length and name.
    ///
    /// # Errors
    /// `InvalidInput` outside of the map; otherwise as [`FsFile::sync_data`] (INV-ENV-5).
    fn sync(&self, range: Range<u64>) -> io::Result<()>;
}

/// Refuses a range outside of a map of `len` bytes.
pub(crate) fn check_mapped_range(range: &Range<u64>, len: u64) -> io::Result<()> {
    if range.start <= range.end && range.end <= len {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// The range that writing `bytes` bytes at `offset` covers, if it is whole words within a map of `len` bytes.
#[inline]
pub(crate) fn mapped_words(bytes: usize, offset: u64, len: u64) -> io::Result<Range<u64>> {
    let end = offset.checked_add(bytes as u64).filter(|end| *end <= len);
    match end {
        Some(end) if offset.is_multiple_of(8) && end.is_multiple_of(8) => Ok(offset..end),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
