//! What of the blocks of all tables stays in memory: weighed in bytes and bounded strictly.
//!
//! A block is known by its file and place. The store proper is a sharded clock ([`quick_cache`]); when it lets a block go, it
//! empties the block's slot before it forgets the block (INV-CACHE-1).
//!
//! Blocks are read into buffers of a [`BufferPool`], huge pages of memory, where a cache is large enough for that to pay. What
//! counts against the capacity then is the pages, however full they are. When they and what found no room in them come
//! to more than there may be, the emptiest page is emptied.
//!
//! Thread-safety: may be used from any number of threads; locks are sharded and never held over I/O.
//!
//! Not here: how readers find a block ([`crate::cache::slots`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_mem::buffer::BufferMut;
use esker_mem::buffer::pool::BufferPool;
use quick_cache::sync::Cache as Store;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};

use crate::cache::key::{BlockKey, IntegerHash};
use crate::cache::stored::Stored;

/// The store of all blocks, and what else counts against its capacity.
pub(crate) struct BlockStore {
    blocks: Store<BlockKey, Stored, BlockWeight, IntegerHash, Eviction>,
    pub(crate) pool: Arc<BufferPool>,
    /// What pages have held beyond the blocks in them when they came to more than there may be: the store leaves so much free.
    holes_bytes: AtomicU64,
    capacity_bytes: AtomicU64,
    resident_bytes: AtomicU64,
    /// Of cached indexes and filters.
    pub(crate) part_bytes: Arc<AtomicU64>,
    shards: u64,
}

#[derive(Clone, Copy)]
struct BlockWeight;

/// What an entry of the store costs beside the block: its place in the store and in the allocator.
const ENTRY_OVERHEAD_BYTES: usize = 160;

impl Weighter<BlockKey, Stored> for BlockWeight {
    #[inline]
    fn weight(&self, _: &BlockKey, block: &Stored) -> u64 {
        block.memory_bytes() + ENTRY_OVERHEAD_BYTES as u64
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
        block.forget_use();
        false
    }

    fn on_evict(&self, (): &mut (), key: BlockKey, block: Stored) {
        block.empty_slot(key.ordinal);
    }
}

impl BlockStore {
    /// A store of at most `capacity_bytes`, what is held resident included.
    pub(crate) fn with_capacity_bytes(capacity_bytes: u64) -> Self {
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
        let store = Self {
            blocks,
            pool: Arc::new(BufferPool::new(0)),
            holes_bytes: AtomicU64::new(0),
            capacity_bytes: AtomicU64::new(capacity_bytes),
            resident_bytes: AtomicU64::new(0),
            part_bytes: Arc::default(),
            shards: shards as u64,
        };
        store.fit();
        store
    }

    /// Changes the capacity; blocks over it are dropped.
    pub(crate) fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.capacity_bytes.store(capacity_bytes, Ordering::Relaxed);
        self.fit();
    }

    /// Bytes that blocks and what is resident may use together.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.capacity_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of what is resident.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.resident_bytes.load(Ordering::Relaxed)
    }

    /// Blocks in the store.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Takes `bytes` off what blocks may use.
    pub(crate) fn hold_resident(&self, bytes: u64) {
        self.resident_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.fit();
    }

    /// Lets blocks use `bytes` again.
    pub(crate) fn release_resident(&self, bytes: u64) {
        self.resident_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.fit();
    }

    /// A buffer for a block that is to be read.
    pub(crate) fn buffer(&self, len: usize) -> BufferMut {
        BufferMut::new_in(&self.pool, len)
    }

    /// Takes note that a block was found in its slot.
    pub(crate) fn note_use(&self, key: BlockKey) {
        self.blocks.get(&key);
    }

    /// Weighs a block, which is in its slot already, and lets others go for it.
    pub(crate) fn insert(&self, key: BlockKey, block: Stored) {
        self.blocks.insert(key, block);
        self.empty_pages();
    }

    /// Forgets a block, whose slot is empty.
    pub(crate) fn remove(&self, key: BlockKey) {
        self.blocks.remove(&key);
    }

    /// What blocks take: whole pages of the pool, and what is not in it.
    pub(crate) fn block_bytes(&self) -> u64 {
        let held = self.pool.held_bytes();
        if held == 0 {
            return self.blocks.weight();
        }
        let entries = self.blocks.len() * ENTRY_OVERHEAD_BYTES;
        (held + self.pool.outside_bytes() + entries) as u64 + self.part_bytes.load(Ordering::Relaxed)
    }

    /// Whether an index or a filter of so many bytes is large beside a shard: it would push out all else there, or never stay.
    pub(crate) fn is_too_large(&self, bytes: u64) -> bool {
        bytes > self.room() / self.shards / PARTS_PER_SHARD
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
        let parts = self.part_bytes.load(Ordering::Relaxed);
        if held <= closing || (held - closing + self.pool.outside_bytes()) as u64 + parts <= room - room / 8 {
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
                let Some(buffer) = block.block() else { return true };
                let stays = !page.contains(&buffer.address());
                if !stays {
                    block.empty_slot(key.ordinal);
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

/// How many indexes and filters of the largest size a shard has room for.
const PARTS_PER_SHARD: u64 = 4;

/// Room for blocks from which on they lie in huge pages; below, a page more or less would be too much of it.
const POOLED_FROM_BYTES: u64 = 32 << 20;

pub(crate) const PAGE_BYTES: u64 = 2 << 20;
