//! [`MappedRegion`]: a log file's bytes as memory, through a shared mapping.
//!
//! Copying into the mapping hands bytes to the operating system without a system call: they survive the death of the
//! process, and `msync` of a range makes just that range durable, whatever else of the file is dirty.
//!
//! **Signals.** A store into a page that the file system cannot back ends the process (`SIGBUS`). So the range must
//! be allocated when it is mapped ([`MappedRegion::new`] looks), on a file system where allocated space stays usable
//! (the caller's list). What is left is what no check can exclude: someone else cuts the file, or the device fails so
//! that the file system turns read-only and no page of it can be made writable again.
//!
//! **Threads.** The mapping is only ever touched as atomic words with relaxed stores, so concurrent writers leave a
//! mixture of words and no data race, and neither does the kernel, which writes pages out meanwhile.
//!
//! Not here: which file systems are trusted (`os/platform/linux.rs`).

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags, madvise, mmap, msync, munmap};
use rustix::param::page_size;

use crate::fs::{MappedLog, check_mapped_range, mapped_words};

/// The unit of `st_blocks`.
const STAT_BLOCK_BYTES: u64 = 512;

/// The beginning of a file as memory; unmapped when dropped. The file may be closed before.
#[derive(Debug)]
pub(in crate::os) struct MappedRegion {
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the mapping belongs to this value, may be used and unmapped from any thread, and is touched by atomics only.
unsafe impl Send for MappedRegion {}
// SAFETY: as above.
unsafe impl Sync for MappedRegion {}

impl MappedRegion {
    /// Maps the first `len` bytes of `file`, which must be allocated (INV-ENV-7).
    pub(in crate::os) fn new(file: &File, len: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let is_allocated = metadata.blocks().saturating_mul(STAT_BLOCK_BYTES) >= len && metadata.len() >= len;
        let mapped_len = usize::try_from(len).ok().filter(|len| *len > 0 && len.is_multiple_of(8));
        let Some(mapped_len) = mapped_len.filter(|_| is_allocated) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // SAFETY: a new mapping, at an address of the kernel's choice: no memory of ours is replaced.
        let start = unsafe {
            mmap(ptr::null_mut(), mapped_len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0)
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, words: mapped_len / size_of::<AtomicU64>() })
    }

    fn words(&self) -> &[AtomicU64] {
        // SAFETY: so many words from `start` on are mapped, readable and writable as long as `self` lives, and a page
        // is aligned for any of them. Pages of a file always hold some bytes, and any bytes are an atomic integer.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    fn len(&self) -> u64 {
        (self.words * size_of::<AtomicU64>()) as u64
    }

    /// The whole pages that a range touches: their address, and how many bytes they are.
    fn pages(&self, range: &Range<u64>) -> io::Result<(*mut c_void, usize)> {
        check_mapped_range(range, self.len())?;
        let page = page_size() as u64;
        let from = range.start / page * page;
        let len = range.end.next_multiple_of(page).min(self.len()) - from;
        let (from, len) = (usize::try_from(from), usize::try_from(len));
        let (Ok(from), Ok(len)) = (from, len) else { return Err(io::ErrorKind::InvalidInput.into()) };
        Ok((self.start.as_ptr().cast::<c_void>().wrapping_byte_add(from), len))
    }
}

impl MappedLog for MappedRegion {
    fn populate(&self, range: Range<u64>) -> io::Result<()> {
        let (start, len) = self.pages(&range)?;
        // SAFETY: the pages lie within our mapping, and making them present changes no byte of them.
        match retry(|| unsafe { madvise(start, len, Advice::LinuxPopulateWrite) }) {
            // A kernel from before 5.14 does not know the advice.
            Err(Errno::INVAL) => Err(io::ErrorKind::Unsupported.into()),
            result => Ok(result?),
        }
    }

    #[inline]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let range = mapped_words(bytes.len(), offset, self.len())?;
        let first = usize::try_from(range.start / 8).map_err(|_| io::ErrorKind::InvalidInput)?;
        let (words, _) = bytes.as_chunks::<8>();
        for (target, word) in self.words().get(first..).unwrap_or_default().iter().zip(words) {
            target.store(u64::from_ne_bytes(*word), Ordering::Relaxed);
        }
        Ok(())
    }

    fn sync(&self, range: Range<u64>) -> io::Result<()> {
        let (start, len) = self.pages(&range)?;
        // SAFETY: the pages lie within our mapping, and syncing changes no byte of them.
        Ok(retry(|| unsafe { msync(start, len, MsyncFlags::SYNC) })?)
    }
}

impl Drop for MappedRegion {
    fn drop(&mut self) {
        let len = self.words * size_of::<AtomicU64>();
        // SAFETY: exactly what `new` mapped, once; whoever borrowed from `self` is gone. That an address of ours is not
        // mapped is the only error, and there is nothing to be done about it.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), len) };
    }
}

/// Starts again after a signal.
fn retry(mut call: impl FnMut() -> rustix::io::Result<()>) -> rustix::io::Result<()> {
    loop {
        match call() {
            Err(Errno::INTR | Errno::AGAIN) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
