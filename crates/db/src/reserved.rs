//! Room in memtables that was promised and is not filled yet.
//!
//! A group reserves under the log lock while the group before may still be filling its own room, under the apply lock. So
//! what is outstanding is read without a lock against those who apply: first what they have released, then, by the caller,
//! what the memtable holds. A group that applies meanwhile counts twice, which at worst seals a memtable early; it never
//! counts not at all. All of this is explored under a model scheduler (`tests/model`).
//!
//! Not here: the room itself (`esker_tree`), the locks ([`crate::commit`]).

use crate::sync::{AtomicUsize, Ordering};

/// What commit groups have reserved in a keyspace's memtables and not applied yet: entries, and bytes of keys and values.
///
/// Two sums that each have one writer at a time, so that neither takes a locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Reserved {
    /// All that was ever reserved. Changed under the log lock only.
    taken: Sum,
    /// All that was ever applied. Changed under the apply lock only.
    released: Sum,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Sum {
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

impl Sum {
    #[inline]
    fn change(&self, entries: impl Fn(usize) -> usize, bytes: impl Fn(usize) -> usize) {
        self.entries.store(entries(self.entries.load(Ordering::Relaxed)), Ordering::Release);
        self.bytes.store(bytes(self.bytes.load(Ordering::Relaxed)), Ordering::Release);
    }
}

impl Reserved {
    /// Adds to what is reserved; gives what was outstanding before, for groups that are being applied. Only *then* may the
    /// memtable be asked for room (INV-COMMIT-22).
    ///
    /// What is released at this moment may count as outstanding and be applied: twice, never not at all (INV-COMMIT-1).
    #[inline]
    pub(crate) fn take(&self, entries: usize, bytes: usize) -> (usize, usize) {
        let taken_entries = self.taken.entries.load(Ordering::Relaxed);
        let taken_bytes = self.taken.bytes.load(Ordering::Relaxed);
        let others = (
            taken_entries.wrapping_sub(self.released.entries.load(Ordering::Acquire)),
            taken_bytes.wrapping_sub(self.released.bytes.load(Ordering::Acquire)),
        );
        self.taken.change(|sum| sum.wrapping_add(entries), |sum| sum.wrapping_add(bytes));
        others
    }

    /// Takes back what [`Self::take`] added, under the same lock.
    pub(crate) fn cancel(&self, entries: usize, bytes: usize) {
        self.taken.change(|sum| sum.wrapping_sub(entries), |sum| sum.wrapping_sub(bytes));
    }

    /// What was taken is applied.
    #[inline]
    pub(crate) fn release(&self, entries: usize, bytes: usize) {
        self.released.change(|sum| sum.wrapping_add(entries), |sum| sum.wrapping_add(bytes));
    }
}
