//! What the model test replaces: locks, atomics, and faults to plant.
//!
//! [`crate::wal::sync`], [`crate::reserved`], [`crate::commit::line`] and the tickets take these from here and from nowhere else. The test crate `tests/model`
//! compiles the same files against a `sync` of its own, in which every access is a point where the scheduler may switch threads.
//!
//! Not here: anything with logic.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

/// How often a writer looks for the log lock before it queues, and how long it leaves the lock's cache line to its holder in
/// between.
pub(crate) const LOOKS_BEFORE_QUEUE: usize = 60;
pub(crate) const SPINS_PER_LOOK: usize = 4;
/// How often a writer looks for the lock before it sleeps: about as long as one frame takes to write, and a tenth of
/// what sleeping and waking cost.
pub(crate) const LOOKS_BEFORE_SLEEP: usize = 100;

/// A fault that only the model test plants: a segment starts, and the written end moves to it a moment later.
#[inline]
pub(crate) const fn starts_in_two_steps() -> bool {
    false
}

/// A fault that only the model test plants: a sync counts for what was written while it ran.
#[inline]
pub(crate) const fn covers_what_came_later() -> bool {
    false
}

/// A fault that only the model test plants: whoever lets go of the log lock leaves the queue to itself.
#[inline]
pub(crate) const fn promotes_nobody() -> bool {
    false
}

/// A fault that only the model test plants: the log lock is let go before the apply lock is taken.
#[inline]
pub(crate) const fn lets_go_before_applying() -> bool {
    false
}
