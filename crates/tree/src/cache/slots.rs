//! The blocks of one table, as far as they are cached: a slot for each.
//!
//! A hit loads one pointer and writes nothing that other readers use. What may stay is decided by the [`BlockStore`], which knows
//! the same blocks by `(file, ordinal)` and empties a block's slot when it lets the block go. So that the store learns
//! what is used, the first hit of a block looks the block up there, and marks it; the store's hand wipes the mark when
//! it comes by.
//!
//! INV-CACHE-1: a block is in its slot before it is in the store, and the store empties the slot before it forgets the
//! block; only who filled an empty slot puts the block into the store. So no slot holds a block that the store does
//! not weigh. A block is told from another of the same place by its address.
//!
//! The test crate `tests/model` compiles this file against a slot and a store of its own.
//!
//! Not here: which blocks stay ([`crate::cache::store`]).

use std::ops::Range;
use std::sync::Arc;

use esker_format::data_block::DataBlock;
use esker_mem::buffer::{Buffer, BufferMut};
use esker_mem::prefetch::{LINE_BYTES, prefetch};
use esker_mem::slice::Slice;

use crate::cache::key::{BlockKey, FileKey};
use crate::cache::slot::{Held, Slot, fills_slots_last, stores_what_others_filled};
use crate::cache::store::BlockStore;
use crate::cache::stored::Stored;

/// The blocks of one table, as far as they are cached.
pub(crate) struct BlockSlots {
    store: Arc<BlockStore>,
    file: FileKey,
    slots: Arc<[Slot]>,
}

impl BlockSlots {
    /// Empty slots for the blocks of the table `file`.
    pub(crate) fn new(store: &Arc<BlockStore>, file: FileKey, blocks: usize) -> Self {
        let slots = (0..blocks).map(|_| Slot::new(None)).collect();
        Self { store: Arc::clone(store), file, slots }
    }

    /// How many blocks the table has.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

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
        self.store.note_use(BlockKey { file: self.file, ordinal });
    }

    /// Caches a block that was read and checked.
    pub(crate) fn insert(&self, ordinal: usize, block: &HeldBlock) {
        let (Some(slot), Some(buffer)) = (self.slots.get(ordinal), &*block.0) else { return };
        let fill = || slot.compare_and_swap(&None::<Buffer>, Some(buffer.clone())).is_none();
        if !fills_slots_last() && !fill() && !stores_what_others_filled() {
            // Another reader was first; its block is the cached one (INV-CACHE-1).
            return;
        }
        let stored = Stored::new(buffer.clone(), &self.slots);
        self.store.insert(BlockKey { file: self.file, ordinal }, stored);
        if fills_slots_last() {
            fill();
        }
    }
}

impl Drop for BlockSlots {
    fn drop(&mut self) {
        // Nobody else can fill a slot any more.
        for (ordinal, slot) in self.slots.iter().enumerate() {
            if slot.swap(None).is_some() {
                self.store.remove(BlockKey { file: self.file, ordinal });
            }
        }
    }
}

/// A block that stays what and where it is while it is held. Holding one from the cache touches no count of references.
pub(crate) struct HeldBlock(Held);

impl HeldBlock {
    /// A block that is in no cache.
    pub(crate) fn new(buffer: Buffer) -> Self {
        Self(Held::from_inner(Some(buffer)))
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
        let buffer = Held::into_inner(self.0);
        DataBlock::of_checked(buffer.unwrap_or_else(|| BufferMut::new(0).freeze()))
    }

    /// The bytes in `range` of the block, kept alive by a reference of their own.
    #[inline]
    pub(crate) fn slice(&self, range: Range<usize>) -> Slice {
        self.0.as_ref().and_then(|buffer| Slice::of_buffer(buffer, range)).unwrap_or_default()
    }
}
