//! Regions: raw memory of fixed size, shared by one writer and many readers.
//!
//! A region is used in two ways that never overlap. *Cells* are words that change while others look at them, so they
//! are atomics and stay atomics: [`Region::cells`]. *Bytes* are written once, before anybody can know where they
//! are, and are only read from then on: [`Region::write`], [`Region::bytes`].
//!
//! Fresh memory comes zeroed from the operating system and is not touched here, so pages cost nothing until they are
//! used; large regions that are in use ask for huge pages. A recycled region holds whatever its former user left:
//! whoever allocates cells initialises them.

use crate::huge_pages::{HUGE_PAGE, LARGE, ask_for_huge_pages};
use crate::prefetch::prefetch;
use crate::sync::AtomicU64;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// The alignment of a region: a cache line.
pub(crate) const LINE: usize = 64;

/// The alignment to ask the allocator for. More than this and it would clear the memory by hand, faulting it all in.
const ALLOCATED_ALIGN: usize = 16;

/// The size of a page, or of several.
const PAGE: usize = 4096;

/// Types that may stand anywhere in a region.
///
/// # Safety
///
/// Such a type consists of atomic integers only: every bit pattern is a value of it, and it may be changed by one
/// thread while others read it.
pub(crate) unsafe trait Cells {}

// SAFETY: an atomic integer.
unsafe impl Cells for AtomicU64 {}

/// A fixed block of initialised memory, aligned to a cache line.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    len: usize,
    allocation: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a region owns its memory; nothing about it belongs to a thread.
unsafe impl Send for Region {}
// SAFETY: through a shared reference memory changes only as atomics or under the contract of `write`.
unsafe impl Sync for Region {}

impl Region {
    /// A zeroed region of `len` bytes. Ends the process like any failed allocation if there is no memory.
    pub(crate) fn new(len: usize) -> Self {
        if len == 0 {
            return Self::none();
        }
        // The slack is address space only: nobody touches it.
        let align = if len >= LARGE { HUGE_PAGE } else { LINE };
        let Ok(layout) = Layout::from_size_align(len.saturating_add(align), ALLOCATED_ALIGN) else {
            handle_alloc_error(Layout::new::<u8>());
        };
        // SAFETY: the layout has a size greater than zero.
        let allocation = unsafe { alloc_zeroed(layout) };
        let Some(allocation) = NonNull::new(allocation) else { handle_alloc_error(layout) };
        let slack = allocation.align_offset(align);
        assert!(slack <= align, "the allocator's memory cannot be aligned");
        // SAFETY: `slack` is at most `align`, and the allocation is that much longer than `len`.
        let base = unsafe { allocation.add(slack) };
        Self { base, len, allocation, layout }
    }

    /// A region without memory.
    pub(crate) const fn none() -> Self {
        Self {
            base: NonNull::dangling(),
            len: 0,
            allocation: NonNull::dangling(),
            layout: Layout::new::<()>(),
        }
    }

    /// Asks for huge pages, if the region is large: they spare a search or an insert several misses of the address
    /// translation cache, and fault in at a fraction of the cost. But the first touch of each takes two megabytes, so
    /// ask when the region is known to be in use. A wish: where it is not granted, nothing changes.
    #[cold]
    pub(crate) fn ask_for_huge_pages(&self) {
        ask_for_huge_pages(self.base.as_ptr(), self.len & !(HUGE_PAGE - 1));
    }

    /// Has the system provide the memory of a range, which otherwise happens at the first touch of each page, on whoever
    /// touches it: up to milliseconds for a huge page. Changes nothing that is stored. A wish, as above.
    pub(crate) fn populate(&self, from: usize, to: usize) {
        let (from, to) = (from.next_multiple_of(PAGE), to.min(self.len) & !(PAGE - 1));
        if from >= to || !self.is_large() {
            return;
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::mm::{Advice, madvise};
            // SAFETY: `from` is less than `len`, as just checked.
            let start = unsafe { self.base.add(from) };
            // SAFETY: the range is within our allocation; this advice faults pages in and leaves their contents alone.
            let _ = unsafe { madvise(start.as_ptr().cast(), to - from, Advice::LinuxPopulateWrite) };
        }
    }

    /// Whether it is of a size for huge pages.
    pub(crate) const fn is_large(&self) -> bool {
        self.len >= LARGE
    }

    /// Zeroes all of it.
    pub(crate) fn clear(&mut self) {
        // SAFETY: all of the region is ours, and nobody else has a reference to any of it.
        unsafe { self.base.as_ptr().write_bytes(0, self.len) };
    }

    /// Gives the memory of whole pages back to the system; the next to look finds zeros. Where the system cannot take it,
    /// it stays as it is.
    ///
    /// # Safety
    ///
    /// The range lies within the region, and nobody has a slice or cells of it.
    #[cold]
    pub(crate) unsafe fn give_back(&self, at: usize, len: usize) {
        #[cfg(target_os = "linux")]
        {
            use rustix::mm::{Advice, madvise};
            let first = self.address(at);
            // SAFETY: the caller keeps the range within the region, and nobody minds its contents.
            let _ = unsafe { madvise(first.as_ptr().cast(), len, Advice::LinuxDontNeed) };
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (at, len);
    }

    /// The address of byte `at`.
    ///
    /// # Panics
    ///
    /// If it is not within the region: our own bug.
    pub(crate) fn address(&self, at: usize) -> NonNull<u8> {
        assert!(at < self.len, "an address lies within its region");
        // SAFETY: within the region, as just checked.
        unsafe { self.base.add(at) }
    }

    /// The size in bytes.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The cells at byte `at`.
    ///
    /// Sound wherever `at` comes from: cells may be shared, and nobody has a slice of what is used as cells, by the
    /// contract of [`bytes`](Self::bytes).
    ///
    /// # Panics
    ///
    /// If they are not within the region or `at` is not aligned: our own bug.
    #[inline]
    pub(crate) fn cells<T: Cells>(&self, at: usize) -> &T {
        assert!(at.is_multiple_of(align_of::<T>()) && at <= self.len && size_of::<T>() <= self.len - at);
        // SAFETY: `at` is within the region, as just checked.
        let cells = unsafe { self.base.add(at) }.cast::<T>();
        // SAFETY: in bounds and aligned, as just checked (`base` is aligned to LINE, which is more than any cells
        // ask for); initialised, since all of the region is; only atomics, by the contract of `Cells`.
        unsafe { cells.as_ref() }
    }

    /// Copies `bytes` to `at`.
    ///
    /// # Safety
    ///
    /// The range lies within the region, and nobody else knows of it yet: no other thread accesses it, and nobody
    /// holds a slice or cells of it.
    #[inline]
    pub(crate) unsafe fn write(&self, at: usize, bytes: &[u8]) {
        debug_assert!(at + bytes.len() <= self.len);
        // SAFETY: the caller keeps the range within the region.
        let to = unsafe { self.base.add(at) };
        // SAFETY: in bounds; nobody else accesses the range; `bytes` cannot overlap what nobody has a slice of.
        unsafe { to.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// The `len` bytes at `at`.
    ///
    /// # Safety
    ///
    /// The range lies within the region, was written before the caller came to know of it, and is never written
    /// again, neither as bytes nor as cells, as long as `self` is borrowed.
    #[inline]
    pub(crate) unsafe fn bytes(&self, at: usize, len: usize) -> &[u8] {
        debug_assert!(at + len <= self.len);
        // SAFETY: the caller keeps the range within the region.
        let from = unsafe { self.base.add(at) };
        // SAFETY: in bounds, initialised, and not written while borrowed, by the caller.
        unsafe { std::slice::from_raw_parts(from.as_ptr(), len) }
    }

    /// Asks the processor to fetch the cache line at `at`. A hint: it is harmless anywhere.
    #[inline]
    pub(crate) fn prefetch(&self, at: usize) {
        prefetch(self.base.as_ptr().wrapping_add(at));
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            // SAFETY: allocated in `new` with this layout and freed only here.
            unsafe { dealloc(self.allocation.as_ptr(), self.layout) };
        }
    }
}
