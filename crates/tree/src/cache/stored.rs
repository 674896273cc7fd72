//! A cached block as the store of all blocks has it: with the way back to its slot.
//!
//! The store empties the slot before it forgets the block (INV-CACHE-1); a block is told from another of the same place by its
//! address, so a slot that was filled again meanwhile stays.
//!
//! Not here: which blocks stay ([`crate::cache::store`]), and who fills slots ([`crate::cache::slots`]).

use std::sync::Arc;

use esker_mem::buffer::Buffer;

use crate::cache::slot::Slot;

/// A block as the store has it: with the way to its slot.
#[derive(Clone)]
pub(crate) struct Stored {
    buffer: Buffer,
    slots: Arc<[Slot]>,
}

impl Stored {
    /// A block that is in its slot among `slots`, the slots of its table.
    pub(crate) fn new(buffer: Buffer, slots: &Arc<[Slot]>) -> Self {
        Self { buffer, slots: Arc::clone(slots) }
    }

    /// The block.
    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Empties the slot of the block, which the store lets go: before it forgets the block (INV-CACHE-1).
    pub(crate) fn empty_slot(&self, ordinal: usize) {
        if let Some(slot) = self.slots.get(ordinal) {
            slot.compare_and_swap(&Some(self.buffer.clone()), None);
        }
    }
}
