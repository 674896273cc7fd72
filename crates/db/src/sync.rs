//! What the model test replaces: locks, atomics, and faults to plant.
//!
//! [`crate::wal::sync`] and [`crate::reserved`] take these from here and from nowhere else. The test crate `tests/model`
//! compiles the same files against a `sync` of its own, in which every access is a point where the scheduler may switch threads.
//!
//! Not here: anything with logic.

pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

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
