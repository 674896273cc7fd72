//! What the model test replaces: atomics, the lock, waiting, the size of a node.
//!
//! The files of the arena, the memtable and the pool of buffers take these from here and from nowhere else. The test crate
//! `tests/model` compiles the same files against a `sync` of its own, in which every atomic access is a point where
//! the scheduler may switch threads, nodes have four slots, and a fault can be planted.
//!
//! Not here: anything with logic.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Mutex, MutexGuard};

/// A word that is written before it is published and never changed: shared without being a point of contention.
pub(crate) type Settled32 = AtomicU32;

/// Entries per node. Even, and at least four.
pub(crate) const SLOTS: usize = 64;

/// Waits for a writer that is in the middle of a node. It needs some ten nanoseconds, unless it lost its processor:
/// so give ours up rather than spin on.
#[inline]
pub(crate) fn wait(attempt: u32) {
    if attempt < 64 {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// A fault that only the model test plants: readers do not move right.
#[inline]
pub(crate) const fn stays_left() -> bool {
    false
}

/// A fault that only the model test plants: readers believe what they read while a node changes.
#[inline]
pub(crate) const fn believes_torn_reads() -> bool {
    false
}

/// A fault that only the model test plants: a writer inserts where it looked, whatever became of the leaf.
#[inline]
pub(crate) const fn trusts_old_leaves() -> bool {
    false
}

/// A fault that only the model test plants: the pool sees that a page is empty, and gives it back a moment later.
#[inline]
pub(crate) const fn frees_in_two_steps() -> bool {
    false
}

/// A fault that only the model test plants: the pool picks a page, and closes it a moment later.
#[inline]
pub(crate) const fn closes_in_two_steps() -> bool {
    false
}

/// A fault that only the model test plants: a split does not hand on how new its entries are.
#[inline]
pub(crate) const fn forgets_marks() -> bool {
    false
}
