//! The bytes of one file, read by place.

use std::io;
use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, FsFile, OpenOptions};
use esker_env::os::OsFs;

/// A file, open for reading.
#[derive(Debug)]
pub(crate) struct RawFile {
    file: Arc<dyn FsFile>,
    len: u64,
}

impl RawFile {
    /// Opens a file that exists.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if std::fs::metadata(path)?.is_dir() {
            return Err(io::Error::other("it is a directory"));
        }
        let file = OsFs.open(path, &OpenOptions::read_only())?;
        let len = file.len()?;
        Ok(Self { file, len })
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// `len` bytes from `offset`, which lie inside the file.
    pub(crate) fn read(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        // Asked before the memory is taken: a length from the file may be anything.
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Up to `len` bytes at the end.
    pub(crate) fn tail(&self, len: u64) -> io::Result<Vec<u8>> {
        let len = len.min(self.len);
        self.read(self.len - len, len)
    }

    /// All of it.
    pub(crate) fn all(&self) -> io::Result<Vec<u8>> {
        self.read(0, self.len)
    }
}
