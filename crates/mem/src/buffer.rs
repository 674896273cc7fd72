//! [`Buffer`]: bytes and the count of those who hold them, in one allocation.
//!
//! A cached block is one buffer, and whoever has the buffer's address is one cache miss away from its first bytes:
//!
//! | at | bytes | |
//! |--:|--:|---|
//! | 0 | 8 | the count of references |
//! | 8 | 8 | the length of the bytes |
//! | 16 | 8 | the size of the allocation |
//! | 24 | 8 | the pool that it is from, or none |
//! | 32 | 1 | whether it was used lately: for the cache that holds it |
//! | 33 | 1 | whether its memory is the pool's, or the allocator's for want of room in the pool |
//! | 40 | | the bytes |
//!
//! The allocation is aligned to a cache line and the bytes begin at 40, so that the header of a data block (24 bytes)
//! shares the line of the count and the block's heads begin with the next line, eight to each.
//!
//! A buffer is filled through a [`BufferMut`], which nobody else knows of, and never changed once it is
//! [frozen](BufferMut::freeze). A buffer is one pointer, so it can stand in an [`arc_swap::ArcSwapAny`].
//!
//! INV-MEM-12: `header` points to an allocation that begins with an initialised `Header` followed by at least `len`
//! initialised bytes; the bytes are written only through a [`BufferMut`], which holds the only reference; and the
//! allocation is freed by whoever takes the count to zero.
//!
//! The memory comes from the allocator or from a [`BufferPool`].
//!
//! Not here: parts of a buffer ([`crate::slice`]).

pub mod pool;

use crate::buffer::pool::BufferPool;
use crate::prefetch::{LINE_BYTES as LINE, prefetch};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::Deref;
use std::process::abort;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// Where the bytes begin.
const BYTES_AT: usize = size_of::<Header>();

/// What stands before the bytes.
#[repr(C)]
struct Header {
    count: AtomicUsize,
    len: usize,
    allocated: usize,
    pool: Option<Arc<BufferPool>>,
    used_lately: AtomicBool,
    is_pooled: bool,
    _reserved: [u8; 6],
}

const _: () = assert!(BYTES_AT == 40, "a data block's heads begin at a cache line");

/// Bytes behind a count of references. One pointer; cloning is one relaxed increment.
pub struct Buffer {
    header: NonNull<Header>,
}

// SAFETY: the bytes are only read (INV-MEM-12), everything else in the header that changes is atomic.
unsafe impl Send for Buffer {}
// SAFETY: as for `Send`.
unsafe impl Sync for Buffer {}

/// A buffer that is being filled: nobody else has it.
pub struct BufferMut(Buffer);

impl BufferMut {
    /// A buffer of `len` zeros. Ends the process like any failed allocation if there is no memory.
    ///
    /// # Panics
    ///
    /// If `len` is beyond what can be addressed.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self::allocated(len, None)
    }

    /// A buffer of `len` bytes, whatever they are, out of `pool`, or from the allocator if there is no room in it.
    ///
    /// # Panics
    ///
    /// As [`BufferMut::new`].
    #[must_use]
    pub fn new_in(pool: &Arc<BufferPool>, len: usize) -> Self {
        let needed = len.saturating_add(BYTES_AT);
        match pool.take(needed) {
            Some((memory, allocated)) => {
                let pool = Some(Arc::clone(pool));
                // SAFETY: the run is aligned to a unit, has room for header and bytes, and is given to us alone
                // (INV-MEM-15); its bytes were initialised when the region was new.
                unsafe { Self::place(memory, len, allocated, pool, true) }
            }
            None => {
                pool.count_outside(needed, true);
                Self::allocated(len, Some(Arc::clone(pool)))
            }
        }
    }

    fn allocated(len: usize, pool: Option<Arc<BufferPool>>) -> Self {
        let allocated = len.saturating_add(BYTES_AT);
        let layout = Layout::from_size_align(allocated, LINE);
        assert!(layout.is_ok(), "a buffer cannot be longer than memory");
        let layout = layout.unwrap_or(Layout::new::<Header>());
        // SAFETY: the layout has at least the size of a header.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        // SAFETY: the allocation is aligned to a line, has room for header and bytes, and is ours; it is zero.
        unsafe { Self::place(memory, len, allocated, pool, false) }
    }

    /// Makes a buffer in `memory`.
    ///
    /// # Safety
    ///
    /// `memory` is aligned to a line, and `allocated` initialised bytes there, at least as many as header and bytes need,
    /// belong to the caller alone.
    unsafe fn place(
        memory: NonNull<u8>,
        len: usize,
        allocated: usize,
        pool: Option<Arc<BufferPool>>,
        is_pooled: bool,
    ) -> Self {
        let header = memory.cast::<Header>();
        let first = Header {
            count: AtomicUsize::new(1),
            len,
            allocated,
            pool,
            used_lately: AtomicBool::new(false),
            is_pooled,
            _reserved: [0; 6],
        };
        // SAFETY: aligned, large enough and known to nobody else, by the contract.
        unsafe { header.write(first) };
        Self(Buffer { header })
    }

    /// A buffer that holds a copy of `bytes`.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut buffer = Self::new(bytes.len());
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer
    }

    /// The bytes.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, len) = (self.0.start(), self.0.len());
        // SAFETY: INV-MEM-12: so many bytes are initialised, and nobody else has the buffer.
        unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), len) }
    }

    /// Forgets all but the first `len` bytes. The memory stays.
    pub fn truncate(&mut self, len: usize) {
        let len = len.min(self.0.len());
        // SAFETY: INV-MEM-12: the header is initialised, and nobody else has the buffer.
        unsafe { self.0.header.as_mut() }.len = len;
    }

    /// The end of changes, and the beginning of sharing.
    #[must_use]
    pub fn freeze(self) -> Buffer {
        self.0
    }
}

impl Buffer {
    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: INV-MEM-12: the header is initialised and lives as long as somebody holds a reference.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn start(&self) -> NonNull<u8> {
        // SAFETY: the allocation is at least so long (INV-MEM-12).
        unsafe { self.header.cast::<u8>().add(BYTES_AT) }
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let (start, len) = (self.start(), self.header().len);
        // SAFETY: INV-MEM-12: so many bytes are initialised and not written any more as long as `self` lives.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }

    /// The memory that the buffer takes.
    #[inline]
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.header().allocated
    }

    /// Notes that the buffer is used; whether that was not noted before. Writes only then, so that threads that use the same
    /// buffer do not contend for more than its count.
    #[inline]
    pub fn note_use(&self) -> bool {
        let used = &self.header().used_lately;
        !used.load(Ordering::Relaxed) && !used.swap(true, Ordering::Relaxed)
    }

    /// Forgets what [`Buffer::note_use`] noted.
    #[inline]
    pub fn forget_use(&self) {
        self.header().used_lately.store(false, Ordering::Relaxed);
    }

    /// Asks the processor to fetch the first `len` bytes, without waiting for them. A hint: nothing is read.
    #[inline]
    pub fn prefetch(&self, len: usize) {
        let first = self.header.as_ptr().cast::<u8>();
        for at in (0..BYTES_AT.saturating_add(len)).step_by(LINE) {
            prefetch(first.wrapping_add(at));
        }
    }

    /// Asks the processor to fetch the line of the byte at `at`, which may lie beyond the end. A hint: nothing is read.
    #[inline(always)]
    pub fn prefetch_at(&self, at: usize) {
        prefetch(self.header.as_ptr().cast::<u8>().wrapping_add(BYTES_AT).wrapping_add(at));
    }

    /// Whether this and `other` are the same buffer.
    #[inline]
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.header == other.header
    }

    /// The address of the buffer: where in its pool it lies.
    #[must_use]
    pub fn address(&self) -> usize {
        self.header.addr().get()
    }

    #[cold]
    fn free(&mut self) {
        let memory = self.header.cast::<u8>();
        // SAFETY: INV-MEM-12: the header is initialised, and the last reference is gone.
        let header = unsafe { self.header.as_mut() };
        let (allocated, is_pooled) = (header.allocated, header.is_pooled);
        // Nothing else in the header has to be dropped.
        match header.pool.take() {
            Some(pool) if is_pooled => pool.give_back(memory, allocated),
            pool => {
                if let Some(pool) = pool {
                    pool.count_outside(allocated, false);
                }
                let Ok(layout) = Layout::from_size_align(allocated, LINE) else { return };
                // SAFETY: allocated with this layout, and the last reference is gone (INV-MEM-12).
                unsafe { dealloc(memory.as_ptr(), layout) };
            }
        }
    }
}

impl Clone for Buffer {
    #[inline]
    fn clone(&self) -> Self {
        // As for `Arc`: a reference can only be made from a reference, so nothing has to be ordered.
        if self.header().count.fetch_add(1, Ordering::Relaxed) > isize::MAX.unsigned_abs() {
            abort();
        }
        Self { header: self.header }
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if self.header().count.fetch_sub(1, Ordering::Release) == 1 {
            // Everything that others did with the buffer comes before it is freed.
            fence(Ordering::Acquire);
            self.free();
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for BufferMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// SAFETY: the pointer is the address of the header, which stays where it is; turning a buffer into it keeps the reference,
// turning it back takes the reference over; a clone has the same pointer.
unsafe impl arc_swap::RefCnt for Buffer {
    type Base = u8;

    fn into_ptr(me: Self) -> *mut u8 {
        std::mem::ManuallyDrop::new(me).header.as_ptr().cast()
    }

    fn as_ptr(me: &Self) -> *mut u8 {
        me.header.as_ptr().cast()
    }

    unsafe fn from_ptr(ptr: *const u8) -> Self {
        // SAFETY: `ptr` came from `into_ptr`, and so from a `NonNull`, by the contract of the trait.
        let header = unsafe { NonNull::new_unchecked(ptr.cast_mut()) };
        Self { header: header.cast() }
    }
}

// Not declared in `pool.rs`, which the model test compiles without them.
#[cfg(test)]
#[path = "buffer/pool/tests.rs"]
mod pool_tests;
#[cfg(test)]
mod tests;
