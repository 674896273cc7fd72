//! The block cache and the descriptor table: what trees keep of their files in memory.
//!
//! [`Cache`] holds verified, uncompressed data blocks, weighed in bytes and bounded strictly. Several trees may share
//! one. Indexes and filters stay resident with their table; a table [reports] their size, which is taken off what
//! blocks may use, so that the capacity covers both.
//!
//! Each table has a *slot* per block ([`BlockSlots`]), which holds the block while it is cached, so that a hit needs no
//! lookup: it loads one pointer, and writes nothing that other readers use. What may stay is decided by a store, which knows
//! the same blocks by `(file, ordinal)` and empties a block's slot when it lets the block go. So that the store learns
//! what is used, the first hit of a block looks the block up there, and marks it; the store's hand wipes the mark when
//! it comes by.
//!
//! INV-CACHE-1: a block is in its slot before it is in the store, and the store empties the slot before it forgets the
//! block; only who filled an empty slot puts the block into the store. So no slot holds a block that the store does
//! not weigh.
//!
//! [`DescriptorTable`] holds open files, bounded by their number.
//!
//! Blocks are read into buffers of a [`BufferPool`], huge pages of memory, where a cache is large enough for that to pay. What
//! counts against the capacity then is the pages, however full they are. When they and what found no room in them come
//! to more than there may be, the emptiest page is emptied.
//!
//! Files are known here by a [`FileKey`] that is never reused within a process, so that blocks of a deleted file
//! can never be taken for those of another. A table that is dropped takes its blocks out.
//!
//! Thread-safety: both may be used from any number of threads; locks are sharded and never held over I/O.
//!
//! [reports]: Cache::hold_resident

use std::hash::{BuildHasher, Hasher};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwapAny, Guard};
use esker_env::fs::{Fs, FsFile, OpenOptions};
use esker_format::data_block::DataBlock;
use esker_mem::buffer::pool::BufferPool;
use esker_mem::buffer::{Buffer, BufferMut};
use esker_mem::prefetch::{LINE_BYTES, prefetch};
use esker_mem::slice::Slice;
use quick_cache::sync::Cache as Store;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

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
    ordinal: usize,
}

impl std::hash::Hash for BlockKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.file.0.rotate_left(40) ^ self.ordinal as u64);
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

/// A block as the store has it: with the way to its slot.
#[derive(Clone)]
struct Stored {
    buffer: Buffer,
    slots: Arc<[Slot]>,
}

type Slot = ArcSwapAny<Option<Buffer>>;

#[derive(Clone, Copy)]
struct BlockWeight;

/// What an entry of the store costs beside the block: its place in the store and in the allocator.
const ENTRY_OVERHEAD_BYTES: usize = 160;

impl Weighter<BlockKey, Stored> for BlockWeight {
    #[inline]
    fn weight(&self, _: &BlockKey, block: &Stored) -> u64 {
        (block.buffer.memory_bytes() + ENTRY_OVERHEAD_BYTES) as u64
    }
}

/// Keeps slots and store together.
#[derive(Clone, Copy)]
struct Eviction;

impl Lifecycle<BlockKey, Stored> for Eviction {
    type RequestState = ();

    /// The hand of the store comes by: from now on the next use counts again.
    #[inline]
    fn is_pinned(&self, _: &BlockKey, block: &Stored) -> bool {
        block.buffer.forget_use();
        false
    }

    fn on_evict(&self, (): &mut (), key: BlockKey, block: Stored) {
        if let Some(slot) = block.slots.get(key.ordinal) {
            slot.compare_and_swap(&Some(block.buffer), None);
        }
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
    blocks: Store<BlockKey, Stored, BlockWeight, IntegerHash, Eviction>,
    pool: Arc<BufferPool>,
    /// What pages have held beyond the blocks in them when they came to more than there may be: the store leaves so much free.
    holes_bytes: AtomicU64,
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
        let shards = usize::try_from(capacity_bytes / SHARD_BYTES)
            .unwrap_or(usize::MAX)
            .clamp(FEWEST_SHARDS, MOST_SHARDS);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(expected_blocks)
            .weight_capacity(capacity_bytes)
            .shards(shards)
            .build();
        let hash = IntegerHash::default();
        let blocks = match options {
            Ok(options) => Store::with_options(options, BlockWeight, hash, Eviction),
            // Something that the builder wants was not set.
            Err(_) => Store::with(expected_blocks, capacity_bytes, BlockWeight, hash, Eviction),
        };
        let cache = Self {
            blocks,
            pool: Arc::new(BufferPool::new(0)),
            holes_bytes: AtomicU64::new(0),
            capacity_bytes: AtomicU64::new(capacity_bytes),
            resident_bytes: AtomicU64::new(0),
        };
        cache.fit();
        cache
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
            block_bytes: self.block_bytes(),
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

    /// Slots for the blocks of one table.
    pub(crate) fn slots(self: &Arc<Self>, file: FileKey, blocks: usize) -> BlockSlots {
        let slots = (0..blocks).map(|_| Slot::new(None)).collect();
        BlockSlots { cache: Arc::clone(self), file, slots }
    }

    /// A buffer for a block that is to be read.
    pub(crate) fn buffer(&self, len: usize) -> BufferMut {
        BufferMut::new_in(&self.pool, len)
    }

    /// What blocks take: whole pages of the pool, and what is not in it.
    fn block_bytes(&self) -> u64 {
        let held = self.pool.held_bytes();
        if held == 0 {
            return self.blocks.weight();
        }
        (held + self.pool.outside_bytes() + self.blocks.len() * ENTRY_OVERHEAD_BYTES) as u64
    }

    /// What blocks may take.
    fn room(&self) -> u64 {
        let capacity = self.capacity_bytes.load(Ordering::Relaxed);
        capacity.saturating_sub(self.resident_bytes.load(Ordering::Relaxed))
    }

    fn fit(&self) {
        let room = self.room();
        let (in_pages, in_blocks) = if room < POOLED_FROM_BYTES {
            (0, room)
        } else {
            // What is let go leaves holes that the next block has to fit into. How much that is, is learnt, since reserving it
            // would make a cache too small for data that just fits.
            (room - room / 64, room - self.holes_bytes.load(Ordering::Relaxed).min(room / 16))
        };
        self.pool.set_limit_bytes(usize::try_from(in_pages).unwrap_or(usize::MAX));
        self.blocks.set_capacity(in_blocks);
        self.empty_pages();
    }

    /// Empties so many pages as are held beyond what blocks may take. A page of which a reader holds something is given
    /// back when that is let go; it is not a reason to empty another one in its place.
    fn empty_pages(&self) {
        let (room, held, closing) = (self.room(), self.pool.held_bytes(), self.pool.closing_bytes());
        // Where there is much room, without asking the store.
        if held <= closing || (held - closing + self.pool.outside_bytes()) as u64 <= room - room / 8 {
            return;
        }
        let excess = self.block_bytes().saturating_sub(room + closing as u64);
        if excess > 0 {
            let holes = self.holes_bytes.fetch_add(PAGE_BYTES, Ordering::Relaxed) + PAGE_BYTES;
            self.blocks.set_capacity(room - holes.min(room / 16));
        }
        for _ in 0..excess.div_ceil(PAGE_BYTES) {
            let Some(page) = self.pool.close_emptiest_page() else { return };
            self.blocks.retain(|key, block| {
                let stays = !page.contains(&block.buffer.address());
                if !stays && let Some(slot) = block.slots.get(key.ordinal) {
                    slot.compare_and_swap(&Some(block.buffer.clone()), None);
                }
                stays
            });
        }
    }
}

/// How much of the capacity a shard of the store has, which has a lock of its own. Shards are not filled evenly: with few
/// blocks to a shard, data that just fits would not.
const SHARD_BYTES: u64 = 32 << 20;

/// So that the threads that miss in a small cache seldom meet.
const FEWEST_SHARDS: usize = 4;

/// More are of no use: only misses take the locks.
const MOST_SHARDS: usize = 64;

/// Room for blocks from which on they lie in huge pages; below, a page more or less would be too much of it.
const POOLED_FROM_BYTES: u64 = 32 << 20;

const PAGE_BYTES: u64 = 2 << 20;

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

/// The blocks of one table, as far as they are cached.
pub(crate) struct BlockSlots {
    cache: Arc<Cache>,
    file: FileKey,
    slots: Arc<[Slot]>,
}

impl BlockSlots {
    /// Bytes that the slots themselves take.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    /// The block at `ordinal`, if it is cached.
    #[inline]
    pub(crate) fn get(&self, ordinal: usize) -> Option<HeldBlock> {
        let held = self.slots.get(ordinal)?.load();
        if held.is_none() {
            return None;
        }
        Some(HeldBlock(held))
    }

    /// Asks the processor for the slots of these blocks.
    #[inline]
    pub(crate) fn prefetch(&self, ordinals: Range<usize>) {
        let slots = self.slots.get(ordinals).unwrap_or_default();
        slots.iter().step_by(LINE_BYTES / size_of::<Slot>()).for_each(|slot| prefetch(slot));
    }

    /// Takes note that a block was found.
    #[inline]
    pub(crate) fn note_use(&self, ordinal: usize, block: &HeldBlock) {
        if block.0.as_ref().is_some_and(Buffer::note_use) {
            self.tell_store(ordinal);
        }
    }

    #[cold]
    fn tell_store(&self, ordinal: usize) {
        self.cache.blocks.get(&BlockKey { file: self.file, ordinal });
    }

    /// Caches a block that was read and checked.
    pub(crate) fn insert(&self, ordinal: usize, block: &HeldBlock) {
        let (Some(slot), Some(buffer)) = (self.slots.get(ordinal), &*block.0) else { return };
        if slot.compare_and_swap(&None::<Buffer>, Some(buffer.clone())).is_some() {
            // Another reader was first; its block is the cached one (INV-CACHE-1).
            return;
        }
        let stored = Stored { buffer: buffer.clone(), slots: Arc::clone(&self.slots) };
        self.cache.blocks.insert(BlockKey { file: self.file, ordinal }, stored);
        self.cache.empty_pages();
    }
}

impl Drop for BlockSlots {
    fn drop(&mut self) {
        // Nobody else can fill a slot any more.
        for (ordinal, slot) in self.slots.iter().enumerate() {
            if slot.swap(None).is_some() {
                self.cache.blocks.remove(&BlockKey { file: self.file, ordinal });
            }
        }
    }
}

/// A block that stays what and where it is while it is held. Holding one from the cache touches no count of references.
pub(crate) struct HeldBlock(Guard<Option<Buffer>>);

impl HeldBlock {
    /// A block that is in no cache.
    pub(crate) fn new(buffer: Buffer) -> Self {
        Self(Guard::from_inner(Some(buffer)))
    }

    /// Asks the processor to fetch the first `len` bytes.
    #[inline]
    pub(crate) fn prefetch(&self, len: usize) {
        if let Some(buffer) = &*self.0 {
            buffer.prefetch(len);
        }
    }

    /// The block, which was decoded when it was read.
    #[inline]
    pub(crate) fn block(&self) -> DataBlock<&[u8]> {
        DataBlock::of_checked(self.0.as_deref().unwrap_or_default())
    }

    /// The block, kept alive by a reference of its own.
    #[inline]
    pub(crate) fn into_block(self) -> DataBlock<Buffer> {
        let buffer = Guard::into_inner(self.0);
        DataBlock::of_checked(buffer.unwrap_or_else(|| BufferMut::new(0).freeze()))
    }

    /// The bytes in `range` of the block, kept alive by a reference of their own.
    #[inline]
    pub(crate) fn slice(&self, range: Range<usize>) -> Slice {
        self.0.as_ref().and_then(|buffer| Slice::of_buffer(buffer, range)).unwrap_or_default()
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
