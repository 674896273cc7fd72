//! The bytes of a [`MemFs`](crate::memory::MemFs): contents, handles, locks, and the shared byte budget.
//!
//! The budget counts file *lengths*, charged before a file grows and given back when it shrinks or its last
//! name and handle are gone.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::fs::{Access, FileLock, FsFile, MappedLog, OpenOptions, Space, check_mapped_range, mapped_words};

/// How many bytes all files together may hold.
#[derive(Debug)]
pub(super) struct Budget {
    limit: AtomicU64,
    used: AtomicU64,
}

impl Budget {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: AtomicU64::new(limit), used: AtomicU64::new(0) }
    }

    pub(super) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn space(&self) -> Space {
        let total_bytes = self.limit.load(Ordering::Relaxed);
        Space { total_bytes, available_bytes: total_bytes.saturating_sub(self.used()) }
    }

    fn charge(&self, bytes: u64) -> io::Result<()> {
        let limit = self.limit.load(Ordering::Relaxed);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|&total| total <= limit)
            })
            .map(|_| ())
            .map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A file's contents, shared by its names and handles.
#[derive(Debug)]
pub(super) struct MemFile {
    bytes: RwLock<Vec<u8>>,
    locked: AtomicBool,
    budget: Arc<Budget>,
}

impl MemFile {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { bytes: RwLock::default(), locked: AtomicBool::new(false), budget }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes().len() as u64
    }

    pub(super) fn contents(&self) -> Vec<u8> {
        self.bytes().clone()
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        self.resize(&mut self.bytes_mut(), index(len)?)
    }

    pub(super) fn write(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let start = index(offset)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let mut bytes = self.bytes_mut();
        if end > bytes.len() {
            self.resize(&mut bytes, end)?;
        }
        if let Some(target) = bytes.get_mut(start..end) {
            target.copy_from_slice(buf);
        }
        Ok(())
    }

    fn resize(&self, bytes: &mut Vec<u8>, len: usize) -> io::Result<()> {
        let grown = len.saturating_sub(bytes.len());
        self.budget.charge(grown as u64)?;
        if bytes.try_reserve(grown).is_err() {
            self.budget.give_back(grown as u64);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.budget.give_back(bytes.len().saturating_sub(len) as u64);
        bytes.resize(len, 0);
        Ok(())
    }

    fn bytes(&self) -> RwLockReadGuard<'_, Vec<u8>> {
        self.bytes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_mut(&self) -> RwLockWriteGuard<'_, Vec<u8>> {
        self.bytes.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemFile {
    fn drop(&mut self) {
        self.budget.give_back(self.len());
    }
}

/// An open file with its access rights.
#[derive(Debug)]
pub(super) struct MemHandle {
    file: Arc<MemFile>,
    readable: bool,
    writable: bool,
}

impl MemHandle {
    pub(super) fn new(file: Arc<MemFile>, options: &OpenOptions) -> Self {
        Self { file, readable: options.read, writable: options.write }
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl FsFile for MemHandle {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if !self.readable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let bytes = self.file.bytes();
        let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
        let read = rest.len().min(buf.len());
        if let (Some(target), Some(source)) = (buf.get_mut(..read), rest.get(..read)) {
            target.copy_from_slice(source);
        }
        Ok(read)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.check_writable()?;
        self.file.write(buf, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.file.set_len(len)
    }

    fn preallocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let end = index(offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?)?;
        let mut bytes = self.file.bytes_mut();
        if len > 0 && end > bytes.len() { self.file.resize(&mut bytes, end) } else { Ok(()) }
    }

    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()> {
        self.check_writable()?;
        let mut bytes = self.file.bytes_mut();
        let end = bytes.len().min(usize::try_from(offset.saturating_add(len)).unwrap_or(usize::MAX));
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        if let Some(hole) = bytes.get_mut(start..end) {
            hole.fill(0);
        }
        Ok(())
    }

    fn advise(&self, _access: Access) -> io::Result<()> {
        Ok(())
    }

    fn map_log(&self, len: u64) -> io::Result<Arc<dyn MappedLog>> {
        if !self.readable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.check_writable()?;
        if !len.is_multiple_of(8) || len > self.file.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Arc::new(MemMap { file: Arc::clone(&self.file), len }))
    }
}

/// The mapped beginning of a file: memory anyway.
#[derive(Debug)]
struct MemMap {
    file: Arc<MemFile>,
    len: u64,
}

impl MappedLog for MemMap {
    fn populate(&self, range: Range<u64>) -> io::Result<()> {
        check_mapped_range(&range, self.len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        mapped_words(bytes.len(), offset, self.len)?;
        self.file.write(bytes, offset)
    }

    fn sync(&self, range: Range<u64>) -> io::Result<()> {
        check_mapped_range(&range, self.len)
    }
}

/// A held lock.
#[derive(Debug)]
pub(super) struct MemLock(Arc<MemFile>);

impl FileLock for MemLock {}

impl MemLock {
    pub(super) fn acquire(file: Arc<MemFile>) -> io::Result<Self> {
        if file.locked.swap(true, Ordering::Acquire) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Self(file))
    }
}

impl Drop for MemLock {
    fn drop(&mut self) {
        self.0.locked.store(false, Ordering::Release);
    }
}

/// A file offset as an index into memory.
fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}
