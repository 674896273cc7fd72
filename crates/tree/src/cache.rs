//! The block cache and the descriptor table: what trees keep of their files in memory.
//!
//! [`Cache`] holds verified, uncompressed data blocks by `(file, offset)`, weighed in bytes and bounded strictly.
//! Several trees may share one. Indexes and filters stay resident with their table; a table [reports]
//! their size, which is taken off what blocks may use, so that the capacity covers both.
//!
//! [`DescriptorTable`] holds open files, bounded by their number.
//!
//! Files are known here by a [`FileKey`] that is never reused within a process, so that blocks of a deleted file
//! can never be taken for those of another: they are simply not asked for any more and age out.
//!
//! Thread-safety: both may be used from any number of threads; locks are sharded and never held over I/O.
//!
//! [reports]: Cache::hold_resident

use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_env::fs::{Fs, FsFile, OpenOptions};
use esker_format::data_block::DataBlock;
use quick_cache::Weighter;
use quick_cache::sync::{Cache as Store, DefaultLifecycle};

/// Identifies one opened file within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileKey(u64);

impl FileKey {
    /// A key that no other file of this process has or had.
    #[must_use]
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct BlockKey {
    file: FileKey,
    offset: u64,
}

impl std::hash::Hash for BlockKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.file.0.rotate_left(40) ^ self.offset);
    }
}

/// A hash of one integer: two multiplications. Keys are our own, so nobody can choose them to collide.
#[derive(Clone, Copy, Debug, Default)]
struct IntegerHash(u64);

impl BuildHasher for IntegerHash {
    type Hasher = Self;

    #[inline]
    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for IntegerHash {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        // The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
        let mut x = self.0 ^ value;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        self.0 = x ^ (x >> 31);
    }
}

#[derive(Clone, Copy)]
struct BlockWeight;

/// What an entry of the store costs beside the block: slot, key, list links and the allocator's header.
const ENTRY_OVERHEAD_BYTES: usize = 160;

impl Weighter<BlockKey, DataBlock> for BlockWeight {
    #[inline]
    fn weight(&self, _: &BlockKey, block: &DataBlock) -> u64 {
        (block.memory_bytes() + ENTRY_OVERHEAD_BYTES) as u64
    }
}

/// How full a [`Cache`] is and how well it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Bytes that blocks and resident metadata may use together.
    pub capacity_bytes: u64,
    /// Bytes of cached blocks.
    pub block_bytes: u64,
    /// Bytes of resident indexes and filters.
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
    blocks: Store<BlockKey, DataBlock, BlockWeight, IntegerHash>,
    capacity_bytes: AtomicU64,
    resident_bytes: AtomicU64,
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
        let expected_blocks = usize::try_from(capacity_bytes / (8 << 10)).unwrap_or(usize::MAX).max(64);
        Self {
            blocks: Store::with(
                expected_blocks,
                capacity_bytes,
                BlockWeight,
                IntegerHash::default(),
                DefaultLifecycle::default(),
            ),
            capacity_bytes: AtomicU64::new(capacity_bytes),
            resident_bytes: AtomicU64::new(0),
        }
    }

    /// Changes the capacity; blocks over it are dropped.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.capacity_bytes.store(capacity_bytes, Ordering::Relaxed);
        self.fit();
    }

    /// How full the cache is.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            capacity_bytes: self.capacity_bytes.load(Ordering::Relaxed),
            block_bytes: self.blocks.weight(),
            resident_bytes: self.resident_bytes.load(Ordering::Relaxed),
            blocks: self.blocks.len() as u64,
        }
    }

    /// Takes `bytes` of resident metadata off what blocks may use, until the guard is dropped.
    #[must_use]
    pub(crate) fn hold_resident(self: &Arc<Self>, bytes: u64) -> Resident {
        self.resident_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.fit();
        Resident { cache: Arc::clone(self), bytes }
    }

    #[inline]
    pub(crate) fn get(&self, file: FileKey, offset: u64) -> Option<DataBlock> {
        self.blocks.get(&BlockKey { file, offset })
    }

    pub(crate) fn insert(&self, file: FileKey, offset: u64, block: DataBlock) {
        self.blocks.insert(BlockKey { file, offset }, block);
    }

    fn fit(&self) {
        let capacity = self.capacity_bytes.load(Ordering::Relaxed);
        let resident = self.resident_bytes.load(Ordering::Relaxed);
        self.blocks.set_capacity(capacity.saturating_sub(resident));
    }
}

/// Bytes of resident metadata that count against a [`Cache`].
#[derive(Debug)]
pub(crate) struct Resident {
    cache: Arc<Cache>,
    bytes: u64,
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.cache.resident_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.cache.fit();
    }
}

/// Open files, bounded by their number; may be shared by many trees.
pub struct DescriptorTable {
    files: Store<FileKey, Arc<dyn FsFile>>,
}

impl std::fmt::Debug for DescriptorTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DescriptorTable").field("open", &self.files.len()).finish_non_exhaustive()
    }
}

impl DescriptorTable {
    /// A table of at most `capacity` open files. A file in use by a reader stays open beyond it.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { files: Store::new(capacity.max(1)) }
    }

    /// The file `key`, opened for reading at `path` if it is not open.
    pub(crate) fn open(&self, key: FileKey, fs: &dyn Fs, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        if let Some(file) = self.files.get(&key) {
            return Ok(file);
        }
        let file = fs.open(path, &OpenOptions::read_only())?;
        self.files.insert(key, Arc::clone(&file));
        Ok(file)
    }

    /// Closes `key`, once its readers let go.
    pub(crate) fn close(&self, key: FileKey) {
        self.files.remove(&key);
    }
}

#[cfg(test)]
mod tests;
