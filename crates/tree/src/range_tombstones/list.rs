//! The range deletes of one memtable, growing while they are read.
//!
//! One writer at a time: whoever holds the memtable's write lock. Readers take no lock: they look whether there are any,
//! which is one load, and then take the [`Forest`] of that moment. What a read at a bound must see was added before that
//! bound was published.

use std::cmp::Ordering as CmpOrdering;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;

use crate::range_tombstones::forest::Forest;
use crate::range_tombstones::span::{RangeDelete, Span};

/// Memory of one beside what its keys take on the heap, in the sets that it is part of.
const OVERHEAD_BYTES: usize = 640;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RangeDeletes {
    /// About how much memory they take; 0 without any.
    bytes: AtomicUsize,
    forest: ArcSwapOption<Forest>,
}

impl RangeDeletes {
    /// What a range delete takes, roughly.
    pub(crate) fn bytes_of(start: &[u8], end: &[u8]) -> usize {
        start.len() + end.len() + OVERHEAD_BYTES
    }

    /// Adds one. The caller holds the memtable's write lock.
    pub(crate) fn add(&self, range: RangeDelete, order: &KeyOrder) -> usize {
        let added = Self::bytes_of(&range.start, &range.end);
        let with = match self.forest.load_full() {
            Some(forest) => forest.with(range, order),
            None => Forest::default().with(range, order),
        };
        self.forest.store(Some(Arc::new(with)));
        self.bytes.store(self.bytes() + added, Ordering::Release);
        added
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.load(Ordering::Acquire) == 0
    }

    /// About how much memory they take.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// All of this moment; none if there are none.
    pub(crate) fn forest(&self) -> Option<Arc<Forest>> {
        if self.is_empty() { None } else { self.forest.load_full() }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.forest().map_or(0, |forest| forest.len())
    }

    /// The newest one below `bound` over `key`.
    pub(crate) fn newest_covering(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Option<SeqNo> {
        let forest = self.forest()?;
        let Span { newest, .. } = forest.span(key, bound, order);
        newest
    }

    /// Whether one of them shares a key with the inclusive range: O(n).
    pub(crate) fn overlap(&self, smallest: &[u8], largest: &[u8], order: &KeyOrder) -> bool {
        let mut overlaps = false;
        if let Some(forest) = self.forest() {
            forest.each(|range| {
                overlaps |= order.compare(&range.start, largest) != CmpOrdering::Greater
                    && order.compare(smallest, &range.end) == CmpOrdering::Less;
            });
        }
        overlaps
    }

    /// The highest seqno.
    #[inline]
    pub(crate) fn highest_seqno(&self) -> Option<SeqNo> {
        if self.is_empty() { None } else { self.forest()?.highest_seqno() }
    }

    /// The lowest seqno.
    #[inline]
    pub(crate) fn lowest_seqno(&self) -> Option<SeqNo> {
        if self.is_empty() { None } else { self.forest()?.lowest_seqno() }
    }
}
