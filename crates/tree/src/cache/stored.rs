//! A cached block, or an index or filter, as the store has it: with the way back to its slot.
//!
//! The store empties the slot before it forgets the block (INV-CACHE-1); a block is told from another of the same place by its
//! address, so a slot that was filled again meanwhile stays.
//!
//! Not here: which blocks stay ([`crate::cache::store`]), and who fills slots ([`crate::cache::slots`]).

use std::sync::Arc;

use esker_mem::buffer::Buffer;

use crate::cache::part::{Part, PartSlot};
use crate::cache::slot::Slot;

/// A block or a part as the store has it: with the way to its slot.
#[derive(Clone)]
pub(crate) enum Stored {
    Block { buffer: Buffer, slots: Arc<[Slot]> },
    Part { part: Arc<Part>, slot: Arc<PartSlot> },
}

impl Stored {
    /// A block that is in its slot among `slots`, the slots of its table.
    pub(crate) fn new(buffer: Buffer, slots: &Arc<[Slot]>) -> Self {
        Self::Block { buffer, slots: Arc::clone(slots) }
    }

    /// The block, if it is one.
    pub(crate) fn block(&self) -> Option<&Buffer> {
        match self {
            Self::Block { buffer, .. } => Some(buffer),
            Self::Part { .. } => None,
        }
    }

    /// Bytes of memory that it takes.
    #[inline]
    pub(crate) fn memory_bytes(&self) -> u64 {
        match self {
            Self::Block { buffer, .. } => buffer.memory_bytes() as u64,
            Self::Part { part, .. } => part.bytes,
        }
    }

    /// The hand of the store comes by: from now on the next use counts again.
    #[inline]
    pub(crate) fn forget_use(&self) {
        match self {
            Self::Block { buffer, .. } => buffer.forget_use(),
            Self::Part { part, .. } => part.forget_use(),
        }
    }

    /// Empties the slot of what the store lets go: before it forgets it (INV-CACHE-1).
    pub(crate) fn empty_slot(&self, ordinal: usize) {
        match self {
            Self::Block { buffer, slots } => {
                if let Some(slot) = slots.get(ordinal) {
                    slot.compare_and_swap(&Some(buffer.clone()), None);
                }
            }
            Self::Part { part, slot } => {
                slot.compare_and_swap(part, None);
            }
        }
    }
}
