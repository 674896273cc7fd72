//! What the model test replaces: the slot of one block, and faults to plant.
//!
//! [`super::slots`] takes these from here and from nowhere else, and the store from [`super::store`]. The test crate
//! `tests/model` compiles that file against a slot in which each access is a point where the scheduler may switch threads,
//! and against a store of its own.
//!
//! Not here: anything with logic.

use arc_swap::{ArcSwapAny, Guard};
use esker_mem::buffer::Buffer;

/// The block that is cached at one place of a table, or none. A reader who holds what it loaded touches no count of
/// references.
pub(crate) type Slot = ArcSwapAny<Option<Buffer>>;

/// What was loaded from a slot.
pub(crate) type Held = Guard<Option<Buffer>>;

/// A fault that only the model test plants: a block is in the store before it is in its slot.
#[inline]
pub(crate) const fn fills_slots_last() -> bool {
    false
}

/// A fault that only the model test plants: who was not the first to read a block puts it into the store as well.
#[inline]
pub(crate) const fn stores_what_others_filled() -> bool {
    false
}
