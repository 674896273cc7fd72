//! [`OsFs`]: the operating system's files.
//!
//! Names go through `std::fs`; what `std` lacks (locks, preallocation, holes, block sharing, free space, access
//! hints) through `rustix` on Unix, in `os/platform.rs`. Elsewhere a portable fallback does what it honestly can
//! and answers `Unsupported` for the rest.
//!
//! Not here: the trait contracts ([`crate::fs`]), open files (`os/file.rs`), the lock (`os/lock.rs`),
//! the mapped log (`os/mapped_log.rs`).

mod file;
mod lock;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod mapped_log;
mod platform;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::fs::{Capabilities, DirEntry, FileLock, Fs, FsFile, Metadata, OpenOptions, Space};
use crate::os::file::OsFile;
use crate::os::lock::OsLock;

/// The real file system. Holds nothing; all instances are alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFs;

impl OsFs {
    /// The real file system.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Fs for OsFs {
    fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<Arc<dyn FsFile>> {
        options.validate()?;
        let file = fs::OpenOptions::new()
            .read(options.read)
            .write(options.write)
            .create(options.create)
            .create_new(options.create_new)
            .truncate(options.truncate)
            .open(path)?;
        // Unix opens directories for reading without complaint; the error would come at the first read.
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if options.in_place && (options.create || options.create_new) {
            platform::write_in_place(&file);
        }
        Ok(Arc::new(OsFile::new(file)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let is_dir = metadata.is_dir();
            entries.push(DirEntry {
                name: entry.file_name(),
                is_dir,
                len: if is_dir { 0 } else { metadata.len() },
            });
        }
        entries.sort_unstable();
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let metadata = fs::metadata(path)?;
        let is_dir = metadata.is_dir();
        Ok(Metadata { len: if is_dir { 0 } else { metadata.len() }, is_dir })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        platform::sync_dir(path)
    }

    fn hard_link(&self, src: &Path, dst: &Path) -> io::Result<()> {
        fs::hard_link(src, dst)
    }

    fn reflink(&self, src: &Path, dst: &Path) -> io::Result<()> {
        platform::reflink(src, dst)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        Ok(Box::new(OsLock::acquire(path)?))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        platform::space(path)
    }

    fn capabilities(&self, path: &Path) -> Capabilities {
        platform::capabilities(path)
    }
}

#[cfg(test)]
mod tests;
