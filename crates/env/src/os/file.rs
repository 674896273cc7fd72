//! An open file of the operating system: positional I/O over `std::fs::File`.
//!
//! Reads and writes that are interrupted by a signal start again; short writes continue where they stopped.
//! [`OsFile::preallocate`] asks the file system first and writes zeros where it cannot.
//!
//! Not here: opening and naming ([`crate::os`]).

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::fs::{Access, FsFile, MappedLog};
use crate::os::platform;

/// One chunk of the zero-writing fallback of [`OsFile::preallocate`].
const FILL_CHUNK_BYTES: usize = 64 * 1024;

/// An open file; closed when dropped.
#[derive(Debug)]
pub(super) struct OsFile {
    file: File,
}

impl OsFile {
    pub(super) fn new(file: File) -> Self {
        Self { file }
    }

    /// Allocates a range by writing it: zeros past the end, and before it the bytes that are there, so that holes
    /// become blocks (INV-ENV-6).
    fn fill(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = end_of(offset, len)?;
        let mut chunk = vec![0u8; FILL_CHUNK_BYTES];
        let mut position = offset;
        while position < end {
            let want = usize::try_from(end - position).unwrap_or(usize::MAX).min(FILL_CHUNK_BYTES);
            let window = chunk.get_mut(..want).unwrap_or_default();
            window.fill(0);
            let mut have = 0;
            while let Some(rest) = window.get_mut(have..).filter(|rest| !rest.is_empty()) {
                match self.read_at(rest, position + have as u64)? {
                    0 => break,
                    read => have += read,
                }
            }
            self.write_all_at(window, position)?;
            position += want as u64;
        }
        Ok(())
    }
}

impl FsFile for OsFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match positional::read(&self.file, buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut rest = buf;
        let mut position = offset;
        while !rest.is_empty() {
            match positional::write(&self.file, rest, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    position = end_of(position, written as u64)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn preallocate(&self, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        end_of(offset, len)?;
        match platform::preallocate(&self.file, offset, len) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.fill(offset, len),
            result => result,
        }
    }

    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        platform::punch_hole(&self.file, offset, len)
    }

    fn advise(&self, access: Access) -> io::Result<()> {
        platform::advise(&self.file, access)
    }

    fn map_log(&self, len: u64) -> io::Result<Arc<dyn MappedLog>> {
        platform::map_log(&self.file, len)
    }
}

/// `offset + len`, or `InvalidInput` where no file can reach.
fn end_of(offset: u64, len: u64) -> io::Result<u64> {
    offset.checked_add(len).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(unix)]
mod positional {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    pub(super) fn read(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buf, offset)
    }

    pub(super) fn write(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(buf, offset)
    }
}

#[cfg(windows)]
mod positional {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::FileExt;

    // These move the handle's cursor as a side effect, which nothing here ever uses.
    pub(super) fn read(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        match file.seek_read(buf, offset) {
            // ERROR_HANDLE_EOF: Windows says "past the end" where Unix says 0.
            Err(error) if error.raw_os_error() == Some(38) => Ok(0),
            result => result,
        }
    }

    pub(super) fn write(file: &File, buf: &[u8], offset: u64) -> io::Result<usize> {
        file.seek_write(buf, offset)
    }
}

#[cfg(test)]
mod tests;
