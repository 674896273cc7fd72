//! Where sequence numbers come from.
//!
//! The caller of a bare tree owns its sequence numbers, and with them durability. Two generators are shared with the
//! tree: one hands out numbers for writes, the other says how far writes are visible. The tree itself only
//! reads the second: nothing at or above it is ever collected.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_mem::seqno::{MAX_SEQNO, SeqNo};

/// A source of sequence numbers, shared between threads.
pub trait SequenceNumberGenerator: Send + Sync + 'static {
    /// Takes the next number: every call returns another one.
    fn next(&self) -> SeqNo;

    /// The number that [`Self::next`] would return.
    fn get(&self) -> SeqNo;

    /// Sets the next number.
    fn set(&self, seqno: SeqNo);

    /// Raises the next number to at least `seqno`.
    fn fetch_max(&self, seqno: SeqNo);
}

/// A [`SequenceNumberGenerator`] shared by several owners.
pub type SharedSequenceNumberGenerator = Arc<dyn SequenceNumberGenerator>;

/// A counter in memory; clones share it.
///
/// ```
/// use esker_tree::SequenceNumberCounter;
///
/// let counter = SequenceNumberCounter::default();
/// assert_eq!(counter.next(), 0);
/// assert_eq!(counter.get(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SequenceNumberCounter(Arc<AtomicU64>);

impl SequenceNumberCounter {
    /// A counter whose next number is `next`.
    #[must_use]
    pub fn new(next: SeqNo) -> Self {
        Self(Arc::new(AtomicU64::new(next)))
    }

    /// Takes the next number.
    ///
    /// # Panics
    ///
    /// After 2^63 numbers, which no program lives to see.
    #[inline]
    #[must_use]
    pub fn next(&self) -> SeqNo {
        let seqno = self.0.fetch_add(1, Ordering::AcqRel);
        assert!(seqno < MAX_SEQNO, "out of sequence numbers");
        seqno
    }

    /// The number that [`Self::next`] would return.
    #[inline]
    #[must_use]
    pub fn get(&self) -> SeqNo {
        self.0.load(Ordering::Acquire)
    }

    /// Sets the next number.
    pub fn set(&self, seqno: SeqNo) {
        self.0.store(seqno, Ordering::Release);
    }

    /// Raises the next number to at least `seqno`.
    pub fn fetch_max(&self, seqno: SeqNo) {
        self.0.fetch_max(seqno, Ordering::AcqRel);
    }
}

impl SequenceNumberGenerator for SequenceNumberCounter {
    fn next(&self) -> SeqNo {
        Self::next(self)
    }

    fn get(&self) -> SeqNo {
        Self::get(self)
    }

    fn set(&self, seqno: SeqNo) {
        Self::set(self, seqno);
    }

    fn fetch_max(&self, seqno: SeqNo) {
        Self::fetch_max(self, seqno);
    }
}
