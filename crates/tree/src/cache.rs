//! The block cache and the descriptor table: what trees keep of their files in memory.
//!
//! [`Cache`] holds verified, uncompressed data blocks, weighed in bytes and bounded strictly. Several trees may share
//! one. Indexes and filters stay resident with their table; a table [reports] their size, which is taken off what
//! blocks may use, so that the capacity covers both.
//!
//! Each table has a *slot* per block ([`slots`]), which holds the block while it is cached, so that a hit needs no lookup. What may
//! stay is decided by a [`store`].
//!
//! Indexes and filters that are not pinned to their table are cached here, too ([`place`]).
//!
//! A descriptor table ([`descriptors`]) holds open files, bounded by their number.
//!
//! Thread-safety: both may be used from any number of threads; locks are sharded and never held over I/O.
//!
//! [reports]: Cache::hold_resident

use std::sync::Arc;

use esker_mem::buffer::BufferMut;

use crate::cache::key::FileKey;
use crate::cache::place::PartPlace;
use crate::cache::slots::BlockSlots;
use crate::cache::store::BlockStore;

pub(crate) mod descriptors;
pub(crate) mod key;
pub(crate) mod part;
pub(crate) mod place;
pub(crate) mod slot;
pub(crate) mod slots;
pub(crate) mod store;
pub(crate) mod stored;

/// How full a [`Cache`] is and how well it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Bytes that blocks and resident metadata may use together.
    pub capacity_bytes: u64,
    /// Bytes of cached blocks, and of indexes and filters that are not pinned.
    pub block_bytes: u64,
    /// Bytes of pinned indexes and filters.
    pub resident_bytes: u64,
    /// Cached blocks.
    pub blocks: u64,
}

/// A cache of data blocks with a strict capacity in bytes; may be shared by many trees.
///
/// ```
/// use std::sync::Arc;
/// use esker_tree::Cache;
///
/// let cache = Arc::new(Cache::with_capacity_bytes(64 << 20));
/// assert_eq!(cache.stats().capacity_bytes, 64 << 20);
/// ```
pub struct Cache {
    store: Arc<BlockStore>,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Cache {
    /// A cache of at most `capacity_bytes`, resident indexes and filters included.
    #[must_use]
    pub fn with_capacity_bytes(capacity_bytes: u64) -> Self {
        Self { store: Arc::new(BlockStore::with_capacity_bytes(capacity_bytes)) }
    }

    /// Changes the capacity; blocks over it are dropped.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.store.set_capacity_bytes(capacity_bytes);
    }

    /// How full the cache is.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            capacity_bytes: self.store.capacity_bytes(),
            block_bytes: self.store.block_bytes(),
            resident_bytes: self.store.resident_bytes(),
            blocks: self.store.len() as u64,
        }
    }

    /// Takes `bytes` of resident metadata off what blocks may use, until the guard is dropped.
    #[must_use]
    pub(crate) fn hold_resident(&self, bytes: u64) -> Resident {
        self.store.hold_resident(bytes);
        Resident { store: Arc::clone(&self.store), bytes }
    }

    /// Slots for the blocks of one table.
    pub(crate) fn slots(&self, file: FileKey, blocks: usize) -> BlockSlots {
        BlockSlots::new(&self.store, file, blocks)
    }

    /// A place for a part of the table `file`; `number` tells its parts apart.
    pub(crate) fn part_place(&self, file: FileKey, number: usize) -> PartPlace {
        PartPlace::new(&self.store, file, number)
    }

    /// How much of the capacity resident metadata takes.
    pub(crate) fn resident_share(&self) -> Share {
        let (resident, capacity) = (self.store.resident_bytes(), self.store.capacity_bytes());
        match resident {
            _ if resident >= capacity / 2 => Share::Half,
            _ if resident >= capacity / 4 => Share::Quarter,
            _ => Share::Little,
        }
    }

    /// Whether a part of so many bytes should not be cached but be kept by its table.
    pub(crate) fn is_too_large(&self, bytes: u64) -> bool {
        self.store.is_too_large(bytes)
    }

    /// A buffer for a block that is to be read.
    pub(crate) fn buffer(&self, len: usize) -> BufferMut {
        self.store.buffer(len)
    }
}

/// What of a cache's capacity is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Share {
    /// Less than a quarter.
    Little,
    /// A quarter or more.
    Quarter,
    /// Half or more.
    Half,
}

/// Bytes of resident metadata that count against a [`Cache`].
pub(crate) struct Resident {
    store: Arc<BlockStore>,
    bytes: u64,
}

impl std::fmt::Debug for Resident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resident").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.store.release_resident(self.bytes);
    }
}

#[cfg(test)]
mod tests;
