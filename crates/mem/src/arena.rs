//! Arenas: fixed regions of memory in which 32-bit offsets stand for pointers.
//!
//! An offset counts granules of eight bytes, so an arena may hold up to 32 GiB; offset 0 is reserved and means
//! "none". Allocation is from both ends: records from the bottom, whole cache lines (for nodes) from the top; the
//! arena is full when the two would meet. Nothing is freed before all of it is (INV-MEM-2).
//!
//! [`ArenaPool`] keeps the regions of dropped arenas, and of the hash indexes beside them. The first touch of fresh memory
//! costs a page fault, which for a huge page is up to milliseconds on a machine whose own memory is virtual. So a
//! recycled region is handed on as it is, without clearing it; a hash index's is cleared by whoever drops the memtable;
//! and fresh memory is faulted in by a background thread ahead of the writer (`Arena::populate`,
//! [`ArenaPool::prepare`]).
//!
//! Not here: what lies in the arena ([`crate::memtable`]), and the unsafe accesses (`region.rs`).

pub(crate) mod region;

use crate::arena::region::{LINE, Region};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The unit of offsets, in bytes, and the alignment of records.
pub(crate) const GRANULE: usize = 8;

/// Bytes at the bottom that belong to nobody, so that offset 0 means "none".
pub(crate) const RESERVED: usize = LINE;

/// Bytes of records from which on an arena is no longer one of many that hold next to nothing, so that huge pages pay.
const IN_USE: usize = 1 << 20;

/// Smaller regions fault in by themselves in no time.
const WORTH_PREPARING: usize = 4 << 20;

/// The largest capacity whose offsets fit 32 bits.
const MAX_CAPACITY: usize = (u32::MAX as usize) * GRANULE / LINE * LINE;

/// `len` rounded up to whole granules.
#[inline]
pub(crate) const fn granules(len: usize) -> usize {
    len.saturating_add(GRANULE - 1) & !(GRANULE - 1)
}

/// `len` rounded up to whole cache lines, as far as an arena may grow.
pub(crate) const fn region_size(len: usize) -> usize {
    if len >= MAX_CAPACITY { MAX_CAPACITY } else { len.next_multiple_of(LINE) }
}

/// Keeps the regions of dropped arenas for the next ones. Shared behind an `Arc`; thread-safe.
pub struct ArenaPool {
    region_bytes: usize,
    keep: usize,
    idle: Mutex<Vec<Region>>,
    /// Zeroed regions of hash indexes, the most recent one last.
    tables: Mutex<Vec<Region>>,
}

impl ArenaPool {
    /// A pool that keeps at most `keep` idle regions of `region_bytes` each. It starts empty.
    #[must_use]
    pub fn new(region_bytes: usize, keep: usize) -> Self {
        Self {
            region_bytes: region_size(region_bytes),
            keep,
            idle: Mutex::default(),
            tables: Mutex::default(),
        }
    }

    /// The size of the regions that the pool keeps. Arenas of any other size are freed and not kept.
    #[must_use]
    pub const fn region_bytes(&self) -> usize {
        self.region_bytes
    }

    /// The memory in arena regions that nobody uses at the moment.
    #[must_use]
    pub fn idle_bytes(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len() * self.region_bytes
    }

    /// Whether [`prepare`](Self::prepare) has something to do: none is idle, and they are large enough to be worth it.
    #[must_use]
    pub fn wants_spare(&self) -> bool {
        self.keep > 0 && self.region_bytes >= WORTH_PREPARING && self.idle_bytes() == 0
    }

    /// Makes a region ahead of need, with its memory faulted in, if none is idle. For a background thread.
    pub fn prepare(&self) {
        if !self.wants_spare() {
            return;
        }
        let region = Region::new(self.region_bytes);
        region.ask_for_huge_pages();
        region.populate(0, self.region_bytes);
        self.put(region);
    }

    /// A zeroed region of a hash index, if one of that size is idle.
    pub(crate) fn take_table(&self, len: usize) -> Option<Region> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let at = tables.iter().position(|table| table.len() == len)?;
        Some(tables.swap_remove(at))
    }

    /// Keeps the region of a hash index, zeroed, in place of the oldest one.
    pub(crate) fn put_table(&self, mut region: Region) {
        if self.keep == 0 || region.len() > self.region_bytes {
            return;
        }
        region.clear();
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = (tables.len() >= self.keep).then(|| tables.remove(0));
        tables.push(region);
        drop(tables);
        drop(oldest);
    }

    fn take(&self, len: usize) -> Option<Region> {
        if len != self.region_bytes {
            return None;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put(&self, region: Region) {
        if region.len() != self.region_bytes {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.keep {
            idle.push(region);
        } else {
            // Giving memory back to the system takes a while: not under the lock.
            drop(idle);
            drop(region);
        }
    }
}

impl fmt::Debug for ArenaPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArenaPool")
            .field("region_bytes", &self.region_bytes)
            .field("keep", &self.keep)
            .field("idle_bytes", &self.idle_bytes())
            .finish()
    }
}

/// One region being filled. A single thread allocates; any number read.
#[derive(Debug)]
pub(crate) struct Arena {
    region: Region,
    pool: Option<Arc<ArenaPool>>,
    /// Everything below is taken by records.
    bottom: AtomicUsize,
    /// Everything from here on is taken by nodes.
    top: AtomicUsize,
    /// What lies below was faulted in. Only for whoever does that.
    populated: AtomicUsize,
}

impl Arena {
    /// An empty arena of about `capacity_bytes`, recycled from the pool where it has a region of that size.
    pub(crate) fn new(capacity_bytes: usize, pool: Option<Arc<ArenaPool>>) -> Self {
        let len = region_size(capacity_bytes.max(RESERVED));
        let recycled = pool.as_ref().and_then(|pool| pool.take(len));
        let populated = AtomicUsize::new(if recycled.is_some() { len } else { 0 });
        let region = recycled.unwrap_or_else(|| Region::new(len));
        Self { region, pool, bottom: AtomicUsize::new(RESERVED), top: AtomicUsize::new(len), populated }
    }

    /// The memory itself.
    #[inline]
    pub(crate) const fn region(&self) -> &Region {
        &self.region
    }

    /// The size in bytes.
    pub(crate) const fn capacity_bytes(&self) -> usize {
        self.region.len()
    }

    /// Bytes taken, from both ends.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.region.len() - self.free_bytes()
    }

    /// Bytes not taken.
    #[inline]
    pub(crate) fn free_bytes(&self) -> usize {
        self.top.load(Ordering::Relaxed).saturating_sub(self.bottom.load(Ordering::Relaxed))
    }

    /// Asks the processor to fetch the lines that the next records will take, some `len` bytes from the bottom on.
    #[inline]
    pub(crate) fn prefetch_free(&self, len: usize) {
        let at = self.bottom.load(Ordering::Relaxed);
        for line in 0..=len.min(4 * LINE) / LINE {
            self.region.prefetch(at + line * LINE);
        }
    }

    /// Whether less than half of `ahead` bytes beyond what is taken was faulted in, and the arena is in use.
    pub(crate) fn wants_memory(&self, ahead: usize) -> bool {
        let bottom = self.bottom.load(Ordering::Relaxed);
        let wanted = (bottom + ahead / 2).min(self.region.len());
        self.region.is_large() && bottom >= IN_USE && self.populated.load(Ordering::Relaxed) < wanted
    }

    /// Has fresh memory faulted in up to `ahead` bytes beyond what is taken. For a background thread, one at a time.
    pub(crate) fn populate(&self, ahead: usize) {
        if !self.wants_memory(ahead) {
            return;
        }
        let bottom = self.bottom.load(Ordering::Relaxed);
        let to = (bottom + ahead).min(self.region.len());
        let from = self.populated.load(Ordering::Relaxed).max(bottom);
        self.region.populate(from, to);
        // Nodes take about an eighth of what records do.
        let top = self.top.load(Ordering::Relaxed);
        self.region.populate(top.saturating_sub(ahead / 8).max(to), top);
        self.populated.store(to, Ordering::Relaxed);
    }

    /// Takes `len` bytes (whole granules) from the bottom and returns their offset in granules. Only the one thread
    /// that writes may call this.
    #[inline]
    pub(crate) fn allocate(&self, len: usize) -> Option<u32> {
        debug_assert!(len.is_multiple_of(GRANULE));
        let at = self.bottom.load(Ordering::Relaxed);
        if len > self.free_bytes() {
            return None;
        }
        self.bottom.store(at + len, Ordering::Relaxed);
        if at < IN_USE && at + len >= IN_USE {
            self.region.ask_for_huge_pages();
        }
        u32::try_from(at / GRANULE).ok()
    }

    /// Takes `len` bytes (whole cache lines) from the top and returns their offset in granules. Only the one thread
    /// that writes may call this.
    pub(crate) fn allocate_lines(&self, len: usize) -> Option<u32> {
        debug_assert!(len.is_multiple_of(LINE));
        if len > self.free_bytes() {
            return None;
        }
        let at = self.top.load(Ordering::Relaxed) - len;
        self.top.store(at, Ordering::Relaxed);
        u32::try_from(at / GRANULE).ok()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.put(std::mem::replace(&mut self.region, Region::none()));
        }
    }
}
